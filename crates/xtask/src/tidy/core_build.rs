//! The replica without its default features is its pure core: what the simulator drives, and what a
//! new platform starts from. It must compile, and pull in neither disk nor network.

use super::Violation;
use crate::commands::cargo;
use crate::tree::Tree;

/// Cargo's arguments that compile the core alone. `check` and not `build`: its packages are built
/// with other features than the workspace's, and optimising them a second time takes minutes.
pub(crate) const BUILD: &[&str] = &["check", "--package", "replica", "--no-default-features"];

/// Cargo's arguments that list what it is made of, one package a line.
const LIST: &[&str] = &[
    "tree",
    "--locked",
    "--package",
    "replica",
    "--no-default-features",
    "--edges",
    "normal",
    "--prefix",
    "none",
];

/// Disk, network, threads' runtimes and screens.
const FORBIDDEN: [&str; 11] = [
    "eframe",
    "egui",
    "mdns-sd",
    "mio",
    "quinn",
    "quinn-proto",
    "quinn-udp",
    "rustix",
    "sled",
    "socket2",
    "tokio",
];

/// Lists what the core is made of and looks for what it must do without.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    match cargo(tree, LIST).output() {
        Ok(output) if output.status.success() => packages(&String::from_utf8_lossy(&output.stdout)),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            vec![Violation::new("crates/replica", words, "make `cargo tree` work")]
        }
        Err(error) => {
            let what = format!("cargo does not start: {error}");
            vec![Violation::new("crates/replica", what, "install cargo")]
        }
    }
}

fn packages(list: &str) -> Vec<Violation> {
    let names = || list.lines().filter_map(|line| line.split_whitespace().next());
    let mut violations: Vec<Violation> = FORBIDDEN
        .iter()
        .filter(|forbidden| names().any(|name| name == **forbidden))
        .map(|forbidden| {
            let what = format!("the core alone pulls in `{forbidden}`");
            Violation::new("crates/replica/Cargo.toml", what, "put it behind a feature")
        })
        .collect();
    if !names().any(|name| name == "replica") || !names().any(|name| name == "pos-core") {
        let what = "the list does not name `replica` and `pos-core`";
        violations.push(Violation::new("crates/replica", what, "mend this rule"));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    #[test]
    fn the_core_alone_pulls_in_neither_disk_nor_network() {
        assert_clean(check);
    }

    #[test]
    fn the_core_alone_compiles() {
        let tree = Tree::open().unwrap();
        let output = cargo(&tree, BUILD).arg("--locked").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_forbidden_package_is_caught_by_its_whole_name() {
        let clean = "replica v0.1.0 (x)\npos-core v0.1.0 (x)\ntokio-like v1.0.0\n";
        assert!(packages(clean).is_empty());
        let found = packages(&format!("{clean}sled v0.34.7\nsled v0.34.7 (*)\n"));
        assert_eq!(said(&found), ["the core alone pulls in `sled`"]);
    }

    #[test]
    fn an_empty_list_is_no_proof() {
        assert_eq!(packages("").len(), 1);
    }
}
