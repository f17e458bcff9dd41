//! A cart as a screen shows it, and the edits that change it. Pure values: `replica` turns an edit
//! into a change of the cart's document, and the document back into a view.

use serde::{Deserialize, Serialize};

use crate::ids::{CartId, CustomerId, LineId, OperatorId};
use crate::product::{ProductKind, Sku, UnitOfMeasure};
use crate::quantity::Quantity;
use crate::unit_price::UnitPrice;

/// Whether goods go out or come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// The customer takes goods and pays.
    Sale,
    /// The customer brings goods back and is paid.
    Return,
}

/// What a line sells, frozen when the line is added: a later edit of the price book does not
/// reach into an open cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineProduct {
    /// The shop's code.
    pub sku: Sku,
    /// Name as printed.
    pub name: String,
    /// Goods or service.
    pub kind: ProductKind,
    /// Unit the quantity counts.
    pub unit: UnitOfMeasure,
    /// Key of the tax rates that apply (see `tax`).
    pub tax_category: String,
    /// Out or back.
    pub direction: Direction,
    /// Price of the price book when the line was added; `None` for an open-price line.
    pub list_price: Option<UnitPrice>,
}

/// The price a line is charged at, and why it is not the list price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinePrice {
    /// Price of one unit.
    pub unit_price: UnitPrice,
    /// Why it differs from the list price; `None` when it is the list price.
    pub override_reason: Option<String>,
    /// Percentage off the line, in hundredths of a percent (`1250` = 12.5 %), 0 to 10,000.
    pub discount_basis_points: u16,
}

impl LinePrice {
    /// 100 % in hundredths of a percent.
    pub const WHOLE_BASIS_POINTS: u16 = 10_000;
}

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLine {
    /// Its id; lines sort by it in the order they were added.
    pub id: LineId,
    /// What it sells.
    pub product: LineProduct,
    /// What one unit costs.
    pub price: LinePrice,
    /// How much is in the cart now, never below zero. Zero: the line is void.
    pub quantity: Quantity,
}

/// Where a cart stands, as far as its document says. Whether it is *paid* is not in here: a
/// completed sale that names the cart says so (see `replica`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CartStatus {
    /// Being rung up.
    Open,
    /// Put aside to be retrieved later, on any till.
    Suspended,
    /// Given up before payment.
    Abandoned,
}

/// A cart as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartView {
    /// Its id.
    pub id: CartId,
    /// A table, a name, an order number: what a cashier calls it. Empty when it has none.
    pub label: String,
    /// Open, suspended or abandoned.
    pub status: CartStatus,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// The operator who opened it.
    pub operator: OperatorId,
    /// Sorted by id; void lines included.
    pub lines: Vec<CartLine>,
}

impl CartView {
    /// The lines that still have a quantity.
    pub fn live_lines(&self) -> impl Iterator<Item = &CartLine> {
        self.lines.iter().filter(|line| !line.quantity.is_zero())
    }

    /// A line by its id.
    pub fn line(&self, id: LineId) -> Option<&CartLine> {
        self.lines.iter().find(|line| line.id == id)
    }
}

/// One change to a cart, decided by [`super::decide`]. Quantities are above zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartEdit {
    /// A new line.
    AddLine {
        /// Its id, never used before.
        line: LineId,
        /// What it sells.
        product: LineProduct,
        /// What one unit costs.
        price: LinePrice,
        /// How much.
        quantity: Quantity,
    },
    /// More on a line that is not void.
    AddQuantity {
        /// The line.
        line: LineId,
        /// How much more.
        quantity: Quantity,
    },
    /// Less on a line; never more than it holds.
    RemoveQuantity {
        /// The line.
        line: LineId,
        /// How much less.
        quantity: Quantity,
    },
    /// Takes away all the author of the edit sees on the line; what another tablet adds at the
    /// same time stays.
    VoidLine {
        /// The line.
        line: LineId,
    },
    /// Another price, or another discount.
    Reprice {
        /// The line.
        line: LineId,
        /// What one unit costs from now on.
        price: LinePrice,
    },
    /// Names the customer, or nobody.
    SetCustomer {
        /// The customer.
        customer: Option<CustomerId>,
    },
    /// Renames the cart.
    SetLabel {
        /// The new label.
        label: String,
    },
    /// Suspends, retrieves or abandons it.
    SetStatus {
        /// The new status.
        status: CartStatus,
    },
}
