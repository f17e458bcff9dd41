//! What a screen shows: values, ready to be drawn. No words for people are in here (but what people
//! typed, and what a device says of itself): the window has them, in each language.

use std::sync::Arc;

use devices::printer::Element;
use pos_core::gtin::Gtin;
use pos_core::ids::{CartId, CustomerId, DeviceId, LineId, RecordId};
use pos_core::money::{Currency, Money};
use pos_core::product::{Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::report::{XReport, ZReport};
use pos_core::tax::{PriceTax, TaxSummaryRow};
use pos_core::tender::Due;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;

use super::intent::{RefundReason, StartSource};
use super::notice::Posted;

/// All a window draws, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Goes up whenever anything in here has changed.
    pub revision: u64,
    /// How far the program is.
    pub stage: Stage,
    /// What people have to know and may put away: the oldest first. They cover nothing and eat no
    /// scan.
    pub notices: Vec<Posted>,
}

/// How far the program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The folder is opened.
    Opening,
    /// There is no store in the folder yet.
    FirstStart(FirstStart),
    /// The twelve words, shown this once.
    RecoveryPhrase(Vec<String>),
    /// The till sells.
    Selling(Box<Desk>),
    /// The folder cannot be used; in the words of the error, which say what to do.
    Failed(String),
}

/// The three questions, and what comes of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstStart {
    /// The step that is on the screen.
    pub step: FirstStep,
    /// The store's name as it was typed.
    pub name: String,
    /// The country's code, `DE`; see [`crate::countries`].
    pub country: Option<&'static str>,
    /// Where the products come from.
    pub source: Option<StartSource>,
}

/// The steps of a first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstStep {
    /// The questions.
    Questions,
    /// The manager's till is looked for.
    Connecting,
    /// Both tills show four words; here a person says whether they are the same. `asked_here` is
    /// false where the code was read by a camera and the manager's till asks.
    Words {
        /// The words.
        words: [&'static str; 4],
        /// Whether the person here is asked.
        asked_here: bool,
    },
    /// The store is fetched from the other tills: entries that are here, and how many there are.
    Fetching {
        /// Entries fetched.
        done: u64,
        /// Entries to fetch; zero when nobody has said yet.
        total: u64,
    },
    /// The products of a file are read.
    Importing {
        /// Rows read.
        rows: u64,
    },
}

/// The till at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// The store and this till's place in it.
    pub place: Place,
    /// The open shift; `None` before the first sale of the day, which opens it.
    pub shift: Option<ShiftView>,
    /// The cart on the screen; there always is one to add to, though it may have no lines yet.
    pub cart: CartScreen,
    /// What covers the sale.
    pub screen: Screen,
    /// Carts that wait, of all tills of the store: suspended ones, those open elsewhere, and what
    /// was added to a cart while another till was paid for it.
    pub waiting: Vec<WaitingCart>,
    /// Customers that were found.
    pub customers: Vec<CustomerRow>,
    /// Products there are to sell.
    pub catalogue: Arc<CatalogueView>,
    /// Where the last sale is stored, and who is there.
    pub safety: Safety,
    /// The printer and its queue.
    pub printer: PrinterView,
    /// Whether a card reader is set up.
    pub has_reader: bool,
    /// The last sale or refund of this till since it was started.
    pub last: Option<LastSale>,
}

/// The store and this till's place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name over the door.
    pub store: String,
    /// This till's name.
    pub till: String,
    /// The register it serves; `None` while no manager has given it one: it cannot sell then.
    pub register: Option<String>,
    /// Who serves.
    pub operator: String,
    /// The store's currency.
    pub currency: Currency,
    /// Whether prices include tax.
    pub prices: PriceTax,
    /// Whether this till may let others in.
    pub is_manager: bool,
}

/// An open shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftView {
    /// `2026-11-23`.
    pub business_date: String,
}

/// A product as the search knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// The shop's code.
    pub sku: Sku,
    /// Name.
    pub name: String,
    /// Price of a unit; `None`: the cashier enters one.
    pub price: Option<UnitPrice>,
    /// What the price is for.
    pub unit: UnitOfMeasure,
    /// Bar codes.
    pub gtins: Vec<Gtin>,
    /// Tax category: the only grouping that products have.
    pub tax_category: String,
}

/// The products, in the order of their codes; those that are not sold any more are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogueView {
    /// Goes up when they have changed: an index is built anew then.
    pub revision: u64,
    /// The products.
    pub items: Vec<CatalogueItem>,
}

