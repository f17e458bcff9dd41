//! The few things the journal asks of files, so that a disk can be real, in memory, or failing.
//! Paths are relative to the till's folder and use `/`.

use thiserror::Error;

use crate::storage::StorageError;

/// Why a disk did not do something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiskError {
    /// No space is left.
    #[error("{0}")]
    Full(String),
    /// There is no such file.
    #[error("{0} is missing")]
    Missing(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<DiskError> for StorageError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Full(text) => Self::Full(text),
            DiskError::Missing(_) | DiskError::Failed(_) => Self::Io(error.to_string()),
        }
    }
}

/// A folder with files in it.
pub trait Disk: std::fmt::Debug {
    /// An open file.
    type File: DiskFile;

    /// Creates a folder and those above it; fine if it exists.
    fn make_folder(&self, folder: &str) -> Result<(), DiskError>;

    /// Names of the files in a folder, sorted.
    fn list(&self, folder: &str) -> Result<Vec<String>, DiskError>;

    /// Creates a file of `bytes` zeros with all its blocks reserved, in place of one of that name.
    /// Leaves nothing behind when it fails.
    fn create(&self, path: &str, bytes: u64) -> Result<Self::File, DiskError>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &str) -> Result<Self::File, DiskError>;

    /// Renames a file, in place of one of that name.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file; fine if there is none.
    fn remove(&self, path: &str) -> Result<(), DiskError>;

    /// Makes what was created, renamed and removed in a folder durable.
    fn sync_folder(&self, folder: &str) -> Result<(), DiskError>;

    /// Free bytes, if the disk can say.
    fn free_bytes(&self) -> Option<u64>;
}

/// An open file.
pub trait DiskFile: std::fmt::Debug {
    /// Its length.
    fn bytes(&self) -> Result<u64, DiskError>;

    /// Reads up to `into.len()` bytes from `offset`; fewer only at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError>;

    /// Writes all of `bytes` at `offset`. After an error any part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes what was written durable (`fdatasync`).
    fn sync(&self) -> Result<(), DiskError>;
}

/// Reads `bytes` bytes from `offset`, or fewer at the end of the file.
pub(crate) fn read_some<F: DiskFile>(
    file: &F,
    offset: u64,
    bytes: usize,
) -> Result<Vec<u8>, DiskError> {
    let mut read = vec![0; bytes];
    let count = file.read_at(offset, &mut read)?;
    read.truncate(count);
    Ok(read)
}

/// Reads a whole file of at most `limit` bytes; `Ok(None)` if it is longer.
pub(crate) fn read_whole<F: DiskFile>(
    file: &F,
    limit: usize,
) -> Result<Option<Vec<u8>>, DiskError> {
    match usize::try_from(file.bytes()?) {
        Ok(bytes) if bytes <= limit => read_some(file, 0, bytes).map(Some),
        _ => Ok(None),
    }
}

/// Replaces a file so that after a crash either the old or the new one is there: writes a new one
/// beside it, flushes, renames, flushes the folder.
pub(crate) fn replace<D: Disk>(
    disk: &D,
    folder: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), DiskError> {
    let path = format!("{folder}/{name}");
    let beside = format!("{path}~");
    let written = disk.create(&beside, bytes.len() as u64).and_then(|file| {
        file.write_at(0, bytes)?;
        file.sync()
    });
    if let Err(error) = written.and_then(|()| disk.rename(&beside, &path)) {
        // The first error is the one that matters; a leftover is overwritten next time.
        drop(disk.remove(&beside));
        return Err(error);
    }
    disk.sync_folder(folder)
}
