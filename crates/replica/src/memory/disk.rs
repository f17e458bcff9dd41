//! Files in memory that remember what was flushed, so that a power cut can be played.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::disk::{Disk, DiskError, DiskFile};

/// Disks write whole sectors.
const SECTOR_BYTES: u64 = 512;

/// What survives a power cut of what was not flushed. Renames and new files that were not flushed
/// with their folder survive only under [`Keep::Everything`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Everything: only the program stopped, not the machine.
    Everything,
    /// The first bytes, in the order they were written; a sector counts whole or not at all.
    Bytes(u64),
    /// Sectors, in the order they were written: the n-th survives if bit n % 64 is set.
    Sectors(u64),
}

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: u64,
    /// Shorter than `bytes` where the rest is zeros.
    data: Vec<u8>,
}

impl Content {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let to = from.saturating_add(bytes.len());
        if self.data.len() < to {
            self.data.resize(to, 0);
        }
        if let Some(place) = self.data.get_mut(from..to) {
            place.copy_from_slice(bytes);
        }
        self.bytes = self.bytes.max(to as u64);
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    now: Content,
    safe: Content,
}

#[derive(Debug, Clone)]
struct Pending {
    id: u64,
    offset: u64,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct State {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    safe_names: BTreeMap<String, u64>,
    pending: Vec<Pending>,
    last_id: u64,
    /// Bytes all files together may take.
    capacity: Option<u64>,
}

impl State {
    fn taken(&self) -> u64 {
        self.names.values().filter_map(|id| self.files.get(id)).map(|file| file.now.bytes).sum()
    }

    fn forget_unnamed(&mut self) {
        let named: BTreeSet<u64> =
            self.names.values().chain(self.safe_names.values()).copied().collect();
        self.files.retain(|id, _| named.contains(id));
        self.pending.retain(|write| named.contains(&write.id));
    }
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

/// A file of a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryFile {
    id: u64,
    path: String,
    disk: MemoryDisk,
}

impl MemoryDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk with the same files.
    #[must_use]
    pub fn image(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// The power fails: of what was not flushed only `keep` survives.
    pub fn cut_power(&self, keep: Keep) {
        let mut state = self.state();
        if keep == Keep::Everything {
            for file in state.files.values_mut() {
                file.safe = file.now.clone();
            }
            state.safe_names = state.names.clone();
        } else {
            let pending = std::mem::take(&mut state.pending);
            for part in surviving(&pending, keep) {
                if let Some(file) = state.files.get_mut(&part.id) {
                    file.safe.write(part.offset, &part.bytes);
                }
            }
            for file in state.files.values_mut() {
                file.now = file.safe.clone();
            }
            state.names = state.safe_names.clone();
        }
        state.pending.clear();
        state.forget_unnamed();
    }

    /// Nothing more fits on the disk.
    pub fn fill(&self) {
        let mut state = self.state();
        state.capacity = Some(state.taken());
    }

    /// The disk holds this many bytes, preallocated zeros included.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = Some(bytes);
    }

    /// There is room again.
    pub fn free(&self) {
        self.state().capacity = None;
    }

    /// Alters one bit of a file, flushed or not. False if there is no such byte.
    pub fn flip_bit(&self, path: &str, offset: u64, bit: u8) -> bool {
        let mut state = self.state();
        let Some(id) = state.names.get(path).copied() else { return false };
        let Some(file) = state.files.get_mut(&id).filter(|file| offset < file.now.bytes) else {
            return false;
        };
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        for content in [&mut file.now, &mut file.safe] {
            let byte = content.data.get(index).copied().unwrap_or(0);
            content.write(offset, &[byte ^ (1 << (bit % 8))]);
        }
        true
    }
}

