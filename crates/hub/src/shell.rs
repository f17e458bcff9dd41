//! The world outside: clocks, random numbers, the environment. Nothing else of the hub reads them.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pos_core::business_date::WallTime;
use replica::core::Moment;
use thiserror::Error;

/// The operating system gives no random numbers.
#[derive(Debug, Error)]
#[error("the system gives no random numbers ({0}): no key and no token can be made")]
pub struct NoRandomness(String);

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts counting now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Both clocks, as the core wants them.
    pub fn moment(&self) -> Moment {
        Moment { monotonic_ms: self.millis(), wall: wall() }
    }

    /// Milliseconds since the start; never goes back. Never zero, which is before the start.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// What the wall clock shows.
pub fn wall() -> WallTime {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    WallTime::from_millis(millis)
}

/// The hub's folder: as given, or `TILLMESH_HUB`, or `tillmesh-hub` in the platform's folder for data.
pub fn hub_folder(given: Option<PathBuf>) -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given
        .or_else(|| variable("TILLMESH_HUB"))
        .or_else(|| variable("XDG_DATA_HOME").map(|data| data.join("tillmesh-hub")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share/tillmesh-hub")))
}

/// Memory of this process in use, in KiB, where the system tells.
pub fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}
