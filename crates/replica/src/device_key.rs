//! Where a device keeps its secret: a small file of 64 hexadecimal characters, readable by its owner
//! alone. The randomness it is made of is the shell's to draw.

use thiserror::Error;

use crate::storage::{Storage, StorageError};

/// The small file.
const FILE: &str = "device.key";

/// Why a device's secret cannot be read.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file is there, and holds something else.
    #[error("the device's key is damaged: put it back from a copy")]
    Damaged,
    /// The disk.
    #[error(transparent)]
    Disk(#[from] StorageError),
}

/// Keeps a secret that was drawn at random.
pub fn keep(storage: &mut impl Storage, secret: &[u8; 32]) -> Result<(), StorageError> {
    let mut text = String::with_capacity(secret.len() * 2);
    for byte in secret {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
    storage.put_small_file(FILE, text.as_bytes())
}

/// The secret that was kept; `None` before one was.
pub fn load(storage: &impl Storage) -> Result<Option<[u8; 32]>, KeyError> {
    let Some(text) = storage.small_file(FILE)? else { return Ok(None) };
    let text = text.trim_ascii();
    let mut secret = [0; 32];
    if text.len() != secret.len() * 2 {
        return Err(KeyError::Damaged);
    }
    for (slot, pair) in secret.iter_mut().zip(text.chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_not_text| KeyError::Damaged)?;
        *slot = u8::from_str_radix(pair, 16).map_err(|_not_hex| KeyError::Damaged)?;
    }
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal;
    use crate::memory::MemoryStorage;

    #[test]
    fn a_secret_comes_back_as_it_was_kept_and_damage_is_said() {
        let mut disk = MemoryStorage::new(journal::Options::default()).unwrap();
        assert!(load(&disk).unwrap().is_none());
        let secret = core::array::from_fn(|at| u8::try_from(at * 8).unwrap());
        keep(&mut disk, &secret).unwrap();
        assert_eq!(load(&disk).unwrap(), Some(secret));
        disk.put_small_file(FILE, b"0123").unwrap();
        assert!(matches!(load(&disk), Err(KeyError::Damaged)));
        disk.put_small_file(FILE, "zz".repeat(32).as_bytes()).unwrap();
        assert!(matches!(load(&disk), Err(KeyError::Damaged)));
    }
}
