//! Which crate may depend on which, and on what from outside. Arrows point down only: terminal and
//! hub on replica and devices, those on pos-core, pos-core on nothing of ours.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::Violation;
use super::homes::Home;
use crate::tree::Tree;

/// What one crate may name in its `[dependencies]`.
struct Allowed {
    name: &'static str,
    ours: &'static [&'static str],
    external: &'static [&'static str],
}

/// The crates that ship, lowest first. Adding a line here is a decision: say why in the commit.
const CRATES: [Allowed; 6] = [
    Allowed {
        name: "pos-core",
        ours: &[],
        external: &["iso_currency", "jiff", "postcard", "rust_decimal", "serde", "thiserror"],
    },
    Allowed {
        name: "replica",
        ours: &["pos-core"],
        external: &[
            "automerge",
            "bip39",
            "blake3",
            "crc32c",
            "ed25519-dalek",
            "if-addrs",
            "mdns-sd",
            "postcard",
            "quinn",
            "rcgen",
            "rustix",
            "rustls",
            "serde",
            "sha2",
            "sled",
            "socket2",
            "thiserror",
            "tokio",
            "zstd",
        ],
    },
    Allowed {
        name: "devices",
        ours: &["pos-core"],
        external: &[
            "ab_glyph",
            "barcoders",
            "clap",
            "png",
            "qrcode",
            "serde",
            "serde_json",
            "thiserror",
            "unicode-width",
        ],
    },
    Allowed {
        name: "terminal",
        ours: &["devices", "pos-core", "replica"],
        external: &[
            "blake3",
            "clap",
            "comfy-table",
            "csv",
            "eframe",
            "egui",
            "flate2",
            "fluent-bundle",
            "fst",
            "getrandom",
            "indicatif",
            "jiff",
            "levenshtein_automata",
            "mimalloc",
            "qrcode",
            "rust_decimal",
            "serde",
            "serde_json",
            "signal-hook",
            "thiserror",
            "unic-langid",
            "unicode-normalization",
        ],
    },
    Allowed {
        name: "hub",
        ours: &["pos-core", "replica"],
        external: &[
            "axum",
            "blake3",
            "bytes",
            "clap",
            "comfy-table",
            "ed25519-dalek",
            "getrandom",
            "jiff",
            "jsonwebtoken",
            "maud",
            "parquet",
            "ring",
            "rust_decimal",
            "rustls",
            "serde",
            "serde_json",
            "signal-hook",
            "signature",
            "thiserror",
            "tokio",
            "tower-http",
            "ureq",
            "utoipa",
            "utoipa-axum",
        ],
    },
    Allowed {
        name: "xtask",
        ours: &[],
        external: &[
            "clap",
            "comfy-table",
            "rust_decimal",
            "serde",
            "serde_json",
            "tempfile",
            "toml",
            "ureq",
        ],
    },
];

/// The package of suites: it may use every crate, no crate may use it.
const SUITES: &str = "tests";

/// The feature of the replica that only the package of suites may ask for.
const SIMULATION: &str = "simulation";

/// What a feature must bring in, crate by crate, and why.
const OPTIONAL: [(&str, &[&str], &str); 2] = [
    (
        "replica",
        &["sled", "rustix", "tokio", "quinn", "mdns-sd"],
        "make it optional and let a feature bring it in: the core is built without",
    ),
    (
        SUITES,
        &["samod"],
        "make it optional and let `bench` bring it in: the suites do not wait for it",
    ),
];

/// Every manifest of the workspace against the tables above.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    match tree.manifests() {
        Ok(manifests) => workspace(&manifests),
        Err(error) => vec![Violation::new("Cargo.toml", error, "write valid TOML")],
    }
}

fn workspace(manifests: &BTreeMap<String, Table>) -> Vec<Violation> {
    let renamed = renamed(manifests);
    let packages: Vec<(&str, &str, &Table)> = manifests
        .iter()
        .filter_map(|(path, manifest)| Some((&path[..], name_of(manifest)?, manifest)))
        .collect();
    let ours: Vec<&str> = packages.iter().map(|&(_, name, _)| name).collect();
    let mut violations = Vec::new();
    for &(path, name, manifest) in &packages {
        let dependencies = dependencies(manifest, &renamed);
        if name != SUITES {
            for_the_simulator(path, &dependencies, &mut violations);
            one_crate(path, name, &dependencies, &ours, &mut violations);
        }
        by_a_feature(path, name, &dependencies, &mut violations);
        for dependency in dependencies.iter().filter(|one| !one.inherited) {
            let what = format!("`{}` states a version or path of its own", dependency.package);
            let instead = "put it into the root's [workspace.dependencies] and inherit it";
            violations.push(Violation::new(path, what, instead));
        }
    }
    for allowed in CRATES.iter().filter(|allowed| !ours.contains(&allowed.name)) {
        let what = format!("the crate `{}` is not in the workspace", allowed.name);
        violations.push(Violation::new("Cargo.toml", what, "take it out of the table of arrows"));
    }
    violations
}

