//! How fast a replay went, in whole numbers.

/// Receipts whose rate is given by itself, at the start and at the end.
const WINDOW: usize = 1000;

/// Times of the receipts of one run.
#[derive(Debug, Clone, Default)]
pub struct Measurements {
    started: u64,
    pay: Vec<u64>,
    done: Vec<u64>,
}

/// Nearest-rank percentiles, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: u64,
    /// 99 in 100 took no longer.
    pub p99: u64,
    /// 999 in 1000 took no longer.
    pub p999: u64,
}

impl Measurements {
    /// Nothing measured yet; the run starts at `micros`.
    pub const fn starting(micros: u64) -> Self {
        Self { started: micros, pay: Vec::new(), done: Vec::new() }
    }

    /// A receipt was asked to be paid at `pay` and durable at `done`.
    pub fn add(&mut self, pay: u64, done: u64) {
        self.pay.push(done.saturating_sub(pay));
        self.done.push(done);
    }

    /// Receipts measured.
    pub const fn receipts(&self) -> usize {
        self.done.len()
    }

    /// Receipts a second, over all.
    pub fn per_second(&self) -> Option<u64> {
        rate(self.done.len(), self.started, *self.done.last()?)
    }

    /// Receipts a second over the first thousand; `None` with fewer.
    pub fn first_per_second(&self) -> Option<u64> {
        rate(WINDOW, self.started, *self.done.get(WINDOW - 1)?)
    }

    /// Receipts a second over the last thousand; `None` with fewer.
    pub fn last_per_second(&self) -> Option<u64> {
        let before = self.done.len().checked_sub(WINDOW)?;
        let from = match before.checked_sub(1) {
            Some(index) => *self.done.get(index)?,
            None => self.started,
        };
        rate(WINDOW, from, *self.done.last()?)
    }

    /// From "pay" to durable.
    pub fn pay_to_durable(&self) -> Option<Percentiles> {
        let mut sorted = self.pay.clone();
        sorted.sort_unstable();
        let at = |per_mille: usize| {
            let rank = (sorted.len().saturating_mul(per_mille)).div_ceil(1000).max(1);
            sorted.get(rank - 1).copied()
        };
        Some(Percentiles { p50: at(500)?, p99: at(990)?, p999: at(999)? })
    }
}

fn rate(count: usize, from: u64, to: u64) -> Option<u64> {
    let count = u64::try_from(count).ok()?;
    count.checked_mul(1_000_000)?.checked_div(to.saturating_sub(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut measured = Measurements::starting(0);
        for micros in 1..=1000 {
            measured.add(0, micros);
        }
        let expected = Percentiles { p50: 500, p99: 990, p999: 999 };
        assert_eq!(measured.pay_to_durable(), Some(expected));
        assert_eq!(Measurements::default().pay_to_durable(), None);
    }

    #[test]
    fn the_last_thousand_are_measured_from_the_end_of_those_before() {
        let mut measured = Measurements::starting(1_000_000);
        // 1,000 at 1 ms each, then 1,000 at 2 ms each.
        let mut now = 1_000_000;
        for micros in [1000, 2000].into_iter().flat_map(|each| [each; 1000]) {
            now += micros;
            measured.add(now - 10, now);
        }
        assert_eq!(measured.first_per_second(), Some(1000));
        assert_eq!(measured.last_per_second(), Some(500));
        assert_eq!(measured.per_second(), Some(666));
    }

    #[test]
    fn a_short_run_has_no_rate_of_a_thousand() {
        let mut measured = Measurements::starting(0);
        measured.add(0, 100);
        assert_eq!((measured.first_per_second(), measured.last_per_second()), (None, None));
        assert_eq!(measured.per_second(), Some(10_000));
    }
}
