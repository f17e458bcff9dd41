//! Offering snapshots over HTTP: `GET /api/v1/snapshots/latest` answers with the signed manifest of now,
//! `GET /api/v1/snapshots/files/{blake3}` with a file of it or of the one before, whole or a range.
//!
//! Who may ask is decided before a request comes here: see `api`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use thiserror::Error;
use tower_http::services::ServeFile;

use super::folder::{Folder, FolderError};
use super::manifest::{ManifestError, SignedManifest, SnapshotKey};
use super::path::{FileName, Hash};
use super::take::{TakeError, heads, take};
use crate::http::Problem;
use crate::store::{HubStore, StoreError, Stores};

/// Why there is no snapshot.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// It cannot be written.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// It cannot be encoded.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Takes snapshots into a folder of the hub's and gives them away.
#[derive(Debug)]
pub struct SnapshotService {
    rows: Arc<dyn HubStore>,
    key: SnapshotKey,
    folder: PathBuf,
    /// The newest snapshot. Held while one is taken: one at a time.
    newest: Mutex<Option<SignedManifest>>,
    /// The files that may be asked for: of the newest snapshot and the one before it, so that a pull
    /// under way comes to its end.
    offered: RwLock<[BTreeMap<Hash, FileName>; 2]>,
}

impl SnapshotService {
    /// Snapshots of `rows`, signed with `key`, kept in `folder`, which is this service's alone.
    pub fn new(rows: Arc<dyn HubStore>, key: SnapshotKey, folder: PathBuf) -> Self {
        let before = Folder::new(&folder).manifest().ok();
        let before = before.filter(|found| found.signer() == key.signer());
        let offered =
            RwLock::new([before.as_ref().map(files).unwrap_or_default(), BTreeMap::new()]);
        Self { rows, key, folder, newest: Mutex::new(None), offered }
    }

    /// The newest snapshot: taken now, or the last one where no entry has come since.
    pub fn latest(&self) -> Result<SignedManifest, ServeError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = self.rows.cut(&Stores::All)?;
        if let Some(same) = newest.as_ref().filter(|last| last.manifest().cut == heads(&cut)) {
            return Ok(same.clone());
        }
        let manifest = take(&cut, &self.key, &self.folder, true)?.manifest;
        let new = files(&manifest);
        let mut offered = self.offered.write().unwrap_or_else(PoisonError::into_inner);
        if new != offered[0] {
            let before = core::mem::replace(&mut offered[0], new);
            offered[1] = before;
        }
        *newest = Some(manifest.clone());
        Ok(manifest)
    }

    /// Where the file of a hash lies, if it is offered.
    pub fn file(&self, hash: &Hash) -> Option<PathBuf> {
        let offered = self.offered.read().unwrap_or_else(PoisonError::into_inner);
        let name = offered.iter().find_map(|files| files.get(hash))?;
        Some(name.below(&self.folder))
    }
}

fn files(manifest: &SignedManifest) -> BTreeMap<Hash, FileName> {
    let files = manifest.manifest().files.iter();
    files.map(|file| (file.blake3, file.path.clone())).collect()
}

impl ServeError {
    /// What a client is told: why, and nothing of where on the hub's disk.
    fn told(&self) -> String {
        match self {
            Self::Folder(FolderError::Io { error, .. })
            | Self::Take(TakeError::Folder(FolderError::Io { error, .. })) => {
                format!("the hub cannot write its snapshot: {error}")
            }
            Self::Folder(_) | Self::Take(TakeError::Folder(_)) => {
                "the hub cannot use the folder of its snapshots".to_owned()
            }
            other => other.to_string(),
        }
    }
}

/// The manifest of the newest snapshot; nothing (status 304) to whoever says in `If-None-Match` that it
/// has that one.
pub async fn latest(
    service: Arc<SnapshotService>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let taken =
        tokio::task::spawn_blocking(move || Ok::<_, ServeError>(service.latest()?.encode()?));
    let taken = taken.await.map_err(|_panicked| Problem::ours("the snapshot was not finished"))?;
    let bytes = taken.map_err(|error| Problem::ours(error.told()))?;
    let tag = tag(&bytes);
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| value.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim() == tag)));
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(bytes).into_response()
    };
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}

/// Names the bytes of a manifest.
pub(super) fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Hash::of(bytes))
}

/// A file, by the hash of its bytes.
pub async fn file(
    service: Arc<SnapshotService>,
    blake3: &str,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let hash: Hash = blake3.parse().map_err(|_no_hash| {
        Problem::invalid("a file is asked for by its BLAKE3 hash, 64 hexadecimal digits")
    })?;
    let gone = || {
        let detail = "no snapshot that is offered has a file of this hash: ask for the newest one";
        Problem { detail: detail.to_owned(), ..Problem::not_found("file") }
    };
    let path = service.file(&hash).ok_or_else(gone)?;
    let answer = ServeFile::new(path).try_call(request).await;
    let answer = answer.map_err(|error| Problem::ours(error.to_string()))?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Err(gone());
    }
    let mut answer = answer.map(Body::new);
    let parquet = HeaderValue::from_static("application/vnd.apache.parquet");
    answer.headers_mut().insert(header::CONTENT_TYPE, parquet);
    Ok(answer)
}
