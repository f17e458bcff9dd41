//! The connections there are, and which of two to one device stays.
//!
//! Both sides must keep the same one. So one side decides: between members the device with the
//! lower id, in a pairing the one that was dialled. The other greets first, the one that decides
//! answers a connection it keeps with its own greeting, and only then is the connection told to
//! either engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pos_core::ids::DeviceId;

use super::connection::Link;
use super::frames::GREETING_BYTES;
use super::limits::RACE_MS;
use crate::sync::ConnId;

/// A random number an endpoint draws when it starts.
pub(super) type Life = [u8; 16];

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The sender's life.
    pub(super) life: Life,
    /// The receiver's life with which the sender already holds a connection; zeros for none.
    pub(super) held: Life,
}

impl Greeting {
    pub(super) fn to_bytes(self) -> [u8; GREETING_BYTES] {
        let mut bytes = [0; GREETING_BYTES];
        for (slot, byte) in bytes.iter_mut().zip(self.life.into_iter().chain(self.held)) {
            *slot = byte;
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; GREETING_BYTES]) -> Self {
        let mut halves = bytes.as_chunks::<16>().0.iter().copied();
        let mut half = || halves.next().unwrap_or_default();
        Self { life: half(), held: half() }
    }
}

/// What becomes of a new connection to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It stays; the one there is, if any, goes.
    Keep,
    /// It goes.
    Refuse,
}

/// Decides, on the side that does, about a new connection beside one that was agreed on `age` ago
/// with a peer of the life `there`.
pub(super) fn decide(there: Life, age: Duration, own: Life, greeting: &Greeting) -> Decision {
    if greeting.life != there {
        // The peer has started again: what we hold is dead.
        return Decision::Keep;
    }
    if greeting.held == own {
        return Decision::Refuse;
    }
    // The peer holds none. Either the one there is too new for it to have heard, because both
    // dialled at once; or it has lost it.
    if age < Duration::from_millis(RACE_MS) { Decision::Refuse } else { Decision::Keep }
}

/// All connections both sides have agreed on.
#[derive(Debug, Default)]
pub(super) struct Table {
    links: BTreeMap<ConnId, Arc<Link>>,
    members: BTreeMap<DeviceId, ConnId>,
}

impl Table {
    pub(super) fn link(&self, conn: ConnId) -> Option<&Arc<Link>> {
        self.links.get(&conn)
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.links.values()
    }

    /// The connection to a member.
    pub(super) fn member(&self, device: DeviceId) -> Option<&Arc<Link>> {
        self.members.get(&device).and_then(|conn| self.links.get(conn)).filter(|it| !it.is_closed())
    }

    /// The life of the peer a connection to a member is held with; zeros for none.
    pub(super) fn held(&self, device: DeviceId) -> Life {
        self.member(device).map(|link| link.life).unwrap_or_default()
    }

    /// Whether this side, which decides, keeps a new connection.
    pub(super) fn decide(&self, device: DeviceId, own: Life, greeting: &Greeting) -> Decision {
        let Some(link) = self.member(device) else { return Decision::Keep };
        decide(link.life, Instant::now().saturating_duration_since(link.since), own, greeting)
    }

    /// Enters a connection, and hands back the one whose place it takes.
    pub(super) fn enter(&mut self, link: &Arc<Link>) -> Option<Arc<Link>> {
        self.links.insert(link.id, Arc::clone(link));
        if link.is_pairing {
            return None;
        }
        let before = self.members.insert(link.device, link.id)?;
        self.links.get(&before).cloned()
    }

    /// Strikes a connection that is gone.
    pub(super) fn strike(&mut self, link: &Link) {
        self.links.remove(&link.id);
        if self.members.get(&link.device) == Some(&link.id) {
            self.members.remove(&link.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Life = [1; 16];
    const THEIRS: Life = [2; 16];
    const YOUNG: Duration = Duration::from_millis(20);
    const OLD: Duration = Duration::from_mins(1);

    fn greeting(life: Life, held: Life) -> Greeting {
        Greeting { life, held }
    }

    #[test]
    fn of_two_dialled_at_once_the_first_stays() {
        let fresh = greeting(THEIRS, [0; 16]);
        assert_eq!(decide(THEIRS, YOUNG, OURS, &fresh), Decision::Refuse);
    }

    #[test]
    fn a_peer_that_started_again_takes_the_place_of_its_dead_connection() {
        for held in [[0; 16], OURS, [9; 16]] {
            let reborn = greeting([3; 16], held);
            assert_eq!(decide(THEIRS, YOUNG, OURS, &reborn), Decision::Keep);
            assert_eq!(decide(THEIRS, OLD, OURS, &reborn), Decision::Keep);
        }
    }

    #[test]
    fn a_second_connection_of_a_peer_that_holds_one_is_refused_and_of_one_that_lost_it_kept() {
        let holds = greeting(THEIRS, OURS);
        assert_eq!(decide(THEIRS, OLD, OURS, &holds), Decision::Refuse);
        let lost = greeting(THEIRS, [0; 16]);
        assert_eq!(decide(THEIRS, OLD, OURS, &lost), Decision::Keep);
    }

    #[test]
    fn a_greeting_is_read_as_it_was_written() {
        let one = greeting(OURS, THEIRS);
        assert_eq!(Greeting::from_bytes(one.to_bytes()), one);
        assert_eq!(one.to_bytes()[..16], OURS);
    }
}
