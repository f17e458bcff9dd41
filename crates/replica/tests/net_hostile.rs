//! Hostile peers over real sockets: refused or bounded, named, and nobody else disturbed.
#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, reason = "tests")]

mod net;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use net::{Shows, Till, assert_talking, client, connect, greeting, id, runtime};
use replica::net::limits::{
    BULK_FRAME_BYTES_MAX, BULK_QUEUE_BYTES_MAX, CONTROL_FRAME_BYTES_MAX, LIVE_FRAME_BYTES_MAX,
};
use replica::net::{CloseReason, DialFailure, FrameFault, NetEvent, NetLimits, Refusal, SendError};
use replica::sync::Class;

const MEMBERS: &[u8] = b"tillmesh/1";

fn impatient() -> NetLimits {
    NetLimits { handshake: Duration::from_millis(400), ..NetLimits::default() }
}

/// A hostile member: the handshake is honest, what follows is not. Returns when its connection is
/// closed, with the code it was closed with.
fn misbehave(till: &Till, n: u8, streams: &[Vec<u8>]) -> u64 {
    runtime().block_on(async {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting =
            endpoint.connect_with(client(n, &Shows::Own, MEMBERS), till.address(), "x");
        let connection = connecting.unwrap().await.unwrap();
        let mut open = Vec::new();
        for bytes in streams {
            let Ok(mut stream) = connection.open_uni().await else { break };
            // It may be closed while it still writes.
            if stream.write_all(bytes).await.is_err() {
                break;
            }
            open.push(stream);
        }
        match tokio::time::timeout(net::PATIENCE, connection.closed()).await.unwrap() {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("{other}"),
        }
    })
}

#[test]
fn a_strangers_key_is_refused_and_named_on_both_sides() {
    let mut a = Till::new(1, &[1, 2]);
    let mut stranger = Till::new(9, &[9, 1]);
    stranger.endpoint.dial(a.address(), Some(id(1)));
    assert_eq!(stranger.dial_failed(), DialFailure::NotAdmitted);
    assert_eq!(a.refused(), Refusal::Unknown(id(9)));
    a.endpoint.dial(stranger.address(), None);
    assert_eq!(a.dial_failed(), DialFailure::Unknown(id(9)));
    // A thousand tries are told once: nothing more has come when a member gets in.
    for _ in 0..20 {
        stranger.endpoint.dial(a.address(), None);
        assert_eq!(stranger.dial_failed(), DialFailure::NotAdmitted);
    }
    let mut b = Till::new(2, &[1, 2]);
    let (at_a, at_b) = connect(&mut a, &mut b);
    assert_talking(&mut a, at_a, &mut b, at_b);
    assert!(!a.aside.iter().any(|event| matches!(event, NetEvent::Refused { .. })));
}

#[test]
fn another_protocol_or_version_is_refused() {
    let mut a = Till::with(1, &[1, 2], "127.0.0.1:0", impatient(), 256);
    for protocol in [&b"tillmesh/2"[..], b"h3", b"tillmesh-pair/1"] {
        let result = runtime().block_on(async {
            let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
            let config = client(2, &Shows::Own, protocol);
            endpoint.connect_with(config, a.address(), "x").unwrap().await.map(|_| ())
        });
        assert!(result.is_err(), "{protocol:?}");
    }
    assert_eq!(a.refused(), Refusal::OtherProtocol);
}

#[test]
fn a_stolen_certificate_is_worth_nothing_without_its_key() {
    for shows in [Shows::OthersCertificate(2), Shows::Nothing] {
        let mut a = Till::with(1, &[1, 2], "127.0.0.1:0", impatient(), 256);
        let code = runtime().block_on(async {
            let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
            let config = client(9, &shows, MEMBERS);
            let connecting = endpoint.connect_with(config, a.address(), "x").unwrap();
            // The client's side of a TLS 1.3 handshake ends before the server has seen its key.
            let connection = connecting.await.unwrap();
            let mut stream = connection.open_uni().await.unwrap();
            drop(stream.write_all(&greeting(5)).await);
            connection.closed().await
        });
        assert!(matches!(code, quinn::ConnectionError::ConnectionClosed(_)), "{code}");
        assert!(matches!(a.refused(), Refusal::NoTill(_)));
        assert!(a.aside.is_empty(), "{:?}", a.aside);
    }
}

