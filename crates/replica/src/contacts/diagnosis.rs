//! Why a till is not connected, in words for the shop. Silence is the worst answer: most of what
//! keeps tills apart is a switch in an access point, and whoever stands before the till can find it
//! once somebody says so.

use core::fmt;
use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;

use super::announcement::Hint;
use super::book::{Contact, Unit};
use super::{Contacts, DialFailure};
use crate::limits::{ANNOUNCED_STALE_MS, DIAGNOSE_AFTER_MS, DIAGNOSES_MAX};

/// Something that keeps tills apart, and what to do about it. The text for the shop is its
/// [`fmt::Display`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diagnosis {
    /// This machine has no network but itself.
    NoNetwork,
    /// Tills are heard, none of them answers a dial: only multicast gets through.
    ClientIsolation,
    /// Nobody is heard, nobody is connected, and there is no configured address to try.
    Alone,
    /// This machine can neither announce itself nor hear announcements.
    NoMulticast,
    /// A till says that this one does not belong to the store.
    Refused(DeviceId),
    /// A till announces this store but is not a member of it as far as is known here.
    NotAMember(Hint),
    /// A till is heard and does not answer, while others do.
    Silent(DeviceId),
    /// A till's program speaks no version of the protocol this one speaks.
    OtherVersion(DeviceId),
    /// Nobody answers at a configured address.
    DeadAddress(SocketAddr),
    /// Who answers at a configured address does not belong to this store.
    WrongAddress(SocketAddr),
    /// A till announces itself for another week: one of the two clocks is wrong.
    ClockDiffers(DeviceId),
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNetwork => f.write_str(
                "This till has no network. Check its cable or its Wi-Fi. Selling goes on.",
            ),
            Self::ClientIsolation => f.write_str(
                "The tills hear each other but cannot connect. Most likely \"client isolation\" \
                 (or \"AP isolation\", \"guest network\") is on in the Wi-Fi: turn it off. If it is \
                 off, a firewall on the tills blocks UDP.",
            ),
            Self::Alone => f.write_str(
                "No other till is heard. Are the others switched on and in the same Wi-Fi? If \
                 they are, the network blocks multicast: enter another till's address in the \
                 settings.",
            ),
            Self::NoMulticast => f.write_str(
                "This till can neither announce itself nor hear others: its system or a firewall \
                 blocks multicast (UDP port 5353). Enter another till's address in the settings.",
            ),
            Self::Refused(device) => write!(
                f,
                "Till {} does not count this one among the store's. If this till was just added, \
                 wait a moment; if it was removed, a manager has to add it again.",
                short(*device)
            ),
            Self::NotAMember(hint) => write!(
                f,
                "A device {} announces itself as one of this store but is not a member. It was \
                 removed, or added where this till could not hear of it.",
                head(&hint.to_string())
            ),
            Self::Silent(device) => write!(
                f,
                "Till {} is heard but does not answer, others do. Check that its program runs and \
                 that no firewall on it blocks UDP.",
                short(*device)
            ),
            Self::OtherVersion(device) => write!(
                f,
                "Till {} runs a program of another version: update the older one.",
                short(*device)
            ),
            Self::DeadAddress(address) => write!(
                f,
                "No till answers at {address}, which is in the settings. Is it switched on, and is \
                 the address still right?"
            ),
            Self::WrongAddress(address) => write!(
                f,
                "What answers at {address}, which is in the settings, is not of this store. \
                 Correct the address."
            ),
            Self::ClockDiffers(device) => write!(
                f,
                "The date of till {} and that of this one are more than a week apart. Set the \
                 clock that is wrong.",
                short(*device)
            ),
        }
    }
}

fn short(device: DeviceId) -> String {
    head(&device.to_string())
}

fn head(hex: &str) -> String {
    hex.chars().take(8).collect()
}

impl Contacts {
    /// What keeps tills apart now, the weightiest first; at most [`DIAGNOSES_MAX`]. Each is said
    /// once it has held for [`DIAGNOSE_AFTER_MS`], and not any more as soon as it is over.
    pub fn diagnosis(&mut self, now_ms: u64) -> Vec<Diagnosis> {
        self.observe(now_ms);
        let lasting = |since: u64| now_ms.saturating_sub(since) >= DIAGNOSE_AFTER_MS;
        let said = self.symptoms.iter().filter(|(_, since)| lasting(**since));
        said.map(|(diagnosis, _)| *diagnosis).collect()
    }

