//! What head office reads over HTTP: the API under `/api/v1`, and the page of the day.
//!
//! Every endpoint is registered together with its description ([`api`]), so the `OpenAPI` document at
//! `/api/v1/openapi.json` cannot leave one out.

mod access;
pub mod devices;
pub mod model;
mod pages;
mod problem;
pub mod products;
pub mod query;
pub mod reports;
mod today;
mod transactions;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pos_core::business_date::WallTime;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::Access;
pub use problem::Problem;

use crate::limits;
use crate::peer::Links;
use crate::store::HubStore;
use crate::tokens::Issuer;

/// What all requests share.
#[derive(Debug, Clone)]
pub struct App {
    /// The rows.
    pub rows: Arc<dyn HubStore>,
    /// How the stores are connected.
    pub links: Links,
    /// Who may read what.
    pub tokens: Arc<Issuer>,
    /// What the wall clock shows.
    pub clock: fn() -> WallTime,
}

impl App {
    fn now(&self) -> WallTime {
        (self.clock)()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tillmesh hub",
        description = "What the stores of this hub sold, have and miss. All amounts are decimal \
                       texts with a currency, all quantities decimal texts, all times UTC.",
    ),
    modifiers(&BearerToken),
    security(("bearer" = [])),
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", scheme);
    }
}

/// The API with its description. `more` adds endpoints of the same kind: they take an [`Access`], and
/// describe themselves.
pub fn api(more: OpenApiRouter<App>) -> (Router<App>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(transactions::transaction))
        .routes(routes!(products::products))
        .routes(routes!(products::product))
        .routes(routes!(products::stock))
        .routes(routes!(reports::daily))
        .routes(routes!(reports::stores))
        .routes(routes!(reports::exceptions))
        .routes(routes!(devices::devices))
        .merge(more)
        .split_for_parts()
}

/// Everything the hub answers over HTTP. `more` as for [`api`].
pub fn router(app: App, more: OpenApiRouter<App>) -> Router {
    let (api, document) = api(more);
    let document = Arc::new(serde_json::to_string(&document).unwrap_or_default());
    let described = move || async move {
        ([(header::CONTENT_TYPE, "application/json")], document.as_str().to_owned())
    };
    let turns = Arc::new(Semaphore::new(limits::REQUESTS_AT_A_TIME));
    api.route("/api/v1/openapi.json", get(described))
        .merge(pages::routes())
        .fallback(|| async { Problem::no_page() })
        .method_not_allowed_fallback(|| async { Problem::no_method() })
        .layer(DefaultBodyLimit::max(limits::REQUEST_BYTES_MAX))
        .layer(middleware::from_fn(careful_headers))
        .layer(middleware::from_fn_with_state(turns, in_turn))
        .with_state(app)
}

/// Answers requests on `listener` until `stop` is done.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Listens at an address.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// A bounded number of requests is worked on; the others wait.
async fn in_turn(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    // The semaphore is never closed.
    let turn = turns.acquire().await;
    let response = next.run(request).await;
    drop(turn);
    response
}

/// Figures are nobody else's: no cache keeps them, no other page shows them in a frame.
async fn careful_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
