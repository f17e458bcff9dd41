//! Tills that find each other over real multicast on this machine, each test in a store of its own.

use core::net::{Ipv4Addr, SocketAddr};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use pos_core::ids::{DeviceId, StoreId};

use super::limits::RECORDS_MAX;
use super::{Discovery, DiscoveryConfig, DiscoveryEvent};
use crate::contacts::Contacts;
use crate::contacts::announcement::{Announcement, BlindedStore, Hint, week};

/// Generous: a loaded machine is no fault of the code.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether this machine hears its own multicast, tried without any of our code. Where it does not,
/// a test can only say that it proves nothing.
fn multicast_works(test: &str) -> bool {
    let works =
        if_addrs::get_if_addrs().unwrap().into_iter().any(|interface| match interface.ip() {
            core::net::IpAddr::V4(ip) => is_heard_on(ip).unwrap_or(false),
            core::net::IpAddr::V6(_) => false,
        });
    if !works {
        eprintln!(
            "\n*** {test} SKIPPED: no interface of this machine hears its own multicast ***\n"
        );
    }
    works
}

fn is_heard_on(ip: Ipv4Addr) -> std::io::Result<bool> {
    let group = Ipv4Addr::new(239, 255, 83, 83);
    let listener = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    listener.join_multicast_v4(&group, &ip)?;
    listener.set_read_timeout(Some(Duration::from_secs(2)))?;
    let speaker = UdpSocket::bind((ip, 0))?;
    speaker.send_to(b"tillmesh", (group, listener.local_addr()?.port()))?;
    let mut heard = [0; 8];
    Ok(listener.recv(&mut heard)? == 8 && &heard == b"tillmesh")
}

/// A till of a store that no other test, and no other run on this network, uses.
struct Till {
    discovery: Option<Discovery>,
    events: Receiver<DiscoveryEvent>,
    device: DeviceId,
}

fn store(test: u8) -> StoreId {
    let mut id = [test; 16];
    id[..4].copy_from_slice(&std::process::id().to_le_bytes());
    StoreId::from_bytes(id)
}

fn device(store: StoreId, number: u8) -> DeviceId {
    let mut id = [number; 32];
    id[1..5].copy_from_slice(&store.as_bytes()[..4]);
    id[5] = store.as_bytes()[15];
    DeviceId::from_bytes(id)
}

fn port(number: u8) -> u16 {
    41_000 + u16::from(number)
}

impl Till {
    fn start(store: StoreId, number: u8) -> Self {
        Self::start_with(store, number, |_| {})
    }

    fn start_with(store: StoreId, number: u8, change: impl FnOnce(&mut DiscoveryConfig)) -> Self {
        let device = device(store, number);
        let mut config = DiscoveryConfig::new(store, device, port(number));
        config.loopback = true;
        change(&mut config);
        let (sender, events) = mpsc::channel();
        let sink = move |event| sender.send(event).is_ok();
        let discovery = Some(Discovery::start(config, sink).unwrap());
        Self { discovery, events, device }
    }

    /// Waits for an event that `wanted` makes something of.
    fn wait<T>(&self, wanted: impl Fn(&DiscoveryEvent) -> Option<T>) -> Option<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            if let Some(found) = wanted(&self.events.recv_timeout(left).ok()?) {
                return Some(found);
            }
        }
    }

    fn hears(&self, other: DeviceId) -> Announcement {
        let heard = self.wait(|event| match event {
            DiscoveryEvent::Heard(it) if it.device == Hint::of(other) => Some(it.clone()),
            _ => None,
        });
        heard.unwrap_or_else(|| panic!("{} does not hear {other}", self.device))
    }

    fn hears_goodbye(&self, other: DeviceId) {
        let gone =
            self.wait(|event| (*event == DiscoveryEvent::Gone(Hint::of(other))).then_some(()));
        assert!(gone.is_some(), "{} does not hear {other} leave", self.device);
    }
}

