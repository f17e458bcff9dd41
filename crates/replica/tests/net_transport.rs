//! The transport between honest tills, over real sockets.
#![cfg(feature = "net")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod net;

use std::collections::BTreeSet;
use std::time::Duration;

use net::{Till, assert_talking, connect, id};
use replica::net::limits::{
    BULK_FRAME_BYTES_MAX, CONTROL_FRAME_BYTES_MAX, DATAGRAM_BYTES_MAX, LIVE_FRAME_BYTES_MAX,
};
use replica::net::{CloseReason, DialFailure, Farewell, NetEvent, NetLimits, Refusal, SendError};
use replica::sync::{Class, ConnId};

/// Bytes that are different for every number, of any length.
fn pattern(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ number.wrapping_mul(101)) as u8).collect()
}

#[test]
fn frames_of_each_class_arrive_whole_and_in_order_in_both_directions() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (at_a, at_b) = connect(&mut a, &mut b);
    let lengths = [0, 1, 3, 4, 1200, 5, CONTROL_FRAME_BYTES_MAX, 0, 17];
    for (number, length) in lengths.into_iter().enumerate() {
        for class in Class::ALL {
            a.endpoint.send(at_a, class, pattern(number, length)).unwrap();
            b.endpoint.send(at_b, class, pattern(number + 100, length)).unwrap();
        }
    }
    a.endpoint.send(at_a, Class::Live, pattern(7, LIVE_FRAME_BYTES_MAX)).unwrap();
    b.endpoint.send(at_b, Class::Bulk, pattern(8, BULK_FRAME_BYTES_MAX)).unwrap();
    for (number, length) in lengths.into_iter().enumerate() {
        for class in Class::ALL {
            assert_eq!(b.frame_of(at_b, class), pattern(number, length));
            assert_eq!(a.frame_of(at_a, class), pattern(number + 100, length));
        }
    }
    assert_eq!(b.frame_of(at_b, Class::Live), pattern(7, LIVE_FRAME_BYTES_MAX));
    assert_eq!(a.frame_of(at_a, Class::Bulk), pattern(8, BULK_FRAME_BYTES_MAX));
}

#[test]
fn a_frame_longer_than_its_class_allows_is_not_sent() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (at_a, at_b) = connect(&mut a, &mut b);
    let (length, max) = (CONTROL_FRAME_BYTES_MAX + 1, CONTROL_FRAME_BYTES_MAX);
    let sent = a.endpoint.send(at_a, Class::Control, vec![0; length]);
    assert_eq!(sent, Err(SendError::TooLong { length, max }));
    assert_eq!(a.endpoint.send(ConnId(0), Class::Control, vec![]), Err(SendError::Closed));
    assert_talking(&mut a, at_a, &mut b, at_b);
}

#[test]
fn a_control_frame_overtakes_megabytes_of_bulk() {
    let mut a = Till::new(1, &[1, 2]);
    let mut b = Till::with(2, &[1, 2], "127.0.0.1:0", NetLimits::default(), 4);
    let (at_a, at_b) = connect(&mut a, &mut b);
    // Till 2 is busy: nobody takes its events, so most of this waits at till 1.
    let bulk = 7;
    for number in 0..bulk {
        a.endpoint.send(at_a, Class::Bulk, pattern(number, 1 << 20)).unwrap();
    }
    a.endpoint.send(at_a, Class::Control, b"urgent".to_vec()).unwrap();
    let order: Vec<Class> = (0..=bulk).map(|_| b.frame(at_b).0).collect();
    let at = order.iter().position(|class| *class == Class::Control).unwrap();
    // Bulk that had been received already may come first; its sender may have had two megabytes
    // in flight.
    assert!(at <= 3, "{order:?}");
}

#[test]
fn a_slow_reader_slows_the_sender_and_loses_nothing() {
    let mut a = Till::new(1, &[1, 2]);
    let mut b = Till::with(2, &[1, 2], "127.0.0.1:0", NetLimits::default(), 1);
    let (at_a, at_b) = connect(&mut a, &mut b);
    for number in 0..7 {
        a.endpoint.send(at_a, Class::Bulk, pattern(number, 1 << 20)).unwrap();
    }
    // Before anything is read, most of it is still with the sender.
    let waits = |till: &Till| till.endpoint.stats().connections[0].waiting_bytes;
    std::thread::sleep(Duration::from_millis(300));
    assert!(waits(&a) >= 3 << 20, "{}", waits(&a));
    for number in 0..7 {
        assert_eq!(b.frame_of(at_b, Class::Bulk), pattern(number, 1 << 20));
    }
}

