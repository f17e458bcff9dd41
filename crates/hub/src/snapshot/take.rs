//! Taking a snapshot: a cut of the hub's rows to a folder. Files whose rows did not change are left as
//! they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pos_core::business_date::BusinessDate;
use pos_core::ids::StoreId;
use pos_core::money::Money;
use replica::core::Lane;
use thiserror::Error;

use super::folder::{Folder, FolderError};
use super::manifest::{
    FORMAT, FileEntry, Head, Manifest, ManifestError, SignedManifest, SnapshotKey, StoreHeads,
    TableTotals, VERSION,
};
use super::parquet_file::WriteError;
use super::path::{FileName, Hash};
use super::tables::{self, FileRows};
use crate::limits;
use crate::rows::{FeedHead, PaymentRow, SaleDocument};
use crate::store::{Cut, StoreCut};

/// Why no snapshot was taken. The folder holds what it held before.
#[derive(Debug, Error)]
pub enum TakeError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The rows do not fit their tables.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The manifest is not one that would be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file is longer than a snapshot's file may be.
    #[error("{table} of one day or part come to {bytes} bytes; a file holds at most {max}",
        max = limits::SNAPSHOT_FILE_BYTES_MAX)]
    FileTooLong {
        /// Of which table.
        table: &'static str,
        /// How long it would be.
        bytes: usize,
    },
    /// The rows of a day are not what the books of the store come to: nothing is signed that the hub
    /// itself contradicts.
    #[error(
        "the rows of store {store} on {date} come to other {what} than its books; start the hub \
         again, which works them out anew, and report this"
    )]
    Disagree {
        /// The store.
        store: StoreId,
        /// The day.
        date: BusinessDate,
        /// Of what.
        what: &'static str,
    },
}

/// What a snapshot came to.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The manifest, as it lies in the folder.
    pub manifest: SignedManifest,
    /// Files that were written.
    pub written: usize,
    /// Their bytes.
    pub written_bytes: u64,
    /// Files that were there already.
    pub kept: usize,
}

/// Writes the cut into a folder, signed. Files of the snapshot that was in it before are kept when
/// `keep_previous` is set (somebody may be fetching them) and taken away otherwise.
pub fn take(
    cut: &Cut,
    key: &SnapshotKey,
    folder: &Path,
    keep_previous: bool,
) -> Result<Taken, TakeError> {
    cut.stores.iter().try_for_each(|(store, rows)| agree(*store, rows))?;
    let writing = Folder::new(folder).write()?;
    // A manifest that is damaged or another hub's is no reason to keep anything.
    let previous = writing.folder().manifest().ok().filter(|found| found.signer() == key.signer());
    let known: BTreeMap<Hash, &FileEntry> = previous
        .iter()
        .flat_map(|previous| &previous.manifest().files)
        .map(|file| (file.rows_digest, file))
        .collect();
    let money_places = tables::money_places(cut);
    let (mut files, mut written, mut written_bytes) = (Vec::new(), 0, 0);
    tables::each_file::<TakeError>(cut, money_places, &mut |file| {
        if let Some(entry) = unchanged(writing.folder(), &known, &file)? {
            writing.forget(&entry.blake3)?;
            files.push(entry);
            return Ok(());
        }
        let bytes = file.rows.encode()?;
        let entry = entry(&file, &bytes)?;
        writing.put(&entry.blake3, &bytes)?;
        written += 1;
        written_bytes += entry.bytes;
        files.push(entry);
        Ok(())
    })?;
    let kept = files.len() - written;
    let manifest = SignedManifest::sign(manifest(cut, files, money_places)?, key)?;
    let keep = previous.as_ref().filter(|_| keep_previous).map(SignedManifest::manifest);
    writing.publish(&manifest, &manifest.encode()?, keep)?;
    Ok(Taken { manifest, written, written_bytes, kept })
}

/// The file of an earlier snapshot that holds these very rows, if it is whole.
fn unchanged(
    folder: &Folder,
    known: &BTreeMap<Hash, &FileEntry>,
    file: &FileRows,
) -> Result<Option<FileEntry>, FolderError> {
    let digest = Hash::from_bytes(*file.rows.digest().as_bytes());
    let Some(&entry) = known.get(&digest) else { return Ok(None) };
    let name = FileName::new(file.table, file.store, file.part, &entry.blake3);
    if name != entry.path || folder.intact(entry)?.is_none() {
        return Ok(None);
    }
    Ok(Some(entry.clone()))
}

