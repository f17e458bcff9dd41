//! Which indexed words a typed word may mean, and how far each is from it.

use fst::automaton::{Automaton, Str};
use fst::{IntoStreamer, Streamer};
use levenshtein_automata::Distance;

use super::index::Index;
use super::limits;

/// No match.
pub(super) const NONE: u8 = u8::MAX;

/// What one typing error costs: more than any unfinished word.
const ERROR: u8 = 10;
/// What an error in the first letter costs beside: people look at what they begin with.
const FIRST_LETTER: u8 = 4;
/// What a neighbour costs that is so much more common than what was typed: a little more than a word
/// that is unfinished.
const NEIGHBOUR: u8 = 5;
/// How many times as common it has to be.
const COMMON: usize = 8;
/// What an unfinished word costs, and what each letter that is still to come adds, up to four.
const UNFINISHED: u8 = 1;
/// What a beginning costs where the typist has gone on to the next word.
const ABBREVIATED: u8 = 3;

/// The words that one typed word may mean.
pub(super) struct Meaning {
    /// Cost by number of the word, [`NONE`] where it is not meant.
    pub(super) costs: Vec<u8>,
    /// The numbers of the words that are meant.
    pub(super) meant: Vec<u32>,
}

impl Meaning {
    fn nothing(index: &Index) -> Self {
        Self { costs: vec![NONE; index.words.len()], meant: Vec::new() }
    }

    fn add(&mut self, word: u64, cost: u8) {
        let Ok(word) = u32::try_from(word) else { return };
        let Some(slot) = self.costs.get_mut(word as usize) else { return };
        if *slot == NONE {
            self.meant.push(word);
        }
        *slot = (*slot).min(cost);
    }

    /// What a word costs; [`NONE`] where it is not meant.
    pub(super) fn cost(&self, word: u32) -> u8 {
        self.costs.get(word as usize).copied().unwrap_or(NONE)
    }

    /// All that `typed` may mean; `open`: it may go on.
    pub(super) fn of(index: &Index, typed: &str, open: bool) -> Self {
        let mut meaning = Self::exact(index, typed, open);
        let letters = typed.chars().count();
        let spelled = typed.chars().all(char::is_alphabetic);
        let builder = match letters {
            _ if !spelled => return meaning,
            limits::TWO_ERRORS_CHARS.. => &index.two_errors,
            limits::ONE_ERROR_CHARS.. => &index.one_error,
            _ => return meaning,
        };
        let automaton =
            if open { builder.build_prefix_dfa(typed) } else { builder.build_dfa(typed) };
        let first = typed.as_bytes().first();
        // A word that hardly any name has is likely a typing error itself, if a neighbour is common.
        let known = index.words.get(typed).and_then(|word| u32::try_from(word).ok());
        let known = known.map_or(0, |word| index.products(word).len());
        let mut found = index.words.search_with_state(&automaton).into_stream();
        while let Some((word, number, state)) = found.next() {
            let Distance::Exact(errors) = automaton.distance(state) else { continue };
            if errors == 0 {
                continue;
            }
            let first = if word.first() == first { 0 } else { FIRST_LETTER };
            let open = if open { unfinished(word, letters) } else { 0 };
            let cost = errors.saturating_mul(ERROR).saturating_add(first + open);
            let common = known > 0
                && u32::try_from(number)
                    .is_ok_and(|word| index.products(word).len() >= known.saturating_mul(COMMON));
            meaning.add(number, if common { cost.min(NEIGHBOUR + errors) } else { cost });
        }
        meaning
    }

    /// What `typed` means without any error.
    pub(super) fn exact(index: &Index, typed: &str, open: bool) -> Self {
        let mut meaning = Self::nothing(index);
        let letters = typed.chars().count();
        let mut found = index.words.search(Str::new(typed).starts_with()).into_stream();
        while let Some((word, number)) = found.next() {
            let cost = match unfinished(word, letters) {
                0 => 0,
                missing if open => UNFINISHED + missing,
                missing => UNFINISHED + ABBREVIATED + missing,
            };
            meaning.add(number, cost);
        }
        meaning
    }
}

/// Letters that a word has more than what was typed, four at most.
fn unfinished(word: &[u8], letters: usize) -> u8 {
    let has = core::str::from_utf8(word).map_or(word.len(), |word| word.chars().count());
    u8::try_from(has.saturating_sub(letters).min(4)).unwrap_or(4)
}
