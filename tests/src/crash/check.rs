//! Opens what a crash left, and holds it against the model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use replica::core::{Alarm, Digest, Identity};
use replica::journal::disk::Disk;
use replica::journal::{Journal, Options};
use replica::node::Node;
use replica::storage::{Reads, Stream};
use replica::verify::verify;

use super::disk::{Event, FileId, Files, Trace, TracedDisk};
use super::machine::{Machine, MapKept};
use super::model::{Model, observed};
use super::script::{Cashier, Document, key, moment, register};
use super::storage::{Map, TillDisk};
use super::{Broken, broken, ensure};

/// Documents played on after a crash: at least the one nobody was answered.
const ON: usize = 1;
/// Every so many outcomes the till is closed, opened, and verified from the first frame to the last.
const VERIFY_EVERY: u64 = 25;
/// Acknowledged documents looked up by their keys in each image; all of them in each outcome that
/// is verified.
const LOOK_BACK: usize = 3;

/// A till on a disk of these loops.
pub type Till<D> = Node<TillDisk<D>>;

/// What was done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Images whose journal was opened: nothing is damage, everything that was flushed is there.
    pub recoveries: u64,
    /// Of these: that came to other bytes, or with another part of the map, than any before. Each
    /// was taken up by a till and held against the model.
    pub distinct: u64,
    /// Of these: with a torn tail, which was cut.
    pub torn: u64,
    /// Of these: of a crash during a recovery, or while the recovered till sold on.
    pub again: u64,
    /// Of these: where the document that was being played when it happened is there.
    pub unanswered: u64,
    /// Outcomes that differ in frames or acknowledged documents: each sold on.
    pub outcomes: u64,
    /// Of these: closed, opened and verified from the first frame to the last.
    pub verified: u64,
}

/// What a recovery comes to: the streams' frames, the documents that were acknowledged, and whether
/// there is one more.
type Outcome = ([u64; 3], usize, bool);

/// A recovered disk: its bytes, the documents that were acknowledged, and what survived of which
/// map.
type DiskPrint = ([u8; 32], usize, u64, MapKept);

/// Holds images against the model.
#[derive(Debug)]
pub struct Checker<'a> {
    cashier: Cashier<'a>,
    model: &'a Model,
    documents: usize,
    options: Options,
    counts: Counts,
    /// What the books and carts came to, by the frames that were there: whatever survived of the map.
    meanings: BTreeMap<(u64, [u64; 3]), Digest>,
    outcomes: BTreeSet<Outcome>,
    /// Disks as they were recovered, with what survived of which map.
    disks: BTreeSet<DiskPrint>,
    prints: Prints,
    /// Sets apart histories that do not share their frames.
    history: u64,
}

/// Digests of contents, the last few of each file.
#[derive(Debug, Default)]
struct Prints(BTreeMap<FileId, Vec<Known>>);

/// A content and its digest.
type Known = (Arc<Vec<u8>>, blake3::Hash);

/// Contents of a file whose digests are kept.
const PRINTS_MAX: usize = 4;

impl Prints {
    fn of(&mut self, file: FileId, content: &Arc<Vec<u8>>) -> blake3::Hash {
        let known = self.0.entry(file).or_default();
        if let Some((_, print)) = known.iter().find(|(one, _)| Arc::ptr_eq(one, content)) {
            return *print;
        }
        let print = blake3::hash(content);
        if known.len() >= PRINTS_MAX {
            known.remove(0);
        }
        known.push((Arc::clone(content), print));
        print
    }

    /// Of every file but the copies of torn tails, which nothing reads.
    fn of_all(&mut self, files: &Files) -> [u8; 32] {
        let mut all = blake3::Hasher::new();
        for (path, file) in files.names.iter().filter(|(path, _)| !path.starts_with("./torn-")) {
            let empty = Arc::default();
            let print = self.of(*file, files.contents.get(file).unwrap_or(&empty));
            all.update(blake3::hash(path.as_bytes()).as_bytes()).update(print.as_bytes());
        }
        *all.finalize().as_bytes()
    }
}

