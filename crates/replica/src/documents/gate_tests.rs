//! The gate against changes that were made to break Automerge. Each is refused for the right
//! reason, and the document goes on as if it had never been offered.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use automerge::legacy::{Key, MarkData, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue};
use pos_core::cart::{CartEdit, Direction, LinePrice, LineProduct};
use pos_core::ids::{CartId, LineId, OperatorId};
use pos_core::money::Currency;
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::unit_price::UnitPrice;
use proptest::prelude::*;

use super::chunk;
use super::document::{ApplyError, Outcome};
use super::history::ChangeFacts;
use super::limits::{
    CHANGE_BYTES_MAX, DOCUMENT_ACTORS_MAX, KEY_BYTES_MAX, PARKED_CHANGES_PER_AUTHOR_MAX,
    VALUE_BYTES_MAX,
};
use super::{Author, CartDocument, CheckedChange, GateRefusal, LocalError, gate};

pub(super) fn author(device: u8) -> Author {
    Author::new(&[device; 32], b"first start")
}

fn actor(device: u8) -> automerge::ActorId {
    author(device).actor().as_bytes().as_slice().into()
}

pub(super) fn line_id(number: u8) -> LineId {
    let mut bytes = [0; 16];
    bytes[7] = number;
    LineId::from_bytes(bytes)
}

pub(super) fn price(text: &str) -> LinePrice {
    let unit_price = UnitPrice::parse(text, Currency::from_code("GBP").unwrap()).unwrap();
    LinePrice { unit_price, override_reason: None, discount_basis_points: 0 }
}

pub(super) fn product(sku: &str) -> LineProduct {
    LineProduct {
        sku: Sku::new(sku).unwrap(),
        name: format!("Product {sku}"),
        kind: ProductKind::Stocked,
        unit: UnitOfMeasure::Each,
        tax_category: "standard".to_owned(),
        direction: Direction::Sale,
        list_price: Some(price("2.55").unit_price),
    }
}

pub(super) fn add_line(number: u8, units: i64) -> CartEdit {
    CartEdit::AddLine {
        line: line_id(number),
        product: product("85123A"),
        price: price("2.55"),
        quantity: Quantity::from_units(units).unwrap(),
    }
}

fn set_label(label: &str) -> CartEdit {
    CartEdit::SetLabel { label: label.to_owned() }
}

/// A cart that device 1 opened and put a line into.
fn cart() -> CartDocument {
    let mut cart = CartDocument::open(CartId::from_bytes([9; 16]), 0).unwrap();
    cart.apply_open(&author(1), &OperatorId::new("mia").unwrap(), "table 4").unwrap().unwrap();
    cart.apply_edit(&author(1), &add_line(1, 2)).unwrap().unwrap();
    cart
}

/// A sound change that `device` would make to that cart, taken apart.
fn expanded(device: u8, edit: &CartEdit) -> ExpandedChange {
    let raw = cart().apply_edit(&author(device), edit).unwrap().unwrap();
    Change::from_bytes(raw).unwrap().decode()
}

fn raw(expanded: ExpandedChange) -> Vec<u8> {
    Change::from(expanded).raw_bytes().to_vec()
}

/// The label change of device 2, changed by `spoil`.
fn spoiled(spoil: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut change = expanded(2, &set_label("table 5"));
    spoil(&mut change);
    raw(change)
}

fn offer(cart: &mut CartDocument, raw: &[u8], by: &Author) -> Result<Outcome, GateRefusal> {
    match cart.apply_remote(raw, by) {
        Ok(applied) => Ok(applied.outcome),
        Err(ApplyError::Refused(refusal)) => Err(refusal),
        Err(ApplyError::Fault(fault)) => panic!("{fault}"),
    }
}

#[track_caller]
fn refused(raw: &[u8], by: &Author, reason: &GateRefusal) {
    let mut cart = cart();
    let heads = cart.heads();
    assert_eq!(offer(&mut cart, raw, by).as_ref(), Err(reason));
    assert_eq!(cart.heads(), heads);
    cart.document().verify().unwrap();
    let good = raw_of(&expanded(3, &set_label("table 6")));
    assert_eq!(offer(&mut cart, &good, &author(3)), Ok(Outcome::Applied));
    assert_eq!(cart.view().label, "table 6");
    cart.document().verify().unwrap();
}

fn raw_of(change: &ExpandedChange) -> Vec<u8> {
    raw(change.clone())
}

