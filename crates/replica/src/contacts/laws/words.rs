//! What is said, when, and when no more. And what is written down.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::announcement::Hint;
use super::super::{Contacts, Diagnosis, DialFailure, FORMAT_VERSION, Source};
use super::{announced, at, device, devices};
use crate::limits::{ANNOUNCED_STALE_MS, DIAGNOSE_AFTER_MS, PROVEN_ADDRESSES_MAX};

fn till(others: impl IntoIterator<Item = u8>) -> Contacts {
    let mut contacts = Contacts::new(device(1), 4433);
    contacts.members_changed(0, &devices(others.into_iter().chain([1])));
    contacts.interfaces_changed(0, &BTreeSet::from([IpAddr::from([10, 0, 0, 1])]));
    contacts
}

/// Lets `ms` pass; every dial ends with `why`.
fn pass(contacts: &mut Contacts, from: u64, ms: u64, why: DialFailure) -> u64 {
    for now in (from..from + ms).step_by(100) {
        for dial in contacts.poll(now) {
            contacts.dial_failed(now, dial.address, why);
        }
    }
    from + ms
}

#[test]
fn heard_but_never_answered_is_client_isolation_until_one_answers() {
    let mut contacts = till([2, 3]);
    contacts.heard(0, &announced(2, &[at(2)]));
    contacts.heard(0, &announced(3, &[at(3)]));
    assert_eq!(contacts.diagnosis(0), []);
    let now = pass(&mut contacts, 0, DIAGNOSE_AFTER_MS - 1000, DialFailure::NoAnswer);
    assert_eq!(contacts.diagnosis(now), [], "not said in the first seconds");
    let now = pass(&mut contacts, now, 2000, DialFailure::NoAnswer);
    assert_eq!(contacts.diagnosis(now), [Diagnosis::ClientIsolation]);
    let text = Diagnosis::ClientIsolation.to_string();
    assert!(text.contains("client isolation") && text.contains("Wi-Fi"), "{text}");

    contacts.connected(now, device(2), at(2));
    let later = now + DIAGNOSE_AFTER_MS;
    assert_eq!(contacts.diagnosis(now), [], "unsaid at once");
    pass(&mut contacts, now, DIAGNOSE_AFTER_MS, DialFailure::NoAnswer);
    assert_eq!(contacts.diagnosis(later), [Diagnosis::Silent(device(3))]);
    contacts.connected(later, device(3), at(3));
    assert_eq!(contacts.diagnosis(later), []);
}

#[test]
fn a_till_that_hears_nobody_says_so_and_the_only_till_of_a_store_says_nothing() {
    let mut contacts = till([2]);
    contacts.diagnosis(0);
    assert_eq!(contacts.diagnosis(DIAGNOSE_AFTER_MS), [Diagnosis::Alone]);
    contacts.heard(DIAGNOSE_AFTER_MS, &announced(2, &[at(2)]));
    assert_eq!(contacts.diagnosis(DIAGNOSE_AFTER_MS), []);

    let mut only = till([]);
    only.diagnosis(0);
    assert_eq!(only.diagnosis(1_000_000), []);
}

#[test]
fn an_announcement_that_was_long_ago_or_taken_back_counts_no_more() {
    let mut contacts = till([2]);
    contacts.heard(0, &announced(2, &[at(2)]));
    contacts.diagnosis(ANNOUNCED_STALE_MS);
    let now = ANNOUNCED_STALE_MS + DIAGNOSE_AFTER_MS;
    assert_eq!(contacts.diagnosis(now), [Diagnosis::Alone]);
    contacts.heard(now, &announced(2, &[at(2)]));
    contacts.gone(Hint::of(device(2)));
    contacts.diagnosis(now);
    assert_eq!(contacts.diagnosis(now + DIAGNOSE_AFTER_MS), [Diagnosis::Alone]);
}

#[test]
fn a_till_without_a_network_says_only_that() {
    let mut contacts = till([2]);
    contacts.add_static(0, at(9));
    contacts.multicast_works(false);
    contacts.interfaces_changed(0, &BTreeSet::new());
    let now = pass(&mut contacts, 0, 20_000, DialFailure::Unreachable);
    assert_eq!(contacts.diagnosis(now), [Diagnosis::NoNetwork]);
    contacts.interfaces_changed(now, &BTreeSet::from([IpAddr::from([10, 0, 0, 1])]));
    assert_eq!(contacts.diagnosis(now), []);
    let now = pass(&mut contacts, now, 20_000, DialFailure::NoAnswer);
    let expected = [Diagnosis::NoMulticast, Diagnosis::DeadAddress(at(9))];
    assert_eq!(contacts.diagnosis(now), expected);
}

#[test]
fn each_refusal_is_named_by_its_reason() {
    for (why, expected) in [
        (DialFailure::Refused, vec![Diagnosis::Refused(device(2))]),
        (DialFailure::OtherVersion, vec![Diagnosis::OtherVersion(device(2))]),
        (DialFailure::Stranger, vec![Diagnosis::WrongAddress(at(9))]),
    ] {
        let mut contacts = till([2]);
        contacts.heard(0, &announced(2, &[at(2)]));
        contacts.add_static(0, at(9));
        let now = pass(&mut contacts, 0, 20_000, why);
        assert_eq!(contacts.diagnosis(now), expected);
    }
}

