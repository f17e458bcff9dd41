//! What one asks the books.

use std::collections::BTreeMap;

use super::series::CounterSet;
use super::tally::Tally;
use super::{Books, BooksError, TotalsKey};
use crate::ids::{DeviceId, RecordId, RegisterId};
use crate::money::{Currency, MoneyError};
use crate::price_book::PriceBook;
use crate::product::Sku;
use crate::quantity::Quantity;
use crate::report::{GrandTotals, ReceiptSeries, ReportError, ReportFilter, SalesReport, XReport};
use crate::shift::{ShiftClosed, ShiftOpened};
use crate::store::StoreSettings;
use crate::transaction::ReceiptCounter;

impl From<BooksError> for ReportError {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Overflow => Self::Money(MoneyError::Overflow),
            BooksError::Money(error) => Self::Money(error),
        }
    }
}

impl Books {
    /// The settings that stand.
    pub fn settings(&self) -> Option<&StoreSettings> {
        self.settings.as_ref().map(|winner| &winner.value)
    }

    /// The device that holds a register.
    pub fn register_holder(&self, register: &RegisterId) -> Option<DeviceId> {
        self.registers.get(register).map(|winner| winner.value)
    }

    /// All registers and the devices that hold them.
    pub fn registers(&self) -> impl Iterator<Item = (&RegisterId, DeviceId)> {
        self.registers.iter().map(|(register, winner)| (register, winner.value))
    }

    /// What the shop sells.
    pub const fn price_book(&self) -> &PriceBook {
        &self.price_book
    }

    /// Another number whenever the price book has changed. Counts within this process alone: two
    /// tills with one book may show two.
    pub const fn price_changes(&self) -> u64 {
        self.price_changes
    }

    /// How much of a product there is: the sum of all movements, zero when there was none. A sum
    /// beyond what a quantity holds is shown as the largest one.
    pub fn on_hand(&self, sku: &Sku) -> Quantity {
        self.on_hand.get(sku).map_or(Quantity::ZERO, |&sum| shown(sum))
    }

    /// All products that ever moved, and how much of each there is.
    pub fn all_on_hand(&self) -> impl Iterator<Item = (&Sku, Quantity)> {
        self.on_hand.iter().map(|(sku, &sum)| (sku, shown(sum)))
    }

    /// The shift a register sells in. Of several, which only devices cut off from each other can
    /// open, the one with the highest number, then the highest id.
    pub fn open_shift(&self, register: &RegisterId) -> Option<(RecordId, &ShiftOpened)> {
        self.open_shifts
            .get(register)?
            .iter()
            .filter_map(|&id| Some((id, self.shift(id)?)))
            .max_by_key(|(id, opened)| (opened.number, *id))
    }

    /// How a shift was opened.
    pub fn shift(&self, shift: RecordId) -> Option<&ShiftOpened> {
        self.shifts.get(&shift)?.opened.as_ref()
    }

    /// How a shift was closed; more than one close is an exception to be resolved.
    pub fn closes(&self, shift: RecordId) -> impl Iterator<Item = (RecordId, &ShiftClosed)> {
        self.shifts.get(&shift).into_iter().flat_map(|row| &row.closed).map(|(&id, row)| (id, row))
    }

    /// All shifts of a register, by number.
    pub fn shifts(&self, register: &RegisterId) -> Vec<(RecordId, &ShiftOpened)> {
        let mut shifts: Vec<_> = self
            .shifts
            .iter()
            .filter_map(|(&id, row)| Some((id, row.opened.as_ref()?)))
            .filter(|(_, opened)| opened.register == *register)
            .collect();
        shifts.sort_by_key(|(id, opened)| (opened.number, *id));
        shifts
    }

    /// The highest receipt number a register has given.
    pub fn last_receipt(&self, register: &RegisterId) -> Option<ReceiptCounter> {
        self.totals_of(register).filter_map(|(_, tally)| tally.receipts.last()).max()
    }

    /// Which receipt numbers a register has given, from number 1 on.
    pub fn gapless(&self, register: &RegisterId) -> ReceiptSeries {
        let mut counters = CounterSet::default();
        for (_, tally) in self.totals_of(register) {
            counters.absorb(&tally.receipts);
        }
        counters.series(Some(1))
    }

    fn totals_of(&self, register: &RegisterId) -> impl Iterator<Item = (&TotalsKey, &Tally)> {
        self.totals.iter().filter(move |(key, _)| key.register.as_ref() == Some(register))
    }

    /// What a register has sold since its first use.
    pub fn grand_totals(
        &self,
        register: &RegisterId,
        currency: Currency,
    ) -> Result<GrandTotals, ReportError> {
        let rows = self.totals_of(register).filter(|(key, _)| key.is_in(currency));
        let totals = total(rows.map(|(_, tally)| tally))?.totals(currency)?;
        Ok(GrandTotals {
            sales: totals.sales.amount,
            returns: totals.returns.amount,
            net: totals.sales_value()?,
        })
    }

    /// The figures of a shift, as far as its records are here. The grand totals are those of now.
    pub fn x_report(&self, shift: RecordId) -> Result<XReport, ReportError> {
        let opened = self.shift(shift).ok_or(ReportError::UnknownShift(shift))?;
        let currency = opened.float.currency();
        let rows = self
            .totals_of(&opened.register)
            .filter(|(key, _)| key.shift == Some(shift) && key.is_in(currency));
        let totals = total(rows.map(|(_, tally)| tally))?.totals(currency)?;
        Ok(XReport {
            register: opened.register.clone(),
            shift,
            shift_number: opened.number,
            business_date: opened.business_date,
            opening_float: opened.float,
            expected_cash: opened.float.checked_add(totals.drawer_change()?)?,
            grand_totals: self.grand_totals(&opened.register, currency)?,
            totals,
        })
    }

    /// What the store sold, in its own currency.
    pub fn sales_report(&self, filter: ReportFilter) -> Result<SalesReport, ReportError> {
        let currency = self.settings().ok_or(ReportError::NoStore)?.currency;
        let mut sum = Tally::default();
        let mut receipts = BTreeMap::<RegisterId, CounterSet>::new();
        for (key, tally) in &self.totals {
            let date = key.business_date;
            let outside = filter.from.is_some_and(|from| date < from)
                || filter.to.is_some_and(|to| date > to)
                || (filter.register.is_some() && filter.register != key.register);
            if outside || !key.is_in(currency) {
                continue;
            }
            sum = sum.with(tally)?;
            if let Some(register) = &key.register {
                receipts.entry(register.clone()).or_default().absorb(&tally.receipts);
            }
        }
        let totals = sum.totals(currency)?;
        let first = filter.from.is_none().then_some(1);
        let sales_value = totals.sales_value()?;
        Ok(SalesReport {
            filter,
            sales_value,
            tax: totals.tax_total()?,
            total: sales_value.checked_add(totals.postings.amount)?,
            totals,
            receipts: receipts.into_iter().map(|(id, set)| (id, set.series(first))).collect(),
        })
    }
}

fn total<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Result<Tally, BooksError> {
    let mut sum = Tally::default();
    for tally in tallies {
        sum = sum.with(tally)?;
    }
    Ok(sum)
}

fn shown(thousandths: i128) -> Quantity {
    let largest = if thousandths.is_negative() { i64::MIN } else { i64::MAX };
    Quantity::from_thousandths(i64::try_from(thousandths).unwrap_or(largest))
}
