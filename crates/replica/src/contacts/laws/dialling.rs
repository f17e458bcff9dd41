//! Who is dialled when, and who never.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::announcement::{Announcement, Hint};
use super::super::book::Unit;
use super::super::schedule::{backoff, yielding};
use super::super::{Contacts, DialFailure};
use super::{announced, at, device, devices};
use crate::limits::{
    ADDRESSES_PER_CONTACT_MAX, CONTACTS_MAX, DIAL_BACKOFF_MAX_MS, DIAL_BACKOFF_MIN_MS,
    DIAL_STAGGER_MS, DIAL_TIMEOUT_MS, DIAL_YIELD_MS, DIALS_MAX, DIALS_PER_DEVICE_MAX,
    STRANGERS_MAX,
};

const OWN: u8 = 5;

/// Something that happens to a till, with small numbers for devices and addresses so that they
/// meet.
#[derive(Debug, Clone)]
enum Event {
    Heard(u8, Vec<u8>),
    Gone(u8),
    Learnt(u8, u8, Vec<u8>),
    Hub(u8, Vec<u8>),
    Static(u8),
    Connected(u8, u8),
    Disconnected(u8),
    Failed(u8, DialFailure),
    Members(BTreeSet<u8>),
    Interfaces(BTreeSet<u8>),
    Saved(Vec<u8>),
    Wait(u64),
}

fn failure() -> impl Strategy<Value = DialFailure> {
    prop_oneof![
        Just(DialFailure::NoAnswer),
        Just(DialFailure::Unreachable),
        Just(DialFailure::Refused),
        Just(DialFailure::Stranger),
        (0..10_u8).prop_map(|number| DialFailure::OtherDevice(device(number))),
        Just(DialFailure::Itself),
        Just(DialFailure::OtherVersion),
        Just(DialFailure::Broken),
        Just(DialFailure::Superseded),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let number = || 0..10_u8;
    let place = || 0..40_u8;
    let places = || prop::collection::vec(0..40_u8, 0..12);
    prop_oneof![
        3 => (number(), places()).prop_map(|(who, at)| Event::Heard(who, at)),
        1 => number().prop_map(Event::Gone),
        2 => (number(), number(), places()).prop_map(|(from, who, at)| Event::Learnt(from, who, at)),
        1 => (number(), places()).prop_map(|(who, at)| Event::Hub(who, at)),
        1 => place().prop_map(Event::Static),
        2 => (number(), place()).prop_map(|(who, at)| Event::Connected(who, at)),
        2 => number().prop_map(Event::Disconnected),
        4 => (place(), failure()).prop_map(|(at, why)| Event::Failed(at, why)),
        1 => prop::collection::btree_set(number(), 0..10).prop_map(Event::Members),
        1 => prop::collection::btree_set(place(), 0..3).prop_map(Event::Interfaces),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Event::Saved),
        6 => (0..40_000_u64).prop_map(Event::Wait),
    ]
}

/// What the law knows beside the dialler.
#[derive(Default)]
struct World {
    now: u64,
    members: BTreeSet<u8>,
    connected: BTreeSet<u8>,
    own: BTreeSet<SocketAddr>,
    under_way: BTreeMap<SocketAddr, (u64, Option<pos_core::ids::DeviceId>)>,
}

impl World {
    fn apply(&mut self, contacts: &mut Contacts, event: Event) {
        let now = self.now;
        let all = |places: Vec<u8>| places.into_iter().map(at).collect::<Vec<_>>();
        match event {
            Event::Heard(who, places) => contacts.heard(now, &announced(who, &all(places))),
            Event::Gone(who) => contacts.gone(Hint::of(device(who))),
            Event::Learnt(from, who, places) => {
                contacts.learnt(now, device(from), device(who), &all(places));
            }
            Event::Hub(who, places) => {
                contacts.told_by_hub(now, device(98), device(who), &all(places));
            }
            Event::Static(place) => assert!(contacts.add_static(now, at(place))),
            // The transport lets only members in.
            Event::Connected(who, place) if self.members.contains(&who) && who != OWN => {
                self.connected.insert(who);
                self.under_way.remove(&at(place));
                contacts.connected(now, device(who), at(place));
            }
            Event::Connected(..) => {}
            Event::Disconnected(who) => {
                self.connected.remove(&who);
                contacts.disconnected(now, device(who));
            }
            Event::Failed(place, why) => {
                self.under_way.remove(&at(place));
                contacts.dial_failed(now, at(place), why);
            }
            Event::Members(members) => {
                contacts.members_changed(now, &devices(members.iter().copied()));
                self.members = members;
            }
            Event::Interfaces(places) => {
                let own: BTreeSet<SocketAddr> = places.into_iter().map(at).collect();
                contacts.interfaces_changed(now, &own.iter().map(SocketAddr::ip).collect());
                self.own = own;
            }
            Event::Saved(bytes) => {
                contacts.restore(now, &bytes);
            }
            Event::Wait(ms) => self.now += ms,
        }
    }

