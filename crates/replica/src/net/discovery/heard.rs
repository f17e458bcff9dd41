//! What was heard: read, left out, kept to be said again.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::collections::BTreeMap;

use mdns_sd::{ResolvedService, ScopedIp};

use super::limits::KEPT_MAX;
use crate::contacts::announcement::{Announcement, Beacon, Hint, Recognised, Recogniser};
use crate::contacts::usable;
use crate::limits::ANNOUNCED_ADDRESSES_MAX;

/// An announcement of the own store with an address that can be dialled; `None` for anything else.
pub(super) fn read(
    service: &ResolvedService,
    recogniser: &Recogniser,
    week: i64,
    loopback: bool,
) -> Option<Announcement> {
    let beacon = Beacon::read(|name| service.get_property_val_str(name)).ok()?;
    let clock_differs = match recogniser.recognise(&beacon, week) {
        Recognised::Ours => false,
        Recognised::OursByAnotherClock => true,
        Recognised::Own | Recognised::Foreign => return None,
    };
    let addresses = addresses(service, loopback);
    let announcement = Announcement { device: beacon.device, addresses, clock_differs };
    (!announcement.addresses.is_empty()).then_some(announcement)
}

/// The addresses in a fixed order, IPv4 first: it is what a shop's network surely routes.
/// Loopback counts where there is nothing else, that is on a machine without a network.
fn addresses(service: &ResolvedService, loopback: bool) -> Vec<SocketAddr> {
    let at = |ip: &ScopedIp| socket_address(ip, service.port).and_then(usable);
    let mut all: Vec<SocketAddr> = service.addresses.iter().filter_map(at).collect();
    all.sort_unstable_by_key(|address| (address.is_ipv6(), *address));
    if !loopback && all.iter().any(|address| !address.ip().is_loopback()) {
        all.retain(|address| !address.ip().is_loopback());
    }
    all.truncate(ANNOUNCED_ADDRESSES_MAX);
    all
}

/// A link-local address keeps the interface it was heard on, and is of no use without.
fn socket_address(ip: &ScopedIp, port: u16) -> Option<SocketAddr> {
    match ip {
        ScopedIp::V4(ip) => Some(SocketAddr::new(IpAddr::V4(*ip.addr()), port)),
        ScopedIp::V6(ip) => {
            let scope = ip.scope_id().index;
            Some(SocketAddr::V6(SocketAddrV6::new(*ip.addr(), port, 0, scope)))
        }
        _ => None,
    }
}

/// The announcements that are still in force, by the name they were made under.
#[derive(Debug, Default)]
pub(super) struct Heard {
    kept: BTreeMap<String, Announcement>,
}

impl Heard {
    /// Keeps an announcement and answers whether there was room. A member displaces somebody who is
    /// none.
    pub(super) fn keep(
        &mut self,
        name: &str,
        announcement: &Announcement,
        is_member: impl Fn(Hint) -> bool,
    ) -> bool {
        if self.kept.len() >= KEPT_MAX && !self.kept.contains_key(name) {
            let stranger = self.kept.iter().find(|(_, kept)| !is_member(kept.device));
            let Some(stranger) = stranger.map(|(name, _)| name.clone()) else { return false };
            if !is_member(announcement.device) {
                return false;
            }
            self.kept.remove(&stranger);
        }
        self.kept.insert(name.to_owned(), announcement.clone());
        true
    }

    /// Forgets an announcement. Answers who is gone with it, if it was the last of that device.
    pub(super) fn drop(&mut self, name: &str) -> Option<Hint> {
        let gone = self.kept.remove(name)?.device;
        (!self.kept.values().any(|kept| kept.device == gone)).then_some(gone)
    }

    pub(super) fn all(&self) -> Vec<Announcement> {
        self.kept.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(number: u64) -> Hint {
        format!("{number:016x}").parse().unwrap()
    }

    fn announcement(number: u64) -> Announcement {
        Announcement { device: hint(number), addresses: Vec::new(), clock_differs: false }
    }

    #[test]
    fn ten_thousand_names_are_not_kept_and_a_member_finds_its_place() {
        let mut heard = Heard::default();
        let member = hint(77_777);
        for number in 0..10_000 {
            heard.keep(&number.to_string(), &announcement(number), |hint| hint == member);
        }
        assert_eq!(heard.all().len(), KEPT_MAX);
        assert!(!heard.keep("stranger", &announcement(4), |hint| hint == member));
        assert!(heard.keep("member", &announcement(77_777), |hint| hint == member));
        assert_eq!(heard.all().len(), KEPT_MAX);
        assert_eq!(heard.drop("member"), Some(member));
    }

    #[test]
    fn a_device_is_gone_with_its_last_name() {
        let mut heard = Heard::default();
        assert!(heard.keep("a", &announcement(1), |_| true));
        assert!(heard.keep("a (2)", &announcement(1), |_| true));
        assert_eq!(heard.drop("a"), None);
        assert_eq!(heard.drop("a (2)"), Some(hint(1)));
        assert_eq!(heard.drop("a (2)"), None);
    }
}
