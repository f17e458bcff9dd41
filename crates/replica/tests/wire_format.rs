//! The bytes that `docs/wire-format.md` takes apart are those this build writes.
#![expect(clippy::unwrap_used, reason = "tests")]

use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::ids::{OperatorId, RecordId, RegisterId, StoreId};
use pos_core::money::{Currency, Money};
use pos_core::record::Record;
use pos_core::shift::ShiftOpened;
use replica::core::{
    Entry, EntryDraft, FORMAT_VERSION, Identity, Incarnation, Lane, OpClass, OpDraft,
};
use replica::journal::frame;
use replica::storage::FrameKind;

const DOCUMENT: &str = include_str!("../../../docs/wire-format.md");
/// The heading above the example.
const HEADING: &str = "## One frame, byte by byte";

/// The opening of a shift, as a till would write it: every secret and id fixed.
fn entry() -> Entry {
    let shift = ShiftOpened {
        register: RegisterId::new("R1").unwrap(),
        business_date: "2010-12-01".parse::<BusinessDate>().unwrap(),
        float: Money::from_minor(10_000, Currency::GBP),
        operator: OperatorId::new("ada").unwrap(),
        number: 1,
        wall_time: WallTime::from_millis(1_291_190_400_000),
    };
    let record = Record::ShiftOpened(shift);
    let draft = EntryDraft {
        group: StoreId::from_bytes([0xAA; 16]),
        lane: Lane::Ledger,
        incarnation: Incarnation { counter: 2, nonce: [0xBB; 8] },
        seq: 3,
        previous: RecordId::from_bytes([0xCC; 32]),
        lamport: 9,
        wall: WallTime::from_millis(1_291_190_400_000),
        roster_heads: vec![RecordId::from_bytes([0xDD; 32])],
        deps: vec![RecordId::from_bytes([0xEE; 32])],
        ops: vec![OpDraft {
            kind: record.kind(),
            class: OpClass::Fact,
            subject: Vec::new(),
            body: record.encode(),
        }],
    };
    // The secret of RFC 8032, section 7.1, test 1, so that the author's key can be looked up.
    let secret = [
        0x9D, 0x61, 0xB1, 0x9D, 0xEF, 0xFD, 0x5A, 0x60, 0xBA, 0x84, 0x4A, 0xF4, 0x92, 0xEC, 0x2C,
        0xC4, 0x44, 0x49, 0xC5, 0x69, 0x7B, 0x32, 0x69, 0x19, 0x70, 0x3B, 0xAC, 0x03, 0x1C, 0xAE,
        0x7F, 0x60,
    ];
    let identity = Identity::new(secret, [0xBB; 8]);
    Entry::sign(draft, &identity.key, &identity.seal).unwrap()
}

/// The bytes of the example, and what is wrong with its column of offsets.
fn example(document: &str) -> Result<Vec<u8>, String> {
    let (_, rest) = document.split_once(HEADING).ok_or("the heading is gone")?;
    let block = rest.split("```").nth(1).ok_or("there is no example under the heading")?;
    let mut bytes = Vec::new();
    for line in block.lines().skip(1) {
        let (place, _words) = line.split_once('|').ok_or_else(|| format!("no words: {line}"))?;
        let mut columns = place.split_whitespace();
        let offset: usize = columns.next().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        if offset != bytes.len() {
            return Err(format!("{} bytes stand before {line}", bytes.len()));
        }
        for pair in columns {
            bytes.push(u8::from_str_radix(pair, 16).map_err(|error| format!("{error}: {line}"))?);
        }
    }
    Ok(bytes)
}

#[test]
fn the_example_of_the_document_is_what_a_till_writes() {
    let entry = entry();
    let mut framed = Vec::new();
    frame::encode(&mut framed, 5, FrameKind::Entry, 1, &entry.encode());
    let hex: Vec<String> = framed.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = example(DOCUMENT).unwrap();
    assert!(
        shown == framed,
        "docs/wire-format.md shows other bytes than these:\n{}",
        hex.join(" ")
    );
    assert_eq!(FORMAT_VERSION, 1, "the document describes version 1");
}

#[test]
fn the_example_reads_back_and_its_signature_holds() {
    let bytes = example(DOCUMENT).unwrap();
    let framed = frame::decode(&bytes).unwrap();
    assert_eq!((framed.ordinal, framed.kind, framed.behind), (5, FrameKind::Entry, 1));
    let entry = Entry::decode(framed.payload).unwrap();
    entry.verify().unwrap();
    // RFC 8032, section 7.1, test 1: the public key of that secret.
    assert_eq!(
        entry.header().feed.device.to_string(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}
