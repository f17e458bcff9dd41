//! A member's key in wrong hands: whoever has it sends what no till would send.

use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::ids::StoreId;
use pos_core::price_book::{EditNumber, ProductEdit, ProductFields};
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::store::StoreSettings;
use replica::core::{
    DeviceKey, Entry, EntryDraft, EntryId, FeedId, Identity, Incarnation, Lane, OpClass, OpDraft,
    Role,
};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::{FrameKind, Reads, Scanned, Stream};
use replica::sync::{Class, ConnId, Hello, Message, PROTOCOL_VERSION, Window};

use super::site::{Running, Site};
use super::world::World;
use crate::prng::Prng;

/// Entries of one feed as a till stores them, in order.
fn some_run(node: &Node<MemoryStorage>, draw: &mut Prng) -> Vec<Vec<u8>> {
    let streams = [Stream::OwnLedger, Stream::Others, Stream::OwnFloor];
    let stream = *draw.pick(&streams).unwrap_or(&Stream::OwnLedger);
    let disk = node.storage();
    let from = draw.below(disk.next_ordinal(stream).max(1));
    let mut run: Vec<Vec<u8>> = Vec::new();
    let mut last: Option<(FeedId, u64)> = None;
    for item in disk.scan(stream, from, 64 << 10).unwrap_or_default() {
        let Scanned::Frame(frame) = item else { continue };
        if frame.kind != FrameKind::Entry {
            continue;
        }
        let Ok(entry) = Entry::decode(&frame.payload) else { continue };
        let here = (entry.header().feed, entry.header().seq);
        let follows = last.is_none_or(|(feed, seq)| (feed, seq + 1) == here);
        if follows {
            last = Some(here);
            run.push(frame.payload);
        }
        if run.len() >= 6 {
            break;
        }
    }
    run
}

/// Where the signature of an entry begins.
fn signature_at(entry: &[u8]) -> Option<usize> {
    let length = entry.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))?;
    Some(4 + usize::try_from(length).ok()?)
}

/// Where the wall clock of an entry stands: behind the id of the one before it and the Lamport time.
fn wall_at(entry: &[u8]) -> Option<usize> {
    let previous = Entry::decode(entry).ok()?.header().previous;
    let at = entry.windows(32).position(|bytes| bytes == previous.as_bytes())?;
    Some(at + 32 + 8)
}

/// The same entry with its first body left out.
fn blanked(entry: &[u8]) -> Option<Vec<u8>> {
    let bodies = signature_at(entry)? + 64;
    let head = entry.get(..bodies)?;
    let length = entry.get(bodies + 17..bodies + 21)?.first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let rest = entry.get(bodies + 21 + length..)?;
    Some([head, &[0], rest].concat())
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    if let Some(byte) = altered.get_mut(at) {
        *byte ^= 1;
    }
    altered
}