#[test]
fn datagrams_arrive() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (at_a, at_b) = connect(&mut a, &mut b);
    let longest = vec![9; DATAGRAM_BYTES_MAX];
    a.endpoint.datagram(at_a, longest.clone()).unwrap();
    let (conn, bytes) = b.wait("Datagram", |event| match event {
        NetEvent::Datagram { conn, bytes } => Some((*conn, bytes.clone())),
        _ => None,
    });
    assert_eq!((conn, bytes), (at_b, longest));
    assert!(matches!(
        a.endpoint.datagram(at_a, vec![0; DATAGRAM_BYTES_MAX + 1]),
        Err(SendError::TooLong { .. })
    ));
}

/// The one connection a till has left, once all that was told is read and `dials` have ended.
fn one_left(till: &mut Till, dials: usize) -> ConnId {
    let mut open = BTreeSet::new();
    let mut ended = 0;
    let mut at_once = 0;
    while ended < dials || open.len() != 1 {
        let event = till.next_within(net::PATIENCE).expect("an event");
        match event {
            NetEvent::Connected { conn, dialled, .. } => {
                open.insert(conn);
                ended += usize::from(dialled);
            }
            NetEvent::Closed { conn, .. } => assert!(open.remove(&conn)),
            NetEvent::DialFailed { reason, .. } => {
                assert_eq!(reason, DialFailure::AlreadyConnected);
                ended += 1;
            }
            other => panic!("{other:?}"),
        }
        at_once = at_once.max(open.len());
    }
    assert_eq!(at_once, 1, "two connections to one device were told of at once");
    *open.first().unwrap()
}

#[test]
fn when_both_dial_at_once_both_keep_the_same_connection() {
    for round in 0..12 {
        let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
        let (to_a, to_b) = (a.address(), b.address());
        let dials = 1 + round % 3;
        std::thread::scope(|scope| {
            scope.spawn(|| (0..dials).for_each(|_| a.endpoint.dial(to_b, Some(id(2)))));
            scope.spawn(|| (0..dials).for_each(|_| b.endpoint.dial(to_a, None)));
        });
        let (at_a, at_b) = (one_left(&mut a, dials), one_left(&mut b, dials));
        assert_talking(&mut a, at_a, &mut b, at_b);
        assert_eq!(a.endpoint.stats().connections.len(), 1);
        assert_eq!(b.endpoint.stats().connections.len(), 1);
    }
}

#[test]
fn a_second_dial_to_a_connected_device_changes_nothing() {
    for (dialler, other) in [(1, 2), (2, 1)] {
        let (mut a, mut b) = (Till::new(dialler, &[1, 2]), Till::new(other, &[1, 2]));
        let (at_a, at_b) = connect(&mut a, &mut b);
        a.endpoint.dial(b.address(), None);
        assert_eq!(a.dial_failed(), DialFailure::AlreadyConnected);
        assert_talking(&mut a, at_a, &mut b, at_b);
    }
}

#[test]
fn a_peer_that_started_again_takes_the_place_of_its_dead_connection() {
    for (stays, restarts) in [(1, 2), (2, 1)] {
        for restarted_dials in [true, false] {
            let (mut a, mut b) = (Till::new(stays, &[1, 2]), Till::new(restarts, &[1, 2]));
            let (at_a, _) = connect(&mut a, &mut b);
            // As a power cut: not a word goes out.
            b.endpoint.set_cut_off(true);
            drop(b);
            let mut b = Till::new(restarts, &[1, 2]);
            if restarted_dials {
                b.endpoint.dial(a.address(), Some(id(stays)));
            } else {
                a.endpoint.dial(b.address(), Some(id(restarts)));
            }
            let next = |till: &mut Till| loop {
                match till.next_within(net::PATIENCE).expect("an event") {
                    NetEvent::Closed { conn, reason, .. } => {
                        assert_eq!((conn, reason), (at_a, CloseReason::Replaced));
                    }
                    NetEvent::Connected { conn, .. } => return conn,
                    other => panic!("{other:?}"),
                }
            };
            let anew = next(&mut a);
            assert_ne!(anew, at_a);
            let at_b = b.connected(stays);
            assert_talking(&mut a, anew, &mut b, at_b);
        }
    }
}

