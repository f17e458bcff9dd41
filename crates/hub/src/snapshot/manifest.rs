//! The manifest: which files a snapshot has, what they come to, which entries are in them, and who
//! says so.
//!
//! It is one line of JSON in one canonical form (keys sorted, no blanks, numbers whole, decimals as
//! text): what is read here is written back to the same bytes, or refused. The signature is over a
//! hash of those bytes with a context of its own, so that no other signature of the hub's key can
//! stand for it.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::exact::Sums;
use super::path::{FileName, FileNameError, Hash};
use crate::limits;

/// The one format this version reads and writes.
pub const FORMAT: &str = "tillmesh-snapshot";
/// Its version.
pub const VERSION: u32 = 1;
/// Most places money may have: no currency has more.
const MONEY_PLACES_MAX: u32 = 4;
/// What the signature's hash is derived for.
const CONTEXT: &str = "tillmesh snapshot manifest v1";
/// What stands before the hash in the signed message.
const SIGNED: &[u8] = b"tillmesh snapshot signature v1";

/// Why a manifest is refused.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// More bytes than a manifest may have.
    #[error("the manifest is longer than {} bytes", limits::SNAPSHOT_MANIFEST_BYTES_MAX)]
    TooLong,
    /// Not JSON, or not that of a manifest.
    #[error("the manifest cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another program's, or a newer version's.
    #[error(
        "the manifest is {format} version {version}; this program reads {FORMAT} version {VERSION}: \
         update it"
    )]
    Version {
        /// Its format.
        format: String,
        /// Its version.
        version: u32,
    },
    /// The same content, written otherwise.
    #[error("the manifest is not in its canonical form: it was changed after it was signed")]
    NotCanonical,
    /// The signature is not the signer's over these bytes.
    #[error("the manifest's signature does not fit: it was changed, or signed by somebody else")]
    Signature,
    /// A name no snapshot gives to a file.
    #[error(transparent)]
    Name(#[from] FileNameError),
    /// Names out of order or there twice, or more files than allowed.
    #[error("the manifest's list of files is too long, out of order, or names a file twice")]
    Files,
    /// A file longer than allowed.
    #[error("the manifest names a file of {bytes} bytes ({name}); at most {max} are allowed",
        max = limits::SNAPSHOT_FILE_BYTES_MAX)]
    FileTooLong {
        /// Which.
        name: FileName,
        /// Its length.
        bytes: u64,
    },
    /// Rows and sums of the tables are not those of their files.
    #[error("the manifest's totals of {0} are not those of its files")]
    Totals(String),
}

/// An end of a feed: everything up to it is in the snapshot. Only feeds of what lasts: open carts are
/// in no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Head {
    /// Entries before it that are named but not held: 0 when nothing is missing.
    pub gaps: u64,
    /// The last entry's id.
    pub head: Hash,
    /// Which life of the device.
    pub incarnation: u32,
    /// Tells lives with one number apart.
    pub nonce: String,
    /// Number of the last entry.
    pub seq: u64,
    /// Who wrote: the device's public key.
    pub writer: DeviceId,
}

/// The cut through one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreHeads {
    /// The ends of its feeds, by writer, life and lane.
    pub heads: Vec<Head>,
    /// The store.
    pub store: StoreId,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileEntry {
    /// Hash of its bytes.
    pub blake3: Hash,
    /// How many bytes.
    pub bytes: u64,
    /// Where it lies: table, store, part and the beginning of its hash.
    pub path: FileName,
    /// How many rows.
    pub rows: u64,
    /// Names its rows and how they are written: equal rows need not be written again.
    pub rows_digest: Hash,
    /// What its columns come to.
    pub sums: Sums,
}

/// All files of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableTotals {
    /// How many rows.
    pub rows: u64,
    /// What its columns come to.
    pub sums: Sums,
}

/// What a snapshot is. The order of the fields is that of the canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// Which entries are in it, by store.
    pub cut: Vec<StoreHeads>,
    /// The files, by path.
    pub files: Vec<FileEntry>,
    /// [`FORMAT`].
    pub format: String,
    /// Places of every column of money.
    pub money_places: u32,
    /// What the files of each table come to.
    pub tables: BTreeMap<String, TableTotals>,
    /// [`VERSION`].
    pub version: u32,
}

/// A manifest with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedManifest {
    manifest: Manifest,
    signature: String,
    signer: DeviceId,
}

/// The key a hub signs snapshots with.
#[derive(Clone)]
pub struct SnapshotKey(SigningKey);

impl core::fmt::Debug for SnapshotKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SnapshotKey({})", self.signer())
    }
}

impl SnapshotKey {
    /// The key of a device's 32-byte secret.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// Its public half.
    pub fn signer(&self) -> DeviceId {
        DeviceId::from_bytes(self.0.verifying_key().to_bytes())
    }
}

