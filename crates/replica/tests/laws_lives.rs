//! Strangers, forgers, newer versions, clones, restored backups and earned edit numbers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use mesh::{
    Forger, Summary, carry, carry_all, device_of, fresh, held_entries, id_of, image, offer, rename,
    sell, settle, store, summary,
};
use pos_core::business_date::BusinessDate;
use pos_core::price_book::{EditNumber, ProductEdit, ProductFields};
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use replica::core::{
    Command, CommandError, Entry, EntryId, Exception, HeldBack, OpClass, Outcome, Role,
    RosterRecord,
};
use replica::node::Node;
use shop::{Till, at, identity};

fn adjustment() -> Record {
    Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: Sku::new("A").unwrap(),
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(1_000).unwrap(),
            description: String::new(),
        }],
        reason: "found".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1).unwrap(),
        idempotency_key: None,
        wall_time: at(0).wall,
    })
}

fn reason(till: &Till, entry: &[u8]) -> Option<HeldBack> {
    let id = id_of(entry);
    till.replica().held_back().find(|(held, _)| **held == id).map(|(_, reason)| reason.clone())
}

fn edit(sku: &str, number: u64, name: &str) -> Record {
    let fields = ProductFields { name: Some(name.to_owned()), ..ProductFields::default() };
    let sku = Sku::new(sku).unwrap();
    Record::ProductsEdited(vec![ProductEdit { sku, edit: EditNumber(number), fields }])
}

fn name_of(till: &Till, sku: &str) -> String {
    let sku = Sku::new(sku).unwrap();
    till.replica().books().price_book().product(&sku).unwrap().name.clone()
}

fn last_entry(outcome: &Outcome) -> EntryId {
    let Outcome::Recorded(id) = outcome else { panic!("{outcome:?}") };
    *id.get()
}

#[test]
fn what_a_stranger_writes_is_kept_and_never_counts() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    let stock = devices[1].replica().stock_digest();
    let mut stranger = Forger::new(8, &devices[0]);
    let fact = stranger.record(Vec::new(), &adjustment());
    let added = mesh::added(8, Role::Manager);
    let added = stranger.roster(&added);
    stranger.roster_heads.push(id_of(&added));
    let later = stranger.record(Vec::new(), &adjustment());
    for till in &mut devices {
        offer(till, &[fact.clone(), added.clone(), later.clone()]);
        settle(till);
        for entry in [&fact, &added, &later] {
            assert_eq!(reason(till, entry), Some(HeldBack::NotAMember));
        }
        let heads = till.replica().roster().heads(till.replica().device());
        assert!(!heads.contains(&id_of(&added)), "nobody names it");
    }
    carry_all(&mut devices);
    assert_eq!(devices[1].replica().stock_digest(), stock);
    assert_eq!(summary(&mut devices[0]), summary(&mut devices[2]));
}

#[test]
fn a_flood_of_roster_records_by_strangers_does_not_stop_a_sale() {
    let mut devices = store();
    for device in 20..60 {
        let mut stranger = Forger::new(device, &devices[0]);
        let added = mesh::added(device, Role::Till);
        let bytes = stranger.roster(&added);
        offer(&mut devices[1], &[bytes]);
    }
    sell(&mut devices[1], 100, 2);
}

#[test]
fn a_till_cannot_write_what_only_a_manager_may() {
    let mut devices = store();
    let mut till = Forger::new(2, &devices[0]);
    let mut settings = shop::settings();
    settings.name = "Mine now".to_owned();
    let settings = till.record(Vec::new(), &Record::StoreOpened(settings));
    let added = mesh::added(8, Role::Manager);
    let added = till.roster(&added);
    let revoked = RosterRecord::DeviceRevoked { device: device_of(1), cuts: Vec::new() };
    let revoked = till.roster(&revoked);
    let fine = till.record(Vec::new(), &adjustment());
    for device in &mut devices {
        offer(device, &[settings.clone(), added.clone(), revoked.clone(), fine.clone()]);
        settle(device);
        for entry in [&settings, &added, &revoked] {
            assert!(matches!(reason(device, entry), Some(HeldBack::NotAllowed(_))));
        }
        assert_eq!(reason(device, &fine), None);
        assert_eq!(device.replica().settings().unwrap().name, "Corner shop");
    }
    let refused = devices[1].execute(at(50), Command::ChangeRoster(mesh::added(8, Role::Till)));
    assert_eq!(refused.unwrap_err(), CommandError::ManagerOnly);
    sell(&mut devices[0], 60, 1);
}

