//! Bounds of the till's program, each with its reason. Those of the domain, of what is written and of
//! the network are in the `limits` of their crates.

/// Intents of a window that wait for the counter. A scanner sends ten codes a second at most; so many
/// are waiting only where the disk stands still, and then no more should be taken.
pub const INTENTS_WAITING_MAX: usize = 256;
/// Notices that are shown; the oldest gives way.
pub const NOTICES_MAX: usize = 8;
/// Customers shown for a search.
pub const CUSTOMERS_SHOWN_MAX: usize = 50;
/// Carts shown as waiting.
pub const WAITING_SHOWN_MAX: usize = 200;
/// Products of a waiting cart that are named.
pub const CONTENTS_SHOWN_MAX: usize = 3;
/// Own sales of which it is watched whether another device holds them: a day without a network.
pub const SALES_WATCHED_MAX: usize = 10_000;
/// How long a receipt waits for a second device to hold its sale, in milliseconds, before it is printed
/// with the mark that it is stored on this till only.
pub const RECEIPT_WAITS_MS: u64 = 300;
/// Carts that are put aside because nobody knows whether the customer was charged. A reader that is
/// unsure so often is out of order.
pub const CARDS_ASIDE_MAX: usize = 20;
/// Rows of a file that could not be used and are shown.
pub const FAULTS_SHOWN_MAX: usize = 20;
