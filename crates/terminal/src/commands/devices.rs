//! `tillmesh devices`: who belongs to the store, what waits for a second manager, what is kept
//! aside.

use std::collections::BTreeMap;

use pos_core::ids::DeviceId;
use pos_core::money::{Currency, Money};
use replica::core::{DeviceInfo, KeptAside, Pending, PendingChange, Replica, Role};
use replica::storage::Storage;
use serde_json::{Value, json};

use super::Context;
use crate::error::TerminalError;
use crate::output::{amount, grouped, table};
use crate::till::Till;

/// Characters of a key that people are shown, and have to type at least.
const KEY_SHOWN: usize = 12;
const KEY_TYPED_MIN: usize = 4;

pub(super) fn run(context: &mut Context<'_>) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let kept = kept_aside(till)?;
        let replica = till.replica();
        let answer = json!({
            "devices": devices_json(replica),
            "pending": pending_json(replica),
            "kept_aside": kept.iter().map(kept_json).collect::<Vec<_>>(),
        });
        context.output.answer(&answer, || text(replica, &kept))
    })
}

/// What is kept aside because of revocations, by feed.
pub(super) fn kept_aside<S: Storage>(till: &mut Till<S>) -> Result<Vec<KeptAside>, TerminalError> {
    Ok(till.node().query(|replica, storage| replica.kept_aside(storage))?)
}

/// The device somebody means: by its name, or by the first characters of its key.
pub(super) fn find(replica: &Replica, typed: &str) -> Result<DeviceInfo, TerminalError> {
    let typed = typed.trim();
    let is_meant = |info: &&DeviceInfo| {
        let key = info.device.to_string();
        let by_key = typed.len() >= KEY_TYPED_MIN && key.starts_with(&typed.to_lowercase());
        by_key || info.name.as_str().to_lowercase() == typed.to_lowercase()
    };
    let devices = replica.roster().devices();
    let mut meant = devices.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => Err(TerminalError::Usage(format!(
            "{typed:?} is more than one device: name it by the first characters of its key, as \
             `tillmesh devices` shows them"
        ))),
        (None, _) => Err(TerminalError::Usage(format!(
            "there is no device {typed:?} in this store: `tillmesh devices` lists those there are"
        ))),
    }
}

/// The beginning of a key, as people compare it.
pub(super) fn short(device: DeviceId) -> String {
    device.to_string().chars().take(KEY_SHOWN).collect()
}

/// A device's name with its key, or what is known of one that was never let in.
pub(super) fn called(replica: &Replica, device: DeviceId) -> String {
    if replica.roster().recovery() == Some(device) {
        return "the recovery phrase".to_owned();
    }
    match replica.roster().device(device) {
        Some(info) => format!("{} ({})", info.name, short(device)),
        None => short(device),
    }
}

/// What a pending change needs, in words.
pub(super) fn waits(replica: &Replica, pending: &Pending) -> String {
    let said: Vec<String> = pending.voices.iter().map(|voice| called(replica, *voice)).collect();
    let (what, how) = match pending.change {
        PendingChange::MakeManager => ("to be a manager", "appoint"),
        PendingChange::RevokeManager => ("to be shut out", "revoke"),
    };
    format!(
        "{} is {what}: {} said so; a second manager has to (`tillmesh {how} {}` on another \
         manager's device), or the recovery phrase",
        called(replica, pending.device),
        said.join(", "),
        short(pending.device)
    )
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Till => "till",
        Role::Manager => "manager",
    }
}

fn devices_json(replica: &Replica) -> Vec<Value> {
    let own = replica.device();
    let devices = replica.roster().devices();
    let devices = devices.iter().map(|info| {
        json!({
            "device": info.device.to_string(),
            "name": info.name.as_str(),
            "role": role_name(info.role),
            "founder": info.founder,
            "revoked": info.revoked,
            "this_device": info.device == own,
        })
    });
    devices.collect()
}

