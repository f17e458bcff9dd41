//! A snapshot's folder: the manifest, the files it names, and what is on its way in.
//!
//! ```text
//! DIR/manifest.json                       what counts; replaced in one step
//! DIR/sales/STORE/2010-12-01-HASH.parquet files never change: another content has another name
//! DIR/.incoming/HASH                      half-fetched or not yet named by the manifest
//! DIR/.lock                               one writer at a time
//! DIR/.signer                             whose manifests are taken
//! ```
//!
//! New files are put in place, then the manifest that names them, then what it does not name goes:
//! whenever the power fails, every file of the manifest in the folder is there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::manifest::{FileEntry, Manifest, ManifestError, SignedManifest};
use super::path::{FileName, Hash};
use super::schema::TABLES;
use crate::limits;

/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";
/// The lock's.
const LOCK: &str = ".lock";
/// Where files wait until all of them are there.
const INCOMING: &str = ".incoming";

/// Why a snapshot's folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The disk or its permissions.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process writes to it.
    #[error("{} is being written by another process; wait until it is done", .0.display())]
    Busy(PathBuf),
    /// A link where a folder or file of the snapshot must be.
    #[error("{} is a link; snapshots are written into real folders only: remove it", .0.display())]
    Link(PathBuf),
    /// No snapshot in it.
    #[error("{} holds no snapshot: there is no {MANIFEST} in it", .0.display())]
    NoSnapshot(PathBuf),
    /// Its manifest is damaged.
    #[error("{}: {error}", .path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        error: ManifestError,
    },
}

/// Names the file an operation failed on.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Io { path, error }
}

/// A folder that may be read.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

/// A folder this process alone writes to.
#[derive(Debug)]
pub(super) struct Writing {
    folder: Folder,
    _lock: File,
}

impl Folder {
    /// The folder; it need not exist.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The manifest in it, checked.
    pub fn manifest(&self) -> Result<SignedManifest, FolderError> {
        let bytes = self.manifest_bytes()?;
        let path = self.root.join(MANIFEST);
        SignedManifest::decode(&bytes).map_err(|error| FolderError::Manifest { path, error })
    }

