//! One process per folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Holds the folder until it is dropped; the operating system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why the folder could not be taken.
pub(crate) enum LockError {
    /// Another process has it; its number, if it left one.
    Taken(Option<u32>),
    Io(io::Error),
}

impl Lock {
    /// Takes the folder without waiting.
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(LockError::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // The number is a help for a person; without it the refusal stands all the same.
                let read = (&mut file).take(32).read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Taken(pid));
            }
            Err(error) => return Err(LockError::Io(error.into())),
        }
        // On a full disk the number is missing; the lock holds all the same.
        drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
        Ok(Self { _file: file })
    }
}
