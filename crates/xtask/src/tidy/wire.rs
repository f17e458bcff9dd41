//! `docs/wire-format.md` says what the code does: its tables of kinds, limits, versions and hash
//! contexts are compared with the constants in the source, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::source;
use crate::tree::{Tree, is_a};

const DOCUMENT: &str = "docs/wire-format.md";
/// Every public constant of these stands in the document.
const LIMITS: [&str; 3] = [
    "crates/replica/src/limits.rs",
    "crates/replica/src/documents/limits.rs",
    "crates/pos-core/src/limits.rs",
];
/// Every constant of these is a kind of op and stands in the document.
const KINDS: [&str; 2] = ["crates/replica/src/core/kinds.rs", "crates/pos-core/src/record.rs"];
/// Where hash contexts are used.
const HASHING: &str = "crates/replica/src/";
/// Where the letters are that keys of the map begin with.
const LETTERS: &str = "crates/replica/src/core/keys.rs";

const MEND: &str = "mend the document, or the code if that is what is wrong";

/// The document against the sources it names.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let Some(document) = tree.text(DOCUMENT) else {
        return vec![Violation::new(DOCUMENT, "it is not there", "describe every format in it")];
    };
    let sources: BTreeMap<String, String> = tree
        .texts(|path| path.starts_with("crates/") && path.contains("/src/") && is_a(path, "rs"))
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text))
        .collect();
    compare(&document, &sources)
}

fn compare(document: &str, sources: &BTreeMap<String, String>) -> Vec<Violation> {
    let mut found = Vec::new();
    let constants = |path: &str| sources.get(path).map(|text| constants(text)).unwrap_or_default();
    let rows: Vec<Row<'_>> = document.lines().enumerate().filter_map(row).collect();
    limits(&rows, &constants, &mut found);
    kinds(&rows, &constants, &mut found);
    versions(&rows, &constants, &mut found);
    contexts(document, sources, &mut found);
    letters(document, sources, &mut found);
    found
}

/// A row of a table with a constant in it.
struct Row<'a> {
    line: usize,
    cells: Vec<&'a str>,
    constant: &'a str,
}

fn row((index, line): (usize, &str)) -> Option<Row<'_>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inside.split('|').map(str::trim).collect();
    let constant = cells.iter().take(2).find_map(|cell| in_code(cell).filter(|it| shouts(it)))?;
    Some(Row { line: index + 1, cells, constant })
}

impl Row<'_> {
    /// The first cell that is a number: `8,388,608`.
    fn number(&self) -> Option<i128> {
        let digits = |cell: &&str| cell.replace(',', "").parse().ok();
        self.cells.iter().find_map(digits)
    }

    /// The source file the row names.
    fn file(&self) -> Option<&str> {
        self.cells.iter().find_map(|cell| in_code(cell).filter(|code| is_a(code, "rs")))
    }

    fn is_a_kind(&self) -> bool {
        self.cells.first().is_some_and(|cell| cell.parse::<u16>().is_ok())
    }

    fn differs(&self, file: &str, value: i128) -> Option<Violation> {
        let shown = self.number();
        let what = match shown {
            Some(shown) if shown == value => return None,
            Some(shown) => format!("`{}` is {value} in {file}, not {shown}", self.constant),
            None => format!("`{}` stands there without its value, {value}", self.constant),
        };
        Some(Violation::at(DOCUMENT, self.line, what, MEND))
    }
}

/// `text` in `` `text` ``, if that is all there is.
fn in_code(cell: &str) -> Option<&str> {
    let code = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!code.contains('`')).then_some(code)
}

