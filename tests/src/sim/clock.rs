//! A till's clocks: one that only goes forward, from each start anew, and a wall clock that nobody
//! may rely on.

use pos_core::business_date::WallTime;
use replica::core::Moment;

use crate::prng::Prng;

/// What true wall clocks show when a run begins: ten in the morning of the day before the clocks of
/// the store's country go forward.
const BEGIN_MS: i64 = 1_774_692_000_000;
const DAY_MS: i64 = 86_400_000;

/// A till's wall clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    offset_ms: i64,
    frozen_at: Option<i64>,
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl Clock {
    /// A clock that is some minutes wrong.
    pub(super) fn skewed(draw: &mut Prng) -> Self {
        let offset_ms = signed(draw.below(600_000)) - 300_000;
        Self { offset_ms, frozen_at: None }
    }

    /// Something happens to the clock; says what.
    pub(super) fn disturb(&mut self, draw: &mut Prng, now: u64) -> &'static str {
        match draw.below(6) {
            0 => {
                self.frozen_at = Some(self.wall(now).as_millis());
                "stands still"
            }
            1 => {
                self.frozen_at = None;
                "runs again"
            }
            2 => {
                self.offset_ms += DAY_MS;
                "jumps a day ahead"
            }
            3 => {
                self.offset_ms -= signed(draw.below(86_400_000));
                "goes back"
            }
            4 => {
                self.offset_ms += 3650 * DAY_MS;
                "jumps ten years ahead"
            }
            _ => {
                self.offset_ms = 0;
                "is set right"
            }
        }
    }

    /// What it shows.
    pub(super) fn wall(&self, now: u64) -> WallTime {
        let shown = self.frozen_at.unwrap_or_else(|| BEGIN_MS + signed(now) + self.offset_ms);
        WallTime::from_millis(shown)
    }

    /// Both clocks of a till that was started at `boot`.
    pub(super) fn moment(&self, now: u64, boot: u64) -> Moment {
        // Some time has passed between the machine's start and the program's.
        let monotonic_ms = now.saturating_sub(boot).saturating_add(1000);
        Moment { monotonic_ms, wall: self.wall(now) }
    }
}
