//! Every disk under the same power cuts, held to the same promises: the disk in memory of the
//! simulations, and the real one (journal files and sled) on a file system whose power we cut.

mod power_fs;

pub use power_fs::{Mounted, PowerFs};

use replica::core::Identity;
use replica::journal::faults::Failure;
use replica::memory::{Crash, Keep, MemoryStorage};
use replica::node::Node;
use replica::storage::Storage;
use replica::store::{FileStorage, Options};
use replica::verify::verify;

use crate::crash::cuts::options;
use crate::crash::model::{Model, observed};
use crate::crash::script::{Cashier, Document, Stop, key, moment, register};
use crate::crash::{Broken, broken, ensure};
use crate::prng::Prng;

/// Calls of the disk after which the power goes, at most: some documents' worth.
const CALLS_MAX: u64 = 60;
/// Acknowledged documents looked up after each cut.
const LOOK_BACK: usize = 5;
/// Cuts between two full verifications.
const VERIFY_EVERY: u64 = 8;
/// Memory of the map's cache, in bytes.
const CACHE_BYTES: u64 = 4 << 20;

/// A disk whose power can be cut.
pub trait Outlet {
    /// The disk.
    type Disk: Storage;

    /// Opens it.
    ///
    /// # Errors
    /// Where it does not open.
    fn open(&mut self) -> Result<Self::Disk, Broken>;

    /// The power goes after so many calls that change something; nobody is told.
    fn arm(&mut self, disk: &Self::Disk, calls: u64);

    /// Whether it is gone. What the till did since counts for nothing.
    fn is_out(&self, disk: &Self::Disk) -> bool;

    /// The till is gone too; the power comes back. `choice` says what survives that was not flushed.
    ///
    /// # Errors
    /// Where the disk cannot be brought back.
    fn restore(&mut self, disk: Self::Disk, choice: u64) -> Result<Self::Disk, Broken>;
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// Power cuts.
    pub cuts: u64,
    /// Of these: after which the document that was being played is there.
    pub unanswered: u64,
    /// Documents acknowledged.
    pub documents: usize,
    /// Full verifications.
    pub verified: u64,
}

/// Plays `documents` while the power goes again and again. Every choice comes from `seed`.
///
/// # Errors
/// The first promise that is not kept.
pub fn play<O: Outlet>(outlet: &mut O, documents: &[Document], seed: u64) -> Result<Days, Broken> {
    let model = Model::of(documents);
    let cashier = Cashier::new(documents, &model);
    let (mut calls, mut kept) = (Prng::new(seed).child("calls"), Prng::new(seed).child("kept"));
    let mut days = Days::default();
    let mut life = 1;
    let disk = outlet.open()?;
    outlet.arm(&disk, calls.below(CALLS_MAX));
    let mut till = start(disk, life)?;
    while days.documents < documents.len() {
        let number = days.documents;
        let place = |why: Broken| why.at(format_args!("seed {seed}, document {number}"));
        let played = match cashier.play(&mut till, days.documents) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(why)) => Err(why),
            Err(Stop::Broken(why)) if !outlet.is_out(till.storage()) => return Err(place(why)),
            Err(Stop::Broken(why)) => Err(replica::core::CommandError::Stopped(why.to_string())),
        };
        if !outlet.is_out(till.storage()) {
            played.map_err(broken).map_err(place)?;
            days.documents += 1;
            Cashier::pause(&mut till, days.documents - 1);
        }
        if !outlet.is_out(till.storage()) {
            continue;
        }
        days.cuts += 1;
        let disk = outlet.restore(till.into_storage(), kept.next_u64() >> kept.below(64))?;
        life += 1;
        till = start(disk, life)?;
        let found = accounts_for(&mut till, &model, days.documents).map_err(place)?;
        days.unanswered += u64::from(found > days.documents);
        if days.cuts.is_multiple_of(VERIFY_EVERY) {
            days.verified += 1;
            let report = till.query(|replica, disk| verify(replica, disk, &mut |_, _| {}));
            let report = report.map_err(broken)?;
            ensure(!report.findings.iter().any(is_serious), || format!("{:?}", report.findings))
                .map_err(place)?;
        }
        outlet.arm(till.storage(), calls.below(CALLS_MAX));
    }
    Ok(days)
}

/// Published counters lag behind the books after a crash, until they are published again.
fn is_serious(finding: &replica::verify::Finding) -> bool {
    use replica::verify::Finding;
    match finding {
        Finding::StockDiffers { .. } => false,
        Finding::Damaged { reason, .. } => !reason.contains("unfinished"),
        _ => true,
    }
}