fn pending_json(replica: &Replica) -> Vec<Value> {
    let pending = replica.roster().pending();
    let pending = pending.iter().map(|one| {
        let voices: Vec<String> = one.voices.iter().map(ToString::to_string).collect();
        json!({ "device": one.device.to_string(), "change": one.change, "said_by": voices })
    });
    pending.collect()
}

fn kept_json(kept: &KeptAside) -> Value {
    let sums = |sums: &BTreeMap<Currency, i128>| -> Value {
        let sums = sums.iter().map(|(currency, minor)| {
            let value = money(*minor, *currency).map(amount);
            json!({ "currency": currency.code(), "amount": value })
        });
        Value::Array(sums.collect())
    };
    json!({
        "device": kept.feed.device.to_string(),
        "life": kept.feed.incarnation.counter,
        "lane": kept.feed.lane.name(),
        "cut": kept.cut,
        "reached": kept.reached,
        "entries": kept.entries,
        "sales": kept.sales,
        "sales_value": sums(&kept.sales_value),
        "returns": kept.returns,
        "returns_value": sums(&kept.returns_value),
        "cash_movements": kept.cash_movements,
        "transactions": kept.transactions.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn money(minor: i128, currency: Currency) -> Option<Money> {
    i64::try_from(minor).ok().map(|minor| Money::from_minor(minor, currency))
}

fn text(replica: &Replica, kept: &[KeptAside]) -> String {
    let mut list = table(["Device", "Key", "Role", ""], &[]);
    for info in replica.roster().devices() {
        let mut remarks = Vec::new();
        if info.device == replica.device() {
            remarks.push("this device");
        }
        if info.founder {
            remarks.push("founded the store");
        }
        if info.revoked {
            remarks.push("SHUT OUT");
        }
        let key = short(info.device);
        let role = role_name(info.role).to_owned();
        list.add_row([info.name.to_string(), key, role, remarks.join(", ")]);
    }
    let mut out = list.to_string();
    for pending in replica.roster().pending() {
        out.push_str("\nwaits: ");
        out.push_str(&waits(replica, &pending));
    }
    for kept in kept {
        out.push_str("\nkept aside: ");
        out.push_str(&kept_text(replica, kept));
    }
    out
}

/// What is kept aside of one feed, in words.
pub(super) fn kept_text(replica: &Replica, kept: &KeptAside) -> String {
    let sums = |sums: &BTreeMap<Currency, i128>| {
        let sums = sums.iter().map(|(currency, minor)| match money(*minor, *currency) {
            Some(sum) => format!("{} {}", grouped(sum), currency.code()),
            None => format!("{minor} minor units of {}", currency.code()),
        });
        sums.collect::<Vec<_>>().join(" + ")
    };
    let mut parts = vec![format!("{} entries", kept.entries)];
    if kept.sales > 0 {
        parts.push(format!("{} sales ({})", kept.sales, sums(&kept.sales_value)));
    }
    if kept.returns > 0 {
        parts.push(format!("{} returns ({})", kept.returns, sums(&kept.returns_value)));
    }
    if kept.cash_movements > 0 {
        parts.push(format!("{} cash movements", kept.cash_movements));
    }
    format!(
        "{} of {}, {} {} to {}, in no total; `tillmesh revoke {} --accept` counts them",
        parts.join(", "),
        called(replica, kept.feed.device),
        kept.feed.lane.name(),
        kept.cut.saturating_add(1),
        kept.reached,
        short(kept.feed.device)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::till::tests::memory_till;

    #[test]
    fn a_device_is_found_by_its_name_or_the_beginning_of_its_key() {
        let till = memory_till();
        let own = till.replica().device();
        for typed in ["Till 1", "till 1 ", &short(own), &own.to_string().to_uppercase()] {
            assert_eq!(find(till.replica(), typed).unwrap().device, own, "{typed}");
        }
        for typed in ["Till 2", "", &own.to_string()[..3]] {
            assert!(matches!(find(till.replica(), typed), Err(TerminalError::Usage(_))), "{typed}");
        }
    }
}
