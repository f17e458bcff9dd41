//! What the shell asks for, and what it is answered.

use pos_core::books::BooksError;
use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::cart::{CartCommand, CartError, CartView};
use pos_core::ids::{
    CartId, CustomerId, DeviceId, IdempotencyKey, OperatorId, RecordId, RegisterId,
};
use pos_core::money::Money;
use pos_core::money::MoneyError;
use pos_core::price_book::ProductFields;
use pos_core::product::Sku;
use pos_core::quantity::{Quantity, QuantityError};
use pos_core::record::Record;
use pos_core::refund::RefundError;
use pos_core::report::{ReportError, ZReport};
use pos_core::sale::SaleError;
use pos_core::store::StoreSettings;
use pos_core::tender::Tendered;
use pos_core::text::TextError;
use pos_core::till::CashMovementKind;
use pos_core::transaction::{ReceiptNumber, SaleTransaction, TenderKind};
use thiserror::Error;

use super::codec::CodecError;
use super::device_name::DeviceName;
use super::durable::Durable;
use super::refunds::RefundCommand;
use super::revocation::RosterError;
use super::roster::RosterRecord;
use crate::documents::{
    ApplyError, ApplyFault, CartEditError, CustomerEdit, CustomerEditError, CustomerView,
    StockError,
};
use crate::storage::StorageError;

/// When something is handled: the shell's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds that only go forward, from any start.
    pub monotonic_ms: u64,
    /// The wall clock. Recorded, never decides.
    pub wall: WallTime,
}

/// What a till can be told to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Founds the store this device is the first manager of.
    FoundStore {
        /// Random: makes the store's id.
        nonce: [u8; 16],
        /// The public half of the recovery phrase's key: see [`crate::recovery`]. A founding that
        /// a crash cut in half is carried on under the key it has.
        recovery: DeviceId,
        /// What this device is called.
        name: DeviceName,
        /// Its settings.
        settings: Box<StoreSettings>,
        /// The register this device serves.
        register: RegisterId,
    },
    /// Adds or changes products. Edit numbers are given here.
    EditProducts(Vec<(Sku, ProductFields)>),
    /// Opens a shift of a register; its sales inherit the business date.
    OpenShift {
        /// The register.
        register: RegisterId,
        /// The business date.
        business_date: BusinessDate,
        /// Cash in the drawer.
        float: Money,
        /// Who opens it.
        operator: OperatorId,
    },
    /// Closes the shift of a register with a Z report.
    CloseShift {
        /// The register.
        register: RegisterId,
        /// Cash counted, if it was.
        counted: Option<Money>,
        /// Who closes it.
        operator: OperatorId,
    },
    /// Puts cash in or takes it out of the drawer.
    MoveCash {
        /// The register.
        register: RegisterId,
        /// In or out, and what for.
        kind: CashMovementKind,
        /// How much; zero for an opening without a sale.
        amount: Money,
        /// Why.
        reason: String,
        /// Who.
        operator: OperatorId,
    },
    /// Opens a cart.
    OpenCart {
        /// A table, a name; may be empty.
        label: String,
        /// Who opens it.
        operator: OperatorId,
    },
    /// Changes a cart.
    EditCart {
        /// The cart.
        cart: CartId,
        /// The change.
        command: CartCommand,
    },
    /// Says that a card is about to be charged: durable before the reader is called.
    StartPayment {
        /// The cart.
        cart: CartId,
        /// The register.
        register: RegisterId,
        /// Cash needs no start; a card does.
        kind: TenderKind,
        /// How much.
        amount: Money,
    },
    /// Pays a cart: the sale.
    CompleteCart {
        /// The cart.
        cart: CartId,
        /// The register.
        register: RegisterId,
        /// Who takes the money.
        operator: OperatorId,
        /// The tenders, in the order they were handed over.
        tenders: Vec<Tendered>,
        /// The command's own name, if it may be sent again.
        idempotency_key: Option<IdempotencyKey>,
        /// When the sale took place, if not now (a replay).
        wall_time: Option<WallTime>,
    },
    /// Adds a customer, with the fields that are known.
    CreateCustomer(Vec<CustomerEdit>),
    /// Changes fields of a customer; those another till changes at the same time stay.
    EditCustomer {
        /// The customer.
        customer: CustomerId,
        /// What is changed.
        edits: Vec<CustomerEdit>,
    },
    /// Pays back goods by the receipt they were bought with.
    Refund(Box<RefundCommand>),
    /// Adds or revokes a device. Only a manager's device may; another's is refused here, and kept
    /// aside everywhere if it is written all the same. About a manager it is one voice of two: see
    /// [`super::Roster::pending`]. [`super::Replica::revocation`] makes the record of a revocation.
    ChangeRoster(RosterRecord),
    /// Writes any other fact: a stock adjustment, an account posting.
    Record(Box<Record>),
}

/// A completed transaction with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Its id.
    pub id: RecordId,
    /// As printed.
    pub number: ReceiptNumber,
    /// The transaction.
    pub transaction: SaleTransaction,
}

