//! What the pure parts may not touch: pos-core, and the replica outside its disk and its network.
//! They are given bytes, times and random numbers, and give back values: only so can a simulator run
//! the code that ships, and only so do two tills compute the same figures from the same records.

use std::collections::BTreeSet;

use super::Violation;
use super::source::{self, Kind};
use crate::tree::{Tree, is_a};

/// Folders whose code is pure, each with the folders inside that are not.
const PURE: [(&str, &[&str]); 2] =
    [("crates/pos-core/src/", &[]), ("crates/replica/src/", &["store/", "net/"])];

const CLOCK: &str = "take the time as an argument";
const RANDOM: &str = "take random bytes as an argument, or derive the id from an entry";
const ORDER: &str = "its order is random: use BTreeMap or BTreeSet";
const FLOAT: &str = "it rounds in binary: use Decimal or an integer of the smallest unit";
const RUNTIME: &str = "return an effect and let the shell carry it out";

/// A run of path segments that may not occur, and what to do instead.
const BANNED: [(&[&str], &str); 29] = [
    (&["std", "fs"], "go through the Storage trait"),
    (&["std", "net"], RUNTIME),
    (&["std", "thread"], RUNTIME),
    (&["std", "env"], "take the setting as an argument"),
    (&["std", "process"], RUNTIME),
    (&["std", "*"], "name what you use, so that this rule can see it"),
    (&["std", "time", "Instant"], CLOCK),
    (&["std", "time", "SystemTime"], CLOCK),
    (&["std", "time", "UNIX_EPOCH"], CLOCK),
    (&["std", "time", "*"], CLOCK),
    (&["Instant", "now"], CLOCK),
    (&["SystemTime", "now"], CLOCK),
    (&["Timestamp", "now"], CLOCK),
    (&["Zoned", "now"], CLOCK),
    (&["TimeZone", "system"], "take the store's time zone as an argument"),
    (&["tokio"], RUNTIME),
    (&["async"], RUNTIME),
    (&["await"], RUNTIME),
    (&["HashMap"], ORDER),
    (&["HashSet"], ORDER),
    (&["hash_map"], ORDER),
    (&["hash_set"], ORDER),
    (&["RandomState"], ORDER),
    (&["DefaultHasher"], "its result is not fixed: use blake3"),
    (&["rand"], RANDOM),
    (&["getrandom"], RANDOM),
    (&["thread_rng"], RANDOM),
    (&["ActorId", "random"], "derive the actor from device and incarnation"),
    (&["SigningKey", "generate"], RANDOM),
];

/// Every file of the pure parts.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    PURE.iter()
        .flat_map(|(folder, exempt)| {
            let files = tree.texts(|path| {
                let inside = path.strip_prefix(folder);
                is_a(path, "rs")
                    && inside.is_some_and(|path| !exempt.iter().any(|part| path.starts_with(part)))
            });
            crate_sources(folder, &files)
        })
        .collect()
}

/// The files of one crate by path and text.
fn crate_sources(folder: &str, files: &[(&str, String)]) -> Vec<Violation> {
    let mut test_files = BTreeSet::new();
    let mut violations = Vec::new();
    for (path, text) in files {
        let (found, modules) = one_file(path, text);
        violations.extend(found);
        for module in modules {
            test_files.extend(files_of_module(path, &module));
        }
    }
    violations.retain(|violation| {
        !test_files.iter().any(|test| {
            violation.path == *test
                || test.strip_suffix("mod.rs").is_some_and(|dir| violation.path.starts_with(dir))
        })
    });
    if !files.iter().any(|(path, _)| path.ends_with("lib.rs")) {
        let what = "no source found where the pure parts should be";
        violations.push(Violation::new(folder, what, "tell this rule where they went"));
    }
    violations
}

/// What breaks the rule in one file, and the modules it declares as test code.
fn one_file(path: &str, text: &str) -> (Vec<Violation>, Vec<String>) {
    let code = source::without_literals(text);
    let tokens = source::tokens(&code);
    let (kept, modules) = source::without_tests(&tokens);
    let mut violations = Vec::new();
    for found in source::paths(&kept) {
        for (banned, instead) in BANNED {
            if found.segments.windows(banned.len()).any(|run| run == banned) {
                let what = format!("`{}`", banned.join("::"));
                violations.push(Violation::at(path, found.line, what, instead));
            }
        }
        for segment in found.segments.iter().filter(|segment| names_a_float(segment)) {
            violations.push(Violation::at(path, found.line, format!("`{segment}`"), FLOAT));
        }
    }
    for pair in kept.windows(2) {
        // `use std as s;` is two paths with a word between them.
        if let [first, second] = pair
            && (first.text, second.text) == ("std", "as")
        {
            let instead = "call it by its name, so that this rule can see it";
            violations.push(Violation::at(path, first.line, "`std as`", instead));
        }
    }
    for token in kept.iter().filter(|token| token.kind == Kind::Float) {
        violations.push(Violation::at(path, token.line, format!("`{}`", token.text), FLOAT));
    }
    violations.sort_by_key(|violation| violation.line);
    (violations, modules.into_iter().map(str::to_owned).collect())
}