#[test]
fn garbage_datagrams_are_ignored() {
    let mut a = Till::new(1, &[1, 2]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..20_000_usize {
        let mut bytes = vec![0_u8; round % 1500];
        for byte in &mut bytes {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (noise >> 56) as u8;
        }
        if let Some(first) = bytes.first_mut() {
            // As the first packet of a connection looks, half of the time.
            *first = if round.is_multiple_of(2) { 0xc0 | (*first & 0x0f) } else { *first };
        }
        drop(socket.send_to(&bytes, a.address()));
    }
    let mut b = Till::new(2, &[1, 2]);
    let (at_a, at_b) = connect(&mut a, &mut b);
    assert_talking(&mut a, at_a, &mut b, at_b);
}

#[test]
fn a_frame_that_claims_two_gigabytes_closes_its_own_connection_only() {
    let mut a = Till::new(1, &[1, 2, 3]);
    let mut b = Till::new(2, &[1, 2, 3]);
    let (at_a, at_b) = connect(&mut a, &mut b);
    let claims = [
        (Class::Control, CONTROL_FRAME_BYTES_MAX),
        (Class::Live, LIVE_FRAME_BYTES_MAX),
        (Class::Bulk, BULK_FRAME_BYTES_MAX),
    ];
    for (life, (class, max)) in claims.into_iter().enumerate() {
        let header = (2_u32 << 30).to_le_bytes();
        let mut streams = vec![greeting(life as u8 + 1)];
        match class {
            Class::Control => streams[0].extend_from_slice(&header),
            Class::Live => streams.push([&[1][..], &header].concat()),
            Class::Bulk => streams.push([&[2][..], &header].concat()),
        }
        assert_eq!(misbehave(&a, 3, &streams), 3);
        let conn = a.connected(3);
        let fault = FrameFault::TooLong { class, length: 2 << 30, max };
        assert_eq!(a.closed(conn), CloseReason::Malformed(fault));
    }
    assert_talking(&mut a, at_a, &mut b, at_b);
}

#[test]
fn who_breaks_the_rules_of_streams_is_cut_off() {
    let mut a = Till::new(1, &[1, 3]);
    let second = [greeting(1), vec![1, 1, 0, 0, 0, 7], vec![1]];
    assert_eq!(misbehave(&a, 3, &second), 3);
    let conn = a.connected(3);
    assert_eq!(a.closed(conn), CloseReason::Malformed(FrameFault::SecondStream(Class::Live)));
    assert_eq!(misbehave(&a, 3, &[greeting(2), vec![77]]), 3);
    let conn = a.connected(3);
    assert_eq!(a.closed(conn), CloseReason::Malformed(FrameFault::NoSuchClass(77)));
    // No greeting: it is never told of.
    assert_eq!(misbehave(&a, 3, &[vec![1; 40]]), 3);
    assert!(matches!(a.refused(), Refusal::Malformed(_)));
}

#[test]
fn who_never_greets_is_let_go() {
    let mut a = Till::with(1, &[1, 3], "127.0.0.1:0", impatient(), 256);
    assert_eq!(misbehave(&a, 3, &[]), 0);
    assert_eq!(a.refused(), Refusal::NotFinished);
}

#[test]
fn a_peer_that_never_reads_is_closed_and_its_queue_stays_bounded() {
    let mut a = Till::new(1, &[1, 2, 3]);
    // Till 2's engine takes nothing after the first event.
    let mut b = Till::with(2, &[1, 2, 3], "127.0.0.1:0", NetLimits::default(), 1);
    let (at_a, _at_b) = connect(&mut a, &mut b);
    let mut c = Till::new(3, &[1, 2, 3]);
    let (a_to_c, at_c) = connect(&mut a, &mut c);
    let mut sent = 0_usize;
    let refused = loop {
        match a.endpoint.send(at_a, Class::Bulk, vec![7; 1 << 20]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        let waiting = a.endpoint.stats().connections.iter().map(|it| it.waiting_bytes).max();
        assert!(waiting.unwrap_or(0) <= BULK_QUEUE_BYTES_MAX);
        assert!(sent < 1000, "it was never closed");
    };
    assert_eq!(refused, SendError::DoesNotRead);
    assert_eq!(a.closed(at_a), CloseReason::DoesNotRead);
    assert_talking(&mut a, a_to_c, &mut c, at_c);
}

/// Datagrams in the order they were sent in.
type Record = Arc<Mutex<Vec<Vec<u8>>>>;

/// What a client sends a till, recorded on its way.
fn recording_proxy(to: SocketAddr) -> (SocketAddr, Record, Arc<AtomicBool>) {
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    let record = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let (recorded, stopped) = (Arc::clone(&record), Arc::clone(&stop));
    let moment = Some(Duration::from_millis(1));
    front.set_read_timeout(moment).unwrap();
    back.set_read_timeout(moment).unwrap();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let mut client = None;
        while !stopped.load(Ordering::Relaxed) {
            if let Ok((length, from)) = front.recv_from(&mut buffer) {
                client = Some(from);
                recorded.lock().unwrap().push(buffer[..length].to_vec());
                drop(back.send_to(&buffer[..length], to));
            }
            if let (Ok((length, _)), Some(client)) = (back.recv_from(&mut buffer), client) {
                drop(front.send_to(&buffer[..length], client));
            }
        }
    });
    (address, record, stop)
}

