use pos_core::business_date::WallTime;
use proptest::prelude::*;

use super::*;
use crate::core::{DeviceKey, EntryDraft, OpClass, OpDraft, Sealed};

const STORE: StoreId = StoreId::from_bytes([5; 16]);

fn key() -> DeviceKey {
    DeviceKey::from_secret([7; 32])
}

fn feed() -> FeedId {
    let incarnation = Incarnation { counter: 3, nonce: [9; 8] };
    FeedId { device: key().device(), incarnation, lane: Lane::Ledger }
}

/// What an entry is made of besides its place.
#[derive(Debug, Clone)]
struct Made {
    lamport: u64,
    wall: i64,
    heads: u8,
    deps: u8,
    ops: Vec<(u16, Vec<u8>, Vec<u8>, bool)>,
}

fn made() -> impl Strategy<Value = Made> {
    let op = (
        any::<u16>(),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 0..200),
        prop::bool::weighted(0.8),
    );
    let ops = prop::collection::vec(op, 1..4);
    (any::<u64>(), any::<i64>(), 0..6_u8, 0..3_u8, ops)
        .prop_map(|(lamport, wall, heads, deps, ops)| Made { lamport, wall, heads, deps, ops })
}

fn typical(number: u64) -> Made {
    let (lamport, wall) =
        (400 + number, 1_291_190_000_000 + 1_300 * i64::try_from(number).unwrap());
    Made { lamport, wall, heads: 1, deps: 0, ops: vec![(4, Vec::new(), vec![1; 70], true)] }
}

/// Entries of one feed, each following the one before.
fn chain(store: StoreId, all: &[Made]) -> Vec<Vec<u8>> {
    let mut previous = EntryId::from_bytes([0; 32]);
    let mut entries = Vec::new();
    for (index, made) in all.iter().enumerate() {
        let id = |byte: u8| EntryId::from_bytes([byte; 32]);
        let ops = made.ops.iter().map(|(kind, subject, body, _)| OpDraft {
            kind: *kind,
            class: OpClass::Fact,
            subject: subject.clone(),
            body: body.clone(),
        });
        let draft = EntryDraft {
            group: store,
            lane: Lane::Ledger,
            incarnation: feed().incarnation,
            seq: u64::try_from(index).unwrap() + 1,
            previous,
            lamport: made.lamport,
            wall: WallTime::from_millis(made.wall),
            roster_heads: (0..made.heads).map(id).collect(),
            deps: (0..made.deps).map(id).collect(),
            ops: ops.collect(),
        };
        let entry = Entry::sign(draft, &key(), &Sealed([8; 32])).unwrap();
        previous = entry.id();
        entries.push(erase(&entry, made));
    }
    entries
}

/// Its bytes without the bodies that are to be missing.
fn erase(entry: &Entry, made: &Made) -> Vec<u8> {
    let whole = entry.encode();
    let header = u32::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let mut bytes = whole[..4 + header + 64].to_vec();
    for (body, (_, _, _, kept)) in entry.bodies().iter().zip(&made.ops) {
        let Some(body) = body.as_ref().filter(|_| *kept) else {
            bytes.push(0);
            continue;
        };
        bytes.push(1);
        bytes.extend(body.salt);
        bytes.extend(u32::try_from(body.bytes.len()).unwrap().to_le_bytes());
        bytes.extend(&body.bytes);
    }
    bytes
}

proptest! {
    #[test]
    fn what_was_packed_comes_out_byte_for_byte(
        all in prop::collection::vec(made(), 1..12),
        cut in 0..12_usize,
        back in 0..12_usize,
        foreign in any::<bool>(),
    ) {
        let store = if foreign { StoreId::from_bytes([6; 16]) } else { STORE };
        let entries = chain(store, &all);
        let cut = cut.min(entries.len());
        let back = back.min(cut);
        let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
        // One window, one that begins further back, as after a loss, and nothing at all.
        for window in [&entries[..cut], &entries[back..], &[]] {
            let packed = packer.pack(STORE, feed(), window);
            prop_assert_eq!(unpacker.unpack(STORE, &packed), Ok(window.to_vec()));
        }
        let bare: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(Unpacker::default().unpack(STORE, &whole(bare)), Ok(entries));
    }

    #[test]
    fn no_bytes_make_it_fail_otherwise_than_by_saying_so(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut unpacker = Unpacker::default();
        drop(unpacker.unpack(STORE, &bytes));
        let entries = chain(STORE, &[typical(1), typical(2), typical(3)]);
        let mut packed = Packer::default().pack(STORE, feed(), &entries);
        let at = at.index(packed.len());
        // The second byte says under which number the feed is kept on this connection: nothing of
        // this window hangs on it.
        prop_assume!(at != 1);
        packed[at] ^= flip;
        // Whatever comes out is another window: the checks of entries refuse it.
        prop_assert_ne!(Unpacker::default().unpack(STORE, &packed), Ok(entries));
    }
}

#[test]
fn an_entry_that_follows_costs_its_content_and_its_signature() {
    let entries = chain(STORE, &[typical(1), typical(2), typical(3)]);
    let mut packer = Packer::default();
    packer.pack(STORE, feed(), &entries[..2]);
    let packed = packer.pack(STORE, feed(), &entries[2..]);
    assert_eq!(entries[2].len(), 351);
    // Content 70, signature 64, salt 16, and 12 for all else.
    assert_eq!(packed.len(), 162);
}