/// `f64`, and names built with it such as `to_f64`.
fn names_a_float(word: &str) -> bool {
    word.split('_').any(|part| part == "f32" || part == "f64")
}

/// Where the source of `mod name;` in the file `path` may lie.
fn files_of_module(path: &str, name: &str) -> [String; 2] {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let base = match file.strip_suffix(".rs") {
        None | Some("lib" | "main" | "mod") => folder.to_owned(),
        Some(stem) => format!("{folder}/{stem}"),
    };
    [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")]
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    fn says(text: &str) -> Vec<String> {
        said(&one_file("crates/pos-core/src/x.rs", text).0)
    }

    #[test]
    fn the_pure_parts_of_this_workspace_are_pure() {
        assert_clean(check);
    }

    #[test]
    fn each_banned_word_is_caught_in_a_use_and_in_an_expression() {
        for (banned, _) in BANNED {
            let path = banned.join("::");
            let used = says(&format!("use {path};"));
            assert_eq!(used, [format!("`{path}`")], "use {path}");
            if banned.last() != Some(&"*") {
                let called = says(&format!("fn f() {{ let x = {path}(1); }}"));
                assert_eq!(called, [format!("`{path}`")], "call of {path}");
            }
        }
        assert_eq!(says("use std as s;"), ["`std as`"]);
    }

    #[test]
    fn a_group_does_not_hide_a_word() {
        assert_eq!(says("use std::{fmt, fs::File};"), ["`std::fs`"]);
        assert_eq!(says("use std::{time::{Duration, Instant as I}};"), ["`std::time::Instant`"]);
        assert_eq!(says("use {std::thread, core::fmt};"), ["`std::thread`"]);
        assert_eq!(says("use ::std::net::IpAddr;"), ["`std::net`"]);
    }

    #[test]
    fn floats_are_caught_as_types_literals_and_conversions() {
        assert_eq!(says("fn f(x: f64) {}"), ["`f64`"]);
        assert_eq!(says("let x = 0.5;"), ["`0.5`"]);
        assert_eq!(says("let x = total.to_f64();"), ["`to_f64`"]);
        assert_eq!(says("let x = 1f32;"), ["`1f32`"]);
    }

    #[test]
    fn what_looks_alike_is_let_through() {
        let text = r#"
            //! Unlike `std::fs`, this takes bytes. A HashMap has no order.
            use std::time::Duration;
            use std::collections::BTreeMap;
            fn operand(environment: &str) -> [u8; 32] { "std::env 0.5 f64"; x.0.1; 0..5; [0; 32] }
            #[cfg(test)]
            mod tests { use std::collections::HashMap; const X: f64 = 0.5; }
        "#;
        assert!(says(text).is_empty(), "{:?}", says(text));
    }

    #[test]
    fn the_line_is_named() {
        let (found, _) = one_file("a.rs", "//! x\n\"\n\";\nuse std::fs;\n");
        assert_eq!(found[0].line, Some(4));
    }

    #[test]
    fn files_that_a_test_attribute_declares_are_test_code_and_others_are_not() {
        let with = |declaration: &str, name: &str| {
            let files =
                [("x/src/lib.rs", declaration.to_owned()), (name, "use std::fs;".to_owned())];
            said(&crate_sources("x/src/", &files))
        };
        assert!(with("#[cfg(test)] mod laws;", "x/src/laws.rs").is_empty());
        assert!(with("#[cfg(test)] mod laws;", "x/src/laws/mod.rs").is_empty());
        assert!(with("#[cfg(test)] mod laws;", "x/src/laws/more.rs").is_empty());
        assert_eq!(with("mod laws;", "x/src/laws.rs"), ["`std::fs`"]);
        assert_eq!(with("#[cfg(test)] mod law;", "x/src/laws.rs"), ["`std::fs`"]);
        assert_eq!(files_of_module("x/src/a.rs", "b")[0], "x/src/a/b.rs");
    }

    #[test]
    fn a_crate_that_has_moved_away_is_no_proof() {
        assert_eq!(crate_sources("x/src/", &[]).len(), 1);
    }
}