/// A cart as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartScreen {
    /// Its id; `None` until something is in it.
    pub id: Option<CartId>,
    /// What it is called; may be empty.
    pub label: String,
    /// The customer.
    pub customer: Option<CustomerRow>,
    /// What is in it, in the order of adding.
    pub lines: Vec<LineView>,
    /// The line that was added or changed last: shown as selected.
    pub selected: Option<LineId>,
    /// Counts additions: a screen flashes the selected line when this goes up.
    pub additions: u64,
    /// What all of it comes to, tax included.
    pub total: Money,
    /// The tax in it.
    pub tax: Money,
    /// Tax by rate.
    pub tax_rows: Vec<TaxSummaryRow>,
    /// All discounts; below zero or zero.
    pub discount: Money,
    /// Who else has this cart on the screen.
    pub others: Vec<PersonHere>,
    /// It is what was left of a cart that another till was paid for, on this receipt.
    pub remainder_of: Option<String>,
}

/// Somebody at another till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonHere {
    /// The till's name.
    pub till: String,
    /// Who serves there; may be empty.
    pub says: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Its id.
    pub id: LineId,
    /// The shop's code.
    pub sku: Sku,
    /// Name.
    pub name: String,
    /// How much; below zero when it comes back.
    pub quantity: Quantity,
    /// What the quantity counts.
    pub unit: UnitOfMeasure,
    /// Price of one.
    pub unit_price: UnitPrice,
    /// Why it is not the price book's.
    pub override_reason: Option<String>,
    /// Discount on the line; below zero or zero.
    pub discount: Money,
    /// What the line comes to: with tax where prices include it, else without.
    pub amount: Money,
}

/// A cart that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCart {
    /// Its id.
    pub id: CartId,
    /// What it is called; may be empty.
    pub label: String,
    /// Who opened it.
    pub operator: String,
    /// Its lines.
    pub lines: usize,
    /// The first products in it.
    pub contents: Vec<String>,
    /// What it comes to.
    pub total: Money,
    /// Why it waits.
    pub state: WaitingState,
    /// Tills that have it on the screen now.
    pub open_on: Vec<PersonHere>,
}

/// Why a cart waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingState {
    /// Put aside.
    Suspended,
    /// Open, here or on another till, and not put aside.
    Open,
    /// Put aside here while nobody knows whether its customer was charged by card: retrieve it to
    /// ask the reader.
    CardUnknown,
    /// What was added while the cart was paid on this receipt.
    Remainder {
        /// The receipt, where it is here.
        receipt: Option<String>,
        /// What was paid is not known in full: it cannot be paid yet.
        waits: bool,
    },
}

/// A customer in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// The id.
    pub id: CustomerId,
    /// Name; may be empty.
    pub name: String,
    /// Phone; may be empty.
    pub phone: String,
    /// Email; may be empty.
    pub email: String,
    /// Loyalty card; may be empty.
    pub loyalty: String,
}

/// What covers the sale, if anything does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// Nothing: the sale.
    Sale,
    /// The cart is being paid.
    Pay(PayScreen),
    /// It is paid; goes away with the next scan.
    Paid(PaidScreen),
    /// Goods come back.
    Refund(RefundScreen),
    /// The X report of the open shift; `None` when no shift is open.
    X(Option<Box<XReport>>),
    /// The Z report that closed the shift.
    Z(Box<ZReport>),
    /// A new till is let in.
    LetIn(LetInScreen),
}

/// The cart is being paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayScreen {
    /// What it comes to.
    pub total: Money,
    /// What is left to pay: by card exactly, in cash rounded to coins.
    pub due: Due,
    /// What was taken already.
    pub taken: Vec<TakenView>,
    /// Amounts customers are likely to hand over: the first is the exact one.
    pub quick_cash: Vec<Money>,
    /// The card payment that is under way, or ended last.
    pub card: CardState,
    /// Whether another tender may be taken: not while the reader works or nobody knows whether it
    /// has charged.
    pub may_tender: bool,
}

/// A part of the bill that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenView {
    /// Cash or card.
    pub kind: TenderKind,
    /// How much.
    pub amount: Money,
    /// Approval code of the card payment.
    pub reference: Option<String>,
    /// Whether it can be taken back here: cash can be handed back, a charged card cannot.
    pub removable: bool,
}

/// How a card payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardState {
    /// None was asked for.
    Idle,
    /// The reader works; what it shows the customer, in its own words.
    Asking {
        /// How much.
        amount: Money,
        /// What it says; empty until it says something.
        says: String,
    },
    /// Not charged, and never will be.
    Declined {
        /// How much it was about.
        amount: Money,
        /// In the reader's words; `cancelled` when it was given up here.
        why: String,
    },
    /// The reader could not be asked: nothing was charged.
    Unreachable {
        /// How much it was about.
        amount: Money,
        /// In the words of the error.
        why: String,
    },
    /// Nobody knows whether the customer was charged. No other tender is taken until it is known.
    Unknown {
        /// How much it is about.
        amount: Money,
        /// The reader is being asked.
        asking: bool,
        /// What the last attempt to find out said; empty before one.
        why: String,
        /// The till was stopped in between.
        from_before: bool,
    },
}

/// A sale that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidScreen {
    /// What it was.
    pub sale: LastSale,
    /// What was handed over in cash.
    pub given: Money,
    /// What goes back to the customer.
    pub change: Money,
    /// The receipt as the printer lays it out.
    pub receipt: Arc<ReceiptView>,
}

