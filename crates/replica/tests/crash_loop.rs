//! A script of a till's day, stopped at every single call of the disk: by a crash, by an error, by
//! a full disk, by a write that is cut short. After each, the till is opened again and must account
//! for everything it had answered.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod shop;

use std::collections::BTreeMap;

use pos_core::business_date::BusinessDate;
use pos_core::cart::Direction;
use pos_core::ids::IdempotencyKey;
use pos_core::price_book::ProductFields;
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::tender::Tendered;
use pos_core::transaction::TenderKind;
use replica::core::{Command, CommandError, Identity, Outcome};
use replica::journal::Options;
use replica::journal::faults::{Failure, Op};
use replica::memory::{Crash, Keep, MemoryStorage};
use replica::node::Node;
use replica::verify::{Finding, verify};
use shop::{Till, at, gbp, identity, operator, register};

/// Sales of the script.
const SALES: u64 = 12;

/// What the script was told: by step, what it was answered.
type Answers = BTreeMap<String, u64>;

fn small_disk() -> MemoryStorage {
    MemoryStorage::new(Options::new(64 << 10, 16 << 10)).unwrap()
}

/// One step, unless it was answered before. What is no longer possible because it is done counts
/// as answered: the founding, an open shift.
fn step(
    answers: &mut Answers,
    name: &str,
    run: impl FnOnce() -> Result<u64, CommandError>,
) -> Result<(), CommandError> {
    if answers.contains_key(name) {
        return Ok(());
    }
    let done = match run() {
        Err(CommandError::AlreadyFounded | CommandError::ShiftAlreadyOpen(_)) => 0,
        other => other?,
    };
    answers.insert(name.to_owned(), done);
    Ok(())
}

fn run(till: &mut Till, at_ms: u64, command: Command) -> Result<u64, CommandError> {
    match till.execute(at(at_ms), command)? {
        Outcome::Completed(sale) | Outcome::RepeatedSale(sale) => Ok(sale.get().number.counter()),
        _ => Ok(0),
    }
}

fn sale(till: &mut Till, n: u64) -> Result<u64, CommandError> {
    let ms = 1_000 * n;
    let open = Command::OpenCart { label: String::new(), operator: operator() };
    let Outcome::CartOpened(cart) = till.execute(at(ms), open)? else { panic!() };
    for (sku, price) in [("85123A", "2.55"), ("71053", "3.39")] {
        let command = shop::item(sku, price, 1, Direction::Sale);
        till.execute(at(ms + 1), Command::EditCart { cart, command })?;
    }
    let tender = if n.is_multiple_of(2) {
        Tendered::cash(gbp(1_000))
    } else {
        let (kind, amount) = (TenderKind::Card, gbp(594));
        let start = Command::StartPayment { cart, register: register(), kind, amount };
        let Outcome::Recorded(id) = till.execute(at(ms + 2), start)? else { panic!() };
        Tendered::card(amount, Some(*id.get()))
    };
    till.tick(at(ms + 30));
    let complete = Command::CompleteCart {
        cart,
        register: register(),
        operator: operator(),
        tenders: vec![tender],
        idempotency_key: Some(IdempotencyKey::new(format!("sale-{n}")).unwrap()),
        wall_time: None,
    };
    run(till, ms + 40, complete)
}

fn adjustment() -> Record {
    Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: Sku::new("85123A").unwrap(),
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(100).unwrap(),
            description: String::new(),
        }],
        reason: "delivery".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1).unwrap(),
        idempotency_key: Some(IdempotencyKey::new("delivery").unwrap()),
        wall_time: at(0).wall,
    })
}

