//! Customers: documents of the whole store, listed and found without opening one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use mesh::{carry, carry_all, device_of, edit, fresh, image, offer_all, settle, store, summary};
use pos_core::cart::CartCommand;
use pos_core::ids::CustomerId;
use proptest::prelude::*;
use replica::core::{Command, CommandError, Entry, Lane, OpClass, Outcome};
use replica::documents::{CustomerEdit, CustomerEditError, CustomerView};
use replica::memory::Crash;
use replica::node::Node;
use shop::{Till, at, identity, open_cart};

fn name(text: &str) -> CustomerEdit {
    CustomerEdit::SetName(text.to_owned())
}

fn phone(text: &str) -> CustomerEdit {
    CustomerEdit::SetPhone(text.to_owned())
}

fn email(text: &str) -> CustomerEdit {
    CustomerEdit::SetEmail(text.to_owned())
}

fn saved(outcome: Outcome) -> CustomerView {
    match outcome {
        Outcome::CustomerSaved(view) => view.into_inner(),
        other => panic!("{other:?}"),
    }
}

fn create(till: &mut Till, ms: u64, edits: Vec<CustomerEdit>) -> CustomerId {
    saved(till.execute(at(ms), Command::CreateCustomer(edits)).unwrap()).id
}

fn change(
    till: &mut Till,
    ms: u64,
    customer: CustomerId,
    edits: Vec<CustomerEdit>,
) -> CustomerView {
    saved(till.execute(at(ms), Command::EditCustomer { customer, edits }).unwrap())
}

fn read(till: &mut Till, customer: CustomerId) -> Result<CustomerView, CommandError> {
    till.query(|replica, disk| replica.customer(disk, customer))
}

fn found(till: &mut Till, search: &str) -> Vec<String> {
    let found = till.query(|replica, disk| replica.customers(disk, search, 100)).unwrap();
    found.into_iter().map(|customer| customer.name).collect()
}

#[test]
fn fields_edited_on_two_tills_at_once_both_stay_and_one_edited_on_both_is_one_of_the_two() {
    let mut devices = store();
    let ada = create(&mut devices[0], 10, vec![name("Ada")]);
    carry_all(&mut devices);
    change(&mut devices[1], 20, ada, vec![phone("020 7946 0958"), name("Ada L.")]);
    change(&mut devices[2], 20, ada, vec![email("ada@example.com"), name("A. Lovelace")]);
    carry_all(&mut devices);
    let first = read(&mut devices[0], ada).unwrap();
    assert_eq!((first.phone.as_str(), first.email.as_str()), ("020 7946 0958", "ada@example.com"));
    assert!(["Ada L.", "A. Lovelace"].contains(&first.name.as_str()));
    let expected = summary(&mut devices[0]);
    for till in &mut devices {
        assert_eq!(read(till, ada).unwrap(), first);
        assert_eq!(summary(till), expected);
        assert_eq!(found(till, ""), [first.name.as_str()], "one row, under the name that holds");
    }
}

#[test]
fn a_customer_is_found_by_what_a_cashier_would_type() {
    let mut till = shop::founded(1);
    create(
        &mut till,
        10,
        vec![
            name("Ada  King Lovelace"),
            phone("+44 20 7946-0958"),
            email("Ada@Example.com"),
            CustomerEdit::SetLoyaltyId("L-77".to_owned()),
        ],
    );
    let grace = create(&mut till, 11, vec![name("Grace Hopper")]);
    create(&mut till, 12, vec![name("Édith Clarke")]);
    assert_eq!(found(&mut till, ""), ["Ada  King Lovelace", "Grace Hopper", "Édith Clarke"]);
    for search in ["ada", "LOVE", "king  love", "+44 20 7946", "442079460958", "ada@ex", "l-7"] {
        assert_eq!(found(&mut till, search), ["Ada  King Lovelace"], "{search}");
    }
    assert_eq!(found(&mut till, "édi"), ["Édith Clarke"]);
    assert_eq!(found(&mut till, "ovelace"), Vec::<String>::new());
    change(&mut till, 20, grace, vec![name("Amazing Grace")]);
    assert_eq!(found(&mut till, "hopper"), Vec::<String>::new(), "an old name finds nobody");
    assert_eq!(found(&mut till, "grace"), ["Amazing Grace"]);
    let two = till.query(|replica, disk| replica.customers(disk, "", 2)).unwrap();
    assert_eq!(two.len(), 2);
}

