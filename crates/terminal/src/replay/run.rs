//! Ringing up a plan: the commands of a cashier, one document after the other.

use std::collections::BTreeMap;
use std::io;

use jiff::tz::TimeZone;
use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::cart::{CartCommand, Direction, ItemRef, Merge, PriceOverride};
use pos_core::ids::{CartId, IdError, IdempotencyKey, OperatorId, RecordId, RegisterId};
use pos_core::money::Money;
use pos_core::price_book::{Assign, ProductFields};
use pos_core::product::{Sku, UnitOfMeasure};
use pos_core::record::Record;
use pos_core::stock::{AccountPosting, AdjustmentLine, InventoryAdjustment};
use pos_core::tender::Tendered;
use pos_core::transaction::{ReceiptNumber, TenderKind};
use replica::core::{Command, CommandError, Completed, Outcome};
use replica::storage::Storage;
use thiserror::Error;

use super::measure::Measurements;
use super::plan::{Body, Document, GoodsLine, Plan, PlannedProduct, StockLine};
use crate::till::{Payment, Till};

/// Who rings up a replay: with the register's name, so that no two tills give up each other's carts.
const OPERATOR: &str = "replay";
/// Why a line is charged at another price than the price book's.
const PRICE_REASON: &str = "price of the invoice";
/// Why stock was corrected, where the file says nothing better.
const STOCK_REASON: &str = "invoice without a price";
/// Products imported by one command.
const PRODUCTS_AT_ONCE: usize = 2000;

/// Why a replay stopped. What was acknowledged before stays; run it again to go on.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The till refused a document.
    #[error("invoice {invoice} was not rung up: {error}")]
    Document {
        /// The invoice.
        invoice: IdempotencyKey,
        /// Why.
        error: CommandError,
    },
    /// The till refused something else: a shift, the products.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A name of our own is not allowed: a fault of the program.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The acknowledgement could not be passed on.
    #[error("an acknowledgement could not be written: {0}")]
    Output(#[from] io::Error),
}

/// What kind of document was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Goods went out.
    Sale,
    /// Goods came back.
    Return,
    /// Stock was corrected.
    Adjustment,
    /// An account was posted.
    Posting,
}

impl Kind {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Adjustment => "adjustment",
            Self::Posting => "posting",
        }
    }
}

/// A document that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its number in the file.
    pub invoice: IdempotencyKey,
    /// What it became.
    pub kind: Kind,
    /// Its record.
    pub id: RecordId,
    /// Its receipt, if it has one.
    pub receipt: Option<ReceiptNumber>,
    /// What it came to; `None` for an adjustment.
    pub amount: Option<Money>,
    /// It had been rung up by an earlier run.
    pub repeated: bool,
}

/// What a run did.
#[derive(Debug)]
pub struct Replayed {
    /// Documents by kind, those of earlier runs included.
    pub counts: BTreeMap<Kind, u64>,
    /// Of them, those of earlier runs.
    pub repeated: u64,
    /// Products that were not in the price book before.
    pub products: u64,
    /// Carts an earlier run had left open.
    pub abandoned: u64,
    /// How fast it went.
    pub measured: Measurements,
}

/// A replay on a till.
#[derive(Debug)]
pub struct Replay<'a, S> {
    till: &'a mut Till<S>,
    plan: &'a Plan,
    register: RegisterId,
    operator: OperatorId,
    zone: TimeZone,
    done: Replayed,
}

impl<'a, S: Storage> Replay<'a, S> {
    /// A replay of `plan` on `register`. The till's index must be whole.
    pub fn new(
        till: &'a mut Till<S>,
        plan: &'a Plan,
        register: RegisterId,
    ) -> Result<Self, ReplayError> {
        let (operator, zone) = (OperatorId::new(format!("{OPERATOR}-{register}"))?, till.zone());
        let done = Replayed {
            counts: BTreeMap::new(),
            repeated: 0,
            products: 0,
            abandoned: 0,
            measured: Measurements::default(),
        };
        Ok(Self { till, plan, register, operator, zone, done })
    }

    /// Rings up every document. `observe` hears of each as soon as it is on disk, before the next
    /// is begun.
    pub fn run(
        mut self,
        mut observe: impl FnMut(&Acknowledged, &Measurements) -> io::Result<()>,
    ) -> Result<Replayed, ReplayError> {
        self.import_products()?;
        self.abandon_leftovers()?;
        self.done.measured = Measurements::starting(self.till.micros());
        let plan = self.plan;
        for document in &plan.documents {
            let acknowledged = self.ring_up(document)?;
            let count = self.done.counts.entry(acknowledged.kind).or_default();
            *count = count.saturating_add(1);
            self.done.repeated =
                self.done.repeated.saturating_add(u64::from(acknowledged.repeated));
            let shown = self.till.micros();
            observe(&acknowledged, &self.done.measured)?;
            self.done.measured.leave_out(self.till.micros().saturating_sub(shown));
        }
        if self.till.open_shift(&self.register).is_some() {
            self.till.end_shift(&self.register, None, &self.operator)?;
        }
        Ok(self.done)
    }

