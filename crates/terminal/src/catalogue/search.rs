//! From a query to products, best first.

use super::index::Index;
use super::terms::{Meaning, NONE};
use super::text::Query;
use super::{Fit, Hit, limits};

/// What a word costs that was typed as two, or two as one.
const DIVIDED: u16 = 12;

impl Index {
    /// The products that fit best, best first, at most `most` of them and
    /// never more than [`super::HITS_MAX`].
    ///
    /// Each word of the query has to be in the name: whole, begun, or with typing errors (one from
    /// four letters, two from six). Where no product has all, words that were run together or torn
    /// apart are tried; then products that lack one word. A number is also the beginning of a
    /// barcode or of a SKU.
    #[must_use]
    pub fn search(&self, query: &str, most: usize) -> Vec<Hit> {
        let most = most.min(limits::HITS_MAX);
        let asked = Query::read(query);
        let mut found = self.by_code(query, most);
        if !asked.words.is_empty() {
            let meanings = self.meanings(&asked);
            let mut by_words = self.fitting(&meanings, 0, 0);
            if by_words.is_empty() {
                by_words = self.divided(&asked);
            }
            if by_words.is_empty() && meanings.len() > 1 {
                by_words = self.fitting(&meanings, 1, 0);
            }
            found.extend(best(by_words, most));
        }
        hits(found, most)
    }

    fn meanings(&self, asked: &Query) -> Vec<Meaning> {
        let last = asked.words.len().saturating_sub(1);
        let words = asked.words.iter().enumerate();
        words.map(|(at, word)| Meaning::of(self, word, asked.open && at == last)).collect()
    }

    /// Products that have all words but `lacking`, unordered.
    fn fitting(&self, meanings: &[Meaning], lacking: u8, extra: u16) -> Vec<(Fit, u32)> {
        let mut seen: Vec<Tally> = vec![Tally::default(); self.len()];
        for meaning in meanings {
            self.tally(meaning, &mut seen);
        }
        let all = u8::try_from(meanings.len()).unwrap_or(u8::MAX);
        let wanted = all.saturating_sub(lacking).max(1);
        let first = meanings.first();
        (0_u32..)
            .zip(&seen)
            .filter(|(_, tally)| tally.words >= wanted)
            .map(|(product, tally)| {
                let at = product as usize;
                let begins = self.first_words.get(at).copied().unwrap_or(u32::MAX);
                let fit = Fit {
                    missing: all.saturating_sub(tally.words),
                    cost: tally.cost.saturating_add(extra),
                    later: first.is_none_or(|meaning| meaning.cost(begins) == NONE),
                    words: self.lengths.get(at).copied().unwrap_or(u8::MAX),
                };
                (fit, product)
            })
            .collect()
    }

    /// Adds the cheapest of a word's meanings to each product that has one.
    fn tally(&self, meaning: &Meaning, seen: &mut [Tally]) {
        for &word in &meaning.meant {
            let cost = u16::from(meaning.cost(word));
            for &product in self.products(word) {
                if let Some(tally) = seen.get_mut(product as usize) {
                    tally.now = tally.now.min(cost);
                }
            }
        }
        for tally in seen.iter_mut().filter(|tally| tally.now != u16::MAX) {
            tally.words = tally.words.saturating_add(1);
            tally.cost = tally.cost.saturating_add(tally.now);
            tally.now = u16::MAX;
        }
    }

    /// Two neighbours read as one word, or one word as two.
    fn divided(&self, asked: &Query) -> Vec<(Fit, u32)> {
        let mut found = Vec::new();
        let last = asked.words.len().saturating_sub(1);
        let rest = |left_out: core::ops::Range<usize>| {
            let words = asked.words.iter().enumerate();
            let words = words.filter(move |(at, _)| !left_out.contains(at));
            words.map(|(at, word)| Meaning::of(self, word, asked.open && at == last))
        };
        for (at, pair) in asked.words.windows(2).enumerate() {
            let open = asked.open && at + 1 == last;
            let joined = Meaning::of(self, &pair.concat(), open);
            if joined.meant.is_empty() {
                continue;
            }
            let meanings: Vec<Meaning> = core::iter::once(joined).chain(rest(at..at + 2)).collect();
            found.extend(self.fitting(&meanings, 0, DIVIDED));
        }
        for (at, word) in asked.words.iter().enumerate() {
            let open = asked.open && at == last;
            for (left, right) in cuts(word).filter(|(left, _)| self.words.contains_key(left)) {
                let right = Meaning::exact(self, right, open);
                if right.meant.is_empty() {
                    continue;
                }
                let halves = [Meaning::exact(self, left, false), right];
                let meanings: Vec<Meaning> = halves.into_iter().chain(rest(at..at + 1)).collect();
                found.extend(self.fitting(&meanings, 0, DIVIDED));
            }
        }
        found
    }