#[test]
fn a_customer_is_on_disk_when_the_till_says_so_and_in_the_ledger_as_personal() {
    let mut till = shop::founded(1);
    let ada = create(&mut till, 10, vec![name("Ada")]);
    let mut disk = till.into_storage();
    let last = mesh::frames(&disk, replica::storage::Stream::OwnLedger).pop().unwrap();
    let last = Entry::decode(&last).unwrap();
    assert_eq!(last.header().feed.lane, Lane::Ledger);
    assert_eq!(last.header().ops[0].class, OpClass::Personal);
    disk.crash(Crash::POWER_CUT).unwrap();
    let mut till = Node::start(identity(1, 2), disk).unwrap();
    settle(&mut till);
    assert_eq!(read(&mut till, ada).unwrap().name, "Ada");
    let view = change(&mut till, 20, ada, vec![phone("112")]);
    assert_eq!((view.name.as_str(), view.phone.as_str()), ("Ada", "112"));
}

#[test]
fn what_is_no_customer_is_refused_and_nothing_is_written() {
    let mut till = shop::founded(1);
    let ada = create(&mut till, 10, vec![name("Ada")]);
    let held = till.replica().held_digest();
    let mut refused = |command| till.execute(at(20), command).unwrap_err();
    assert_eq!(refused(Command::CreateCustomer(Vec::new())), CommandError::NothingToDo);
    let nobody = CustomerId::from_bytes([9; 16]);
    let edit = Command::EditCustomer { customer: nobody, edits: vec![name("x")] };
    assert_eq!(refused(edit), CommandError::UnknownCustomer(nobody));
    let card = CommandError::Customer(CustomerEditError::LooksLikeCard { field: "notes" });
    let notes = CustomerEdit::SetNotes("4111 1111 1111 1111".to_owned());
    assert_eq!(refused(Command::EditCustomer { customer: ada, edits: vec![notes] }), card);
    let escape = Command::CreateCustomer(vec![name("Ada\u{1b}[2J")]);
    assert!(matches!(refused(escape), CommandError::Text(_)));
    assert_eq!(change(&mut till, 21, ada, vec![name(" Ada ")]).name, "Ada");
    assert_eq!(till.replica().held_digest(), held, "no entry for what changes nothing");
}

#[test]
fn a_cart_names_its_customer_on_every_till() {
    let mut devices = store();
    let ada = create(&mut devices[0], 10, vec![name("Ada")]);
    let cart = open_cart(&mut devices[0], 11);
    let command = CartCommand::SetCustomer { customer: Some(ada) };
    edit(&mut devices[0], 12, cart, command).unwrap();
    carry_all(&mut devices);
    for till in &mut devices {
        let view = till.query(|replica, disk| replica.cart(disk, cart)).unwrap();
        assert_eq!(read(till, view.customer.unwrap()).unwrap().name, "Ada");
    }
}

#[test]
fn a_hundred_customers_are_held_though_few_are_in_memory() {
    let mut till = shop::founded(1);
    let many = replica::limits::CUSTOMERS_IN_MEMORY_MAX + 40;
    let ids: Vec<_> = (0..many)
        .map(|n| create(&mut till, 10 + n as u64, vec![name(&format!("Customer {n:04}"))]))
        .collect();
    change(&mut till, 9_000, ids[0], vec![phone("112")]);
    assert_eq!(read(&mut till, ids[0]).unwrap().name, "Customer 0000");
    assert_eq!(found(&mut till, "customer 0007"), ["Customer 0007"]);
    assert_eq!(found(&mut till, "").len(), 100);
    let expected = summary(&mut till);
    let mut again = Node::start(identity(1, 9), image(till.storage(), false)).unwrap();
    settle(&mut again);
    assert_eq!(summary(&mut again), expected);
}

