//! The bytes that others will still have to read in twenty years. A change here is a change of the
//! format: it needs a new version, not a new file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use std::fmt::Write as _;
use std::path::Path;

use mesh::{Forger, device_of, frames};
use pos_core::business_date::WallTime;
use pos_core::ids::StoreId;
use proptest::prelude::*;
use replica::core::{
    Cut, DecodeError, Entry, EntryDraft, EntryId, FeedEnd, Incarnation, IncarnationOpened, Lane,
    OpClass, OpDraft, Role, RosterRecord, Seal,
};
use replica::limits;
use replica::storage::{FrameKind, Reads, Scanned, Stream};
use shop::{at, identity, register, sell};

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let now = hex(bytes);
    // To begin a new version: writes the files instead of comparing.
    if std::env::var_os("TILLMESH_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == now, "{name} was\n{found}and is now\n{now}");
}

fn draft(deps: Vec<EntryId>, ops: Vec<OpDraft>) -> EntryDraft {
    EntryDraft {
        group: StoreId::from_bytes([0xa1; 16]),
        lane: Lane::Ledger,
        incarnation: Incarnation { counter: 3, nonce: [0xb2; 8] },
        seq: 7,
        previous: EntryId::from_bytes([0xc3; 32]),
        lamport: 99,
        wall: WallTime::from_millis(1_291_190_000_123),
        roster_heads: vec![EntryId::from_bytes([0xd4; 32])],
        deps,
        ops,
    }
}

fn fact(kind: u16, body: Vec<u8>) -> OpDraft {
    OpDraft { kind, class: OpClass::Fact, subject: Vec::new(), body }
}

fn entry() -> Entry {
    let identity = identity(5, 1);
    let change = OpDraft {
        kind: 10,
        class: OpClass::Change,
        subject: vec![1, 2, 3],
        body: b"a change".to_vec(),
    };
    let draft = draft(vec![EntryId::from_bytes([0xe5; 32])], vec![change]);
    Entry::sign(draft, &identity.key, &identity.seal).unwrap()
}

fn cut() -> Cut {
    let incarnation = Incarnation { counter: 3, nonce: [0xb2; 8] };
    Cut { incarnation, floor: true, seq: 300, head: EntryId::from_bytes([0xf6; 32]) }
}

#[test]
fn an_entry_keeps_its_bytes() {
    golden("entry.hex", &entry().encode());
    let read = Entry::decode(&entry().encode()).unwrap();
    assert_eq!(read, entry());
    read.verify().unwrap();
}

#[test]
fn the_records_of_the_feeds_themselves_keep_their_bytes() {
    let seal = Seal {
        incarnation: Incarnation { counter: 2, nonce: [0xb1; 8] },
        ledger: FeedEnd { seq: 500, head: EntryId::from_bytes([0xc3; 32]) },
        receipts: [(register(), 1885)].into(),
        z_numbers: [(register(), 31)].into(),
        grand_totals: [(register(), (82_374_614, -7_478_912))].into(),
        damaged_frames: 1,
    };
    let opened = IncarnationOpened { former: Some(seal) };
    golden("incarnation_opened.hex", &postcard::to_stdvec(&opened).unwrap());
    let first = IncarnationOpened { former: None };
    golden("incarnation_opened_first.hex", &postcard::to_stdvec(&first).unwrap());
    let records = [
        (
            "founded.hex",
            RosterRecord::Founded {
                nonce: [9; 16],
                recovery: shop::phrase().device(),
                name: shop::name("Till 1"),
            },
        ),
        (
            "device_added.hex",
            RosterRecord::DeviceAdded {
                device: device_of(5),
                role: Role::Manager,
                name: shop::name("Till 5"),
            },
        ),
        (
            "device_revoked.hex",
            RosterRecord::DeviceRevoked { device: device_of(5), cuts: vec![cut()] },
        ),
    ];
    for (name, record) in records {
        golden(name, &postcard::to_stdvec(&record).unwrap());
    }
}

/// A small day on one till, the same to the byte whenever it is played.
fn played() -> shop::Till {
    let mut till = shop::founded(1);
    sell(&mut till, 10, Some("536365"));
    till.tick(at(2_000));
    till.tick(at(2_100));
    till
}

