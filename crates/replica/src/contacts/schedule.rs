//! Whom to dial when.
//!
//! Every address has its own pause, which doubles with each failure. Of one device one address is
//! started at a time, half a second apart, what has worked first, hearsay in its turn. Devices take turns: the one that
//! waited longest is next, so nobody's many addresses keep another device waiting for long.

use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};

use pos_core::ids::DeviceId;

use super::address::{Known, Source};
use super::book::{Contact, Unit};
use super::{Contacts, Dial, DialFailure, Flight};
use crate::limits::{
    ANNOUNCED_FORGET_MS, ANNOUNCED_STALE_MS, DIAL_BACKOFF_MAX_MS, DIAL_BACKOFF_MIN_MS,
    DIAL_STAGGER_MS, DIAL_TIMEOUT_MS, DIAL_YIELD_MS, DIALS_MAX, DIALS_PER_DEVICE_MAX,
};

/// How long a device lets another dial first, in milliseconds.
pub(super) fn yielding(own: DeviceId, unit: Unit) -> u64 {
    match unit {
        Unit::Device(device) if own > device => {
            DIAL_YIELD_MS + mix(own, &[device.as_bytes()], 0) % (DIAL_YIELD_MS / 4)
        }
        Unit::Device(_) | Unit::Unknown(_) => 0,
    }
}

/// The pause after so many failures in a row, in milliseconds: it doubles up to a bound, less up to
/// a quarter, so that tills that failed together do not try again together.
pub(super) fn backoff(failures: u32, own: DeviceId, unit: Unit, address: SocketAddr) -> u64 {
    let doublings = failures.saturating_sub(1).min(32);
    let whole = DIAL_BACKOFF_MIN_MS.saturating_mul(1 << doublings).min(DIAL_BACKOFF_MAX_MS);
    let port = address.port().to_be_bytes();
    let place: &[u8] = match address.ip() {
        IpAddr::V4(ip) => &ip.octets(),
        IpAddr::V6(ip) => &ip.octets(),
    };
    let device = unit.device();
    let device: &[u8] = device.as_ref().map_or(&[], |device| device.as_bytes());
    whole - mix(own, &[device, place, &port], failures) % (whole / 4 + 1)
}

