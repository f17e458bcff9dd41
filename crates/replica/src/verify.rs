//! Checking a folder from the first frame to the last: nothing is taken from the index.

use std::collections::BTreeMap;

use pos_core::books::{Books, RecordMeta};
use pos_core::record::Record;
use serde::Serialize;

use crate::core::{
    CommandError, Entry, EntryId, Exception, FeedId, HeldBack, Lane, Replica, SignatureError,
};
use crate::limits;
use crate::storage::{Damage, Frame, FrameKind, Ordinal, Reads, Scanned, StorageError, Stream};

/// A Floor or foreign feed's signature is checked at every so many entries besides the last: the
/// chain vouches for those between.
const SIGNATURE_EVERY: u64 = 64;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Finding {
    /// Frames of the journal that cannot be read.
    Damaged {
        /// The journal.
        stream: &'static str,
        /// First frame.
        first: Ordinal,
        /// Last frame.
        last: Ordinal,
        /// The feed the lost entries are in, when a neighbour tells.
        feed: Option<String>,
        /// First and last sequence number of the lost entries, when both neighbours tell.
        entries: Option<(u64, u64)>,
        /// File and offset.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Something beside the entries is altered, the head of a segment file say: no entry is lost.
    Altered {
        /// The journal.
        stream: &'static str,
        /// What, and before which entry it stands.
        what: String,
    },
    /// A good frame whose content is no entry.
    NotAnEntry {
        /// The journal.
        stream: &'static str,
        /// The frame.
        ordinal: Ordinal,
        /// Why.
        reason: String,
    },
    /// An entry does not follow the one before it in its feed.
    ChainBroken {
        /// The feed.
        feed: String,
        /// The entry that does not follow.
        seq: u64,
        /// The sequence number that should have come.
        expected: u64,
    },
    /// An entry's signature is not its author's.
    BadSignature {
        /// The feed.
        feed: String,
        /// The entry.
        seq: u64,
    },
    /// The index says something else than the journal.
    IndexDiffers {
        /// Rows that differ.
        rows: usize,
    },
    /// The published counters and the books disagree about a product.
    StockDiffers {
        /// The product.
        sku: String,
        /// Thousandths by the books, without what no counter counts yet.
        books: i64,
        /// Thousandths as published.
        published: i64,
    },
    /// An entry that is kept aside.
    KeptAside {
        /// The entry.
        entry: EntryId,
        /// Why.
        reason: String,
    },
    /// A derived exception.
    Exception {
        /// What.
        exception: Exception,
    },
}

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Frames read.
    pub frames: u64,
    /// Entries read.
    pub entries: u64,
    /// Signatures checked; the chain vouches for the entries between.
    pub signatures: u64,
    /// Transactions whose sums were checked.
    pub transactions: u64,
    /// Products compared between books and published counters.
    pub products: u64,
    /// Entries no published counter counts yet: not compared.
    pub unpublished: u64,
    /// Devices whose counters could not be compared: some of their entries are not here, or are
    /// kept aside, or a copy of the device went on.
    pub stock_left_out: Vec<String>,
    /// Damaged frames, as the journal reports them.
    #[serde(skip)]
    pub damage: Vec<Damage>,
    /// What is not as it should be, sorted.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether everything is as it should be.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Where a feed was, while it is walked through.
struct Place {
    seq: u64,
    id: EntryId,
    unchecked: Option<Entry>,
}

struct Checker {
    result: Verification,
    feeds: BTreeMap<FeedId, Place>,
    books: Books,
    /// Damage whose lost entries the next good frame of the stream will tell.
    open: Vec<(Damage, Option<FeedId>)>,
    held: BTreeMap<EntryId, HeldBack>,
}

/// Checks every frame, chain, signature and sum in the journal, and the index and the published
/// counters against it. `progress` hears frames done and frames in all.
pub fn verify(
    replica: &Replica,
    reads: &dyn Reads,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verification, CommandError> {
    let held = replica.held_back().map(|(id, reason)| (*id, reason.clone())).collect();
    let mut checker = Checker {
        result: Verification::default(),
        feeds: BTreeMap::new(),
        books: Books::new(),
        open: Vec::new(),
        held,
    };
    let total = Stream::ALL.iter().map(|&stream| reads.next_ordinal(stream)).sum();
    let mut done = 0;
    for stream in Stream::ALL {
        checker.stream(reads, stream, &mut |frames| {
            done += frames;
            progress(done, total);
        })?;
    }
    checker.last_signatures();
    checker.index(replica);
    checker.stock(replica, reads)?;
    let exceptions = replica.exceptions(reads)?;
    let kept_aside = replica
        .held_back()
        .map(|(id, reason)| Finding::KeptAside { entry: *id, reason: reason.to_string() });
    let mut result = checker.result;
    result.findings.extend(kept_aside);
    result
        .findings
        .extend(exceptions.into_iter().map(|exception| Finding::Exception { exception }));
    result.findings.sort();
    Ok(result)
}

impl Checker {
    fn stream(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), StorageError> {
        let mut last_feed = None;
        let mut next = 0;
        while next < reads.next_ordinal(stream) {
            let scanned = reads.scan(stream, next, limits::REBUILD_STEP_BYTES)?;
            let Some(last) = scanned.last() else { break };
            let reached = match last {
                Scanned::Frame(frame) => frame.ordinal,
                Scanned::Damaged(damage) => damage.last,
            };
            progress(reached.saturating_add(1).saturating_sub(next));
            next = reached.saturating_add(1);
            for item in scanned {
                match item {
                    Scanned::Damaged(damage) => self.open.push((damage, last_feed)),
                    Scanned::Frame(frame) => last_feed = self.frame(stream, &frame).or(last_feed),
                }
            }
        }
        self.settle_damage(None);
        Ok(())
    }

    fn frame(&mut self, stream: Stream, frame: &Frame) -> Option<FeedId> {
        self.result.frames += 1;
        if frame.kind != FrameKind::Entry {
            return None;
        }
        match Entry::decode(&frame.payload) {
            Ok(entry) => {
                let feed = entry.header().feed;
                self.settle_damage(Some((feed, entry.header().seq)));
                self.entry(stream, entry);
                Some(feed)
            }
            Err(error) => {
                self.result.findings.push(Finding::NotAnEntry {
                    stream: stream.name(),
                    ordinal: frame.ordinal,
                    reason: error.to_string(),
                });
                None
            }
        }
    }

    /// Names the entries that damage has swallowed, from the good entries around it.
    fn settle_damage(&mut self, next: Option<(FeedId, u64)>) {
        for (damage, feed) in core::mem::take(&mut self.open) {
            let before = feed.and_then(|feed| self.feeds.get(&feed)).map(|place| place.seq);
            let entries = match (feed, before, next) {
                (Some(feed), Some(before), Some((next_feed, seq))) if feed == next_feed => {
                    // Frames that are not entries (resume points) leave no gap.
                    (seq > before + 1).then(|| (before + 1, seq - 1))
                }
                (None, None, Some((_, seq))) if seq > 1 => Some((1, seq - 1)),
                (_, Some(before), None) => Some((before + 1, before + 1)),
                _ => None,
            };
            let named = feed.or_else(|| next.map(|(feed, _)| feed));
            if let (Some(feed), Some((_, last))) = (feed, entries)
                && let Some(place) = self.feeds.get_mut(&feed)
            {
                // The gap is named here; it is not a broken chain besides.
                place.seq = last;
                place.id = EntryId::from_bytes([0; 32]);
            }
            self.result.damage.push(damage.clone());
            self.result.findings.push(Finding::Damaged {
                stream: damage.stream.name(),
                first: damage.first,
                last: damage.last,
                feed: named.map(|feed| feed.to_string()),
                entries,
                place: damage.place,
                reason: damage.reason,
            });
        }
    }

    fn entry(&mut self, stream: Stream, entry: Entry) {
        self.result.entries += 1;
        let header = entry.header();
        let feed = header.feed;
        let before = self.feeds.get(&feed);
        let expected = before.map_or(1, |place| place.seq + 1);
        let unknown = EntryId::from_bytes([0; 32]);
        let chained = before.is_none_or(|place| place.id == unknown || place.id == header.previous);
        let foreign = stream == Stream::Others;
        // Foreign entries may have come out of order; their gaps show in the feeds' state.
        if !foreign && (header.seq != expected || !chained) {
            let finding =
                Finding::ChainBroken { feed: feed.to_string(), seq: header.seq, expected };
            self.result.findings.push(finding);
        }
        if !self.held.contains_key(&entry.id()) {
            self.fold(&entry);
        }
        let every = feed.lane == Lane::Ledger || header.seq.is_multiple_of(SIGNATURE_EVERY);
        let place = Place { seq: header.seq, id: entry.id(), unchecked: None };
        if every {
            self.signature(&entry);
            self.feeds.insert(feed, place);
        } else {
            self.feeds.insert(feed, Place { unchecked: Some(entry), ..place });
        }
    }

    fn signature(&mut self, entry: &Entry) {
        self.result.signatures += 1;
        let verified: Result<(), SignatureError> = entry.verify();
        if verified.is_err() {
            let header = entry.header();
            let finding = Finding::BadSignature { feed: header.feed.to_string(), seq: header.seq };
            self.result.findings.push(finding);
        }
    }

    /// The signature of the last entry vouches for all since the last one that was checked.
    fn last_signatures(&mut self) {
        let unchecked: Vec<Entry> =
            self.feeds.values_mut().filter_map(|place| place.unchecked.take()).collect();
        for entry in unchecked {
            self.signature(&entry);
        }
    }

    /// Folds an entry's records anew. Reading a transaction checks its sums.
    fn fold(&mut self, entry: &Entry) {
        let header = entry.header();
        for (id, op, body) in entry.ops() {
            let Some(Ok(record)) = body.map(|body| Record::decode(op.kind, body)) else { continue };
            if matches!(record, Record::TransactionCompleted(_)) {
                self.result.transactions += 1;
            }
            let meta = RecordMeta { id, device: header.feed.device, lamport: header.lamport };
            // What the books refuse they refuse in the index as well: the rows are compared.
            drop(self.books.apply(meta, &record));
        }
    }

    fn index(&mut self, replica: &Replica) {
        let ours: BTreeMap<_, _> = self.books.rows().collect();
        let theirs: BTreeMap<_, _> = replica.books().rows().collect();
        let differing = ours.iter().filter(|&(key, value)| theirs.get(key) != Some(value)).count()
            + theirs.keys().filter(|key| !ours.contains_key(*key)).count();
        if differing > 0 {
            self.result.findings.push(Finding::IndexDiffers { rows: differing });
        }
    }

    /// The published counters are computed apart from the books: the two must agree.
    fn stock(&mut self, replica: &Replica, reads: &dyn Reads) -> Result<(), CommandError> {
        let audit = replica.audit_stock(reads)?;
        self.result.products = audit.products;
        self.result.unpublished = audit.unpublished;
        self.result.stock_left_out = audit.left_out.iter().map(ToString::to_string).collect();
        self.result.findings.extend(audit.differences.into_iter().map(|difference| {
            Finding::StockDiffers {
                sku: difference.sku.to_string(),
                books: difference.books,
                published: difference.published,
            }
        }));
        Ok(())
    }
}
