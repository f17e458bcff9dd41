//! A store over real sockets on this machine: nodes, engines, QUIC, address books.
#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pos_core::report::ReportFilter;
use replica::core::{Command, RosterRecord};
use replica::net::NetLimits;
use replica::net::mesh::{Mesh, MeshConfig, News};

use mesh::{cuts_at, device_of, held_entries, sell, store};
use shop::{Till, at, identity};

struct Member {
    till: Till,
    mesh: Mesh,
}

/// Puts a till on the network of this machine, with addresses to dial.
fn online(mut till: Till, device: u8, peers: &[SocketAddr]) -> Member {
    let config = MeshConfig {
        key: identity(device, 1).key,
        bind: "127.0.0.1:0".parse().unwrap(),
        configured: peers.to_vec(),
        discover: false,
        loopback: true,
        learn: true,
        trusted: BTreeSet::new(),
        limits: NetLimits::default(),
    };
    let mesh = Mesh::start(config, &mut till, at(10_000)).unwrap();
    Member { till, mesh }
}

/// Lets all of them work until `done`.
fn until(members: &mut [Member], what: &str, mut done: impl FnMut(&mut [Member]) -> bool) {
    let started = Instant::now();
    while !done(members) {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        let ms = 10_000 + u64::try_from(started.elapsed().as_millis()).unwrap();
        for Member { till, mesh } in members.iter_mut() {
            till.tick(at(ms));
            while till.rebuild_step(at(ms)) {}
            mesh.turn(till, at(ms));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn sales(member: &Member) -> u64 {
    let books = member.till.replica().books();
    books.sales_report(ReportFilter::default()).unwrap().totals.sales.count
}

fn held_the_same(members: &[Member]) -> bool {
    let digest = |member: &Member| member.till.replica().held_digest();
    members.iter().all(|member| digest(member) == digest(&members[0]))
}

#[test]
fn a_store_shares_everything_over_quic() {
    let mut tills = store().into_iter();
    let first = online(tills.next().unwrap(), 1, &[]);
    let address = first.mesh.address();
    let second = online(tills.next().unwrap(), 2, &[address]);
    let third = online(tills.next().unwrap(), 3, &[address]);
    let mut members = vec![first, second, third];
    until(&mut members, "all are connected, by what they learn from each other", |members| {
        members.iter().all(|member| member.mesh.peers().count() == 2)
    });
    for round in 0..9 {
        let device = u8::try_from(round % 3 + 1).unwrap();
        sell(&mut members[round % 3].till, 12_000, device);
    }
    until(&mut members, "all have all sales", |members| {
        members.iter().all(|member| sales(member) == 9) && held_the_same(members)
    });
    let summaries: Vec<_> =
        members.iter_mut().map(|member| mesh::summary(&mut member.till)).collect();
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(summaries[0], summaries[2]);
    until(&mut members, "their authors know it", |members| {
        members.iter().all(|member| member.mesh.spread_micros().count() > 0)
    });
}

#[test]
fn a_revoked_till_is_cut_off_at_once() {
    let mut tills = store().into_iter();
    let first = online(tills.next().unwrap(), 1, &[]);
    let address = first.mesh.address();
    let second = online(tills.next().unwrap(), 2, &[address]);
    let mut members = vec![first, second];
    until(&mut members, "they are connected", |members| {
        members.iter().all(|member| member.mesh.peers().count() == 1)
    });
    let feeds = held_entries(&members[0].till);
    let cuts = cuts_at(&feeds, 2, |_, held| held);
    let revoked = RosterRecord::DeviceRevoked { device: device_of(2), cuts };
    members[0].till.execute(at(13_000), Command::ChangeRoster(revoked)).unwrap();
    let mut news = Vec::new();
    until(&mut members, "it is cut off", |members| {
        news.extend(members[0].mesh.take_news());
        members[0].mesh.peers().count() == 0
    });
    until(&mut members, "that is told", |members| {
        news.extend(members[0].mesh.take_news());
        news.iter().any(|news| matches!(news, News::Down { device, .. } if *device == device_of(2)))
    });
}
