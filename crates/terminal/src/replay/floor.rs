//! The machine's own floor: how long an append and an fdatasync take in the till's folder, so that
//! a slow disk is not read as slow code.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::measure::Percentiles;

/// Bytes of one append: what an average sale of the Online Retail file adds to the Ledger.
pub(super) const APPEND_BYTES: usize = 3 << 10;
/// One probe for so many receipts.
const EVERY: u64 = 4;
/// The file is used again from its start when it is full.
const FILE_BYTES: u64 = 8 << 20;

/// A preallocated file that is appended to and flushed between the sales.
#[derive(Debug)]
pub struct Floor {
    path: PathBuf,
    file: File,
    offset: u64,
    receipts: u64,
    micros: Vec<u64>,
}

impl Floor {
    /// Makes the file in `folder`; it is removed with the value.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join("floor.probe");
        let file = File::options().create(true).truncate(true).write(true).open(&path)?;
        // Written once, so that a probe needs no new blocks: as the journal does it.
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self { path, file, offset: 0, receipts: 0, micros: Vec::new() })
    }

    /// To be called after every receipt; probes after every fourth.
    pub fn after_receipt(&mut self) -> io::Result<()> {
        self.receipts = self.receipts.wrapping_add(1);
        if !self.receipts.is_multiple_of(EVERY) {
            return Ok(());
        }
        let bytes = [0x5A; APPEND_BYTES];
        let started = Instant::now();
        self.file.write_all_at(&bytes, self.offset)?;
        self.file.sync_data()?;
        self.micros.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        let length = u64::try_from(APPEND_BYTES).unwrap_or(u64::MAX);
        self.offset = self.offset.wrapping_add(length) % (FILE_BYTES - length);
        Ok(())
    }

    /// How long the probes took.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Percentiles::of(self.micros.clone())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // A file left behind does no harm: the next probe begins it anew.
        drop(fs::remove_file(&self.path));
    }
}
