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
/// Most entries remembered under 64 consecutive sequence numbers of a feed: 64, unless it is forked.
pub const PLACES_PER_ROW_MAX: usize = 1024;
/// Longest window of entries, in bytes, once it is unpacked: the longest entry fits.
pub const WINDOW_BYTES_MAX: usize = 1 << 20;
/// Bytes of entries one window is filled with.
pub const WINDOW_BYTES: usize = 256 << 10;
/// Most feeds whose end both sides of a connection remember; entries of others are sent as they are.
pub const PACKED_FEEDS_MAX: usize = 1024;
/// Most roster heads of an entry that both sides remember for the next one.
pub const PACKED_HEADS_KEPT: usize = 4;
/// Windows from this size on are compressed.
pub const COMPRESS_FROM_BYTES: usize = 4 << 10;
/// Bytes of entries sent to one peer that it has not acknowledged: the log is the queue, the rest
/// waits there.
pub const UNACKNOWLEDGED_BYTES_MAX: usize = 2 << 20;
/// Longest frame that carries no entries, in bytes.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 << 10;
/// Rows of a list in one such frame: the longest row fits that often.
pub const ROWS_PER_FRAME: usize = 500;
/// Time between two digests sent to a peer, in milliseconds.
pub const DIGEST_EVERY_MS: u64 = 5000;
/// Time a peer may be ahead of a feed's source before it is asked as well, in milliseconds.
pub const SOURCE_PATIENCE_MS: u64 = 2000;
/// Time a peer that was asked may bring nothing before another one is asked, in milliseconds.
pub const WANT_STALLED_MS: u64 = 20_000;
/// Time after which a disk that had no room for others' entries is tried again, in milliseconds.
pub const ROOM_AFTER_MS: u64 = 10_000;
/// Bytes of a window that goes before those a peer has missed.
pub const LIVE_BYTES_MAX: usize = 64 << 10;
/// Most feeds of one device a want names.
pub const WANT_ROWS_MAX: usize = 200_000;
/// Longest name of a peer's software that is kept, in characters.
pub const SOFTWARE_CHARS_MAX: usize = 64;
/// Most addresses of one device that are believed.
pub const ADDRESSES_PER_PEER_MAX: usize = 8;
/// Most connections served at once.
pub const SESSIONS_MAX: usize = 128;
/// Most devices of a summary that are looked at.
pub const SUMMARY_DEVICES_MAX: usize = 4096;
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
/// Documents of which is known how often this process has changed them.
pub const DOCUMENTS_CHANGED_MAX: usize = 65_536;
/// Most changes of a paid cart whose places stand in one row of the map: it stays under
/// [`MAP_VALUE_BYTES_MAX`]. Changes beyond keep a row each.
pub const CLOSED_CART_CHANGES_MAX: usize = 6_000;
/// Epochs a customer's document may go through: each holds the edits of 50 lives of devices.
pub const CUSTOMER_EPOCHS_MAX: u16 = 64;
/// Most customers one search gives.
pub const CUSTOMERS_LISTED_MAX: usize = 200;
/// Most rows of the index one search of customers looks at.
pub const CUSTOMER_HITS_MAX: usize = 2_000;
/// Customers kept in memory; the least recently used go back to the disk.
pub const CUSTOMERS_IN_MEMORY_MAX: usize = 256;
/// Longest datagram of presence, in bytes.
pub const PRESENCE_BYTES_MAX: usize = 200;
/// Longest text of presence, in bytes: what a datagram has left.
pub const PRESENCE_TEXT_BYTES_MAX: usize = 120;
/// Time between two beats of the own presence, in milliseconds.
pub const PRESENCE_BEAT_MS: u64 = 1_000;
/// Time after which a device that has not been heard is nowhere, in milliseconds.
pub const PRESENCE_EXPIRES_MS: u64 = 10_000;
/// Most devices whose presence is kept: those of a full mesh, and their successors of a day.
pub const PRESENCE_DEVICES_MAX: usize = 128;

