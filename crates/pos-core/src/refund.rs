//! Returns by the receipt they were bought with.
//!
//! A line can come back in parts, on several receipts. Each part is the difference of two running
//! totals of the line's own amounts, so that the parts of a line that came back entirely sum to
//! what was paid, discount and tax included, to the minor unit.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::cart::Direction;
use crate::ids::{CartId, IdempotencyKey, LineId, OperatorId, RecordId, RegisterId};
use crate::limits;
use crate::money::{Currency, Money, MoneyError};
use crate::product::UnitOfMeasure;
use crate::quantity::{Quantity, QuantityError};
use crate::sale::{Document, Quote, SaleError, part_of};
use crate::store::StoreSettings;
use crate::tax::{PriceTax, TaxRateId, TaxSummaryRow};
use crate::tender::Tendered;
use crate::text::{self, TextError};
use crate::transaction::{ReceiptCounter, Recorded, ReturnedLine, SaleItem, SaleTransaction};

/// Why goods cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefundError {
    /// The receipt has no such line.
    #[error("the receipt has no such line")]
    NoSuchLine,
    /// The line itself is a return.
    #[error("this line is a return itself; a refund cannot be refunded")]
    IsAReturn,
    /// One line named twice in one refund.
    #[error("the line is named twice; enter its whole quantity once")]
    LineTwice,
    /// More than is left of it.
    #[error("only {left} of {sku} can still come back on this receipt")]
    TooMuch {
        /// The product.
        sku: crate::product::Sku,
        /// What has not come back yet.
        left: Quantity,
    },
    /// Zero or less.
    #[error("the quantity must be above zero")]
    QuantityNotPositive,
    /// A fraction of a thing sold by the piece.
    #[error("{0} is sold by the piece; enter a whole number")]
    NotWhole(crate::product::Sku),
    /// The receipt is in another currency than the store's.
    #[error("the receipt is in {found}; this store pays in {expected}")]
    WrongCurrency {
        /// The store's currency.
        expected: Currency,
        /// The receipt's.
        found: Currency,
    },
    /// A quantity is too large.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// An amount is too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The refund cannot be paid out as entered.
    #[error(transparent)]
    Sale(#[from] SaleError),
    /// The reason cannot be kept.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// How much of one line comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundLine {
    /// The line of the original receipt.
    pub line: LineId,
    /// How much; above zero.
    pub quantity: Quantity,
}

/// Everything that makes a return by receipt a transaction.
#[derive(Debug, Clone)]
pub struct Refund<'a> {
    /// The receipt the goods were bought with.
    pub original: &'a Recorded<SaleTransaction>,
    /// What is known to have come back before; transactions about other receipts may be among
    /// them. Tills that cannot see each other may both refund one line: see the replica's
    /// exceptions.
    pub earlier: &'a [SaleTransaction],
    /// What comes back now.
    pub lines: &'a [RefundLine],
    /// A cart id of its own.
    pub cart: CartId,
    /// How the store sells today; prices and tax are those of the original.
    pub settings: &'a StoreSettings,
    /// The register that pays out.
    pub register: RegisterId,
    /// The next number of its receipts.
    pub receipt_counter: ReceiptCounter,
    /// The business date of the shift.
    pub business_date: BusinessDate,
    /// The shift.
    pub shift: RecordId,
    /// Who pays out.
    pub operator: OperatorId,
    /// Why the goods come back; may be empty. Stands on the receipt where a sale has its label.
    pub reason: String,
    /// The command's own name.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What the till's clock shows.
    pub wall_time: WallTime,
    /// What is paid out, below zero.
    pub tenders: &'a [Tendered],
}

/// How much of each sold line has not come back yet: sold less the sum of linked returns, never
/// below zero.
pub fn refundable(
    original: &Recorded<SaleTransaction>,
    earlier: &[SaleTransaction],
) -> Result<BTreeMap<LineId, Quantity>, RefundError> {
    let mut left = BTreeMap::new();
    for item in original.record.items.iter().filter(|item| item.returns_nothing()) {
        let back = come_back(original.id, item.line, earlier)?;
        left.insert(item.line, item.quantity.checked_sub(back)?.max(Quantity::ZERO));
    }
    Ok(left)
}

impl SaleItem {
    fn returns_nothing(&self) -> bool {
        self.product.direction == Direction::Sale
    }
}

fn come_back(
    transaction: RecordId,
    line: LineId,
    earlier: &[SaleTransaction],
) -> Result<Quantity, QuantityError> {
    let named = Some(ReturnedLine { transaction, line });
    earlier
        .iter()
        .flat_map(|sale| &sale.items)
        .filter(|item| item.returns == named)
        .try_fold(Quantity::ZERO, |sum, item| sum.checked_sub(item.quantity))
}