    fn poll(&mut self, contacts: &mut Contacts) {
        let now = self.now;
        self.under_way.retain(|_, (started, _)| now - *started < DIAL_TIMEOUT_MS);
        for dial in contacts.poll(now) {
            assert!(!self.own.contains(&dial.address), "it dials itself at {}", dial.address);
            if let Some(expected) = dial.expected {
                assert_ne!(expected, device(OWN), "it dials itself");
                let connected = devices(self.connected.iter().copied());
                assert!(!connected.contains(&expected), "{expected} is connected");
                assert!(devices(self.members.clone()).contains(&expected), "no member: {expected}");
            }
            let before = self.under_way.insert(dial.address, (now, dial.expected));
            assert_eq!(before, None, "{} is being dialled already", dial.address);
        }
        assert!(self.under_way.len() <= DIALS_MAX);
        let mut to = BTreeMap::<_, usize>::new();
        for (_, expected) in self.under_way.values().filter(|(_, expected)| expected.is_some()) {
            *to.entry(expected).or_default() += 1;
        }
        assert!(to.values().all(|dials| *dials <= DIALS_PER_DEVICE_MAX), "{to:?}");
        self.check_bounds(contacts);
    }

    fn check_bounds(&self, contacts: &Contacts) {
        for contact in contacts.book.values() {
            assert!(contact.addresses.len() <= ADDRESSES_PER_CONTACT_MAX);
            for (address, known) in &contact.addresses {
                let pause = known.not_before.saturating_sub(self.now);
                assert!(pause <= DIAL_BACKOFF_MAX_MS, "{address} rests for {pause} ms");
            }
        }
        assert!(contacts.strangers.len() <= STRANGERS_MAX);
        assert!(contacts.book.len() <= CONTACTS_MAX * 2);
    }
}

proptest! {
    #[test]
    fn it_never_dials_itself_a_connected_device_or_a_stranger_and_never_too_many(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut contacts = Contacts::new(device(OWN), 4433);
        let mut world = World::default();
        world.apply(&mut contacts, Event::Members((0..8).collect()));
        for event in events {
            world.apply(&mut contacts, event);
            world.poll(&mut contacts);
            let _words = contacts.diagnosis(world.now);
            // What is due now was done by the poll, unless every place is taken.
            let next = contacts.next_timeout();
            prop_assert!(next.is_none_or(|next| next > world.now), "{next:?} at {}", world.now);
        }
    }

    #[test]
    fn a_pause_is_bounded_and_doubles_up_to_its_bound(
        own in any::<u8>(), other in any::<u8>(), last in any::<u8>(), failures in any::<u32>()
    ) {
        let unit = Unit::Device(device(other));
        let pause = |failures| backoff(failures, device(own), unit, at(last));
        prop_assert!(pause(failures) <= DIAL_BACKOFF_MAX_MS);
        prop_assert!(pause(failures) >= DIAL_BACKOFF_MIN_MS * 3 / 4);
        prop_assert_eq!(pause(failures), pause(failures), "nothing is drawn");
        for failures in 1..5 {
            let whole = DIAL_BACKOFF_MIN_MS << (failures - 1);
            prop_assert!((whole * 3 / 4..=whole).contains(&pause(failures)));
        }
        prop_assert!(pause(40) >= DIAL_BACKOFF_MAX_MS * 3 / 4);
    }
}

/// How a till comes to know where another one is.
#[derive(Debug, Clone, Copy)]
enum Way {
    Saved,
    Static,
    Announced,
    Peer,
    Hub,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Saved),
        Just(Way::Static),
        Just(Way::Announced),
        Just(Way::Peer),
        Just(Way::Hub)
    ]
}

