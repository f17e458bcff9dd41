//! What people have to know, as values: the window has the words.

use pos_core::money::Money;
use pos_core::product::Sku;
use pos_core::quantity::Quantity;

/// A notice with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its number: [`super::Intent::Dismiss`] names it.
    pub number: u64,
    /// What it says.
    pub notice: Notice,
}

/// How a notice sounds and looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Good to know.
    Remark,
    /// Somebody should do something.
    Attention,
    /// What was asked for was not done.
    Refused,
}

/// Something to know. What holds text holds it in the words of the error, which name the thing and
/// the remedy in English; the window may say it better where the variant says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Nothing has this code. The scan is lost, those after it are not.
    UnknownCode {
        /// As it was read.
        code: String,
    },
    /// The product has no price: enter one ([`super::Intent::AddAtPrice`]).
    NeedsPrice {
        /// The product.
        sku: Sku,
        /// Its name.
        name: String,
        /// How much was to be added.
        quantity: Quantity,
    },
    /// It is not sold any more.
    NotSold {
        /// Its name.
        name: String,
    },
    /// A fraction of what is sold by the piece.
    NotWhole {
        /// The quantity.
        quantity: Quantity,
    },
    /// There is no more of it, and this store does not oversell.
    OutOfStock {
        /// The product.
        sku: Sku,
        /// What there is.
        on_hand: Quantity,
    },
    /// The discount is more than it is taken off.
    DiscountTooHigh,
    /// The discount cannot be given to the minor unit on these lines; the nearest that can.
    DiscountInexact {
        /// What can be given.
        nearest: Money,
    },
    /// The cart is empty: there is nothing to pay or to put aside.
    EmptyCart,
    /// A card payment is under way: wait for it, or cancel it.
    CardUnderWay,
    /// Money was taken for this cart: finish paying first.
    PartlyPaid,
    /// A card cannot pay more than is due.
    CardTooMuch {
        /// What is due.
        due: Money,
    },
    /// No coins make this amount.
    NotInCoins {
        /// The smallest step.
        step: Money,
    },
    /// No card reader is set up (`--card-reader`).
    NoReader,
    /// No printer is set up (`--printer`).
    NoPrinter,
    /// Lines that another till added while the cart was paid here: they wait as a cart of their own.
    LeftOver,
    /// The cart was paid on another till meanwhile.
    PaidElsewhere,
    /// The cart was put aside or given up on another till meanwhile.
    GoneElsewhere,
    /// No receipt has this number here.
    UnknownReceipt {
        /// As it was read.
        typed: String,
    },
    /// More than one receipt has this number: type all of it, with the letters at its end.
    AmbiguousReceipt {
        /// As it was read.
        typed: String,
    },
    /// Of this line not so much is left to come back.
    OverRefund {
        /// The product.
        sku: Sku,
        /// What is left.
        left: Quantity,
    },
    /// Nothing is left to come back on this receipt.
    NothingLeft,
    /// Choose why the goods come back.
    ReasonMissing,
    /// The refund is on disk, but taking the goods out of stock again failed, in these words.
    NotUnstocked(String),
    /// The shift of a register is open already.
    ShiftOpen,
    /// No shift is open.
    NoShift,
    /// The disk is almost full: open carts can be paid, none can be started.
    DiskFull,
    /// Writing has stopped after a disk error: start the program again.
    Stopped(String),
    /// The index is rebuilt: this needs all of it; try again shortly.
    Rebuilding,
    /// This till is not part of the store (any more).
    NotAMember,
    /// This till serves no register yet: a manager's till gives it one.
    NoRegister,
    /// Only a manager's till may.
    ManagerOnly,
    /// Products were read from a file.
    Imported {
        /// Products added or changed.
        products: u64,
        /// Rows that could not be used: the first few, in words.
        faults: Vec<String>,
        /// How many there are.
        rejected: u64,
    },
    /// A founding that was cut short was carried on: the words shown are not this store's.
    CarriedOn,
    /// Something is damaged, was cut or is rebuilt, in these words.
    Alarm(String),
    /// A drawer was to open and did not.
    DrawerStuck,
    /// Other tills cannot be reached from here, in these words. Selling goes on.
    NoNetwork(String),
    /// It was refused, in these words.
    Refused(String),
}

impl Notice {
    /// How it sounds and looks.
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Imported { .. } => Weight::Remark,
            Self::LeftOver
            | Self::CarriedOn
            | Self::Alarm(_)
            | Self::NoNetwork(_)
            | Self::PaidElsewhere
            | Self::GoneElsewhere
            | Self::DrawerStuck
            | Self::NotUnstocked(_) => Weight::Attention,
            _ => Weight::Refused,
        }
    }
}