/// The day, from where the answers say it stopped.
fn day(till: &mut Till, answers: &mut Answers) -> Result<(), CommandError> {
    step(answers, "found", || {
        let settings = Box::new(shop::settings());
        let register = register();
        let (recovery, name) = (shop::phrase().device(), shop::name("Till 1"));
        let nonce = [9; 16];
        run(till, 0, Command::FoundStore { nonce, recovery, name, settings, register })
    })?;
    step(answers, "import", || {
        let edit = |n: u32| {
            let name = Some(format!("product {n}"));
            let fields = ProductFields { name, ..ProductFields::default() };
            (Sku::new(&format!("S{n}")).unwrap(), fields)
        };
        run(till, 5, Command::EditProducts((0..40).map(edit).collect()))
    })?;
    step(answers, "open", || {
        let business_date = BusinessDate::new(2010, 12, 1).unwrap();
        let (register, float, operator) = (register(), gbp(5_000), operator());
        run(till, 6, Command::OpenShift { register, business_date, float, operator })
    })?;
    for n in 1..=SALES {
        step(answers, &format!("sale-{n}"), || sale(till, n))?;
        if n == 5 {
            let record = Box::new(adjustment());
            step(answers, "delivery", || run(till, 5_500, Command::Record(record)))?;
        }
    }
    step(answers, "z", || {
        let (register, operator) = (register(), operator());
        match run(till, 14_000, Command::CloseShift { register, counted: None, operator }) {
            Err(CommandError::NoOpenShift(_)) => Ok(0),
            other => other,
        }
    })
}

fn start(life: u8, disk: MemoryStorage) -> Till {
    let mut till = Node::start(Identity::new([1; 32], [life; 8]), disk).unwrap();
    while till.rebuild_step(at(0)) {}
    till
}

/// What must hold of a till that was opened again, whatever had happened to it.
fn accounts_for(till: &mut Till, answers: &Answers, place: &str) {
    let last = till.replica().last_receipt(&register());
    for n in 1..=SALES {
        let name = format!("sale-{n}");
        let key = IdempotencyKey::new(&name).unwrap();
        let found = till.query(|replica, disk| replica.answered(disk, &key)).unwrap();
        if let Some(&counter) = answers.get(&name) {
            let id = found.unwrap_or_else(|| panic!("{place}: {name} is lost"));
            let sale = till.query(|replica, disk| replica.transaction(disk, id)).unwrap().unwrap();
            assert_eq!(sale.receipt_counter, counter, "{place}: {name}");
            let same = till.query(|replica, disk| replica.by_receipt(disk, &register(), counter));
            assert_eq!(same.unwrap().len(), 1, "{place}: {name}");
        }
    }
    let series = till.replica().books().gapless(&register());
    assert!(series.is_gapless() && series.duplicates.is_empty(), "{place}: {series:?}");
    assert_eq!(series.last.unwrap_or(0), last, "{place}");
    let report = till.query(|replica, disk| verify(replica, disk, &mut |_, _| {})).unwrap();
    let harmless = |finding: &Finding| match finding {
        // A torn tail nobody was told about.
        Finding::Damaged { reason, .. } => reason.contains("unfinished") || reason.contains("torn"),
        _ => false,
    };
    let bad: Vec<_> = report.findings.iter().filter(|finding| !harmless(finding)).collect();
    assert!(bad.is_empty(), "{place}: {bad:?}");
}

/// Finishes the day and checks its sums: nothing is lost, nothing is doubled.
fn finish(mut till: Till, mut answers: Answers, place: &str) {
    day(&mut till, &mut answers).unwrap_or_else(|error| panic!("{place}: {error}"));
    accounts_for(&mut till, &answers, place);
    let counters: Vec<u64> = (1..=SALES).map(|n| answers[&format!("sale-{n}")]).collect();
    let mut distinct = counters.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len() as u64, SALES, "{place}: {counters:?}");
    let on_hand = till.replica().books().on_hand(&Sku::new("85123A").unwrap());
    assert_eq!(on_hand, Quantity::from_units(88).unwrap(), "{place}");
    till.tick(at(20_000));
    let disk = till.close_into(at(21_000));
    let mut till = start(250, disk);
    let report = till.query(|replica, disk| verify(replica, disk, &mut |_, _| {})).unwrap();
    let stock = |finding: &&Finding| matches!(finding, Finding::StockDiffers { .. });
    assert_eq!(report.findings.iter().filter(stock).count(), 0, "{place}: {:?}", report.findings);
}

/// Calls that change something while the whole day is played.
fn calls_of_a_day() -> u64 {
    let mut till = start(1, small_disk());
    let mut answers = Answers::new();
    let before = till.storage().faults().calls();
    day(&mut till, &mut answers).unwrap();
    till.storage().faults().calls() - before
}