/// The entry again, in a version nobody knows yet.
fn of_newer_version(forger: &mut Forger) -> Vec<u8> {
    let bytes = forger.record(Vec::new(), &adjustment());
    let length = u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header = bytes[4..4 + length].to_vec();
    header[0] = 9;
    header.extend_from_slice(b"what version 9 has besides");
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh entry v1");
    hasher.update(&header);
    let id = *hasher.finalize().as_bytes();
    forger.previous = EntryId::from_bytes(id);
    let message = [b"tillmesh entry signature v1".as_slice(), &id].concat();
    let secret = [2; 32];
    let key = ed25519_dalek::SigningKey::from_bytes(&secret);
    let signature = ed25519_dalek::Signer::sign(&key, &message).to_bytes();
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [&length, header.as_slice(), &signature, b"a body of version 9"].concat()
}

#[test]
fn an_entry_of_a_newer_version_is_verified_stored_and_relayed_but_not_applied() {
    let mut devices = store();
    let stock = devices[0].replica().stock_digest();
    let mut forger = Forger::new(2, &devices[0]);
    let newer = of_newer_version(&mut forger);
    let after = forger.record(Vec::new(), &adjustment());
    let mut altered = newer.clone();
    altered[200] ^= 1;
    assert!(devices[0].ingest(at(900), &[&altered]).is_err());
    offer(&mut devices[0], &[newer.clone(), after.clone()]);
    assert_eq!(reason(&devices[0], &newer), Some(HeldBack::UnknownFormat(9)));
    assert_eq!(reason(&devices[0], &after), None);
    assert_ne!(devices[0].replica().stock_digest(), stock, "the next entry counts");
    let mut relay = devices.remove(2);
    carry(&devices[0], &mut relay);
    let relayed = held_entries(&relay);
    assert!(relayed.values().flatten().any(|bytes| *bytes == newer));
    carry(&relay, &mut devices[1]);
    devices.push(relay);
    everybody_agrees(&mut devices);
}

fn everybody_agrees(devices: &mut [Till]) -> Summary {
    carry_all(devices);
    let store = devices[0].replica().store_id().unwrap();
    let mut newcomer = fresh(identity(9, 1), store);
    carry(&devices[0], &mut newcomer);
    let expected = summary(&mut newcomer);
    for till in devices.iter_mut() {
        assert_eq!(summary(till), expected);
    }
    expected
}

fn count(found: &[Exception], wanted: impl Fn(&Exception) -> bool) -> usize {
    found.iter().filter(|&exception| wanted(exception)).count()
}

#[test]
fn a_cloned_disk_loses_no_sale_and_shows_once() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    let till = devices.remove(1);
    let (one, two) = (image(till.storage(), true), image(till.storage(), false));
    for (life, disk) in [(11, one), (12, two)] {
        let mut twin = Node::start(identity(2, life), disk).unwrap();
        settle(&mut twin);
        for n in 0..u64::from(life) - 9 {
            sell(&mut twin, 30 + n, 2);
        }
        devices.push(twin);
    }
    let summary = everybody_agrees(&mut devices);
    // One sale before the cloning, two and three after it, two pieces each.
    let on_hand = devices[0].replica().books().on_hand(&Sku::new("A").unwrap());
    assert_eq!(on_hand, Quantity::from_units(-12).unwrap());
    let found = &summary.exceptions;
    assert_eq!(count(found, |e| matches!(e, Exception::SealedTwice { .. })), 1, "{found:?}");
    let twice = |e: &Exception| matches!(e, Exception::ReceiptNumberTwice { counter: 2 | 3, .. });
    assert_eq!(count(found, twice), 2, "{found:?}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn a_restored_backup_outgrows_its_seal() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    let backup = image(devices[1].storage(), true);
    sell(&mut devices[1], 30, 2);
    sell(&mut devices[1], 31, 2);
    let (first, rest) = devices.split_first_mut().unwrap();
    carry(&rest[0], first);
    devices.remove(1);
    let mut restored = Node::start(identity(2, 13), backup).unwrap();
    settle(&mut restored);
    sell(&mut restored, 50, 2);
    devices.push(restored);
    let summary = everybody_agrees(&mut devices);
    let found = &summary.exceptions;
    let on_hand = devices[0].replica().books().on_hand(&Sku::new("A").unwrap());
    assert_eq!(on_hand, Quantity::from_units(-8).unwrap());
    assert_eq!(count(found, |e| matches!(e, Exception::OutgrewItsSeal { .. })), 1, "{found:?}");
    assert_eq!(count(found, |e| matches!(e, Exception::ReceiptNumberTwice { .. })), 1);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_clone_of_a_running_till_forks_its_feed_and_both_branches_count() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    let till = devices.remove(1);
    let (one, two) = (image(till.storage(), true), image(till.storage(), true));
    for (n, disk) in [(1, one), (2, two)] {
        // The same nonce: what the random numbers must never give twice.
        let mut twin = Node::start(identity(2, 14), disk).unwrap();
        settle(&mut twin);
        sell(&mut twin, 30 * n, 2);
        sell(&mut twin, 30 * n + 1, 2);
        twin.tick(at(4_000));
        devices.push(twin);
    }
    let summary = everybody_agrees(&mut devices);
    let on_hand = devices[0].replica().books().on_hand(&Sku::new("A").unwrap());
    assert_eq!(on_hand, Quantity::from_units(-10).unwrap());
    let found = &summary.exceptions;
    assert!(count(found, |e| matches!(e, Exception::FeedForked { lane: "ledger", .. })) == 1);
    assert!(count(found, |e| matches!(e, Exception::FeedForked { lane: "floor", .. })) == 1);
}

