//! The index: words to products, codes to products.

use std::collections::BTreeMap;

use fst::Map;
use levenshtein_automata::LevenshteinAutomatonBuilder;
use thiserror::Error;

use super::{Row, limits, text};

/// Why no index could be made. A fault of this program, not of the products.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The words did not arrive in order.
    #[error("the search index could not be built ({0}): scan or type codes; restart the till")]
    Words(#[from] fst::Error),
    /// More products than an index can number.
    #[error("the search index holds 4,294,967,295 products at most: remove products that rest")]
    TooMany,
}

/// Words and codes of many products; read only.
pub struct Index {
    /// Word to its number, in order of the words.
    pub(super) words: Map<Vec<u8>>,
    /// Where the products of each word begin in `postings`; one more at the end.
    pub(super) starts: Vec<u32>,
    /// Products by word, each list in order, a product once.
    pub(super) postings: Vec<u32>,
    /// SKUs by product.
    pub(super) skus: Vec<Box<str>>,
    /// Products in the order of their SKUs.
    pub(super) by_sku: Vec<u32>,
    /// Number of the first word of each product.
    pub(super) first_words: Vec<u32>,
    /// How many words each product has.
    pub(super) lengths: Vec<u8>,
    /// Barcodes as numbers, in order, each with its product.
    pub(super) codes: Vec<(u64, u32)>,
    pub(super) one_error: LevenshteinAutomatonBuilder,
    pub(super) two_errors: LevenshteinAutomatonBuilder,
}

impl core::fmt::Debug for Index {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Index")
            .field("products", &self.skus.len())
            .field("words", &self.words.len())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Indexes products.
    pub fn build<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Result<Self, IndexError> {
        let mut gathered = Gathered::default();
        for row in rows {
            gathered.take(&row)?;
        }
        gathered.codes.sort_unstable();
        let Gathered { words, pairs, firsts, lengths, codes, skus, mut by_sku } = gathered;
        let sku = |product: &u32| skus.get(*product as usize);
        if !by_sku.is_sorted_by_key(sku) {
            by_sku.sort_by_key(sku);
        }
        let (words, places) = in_order(&words)?;
        let place = |word: u32| places.get(word as usize).copied().unwrap_or(u32::MAX);
        let mut pairs: Vec<(u32, u32)> =
            pairs.into_iter().map(|(word, product)| (place(word), product)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let (starts, postings) = by_word(&pairs, words.len());
        Ok(Self {
            words,
            starts,
            postings,
            skus,
            by_sku,
            first_words: firsts.into_iter().map(place).collect(),
            lengths,
            codes,
            one_error: LevenshteinAutomatonBuilder::new(1, true),
            two_errors: LevenshteinAutomatonBuilder::new(2, true),
        })
    }

    /// How many products it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.skus.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty()
    }

    /// The products that have a word, in order.
    pub(super) fn products(&self, word: u32) -> &[u32] {
        let at = |place: usize| self.starts.get(place).map_or(0, |start| *start as usize);
        self.postings.get(at(word as usize)..at(word as usize + 1)).unwrap_or_default()
    }
}

/// What the rows hold, words numbered as they turn up.
#[derive(Default)]
struct Gathered {
    words: BTreeMap<Box<str>, u32>,
    pairs: Vec<(u32, u32)>,
    firsts: Vec<u32>,
    lengths: Vec<u8>,
    codes: Vec<(u64, u32)>,
    skus: Vec<Box<str>>,
    by_sku: Vec<u32>,
}

impl Gathered {
    fn take(&mut self, row: &Row<'_>) -> Result<(), IndexError> {
        let product = u32::try_from(self.firsts.len()).map_err(|_large| IndexError::TooMany)?;
        let (mut first, mut length) = (u32::MAX, 0_u8);
        text::words(row.name, limits::NAME_WORDS_MAX, |word| {
            let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
            let number = match self.words.get(word) {
                Some(number) => *number,
                None => *self.words.entry(word.into()).or_insert(next),
            };
            if length == 0 {
                first = number;
            }
            length = length.saturating_add(1);
            self.pairs.push((number, product));
        });
        self.firsts.push(first);
        self.lengths.push(length);
        self.codes.extend(row.gtins.iter().map(|gtin| (gtin.value(), product)));
        self.skus.push(row.sku.into());
        self.by_sku.push(product);
        Ok(())
    }
}

/// The words as a map from word to place, and the place of each number.
fn in_order(words: &BTreeMap<Box<str>, u32>) -> Result<(Map<Vec<u8>>, Vec<u32>), IndexError> {
    let mut places = vec![u32::MAX; words.len()];
    let mut builder = fst::MapBuilder::memory();
    for (place, (word, number)) in (0_u32..).zip(words) {
        builder.insert(word.as_bytes(), u64::from(place))?;
        if let Some(slot) = places.get_mut(*number as usize) {
            *slot = place;
        }
    }
    Ok((builder.into_map(), places))
}

/// Sorted pairs as one list with the beginnings of each word's part.
fn by_word(pairs: &[(u32, u32)], words: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = Vec::with_capacity(words.saturating_add(1));
    for (at, (word, _)) in (0_u32..).zip(pairs) {
        while starts.len() <= *word as usize {
            starts.push(at);
        }
    }
    let end = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    starts.resize(words.saturating_add(1), end);
    (starts, pairs.iter().map(|(_, product)| *product).collect())
}