fn op(index: usize) -> impl Fn(&mut ExpandedChange) -> &mut Op {
    move |change| &mut change.operations[index]
}

fn number(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

#[test]
fn the_unspoiled_change_is_taken() {
    let good = spoiled(|_change| {});
    let mut cart = cart();
    assert_eq!(offer(&mut cart, &good, &author(2)), Ok(Outcome::Applied));
    assert_eq!(offer(&mut cart, &good, &author(2)), Ok(Outcome::Known));
    assert_eq!(cart.view().label, "table 5");
}

#[test]
fn a_sequence_gap_with_a_new_actor_is_refused() {
    let bad = spoiled(|change| change.seq = 5);
    refused(&bad, &author(2), &GateRefusal::SequenceGap { expected: 1, found: 5 });
}

#[test]
fn a_sequence_gap_of_a_known_actor_is_refused() {
    let mut change = expanded(1, &set_label("table 5"));
    change.seq = 7;
    refused(&raw(change), &author(1), &GateRefusal::SequenceGap { expected: 3, found: 7 });
}

#[test]
fn an_operation_on_an_unknown_map_is_refused() {
    let genesis = cart().document().id().genesis_actor();
    let genesis = automerge::ActorId::from(genesis.as_bytes().as_slice());
    // Not there at all, and there but no map: operation 2 of the genesis is the schema's number.
    for counter in [999, 2] {
        let bad = spoiled(|change| {
            op(0)(change).obj = ObjectId::Id(OpId::new(counter, &genesis));
            op(0)(change).pred = Vec::new().into();
        });
        refused(&bad, &author(2), &GateRefusal::UnknownObject { index: 0 });
    }
}

#[test]
fn a_map_of_an_unknown_actor_is_refused() {
    let bad = spoiled(|change| {
        op(0)(change).obj = ObjectId::Id(OpId::new(3, &actor(77)));
        op(0)(change).pred = Vec::new().into();
    });
    refused(&bad, &author(2), &GateRefusal::UnknownObject { index: 0 });
}

#[test]
fn a_start_near_the_end_of_the_counter_is_refused() {
    let bad = spoiled(|change| change.start_op = number(u64::from(u32::MAX) - 1));
    refused(&bad, &author(2), &GateRefusal::CounterExhausted);
}

#[test]
fn the_earliest_possible_time_is_refused_like_any_time() {
    for time in [i64::MIN, 1] {
        refused(&spoiled(|change| change.time = time), &author(2), &GateRefusal::HasTime);
    }
}

#[test]
fn a_start_too_low_or_too_high_is_refused() {
    let expected = expanded(2, &set_label("table 5")).start_op.get();
    for found in [1, expected - 1, expected + 1] {
        let bad = spoiled(|change| change.start_op = number(found));
        refused(&bad, &author(2), &GateRefusal::WrongStartOp { expected, found });
    }
}

#[test]
fn replacing_a_value_of_an_unknown_operation_is_refused() {
    for unknown in [OpId::new(500, &actor(1)), OpId::new(3, &actor(77))] {
        let bad = spoiled(|change| op(0)(change).pred = vec![unknown].into());
        refused(&bad, &author(2), &GateRefusal::UnknownPredecessor { index: 0 });
    }
}

#[test]
fn replacing_a_value_of_another_key_is_refused() {
    let bad = spoiled(|change| op(0)(change).key = Key::Map("operator".into()));
    refused(&bad, &author(2), &GateRefusal::UnknownPredecessor { index: 0 });
}

#[test]
fn a_value_is_replaced_only_by_who_has_seen_it() {
    // Device 2's label names the label of device 3 as the one it replaces, but not its change.
    let theirs = expanded(3, &set_label("table 6"));
    let replaced = OpId::new(theirs.start_op.get(), &actor(3));
    let bad = spoiled(|change| op(0)(change).pred = vec![replaced].into());
    let mut cart = cart();
    assert_eq!(offer(&mut cart, &raw(theirs), &author(3)), Ok(Outcome::Applied));
    let reason = GateRefusal::UnknownPredecessor { index: 0 };
    assert_eq!(offer(&mut cart, &bad, &author(2)), Err(reason.clone()));
    refused(&bad, &author(2), &reason);
}

#[test]
fn fifty_megabytes_of_zeros_are_refused_deflated_and_plain() {
    let mut change = expanded(2, &set_label("table 5"));
    change.extra_bytes = vec![0; 50_000_000];
    let mut bomb = Change::from(change);
    let deflated = bomb.bytes().into_owned();
    assert!(deflated.len() < CHANGE_BYTES_MAX);
    refused(&deflated, &author(2), &GateRefusal::Compressed);
    let plain = bomb.raw_bytes();
    refused(plain, &author(2), &GateRefusal::TooLarge { bytes: plain.len() });
}

#[test]
fn a_forged_actor_is_refused() {
    refused(&spoiled(|_change| {}), &author(3), &GateRefusal::ForgedActor);
    let other_start = Author::new(&[2; 32], b"second start");
    refused(&spoiled(|_change| {}), &other_start, &GateRefusal::ForgedActor);
}

#[test]
fn another_change_under_a_number_already_used_is_refused() {
    let mut change = expanded(1, &set_label("table 5"));
    let mut cart = cart();
    assert_eq!(offer(&mut cart, &raw_of(&change), &author(1)), Ok(Outcome::Applied));
    change.operations[0].action = OpType::Put("table 7".into());
    let reason = GateRefusal::DuplicateSequence { seq: 3 };
    assert_eq!(offer(&mut cart, &raw(change), &author(1)), Err(reason));
    assert_eq!(cart.view().label, "table 5");
    cart.document().verify().unwrap();
}

#[test]
fn a_change_that_leaves_out_its_authors_previous_one_is_refused() {
    // Device 1's third change builds on device 2's only, though it has seen its own second.
    let mut here = cart();
    let theirs = spoiled(|_change| {});
    assert_eq!(offer(&mut here, &theirs, &author(2)), Ok(Outcome::Applied));
    let next = here.apply_edit(&author(1), &set_label("table 8")).unwrap().unwrap();
    let mut next = Change::from_bytes(next).unwrap().decode();
    let theirs_hash = Change::from_bytes(theirs.clone()).unwrap().hash();
    next.deps.retain(|dep| *dep == theirs_hash);
    let mut there = cart();
    assert_eq!(offer(&mut there, &theirs, &author(2)), Ok(Outcome::Applied));
    let result = offer(&mut there, &raw(next), &author(1));
    assert_eq!(result, Err(GateRefusal::OwnPreviousMissing));
    there.document().verify().unwrap();
}

#[test]
fn a_change_on_unknown_ones_waits_and_takes_only_its_share_of_the_room() {
    let mut cart = cart();
    let heads = cart.heads();
    for unknown in 0..u8::try_from(PARKED_CHANGES_PER_AUTHOR_MAX).unwrap() {
        let bad = spoiled(|change| change.deps = vec![automerge::ChangeHash([unknown; 32])]);
        let outcome = offer(&mut cart, &bad, &author(2));
        // The first says what it waits for; those under the same number wait for the first.
        let missing = if unknown == 0 { vec![[0; 32]] } else { Vec::new() };
        assert_eq!(outcome, Ok(Outcome::Parked { missing }));
    }
    let bad = spoiled(|change| change.deps = vec![automerge::ChangeHash([0xff; 32])]);
    assert_eq!(offer(&mut cart, &bad, &author(2)), Err(GateRefusal::ParkFull));
    assert!(!GateRefusal::ParkFull.is_verdict());
    assert_eq!(cart.heads(), heads);
    assert_eq!(cart.document().missing().len(), PARKED_CHANGES_PER_AUTHOR_MAX);
    let good = raw_of(&expanded(3, &set_label("table 6")));
    assert_eq!(offer(&mut cart, &good, &author(3)), Ok(Outcome::Applied));
    cart.document().verify().unwrap();
}

#[test]
fn a_change_beside_the_genesis_is_refused() {
    let bad = spoiled(|change| {
        change.deps = Vec::new();
        change.start_op = number(1);
        op(0)(change).pred = Vec::new().into();
    });
    refused(&bad, &author(2), &GateRefusal::NoDeps);
    let bad = spoiled(|change| change.deps = vec![change.deps[0]; 2]);
    refused(&bad, &author(2), &GateRefusal::RepeatedDep);
    let many = (0..70).map(|n| automerge::ChangeHash([n; 32])).collect();
    refused(&spoiled(|change| change.deps = many), &author(2), &GateRefusal::TooManyDeps);
}

#[test]
fn a_message_or_trailing_bytes_are_refused() {
    let bad = spoiled(|change| change.message = Some("hello".to_owned()));
    refused(&bad, &author(2), &GateRefusal::ExtraBytes);
    let bad = spoiled(|change| change.extra_bytes = vec![1, 2, 3]);
    refused(&bad, &author(2), &GateRefusal::ExtraBytes);
}

#[test]
fn kinds_of_operations_that_our_documents_do_not_use_are_refused() {
    let mark = MarkData { name: "bold".into(), value: true.into(), expand: false };
    let cases: [(OpType, &str); 10] = [
        (OpType::Delete, "deletion"),
        (OpType::Increment(1), "counter increment"),
        (OpType::Make(ObjType::List), "list, text or table"),
        (OpType::Make(ObjType::Text), "list, text or table"),
        (OpType::Make(ObjType::Table), "list, text or table"),
        (OpType::MarkBegin(mark), "text mark"),
        (OpType::MarkEnd(false), "text mark"),
        (OpType::Put(ScalarValue::counter(1)), "value of a foreign type"),
        (OpType::Put(ScalarValue::F64(1.0)), "value of a foreign type"),
        (OpType::Put(ScalarValue::Timestamp(1)), "value of a foreign type"),
    ];
    for (action, name) in cases {
        let bad = spoiled(|change| op(0)(change).action = action);
        refused(&bad, &author(2), &GateRefusal::OperationNotUsed(name));
    }
    // An increment or a deletion of nothing, which poisons a document, is refused as well.
    for (action, name) in
        [(OpType::Increment(1), "counter increment"), (OpType::Delete, "deletion")]
    {
        let bad = spoiled(|change| {
            op(0)(change).action = action;
            op(0)(change).pred = Vec::new().into();
        });
        refused(&bad, &author(2), &GateRefusal::OperationNotUsed(name));
    }
    let bad = spoiled(|change| op(0)(change).insert = true);
    refused(&bad, &author(2), &GateRefusal::OperationNotUsed("list insertion"));
}

#[test]
fn keys_and_values_beyond_their_bounds_are_refused() {
    let bad = spoiled(|change| op(0)(change).key = Key::Map("k".repeat(KEY_BYTES_MAX + 1).into()));
    refused(&bad, &author(2), &GateRefusal::KeyTooLong);
    let long = "v".repeat(VALUE_BYTES_MAX + 1);
    let bad = spoiled(|change| op(0)(change).action = OpType::Put(long.as_str().into()));
    refused(&bad, &author(2), &GateRefusal::ValueTooLong);
    let many = spoiled(|change| change.operations = vec![change.operations[0].clone(); 2_001]);
    refused(&many, &author(2), &GateRefusal::TooManyOperations);
    let none = spoiled(|change| change.operations.clear());
    refused(&none, &author(2), &GateRefusal::NoOperations);
}

#[test]
fn the_map_of_lines_cannot_be_overwritten() {
    let bad = spoiled(|change| {
        op(0)(change).key = Key::Map("lines".into());
        op(0)(change).action = OpType::Make(ObjType::Map);
        op(0)(change).pred = Vec::new().into();
    });
    refused(&bad, &author(2), &GateRefusal::NotInSchema { key: "lines".to_owned() });
}

#[test]
fn a_line_cannot_be_made_again_and_its_product_not_replaced() {
    // Device 2 adds a line, then says it is device 1's.
    let mut change = expanded(2, &add_line(2, 1));
    let existing = line_id(1).to_string();
    change.operations[0].key = Key::Map(existing.as_str().into());
    refused(&raw(change), &author(2), &GateRefusal::NotInSchema { key: existing });

    let more = CartEdit::AddQuantity { line: line_id(1), quantity: Quantity::ONE };
    let mut change = expanded(2, &more);
    change.operations[0].key = Key::Map("product".into());
    change.operations[0].action = OpType::Put(ScalarValue::Bytes(vec![1]));
    let reason = GateRefusal::NotInSchema { key: "product".to_owned() };
    refused(&raw(change), &author(2), &reason);
}

#[test]
fn nobody_writes_another_devices_cell_and_no_cell_goes_below_zero() {
    let more = CartEdit::AddQuantity { line: line_id(1), quantity: Quantity::ONE };
    let mut change = expanded(2, &more);
    let theirs = format!("added/{}", author(1).actor().short());
    change.operations[0].key = Key::Map(theirs.as_str().into());
    refused(&raw(change), &author(2), &GateRefusal::NotInSchema { key: theirs });

    let mut change = expanded(2, &more);
    change.operations[0].action = OpType::Put(ScalarValue::Int(-1));
    let own = format!("added/{}", author(2).actor().short());
    refused(&raw(change), &author(2), &GateRefusal::NotInSchema { key: own });
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut bad = spoiled(|_change| {});
    bad[5] ^= 1;
    refused(&bad, &author(2), &GateRefusal::NotCanonical);
    for cut in [0, 4, 9, 20, 60] {
        let bad = spoiled(|_change| {});
        refused(&bad[..cut], &author(2), &GateRefusal::Malformed);
    }
}

#[test]
fn the_fifty_first_author_is_refused_and_may_write_to_the_next_epoch() {
    let mut cart = CartDocument::open(CartId::from_bytes([9; 16]), 0).unwrap();
    for device in 0..u8::try_from(DOCUMENT_ACTORS_MAX).unwrap() {
        let label = set_label(&format!("table {device}"));
        assert!(cart.apply_edit(&author(device), &label).unwrap().is_some());
    }
    assert_eq!(cart.document().author_count(), DOCUMENT_ACTORS_MAX);
    let heads = cart.heads();
    let label = set_label("one too many");
    let refusal = cart.apply_edit(&author(100), &label).unwrap_err();
    assert_eq!(refusal, LocalError::Refused(GateRefusal::TooManyActors).into());
    assert_eq!(cart.heads(), heads);
    cart.document().verify().unwrap();
    let mut next = CartDocument::open(CartId::from_bytes([9; 16]), 1).unwrap();
    assert!(next.apply_edit(&author(100), &label).unwrap().is_some());
}

#[test]
fn a_rebuilt_document_is_the_same_document() {
    let mut cart = cart();
    let (heads, view) = (cart.heads(), cart.view());
    cart.rebuild().unwrap();
    assert_eq!((cart.heads(), cart.view()), (heads, view));
    assert!(cart.apply_edit(&author(1), &set_label("table 9")).unwrap().is_some());
    cart.document().verify().unwrap();
}

/// What the gate is there to prevent: a change that is sound in form, and panics Automerge.
#[test]
fn a_panic_behind_the_gate_is_a_fault_of_this_device_and_the_document_goes_on() {
    let mut cart = cart();
    let (heads, view) = (cart.heads(), cart.view());
    let bad = spoiled(|change| {
        change.seq = 5;
        op(0)(change).obj = ObjectId::Id(OpId::new(999, &actor(2)));
        op(0)(change).pred = Vec::new().into();
    });
    let parsed = gate::parse(cart.document().id(), &bad, &author(2)).unwrap();
    let actor = author(2).actor();
    let facts = ChangeFacts { author: actor, seq: 5, max_op: 99, clock: BTreeMap::new() };
    let unjudged = CheckedChange { parsed, facts, ops: Vec::new() };
    let (fault, mut cart) = quietly(|| (cart.take_unjudged(unjudged), cart));
    assert!(fault.is_err());
    assert_eq!((cart.heads(), cart.view()), (heads, view));
    assert!(cart.apply_edit(&author(2), &set_label("table 9")).unwrap().is_some());
    cart.document().verify().unwrap();
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the panics that the gate catches on this thread out of the test's output: with
/// backtraces they take longer than the tests.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Makes the checksum of a mutated change right again, where Automerge can read it at all.
fn with_checksum(mut raw: Vec<u8>) -> Vec<u8> {
    if chunk::check_bounds(&raw).is_ok() {
        let hash =
            catch_unwind(|| Change::from_bytes(raw.clone()).ok().map(|change| change.hash()));
        if let Ok(Some(hash)) = hash {
            raw[4..8].copy_from_slice(&hash.0[..4]);
        }
    }
    raw
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// 13 % of such mutations panic Automerge and 9 % poison it (measured without the gate).
    #[test]
    fn mutated_changes_never_panic_and_what_is_taken_still_saves_and_loads(
        which in 0_usize..4,
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4),
    ) {
        let edits = [
            set_label("table 5"),
            add_line(2, 3),
            CartEdit::VoidLine { line: line_id(1) },
            CartEdit::Reprice { line: line_id(1), price: price("1.00") },
        ];
        let mut bytes = raw(expanded(2, &edits[which]));
        for (place, value, kind) in mutations {
            // Beyond the magic, the checksum and the chunk type.
            let length = bytes.len() - 9;
            let at = 9 + place.index(length);
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => bytes[at] = bytes[at].wrapping_add(1),
                _ => bytes.swap(at, 9 + usize::from(value) % length),
            }
        }
        let (taken, mut cart) = quietly(|| {
            let mut cart = cart();
            let bytes = with_checksum(bytes);
            (cart.apply_remote(&bytes, &author(2)), cart)
        });
        prop_assert!(!matches!(taken, Err(ApplyError::Fault(_))), "{taken:?}");
        cart.view();
        cart.document().verify().unwrap();
        prop_assert!(cart.apply_edit(&author(1), &set_label("after")).unwrap().is_some());
        cart.document().verify().unwrap();
    }

    /// Changes that a program made to break the document, field by field, with a right checksum.
    #[test]
    fn changes_that_lie_about_their_past_never_panic_or_poison_a_document(
        which in 0_usize..4,
        lies in prop::collection::vec(lie(), 1..4),
    ) {
        let edits = [
            set_label("table 5"),
            add_line(2, 3),
            CartEdit::VoidLine { line: line_id(1) },
            CartEdit::RemoveQuantity { line: line_id(1), quantity: Quantity::ONE },
        ];
        let mut change = expanded(2, &edits[which]);
        for lie in &lies {
            lie.tell(&mut change);
        }
        let (taken, mut cart) = quietly(|| {
            let mut cart = cart();
            (cart.apply_remote(&raw(change), &author(2)), cart)
        });
        prop_assert!(!matches!(taken, Err(ApplyError::Fault(_))), "{taken:?}");
        cart.view();
        cart.document().verify().unwrap();
        prop_assert!(cart.apply_edit(&author(1), &set_label("after")).unwrap().is_some());
        cart.document().verify().unwrap();
    }
}