#[test]
fn what_a_till_writes_down_for_its_next_start_keeps_its_bytes() {
    let till = played();
    let resume = till.storage().scan(Stream::OwnLedger, 0, 1 << 20).unwrap();
    let resume = resume.into_iter().rev().find_map(|item| match item {
        Scanned::Frame(frame) if frame.kind == FrameKind::Resume => Some(frame.payload),
        _ => None,
    });
    golden("resume.hex", &resume.unwrap());
    golden("applied.hex", &till.storage().get(b"mapplied").unwrap().unwrap());
}

#[test]
fn the_keys_of_the_map_keep_their_bytes() {
    let till = played();
    let mut keys = Vec::new();
    for (key, _) in till.storage().list(&[], None, usize::MAX).unwrap() {
        let length = u16::try_from(key.len()).unwrap();
        keys.extend(length.to_be_bytes());
        keys.extend(key);
    }
    golden("map_keys.hex", &keys);
}

#[test]
fn a_sale_and_its_published_counters_keep_their_bytes() {
    let till = played();
    let floor = frames(till.storage(), Stream::OwnFloor);
    golden("published_stock.hex", floor.last().unwrap());
    let ledger = frames(till.storage(), Stream::OwnLedger);
    golden("sale.hex", ledger.last().unwrap());
}

#[test]
fn counts_over_their_limits_are_refused_before_anything_is_read_for_them() {
    let bytes = entry().encode();
    // Ops, roster heads, deps: two bytes each, behind the header's length, version and lane.
    for at in [6, 8, 10] {
        let mut claims_many = bytes.clone();
        claims_many[at..at + 2].copy_from_slice(&u16::MAX.to_le_bytes());
        let refused = Entry::decode(&claims_many).unwrap_err();
        assert!(refused.to_string().contains("the limit is"), "{refused}");
    }
    let mut claims_long = bytes.clone();
    claims_long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Entry::decode(&claims_long).is_err());
    let long = vec![0; limits::ENTRY_BYTES_MAX + 1];
    assert!(matches!(Entry::decode(&long), Err(DecodeError::Layout(_))));
    let identity = identity(5, 1);
    let many = vec![EntryId::from_bytes([1; 32]); limits::DEPS_MAX + 1];
    assert!(
        Entry::sign(draft(many, vec![fact(1, vec![])]), &identity.key, &identity.seal).is_err()
    );
    let mixed = draft(
        vec![],
        vec![fact(1, vec![]), OpDraft { class: OpClass::Change, ..fact(10, vec![]) }],
    );
    let mixed = Entry::sign(mixed, &identity.key, &identity.seal).unwrap().encode();
    assert_eq!(Entry::decode(&mixed), Err(DecodeError::MixedOps));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _refused_or_not = Entry::decode(&bytes);
        let mut framed = 200_u32.to_le_bytes().to_vec();
        framed.push(1);
        framed.extend(&bytes);
        let _refused_or_not = Entry::decode(&framed);
    }

    #[test]
    fn an_altered_entry_is_refused_or_does_not_verify(
        at in 0..10_000_usize, flip in 1..=255_u8, cut in 0..200_usize,
    ) {
        let bytes = entry().encode();
        let mut altered = bytes.clone();
        let at = at % altered.len();
        altered[at] ^= flip;
        if let Ok(read) = Entry::decode(&altered) {
            prop_assert!(read.verify().is_err());
            prop_assert_eq!(read.encode(), altered, "what is stored is what came");
        }
        let shorter = &bytes[..bytes.len() - cut.clamp(1, bytes.len())];
        prop_assert!(Entry::decode(shorter).is_err());
    }

    #[test]
    fn no_op_of_a_member_makes_a_replica_panic(
        kind in prop_oneof![1_u16..5, 10_u16..12, 100_u16..111, any::<u16>()],
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut till = shop::founded(1);
        let mut forger = Forger::new(1, &till);
        let class = if kind == 10 { OpClass::Change } else { OpClass::Fact };
        let bytes = forger.write(Vec::new(), vec![(kind, class, body)]);
        mesh::offer(&mut till, &[bytes]);
        sell(&mut till, 50, None);
    }
}
