//! What came of it: the figures of each replica, read from its own folder once its process has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::hub::Heard;
use super::tills::Till;

/// Receipt and record id of each acknowledged invoice, by store and invoice, and those that changed.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    invoices: BTreeMap<(usize, String), (Value, Value)>,
    changed: Vec<String>,
}

impl Acknowledged {
    pub(super) fn note(&mut self, store: usize, ack: &Value) {
        let invoice = ack["invoice"].as_str().unwrap_or_default().to_owned();
        let now = (ack["receipt"].clone(), ack["id"].clone());
        match self.invoices.get(&(store, invoice.clone())) {
            None => {
                self.invoices.insert((store, invoice), now);
            }
            Some(before) if *before != now => self.changed.push(invoice),
            Some(_) => {}
        }
    }

    pub(super) fn count(&self) -> usize {
        self.invoices.len()
    }

    fn of_store(&self, store: u64) -> u64 {
        let of_store = self.invoices.keys().filter(|(of, _)| u64::try_from(*of) == Ok(store));
        u64::try_from(of_store.count()).unwrap_or(u64::MAX)
    }
}

/// All that is known at the end.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) acknowledged: Acknowledged,
    pub(super) kills: usize,
    pub(super) summaries: Vec<Value>,
    /// Of the running tills, when they agreed.
    pub(super) statuses: Vec<Value>,
    pub(super) sold_in: Duration,
    pub(super) agreed_in: Duration,
    pub(super) replicas: Vec<Value>,
    /// What head office heard; none without a hub.
    pub(super) heard: Option<Heard>,
    start_ms: u64,
}

impl Outcome {
    /// Reads what each till's folder holds.
    pub(super) fn read(&mut self, store: &[Till]) -> Result<(), String> {
        for till in store {
            let report = till.ask(&["report", "sales"])?;
            let status = till.status()?;
            self.start_ms = self.start_ms.max(whole(&status["ready_ms"]));
            self.replicas.push(replica(till, &report, &status));
        }
        Ok(())
    }

    /// Acknowledged documents that the books of a replica of their store do not account for, or more
    /// than once: of each store those of its worst replica.
    pub(super) fn lost(&self) -> u64 {
        let recorded = |replica: &Value| {
            ["sales", "returns", "adjustments", "postings"]
                .iter()
                .map(|name| whole(&replica[*name]))
                .sum::<u64>()
        };
        let mut worst = BTreeMap::<u64, u64>::new();
        for replica in &self.replicas {
            let store = whole(&replica["store"]);
            let lost = recorded(replica).abs_diff(self.acknowledged.of_store(store));
            let known = worst.entry(store).or_default();
            *known = lost.max(*known);
        }
        worst.values().sum()
    }

    /// Invoices that were acknowledged under another number or record the second time.
    pub(super) fn changed(&self) -> usize {
        self.acknowledged.changed.len()
    }

    /// Whether all replicas of a store have the same of everything that must not differ.
    pub(super) fn agree(&self) -> bool {
        let mut first = BTreeMap::<u64, Value>::new();
        self.replicas.iter().all(|replica| {
            let mut but_name = replica.clone();
            but_name["name"] = Value::Null;
            *first.entry(whole(&replica["store"])).or_insert_with(|| but_name.clone()) == but_name
        })
    }

    pub(super) fn is_sound(&self) -> bool {
        let gapless = |replica: &Value| replica["receipts_gapless"] == Value::Bool(true);
        let heard = self.heard.as_ref().is_none_or(Heard::agrees);
        self.agree()
            && heard
            && self.lost() == 0
            && self.changed() == 0
            && self.replicas.iter().all(gapless)
    }

    pub(super) fn per_second(&self) -> u64 {
        let millis = u64::try_from(self.sold_in.as_millis()).unwrap_or(u64::MAX).max(1);
        let receipts: u64 = self.summaries.iter().map(|of| whole(&of["measured_receipts"])).sum();
        receipts.saturating_mul(1000) / millis
    }

    /// Percentiles of the till where they are worst.
    pub(super) fn worst(values: &[&Value]) -> Value {
        let worst = |name: &str| values.iter().filter_map(|of| of[name].as_u64()).max();
        json!({"p50": worst("p50"), "p99": worst("p99")})
    }

    pub(super) fn pay_to_durable(&self) -> Value {
        let all: Vec<&Value> = self.summaries.iter().map(|of| &of["pay_to_durable_us"]).collect();
        Self::worst(&all)
    }

    pub(super) fn flush(&self) -> Value {
        let all: Vec<&Value> = self.summaries.iter().map(|of| &of["floor_us"]).collect();
        Self::worst(&all)
    }

    pub(super) fn visible(&self) -> Value {
        let all: Vec<&Value> =
            self.statuses.iter().map(|of| &of["network"]["stored_by_all_us"]).collect();
        Self::worst(&all)
    }

    /// Bytes on all sockets, those of killed processes not counted.
    pub(super) fn wire_bytes(&self) -> u64 {
        self.statuses.iter().map(|of| whole(&of["network"]["sent_bytes"])).sum()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "replicas": self.replicas,
            "hub": self.heard.as_ref().map(Heard::json),
            "acknowledged": self.acknowledged.count(),
            "acknowledged_lost": self.lost(),
            "acknowledged_changed": self.changed(),
            "agree": self.agree(),
            "kills": self.kills,
            "sales_per_second": self.per_second(),
            "pay_to_durable_us": self.pay_to_durable(),
            "fdatasync_us": self.flush(),
            "visible_on_last_peer_us": self.visible(),
            "wire_bytes": self.wire_bytes(),
            "start_ms": self.start_ms,
            "sold_in_ms": u64::try_from(self.sold_in.as_millis()).unwrap_or(u64::MAX),
            "agreed_in_ms": u64::try_from(self.agreed_in.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// The figures of one replica.
fn replica(till: &Till, report: &Value, status: &Value) -> Value {
    let receipts = report["receipts"].as_object();
    let gapless = receipts.is_some_and(|registers| {
        registers.values().all(|register| register["gapless"] == Value::Bool(true))
    });
    json!({
        "name": till.name(),
        "store": till.post().store,
        "sales": report["sales"]["count"],
        "returns": report["returns"]["count"],
        "adjustments": report["adjustments"],
        "postings": report["postings"]["count"],
        "sales_value": report["sales"]["value"],
        "returns_value": report["returns"]["value"],
        "total": report["total"],
        "tax": report["tax"],
        "units_sold": report["units_sold"],
        "receipts_gapless": gapless,
        "stock_digest": status["digests"]["stock"],
        "held_digest": status["digests"]["held"],
        "meaning_digest": status["digests"]["meaning"],
    })
}

/// How many others a till is connected to.
pub(super) fn peers(status: &Value) -> usize {
    status["network"]["peers"].as_array().map_or(0, Vec::len)
}

pub(super) fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