/// What an image came to.
#[derive(Debug)]
pub struct Recovered {
    /// The till, open.
    pub till: Till<TracedDisk>,
    /// Documents of the script that are there.
    pub documents: usize,
    /// Whether no image before came to the same.
    pub is_new: bool,
}

/// Opens a till's disk and takes it up under the `life`-th life.
///
/// # Errors
/// Where it cannot be opened.
pub fn open<D: Disk + Clone>(
    disk: D,
    options: Options,
    map: Map,
    trace: Trace,
    life: u8,
) -> Result<Till<D>, Broken> {
    let storage = TillDisk::open(disk, options, map, trace).map_err(broken)?;
    let mut till = Node::start(Identity::new([1; 32], [life; 8]), storage).map_err(broken)?;
    while till.rebuild_step(moment(0, 0)) {}
    Ok(till)
}

/// A crash leaves no damage; says which tails were torn.
fn whole(journal: &Journal<TracedDisk>) -> Result<[bool; 3], Broken> {
    for stream in Stream::ALL {
        let damaged = &journal.recovered(stream).damaged;
        ensure(damaged.is_empty(), || format!("a crash is called damage: {damaged:?}"))?;
    }
    Ok(Stream::ALL.map(|stream| journal.recovered(stream).torn.is_some()))
}

/// Nothing is called damaged, and nothing raises an alarm but a torn tail and a lost map.
fn quiet(till: &mut Till<TracedDisk>) -> Result<(), Broken> {
    for stream in Stream::ALL {
        let report = till.storage().verify(stream);
        ensure(report.is_good(), || format!("{report:?}"))?;
    }
    for alarm in till.take_alarms() {
        match alarm {
            Alarm::Torn(_) | Alarm::IndexRebuilding(_) => {}
            other => return Err(Broken(format!("an alarm: {other:?}"))),
        }
    }
    Ok(())
}

impl<'a> Checker<'a> {
    /// For images of this script.
    pub fn new(documents: &'a [Document], model: &'a Model, options: Options) -> Self {
        Self {
            cashier: Cashier::new(documents, model),
            model,
            documents: documents.len(),
            options,
            counts: Counts::default(),
            meanings: BTreeMap::new(),
            outcomes: BTreeSet::new(),
            disks: BTreeSet::new(),
            prints: Prints::default(),
            history: 0,
        }
    }

