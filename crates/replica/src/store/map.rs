//! The map: sled 0.34.7, behind a guard. It holds only what can be rebuilt, so whatever goes wrong
//! with it, the answer is the same: set its folder aside and begin an empty one.
//!
//! What the guard knows about this version of sled (each was seen to happen):
//! * A leftover `snap.*.generating` makes it refuse to open: deleted first.
//! * `conf` is never flushed, and a torn one makes it refuse to open. All it says is fixed by the
//!   pinned version and our settings, so it is deleted first and written anew.
//! * It panics on damaged files: every call is made inside `catch_unwind`.
//! * It may hang or abort while opening: a marker file that is still there at the next start means
//!   that the folder is set aside.
//! * It returns altered values as good ones: each value carries a checksum over key and value.
//!
//! A panic inside sled reaches the program's panic hook before it is caught. This crate installs no
//! hook; a program that does not want it on the cashier's screen asks [`is_guarding`] in its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use crate::storage::{Batch, Pairs, StorageError};
use crate::store::os_disk::sync_folder;

const CRC_BYTES: usize = 4;
/// Folders that were set aside and are kept, for whoever wants to know what happened.
const BROKEN_KEPT: usize = 2;
const FOLDER: &str = "index";
const MARKER: &str = "index.opening";
const BROKEN: &str = "index.broken-";
const FLUSH_EVERY_MS: u64 = 500;
/// Closing takes milliseconds when it works.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

thread_local! {
    static GUARDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a call to the map's engine: a panic now is caught, and the map is
/// rebuilt. For the program's panic hook.
pub fn is_guarding() -> bool {
    GUARDING.get()
}

/// How the map was found at opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapState {
    /// As it was left, as far as the engine can tell.
    Loaded,
    /// There was none.
    Fresh,
    /// There was one, but it was set aside, and an empty one begun.
    Replaced {
        /// Why.
        reason: String,
    },
    /// The disk takes none, not even an empty one (it may be full): until the next start the map is
    /// kept in memory.
    Unusable {
        /// Why.
        reason: String,
    },
}

/// The map.
pub(crate) struct Map {
    folder: PathBuf,
    cache_bytes: u64,
    db: Option<sled::Db>,
    broken: OnceLock<String>,
    /// The map, where no disk takes it.
    memory: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
    state: MapState,
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Map").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Runs a call into sled; a panic becomes an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let before = GUARDING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDING.set(before);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("sled panicked: {}", text.unwrap_or("no reason given")))
    })
}

fn words(error: &sled::Error) -> String {
    format!("sled: {error}")
}

fn io_words(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; CRC_BYTES] {
    crc32c::crc32c_append(crc32c::crc32c(key), value).to_le_bytes()
}

fn sealed(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + CRC_BYTES);
    out.extend_from_slice(value);
    out.extend_from_slice(&checksum(key, value));
    out
}

fn unsealed(key: &[u8], stored: &[u8]) -> Result<Vec<u8>, String> {
    match stored.split_last_chunk::<CRC_BYTES>() {
        Some((value, crc)) if *crc == checksum(key, value) => Ok(value.to_vec()),
        _ => Err(format!("the value of a key of {} bytes is altered", key.len())),
    }
}

