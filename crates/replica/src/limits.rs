//! Every bound of this crate, in one place, each with its reason. Lengths are checked before
//! anything is allocated for them.

/// Longest frame payload, in bytes. An entry must fit in one frame.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Size of a journal segment file, in bytes: preallocated, so that appending inside it needs no
/// new blocks.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// Room every stream keeps for finishing what is open when the disk is full, in bytes.
pub const RESERVE_BYTES: u64 = 2 << 20;
/// Longest key of the map, in bytes.
pub const MAP_KEY_BYTES_MAX: usize = 256;
/// Longest value of the map, in bytes (sled 0.34 slows down beyond 64 kB).
pub const MAP_VALUE_BYTES_MAX: usize = 64 << 10;
/// Most changes of one map batch.
pub const MAP_BATCH_CHANGES_MAX: usize = 100_000;
/// Longest small file, in bytes.
pub const SMALL_FILE_BYTES_MAX: usize = 1 << 20;

/// Longest entry, in bytes: it fits a frame.
pub const ENTRY_BYTES_MAX: usize = 512 << 10;
/// Longest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longest body of an op, in bytes. A sale of 5,000 lines with names of usual length fits.
pub const BODY_BYTES_MAX: usize = 480 << 10;
/// Most ops of one entry.
pub const OPS_PER_ENTRY_MAX: usize = 64;
/// Longest subject of an op, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 64;
/// Most roster heads an entry names.
pub const ROSTER_HEADS_MAX: usize = 16;
/// Most dependencies an entry names.
pub const DEPS_MAX: usize = 256;
/// Most entries of one window of catch-up.
pub const WINDOW_ENTRIES_MAX: usize = 4096;
/// Most feeds one revocation cuts.
pub const CUTS_MAX: usize = 1024;
/// Longest name of a device, in characters: it fits a button.
pub const DEVICE_NAME_CHARS_MAX: usize = 32;
/// Transactions of one feed beyond its cut that the report of what is kept aside lists by id; all
/// are counted.
pub const KEPT_ASIDE_LISTED_MAX: usize = 1000;
/// Time a pairing window stays open, in milliseconds.
pub const PAIRING_OPEN_MS: u64 = 300_000;
/// Time from a device's first right message until it is let in or not, in milliseconds: two people
/// compare four words.
pub const PAIRING_CONFIRM_MS: u64 = 120_000;
/// Time a connection may stay silent before its first message, in milliseconds.
pub const PAIRING_HELLO_MS: u64 = 10_000;
/// Wrong codes that close a pairing window.
pub const PAIRING_TRIES_MAX: u32 = 5;
/// Most connections that have not said anything yet.
pub const PAIRING_WAITING_MAX: usize = 8;
/// Longest frame of the pairing protocol, in bytes.
pub const PAIRING_FRAME_BYTES_MAX: usize = 1024;
/// Most addresses a pairing passes on; a QR code of them is still easily read.
pub const PAIRING_ADDRESSES_MAX: usize = 8;
/// Own Ledger bytes after which the till writes down what it needs to go on selling.
pub const RESUME_EVERY_BYTES: u64 = 1 << 20;
/// Longest time a Floor entry waits for its flush, in milliseconds.
pub const FLOOR_FLUSH_MS: u64 = 20;
/// Shortest time between two changes of a published stock counter, in milliseconds.
pub const STOCK_PUBLISH_MS: u64 = 1000;
/// Longest time the map stays behind the journal while entries come in, in milliseconds.
pub const MAP_COMMIT_MS: u64 = 1000;
/// Waiting changes of the map that are not put off further.
pub const MAP_COMMIT_ROWS: usize = 20_000;
/// Bytes of journal one step of a rebuild reads, so that a sale never waits long behind it.
pub const REBUILD_STEP_BYTES: usize = 256 << 10;
/// Frames of a journal that is folded whole at start when the map is lost, not step by step.
pub const REBUILD_AT_START_FRAMES: u64 = 512;
/// Most commands whose flush is awaited at once.
pub const AWAITING_FLUSH_MAX: usize = 1024;
/// Open carts kept in memory; the least recently used go back to the disk.
pub const OPEN_CARTS_MAX: usize = 256;

const _: () = assert!(ENTRY_BYTES_MAX <= FRAME_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX < ENTRY_BYTES_MAX);
const _: () = assert!((FRAME_BYTES_MAX as u64) * 2 <= RESERVE_BYTES);
const _: () = assert!(RESERVE_BYTES * 2 <= SEGMENT_BYTES);
