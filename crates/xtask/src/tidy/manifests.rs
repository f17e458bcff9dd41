//! What every manifest states, and that the build asks nothing of the machine it runs on.

use toml::{Table, Value};

use super::Violation;
use crate::tree::Tree;

/// What each package takes from the root instead of stating it again.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// The one source of packages, as the lock file writes it.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every manifest, the lock file, the list of files.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = toolchain_files(tree.files());
    match tree.manifests() {
        Ok(manifests) => {
            let packages = manifests.iter().filter(|(path, _)| *path != "Cargo.toml");
            violations.extend(packages.flat_map(|(path, manifest)| package(path, manifest)));
        }
        Err(error) => violations.push(Violation::new("Cargo.toml", error, "write valid TOML")),
    }
    violations.extend(lock(&tree.text("Cargo.lock").unwrap_or_default()));
    violations.extend(cargo_config(&tree.text(".cargo/config.toml").unwrap_or_default()));
    violations
}

fn package(path: &str, manifest: &Table) -> Vec<Violation> {
    let mut violations = Vec::new();
    let package = manifest.get("package");
    let description = package.and_then(|package| package.get("description")?.as_str());
    if description.is_none_or(|text| text.trim().is_empty()) {
        violations.push(Violation::new(path, "no description", "say in one line what it is for"));
    }
    for key in INHERITED {
        let field = package.and_then(|package| package.get(key)?.get("workspace")?.as_bool());
        if field != Some(true) {
            let what = format!("`{key}` is not the workspace's");
            violations.push(Violation::new(path, what, "write `….workspace = true`"));
        }
    }
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
    if lints != Some(true) {
        let instead = "write `[lints]` and `workspace = true`";
        violations.push(Violation::new(path, "the workspace's lints are not in force", instead));
    }
    violations
}

/// A channel that is not installed makes the toolchain manager try a download before anything runs.
fn toolchain_files<'a>(files: impl Iterator<Item = &'a str>) -> Vec<Violation> {
    files
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            name == "rust-toolchain" || name == "rust-toolchain.toml"
        })
        .map(|path| Violation::new(path, "a toolchain file", "`rust-version` says what is needed"))
        .collect()
}

fn lock(text: &str) -> Vec<Violation> {
    let packages = toml::from_str::<Table>(text)
        .ok()
        .and_then(|mut lock| lock.remove("package"))
        .and_then(|packages| packages.as_array().cloned())
        .unwrap_or_default();
    if packages.is_empty() {
        let what = "no locked package can be read";
        return vec![Violation::new("Cargo.lock", what, "commit the lock file")];
    }
    let text_of =
        |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    packages
        .iter()
        .filter_map(|package| {
            // Without a source it is one of ours.
            let source = text_of(package, "source").filter(|source| source != SOURCE)?;
            let name = text_of(package, "name").unwrap_or_default();
            let what = format!("`{name}` comes from {source}");
            Some(Violation::new("Cargo.lock", what, "take it from crates.io"))
        })
        .collect()
}

/// Where packages come from and what links them is the machine's affair, not the repository's.
fn cargo_config(text: &str) -> Vec<Violation> {
    let path = ".cargo/config.toml";
    let Ok(config) = toml::from_str::<Table>(text) else {
        return vec![Violation::new(path, "not TOML", "write valid TOML")];
    };
    ["source", "registries", "registry", "build", "target", "net", "http"]
        .iter()
        .filter(|key| config.contains_key(**key))
        .map(|key| {
            let what = format!("`[{key}]` ties the build to one machine");
            Violation::new(path, what, "set it in your own cargo home")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    const RIGHT: &str = "
        [package]
        description = 'The domain.'
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        publish.workspace = true
        [lints]
        workspace = true
    ";

    fn package_says(text: &str) -> Vec<String> {
        said(&package("x/Cargo.toml", &toml::from_str(text).unwrap()))
    }

    #[test]
    fn every_manifest_of_this_workspace_is_complete() {
        assert_clean(check);
    }

    #[test]
    fn a_missing_description_field_or_lint_table_is_caught() {
        assert!(package_says(RIGHT).is_empty());
        assert_eq!(package_says(&RIGHT.replace("The domain.", " ")), ["no description"]);
        let own = RIGHT.replace("edition.workspace = true", "edition = '2021'");
        assert_eq!(package_says(&own), ["`edition` is not the workspace's"]);
        let unlinted = RIGHT.split("[lints]").next().unwrap();
        assert_eq!(package_says(unlinted), ["the workspace's lints are not in force"]);
    }

    #[test]
    fn a_toolchain_file_is_caught_anywhere() {
        let files = ["src/rust-toolchain.rs", "rust-toolchain", "crates/hub/rust-toolchain.toml"];
        let found = toolchain_files(files.into_iter());
        assert_eq!(said(&found), ["a toolchain file", "a toolchain file"]);
    }

    #[test]
    fn a_package_from_elsewhere_or_an_unreadable_lock_file_is_caught() {
        let lock_of = |source: &str| {
            format!("[[package]]\nname='a'\nsource='{SOURCE}'\n[[package]]\nname='b'\n{source}")
        };
        assert!(lock(&lock_of("")).is_empty());
        let found = lock(&lock_of("source='git+https://example.org/b'"));
        assert_eq!(said(&found), ["`b` comes from git+https://example.org/b"]);
        assert_eq!(said(&lock("")), ["no locked package can be read"]);
    }

    #[test]
    fn a_build_tied_to_one_machine_is_caught() {
        assert!(cargo_config("[alias]\nxtask = 'run'").is_empty());
        let found = cargo_config("[source.crates-io]\nreplace-with = 'mirror'");
        assert_eq!(said(&found), ["`[source]` ties the build to one machine"]);
    }
}
