//! Files in memory, copied on write, with a trace of every call that changes something. Nothing is
//! ever lost here: what a power cut takes away is worked out from the trace by
//! [`super::machine`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use replica::journal::disk::{Disk, DiskError, DiskFile};
use replica::storage::Batch;

/// Names a file whatever it is called.
pub type FileId = u64;

/// A call that changed something, as the disk below the till saw it.
#[derive(Debug, Clone)]
pub enum Event {
    /// A file of zeros was made under a name, in place of one of that name.
    Create {
        /// The new file.
        file: FileId,
        /// Its name.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// Bytes were written.
    Write {
        /// Into which file.
        file: FileId,
        /// From where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was made longer, with zeros, if it was shorter.
    Lengthen {
        /// Which.
        file: FileId,
        /// Its length.
        bytes: u64,
    },
    /// A file was flushed.
    Sync {
        /// Which.
        file: FileId,
    },
    /// A file was given another name, in place of one of that name.
    Rename {
        /// Its name before.
        from: String,
        /// Its name now.
        to: String,
    },
    /// A name was removed.
    Remove {
        /// Which.
        path: String,
    },
    /// The names in a folder were flushed.
    SyncFolder {
        /// Which.
        folder: String,
    },
    /// A batch went into the map.
    Batch(Batch),
    /// The map was emptied.
    ResetMap,
    /// A document of the script was answered: from here on it must survive.
    Answered {
        /// Its place in the script.
        document: usize,
    },
}

/// What was done, in order. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<Event>>>);

impl Trace {
    /// Adds to the end.
    pub fn push(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Takes all there is, and leaves it empty.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Names and contents. A clone costs a reference a file.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// By file.
    pub contents: BTreeMap<FileId, Arc<Vec<u8>>>,
    /// By name. The till's own folder is `.`.
    pub names: BTreeMap<String, FileId>,
}

impl Files {
    /// Writes into a file, which grows where it has to. A file that is not there stays away.
    pub fn write(&mut self, file: FileId, offset: usize, bytes: &[u8]) {
        let Some(content) = self.contents.get_mut(&file) else { return };
        let content = Arc::make_mut(content);
        let to = offset.saturating_add(bytes.len());
        if content.len() < to {
            content.resize(to, 0);
        }
        if let Some(place) = content.get_mut(offset..to) {
            place.copy_from_slice(bytes);
        }
    }

    /// Makes a file at least this long, with zeros.
    pub fn lengthen(&mut self, file: FileId, bytes: usize) {
        let content = self.contents.entry(file).or_default();
        if content.len() < bytes {
            Arc::make_mut(content).resize(bytes, 0);
        }
    }

    /// Gives a file another name.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(file) = self.names.remove(from) else { return false };
        self.names.insert(to.to_owned(), file);
        true
    }
}

/// The folder a path is in.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[derive(Debug, Default)]
struct State {
    files: Files,
    last: FileId,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct TracedDisk {
    state: Arc<Mutex<State>>,
    trace: Trace,
}

/// An open file of a [`TracedDisk`].
#[derive(Debug)]
pub struct TracedFile {
    id: FileId,
    path: String,
    disk: TracedDisk,
}

impl TracedDisk {
    /// A disk with these files, with an empty trace.
    pub fn on(files: Files) -> Self {
        let last = files.contents.keys().next_back().copied().unwrap_or(0);
        let state = Arc::new(Mutex::new(State { files, last }));
        Self { state, trace: Trace::default() }
    }

    /// What was done so far.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The files as they are now.
    pub fn files(&self) -> Files {
        self.state().files.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: FileId, path: &str) -> TracedFile {
        TracedFile { id, path: path.to_owned(), disk: self.clone() }
    }
}

impl Disk for TracedDisk {
    type File = TracedFile;

    fn make_folder(&self, _folder: &str) -> Result<(), DiskError> {
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskError> {
        let state = self.state();
        let inside = state.files.names.keys().filter(|path| folder_of(path) == folder);
        Ok(inside.map(|path| path.rsplit('/').next().unwrap_or_default().to_owned()).collect())
    }

    fn create(&self, path: &str, bytes: u64) -> Result<TracedFile, DiskError> {
        let mut state = self.state();
        state.last += 1;
        let file = state.last;
        let zeros = vec![0; usize::try_from(bytes).unwrap_or_default()];
        state.files.contents.insert(file, Arc::new(zeros));
        state.files.names.insert(path.to_owned(), file);
        self.trace.push(Event::Create { file, path: path.to_owned(), bytes });
        Ok(self.handle(file, path))
    }

    fn open(&self, path: &str) -> Result<TracedFile, DiskError> {
        let id = self.state().files.names.get(path).copied();
        id.map(|id| self.handle(id, path)).ok_or_else(|| DiskError::Missing(path.to_owned()))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        if !self.state().files.rename(from, to) {
            return Err(DiskError::Missing(from.to_owned()));
        }
        self.trace.push(Event::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        if self.state().files.names.remove(path).is_some() {
            self.trace.push(Event::Remove { path: path.to_owned() });
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.trace.push(Event::SyncFolder { folder: folder.to_owned() });
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

impl DiskFile for TracedFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        let state = self.disk.state();
        let content = state.files.contents.get(&self.id);
        content
            .map(|content| content.len() as u64)
            .ok_or_else(|| DiskError::Missing(self.path.clone()))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let state = self.disk.state();
        let content = state.files.contents.get(&self.id);
        let content = content.ok_or_else(|| DiskError::Missing(self.path.clone()))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let rest = content.get(from..).unwrap_or_default();
        let count = rest.len().min(into.len());
        for (place, byte) in into.iter_mut().zip(rest) {
            *place = *byte;
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        self.disk.state().files.write(self.id, from, bytes);
        self.disk.trace.push(Event::Write { file: self.id, offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.disk.trace.push(Event::Sync { file: self.id });
        Ok(())
    }
}
