//! The world outside: clocks and random numbers. Nothing else of the hub reads them.

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

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}
