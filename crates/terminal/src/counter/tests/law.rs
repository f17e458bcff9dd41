//! Whatever a cashier does, whatever the reader does, and whenever the program is killed: each charge
//! of a card is on one receipt, and each receipt's card was charged, once.

use std::collections::BTreeMap;

use pos_core::ids::{RecordId, RegisterId};
use pos_core::transaction::{SaleTransaction, TenderKind};
use proptest::prelude::*;

use super::*;
use crate::counter::intent::{Discount, RefundReason};
use crate::counter::view::{CardState, WaitingState};

/// What a cashier does next; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Scan(usize),
    Quantity(usize, i64),
    Void(usize),
    Discount(u16),
    Cash(i64),
    ExactCash,
    Card(Option<i64>),
    Ask,
    Cancel,
    TakeBack,
    Suspend,
    Retrieve(usize),
    Refund(u64, bool),
    Back,
    Restart,
}

const CODES: [&str; 4] = [ESPRESSO, MUG, "2100001012502", "4006381333931"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..CODES.len()).prop_map(Step::Scan),
        1 => (0..4_usize, 0..5_i64).prop_map(|(line, units)| Step::Quantity(line, units)),
        1 => (0..4_usize).prop_map(Step::Void),
        1 => (0..10_000_u16).prop_map(Step::Discount),
        2 => (1..2_000_i64).prop_map(Step::Cash),
        2 => Just(Step::ExactCash),
        4 => proptest::option::weighted(0.3, 1..900_i64).prop_map(Step::Card),
        2 => Just(Step::Ask),
        1 => Just(Step::Cancel),
        1 => Just(Step::TakeBack),
        2 => Just(Step::Suspend),
        2 => (0..4_usize).prop_map(Step::Retrieve),
        1 => (1..4_u64, any::<bool>()).prop_map(|(counter, card)| Step::Refund(counter, card)),
        1 => Just(Step::Back),
        1 => Just(Step::Restart),
    ]
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        3 => Just(Behaviour::Approve),
        1 => Just(Behaviour::Decline("no".to_owned())),
        1 => Just(Behaviour::LoseTheMessage),
        2 => Just(Behaviour::LoseTheAnswer),
        1 => Just(Behaviour::TalkNonsense),
        1 => Just(Behaviour::AskLater(1)),
    ]
}

fn card(desk: &Desk) -> CardState {
    match &desk.screen {
        Screen::Pay(pay) => pay.card.clone(),
        Screen::Refund(refund) => refund.card.clone(),
        _ => CardState::Idle,
    }
}

fn is_busy(desk: &Desk) -> bool {
    matches!(card(desk), CardState::Asking { .. } | CardState::Unknown { asking: true, .. })
}

fn is_unknown(desk: &Desk) -> bool {
    matches!(card(desk), CardState::Unknown { .. })
}

impl Shop {
    fn act(&mut self, step: &Step) {
        let desk = self.desk();
        let line = |at: usize| desk.cart.lines.get(at % desk.cart.lines.len().max(1));
        match step {
            Step::Scan(code) => self.scan(CODES[*code]),
            Step::Quantity(at, units) => {
                let quantity = Quantity::from_units(*units).unwrap();
                if let Some(line) = line(*at) {
                    self.tap(Intent::SetQuantity { line: line.id, quantity });
                }
            }
            Step::Void(at) => {
                if let Some(line) = line(*at) {
                    self.tap(Intent::VoidLine(line.id));
                }
            }
            Step::Discount(points) => self.tap(Intent::DiscountCart(Discount::Percent(*points))),
            Step::Cash(minor) => self.tap(Intent::TakeCash(gbp(*minor))),
            Step::ExactCash => self.tap(Intent::TakeExactCash),
            Step::Card(minor) => self.tap(Intent::TakeCard(minor.map(gbp))),
            Step::Ask => self.tap(Intent::AskReader),
            Step::Cancel => self.tap(Intent::CancelCard),
            Step::TakeBack => self.tap(Intent::TakeBack(0)),
            Step::Suspend => self.tap(Intent::Suspend(String::new())),
            Step::Retrieve(at) => {
                if let Some(cart) = desk.waiting.get(at % desk.waiting.len().max(1)) {
                    self.tap(Intent::Retrieve(cart.id));
                }
            }
            Step::Refund(counter, by_card) => {
                self.tap(Intent::FindReceipt(counter.to_string()));
                self.tap(Intent::RefundAll);
                self.tap(Intent::RefundReason(RefundReason::Faulty));
                self.tap(if *by_card { Intent::RefundCard } else { Intent::RefundCash });
            }
            Step::Back => self.tap(Intent::Back),
            Step::Restart => self.restart(None),
        }
        // Half of the time the cashier waits for the reader; a restart may come in between.
        if !matches!(step, Step::Card(Some(_))) {
            self.wait_for(|desk| !is_busy(desk));
        }
        let desk = self.desk();
        if let Screen::Pay(pay) = &desk.screen {
            assert!(!(is_unknown(&desk) && pay.may_tender), "{pay:?}");
        }
    }

