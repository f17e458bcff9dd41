//! A small reader of Rust source: takes comments, literals and test code out, line by line in place,
//! and splits the rest into tokens and paths. It reads what rustfmt and the compiler accept; it
//! need not judge anything else.

/// The source with the insides of comments, strings and character literals turned into blanks. Line
/// breaks stay where they were, so that line numbers hold.
pub(super) fn without_literals(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = chars.get(at..).unwrap_or_default();
        let length = match rest {
            ['/', '/', ..] => until(rest, |tail| tail.first() == Some(&'\n')),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => quoted(rest, '"'),
            ['\'', ..] => character(rest),
            _ if !part_of_word(at.checked_sub(1).and_then(|one| chars.get(one))) => {
                prefixed_string(rest)
            }
            _ => 0,
        };
        if length == 0 {
            out.push(c);
            at += 1;
        } else {
            let blanked = rest.get(..length).unwrap_or(rest);
            out.extend(blanked.iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at += blanked.len();
        }
    }
    out
}

fn part_of_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

/// How many characters of `text` come before the first tail that satisfies `stop`.
fn until(text: &[char], stop: impl Fn(&[char]) -> bool) -> usize {
    (0..text.len()).find(|&at| text.get(at..).is_some_and(&stop)).unwrap_or(text.len())
}

/// Length of the block comment `text` starts with, nested ones included.
fn block_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at..).unwrap_or_default() {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            [] => return text.len(),
            _ => at += 1,
        }
    }
}