    /// What was done so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The cashier of the script.
    pub const fn cashier(&self) -> &Cashier<'a> {
        &self.cashier
    }

    /// What follows has other frames than what was seen before. Its outcomes are new where `fresh`
    /// says so.
    pub fn begin_history(&mut self, fresh: bool) {
        self.history += 1;
        self.meanings.clear();
        if fresh {
            self.outcomes.clear();
            self.disks.clear();
        }
    }

    /// Notes that the images that follow are of a crash in a recovery.
    pub const fn count_again(&mut self, images: u64) {
        self.counts.again += images;
    }

    /// Opens an image. `answered` documents were acknowledged before the crash: those are there, and
    /// perhaps the one that was being played. `None` where an image before came to the same.
    ///
    /// # Errors
    /// The first promise that is not kept.
    pub fn recover(
        &mut self,
        files: Files,
        (machine, kept): (&Machine, MapKept),
        answered: usize,
        life: u8,
    ) -> Result<Option<Recovered>, Broken> {
        self.counts.recoveries += 1;
        let disk = TracedDisk::on(files);
        let trace = disk.trace().clone();
        let journal = Journal::open(disk.clone(), self.options).map_err(broken)?;
        let torn = whole(&journal)?;
        self.counts.torn += u64::from(torn.contains(&true));
        // Two images that come to the same bytes go the same way from here on.
        let print = self.prints.of_all(&disk.files());
        if !self.disks.insert((print, answered, machine.map_changes(), kept)) {
            return Ok(None);
        }
        self.counts.distinct += 1;
        drop(journal);
        let mut till = open(disk, self.options, machine.map(kept), trace, life)?;
        quiet(&mut till)?;
        let documents = self.agrees(&till, answered)?;
        self.keeps(&mut till, answered.saturating_sub(LOOK_BACK)..answered)?;
        let ordinals = Stream::ALL.map(|stream| till.storage().next_ordinal(stream));
        let meaning = till.query(|replica, disk| replica.meaning_digest(disk)).map_err(broken)?;
        let before = *self.meanings.entry((self.history, ordinals)).or_insert(meaning);
        ensure(before == meaning, || {
            format!("the same {ordinals:?} frames came to {meaning} now and to {before} before")
        })?;
        self.counts.unanswered += u64::from(documents > answered);
        let outcome = (ordinals, answered, documents > answered);
        let is_new = self.outcomes.insert(outcome);
        Ok(Some(Recovered { till, documents, is_new }))
    }

    /// The books are those after the answered documents, or after one more.
    fn agrees(&self, till: &Till<TracedDisk>, answered: usize) -> Result<usize, Broken> {
        let now = observed(till.replica(), &register()?)?;
        let (least, most) = (self.model.after(answered), self.model.after(answered + 1));
        // A founding is two entries: the store, then what it is called.
        if now == *least {
            return Ok(answered);
        }
        ensure(now == *most, || {
            format!(
                "{answered} documents were acknowledged.\nfound:  {now:?}\nwanted: {least:?}\nor:     {most:?}"
            )
        })?;
        Ok(answered + 1)
    }

    /// Acknowledged receipts are found by the keys they were sent under, once, with their numbers.
    fn keeps(
        &self,
        till: &mut Till<TracedDisk>,
        which: core::ops::Range<usize>,
    ) -> Result<(), Broken> {
        let register = register()?;
        for document in which {
            let Some(receipt) = self.model.receipt(document) else { continue };
            let key = key(document)?;
            let found = till.query(|replica, disk| replica.answered(disk, &key)).map_err(broken)?;
            let id = found.ok_or_else(|| Broken(format!("document {document} is lost")))?;
            let of = |till: &mut Till<TracedDisk>| {
                till.query(|replica, disk| replica.by_receipt(disk, &register, receipt.counter))
            };
            let all = of(till).map_err(broken)?;
            let as_told = |sale: &replica::core::Completed| {
                sale.id == id && sale.transaction.total.minor() == receipt.total
            };
            ensure(all.len() == 1 && all.iter().all(as_told), || {
                format!("document {document} was {receipt:?}, there is {all:?}")
            })?;
        }
        Ok(())
    }

    /// The till sells on: the document nobody was answered is played again ([`ON`] in all). Marks
    /// in the till's trace what was answered.
    ///
    /// # Errors
    /// The first promise that is not kept.
    pub fn sell_on(&mut self, till: &mut Till<TracedDisk>, from: usize) -> Result<usize, Broken> {
        self.counts.outcomes += 1;
        let end = (from + ON).min(self.documents);
        for document in from..end {
            self.cashier.play(till, document).map_err(Broken::from)?;
            till.storage().trace().push(Event::Answered { document });
            Cashier::pause(till, document);
        }
        let now = observed(till.replica(), &register()?)?;
        let wanted = self.model.after(end.max(from));
        ensure(now == *wanted, || {
            format!("after selling on to {end}\nfound:  {now:?}\nwanted: {wanted:?}")
        })?;
        Ok(end.max(from))
    }

    /// Every so often: closes the till, opens it, looks for every document, and verifies every
    /// frame, chain, signature and sum.
    ///
    /// # Errors
    /// The first promise that is not kept.
    pub fn verify(&mut self, till: Till<TracedDisk>, documents: usize) -> Result<(), Broken> {
        if !self.counts.outcomes.is_multiple_of(VERIFY_EVERY) {
            return Ok(());
        }
        self.counts.verified += 1;
        let closed = till.close_into(moment(documents, 0));
        let map = closed.map().clone();
        let disk = TracedDisk::on(closed.disk().files());
        let mut till = open(disk, self.options, map, Trace::default(), 250)?;
        self.keeps(&mut till, 0..documents)?;
        let report = till.query(|replica, disk| verify(replica, disk, &mut |_, _| {}));
        let report = report.map_err(broken)?;
        ensure(report.passed(), || format!("{:?}", report.findings))
    }
}
