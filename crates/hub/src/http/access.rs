//! Who asks, and what for.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use pos_core::ids::StoreId;

use super::App;
use super::problem::Problem;
use crate::store::Stores;
use crate::tokens::{Grant, Scope, TokenError};

/// The cookie the pages' token is in.
pub(super) const COOKIE: &str = "tillmesh_token";

/// Whoever has shown a valid token in the header `Authorization`. Every endpoint takes one, and says
/// with [`Access::to`] what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(Grant);

impl Access {
    /// What a token allows.
    pub const fn new(grant: Grant) -> Self {
        Self(grant)
    }

    /// The stores that may be read for `scope`.
    pub fn to(&self, scope: Scope) -> Result<Stores, Problem> {
        if self.0.scopes.contains(&scope) {
            Ok(self.0.stores.clone())
        } else {
            Err(Problem::no_scope(scope))
        }
    }

    /// As [`Self::to`], for one store where the request names one.
    pub fn to_store(&self, scope: Scope, store: Option<&str>) -> Result<Stores, Problem> {
        let allowed = self.to(scope)?;
        let Some(store) = store else { return Ok(allowed) };
        let store: StoreId =
            store.parse().map_err(|error| Problem::invalid(format!("store: {error}")))?;
        if !allowed.allow(store) {
            return Err(Problem::no_store());
        }
        Ok(Stores::Only(BTreeSet::from([store])))
    }
}

impl FromRequestParts<App> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(Problem::no_token)?;
        let grant = app.tokens.check(token, app.now()).map_err(Problem::bad_token)?;
        Ok(Self(grant))
    }
}

/// Whoever looks at a page: with a token in the header, or in the cookie that the page `/login` sets.
#[derive(Debug, Clone)]
pub(super) struct Visitor(pub Result<Access, Option<TokenError>>);

impl FromRequestParts<App> for Visitor {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &App,
    ) -> Result<Self, core::convert::Infallible> {
        let token = bearer(&parts.headers).or_else(|| cookie(&parts.headers));
        Ok(Self(match token {
            None => Err(None),
            Some(token) => app.tokens.check(token, app.now()).map(Access).map_err(Some),
        }))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}