/// The parts of writes that survive.
fn surviving(pending: &[Pending], keep: Keep) -> Vec<Pending> {
    let mut out = Vec::new();
    let mut left = if let Keep::Bytes(bytes) = keep { bytes } else { 0 };
    let mut sector = 0_u32;
    for write in pending {
        let mut at = 0;
        while at < write.bytes.len() {
            let offset = write.offset + at as u64;
            let to_border = SECTOR_BYTES - offset % SECTOR_BYTES;
            let size = (write.bytes.len() - at).min(usize::try_from(to_border).unwrap_or(1));
            let kept = match keep {
                Keep::Everything => size,
                Keep::Bytes(_) if left >= size as u64 => size,
                Keep::Sectors(mask) if (mask >> (sector % 64)) & 1 == 1 => size,
                // Nothing behind the first sector that does not fit, either.
                Keep::Nothing | Keep::Bytes(_) | Keep::Sectors(_) => 0,
            };
            left = if kept == 0 { 0 } else { left - (kept as u64).min(left) };
            sector = sector.wrapping_add(1);
            if let Some(bytes) = write.bytes.get(at..at + kept).filter(|part| !part.is_empty()) {
                out.push(Pending { id: write.id, offset, bytes: bytes.to_vec() });
            }
            at += size;
        }
    }
    out
}

/// Folder and name. The till's own folder is `.`.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn make_folder(&self, _folder: &str) -> Result<(), DiskError> {
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskError> {
        let state = self.state();
        let names = state.names.keys().map(|path| split(path));
        Ok(names.filter(|(of, _)| *of == folder).map(|(_, name)| name.to_owned()).collect())
    }

    fn create(&self, path: &str, bytes: u64) -> Result<MemoryFile, DiskError> {
        let mut state = self.state();
        let path = path.to_owned();
        // As on a real disk, the file of that name goes first.
        state.names.remove(&path);
        if state.capacity.is_some_and(|capacity| state.taken() + bytes > capacity) {
            return Err(DiskError::Full(format!("no space left for {path}")));
        }
        state.last_id += 1;
        let id = state.last_id;
        let now = Content { bytes, data: Vec::new() };
        state.files.insert(id, File { now, safe: Content::default() });
        state.names.insert(path.clone(), id);
        Ok(MemoryFile { id, path, disk: self.clone() })
    }

    fn open(&self, path: &str) -> Result<MemoryFile, DiskError> {
        let id = self.state().names.get(path).copied();
        let id = id.ok_or_else(|| DiskError::Missing(path.to_owned()))?;
        Ok(MemoryFile { id, path: path.to_owned(), disk: self.clone() })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.state();
        let id = state.names.remove(from).ok_or_else(|| DiskError::Missing(from.to_owned()))?;
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.state().names.remove(path);
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        let mut state = self.state();
        state.safe_names.retain(|path, _| split(path).0 != folder);
        let now: Vec<_> = state
            .names
            .iter()
            .filter(|(path, _)| split(path).0 == folder)
            .map(|(path, id)| (path.clone(), *id))
            .collect();
        state.safe_names.extend(now);
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        let state = self.state();
        state.capacity.map(|capacity| capacity.saturating_sub(state.taken()))
    }
}

impl DiskFile for MemoryFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        let state = self.disk.state();
        let file = state.files.get(&self.id);
        file.map(|file| file.now.bytes).ok_or_else(|| DiskError::Missing(self.path.clone()))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let state = self.disk.state();
        let file =
            state.files.get(&self.id).ok_or_else(|| DiskError::Missing(self.path.clone()))?;
        let left = usize::try_from(file.now.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let stored = file.now.data.get(from..).unwrap_or_default();
        let stored = stored.get(..count).unwrap_or(stored);
        let (head, tail) = into.split_at_mut(stored.len());
        head.copy_from_slice(stored);
        if let Some(zeros) = tail.get_mut(..count - stored.len()) {
            zeros.fill(0);
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.disk.state();
        let id = self.id;
        let taken = state.taken();
        let capacity = state.capacity;
        let file = state.files.get_mut(&id).ok_or_else(|| DiskError::Missing(self.path.clone()))?;
        let grows = (offset + bytes.len() as u64).saturating_sub(file.now.bytes);
        if grows > 0 && capacity.is_some_and(|capacity| taken + grows > capacity) {
            return Err(DiskError::Full(format!("no space left for {}", self.path)));
        }
        file.now.write(offset, bytes);
        state.pending.push(Pending { id, offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.disk.state();
        let pending = std::mem::take(&mut state.pending);
        let (mine, rest): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|write| write.id == self.id);
        state.pending = rest;
        let file =
            state.files.get_mut(&self.id).ok_or_else(|| DiskError::Missing(self.path.clone()))?;
        for write in mine {
            file.safe.write(write.offset, &write.bytes);
        }
        file.safe.bytes = file.now.bytes;
        Ok(())
    }
}
