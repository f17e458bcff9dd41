//! Single sales and returns.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use pos_core::ids::RecordId;

use super::App;
use super::access::Access;
use super::model::SaleTransaction;
use super::problem::Problem;
use crate::tokens::Scope;

/// A sale or return with its lines and payments.
#[utoipa::path(
    get,
    path = "/api/v1/transactions/{id}",
    tag = "transactions",
    params(("id" = String, Path, description = "Its id: 64 hexadecimal characters")),
    responses(
        (status = 200, description = "The transaction", body = SaleTransaction),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `transactions`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None of this id in the stores of the token", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not an id", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn transaction(
    State(app): State<App>,
    access: Access,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SaleTransaction>, Problem> {
    let stores = access.to(Scope::Transactions)?;
    let Path(id) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    let id: RecordId = id.parse().map_err(|error| Problem::invalid(format!("id: {error}")))?;
    let found = app.rows.sale(&stores, id)?.ok_or_else(|| Problem::not_found("transaction"))?;
    Ok(Json(SaleTransaction::from(&*found)))
}