impl Map {
    /// Opens the map in `folder`, whatever state it is in.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Self {
        let mut map = Self {
            folder: folder.to_owned(),
            cache_bytes,
            db: None,
            broken: OnceLock::new(),
            memory: None,
            state: MapState::Fresh,
        };
        let marker = folder.join(MARKER);
        let first = if marker.exists() {
            Err("the last attempt to open it did not end".to_owned())
        } else if folder.join(FOLDER).exists() {
            map.state = MapState::Loaded;
            map.try_open()
        } else {
            map.try_open()
        };
        if let Err(reason) = first {
            map.state = match map.begin_anew() {
                Ok(()) => MapState::Replaced { reason },
                Err(second) => {
                    let reason = format!("{reason}; a new one could not be begun: {second}");
                    map.memory = Some(BTreeMap::new());
                    MapState::Unusable { reason }
                }
            };
        }
        map
    }

    pub(crate) const fn state(&self) -> &MapState {
        &self.state
    }

    fn try_open(&mut self) -> Result<(), String> {
        let marker = self.folder.join(MARKER);
        fs::write(&marker, []).map_err(io_words(&marker))?;
        let path = self.folder.join(FOLDER);
        prepare(&path).map_err(io_words(&path))?;
        let opened = guarded(|| {
            let config = sled::Config::default()
                .path(&path)
                .cache_capacity(self.cache_bytes)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .use_compression(false);
            let db = config.open().map_err(|error| words(&error))?;
            // What was recovered is touched once, so that a panic comes now rather than later.
            db.first().map_err(|error| words(&error))?;
            db.last().map_err(|error| words(&error))?;
            Ok(db)
        });
        let result = opened.and_then(|db| {
            self.db = Some(db);
            sync_files(&path).map_err(io_words(&path))
        });
        if result.is_err() {
            self.let_go();
        }
        // The attempt ended, well or not. If the marker stays, the map is only rebuilt once more.
        drop(fs::remove_file(&marker));
        result
    }

    /// Sets what is there aside and begins an empty map.
    fn begin_anew(&mut self) -> Result<(), String> {
        self.let_go();
        set_aside(&self.folder).map_err(io_words(&self.folder))?;
        self.try_open()
    }

    /// Closes a database that may be broken. Closing may panic or hang, so nobody waits long for
    /// it; but usually it ends, and then nothing old touches the folder any more.
    fn let_go(&mut self) {
        let Some(db) = self.db.take() else { return };
        let (done, closed) = mpsc::channel();
        let close = move || {
            close(db);
            // Nobody may be waiting any more.
            done.send(()).unwrap_or_default();
        };
        if thread::Builder::new().name("index-close".to_owned()).spawn(close).is_ok() {
            closed.recv_timeout(CLOSE_WAIT).unwrap_or_default();
        }
    }

    pub(crate) fn reset(&mut self) {
        let begun = self.begin_anew();
        self.broken = OnceLock::new();
        self.memory = None;
        self.state = match begun {
            Ok(()) => MapState::Replaced { reason: "it was reset".to_owned() },
            // A full disk must not keep the till from selling: until the next start the map is
            // kept in memory, and rebuilt there.
            Err(reason) => {
                self.memory = Some(BTreeMap::new());
                MapState::Unusable { reason }
            }
        };
    }

    /// Runs `work`, unless the map is broken; any error breaks it.
    fn with<T>(
        &self,
        work: impl FnOnce(&sled::Db) -> Result<T, String>,
    ) -> Result<T, StorageError> {
        if let Some(reason) = self.broken.get() {
            return Err(StorageError::MapBroken(reason.clone()));
        }
        let Some(db) = &self.db else {
            return Err(StorageError::MapBroken("it is not open".to_owned()));
        };
        guarded(|| work(db)).map_err(|reason| {
            // Another reader may have been first.
            drop(self.broken.set(reason.clone()));
            StorageError::MapBroken(reason)
        })
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        if let Some(memory) = &self.memory {
            return Ok(memory.get(key).cloned());
        }
        self.with(|db| match db.get(key).map_err(|error| words(&error))? {
            Some(stored) => unsealed(key, &stored).map(Some),
            None => Ok(None),
        })
    }

    pub(crate) fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        if let Some(memory) = &self.memory {
            let rows = memory.range::<[u8], _>((from, Bound::Unbounded));
            let below = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
            return Ok(below.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        self.with(|db| {
            let mut found = Vec::new();
            for item in db.range::<&[u8], _>((from, Bound::Unbounded)).take(limit) {
                let (key, stored) = item.map_err(|error| words(&error))?;
                if !key.starts_with(prefix) {
                    break;
                }
                let value = unsealed(&key, &stored)?;
                found.push((key.to_vec(), value));
            }
            Ok(found)
        })
    }

    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), StorageError> {
        batch.check()?;
        if let Some(memory) = &mut self.memory {
            for (key, value) in &batch.changes {
                match value {
                    Some(value) => memory.insert(key.clone(), value.clone()),
                    None => memory.remove(key),
                };
            }
            return Ok(());
        }
        self.with(|db| {
            let mut changes = sled::Batch::default();
            for (key, value) in &batch.changes {
                match value {
                    Some(value) => changes.insert(key.as_slice(), sealed(key, value)),
                    None => changes.remove(key.as_slice()),
                }
            }
            db.apply_batch(changes).map_err(|error| words(&error))
        })
    }
}

/// Closes a database. What a panic leaves is found at the next opening.
fn close(db: sled::Db) {
    drop(guarded(move || {
        drop(db);
        Ok(())
    }));
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.broken.get().is_some() {
            self.let_go();
        } else if let Some(db) = self.db.take() {
            // A good one is closed here, so that the folder can be opened again at once.
            close(db);
        }
    }
}

/// Makes the folder, and removes what keeps sled from opening it.
fn prepare(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == "conf" || (name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// sled does not flush all its files when it creates them.
fn sync_files(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            match fs::File::open(entry.path()).and_then(|file| file.sync_all()) {
                // sled's own threads replace snapshots.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    sync_folder(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Renames the map's folder, and removes the oldest of those renamed before.
fn set_aside(folder: &Path) -> io::Result<()> {
    let mut old = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name.and_then(|name| name.strip_prefix(BROKEN)?.parse::<u64>().ok());
        old.extend(number.map(|number| (number, path)));
    }
    old.sort_unstable();
    let number = old.last().map_or(1, |(number, _)| number.saturating_add(1));
    let current = folder.join(FOLDER);
    if current.exists() {
        fs::rename(&current, folder.join(format!("{BROKEN}{number}")))?;
        let keep = BROKEN_KEPT - 1;
        for (_, path) in old.iter().take(old.len().saturating_sub(keep)) {
            remove_any(path)?;
        }
        sync_folder(folder)?;
    }
    Ok(())
}

fn remove_any(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
