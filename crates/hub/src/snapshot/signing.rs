//! Where a hub keeps the key it signs snapshots with: a file of 64 hexadecimal characters in its folder,
//! readable by its owner alone. Each store's replica has a device key of its own; a snapshot is of all
//! stores, so its key is the hub's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::folder::{FolderError, at, read_at_most, sync_folder};
use super::manifest::SnapshotKey;
use super::path::Hash;
use crate::shell::{self, NoRandomness};

/// The file's name in the hub's folder.
const FILE: &str = "snapshots.key";
/// Characters of a key, and some blanks a person may have added.
const FILE_BYTES_MAX: u64 = 128;

/// Why there is no key to sign with.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file or its folder.
    #[error(transparent)]
    File(#[from] FolderError),
    /// Others may read it.
    #[error(
        "others can read {}: make it yours alone with `chmod 600`; if somebody may have copied it, \
         delete it, and tell those who pull snapshots the new key", .0.display()
    )]
    Open(PathBuf),
    /// It holds something else.
    #[error(
        "{} is damaged: put it back from a copy, or delete it and tell those who pull snapshots the \
         new key", .0.display()
    )]
    Damaged(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// The key of the hub in `folder`; made where there is none.
pub fn open_key(folder: &Path) -> Result<SnapshotKey, KeyError> {
    let path = folder.join(FILE);
    if !path.exists() {
        make(folder, &path)?;
    }
    let mode = fs::metadata(&path).map_err(at(&path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path));
    }
    let bytes = read_at_most(&path, FILE_BYTES_MAX).map_err(at(&path))?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let secret = text.and_then(|text| Hash::unhex::<32>(text.trim()));
    secret.map(|secret| SnapshotKey::from_secret(&secret)).ok_or(KeyError::Damaged(path))
}

/// Writes a new key beside its place and links it there: never half of one, never over another.
fn make(folder: &Path, path: &Path) -> Result<(), KeyError> {
    let secret: [u8; 32] = shell::random()?;
    let nonce: [u8; 8] = shell::random()?;
    let new = folder.join(format!("{FILE}.{}", Hash::hex(&nonce)));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(Hash::hex(&secret).as_bytes())?;
        file.sync_all()
    };
    let linked = write().and_then(|()| match fs::hard_link(&new, path) {
        // Another process was faster: its key counts.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&new);
    linked.and(removed).map_err(at(path))?;
    Ok(sync_folder(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let key = open_key(folder.path()).unwrap().signer();
        assert_eq!(open_key(folder.path()).unwrap().signer(), key);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let path = folder.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open_key(folder.path()), Err(KeyError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "0123").unwrap();
        assert!(matches!(open_key(folder.path()), Err(KeyError::Damaged(_))));
    }
}
