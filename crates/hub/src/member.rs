//! One store on this hub: a replica in a folder, and the rows that follow it.

use std::net::SocketAddr;
use std::path::Path;

use pos_core::ids::{DeviceId, StoreId};
use replica::core::{CommandError, Identity, IngestError, Ingested, Replica};
use replica::device_key::{self, KeyError};
use replica::node::Node;
use replica::storage::{Reads, Storage, StorageError};
use replica::store::{FileStorage, OpenError, Options};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::projector::{ProjectError, Projector};
use crate::shell::{Clock, NoRandomness, random};
use crate::store::{HubStore, StoreError};

/// Small file: by whose word this hub belongs to the store, and where that device was.
const WORD_FILE: &str = "joined";
/// Small file: the port this store's tills find the hub at.
const PORT_FILE: &str = "port";

/// Why a store's folder on the hub cannot be used.
#[derive(Debug, Error)]
pub enum MemberError {
    /// It is in use, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its key.
    #[error("the hub's key for the store: {0}")]
    Key(#[from] KeyError),
    /// It has entries and no key.
    #[error(
        "the hub's key for the store is missing: put device.key back from a copy, or delete the \
         store's folder and join again"
    )]
    KeyMissing,
    /// The disk.
    #[error(transparent)]
    Disk(#[from] StorageError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The replica refuses.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The rows cannot follow.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The rows cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who let the hub in. Until the roster is here, nothing else says who may be spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The manager's till.
    pub manager: DeviceId,
    /// Where it and others of the store may be met.
    pub addresses: Vec<SocketAddr>,
}

/// One store on this hub.
#[derive(Debug)]
pub struct Member {
    node: Node<FileStorage>,
    identity: Identity,
    projector: Option<Projector>,
    clock: Clock,
}

impl Member {
    /// Opens a store's folder, or makes it with a new key.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, MemberError> {
        let mut storage = FileStorage::open(folder, Options::default())?;
        let secret = match device_key::load(&storage)? {
            Some(secret) => secret,
            None if holds_entries(&storage) => return Err(MemberError::KeyMissing),
            None => {
                let secret = random()?;
                device_key::keep(&mut storage, &secret)?;
                secret
            }
        };
        let identity = Identity::new(secret, random()?);
        let node = Node::start(identity.clone(), storage)?;
        Ok(Self { node, identity, projector: None, clock })
    }

    /// Makes it a replica of `store`. Doing it again changes nothing.
    pub fn join(&mut self, store: StoreId) -> Result<(), MemberError> {
        Ok(self.node.join(store)?)
    }

    /// The store, once the hub belongs to it or takes its entries.
    pub const fn store(&self) -> Option<StoreId> {
        self.node.replica().store_id()
    }

    /// Takes in consecutive entries of one feed.
    pub fn ingest(&mut self, window: &[&[u8]]) -> Result<Ingested, IngestError> {
        self.node.ingest(self.clock.moment(), window)
    }

    /// Folds everything anew, if that is under way.
    pub fn finish_rebuild(&mut self) {
        while self.node.rebuild_step(self.clock.moment()) {}
    }

    /// Brings the rows up to date; says whether anything changed. Exceptions follow when they are due,
    /// or at once (`all`).
    pub fn refresh(&mut self, rows: &dyn HubStore, all: bool) -> Result<bool, MemberError> {
        let Some(store) = self.store() else { return Ok(false) };
        let projector = self.projector.get_or_insert_with(|| Projector::new(store));
        let now_ms = if all { u64::MAX } else { self.clock.millis() };
        let Some(change) = projector.changes(&mut self.node, now_ms)? else { return Ok(false) };
        rows.apply(change).inspect_err(|_failed| projector.start_over())?;
        Ok(true)
    }

    /// The replica folds everything anew: so will the rows, when it is done.
    pub const fn note_rebuild(&mut self) {
        if let Some(projector) = &mut self.projector {
            projector.start_over();
        }
    }

    /// By whose word the hub belongs to the store; `None` where it only takes entries from folders.
    pub fn word(&self) -> Result<Option<Word>, StorageError> {
        let bytes = self.node.storage().small_file(WORD_FILE)?;
        // What cannot be read is as good as lost: the roster says more.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Remembers by whose word the hub belongs to the store.
    pub fn keep_word(&mut self, word: &Word) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(word).unwrap_or_default();
        self.node.storage_mut().put_small_file(WORD_FILE, &bytes)
    }

    /// The port the store's tills found the hub at last.
    pub fn port(&self) -> Option<u16> {
        let bytes = self.node.storage().small_file(PORT_FILE).ok()??;
        core::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    /// Remembers the port, so that tills that were told of it find the hub again.
    pub fn keep_port(&mut self, port: u16) -> Result<(), StorageError> {
        self.node.storage_mut().put_small_file(PORT_FILE, port.to_string().as_bytes())
    }

    /// The replica.
    pub const fn replica(&self) -> &Replica {
        self.node.replica()
    }

    /// The node.
    pub const fn node(&mut self) -> &mut Node<FileStorage> {
        &mut self.node
    }

    /// The hub's key in this store.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Stops in order.
    pub fn close(self) {
        let at = self.clock.moment();
        // What an alarm at the very end says stands in the journal's state at the next start.
        drop(self.node.close(at));
    }
}

fn holds_entries(storage: &impl Reads) -> bool {
    replica::storage::Stream::ALL.iter().any(|&stream| storage.next_ordinal(stream) > 0)
}