/// A number that looks drawn but is not: the same device, peer and attempt give the same one.
/// FNV-1a, then the finaliser of SplitMix64.
fn mix(own: DeviceId, parts: &[&[u8]], attempt: u32) -> u64 {
    let attempt = attempt.to_le_bytes();
    let bytes = own.as_bytes().iter().chain(parts.iter().copied().flatten()).chain(&attempt);
    let folded = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Contacts {
    /// The dials to start now. Each is answered for by [`Contacts::connected`] or
    /// [`Contacts::dial_failed`]; one that is not counts as unanswered after [`DIAL_TIMEOUT_MS`].
    pub fn poll(&mut self, now_ms: u64) -> Vec<Dial> {
        self.time_out(now_ms);
        self.forget(now_ms);
        let mut dials = Vec::new();
        while self.flights.len() < DIALS_MAX {
            let Some((unit, address)) = self.next_dial(now_ms) else { break };
            self.flights.insert(address, Flight { unit, started: now_ms });
            if let Some(contact) = self.book.get_mut(&unit) {
                contact.dialled = Some(now_ms);
            }
            dials.push(Dial { address, expected: unit.device() });
        }
        self.observe(now_ms);
        dials
    }

    /// When [`Self::poll`] has something to do at the latest, if nothing happens before. May lie in
    /// the past: then it has now.
    pub fn next_timeout(&self) -> Option<u64> {
        let expiry = |flight: &Flight| flight.started.saturating_add(DIAL_TIMEOUT_MS);
        let expires = self.flights.values().map(expiry).min();
        let due = if self.flights.len() < DIALS_MAX {
            self.book.iter().filter_map(|(unit, contact)| self.due(*unit, contact)).min()
        } else {
            None
        };
        expires.into_iter().chain(due).min()
    }

    fn time_out(&mut self, now_ms: u64) {
        let over = |flight: &Flight| now_ms.saturating_sub(flight.started) >= DIAL_TIMEOUT_MS;
        let expired: Vec<SocketAddr> = self
            .flights
            .iter()
            .filter(|(_, flight)| over(flight))
            .map(|(address, _)| *address)
            .collect();
        for address in expired {
            self.dial_failed(now_ms, address, DialFailure::NoAnswer);
        }
    }

    pub(super) fn failed(
        &mut self,
        now_ms: u64,
        unit: Unit,
        address: SocketAddr,
        why: DialFailure,
    ) {
        let own = self.own;
        let contact = self.book.get_mut(&unit);
        let Some(known) = contact.and_then(|contact| contact.addresses.get_mut(&address)) else {
            return;
        };
        if why == DialFailure::Superseded {
            known.not_before = now_ms.saturating_add(DIAL_BACKOFF_MIN_MS);
        } else {
            known.fail(now_ms, why, |failures| backoff(failures, own, unit, address));
        }
    }

    /// Drops addresses that were only announced, are not announced any more and do not answer.
    fn forget(&mut self, now_ms: u64) {
        self.strangers.retain(|_, heard| now_ms.saturating_sub(*heard) < ANNOUNCED_STALE_MS);
        let flights = &self.flights;
        for contact in self.book.values_mut() {
            contact.addresses.retain(|address, known| {
                let silent = known
                    .heard
                    .is_none_or(|heard| now_ms.saturating_sub(heard) >= ANNOUNCED_FORGET_MS);
                let only_announced = known.source() == Source::Announced && known.told.is_none();
                !(only_announced && silent && known.failures > 0) || flights.contains_key(address)
            });
        }
        self.book.retain(|_, contact| !contact.addresses.is_empty());
    }

    fn next_dial(&self, now_ms: u64) -> Option<(Unit, SocketAddr)> {
        let ready = |(unit, contact): (&Unit, &Contact)| {
            let due = self.due(*unit, contact).is_some_and(|due| due <= now_ms);
            let address = due.then(|| self.first_address(contact, now_ms)).flatten()?;
            let source = contact.addresses.get(&address).map(Known::source);
            Some((contact.dialled, source, *unit, address))
        };
        let next = self.book.iter().filter_map(ready).min();
        next.map(|(_, _, unit, address)| (unit, address))
    }

    /// When one of the unit's addresses may be dialled next, if any ever.
    fn due(&self, unit: Unit, contact: &Contact) -> Option<u64> {
        if let Unit::Device(device) = unit
            && (!self.is_peer(device) || self.links.contains_key(&device))
        {
            return None;
        }
        let under_way = self.flights.values().filter(|flight| flight.unit == unit).count();
        if under_way >= DIALS_PER_DEVICE_MAX {
            return None;
        }
        let free = contact.addresses.iter().filter(|(address, _)| self.is_free(**address));
        let first = free.map(|(_, known)| known.not_before).min()?;
        let stagger = contact.dialled.map_or(0, |last| last.saturating_add(DIAL_STAGGER_MS));
        Some(first.max(stagger))
    }

    /// Whether an address may be dialled at all now.
    fn is_free(&self, address: SocketAddr) -> bool {
        !self.flights.contains_key(&address) && !self.is_own_address(address)
    }

    /// The address to try first of those that are due: proven and configured ones, and then what is
    /// only said, in the order it fell due. Whoever makes up addresses waits behind those there are.
    fn first_address(&self, contact: &Contact, now_ms: u64) -> Option<SocketAddr> {
        let due = contact
            .addresses
            .iter()
            .filter(|(address, known)| known.not_before <= now_ms && self.is_free(**address));
        due.min_by_key(|(address, known)| {
            let source = known.source();
            let sure = source.min(Source::Announced);
            (sure, Reverse(known.good), known.not_before, source, **address)
        })
        .map(|(address, _)| *address)
    }
}
