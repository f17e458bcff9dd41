//! The script: 200 documents of one till, and how a cashier plays them. Nothing in it is random.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::{CartCommand, Direction, ItemRef, Merge};
use pos_core::ids::{CartId, IdempotencyKey, LineId, OperatorId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::price_book::{Assign, EditNumber, ProductFields};
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::rounding::Rounding;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget};
use pos_core::tender::Tendered;
use pos_core::till::CashMovementKind;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;
use replica::core::{Command, CommandError, DeviceName, Moment, Outcome, RefundCommand};
use replica::node::Node;
use replica::recovery::RecoveryPhrase;
use replica::storage::Storage;

use super::model::{Model, Receipt, observed};
use super::{Broken, broken, ensure};

/// Documents of the script.
pub const DOCUMENTS: usize = 200;
/// Products `S0`, `S1`, …
pub const SKUS: usize = 5;
/// What one of each costs, in minor units.
pub const PRICES: [i64; SKUS] = [255, 339, 100, 1_999, 50];
/// Time between two documents: longer than anything the till does in the background.
const DOCUMENT_MS: u64 = 1_500;
/// Wall clock at the beginning.
const BEGIN_MS: i64 = 1_291_190_000_000;

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// The store is founded.
    Found,
    /// Products are imported.
    Import,
    /// A shift is opened.
    OpenShift {
        /// Day of the month.
        day: i8,
    },
    /// It is closed, with its Z report.
    CloseShift,
    /// A sale: products and units.
    Sale {
        /// Products by number, and units.
        lines: Vec<(usize, i64)>,
        /// Paid by card, or in cash.
        card: bool,
        /// A line is added and taken off again, and the cart is put aside for a while.
        detours: bool,
    },
    /// Everything of an earlier sale comes back.
    Return {
        /// Which document that was.
        of: usize,
    },
    /// Stock comes in.
    Adjust {
        /// The product.
        sku: usize,
        /// How much.
        units: i64,
    },
    /// Money is carried to the safe.
    Pickup {
        /// How much, in minor units.
        amount: i64,
    },
}

/// The first `count` documents of the script.
pub fn documents(count: usize) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    let mut shifts = 0;
    let mut refunded = 0;
    for n in 0..count {
        let open = all.last() == Some(&Document::CloseShift) || n == 2;
        let unreturned = all
            .iter()
            .enumerate()
            .find(|(at, one)| *at > refunded && matches!(one, Document::Sale { .. }))
            .map(|(at, _)| at);
        let document = match (n, unreturned) {
            (0, _) => Document::Found,
            (1, _) => Document::Import,
            _ if open => {
                shifts += 1;
                Document::OpenShift { day: shifts }
            }
            _ if n % 40 == 39 => Document::CloseShift,
            (_, Some(of)) if n % 11 == 6 => {
                refunded = of;
                Document::Return { of }
            }
            _ if n % 9 == 4 => Document::Adjust { sku: n % SKUS, units: 24 },
            _ if n % 13 == 8 => Document::Pickup { amount: 1_000 },
            _ => Document::Sale {
                lines: (0..=n % 3)
                    .map(|line| ((n + 2 * line) % SKUS, 1 + i64::from(line == 1)))
                    .collect(),
                card: n % 3 == 0,
                detours: n % 5 == 0,
            },
        };
        all.push(document);
    }
    all
}

/// Why the script did not go on.
#[derive(Debug)]
pub enum Stop {
    /// The till refused: what the loops are about.
    Refused(CommandError),
    /// The till answered what it may not answer.
    Broken(Broken),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Refused(error)
    }
}

impl From<Broken> for Stop {
    fn from(error: Broken) -> Self {
        Self::Broken(error)
    }
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(error) => broken(error),
            Stop::Broken(broken) => broken,
        }
    }
}

/// When the `step`-th thing of a document happens.
pub fn moment(document: usize, step: u64) -> Moment {
    let ms = DOCUMENT_MS * document as u64 + step;
    let wall = WallTime::from_millis(BEGIN_MS.saturating_add_unsigned(ms));
    Moment { monotonic_ms: ms, wall }
}

/// The register of the script.
///
/// # Errors
/// None: the name is a good one.
pub fn register() -> Result<RegisterId, Broken> {
    RegisterId::new("R1").map_err(broken)
}

/// The key a document is sent under, again and again until it is answered.
///
/// # Errors
/// None: the name is a good one.
pub fn key(document: usize) -> Result<IdempotencyKey, Broken> {
    IdempotencyKey::new(format!("document-{document}")).map_err(broken)
}

const fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

fn operator() -> Result<OperatorId, Broken> {
    OperatorId::new("ada").map_err(broken)
}

fn sku(number: usize) -> Result<Sku, Broken> {
    Sku::new(&format!("S{number}")).map_err(broken)
}

