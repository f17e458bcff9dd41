//! The snapshots among the hub's endpoints.
//!
//! A snapshot holds all stores and their customers: a token needs the scope `snapshots` and has to be
//! for all stores. One that names stores is refused, whichever they are.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::serve::{self, SnapshotService};
use crate::http::{Access, App, Problem};
use crate::store::Stores;
use crate::tokens::Scope;

/// The endpoints.
pub fn endpoints(service: Arc<SnapshotService>) -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(latest)).routes(routes!(file)).layer(Extension(service))
}

fn allow(access: &Access) -> Result<(), Problem> {
    if access.to(Scope::Snapshots)? == Stores::All {
        return Ok(());
    }
    let detail = "a snapshot holds all stores: ask for a token for all of them (`--all-stores`)";
    Err(Problem { detail: detail.to_owned(), ..Problem::no_store() })
}

/// The signed manifest of a snapshot of now.
#[utoipa::path(
    get,
    path = "/api/v1/snapshots/latest",
    tag = "snapshots",
    params(
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the manifest that is known already"),
    ),
    responses(
        (status = 304, description = "The manifest that is known is the newest"),
        (status = 200, description = "The manifest: which files there are, what they come to, which entries are in them, and the hub's signature. The same again while nothing changes", body = serde_json::Value),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `snapshots`, or is not for all stores", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "No snapshot could be taken", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn latest(
    access: Access,
    Extension(service): Extension<Arc<SnapshotService>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    allow(&access)?;
    serve::latest(service, headers).await
}

/// A file of the newest snapshot, or of the one before it.
#[utoipa::path(
    get,
    path = "/api/v1/snapshots/files/{blake3}",
    tag = "snapshots",
    params(
        ("blake3" = String, Path, description = "BLAKE3 hash of its bytes, as the manifest has it: 64 hexadecimal digits"),
        ("Range" = Option<String>, Header, description = "`bytes=100-`: the file from this byte on"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/vnd.apache.parquet"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>, content_type = "application/vnd.apache.parquet"),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `snapshots`, or is not for all stores", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such file: ask for the newest snapshot", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The file does not have that part"),
        (status = 422, description = "No hash", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn file(
    access: Access,
    Extension(service): Extension<Arc<SnapshotService>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    allow(&access)?;
    let Path(blake3) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    serve::file(service, &blake3, request).await
}
