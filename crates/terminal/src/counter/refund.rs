//! Goods that come back by the receipt they were bought with.

use std::collections::BTreeMap;

use pos_core::business_date::BusinessDate;
use pos_core::cart::{CartCommand, Direction};
use pos_core::ids::{CartId, IdempotencyKey, LineId, RecordId};
use pos_core::money::Money;
use pos_core::quantity::Quantity;
use pos_core::receipt::ReceiptWitness;
use pos_core::record::Record;
use pos_core::refund::RefundLine;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::tender::{self, Due, Tendered};
use pos_core::transaction::{ReceiptNumber, TenderKind};
use replica::core::{Command, Completed, Durable, Outcome, RefundCommand};
use replica::storage::Storage;

use super::desk::{Counter, Page, refusal};
use super::intent::RefundReason;
use super::kept::{Aside, KeptRefund};
use super::notice::Notice;
use super::pay::tender_refusal;
use super::scan::{self, Meaning};
use super::view::{RefundLineView, RefundReceipt, RefundScreen};

/// A refund that is being put together.
#[derive(Debug, Clone)]
pub(super) struct Returning {
    typed: String,
    receipt: Option<Found>,
    chosen: BTreeMap<LineId, Quantity>,
    pub(super) reason: Option<RefundReason>,
    pub(super) restock: bool,
    due: Option<Due>,
}

impl Default for Returning {
    fn default() -> Self {
        let (typed, chosen) = (String::new(), BTreeMap::new());
        Self { typed, receipt: None, chosen, reason: None, restock: true, due: None }
    }
}

/// A receipt, and what is left of it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    done: Completed,
    left: BTreeMap<LineId, Quantity>,
}

impl Returning {
    /// A receipt was found; `lines` of it are chosen.
    pub(super) fn found(&mut self, found: Found, lines: &[RefundLine]) {
        self.typed = found.done.number.to_string();
        self.receipt = Some(found);
        self.chosen = lines.iter().map(|line| (line.line, line.quantity)).collect();
    }

    fn lines(&self) -> Vec<RefundLine> {
        let chosen = self.chosen.iter();
        chosen.map(|(&line, &quantity)| RefundLine { line, quantity }).collect()
    }
}

/// The words a reason is kept in: they stand on the receipt and in the books.
fn words(reason: &RefundReason) -> String {
    match reason {
        RefundReason::Unwanted => "unwanted".to_owned(),
        RefundReason::Faulty => "faulty".to_owned(),
        RefundReason::Wrong => "wrong item".to_owned(),
        RefundReason::Other(words) => words.trim().to_owned(),
    }
}