    /// The end of the day: whatever is unsure is asked about until it is known, and paid.
    fn settle_all(&mut self) {
        for _ in 0..200 {
            let desk = self.wait_for(|desk| !is_busy(desk));
            if is_unknown(&desk) {
                self.tap(Intent::AskReader);
                let desk = self.wait_for(|desk| !is_busy(desk));
                if is_unknown(&desk) {
                    self.tap(Intent::CancelCard);
                }
                continue;
            }
            // From wherever the cashier went meanwhile.
            self.tap(Intent::Pay);
            let paying = self.desk();
            if matches!(&paying.screen, Screen::Pay(pay) if !pay.taken.is_empty()) {
                self.tap(Intent::TakeExactCash);
                continue;
            }
            let aside = desk.waiting.iter().find(|cart| cart.state == WaitingState::CardUnknown);
            let Some(aside) = aside else { return };
            self.tap(Intent::Retrieve(aside.id));
        }
        panic!("it is never settled: {:#?} {:#?}", self.desk().screen, self.notices());
    }

    fn receipts(&mut self) -> Vec<SaleTransaction> {
        let register = RegisterId::new("R1").unwrap();
        let last = self.counter().till().replica().last_receipt(&register);
        let mut receipts = Vec::new();
        for counter in 1..=last {
            let found = self
                .counter()
                .till()
                .node()
                .query(|replica, disk| replica.by_receipt(disk, &register, counter))
                .unwrap();
            assert_eq!(found.len(), 1, "receipt {counter}");
            receipts.extend(found.into_iter().map(|done| done.transaction));
        }
        receipts
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_charge_is_on_one_receipt_and_every_receipts_card_was_charged_once(
        steps in proptest::collection::vec(step(), 1..40),
        script in proptest::collection::vec(behaviour(), 0..12),
    ) {
        let mut shop = Shop::with_reader(script);
        for step in &steps {
            shop.act(step);
        }
        shop.settle_all();
        shop.counter().till().finish_rebuild(|_, _| {});
        let mut paid: BTreeMap<RecordId, i64> = BTreeMap::new();
        let mut cash = 0;
        for sale in shop.receipts() {
            for payment in sale.payments {
                let settled = payment.settled().unwrap().minor();
                match payment.kind {
                    TenderKind::Cash => cash += settled,
                    TenderKind::Card => {
                        let id = payment.payment_id.unwrap();
                        prop_assert_eq!(paid.insert(id, settled), None, "one charge, two receipts");
                    }
                }
            }
        }
        let charges = shop.reader.as_ref().unwrap().charges();
        prop_assert!(charges.values().all(|charge| charge.times <= 1));
        let charged: BTreeMap<RecordId, i64> = charges
            .into_iter()
            .filter(|(_, charge)| charge.is_charged())
            .map(|(id, charge)| (id, charge.amount))
            .collect();
        prop_assert_eq!(paid, charged);
        shop.tap(Intent::Back);
        shop.tap(Intent::ReadX);
        if let Screen::X(Some(report)) = &shop.desk().screen {
            prop_assert_eq!(report.expected_cash.minor(), cash);
        }
    }
}