#[test]
fn a_customer_edited_in_more_lives_than_a_document_holds_goes_on_in_the_next_epoch() {
    let mut till = shop::founded(1);
    let ada = create(&mut till, 10, vec![name("Ada"), email("ada@example.com")]);
    for life in 2..120_u8 {
        let disk = till.close_into(at(20));
        till = Node::start(identity(1, life), disk).unwrap();
        settle(&mut till);
        let view = change(&mut till, 30, ada, vec![phone(&format!("555 {life:04}")), name("Ada")]);
        assert_eq!(view.phone, format!("555 {life:04}"));
    }
    let view = read(&mut till, ada).unwrap();
    assert_eq!((view.name.as_str(), view.email.as_str()), ("Ada", "ada@example.com"));
    assert_eq!(found(&mut till, "555 0119"), ["Ada"]);
    let expected = summary(&mut till);
    for with_map in [false, true] {
        let mut again = Node::start(identity(1, 200), image(till.storage(), with_map)).unwrap();
        settle(&mut again);
        assert_eq!(summary(&mut again), expected);
    }
    let mut newcomer = fresh(identity(9, 1), till.replica().store_id().unwrap());
    let feeds = mesh::held_entries(&till);
    for entries in feeds.values().rev() {
        mesh::offer(&mut newcomer, entries);
    }
    assert_eq!(read(&mut newcomer, ada).unwrap(), view);
    assert_eq!(summary(&mut newcomer), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_and_any_order_of_news_end_in_the_same_customers(
        acts in prop::collection::vec((0..3_usize, 0..7_u8, 0..4_usize, 0..3_usize), 4..30),
        reverse: bool,
    ) {
        let mut devices = store();
        let mut ids = vec![create(&mut devices[0], 10, vec![name("Zero")])];
        for (n, (me, what, which, to)) in acts.into_iter().enumerate() {
            let ms = 20 + n as u64;
            let customer = ids[which % ids.len()];
            let edits = match what {
                0 => {
                    ids.push(create(&mut devices[me], ms, vec![name(&format!("Name {n}"))]));
                    continue;
                }
                1 => vec![name(&format!("Name {n}"))],
                2 => vec![phone(&format!("555 {n:04}")), name("Same")],
                3 => vec![CustomerEdit::SetMarketingConsent(n % 2 == 0)],
                4 => vec![email(&format!("{n}@example.com"))],
                _ => {
                    let entries = mesh::held_entries(&devices[me]);
                    if to != me {
                        offer_all(&mut devices[to], &entries);
                    }
                    continue;
                }
            };
            // A till may not have heard of the customer yet.
            let _unknown = devices[me].execute(at(ms), Command::EditCustomer { customer, edits });
        }
        let feeds = carry_all(&mut devices);
        let expected = summary(&mut devices[0]);
        prop_assert_eq!(expected.customers.len(), ids.len());
        for till in &mut devices {
            prop_assert_eq!(&summary(till), &expected);
        }
        let mut newcomer = fresh(identity(9, 1), devices[0].replica().store_id().unwrap());
        let windows: Vec<_> = feeds.values().flat_map(|feed| feed.chunks(3)).collect();
        let order: Vec<_> =
            if reverse { windows.iter().rev().collect() } else { windows.iter().collect() };
        for window in order {
            mesh::offer(&mut newcomer, window);
        }
        prop_assert_eq!(&summary(&mut newcomer), &expected);
        let mut again = Node::start(identity(1, 200), image(devices[0].storage(), false)).unwrap();
        settle(&mut again);
        prop_assert_eq!(&summary(&mut again), &expected);
        prop_assert_eq!(devices[0].replica().device(), device_of(1));
        carry(&newcomer, &mut devices[0]);
    }
}