#[test]
fn two_forked_lives_under_one_number_are_one_thing_to_look_at() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    let till = devices.remove(1);
    for (n, nonce) in [(1, 14), (2, 14), (3, 15), (4, 15)] {
        let mut twin = Node::start(identity(2, nonce), image(till.storage(), true)).unwrap();
        settle(&mut twin);
        sell(&mut twin, 30 * n, 2);
        twin.tick(at(4_000));
        devices.push(twin);
    }
    let found = everybody_agrees(&mut devices).exceptions;
    assert_eq!(count(&found, |e| matches!(e, Exception::FeedForked { lane: "ledger", .. })), 1);
    let ids: std::collections::BTreeSet<_> = found.iter().map(Exception::id).collect();
    assert_eq!(ids.len(), found.len(), "{found:?}");
}

#[test]
fn own_entries_offered_back_are_known_in_every_life() {
    let mut devices = store();
    sell(&mut devices[1], 20, 2);
    shop::open_cart(&mut devices[1], 21);
    devices[1].tick(at(2_000));
    carry_all(&mut devices);
    let till = devices.remove(1);
    let before = held_entries(&till);
    for with_map in [true, false] {
        let mut again = Node::start(identity(2, 15), image(till.storage(), with_map)).unwrap();
        carry(&devices[0], &mut again);
        assert_eq!(held_entries(&again), before, "nothing is stored twice");
        settle(&mut again);
        carry(&devices[0], &mut again);
        assert_eq!(held_entries(&again), before);
    }
}

#[test]
fn an_edit_number_has_to_be_earned() {
    let mut devices = store();
    let first = last_entry(&rename(&mut devices[0], 20, "A", "one"));
    carry_all(&mut devices);
    let second = last_entry(&rename(&mut devices[1], 21, "A", "two"));
    carry_all(&mut devices);
    assert_eq!(name_of(&devices[2], "A"), "two");
    let mut hostile = Forger::new(3, &devices[0]);
    let jump = hostile.record(vec![first, second], &edit("A", 1 << 60, "mine"));
    let unnamed = hostile.record(Vec::new(), &edit("A", 3, "mine"));
    let on_jump = hostile.record(vec![id_of(&jump)], &edit("A", (1 << 60) + 1, "mine"));
    let earned = hostile.record(vec![second], &edit("A", 3, "three"));
    let chain = vec![jump.clone(), unnamed.clone(), on_jump.clone(), earned];
    for till in &mut devices {
        offer(till, &chain);
        for entry in [&jump, &unnamed, &on_jump] {
            assert!(matches!(reason(till, entry), Some(HeldBack::Unjustified(_))));
        }
        assert_eq!(name_of(till, "A"), "three");
    }
    rename(&mut devices[0], 40, "A", "four");
    everybody_agrees(&mut devices);
    assert_eq!(name_of(&devices[2], "A"), "four");
}

#[test]
fn an_edit_waits_for_what_it_replaces_and_then_counts() {
    let mut devices = store();
    let first = last_entry(&rename(&mut devices[0], 20, "A", "one"));
    let mut forger = Forger::new(3, &devices[0]);
    let second = forger.record(vec![first], &edit("A", 2, "two"));
    let third = forger.record(vec![id_of(&second)], &edit("A", 3, "three"));
    // The newcomer hears of the edits before what they replace, and of the last one first.
    let mut till = devices.remove(1);
    offer(&mut till, std::slice::from_ref(&third));
    offer(&mut till, std::slice::from_ref(&second));
    assert_eq!(reason(&till, &third), Some(HeldBack::DependencyMissing(id_of(&second))));
    assert_eq!(reason(&till, &second), Some(HeldBack::DependencyMissing(first)));
    carry(&devices[0], &mut till);
    assert_eq!((reason(&till, &second), reason(&till, &third)), (None, None));
    assert_eq!(name_of(&till, "A"), "three");
    devices.push(till);
    everybody_agrees(&mut devices);
}

