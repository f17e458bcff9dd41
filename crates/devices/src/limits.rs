//! Every bound of this crate, in one place, each with its reason.

use std::time::Duration;

/// Most elements (lines, codes) of one paper. A cart of 5,000 lines with long names needs this much.
pub const ELEMENTS_MAX: usize = 40_000;
/// Most bytes of picture in one command. Printers with little memory take 4 KiB.
pub const STRIP_BYTES_MAX: usize = 4_096;
/// Zero bytes sent where the printer may still wait for the rest of a picture: more than the longest
/// command we ever send, header included. A printer that waits for nothing ignores zeros.
pub const RESYNC_BYTES: usize = STRIP_BYTES_MAX + 512;
/// Longest text of a QR code or barcode, in bytes.
pub const CODE_BYTES_MAX: usize = 300;
/// Bytes of an answer that are kept while its end is missing.
pub const REPLY_BYTES_MAX: usize = 64;

/// Most papers that wait for one printer. Nobody clears a printer for so many customers.
pub const QUEUE_MAX: usize = 500;
/// Most drawer kicks that wait. One cashier, one drawer.
pub const KICKS_MAX: usize = 8;
/// Papers that were printed and are remembered, so that none is printed twice as an original.
pub const PRINTED_KEPT_MAX: usize = 500;
/// Longest key or title of a job, in characters.
pub const JOB_TEXT_CHARS_MAX: usize = 100;
/// Longest file of one job, in bytes: a receipt of 5,000 lines as JSON.
pub const JOB_BYTES_MAX: u64 = 8 << 20;

/// How long a printer may take to accept a connection: an Ethernet interface that wakes from sleep.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a printer may take to say how it is. Printers that need 8 s are sold.
pub const STATUS_MAX: Duration = Duration::from_secs(20);
/// How long a printer may take no byte, or stay silent after the last one, while nothing is known to
/// be wrong: 5,000 lines at 20 lines a second, on a printer that buffers all of them.
pub const SILENCE_MAX: Duration = Duration::from_mins(5);
/// How long a person has to change the paper or shut the cover in the middle of a receipt.
pub const REPAIR_MAX: Duration = Duration::from_mins(15);
/// How often a printer that is waited for is asked how it is.
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// The first pause before a printer that could not be reached is tried again; it doubles.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest such pause.
pub const RETRY_MAX: Duration = Duration::from_secs(15);
/// How old a drawer kick may be. A drawer that opens later opens while nobody watches it.
pub const KICK_FRESH: Duration = Duration::from_secs(10);
/// How long the end of the program waits for the paper that is being printed.
pub const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Longest message between the till and a card reader, in bytes.
pub const READER_MESSAGE_BYTES_MAX: usize = 4_096;
/// How long a card reader may take to accept a connection and to answer a question.
pub const READER_ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long a customer has for card and code. Afterwards the reader is asked what became of it.
pub const CUSTOMER_MAX: Duration = Duration::from_mins(2);
/// Most payments the simulated reader remembers.
pub const SIMULATED_CHARGES_MAX: usize = 10_000;
/// Most bytes the virtual printer holds before it takes no more, as a real one does.
pub const PRINTER_BUFFER_BYTES: usize = 4_096;
/// Longest command the virtual printer waits for the end of, in bytes: a page in a picture.
pub const COMMAND_BYTES_MAX: usize = 4 << 20;
/// Highest paper the virtual printer draws, in dots: 20 m.
pub const PAPER_DOTS_MAX: usize = 160_000;