/// Whether a name is a constant's.
fn shouts(name: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(upper) && name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// What is wrong with the row of a constant, if anything is.
fn shown(
    row: Option<&Row<'_>>,
    file: &str,
    value: i128,
    absent: impl FnOnce() -> String,
) -> Option<Violation> {
    match row {
        Some(row) => row.differs(file, value),
        None => Some(Violation::new(DOCUMENT, absent(), MEND)),
    }
}

type Constants = BTreeMap<String, i128>;

fn limits(rows: &[Row<'_>], constants: &impl Fn(&str) -> Constants, found: &mut Vec<Violation>) {
    let mut known = BTreeSet::new();
    for file in LIMITS {
        let all = constants(file);
        if all.is_empty() {
            found.push(Violation::new(file, "no limit is found in it", "tell this rule where"));
        }
        for (name, value) in all {
            let row = rows.iter().find(|row| row.constant == name && !row.is_a_kind());
            let absent = || format!("the limit `{name}` of {file} is not in it");
            found.extend(shown(row, file, value, absent));
            known.insert(name);
        }
    }
    for row in rows.iter().filter(|row| row.file().is_none() && !row.is_a_kind()) {
        if !known.contains(row.constant) {
            let what = format!("`{}` is no limit of any crate", row.constant);
            found.push(Violation::at(DOCUMENT, row.line, what, MEND));
        }
    }
}

fn kinds(rows: &[Row<'_>], constants: &impl Fn(&str) -> Constants, found: &mut Vec<Violation>) {
    let mut known = Constants::new();
    for file in KINDS {
        for (name, value) in constants(file) {
            if known.insert(name.clone(), value).is_some_and(|before| before != value) {
                let what = format!("the kind `{name}` has two numbers");
                found.push(Violation::new(file, what, "a number is never given to another thing"));
            }
            let row = rows.iter().find(|row| row.constant == name && row.is_a_kind());
            let absent = || format!("the kind {value}, `{name}` of {file}, is not in it");
            found.extend(shown(row, file, value, absent));
        }
    }
    if known.len() < 2 {
        found.push(Violation::new("crates/", "no kinds of ops are found", "tell this rule where"));
    }
    for row in rows.iter().filter(|row| row.is_a_kind() && !known.contains_key(row.constant)) {
        let what = format!("`{}` is no kind of op", row.constant);
        found.push(Violation::at(DOCUMENT, row.line, what, MEND));
    }
}

/// Rows that name their source file.
fn versions(rows: &[Row<'_>], constants: &impl Fn(&str) -> Constants, found: &mut Vec<Violation>) {
    for row in rows {
        let Some(file) = row.file() else { continue };
        if let Some(&value) = constants(file).get(row.constant) {
            found.extend(row.differs(file, value));
        } else {
            let what = format!("{file} has no number called `{}`", row.constant);
            found.push(Violation::at(DOCUMENT, row.line, what, MEND));
        }
    }
}

/// Contexts of hashes in the code and in the document are the same.
fn contexts(document: &str, sources: &BTreeMap<String, String>, found: &mut Vec<Violation>) {
    let used: BTreeSet<String> = sources
        .iter()
        .filter(|(path, _)| path.starts_with(HASHING))
        .flat_map(|(_, text)| contexts_in(text, '"'))
        .collect();
    if used.is_empty() {
        found.push(Violation::new(HASHING, "no hash context is found", "tell this rule where"));
    }
    let shown: BTreeSet<String> = contexts_in(document, '`').collect();
    for context in used.difference(&shown) {
        let what = format!("the hash context `{context}` is not in it");
        found.push(Violation::new(DOCUMENT, what, MEND));
    }
    for context in shown.difference(&used) {
        let what = format!("no code uses the hash context `{context}`");
        found.push(Violation::new(DOCUMENT, what, MEND));
    }
}

/// Every key of the map begins with a letter, and the document has a row for it.
fn letters(document: &str, sources: &BTreeMap<String, String>, found: &mut Vec<Violation>) {
    let keys = sources.get(LETTERS).map(String::as_str).unwrap_or_default();
    let used: BTreeSet<char> =
        keys.split("key(b'").skip(1).filter_map(|rest| rest.chars().next()).collect();
    if used.is_empty() {
        found.push(Violation::new(LETTERS, "no key is found in it", "tell this rule where"));
    }
    for letter in used {
        if !document.lines().any(|line| line.starts_with(&format!("| `{letter}` ‖"))) {
            let what = format!("the key `{letter}` of the map is not in it");
            found.push(Violation::new(DOCUMENT, what, MEND));
        }
    }
}

/// Texts between two marks that begin with the program's name and end with a version.
fn contexts_in(text: &str, mark: char) -> impl Iterator<Item = String> {
    let versioned = |text: &&str| {
        let last = text.rsplit(' ').next().and_then(|word| word.strip_prefix('v'));
        last.is_some_and(|digits| digits.parse::<u32>().is_ok()) && text.starts_with("tillmesh ")
    };
    text.lines().flat_map(move |line| line.split(mark)).filter(versioned).map(str::to_owned)
}

/// The integer constants of a source file, whatever module of it they are in. One whose value is
/// no sum this rule can work out is left out.
fn constants(text: &str) -> Constants {
    let code = source::without_literals(text);
    let tokens: Vec<&str> = source::tokens(&code).iter().map(|token| token.text).collect();
    let mut all = Constants::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, text)| **text == "const") {
        let Some([name, ":", kind, "=", value @ ..]) = tokens.get(at + 1..) else { continue };
        let integer = matches!(*kind, "u8" | "u16" | "u32" | "u64" | "usize" | "i64" | "i128");
        let end = value.iter().position(|text| *text == ";").unwrap_or(value.len());
        let value = value.get(..end).unwrap_or_default();
        if let Some(value) = sum(value).filter(|_| integer) {
            all.insert((*name).to_owned(), value);
        }
    }
    all
}

/// What an expression of integers with `<<`, `*`, `+`, `-` and brackets comes to.
fn sum(tokens: &[&str]) -> Option<i128> {
    let mut rest = tokens;
    let value = shifted(&mut rest)?;
    rest.is_empty().then_some(value)
}

fn shifted(rest: &mut &[&str]) -> Option<i128> {
    let mut value = added(rest)?;
    while let ["<", "<", tail @ ..] = *rest {
        *rest = tail;
        value = value.checked_shl(u32::try_from(added(rest)?).ok()?)?;
    }
    Some(value)
}

fn added(rest: &mut &[&str]) -> Option<i128> {
    let mut value = multiplied(rest)?;
    while let [sign @ ("+" | "-"), tail @ ..] = *rest {
        *rest = tail;
        let term = multiplied(rest)?;
        value = if *sign == "+" { value.checked_add(term)? } else { value.checked_sub(term)? };
    }
    Some(value)
}

fn multiplied(rest: &mut &[&str]) -> Option<i128> {
    let mut value = one(rest)?;
    while let ["*", tail @ ..] = *rest {
        *rest = tail;
        value = value.checked_mul(one(rest)?)?;
    }
    Some(value)
}

fn one(rest: &mut &[&str]) -> Option<i128> {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let value = shifted(rest)?;
            let [")", tail @ ..] = *rest else { return None };
            *rest = tail;
            Some(value)
        }
        [number, tail @ ..] => {
            *rest = tail;
            number.replace('_', "").parse().ok()
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    #[test]
    fn the_description_of_the_formats_agrees_with_the_code() {
        assert_clean(check);
    }

    /// A small project, whose document is right.
    fn sources() -> BTreeMap<String, String> {
        let limits = "pub const LONGEST: usize = 8 << 20;\npub const LAST: u64 = (1 << 31) - 1;";
        let kinds = "pub(crate) const FOUNDED: u16 = 2;\npub(crate) const SOLD: u16 = 100;";
        let record = "mod kind { pub(super) const SOLD: u16 = 100; }";
        let entry = "pub const FORMAT_VERSION: u8 = 1;\nfn id() { hash(\"tillmesh entry v1\") }";
        [
            (LIMITS[0], limits),
            (LIMITS[1], "pub const CELLS: u64 = 2_000;"),
            (LIMITS[2], "pub const LINES: usize = 5_000;"),
            (KINDS[0], kinds),
            (KINDS[1], record),
            ("crates/replica/src/core/entry.rs", entry),
            (LETTERS, "fn feed() { key(b'f', &[]) }"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into()
    }

    const RIGHT: &str = "\
| what | constant | in | value |
| --- | --- | --- | --- |
| entry | `FORMAT_VERSION` | `crates/replica/src/core/entry.rs` | 1 |
| 2 | `FOUNDED` | a founding |
| 100 | `SOLD` | a sale |
| `LONGEST` | 8,388,608 | frame |
| `LAST` | 2,147,483,647 | counter |
| `CELLS` | 2,000 | cells |
| `LINES` | 5,000 | lines of `SOLD` |
| id | `tillmesh entry v1` | the header |
| `f` ‖ feed key | heads |
";

    #[test]
    fn a_document_that_agrees_passes() {
        assert_eq!(said(&compare(RIGHT, &sources())), [""; 0]);
    }

    #[test]
    fn each_planted_mismatch_is_named() {
        let limits = LIMITS[0];
        let planted = [
            ("8,388,608", "8,388,609", format!("`LONGEST` is 8388608 in {limits}, not 8388609")),
            ("| 2,000 |", "| many |", "`CELLS` stands there without its value, 2000".to_owned()),
            ("| 100 |", "| 101 |", format!("`SOLD` is 100 in {}, not 101", KINDS[0])),
            ("| 1 |", "| 2 |", {
                "`FORMAT_VERSION` is 1 in crates/replica/src/core/entry.rs, not 2".to_owned()
            }),
            ("`LINES`", "`ROWS`", format!("the limit `LINES` of {} is not in it", LIMITS[2])),
            ("| `f` ‖", "| `g` ‖", "the key `f` of the map is not in it".to_owned()),
            ("`FOUNDED`", "`FUNDED`", {
                format!("the kind 2, `FOUNDED` of {}, is not in it", KINDS[0])
            }),
            (
                "entry v1",
                "entry v2",
                "the hash context `tillmesh entry v1` is not in it".to_owned(),
            ),
        ];
        for (right, wrong, says) in planted {
            let found = said(&compare(&RIGHT.replacen(right, wrong, 1), &sources()));
            assert_eq!(found.first(), Some(&says), "{found:?}");
        }
    }

    #[test]
    fn a_number_for_two_kinds_of_one_name_is_caught() {
        let mut sources = sources();
        let other = "mod kind { pub(super) const SOLD: u16 = 101; }";
        sources.insert(KINDS[1].to_owned(), other.to_owned());
        let found = said(&compare(RIGHT, &sources));
        assert!(found.contains(&"the kind `SOLD` has two numbers".to_owned()), "{found:?}");
    }

    #[test]
    fn sums_of_constants_are_worked_out_as_the_compiler_does() {
        let read = |text: &str| constants(text).into_values().collect::<Vec<_>>();
        assert_eq!(read("const A: u64 = 1 << 20;"), [1 << 20]);
        assert_eq!(read("const A: u64 = (1 << 31) - 1;"), [(1 << 31) - 1]);
        assert_eq!(read("const A: usize = 2 * (3 + 4) - 1;"), [13]);
        assert_eq!(read("const A: u64 = 1 << 2 + 1;"), [8]);
        assert_eq!(
            read("const A: u64 = B * 2; const C: &str = \"1\"; // const D: u8 = 1;"),
            [0; 0]
        );
    }

    #[test]
    fn an_empty_project_is_no_proof() {
        assert!(compare(RIGHT, &BTreeMap::new()).len() > 5);
    }
}