#[test]
fn settings_are_replaced_by_earned_numbers_too() {
    let mut devices = store();
    let mut changed = shop::settings();
    changed.name = "New name".to_owned();
    changed.edit = EditNumber(1 << 40);
    let change = Record::StoreOpened(changed);
    devices[0].execute(at(20), Command::Record(Box::new(change))).unwrap();
    let settings = devices[0].replica().settings().unwrap();
    assert_eq!((settings.name.as_str(), settings.edit), ("New name", EditNumber(2)));
    everybody_agrees(&mut devices);
}

#[test]
fn an_import_again_is_split_so_that_each_entry_names_what_it_replaces() {
    let mut till = shop::founded(1);
    let names = |round: u32, count: u32| {
        let fields = ProductFields { name: Some(format!("r{round}")), ..ProductFields::default() };
        (0..count).map(|n| (Sku::new(&format!("S{n}")).unwrap(), fields.clone())).collect()
    };
    // One by one, so that the next import replaces values of more entries than one may name.
    for n in 0..300_u32 {
        let fields = ProductFields { name: Some("r0".to_owned()), ..ProductFields::default() };
        let edits = vec![(Sku::new(&format!("S{n}")).unwrap(), fields)];
        till.execute(at(20), Command::EditProducts(edits)).unwrap();
    }
    for round in 1..3 {
        till.execute(at(30), Command::EditProducts(names(round, 1_200))).unwrap();
    }
    assert_eq!(till.replica().held_back().count(), 0);
    assert!(till.replica().books().price_book().iter().all(|product| product.name == "r2"));
    let too_many = till.execute(at(40), Command::EditProducts(names(3, 20_001)));
    assert!(matches!(too_many, Err(CommandError::TooManyProducts { .. })));
}

#[test]
fn an_entry_that_changes_more_rows_than_a_batch_holds_is_kept_aside() {
    let mut devices = store();
    let mut bulk = Forger::new(3, &devices[0]);
    let edits = |part: u32| {
        let fields = ProductFields { active: Some(true), ..ProductFields::default() };
        let edit = |n: u32| {
            let sku = Sku::new(&format!("{part}-{n}")).unwrap();
            ProductEdit { sku, edit: EditNumber(1), fields: fields.clone() }
        };
        let record = Record::ProductsEdited((0..4_000).map(edit).collect());
        (record.kind(), OpClass::Fact, record.encode())
    };
    let entry = bulk.write(Vec::new(), (0..3).map(edits).collect());
    let fine = bulk.write(Vec::new(), (0..2).map(edits).collect());
    offer(&mut devices[0], &[entry.clone(), fine.clone()]);
    assert!(matches!(reason(&devices[0], &entry), Some(HeldBack::Unreadable(_))));
    assert_eq!(reason(&devices[0], &fine), None);
}

#[test]
fn a_clock_at_the_end_of_time_does_not_use_up_the_numbers_of_others() {
    let mut devices = store();
    let mut hostile = Forger::new(3, &devices[0]);
    hostile.lamport = u64::MAX - 1;
    let entry = hostile.record(Vec::new(), &adjustment());
    offer(&mut devices[0], &[entry]);
    let cart = shop::open_cart(&mut devices[0], 20);
    for n in 0..3 {
        mesh::add(&mut devices[0], 21 + n, cart, "A", 1).unwrap();
    }
    let view = devices[0].query(|replica, disk| replica.cart(disk, cart)).unwrap();
    assert_eq!(view.lines.len(), 3);
}

#[test]
fn a_device_belongs_to_the_store_it_joined_and_to_no_other() {
    let devices = store();
    let mut stray = Node::start(identity(9, 1), shop::disk()).unwrap();
    let entries = held_entries(&devices[0]);
    let window: Vec<&[u8]> = entries.values().next().unwrap().iter().map(Vec::as_slice).collect();
    assert!(stray.ingest(at(900), &window).is_err(), "nobody told it which store it belongs to");
    stray.join(pos_core::ids::StoreId::from_bytes([1; 16])).unwrap();
    assert!(stray.ingest(at(900), &window).is_err());
    let mut mixed = Forger::new(2, &devices[0]);
    let body = postcard::to_stdvec(&mesh::added(9, Role::Till));
    let ops = vec![(3, OpClass::Fact, body.unwrap()), {
        let record = adjustment();
        (record.kind(), OpClass::Fact, record.encode())
    }];
    let bytes = mixed.write(Vec::new(), ops);
    assert!(Entry::decode(&bytes).is_ok());
    let mut devices = devices;
    offer(&mut devices[0], std::slice::from_ref(&bytes));
    assert!(matches!(reason(&devices[0], &bytes), Some(HeldBack::Unreadable(_))));
}
