//! Packages that live in one place: the runtime and the network in the replica's network, the map in
//! its disk, the documents behind their gate, the screen in the till. `arrows` asks here about
//! manifests; here the sources themselves are read, because a manifest opens a whole crate.

use std::collections::BTreeSet;

use super::Violation;
use super::source::{self, Kind, Token};
use crate::tree::{Tree, is_a};

/// A package and where it may be named. The package of suites is exempt: it ships nowhere.
pub(super) struct Home {
    /// Its name in the registry.
    pub(super) package: &'static str,
    rooms: &'static [Room],
}

/// A crate, and the folders in it; none means all of it.
struct Room {
    name: &'static str,
    folders: &'static [&'static str],
}

const fn room(name: &'static str, folders: &'static [&'static str]) -> Room {
    Room { name, folders }
}

// Suites of the transport speak for hostile peers, which no API of ours does.
const NETWORK: &[Room] =
    &[room("replica", &["src/net/", "tests/net"]), room("terminal", &[]), room("hub", &[])];
const SCREEN: &[Room] = &[room("terminal", &["src/window/", "tests/window"])];

/// Every package with a home. Moving one is a decision: say why in the commit.
pub(super) const HOMES: [Home; 9] = [
    Home { package: "automerge", rooms: &[room("replica", &["src/documents/"])] },
    Home { package: "eframe", rooms: SCREEN },
    Home { package: "egui", rooms: SCREEN },
    Home { package: "mdns-sd", rooms: NETWORK },
    Home { package: "quinn", rooms: NETWORK },
    Home { package: "rustix", rooms: &[room("replica", &["src/store/", "src/net/"])] },
    // Only what we are compared with.
    Home { package: "samod", rooms: &[] },
    Home { package: "sled", rooms: &[room("replica", &["src/store/"])] },
    Home { package: "tokio", rooms: NETWORK },
];

impl Home {
    /// The home of a package; `None` for one that may live anywhere.
    pub(super) fn of(package: &str) -> Option<&'static Self> {
        HOMES.iter().find(|home| home.package == package)
    }

    /// Whether a crate's manifest may name it.
    pub(super) fn opens_to(&self, name: &str) -> bool {
        self.rooms.iter().any(|room| room.name == name)
    }

    /// Whether a source file may name it, `path` being relative to `crates/`.
    fn holds(&self, path: &str) -> bool {
        self.rooms.iter().any(|room| {
            let inside = path.strip_prefix(room.name).and_then(|rest| rest.strip_prefix('/'));
            inside.is_some_and(|rest| {
                room.folders.is_empty() || room.folders.iter().any(|one| rest.starts_with(one))
            })
        })
    }

    /// As a path in Rust begins with it.
    fn word(&self) -> String {
        self.package.replace('-', "_")
    }
}

/// Every source file of the crates, test code included.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    sources(&tree.texts(|path| path.starts_with("crates/") && is_a(path, "rs")))
}