/// Length of the literal in quotation marks `text` starts with, escapes respected.
fn quoted(text: &[char], mark: char) -> usize {
    let mut at = 1;
    while let Some(&c) = text.get(at) {
        match c {
            '\\' => at += 2,
            c if c == mark => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Length of the character literal `text` starts with; 0 for a lifetime.
fn character(text: &[char]) -> usize {
    match text {
        ['\'', '\\', ..] => quoted(text, '\''),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// Length of a byte, C or raw string `text` starts with, prefix included; 0 where there is none.
fn prefixed_string(text: &[char]) -> usize {
    let prefix = until(text, |tail| !matches!(tail.first(), Some('b' | 'c' | 'r')));
    let marks: String = text.iter().take(prefix).collect();
    let after = text.get(prefix..).unwrap_or_default();
    match marks.as_str() {
        "b" | "c" if after.first() == Some(&'"') => prefix + quoted(after, '"'),
        "b" if after.first() == Some(&'\'') => prefix + quoted(after, '\''),
        "r" | "br" | "cr" => {
            let hashes = until(after, |tail| tail.first() != Some(&'#'));
            if after.get(hashes) != Some(&'"') {
                return 0; // A raw identifier, or plain code.
            }
            let inside = prefix + hashes + 1;
            let body = text.get(inside..).unwrap_or_default();
            let ends = |tail: &[char]| {
                tail.first() == Some(&'"')
                    && tail.iter().skip(1).take(hashes).filter(|&&c| c == '#').count() == hashes
            };
            (inside + until(body, ends) + 1 + hashes).min(text.len())
        }
        _ => 0,
    }
}

/// One token of code without literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Line it stands on, from 1.
    pub(super) line: usize,
    /// Its text: a word, a number, `::`, or one other character.
    pub(super) text: &'a str,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword.
    Word,
    /// A number without a fraction, an exponent or a float suffix.
    Integer,
    /// A number with one of these.
    Float,
    /// `::`, or a single character.
    Mark,
}

/// Splits code that has no literals in it.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut rest, mut line) = (code, 1);
    while let Some(c) = rest.chars().next() {
        let (length, kind) = if c.is_alphabetic() || c == '_' {
            (word_length(rest), Kind::Word)
        } else if c.is_ascii_digit() {
            // `pair.0.1` has no float in it.
            let is_field = tokens.last().is_some_and(|last| last.text == ".");
            number(rest, is_field)
        } else if rest.starts_with("::") {
            (2, Kind::Mark)
        } else {
            (c.len_utf8(), Kind::Mark)
        };
        let (text, tail) = rest.split_at(length);
        if c == '\n' {
            line += 1;
        }
        if !c.is_whitespace() {
            tokens.push(Token { line, text, kind });
        }
        rest = tail;
    }
    tokens
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn number(text: &str, is_field: bool) -> (usize, Kind) {
    let based = ["0x", "0b", "0o"].iter().any(|base| text.starts_with(base));
    let word = word_length(text);
    if based || is_field {
        return (word, Kind::Integer);
    }
    let mut length = word;
    let mut tail = text.get(length..).unwrap_or_default();
    let mut is_float = false;
    if let Some(fraction) = tail.strip_prefix('.') {
        // `1..2` is a range and `1.max(2)` a call, but `1.` and `1.5` are floats.
        let next = fraction.chars().next();
        if !next.is_some_and(|c| c == '.' || c.is_alphabetic() || c == '_') {
            is_float = true;
            length += 1 + word_length(fraction);
            tail = text.get(length..).unwrap_or_default();
        }
    }
    let digits = text.get(..length).unwrap_or_default();
    let exponent = digits.ends_with(['e', 'E']) && tail.starts_with(['+', '-']);
    if exponent {
        length += 1 + word_length(tail.get(1..).unwrap_or_default());
    }
    let digits = text.get(..word).unwrap_or_default();
    let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    // `1e9`, and not the last letter of `0_usize`.
    let has_exponent = digits
        .split_once(['e', 'E'])
        .is_some_and(|(mantissa, power)| are_digits(mantissa) && are_digits(power));
    let suffixed = digits.ends_with("f32") || digits.ends_with("f64");
    let kind =
        if is_float || exponent || has_exponent || suffixed { Kind::Float } else { Kind::Integer };
    (length, kind)
}

/// The tokens outside of items under `#[cfg(test)]`, and the names of modules that such an
/// attribute makes test code in files of their own.
pub(super) fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    let (mut kept, mut test_files) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        if is_test_attribute(rest) {
            let length = attributed_item(rest);
            let item = rest.get(..length).unwrap_or(rest);
            if let [.., module, name, end] = item
                && (module.text, end.text) == ("mod", ";")
            {
                test_files.push(name.text);
            }
            at += length.max(1);
        } else {
            kept.push(token);
            at += 1;
        }
    }
    (kept, test_files)
}

/// `#[cfg(test)]` or `#[cfg(all(test, …))]`; not `any`, not `not`: that code ships.
fn is_test_attribute(tokens: &[Token<'_>]) -> bool {
    let starts = |words: &[&str]| {
        tokens.len() >= words.len() && tokens.iter().zip(words).all(|(one, word)| one.text == *word)
    };
    starts(&["#", "[", "cfg", "(", "test", ")", "]"])
        || starts(&["#", "[", "cfg", "(", "all", "(", "test", ","])
}

/// How many tokens an attribute and the item after it take: up to the `;` or the closing brace that
/// ends the item.
fn attributed_item(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    let mut in_body = false;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" => depth += 1,
            "{" => {
                in_body |= depth == 0;
                depth += 1;
            }
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && in_body {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A path as written out in full: the groups of a `use` are spread, so that
/// `use std::{fs, io::Read}` yields `std::fs` and `std::io::Read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// Line its last segment stands on.
    pub(super) line: usize,
    /// Its segments.
    pub(super) segments: Vec<&'a str>,
}

/// Every path in the tokens; a lone word is a path of one segment.
pub(super) fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Path<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while tokens.get(at).is_some() {
        at = path(tokens, at, &[], &mut found).max(at + 1);
    }
    found
}

/// Reads the path at `at` under `prefix`; returns where it ends.
fn path<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<Path<'a>>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = None;
    while let Some(token) = tokens.get(at) {
        let is_glob = token.text == "*" && !segments.is_empty();
        if token.kind != Kind::Word && !is_glob {
            break;
        }
        segments.push(token.text);
        line = Some(token.line);
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
        if tokens.get(at).is_some_and(|next| next.text == "{") {
            return group(tokens, at + 1, &segments, found);
        }
    }
    if let Some(line) = line {
        found.push(Path { line, segments });
    }
    at
}

/// Reads the group whose first token is at `at`; returns where it ends.
fn group<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<Path<'a>>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            "as" => at += 2, // The new name is not a part of the path.
            _ => at = path(tokens, at, prefix, found).max(at + 1),
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        let code = without_literals(source);
        tokens(&code).iter().map(|token| token.text.to_owned()).collect()
    }

    fn spread(source: &str) -> Vec<String> {
        paths(&tokens(source)).iter().map(|path| path.segments.join("::")).collect()
    }

    fn floats(source: &str) -> Vec<&str> {
        tokens(source)
            .iter()
            .filter(|token| token.kind == Kind::Float)
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn comments_vanish_and_lines_stay() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(without_literals("/* x\ny */ z"), "    \n     z");
        assert!(words("/* never closed").is_empty());
    }

    #[test]
    fn strings_of_every_kind_vanish() {
        assert_eq!(words(r#"a("b\"c") d"#), ["a", "(", ")", "d"]);
        assert_eq!(words(r##"a r#"b"c"# d"##), ["a", "d"]);
        assert_eq!(words(r##"b"x" br#"y"# c"z" b'q' end"##), ["end"]);
        assert_eq!(words(r#"a "\\" b"#), ["a", "b"]);
        assert_eq!(words("var\"x\" r#type"), ["var", "r", "#", "type"]);
    }

    #[test]
    fn characters_vanish_and_lifetimes_stay() {
        assert_eq!(words(r"'a' '\'' '\n' '\u{1F600}' '/' x"), ["x"]);
        assert_eq!(words("&'a str, '\"', y"), ["&", "'", "a", "str", ",", ",", "y"]);
    }

    #[test]
    fn floats_are_told_from_ranges_fields_calls_and_hexadecimals() {
        assert_eq!(
            floats("1.5 2. 1e5 1E-5 1.0e+3 1_0.5_0 3f64 2_f32"),
            ["1.5", "2.", "1e5", "1E-5", "1.0e+3", "1_0.5_0", "3f64", "2_f32"]
        );
        assert!(floats("0..2 x.0.1 1.max(2) 0x1e5 0b1 7_u64 1u8 0_usize").is_empty());
    }

    #[test]
    fn groups_of_uses_are_spread() {
        assert_eq!(
            spread("use std::{fs, io::{self, Read}, time as clock};"),
            ["use", "std::fs", "std::io::self", "std::io::Read", "std::time",]
        );
        assert_eq!(spread("use std::*; a::b::<C>::d()"), ["use", "std::*", "a::b", "C", "d"]);
        assert_eq!(spread("{ x }"), ["x"]);
    }

    #[test]
    fn test_code_is_left_out_and_its_files_are_named() {
        let source = "
            fn a() {}
            #[cfg(test)]
            #[expect(x, reason = \"}\")]
            mod tests { fn b() { let x = [0; 2]; } }
            #[cfg(test)] use c::d;
            #[cfg(test)] pub(crate) mod laws;
            #[cfg(all(test, feature = \"f\"))] fn e(x: [u8; 3]) {}
            #[cfg(not(test))] fn f() {}
            #[cfg(any(test, feature = \"g\"))] fn g() {}
        ";
        let code = without_literals(source);
        let all = tokens(&code);
        let (kept, files) = without_tests(&all);
        let names: Vec<&str> =
            kept.windows(2).filter(|pair| pair[0].text == "fn").map(|pair| pair[1].text).collect();
        assert_eq!(names, ["a", "f", "g"]);
        assert_eq!(files, ["laws"]);
    }
}
