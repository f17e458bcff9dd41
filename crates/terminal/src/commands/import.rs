//! `tillmesh import products`: reads a file into the price book.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pos_core::gtin::Gtin;
use pos_core::limits;
use pos_core::money::Currency;
use pos_core::price_book::{Assign, PriceBook, Product, ProductFields};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::store::StoreSettings;
use pos_core::unit_price::UnitPrice;
use replica::core::Command;
use replica::storage::Storage;
use serde_json::json;

use super::{Context, faults_json};
use crate::csv_file::{Column, CsvError, CsvFile, Row, RowError};
use crate::error::TerminalError;
use crate::output::{Unit, align_right, pairs};
use crate::till::Till;

/// Products handed to the till at once: each batch is one flush.
const BATCH: usize = 5000;

/// What came of an import.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// Rows read.
    pub(crate) rows: u64,
    /// Products that are new.
    pub(crate) added: u64,
    /// Products that changed.
    pub(crate) changed: u64,
    /// Products that were so already.
    pub(crate) unchanged: u64,
    /// Rows that could not be used.
    pub(crate) faults: Vec<RowError>,
}

pub(super) fn run(
    context: &mut Context<'_>,
    path: &Path,
    strict: bool,
) -> Result<(), TerminalError> {
    let mut file = CsvFile::open(&context.path(path))?;
    let imported = context.with_whole_till(|context, till| {
        let mut progress = context.output.progress(file.bytes(), "Importing", Unit::Bytes);
        let imported = import(till, &mut file, |bytes, _rows| progress.at(bytes));
        progress.finish();
        imported
    })?;
    context.show_faults(path, &imported.faults);
    let rejected = u64::try_from(imported.faults.len()).unwrap_or(u64::MAX);
    let answer = json!({
        "rows": imported.rows,
        "imported": imported.rows.saturating_sub(rejected),
        "added": imported.added,
        "changed": imported.changed,
        "unchanged": imported.unchanged,
        "rejected": faults_json(&imported.faults),
    });
    context.output.answer(&answer, || table(&imported))?;
    if strict && !imported.faults.is_empty() {
        let path = path.to_owned();
        return Err(TerminalError::Strict { rows: imported.faults.len(), path });
    }
    Ok(())
}

fn table(imported: &Imported) -> String {
    let mut table = pairs();
    for (name, count) in [
        ("rows read", imported.rows),
        ("products added", imported.added),
        ("products changed", imported.changed),
        ("already as in the file", imported.unchanged),
        ("rows that could not be used", u64::try_from(imported.faults.len()).unwrap_or(u64::MAX)),
    ] {
        table.add_row([name.to_owned(), count.to_string()]);
    }
    align_right(&mut table, &[1]);
    table.to_string()
}

/// Reads a file into the price book; `progress` hears how many of its bytes are read,
/// and how many rows.
pub(crate) fn import<S: Storage>(
    till: &mut Till<S>,
    file: &mut CsvFile,
    mut progress: impl FnMut(u64, u64),
) -> Result<Imported, TerminalError> {
    let columns = Columns::of(file)?;
    let settings = till.settings()?.clone();
    let mut imported = Imported::default();
    let mut seen: BTreeMap<Sku, u64> = BTreeMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    let failure = loop {
        let row = match file.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break None,
            // What was read before the file broke off is imported all the same.
            Err(error) => break Some(error),
        };
        imported.rows = imported.rows.saturating_add(1);
        match columns.read(&row, &settings) {
            Ok(wanted) => {
                if let Some(first) = seen.insert(wanted.sku.clone(), row.line()) {
                    let reason = format!("{} is on line {first} already", wanted.sku);
                    imported.faults.push(row.error(&reason));
                    seen.insert(wanted.sku, first);
                    continue;
                }
                batch.extend(imported.weigh(till.replica().books().price_book(), wanted));
            }
            Err(fault) => imported.faults.push(fault),
        }
        if batch.len() >= BATCH {
            till.execute(Command::EditProducts(core::mem::take(&mut batch)))?;
        }
        if imported.rows.is_multiple_of(1024) {
            progress(file.consumed(), imported.rows);
        }
    };
    if !batch.is_empty() {
        till.execute(Command::EditProducts(batch))?;
    }
    failure.map_or(Ok(imported), |error| Err(error.into()))
}