#[test]
fn three_tills_hear_each_other_and_hear_one_leave() {
    if !multicast_works("three tills") {
        return;
    }
    let store = store(1);
    let mut tills: Vec<Till> = (1..=3).map(|number| Till::start(store, number)).collect();
    for till in &tills {
        let own = till.wait(|event| match event {
            DiscoveryEvent::Interfaces(addresses) => Some(addresses.clone()),
            _ => None,
        });
        assert!(own.unwrap().iter().all(|ip| !ip.is_loopback()));
    }
    for (till, other) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        let other = tills[other].device;
        let heard = tills[till].hears(other);
        let number = other.as_bytes()[0];
        assert!(!heard.addresses.is_empty());
        assert!(heard.addresses.iter().all(|address| address.port() == port(number)), "{heard:?}");
        assert!(!heard.clock_differs);
    }
    let leaving = tills.pop().unwrap();
    leaving.discovery.unwrap().shutdown();
    for till in &tills {
        till.hears_goodbye(leaving.device);
    }
}

#[test]
fn two_stores_on_one_network_do_not_see_each_other() {
    if !multicast_works("two stores") {
        return;
    }
    let (ours, theirs) = (store(2), store(3));
    let till = Till::start(ours, 1);
    let stranger = Till::start(theirs, 2);
    let neighbour = Till::start(theirs, 3);
    let colleague = Till::start(ours, 4);
    // Once all four are heard by their own, the others were there to be heard too.
    stranger.hears(neighbour.device);
    neighbour.hears(stranger.device);
    colleague.hears(till.device);
    till.hears(colleague.device);
    std::thread::sleep(Duration::from_secs(2));
    for (till, own) in [(&till, &colleague), (&stranger, &neighbour)] {
        for event in till.events.try_iter() {
            if let DiscoveryEvent::Heard(heard) = event {
                assert_eq!(heard.device, Hint::of(own.device));
            }
        }
    }
}

#[test]
fn a_till_that_returns_is_heard_again() {
    if !multicast_works("a returning till") {
        return;
    }
    let store = store(4);
    let till = Till::start(store, 1);
    for _ in 0..2 {
        let other = Till::start(store, 2);
        till.hears(other.device);
        drop(other.discovery);
        till.hears_goodbye(other.device);
    }
}

#[test]
fn a_member_whose_clock_stands_in_1970_is_heard_once_the_members_are_known() {
    if !multicast_works("a wrong clock") {
        return;
    }
    let store = store(5);
    let till = Till::start(store, 1);
    let late = device(store, 2);
    till.discovery.as_ref().unwrap().members_changed(&BTreeSet::from([late]));
    let _late = Till::start_with(store, 2, |config| config.wall_ms = || 0);
    assert!(till.hears(late).clock_differs);
}

/// Not a test of its own: the second process of the next one.
#[test]
fn child() {
    let Ok(id) = std::env::var("TILLMESH_TEST_STORE") else { return };
    let till = Till::start(id.parse().unwrap(), 2);
    till.hears(device(id.parse().unwrap(), 1));
    println!("heard");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    till.discovery.unwrap().shutdown();
}

#[test]
fn two_processes_hear_each_other() {
    if !multicast_works("two processes") {
        return;
    }
    let store = store(6);
    let till = Till::start(store, 1);
    let name = concat!(module_path!(), "::child");
    let (_crate, name) = name.split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("TILLMESH_TEST_STORE", store.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    till.hears(device(store, 2));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("heard")), "the other process hears us");
    drop(child.stdin.take());
    till.hears_goodbye(device(store, 2));
    assert!(child.wait().unwrap().success());
}

#[test]
fn nobody_to_tell_ends_the_discovery() {
    let config = DiscoveryConfig::new(store(7), device(store(7), 1), port(1));
    let discovery = Discovery::start(config, |_| false).unwrap();
    let end = Instant::now() + PATIENCE;
    while !discovery.worker.as_ref().unwrap().is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(discovery.worker.as_ref().unwrap().is_finished());
}

