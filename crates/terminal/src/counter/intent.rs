//! What a person wants, as the window says it.

use std::path::PathBuf;

use pos_core::ids::{CartId, CustomerId, LineId};
use pos_core::money::Money;
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use pos_core::unit_price::UnitPrice;
use serde::{Deserialize, Serialize};

/// Something to do. Nothing in here is decided yet: what does not fit is refused with a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    // ---- first start
    /// Answers the questions of a first start.
    Start(StartAnswers),
    /// Says whether both tills show the same four words.
    WordsMatch(bool),
    /// The recovery phrase is written down.
    PhraseNoted,

    // ---- what is sold
    /// A scanner's burst, whole, or a code that was typed: a bar code, a SKU, `3x` one of them, a
    /// label with a weight or a price, a receipt's number or QR code (opens the refund).
    Scan(String),
    /// A product that was found or tapped.
    Add {
        /// The product.
        sku: Sku,
        /// How much; `None` is one.
        quantity: Option<Quantity>,
    },
    /// A product at a price that the cashier enters: the price book has none, or another one.
    AddAtPrice {
        /// The product.
        sku: Sku,
        /// How much.
        quantity: Quantity,
        /// Price of one.
        price: UnitPrice,
        /// Why; needed where the price book has a price.
        reason: String,
    },
    /// Makes a line hold this much; zero takes it off the bill.
    SetQuantity {
        /// The line.
        line: LineId,
        /// How much.
        quantity: Quantity,
    },
    /// Takes a line off the bill.
    VoidLine(LineId),
    /// Charges a line at another price.
    OverridePrice {
        /// The line.
        line: LineId,
        /// Price of one.
        price: UnitPrice,
        /// Why.
        reason: String,
    },
    /// A discount on a line; zero takes it back.
    DiscountLine {
        /// The line.
        line: LineId,
        /// How much.
        discount: Discount,
    },
    /// A discount on all that is in the cart now; zero takes all discounts back.
    DiscountCart(Discount),
    /// Shows a line as the one that is worked on.
    Select(LineId),
    /// Names the cart.
    Label(String),
    /// Gives the cart up.
    GiveUpCart,

    // ---- customers
    /// Looks for customers by name, phone, email or loyalty card.
    SearchCustomers(String),
    /// Names the cart's customer, or nobody.
    SetCustomer(Option<CustomerId>),
    /// Makes a customer and names it.
    CreateCustomer(NewCustomer),

    // ---- carts that wait
    /// Puts the cart aside for any till; a name may be given.
    Suspend(String),
    /// Takes a cart to this screen: one that was put aside, or one that is open elsewhere.
    Retrieve(CartId),

    // ---- paying
    /// Shows the tenders.
    Pay,
    /// Takes cash. More than is due gives change; less is a part.
    TakeCash(Money),
    /// Takes cash: exactly what is due.
    TakeExactCash,
    /// Asks the card reader for what is due, or a part of it; from the sale itself too.
    TakeCard(Option<Money>),
    /// Asks the reader what became of the payment.
    AskReader,
    /// Gives the card payment up, unless it is charged already.
    CancelCard,
    /// Hands a part of the bill back: counted from 0 in the order they were taken.
    TakeBack(usize),

    // ---- papers and the drawer
    /// Prints the receipt of the last sale again, marked COPY; of this number where one is given.
    PrintCopy(Option<String>),
    /// Prints what is on the screen: an X or Z report.
    PrintReport,
    /// A paper that may have been printed was: no copy is wanted.
    PaperCameOut(u64),
    /// A paper that may have been printed is printed once more, marked COPY.
    PaperAgain(u64),
    /// Tries the printer now.
    RetryPrinter,
    /// Opens the drawer without a sale; recorded.
    OpenDrawer,

    // ---- goods come back
    /// Opens the refund.
    Refund,
    /// Finds the receipt: its number, its bar code or QR code.
    FindReceipt(String),
    /// Takes this much of a line back.
    RefundLine {
        /// The line.
        line: LineId,
        /// How much; zero takes the line out.
        quantity: Quantity,
    },
    /// Takes back all that is left on the receipt.
    RefundAll,
    /// Says why.
    RefundReason(RefundReason),
    /// Says whether the goods go back on the shelf.
    Restock(bool),
    /// Pays out in cash: done.
    RefundCash,
    /// Pays back to the card through the reader: done when it has.
    RefundCard,

    // ---- the shift
    /// Opens a shift with so much in the drawer; a sale opens one by itself with nothing.
    OpenShift(Money),
    /// Shows the X report.
    ReadX,
    /// Closes the shift with a Z report; what was counted in the drawer, if it was.
    CloseShift(Option<Money>),

    // ---- other tills
    /// Lets a new till in.
    LetIn,
    /// Says whether the new till shows the same words.
    LetInAnswer(bool),

    // ---- all the rest
    /// Who serves.
    Operator(String),
    /// Back to the sale.
    Back,
    /// Puts a notice away.
    Dismiss(u64),
}

impl Intent {
    /// Whether a person's finger is behind it. A scan is not a tap, and what a field hears while
    /// somebody types is none either.
    pub const fn is_tap(&self) -> bool {
        !matches!(self, Self::Scan(_) | Self::SearchCustomers(_) | Self::FindReceipt(_))
    }
}

/// A discount as the cashier enters it; never below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// Hundredths of a percent: 1250 is 12.5 %.
    Percent(u16),
    /// An amount off.
    Amount(Money),
}

/// Why goods come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefundReason {
    /// The customer does not want it.
    Unwanted,
    /// It is faulty.
    Faulty,
    /// It was the wrong thing.
    Wrong,
    /// Something else, in the cashier's words.
    Other(String),
}

/// Fields of a new customer; empty ones are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCustomer {
    /// Name.
    pub name: String,
    /// Phone.
    pub phone: String,
    /// Email.
    pub email: String,
    /// Number of the loyalty card.
    pub loyalty: String,
}

/// The answers to the questions of a first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAnswers {
    /// The store's name; not needed where another till has it.
    pub name: String,
    /// The country's code, `DE`; not needed where another till has it.
    pub country: String,
    /// Where the products come from.
    pub source: StartSource,
}

/// Where the products of a new till come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartSource {
    /// A small shop to try things with.
    Sample,
    /// A file.
    File(PathBuf),
    /// None yet.
    Nothing,
    /// Another till of the store: its code, or what a camera reads, and where it is (`host:port`;
    /// may be empty where the code says it). This till is called `name`.
    OtherTill {
        /// The code.
        code: String,
        /// Where the manager's till is.
        address: String,
        /// What this till is called.
        name: String,
    },
}
