//! The files of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Table;

/// The repository: its root and its files, as `git` would commit them now.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<String>,
}

impl Tree {
    /// Lists the files of the repository this crate was built in.
    pub(crate) fn open() -> io::Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.ancestors().nth(2).unwrap_or(package).to_path_buf();
        let mut files = match listed_by_git(&root) {
            Some(files) => files,
            // A source archive has no history: take what lies there.
            None => found_on_disk(&root)?,
        };
        files.retain(|path| root.join(path).is_file());
        files.sort();
        files.dedup();
        Ok(Self { root, files })
    }

    /// The folder all paths are relative to.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Paths relative to the root, with forward slashes, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Whether a file of this path belongs to the repository, or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files().any(|file| file == path || file.starts_with(&folder))
    }

    /// A file's text; `None` where it is not text (an image, an archive, golden bytes).
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.root.join(path)).ok()?;
        if bytes.contains(&0) {
            return None;
        }
        String::from_utf8(bytes).ok()
    }

    /// All text files that a test on the path selects.
    pub(crate) fn texts(&self, select: impl Fn(&str) -> bool) -> Vec<(&str, String)> {
        self.files()
            .filter(|path| select(path))
            .filter_map(|path| Some((path, self.text(path)?)))
            .collect()
    }

    /// Every manifest of a package by its path, the root's first; the error names the file that
    /// cannot be read.
    pub(crate) fn manifests(&self) -> Result<BTreeMap<String, Table>, String> {
        let mut manifests = BTreeMap::new();
        for (path, text) in self.texts(|path| Path::new(path).ends_with("Cargo.toml")) {
            // cargo-fuzz wants a workspace of its own: built by hand, shipped nowhere.
            if path == "fuzz/Cargo.toml" {
                continue;
            }
            let table = toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
            manifests.insert(path.to_owned(), table);
        }
        Ok(manifests)
    }
}

/// Whether a path ends in `.extension`, in lower case as all of ours are.
pub(crate) fn is_a(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        // A build machine often checks out as another user than the one it builds as.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let names = String::from_utf8(output.stdout).ok()?;
    let files: Vec<String> =
        names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    // An unpacked archive inside somebody else's repository is ignored by it, or seen whole.
    files.iter().any(|file| file == "Cargo.toml").then_some(files)
}

fn found_on_disk(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // Cargo marks its build folders so, whatever they are called.
        if folder.join("CACHEDIR.TAG").exists() || folder.ends_with(".git") {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                files.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_the_disk_list_the_same_sources() {
        let tree = Tree::open().unwrap();
        let mut on_disk = found_on_disk(tree.root()).unwrap();
        on_disk.sort();
        for path in tree.files().filter(|path| path.starts_with("crates/")) {
            assert!(on_disk.binary_search(&path.to_owned()).is_ok(), "{path}");
        }
        assert!(tree.has("crates/xtask/src/tree.rs"));
        assert!(tree.has("crates/xtask"));
        assert!(!tree.has("crates/xtas"));
    }
}