    /// The manifest's bytes, not looked at.
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, FolderError> {
        let path = self.root.join(MANIFEST);
        match read_at_most(&path, limits::SNAPSHOT_MANIFEST_BYTES_MAX) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(FolderError::Manifest { path, error: ManifestError::TooLong }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FolderError::NoSnapshot(self.root.clone()))
            }
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// The bytes of a file when they are what the manifest says; `None` when it is missing or another.
    pub(super) fn intact(&self, entry: &FileEntry) -> Result<Option<Vec<u8>>, FolderError> {
        let path = entry.path.below(&self.root);
        match read_at_most(&path, entry.bytes) {
            Ok(Some(bytes)) if Hash::of(&bytes) == entry.blake3 => Ok(Some(bytes)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Every file below the tables' folders, by name; what is no name of a snapshot's file is given by
    /// its path.
    pub(super) fn files(&self) -> Result<Vec<Result<FileName, PathBuf>>, FolderError> {
        let mut files = Vec::new();
        for table in TABLES {
            let folder = self.root.join(table.name);
            for store in children(&folder)? {
                if store.is_symlink() || !store.is_dir() {
                    files.push(Err(store));
                    continue;
                }
                for file in children(&store)? {
                    let name = file
                        .strip_prefix(&self.root)
                        .ok()
                        .and_then(|below| below.to_str())
                        .and_then(|below| below.replace('\\', "/").parse().ok());
                    files.push(name.filter(|_| !file.is_symlink()).ok_or(file));
                }
            }
        }
        Ok(files)
    }

    /// Takes the folder for writing; it is made when it is not there.
    pub(super) fn write(self) -> Result<Writing, FolderError> {
        make_folder(&self.root)?;
        let path = self.root.join(LOCK);
        refuse_link(&path)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Busy(self.root)),
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        let incoming = self.root.join(INCOMING);
        make_folder(&incoming)?;
        Ok(Writing { folder: self, _lock: lock })
    }
}

impl Writing {
    /// The folder.
    pub(super) const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where a file lies until the manifest that names it is there.
    pub(super) fn incoming(&self, hash: &Hash) -> PathBuf {
        self.folder.root.join(INCOMING).join(hash.to_string())
    }

    /// Takes away what waits under a hash: the file is in place already, and what waits may be torn.
    pub(super) fn forget(&self, hash: &Hash) -> Result<(), FolderError> {
        let path = self.incoming(hash);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Lays a whole file down to wait.
    pub(super) fn put(&self, hash: &Hash, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.incoming(hash);
        refuse_link(&path)?;
        let mut file = File::create(&path).map_err(at(&path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(&path))
    }

    /// Puts what waits in place, then the manifest, then takes away what neither it nor `keep` names.
    pub(super) fn publish(
        &self,
        manifest: &SignedManifest,
        bytes: &[u8],
        keep: Option<&Manifest>,
    ) -> Result<(), FolderError> {
        let root = &self.folder.root;
        for entry in &manifest.manifest().files {
            let waiting = self.incoming(&entry.blake3);
            if !waiting.exists() {
                continue;
            }
            let place = entry.path.below(root);
            if let Some(folder) = place.parent() {
                if let Some(table) = folder.parent() {
                    make_folder(table)?;
                }
                make_folder(folder)?;
                refuse_link(&place)?;
                fs::rename(&waiting, &place).map_err(at(&place))?;
                sync_folder(folder)?;
            }
        }
        let (new, place) = (root.join(INCOMING).join(MANIFEST), root.join(MANIFEST));
        refuse_link(&place)?;
        let mut file = File::create(&new).map_err(at(&new))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(&new))?;
        fs::rename(&new, &place).map_err(at(&place))?;
        sync_folder(root)?;
        self.tidy_up(manifest.manifest(), keep)
    }

    /// Takes away files of earlier snapshots. Only what has the name of a snapshot's file is touched.
    fn tidy_up(&self, manifest: &Manifest, keep: Option<&Manifest>) -> Result<(), FolderError> {
        let named = |name: &FileName| {
            let holds =
                |one: &Manifest| one.files.binary_search_by(|file| file.path.cmp(name)).is_ok();
            holds(manifest) || keep.is_some_and(holds)
        };
        for name in self.folder.files()?.into_iter().flatten().filter(|name| !named(name)) {
            let path = name.below(&self.folder.root);
            fs::remove_file(&path).map_err(at(&path))?;
        }
        for path in children(&self.folder.root.join(INCOMING))? {
            fs::remove_file(&path).map_err(at(&path))?;
        }
        Ok(())
    }
}

/// The bytes of a file of at most `max` bytes; `None` of a longer one.
pub(super) fn read_at_most(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= max);
    Ok(fits.then_some(bytes))
}

/// Names in a folder, sorted; none of a folder that is not there.
fn children(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let paths: io::Result<Vec<PathBuf>> = read.map(|entry| entry.map(|one| one.path())).collect();
    let mut paths = paths.map_err(at(folder))?;
    paths.sort();
    Ok(paths)
}

fn refuse_link(path: &Path) -> Result<(), FolderError> {
    if path.is_symlink() { Err(FolderError::Link(path.to_owned())) } else { Ok(()) }
}

/// Makes a folder below one that is there, and its name durable. A link in its place leads elsewhere
/// and is refused; the snapshot's own folder may be one, the user named it.
fn make_folder(path: &Path) -> Result<(), FolderError> {
    if path.is_dir() {
        let is_root = path.join(LOCK).exists() || path.join(MANIFEST).exists();
        return if is_root { Ok(()) } else { refuse_link(path) };
    }
    fs::create_dir_all(path).map_err(at(path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), FolderError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|open| open.sync_all()).map_err(at(folder))
}
