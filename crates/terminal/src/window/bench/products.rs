//! Products of a file, and more of them made from those.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use pos_core::gtin::Gtin;
use terminal::catalogue::fold;

/// Products: GTIN as printed, and name.
pub(crate) struct Products {
    rows: Vec<(String, String)>,
    /// Places of those whose numbers are nobody's own labels.
    scannable: Vec<usize>,
}

impl Products {
    /// Reads a file; derives as many as lack to `wanted`, with GTINs that are not in it.
    pub(crate) fn read(file: &Path, wanted: usize) -> Result<Self, Box<dyn Error>> {
        let opened = File::open(file)?;
        let gzip = file.extension().is_some_and(|end| end == "gz");
        let text: Box<dyn Read> =
            if gzip { Box::new(flate2::read::GzDecoder::new(opened)) } else { Box::new(opened) };
        let mut reader = csv::Reader::from_reader(text);
        let headers = reader.headers()?.clone();
        let column = |name: &str| {
            let at = headers.iter().position(|header| header == name);
            at.ok_or_else(|| format!("the file has no column {name}"))
        };
        let (gtin, name) = (column("gtin")?, column("name")?);
        let mut rows = Vec::with_capacity(wanted);
        for row in reader.records() {
            let row = row?;
            let text = |at: usize| row.get(at).unwrap_or_default().to_owned();
            rows.push((text(gtin), text(name)));
        }
        rows.truncate(wanted);
        let mut held: BTreeSet<u64> =
            rows.iter().filter_map(|(gtin, _)| gtin.parse().ok()).collect();
        let mut body = 590_000_000_000_u64;
        let read = rows.len().max(1);
        for at in 0..wanted.saturating_sub(rows.len()) {
            let fresh = loop {
                body += 1;
                match Gtin::from_body(body) {
                    Some(gtin) if held.insert(gtin.value()) => break gtin,
                    _ => {}
                }
            };
            let base = rows.get(at * 2 % read).map(|(_, name)| name.clone()).unwrap_or_default();
            let name: String = base.chars().take(150).collect();
            rows.push((
                format!("{:013}", fresh.value()),
                format!("{name}, pack of {}", at % 9 + 2),
            ));
        }
        let scannable = rows.iter().enumerate().filter(|(_, (gtin, _))| is_public(gtin));
        let scannable = scannable.map(|(at, _)| at).collect();
        Ok(Self { rows, scannable })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Writes them as a shop would: number as SKU, and a price by a rule.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_path(file)?;
        writer.write_record(["sku", "name", "price", "gtin", "unit"])?;
        for (gtin, name) in &self.rows {
            // A multiplicative hash of the number: 0.19 to 20.18.
            let number: u64 = gtin.parse()?;
            let cents = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let cents = 19 + cents % 2000;
            let price = format!("{}.{:02}", cents / 100, cents % 100);
            writer.write_record([gtin.as_str(), name, &price, gtin, "each"])?;
        }
        writer.flush()?;
        Ok(())
    }

    /// A code to scan: another one for each number below the count of products.
    pub(crate) fn scannable(&self, at: usize) -> Result<&str, Box<dyn Error>> {
        // Far apart in the file.
        let many = self.scannable.len();
        let place = self.scannable.get(at.wrapping_mul(37) % many.max(1));
        let row = place.and_then(|place| self.rows.get(*place));
        Ok(row.map(|(gtin, _)| gtin.as_str()).ok_or("the file has no GTIN of 13 digits to scan")?)
    }

    /// The codes of several scans.
    pub(crate) fn scannables(&self, from: usize, to: usize) -> Result<Vec<String>, Box<dyn Error>> {
        (from..to).map(|at| Ok(self.scannable(at)?.to_owned())).collect()
    }

    /// Whether a name is the expected one; the derived ones do not count.
    pub(crate) fn is(name: &str, expected: &str) -> bool {
        fold(name) == fold(expected)
    }
}

/// Whether a number is one product's in the whole world, and not a label a shop prints.
fn is_public(gtin: &str) -> bool {
    let private = ["02", "04", "2", "98", "99"];
    gtin.len() == 13 && !private.iter().any(|start| gtin.starts_with(start))
}
