//! Every bound of the hub, in one place, each with its reason.

/// Bytes of journal read at a time.
pub const READ_BYTES: usize = 1 << 20;
/// Entries handed over at a time: a window ends on a signature that vouches for all of it.
pub const WINDOW_ENTRIES: usize = 256;
/// Most stores of one hub process: each is a folder, a thread and a socket.
pub const STORES_MAX: usize = 256;
/// Time between two looks for stores that have joined meanwhile, in milliseconds.
pub const STORES_LOOKED_FOR_MS: u64 = 1_000;
/// Time between two projections of what has come, in milliseconds: so old is a figure at most.
pub const PROJECT_EVERY_MS: u64 = 200;
/// Time between two derivations of a store's exceptions, in milliseconds: they look at all of its
/// carts, and nobody acts on them within seconds.
pub const EXCEPTIONS_EVERY_MS: u64 = 5_000;

/// Rows of a page when nobody says how many.
pub const PAGE_ROWS: usize = 100;
/// Most rows of a page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Most days of one report: a year, and the weeks around it.
pub const REPORT_DAYS_MAX: i32 = 400;
/// Longest token, in bytes. One with every scope and a hundred stores is under 5 kB.
pub const TOKEN_BYTES_MAX: usize = 8_192;
/// Most stores one token names; for more there is `--all-stores`.
pub const TOKEN_STORES_MAX: usize = 100;
/// Longest life of a token, in days: a token cannot be called back before it ends, but by a new secret.
pub const TOKEN_DAYS_MAX: u32 = 366;
/// Longest name of whom a token is for, in characters.
pub const TOKEN_SUBJECT_CHARS_MAX: usize = 80;
/// Bytes of the secret tokens are signed with.
pub const TOKEN_SECRET_BYTES: usize = 32;
/// Longest body of a request, in bytes: only the form that brings a token has one.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
/// Requests answered at a time; more wait for their turn.
pub const REQUESTS_AT_A_TIME: usize = 64;
/// Remarks about one store that are kept: the newest.
pub const REMARKS_MAX: usize = 20;
/// Rows of the lists on the page of the day: what is worst comes first, the API has the rest.
pub const TODAY_ROWS: usize = 20;

/// Rows of one row group: what readers hand to one of their threads.
pub const SNAPSHOT_ROW_GROUP_ROWS: u64 = 122_880;
/// A month that is over becomes one file unless it has more rows than this; then it stays divided by
/// day, so that a late sale does not make a large file be fetched again.
pub const SNAPSHOT_MONTH_ROWS: u64 = 500_000;
/// Rows of products, stock or customers that one file is meant to have.
pub const SNAPSHOT_KEY_ROWS: u64 = 8_192;
/// Most files such a table of one store is divided into: two hexadecimal digits name them.
pub const SNAPSHOT_KEY_FILES: u64 = 256;
/// Longest manifest, in bytes: one of `SNAPSHOT_FILES_MAX` files fits.
pub const SNAPSHOT_MANIFEST_BYTES_MAX: u64 = 128 << 20;
/// Most files of one snapshot: 1,000 stores with ten years by month, and their newest month by day.
pub const SNAPSHOT_FILES_MAX: usize = 200_000;
/// Longest file, in bytes: it is checked in memory. A day with a million lines has 40 MB.
pub const SNAPSHOT_FILE_BYTES_MAX: u64 = 256 << 20;
/// Longest answer that says why a request was refused, in bytes.
pub const SNAPSHOT_PROBLEM_BYTES_MAX: u64 = 16 << 10;
/// Times in a row that a transfer may break off without a new byte before a pull gives up.
pub const SNAPSHOT_FRUITLESS_TRIES: u32 = 4;
/// Pause before a transfer that broke off is tried again, in milliseconds; each further one is twice as
/// long.
pub const SNAPSHOT_PAUSE_MS: u64 = 500;
/// Times a pull begins anew because the hub has a newer snapshot meanwhile and dropped a file.
pub const SNAPSHOT_FRESH_STARTS: u32 = 3;
/// Time to connect, in seconds.
pub const SNAPSHOT_CONNECT_S: u64 = 15;
/// Time until the hub begins to answer, in seconds: it may have to write a snapshot first.
pub const SNAPSHOT_ANSWER_S: u64 = 600;
/// Time without a byte after which a transfer has broken off, in seconds.
pub const SNAPSHOT_SILENCE_S: u64 = 30;
