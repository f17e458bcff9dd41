//! Every package we build with may be shipped in a product under MIT or Apache-2.0, and none of them
//! brings a second TLS stack.

use serde_json::Value;

use super::Violation;
use crate::commands::cargo;
use crate::tree::Tree;

/// Licences (SPDX names) that ask for no more than a notice.
const ACCEPTED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that may not come in by any way.
const BANNED: [(&str, &str); 3] = [
    ("openssl", "rustls is the TLS stack"),
    ("openssl-sys", "rustls is the TLS stack"),
    ("native-tls", "rustls is the TLS stack"),
];

/// Everything cargo would build on this platform, tests included.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut command = cargo(tree, &["metadata", "--format-version", "1", "--locked"]);
    if let Some(host) = host(tree) {
        command.args(["--filter-platform", &host]);
    }
    let failed =
        |what: String| vec![Violation::new("Cargo.toml", what, "make `cargo metadata` work")];
    match command.output() {
        Ok(output) if output.status.success() => {
            match serde_json::from_slice::<Value>(&output.stdout) {
                Ok(metadata) => packages(&metadata),
                Err(error) => failed(error.to_string()),
            }
        }
        Ok(output) => failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => failed(error.to_string()),
    }
}

/// This machine's target triple, from the compiler's own words.
fn host(tree: &Tree) -> Option<String> {
    let output = cargo(tree, &["-vV"]).output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    words.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}

fn packages(metadata: &Value) -> Vec<Violation> {
    let listed =
        |pointer: &str| metadata.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let built: Vec<&Value> = listed("/resolve/nodes").filter_map(|node| node.get("id")).collect();
    let mut violations = Vec::new();
    let mut seen = 0;
    for package in listed("/packages") {
        if !package.get("id").is_some_and(|id| built.contains(&id)) {
            continue;
        }
        seen += 1;
        let field = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = field("name");
        if !accepts(field("license")) {
            let what = format!("`{name}` is licensed {:?}", field("license"));
            violations.push(Violation::new("Cargo.lock", what, "choose another package"));
        }
        if let Some(&(_, instead)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            violations.push(Violation::new("Cargo.lock", format!("`{name}`"), instead));
        }
    }
    if seen == 0 {
        let what = "no package listed";
        violations.push(Violation::new("Cargo.lock", what, "mend this rule"));
    }
    violations
}

/// Whether an SPDX expression can be satisfied with accepted licences. `AND` binds closer than
/// `OR`; the old `MIT/Apache-2.0` means `OR`.
fn accepts(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(rest: &mut &[&str]) -> bool {
    let mut accepted = all_of(rest);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        accepted |= all_of(rest);
    }
    accepted
}

fn all_of(rest: &mut &[&str]) -> bool {
    let mut accepted = one(rest);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        accepted &= one(rest);
    }
    accepted
}

fn one(rest: &mut &[&str]) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let accepted = any_of(rest);
            let closed = matches!(*rest, [")", ..]);
            *rest = rest.get(1..).unwrap_or_default();
            accepted && closed
        }
        // An exception only adds permissions.
        [name, "WITH", _, tail @ ..] | [name, tail @ ..] => {
            *rest = tail;
            ACCEPTED.contains(name)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{assert_clean, said};
    use super::*;

    fn says(name: &str, license: &Value) -> Vec<String> {
        let metadata = json!({
            "packages": [
                { "id": "1", "name": name, "license": license },
                { "id": "2", "name": "not built here", "license": "GPL-3.0-only" },
            ],
            "resolve": { "nodes": [{ "id": "1" }] },
        });
        said(&packages(&metadata))
    }

    #[test]
    fn every_package_of_this_workspace_may_be_shipped() {
        assert_clean(check);
    }

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "(MIT OR LGPL-2.1) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
            "GPL-2.0-only AND MIT OR ISC",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT", "MIT)", "MIT OR", "MIT ISC"]
        {
            let expected = bad == "MIT OR"; // One good side is enough.
            assert_eq!(accepts(bad), expected, "{bad}");
        }
    }

    #[test]
    fn a_strict_licence_a_missing_one_and_a_banned_package_are_caught() {
        assert!(says("fine", &json!("MIT")).is_empty());
        assert_eq!(says("viral", &json!("GPL-3.0")), ["`viral` is licensed \"GPL-3.0\""]);
        assert_eq!(says("mute", &Value::Null), ["`mute` is licensed \"\""]);
        assert_eq!(says("openssl", &json!("Apache-2.0")), ["`openssl`"]);
    }

    #[test]
    fn an_empty_list_is_no_proof() {
        assert_eq!(said(&packages(&json!({}))), ["no package listed"]);
    }
}
