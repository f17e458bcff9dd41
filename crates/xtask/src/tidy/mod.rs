//! The rules of this repository that no compiler checks, as code. `cargo xtask lint` runs them, and
//! so does `cargo test`: each rule is a test of the real files beside tests that it catches what
//! it is there for.

mod arrows;
pub(crate) mod core_build;
mod files;
mod homes;
mod licences;
mod links;
mod manifests;
mod proofs;
mod pure;
mod source;
mod wire;

use std::fmt;

use crate::tree::Tree;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    line: Option<usize>,
    what: String,
    instead: &'static str,
}

impl Violation {
    fn new(path: &str, what: impl Into<String>, instead: &'static str) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into(), instead }
    }

    fn at(path: &str, line: usize, what: impl Into<String>, instead: &'static str) -> Self {
        Self { line: Some(line), ..Self::new(path, what, instead) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}; {}", self.what, self.instead)
    }
}

type Check = fn(&Tree) -> Vec<Violation>;

/// Every rule by name. A rule that finds nothing to look at is broken too.
const CHECKS: [(&str, Check); 10] = [
    ("arrows between crates", arrows::check),
    ("packages at home", homes::check),
    ("manifests", manifests::check),
    ("pure parts", pure::check),
    ("dependencies of the core alone", core_build::check),
    ("files", files::check),
    ("links in the docs", links::check),
    ("formats as described", wire::check),
    ("tests the docs name", proofs::check),
    ("licences", licences::check),
];

/// Runs every rule; the error lists the places that break one.
pub(crate) fn run(tree: &Tree) -> Result<(), String> {
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        let violations = check(tree);
        println!("{name}: {}", if violations.is_empty() { "ok" } else { "broken" });
        broken.extend(violations.iter().map(ToString::to_string));
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Runs one rule over the real files, in a test.
#[cfg(test)]
fn assert_clean(check: Check) {
    let violations = check(&Tree::open().unwrap());
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

/// What a rule says, in a test of the rule.
#[cfg(test)]
fn said(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(|violation| violation.what.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_as_place_fault_and_remedy() {
        let violation = Violation::at("a/b.rs", 3, "`std::fs`", "take bytes");
        assert_eq!(violation.to_string(), "a/b.rs:3: `std::fs`; take bytes");
        let violation = Violation::new("Cargo.toml", "no licence", "state one");
        assert_eq!(violation.to_string(), "Cargo.toml: no licence; state one");
    }
}