impl Manifest {
    fn signed_message(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut message = SIGNED.to_vec();
        message.extend(blake3::derive_key(CONTEXT, &serde_json::to_vec(self)?));
        Ok(message)
    }

    /// Whether names are in order, lengths allowed and totals those of the files.
    fn check(&self) -> Result<(), ManifestError> {
        if self.format != FORMAT || self.version != VERSION {
            let format = self.format.chars().take(40).collect();
            return Err(ManifestError::Version { format, version: self.version });
        }
        let sorted = |pair: &[FileEntry]| matches!(pair, [a, b] if a.path < b.path);
        if self.files.len() > limits::SNAPSHOT_FILES_MAX
            || !self.files.windows(2).all(sorted)
            || self.money_places > MONEY_PLACES_MAX
        {
            return Err(ManifestError::Files);
        }
        let mut totals = BTreeMap::<String, TableTotals>::new();
        for file in &self.files {
            file.path.check_hash(&file.blake3)?;
            if file.bytes > limits::SNAPSHOT_FILE_BYTES_MAX {
                return Err(ManifestError::FileTooLong {
                    name: file.path.clone(),
                    bytes: file.bytes,
                });
            }
            let table = file.path.table().name;
            let wrong = || ManifestError::Totals(table.to_owned());
            let total = totals.entry(table.to_owned()).or_default();
            total.rows = total.rows.checked_add(file.rows).ok_or_else(wrong)?;
            total.sums.add(&file.sums).map_err(|_error| wrong())?;
        }
        for (table, told) in &self.tables {
            if totals.get(table).unwrap_or(&TableTotals::default()) != told {
                return Err(ManifestError::Totals(table.clone()));
            }
        }
        match totals.keys().find(|table| !self.tables.contains_key(*table)) {
            Some(table) => Err(ManifestError::Totals(table.clone())),
            None => Ok(()),
        }
    }

    /// The file of a hash.
    pub fn file(&self, hash: &Hash) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.blake3 == *hash)
    }

    /// A feed that this manifest knows further than `other` does: what going from this to `other` would
    /// take back.
    pub fn ahead_of<'a>(&'a self, other: &Self) -> Option<(StoreId, &'a Head)> {
        let key = |head: &Head| (head.writer, head.incarnation, head.nonce.clone());
        let mut theirs = BTreeMap::<_, u64>::new();
        for (store, head) in
            other.cut.iter().flat_map(|cut| cut.heads.iter().map(|head| (cut.store, head)))
        {
            let seq = theirs.entry((store, key(head))).or_default();
            *seq = (*seq).max(head.seq);
        }
        self.cut.iter().flat_map(|cut| cut.heads.iter().map(|head| (cut.store, head))).find(
            |(store, head)| theirs.get(&(*store, key(head))).is_none_or(|&seq| seq < head.seq),
        )
    }
}

impl SignedManifest {
    /// Signs.
    pub fn sign(manifest: Manifest, key: &SnapshotKey) -> Result<Self, ManifestError> {
        manifest.check()?;
        let signature = key.0.sign(&manifest.signed_message()?);
        let signature = Hash::hex(&signature.to_bytes());
        Ok(Self { manifest, signature, signer: key.signer() })
    }

    /// Its bytes, as they lie in a folder and go over the network.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads and checks everything that can be checked without the files: form, signature, names,
    /// lengths, totals. Whether its signer is the right one is for the caller to say.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits::SNAPSHOT_MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong);
        }
        let told: Told = serde_json::from_slice(bytes)?;
        if told.manifest.format != FORMAT || told.manifest.version != VERSION {
            let (format, version) = (told.manifest.format, told.manifest.version);
            let format = format.chars().take(40).collect();
            return Err(ManifestError::Version { format, version });
        }
        let read: Self = serde_json::from_slice(bytes)?;
        if read.encode()? != bytes {
            return Err(ManifestError::NotCanonical);
        }
        read.verify()?;
        read.manifest.check()?;
        Ok(read)
    }

    fn verify(&self) -> Result<(), ManifestError> {
        let wrong = || ManifestError::Signature;
        let key = VerifyingKey::from_bytes(self.signer.as_bytes()).map_err(|_error| wrong())?;
        let signature = Hash::unhex::<64>(&self.signature).ok_or_else(wrong)?;
        key.verify_strict(&self.manifest.signed_message()?, &Signature::from_bytes(&signature))
            .map_err(|_error| wrong())
    }

    /// What was signed.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed.
    pub const fn signer(&self) -> DeviceId {
        self.signer
    }
}

/// What every version of a manifest says.
#[derive(Deserialize)]
struct Told {
    manifest: ToldVersion,
}

#[derive(Deserialize)]
struct ToldVersion {
    format: String,
    version: u32,
}
