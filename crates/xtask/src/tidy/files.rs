//! Lengths, unfinished marks, and traces of the machine a file was written on.

use super::Violation;
use crate::tree::{Tree, is_a};

/// A source file holds one idea: aim for 150 to 500 lines; more than this fails.
const LINES_MAX: usize = 700;

/// Put together from halves, here and below, so that this file does not break its own rules.
const UNFINISHED: [&str; 4] =
    [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Folders of one machine. Absolute ones: what stands before must not belong to a longer path.
const MACHINE_FOLDERS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/t", "mp/"),
    concat!(r"C:\", "Users"),
];

/// Hosts packages are fetched from, and the names mirrors usually bear.
const PACKAGE_HOSTS: [&str; 6] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("arti", "factory"),
    concat!("proxy.", "golang.org"),
];

/// Every text file of the repository.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let texts = tree.texts(|_| true);
    let mut violations: Vec<Violation> =
        texts.iter().flat_map(|(path, text)| one_file(path, text)).collect();
    if !texts.iter().any(|(path, _)| path.ends_with("xtask/src/tidy/files.rs")) {
        let what = "the list of files lacks this rule's own";
        violations.push(Violation::new("crates/xtask", what, "mend the list"));
    }
    violations
}

fn one_file(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let is_rust = is_a(path, "rs");
    let length = text.lines().count();
    if is_rust && length > LINES_MAX {
        let what = format!("{length} lines");
        let instead = "split it: one idea a file, at most 700 lines, better 500";
        violations.push(Violation::new(path, what, instead));
    }
    for (number, line) in text.lines().enumerate() {
        let mut found = |what: String, instead| {
            violations.push(Violation::at(path, number + 1, what, instead));
        };
        if is_rust {
            for mark in UNFINISHED.iter().filter(|mark| has_word(line, mark)) {
                found(format!("`{mark}`"), "finish it, or leave it out and say so in the docs");
            }
        }
        for folder in MACHINE_FOLDERS.iter().filter(|folder| has_root(line, folder)) {
            found(
                format!("`{folder}` is a path of one machine"),
                "name it relative to the repository",
            );
        }
        for host in PACKAGE_HOSTS.iter().filter(|host| line.contains(**host)) {
            found(format!("`{host}` is a host of packages"), "leave the source to cargo");
        }
    }
    violations
}

/// Whether `line` holds `word` and neither end touches a letter, a digit or `_`.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Whether `line` holds `folder` at the start of a path.
fn has_root(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~}*)".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    #[test]
    fn no_file_of_this_repository_is_too_long_unfinished_or_tied_to_a_machine() {
        assert_clean(check);
    }

    #[test]
    fn a_source_file_of_701_lines_is_caught_and_a_document_is_not() {
        assert!(one_file("a.rs", &"\n".repeat(700)).is_empty());
        assert_eq!(said(&one_file("a.rs", &"\n".repeat(701))), ["701 lines"]);
        assert!(one_file("a.md", &"\n".repeat(701)).is_empty());
    }

    #[test]
    fn unfinished_marks_are_caught_as_words() {
        let mark = UNFINISHED[0];
        let found = one_file("a.rs", &format!("fn f() {{\n    {mark}(\"later\")\n}}"));
        assert_eq!(said(&found), [format!("`{mark}`")]);
        assert_eq!(found[0].line, Some(2));
        assert!(one_file("a.rs", &format!("x{mark}()")).is_empty());
        assert_eq!(one_file("a.rs", &format!("// {}: x", UNFINISHED[2])).len(), 1);
    }

    #[test]
    fn absolute_paths_of_a_machine_are_caught_and_relative_ones_are_not() {
        let folder = MACHINE_FOLDERS[0];
        assert_eq!(one_file("a.md", &format!("see `{folder}x`")).len(), 1);
        assert_eq!(one_file("a.md", &format!("{folder}x")).len(), 1);
        assert!(one_file("a.md", &format!("our{folder}x, $DIR{folder}x")).is_empty());
    }

    #[test]
    fn hosts_of_packages_are_caught() {
        let found = one_file("a.toml", &format!("url = 'https://{}/x'", PACKAGE_HOSTS[0]));
        assert_eq!(found.len(), 1);
    }
}
