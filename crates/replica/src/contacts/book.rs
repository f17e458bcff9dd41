//! The addresses of one till, never more than fit: what is proven or configured is not displaced
//! by what is merely said.

use core::cmp::Reverse;
use core::net::SocketAddr;
use std::collections::BTreeMap;

use pos_core::ids::DeviceId;

use super::address::{Known, Source};
use crate::limits::{ADDRESSES_PER_CONTACT_MAX, PROVEN_ADDRESSES_MAX, SAID_ADDRESSES_MAX};

/// Whom an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// A device, as far as is known.
    Device(DeviceId),
    /// A configured address whose device has not answered yet.
    Unknown(SocketAddr),
}

impl Unit {
    pub(super) fn device(self) -> Option<DeviceId> {
        match self {
            Self::Device(device) => Some(device),
            Self::Unknown(_) => None,
        }
    }
}

/// One till (or one configured address of nobody known yet) and its addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Contact {
    pub(super) addresses: BTreeMap<SocketAddr, Known>,
    /// When one of them was last dialled, in milliseconds.
    pub(super) dialled: Option<u64>,
    /// When it was last heard with a clock that differs by weeks, in milliseconds.
    pub(super) clock_differs: Option<u64>,
}

/// What speaks for a new address, and so whose place it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Heard on the network, where anybody may say anything: has places of its own, in which it
    /// follows others of its kind that did not answer.
    Announced,
    /// Told by a peer or the hub: likewise.
    Told,
    /// It has answered, or the shop wants it: takes the place of anything but what is configured.
    Sure,
}

impl Claim {
    /// What keeps a known address in its place.
    fn of(known: &Known) -> Self {
        match known.source() {
            Source::Proven | Source::Configured => Self::Sure,
            Source::Announced => Self::Announced,
            Source::Peer | Source::Hub => Self::Told,
        }
    }
}

impl Contact {
    /// The record of an address, made if there is room; `None` if there is not.
    /// `busy` says which addresses are being dialled: those keep their place.
    pub(super) fn admit(
        &mut self,
        address: SocketAddr,
        claim: Claim,
        busy: impl Fn(SocketAddr) -> bool,
        due: u64,
    ) -> Option<&mut Known> {
        if !self.addresses.contains_key(&address) && self.is_full(claim) {
            let leaves = self.displaced(claim, busy)?;
            self.addresses.remove(&leaves);
        }
        let new = Known { not_before: due, ..Known::default() };
        Some(self.addresses.entry(address).or_insert(new))
    }

    fn is_full(&self, claim: Claim) -> bool {
        let alike = self.addresses.values().filter(|known| Claim::of(known) == claim).count();
        self.addresses.len() >= ADDRESSES_PER_CONTACT_MAX
            || (claim != Claim::Sure && alike >= SAID_ADDRESSES_MAX)
    }

    /// Which address gives way: of the same kind the one that failed most often; for a sure one
    /// any that is said, tried or not, and at last the one that worked longest ago.
    fn displaced(&self, claim: Claim, busy: impl Fn(SocketAddr) -> bool) -> Option<SocketAddr> {
        let gives_way = |known: &Known| match claim {
            Claim::Sure => !known.configured,
            Claim::Announced | Claim::Told => Claim::of(known) == claim && known.failures > 0,
        };
        self.addresses
            .iter()
            .filter(|(address, known)| gives_way(known) && !busy(**address))
            .min_by_key(|(address, known)| (known.good, Reverse(known.failures), **address))
            .map(|(address, _)| *address)
    }

    /// Marks an address as the one that worked last. Answers whether that changes the order of
    /// those that have worked.
    pub(super) fn prove(&mut self, address: SocketAddr, rank: u64) -> bool {
        let best = self.addresses.values().map(|known| known.good).max().unwrap_or(0);
        let Some(known) = self.addresses.get_mut(&address) else { return false };
        let was_best = known.good > 0 && known.good == best;
        known.good = rank;
        known.failed = None;
        let mut proven: Vec<&mut Known> =
            self.addresses.values_mut().filter(|known| known.good > 0).collect();
        proven.sort_by_key(|known| Reverse(known.good));
        for known in proven.into_iter().skip(PROVEN_ADDRESSES_MAX) {
            known.good = 0;
        }
        !was_best
    }

    /// The addresses that have worked, the last first.
    pub(super) fn proven(&self) -> Vec<SocketAddr> {
        let mut proven: Vec<_> = self
            .addresses
            .iter()
            .filter(|(_, known)| known.good > 0)
            .map(|(address, known)| (Reverse(known.good), *address))
            .collect();
        proven.sort_unstable();
        proven.into_iter().map(|(_, address)| address).collect()
    }

    /// Whether it was announced lately enough to be there still.
    pub(super) fn is_heard(&self, now_ms: u64) -> bool {
        self.addresses.values().any(|known| known.is_heard(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::DialFailure;
    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 4433))
    }

    /// All places of said addresses are taken: 0 to 3 announced, 4 to 7 told.
    fn full() -> Contact {
        let mut contact = Contact::default();
        for last in 0..4 {
            let known = contact.admit(at(last), Claim::Announced, |_| false, 0).unwrap();
            known.heard = Some(0);
        }
        for last in 4..8 {
            contact.admit(at(last), Claim::Told, |_| false, 0).unwrap().told = Some(Source::Peer);
        }
        contact
    }

    #[test]
    fn hearsay_does_not_displace_what_was_not_tried_and_sure_things_do() {
        let mut contact = full();
        assert!(contact.admit(at(200), Claim::Announced, |_| false, 0).is_none());
        assert!(contact.admit(at(200), Claim::Told, |_| false, 0).is_none());
        for last in 200..250 {
            assert!(contact.admit(at(last), Claim::Sure, |_| false, 0).is_some());
            contact.prove(at(last), last.into());
            assert!(contact.addresses.len() <= ADDRESSES_PER_CONTACT_MAX);
        }
    }

    #[test]
    fn what_failed_most_often_gives_way_to_its_like_unless_it_is_being_dialled() {
        let mut contact = full();
        for (last, times) in [(1, 1), (2, 5), (3, 9), (5, 20)] {
            for _ in 0..times {
                let known = contact.addresses.get_mut(&at(last)).unwrap();
                known.fail(0, DialFailure::NoAnswer, |_| 0);
            }
        }
        let busy = |address| address == at(3);
        assert!(contact.admit(at(200), Claim::Announced, busy, 0).is_some());
        assert!(!contact.addresses.contains_key(&at(2)), "the most often failed announced one");
        assert!(contact.addresses.contains_key(&at(3)), "it is being dialled");
        assert!(contact.addresses.contains_key(&at(5)), "it is of the other kind");
    }

    #[test]
    fn configured_addresses_stay_whatever_comes() {
        let mut contact = Contact::default();
        for last in 0..u8::try_from(ADDRESSES_PER_CONTACT_MAX).unwrap() {
            let known = contact.admit(at(last), Claim::Sure, |_| false, 0).unwrap();
            known.configured = true;
            known.fail(0, DialFailure::NoAnswer, |_| 0);
        }
        assert!(contact.admit(at(200), Claim::Sure, |_| false, 0).is_none());
    }

    #[test]
    fn the_last_to_work_is_first_and_no_more_are_kept_than_fit_the_file() {
        let mut contact = full();
        for rank in 1..=6 {
            assert!(contact.prove(at(u8::try_from(rank).unwrap()), rank), "{rank}");
        }
        assert!(!contact.prove(at(6), 7), "it is the last already");
        assert_eq!(contact.proven(), [at(6), at(5), at(4), at(3)]);
    }
}
