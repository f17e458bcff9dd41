//! Where things are stored, who is there, and what there is to sell.

use std::collections::BTreeMap;
use std::sync::Arc;

use pos_core::ids::DeviceId;
use replica::core::{FeedId, Role};
use replica::storage::Storage;
use replica::sync::Peer;

use super::desk::Counter;
use super::view::{CatalogueItem, CatalogueView, PeerView, Place, Safety};

/// How finely a time without other tills is shown, in seconds, below a minute.
const FINE_SECS: u64 = 10;
const MINUTE_SECS: u64 = 60;

/// When other devices were last connected.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    last_ms: BTreeMap<DeviceId, u64>,
    peers: Vec<Peer>,
    alone_since_ms: Option<u64>,
    now_ms: u64,
    catching_up: Option<(u64, u64)>,
    diagnosis: Vec<String>,
}

impl<S: Storage> Counter<S> {
    /// Looks who is connected.
    pub(super) fn meet(&mut self, at_ms: u64) {
        let catching_up = self.till.catching_up();
        let meetings = &mut self.meetings;
        meetings.now_ms = at_ms;
        meetings.catching_up = catching_up;
        let Some(mesh) = self.till.mesh() else {
            meetings.peers.clear();
            meetings.alone_since_ms.get_or_insert(at_ms);
            return;
        };
        meetings.peers = mesh.peers().collect();
        for peer in &meetings.peers {
            meetings.last_ms.insert(peer.device, at_ms);
        }
        if meetings.peers.is_empty() {
            meetings.alone_since_ms.get_or_insert(at_ms);
            meetings.diagnosis = mesh.diagnosis(at_ms).iter().map(ToString::to_string).collect();
        } else {
            meetings.alone_since_ms = None;
            meetings.diagnosis.clear();
        }
    }

    fn other_members(&self) -> impl Iterator<Item = DeviceId> {
        let replica = self.till.replica();
        let me = replica.device();
        replica.roster().members().iter().copied().filter(move |device| *device != me)
    }

    pub(super) fn safety(&self) -> Safety {
        let replica = self.till.replica();
        let meetings = &self.meetings;
        let peers: Vec<PeerView> = self.other_members().map(|device| self.peer(device)).collect();
        let alone = meetings.alone_since_ms.filter(|_| !peers.is_empty());
        let last = replica.own_end(replica::core::Lane::Ledger);
        let only_here = self.only_here.iter().filter(|end| self.stored_on(Some(end)) <= 1).count();
        Safety {
            stored_on: self.stored_on(last.as_ref()),
            members: peers.len(),
            peers,
            catching_up: meetings.catching_up,
            offline_secs: alone.map(|since| coarse(meetings.now_ms.saturating_sub(since))),
            only_here: u64::try_from(only_here).unwrap_or(u64::MAX),
            diagnosis: if alone.is_some() { meetings.diagnosis.clone() } else { Vec::new() },
            rebuilding: replica.rebuilding(),
            stopped: replica.stopped().map(ToOwned::to_owned),
        }
    }

    fn peer(&self, device: DeviceId) -> PeerView {
        let meetings = &self.meetings;
        let peer = meetings.peers.iter().find(|peer| peer.device == device);
        let last_seen = meetings.last_ms.get(&device);
        PeerView {
            device,
            name: self.name_of(device),
            connected: peer.is_some(),
            address: peer
                .and_then(|peer| peer.address)
                .map_or_else(String::new, |address| address.to_string()),
            ahead: peer.map_or(0, |peer| peer.ahead),
            in_flight: peer.map_or(0, |peer| peer.in_flight),
            last_seen_secs: last_seen.map(|&last| coarse(meetings.now_ms.saturating_sub(last))),
        }
    }

    /// On how many devices an own entry is stored, this one included.
    pub(super) fn stored_on(&self, end: Option<&(FeedId, u64)>) -> usize {
        let others =
            end.and_then(|(feed, seq)| self.till.mesh_ref().map(|mesh| mesh.stored_on(feed, *seq)));
        others.unwrap_or(0).saturating_add(1)
    }

    pub(super) fn place(&self) -> Place {
        let replica = self.till.replica();
        let device = replica.device();
        let settings = self.till.settings().ok();
        Place {
            store: settings.map_or_else(String::new, |settings| settings.name.clone()),
            till: self.name_of(device),
            register: self.till.register(None).ok().map(|register| register.to_string()),
            operator: self.operator.to_string(),
            currency: self.currency,
            prices: settings
                .map_or(pos_core::tax::PriceTax::Inclusive, |settings| settings.tax_profile.prices),
            is_manager: replica.own_role() == Some(Role::Manager),
        }
    }

    /// The products, when the price book has changed.
    pub(super) fn list_products(&mut self) {
        let book = self.till.replica().books().price_book();
        let items = book.iter().filter(|product| product.active).map(|product| CatalogueItem {
            sku: product.sku.clone(),
            name: product.name.clone(),
            price: product.price,
            unit: product.unit,
            gtins: product.gtins.iter().copied().collect(),
            tax_category: product.tax_category.clone(),
        });
        let revision = self.catalogue.revision.wrapping_add(1);
        self.catalogue = Arc::new(CatalogueView { revision, items: items.collect() });
    }
}

/// A time as people want it: not every second is news.
const fn coarse(millis: u64) -> u64 {
    let seconds = millis / 1000;
    if seconds < MINUTE_SECS {
        seconds - seconds % FINE_SECS
    } else {
        seconds - seconds % MINUTE_SECS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_news_every_ten_seconds_and_then_every_minute() {
        let shown = |seconds: u64| coarse(seconds * 1000 + 999);
        assert_eq!([shown(0), shown(9), shown(10), shown(59)], [0, 0, 10, 50]);
        assert_eq!([shown(60), shown(119), shown(3600 * 5 + 61)], [60, 60, 18_060]);
    }
}