#[test]
fn closing_tells_the_peer_why() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (at_a, at_b) = connect(&mut a, &mut b);
    a.endpoint.close(at_a, "it speaks nonsense\u{7}");
    assert_eq!(a.closed(at_a), CloseReason::Here("it speaks nonsense\u{7}".to_owned()));
    let words = "it speaks nonsense".to_owned();
    assert_eq!(b.closed(at_b), CloseReason::Peer { farewell: Farewell::Done, words });
    assert_eq!(a.endpoint.send(at_a, Class::Live, vec![1]), Err(SendError::Closed));
    let (at_a, at_b) = connect(&mut b, &mut a);
    assert_talking(&mut b, at_a, &mut a, at_b);
}

#[test]
fn stopping_tells_the_peers_at_once() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (_, at_b) = connect(&mut a, &mut b);
    a.endpoint.shutdown();
    let words = String::new();
    assert_eq!(b.closed(at_b), CloseReason::Peer { farewell: Farewell::Done, words });
}

#[test]
fn a_peer_that_falls_silent_is_lost_after_a_while() {
    let limits = NetLimits { idle: Duration::from_millis(900), ..NetLimits::default() };
    let start = |n| Till::with(n, &[1, 2], "127.0.0.1:0", limits, 256);
    let (mut a, mut b) = (start(1), start(2));
    let (at_a, at_b) = connect(&mut a, &mut b);
    // Idle and in order for longer than that: it stays.
    std::thread::sleep(limits.idle * 2);
    assert_talking(&mut a, at_a, &mut b, at_b);
    b.endpoint.set_cut_off(true);
    assert_eq!(a.closed(at_a), CloseReason::Silent);
    assert_eq!(b.closed(at_b), CloseReason::Silent);
    b.endpoint.set_cut_off(false);
    let (at_a, at_b) = connect(&mut a, &mut b);
    assert_talking(&mut a, at_a, &mut b, at_b);
}

#[test]
fn a_member_that_is_taken_out_is_cut_off_at_once_and_others_are_not() {
    let mut a = Till::new(1, &[1, 2, 3]);
    let (mut b, mut c) = (Till::new(2, &[1, 2, 3]), Till::new(3, &[1, 2, 3]));
    let (a_to_b, at_b) = connect(&mut a, &mut b);
    let (a_to_c, at_c) = connect(&mut a, &mut c);
    a.members.remove(id(2));
    assert_eq!(a.closed(a_to_b), CloseReason::Removed);
    let words = String::new();
    assert_eq!(b.closed(at_b), CloseReason::Peer { farewell: Farewell::NoMember, words });
    b.endpoint.dial(a.address(), Some(id(1)));
    assert_eq!(b.dial_failed(), DialFailure::NotAdmitted);
    assert_eq!(a.refused(), Refusal::Unknown(id(2)));
    a.endpoint.dial(b.address(), None);
    assert_eq!(a.dial_failed(), DialFailure::Unknown(id(2)));
    assert_talking(&mut a, a_to_c, &mut c, at_c);
    a.members.insert(id(2));
    let (at_a, at_b) = connect(&mut a, &mut b);
    assert_talking(&mut a, at_a, &mut b, at_b);
}

#[test]
fn a_dial_says_why_it_came_to_nothing() {
    let limits = NetLimits { handshake: Duration::from_millis(500), ..NetLimits::default() };
    let mut a = Till::with(1, &[1, 2, 3], "127.0.0.1:0", limits, 256);
    let b = Till::new(2, &[1, 2, 3]);
    a.endpoint.dial(b.address(), Some(id(3)));
    assert_eq!(a.dial_failed(), DialFailure::OtherDevice(id(2)));
    a.endpoint.dial(a.address(), None);
    assert_eq!(a.dial_failed(), DialFailure::Itself);
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    a.endpoint.dial(deaf.local_addr().unwrap(), None);
    assert_eq!(a.dial_failed(), DialFailure::NoAnswer);
    a.endpoint.dial("0.0.0.0:0".parse().unwrap(), None);
    assert!(matches!(a.dial_failed(), DialFailure::Unreachable(_)));
    a.endpoint.dial(b.address(), Some(id(2)));
    a.connected(2);
}

