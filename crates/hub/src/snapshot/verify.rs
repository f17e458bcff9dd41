//! Checking a snapshot: signature, hashes, and every row and sum counted again from the Parquet files
//! themselves. What is wrong is named, and the rest is checked all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pos_core::ids::DeviceId;
use thiserror::Error;

use super::exact::{Exact, Sums};
use super::folder::{Folder, FolderError};
use super::manifest::{FileEntry, SignedManifest, TableTotals};
use super::parquet_file::{ReadError, recount};
use super::path::FileName;

/// Something that is wrong with a snapshot.
#[derive(Debug, Error)]
pub enum Finding {
    /// Signed by another hub than asked for.
    #[error("the manifest is signed by {found}, not by {expected}: it is another hub's")]
    Signer {
        /// Who should have.
        expected: DeviceId,
        /// Who did.
        found: DeviceId,
    },
    /// The manifest names it, the folder does not have it.
    #[error("{0} is missing; pull the snapshot again")]
    Missing(FileName),
    /// Other bytes than were signed.
    #[error("{0} was changed or is damaged; pull the snapshot again, which fetches it anew")]
    Damaged(FileName),
    /// The signed bytes are no such table: the hub that signed it wrote it wrongly.
    #[error("{name}: {error}")]
    Unreadable {
        /// Which.
        name: FileName,
        /// Why.
        error: ReadError,
    },
    /// Other rows than the manifest says.
    #[error("{name} has {found} rows, the manifest says {told}")]
    Rows {
        /// Which.
        name: FileName,
        /// In the manifest.
        told: u64,
        /// In the file.
        found: u64,
    },
    /// Other sums than the manifest says.
    #[error("the columns of {0} sum to other figures than the manifest says")]
    Sums(FileName),
    /// A file the manifest does not name: a reader of the whole folder would count its rows too.
    #[error("{} belongs to no snapshot; take it out of the folder, or pull again", .0.display())]
    Stray(PathBuf),
    /// The tables contradict each other.
    #[error("in {currency}, {what}: {left} and {right}")]
    Across {
        /// The currency.
        currency: String,
        /// What should be equal.
        what: &'static str,
        /// One side.
        left: String,
        /// The other.
        right: String,
    },
}

/// What a check came to.
#[derive(Debug)]
pub struct Verified {
    /// The manifest; its signature holds.
    pub manifest: SignedManifest,
    /// What is wrong. Nothing: the snapshot is what its hub signed.
    pub findings: Vec<Finding>,
}

/// Checks the snapshot in a folder. Fails only when there is no manifest that could be believed.
pub fn verify(root: &Path, signer: Option<DeviceId>) -> Result<Verified, FolderError> {
    let folder = Folder::new(root);
    let manifest = folder.manifest()?;
    let mut findings = Vec::new();
    if let Some(expected) = signer.filter(|&expected| expected != manifest.signer()) {
        findings.push(Finding::Signer { expected, found: manifest.signer() });
    }
    let mut found = BTreeMap::<String, TableTotals>::new();
    for entry in &manifest.manifest().files {
        let bytes = match folder.intact(entry)? {
            Some(bytes) => bytes,
            None if entry.path.below(root).exists() => {
                findings.push(Finding::Damaged(entry.path.clone()));
                continue;
            }
            None => {
                findings.push(Finding::Missing(entry.path.clone()));
                continue;
            }
        };
        match check_file(entry, manifest.manifest().money_places, bytes) {
            Ok(totals) => {
                let sums = found.entry(entry.path.table().name.to_owned()).or_default();
                sums.rows = sums.rows.saturating_add(totals.rows);
                if sums.sums.add(&totals.sums).is_err() {
                    findings.push(Finding::Sums(entry.path.clone()));
                }
            }
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() {
        across(&found, &mut findings);
    }
    strays(&folder, &manifest, &mut findings)?;
    Ok(Verified { manifest, findings })
}

/// Counts a file again. Its hash was checked.
pub(super) fn check_file(
    entry: &FileEntry,
    money_places: u32,
    bytes: Vec<u8>,
) -> Result<TableTotals, Finding> {
    let name = || entry.path.clone();
    let (rows, sums) = recount(entry.path.table(), money_places, Bytes::from(bytes))
        .map_err(|error| Finding::Unreadable { name: name(), error })?;
    if rows != entry.rows {
        return Err(Finding::Rows { name: name(), told: entry.rows, found: rows });
    }
    if sums != entry.sums {
        return Err(Finding::Sums(name()));
    }
    Ok(TableTotals { rows, sums })
}

fn strays(
    folder: &Folder,
    manifest: &SignedManifest,
    findings: &mut Vec<Finding>,
) -> Result<(), FolderError> {
    let named: BTreeSet<&FileName> =
        manifest.manifest().files.iter().map(|file| &file.path).collect();
    for found in folder.files()? {
        match found {
            Ok(name) if named.contains(&name) => {}
            Ok(name) => findings.push(Finding::Stray(name.below(folder.root()))),
            Err(path) => findings.push(Finding::Stray(path)),
        }
    }
    Ok(())
}

/// The same money stands in three tables.
fn across(tables: &BTreeMap<String, TableTotals>, findings: &mut Vec<Finding>) {
    let none = Sums::default();
    let sums = |table: &str| tables.get(table).map_or(&none, |totals| &totals.sums);
    let (sales, items, payments) = (sums("sales"), sums("items"), sums("payments"));
    let currencies: BTreeSet<&String> =
        sales.money.keys().chain(items.money.keys()).chain(payments.money.keys()).collect();
    for currency in currencies {
        let units = |sums: &Sums, column| sums.money_of(currency, column).map_or(0, Exact::units);
        let mut equal = |what, left: i128, right: i128| {
            if left != right {
                let (left, right) = (left.to_string(), right.to_string());
                findings.push(Finding::Across { currency: currency.clone(), what, left, right });
            }
        };
        let total = units(sales, "total");
        equal("sales and their items come to other totals", total, units(items, "gross"));
        equal("sales and their items come to other tax", units(sales, "tax"), units(items, "tax"));
        let owed = total.saturating_add(units(sales, "rounding"));
        equal("sales and their payments differ", owed, units(payments, "settled"));
    }
}