#[test]
fn a_recorded_session_that_is_played_again_yields_no_connection() {
    let mut a = Till::with(1, &[1, 2], "127.0.0.1:0", impatient(), 256);
    let mut b = Till::new(2, &[1, 2]);
    let (through, record, stop) = recording_proxy(a.address());
    b.endpoint.dial(through, Some(id(1)));
    let (at_b, at_a) = (b.connected(1), a.connected(2));
    b.endpoint.send(at_b, Class::Live, b"one sale".to_vec()).unwrap();
    assert_eq!(a.frame(at_a).1, b"one sale");
    b.endpoint.shutdown();
    a.closed(at_a);
    stop.store(true, Ordering::Relaxed);
    let record = record.lock().unwrap().clone();
    assert!(record.len() > 2);
    // First its opening alone, then the whole of it, each twice, from a new address. For as long
    // as the till still remembers the connection it drops all of that; so again, until it has had
    // to begin a handshake, which nobody can finish.
    let mut refused = Vec::new();
    for host in 2..200 {
        for (net, part) in [&record[..1], &record[..2], &record[..]].into_iter().enumerate() {
            let from = SocketAddr::from(([127, 0, net as u8 + 1, host], 0));
            let socket = UdpSocket::bind(from).unwrap();
            for datagram in part.iter().chain(part) {
                socket.send_to(datagram, a.address()).unwrap();
            }
        }
        while let Some(event) = a.next_within(Duration::from_millis(150)) {
            match event {
                NetEvent::Refused { reason, .. } => refused.push(reason),
                other => panic!("{other:?}"),
            }
        }
        if refused.contains(&Refusal::NotFinished) {
            break;
        }
    }
    assert!(refused.contains(&Refusal::NotFinished), "{refused:?}");
    let expected = |it: &Refusal| matches!(it, Refusal::NotFinished | Refusal::Malformed(_));
    assert!(refused.iter().all(expected), "{refused:?}");
    let mut anew = Till::new(2, &[1, 2]);
    let (at_a, at_b) = connect(&mut a, &mut anew);
    assert_talking(&mut a, at_a, &mut anew, at_b);
    let told =
        |event: &NetEvent| matches!(event, NetEvent::Connected { .. } | NetEvent::Frame { .. });
    assert!(!a.aside.iter().any(told), "{:?}", a.aside);
}