/// Most addresses kept of one device. What is proven or configured is not displaced by hearsay.
pub const ADDRESSES_PER_CONTACT_MAX: usize = 12;
/// Most addresses of one device that are only announced, and as many that are only told, so that
/// neither crowds out the other.
pub const SAID_ADDRESSES_MAX: usize = 4;
/// Most addresses of one device that are kept as having worked, in memory and in the saved file.
pub const PROVEN_ADDRESSES_MAX: usize = 4;
/// Most devices with addresses. A full mesh is for 64; the rest waits its turn.
pub const CONTACTS_MAX: usize = 256;
/// Most addresses taken from the configuration.
pub const CONFIGURED_ADDRESSES_MAX: usize = 64;
/// Most addresses read of one announcement.
pub const ANNOUNCED_ADDRESSES_MAX: usize = 8;
/// Most devices remembered that announce the store without being members.
pub const STRANGERS_MAX: usize = 16;
/// Most things a diagnosis says at once.
pub const DIAGNOSES_MAX: usize = 32;
/// Longest file of saved addresses, in bytes: it fits all contacts twice.
pub const SAVED_CONTACTS_BYTES_MAX: usize = 64 << 10;
/// Most dials under way at once.
pub const DIALS_MAX: usize = 16;
/// Most dials under way at once to one device.
pub const DIALS_PER_DEVICE_MAX: usize = 3;
/// Time between two dials to one device, in milliseconds.
pub const DIAL_STAGGER_MS: u64 = 500;
/// How long the device with the higher id lets the other of a pair dial first, in milliseconds; a
/// quarter of it at most is added, so that several do not begin together.
pub const DIAL_YIELD_MS: u64 = 1000;
/// Time after which a dial nobody reported on counts as unanswered, in milliseconds: longer than
/// the transport's own time-out.
pub const DIAL_TIMEOUT_MS: u64 = 15_000;
/// Pause after the first failure of an address, in milliseconds. It doubles with each.
pub const DIAL_BACKOFF_MIN_MS: u64 = 1000;
/// Longest pause between two dials of one address, in milliseconds.
pub const DIAL_BACKOFF_MAX_MS: u64 = 30_000;
/// Time a connection has to last for its address to be dialled again without a pause, in
/// milliseconds.
pub const STEADY_LINK_MS: u64 = 10_000;
/// Shortest time between two announcements that each make a failing address worth a try at once, in
/// milliseconds.
pub const FORGIVE_EVERY_MS: u64 = 5000;
/// Age from which an announcement no longer says that a till is there, in milliseconds: three
/// times what it is repeated after.
pub const ANNOUNCED_STALE_MS: u64 = 90_000;
/// Age from which an announced address that does not answer is forgotten, in milliseconds.
pub const ANNOUNCED_FORGET_MS: u64 = 600_000;
/// How long something has to hold before a diagnosis says it, in milliseconds.
pub const DIAGNOSE_AFTER_MS: u64 = 8000;

const _: () = assert!(CLOSED_CART_CHANGES_MAX * 7 + 256 * 34 <= MAP_VALUE_BYTES_MAX);
const _: () = assert!(ENTRY_BYTES_MAX <= FRAME_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX < ENTRY_BYTES_MAX);
const _: () = assert!(WINDOW_BYTES + ENTRY_BYTES_MAX < WINDOW_BYTES_MAX);
const _: () = assert!((FRAME_BYTES_MAX as u64) * 2 <= RESERVE_BYTES);
const _: () = assert!(RESERVE_BYTES * 2 <= SEGMENT_BYTES);
const _: () = assert!(DIAL_BACKOFF_MIN_MS < DIAL_BACKOFF_MAX_MS);
const _: () = assert!(PROVEN_ADDRESSES_MAX + 2 * SAID_ADDRESSES_MAX <= ADDRESSES_PER_CONTACT_MAX);
const _: () = assert!(SAVED_CONTACTS_BYTES_MAX <= SMALL_FILE_BYTES_MAX);
// A row of the file: a device, a count, and addresses of 16 bytes with their kind and port.
const _: () =
    assert!(CONTACTS_MAX * (32 + 1 + PROVEN_ADDRESSES_MAX * 20) < SAVED_CONTACTS_BYTES_MAX);
