//! What goes wrong, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;
use crate::tokens::{Scope, TokenError};

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:tillmesh:problem:` and a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The status code again.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
}

impl Problem {
    fn new(status: StatusCode, word: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tillmesh:problem:{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// 401: no token.
    pub fn no_token() -> Self {
        let detail = "send a token as `Authorization: Bearer …`; `tillmesh-hub token` makes one";
        Self::new(StatusCode::UNAUTHORIZED, "no-token", "A token is needed", detail)
    }

    /// 401: a token that is not good.
    pub fn bad_token(error: TokenError) -> Self {
        let title = "The token is not good";
        Self::new(StatusCode::UNAUTHORIZED, "bad-token", title, error.to_string())
    }

    /// 403: the token does not have this scope.
    pub fn no_scope(scope: Scope) -> Self {
        let detail = format!("this token does not have the scope {scope}: ask for one that has");
        Self::new(StatusCode::FORBIDDEN, "no-scope", "The token does not allow this", detail)
    }

    /// 403: the token is for other stores. Says nothing of whether there is such a store.
    pub fn no_store() -> Self {
        let detail = "this token is for other stores: ask for one that names this store";
        Self::new(StatusCode::FORBIDDEN, "other-store", "The token does not allow this", detail)
    }

    /// 404: nothing of this name that the token may see.
    pub fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what} among the stores of this token");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 404: no such address.
    pub fn no_page() -> Self {
        let detail = "the hub has nothing at this address; see /api/v1/openapi.json";
        Self::new(StatusCode::NOT_FOUND, "no-page", "Not found", detail)
    }

    /// 405: nothing here is written through the API.
    pub fn no_method() -> Self {
        let detail = "the API only reads: use GET";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Not allowed", detail)
    }

    /// 422: a value that cannot be used.
    pub fn invalid(detail: impl Into<String>) -> Self {
        let title = "The request cannot be used";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail)
    }

    /// 500: our own fault.
    pub fn ours(detail: impl Into<String>) -> Self {
        let title = "The hub could not answer";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "hub", title, detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The hub's rows cannot be reached",
            error.to_string(),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.
            let asks = if self.kind.ends_with("bad-token") {
                "Bearer error=\"invalid_token\""
            } else {
                "Bearer"
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(asks));
        }
        response
    }
}