    /// Notes what holds now and since when.
    pub(super) fn observe(&mut self, now_ms: u64) {
        let now: BTreeSet<Diagnosis> = self.found(now_ms).into_iter().take(DIAGNOSES_MAX).collect();
        let since = |diagnosis: &Diagnosis| self.symptoms.get(diagnosis).copied();
        let symptoms: BTreeMap<Diagnosis, u64> = now
            .into_iter()
            .map(|diagnosis| (diagnosis, since(&diagnosis).unwrap_or(now_ms)))
            .collect();
        self.symptoms = symptoms;
    }

    fn found(&self, now_ms: u64) -> BTreeSet<Diagnosis> {
        let mut found = BTreeSet::new();
        let apart = |device: &DeviceId| *device != self.own && !self.links.contains_key(device);
        let is_apart = self.members.iter().any(apart);
        if !is_apart && self.book.is_empty() {
            // The only till of its store lacks nothing.
            return found;
        }
        if self.interfaces.as_ref().is_some_and(BTreeSet::is_empty) && self.links.is_empty() {
            found.insert(Diagnosis::NoNetwork);
            return found;
        }
        if !self.multicast && is_apart {
            found.insert(Diagnosis::NoMulticast);
        }
        self.found_around(now_ms, &mut found);
        for (unit, contact) in &self.book {
            self.found_of(now_ms, *unit, contact, &mut found);
        }
        let stranger = |heard: u64| now_ms.saturating_sub(heard) < ANNOUNCED_STALE_MS;
        let strangers = self.strangers.iter().filter(|(_, heard)| stranger(**heard));
        found.extend(strangers.map(|(hint, _)| Diagnosis::NotAMember(*hint)));
        found
    }

    /// What concerns the network as a whole.
    fn found_around(&self, now_ms: u64, found: &mut BTreeSet<Diagnosis>) {
        let heard: Vec<(&Unit, &Contact)> =
            self.book.iter().filter(|(_, contact)| contact.is_heard(now_ms)).collect();
        let configured = self.book.values().flat_map(|contact| contact.addresses.values());
        let is_configured = configured.into_iter().any(|known| known.configured);
        if heard.is_empty() && self.links.is_empty() && !is_configured && self.multicast {
            found.insert(Diagnosis::Alone);
        }
        let silent = heard.iter().filter(|(_, contact)| unanswered(contact, now_ms));
        let devices: Vec<DeviceId> = silent.filter_map(|(unit, _)| unit.device()).collect();
        let linked = |(unit, _): &(&Unit, &Contact)| {
            unit.device().is_some_and(|device| self.links.contains_key(&device))
        };
        if !devices.is_empty() && devices.len() == heard.len() && !heard.iter().any(linked) {
            found.insert(Diagnosis::ClientIsolation);
        } else {
            let apart = devices.into_iter().filter(|device| !self.links.contains_key(device));
            found.extend(apart.map(Diagnosis::Silent));
        }
    }

    /// What concerns one device or one configured address.
    fn found_of(
        &self,
        now_ms: u64,
        unit: Unit,
        contact: &Contact,
        found: &mut BTreeSet<Diagnosis>,
    ) {
        if let Unit::Device(device) = unit {
            let fresh = |at: u64| now_ms.saturating_sub(at) < ANNOUNCED_STALE_MS;
            if contact.clock_differs.is_some_and(fresh) {
                found.insert(Diagnosis::ClockDiffers(device));
            }
            if self.links.contains_key(&device) {
                return;
            }
            let failed = |why| contact.addresses.values().any(|known| known.failed == Some(why));
            if failed(DialFailure::Refused) {
                found.insert(Diagnosis::Refused(device));
            }
            if failed(DialFailure::OtherVersion) {
                found.insert(Diagnosis::OtherVersion(device));
            }
        }
        for (address, known) in contact.addresses.iter().filter(|(_, known)| known.configured) {
            match known.failed {
                Some(DialFailure::NoAnswer | DialFailure::Unreachable | DialFailure::Broken)
                    if !contact.is_heard(now_ms) =>
                {
                    found.insert(Diagnosis::DeadAddress(*address));
                }
                Some(DialFailure::Stranger) => {
                    found.insert(Diagnosis::WrongAddress(*address));
                }
                _ => {}
            }
        }
    }
}

/// Whether a till is heard and every address it was heard with was dialled in vain.
fn unanswered(contact: &Contact, now_ms: u64) -> bool {
    let mut heard = contact.addresses.values().filter(|known| known.is_heard(now_ms)).peekable();
    let in_vain =
        |why: DialFailure| matches!(why, DialFailure::NoAnswer | DialFailure::Unreachable);
    heard.peek().is_some() && heard.all(|known| known.failed.is_some_and(in_vain))
}
