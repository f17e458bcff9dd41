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

const _: () = assert!((FRAME_BYTES_MAX as u64) * 2 <= RESERVE_BYTES);
const _: () = assert!(RESERVE_BYTES * 2 <= SEGMENT_BYTES);