/// Source files by path and text.
fn sources(files: &[(&str, String)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut at_home = 0;
    for (path, text) in files {
        let code = source::without_literals(text);
        let tokens = source::tokens(&code);
        for home in &HOMES {
            let lines = lines_that_name(&home.word(), &tokens);
            if path.strip_prefix("crates/").is_some_and(|inside| home.holds(inside)) {
                at_home += lines.len();
                continue;
            }
            violations.extend(lines.into_iter().map(|line| {
                let instead = "this package has another home: go through what that folder offers";
                Violation::at(path, line, format!("`{}`", home.word()), instead)
            }));
        }
    }
    if at_home == 0 {
        let what = "no package was found at home";
        violations.push(Violation::new("crates", what, "tell this rule where they went"));
    }
    violations
}

/// Where a package is named: as a part of a path, which a re-export is too, or alone in an import. A
/// lone word elsewhere is a variable or a field.
fn lines_that_name(package: &str, tokens: &[Token<'_>]) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    let mut named = |tokens: &[Token<'_>], alone: bool| {
        let paths = source::paths(tokens);
        let naming = paths.iter().filter(|path| path.segments.contains(&package));
        lines.extend(naming.filter(|path| alone || path.segments.len() > 1).map(|path| path.line));
    };
    named(tokens, false);
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        // `impl Trait + use<'a>` imports nothing.
        let captures = rest.first().is_some_and(|next| next.text == "<");
        let imports = token.kind == Kind::Word && matches!(token.text, "use" | "extern");
        if imports && !captures {
            let end = rest.iter().position(|one| matches!(one.text, ";" | "fn" | "(" | "="));
            named(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default(), true);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    /// A tree in which everything is at home, and one more file.
    fn with(path: &str, text: &str) -> Vec<String> {
        let files = [
            ("crates/replica/src/store/map.rs", "use sled::Db;".to_owned()),
            ("crates/replica/src/documents/cart.rs", "use automerge::Change;".to_owned()),
            (path, text.to_owned()),
        ];
        said(&sources(&files))
    }

    #[test]
    fn every_package_of_this_workspace_is_at_home() {
        assert_clean(check);
    }

    #[test]
    fn every_package_is_caught_in_a_crate_that_is_not_its_home() {
        for home in &HOMES {
            let word = home.word();
            let found = with("crates/pos-core/src/x.rs", &format!("use {word}::Thing;"));
            assert_eq!(found, [format!("`{word}`")]);
        }
    }

    #[test]
    fn in_its_own_crate_a_package_is_let_through_in_its_folder_only() {
        for (package, folder) in [
            ("automerge", "documents"),
            ("mdns_sd", "net"),
            ("quinn", "net"),
            ("sled", "store"),
            ("tokio", "net"),
        ] {
            let text = format!("fn f() {{ {package}::spawn(); }}");
            let at_home = format!("crates/replica/src/{folder}/x.rs");
            assert!(with(&at_home, &text).is_empty(), "{at_home}");
            for away in ["src/core/x.rs", "src/lib.rs", "src/nets/x.rs", "tests/x.rs", "build.rs"] {
                let found = with(&format!("crates/replica/{away}"), &text);
                assert_eq!(found, [format!("`{package}`")], "{away}");
            }
        }
    }

    #[test]
    fn the_till_and_the_hub_have_the_network_and_only_the_till_a_screen() {
        for crate_of_ours in ["terminal", "hub"] {
            let path = format!("crates/{crate_of_ours}/src/x.rs");
            assert!(with(&path, "use quinn::Endpoint; use tokio::net; use mdns_sd::X;").is_empty());
            assert_eq!(with(&path, "use sled::Db;"), ["`sled`"]);
            assert_eq!(with(&path, "use automerge::Change;"), ["`automerge`"]);
        }
        let screen = "use egui::Ui; use eframe::App;";
        assert!(with("crates/terminal/src/window/x.rs", screen).is_empty());
        // Not all of the till is its window.
        assert_eq!(with("crates/terminal/src/counter/x.rs", screen).len(), 2);
        assert_eq!(with("crates/hub/src/x.rs", "use egui::Ui; use eframe::App;").len(), 2);
        // A crate of which the name begins as a home's does is not that home.
        assert_eq!(with("crates/terminals/src/x.rs", "use egui::Ui;"), ["`egui`"]);
    }

    #[test]
    fn every_way_to_name_a_package_is_seen() {
        for text in [
            "use tokio;",
            "pub use tokio as runtime;",
            "use {std::fmt, tokio};",
            "use {std::fmt, tokio::{net, time}};",
            "use crate::net::tokio;",
            "extern crate tokio;",
            "extern crate tokio as runtime;",
            "fn f(x: &::tokio::sync::Notify) {}",
            "#[tokio::test] fn f() {}",
            "fn f() { tokio::select! {} }",
            "#[cfg(test)] mod tests { use tokio::time; }",
        ] {
            assert_eq!(with("crates/replica/src/core/x.rs", text), ["`tokio`"], "{text}");
        }
    }

    #[test]
    fn what_looks_alike_is_let_through() {
        let text = r#"
            //! As `tokio::spawn` does.
            use crate::tokio_like::Thing;
            fn f<'a>(self, tokio: u8) -> impl Fn() + use<'a> { let x = self.sled; "quinn::Endpoint" }
            extern "C" fn g(automerge: u8) {}
        "#;
        assert!(with("crates/replica/src/core/x.rs", text).is_empty());
    }

    #[test]
    fn the_line_is_named() {
        let text = "use std::fmt;\nuse std::{\n    io,\n};\nuse sled::{\n    Db,\n};\n".to_owned();
        let found = sources(&[("crates/hub/src/x.rs", text)]);
        assert_eq!(found.first().and_then(|one| one.line), Some(6));
    }

    #[test]
    fn a_tree_without_any_of_them_is_no_proof() {
        assert_eq!(said(&sources(&[])), ["no package was found at home"]);
    }
}