impl<S: Storage> Counter<S> {
    pub(super) fn open_refund(&mut self) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        self.card.forget_ended();
        self.page = Page::Refund(Box::default());
        Ok(())
    }

    /// The receipts a text may name: its number, its QR code, or only the counter of this register.
    fn receipts_named(&mut self, typed: &str) -> Result<Vec<Completed>, Notice> {
        let typed = typed.trim();
        let witness = typed.parse::<ReceiptWitness>().ok();
        let number = match &witness {
            Some(witness) => Some(witness.number.clone()),
            None => typed.parse::<ReceiptNumber>().ok(),
        };
        let (register, counter) = match &number {
            Some(number) => (number.register().clone(), number.counter()),
            None => match typed.parse::<u64>() {
                Ok(counter) => (self.register()?, counter),
                Err(_) => return Ok(Vec::new()),
            },
        };
        let found =
            self.till.node().query(|replica, disk| replica.by_receipt(disk, &register, counter));
        let mut found = found.map_err(|error| refusal(error.into()))?;
        found.retain(|done| {
            number.as_ref().is_none_or(|number| number.fits(&done.id))
                && witness.as_ref().is_none_or(|witness| witness.fits(&done.id))
        });
        Ok(found)
    }

    /// The one receipt of a name.
    pub(super) fn receipt_named(&mut self, typed: &str) -> Result<Completed, Notice> {
        let mut found = self.receipts_named(typed)?;
        let typed: String = typed.trim().chars().take(80).collect();
        match (found.pop(), found.is_empty()) {
            (Some(done), true) => Ok(done),
            (Some(_), false) => Err(Notice::AmbiguousReceipt { typed }),
            (None, _) => Err(Notice::UnknownReceipt { typed }),
        }
    }

    /// Whether a scanned code is a receipt that is known here.
    pub(super) fn knows_receipt(&mut self, code: &str) -> bool {
        self.receipts_named(code).is_ok_and(|found| !found.is_empty())
    }

    /// A receipt by its record, and what is left of it.
    pub(super) fn receipt_of(&mut self, id: RecordId) -> Result<Found, Notice> {
        let done = self.till.node().query(|replica, disk| replica.durable_transaction(disk, id));
        let done = done.map_err(|error| refusal(error.into()))?.map(Durable::into_inner);
        let done = done.ok_or_else(|| Notice::UnknownReceipt { typed: String::new() })?;
        self.with_left(done)
    }

    fn with_left(&mut self, done: Completed) -> Result<Found, Notice> {
        let id = done.id;
        let left = self.till.node().query(|replica, disk| replica.refundable(disk, id));
        let left = left.map_err(refusal)?.into_iter();
        Ok(Found { left: left.map(|line| (line.line, line.quantity)).collect(), done })
    }

    pub(super) fn find_receipt(&mut self, typed: &str) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        self.must_not_be_paying()?;
        let done = self.receipt_named(typed)?;
        let found = self.with_left(done)?;
        let nothing_left = found.left.is_empty();
        let mut returning = Returning::default();
        returning.found(found, &[]);
        self.card.forget_ended();
        self.page = Page::Refund(Box::new(returning));
        self.weigh_refund()?;
        if nothing_left { Err(Notice::NothingLeft) } else { Ok(()) }
    }

    fn returning(&mut self) -> Result<&mut Returning, Notice> {
        match &mut self.page {
            Page::Refund(returning) if !self.card.is_under_way() => Ok(returning),
            Page::Refund(_) => Err(Notice::CardUnderWay),
            _ => Err(Notice::NothingLeft),
        }
    }

    /// A scan while goods come back: another receipt, or one more of a thing on this one.
    pub(super) fn scan_into_refund(&mut self, code: &str, meaning: &Meaning) -> Result<(), Notice> {
        let unknown = || Notice::UnknownCode { code: code.chars().take(80).collect() };
        match meaning {
            Meaning::Receipt(_) => self.find_receipt(code),
            Meaning::Unknown => Err(unknown()),
            Meaning::Item { item, quantity, .. } => {
                let book = self.till.replica().books().price_book();
                let sku = scan::product(item, book).map(|product| product.sku.clone());
                let returning = self.returning()?;
                let found = returning.receipt.as_ref().ok_or_else(unknown)?;
                let wanted = found.done.transaction.items.iter().find_map(|line| {
                    let chosen = returning.chosen.get(&line.line).copied().unwrap_or_default();
                    let left = found.left.get(&line.line).copied().unwrap_or_default();
                    let more = chosen.checked_add(*quantity).ok()?;
                    (Some(&line.product.sku) == sku.as_ref() && more <= left)
                        .then_some((line.line, more))
                });
                let (line, quantity) = wanted.ok_or_else(|| match sku {
                    Some(sku) => Notice::OverRefund { sku, left: Quantity::ZERO },
                    None => unknown(),
                })?;
                self.refund_line(line, quantity)
            }
        }
    }

    pub(super) fn refund_line(&mut self, line: LineId, quantity: Quantity) -> Result<(), Notice> {
        let returning = self.returning()?;
        let before = returning.chosen.clone();
        if quantity.is_zero() {
            returning.chosen.remove(&line);
        } else {
            returning.chosen.insert(line, quantity);
        }
        let weighed = self.weigh_refund();
        if weighed.is_err() {
            self.returning()?.chosen = before;
            self.weigh_refund()?;
        }
        weighed
    }

    pub(super) fn refund_all(&mut self) -> Result<(), Notice> {
        let returning = self.returning()?;
        let left = returning.receipt.as_ref().map(|found| found.left.clone());
        let left = left.filter(|left| !left.is_empty()).ok_or(Notice::NothingLeft)?;
        returning.chosen = left;
        self.weigh_refund()
    }

    pub(super) fn refund_reason(&mut self, reason: RefundReason) -> Result<(), Notice> {
        if words(&reason).is_empty() {
            return Err(Notice::ReasonMissing);
        }
        self.returning()?.reason = Some(reason);
        Ok(())
    }

    pub(super) fn restock(&mut self, restock: bool) -> Result<(), Notice> {
        self.returning()?.restock = restock;
        Ok(())
    }

    /// What is to be paid out for what is chosen.
    fn weigh_refund(&mut self) -> Result<(), Notice> {
        let zero = Money::zero(self.currency);
        let returning = self.returning()?;
        let lines = returning.lines();
        let id = returning.receipt.as_ref().map(|found| found.done.id);
        let due = match id {
            Some(id) if !lines.is_empty() => {
                let quote = self
                    .till
                    .node()
                    .query(|replica, disk| replica.quote_refund(disk, id, &lines))
                    .map_err(refusal)?;
                let rounding = self.till.settings().map_err(refusal)?.cash_rounding;
                tender::due_after(quote.total, &[], rounding).map_err(tender_refusal)?
            }
            _ => Due { exact: zero, cash: zero },
        };
        self.returning()?.due = Some(due);
        Ok(())
    }

    /// All that a refund needs, or what is missing.
    fn ready_refund(&mut self) -> Result<(KeptRefund, Due), Notice> {
        let returning = self.returning()?;
        let found = returning.receipt.as_ref().ok_or(Notice::NothingLeft)?;
        let original = found.done.id;
        let lines: Vec<(LineId, Quantity)> =
            returning.chosen.iter().map(|(&line, &quantity)| (line, quantity)).collect();
        if lines.is_empty() {
            return Err(Notice::NothingLeft);
        }
        let reason = returning.reason.clone().ok_or(Notice::ReasonMissing)?;
        let restock = returning.restock;
        // Nobody knows whether goods of this receipt were paid back by card: not a second time.
        let unsure = |aside: &Aside| {
            aside.card.refund.as_ref().is_some_and(|refund| refund.original == original)
        };
        if self.kept.aside.iter().any(unsure) {
            return Err(Notice::CardUnderWay);
        }
        self.weigh_refund()?;
        let due = self.returning()?.due.ok_or(Notice::NothingLeft)?;
        let cart = CartId::from_bytes([0; 16]);
        Ok((KeptRefund { original, lines, reason, restock, cart }, due))
    }

    pub(super) fn refund_cash(&mut self) -> Result<(), Notice> {
        let (refund, due) = self.ready_refund()?;
        let tenders = if due.exact.is_zero() { Vec::new() } else { vec![Tendered::cash(due.cash)] };
        self.pay_back(&refund, tenders, None)
    }

    /// Pays back to the card: the payment needs a cart to be started for, which stands for it alone.
    pub(super) fn refund_card(&mut self) -> Result<(), Notice> {
        if !self.card.has_reader() {
            return Err(Notice::NoReader);
        }
        let (refund, due) = self.ready_refund()?;
        if due.exact.is_zero() {
            return self.pay_back(&refund, Vec::new(), None);
        }
        self.ready_register()?;
        let operator = self.operator.clone();
        let cart = self.till.open_cart("refund", &operator).map_err(refusal)?;
        self.ask_for(cart, due.exact, Some(KeptRefund { cart, ..refund }))
    }

    /// The reader has paid back.
    pub(super) fn refunded_by_card(
        &mut self,
        refund: &KeptRefund,
        tendered: Tendered,
    ) -> Result<(), Notice> {
        let key = tendered.payment_id.map(|id| format!("refund-{}", short(id)));
        let paid = self.pay_back(refund, vec![tendered], key);
        // Refused, a refund that the reader has paid is still to be written down: it stays open.
        paid?;
        self.kept.card = None;
        self.close_refund_cart(refund);
        self.keep_now()
    }

    /// The cart that stood for a card payment is not needed any more.
    pub(super) fn close_refund_cart(&mut self, refund: &KeptRefund) {
        // It has no lines: where it stays, nobody sees it.
        drop(self.till.edit_cart(refund.cart, CartCommand::Abandon));
    }

    fn pay_back(
        &mut self,
        refund: &KeptRefund,
        tenders: Vec<Tendered>,
        key: Option<String>,
    ) -> Result<(), Notice> {
        let register = self.ready_register()?;
        let reason = words(&refund.reason);
        let idempotency_key = key.map(IdempotencyKey::new).transpose();
        let command = Command::Refund(Box::new(RefundCommand {
            original: refund.original,
            lines: refund.lines(),
            register,
            operator: self.operator.clone(),
            reason: reason.clone(),
            tenders,
            idempotency_key: idempotency_key.map_err(|error| Notice::Refused(error.to_string()))?,
            wall_time: None,
        }));
        let done = match self.till.execute(command).map_err(refusal)? {
            Outcome::Completed(done) | Outcome::RepeatedSale(done) => *done,
            other => {
                return Err(Notice::Refused(format!("an answer that does not fit: {other:?}")));
            }
        };
        self.card.forget_ended();
        self.sold(&done)?;
        if refund.restock { Ok(()) } else { self.unstock(done.get(), &reason) }
    }

    /// Goods that came back and cannot be sold leave the stock again.
    fn unstock(&mut self, done: &Completed, reason: &str) -> Result<(), Notice> {
        let sale = &done.transaction;
        let lines = sale.items.iter().filter(|item| item.product.direction == Direction::Return);
        let lines = lines.map(|item| AdjustmentLine {
            sku: item.product.sku.clone(),
            kind: item.product.kind,
            quantity_change: item.quantity,
            description: format!("not restocked, receipt {}", done.number),
        });
        let adjustment = InventoryAdjustment {
            lines: lines.collect(),
            reason: format!("returned: {reason}"),
            business_date: sale.business_date,
            idempotency_key: IdempotencyKey::new(format!("unstock-{}", short(done.id))).ok(),
            wall_time: sale.wall_time,
        };
        let record = Command::Record(Box::new(Record::StockAdjusted(adjustment)));
        match self.till.execute(record) {
            Ok(_) => Ok(()),
            Err(error) => Err(Notice::NotUnstocked(error.to_string())),
        }
    }

    pub(super) fn refund_screen(&self, returning: &Returning) -> RefundScreen {
        let zero = Money::zero(self.currency);
        RefundScreen {
            typed: returning.typed.clone(),
            receipt: returning.receipt.as_ref().map(|found| receipt(found, &returning.chosen)),
            reason: returning.reason.clone(),
            restock: returning.restock,
            due: returning.due.unwrap_or(Due { exact: zero, cash: zero }),
            card: self.card.state(),
        }
    }
}

/// Enough of a record's id for a command's own name, which has 64 characters at most.
fn short(id: RecordId) -> String {
    id.to_string().chars().take(48).collect()
}

fn receipt(found: &Found, chosen: &BTreeMap<LineId, Quantity>) -> RefundReceipt {
    let Found { done, left } = found;
    let sale = &done.transaction;
    let day: BusinessDate = sale.business_date;
    let sold = sale.items.iter().filter(|item| item.product.direction == Direction::Sale);
    let of = |all: &BTreeMap<LineId, Quantity>, line| all.get(&line).copied().unwrap_or_default();
    RefundReceipt {
        id: done.id,
        number: done.number.to_string(),
        business_date: day.to_string(),
        total: sale.settled().unwrap_or(sale.total),
        paid_by_card: sale.payments.iter().any(|paid| paid.kind == TenderKind::Card),
        lines: sold
            .map(|item| RefundLineView {
                line: item.line,
                sku: item.product.sku.clone(),
                name: item.product.name.clone(),
                sold: item.quantity,
                left: of(left, item.line),
                chosen: of(chosen, item.line),
                amount: item.amount,
            })
            .collect(),
    }
}