impl Imported {
    /// What must be edited so that the book has what the row wants; `None` if it has.
    fn weigh(&mut self, book: &PriceBook, wanted: Wanted) -> Option<(Sku, ProductFields)> {
        let Wanted { sku, mut fields } = wanted;
        let Some(product) = book.product(&sku) else {
            self.added = self.added.saturating_add(1);
            return Some((sku, fields));
        };
        forget_equal(&mut fields, product);
        if fields == ProductFields::default() {
            self.unchanged = self.unchanged.saturating_add(1);
            return None;
        }
        self.changed = self.changed.saturating_add(1);
        Some((sku, fields))
    }
}

/// Leaves only the fields that differ: an import that changes nothing writes nothing.
fn forget_equal(fields: &mut ProductFields, product: &Product) {
    fn forget<T: PartialEq>(field: &mut Option<T>, held: &T) {
        if field.as_ref() == Some(held) {
            *field = None;
        }
    }
    forget(&mut fields.name, &product.name);
    forget(&mut fields.gtins, &product.gtins);
    forget(&mut fields.kind, &product.kind);
    forget(&mut fields.unit, &product.unit);
    forget(&mut fields.tax_category, &product.tax_category);
    if let (Some(Assign::Set(price)), Some(held)) = (&fields.price, &product.price)
        && price == held
    {
        fields.price = None;
    }
}

/// What a row says of a product.
#[derive(Debug)]
struct Wanted {
    sku: Sku,
    fields: ProductFields,
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    sku: Column,
    name: Column,
    price: Column,
    gtin: Column,
    kind: Column,
    unit: Column,
    tax_category: Column,
}

impl Columns {
    fn of(file: &CsvFile) -> Result<Self, CsvError> {
        let gtin = file.optional("gtin");
        let own = file.optional("sku");
        let sku = if own.is_present() || gtin.is_present() {
            if own.is_present() { own } else { gtin }
        } else {
            file.required("sku", &["sku (or gtin)", "name"])?
        };
        Ok(Self {
            sku,
            name: file.required("name", &["sku (or gtin)", "name"])?,
            price: file.optional("price"),
            gtin,
            kind: file.optional("kind"),
            unit: file.optional("unit"),
            tax_category: file.optional("tax_category"),
        })
    }

    fn read(self, row: &Row<'_>, settings: &StoreSettings) -> Result<Wanted, RowError> {
        let sku = Sku::new(row.filled(self.sku)?).map_err(|error| row.error(&error))?;
        let fields = ProductFields {
            name: Some(name(row, self.name)?),
            gtins: self.gtins(row)?,
            price: self.price(row, settings.currency)?,
            kind: self.kind(row)?,
            unit: self.unit(row)?,
            tax_category: self.tax_category(row, settings)?,
            ..ProductFields::default()
        };
        Ok(Wanted { sku, fields })
    }

    fn gtins(self, row: &Row<'_>) -> Result<Option<BTreeSet<Gtin>>, RowError> {
        match row.text(self.gtin)? {
            "" => Ok(None),
            text => {
                let gtin = text.parse::<Gtin>().map_err(|error| row.error(&error))?;
                Ok(Some(BTreeSet::from([gtin])))
            }
        }
    }

    fn price(
        self,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<Option<Assign<UnitPrice>>, RowError> {
        match row.text(self.price)? {
            "" => Ok(None),
            text => {
                let price = UnitPrice::parse(text, currency).map_err(|error| row.error(&error))?;
                Ok(Some(Assign::Set(price)))
            }
        }
    }

    fn kind(self, row: &Row<'_>) -> Result<Option<ProductKind>, RowError> {
        match row.text(self.kind)?.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "stocked" | "goods" => Ok(Some(ProductKind::Stocked)),
            "service" => Ok(Some(ProductKind::Service)),
            other => Err(row.error(&format!("kind {other:?} is neither stocked nor service"))),
        }
    }

    fn unit(self, row: &Row<'_>) -> Result<Option<UnitOfMeasure>, RowError> {
        match row.text(self.unit)?.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "each" | "ea" | "pcs" => Ok(Some(UnitOfMeasure::Each)),
            "kg" | "kilogram" => Ok(Some(UnitOfMeasure::Kilogram)),
            "l" | "litre" | "liter" => Ok(Some(UnitOfMeasure::Litre)),
            "m" | "metre" | "meter" => Ok(Some(UnitOfMeasure::Metre)),
            other => Err(row.error(&format!("unit {other:?} is none of each, kg, l and m"))),
        }
    }

    fn tax_category(
        self,
        row: &Row<'_>,
        settings: &StoreSettings,
    ) -> Result<Option<String>, RowError> {
        let text = row.text(self.tax_category)?;
        if text.is_empty() {
            return Ok(None);
        }
        if settings.tax_table.rates(text).is_ok() {
            return Ok(Some(text.to_owned()));
        }
        let known: Vec<&str> = settings.tax_table.categories().map(|(name, _)| name).collect();
        let known = known.join(", ");
        Err(row.error(&format!("tax_category {text:?} is not one of the store's ({known})")))
    }
}

