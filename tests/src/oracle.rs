//! What a replay must report, computed from the sheet alone.
//!
//! The rules of `docs/replay.md` written down a second time, in the plainest code, over decimals:
//! nothing of `pos-core`, `replica` or `terminal` is used, so that a fault there cannot hide here.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::sheet::{Row, Sheet};

/// What an invoice becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A sale, with a receipt.
    Sale,
    /// A return without receipt of its own sale; it has a receipt itself and restocks.
    Return,
    /// A correction of stock: no money, no receipt.
    Adjustment,
    /// A posting to the customer's account: no stock, no receipt.
    Posting,
}

/// How many documents, and what they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Documents.
    pub count: u64,
    /// GBP, tax included.
    pub total: Decimal,
}

/// The documents of a period by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sales.
    pub sales: Sum,
    /// Returns; their total is negative.
    pub returns: Sum,
    /// Stock adjustments; their total is 0.
    pub adjustments: Sum,
    /// Account postings.
    pub postings: Sum,
}

impl Totals {
    /// Sales less returns: the sales value of the period.
    pub fn value(&self) -> Decimal {
        self.sales.total + self.returns.total
    }

    /// Everything that moved money: the sales value and the postings.
    pub fn total(&self) -> Decimal {
        self.value() + self.postings.total
    }

    /// Receipts given out: one for each sale and each return.
    pub fn receipts(&self) -> u64 {
        self.sales.count + self.returns.count
    }

    fn add(&mut self, document: &Document) {
        let sum = match document.kind {
            Kind::Sale => &mut self.sales,
            Kind::Return => &mut self.returns,
            Kind::Adjustment => &mut self.adjustments,
            Kind::Posting => &mut self.postings,
        };
        sum.count += 1;
        sum.total += document.total;
    }
}

/// One invoice of the sheet, as the till must have booked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its number in the sheet, which is the idempotency key of the command.
    pub invoice: String,
    /// What it became.
    pub kind: Kind,
    /// The business date, `2010-12-01`.
    pub day: String,
    /// Rows it has.
    pub lines: u64,
    /// GBP, each line rounded to the penny first.
    pub total: Decimal,
    /// Receipt number, from 1, for sales and returns.
    pub receipt: Option<u64>,
}

/// What a till that replayed the sheet holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Every invoice, in the order of its first row.
    pub documents: Vec<Document>,
    /// All of them together.
    pub totals: Totals,
    /// By business date.
    pub days: BTreeMap<String, Totals>,
    /// Units on hand of each SKU that moved, in upper case; services have none.
    pub on_hand: BTreeMap<String, i64>,
}

impl Expected {
    /// Books a whole sheet.
    pub fn of(sheet: &Sheet) -> Self {
        Self::between(sheet, "", "9999-12-31")
    }

    /// Books the invoices of which the first row is dated from one day to another, both included.
    pub fn between(sheet: &Sheet, from: &str, to: &str) -> Self {
        let mut expected = Self::default();
        for rows in invoices(sheet) {
            let in_range = rows.first().is_some_and(|row| (from..=to).contains(&row.day()));
            if in_range {
                expected.book(&rows);
            }
        }
        expected
    }

    fn book(&mut self, rows: &[&Row]) {
        let Some(first) = rows.first() else { return };
        let kind = kind(rows);
        let receipt = matches!(kind, Kind::Sale | Kind::Return);
        let document = Document {
            invoice: first.invoice.clone(),
            kind,
            day: first.day().to_owned(),
            lines: rows.iter().map(|_| 1).sum(),
            total: rows.iter().copied().map(amount).sum(),
            receipt: receipt.then(|| self.totals.receipts() + 1),
        };
        self.totals.add(&document);
        self.days.entry(document.day.clone()).or_default().add(&document);
        self.documents.push(document);
        for row in rows.iter().filter(|row| kind != Kind::Posting && is_stocked(&row.stock_code)) {
            // A sale takes its quantity from the shelf; a return's is negative and so puts back; an
            // adjustment says by how much the shelf changed.
            let change = if kind == Kind::Adjustment { row.quantity } else { -row.quantity };
            *self.on_hand.entry(row.stock_code.to_uppercase()).or_default() += change;
        }
    }
}

/// The rows of each invoice, wherever in the sheet they stand, in the order of first rows.
fn invoices(sheet: &Sheet) -> Vec<Vec<&Row>> {
    let mut first_rows: Vec<&str> = Vec::new();
    let mut by_number: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &sheet.rows {
        let rows = by_number.entry(&row.invoice).or_default();
        if rows.is_empty() {
            first_rows.push(&row.invoice);
        }
        rows.push(row);
    }
    first_rows.into_iter().filter_map(|number| by_number.remove(number)).collect()
}

/// The first rule that fits decides.
fn kind(rows: &[&Row]) -> Kind {
    let number = rows.first().map_or("", |row| row.invoice.as_str());
    if rows.iter().all(|row| row.unit_price.is_zero()) {
        Kind::Adjustment
    } else if number.starts_with('C') {
        Kind::Return
    } else if number.starts_with('A') {
        Kind::Posting
    } else {
        Kind::Sale
    }
}

fn is_stocked(code: &str) -> bool {
    code.starts_with(|first: char| first.is_ascii_digit())
}