fn entry(file: &FileRows, bytes: &[u8]) -> Result<FileEntry, TakeError> {
    let too_long = || TakeError::FileTooLong { table: file.table.name, bytes: bytes.len() };
    let length = u64::try_from(bytes.len()).map_err(|_too_long| too_long())?;
    if length > limits::SNAPSHOT_FILE_BYTES_MAX {
        return Err(too_long());
    }
    let blake3 = Hash::of(bytes);
    Ok(FileEntry {
        blake3,
        bytes: length,
        path: FileName::new(file.table, file.store, file.part, &blake3),
        rows: file.rows.count(),
        rows_digest: Hash::from_bytes(*file.rows.digest().as_bytes()),
        sums: file.rows.sums().clone(),
    })
}

fn manifest(
    cut: &Cut,
    mut files: Vec<FileEntry>,
    money_places: u32,
) -> Result<Manifest, WriteError> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tables = BTreeMap::<String, TableTotals>::new();
    for file in &files {
        let totals = tables.entry(file.path.table().name.to_owned()).or_default();
        totals.rows += file.rows;
        totals.sums.add(&file.sums)?;
    }
    let cut = heads(cut);
    let format = FORMAT.to_owned();
    Ok(Manifest { cut, files, format, money_places, tables, version: VERSION })
}

/// The ends of the feeds that a cut goes through.
pub(super) fn heads(cut: &Cut) -> Vec<StoreHeads> {
    let of_store = |(&store, rows): (&StoreId, &Arc<StoreCut>)| {
        let lasting = rows.heads.iter().filter(|head| head.feed.lane == Lane::Ledger);
        let mut heads: Vec<Head> = lasting.map(head).collect();
        heads.sort();
        StoreHeads { heads, store }
    };
    cut.stores.iter().map(of_store).collect()
}

fn head(head: &FeedHead) -> Head {
    Head {
        gaps: head.gaps,
        head: Hash::from_bytes(*head.head.as_bytes()),
        incarnation: head.feed.incarnation.counter,
        nonce: Hash::hex(&head.feed.incarnation.nonce),
        seq: head.seq,
        writer: head.feed.device,
    }
}

/// Whether the rows of every day come to what the store's books say: two computations, one of which
/// never saw the rows. A day without totals (the store's settings have not arrived) has nothing to be
/// compared with.
fn agree(store: StoreId, cut: &StoreCut) -> Result<(), TakeError> {
    for (date, day) in &cut.days {
        let balances = day.sales.values().all(|document| balances(document));
        if !balances {
            return Err(TakeError::Disagree { store, date: *date, what: "lines and payments" });
        }
    }
    for (date, totals) in &cut.totals {
        let (mut value, mut tax, mut posted, mut adjustments) = (0_i128, 0_i128, 0_i128, 0_u64);
        if let Some(day) = cut.days.get(date) {
            for document in day.sales.values() {
                value += i128::from(document.sale.total.minor());
                tax += i128::from(document.sale.tax.minor());
            }
            posted = day.postings.values().map(|one| i128::from(one.amount.minor())).sum();
            adjustments = u64::try_from(day.adjustments.len()).unwrap_or(u64::MAX);
        }
        let minor = |sum: Money| i128::from(sum.minor());
        let compared = [
            ("sales", value == minor(totals.sales_value)),
            ("tax", tax == minor(totals.tax)),
            ("postings", posted == minor(totals.postings_amount)),
            ("adjustments", adjustments == totals.adjustments),
        ];
        if let Some((what, _)) = compared.into_iter().find(|(_, equal)| !equal) {
            return Err(TakeError::Disagree { store, date: *date, what });
        }
    }
    Ok(())
}

/// Whether the lines come to the total and the payments settle it.
fn balances(document: &SaleDocument) -> bool {
    let minor = |sum: Money| i128::from(sum.minor());
    let total = minor(document.sale.total);
    let lines: i128 = document.items.iter().map(|item| minor(item.gross)).sum();
    let settled = |one: &PaymentRow| minor(one.tendered) - minor(one.change);
    let paid: i128 = document.payments.iter().map(settled).sum();
    lines == total && paid == total + minor(document.sale.rounding)
}