/// What the price book would refuse is refused here, with its line.
fn name(row: &Row<'_>, column: Column) -> Result<String, RowError> {
    let name = row.filled(column)?;
    if name.chars().any(char::is_control) {
        return Err(row.error("name holds a line break or another control character"));
    }
    let (length, most) = (name.chars().count(), limits::NAME_CHARS_MAX);
    if length > most {
        return Err(row.error(&format!("name has {length} characters, at most {most} are printed")));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::till::tests::{TestTill, memory_till};

    fn import_text(till: &mut TestTill, text: &[u8]) -> Imported {
        let source = Cursor::new(text.to_vec());
        let mut file = CsvFile::from_reader(Path::new("products.csv"), source, 0).unwrap();
        import(till, &mut file, |_, _| {}).unwrap()
    }

    #[test]
    fn bad_rows_are_named_by_line_and_the_rest_is_imported() {
        let mut till = memory_till();
        let mut text = b"sku,name,price,gtin,kind,unit,tax_category\n\
            A1,Mug,3.50,5000159484695,,,\n\
            A2,Plate,three,,,,\n\
            A3,Bowl,-1,,,,\n\
            A4,Cup,1,5000159484696,,,\n\
            ,Jug,1,,,,\n\
            A1,Mug again,1,,,,\n\
            A5,Apples,2.99,,stocked,kg,standard\n\
            A6,Delivery,4,,service,,\n\
            A7,Thing,1,,toy,,\n\
            A8,Thing,1,,,box,\n\
            A9,Thing,1,,,,luxury\n\
            B1,,1,,,,\n"
            .to_vec();
        text.extend_from_slice(b"B2,Caf\xe9,1,,,,\nB3,Tea,0.0049,,,,\nB4,Tea,0.00491,,,,\n");
        let imported = import_text(&mut till, &text);
        let lines: Vec<u64> = imported.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16], "{:#?}", imported.faults);
        assert_eq!((imported.rows, imported.added), (15, 4));
        let reason = |line| imported.faults.iter().find(|fault| fault.line == line).unwrap();
        assert!(reason(5).reason.contains("check digit"), "{}", reason(5));
        assert_eq!(reason(7).reason, "A1 is on line 2 already");
        assert!(reason(12).reason.contains("(standard)"), "{}", reason(12));
        assert_eq!(reason(14).reason, "name is not UTF-8 text");
        let book = till.replica().books().price_book();
        let apples = book.product(&"A5".parse().unwrap()).unwrap();
        assert_eq!(apples.unit, UnitOfMeasure::Kilogram);
        assert_eq!(book.len(), 4);
    }

    #[test]
    fn importing_a_file_again_changes_nothing_and_a_new_price_is_a_change() {
        let mut till = memory_till();
        let first = import_text(&mut till, b"sku,name,price\nA,Mug,1\nB,Cup,2\n");
        assert_eq!((first.added, first.changed, first.unchanged), (2, 0, 0));
        let held = till.replica().held_digest();
        let again = import_text(&mut till, b"sku,name,price\nA,Mug,1\nB,Cup,2\n");
        assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 2));
        assert_eq!(till.replica().held_digest(), held);
        let dearer = import_text(&mut till, b"sku,name,price\nA,Mug,1.10\nB,Cup,\n");
        assert_eq!((dearer.added, dearer.changed, dearer.unchanged), (0, 1, 1));
        let mug = till.replica().books().price_book().product(&"A".parse().unwrap()).unwrap();
        assert_eq!(mug.price.unwrap().to_string(), "1.10 GBP");
    }

    #[test]
    fn a_file_of_barcodes_and_names_needs_no_sku_and_no_price() {
        let mut till = memory_till();
        let text = "gtin,symbology,name\n01002782,EAN-8,British parsnips\n";
        assert_eq!(import_text(&mut till, text.as_bytes()).added, 1);
        let book = till.replica().books().price_book();
        let parsnips = book.by_gtin(&"01002782".parse().unwrap()).unwrap();
        assert_eq!((parsnips.sku.as_str(), parsnips.price), ("01002782", None));
    }
}
