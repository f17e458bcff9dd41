//! What a series of measurements comes to, in whole microseconds.

use std::time::Duration;

/// Nearest-rank percentiles, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: u64,
    /// 99 in 100 took no longer.
    pub p99: u64,
}

/// Times of one thing done again and again.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.0.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// `None` of none.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied()
        };
        Some(Percentiles { p50: at(50)?, p99: at(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl Iterator<Item = u64>) -> Option<Percentiles> {
        let mut samples = Samples::default();
        micros.for_each(|one| samples.add(Duration::from_micros(one)));
        samples.percentiles()
    }

    #[test]
    fn percentiles_are_samples_of_the_nearest_rank_whatever_the_order() {
        assert_eq!(of((1..=100).rev()), Some(Percentiles { p50: 50, p99: 99 }));
        assert_eq!(of(1..=101), Some(Percentiles { p50: 51, p99: 100 }));
        assert_eq!(of([7].into_iter()), Some(Percentiles { p50: 7, p99: 7 }));
        assert_eq!(of(std::iter::empty()), None);
    }
}