/// What the customer gets back for `lines`; amounts are below zero.
pub fn quote_refund(
    original: &Recorded<SaleTransaction>,
    earlier: &[SaleTransaction],
    lines: &[RefundLine],
) -> Result<Quote, RefundError> {
    let mut items = BTreeMap::new();
    for &RefundLine { line, quantity } in lines {
        let sold = original.record.items.iter().find(|item| item.line == line);
        let sold = sold.ok_or(RefundError::NoSuchLine)?;
        let back = come_back(original.id, line, earlier)?;
        let returned = ReturnedLine { transaction: original.id, line };
        let item = returned_item(sold, back, quantity, original.record.prices, returned)?;
        if items.insert(line, item).is_some() {
            return Err(RefundError::LineTwice);
        }
    }
    let items: Vec<SaleItem> = items.into_values().collect();
    let tax_summary = summarise(&items, &original.record)?;
    let currency = original.record.currency();
    let net = Money::sum(items.iter().map(|item| item.net), currency)?;
    let taxes = items.iter().flat_map(|item| &item.taxes).map(|&(_, tax)| tax);
    let tax = Money::sum(taxes, currency)?;
    Ok(Quote {
        items,
        prices: original.record.prices,
        total: net.checked_add(tax)?,
        net,
        tax,
        tax_summary,
    })
}

fn returned_item(
    sold: &SaleItem,
    back: Quantity,
    quantity: Quantity,
    prices: PriceTax,
    returned: ReturnedLine,
) -> Result<SaleItem, RefundError> {
    let sku = || sold.product.sku.clone();
    if !sold.returns_nothing() {
        return Err(RefundError::IsAReturn);
    }
    if quantity <= Quantity::ZERO {
        return Err(RefundError::QuantityNotPositive);
    }
    let whole = quantity.thousandths() % Quantity::ONE.thousandths() == 0;
    if sold.product.unit == UnitOfMeasure::Each && !whole {
        return Err(RefundError::NotWhole(sku()));
    }
    let left = sold.quantity.checked_sub(back)?.max(Quantity::ZERO);
    if quantity > left {
        return Err(RefundError::TooMuch { sku: sku(), left });
    }
    let now = back.checked_add(quantity)?;
    let part = |whole: Money| -> Result<Money, MoneyError> {
        let sold = sold.quantity.thousandths();
        part_of(whole, back.thousandths(), sold)?.checked_sub(part_of(
            whole,
            now.thousandths(),
            sold,
        )?)
    };
    let amount = part(sold.amount)?;
    let taxes = sold
        .taxes
        .iter()
        .map(|(rate, tax)| Ok((rate.clone(), part(*tax)?)))
        .collect::<Result<Vec<(TaxRateId, Money)>, MoneyError>>()?;
    let net = match prices {
        PriceTax::Exclusive => amount,
        PriceTax::Inclusive => {
            taxes.iter().try_fold(amount, |net, (_, tax)| net.checked_sub(*tax))?
        }
    };
    let mut product = sold.product.clone();
    product.direction = Direction::Return;
    Ok(SaleItem {
        line: sold.line,
        product,
        quantity: quantity.checked_neg()?,
        unit_price: sold.unit_price,
        override_reason: sold.override_reason.clone(),
        discount: part(sold.discount)?,
        amount,
        net,
        taxes,
        returns: Some(returned),
    })
}

fn summarise(
    items: &[SaleItem],
    original: &SaleTransaction,
) -> Result<Vec<TaxSummaryRow>, MoneyError> {
    let zero = Money::zero(original.currency());
    let mut rows = Vec::new();
    for row in &original.tax_summary {
        let mut sums = None;
        for item in items {
            for (_, tax) in item.taxes.iter().filter(|(rate, _)| *rate == row.rate) {
                let (taxable, sum) = sums.unwrap_or((zero, zero));
                sums = Some((item.net.checked_add(taxable)?, tax.checked_add(sum)?));
            }
        }
        if let Some((taxable, tax)) = sums {
            rows.push(TaxSummaryRow { taxable, tax, ..row.clone() });
        }
    }
    Ok(rows)
}

/// The transaction a return by receipt becomes.
pub fn refund(refund: Refund<'_>) -> Result<SaleTransaction, RefundError> {
    let (expected, found) = (refund.settings.currency, refund.original.record.currency());
    if expected != found {
        return Err(RefundError::WrongCurrency { expected, found });
    }
    let quote = quote_refund(refund.original, refund.earlier, refund.lines)?;
    let document = Document {
        cart: refund.cart,
        customer: refund.original.record.customer,
        label: text::typed("reason", &refund.reason, limits::LABEL_CHARS_MAX)?,
        cart_heads: Vec::new(),
        settings: refund.settings,
        register: refund.register,
        receipt_counter: refund.receipt_counter,
        business_date: refund.business_date,
        shift: refund.shift,
        operator: refund.operator,
        idempotency_key: refund.idempotency_key,
        wall_time: refund.wall_time,
        tenders: refund.tenders,
    };
    Ok(document.issue(quote)?)
}
