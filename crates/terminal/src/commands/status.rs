//! `tillmesh status`: how the till is.

use replica::core::Replica;
use replica::storage::{Reads, Room, Storage, Stream};
use replica::store::{FileStorage, MapState};
use serde_json::{Value, json};

use super::Context;
use crate::error::TerminalError;
use crate::output::pairs;
use crate::replay::Percentiles;
use crate::till::Till;

/// Most changes of published stock counters that are compared with the books at once, in a few
/// tenths of a second; for more there is `verify`.
const AUDITED_HERE_MAX: usize = 1_000;

pub(super) fn run(context: &mut Context<'_>) -> Result<(), TerminalError> {
    context.with_till(|context, till| {
        let rebuilding = till.replica().rebuilding();
        // The state as it was found comes first; what needs the whole index follows it.
        context.finish_rebuild(till);
        let answer = status(context, till, rebuilding)?;
        context.output.answer(&answer, || text(&answer))
    })
}

fn status(
    context: &Context<'_>,
    till: &mut Till<FileStorage>,
    rebuilding: Option<(u64, u64)>,
) -> Result<Value, TerminalError> {
    let carts = till.open_carts()?.len();
    let meaning = till.node().query(|replica, storage| replica.meaning_digest(storage))?;
    let network = network(till);
    let room = match till.node().storage_mut().room() {
        Room::Ample => "ample",
        Room::Scarce => "scarce",
    };
    let exceptions = till.node().query(|replica, storage| replica.exceptions(storage))?;
    let exceptions: Vec<String> = exceptions.iter().map(ToString::to_string).collect();
    let size = till.node().query(|replica, storage| {
        replica.audit_size(storage, AUDITED_HERE_MAX.saturating_add(1))
    })?;
    let stock = if size > AUDITED_HERE_MAX {
        replica::core::StockAudit::default()
    } else {
        till.node().query(|replica, storage| replica.audit_stock(storage))?
    };
    let stock = json!({
        "compared": size <= AUDITED_HERE_MAX,
        "products": stock.products,
        "unpublished_entries": stock.unpublished,
        "left_out": stock.left_out.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "differences": stock.differences.iter().map(|difference| difference.sku.as_str()).collect::<Vec<_>>(),
    });
    let replica = till.replica();
    let (settings, books) = (replica.settings()?, replica.books());
    let storage = till.storage();
    let frames = |stream| {
        let (entries, bytes) = (storage.next_ordinal(stream), storage.stream_bytes(stream));
        json!({"entries": entries, "bytes": bytes})
    };
    let (index, why) = index_state(storage.map_state());
    Ok(json!({
        "store": {
            "id": replica.store_id().map(|id| id.to_string()),
            "name": settings.name,
            "currency": settings.currency.code(),
            "time_zone": settings.time_zone.as_str(),
        },
        "folder": context.folder.display().to_string(),
        "device": replica.device().to_string(),
        "ready_ms": till.ready_micros() / 1000,
        "registers": registers(replica),
        "open_carts": carts,
        "products": books.price_book().len(),
        "journal": {
            "ledger": frames(Stream::OwnLedger),
            "floor": frames(Stream::OwnFloor),
            "others": frames(Stream::Others),
        },
        "index": {
            "state": index,
            "reason": why,
            "rebuilt": rebuilding.is_some(),
        },
        "digests": {
            "held": replica.held_digest().to_string(),
            "meaning": meaning.to_string(),
            "stock": replica.stock_digest().to_string(),
        },
        "network": network,
        "damage": damage(replica),
        "stock_counters": stock,
        "kept_aside": replica.held_back().count(),
        "exceptions": exceptions,
        "room": room,
        "writing_stopped": replica.stopped(),
    }))
}

fn index_state(state: &MapState) -> (&'static str, Option<&String>) {
    match state {
        MapState::Loaded => ("loaded", None),
        MapState::Fresh => ("new", None),
        MapState::Replaced { reason } => ("replaced", Some(reason)),
        MapState::Unusable { reason } => ("unusable", Some(reason)),
    }
}

/// The other tills, where this one is on the network.
fn network(till: &mut Till<FileStorage>) -> Option<Value> {
    let now = till.micros() / 1000;
    let catching_up = till.catching_up();
    let mesh = till.mesh()?;
    let peers = mesh.peers().map(|peer| {
        json!({
            "device": peer.device.to_string(),
            "address": peer.address.map(|address| address.to_string()),
            "software": peer.software,
            "bytes_on_the_way": peer.in_flight,
        })
    });
    let peers: Vec<Value> = peers.collect();
    let stats = mesh.stats();
    let spread = Percentiles::of(mesh.spread_micros().collect());
    let catching_up = catching_up.map(|(done, total)| json!({"done": done, "total": total}));
    let remarks: Vec<String> = mesh.diagnosis(now).iter().map(ToString::to_string).collect();
    Some(json!({
        "address": mesh.address().to_string(),
        "peers": peers,
        "catching_up": catching_up,
        "sent_bytes": stats.sent_bytes,
        "received_bytes": stats.received_bytes,
        "stored_by_all_us": spread.map(|of| json!({"p50": of.p50, "p99": of.p99})),
        "remarks": remarks,
    }))
}

