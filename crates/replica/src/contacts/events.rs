//! What happens to a till's contacts, one method an event.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;

use pos_core::ids::DeviceId;

use super::announcement::{Announcement, Hint};
use super::book::{Claim, Unit};
use super::schedule;
use super::{Contacts, DialFailure, Link, Source, usable};
use crate::limits::{
    ADDRESSES_PER_CONTACT_MAX, ANNOUNCED_ADDRESSES_MAX, CONFIGURED_ADDRESSES_MAX, FORGIVE_EVERY_MS,
    STEADY_LINK_MS, STRANGERS_MAX,
};

impl Contacts {
    /// Adds an address from the configuration. Whoever of the store answers there is welcome.
    /// Answers `false` if it cannot be dialled or there are [`CONFIGURED_ADDRESSES_MAX`] already.
    pub fn add_static(&mut self, now_ms: u64, address: SocketAddr) -> bool {
        let Some(address) = usable(address) else { return false };
        if self.configured_under(address).is_some() {
            return true;
        }
        let holds = |(unit, contact): (&Unit, &super::Contact)| {
            contact.addresses.contains_key(&address).then_some(*unit)
        };
        let known = self.book.iter().find_map(holds);
        let configured = self.book.values().flat_map(|contact| contact.addresses.values());
        if configured.filter(|known| known.configured).count() >= CONFIGURED_ADDRESSES_MAX {
            return false;
        }
        let unit = known.unwrap_or(Unit::Unknown(address));
        match self.admit(unit, address, Claim::Sure, now_ms) {
            Some(known) => {
                known.configured = true;
                true
            }
            None => false,
        }
    }

    /// A till announced itself on the local network. The announcement is taken to be of this store
    /// (see [`super::announcement::Recogniser`]); one of a device that is no member is never
    /// dialled, only remembered for the diagnosis.
    pub fn heard(&mut self, now_ms: u64, announcement: &Announcement) {
        if announcement.device == Hint::of(self.own) {
            return;
        }
        let Some(device) = announcement.device.among(&self.members) else {
            self.heard_stranger(now_ms, announcement.device);
            return;
        };
        let unit = Unit::Device(device);
        let due = self.first_due(now_ms, unit);
        let usable = announcement.addresses.iter().filter_map(|address| usable(*address));
        for address in usable.take(ANNOUNCED_ADDRESSES_MAX) {
            let Some(known) = self.admit(unit, address, Claim::Announced, now_ms) else {
                continue;
            };
            // Heard again after a silence, or where only others had spoken of it: worth a try at
            // once. Not more often than now and then, whatever comes and goes out there.
            let rested =
                known.forgiven.is_none_or(|last| now_ms.saturating_sub(last) >= FORGIVE_EVERY_MS);
            if !known.is_heard(now_ms) && rested {
                known.forgive(due);
                known.forgiven = Some(now_ms);
            }
            known.heard = Some(now_ms);
            known.left = false;
        }
        if let Some(contact) = self.book.get_mut(&unit) {
            contact.clock_differs = announcement.clock_differs.then_some(now_ms);
        }
    }

    fn heard_stranger(&mut self, now_ms: u64, stranger: Hint) {
        let full = self.strangers.len() >= STRANGERS_MAX;
        if full && !self.strangers.contains_key(&stranger) {
            let oldest = self.strangers.iter().min_by_key(|(_, heard)| **heard);
            if let Some(oldest) = oldest.map(|(hint, _)| *hint) {
                self.strangers.remove(&oldest);
            }
        }
        self.strangers.insert(stranger, now_ms);
    }

    /// A till said that it leaves, or its announcement ran out. It may be dialled all the same.
    pub fn gone(&mut self, device: Hint) {
        self.strangers.remove(&device);
        let Some(device) = device.among(&self.members) else { return };
        if let Some(contact) = self.book.get_mut(&Unit::Device(device)) {
            contact.clock_differs = None;
            for known in contact.addresses.values_mut() {
                known.left = true;
            }
        }
    }

    /// The peer `from` told where `device` was last reached.
    pub fn learnt(
        &mut self,
        now_ms: u64,
        from: DeviceId,
        device: DeviceId,
        addresses: &[SocketAddr],
    ) {
        self.told_by(now_ms, from, device, addresses, Source::Peer);
    }

    /// The hub told where `device` was last seen.
    pub fn told_by_hub(
        &mut self,
        now_ms: u64,
        hub: DeviceId,
        device: DeviceId,
        addresses: &[SocketAddr],
    ) {
        self.told_by(now_ms, hub, device, addresses, Source::Hub);
    }

    fn told_by(
        &mut self,
        now_ms: u64,
        from: DeviceId,
        device: DeviceId,
        addresses: &[SocketAddr],
        by: Source,
    ) {
        let near = self.is_near(from);
        let addresses = addresses.iter().filter(|address| near || !address.ip().is_loopback());
        for address in addresses.copied().take(ADDRESSES_PER_CONTACT_MAX) {
            self.told(now_ms, device, address, by);
        }
    }