/// Tells where `who` really is, by one way.
fn tell(contacts: &mut Contacts, now: u64, who: u8, place: SocketAddr, way: Way) {
    match way {
        Way::Saved => {
            let mut before = Contacts::new(device(OWN), 4433);
            before.members_changed(0, &devices([OWN, who]));
            before.connected(0, device(who), place);
            assert_eq!(contacts.restore(now, &before.saved()), 1);
        }
        Way::Static => assert!(contacts.add_static(now, place)),
        Way::Announced => contacts.heard(now, &announced(who, &[place])),
        Way::Peer => contacts.learnt(now, device(99), device(who), &[place]),
        Way::Hub => contacts.told_by_hub(now, device(98), device(who), &[place]),
    }
}

/// Where the flood says that members are.
fn lie(number: u32) -> SocketAddr {
    SocketAddr::from((core::net::Ipv4Addr::from(0x0b00_0000 + number), 4433))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every till that can be reached is dialled within minutes, while somebody announces every
    /// member at ever new wrong places and each wrong place costs the longest time to fail. A till
    /// known by announcements alone was heard before the flood began.
    #[test]
    fn every_member_that_can_be_reached_is_dialled_in_the_end(
        ways in prop::collection::vec(way(), 1..40), dead in 0..8_u8, flood in any::<bool>()
    ) {
        let others: Vec<u8> = (100..).take(ways.len()).collect();
        let mut contacts = Contacts::new(device(OWN), 4433);
        let gone: Vec<u8> = (150..).take(dead.into()).collect();
        let all = others.iter().chain(&gone).copied().chain([OWN]);
        contacts.members_changed(0, &devices(all));
        for (who, way) in others.iter().zip(&ways) {
            tell(&mut contacts, 0, *who, at(*who), *way);
        }
        for who in &gone {
            tell(&mut contacts, 0, *who, at(*who), Way::Static);
        }
        let mut failing: BTreeMap<SocketAddr, u64> = BTreeMap::new();
        let mut lies = 0;
        let mut now = 0;
        while now < 600_000 && contacts.connected_devices().count() < others.len() {
            if flood && now % 1000 == 0 {
                for who in &others {
                    lies += 1;
                    contacts.heard(now, &announced(*who, &[lie(lies)]));
                }
            }
            let over: Vec<_> = failing.iter().filter(|(_, at)| **at <= now).map(|(a, _)| *a).collect();
            for address in over {
                failing.remove(&address);
                contacts.dial_failed(now, address, DialFailure::NoAnswer);
            }
            for dial in contacts.poll(now) {
                match others.iter().find(|who| at(**who) == dial.address) {
                    Some(who) => contacts.connected(now, device(*who), dial.address),
                    None => {
                        failing.insert(dial.address, now + 10_000);
                    }
                }
            }
            now += 250;
        }
        let connected: BTreeSet<_> = contacts.connected_devices().collect();
        prop_assert_eq!(connected, devices(others), "after {} s", now / 1000);
    }
}

#[test]
fn of_a_pair_the_lower_id_dials_first_and_the_other_a_second_later() {
    let mut lower = Contacts::new(device(1), 4433);
    let mut higher = Contacts::new(device(2), 4433);
    for (contacts, other) in [(&mut lower, 2), (&mut higher, 1)] {
        contacts.members_changed(0, &devices([1, 2]));
        contacts.heard(0, &announced(other, &[at(other)]));
    }
    assert_eq!(lower.poll(0).len(), 1);
    assert_eq!(higher.poll(0).len(), 0);
    let due = higher.next_timeout().unwrap();
    assert!((DIAL_YIELD_MS..=DIAL_YIELD_MS * 5 / 4).contains(&due), "{due}");
    assert_eq!(higher.poll(due - 1).len(), 0);
    assert_eq!(higher.poll(due).len(), 1);
    assert_eq!(yielding(device(1), Unit::Device(device(2))), 0);
}

#[test]
fn addresses_of_one_device_start_half_a_second_apart_the_proven_one_first() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2]));
    tell(&mut contacts, 0, 2, at(20), Way::Saved);
    contacts.heard(0, &announced(2, &[at(21)]));
    tell(&mut contacts, 0, 2, at(22), Way::Peer);
    let mut dialled = Vec::new();
    for now in (0..3000).step_by(10) {
        dialled.extend(contacts.poll(now).into_iter().map(|dial| (now, dial.address)));
    }
    assert_eq!(dialled, [(0, at(20)), (DIAL_STAGGER_MS, at(21)), (2 * DIAL_STAGGER_MS, at(22))]);
}