    /// Products whose barcode or SKU begins as typed.
    fn by_code(&self, typed: &str, most: usize) -> Vec<(Fit, u32)> {
        let typed = typed.trim();
        let fit = Fit { missing: 0, cost: 0, later: false, words: 0 };
        let mut found = Vec::new();
        let upper = typed.to_uppercase();
        if !upper.is_empty() && upper.contains(|letter: char| letter.is_ascii_digit()) {
            let sku = |product: u32| self.skus.get(product as usize).map_or("", |sku| sku);
            let from = self.by_sku.partition_point(|product| sku(*product) < upper.as_str());
            let begun = self.by_sku.iter().skip(from).copied();
            let begun = begun.take_while(|product| sku(*product).starts_with(&upper));
            found.extend(begun.take(most).map(|product| (fit, product)));
        }
        let digits = typed.len() >= limits::CODE_DIGITS_MIN
            && typed.bytes().all(|byte| byte.is_ascii_digit());
        if let (true, Ok(number)) = (digits, typed.parse::<u64>()) {
            // A barcode is printed with 8, 12, 13 or 14 digits; the number under it is the same.
            for printed in [13_usize, 12, 8, 14] {
                let Some(open) = printed.checked_sub(typed.len()) else { continue };
                let ten = 10_u64.saturating_pow(u32::try_from(open).unwrap_or(u32::MAX));
                let low = number.saturating_mul(ten);
                let high = number.saturating_add(1).saturating_mul(ten);
                let from = self.codes.partition_point(|(code, _)| *code < low);
                let begun = self.codes.iter().skip(from).take_while(|(code, _)| *code < high);
                found.extend(begun.take(most).map(|(_, product)| (fit, *product)));
            }
        }
        found
    }
}

/// Each product once, in order.
fn hits(mut found: Vec<(Fit, u32)>, most: usize) -> Vec<Hit> {
    found.sort_unstable();
    let mut hits: Vec<Hit> = Vec::with_capacity(most.min(found.len()));
    let mut given = std::collections::BTreeSet::new();
    for (fit, product) in found {
        if hits.len() == most {
            break;
        }
        if given.insert(product) {
            hits.push(Hit { row: product as usize, fit });
        }
    }
    hits
}

/// What is known of one product while words are counted.
#[derive(Clone, Copy)]
struct Tally {
    words: u8,
    cost: u16,
    /// Cheapest meaning of the word at hand.
    now: u16,
}

impl Default for Tally {
    fn default() -> Self {
        Self { words: 0, cost: 0, now: u16::MAX }
    }
}

/// The best of many, unordered: twice as many as wanted, since a product may stand there twice.
fn best(mut found: Vec<(Fit, u32)>, most: usize) -> Vec<(Fit, u32)> {
    let keep = most.saturating_mul(2);
    if found.len() > keep && keep > 0 {
        found.select_nth_unstable(keep - 1);
        found.truncate(keep);
    }
    found
}

/// All ways to read one word as two of three letters or more.
fn cuts(word: &str) -> impl Iterator<Item = (&str, &str)> {
    let letters = word.chars().count();
    let places = word.char_indices().enumerate();
    let places = places.filter(move |(at, _)| *at >= 3 && letters.saturating_sub(*at) >= 3);
    places.filter_map(|(_, (byte, _))| word.split_at_checked(byte))
}

#[cfg(test)]
mod tests {
    use pos_core::gtin::Gtin;

    use super::super::Row;
    use super::*;

    fn found(rows: &[(&str, &str, &str)], query: &str) -> Vec<usize> {
        let codes: Vec<Vec<Gtin>> = rows
            .iter()
            .map(|(_, _, gtin)| gtin.split_whitespace().map(|gtin| gtin.parse().unwrap()).collect())
            .collect();
        let rows = rows.iter().zip(&codes);
        let rows = rows.map(|((sku, name, _), gtins)| Row { sku, name, gtins });
        Index::build(rows).unwrap().search(query, 10).into_iter().map(|hit| hit.row).collect()
    }

    const SHELF: [(&str, &str, &str); 7] = [
        ("TEA-1", "Green Tea 20 bags", "4006381333931"),
        ("TEA-2", "Tea", "96385074"),
        ("TEA-3", "Black tea, loose", ""),
        ("NUT", "Nutella", "3017620422003"),
        ("CREAM", "Crème fraîche", ""),
        ("JUICE", "Orange juice", "5000112637922"),
        ("MUG", "Teapot, blue", ""),
    ];

    #[test]
    fn whole_words_come_before_begun_ones_and_short_names_before_long_ones() {
        assert_eq!(found(&SHELF, "tea"), [1, 2, 0, 6]);
        assert_eq!(found(&SHELF, "te"), [1, 2, 0, 6]);
    }

    #[test]
    fn every_word_has_to_be_there_in_any_order() {
        assert_eq!(found(&SHELF, "loose black"), [2]);
        assert_eq!(found(&SHELF, "tea green"), [0]);
    }

    #[test]
    fn typing_errors_accents_and_torn_words_are_forgiven() {
        for query in ["nutela", "nuttela", "nutlela", "nut ella", "NUTELLA "] {
            assert_eq!(found(&SHELF, query), [3], "{query}");
        }
        assert_eq!(found(&SHELF, "creme fraiche"), [4]);
        assert_eq!(found(&SHELF, "orangejuice"), [5]);
        assert_eq!(found(&SHELF, "ornage jucie"), [5]);
    }

    #[test]
    fn a_word_too_many_still_finds_something() {
        assert_eq!(found(&SHELF, "orange juice lidl"), [5]);
        assert_eq!(found(&SHELF, "zzzzzz"), [0; 0]);
        assert_eq!(found(&SHELF, "  "), [0; 0]);
    }

    #[test]
    fn codes_are_found_by_their_beginning() {
        assert_eq!(found(&SHELF, "400638"), [0]);
        assert_eq!(found(&SHELF, "9638"), [1]);
        assert_eq!(found(&SHELF, "tea-2"), [1, 0], "the SKU first, then the words");
    }

    #[test]
    fn of_any_text_nothing_worse_than_hits_comes() {
        let long = "x".repeat(10_000);
        for query in
            ["\0", "%%%", "é\u{301}\u{301}", "🦀🦀🦀🦀", long.as_str(), "1 2 3 4 5 6 7 8 9 10"]
        {
            drop(found(&SHELF, query));
        }
        assert_eq!(found(&[], "tea"), [0; 0]);
    }
}