/// One false statement in a change. Numbers stay small, so that they often name something real.
#[derive(Debug, Clone)]
enum Lie {
    Seq(u64),
    StartOp(u64),
    Object(usize, u64, u8),
    AtRoot(usize),
    Pred(usize, u64, u8),
    NoPred(usize),
    Key(usize, &'static str),
    Value(usize, i64),
    Map(usize),
    Repeat(usize),
    Swap(usize, usize),
}

fn lie() -> impl Strategy<Value = Lie> {
    let (index, counter, device) = (0_usize..6, 1_u64..14, 0_u8..4);
    let keys = prop::sample::select(vec!["label", "lines", "schema", "product", "price", "x"]);
    prop_oneof![
        (0_u64..5).prop_map(Lie::Seq),
        (1_u64..16).prop_map(Lie::StartOp),
        (index.clone(), counter.clone(), device.clone()).prop_map(|(i, c, d)| Lie::Object(i, c, d)),
        index.clone().prop_map(Lie::AtRoot),
        (index.clone(), counter, device).prop_map(|(i, c, d)| Lie::Pred(i, c, d)),
        index.clone().prop_map(Lie::NoPred),
        (index.clone(), keys).prop_map(|(i, key)| Lie::Key(i, key)),
        (index.clone(), -2_i64..9).prop_map(|(i, value)| Lie::Value(i, value)),
        index.clone().prop_map(Lie::Map),
        index.clone().prop_map(Lie::Repeat),
        (index.clone(), index).prop_map(|(a, b)| Lie::Swap(a, b)),
    ]
}

/// Device 0 stands for the genesis.
fn writer(device: u8) -> automerge::ActorId {
    let genesis = cart().document().id().genesis_actor();
    if device == 0 { genesis.as_bytes().as_slice().into() } else { actor(device) }
}

impl Lie {
    fn tell(&self, change: &mut ExpandedChange) {
        let length = change.operations.len();
        let at = |index: usize| index % length;
        match self {
            Self::Seq(seq) => change.seq = *seq,
            Self::StartOp(start) => change.start_op = number(*start),
            Self::Object(index, counter, device) => {
                let id = OpId::new(*counter, &writer(*device));
                change.operations[at(*index)].obj = ObjectId::Id(id);
            }
            Self::AtRoot(index) => change.operations[at(*index)].obj = ObjectId::Root,
            Self::Pred(index, counter, device) => {
                let id = OpId::new(*counter, &writer(*device));
                change.operations[at(*index)].pred = vec![id].into();
            }
            Self::NoPred(index) => change.operations[at(*index)].pred = Vec::new().into(),
            Self::Key(index, key) => change.operations[at(*index)].key = Key::Map((*key).into()),
            Self::Value(index, value) => {
                change.operations[at(*index)].action = OpType::Put((*value).into());
            }
            Self::Map(index) => change.operations[at(*index)].action = OpType::Make(ObjType::Map),
            Self::Repeat(index) => {
                let again = change.operations[at(*index)].clone();
                change.operations.push(again);
            }
            Self::Swap(first, second) => change.operations.swap(at(*first), at(*second)),
        }
    }
}
