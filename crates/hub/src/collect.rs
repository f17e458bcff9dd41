//! Collecting entries: folders of tills in, one replica for each store out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::{Path, PathBuf};

use pos_core::business_date::WallTime;
use pos_core::ids::StoreId;
use replica::core::{Entry, FeedId, Identity, IngestError, Ingested, Moment};
use replica::journal;
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::{Damage, FrameKind, Reads, Scanned, StorageError, Stream};
use replica::store::{FileStorage, OpenError, Options};
use thiserror::Error;

use crate::limits;

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
        error: TakeError,
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

/// Whoever takes in what a folder holds.
pub trait Taker {
    /// Takes in consecutive entries of one feed of `store`.
    fn take_in(&mut self, store: StoreId, window: &[&[u8]]) -> Result<Ingested, TakeError>;
}

/// Why entries were not taken in.
#[derive(Debug, Error)]
pub enum TakeError {
    /// They were refused.
    #[error(transparent)]
    Refused(#[from] IngestError),
    /// There is no replica for their store, and none can be made.
    #[error("{0}")]
    NoReplica(String),
}

/// The entries of one feed that wait to be handed over together.
struct Window {
    store: StoreId,
    feed: FeedId,
    next_seq: u64,
    entries: Vec<Vec<u8>>,
}

/// Hands over all entries a device's folder holds, its own and those of others. Nothing is added to
/// its journal.
pub fn take_folder(folder: &Path, taker: &mut impl Taker) -> Result<Collected, CollectError> {
    if !folder.join("journal").is_dir() {
        return Err(CollectError::NotATill(folder.to_owned()));
    }
    let storage = FileStorage::open(folder, Options::default())?;
    let mut collected = Collected::default();
    for stream in Stream::ALL {
        take_stream(folder, &storage, stream, taker, &mut collected)?;
    }
    Ok(collected)
}

fn take_stream(
    folder: &Path,
    storage: &FileStorage,
    stream: Stream,
    taker: &mut impl Taker,
    collected: &mut Collected,
) -> Result<(), CollectError> {
    let disk = |error| CollectError::Disk { folder: folder.to_owned(), error };
    let mut window: Option<Window> = None;
    let mut next = 0;
    while next < storage.next_ordinal(stream) {
        let scanned = storage.scan(stream, next, limits::READ_BYTES).map_err(disk)?;
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
                hand_over(folder, window.take(), taker, collected)?;
            }
            let window = window.get_or_insert_with(|| Window::beginning(&entry));
            window.next_seq = entry.header().seq.saturating_add(1);
            window.entries.push(frame.payload);
        }
    }
    hand_over(folder, window, taker, collected)
}

fn hand_over(
    folder: &Path,
    window: Option<Window>,
    taker: &mut impl Taker,
    collected: &mut Collected,
) -> Result<(), CollectError> {
    let Some(window) = window else { return Ok(()) };
    let entries: Vec<&[u8]> = window.entries.iter().map(Vec::as_slice).collect();
    let taken = taker.take_in(window.store, &entries);
    let ingested =
        taken.map_err(|error| CollectError::Refused { folder: folder.to_owned(), error })?;
    collected.new += ingested.new;
    collected.known += ingested.known;
    Ok(())
}

/// All stores collected so far, in memory.
#[derive(Debug, Default)]
pub struct Collection {
    stores: BTreeMap<StoreId, Node<MemoryStorage>>,
}

impl Collection {
    /// Takes in all entries a till's folder holds, its own and those of others. Nothing is added to
    /// its journal.
    pub fn add_folder(&mut self, folder: &Path) -> Result<Collected, CollectError> {
        take_folder(folder, self)
    }

    /// The stores, by id.
    pub fn stores(&mut self) -> impl Iterator<Item = (&StoreId, &mut Node<MemoryStorage>)> {
        self.stores.iter_mut()
    }
}

impl Taker for Collection {
    fn take_in(&mut self, store: StoreId, window: &[&[u8]]) -> Result<Ingested, TakeError> {
        let node = match self.stores.entry(store) {
            Slot::Occupied(held) => held.into_mut(),
            Slot::Vacant(free) => {
                let disk = |error: StorageError| TakeError::Refused(error.into());
                let storage = MemoryStorage::new(journal::Options::default()).map_err(disk)?;
                let mut node = Node::start(reader(), storage).map_err(disk)?;
                node.join(store).map_err(IngestError::from)?;
                free.insert(node)
            }
        };
        // A merge has no clock: nothing in it waits for a time.
        let moment = Moment { monotonic_ms: 0, wall: WallTime::from_millis(0) };
        Ok(node.ingest(moment, window)?)
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
        self.entries.len() < limits::WINDOW_ENTRIES
            && header.group == self.store
            && header.feed == self.feed
            && header.seq == self.next_seq
    }
}

/// An identity for a replica that only reads: it never signs anything.
fn reader() -> Identity {
    Identity::new([0; 32], [0; 8])
}
