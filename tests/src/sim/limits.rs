//! Every bound of the simulator, with its reason.

/// Events of the trace a failure shows.
pub(super) const TRACE_EVENTS_KEPT: usize = 200;
/// Time a connection survives a direction that lets nothing through, in milliseconds: the transport's
/// own time-out (`replica::net::limits::IDLE_MS`).
pub(super) const IDLE_MS: u64 = 15_000;
/// Longest pause between two dials of one pair, in milliseconds.
pub(super) const DIAL_PAUSE_MAX_MS: u64 = 30_000;
/// Virtual time a healed store has for agreeing, in milliseconds. A restarted till dials at once; then
/// at most four rounds of digests (5 s and a quarter of it each), one want that has stalled (20 s) and
/// one window at the slowest link.
pub(super) const CONVERGE_WITHIN_MS: u64 = 75_000;
/// Pause between two looks at whether a healed store agrees, in milliseconds.
pub(super) const CONVERGE_LOOK_MS: u64 = 1_000;
/// Events after which a seed is stuck: a hundred times what the longest seeds take.
pub(super) const EVENTS_MAX: u64 = 50_000_000;
/// Unflushed Floor entries are at most this old, in milliseconds: the till's own limit and a tick.
pub(super) const FLOOR_UNFLUSHED_MS: u64 = 60;
/// Starts of one till that may fail in a row before it counts as stuck.
pub(super) const STARTS_IN_A_ROW: u32 = 20;
/// Bytes one till may hold in queued frames, all its connections together.
pub(super) const QUEUED_BYTES_MAX: usize = 64 << 20;
/// Of so many sales one is followed by a power cut before anything else happens.
pub(super) const POWER_CUT_BEHIND_SALES: u64 = 25;
/// Time a connection has to last for its pair to be dialled again without a pause, in milliseconds.
pub(super) const STEADY_LINK_MS: u64 = 10_000;
