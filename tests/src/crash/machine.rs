//! What is left of a disk when the power goes, worked out from a trace.
//!
//! Rules, each weaker than what file systems promise, so that the journal may rely on no more:
//! - A write is safe when its file was flushed after it. Until then each of its 512-byte blocks is on
//!   the platter or not, in any combination, each whole as it was when it was written.
//! - A file's length is safe when the file was flushed. A name is safe when its folder was flushed.
//!   Until then the changes of names in one folder happen in order, but any number of them.
//! - The map keeps its batches in order: those up to some point survive.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::disk::{Event, FileId, Files, folder_of};
use super::storage::{Map, apply};

/// What a disk writes whole.
pub const BLOCK_BYTES: usize = 512;
/// Un-flushed changes of which every subset is tried; older ones are taken to be on the platter, or
/// all not.
pub const WINDOW: usize = 8;
/// Batches of the map that a power cut may take back.
const BATCHES_MAX: usize = 64;

/// A change that was not flushed.
#[derive(Debug, Clone)]
enum Change {
    Block { file: FileId, offset: usize, bytes: Arc<[u8]> },
    Length { file: FileId, bytes: usize },
    Named { file: FileId, path: String },
    Renamed { from: String, to: String },
    Removed { path: String },
}

impl Change {
    /// The folder whose flush makes it safe.
    fn folder(&self) -> Option<&str> {
        match self {
            Self::Named { path, .. } | Self::Removed { path } => Some(folder_of(path)),
            Self::Renamed { to, .. } => Some(folder_of(to)),
            Self::Block { .. } | Self::Length { .. } => None,
        }
    }

    /// The file whose flush makes it safe.
    const fn file(&self) -> Option<FileId> {
        match self {
            Self::Block { file, .. } | Self::Length { file, .. } => Some(*file),
            Self::Named { .. } | Self::Renamed { .. } | Self::Removed { .. } => None,
        }
    }

    fn apply(&self, files: &mut Files) {
        match self {
            Self::Block { file, offset, bytes } => files.write(*file, *offset, bytes),
            Self::Length { file, bytes } => files.lengthen(*file, *bytes),
            Self::Named { file, path } => {
                files.names.insert(path.clone(), *file);
            }
            // The old name may never have been there.
            Self::Renamed { from, to } => drop(files.rename(from, to)),
            Self::Removed { path } => drop(files.names.remove(path)),
        }
    }
}

/// A disk as it is, and as it would be after a power cut now.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    now: Files,
    safe: Files,
    pending: Vec<(u64, Change)>,
    /// Number of the next change.
    next: u64,
    /// Counts whatever makes changes safe: equal numbers, equal safe files.
    flushes: u64,
    map_safe: Map,
    batches: VecDeque<replica::storage::Batch>,
    map_changes: u64,
}

/// One image, and what it is made of: equal keys, equal images.
#[derive(Debug)]
pub struct Image {
    /// The files.
    pub files: Files,
    /// Flushes before it, and the numbers of the changes that survived.
    pub key: (u64, Vec<u64>),
}

impl Machine {
    /// A disk on which everything is safe.
    pub fn on(files: Files, map: Map) -> Self {
        Self { now: files.clone(), safe: files, map_safe: map, ..Self::default() }
    }

