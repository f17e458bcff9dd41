//! Which receipt numbers were given: runs of numbers, and those given more than once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::{ReceiptGap, ReceiptSeries};
use crate::transaction::ReceiptCounter;

/// A multiset of receipt numbers. Taking in the same numbers in another order gives the same set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct CounterSet {
    /// Runs `first..=last`, rising, with a gap between any two.
    runs: Vec<(ReceiptCounter, ReceiptCounter)>,
    /// How often more than once.
    repeated: BTreeMap<ReceiptCounter, u64>,
}

impl CounterSet {
    pub(crate) fn one(counter: ReceiptCounter) -> Self {
        Self { runs: vec![(counter, counter)], repeated: BTreeMap::new() }
    }

    /// Takes in all of `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (&counter, &times) in &other.repeated {
            self.repeat(counter, times);
        }
        for &(first, last) in &other.runs {
            self.absorb_run(first, last);
        }
    }

    fn repeat(&mut self, counter: ReceiptCounter, times: u64) {
        let repeated = self.repeated.entry(counter).or_default();
        *repeated = repeated.saturating_add(times);
    }

    fn absorb_run(&mut self, first: ReceiptCounter, last: ReceiptCounter) {
        // The runs that overlap or touch the new one become one run with it.
        let start = self.runs.partition_point(|&(_, end)| end.saturating_add(1) < first);
        let end = self.runs.partition_point(|&(begin, _)| begin <= last.saturating_add(1));
        let touched: Vec<_> = self.runs.get(start..end).unwrap_or_default().to_vec();
        let mut joined = (first, last);
        for &(begin, until) in &touched {
            for counter in begin.max(first)..=until.min(last) {
                self.repeat(counter, 1);
            }
            joined = (joined.0.min(begin), joined.1.max(until));
        }
        self.runs.splice(start..end.max(start), [joined]);
    }

    pub(crate) fn last(&self) -> Option<ReceiptCounter> {
        self.runs.last().map(|&(_, last)| last)
    }

    /// The set as a report shows it; numbers between `from_number` and the first count as missing.
    pub(crate) fn series(&self, from_number: Option<ReceiptCounter>) -> ReceiptSeries {
        let mut series = ReceiptSeries {
            first: self.runs.first().map(|&(first, _)| first),
            last: self.last(),
            count: self.repeated.values().fold(0, |sum: u64, &times| sum.saturating_add(times)),
            gaps: Vec::new(),
            duplicates: self.repeated.keys().copied().collect(),
        };
        let mut expected = from_number.or(series.first).unwrap_or(0);
        for &(first, last) in &self.runs {
            if expected < first {
                series.gaps.push(ReceiptGap { from: expected, to: first.saturating_sub(1) });
            }
            series.count =
                series.count.saturating_add(last.saturating_sub(first)).saturating_add(1);
            expected = last.saturating_add(1);
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(counters: &[u64]) -> CounterSet {
        let mut set = CounterSet::default();
        for &counter in counters {
            set.absorb(&CounterSet::one(counter));
        }
        set
    }

    #[test]
    fn a_gap_before_the_first_number_counts_only_when_asked() {
        let series = set(&[4, 3, 7]).series(Some(1));
        assert_eq!(series.gaps, [ReceiptGap { from: 1, to: 2 }, ReceiptGap { from: 5, to: 6 }]);
        assert_eq!(set(&[4, 3]).series(None).gaps, []);
        assert!(set(&[]).series(Some(1)).is_gapless());
    }

    #[test]
    fn the_largest_number_does_not_overflow() {
        let series = set(&[u64::MAX, u64::MAX, u64::MAX - 1]).series(None);
        assert_eq!((series.count, series.duplicates), (3, vec![u64::MAX]));
    }

    proptest! {
        #[test]
        fn a_set_knows_exactly_the_numbers_it_was_given(
            counters in prop::collection::vec(1..40_u64, 0..40),
            split in 0..40_usize,
        ) {
            let (left, right) = counters.split_at(split.min(counters.len()));
            let mut joined = set(right);
            joined.absorb(&set(left));
            prop_assert_eq!(&joined, &set(&counters));

            let series = joined.series(Some(1));
            prop_assert_eq!(series.count, counters.len() as u64);
            let highest = counters.iter().copied().max().unwrap_or(0);
            let missing: Vec<u64> = (1..=highest).filter(|n| !counters.contains(n)).collect();
            let told: Vec<u64> = series.gaps.iter().flat_map(|gap| gap.from..=gap.to).collect();
            prop_assert_eq!(told, missing);
            let mut twice: Vec<u64> = (1..=highest)
                .filter(|n| counters.iter().filter(|&c| c == n).count() > 1)
                .collect();
            twice.sort_unstable();
            prop_assert_eq!(series.duplicates, twice);
        }
    }
}
