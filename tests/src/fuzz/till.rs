//! A till in memory, made once for all inputs and opened again for each.

use std::sync::OnceLock;

use pos_core::ids::{DeviceId, RegisterId, StoreId};
use pos_core::record::Record;
use replica::core::{Command, DeviceName, Identity, Role, RosterRecord};
use replica::memory::{Crash, MemoryStorage};
use replica::node::Node;
use replica::storage::{FrameKind, Reads, Scanned, Stream};

use crate::crash::check::{Till, open};
use crate::crash::cuts::options;
use crate::crash::disk::{Files, Trace, TracedDisk};
use crate::crash::model::Model;
use crate::crash::script::{Cashier, Document, documents, moment};
use crate::crash::storage::Map;
use crate::crash::{Broken, broken};

/// Documents of the script that are played before an input comes.
pub(super) const BEFORE: usize = 6;
/// Documents that can be played in all.
const ALL: usize = 60;

/// A store of two devices, as the founder's disk holds it.
#[derive(Debug)]
pub(super) struct Shop {
    files: Files,
    map: Map,
    pub(super) documents: Vec<Document>,
    pub(super) model: Model,
    pub(super) store: StoreId,
    /// Its entries, as they are sent.
    pub(super) entries: Vec<Vec<u8>>,
}

/// The other device.
pub(super) fn other() -> Identity {
    Identity::new([2; 32], [1; 8])
}

pub(super) fn other_device() -> DeviceId {
    other().key.device()
}

impl Shop {
    /// The one store; `None` if it cannot be made, which another test says louder.
    pub(super) fn get() -> Option<&'static Self> {
        static SHOP: OnceLock<Option<Shop>> = OnceLock::new();
        SHOP.get_or_init(|| Self::make().ok()).as_ref()
    }

    fn make() -> Result<Self, Broken> {
        let documents = documents(ALL);
        let model = Model::of(&documents);
        let disk = TracedDisk::default();
        let mut till = open(disk, options(), Map::new(), Trace::default(), 1)?;
        let cashier = Cashier::new(&documents, &model);
        for number in 0..BEFORE {
            cashier.play(&mut till, number)?;
            Cashier::pause(&mut till, number);
        }
        let at = moment(BEFORE, 0);
        let name = DeviceName::new("Till 2").map_err(broken)?;
        let added = RosterRecord::DeviceAdded { device: other_device(), role: Role::Till, name };
        till.execute(at, Command::ChangeRoster(added)).map_err(broken)?;
        let register = RegisterId::new("R2").map_err(broken)?;
        let assigned = Record::RegisterAssigned { register, device: other_device() };
        till.execute(at, Command::Record(Box::new(assigned))).map_err(broken)?;
        let store = till.replica().store_id().ok_or_else(|| Broken("no store".to_owned()))?;
        let storage = till.close_into(at);
        let mut entries = Vec::new();
        for stream in [Stream::OwnLedger, Stream::OwnFloor] {
            for found in storage.scan(stream, 0, usize::MAX).map_err(broken)? {
                if let Scanned::Frame(frame) = found
                    && frame.kind == FrameKind::Entry
                {
                    entries.push(frame.payload);
                }
            }
        }
        let (files, map) = (storage.disk().files(), storage.map().clone());
        Ok(Self { files, map, documents, model, store, entries })
    }

    /// The founder's till, in a new life.
    pub(super) fn till(&self, life: u8) -> Result<Till<TracedDisk>, Broken> {
        let disk = TracedDisk::on(self.files.clone());
        open(disk, options(), self.map.clone(), Trace::default(), life)
    }
}

/// The other till, empty.
pub(super) fn empty_till(store: StoreId) -> Result<Node<MemoryStorage>, Broken> {
    let disk = MemoryStorage::new(options()).map_err(broken)?;
    let mut till = Node::start(other(), disk).map_err(broken)?;
    till.join(store).map_err(broken)?;
    Ok(till)
}

/// The other till after the power failed, in a new life.
pub(super) fn restarted(
    till: Node<MemoryStorage>,
    life: u8,
) -> Result<Node<MemoryStorage>, Broken> {
    let mut disk = till.into_storage();
    disk.crash(Crash::POWER_CUT).map_err(broken)?;
    let identity = Identity::new([2; 32], [life; 8]);
    let mut till = Node::start(identity, disk).map_err(broken)?;
    while till.rebuild_step(moment(0, 0)) {}
    Ok(till)
}