    /// Takes in the next event of a trace.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Create { file, path, bytes } => {
                let bytes = usize::try_from(*bytes).unwrap_or_default();
                self.now.lengthen(*file, bytes);
                self.now.names.insert(path.clone(), *file);
                self.safe.contents.insert(*file, Arc::default());
                self.push(Change::Named { file: *file, path: path.clone() });
                self.push(Change::Length { file: *file, bytes });
            }
            Event::Lengthen { file, bytes } => {
                let bytes = usize::try_from(*bytes).unwrap_or_default();
                self.now.lengthen(*file, bytes);
                self.push(Change::Length { file: *file, bytes });
            }
            Event::Write { file, offset, bytes } => self.write(*file, *offset, bytes),
            Event::Sync { file } => self.settle(|change| change.file() == Some(*file)),
            Event::Rename { from, to } => {
                self.now.rename(from, to);
                self.push(Change::Renamed { from: from.clone(), to: to.clone() });
            }
            Event::Remove { path } => {
                self.now.names.remove(path);
                self.push(Change::Removed { path: path.clone() });
            }
            Event::SyncFolder { folder } => {
                self.settle(|change| change.folder() == Some(folder));
                self.forget_unnamed();
            }
            Event::Batch(batch) => {
                self.map_changes += 1;
                self.batches.push_back(batch.clone());
                if self.batches.len() > BATCHES_MAX
                    && let Some(oldest) = self.batches.pop_front()
                {
                    apply(&mut self.map_safe, &oldest);
                }
            }
            Event::ResetMap => {
                self.map_changes += 1;
                self.map_safe.clear();
                self.batches.clear();
            }
            Event::Answered { .. } => {}
        }
    }

    fn push(&mut self, change: Change) {
        self.pending.push((self.next, change));
        self.next += 1;
    }

    /// Notes each block the write changes. One that stays as it is cannot be lost.
    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let to = from.saturating_add(bytes.len());
        let before = self.now.contents.get(&file).cloned().unwrap_or_default();
        self.now.write(file, from, bytes);
        let Some(after) = self.now.contents.get(&file).cloned() else { return };
        let mut block = from - from % BLOCK_BYTES;
        while block < to {
            let end = (block + BLOCK_BYTES).min(after.len());
            let content = after.get(block..end).unwrap_or_default();
            if before.get(block..end) != Some(content) {
                self.push(Change::Block { file, offset: block, bytes: content.into() });
            }
            block += BLOCK_BYTES;
        }
    }

    /// Makes changes safe.
    fn settle(&mut self, which: impl Fn(&Change) -> bool) {
        self.flushes += 1;
        let (settled, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|(_, one)| which(one));
        self.pending = rest;
        for (_, change) in settled {
            change.apply(&mut self.safe);
        }
    }

    /// Lets go of files that no image can name any more.
    fn forget_unnamed(&mut self) {
        let waiting = self.pending.iter().filter_map(|(_, change)| match change {
            Change::Named { file, .. } => Some(*file),
            other => other.file(),
        });
        let named = self.now.names.values().chain(self.safe.names.values()).copied();
        let used: std::collections::BTreeSet<FileId> = named.chain(waiting).collect();
        for files in [&mut self.now, &mut self.safe] {
            files.contents.retain(|file, _| used.contains(file));
        }
    }

    /// Changes that a power cut now could take back.
    pub fn unflushed(&self) -> usize {
        self.pending.len()
    }

    /// Every image a power cut now could leave: each subset of the last [`WINDOW`] changes on top of
    /// the older ones, and nothing un-flushed at all.
    pub fn images(&self) -> Vec<Image> {
        let split = self.pending.len().saturating_sub(WINDOW);
        let (older, window) = self.pending.split_at(split);
        let mut base = self.safe.clone();
        for (_, change) in older {
            change.apply(&mut base);
        }
        let mut images = Vec::new();
        for mask in 0..1_u32 << window.len() {
            let kept = || {
                let bits = window.iter().enumerate();
                bits.filter(move |(bit, _)| mask >> bit & 1 == 1).map(|(_, one)| one)
            };
            if !names_in_order(window, mask) {
                continue;
            }
            let mut files = base.clone();
            for (_, change) in kept() {
                change.apply(&mut files);
            }
            let numbers = older.iter().chain(kept()).map(|(number, _)| *number).collect();
            images.push(Image { files, key: (self.flushes, numbers) });
        }
        if !older.is_empty() {
            let files = self.safe.clone();
            images.push(Image { files, key: (self.flushes, Vec::new()) });
        }
        images
    }

    /// The files as they are: what a program that is killed leaves.
    pub fn killed(&self) -> Files {
        self.now.clone()
    }

    /// The files as they are, to read from.
    pub const fn files(&self) -> &Files {
        &self.now
    }

    /// Makes a file shorter or longer, at once and for good. The journal never does; the map may.
    pub fn resize(&mut self, file: FileId, bytes: usize) {
        for files in [&mut self.now, &mut self.safe] {
            if let Some(content) = files.contents.get_mut(&file) {
                Arc::make_mut(content).resize(bytes, 0);
            }
        }
    }

    /// One of the images, as a number says; 0: nothing that was not flushed.
    pub fn image(&self, choice: u64) -> Files {
        if choice == 0 {
            return self.safe.clone();
        }
        let mut images = self.images();
        let index = usize::try_from(choice % images.len().max(1) as u64).unwrap_or(0);
        images.swap_remove(index).files
    }

    /// The map with its last batches lost: `choice` says how many survive.
    pub fn map(&self, choice: MapKept) -> Map {
        let mut map = if choice == MapKept::Lost { Map::new() } else { self.map_safe.clone() };
        let kept = match choice {
            MapKept::Lost | MapKept::Oldest => 0,
            MapKept::Half => self.batches.len() / 2,
            MapKept::All => self.batches.len(),
        };
        for batch in self.batches.iter().take(kept) {
            apply(&mut map, batch);
        }
        map
    }

    /// Counts changes of the map.
    pub const fn map_changes(&self) -> u64 {
        self.map_changes
    }
}