    /// Puts into the price book what the documents sell and the book does not know.
    fn import_products(&mut self) -> Result<(), ReplayError> {
        let mut used = vec![false; self.plan.products.len()];
        for document in &self.plan.documents {
            let products: &mut dyn Iterator<Item = usize> = match &document.body {
                Body::Receipt { lines, .. } => &mut lines.iter().map(|line| line.product),
                Body::Adjustment { lines } => &mut lines.iter().map(|line| line.product),
                Body::Posting { .. } => &mut std::iter::empty(),
            };
            for product in products {
                if let Some(slot) = used.get_mut(product) {
                    *slot = true;
                }
            }
        }
        let book = self.till.replica().books().price_book();
        let unknown: Vec<_> = self
            .plan
            .products
            .iter()
            .zip(used)
            .filter(|(product, used)| *used && book.product(&product.sku).is_none())
            .map(|(product, _)| new_product(product))
            .collect();
        self.done.products = u64::try_from(unknown.len()).unwrap_or(u64::MAX);
        for chunk in unknown.chunks(PRODUCTS_AT_ONCE) {
            self.till.execute(Command::EditProducts(chunk.to_vec()))?;
        }
        Ok(())
    }

    /// Gives up the carts that a run before this one had open when it was killed: their documents
    /// are rung up anew.
    fn abandon_leftovers(&mut self) -> Result<(), ReplayError> {
        let carts = self.till.open_carts()?;
        for cart in carts.into_iter().filter(|cart| cart.operator == self.operator) {
            if cart.status == pos_core::cart::CartStatus::Suspended {
                continue;
            }
            self.till.edit_cart(cart.id, CartCommand::Abandon)?;
            self.done.abandoned = self.done.abandoned.saturating_add(1);
        }
        Ok(())
    }

    fn ring_up(&mut self, document: &Document) -> Result<Acknowledged, ReplayError> {
        let named = |error| ReplayError::Document { invoice: document.invoice.clone(), error };
        if let Some(id) = self.till.answered(&document.invoice).map_err(named)? {
            return self.repeated(document, id).map_err(named);
        }
        match &document.body {
            Body::Receipt { tender, lines, .. } => self.sell(document, *tender, lines),
            Body::Adjustment { lines } => self.adjust(document, lines),
            Body::Posting { account, description, amount } => {
                let record = Record::AccountPosted(AccountPosting {
                    account: account.clone(),
                    description: description.clone(),
                    amount: *amount,
                    business_date: document.business_date,
                    idempotency_key: Some(document.invoice.clone()),
                    wall_time: self.wall_time(document),
                });
                self.record(document, record, Kind::Posting, Some(*amount))
            }
        }
        .map_err(named)
    }

    /// A document of an earlier run, under the number it got then.
    fn repeated(
        &mut self,
        document: &Document,
        id: RecordId,
    ) -> Result<Acknowledged, CommandError> {
        let kind = kind(document);
        let (receipt, amount) = match &document.body {
            Body::Receipt { .. } => {
                let sale = self
                    .till
                    .node()
                    .query(|replica, storage| replica.transaction(storage, id))?
                    .ok_or(CommandError::KeyUsedOtherwise)?;
                let number = ReceiptNumber::new(sale.register.clone(), sale.receipt_counter, &id);
                (Some(number), Some(sale.total))
            }
            Body::Adjustment { .. } => (None, None),
            Body::Posting { amount, .. } => (None, Some(*amount)),
        };
        let invoice = document.invoice.clone();
        Ok(Acknowledged { invoice, kind, id, receipt, amount, repeated: true })
    }

