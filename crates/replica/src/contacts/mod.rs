//! How a till finds the others: which addresses it knows of whom, whom it dials when, and what it
//! says when nobody answers. Sans-IO: it is told what was heard and how dials went, and it says
//! what to dial next.
//!
//! Addresses come from where the last good connection was, from the configuration, from
//! announcements on the local network, from peers and from the hub. All are hints. Who is there
//! is proven by its key, when the transport connects; until then an address costs at most a dial
//! now and then, however many of them somebody makes up.
//!
//! - [`Contacts`] takes what happens and gives out dials.
//! - [`announcement`]: what is announced and whose it is.
//! - [`Diagnosis`]: why there is no connection, in words for the shop.

mod address;
pub mod announcement;
mod book;
mod diagnosis;
mod events;
#[cfg(test)]
mod laws;
mod saved;
mod schedule;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;

pub use address::{DialFailure, Source, usable};
pub use diagnosis::Diagnosis;
pub use saved::FORMAT_VERSION;

use announcement::Hint;
use book::{Claim, Contact, Unit};

use crate::limits::{CONFIGURED_ADDRESSES_MAX, CONTACTS_MAX};

/// A dial to start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dial {
    /// Where.
    pub address: SocketAddr,
    /// Who should answer, if that is known: another device's answer is
    /// [`DialFailure::OtherDevice`]. `None`: any member.
    pub expected: Option<DeviceId>,
}

/// One address as it is shown to somebody who looks for a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whose address it is, if that is known.
    pub device: Option<DeviceId>,
    /// The address.
    pub address: SocketAddr,
    /// How it came to be known.
    pub source: Source,
    /// The connection to the device is over this address.
    pub connected: bool,
    /// Dials that failed since something spoke for it.
    pub failures: u32,
    /// Why the last one failed.
    pub last_failure: Option<DialFailure>,
}

/// A dial whose outcome is awaited.
#[derive(Debug, Clone, Copy)]
struct Flight {
    unit: Unit,
    started: u64,
}

/// A connection that stands.
#[derive(Debug, Clone, Copy)]
struct Link {
    address: SocketAddr,
    since: u64,
}

/// The address book and the dialler. Times are milliseconds of one monotonic clock.
#[derive(Debug)]
pub struct Contacts {
    own: DeviceId,
    port: u16,
    members: BTreeSet<DeviceId>,
    book: BTreeMap<Unit, Contact>,
    flights: BTreeMap<SocketAddr, Flight>,
    links: BTreeMap<DeviceId, Link>,
    /// The addresses of this machine, once they are known.
    interfaces: Option<BTreeSet<IpAddr>>,
    /// Who announces this store without being a member, and when it was last heard.
    strangers: BTreeMap<Hint, u64>,
    multicast: bool,
    /// Rank of the address that worked last.
    rank: u64,
    revision: u64,
    symptoms: BTreeMap<Diagnosis, u64>,
}

impl Contacts {
    /// Of the device `own`, whose endpoint listens on UDP `port`. Nobody is dialled before
    /// [`Self::members_changed`] says who belongs to the store, configured addresses excepted.
    pub fn new(own: DeviceId, port: u16) -> Self {
        Self {
            own,
            port,
            members: BTreeSet::new(),
            book: BTreeMap::new(),
            flights: BTreeMap::new(),
            links: BTreeMap::new(),
            interfaces: None,
            strangers: BTreeMap::new(),
            multicast: true,
            rank: 0,
            revision: 0,
            symptoms: BTreeMap::new(),
        }
    }

    /// The devices that are connected.
    pub fn connected_devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.links.keys().copied()
    }

    /// Every address that is known, by device.
    pub fn list(&self) -> Vec<Listed> {
        let of = |(unit, contact): (&Unit, &Contact)| {
            let device = unit.device();
            let link = device.and_then(|device| self.links.get(&device)).map(|link| link.address);
            let listed = |(address, known): (&SocketAddr, &address::Known)| Listed {
                device,
                address: *address,
                source: known.source(),
                connected: link == Some(*address),
                failures: known.failures,
                last_failure: known.failed,
            };
            contact.addresses.iter().map(listed).collect::<Vec<_>>()
        };
        self.book.iter().flat_map(of).collect()
    }

    /// What to tell `peer` about the others: addresses over which this device has held a
    /// connection, the last first. Hearsay is not passed on. Addresses of one machine are told to
    /// a peer on that machine only.
    pub fn to_tell(&self, peer: DeviceId) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        let near = self.is_near(peer);
        let told = |(unit, contact): (&Unit, &Contact)| {
            let device = unit.device().filter(|device| *device != peer)?;
            let mut addresses = contact.proven();
            addresses.retain(|address| {
                near && address.ip().is_loopback() || !address::is_local_only(*address)
            });
            (!addresses.is_empty()).then_some((device, addresses))
        };
        self.book.iter().filter_map(told).collect()
    }

    /// Whether the peer is connected from this very machine.
    fn is_near(&self, peer: DeviceId) -> bool {
        self.links.get(&peer).is_some_and(|link| link.address.ip().is_loopback())
    }

    fn is_own_address(&self, address: SocketAddr) -> bool {
        let here = self.interfaces.as_ref().is_some_and(|own| own.contains(&address.ip()));
        address.port() == self.port && (here || address.ip().is_loopback())
    }

    fn is_peer(&self, device: DeviceId) -> bool {
        device != self.own && self.members.contains(&device)
    }

    /// When an address of the unit that has just become known is tried first. Of a pair, the lower
    /// id dials at once and the other a little later, so that there is seldom a race.
    fn first_due(&self, now_ms: u64, unit: Unit) -> u64 {
        now_ms.saturating_add(schedule::yielding(self.own, unit))
    }

    /// The record of an address, made if there is room for it.
    fn admit(
        &mut self,
        unit: Unit,
        address: SocketAddr,
        claim: Claim,
        now_ms: u64,
    ) -> Option<&mut address::Known> {
        if !self.book.contains_key(&unit) && !self.has_room(unit) {
            return None;
        }
        let due = self.first_due(now_ms, unit);
        let flights = &self.flights;
        let busy = |address| flights.contains_key(&address);
        self.book.entry(unit).or_default().admit(address, claim, busy, due)
    }

    fn has_room(&mut self, unit: Unit) -> bool {
        let is_device = |unit: &Unit| unit.device().is_some();
        let same = self.book.keys().filter(|other| is_device(other) == is_device(&unit));
        match unit {
            Unit::Device(_) => same.count() < CONTACTS_MAX,
            Unit::Unknown(_) => same.count() < CONFIGURED_ADDRESSES_MAX,
        }
    }

    /// Whom a configured address is noted under now.
    fn configured_under(&self, address: SocketAddr) -> Option<Unit> {
        let holds =
            |contact: &Contact| contact.addresses.get(&address).is_some_and(|it| it.configured);
        self.book.iter().find(|(_, contact)| holds(contact)).map(|(unit, _)| *unit)
    }

    /// Takes an address from whoever it was noted under, and says whether it was configured: who is
    /// there has been proven. What is left without an address is forgotten.
    fn take_from_others(&mut self, address: SocketAddr, keeper: Unit) -> bool {
        let mut configured = false;
        for (unit, contact) in &mut self.book {
            if *unit != keeper
                && let Some(known) = contact.addresses.remove(&address)
            {
                configured |= known.configured;
            }
        }
        self.book.retain(|_, contact| !contact.addresses.is_empty());
        configured
    }
}