/// Plays the day with the n-th call failing, then what `crash` leaves of it.
fn fail_at(n: u64, failure: Failure, crash: Crash, place: &str) {
    let mut till = start(1, small_disk());
    let mut answers = Answers::new();
    till.storage().faults().fail_after(n, failure);
    let result = day(&mut till, &mut answers);
    let mut disk = till.into_storage();
    disk.faults().clear();
    assert!(result.is_ok() || !answers.contains_key("z"), "{place}");
    disk.crash(crash).unwrap();
    let mut till = start(2, disk);
    accounts_for(&mut till, &answers, place);
    finish(till, answers, place);
}

const KEEPS: [(Keep, usize); 5] = [
    (Keep::Nothing, 0),
    (Keep::Nothing, 7),
    (Keep::Everything, usize::MAX),
    (Keep::Bytes(700), 3),
    (Keep::Sectors(0x5a5a_a5a5_0ff0_3cc3), usize::MAX),
];

#[test]
fn a_day_survives_a_failure_at_every_call_of_the_disk() {
    let calls = calls_of_a_day();
    assert!(calls > 60, "the script reaches the disk: {calls}");
    let failures = [
        Failure::Broken { written: 0 },
        Failure::Broken { written: 300 },
        Failure::Full { written: 0 },
        Failure::Full { written: 37 },
    ];
    for n in 0..calls {
        // Over the run of the loop all failures meet all ways to crash; each call meets one that
        // keeps what was written, and one that does not.
        let turn = usize::try_from(n).unwrap();
        let failure = failures[turn % failures.len()];
        for (files, map_batches) in [KEEPS[turn % 2], KEEPS[2 + turn % 3]] {
            let place = format!("call {n}, {failure:?}, {files:?}, {map_batches} batches");
            fail_at(n, failure, Crash { files, map_batches }, &place);
        }
    }
}

#[test]
fn an_unanswered_command_sent_again_is_done_once() {
    for op in [Op::Write, Op::Sync] {
        for keep in [Keep::Nothing, Keep::Everything] {
            let mut till = start(1, small_disk());
            let mut answers = Answers::new();
            day(&mut till, &mut answers).unwrap();
            shop::open_shift(&mut till, 2);
            till.storage().fail_next(op, Failure::Broken { written: 100 });
            let failed = sale(&mut till, SALES + 1);
            assert!(matches!(failed, Err(CommandError::Stopped(_))), "{failed:?}");
            let mut disk = till.into_storage();
            disk.crash(Crash { files: keep, map_batches: 1 }).unwrap();
            let mut till = start(2, disk);
            let counter = sale(&mut till, SALES + 1).unwrap();
            assert_eq!(counter, SALES + 1);
            assert_eq!(sale(&mut till, SALES + 1).unwrap(), counter);
        }
    }
}

#[test]
fn after_a_flush_error_nothing_is_written_until_the_till_is_started_again() {
    let mut till = start(1, small_disk());
    let mut answers = Answers::new();
    day(&mut till, &mut answers).unwrap();
    shop::open_shift(&mut till, 2);
    till.storage().fail_next(Op::Sync, Failure::Broken { written: 0 });
    let mut said = Vec::new();
    for n in 20..23 {
        said.push(sale(&mut till, n).unwrap_err());
    }
    assert!(said.iter().all(|error| matches!(error, CommandError::Stopped(_))), "{said:?}");
    assert!(said[0].to_string().contains("restart it"));
    let calls = till.storage().faults().calls();
    till.tick(at(50_000));
    assert!(sale(&mut till, 24).is_err());
    assert_eq!(till.storage().faults().calls(), calls, "nothing reaches the disk");
    let alarms = till.take_alarms();
    assert!(!alarms.is_empty());
    let mut disk = till.into_storage();
    disk.crash(Crash::KILL).unwrap();
    let mut till = start(2, disk);
    accounts_for(&mut till, &answers, "after a flush error");
    sale(&mut till, 30).unwrap();
}

#[test]
fn identities_of_the_suite_are_the_ones_of_the_shop() {
    let own = identity(1, 1);
    assert_eq!(own.key.device(), Identity::new([1; 32], [1; 8]).key.device());
}
