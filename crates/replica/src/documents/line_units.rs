//! How many units a cart's line holds, from cells that each have one writer.
//!
//! Think of the units an author adds as numbered 1, 2, 3 …; its cell says how far it has counted.
//! A void by somebody who saw the count at `b` takes units 1 to `b`, and no others. A removal takes
//! a number of units, not particular ones. Removals are counted per *level*: the void position the
//! remover knew of. Level `b` says "at least `b` plus what was removed above `b` is gone"; the
//! highest such claim holds. So
//!
//! - two voids of the same units take them once;
//! - removals that know of the same voids add up;
//! - a removal and a void that did not know of each other overlap instead of adding up;
//! - what an author adds after the position a void saw stays.
//!
//! A payment is to units what a void is: it takes all that its author saw, and no others. What is
//! left then is what nobody has paid and nobody has taken off the bill.

use std::collections::BTreeMap;

use super::schema::{LINE_ADDED, LINE_REMOVED, LINE_VOIDED};
use crate::simulation::{Canary, is};

/// Stands where a voider does, for the payments: no writer has this name.
const PAYMENT: &str = "";

/// The cells of one line. Writers and adders are short actor ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineUnits {
    /// How far each adder has counted.
    added: BTreeMap<String, i64>,
    /// By remover, adder and level: how many above the level.
    removed: BTreeMap<(String, String, i64), i64>,
    /// By voider and adder: the position it saw.
    voided: BTreeMap<(String, String), i64>,
}

impl LineUnits {
    /// Takes in one cell; `false` when the key is not a cell's.
    pub(super) fn read(&mut self, key: &str, value: i64) -> bool {
        let parts: Vec<&str> = key.split('/').collect();
        match parts.as_slice() {
            [LINE_ADDED, adder] => raise(&mut self.added, (*adder).to_owned(), value),
            [LINE_VOIDED, voider, adder] => {
                raise(&mut self.voided, ((*voider).to_owned(), (*adder).to_owned()), value);
            }
            [LINE_REMOVED, remover, adder, level] => {
                let Ok(level) = level.parse() else { return false };
                raise(
                    &mut self.removed,
                    ((*remover).to_owned(), (*adder).to_owned(), level),
                    value,
                );
            }
            _ => return false,
        }
        true
    }

    /// Takes the units of `seen`, the line as it stood in what was paid, off this one.
    pub(super) fn pay(&mut self, seen: &Self) {
        for (adder, position) in &seen.added {
            raise(&mut self.voided, (PAYMENT.to_owned(), adder.clone()), *position);
        }
    }

    /// Units on the line.
    pub(super) fn quantity(&self) -> i64 {
        self.added.keys().map(|adder| self.left(adder)).fold(0, i64::saturating_add)
    }

    /// Units of one adder that are still there.
    fn left(&self, adder: &str) -> i64 {
        let added = self.added.get(adder).copied().unwrap_or(0);
        added.saturating_sub(self.taken(adder).0).max(0)
    }

