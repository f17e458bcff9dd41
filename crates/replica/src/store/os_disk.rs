//! Real files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use crate::journal::disk::{Disk, DiskError, DiskFile};

/// Written at once where a file system cannot reserve blocks.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A folder of real files. Only its owner may read them: the device key is among them.
#[derive(Debug, Clone)]
pub struct OsDisk {
    folder: PathBuf,
}

/// A real file.
#[derive(Debug)]
pub struct OsFile {
    file: File,
    path: PathBuf,
}

/// What the operating system said, and about which file.
pub(crate) fn disk_error(path: &Path, error: &io::Error) -> DiskError {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full(text),
        ErrorKind::NotFound => DiskError::Missing(text),
        _ => DiskError::Failed(text),
    }
}

/// Flushes a folder: what was created, renamed and removed in it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl OsDisk {
    /// This folder, which must exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn create_reserved(path: &Path, bytes: u64) -> io::Result<File> {
        // Not truncated in place: an open handle to a file of that name keeps its own content.
        remove_file(path)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            _ if bytes == 0 => Ok(()),
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_zeros(&file, bytes),
            Err(error) => Err(error.into()),
        };
        if reserved.is_err() {
            // The first error is the one that matters.
            drop(fs::remove_file(path));
        }
        reserved.map(|()| file)
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_zeros(file: &File, bytes: u64) -> io::Result<()> {
    let mut at = 0;
    while at < bytes {
        let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        let part = ZEROS.get(..left).unwrap_or(&ZEROS);
        file.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}

impl Disk for OsDisk {
    type File = OsFile;

    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        let path = self.path(folder);
        let fail = |error: io::Error| disk_error(&path, &error);
        if path.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(fail)?;
        // Each folder above may be new too.
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| folder.starts_with(&self.folder)) {
            sync_folder(folder).map_err(fail)?;
            above = folder.parent();
        }
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskError> {
        let path = self.path(folder);
        let fail = |error: io::Error| disk_error(&path, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(fail)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry.map_err(fail)?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &str, bytes: u64) -> Result<OsFile, DiskError> {
        let path = self.path(path);
        match Self::create_reserved(&path, bytes) {
            Ok(file) => Ok(OsFile { file, path }),
            Err(error) => Err(disk_error(&path, &error)),
        }
    }

    fn open(&self, path: &str) -> Result<OsFile, DiskError> {
        let path = self.path(path);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Ok(OsFile { file, path }),
            Err(error) => Err(disk_error(&path, &error)),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let from = self.path(from);
        fs::rename(&from, self.path(to)).map_err(|error| disk_error(&from, &error))
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        let path = self.path(path);
        remove_file(&path).map_err(|error| disk_error(&path, &error))
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        let path = self.path(folder);
        sync_folder(&path).map_err(|error| disk_error(&path, &error))
    }

    fn free_bytes(&self) -> Option<u64> {
        let state = statvfs(&self.folder).ok()?;
        state.f_bavail.checked_mul(state.f_frsize)
    }
}

impl DiskFile for OsFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        let metadata = self.file.metadata();
        metadata.map(|data| data.len()).map_err(|error| disk_error(&self.path, &error))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(disk_error(&self.path, &error)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all_at(bytes, offset).map_err(|error| disk_error(&self.path, &error))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(|error| disk_error(&self.path, &error))
    }
}