fn start<S: Storage>(disk: S, life: u64) -> Result<Node<S>, Broken> {
    let mut till = Node::start(Identity::new([1; 32], life.to_le_bytes()), disk).map_err(broken)?;
    while till.rebuild_step(moment(0, 0)) {}
    Ok(till)
}

/// The books are those after the acknowledged documents or after one more; the last receipts are
/// found by their keys under their numbers.
fn accounts_for<S: Storage>(
    till: &mut Node<S>,
    model: &Model,
    documents: usize,
) -> Result<usize, Broken> {
    let now = observed(till.replica(), &register()?)?;
    let there = if now == *model.after(documents) { documents } else { documents + 1 };
    ensure(now == *model.after(there), || {
        format!("{documents} documents were acknowledged, the books say {now:?}")
    })?;
    for document in documents.saturating_sub(LOOK_BACK)..documents {
        let Some(receipt) = model.receipt(document) else { continue };
        let key = key(document)?;
        let id = till.query(|replica, disk| replica.answered(disk, &key)).map_err(broken)?;
        let id = id.ok_or_else(|| Broken(format!("document {document} is lost")))?;
        let sale = till.query(|replica, disk| replica.transaction(disk, id)).map_err(broken)?;
        ensure(sale.is_some_and(|sale| sale.receipt_counter == receipt.counter), || {
            format!("document {document} has another number")
        })?;
    }
    Ok(there)
}

/// The disk in memory.
#[derive(Debug, Default)]
pub struct InMemory;

impl Outlet for InMemory {
    type Disk = MemoryStorage;

    fn open(&mut self) -> Result<MemoryStorage, Broken> {
        MemoryStorage::new(options()).map_err(broken)
    }

    fn arm(&mut self, disk: &MemoryStorage, calls: u64) {
        disk.faults().clear();
        disk.faults().fail_after(calls, Failure::Broken { written: 0 });
    }

    fn is_out(&self, disk: &MemoryStorage) -> bool {
        disk.faults().waiting() == 0
    }

    fn restore(&mut self, mut disk: MemoryStorage, choice: u64) -> Result<MemoryStorage, Broken> {
        disk.faults().clear();
        let files = match choice % 4 {
            0 => Keep::Nothing,
            1 => Keep::Everything,
            2 => Keep::Bytes(choice % 2_000),
            _ => Keep::Sectors(choice),
        };
        let map_batches = usize::try_from(choice % 9).unwrap_or(0);
        disk.crash(Crash { files, map_batches }).map_err(broken)?;
        Ok(disk)
    }
}

/// The real disk, journal files and sled, on a file system of ours.
#[derive(Debug)]
pub struct OnFiles {
    mounted: Option<Mounted>,
}

impl OnFiles {
    /// Mounts one.
    ///
    /// # Errors
    /// Where this process may not mount, or there is no FUSE: the reason to skip.
    pub fn mount() -> Result<Self, String> {
        Mounted::new(PowerFs::default()).map(|mounted| Self { mounted: Some(mounted) })
    }

    /// The folder of the till on it.
    ///
    /// # Errors
    /// Where it is not mounted any more.
    pub fn folder(&self) -> Result<std::path::PathBuf, Broken> {
        Ok(self.mounted()?.folder().join("till"))
    }

    fn mounted(&self) -> Result<&Mounted, Broken> {
        self.mounted.as_ref().ok_or_else(|| Broken("it is not mounted".to_owned()))
    }
}

impl Outlet for OnFiles {
    type Disk = FileStorage;

    fn open(&mut self) -> Result<FileStorage, Broken> {
        let folder = self.folder()?;
        let sizes = Options { journal: options(), map_cache_bytes: CACHE_BYTES };
        FileStorage::open(&folder, sizes).map_err(broken)
    }

    fn arm(&mut self, _disk: &FileStorage, calls: u64) {
        if let Some(mounted) = &self.mounted {
            mounted.power().cut_after(calls);
        }
    }

    fn is_out(&self, _disk: &FileStorage) -> bool {
        self.mounted.as_ref().is_some_and(|mounted| mounted.power().is_out())
    }

    fn restore(&mut self, disk: FileStorage, choice: u64) -> Result<FileStorage, Broken> {
        drop(disk);
        let mounted = self.mounted.take().ok_or_else(|| Broken("it is not mounted".to_owned()))?;
        let left = mounted.power().left(choice);
        mounted.unmount().map_err(broken)?;
        self.mounted = Some(Mounted::new(left).map_err(Broken)?);
        self.open()
    }
}
