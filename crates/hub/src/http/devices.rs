//! Devices of the stores and how far behind what is here may be.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use pos_core::business_date::WallTime;
use replica::core::Role;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::access::Access;
use super::problem::Problem;
use super::query::{self, OneStore};
use crate::peer::Link;
use crate::rows::DeviceRow;
use crate::tokens::Scope;

/// The devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceList {
    /// By store and key.
    pub devices: Vec<Device>,
}

/// A device of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Its store.
    pub store_id: String,
    /// Its key.
    pub device_id: String,
    /// What it is called.
    pub name: String,
    /// `till` or `manager`.
    pub role: &'static str,
    /// It was shut out.
    pub revoked: bool,
    /// Entries of it that are here.
    pub entries: u64,
    /// Nothing in between is missing.
    pub is_whole: bool,
    /// The clock of its newest entry here.
    #[schema(format = DateTime)]
    pub last_written: Option<String>,
    /// How long ago that was, in seconds. It says when the device was last heard of, not what it has
    /// sold since.
    pub lag_seconds: Option<i64>,
    /// It is connected to the hub now.
    pub connected: bool,
    /// Entries it holds, when it last said so, that are not here; none while it is not connected.
    pub ahead: Option<u64>,
}

/// Devices and their lag, by store.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    tag = "devices",
    params(OneStore),
    responses(
        (status = 200, description = "The devices", body = DeviceList),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `devices`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn devices(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<DeviceList>, Problem> {
    access.to(Scope::Devices)?;
    let asked: OneStore = query::read(&uri)?;
    let stores = access.to_store(Scope::Devices, asked.store.as_deref())?;
    let (rows, links, now) = (app.rows.devices(&stores)?, app.links.all(), app.now());
    let nobody = Link::default();
    let device = |row: &DeviceRow| {
        let link = links.get(&row.store).unwrap_or(&nobody);
        let ahead = link.peers.get(&row.device).copied();
        Device {
            store_id: row.store.to_string(),
            device_id: row.device.to_string(),
            name: row.name.clone(),
            role: role(row.role),
            revoked: row.revoked,
            entries: row.entries,
            is_whole: row.is_whole,
            last_written: row.last_written.map(|wall| wall.to_string()),
            lag_seconds: lag_seconds(row, now),
            connected: ahead.is_some(),
            ahead,
        }
    };
    Ok(Json(DeviceList { devices: rows.iter().map(device).collect() }))
}

/// How long ago a device wrote what is newest here; zero where its clock is ahead of ours.
pub(super) fn lag_seconds(row: &DeviceRow, now: WallTime) -> Option<i64> {
    let lag = now.as_millis().saturating_sub(row.last_written?.as_millis());
    Some(lag.max(0) / 1000)
}

/// The word for a role.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Manager => "manager",
        Role::Till => "till",
    }
}
