//! Collecting entries: folders of tills in, one replica for each store out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pos_core::business_date::WallTime;
use pos_core::ids::StoreId;
use replica::core::{Entry, FeedId, Identity, IngestError, Moment};
use replica::journal;
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::{Damage, FrameKind, Reads, Scanned, StorageError, Stream};
use replica::store::{FileStorage, OpenError, Options};
use thiserror::Error;

/// Bytes of journal read at a time.
const READ_BYTES: usize = 1 << 20;
/// Entries handed over at a time: a window ends on a signature that vouches for all of it.
const WINDOW_ENTRIES: usize = 256;

/// Why a folder could not be collected.
#[derive(Debug, Error)]
pub enum CollectError {
    /// There is no journal in it.
    #[error("{} is not a till's folder: it has no journal", .0.display())]
    NotATill(PathBuf),
    /// It is in use or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk failed.
    #[error("{}: {error}", .folder.display())]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: StorageError,
    },
    /// Its entries were refused.
    #[error("{}: {error}", .folder.display())]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: IngestError,
    },
}

/// What came out of one folder.
#[derive(Debug, Default)]
pub struct Collected {
    /// Entries that were new.
    pub new: usize,
    /// Entries that were here already.
    pub known: usize,
    /// Frames that could not be read; another till of the store may have them.
    pub damaged: Vec<Damage>,
    /// Entries that could not be read.
    pub unreadable: usize,
}

/// All stores collected so far.
#[derive(Debug, Default)]
pub struct Collection {
    stores: BTreeMap<StoreId, Node<MemoryStorage>>,
}

/// The entries of one feed that wait to be handed over together.
struct Window {
    store: StoreId,
    feed: FeedId,
    next_seq: u64,
    entries: Vec<Vec<u8>>,
}

impl Collection {
    /// Takes in all entries a till's folder holds, its own and those of others. Nothing is added to
    /// its journal.
    pub fn add_folder(&mut self, folder: &Path) -> Result<Collected, CollectError> {
        if !folder.join("journal").is_dir() {
            return Err(CollectError::NotATill(folder.to_owned()));
        }
        let storage = FileStorage::open(folder, Options::default())?;
        let mut collected = Collected::default();
        for stream in Stream::ALL {
            self.add_stream(folder, &storage, stream, &mut collected)?;
        }
        Ok(collected)
    }

    /// The stores, by id.
    pub fn stores(&mut self) -> impl Iterator<Item = (&StoreId, &mut Node<MemoryStorage>)> {
        self.stores.iter_mut()
    }

    fn add_stream(
        &mut self,
        folder: &Path,
        storage: &FileStorage,
        stream: Stream,
        collected: &mut Collected,
    ) -> Result<(), CollectError> {
        let disk = |error| CollectError::Disk { folder: folder.to_owned(), error };
        let mut window: Option<Window> = None;
        let mut next = 0;
        while next < storage.next_ordinal(stream) {
            let scanned = storage.scan(stream, next, READ_BYTES).map_err(disk)?;
            if scanned.is_empty() {
                break;
            }
            for item in scanned {
                let frame = match item {
                    Scanned::Damaged(damage) => {
                        next = damage.last.saturating_add(1);
                        collected.damaged.push(damage);
                        continue;
                    }
                    Scanned::Frame(frame) => frame,
                };
                next = frame.ordinal.saturating_add(1);
                if frame.kind != FrameKind::Entry {
                    continue;
                }
                let Ok(entry) = Entry::decode(&frame.payload) else {
                    collected.unreadable += 1;
                    continue;
                };
                if !window.as_ref().is_some_and(|window| window.takes(&entry)) {
                    self.hand_over(folder, window.take(), collected)?;
                }
                let window = window.get_or_insert_with(|| Window::beginning(&entry));
                window.next_seq = entry.header().seq.saturating_add(1);
                window.entries.push(frame.payload);
            }
        }
        self.hand_over(folder, window, collected)
    }

    fn hand_over(
        &mut self,
        folder: &Path,
        window: Option<Window>,
        collected: &mut Collected,
    ) -> Result<(), CollectError> {
        let Some(window) = window else { return Ok(()) };
        let disk = |error| CollectError::Disk { folder: folder.to_owned(), error };
        if let std::collections::btree_map::Entry::Vacant(slot) = self.stores.entry(window.store) {
            let storage = MemoryStorage::new(journal::Options::default()).map_err(disk)?;
            let mut node = Node::start(reader(), storage).map_err(disk)?;
            node.join(window.store).map_err(|error| CollectError::Refused {
                folder: folder.to_owned(),
                error: error.into(),
            })?;
            slot.insert(node);
        }
        let Some(store) = self.stores.get_mut(&window.store) else { return Ok(()) };
        let entries: Vec<&[u8]> = window.entries.iter().map(Vec::as_slice).collect();
        // A merge has no clock: nothing in it waits for a time.
        let moment = Moment { monotonic_ms: 0, wall: WallTime::from_millis(0) };
        let ingested = store
            .ingest(moment, &entries)
            .map_err(|error| CollectError::Refused { folder: folder.to_owned(), error })?;
        collected.new += ingested.new;
        collected.known += ingested.known;
        Ok(())
    }
}

impl Window {
    fn beginning(entry: &Entry) -> Self {
        let header = entry.header();
        let (store, feed) = (header.group, header.feed);
        Self { store, feed, next_seq: header.seq, entries: Vec::new() }
    }

    fn takes(&self, entry: &Entry) -> bool {
        let header = entry.header();
        self.entries.len() < WINDOW_ENTRIES
            && header.group == self.store
            && header.feed == self.feed
            && header.seq == self.next_seq
    }
}

/// An identity for a replica that only reads: it never signs anything.
fn reader() -> Identity {
    Identity::new([0; 32], [0; 8])
}
