//! A preallocated file that is appended to and flushed: a receiver's journal in the bare mesh with a
//! flush, and the floor of the machine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// The file is used again from its start when it is full.
const FILE_BYTES: u64 = 256 << 10;

/// The file and where the next append goes.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    offset: u64,
}

impl Journal {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        // Written once, so that an append needs no new blocks: as the till's journal does it.
        let zeros = vec![0; usize::try_from(FILE_BYTES).unwrap_or(0)];
        file.write_all_at(&zeros, 0)?;
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    /// Appends and flushes; says when that was done.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<Instant> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.offset.saturating_add(length) > FILE_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(bytes, self.offset)?;
        self.file.sync_data()?;
        self.offset = self.offset.saturating_add(length);
        Ok(Instant::now())
    }
}
