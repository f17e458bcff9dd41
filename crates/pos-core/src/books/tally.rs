//! What one record adds to the totals of its day, register, shift and currency, and the sum of it.
//!
//! Sums are kept in 128 bits, so that no set of 64-bit amounts overflows in one order and not in
//! another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BooksError;
use super::series::CounterSet;
use crate::cart::Direction;
use crate::money::{Currency, Money, MoneyError};
use crate::product::ProductKind;
use crate::quantity::{Quantity, QuantityError};
use crate::report::{CountAmount, DrawerTotals, ReportError, TaxTotal, Totals};
use crate::stock::AccountPosting;
use crate::tax::TaxRateId;
use crate::till::{CashMovement, CashMovementKind};
use crate::transaction::{SaleTransaction, TenderKind};

/// How often, and how many minor units together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    count: u64,
    minor: i128,
}

impl Sum {
    fn once(amount: Money) -> Self {
        Self { count: 1, minor: i128::from(amount.minor()) }
    }

    fn add(&mut self, other: Self) -> Result<(), BooksError> {
        self.count = self.count.checked_add(other.count).ok_or(BooksError::Overflow)?;
        self.minor = self.minor.checked_add(other.minor).ok_or(BooksError::Overflow)?;
        Ok(())
    }

    fn report(self, currency: Currency) -> Result<CountAmount, MoneyError> {
        Ok(CountAmount { count: self.count, amount: money(self.minor, currency)? })
    }
}

fn money(minor: i128, currency: Currency) -> Result<Money, MoneyError> {
    let minor = i64::try_from(minor).map_err(|_too_large| MoneyError::Overflow)?;
    Ok(Money::from_minor(minor, currency))
}

fn quantity(thousandths: i128) -> Result<Quantity, QuantityError> {
    let thousandths = i64::try_from(thousandths).map_err(|_too_large| QuantityError::Overflow)?;
    Ok(Quantity::from_thousandths(thousandths))
}

/// The totals of one day, register, shift and currency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    sales: Sum,
    returns: Sum,
    adjustments: u64,
    postings: Sum,
    /// Taxable amount and tax.
    tax: BTreeMap<TaxRateId, (i128, i128)>,
    tenders: BTreeMap<TenderKind, Sum>,
    drawer: BTreeMap<CashMovementKind, Sum>,
    rounding: i128,
    discounts: Sum,
    thousandths_sold: i128,
    thousandths_returned: i128,
    pub(crate) receipts: CounterSet,
}

impl Tally {
    pub(crate) fn of_sale(sale: &SaleTransaction) -> Result<Self, BooksError> {
        let mut tally = Self {
            rounding: i128::from(sale.rounding.minor()),
            receipts: CounterSet::one(sale.receipt_counter),
            ..Self::default()
        };
        for item in &sale.items {
            let gross = i128::from(item.gross()?.minor());
            let stocked = match item.product.kind {
                ProductKind::Stocked => i128::from(item.quantity.thousandths()),
                ProductKind::Service => 0,
            };
            let (side, units) = match item.product.direction {
                Direction::Sale => (&mut tally.sales, &mut tally.thousandths_sold),
                Direction::Return => (&mut tally.returns, &mut tally.thousandths_returned),
            };
            // A document is one sale and one return at most, however many lines it has.
            side.count = 1;
            side.minor = side.minor.checked_add(gross).ok_or(BooksError::Overflow)?;
            *units = units.checked_add(stocked.abs()).ok_or(BooksError::Overflow)?;
            if item.product.direction == Direction::Sale && !item.discount.is_zero() {
                tally.discounts.add(Sum::once(item.discount))?;
            }
        }
        for row in &sale.tax_summary {
            let sums = (i128::from(row.taxable.minor()), i128::from(row.tax.minor()));
            tally.tax.insert(row.rate.clone(), sums);
        }
        for payment in &sale.payments {
            let sum = Sum::once(payment.settled()?);
            tally.tenders.entry(payment.kind).or_default().add(sum)?;
        }
        Ok(tally)
    }

    pub(crate) fn of_adjustment() -> Self {
        Self { adjustments: 1, ..Self::default() }
    }

    pub(crate) fn of_posting(posting: &AccountPosting) -> Self {
        Self { postings: Sum::once(posting.amount), ..Self::default() }
    }

    pub(crate) fn of_movement(movement: &CashMovement) -> Self {
        let drawer = BTreeMap::from([(movement.kind, Sum::once(movement.amount))]);
        Self { drawer, ..Self::default() }
    }

    /// Both together. Neither changes when it does not fit.
    pub(crate) fn with(&self, other: &Self) -> Result<Self, BooksError> {
        let add = |a: i128, b: i128| a.checked_add(b).ok_or(BooksError::Overflow);
        let mut sum = self.clone();
        sum.sales.add(other.sales)?;
        sum.returns.add(other.returns)?;
        sum.adjustments =
            sum.adjustments.checked_add(other.adjustments).ok_or(BooksError::Overflow)?;
        sum.postings.add(other.postings)?;
        for (rate, &(taxable, tax)) in &other.tax {
            let held = sum.tax.entry(rate.clone()).or_default();
            *held = (add(held.0, taxable)?, add(held.1, tax)?);
        }
        for (&kind, &amount) in &other.tenders {
            sum.tenders.entry(kind).or_default().add(amount)?;
        }
        for (&kind, &amount) in &other.drawer {
            sum.drawer.entry(kind).or_default().add(amount)?;
        }
        sum.rounding = add(sum.rounding, other.rounding)?;
        sum.discounts.add(other.discounts)?;
        sum.thousandths_sold = add(sum.thousandths_sold, other.thousandths_sold)?;
        sum.thousandths_returned = add(sum.thousandths_returned, other.thousandths_returned)?;
        sum.receipts.absorb(&other.receipts);
        Ok(sum)
    }

    /// The tally as a report shows it.
    pub(crate) fn totals(&self, currency: Currency) -> Result<Totals, ReportError> {
        let drawer = |kind| self.drawer.get(&kind).copied().unwrap_or_default();
        let mut tax = BTreeMap::new();
        for (rate, &(taxable, sum)) in &self.tax {
            let total = TaxTotal { taxable: money(taxable, currency)?, tax: money(sum, currency)? };
            tax.insert(rate.clone(), total);
        }
        let mut tenders = BTreeMap::new();
        for (&kind, sum) in &self.tenders {
            tenders.insert(kind, sum.report(currency)?);
        }
        Ok(Totals {
            sales: self.sales.report(currency)?,
            returns: self.returns.report(currency)?,
            adjustments: self.adjustments,
            postings: self.postings.report(currency)?,
            tax,
            tenders,
            drawer: DrawerTotals {
                loans: drawer(CashMovementKind::Loan).report(currency)?,
                pickups: drawer(CashMovementKind::Pickup).report(currency)?,
                paid_in: drawer(CashMovementKind::PaidIn).report(currency)?,
                paid_out: drawer(CashMovementKind::PaidOut).report(currency)?,
                no_sales: drawer(CashMovementKind::NoSale).count,
            },
            rounding: money(self.rounding, currency)?,
            discounts: self.discounts.report(currency)?,
            units_sold: quantity(self.thousandths_sold)?,
            units_returned: quantity(self.thousandths_returned)?,
        })
    }
}
