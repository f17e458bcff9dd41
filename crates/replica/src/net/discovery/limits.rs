//! Bounds of the discovery.

use core::time::Duration;

/// Most announcements of the own store that are kept to be repeated.
pub const KEPT_MAX: usize = 256;
/// After this time what is still heard is reported again.
pub const REPEAT: Duration = Duration::from_secs(30);
/// How often the addresses of this machine are looked at.
pub const LOOK: Duration = Duration::from_secs(3);
/// How often the mDNS library is asked how much it remembers.
pub const COUNT: Duration = Duration::from_secs(5);
/// Records the mDNS library may remember. It has no bound of its own: beyond this one it is
/// started afresh.
pub const RECORDS_MAX: i64 = 8192;
/// Longest wait for something to happen before the clock is looked at.
pub const TICK: Duration = Duration::from_millis(500);
/// Longest wait for the library to say goodbye to the network.
pub const GOODBYE: Duration = Duration::from_secs(2);
/// Time after which a till that does not even hear itself says so, and tries with new sockets.
pub const ECHO: Duration = Duration::from_secs(10);