#[test]
fn a_pairing_shares_one_secret_and_only_while_it_is_switched_on() {
    let mut manager = Till::new(1, &[1]);
    let mut newcomer = Till::new(9, &[9]);
    newcomer.endpoint.dial_to_pair(manager.address(), None);
    assert_eq!(newcomer.dial_failed(), DialFailure::OtherProtocol);
    assert_eq!(manager.refused(), Refusal::OtherProtocol);

    manager.endpoint.set_pairing(true);
    newcomer.endpoint.dial_to_pair(manager.address(), Some(id(1)));
    let pairing = |till: &mut Till| {
        till.wait("PairingConnected", |event| match event {
            NetEvent::PairingConnected { conn, device, exporter, .. } => {
                Some((*conn, *device, *exporter))
            }
            _ => None,
        })
    };
    let (at_newcomer, seen, secret) = pairing(&mut newcomer);
    let (at_manager, who, same) = pairing(&mut manager);
    assert_eq!((seen, who), (id(1), id(9)));
    assert_eq!(secret, same);
    assert_ne!(secret, [0; 32]);
    manager.endpoint.set_pairing(false);
    assert_talking(&mut newcomer, at_newcomer, &mut manager, at_manager);

    // Another session has another secret, and the members' protocol stays closed to strangers.
    manager.endpoint.set_pairing(true);
    newcomer.endpoint.dial_to_pair(manager.address(), None);
    assert_ne!(pairing(&mut newcomer).2, secret);
    newcomer.members.insert(id(1));
    newcomer.endpoint.dial(manager.address(), None);
    assert_eq!(newcomer.dial_failed(), DialFailure::NotAdmitted);
}

#[test]
fn one_socket_serves_ipv4_and_ipv6() {
    let mut a = Till::with(1, &[1, 2, 3], "[::]:0", NetLimits::default(), 256);
    let port = a.endpoint.local_address().port();
    let mut b = Till::new(2, &[1, 2, 3]);
    b.endpoint.dial(([127, 0, 0, 1], port).into(), Some(id(1)));
    b.connected(1);
    let address = a.wait("Connected", |event| match event {
        NetEvent::Connected { address, .. } => Some(*address),
        _ => None,
    });
    assert_eq!(address, b.address());
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        let mut c = Till::with(3, &[1, 2, 3], "[::1]:0", NetLimits::default(), 256);
        c.endpoint.dial(format!("[::1]:{port}").parse().unwrap(), Some(id(1)));
        let at_c = c.connected(1);
        let at_a = a.connected(3);
        assert_talking(&mut c, at_c, &mut a, at_a);
    }
}

#[test]
fn the_socket_counts_what_passes_through_it() {
    let (mut a, mut b) = (Till::new(1, &[1, 2]), Till::new(2, &[1, 2]));
    let (at_a, at_b) = connect(&mut a, &mut b);
    let before = (a.endpoint.stats(), b.endpoint.stats());
    assert!(before.0.sent_bytes > 1200 && before.1.sent_bytes > 1200);
    a.endpoint.send(at_a, Class::Live, vec![1; 100_000]).unwrap();
    b.frame(at_b);
    let after = (a.endpoint.stats(), b.endpoint.stats());
    assert!(after.0.sent_bytes - before.0.sent_bytes >= 100_000);
    assert!(after.1.received_bytes - before.1.received_bytes >= 100_000);
    let of_connection = after.0.connections[0];
    assert_eq!((of_connection.conn, of_connection.device), (at_a, id(2)));
    assert!(of_connection.round_trip > Duration::ZERO);
}

#[test]
fn an_endpoint_lives_in_a_runtime_it_is_given() {
    let runtime = net::runtime();
    let mut b = Till::new(2, &[1, 2]);
    let (sender, events) = tokio::sync::mpsc::channel::<NetEvent>(16);
    let config = replica::net::EndpointConfig {
        key: net::key(1),
        bind: "127.0.0.1:0".parse().unwrap(),
        members: net::members([1, 2]),
        limits: NetLimits::default(),
        runtime: Some(runtime.handle().clone()),
    };
    let endpoint = replica::net::Endpoint::start(config, sender).unwrap();
    endpoint.dial(b.address(), Some(id(2)));
    let mut events = events;
    let told = runtime.block_on(async { events.recv().await });
    assert!(matches!(told, Some(NetEvent::Connected { dialled: true, .. })), "{told:?}");
    b.connected(1);
    drop(endpoint);
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
}