#[test]
fn strangers_and_wrong_clocks_are_named() {
    let mut contacts = till([2]);
    let mut late = announced(2, &[at(2)]);
    late.clock_differs = true;
    contacts.heard(0, &announced(7, &[at(7)]));
    contacts.heard(0, &late);
    contacts.connected(0, device(2), at(2));
    contacts.diagnosis(0);
    let said = contacts.diagnosis(DIAGNOSE_AFTER_MS);
    let stranger = Diagnosis::NotAMember(Hint::of(device(7)));
    assert_eq!(said, [stranger, Diagnosis::ClockDiffers(device(2))]);
    contacts.members_changed(DIAGNOSE_AFTER_MS, &devices([1, 2, 7]));
    late.clock_differs = false;
    contacts.heard(DIAGNOSE_AFTER_MS, &late);
    assert_eq!(contacts.diagnosis(DIAGNOSE_AFTER_MS), []);
}

#[test]
fn what_is_told_to_a_peer_is_what_worked_and_means_something_there() {
    let local: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let mut contacts = till([2, 3, 4, 5]);
    contacts.connected(0, device(2), at(2));
    contacts.connected(0, device(3), local);
    contacts.connected(0, device(4), "[fe80::4%3]:4433".parse().unwrap());
    contacts.heard(0, &announced(5, &[at(5)]));
    assert_eq!(contacts.to_tell(device(3)), [(device(2), vec![at(2)])]);
    assert_eq!(contacts.to_tell(device(5)), [(device(2), vec![at(2)])]);
    assert_eq!(contacts.to_tell(device(2)), [], "loopback is no place to anybody else");
    contacts.connected(0, device(5), "127.0.0.1:5001".parse().unwrap());
    let near = contacts.to_tell(device(5));
    assert_eq!(near, [(device(2), vec![at(2)]), (device(3), vec![local])]);
}

#[test]
fn a_peer_elsewhere_cannot_send_a_till_to_its_own_loopback() {
    let local: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let mut contacts = till([2, 3]);
    contacts.connected(0, device(2), at(2));
    contacts.learnt(0, device(2), device(3), &[local]);
    assert_eq!(contacts.poll(10_000), []);
    contacts.connected(10_000, device(2), "127.0.0.1:5001".parse().unwrap());
    contacts.learnt(10_000, device(2), device(3), &[local]);
    assert_eq!(contacts.poll(20_000)[0].address, local);
}

#[test]
fn the_saved_file_has_the_bytes_the_document_of_the_formats_shows() {
    let mut contacts = till([2]);
    contacts.connected(0, device(2), at(7));
    let revision = contacts.revision();
    contacts.connected(1, device(2), at(7));
    assert_eq!(contacts.revision(), revision, "nothing new is worth no write");
    contacts.connected(2, device(2), "[fd00::7]:4433".parse().unwrap());
    assert!(contacts.revision() > revision);
    let mut expected = vec![1, 1];
    expected.extend([2; 32]);
    expected.extend([2, 1, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xd1, 0x22]);
    expected.extend([0, 10, 0, 0, 7, 0xd1, 0x22]);
    assert_eq!(contacts.saved(), expected);
}

proptest! {
    #[test]
    fn saved_addresses_come_back_in_their_order_whenever_the_members_are_named(
        places in prop::collection::vec((2..20_u8, any::<u8>()), 0..60), early in any::<bool>()
    ) {
        let mut before = till(2..20);
        for (who, last) in places {
            before.connected(0, device(who), at(last));
        }
        let mut after = Contacts::new(device(1), 4433);
        if early {
            after.members_changed(0, &devices(1..20));
        }
        after.restore(0, &before.saved());
        after.members_changed(0, &devices(1..20));
        prop_assert_eq!(after.saved(), before.saved());
        let proven = |listed: &super::super::Listed| listed.source == Source::Proven;
        prop_assert!(after.list().iter().all(proven));
        for contact in after.book.values() {
            prop_assert!(contact.proven().len() <= PROVEN_ADDRESSES_MAX);
        }
    }

    #[test]
    fn bytes_that_are_no_saved_file_are_passed_over(
        bytes in prop::collection::vec(any::<u8>(), 0..200), version in any::<u8>(), cut in 0..100_usize
    ) {
        let mut contacts = till([2]);
        let mut any = vec![FORMAT_VERSION];
        any.extend(&bytes);
        contacts.restore(0, &any);
        let mut good = till([2]);
        good.connected(0, device(2), at(2));
        let good = good.saved();
        let mut other = good.clone();
        other[0] = version;
        prop_assert_eq!(contacts.restore(0, &other), usize::from(version == FORMAT_VERSION));
        let cut = cut.min(good.len() - 1);
        prop_assert_eq!(contacts.restore(0, &good[..cut]), 0);
        let mut long = good.clone();
        long.push(0);
        prop_assert_eq!(contacts.restore(0, &long), 0);
    }
}