    fn told(&mut self, now_ms: u64, device: DeviceId, address: SocketAddr, by: Source) {
        // The interface of a link-local address is the teller's, not this machine's.
        let link_local = match address.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let Some(address) = usable(address).filter(|_| !link_local && self.is_peer(device)) else {
            return;
        };
        if let Some(known) = self.admit(Unit::Device(device), address, Claim::Told, now_ms) {
            known.told = Some(known.told.map_or(by, |before| before.min(by)));
        }
    }

    /// There is a connection to `device`, dialled by either side; `address` is where its endpoint
    /// is. Said again when another connection takes its place.
    pub fn connected(&mut self, now_ms: u64, device: DeviceId, address: SocketAddr) {
        let address = usable(address).unwrap_or(address);
        self.flights.remove(&address);
        let since = self.links.get(&device).map_or(now_ms, |link| link.since);
        self.links.insert(device, Link { address, since });
        if self.is_peer(device) {
            self.prove(now_ms, device, address);
        }
    }

    /// Whose address it is has been proven by a key.
    fn prove(&mut self, now_ms: u64, device: DeviceId, address: SocketAddr) {
        let unit = Unit::Device(device);
        let configured = self.take_from_others(address, unit);
        let Some(known) = self.admit(unit, address, Claim::Sure, now_ms) else {
            // All of its places are configured ones. A configured address is not lost over that.
            if configured {
                self.add_static(now_ms, address);
            }
            return;
        };
        known.configured |= configured;
        let rank = self.rank.saturating_add(1);
        self.rank = rank;
        if let Some(contact) = self.book.get_mut(&unit)
            && contact.prove(address, rank)
        {
            self.revision = self.revision.saturating_add(1);
        }
    }

    /// The last connection to `device` is gone.
    pub fn disconnected(&mut self, now_ms: u64, device: DeviceId) {
        let Some(link) = self.links.remove(&device) else { return };
        let unit = Unit::Device(device);
        let due = self.first_due(now_ms, unit);
        let own = self.own;
        let Some(contact) = self.book.get_mut(&unit) else { return };
        if now_ms.saturating_sub(link.since) >= STEADY_LINK_MS {
            for known in contact.addresses.values_mut() {
                known.failures = 0;
                known.not_before = due;
            }
        } else if let Some(known) = contact.addresses.get_mut(&link.address) {
            // A connection that does not last is as good as none: no tight loop of dials.
            let wait = |failures| schedule::backoff(failures, own, unit, link.address);
            known.fail(now_ms, DialFailure::Broken, wait);
        }
    }

    /// A dial came to nothing. One that is not awaited (any more) is passed over.
    pub fn dial_failed(&mut self, now_ms: u64, address: SocketAddr, why: DialFailure) {
        let address = usable(address).unwrap_or(address);
        let Some(flight) = self.flights.remove(&address) else { return };
        self.failed(now_ms, flight.unit, address, why);
        if let DialFailure::OtherDevice(device) = why
            && self.is_peer(device)
        {
            self.prove(now_ms, device, address);
        }
    }

    /// Who belongs to the store, as the roster says now: this device and the others, without those
    /// that are revoked.
    pub fn members_changed(&mut self, now_ms: u64, members: &BTreeSet<DeviceId>) {
        if self.members == *members {
            return;
        }
        self.members.clone_from(members);
        let left: Vec<Unit> = self
            .book
            .keys()
            .filter(|unit| unit.device().is_some_and(|device| !self.is_peer(device)))
            .copied()
            .collect();
        for unit in left {
            let Some(contact) = self.book.remove(&unit) else { continue };
            let configured = contact.addresses.into_iter().filter(|(_, known)| known.configured);
            for (address, _) in configured {
                self.add_static(now_ms, address);
            }
            self.revision = self.revision.saturating_add(1);
        }
        self.strangers.retain(|hint, _| hint.among(members).is_none());
        // Who refused this device, or was refused by it, may be met now.
        let own = self.own;
        for (unit, contact) in &mut self.book {
            let due = now_ms.saturating_add(schedule::yielding(own, *unit));
            let refused =
                |why: DialFailure| matches!(why, DialFailure::Refused | DialFailure::Stranger);
            for known in contact.addresses.values_mut() {
                if known.failed.is_some_and(refused) {
                    known.forgive(due);
                }
            }
        }
    }

    /// The addresses of this machine, loopback left out. What failed over the old ones may work
    /// over the new ones, so everything is tried again.
    pub fn interfaces_changed(&mut self, now_ms: u64, addresses: &BTreeSet<IpAddr>) {
        if self.interfaces.as_ref() == Some(addresses) {
            return;
        }
        self.interfaces = Some(addresses.clone());
        let own = self.own;
        for (unit, contact) in &mut self.book {
            let due = now_ms.saturating_add(schedule::yielding(own, *unit));
            for known in contact.addresses.values_mut() {
                known.forgive(due);
            }
        }
    }

    /// Whether announcements can be sent and heard at all, as far as this machine can tell.
    pub fn multicast_works(&mut self, works: bool) {
        self.multicast = works;
    }
}