fn one_crate(
    path: &str,
    name: &str,
    dependencies: &[Dependency],
    ours: &[&str],
    violations: &mut Vec<Violation>,
) {
    let Some(allowed) = CRATES.iter().find(|allowed| allowed.name == name) else {
        let what = format!("the crate `{name}` has no place in the table of arrows");
        violations.push(Violation::new(path, what, "say there what it may depend on"));
        return;
    };
    for dependency in dependencies {
        let package = dependency.package.as_str();
        let mut broken = |instead: &'static str| {
            let what = format!("`{name}` depends on `{package}`");
            violations.push(Violation::new(path, what, instead));
        };
        if ours.contains(&package) {
            if !allowed.ours.contains(&package) {
                broken("arrows point down: move what both need to the lower crate");
            }
        } else if dependency.kind != Kind::Dev && !allowed.external.contains(&package) {
            broken("do without it, or justify it in the table of arrows");
        }
        // In dev- and build-dependencies too.
        match Home::of(package) {
            Some(home) if !home.opens_to(name) => {
                broken("this package has another home: go through the crate that holds it");
            }
            Some(_) if dependency.alias != package => {
                broken("call it by its own name, so that the rule over the sources sees it");
            }
            _ => {}
        }
    }
}

/// Bugs that can be switched on, and signatures that anybody could make, belong into no program that
/// ships.
fn for_the_simulator(path: &str, dependencies: &[Dependency], violations: &mut Vec<Violation>) {
    for one in dependencies.iter().filter(|one| one.features.iter().any(|name| name == SIMULATION))
    {
        let what = format!("`{}` is asked for with the feature `{SIMULATION}`", one.package);
        violations.push(Violation::new(path, what, "leave it to the package of suites"));
    }
}

