//! A file rung up by several stores: each has the customers of its countries.

use std::collections::{BTreeMap, BTreeSet};

use super::share::Share;

/// Deals countries out to as many stores as there are shares, so that no store has much more to ring
/// up than it must: the largest first, each to the store that has the least. The same counts
/// are always dealt the same way. Returns those of one store.
///
/// Greedy scheduling by the longest first (Graham, *Bounds on multiprocessing timing anomalies*, 1969).
pub(super) fn of_store(documents: &BTreeMap<&str, u64>, store: Share) -> BTreeSet<String> {
    let mut largest_first: Vec<(&str, u64)> =
        documents.iter().map(|(country, count)| (*country, *count)).collect();
    largest_first.sort_by_key(|&(country, count)| (std::cmp::Reverse(count), country));
    let mut loads = vec![0_u64; store.shares()];
    let mut taken = BTreeSet::new();
    for (country, count) in largest_first {
        let least = (0..loads.len()).min_by_key(|&index| loads.get(index).copied());
        let Some(index) = least else { break };
        if let Some(load) = loads.get_mut(index) {
            *load = load.saturating_add(count);
        }
        if index == store.index() {
            taken.insert(country.to_owned());
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt(documents: &BTreeMap<&str, u64>, stores: usize) -> Vec<BTreeSet<String>> {
        let store = |n: usize| format!("{n}/{stores}").parse::<Share>().unwrap();
        (1..=stores).map(|n| of_store(documents, store(n))).collect()
    }

    #[test]
    fn every_country_falls_to_one_store_and_the_largest_has_one_of_its_own() {
        let documents =
            BTreeMap::from([("UK", 1_900), ("DE", 40), ("FR", 35), ("IE", 20), ("ES", 5)]);
        let stores = dealt(&documents, 3);
        assert_eq!(stores[0], BTreeSet::from(["UK".to_owned()]));
        assert_eq!(stores[1], ["DE", "ES"].map(str::to_owned).into());
        assert_eq!(stores[2], ["FR", "IE"].map(str::to_owned).into());
        let all: usize = stores.iter().map(BTreeSet::len).sum();
        assert_eq!(all, documents.len());
    }

    #[test]
    fn one_store_has_all_and_a_store_too_many_has_nothing() {
        let documents = BTreeMap::from([("UK", 2), ("DE", 1)]);
        assert_eq!(dealt(&documents, 1)[0].len(), 2);
        assert!(dealt(&documents, 3)[2].is_empty());
    }
}