    fn sell(
        &mut self,
        document: &Document,
        tender: TenderKind,
        lines: &[GoodsLine],
    ) -> Result<Acknowledged, CommandError> {
        self.be_on(document.business_date)?;
        let cart = self.till.open_cart(document.invoice.as_str(), &self.operator)?;
        let mut view = None;
        for line in lines {
            view = self.add_line(cart, line)?.or(view);
        }
        let view = view.ok_or(CommandError::NothingToDo)?;
        let due = self.till.due(&view)?;
        let tenders = match tender {
            _ if due.exact.is_zero() => Vec::new(),
            TenderKind::Cash => vec![Tendered::cash(due.cash)],
            TenderKind::Card => {
                let started = self.till.start_card(cart, &self.register, due.exact)?;
                vec![Tendered::card(due.exact, Some(started))]
            }
        };
        let pay = self.till.micros();
        let paid = self.till.complete(Payment {
            cart,
            register: &self.register,
            operator: &self.operator,
            tenders,
            key: Some(&document.invoice),
            wall_time: Some(self.wall_time(document)),
        })?;
        self.done.measured.add(pay, self.till.answered_micros());
        let Completed { id, number, transaction } = paid.completed.into_inner();
        Ok(Acknowledged {
            invoice: document.invoice.clone(),
            kind: kind(document),
            id,
            receipt: Some(number),
            amount: Some(transaction.total),
            repeated: paid.repeated,
        })
    }

    fn add_line(
        &mut self,
        cart: CartId,
        line: &GoodsLine,
    ) -> Result<Option<pos_core::cart::CartView>, CommandError> {
        let Some(product) = self.plan.products.get(line.product) else { return Ok(None) };
        let command = CartCommand::AddItem {
            item: ItemRef::Sku(product.sku.clone()),
            quantity: line.quantity,
            // Where it is the list price, the cart forgets the reason.
            price: Some(PriceOverride {
                unit_price: line.unit_price,
                reason: PRICE_REASON.to_owned(),
            }),
            direction: line.direction,
            merge: Merge::NewLine,
        };
        self.till.edit_cart(cart, command).map(Some)
    }

    fn adjust(
        &mut self,
        document: &Document,
        lines: &[StockLine],
    ) -> Result<Acknowledged, CommandError> {
        let products = &self.plan.products;
        let line = |line: &StockLine| {
            let product = products.get(line.product)?;
            Some(AdjustmentLine {
                sku: product.sku.clone(),
                kind: product.kind,
                quantity_change: line.quantity_change,
                description: line.description.clone(),
            })
        };
        let record = Record::StockAdjusted(InventoryAdjustment {
            lines: lines.iter().filter_map(line).collect(),
            reason: STOCK_REASON.to_owned(),
            business_date: document.business_date,
            idempotency_key: Some(document.invoice.clone()),
            wall_time: self.wall_time(document),
        });
        self.record(document, record, Kind::Adjustment, None)
    }

    fn record(
        &mut self,
        document: &Document,
        record: Record,
        kind: Kind,
        amount: Option<Money>,
    ) -> Result<Acknowledged, CommandError> {
        let (id, repeated) = match self.till.execute(Command::Record(Box::new(record)))? {
            Outcome::Recorded(id) => (id.into_inner(), false),
            Outcome::Repeated(id) => (id.into_inner(), true),
            other => {
                return Err(CommandError::Stopped(format!(
                    "an answer that does not fit: {other:?}"
                )));
            }
        };
        let invoice = document.invoice.clone();
        Ok(Acknowledged { invoice, kind, id, receipt: None, amount, repeated })
    }

    /// The register sells on `date`: closes the shift of another day with its Z report, opens one.
    fn be_on(&mut self, date: BusinessDate) -> Result<(), CommandError> {
        match self.till.open_shift(&self.register) {
            Some((_, open)) if open == date => return Ok(()),
            Some(_) => drop(self.till.end_shift(&self.register, None, &self.operator)?),
            None => {}
        }
        let float = Money::zero(self.till.settings()?.currency);
        self.till.start_shift(&self.register, date, float, &self.operator)?;
        Ok(())
    }

    /// When the document was made, by the store's clock. An hour that summer time skips or repeats is
    /// taken as clocks there showed it first.
    fn wall_time(&self, document: &Document) -> WallTime {
        let millis = document
            .at
            .to_zoned(self.zone.clone())
            .map_or(0, |zoned| zoned.timestamp().as_millisecond());
        WallTime::from_millis(millis)
    }
}

fn kind(document: &Document) -> Kind {
    match &document.body {
        Body::Receipt { direction: Direction::Sale, .. } => Kind::Sale,
        Body::Receipt { direction: Direction::Return, .. } => Kind::Return,
        Body::Adjustment { .. } => Kind::Adjustment,
        Body::Posting { .. } => Kind::Posting,
    }
}

fn new_product(product: &PlannedProduct) -> (Sku, ProductFields) {
    let fields = ProductFields {
        name: Some(product.name.clone()),
        price: product.list_price.map(Assign::Set),
        kind: Some(product.kind),
        unit: Some(UnitOfMeasure::Each),
        ..ProductFields::default()
    };
    (product.sku.clone(), fields)
}

#[cfg(test)]
mod tests;