#[test]
fn news_end_a_pause_and_repetitions_do_not() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2]));
    let mut now = 0;
    let fail_until_rested = |contacts: &mut Contacts, now: &mut u64| {
        for _ in 0..12 {
            for dial in contacts.poll(*now) {
                contacts.dial_failed(*now, dial.address, DialFailure::NoAnswer);
            }
            *now += DIAL_BACKOFF_MAX_MS;
        }
        for dial in contacts.poll(*now) {
            contacts.dial_failed(*now, dial.address, DialFailure::NoAnswer);
        }
    };
    contacts.heard(now, &announced(2, &[at(2)]));
    fail_until_rested(&mut contacts, &mut now);
    // The announcement has grown old in the meantime: heard again, it is news.
    contacts.heard(now, &announced(2, &[at(2)]));
    assert_eq!(contacts.poll(now + DIAL_STAGGER_MS).len(), 1, "heard after a silence");
    contacts.dial_failed(now + 600, at(2), DialFailure::NoAnswer);
    contacts.heard(now + 700, &announced(2, &[at(2)]));
    assert_eq!(contacts.poll(now + 1200), [], "heard again and again");

    contacts.interfaces_changed(now + 1200, &BTreeSet::from([IpAddr::from([10, 0, 0, 1])]));
    assert_eq!(contacts.poll(now + 1200).len(), 1, "another network");
    contacts.dial_failed(now + 1200, at(2), DialFailure::NoAnswer);
    contacts.interfaces_changed(now + 1300, &BTreeSet::from([IpAddr::from([10, 0, 0, 1])]));
    assert_eq!(contacts.poll(now + 1800), [], "the same network");
}

#[test]
fn a_connection_that_does_not_last_is_not_dialled_again_in_a_loop() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2]));
    contacts.heard(0, &announced(2, &[at(2)]));
    let mut dials = 0;
    for now in 0..60_000 {
        for dial in contacts.poll(now) {
            dials += 1;
            contacts.connected(now, device(2), dial.address);
            contacts.disconnected(now, device(2));
        }
    }
    assert!((4..=8).contains(&dials), "{dials} dials in a minute");
}

#[test]
fn a_till_that_was_connected_for_a_while_is_dialled_again_at_once() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2]));
    contacts.connected(0, device(2), at(2));
    contacts.disconnected(3_600_000, device(2));
    let dials = contacts.poll(3_600_000);
    assert_eq!(dials.len(), 1);
    assert_eq!((dials[0].address, dials[0].expected), (at(2), Some(device(2))));
}

#[test]
fn a_configured_address_belongs_to_whoever_answers_and_outlives_them() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2, 3]));
    assert!(contacts.add_static(0, at(9)));
    assert_eq!(contacts.poll(0)[0].expected, None);
    contacts.connected(0, device(2), at(9));
    contacts.disconnected(60_000, device(2));
    assert_eq!(contacts.poll(60_000)[0].expected, Some(device(2)));
    contacts.dial_failed(60_100, at(9), DialFailure::OtherDevice(device(3)));
    assert_eq!(contacts.poll(61_000)[0].expected, Some(device(3)), "now another till is there");
    contacts.dial_failed(61_000, at(9), DialFailure::Refused);
    contacts.members_changed(62_000, &devices([1, 2]));
    assert_eq!(contacts.poll(62_000)[0].expected, None, "its till was revoked: anybody's again");
}

#[test]
fn ten_thousand_hostile_announcements_take_no_room_and_no_dials() {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices([1, 2]));
    tell(&mut contacts, 0, 2, at(2), Way::Peer);
    let mut dialled = BTreeSet::new();
    for number in 0..10_000_u32 {
        let now = u64::from(number) * 2;
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        id[4] = 0xEE;
        let stranger = Announcement {
            device: Hint::of(pos_core::ids::DeviceId::from_bytes(id)),
            addresses: (0..100).map(|more| lie(number * 100 + more)).collect(),
            clock_differs: false,
        };
        contacts.heard(now, &stranger);
        let member: Vec<_> = (0..100).map(|more| lie(number * 100 + more)).collect();
        contacts.heard(now, &announced(2, &member));
        dialled.extend(contacts.poll(now).into_iter().map(|dial| dial.address));
    }
    assert_eq!(contacts.strangers.len(), STRANGERS_MAX);
    assert_eq!(contacts.book.len(), 1);
    assert!(contacts.list().len() <= ADDRESSES_PER_CONTACT_MAX);
    assert!(dialled.contains(&at(2)), "the told address is dialled all the same");
    assert!(dialled.len() < 10, "{} dials", dialled.len());
}
