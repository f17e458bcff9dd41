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
