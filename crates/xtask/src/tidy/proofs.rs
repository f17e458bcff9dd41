//! Where a document says which test holds a promise, that test exists.

use std::collections::BTreeSet;

use super::Violation;
use super::source;
use crate::tree::{Tree, is_a};

/// Names of tests are sentences: words joined by at least this many underscores.
const JOINTS: usize = 3;

/// Every Markdown file against the functions of every source file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let sources = tree.texts(|path| is_a(path, "rs"));
    let known: BTreeSet<String> = sources.iter().flat_map(|(_, text)| functions(text)).collect();
    if known.is_empty() {
        return vec![Violation::new("crates", "no functions are found", "mend this rule")];
    }
    let documents = tree.texts(|path| is_a(path, "md"));
    documents.iter().flat_map(|(path, text)| document(path, text, &known)).collect()
}

fn functions(text: &str) -> Vec<String> {
    let code = source::without_literals(text);
    let tokens = source::tokens(&code);
    let named = tokens.windows(2).filter_map(|pair| match pair {
        [first, second] if first.text == "fn" => Some(second.text.to_owned()),
        _ => None,
    });
    named.collect()
}

fn document(path: &str, text: &str, known: &BTreeSet<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for code in line.split('`').skip(1).step_by(2).filter(|code| is_a_sentence(code)) {
            if !known.contains(code) {
                let what = format!("no test is called `{code}`");
                let instead = "name the test that holds this now, or take the promise out";
                violations.push(Violation::at(path, index + 1, what, instead));
            }
        }
    }
    violations
}

fn is_a_sentence(code: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    code.chars().all(plain) && code.matches('_').count() >= JOINTS
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    #[test]
    fn every_test_a_document_names_exists() {
        assert_clean(check);
    }

    #[test]
    fn a_test_that_was_renamed_is_caught_and_other_code_is_not() {
        let known = functions("#[test]\nfn a_sale_is_kept() {}\n// fn a_sale_is_lost() {}\n");
        let known = known.into_iter().collect();
        let text = "held by `a_sale_is_kept`, in `till.rs` (`on_hand`, `a/b_c_d_e`)\n";
        assert!(document("a.md", text, &known).is_empty());
        let found = document("a.md", "held by `a_sale_is_lost`\n", &known);
        assert_eq!(said(&found), ["no test is called `a_sale_is_lost`"]);
    }
}
