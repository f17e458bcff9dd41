//! What a cashier does beside selling: shifts, stock, prices, customers, cash, settings.

use pos_core::money::Money;
use pos_core::price_book::{Assign, ProductFields};
use pos_core::product::ProductKind;
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::till::CashMovementKind;
use replica::core::{Command, CommandError, Outcome};
use replica::documents::CustomerEdit;

use super::super::shop::{pence, price};
use super::super::witness::{Fact, Units, add};
use super::{Cashier, Desk};

/// What a record moves, if it is an adjustment.
pub(super) fn moved_by(record: &Record) -> Option<Units> {
    let Record::StockAdjusted(adjustment) = record else { return None };
    let mut moved = Units::new();
    for line in adjustment.lines.iter().filter(|line| line.kind == ProductKind::Stocked) {
        add(&mut moved, &line.sku, line.quantity_change.thousandths());
    }
    Some(moved)
}

impl Cashier {
    pub(super) fn open_shift(&mut self, desk: &mut Desk<'_>) -> u64 {
        let float = 100 * i64::try_from(self.draw.below(200)).unwrap_or(0);
        let command = Command::OpenShift {
            register: self.register.clone(),
            business_date: desk.shop.day,
            float: pence(float),
            operator: self.operator.clone(),
        };
        match desk.execute(command) {
            Ok(Outcome::Recorded(id)) => {
                let (id, place) = (id.into_inner(), desk.place());
                desk.witness.saw(id, desk.site, desk.now, place, Fact::Shift { float });
                "opens a shift".clone_into(&mut self.did);
                self.pause()
            }
            Ok(_) => 1_000,
            Err(why) => {
                self.refused(desk, "opening a shift", &why);
                10_000
            }
        }
    }

    pub(super) fn close_shift(&mut self, desk: &mut Desk<'_>) {
        let register = self.register.clone();
        let counted = Some(Money::from_minor(10_000, desk.shop.settings.currency));
        let operator = self.operator.clone();
        match desk.execute(Command::CloseShift { register, counted, operator }) {
            Ok(Outcome::ShiftClosed(report)) => {
                let report = report.into_inner();
                self.did = format!("closes a shift, Z {}", report.number);
                desk.witness.closed(&report);
            }
            Ok(_) => {}
            Err(why) => self.refused(desk, "closing a shift", &why),
        }
    }

    pub(super) fn adjust(&mut self, desk: &mut Desk<'_>) {
        let Some(article) = self.draw.pick(&desk.shop.articles) else { return };
        let thousandths = i64::try_from(1000 * self.draw.between(1, 200)).unwrap_or(1000);
        let quantity = Quantity::from_thousandths(thousandths);
        let Some(key) = self.next_key() else { return };
        let record = Record::StockAdjusted(InventoryAdjustment {
            lines: vec![AdjustmentLine {
                sku: article.sku.clone(),
                kind: article.fields.kind.unwrap_or(ProductKind::Stocked),
                quantity_change: quantity,
                description: String::new(),
            }],
            reason: "delivery".to_owned(),
            business_date: desk.shop.day,
            idempotency_key: Some(key.clone()),
            wall_time: desk.at.wall,
        });
        self.send(desk, key, Command::Record(Box::new(record)));
    }

    pub(super) fn edit_product(&mut self, desk: &mut Desk<'_>) {
        // A few articles, so that several tills edit one.
        let few = desk.shop.articles.get(..4).unwrap_or_default();
        let Some(article) = self.draw.pick(few) else { return };
        let Ok(price) = price(self.draw.between(5, 4_000)) else { return };
        let fields = if self.draw.chance(1, 2) {
            ProductFields { price: Some(Assign::Set(price)), ..ProductFields::default() }
        } else {
            let name = Some(format!("Article {}", self.draw.below(1000)));
            ProductFields { name, ..ProductFields::default() }
        };
        let edits = vec![(article.sku.clone(), fields)];
        match desk.execute(Command::EditProducts(edits)) {
            Ok(_) => "edits a product".clone_into(&mut self.did),
            Err(why) => self.refused(desk, "editing a product", &why),
        }
    }

    pub(super) fn customer(&mut self, desk: &mut Desk<'_>) {
        let name = CustomerEdit::SetName(format!("Customer {}", self.draw.below(1000)));
        let known = self.draw.pick(&self.customers).copied();
        let command = match known.filter(|_| self.customers.len() > 3) {
            Some(customer) => {
                let notes = CustomerEdit::SetNotes(format!("note {}", self.draw.below(1000)));
                Command::EditCustomer { customer, edits: vec![notes, name] }
            }
            None => Command::CreateCustomer(vec![name]),
        };
        match desk.execute(command) {
            Ok(Outcome::CustomerSaved(view)) => {
                let id = view.get().id;
                if !self.customers.contains(&id) {
                    self.customers.push(id);
                }
                "saves a customer".clone_into(&mut self.did);
            }
            Ok(_) => {}
            Err(why) => self.refused(desk, "saving a customer", &why),
        }
    }

    pub(super) fn move_cash(&mut self, desk: &mut Desk<'_>) {
        let kinds = [
            CashMovementKind::Loan,
            CashMovementKind::Pickup,
            CashMovementKind::PaidIn,
            CashMovementKind::PaidOut,
            CashMovementKind::NoSale,
        ];
        let kind = *self.draw.pick(&kinds).unwrap_or(&CashMovementKind::Loan);
        let minor = i64::try_from(self.draw.between(1, 20_000)).unwrap_or(1);
        let (minor, drawer) = match kind {
            CashMovementKind::Loan | CashMovementKind::PaidIn => (minor, minor),
            CashMovementKind::Pickup | CashMovementKind::PaidOut => (minor, -minor),
            CashMovementKind::NoSale => (0, 0),
        };
        let register = self.register.clone();
        let Some((shift, _)) = desk.running.node.replica().current_shift(&register) else { return };
        let (amount, reason) = (pence(minor), "safe".to_owned());
        let operator = self.operator.clone();
        match desk.execute(Command::MoveCash { register, kind, amount, reason, operator }) {
            Ok(Outcome::Recorded(id)) => {
                let (id, place) = (id.into_inner(), desk.place());
                desk.witness.saw(id, desk.site, desk.now, place, Fact::CashMove { shift, drawer });
                self.did = format!("moves {drawer} in the drawer");
            }
            Ok(_) => {}
            Err(why) => {
                // It has no name it could be asked for by.
                if matches!(why, CommandError::Stopped(_)) {
                    desk.witness.uncertain_shifts.insert(shift);
                }
                self.refused(desk, "moving cash", &why);
            }
        }
    }

    pub(super) fn edit_settings(&mut self, desk: &mut Desk<'_>) {
        let Ok(mut settings) = desk.running.node.replica().settings().cloned() else { return };
        settings.name = format!("Corner shop {}", self.draw.below(100));
        let record = Box::new(Record::StoreOpened(settings));
        match desk.execute(Command::Record(record)) {
            Ok(_) => "edits the settings".clone_into(&mut self.did),
            Err(why) => self.refused(desk, "editing the settings", &why),
        }
    }
}