impl World {
    /// Somebody with a member's key connects to a till and sends something odd.
    pub(super) fn attack(&mut self) -> bool {
        let up: Vec<usize> = (0..self.sites.len())
            .filter(|site| self.sites.get(*site).is_some_and(|one| one.running().is_some()))
            .collect();
        let Some(&victim) = self.draws.hostile.pick(&up) else { return false };
        // The key of a till that is not the victim's: a thief's copy of it.
        let others: Vec<usize> = up.into_iter().filter(|site| *site != victim).collect();
        let Some(&robbed) = self.draws.hostile.pick(&others) else { return false };
        let Some(one) = self.sites.get(robbed) else { return false };
        let (secret, device) = (one.secret, one.device);
        let frames = self.odd_frames(victim, robbed, secret);
        let conn = ConnId((1 << 60) | self.events);
        self.with(victim, |Running { node, engine, .. }, at| {
            engine.connected(node, at, conn, device, None);
            for (class, frame) in frames {
                engine.frame(node, at, conn, class, &frame);
            }
            engine.disconnected(node, at, conn);
        });
        true
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of mischief")]
    fn odd_frames(
        &mut self,
        victim: usize,
        robbed: usize,
        secret: [u8; 32],
    ) -> Vec<(Class, Vec<u8>)> {
        let what = self.draws.hostile.below(17);
        let draw = &mut self.draws.hostile;
        let Some(node) = self.sites.get(robbed).and_then(Site::running).map(|one| &one.node) else {
            return Vec::new();
        };
        let device = node.replica().device();
        let Some(store) = node.replica().store_id() else { return Vec::new() };
        let held = [0; 16];
        let software = "somebody".to_owned();
        // Every other one is of a version that knows more, and ours as well.
        let newer = u16::try_from(draw.below(2)).unwrap_or(0);
        let (oldest, newest) = (PROTOCOL_VERSION, PROTOCOL_VERSION + newer);
        let hello = Message::Hello(Hello { oldest, newest, store, held, software }).encode();
        let mut frames = vec![(Class::Control, hello)];
        let run = some_run(node, draw);
        let window = |entries: Vec<Vec<u8>>| {
            Message::Window(Window::whole(1, entries.iter().map(Vec::as_slice))).encode()
        };
        let last = run.last().cloned().unwrap_or_default();
        let heads = node.replica().roster().heads(node.replica().device());
        let manager = node.replica().own_role() != Some(Role::Till);
        match what {
            0 => frames.push((
                Class::Control,
                (0..draw.below(200)).map(|_| u8::try_from(draw.below(256)).unwrap_or(0)).collect(),
            )),
            1 => frames.push((
                Class::Live,
                window(vec![flipped(&last, signature_at(&last).unwrap_or(0) + 3)]),
            )),
            2 => frames
                .push((Class::Live, window(vec![flipped(&last, last.len().saturating_sub(3))]))),
            3 => {
                // One in the middle is left out.
                let gap = run.iter().enumerate().filter(|(index, _)| *index != 1);
                frames.push((Class::Bulk, window(gap.map(|(_, entry)| entry.clone()).collect())));
            }
            4 => {
                let blank = run.iter().filter_map(|entry| blanked(entry)).collect();
                frames.push((Class::Bulk, window(blank)));
            }
            5 => frames.push((Class::Bulk, window(run.iter().rev().cloned().collect()))),
            6 => {
                let long = [
                    vec![8],
                    7_u64.to_le_bytes().to_vec(),
                    vec![1],
                    u32::MAX.to_le_bytes().to_vec(),
                    vec![0; 40],
                ];
                frames.push((Class::Bulk, long.concat()));
            }
            7 => frames.push((Class::Control, vec![9, 0xff, 0xff, 0xff, 0xff, 0x7f])),
            8 => frames.extend((0..50).map(|_| (Class::Bulk, window(run.clone())))),
            9 => {
                // In the name of another, between honest entries.
                let forged = forged(node, draw.bytes(), heads);
                let mut middle = run.clone();
                middle.insert(middle.len().min(1), forged);
                frames.push((Class::Bulk, window(middle)));
            }
            10 => {
                let stranger = stranger(node, secret, draw.bytes());
                frames.push((Class::Live, window(vec![stranger])));
            }
            // Well signed with the member's own key: what it may not say.
            11 => {
                let record = settings_of(node).filter(|_| !manager);
                frames.push((
                    Class::Live,
                    window(vec![signed(store, secret, draw.bytes(), heads, record)]),
                ));
            }
            12 => {
                let entry = signed(store, secret, draw.bytes(), heads, last_word("Mine"));
                frames.push((Class::Live, window(vec![entry])));
            }
            13 => {
                let nonce = draw.bytes();
                for name in ["Mine", "Ours"] {
                    let entry = signed(store, secret, nonce, heads.clone(), last_word(name));
                    frames.push((Class::Live, window(vec![entry])));
                }
            }
            14 => {
                // In front of one that is well signed, what its author never wrote.
                let altered = |entry: &Vec<u8>| flipped(entry, wall_at(entry).unwrap_or(0));
                let pair = run.get(..2).unwrap_or(&run);
                let mut pair = pair.to_vec();
                if let Some(first) = pair.first_mut() {
                    *first = altered(first);
                }
                frames.push((Class::Bulk, window(pair)));
            }
            15 => {
                let entry = of_tomorrow(store, secret, draw.bytes(), heads);
                frames.push((Class::Live, window(vec![entry])));
            }
            _ => {
                let other = StoreId::from_bytes(draw.bytes());
                let entry = signed(other, secret, draw.bytes(), heads, thin_air());
                frames.push((Class::Live, window(vec![entry])));
            }
        }
        if what == 13 {
            self.forked_devices.insert(device);
        }
        self.note(format_args!("somebody sends till {victim} odd frames, kind {what}"));
        frames
    }
}

/// An entry of nobody's feed that claims to be another till's: its signature fits its own key alone.
fn forged(node: &Node<MemoryStorage>, secret: [u8; 32], heads: Vec<EntryId>) -> Vec<u8> {
    let Some(store) = node.replica().store_id() else { return Vec::new() };
    signed(store, secret, [7; 8], heads, thin_air())
}

/// An entry of somebody who was never let in.
fn stranger(node: &Node<MemoryStorage>, robbed: [u8; 32], secret: [u8; 32]) -> Vec<u8> {
    let device = DeviceKey::from_secret(robbed).device();
    forged(node, secret, node.replica().roster().heads(device))
}

/// Stock that nobody delivered.
fn thin_air() -> Option<Record> {
    let sku = Sku::new("A001").ok()?;
    let business_date = BusinessDate::new(2026, 3, 28).ok()?;
    Some(Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku,
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_thousandths(1_000_000),
            description: String::new(),
        }],
        reason: "out of thin air".to_owned(),
        business_date,
        idempotency_key: None,
        wall_time: WallTime::from_millis(0),
    }))
}