/// A receipt to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptView {
    /// Columns it is laid out for.
    pub columns: usize,
    /// From top to bottom.
    pub elements: Vec<Element>,
    /// The same as plain text.
    pub text: String,
}

/// The last sale or refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSale {
    /// Its record.
    pub id: RecordId,
    /// The receipt's number.
    pub receipt: String,
    /// What it came to, cash rounding included; below zero: paid out.
    pub total: Money,
    /// On how many devices it is stored now, this one included. It may go down again.
    pub stored_on: usize,
    /// It may have been printed: somebody has to look.
    pub paper: PaperState,
}

/// How far a paper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperState {
    /// No printer is set up.
    NoPrinter,
    /// In line.
    Waiting,
    /// Being printed.
    Printing,
    /// On paper.
    Printed,
    /// It may be on paper.
    Unsure,
}

/// Goods come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundScreen {
    /// The receipt's number as it was typed or scanned.
    pub typed: String,
    /// What was sold on it; `None` until it is found.
    pub receipt: Option<RefundReceipt>,
    /// Why the goods come back; must be chosen.
    pub reason: Option<RefundReason>,
    /// Whether they go back on the shelf.
    pub restock: bool,
    /// What is to be paid out for what is chosen: below zero, exact and in coins.
    pub due: Due,
    /// A payment back to the card that is under way, or ended last.
    pub card: CardState,
}

/// The receipt that goods come back on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReceipt {
    /// Its record.
    pub id: RecordId,
    /// Its number.
    pub number: String,
    /// Its business date.
    pub business_date: String,
    /// What was paid.
    pub total: Money,
    /// Whether a part of it was paid by card.
    pub paid_by_card: bool,
    /// Its lines.
    pub lines: Vec<RefundLineView>,
}

/// A line of a receipt that goods come back on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLineView {
    /// The line.
    pub line: LineId,
    /// The shop's code.
    pub sku: Sku,
    /// Name.
    pub name: String,
    /// What was sold.
    pub sold: Quantity,
    /// What has not come back yet.
    pub left: Quantity,
    /// What comes back now.
    pub chosen: Quantity,
    /// What was paid for the line: with tax where prices include it.
    pub amount: Money,
}

/// A new till is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetInScreen {
    /// The code to type on the new device.
    pub code: String,
    /// What a camera reads, for a QR code.
    pub invitation: String,
    /// Where this till is, to type as well.
    pub addresses: Vec<String>,
    /// The new device's name and the four words, once it is there.
    pub words: Option<(String, [&'static str; 4])>,
    /// Its name, once it is in.
    pub added: Option<String>,
    /// Why nobody came in, in the words of the error.
    pub failed: Option<String>,
}

/// Where things are stored, and who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Safety {
    /// On how many devices the last lasting entry of this till is stored, this one included.
    pub stored_on: usize,
    /// Other devices of the store that are not shut out.
    pub members: usize,
    /// Those that are connected now.
    pub peers: Vec<PeerView>,
    /// Entries fetched and to fetch, while this till catches up.
    pub catching_up: Option<(u64, u64)>,
    /// For how long no other till has been connected, in seconds; `None` while one is, or where
    /// there is none.
    pub offline_secs: Option<u64>,
    /// Sales of this till that no other device has.
    pub only_here: u64,
    /// What keeps tills from finding each other, in the words of the diagnosis.
    pub diagnosis: Vec<String>,
    /// Entries read and to read, while the index is rebuilt.
    pub rebuilding: Option<(u64, u64)>,
    /// Why nothing can be written any more: the till must be started again.
    pub stopped: Option<String>,
}

/// Another device of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Its key.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Where.
    pub address: String,
    /// Entries it holds that are not here.
    pub ahead: u64,
    /// Bytes on the way to it.
    pub in_flight: usize,
    /// Seconds since it was last connected; zero while it is, `None` when it was not since the start.
    pub last_seen_secs: Option<u64>,
}

/// The printer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrinterView {
    /// What it is known by; `None` without one.
    pub name: Option<String>,
    /// Papers that wait or are printed.
    pub waiting: usize,
    /// Papers that may be on paper and about which somebody has to decide: number and title.
    pub unsure: Vec<(u64, String)>,
    /// What is wrong with it.
    pub trouble: Option<PrinterTrouble>,
}

/// What is wrong with a printer. Sales go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrinterTrouble {
    /// No paper.
    PaperOut,
    /// The cover is open.
    CoverOpen,
    /// The cutter is stuck.
    Jammed,
    /// It is paused.
    Offline,
    /// It needs service.
    Broken,
    /// The paper ends soon.
    PaperLow,
    /// It cannot be reached; in the words of the error.
    Unreachable(String),
    /// It does not answer.
    Silent,
    /// This device's disk has no room for papers; in the words of the error.
    Disk(String),
}
