//! Bounds of the search, each with its reason.

/// Hits of one search: more than anybody scrolls through.
pub(super) const HITS_MAX: usize = 60;

/// Characters of a query that are looked at: more than the longest name that is typed whole.
pub(super) const QUERY_CHARS_MAX: usize = 80;

/// Words of a query that are looked at.
pub(super) const QUERY_WORDS_MAX: usize = 8;

/// Words of a name that are found: a name has 200 characters at most.
pub(super) const NAME_WORDS_MAX: usize = 40;

/// Letters of a word that are indexed; longer ones are found by their beginning.
pub(super) const WORD_CHARS_MAX: usize = 32;

/// Shortest word in which one typing error is looked for: below, nearly everything would fit.
pub(super) const ONE_ERROR_CHARS: usize = 4;

/// Shortest word in which two typing errors are looked for.
pub(super) const TWO_ERRORS_CHARS: usize = 6;

/// Digits from which a number is looked up as the beginning of a barcode.
pub(super) const CODE_DIGITS_MIN: usize = 4;
