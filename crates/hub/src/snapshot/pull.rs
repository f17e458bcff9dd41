//! Pulling a snapshot: the manifest first, then every file that is not here yet, then the manifest
//! put in place in one step.
//!
//! The server is not trusted: whoever answers can only give what the pinned hub has signed. Every
//! length is known before it is read, every name is checked before it is a path, no redirect is
//! followed (the token stays with the host it was meant for), and nothing counts before all of it is
//! here and checked.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pos_core::ids::DeviceId;
use thiserror::Error;

use super::folder::{Folder, FolderError, Writing, at, read_at_most, sync_folder};
use super::http::{Answer, Client, HttpError};
use super::manifest::{FileEntry, ManifestError, SignedManifest};
use super::path::{FileName, Hash};
use super::serve::tag;
use super::verify::{Finding, check_file};
use crate::limits;

/// Remembers whose manifests are taken, from the first pull on.
const SIGNER: &str = ".signer";
/// What a half-fetched file's name ends with.
const HALF: &str = "half";

/// Why a pull ended. The folder holds the snapshot it held before, whole; what was fetched waits for
/// the next pull.
#[derive(Debug, Error)]
pub enum PullError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network, or an answer that is none.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The manifest the server gave is refused.
    #[error("the server's snapshot is refused: {0}")]
    Manifest(#[from] ManifestError),
    /// Signed by somebody else.
    #[error(
        "the server's snapshot is signed by {found}, but this folder takes those of {expected} only; \
         if the hub was replaced, ask its owner for the new key and pull with --signer {found}"
    )]
    Signer {
        /// Whose are taken.
        expected: DeviceId,
        /// Who signed.
        found: DeviceId,
    },
    /// An older state than the one here.
    #[error(
        "the server's snapshot is older than the one here: it lacks entries of device {device} in \
         store {store}; if the hub was set up anew and is still being filled, try again later, or \
         pull with --allow-older"
    )]
    Older {
        /// The store.
        store: String,
        /// Whose entries.
        device: DeviceId,
    },
    /// Other bytes than were signed.
    #[error("the server gave other bytes for {name} than its hub signed; nothing was changed here")]
    WrongBytes {
        /// Which.
        name: FileName,
    },
    /// The signed bytes are not what the manifest says of them.
    #[error("the server's snapshot contradicts itself: {0}")]
    Contradiction(Finding),
    /// More than the file has.
    #[error("the server sends more than the {bytes} bytes of {name}; nothing was changed here")]
    TooLong {
        /// Which.
        name: FileName,
        /// Its length.
        bytes: u64,
    },
    /// The server breaks off again and again.
    #[error("fetching {name} broke off {tries} times in a row ({error}); pull again to go on")]
    BrokenOff {
        /// Which.
        name: FileName,
        /// How often.
        tries: u32,
        /// The last reason.
        error: HttpError,
    },
    /// Files of the manifest are not there.
    #[error("the server does not have {0}, which its own manifest names; tell the hub's owner")]
    Gone(FileName),
    /// The pin is damaged.
    #[error("{} is not a public key of 64 hexadecimal digits; remove it or pass --signer", .0.display())]
    Pin(PathBuf),
}

/// What to pull.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The hub: `https://hub.example`.
    pub url: String,
    /// The bearer token.
    pub token: Option<String>,
    /// Whose signature is taken. `None`: the one of this folder's first pull.
    pub signer: Option<DeviceId>,
    /// Takes a snapshot that lacks entries the folder's own has.
    pub allow_older: bool,
    /// Sends the token over a connection anybody on the way can read.
    pub allow_plain_http: bool,
    /// Pause before a transfer that broke off is tried again; each further one is twice as long.
    pub pause: Duration,
}

/// What a pull came to.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The manifest that is in the folder now.
    pub manifest: SignedManifest,
    /// Files that were fetched.
    pub fetched: usize,
    /// Bytes of files that came over the network, those of a file that was gone on with once only.
    pub fetched_bytes: u64,
    /// Files that were here already.
    pub kept: usize,
    /// The signer was not known before: it is from now on.
    pub pinned: bool,
}

