//! The shop's invoice lines as a file holds them, and seeded changes to them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rust_decimal::Decimal;
use thiserror::Error;

use crate::prng::Prng;
use crate::tillmesh::workspace_root;

/// The first line of every file.
pub const HEADER: [&str; 8] = [
    "invoice",
    "stock_code",
    "description",
    "quantity",
    "invoice_date",
    "unit_price",
    "customer_id",
    "country",
];

/// Why a file is not such a sheet.
#[derive(Debug, Error)]
pub enum SheetError {
    /// The file could not be read or written.
    #[error("the sheet could not be read or written")]
    File(#[from] std::io::Error),
    /// The text is not CSV with the eight fields.
    #[error("the sheet is not the CSV it should be")]
    Csv(#[from] csv::Error),
    /// A line holds something else than the columns allow.
    #[error("line {line}: {what}")]
    Line {
        /// Line in the file, the header being 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// One invoice line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Six digits; `C` or `A` may stand before them.
    pub invoice: String,
    /// The shop's code, in whichever case it was typed.
    pub stock_code: String,
    /// Free text.
    pub description: String,
    /// Whole units; negative in returns and stock corrections.
    pub quantity: i64,
    /// `2010-12-01T08:26:00`, local time.
    pub invoice_date: String,
    /// GBP for one unit.
    pub unit_price: Decimal,
    /// May be empty.
    pub customer_id: String,
    /// English name.
    pub country: String,
}

impl Row {
    /// The day alone: `2010-12-01`.
    pub fn day(&self) -> &str {
        self.invoice_date.get(..10).unwrap_or(&self.invoice_date)
    }
}

/// Invoice lines in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The lines.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// Where the committed sample lies: December 2010, compressed.
    pub fn december_path() -> PathBuf {
        workspace_root().join("tests/data/online_retail_2010-12.csv.gz")
    }

    /// The committed sample.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn december() -> Result<Self, SheetError> {
        Self::read_gz(&Self::december_path())
    }

    /// Reads a gzip-compressed file.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn read_gz(path: &Path) -> Result<Self, SheetError> {
        Self::read(GzDecoder::new(File::open(path)?))
    }

    /// Reads CSV text.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn read(text: impl Read) -> Result<Self, SheetError> {
        let mut reader = csv::Reader::from_reader(text);
        if reader.headers()? != HEADER[..] {
            return Err(SheetError::Line { line: 1, what: "not the expected header".to_owned() });
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(row(&record?)?);
        }
        Ok(Self { rows })
    }

    /// Writes CSV text: what was read unchanged comes out byte for byte.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn write(&self, out: impl Write) -> Result<(), SheetError> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(HEADER)?;
        for row in &self.rows {
            let (quantity, price) = (row.quantity.to_string(), row.unit_price.to_string());
            writer.write_record([
                &row.invoice,
                &row.stock_code,
                &row.description,
                &quantity,
                &row.invoice_date,
                &price,
                &row.customer_id,
                &row.country,
            ])?;
        }
        writer.flush()?;
        Ok(())
    }

    /// Writes an uncompressed file.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn write_file(&self, path: &Path) -> Result<(), SheetError> {
        self.write(File::create(path)?)
    }

    /// The lines of the first invoices alone, for a short run.
    #[must_use]
    pub fn first_invoices(&self, count: usize) -> Self {
        let mut kept: Vec<&str> = Vec::new();
        let mut rows = Vec::new();
        for row in &self.rows {
            let known = kept.contains(&row.invoice.as_str());
            if !known && kept.len() == count {
                continue;
            }
            if !known {
                kept.push(&row.invoice);
            }
            rows.push(row.clone());
        }
        Self { rows }
    }

    /// Another file of the same kind, the same for the same seed: quantities and prices redrawn,
    /// rows dropped and doubled, the case of codes turned, neighbouring invoices shuffled into one
    /// another.
    ///
    /// What it never does, so that the file stays one a shop could have written: change a sign, price
    /// a stock correction that takes goods away, price a return at nothing, touch an account
    /// posting, move a row to another day.
    #[must_use]
    pub fn perturb(&self, seed: u64) -> Self {
        let root = Prng::new(seed);
        let (mut edits, mut order) = (root.child("edits"), root.child("order"));
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            if row.invoice.starts_with('A') {
                rows.push(row.clone());
                continue;
            }
            if edits.chance(2, 100) {
                continue;
            }
            let row = redraw(row, &mut edits);
            if edits.chance(2, 100) {
                rows.push(row.clone());
            }
            rows.push(row);
        }
        Self { rows: interleave(rows, &mut order) }
    }
}

fn row(record: &csv::StringRecord) -> Result<Row, SheetError> {
    let line = record.position().map_or(0, csv::Position::line);
    let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
    let wrong = |what: String| SheetError::Line { line, what };
    let quantity = field(3);
    let price = field(5);
    Ok(Row {
        invoice: field(0),
        stock_code: field(1),
        description: field(2),
        quantity: quantity
            .parse()
            .map_err(|error| wrong(format!("quantity {quantity:?}: {error}")))?,
        invoice_date: field(4),
        unit_price: Decimal::from_str_exact(&price)
            .map_err(|error| wrong(format!("price {price:?}: {error}")))?,
        customer_id: field(6),
        country: field(7),
    })
}