fn settings() -> Result<StoreSettings, Broken> {
    let id = TaxRateId::new("standard").map_err(broken)?;
    let percent = "20".parse().map_err(broken)?;
    let rate = TaxRate { id, name: "VAT".to_owned(), percent, target: TaxTarget::Tax };
    let table = BTreeMap::from([("standard".to_owned(), vec![rate])]);
    Ok(StoreSettings {
        edit: EditNumber(1),
        name: "Corner shop".to_owned(),
        currency: Currency::GBP,
        time_zone: TimeZoneName::new("Europe/London").map_err(broken)?,
        tax_profile: TaxProfile {
            prices: PriceTax::Inclusive,
            scope: TaxScope::Line,
            rounding: Rounding::HalfUp,
        },
        tax_table: TaxTable::new(table).map_err(broken)?,
        cash_rounding: None,
        oversell: OversellPolicy::Allow,
        merge_repeat_scans: false,
        receipt_header: Vec::new(),
        receipt_footer: Vec::new(),
    })
}

/// A cashier at a till, with the script on paper and a pen to tick off what was answered.
#[derive(Debug)]
pub struct Cashier<'a> {
    documents: &'a [Document],
    model: &'a Model,
}

impl<'a> Cashier<'a> {
    /// With this script, and what it must come to.
    pub const fn new(documents: &'a [Document], model: &'a Model) -> Self {
        Self { documents, model }
    }

    /// Plays one document until it is answered, as often as it was begun before.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn play<S: Storage>(&self, till: &mut Node<S>, number: usize) -> Result<(), Stop> {
        let Some(document) = self.documents.get(number) else { return Ok(()) };
        let answered = match document {
            Document::Sale { lines, card, detours } => ring_up(till, number, lines, *detours)
                .and_then(|cart| self.pay(till, number, cart, *card))
                .map(Some),
            Document::Return { of } => refund(till, number, *of).map(Some),
            other => self.other(till, number, other).map(|()| None),
        };
        let told = match answered {
            // What is done cannot be done again: it was answered before, or is known to be done.
            Err(Stop::Refused(
                CommandError::AlreadyFounded | CommandError::ShiftAlreadyOpen(_),
            )) => None,
            Err(Stop::Refused(CommandError::NoOpenShift(_)))
                if *document == Document::CloseShift =>
            {
                None
            }
            other => other?,
        };
        let expected = self.model.receipt(number);
        ensure(told == expected, || format!("answered with {told:?}, must be {expected:?}"))?;
        Ok(())
    }

    /// The pause behind a document: what the till does by itself.
    pub fn pause<S: Storage>(till: &mut Node<S>, number: usize) {
        till.tick(moment(number, 1_200));
    }

    fn other<S: Storage>(
        &self,
        till: &mut Node<S>,
        number: usize,
        document: &Document,
    ) -> Result<(), Stop> {
        let (register, operator) = (register()?, operator()?);
        let command = match document {
            Document::Found => Command::FoundStore {
                nonce: [9; 16],
                recovery: RecoveryPhrase::from_entropy([0x7f; 16]).device(),
                name: DeviceName::new("Till 1").map_err(broken)?,
                settings: Box::new(settings()?),
                register,
            },
            Document::Import => Command::EditProducts(products()?),
            Document::OpenShift { day } => Command::OpenShift {
                register,
                business_date: BusinessDate::new(2010, 12, *day).map_err(broken)?,
                float: gbp(5_000),
                operator,
            },
            Document::CloseShift => Command::CloseShift { register, counted: None, operator },
            Document::Adjust { sku, units } => {
                Command::Record(Box::new(adjustment(number, *sku, *units)?))
            }
            Document::Pickup { amount } => {
                // This command has no name to be sent again under: the cashier looks first.
                if observed(till.replica(), &register)? == *self.model.after(number + 1) {
                    return Ok(());
                }
                let (kind, reason) = (CashMovementKind::Pickup, "to the safe".to_owned());
                Command::MoveCash { register, kind, amount: gbp(*amount), reason, operator }
            }
            Document::Sale { .. } | Document::Return { .. } => return Ok(()),
        };
        till.execute(moment(number, 0), command)?;
        Ok(())
    }

    fn pay<S: Storage>(
        &self,
        till: &mut Node<S>,
        number: usize,
        cart: CartId,
        card: bool,
    ) -> Result<Receipt, Stop> {
        let (register, operator) = (register()?, operator()?);
        let total = self.model.receipt(number).map_or(0, |receipt| receipt.total);
        let tender = if card {
            let (kind, amount) = (TenderKind::Card, gbp(total));
            let start = Command::StartPayment { cart, register: register.clone(), kind, amount };
            match till.execute(moment(number, 60), start)? {
                Outcome::Recorded(id) => Tendered::card(amount, Some(*id.get())),
                other => return Err(unexpected(&other).into()),
            }
        } else {
            Tendered::cash(gbp(total + 41))
        };
        let complete = Command::CompleteCart {
            cart,
            register,
            operator,
            tenders: vec![tender],
            idempotency_key: Some(key(number)?),
            wall_time: None,
        };
        receipt(&till.execute(moment(number, 70), complete)?).map_err(Stop::from)
    }
}