fn by_a_feature(
    path: &str,
    name: &str,
    dependencies: &[Dependency],
    violations: &mut Vec<Violation>,
) {
    for (_, packages, instead) in OPTIONAL.iter().filter(|(holder, ..)| *holder == name) {
        let always = dependencies.iter().filter(|one| {
            one.kind == Kind::Normal && !one.optional && packages.contains(&one.package.as_str())
        });
        violations.extend(always.map(|one| {
            Violation::new(path, format!("`{name}` depends on `{}`", one.package), instead)
        }));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Build,
    Dev,
}

#[derive(Debug)]
struct Dependency {
    /// The package's real name, whatever the manifest calls it.
    package: String,
    /// What the manifest calls it.
    alias: String,
    kind: Kind,
    optional: bool,
    features: Vec<String>,
    /// Taken from the root's `[workspace.dependencies]`.
    inherited: bool,
}

fn name_of(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// Real names of what the root's `[workspace.dependencies]` calls otherwise.
fn renamed(manifests: &BTreeMap<String, Table>) -> BTreeMap<&str, &str> {
    manifests
        .get("Cargo.toml")
        .and_then(|root| root.get("workspace")?.get("dependencies")?.as_table())
        .into_iter()
        .flatten()
        .filter_map(|(alias, entry)| Some((alias.as_str(), entry.get("package")?.as_str()?)))
        .collect()
}

fn dependencies(manifest: &Table, renamed: &BTreeMap<&str, &str>) -> Vec<Dependency> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut found = Vec::new();
    for table in tables.chain([manifest]) {
        for (section, kind) in [
            ("dependencies", Kind::Normal),
            ("build-dependencies", Kind::Build),
            ("dev-dependencies", Kind::Dev),
        ] {
            let entries = table.get(section).and_then(Value::as_table);
            for (alias, entry) in entries.into_iter().flatten() {
                let flag = |key| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
                let own_name = entry.get("package").and_then(Value::as_str);
                let features =
                    entry.get("features").and_then(Value::as_array).into_iter().flatten();
                let features = features.filter_map(Value::as_str).map(str::to_owned).collect();
                let package = own_name.or_else(|| renamed.get(&alias[..]).copied());
                found.push(Dependency {
                    package: package.unwrap_or(alias).to_owned(),
                    alias: alias.clone(),
                    kind,
                    optional: flag("optional"),
                    features,
                    inherited: flag("workspace"),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    /// A workspace in order, except for what is put under `extra` in the crate `name`.
    fn with(name: &str, extra: &str) -> Vec<String> {
        let mut manifests = BTreeMap::new();
        let root = "[workspace.dependencies]\nfast-map = { version = '1', package = 'sled' }";
        manifests.insert("Cargo.toml".to_owned(), toml::from_str(root).unwrap());
        for package in CRATES.iter().map(|allowed| allowed.name).chain([SUITES]) {
            let extra = if package == name { extra } else { "" };
            let text = format!("package.name = '{package}'\n{extra}");
            manifests
                .insert(format!("crates/{package}/Cargo.toml"), toml::from_str(&text).unwrap());
        }
        said(&workspace(&manifests))
    }

    #[test]
    fn every_arrow_of_this_workspace_points_down() {
        assert_clean(check);
    }

    #[test]
    fn a_workspace_in_order_passes() {
        assert!(with("", "").is_empty());
        assert!(with("terminal", "dependencies.replica.workspace = true").is_empty());
        assert!(with(SUITES, "dev-dependencies.sled.workspace = true").is_empty());
    }

    #[test]
    fn an_arrow_that_points_up_is_caught_in_every_section() {
        let wrong = ["`devices` depends on `replica`"];
        assert_eq!(with("devices", "dependencies.replica.workspace = true"), wrong);
        assert_eq!(with("devices", "dev-dependencies.replica.workspace = true"), wrong);
        assert_eq!(
            with("devices", "target.'cfg(unix)'.dependencies.replica.workspace = true"),
            wrong
        );
        let wrong = ["`pos-core` depends on `tests`"];
        assert_eq!(with("pos-core", "build-dependencies.tests.workspace = true"), wrong);
    }

    #[test]
    fn a_package_outside_the_table_is_caught_but_not_in_tests() {
        let wrong = ["`pos-core` depends on `regex`"];
        assert_eq!(with("pos-core", "dependencies.regex.workspace = true"), wrong);
        assert!(with("pos-core", "dev-dependencies.regex.workspace = true").is_empty());
    }

    #[test]
    fn a_package_away_from_home_is_caught_under_another_name_too() {
        let twice = ["`hub` depends on `sled`", "`hub` depends on `sled`"];
        assert_eq!(with("hub", "dependencies.fast-map.workspace = true"), twice);
        let once = ["`hub` depends on `sled`"];
        assert_eq!(with("hub", "dev-dependencies.fast-map.workspace = true"), once);
    }

    #[test]
    fn the_replica_takes_the_disk_only_by_a_feature() {
        let wrong = ["`replica` depends on `sled`"];
        assert_eq!(with("replica", "dependencies.sled.workspace = true"), wrong);
        let right = "dependencies.sled = { workspace = true, optional = true }";
        assert!(with("replica", right).is_empty());
    }

    #[test]
    fn a_package_at_home_keeps_its_name() {
        let aliased = "dependencies.fast-map = { workspace = true, optional = true }";
        assert_eq!(with("replica", aliased), ["`replica` depends on `sled`"]);
    }

    #[test]
    fn what_we_are_compared_with_ships_nowhere_and_is_built_only_to_compare() {
        let twice = ["`terminal` depends on `samod`", "`terminal` depends on `samod`"];
        assert_eq!(with("terminal", "dependencies.samod.workspace = true"), twice);
        let once = ["`replica` depends on `samod`"];
        assert_eq!(with("replica", "dev-dependencies.samod.workspace = true"), once);
        let wrong = ["`tests` depends on `samod`"];
        assert_eq!(with(SUITES, "dependencies.samod.workspace = true"), wrong);
        let right = "dependencies.samod = { workspace = true, optional = true }";
        assert!(with(SUITES, right).is_empty());
    }

    #[test]
    fn the_owners_packages_are_caught_in_every_crate_that_is_not_their_home() {
        for (package, homes) in [
            ("automerge", &["replica"][..]),
            ("eframe", &["terminal"]),
            ("egui", &["terminal"]),
            ("mdns-sd", &["replica", "terminal", "hub"]),
            ("quinn", &["replica", "terminal", "hub"]),
            ("sled", &["replica"]),
            ("tokio", &["replica", "terminal", "hub"]),
        ] {
            for Allowed { name, .. } in CRATES {
                let found = with(name, &format!("dev-dependencies.{package}.workspace = true"));
                assert_eq!(found.is_empty(), homes.contains(&name), "{package} in {name}");
            }
        }
    }

    #[test]
    fn the_hooks_of_the_simulator_are_caught_in_every_crate_that_ships() {
        let asks = "dependencies.replica = { workspace = true, features = ['simulation'] }";
        let said = "`replica` is asked for with the feature `simulation`";
        for name in ["terminal", "hub"] {
            assert_eq!(with(name, asks), [said], "{name}");
        }
        assert!(with(SUITES, asks).is_empty());
    }

    #[test]
    fn a_version_outside_the_root_is_caught() {
        let wrong = ["`serde` states a version or path of its own"];
        assert_eq!(with("pos-core", "dependencies.serde = '1'"), wrong);
    }

    #[test]
    fn a_crate_nobody_placed_or_that_is_gone_is_caught() {
        let stray = toml::from_str("package.name = 'stray'").unwrap();
        let manifests = BTreeMap::from([("crates/stray/Cargo.toml".to_owned(), stray)]);
        let said = said(&workspace(&manifests));
        assert_eq!(said[0], "the crate `stray` has no place in the table of arrows");
        assert_eq!(said.len(), 1 + CRATES.len());
    }
}
