//! The hub's folder: a replica of each store, and the secret its tokens are signed with.
//!
//! ```text
//! stores/<store id>/     one replica each: journal, map, key (as a till's folder)
//! stores/joining-<key>/  a store that is being joined: nothing of it lasts
//! tokens.secret          what tokens are signed with, readable by its owner alone
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::path::{Path, PathBuf};

use pos_core::ids::StoreId;
use replica::core::Ingested;
use thiserror::Error;

use crate::collect::{self, CollectError, Collected, TakeError, Taker};
use crate::limits;
use crate::member::{Member, MemberError};
use crate::shell::Clock;
use crate::store::HubStore;

/// Why the hub's folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It cannot be made or read.
    #[error("the hub's folder {} cannot be used ({error}): check that you may write in it", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// One of its stores.
    #[error("store {store}: {error}")]
    Member {
        /// The store.
        store: StoreId,
        /// Why.
        error: MemberError,
    },
    /// Too many stores.
    #[error("this hub has {} stores and takes no more: start another hub", limits::STORES_MAX)]
    TooMany,
}

/// The hub's folder.
#[derive(Debug, Clone)]
pub struct HubFolder {
    path: PathBuf,
}

impl HubFolder {
    /// The hub in `path`, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let hub = Self { path: path.to_owned() };
        let stores = hub.stores_path();
        fs::create_dir_all(&stores)
            .map_err(|error| FolderError::Folder { folder: stores, error })?;
        Ok(hub)
    }

    /// Whether `path` is a hub's folder.
    pub fn is_hub(path: &Path) -> bool {
        path.join("stores").is_dir()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file with the secret of the tokens.
    pub fn secret_path(&self) -> PathBuf {
        self.path.join("tokens.secret")
    }

    /// A store's folder.
    pub fn store_path(&self, store: StoreId) -> PathBuf {
        self.stores_path().join(store.to_string())
    }

    /// The folder of a store of which nothing is known yet; `name` tells it from others.
    pub fn joining_path(&self, name: &str) -> PathBuf {
        self.stores_path().join(format!("joining-{name}"))
    }

    /// The stores that are here, by id.
    pub fn stores(&self) -> Result<Vec<StoreId>, FolderError> {
        let folder = self.stores_path();
        let failed = |error| FolderError::Folder { folder: folder.clone(), error };
        let mut stores = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            stores.extend(name.to_str().and_then(|name| name.parse::<StoreId>().ok()));
        }
        stores.sort();
        Ok(stores)
    }

    /// Opens a store; makes it where it is not here.
    pub fn member(&self, store: StoreId, clock: Clock) -> Result<Member, FolderError> {
        let failed = |error| FolderError::Member { store, error };
        let path = self.store_path(store);
        if !path.is_dir() && self.stores()?.len() >= limits::STORES_MAX {
            return Err(FolderError::TooMany);
        }
        let mut member = Member::open(&path, clock).map_err(failed)?;
        member.join(store).map_err(failed)?;
        Ok(member)
    }

    /// Makes all rows, with exceptions, from what is in the folder: for whoever reads them once.
    pub fn load(&self, clock: Clock, rows: &dyn HubStore) -> Result<(), FolderError> {
        for store in self.stores()? {
            let failed = |error| FolderError::Member { store, error };
            let mut member = self.member(store, clock)?;
            member.finish_rebuild();
            member.refresh(rows, true).map_err(failed)?;
            member.close();
        }
        Ok(())
    }

    fn stores_path(&self) -> PathBuf {
        self.path.join("stores")
    }
}

/// Takes entries from folders into the hub's own replicas.
#[derive(Debug)]
pub struct Intake {
    hub: HubFolder,
    clock: Clock,
    open: BTreeMap<StoreId, Member>,
}

impl Intake {
    /// Nothing taken yet.
    pub const fn new(hub: HubFolder, clock: Clock) -> Self {
        Self { hub, clock, open: BTreeMap::new() }
    }

    /// Takes in what a till's folder holds, or the folder of another hub with all its stores.
    pub fn take(&mut self, folder: &Path) -> Result<Vec<(PathBuf, Collected)>, CollectError> {
        let mut folders = vec![folder.to_owned()];
        if HubFolder::is_hub(folder) {
            let other = HubFolder { path: folder.to_owned() };
            let stores = other.stores().map_err(|error| CollectError::Refused {
                folder: folder.to_owned(),
                error: TakeError::NoReplica(error.to_string()),
            })?;
            folders = stores.into_iter().map(|store| other.store_path(store)).collect();
        }
        let mut taken = Vec::with_capacity(folders.len());
        for folder in folders {
            let collected = collect::take_folder(&folder, self)?;
            taken.push((folder, collected));
        }
        Ok(taken)
    }

    /// Everything taken is on the disk; lets go of the replicas.
    pub fn finish(self) -> Vec<StoreId> {
        let stores = self.open.keys().copied().collect();
        self.open.into_values().for_each(Member::close);
        stores
    }
}

impl Taker for Intake {
    fn take_in(&mut self, store: StoreId, window: &[&[u8]]) -> Result<Ingested, TakeError> {
        let member = match self.open.entry(store) {
            Slot::Occupied(held) => held.into_mut(),
            Slot::Vacant(free) => {
                let made = self.hub.member(store, self.clock);
                let member = made.map_err(|error| TakeError::NoReplica(error.to_string()))?;
                free.insert(member)
            }
        };
        // A revocation in the window before may have the replica fold everything anew.
        member.finish_rebuild();
        Ok(member.ingest(window)?)
    }
}