#[test]
fn the_first_window_of_a_feed_keeps_its_bytes() {
    let entries = chain(STORE, &[typical(1)]);
    let packed = Packer::default().pack(STORE, feed(), &entries);
    let opening =
        [&[1, 0, 0], key().device().as_bytes().as_slice(), &[3, 0, 0, 0], &[9; 8]].concat();
    let signature = &entries[0][4 + 192..4 + 192 + 64];
    let salt = &entries[0][4 + 192 + 64 + 1..][..16];
    // lamport 401, wall 1,291,190,001,300: twice, as both are not negative.
    let numbers = [0xa2, 0x06, 0xa8, 0xfa, 0xde, 0x8e, 0x94, 0x4b];
    let heads = [&[1][..], &[0; 32], &[0]].concat();
    let op = [&[1, 4, 0, 0, 1][..], salt, &[70], &[1; 70]].concat();
    let expected = [opening.as_slice(), &[3], &numbers, &heads, signature, &op].concat();
    assert_eq!(packed, expected);
}

#[test]
fn a_feed_nobody_opened_and_more_feeds_than_are_kept_are_refused() {
    let mut unpacker = Unpacker::default();
    let entries = chain(STORE, &[typical(1)]);
    let mut packed = Packer::default().pack(STORE, feed(), &entries);
    // The same entry, of the feed at place 5.
    packed.splice(..47, [7]);
    let refused = unpacker.unpack(STORE, &packed);
    assert!(matches!(refused, Err(CodecError::Unknown { what: "feed", .. })), "{refused:?}");
    let mut packer = Packer::default();
    for counter in 0..u32::try_from(limits::PACKED_FEEDS_MAX).unwrap() {
        let incarnation = Incarnation { counter, nonce: [1; 8] };
        let opening = packer.pack(STORE, FeedId { incarnation, ..feed() }, &[]);
        assert_eq!(unpacker.unpack(STORE, &opening), Ok(Vec::new()));
    }
    // An honest sender opens no more, and no place twice; one that does is refused.
    let as_they_are = packer.pack(STORE, feed(), &entries);
    assert_eq!(unpacker.unpack(STORE, &as_they_are), Ok(entries.clone()));
    let one_more = Packer::default().pack(STORE, feed(), &entries);
    let refused = unpacker.unpack(STORE, &one_more);
    assert!(matches!(refused, Err(CodecError::Unknown { .. })), "{refused:?}");
    let beyond = [&[1, 0x80, 0x08][..], &one_more[2..]].concat();
    let refused = unpacker.unpack(STORE, &beyond);
    assert!(matches!(refused, Err(CodecError::OverLimit { .. })), "{refused:?}");
}

#[test]
fn feeds_are_told_apart_in_whatever_order_their_first_windows_come() {
    let entries = chain(STORE, &[typical(1), typical(2)]);
    let other = FeedId { lane: Lane::Floor, ..feed() };
    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    let late = packer.pack(STORE, other, &[]);
    let first = packer.pack(STORE, feed(), &entries[..1]);
    let second = packer.pack(STORE, feed(), &entries[1..]);
    assert_eq!(unpacker.unpack(STORE, &first), Ok(entries[..1].to_vec()));
    assert_eq!(unpacker.unpack(STORE, &late), Ok(Vec::new()));
    assert_eq!(unpacker.unpack(STORE, &second), Ok(entries[1..].to_vec()));
}

#[test]
fn windows_sent_after_a_restart_may_overtake_those_on_the_way() {
    let entries = chain(STORE, &[typical(1), typical(2), typical(3), typical(4)]);
    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    let first = packer.pack(STORE, feed(), &entries[..1]);
    let slow = packer.pack(STORE, feed(), &entries[1..2]);
    packer.restart(feed().device);
    let fast = packer.pack(STORE, feed(), &entries[2..3]);
    assert_eq!(unpacker.unpack(STORE, &first), Ok(entries[..1].to_vec()));
    assert_eq!(unpacker.unpack(STORE, &fast), Ok(entries[2..3].to_vec()));
    assert_eq!(unpacker.unpack(STORE, &slow), Ok(entries[1..2].to_vec()));
    let last = packer.pack(STORE, feed(), &entries[3..]);
    assert_eq!(unpacker.unpack(STORE, &last), Ok(entries[3..].to_vec()));
}

#[test]
fn little_that_unpacks_to_much_is_refused() {
    let mut bytes = Vec::new();
    put(&mut bytes, NO_FEED);
    for _ in 0..=limits::WINDOW_ENTRIES_MAX {
        put_whole(&mut bytes, &[]);
    }
    let refused = Unpacker::default().unpack(STORE, &bytes);
    assert!(matches!(refused, Err(CodecError::OverLimit { what: "window entries", .. })));
    // Entries of many ops without content: a third of what they come to.
    let ops = vec![(4, Vec::new(), Vec::new(), true); 60];
    let entries = chain(STORE, &vec![Made { ops, ..typical(1) }; 300]);
    let packed = Packer::default().pack(STORE, feed(), &entries);
    assert!(packed.len() < limits::WINDOW_BYTES_MAX);
    let refused = Unpacker::default().unpack(STORE, &packed);
    assert!(matches!(refused, Err(CodecError::OverLimit { what: "window length", .. })));
}