    /// How far an adder's units are gone, and the highest level that says so.
    fn taken(&self, adder: &str) -> (i64, i64) {
        let mut levels = BTreeMap::from([(0, 0_i64)]);
        for ((_voider, of), position) in &self.voided {
            if of == adder {
                levels.entry(*position).or_default();
            }
        }
        for ((_remover, of, level), count) in &self.removed {
            if of == adder {
                let sum = levels.entry(*level).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        let claims = levels.iter().map(|(level, sum)| (level.saturating_add(*sum), *level));
        claims.max().unwrap_or_default()
    }

    /// The cells to write so that the line holds `units` more, counted by `me`.
    pub(super) fn add(&self, me: &str, units: i64) -> Vec<(String, i64)> {
        let counted = self.added.get(me).copied().unwrap_or(0);
        // Removals that overlapped may have taken more than was there: start above that debt.
        let base = counted.max(self.taken(me).0);
        vec![(format!("{LINE_ADDED}/{me}"), base.saturating_add(units))]
    }

    /// The cells to write so that the line holds `units` less: first the own units, then those of
    /// others in the order of their ids. At most what the line holds.
    pub(super) fn remove(&self, me: &str, units: i64) -> Vec<(String, i64)> {
        let others = self.added.keys().map(String::as_str).filter(|adder| *adder != me);
        let mut open = units;
        let mut cells = Vec::new();
        for adder in [me].into_iter().chain(others) {
            let part = self.left(adder).min(open);
            if part > 0 {
                open = open.saturating_sub(part);
                let (_taken, level) = self.taken(adder);
                let cell = (me.to_owned(), adder.to_owned(), level);
                let before = self.removed.get(&cell).copied().unwrap_or(0);
                let key = format!("{LINE_REMOVED}/{me}/{adder}/{level}");
                cells.push((key, before.saturating_add(part)));
            }
        }
        cells
    }

    /// The cells to write so that all units seen here are gone.
    pub(super) fn void(&self, me: &str) -> Vec<(String, i64)> {
        let live = self.added.iter().filter(|(adder, _counted)| self.left(adder) > 0);
        let beyond = if is(Canary::VoidTakesUnseen) { 1_000_000 } else { 0 };
        let position = |counted: &i64| counted.saturating_add(beyond);
        live.map(|(adder, counted)| (format!("{LINE_VOIDED}/{me}/{adder}"), position(counted)))
            .collect()
    }
}

/// Cells only ever count up; of two values (a hostile writer's) the larger is taken.
fn raise<K: Ord>(cells: &mut BTreeMap<K, i64>, key: K, value: i64) {
    let cell = cells.entry(key).or_default();
    *cell = value.max(*cell);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(units: &mut LineUnits, cells: Vec<(String, i64)>) {
        for (key, value) in cells {
            assert!(units.read(&key, value), "{key}");
        }
    }

    fn line(adds: &[(&str, i64)]) -> LineUnits {
        let mut units = LineUnits::default();
        for (adder, count) in adds {
            let cells = units.add(adder, *count);
            write(&mut units, cells);
        }
        units
    }

    #[test]
    fn two_voids_of_the_same_units_take_them_once_and_leave_what_neither_saw() {
        let mut merged = line(&[("aa", 5)]);
        let (first, second) = (merged.void("bb"), merged.void("cc"));
        let late = merged.add("aa", 3);
        for cells in [first, second, late] {
            write(&mut merged, cells);
        }
        assert_eq!(merged.quantity(), 3);
    }

    #[test]
    fn concurrent_removals_add_up_and_stop_at_zero() {
        let seen = line(&[("aa", 5)]);
        let mut merged = seen.clone();
        write(&mut merged, seen.remove("bb", 2));
        write(&mut merged, seen.remove("cc", 2));
        assert_eq!(merged.quantity(), 1);
        write(&mut merged, seen.remove("dd", 4));
        assert_eq!(merged.quantity(), 0);
    }

    #[test]
    fn a_removal_after_a_void_takes_from_what_the_void_left() {
        let mut units = line(&[("aa", 5)]);
        let void = units.void("bb");
        let late = units.add("aa", 3);
        write(&mut units, void);
        write(&mut units, late);
        let removal = units.remove("cc", 1);
        write(&mut units, removal);
        assert_eq!(units.quantity(), 2);
    }

    #[test]
    fn an_addition_counts_in_full_even_after_overlapping_removals_took_too_much() {
        let seen = line(&[("aa", 5)]);
        let mut units = seen.clone();
        write(&mut units, seen.remove("bb", 4));
        write(&mut units, seen.remove("cc", 4));
        let more = units.add("aa", 3);
        write(&mut units, more);
        assert_eq!(units.quantity(), 3);
    }

    #[test]
    fn a_payment_takes_what_it_saw_and_leaves_what_was_added_meanwhile() {
        let seen = line(&[("aa", 2), ("bb", 1)]);
        let mut merged = seen.clone();
        // Meanwhile one tablet adds, one voids what it saw, one takes a unit off.
        for cells in [seen.add("aa", 3), seen.void("cc"), seen.remove("dd", 1)] {
            write(&mut merged, cells);
        }
        merged.pay(&seen);
        assert_eq!(merged.quantity(), 3, "the void and the removal took what was paid anyway");
        // Who knows of the payment takes from what is left.
        let removal = merged.remove("dd", 1);
        write(&mut merged, removal);
        assert_eq!(merged.quantity(), 2);
        let (first, second) = (merged.void("bb"), merged.void("cc"));
        for cells in [first, second, merged.add("aa", 4)] {
            write(&mut merged, cells);
        }
        assert_eq!(merged.quantity(), 4, "giving it up twice leaves what neither saw");
        merged.pay(&merged.clone());
        assert_eq!(merged.quantity(), 0);
    }

    #[test]
    fn a_removal_takes_own_units_first_and_then_those_of_others_in_order() {
        let units = line(&[("aa", 2), ("bb", 2), ("cc", 2)]);
        let cells = units.remove("bb", 5);
        let expected = [("removed/bb/bb/0", 2), ("removed/bb/aa/0", 2), ("removed/bb/cc/0", 1)];
        assert_eq!(cells, expected.map(|(key, value)| (key.to_owned(), value)));
    }
}