/// What a command did.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A fact is on disk.
    Recorded(Durable<RecordId>),
    /// A cart is open.
    CartOpened(CartId),
    /// The cart as it is now. On the own screen at once; durable a moment later.
    CartEdited(Box<CartView>),
    /// The customer as it is now, on disk.
    CustomerSaved(Box<Durable<CustomerView>>),
    /// The sale or return is on disk: paid.
    Completed(Box<Durable<Completed>>),
    /// The command had been answered before with this record; nothing was done again.
    Repeated(Durable<RecordId>),
    /// The same, for a sale: under the number it got then.
    RepeatedSale(Box<Durable<Completed>>),
    /// The shift is closed.
    ShiftClosed(Box<Durable<ZReport>>),
}

/// Why a document could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// The edit does not fit the cart.
    #[error("the cart could not be changed: {0}")]
    Cart(#[from] CartEditError),
    /// A stored change could not be applied.
    #[error("a change of the document could not be applied: {0}")]
    Stored(#[from] ApplyError),
    /// This device failed to apply it.
    #[error(transparent)]
    Fault(#[from] ApplyFault),
    /// The published counters could not be written.
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// Why a command did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// There is no store in this folder yet.
    #[error("this till belongs to no store yet: run `tillmesh init` first")]
    NoStore,
    /// The device was never let into the store, or was shut out: what it writes would not count.
    #[error("this till is not part of the store (any more): a manager has to add it")]
    NotAMember,
    /// Only a manager's device may.
    #[error("only a manager's device may do this")]
    ManagerOnly,
    /// The roster says no.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// More products than one command edits.
    #[error("{found} products in one command, at most {limit}: send them in parts")]
    TooManyProducts {
        /// How many it names.
        found: usize,
        /// How many it may.
        limit: usize,
    },
    /// There is one already.
    #[error("this till already belongs to a store")]
    AlreadyFounded,
    /// The register has no open shift.
    #[error("register {0} has no open shift: open one first")]
    NoOpenShift(RegisterId),
    /// The register's shift is open already.
    #[error("register {0} already has an open shift: close it first")]
    ShiftAlreadyOpen(RegisterId),
    /// Another device serves the register.
    #[error("register {0} is not served by this till")]
    NotMyRegister(RegisterId),
    /// No such cart, or its lines are gone.
    #[error("there is no cart {0}")]
    UnknownCart(CartId),
    /// The cart was paid: it never opens again.
    #[error("cart {cart} was already paid")]
    CartClosed {
        /// The cart.
        cart: CartId,
        /// The transaction that paid it.
        by: RecordId,
    },
    /// A remainder is not put aside: it waits by itself.
    #[error("these lines were added while their cart was paid: pay them, or give them up")]
    RemainderStays,
    /// What was paid of the cart is not known in full yet.
    #[error(
        "the till that was paid for this cart has not sent all of it yet: these lines may be paid \
         already. Wait until it is connected, or give them up and ring them up anew"
    )]
    RemainderWaits,
    /// What this till has changed before in the cart or customer cannot be read at the moment.
    #[error(
        "a part of this cannot be read on this till at the moment: wait until it was fetched from \
         another till, or go on there"
    )]
    ChangesMissing,
    /// There is no such customer here.
    #[error("there is no customer {0} on this till")]
    UnknownCustomer(CustomerId),
    /// A field of a customer cannot be kept.
    #[error(transparent)]
    Customer(#[from] CustomerEditError),
    /// A text cannot be kept.
    #[error(transparent)]
    Text(#[from] TextError),
    /// No such transaction here.
    #[error("there is no transaction {0} on this till")]
    UnknownTransaction(RecordId),
    /// The rules of a refund refuse.
    #[error(transparent)]
    Refund(#[from] RefundError),
    /// The rules of the cart refuse.
    #[error(transparent)]
    Cart(#[from] CartError),
    /// The rules of the sale refuse.
    #[error(transparent)]
    Sale(#[from] SaleError),
    /// The record is refused by the books.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The idempotency key was used by a command of another sort.
    #[error("this command's key was already used for something else: use a new one")]
    KeyUsedOtherwise,
    /// The command is empty.
    #[error("there is nothing to do")]
    NothingToDo,
    /// The figures of a report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A sum that does not hold.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The store does not sell what its books say is not there.
    #[error("{sku} is out of stock (on hand: {on_hand}), and this store does not oversell it")]
    OutOfStock {
        /// The product.
        sku: Sku,
        /// What the books say.
        on_hand: Quantity,
    },
    /// A quantity that does not hold.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// No room for anything new.
    #[error(
        "the disk of this till is almost full: open sales can be finished, new ones cannot be \
         started. Free some space and go on"
    )]
    DiskFull,
    /// A disk error stopped all writing.
    #[error("this till has stopped writing after a disk error ({0}): restart it")]
    Stopped(String),
    /// The index is being rebuilt, and the answer depends on all of it.
    #[error(
        "this till is rebuilding its index ({done} of {total} entries read): try again shortly"
    )]
    Rebuilding {
        /// Frames read.
        done: u64,
        /// Frames to read.
        total: u64,
    },
    /// Too many commands wait for the disk.
    #[error("the disk is too slow: {0} commands wait for it")]
    TooManyWaiting(usize),
    /// A document could not be changed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A text or a count of the record is beyond its bounds.
    #[error("this cannot be recorded: {0}")]
    Unrecordable(#[from] pos_core::record::DecodeError),
    /// The entry would be over a limit.
    #[error("the transaction is too large: {0}")]
    TooLarge(#[from] CodecError),
    /// The disk failed under a read.
    #[error(transparent)]
    Disk(#[from] StorageError),
}