/// The store's settings, as a till that is no manager's would have them.
fn settings_of(node: &Node<MemoryStorage>) -> Option<Record> {
    let settings = node.replica().settings().ok()?.clone();
    Some(Record::StoreOpened(StoreSettings { edit: EditNumber(1), ..settings }))
}

/// A price for ever: an edit under a number that no other one reaches.
fn last_word(name: &str) -> Option<Record> {
    let sku = Sku::new("A001").ok()?;
    let fields = ProductFields { name: Some(name.to_owned()), ..ProductFields::default() };
    Some(Record::ProductsEdited(vec![ProductEdit { sku, edit: EditNumber(1 << 40), fields }]))
}

/// A kind of record that no version before tomorrow's knows.
const KIND_OF_TOMORROW: u16 = 60_000;

/// What a till of a later version writes: kept aside, and passed on.
fn of_tomorrow(
    group: StoreId,
    secret: [u8; 32],
    nonce: [u8; 8],
    roster_heads: Vec<EntryId>,
) -> Vec<u8> {
    signed_op(group, secret, nonce, roster_heads, (KIND_OF_TOMORROW, vec![1, 2, 3]))
}

/// A record in a life of its own (so that nothing of the till it robs is forked), well signed.
fn signed(
    group: StoreId,
    secret: [u8; 32],
    nonce: [u8; 8],
    roster_heads: Vec<EntryId>,
    record: Option<Record>,
) -> Vec<u8> {
    let Some(record) = record else { return Vec::new() };
    signed_op(group, secret, nonce, roster_heads, (record.kind(), record.encode()))
}

fn signed_op(
    group: StoreId,
    secret: [u8; 32],
    nonce: [u8; 8],
    roster_heads: Vec<EntryId>,
    (kind, body): (u16, Vec<u8>),
) -> Vec<u8> {
    let draft = EntryDraft {
        group,
        lane: Lane::Ledger,
        incarnation: Incarnation { counter: 1, nonce },
        seq: 1,
        previous: EntryId::from_bytes([0; 32]),
        lamport: 1,
        wall: WallTime::from_millis(0),
        roster_heads,
        deps: Vec::new(),
        ops: vec![OpDraft { kind, class: OpClass::Fact, subject: Vec::new(), body }],
    };
    let Identity { key, seal, .. } = Identity::new(secret, [0; 8]);
    Entry::sign(draft, &key, &seal).map(|entry| entry.encode()).unwrap_or_default()
}