/// Fills a cart.
fn ring_up<S: Storage>(
    till: &mut Node<S>,
    number: usize,
    lines: &[(usize, i64)],
    detours: bool,
) -> Result<CartId, Stop> {
    let open = Command::OpenCart { label: String::new(), operator: operator()? };
    let cart = match till.execute(moment(number, 0), open)? {
        Outcome::CartOpened(cart) => cart,
        other => return Err(unexpected(&other).into()),
    };
    let mut wanted = BTreeSet::new();
    for &(product, units) in lines {
        wanted = edit(till, moment(number, 1), cart, add(product, units)?)?;
        // Every other cart is rung up by hand: its items are flushed between two of them.
        if number.is_multiple_of(2) {
            till.tick(moment(number, 25));
        }
    }
    if detours {
        let all = edit(till, moment(number, 2), cart, add(0, 7)?)?;
        for &line in all.difference(&wanted) {
            edit(till, moment(number, 2), cart, CartCommand::VoidLine { line })?;
        }
        edit(till, moment(number, 3), cart, CartCommand::Suspend)?;
        till.tick(moment(number, 40));
        edit(till, moment(number, 50), cart, CartCommand::Retrieve)?;
    }
    Ok(cart)
}

/// Pays back all of an earlier sale.
fn refund<S: Storage>(till: &mut Node<S>, number: usize, of: usize) -> Result<Receipt, Stop> {
    let (first, own) = (key(of)?, key(number)?);
    let original = till.query(|replica, disk| replica.answered(disk, &first))?;
    let original = original.ok_or_else(|| Broken(format!("document {of} is lost")))?;
    // Asked again after an answer nobody heard, nothing is left to pay back: the key decides.
    if let Some(id) = till.query(|replica, disk| replica.answered(disk, &own))? {
        let sale = till.query(|replica, disk| replica.transaction(disk, id));
        let sale = sale.map_err(broken)?.ok_or_else(|| Broken("a return is lost".to_owned()))?;
        return Ok(Receipt { counter: sale.receipt_counter, total: sale.total.minor() });
    }
    let lines = till.query(|replica, disk| replica.refundable(disk, original))?;
    let quote = till.query(|replica, disk| replica.quote_refund(disk, original, &lines))?;
    let refund = RefundCommand {
        original,
        lines,
        register: register()?,
        operator: operator()?,
        reason: String::new(),
        tenders: vec![Tendered::cash(quote.total)],
        idempotency_key: Some(own),
        wall_time: None,
    };
    let refund = Command::Refund(Box::new(refund));
    receipt(&till.execute(moment(number, 10), refund)?).map_err(Stop::from)
}

fn unexpected(outcome: &Outcome) -> Broken {
    Broken(format!("answered with {outcome:?}"))
}

/// The number and the sum of a receipt.
fn receipt(outcome: &Outcome) -> Result<Receipt, Broken> {
    let (Outcome::Completed(sale) | Outcome::RepeatedSale(sale)) = outcome else {
        return Err(unexpected(outcome));
    };
    let sale = sale.get();
    Ok(Receipt { counter: sale.number.counter(), total: sale.transaction.total.minor() })
}

/// Changes a cart; gives the ids of its lines.
fn edit<S: Storage>(
    till: &mut Node<S>,
    at: Moment,
    cart: CartId,
    command: CartCommand,
) -> Result<BTreeSet<LineId>, Stop> {
    match till.execute(at, Command::EditCart { cart, command })? {
        Outcome::CartEdited(view) => Ok(view.lines.iter().map(|line| line.id).collect()),
        other => Err(unexpected(&other).into()),
    }
}

fn add(product: usize, units: i64) -> Result<CartCommand, Broken> {
    Ok(CartCommand::AddItem {
        item: ItemRef::Sku(sku(product)?),
        quantity: Quantity::from_units(units).map_err(broken)?,
        price: None,
        direction: Direction::Sale,
        merge: Merge::NewLine,
    })
}

fn products() -> Result<Vec<(Sku, ProductFields)>, Broken> {
    let mut products = Vec::new();
    for (number, price) in PRICES.iter().enumerate() {
        let price = format!("{}.{:02}", price / 100, price % 100);
        let fields = ProductFields {
            name: Some(format!("Product {number}")),
            price: Some(Assign::Set(UnitPrice::parse(&price, Currency::GBP).map_err(broken)?)),
            tax_category: Some("standard".to_owned()),
            kind: Some(ProductKind::Stocked),
            ..ProductFields::default()
        };
        products.push((sku(number)?, fields));
    }
    Ok(products)
}

fn adjustment(number: usize, product: usize, units: i64) -> Result<Record, Broken> {
    Ok(Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: sku(product)?,
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(units).map_err(broken)?,
            description: String::new(),
        }],
        reason: "delivery".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1).map_err(broken)?,
        idempotency_key: Some(key(number)?),
        wall_time: moment(number, 0).wall,
    }))
}