fn redraw(row: &Row, random: &mut Prng) -> Row {
    let mut row = row.clone();
    if random.chance(3, 100) {
        let units = i64::try_from(1 + random.below(500)).unwrap_or(1);
        row.quantity = units * row.quantity.signum();
    }
    let is_return = row.invoice.starts_with('C');
    let takes_away = row.quantity < 0 && !is_return;
    if random.chance(3, 100) && !takes_away {
        row.unit_price = price(random, !is_return);
    }
    if random.chance(5, 100) {
        row.stock_code = if random.chance(1, 2) {
            row.stock_code.to_lowercase()
        } else {
            row.stock_code.to_uppercase()
        };
    }
    row
}

/// A price up to 20.00; one in three has a third decimal, so that lines fall between two pennies,
/// and one in ten, where allowed, is 0.00.
fn price(random: &mut Prng, may_be_free: bool) -> Decimal {
    if may_be_free && random.chance(1, 10) {
        return Decimal::new(0, 2);
    }
    if random.chance(1, 3) {
        return Decimal::new(i64::try_from(1 + random.below(20_000)).unwrap_or(1), 3);
    }
    Decimal::new(i64::try_from(1 + random.below(2_000)).unwrap_or(1), 2)
}

/// Shuffles one in ten invoices into its successor of the same day. The order of the rows within
/// an invoice stays.
fn interleave(rows: Vec<Row>, random: &mut Prng) -> Vec<Row> {
    let mut invoices: Vec<Vec<Row>> = Vec::new();
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let next = invoices.len();
        let at = *place.entry(row.invoice.clone()).or_insert(next);
        match invoices.get_mut(at) {
            Some(invoice) => invoice.push(row),
            None => invoices.push(vec![row]),
        }
    }
    let mut out = Vec::new();
    let mut waiting = invoices.into_iter().peekable();
    while let Some(invoice) = waiting.next() {
        let day = invoice.first().map(|row| row.day().to_owned());
        let same_day = |other: &Vec<Row>| other.first().map(Row::day) == day.as_deref();
        if random.chance(10, 100)
            && let Some(other) = waiting.next_if(same_day)
        {
            riffle(invoice, other, random, &mut out);
        } else {
            out.extend(invoice);
        }
    }
    out
}

fn riffle(one: Vec<Row>, other: Vec<Row>, random: &mut Prng, out: &mut Vec<Row>) {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while one.peek().is_some() && other.peek().is_some() {
        out.extend(if random.chance(1, 2) { one.next() } else { other.next() });
    }
    out.extend(one);
    out.extend(other);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sheet: &Sheet) -> Vec<u8> {
        let mut bytes = Vec::new();
        sheet.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_sample_is_written_back_byte_for_byte() {
        let mut original = Vec::new();
        let file = File::open(Sheet::december_path()).unwrap();
        GzDecoder::new(file).read_to_end(&mut original).unwrap();
        let sheet = Sheet::december().unwrap();
        assert_eq!(sheet.rows.len(), 42_481);
        assert!(text(&sheet) == original, "the written text differs from the sample");
    }

    #[test]
    fn a_perturbed_sheet_is_the_same_for_the_same_seed_and_another_for_another() {
        let sheet = Sheet::december().unwrap().first_invoices(200);
        assert_eq!(sheet.perturb(3), sheet.perturb(3));
        assert_ne!(sheet.perturb(3), sheet.perturb(4));
        assert_ne!(sheet.perturb(3), sheet);
    }

    #[test]
    fn a_perturbed_sheet_is_a_valid_file_with_every_kind_of_change_in_it() {
        let sheet = Sheet::december().unwrap();
        let perturbed = sheet.perturb(1);
        assert_eq!(Sheet::read(&text(&perturbed)[..]).unwrap(), perturbed);

        let has = |test: fn(&Row) -> bool| perturbed.rows.iter().any(test);
        assert!(has(|row| row.unit_price.normalize().scale() == 3), "a price between two pennies");
        assert!(has(|row| row.stock_code.starts_with("85123a")), "a code in lower case");
        assert!(
            perturbed.rows.windows(3).any(
                |rows| rows[0].invoice == rows[2].invoice && rows[0].invoice != rows[1].invoice
            ),
            "rows of two invoices mixed"
        );
        for row in &perturbed.rows {
            let free = row.unit_price.is_zero();
            assert_ne!(row.quantity, 0, "{row:?}");
            assert!(!row.unit_price.is_sign_negative(), "{row:?}");
            assert!(!(row.invoice.starts_with('C') && free), "{row:?}");
            assert!(row.quantity > 0 || free || row.invoice.starts_with('C'), "{row:?}");
        }
    }

    #[test]
    fn rows_of_an_invoice_keep_their_order_and_their_day_through_shuffling() {
        let sheet = Sheet::december().unwrap().first_invoices(300);
        let shuffled = interleave(sheet.rows.clone(), &mut Prng::new(5));
        assert_ne!(shuffled, sheet.rows);
        assert_eq!(shuffled.len(), sheet.rows.len());
        let of = |rows: &[Row], invoice: &str| -> Vec<Row> {
            rows.iter().filter(|row| row.invoice == invoice).cloned().collect()
        };
        for row in &sheet.rows {
            assert_eq!(of(&shuffled, &row.invoice), of(&sheet.rows, &row.invoice));
        }
        assert!(shuffled.is_sorted_by(|one, next| one.day() <= next.day()));
    }

    #[test]
    fn a_bad_line_is_named() {
        let text = "invoice,stock_code,description,quantity,invoice_date,unit_price,customer_id,\
                    country\n1,2,x,many,2010-12-01T08:26:00,1.00,,\n";
        let error = Sheet::read(text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("line 2: quantity \"many\""), "{error}");
    }
}
