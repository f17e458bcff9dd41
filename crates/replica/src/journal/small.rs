//! Small files: the device key, the incarnation, settings.

use crate::journal::disk::{Disk, DiskError, read_whole, replace};
use crate::limits::SMALL_FILE_BYTES_MAX;
use crate::storage::StorageError;

const FOLDER: &str = "files";
/// Longest name.
const NAME_BYTES_MAX: usize = 64;

/// Makes the folder.
pub fn open<D: Disk>(disk: &D) -> Result<(), DiskError> {
    disk.make_folder(FOLDER)
}

fn check_name(name: &str) -> Result<(), StorageError> {
    let is_good = !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
    if name.len() > NAME_BYTES_MAX {
        let (bytes, limit) = (name.len(), NAME_BYTES_MAX);
        return Err(StorageError::TooLong { what: "a file name", bytes, limit });
    }
    if !is_good {
        return Err(StorageError::Io(format!(
            "{name:?} is no name for a small file: only a-z, 0-9, - and . (not first) are"
        )));
    }
    Ok(())
}

/// See [`crate::storage::Storage::small_file`].
pub fn get<D: Disk>(disk: &D, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
    check_name(name)?;
    let file = match disk.open(&format!("{FOLDER}/{name}")) {
        Ok(file) => file,
        Err(DiskError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let bytes = read_whole(&file, SMALL_FILE_BYTES_MAX)?;
    bytes.map(Some).ok_or(StorageError::TooLong {
        what: "a small file",
        bytes: usize::MAX,
        limit: SMALL_FILE_BYTES_MAX,
    })
}

/// See [`crate::storage::Storage::put_small_file`].
pub fn put<D: Disk>(disk: &D, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
    check_name(name)?;
    if bytes.len() > SMALL_FILE_BYTES_MAX {
        let (bytes, limit) = (bytes.len(), SMALL_FILE_BYTES_MAX);
        return Err(StorageError::TooLong { what: "a small file", bytes, limit });
    }
    Ok(replace(disk, FOLDER, name, bytes)?)
}