/// Knocks as fast as asked until told to stop: whole handshakes with a strange key, and first
/// packets that lead nowhere, from many addresses of the loopback network.
fn flood(to: SocketAddr, a_second: usize, stop: &AtomicBool, knocked: &AtomicUsize) {
    let runtime = runtime();
    let opening = {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let deaf = front.local_addr().unwrap();
        runtime.block_on(async {
            let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
            let connecting =
                endpoint.connect_with(client(9, &Shows::Own, MEMBERS), deaf, "x").unwrap();
            drop(tokio::time::timeout(Duration::from_millis(50), connecting).await);
        });
        let mut buffer = vec![0; 2048];
        let (length, _) = front.recv_from(&mut buffer).unwrap();
        buffer.truncate(length);
        buffer
    };
    let sockets: Vec<UdpSocket> = (2..=200)
        .map(|host| UdpSocket::bind(SocketAddr::from(([127, 0, 1, host], 0))).unwrap())
        .collect();
    runtime.block_on(async {
        let endpoint = quinn::Endpoint::client("127.0.0.2:0".parse().unwrap()).unwrap();
        let config = client(9, &Shows::Own, MEMBERS);
        let begin = Instant::now();
        let mut count = 0_usize;
        while !stop.load(Ordering::Relaxed) {
            let due = begin.elapsed().as_millis() as usize * a_second / 1000;
            while count < due {
                // Every tenth a whole handshake; their tasks end by themselves.
                if count.is_multiple_of(10) {
                    if let Ok(connecting) = endpoint.connect_with(config.clone(), to, "x") {
                        tokio::spawn(async move { drop(connecting.await) });
                    }
                } else {
                    let socket = &sockets[count % sockets.len()];
                    let mut knock = opening.clone();
                    // Another connection id each time, or it would be one knock. What is behind
                    // does not fit it any more; that it does not is found out by trying.
                    knock[6..10].copy_from_slice(&(count as u32).to_le_bytes());
                    let knock = if count.is_multiple_of(2) { &knock } else { &opening };
                    drop(socket.send_to(knock, to));
                }
                count += 1;
            }
            knocked.store(count, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[test]
fn a_thousand_handshakes_a_second_do_not_keep_a_member_out() {
    let mut a = Till::with(1, &[1, 2, 3], "0.0.0.0:0", NetLimits::default(), 256);
    let to = a.address();
    let (stop, knocked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| flood(to, 1000, &stop, &knocked));
        let patience = Instant::now() + net::PATIENCE;
        while knocked.load(Ordering::Relaxed) < 1000 && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        // While it goes on: members come, talk, go and come again.
        for n in [2, 3, 2, 3] {
            let mut b = Till::new(n, &[1, 2, 3]);
            b.endpoint.dial(to, Some(id(1)));
            let (at_b, at_a) = (b.connected(1), a.connected(n));
            for _ in 0..20 {
                assert_talking(&mut a, at_a, &mut b, at_b);
            }
            b.endpoint.shutdown();
            a.closed(at_a);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(knocked.load(Ordering::Relaxed) >= 1000);
    // Each address is told of once, whatever it did.
    let mut told = std::collections::BTreeSet::new();
    for event in &a.aside {
        if let NetEvent::Refused { address, .. } = event {
            assert!(told.insert(address.ip()), "{address} is told of twice");
        }
    }
}

#[test]
fn a_member_that_floods_small_frames_does_not_make_others_wait_for_all_of_them() {
    const FLOOD: usize = 20_000;
    let mut a = Till::with(1, &[1, 2, 3], "127.0.0.1:0", NetLimits::default(), 8);
    let (mut b, mut c) = (Till::new(2, &[1, 2, 3]), Till::new(3, &[1, 2, 3]));
    let (_, at_b) = connect(&mut a, &mut b);
    let (a_to_c, at_c) = connect(&mut a, &mut c);
    for _ in 0..FLOOD {
        b.endpoint.send(at_b, Class::Live, Vec::new()).unwrap();
    }
    c.endpoint.send(at_c, Class::Control, b"me too".to_vec()).unwrap();
    assert_eq!(a.frame(a_to_c).1, b"me too");
    let before = a.aside.len();
    assert!(before < FLOOD, "{before}");
    let left = (before..FLOOD).filter(|_| a.next_within(net::PATIENCE).is_some()).count();
    assert_eq!(before + left, FLOOD);
}
