//! What a cashier can do to a cart.

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::gtin::Gtin;
use crate::ids::{CustomerId, LineId};
use crate::product::{ProductKind, Sku, UnitOfMeasure};
use crate::quantity::Quantity;
use crate::unit_price::UnitPrice;

/// How an item is named to the till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemRef {
    /// By the shop's own code.
    Sku(Sku),
    /// By a scanned or typed barcode.
    Gtin(Gtin),
    /// By nothing in the price book: the cashier says what it is. Needs a price.
    #[serde(rename_all = "camelCase")]
    Open {
        /// The code it is booked under: a department, a commodity group.
        sku: Sku,
        /// Name, as printed.
        name: String,
        /// Goods or service.
        kind: ProductKind,
        /// Unit of measure.
        unit: UnitOfMeasure,
        /// Key of the tax rates that apply.
        tax_category: String,
    },
}

/// A price other than the price book's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceOverride {
    /// Price of one unit.
    pub unit_price: UnitPrice,
    /// Why; never empty.
    pub reason: String,
}

/// What happens when the product is in the cart already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Merge {
    /// A live line of the same product, price and direction takes the quantity.
    SameProduct,
    /// Every scan is a line.
    NewLine,
}

/// What a cashier wants done to a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CartCommand {
    /// Adds an item.
    AddItem {
        /// Which.
        item: ItemRef,
        /// How much; above zero in both directions.
        quantity: Quantity,
        /// A price other than the price book's.
        price: Option<PriceOverride>,
        /// Out or back.
        direction: Direction,
        /// Whether it may join a line; see [`crate::store::StoreSettings::scan_merge`].
        merge: Merge,
    },
    /// Makes a line hold this much.
    ChangeQuantity {
        /// The line.
        line: LineId,
        /// How much; above zero.
        quantity: Quantity,
    },
    /// Takes a line off the bill.
    VoidLine {
        /// The line.
        line: LineId,
    },
    /// Charges a line at another price.
    OverridePrice {
        /// The line.
        line: LineId,
        /// The price and why.
        price: PriceOverride,
    },
    /// Takes a percentage off a line; zero takes the discount back.
    DiscountLine {
        /// The line.
        line: LineId,
        /// Hundredths of a percent, 0 to 10,000.
        basis_points: u16,
    },
    /// Names the customer, or nobody.
    SetCustomer {
        /// The customer.
        customer: Option<CustomerId>,
    },
    /// Names the cart: a table, an order number. Empty takes the name away.
    SetLabel {
        /// The label.
        label: String,
    },
    /// Puts the cart aside.
    Suspend,
    /// Takes it up again.
    Retrieve,
    /// Gives it up.
    Abandon,
}