/// A response with a whole service, as RFC 6762 has it, written by hand.
fn forged(instance: &str, store: BlindedStore) -> Vec<u8> {
    fn name(labels: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes
    }
    fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend(kind.to_be_bytes());
        bytes.extend(1_u16.to_be_bytes());
        bytes.extend(4500_u32.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        bytes
    }
    let service = name(&["_tillmesh", "_udp", "local"]);
    let full = name(&[instance, "_tillmesh", "_udp", "local"]);
    let host = name(&[instance, "local"]);
    let mut server = vec![0, 0, 0, 0, 0xa0, 0x28];
    server.extend(&host);
    let mut text = Vec::new();
    for field in ["v=1".to_owned(), format!("s={store}"), format!("d={instance}")] {
        text.push(u8::try_from(field.len()).unwrap());
        text.extend(field.as_bytes());
    }
    let mut packet = vec![0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    packet.extend(record(&service, 12, &full));
    packet.extend(record(&full, 33, &server));
    packet.extend(record(&full, 16, &text));
    packet.extend(record(&host, 1, &[10, 99, 99, 99]));
    packet
}

#[test]
fn a_flood_of_forged_names_of_the_own_store_is_forgotten_and_hides_no_member() {
    if !multicast_works("a flood") {
        return;
    }
    // A port of its own: the other tests' tills are not to drown.
    let mdns_port = 53_530;
    let store = store(8);
    let on_port = |number| Till::start_with(store, number, |it| it.mdns_port = mdns_port);
    let till = on_port(1);
    let records = || super::records(&till.discovery.as_ref().unwrap().shared.daemon());
    let member = device(store, 2);
    till.discovery.as_ref().unwrap().members_changed(&BTreeSet::from([member]));
    let speakers: Vec<UdpSocket> = if_addrs::get_if_addrs()
        .unwrap()
        .iter()
        .filter(|interface| interface.ip().is_ipv4())
        .filter_map(|interface| UdpSocket::bind((interface.ip(), 0)).ok())
        .collect();
    let blinded = BlindedStore::in_week(store, week(super::wall_ms()));
    let group = SocketAddr::from((Ipv4Addr::new(224, 0, 0, 251), mdns_port));
    let (mut forged_names, mut too_many) = (0_u64, false);
    let end = Instant::now() + PATIENCE;
    while !(too_many && forged_names >= 10_000) {
        assert!(Instant::now() < end, "no flood: {forged_names} names, {:?} records", records());
        let packet = forged(&format!("{:016x}", 0xdead_0000_0000_0000 + forged_names), blinded);
        for speaker in &speakers {
            // A full buffer loses one of many.
            let _lost = speaker.send_to(&packet, group);
        }
        forged_names += 1;
        if forged_names % 50 == 0 {
            too_many |= records().is_some_and(|records| records > RECORDS_MAX);
        }
    }
    let forged = |event: &DiscoveryEvent| match event {
        DiscoveryEvent::Heard(it) if it.device.to_string().starts_with("dead") => Some(()),
        _ => None,
    };
    assert!(till.wait(forged).is_some(), "the forgery is well made");
    while records().is_none_or(|records| records > RECORDS_MAX) {
        assert!(Instant::now() < end + PATIENCE, "{:?} records stay", records());
        std::thread::sleep(Duration::from_millis(100));
    }
    let _member = on_port(2);
    till.hears(member);
}

#[test]
fn a_till_that_cannot_multicast_says_so_and_tries_again() {
    if !multicast_works("a taken port") {
        return;
    }
    // Another program holds the port and shares it with nobody.
    let taken = UdpSocket::bind((core::net::Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let mdns_port = taken.local_addr().unwrap().port();
    let till = Till::start_with(store(9), 1, |config| config.mdns_port = mdns_port);
    let said = |works: bool| {
        till.wait(|event| match event {
            DiscoveryEvent::Multicast(state) if state.is_ok() == works => Some(()),
            _ => None,
        })
    };
    assert!(said(false).is_some(), "nothing is said");
    drop(taken);
    assert!(said(true).is_some(), "it does not come back");
}

#[test]
fn what_is_heard_becomes_a_dial_of_that_device() {
    if !multicast_works("a dial") {
        return;
    }
    let store = store(10);
    let (one, other) = (Till::start(store, 1), Till::start(store, 2));
    let mut contacts = Contacts::new(one.device, port(1));
    contacts.members_changed(0, &BTreeSet::from([one.device, other.device]));
    assert!(contacts.poll(0).is_empty());
    contacts.heard(0, &one.hears(other.device));
    let [dial] = contacts.poll(0)[..] else { panic!("one dial") };
    assert_eq!((dial.expected, dial.address.port()), (Some(other.device), port(2)));
}
