//! Names and queries as words: without case, accents and signs.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::limits;

/// A text as it is compared: lower case, without accents, `ß` as `ss`.
///
/// Everything that people leave out when they type in a hurry: `Crème brûlée` and `creme brulee` are
/// one text.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    text.chars().for_each(|letter| push_folded(letter, &mut folded));
    folded
}

fn push_folded(letter: char, folded: &mut String) {
    if letter.is_ascii() {
        folded.push(letter.to_ascii_lowercase());
        return;
    }
    for part in core::iter::once(letter).nfkd().filter(|part| !is_combining_mark(*part)) {
        for lower in part.to_lowercase().filter(|lower| !is_combining_mark(*lower)) {
            // Letters that do not decompose, as they are typed on a keyboard that has them not.
            match lower {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ø' => folded.push('o'),
                'đ' | 'ð' => folded.push('d'),
                'ł' => folded.push('l'),
                'ı' => folded.push('i'),
                'þ' => folded.push_str("th"),
                other => folded.push(other),
            }
        }
    }
}

/// What kind of word a character belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letters,
    Digits,
    /// Writing without spaces between words: each sign is a word.
    Sign,
    Gap,
}

fn kind(letter: char) -> Kind {
    match letter {
        _ if letter.is_numeric() => Kind::Digits,
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Sign,
        _ if letter.is_alphanumeric() => Kind::Letters,
        _ => Kind::Gap,
    }
}

/// Calls `each` with the words of a text, folded, in order. Letters and digits are words of their
/// own (`500g` is `500` and `g`), an apostrophe divides (`l'eau` is `l` and `eau`).
pub(super) fn words(text: &str, most: usize, mut each: impl FnMut(&str)) {
    let folded = fold(text);
    let mut given = 0;
    let mut rest = folded.as_str();
    while given < most {
        rest = rest.trim_start_matches(|letter| kind(letter) == Kind::Gap);
        let Some(first) = rest.chars().next() else { return };
        let end = match kind(first) {
            Kind::Sign => first.len_utf8(),
            of => rest.find(|letter| kind(letter) != of).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let cut = word.char_indices().nth(limits::WORD_CHARS_MAX).map_or(word.len(), |(at, _)| at);
        each(word.get(..cut).unwrap_or(word));
        given += 1;
        rest = after;
    }
}

/// What somebody typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The words, folded.
    pub(super) words: Vec<String>,
    /// Whether the last word may go on.
    pub(super) open: bool,
}

impl Query {
    /// Reads what was typed. The last word may go on unless a space follows it.
    pub(super) fn read(typed: &str) -> Self {
        let cut = typed.char_indices().nth(limits::QUERY_CHARS_MAX);
        let typed = cut.and_then(|(at, _)| typed.get(..at)).unwrap_or(typed);
        let mut read = Vec::new();
        words(typed, limits::QUERY_WORDS_MAX, |word| read.push(word.to_owned()));
        Self { words: read, open: !typed.ends_with(char::is_whitespace) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, 100, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn accents_case_and_ligatures_do_not_count() {
        assert_eq!(fold("Crème BRÛLÉE"), "creme brulee");
        assert_eq!(
            fold("Œufs, Weißbier, Smørrebrød, Łosoś"),
            "oeufs, weissbier, smorrebrod, losos"
        );
        assert_eq!(fold("ﬁlet Ⅳ"), "filet iv");
    }

    #[test]
    fn letters_and_digits_are_words_of_their_own() {
        assert_eq!(split("Huile d'olive 500g (2x)"), ["huile", "d", "olive", "500", "g", "2", "x"]);
        assert_eq!(split("  --  "), Vec::<String>::new());
    }

    #[test]
    fn writing_without_spaces_is_found_sign_by_sign() {
        assert_eq!(split("緑茶 500ml"), ["緑", "茶", "500", "ml"]);
    }

    #[test]
    fn the_last_word_may_go_on_unless_a_space_follows() {
        assert!(Query::read("green te").open);
        assert!(!Query::read("green te ").open);
    }
}