/// A line rounded half up to the penny, away from zero, so that a return mirrors its sale.
fn amount(row: &Row) -> Decimal {
    let exact = Decimal::from(row.quantity) * row.unit_price;
    exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gbp(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn sheet(rows: &[(&str, &str, i64, &str)]) -> Sheet {
        let rows = rows.iter().map(|&(invoice, code, quantity, price)| Row {
            invoice: invoice.to_owned(),
            stock_code: code.to_owned(),
            description: String::new(),
            quantity,
            invoice_date: "2010-12-01T08:26:00".to_owned(),
            unit_price: gbp(price),
            customer_id: String::new(),
            country: "United Kingdom".to_owned(),
        });
        Sheet { rows: rows.collect() }
    }

    #[test]
    fn december_comes_to_the_known_figures() {
        let expected = Expected::of(&Sheet::december().unwrap());
        let totals = expected.totals;
        assert_eq!(totals.sales, Sum { count: 1_559, total: gbp("823746.14") });
        assert_eq!(totals.returns, Sum { count: 326, total: gbp("-74789.12") });
        assert_eq!(totals.adjustments, Sum { count: 140, total: Decimal::ZERO });
        assert_eq!(totals.postings, Sum::default());
        assert_eq!(totals.value(), gbp("748957.02"));
        assert_eq!(totals.receipts(), 1_885);
    }

    #[test]
    fn days_and_documents_add_up_to_the_whole() {
        let expected = Expected::of(&Sheet::december().unwrap());
        let value: Decimal = expected.days.values().map(Totals::value).sum();
        assert_eq!(value, expected.totals.value());
        let receipts = expected.documents.iter().filter_map(|document| document.receipt);
        assert!(receipts.eq(1..=1_885), "receipts run from 1 without a gap, in order");
        let lines: u64 = expected.documents.iter().map(|document| document.lines).sum();
        assert_eq!(lines, 42_481);
    }

    #[test]
    fn a_range_takes_its_days_and_no_other() {
        let sheet = Sheet::december().unwrap();
        let whole = Expected::of(&sheet);
        let first = Expected::between(&sheet, "2010-12-01", "2010-12-01");
        assert_eq!(first.days.len(), 1);
        assert_eq!(first.days.first_key_value(), whole.days.first_key_value());
        let rest = Expected::between(&sheet, "2010-12-02", "2010-12-31");
        assert_eq!(first.totals.value() + rest.totals.value(), whole.totals.value());
    }

    #[test]
    fn rows_of_one_invoice_are_one_document_wherever_they_stand() {
        let expected = Expected::of(&sheet(&[
            ("1", "10001", 1, "1.00"),
            ("2", "10001", 1, "2.00"),
            ("1", "10002", 1, "0.00"),
        ]));
        let seen: Vec<_> =
            expected.documents.iter().map(|one| (&one.invoice[..], one.lines)).collect();
        assert_eq!(seen, [("1", 2), ("2", 1)]);
        assert_eq!(expected.totals.sales, Sum { count: 2, total: gbp("3.00") });
    }

    #[test]
    fn each_kind_is_told_by_price_first_then_by_the_letter() {
        let expected = Expected::of(&sheet(&[
            ("1", "10001", -4, "0.00"),
            ("C2", "10001", -1, "1.00"),
            ("A3", "B", 1, "-5.00"),
            ("4", "10001", 3, "1.00"),
            ("C5", "10001", -2, "0.00"),
        ]));
        let kinds: Vec<_> = expected.documents.iter().map(|one| (one.kind, one.receipt)).collect();
        assert_eq!(
            kinds,
            [
                (Kind::Adjustment, None),
                (Kind::Return, Some(1)),
                (Kind::Posting, None),
                (Kind::Sale, Some(2)),
                (Kind::Adjustment, None),
            ]
        );
        assert_eq!(expected.on_hand, BTreeMap::from([("10001".to_owned(), -4 + 1 - 3 - 2)]));
        assert_eq!(expected.totals.total(), gbp("-3.00"));
    }

    #[test]
    fn lines_round_away_from_zero_and_returns_mirror_sales() {
        let expected = Expected::of(&sheet(&[
            ("1", "10001", 1, "0.005"),
            ("1", "10001", 1, "0.005"),
            ("C2", "10001", -1, "0.005"),
        ]));
        assert_eq!(expected.totals.sales.total, gbp("0.02"));
        assert_eq!(expected.totals.returns.total, gbp("-0.01"));
    }

    #[test]
    fn codes_differ_by_more_than_case_and_services_have_no_stock() {
        let expected = Expected::of(&sheet(&[
            ("1", "85123a", 1, "1.00"),
            ("1", "85123A", 2, "1.00"),
            ("1", "POST", 1, "3.00"),
            ("2", "gift_0001_20", 1, "0.00"),
        ]));
        assert_eq!(expected.on_hand, BTreeMap::from([("85123A".to_owned(), -3)]));
    }

    #[test]
    fn a_perturbed_sheet_comes_to_other_figures() {
        let sheet = Sheet::december().unwrap();
        let (plain, perturbed) = (Expected::of(&sheet), Expected::of(&sheet.perturb(1)));
        assert_ne!(plain.totals.value(), perturbed.totals.value());
        assert_ne!(plain.totals.adjustments.count, perturbed.totals.adjustments.count);
        assert_ne!(plain.on_hand, perturbed.on_hand);
    }
}