fn registers(replica: &Replica) -> Vec<Value> {
    let books = replica.books();
    let registers = books.registers().map(|(register, holder)| {
        let shift = books.open_shift(register).map(|(_, shift)| {
            json!({"number": shift.number, "business_date": shift.business_date.to_string()})
        });
        json!({
            "register": register.as_str(),
            "served_here": holder == replica.device(),
            "last_receipt": books.last_receipt(register),
            "open_shift": shift,
        })
    });
    registers.collect()
}

fn damage(replica: &Replica) -> Vec<Value> {
    let damage = replica.damage().iter().map(|damage| {
        json!({
            "stream": damage.stream.name(),
            "first": damage.first,
            "last": damage.last,
            "place": damage.place,
            "reason": damage.reason,
        })
    });
    damage.collect()
}

fn text(status: &Value) -> String {
    let at = |pointer: &str| match status.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let list = |pointer: &str| status.pointer(pointer).and_then(Value::as_array);
    let mut table = pairs();
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    let store =
        format!("{} ({}, {})", at("/store/name"), at("/store/currency"), at("/store/time_zone"));
    row("store", store);
    row("folder", at("/folder"));
    row("this till", at("/device").chars().take(16).collect());
    for register in list("/registers").into_iter().flatten() {
        row("register", register_text(register));
    }
    row("open carts", at("/open_carts"));
    row("products", at("/products"));
    for stream in ["ledger", "floor", "others"] {
        let (entries, bytes) =
            (at(&format!("/journal/{stream}/entries")), at(&format!("/journal/{stream}/bytes")));
        row(&format!("{stream} journal"), format!("{entries} entries, {bytes} bytes"));
    }
    let mut index = at("/index/state");
    if status.pointer("/index/rebuilt") == Some(&Value::Bool(true)) {
        index.push_str(", rebuilt just now");
    }
    row("index", index);
    row("disk", at("/room"));
    row("ready in", format!("{} ms", at("/ready_ms")));
    if let Some(peers) = list("/network/peers") {
        row("on the network", at("/network/address"));
        row("other tills connected", peers.len().to_string());
        for peer in peers {
            let text = |name: &str| peer[name].as_str().unwrap_or_default().to_owned();
            let device: String = text("device").chars().take(16).collect();
            row("other till", format!("{device} at {}", text("address")));
        }
        if status.pointer("/network/catching_up").is_some_and(Value::is_object) {
            let (done, total) = (at("/network/catching_up/done"), at("/network/catching_up/total"));
            row("catching up", format!("{done} of {total} entries"));
        }
        for remark in list("/network/remarks").into_iter().flatten() {
            row("remark", remark.as_str().unwrap_or_default().to_owned());
        }
    }
    let damage = list("/damage").map_or(0, Vec::len);
    row(
        "damage",
        if damage == 0 {
            "none known".to_owned()
        } else {
            format!("{damage} places: run `tillmesh verify`")
        },
    );
    row("stock counters", stock_text(status));
    for exception in list("/exceptions").into_iter().flatten() {
        row("exception", exception.as_str().unwrap_or_default().to_owned());
    }
    if at("/kept_aside") != "0" {
        row("entries kept aside", at("/kept_aside"));
    }
    table.to_string()
}

fn stock_text(status: &Value) -> String {
    let count = |name: &str| {
        let found = status.pointer(&format!("/stock_counters/{name}"));
        found.and_then(Value::as_array).map_or(0, Vec::len)
    };
    if status.pointer("/stock_counters/compared") == Some(&Value::Bool(false)) {
        return "too many to compare here: `tillmesh verify` does".to_owned();
    }
    let mut text = match count("differences") {
        0 => "agree with the books".to_owned(),
        differences => {
            format!("differ from the books in {differences} products: `tillmesh verify`")
        }
    };
    if count("left_out") > 0 {
        text = format!("{text} ({} devices not compared)", count("left_out"));
    }
    text
}

fn register_text(register: &Value) -> String {
    let text = |name: &str| register.get(name).map(ToString::to_string).unwrap_or_default();
    let name = register.get("register").and_then(Value::as_str).unwrap_or_default();
    let shift = match register.pointer("/open_shift/business_date").and_then(Value::as_str) {
        Some(date) => format!("open for {date}"),
        None => "no open shift".to_owned(),
    };
    let receipt = match register.get("last_receipt") {
        Some(Value::Null) | None => "no receipt yet".to_owned(),
        Some(_) => format!("last receipt {}", text("last_receipt")),
    };
    let here = if register.get("served_here") == Some(&Value::Bool(true)) {
        ""
    } else {
        ", on another device"
    };
    format!("{name}: {shift}, {receipt}{here}")
}