/// What survives of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKept {
    /// Nothing: it is rebuilt from the journal.
    Lost,
    /// What is so old that it must have been written back.
    Oldest,
    /// Half of what may be lost.
    Half,
    /// Everything.
    All,
}

/// Whether, of the names of each folder, no later change survives an earlier one.
fn names_in_order(window: &[(u64, Change)], mask: u32) -> bool {
    let mut broken = BTreeMap::new();
    window.iter().enumerate().all(|(bit, (_, change))| {
        let Some(folder) = change.folder() else { return true };
        let kept = mask >> bit & 1 == 1;
        let lost_before = broken.entry(folder).or_insert(false);
        let fits = !(kept && *lost_before);
        *lost_before |= !kept;
        fits
    })
}

#[cfg(test)]
mod tests {
    use replica::journal::disk::{Disk, DiskFile};

    use super::super::disk::TracedDisk;
    use super::*;

    fn played(disk: &TracedDisk) -> Machine {
        let mut machine = Machine::default();
        for event in &disk.trace().take() {
            machine.apply(event);
        }
        machine
    }

    fn contents(machine: &Machine, path: &str) -> Vec<Option<Vec<u8>>> {
        let of = |image: &Image| {
            let file = image.files.names.get(path)?;
            image.files.contents.get(file).map(|content| content.to_vec())
        };
        machine.images().iter().map(of).collect()
    }

    #[test]
    fn blocks_survive_in_every_combination_and_each_as_a_whole() {
        let disk = TracedDisk::default();
        let file = disk.create("a/f", 2048).unwrap();
        file.sync().unwrap();
        disk.sync_folder("a").unwrap();
        file.write_at(500, &[1; 600]).unwrap();
        let machine = played(&disk);
        assert_eq!(machine.unflushed(), 3);
        let images = contents(&machine, "a/f");
        assert_eq!(images.len(), 8);
        let shapes: std::collections::BTreeSet<[u8; 3]> = images
            .iter()
            .map(|image| {
                let bytes = image.as_deref().unwrap();
                [bytes[500], bytes[512], bytes[1099]]
            })
            .collect();
        assert_eq!(shapes.len(), 8, "each block by itself");
    }

    #[test]
    fn names_of_a_folder_survive_in_order_and_a_length_with_its_file() {
        let disk = TracedDisk::default();
        let file = disk.create("a/new", 700).unwrap();
        file.write_at(0, b"x").unwrap();
        disk.rename("a/new", "a/f").unwrap();
        let machine = played(&disk);
        let images = machine.images();
        assert!(images.iter().all(|image| image.files.names.len() <= 1));
        let renamed = |image: &&Image| image.files.names.contains_key("a/f");
        // Named and renamed; the length and the block each there or not.
        assert_eq!(images.iter().filter(renamed).count(), 4);
        file.sync().unwrap();
        disk.sync_folder("a").unwrap();
        let mut machine = machine;
        for event in &disk.trace().take() {
            machine.apply(event);
        }
        assert_eq!(machine.unflushed(), 0);
        let images = contents(&machine, "a/f");
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].as_ref().unwrap().len(), 700);
    }

    #[test]
    fn what_is_written_again_unchanged_is_not_at_risk() {
        let disk = TracedDisk::default();
        let file = disk.create("f", 1024).unwrap();
        file.sync().unwrap();
        disk.sync_folder(".").unwrap();
        file.write_at(0, &[0; 1024]).unwrap();
        assert_eq!(played(&disk).unflushed(), 0);
    }
}
