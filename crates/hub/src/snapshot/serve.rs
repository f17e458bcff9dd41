//! Offering snapshots over HTTP: `GET /api/v1/snapshots/latest` answers with the signed manifest of now,
//! `GET /api/v1/snapshots/files/{blake3}` with a file of it or of the one before, whole or a range.
//!
//! Who may ask is decided before a request comes here: see `api`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use thiserror::Error;
use tower_http::services::ServeFile;

use super::folder::{Folder, FolderError};
use super::manifest::{Manifest, ManifestError, SnapshotKey};
use super::path::Hash;
use super::take::{TakeError, Taken, take};
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
    /// The files that may be asked for: of the newest snapshot and the one before it, so that a pull
    /// under way ends. One snapshot is taken at a time.
    offered: Mutex<Vec<Manifest>>,
}

impl SnapshotService {
    /// Snapshots of `rows`, signed with `key`, kept in `folder`, which is this service's alone.
    pub fn new(rows: Arc<dyn HubStore>, key: SnapshotKey, folder: PathBuf) -> Self {
        let before = Folder::new(&folder).manifest().ok();
        let offered = before.filter(|found| found.signer() == key.signer());
        let offered = offered.map(|found| found.manifest().clone()).into_iter().collect();
        Self { rows, key, folder, offered: Mutex::new(offered) }
    }

    /// The newest snapshot: taken now. Where nothing changed since the last one it is that one again.
    pub fn latest(&self) -> Result<Taken, ServeError> {
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = self.rows.cut(&Stores::All)?;
        let taken = take(&cut, &self.key, &self.folder, true)?;
        if offered.last() != Some(taken.manifest.manifest()) {
            offered.push(taken.manifest.manifest().clone());
            let old = offered.len().saturating_sub(2);
            offered.drain(..old);
        }
        Ok(taken)
    }

    /// Where the file of a hash lies, if it is offered.
    pub fn file(&self, hash: &Hash) -> Option<PathBuf> {
        let offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = offered.iter().rev().find_map(|manifest| manifest.file(hash))?;
        Some(entry.path.below(&self.folder))
    }
}

/// The manifest of the newest snapshot.
pub async fn latest(service: Arc<SnapshotService>) -> Response<Body> {
    let taken = tokio::task::spawn_blocking(move || {
        Ok::<_, ServeError>(service.latest()?.manifest.encode()?)
    });
    match taken.await {
        Ok(Ok(bytes)) => {
            let mut answer = Body::from(bytes).into_response();
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(header::CONTENT_TYPE, json);
            let fresh = HeaderValue::from_static("no-cache, private");
            answer.headers_mut().insert(header::CACHE_CONTROL, fresh);
            answer
        }
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_panicked) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "the snapshot could not be taken")
        }
    }
}

/// A file, by the hash of its bytes.
pub async fn file(service: Arc<SnapshotService>, blake3: &str, request: Request) -> Response<Body> {
    let Ok(hash) = blake3.parse::<Hash>() else {
        let detail = "a file's name is its BLAKE3 hash, 64 hexadecimal digits";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, detail);
    };
    let finding = tokio::task::spawn_blocking(move || service.file(&hash)).await;
    let Ok(Some(path)) = finding else {
        let detail = "no snapshot that is offered has a file of this hash; ask for the latest one";
        return problem(StatusCode::NOT_FOUND, detail);
    };
    match ServeFile::new(path).try_call(request).await {
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {
            problem(StatusCode::NOT_FOUND, "the file is gone; ask for the latest snapshot")
        }
        Ok(answer) => {
            let mut answer = answer.map(Body::new);
            let parquet = HeaderValue::from_static("application/vnd.apache.parquet");
            answer.headers_mut().insert(header::CONTENT_TYPE, parquet);
            answer
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A refusal as RFC 9457 has it.
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut answer = (status, body.to_string()).into_response();
    let json = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
