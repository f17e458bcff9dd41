//! One address of a till: how it came to be known, and how dialling it went.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use pos_core::ids::DeviceId;
use thiserror::Error;

use crate::limits::{ANNOUNCED_STALE_MS, DIAL_BACKOFF_MAX_MS};

/// How an address came to be known. The order is that in which addresses of one device are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A connection was held over it, in this run or, as the saved file says, in one before.
    Proven,
    /// Somebody wrote it into the configuration.
    Configured,
    /// Heard on the local network.
    Announced,
    /// A peer told it.
    Peer,
    /// The hub told it.
    Hub,
}

impl Source {
    /// All sources, the first tried first.
    pub const ALL: [Self; 5] =
        [Self::Proven, Self::Configured, Self::Announced, Self::Peer, Self::Hub];
}

/// Why a dial came to nothing, as the transport reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum DialFailure {
    /// Nothing came back until the time was up: off, away, or packets are dropped on the way.
    #[error("no answer")]
    NoAnswer,
    /// The network said that there is no way, or that nothing listens there.
    #[error("nothing listens there")]
    Unreachable,
    /// Who answered does not count this device among the store's.
    #[error("the other till does not know this one")]
    Refused,
    /// Who answered is not a member of this store.
    #[error("who answers there does not belong to this store")]
    Stranger,
    /// Another member answered than the one expected.
    #[error("another till of this store answers there")]
    OtherDevice(DeviceId),
    /// This device answered itself.
    #[error("that is this till's own address")]
    Itself,
    /// The two programs share no version of the protocol.
    #[error("the other till runs a program of another version")]
    OtherVersion,
    /// The conversation broke off or made no sense.
    #[error("the connection broke off")]
    Broken,
    /// Given up in favour of another connection to the same device: no failure of the address.
    #[error("another connection to this till was kept")]
    Superseded,
}

impl DialFailure {
    /// Whether trying again soon is of no use: something else has to change first.
    pub(super) fn lasts(self) -> bool {
        match self {
            Self::NoAnswer | Self::Unreachable | Self::Broken | Self::Superseded => false,
            Self::Refused
            | Self::Stranger
            | Self::OtherDevice(_)
            | Self::Itself
            | Self::OtherVersion => true,
        }
    }
}

/// The address as it is dialled, or `None` if nothing can be reached there from here.
///
/// An IPv4 address in IPv6 clothes becomes IPv4; a link-local IPv6 address keeps its interface and
/// is of no use without one; 192.0.0.0/29 is the inside of a phone's address translation (RFC 7335),
/// which Android announces and nobody can reach.
pub fn usable(address: SocketAddr) -> Option<SocketAddr> {
    let port = address.port();
    if port == 0 {
        return None;
    }
    match (address.ip().to_canonical(), address) {
        (IpAddr::V4(ip), _) => usable_v4(ip).then_some(SocketAddr::from((ip, port))),
        (IpAddr::V6(ip), SocketAddr::V6(full)) if ip.is_unicast_link_local() => {
            let scope = full.scope_id();
            (scope != 0).then_some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
        }
        (IpAddr::V6(ip), _) => usable_v6(ip).then_some(SocketAddr::from((ip, port))),
    }
}

fn usable_v4(ip: Ipv4Addr) -> bool {
    let [first, second, third, fourth] = ip.octets();
    let translated = (first, second, third) == (192, 0, 0) && fourth < 8;
    // 0.0.0.0/8 is "this network", 224/4 multicast, 240/4 reserved and broadcast.
    first != 0 && first < 224 && !translated
}

fn usable_v6(ip: Ipv6Addr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}

/// Whether the address means something on this machine and connection only.
pub(super) fn is_local_only(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// What is known of one address of one device.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Somebody wrote it into the configuration.
    pub(super) configured: bool,
    /// Who told it, [`Source::Peer`] or [`Source::Hub`], if anybody did.
    pub(super) told: Option<Source>,
    /// When it was last heard on the local network, in milliseconds.
    pub(super) heard: Option<u64>,
    /// It was announced, and then that it leaves.
    pub(super) left: bool,
    /// Rank among the addresses that have worked; higher is later, 0 is never.
    pub(super) good: u64,
    /// Dials that failed since something spoke for this address.
    pub(super) failures: u32,
    /// Why the last one failed, unless it worked afterwards.
    pub(super) failed: Option<DialFailure>,
    /// Not dialled before this time, in milliseconds.
    pub(super) not_before: u64,
    /// When its failures were last forgiven because it was announced anew, in milliseconds.
    pub(super) forgiven: Option<u64>,
}

impl Known {
    pub(super) fn source(&self) -> Source {
        match self {
            _ if self.good > 0 => Source::Proven,
            _ if self.configured => Source::Configured,
            _ if self.heard.is_some() => Source::Announced,
            _ => self.told.unwrap_or(Source::Peer),
        }
    }

    /// Whether it was announced lately enough to be there still.
    pub(super) fn is_heard(&self, now_ms: u64) -> bool {
        let fresh = |heard: u64| now_ms.saturating_sub(heard) < ANNOUNCED_STALE_MS;
        !self.left && self.heard.is_some_and(fresh)
    }

    /// Something new speaks for this address: it is tried at `at` or when it was due anyway.
    pub(super) fn forgive(&mut self, at: u64) {
        self.failures = 0;
        self.failed = None;
        self.not_before = self.not_before.min(at);
    }

    /// Notes a failure. `wait` says how long the pause is after so many of them, in milliseconds.
    pub(super) fn fail(&mut self, now_ms: u64, why: DialFailure, wait: impl Fn(u32) -> u64) {
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(why);
        let pause = if why.lasts() { DIAL_BACKOFF_MAX_MS } else { wait(self.failures) };
        self.not_before = now_ms.saturating_add(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> Option<String> {
        usable(address.parse().unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn only_what_can_be_reached_is_dialled() {
        for good in ["10.0.0.7:4433", "192.0.0.8:1", "127.0.0.1:4433", "[fd00::7]:4433", "[::1]:9"]
        {
            assert_eq!(shown(good).as_deref(), Some(good));
        }
        for bad in [
            "10.0.0.7:0",
            "0.0.0.0:4433",
            "0.1.2.3:4433",
            "192.0.0.0:4433",
            "192.0.0.4:4433",
            "192.0.0.7:4433",
            "224.0.0.251:4433",
            "255.255.255.255:4433",
            "[::]:4433",
            "[ff02::fb]:4433",
            "[fe80::1]:4433",
            "[::ffff:192.0.0.4]:4433",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_place_has_one_spelling() {
        assert_eq!(shown("[::ffff:10.0.0.7]:4433").as_deref(), Some("10.0.0.7:4433"));
        assert_eq!(shown("[fe80::1%3]:4433").as_deref(), Some("[fe80::1%3]:4433"));
        assert_eq!(shown("[fd00::7%3]:4433").as_deref(), Some("[fd00::7]:4433"));
    }
}