/// Pulls the newest snapshot into a folder.
pub fn pull(what: &Pull, folder: &Path) -> Result<Pulled, PullError> {
    let client = Client::new(&what.url, what.token.as_deref(), what.allow_plain_http)?;
    let writing = Folder::new(folder).write()?;
    let mut fetched = (0, 0);
    let mut starts = 0;
    loop {
        starts += 1;
        match once(what, &client, &writing, &mut fetched) {
            // The hub took a newer snapshot meanwhile.
            Err(PullError::Gone(_)) if starts < limits::SNAPSHOT_FRESH_STARTS => {}
            done => return done,
        }
    }
}

fn once(
    what: &Pull,
    client: &Client,
    writing: &Writing,
    fetched: &mut (usize, u64),
) -> Result<Pulled, PullError> {
    let folder = writing.folder();
    let here = folder.manifest().ok();
    let held = here.as_ref().map(SignedManifest::encode).transpose()?;
    let (manifest, bytes) = match client.manifest(held.as_deref().map(tag).as_deref())? {
        Some(bytes) => (SignedManifest::decode(&bytes)?, bytes),
        None => match (here.clone(), held) {
            (Some(here), Some(held)) => (here, held),
            _ => return Err(HttpError::NotKnown.into()),
        },
    };
    let pin = read_pin(folder.root())?;
    let known = what.signer.or(pin).or_else(|| here.as_ref().map(SignedManifest::signer));
    if let Some(expected) = known.filter(|&expected| expected != manifest.signer()) {
        return Err(PullError::Signer { expected, found: manifest.signer() });
    }
    let same_hub = here.as_ref().filter(|here| here.signer() == manifest.signer());
    if let Some(here) = same_hub.filter(|_| !what.allow_older)
        && let Some((store, head)) = here.manifest().ahead_of(manifest.manifest())
    {
        return Err(PullError::Older { store: store.to_string(), device: head.writer });
    }
    let places = manifest.manifest().money_places;
    let mut kept = 0;
    for entry in &manifest.manifest().files {
        if folder.intact(entry)?.is_some() {
            writing.forget(&entry.blake3)?;
            kept += 1;
            continue;
        }
        let transfer = Transfer { client, pause: what.pause };
        let was_here = fetch(transfer, writing, entry, places, &mut fetched.1)?;
        if was_here { kept += 1 } else { fetched.0 += 1 }
    }
    write_pin(writing, manifest.signer(), pin)?;
    writing.publish(&manifest, &bytes, None)?;
    let pinned = known.is_none();
    Ok(Pulled { manifest, fetched: fetched.0, fetched_bytes: fetched.1, kept, pinned })
}

/// How files come.
#[derive(Clone, Copy)]
struct Transfer<'a> {
    client: &'a Client,
    pause: Duration,
}

/// Fetches one file to where it waits, going on with what is there. True when all of it was.
fn fetch(
    transfer: Transfer<'_>,
    writing: &Writing,
    entry: &FileEntry,
    money_places: u32,
    counted: &mut u64,
) -> Result<bool, PullError> {
    let place = writing.incoming(&entry.blake3);
    if whole(&place, entry)?.is_some() {
        return Ok(true);
    }
    let half = place.with_extension(HALF);
    let mut went_on = length(&half)? > 0;
    loop {
        fill(transfer, &half, entry, counted)?;
        if let Some(bytes) = whole(&half, entry)? {
            check_file(entry, money_places, bytes).map_err(PullError::Contradiction)?;
            fs::rename(&half, &place).map_err(at(&place))?;
            if let Some(folder) = place.parent() {
                sync_folder(folder)?;
            }
            return Ok(false);
        }
        // What was gone on with may have been another file's beginning, or torn by a power cut.
        fs::remove_file(&half).map_err(at(&half))?;
        if !went_on {
            return Err(PullError::WrongBytes { name: entry.path.clone() });
        }
        went_on = false;
    }
}

