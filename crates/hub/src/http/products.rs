//! Products, prices and stock over the stores.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::access::Access;
use super::model::{self, Amount, decimal};
use super::problem::Problem;
use super::query::{self, List};
use crate::store::{HubStore, MergedProduct, Page, Stores};
use crate::tokens::Scope;

/// A product over the stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// The shop's code.
    pub sku: String,
    /// How each store sells it, by store. Empty for a product that moved and is in no price book.
    pub stores: Vec<Offer>,
}

/// How one store sells a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// The store.
    pub store_id: String,
    /// Name, as printed.
    pub name: String,
    /// Barcodes.
    pub gtins: Vec<String>,
    /// Price of one unit; none: the cashier enters it.
    pub price: Option<Amount>,
    /// `stocked` or `service`.
    pub kind: &'static str,
    /// `each`, `kilogram`, `litre`, `metre`.
    pub unit: &'static str,
    /// Key of its tax rates.
    pub tax_category: String,
    /// Whether it may be sold.
    pub active: bool,
}

/// Products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductList {
    /// By SKU.
    pub products: Vec<Product>,
    /// Pass it as `after` for the next page; none on the last.
    pub next: Option<String>,
}

/// How much of a product there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    /// The shop's code.
    pub sku: String,
    /// Its name in the first store that has one.
    pub name: Option<String>,
    /// All stores of the token together.
    pub on_hand: String,
    /// By store.
    pub stores: Vec<StoreStock>,
}

/// How much of a product one store has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreStock {
    /// The store.
    pub store_id: String,
    /// Below zero when more was sold than was known to be there.
    pub on_hand: String,
}

/// Stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockList {
    /// Products that ever moved, by SKU.
    pub stock: Vec<Stock>,
    /// Pass it as `after` for the next page; none on the last.
    pub next: Option<String>,
}

/// Products and their prices, by SKU.
#[utoipa::path(
    get,
    path = "/api/v1/products",
    tag = "products",
    params(List),
    responses(
        (status = 200, description = "A page of products", body = ProductList),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `products`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn products(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<ProductList>, Problem> {
    access.to(Scope::Products)?;
    let list: List = query::read(&uri)?;
    let stores = access.to_store(Scope::Products, list.store.as_deref())?;
    let (found, next) = page_of(&*app.rows, &stores, list.page()?, |_| true)?;
    Ok(Json(ProductList { products: found.iter().map(Product::from).collect(), next }))
}

/// One product over the stores.
#[utoipa::path(
    get,
    path = "/api/v1/products/{sku}",
    tag = "products",
    params(("sku" = String, Path, description = "The shop's code; case does not count")),
    responses(
        (status = 200, description = "The product", body = Product),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `products`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None of this SKU in the stores of the token", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a SKU", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn product(
    State(app): State<App>,
    access: Access,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Product>, Problem> {
    let stores = access.to(Scope::Products)?;
    let Path(sku) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    let sku = query::sku(&sku)?;
    let found = app.rows.product(&stores, &sku)?.ok_or_else(|| Problem::not_found("product"))?;
    Ok(Json(Product::from(&found)))
}

/// Stock over the stores, by SKU: every product that ever moved.
#[utoipa::path(
    get,
    path = "/api/v1/stock",
    tag = "stock",
    params(List),
    responses(
        (status = 200, description = "A page of stock", body = StockList),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `stock`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn stock(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<StockList>, Problem> {
    access.to(Scope::Stock)?;
    let list: List = query::read(&uri)?;
    let stores = access.to_store(Scope::Stock, list.store.as_deref())?;
    let moved = |product: &MergedProduct| !product.stock.is_empty();
    let (found, next) = page_of(&*app.rows, &stores, list.page()?, moved)?;
    Ok(Json(StockList { stock: found.iter().map(Stock::from).collect(), next }))
}

/// A page of those that are `wanted`, and where the next one begins.
fn page_of(
    rows: &dyn HubStore,
    stores: &Stores,
    page: Page<pos_core::product::Sku>,
    wanted: impl Fn(&MergedProduct) -> bool,
) -> Result<(Vec<MergedProduct>, Option<String>), Problem> {
    let mut found = Vec::new();
    let mut after = page.after;
    // One more than fits says that there is a next page.
    let most = page.limit.saturating_add(1);
    while found.len() < most {
        let some = rows.products(stores, &Page { after: after.take(), limit: most })?;
        let is_last = some.len() < most;
        after = some.last().map(|product| product.sku.clone());
        found.extend(some.into_iter().filter(&wanted));
        if is_last {
            break;
        }
    }
    let has_next = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().filter(|_| has_next).map(|product| product.sku.to_string());
    Ok((found, next))
}

impl From<&MergedProduct> for Product {
    fn from(product: &MergedProduct) -> Self {
        let offers = product.offers.iter().map(|(store, row)| Offer {
            store_id: store.to_string(),
            name: row.name.clone(),
            gtins: row.gtins.iter().map(ToString::to_string).collect(),
            price: row.price.map(Amount::from),
            kind: model::kind(row.kind),
            unit: model::unit(row.unit),
            tax_category: row.tax_category.clone(),
            active: row.active,
        });
        Self { sku: product.sku.to_string(), stores: offers.collect() }
    }
}

impl From<&MergedProduct> for Stock {
    fn from(product: &MergedProduct) -> Self {
        let stores = product.stock.iter().map(|(store, on_hand)| StoreStock {
            store_id: store.to_string(),
            on_hand: decimal(*on_hand),
        });
        Self {
            sku: product.sku.to_string(),
            name: product.offers.values().next().map(|row| row.name.clone()),
            on_hand: decimal(product.on_hand()),
            stores: stores.collect(),
        }
    }
}