/// Adds bytes to a half-fetched file until it is as long as it should be.
fn fill(
    transfer: Transfer<'_>,
    half: &Path,
    entry: &FileEntry,
    counted: &mut u64,
) -> Result<(), PullError> {
    let mut fruitless = 0;
    loop {
        let begin = length(half)?;
        if begin >= entry.bytes && begin > 0 {
            return Ok(());
        }
        let broken = match some(transfer.client, half, entry, begin, counted) {
            Ok(()) if length(half)? >= entry.bytes => return Ok(()),
            Ok(()) => HttpError::Short,
            Err(PullError::Http(error)) if error.is_passing() => error,
            Err(error) => return Err(error),
        };
        fruitless = if length(half)? > begin { 0 } else { fruitless + 1 };
        if fruitless >= limits::SNAPSHOT_FRUITLESS_TRIES {
            let name = entry.path.clone();
            return Err(PullError::BrokenOff { name, tries: fruitless, error: broken });
        }
        thread::sleep(transfer.pause.saturating_mul(1 << fruitless.min(4)));
    }
}

/// One request for the rest of a file, as far as the connection holds.
fn some(
    client: &Client,
    half: &Path,
    entry: &FileEntry,
    begin: u64,
    counted: &mut u64,
) -> Result<(), PullError> {
    let (begin, mut body) = match client.file(&entry.blake3, begin)? {
        Answer::Rest { from, body } if from == begin => (begin, body),
        Answer::Rest { body, .. } | Answer::Whole(body) => (0, body),
        Answer::Gone => return Err(PullError::Gone(entry.path.clone())),
    };
    let io = |error| PullError::Folder(at(half)(error));
    if half.is_symlink() {
        return Err(FolderError::Link(half.to_owned()).into());
    }
    let mut open = OpenOptions::new();
    let mut file = open.create(true).truncate(false).write(true).open(half).map_err(io)?;
    file.set_len(begin).map_err(io)?;
    file.seek(SeekFrom::Start(begin)).map_err(io)?;
    let mut left = entry.bytes.saturating_sub(begin);
    let mut buffer = vec![0; 64 << 10];
    let read = loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Err(HttpError::Body(error)),
        };
        let length = u64::try_from(count).unwrap_or(u64::MAX);
        if length > left {
            drop(file);
            fs::remove_file(half).map_err(io)?;
            return Err(PullError::TooLong { name: entry.path.clone(), bytes: entry.bytes });
        }
        file.write_all(buffer.get(..count).unwrap_or_default()).map_err(io)?;
        left -= length;
        *counted += length;
    };
    file.sync_all().map_err(io)?;
    Ok(read?)
}

/// The bytes of a file that is the one wanted.
fn whole(path: &Path, entry: &FileEntry) -> Result<Option<Vec<u8>>, PullError> {
    match read_at_most(path, entry.bytes) {
        Ok(bytes) => Ok(bytes.filter(|bytes| Hash::of(bytes) == entry.blake3)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FolderError::Io { path: path.to_owned(), error }.into()),
    }
}

fn length(path: &Path) -> Result<u64, PullError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(FolderError::Io { path: path.to_owned(), error }.into()),
    }
}

fn read_pin(root: &Path) -> Result<Option<DeviceId>, PullError> {
    let path = root.join(SIGNER);
    match read_at_most(&path, 256) {
        Ok(bytes) => bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.trim().parse().ok())
            .map(Some)
            .ok_or(PullError::Pin(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FolderError::Io { path, error }.into()),
    }
}

fn write_pin(writing: &Writing, signer: DeviceId, pin: Option<DeviceId>) -> Result<(), PullError> {
    if pin == Some(signer) {
        return Ok(());
    }
    let root = writing.folder().root();
    let (new, path) = (root.join(".signer.new"), root.join(SIGNER));
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&new)?;
        file.write_all(format!("{signer}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(at(&path))?;
    Ok(sync_folder(root)?)
}
