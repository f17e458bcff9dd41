//! Letting a device in: both sides, somebody in the middle, and everything that is refused.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use std::net::SocketAddr;

use pos_core::ids::{DeviceId, StoreId};
use replica::core::{Command, Role};
use replica::limits;
use replica::pairing::{
    Added, Comparison, Ending, JoinRequest, Joined, Joiner, JoinerOutput, Method, Opening, Refusal,
    Ticket, Window, WindowOutput, Words,
};
use replica::sync::ConnId;
use shop::{at, identity};

const SESSION: [u8; 32] = [0x5e; 32];
const CONN: ConnId = ConnId(1);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn device(number: u8) -> DeviceId {
    identity(number, 0).key.device()
}

fn opening() -> Opening {
    Opening {
        store: StoreId::from_bytes([0xaa; 16]),
        manager: device(1),
        role: Role::Till,
        addresses: vec![address("192.168.1.7:4711"), address("192.168.1.8:4711")],
        secret: [0xcc; 16],
        code: [1, 2, 3, 4, 5],
        nonce: [0x11; 32],
    }
}

fn window() -> Window {
    Window::open(opening(), 0)
}

fn request(ticket: Ticket) -> JoinRequest {
    JoinRequest { ticket, device: device(2), name: shop::name("Till 2"), nonce: [0x22; 32] }
}

fn by_code(window: &Window) -> Joiner {
    Joiner::new(request(Ticket::Code(window.code())), 0)
}

fn by_invitation(window: &Window) -> Joiner {
    Joiner::new(request(Ticket::Invitation(window.invitation())), 0)
}

/// What a window wants done.
#[derive(Debug, Default)]
struct Said {
    frames: Vec<(ConnId, Vec<u8>)>,
    closed: Vec<ConnId>,
    compare: Option<Comparison>,
    add: Option<Added>,
    ended: Option<Ending>,
}

fn drain(window: &mut Window) -> Said {
    let mut said = Said::default();
    while let Some(output) = window.poll() {
        match output {
            WindowOutput::Send { conn, frame } => said.frames.push((conn, frame)),
            WindowOutput::Close(conn) => said.closed.push(conn),
            WindowOutput::Compare(comparison) => said.compare = Some(comparison),
            WindowOutput::Add(added) => said.add = Some(added),
            WindowOutput::Ended(ending) => {
                assert!(said.ended.replace(ending).is_none(), "it ends once");
            }
        }
    }
    said
}

#[derive(Debug, Default)]
struct Heard {
    frames: Vec<Vec<u8>>,
    words: Option<(Words, Method)>,
    closed: bool,
    ended: Option<Result<Joined, Refusal>>,
}

fn listen(joiner: &mut Joiner) -> Heard {
    let mut heard = Heard::default();
    while let Some(output) = joiner.poll() {
        match output {
            JoinerOutput::Send(frame) => heard.frames.push(frame),
            JoinerOutput::Compare { words, method } => heard.words = Some((words, method)),
            JoinerOutput::Close => heard.closed = true,
            JoinerOutput::Ended(result) => {
                assert!(heard.ended.replace(result).is_none(), "it ends once");
            }
        }
    }
    heard
}

/// Both sides on one honest connection, until nobody has anything to say.
fn converse(window: &mut Window, joiner: &mut Joiner, tape: &mut Vec<Vec<u8>>) -> (Said, Heard) {
    let (mut said, mut heard) = (Said::default(), Heard::default());
    loop {
        let (more, answer) = (drain(window), listen(joiner));
        let quiet = more.frames.is_empty() && answer.frames.is_empty();
        for (_, frame) in &more.frames {
            tape.push(frame.clone());
            joiner.received(1, frame);
        }
        for frame in &answer.frames {
            tape.push(frame.clone());
            window.received(1, CONN, frame);
        }
        said.compare = more.compare.or(said.compare);
        said.add = more.add.or(said.add);
        said.ended = more.ended.or(said.ended);
        heard.words = answer.words.or(heard.words);
        heard.ended = answer.ended.or(heard.ended);
        if quiet {
            return (said, heard);
        }
    }
}

fn connect(window: &mut Window, joiner: &mut Joiner) {
    window.connected(1, CONN, device(2), SESSION);
    joiner.connected(1, device(1), SESSION, Some(address("192.168.1.8:4711")));
}

fn refusal_in(frame: &[u8]) -> Refusal {
    let (&[5], reason) = frame.split_at(1) else { panic!("no refusal: {frame:?}") };
    postcard::from_bytes(reason).unwrap()
}

#[test]
fn a_code_two_yeses_and_the_device_is_in() {
    let (mut window, mut tape) = (window(), Vec::new());
    let mut joiner = by_code(&window);
    connect(&mut window, &mut joiner);
    let (said, heard) = converse(&mut window, &mut joiner, &mut tape);
    let comparison = said.compare.unwrap();
    assert_eq!(heard.words, Some((comparison.words, Method::Code)));
    assert_eq!((comparison.device, comparison.method), (device(2), Method::Code));
    // The manager's yes is not enough: the person at the new device has to see the same words.
    window.confirm(2, Some(shop::name("Terrace")));
    assert!(drain(&mut window).add.is_none());
    joiner.confirm(2);
    let (said, heard) = converse(&mut window, &mut joiner, &mut tape);
    let added = said.add.unwrap();
    assert_eq!((added.device, added.role), (device(2), Role::Till));
    assert_eq!(added.name, shop::name("Terrace"));
    assert!(heard.ended.is_none(), "not before the record is on disk");
    window.added();
    let (said, heard) = converse(&mut window, &mut joiner, &mut tape);
    assert_eq!(said.ended, Some(Ending::Added(added)));
    let joined = heard.ended.unwrap().unwrap();
    assert_eq!((joined.store, joined.manager), (StoreId::from_bytes([0xaa; 16]), device(1)));
    let addresses = [address("192.168.1.8:4711"), address("192.168.1.7:4711")];
    assert_eq!(joined.addresses, addresses);
    assert!(window.is_over() && joiner.is_over());
    assert_eq!((window.poll_timeout(), joiner.poll_timeout()), (None, None));
}

#[test]
fn an_invitation_proves_both_sides_and_the_manager_alone_says_yes() {
    let (mut window, mut tape) = (window(), Vec::new());
    let text = window.invitation().to_string();
    let mut joiner = Joiner::new(request(Ticket::parse(&text).unwrap()), 0);
    connect(&mut window, &mut joiner);
    let (said, heard) = converse(&mut window, &mut joiner, &mut tape);
    assert_eq!(said.compare.unwrap().method, Method::Invitation);
    assert_eq!(heard.words.unwrap().1, Method::Invitation);
    window.confirm(2, None);
    assert_eq!(drain(&mut window).add.unwrap().name, shop::name("Till 2"));
    window.added();
    let (_, heard) = converse(&mut window, &mut joiner, &mut tape);
    assert_eq!(heard.ended.unwrap().unwrap().store, StoreId::from_bytes([0xaa; 16]));
}

#[test]
fn what_pairing_gives_is_enough_to_join_the_store() {
    let mut founder = shop::founded(1);
    let store = founder.replica().store_id().unwrap();
    let mut window = Window::open(Opening { store, ..opening() }, 0);
    let mut joiner = by_code(&window);
    let mut tape = Vec::new();
    connect(&mut window, &mut joiner);
    converse(&mut window, &mut joiner, &mut tape);
    window.confirm(2, None);
    joiner.confirm(2);
    let (said, _) = converse(&mut window, &mut joiner, &mut tape);
    let record = said.add.unwrap().record();
    founder.execute(at(5), Command::ChangeRoster(record)).unwrap();
    window.added();
    let (_, heard) = converse(&mut window, &mut joiner, &mut tape);
    let joined = heard.ended.unwrap().unwrap();
    let mut till = mesh::fresh(identity(2, 1), joined.store);
    mesh::carry(&founder, &mut till);
    assert_eq!(till.replica().own_role(), Some(Role::Till));
    assert!(till.replica().roster().members().contains(&joined.manager));
    assert_eq!(till.replica().roster().device(device(2)).unwrap().name, shop::name("Till 2"));
}

#[test]
fn somebody_in_the_middle_with_keys_of_his_own_shows_other_words_on_both_screens() {
    // Towards the new device he is the manager's till, towards the till the new device. He has read
    // the code off the screen (or worked it out from the proof).
    let mut window = window();
    let mut victim = by_code(&window);
    let own = Opening { manager: device(9), nonce: [0x99; 32], ..opening() };
    let mut false_window = Window::open(own, 0);
    let mut false_joiner = Joiner::new(
        JoinRequest {
            device: device(9),
            nonce: [0x98; 32],
            ..request(Ticket::Code(window.code()))
        },
        0,
    );
    false_window.connected(1, CONN, device(2), [0xe1; 32]);
    victim.connected(1, device(9), [0xe1; 32], None);
    window.connected(1, CONN, device(9), [0xe2; 32]);
    false_joiner.connected(1, device(1), [0xe2; 32], None);
    let mut tape = Vec::new();
    let (_, heard) = converse(&mut false_window, &mut victim, &mut tape);
    let (said, _) = converse(&mut window, &mut false_joiner, &mut tape);
    let (at_the_till, at_the_device) = (said.compare.unwrap(), heard.words.unwrap().0);
    assert_ne!(at_the_till.words, at_the_device);
    assert_eq!(at_the_till.device, device(9), "the till would let him in, and says so");
    // The person looks at both screens and says no at either.
    window.reject(2);
    let (said, heard) = converse(&mut window, &mut false_joiner, &mut tape);
    assert_eq!(said.ended, Some(Ending::Failed(Refusal::Rejected)));
    assert_eq!(heard.ended, Some(Err(Refusal::Rejected)));
    victim.reject(2);
    assert_eq!(listen(&mut victim).ended, Some(Err(Refusal::Rejected)));
}

#[test]
fn relaying_the_frames_between_two_sessions_does_not_pass() {
    // Frames go through unchanged; only the TLS sessions differ.
    let mut window = window();
    for mut joiner in [by_code(&window), by_invitation(&window)] {
        window.connected(1, CONN, device(2), [0xe2; 32]);
        joiner.connected(1, device(1), [0xe1; 32], None);
        let hello = listen(&mut joiner).frames.remove(0);
        window.received(1, CONN, &hello);
        assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::WrongCode);
    }
}

#[test]
fn an_invitation_is_used_with_the_key_it_names_and_no_other() {
    let window = window();
    let mut joiner = by_invitation(&window);
    joiner.connected(1, device(9), SESSION, None);
    assert_eq!(listen(&mut joiner).ended, Some(Err(Refusal::OtherManager)));
}

/// Frames of an honest run by code: hello, commit, reveal, reveal, ready, welcome.
fn tape() -> Vec<Vec<u8>> {
    let (mut window, mut tape) = (window(), Vec::new());
    let mut joiner = by_code(&window);
    connect(&mut window, &mut joiner);
    converse(&mut window, &mut joiner, &mut tape);
    joiner.confirm(2);
    window.confirm(2, None);
    converse(&mut window, &mut joiner, &mut tape);
    window.added();
    converse(&mut window, &mut joiner, &mut tape);
    assert_eq!(tape.len(), 6);
    tape
}

#[test]
fn the_messages_and_words_keep_their_bytes() {
    let hex = |frame: &Vec<u8>| -> Vec<String> {
        frame.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let text: Vec<String> = tape().iter().map(|frame| hex(frame).concat()).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pairing.hex");
    let text = text.join("\n") + "\n";
    if std::env::var_os("TILLMESH_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    let mut window = window();
    let mut joiner = by_code(&window);
    connect(&mut window, &mut joiner);
    let (said, _) = converse(&mut window, &mut joiner, &mut Vec::new());
    assert_eq!(said.compare.unwrap().words.to_string(), WORDS_OF_THE_TAPE);
}

const WORDS_OF_THE_TAPE: &str = "inform leave simple trip";

#[test]
fn who_chooses_a_nonce_after_seeing_the_other_is_caught_on_either_side() {
    let tape = tape();
    let other = |frame: &Vec<u8>| {
        let mut frame = frame.clone();
        *frame.last_mut().unwrap() ^= 1;
        frame
    };
    // The new device reveals something else than it committed to.
    let mut window = window();
    window.connected(1, CONN, device(2), SESSION);
    window.received(1, CONN, &tape[0]);
    drain(&mut window);
    window.received(1, CONN, &other(&tape[2]));
    let said = drain(&mut window);
    assert_eq!(said.ended, Some(Ending::Failed(Refusal::BrokenCommitment)));
    assert!(said.compare.is_none(), "no words are shown");
    assert!(said.frames.iter().all(|(_, frame)| *frame != tape[3]), "nothing is revealed");
    // The till does.
    let mut joiner = by_code(&self::window());
    joiner.connected(1, device(1), SESSION, None);
    joiner.received(1, &tape[1]);
    joiner.received(1, &other(&tape[3]));
    let heard = listen(&mut joiner);
    assert_eq!(heard.ended, Some(Err(Refusal::BrokenCommitment)));
    assert!(heard.words.is_none());
    // Or wants to see the other's nonce before it commits.
    let mut joiner = by_code(&self::window());
    joiner.connected(1, device(1), SESSION, None);
    listen(&mut joiner);
    joiner.received(1, &tape[3]);
    let heard = listen(&mut joiner);
    assert_eq!(heard.ended, Some(Err(Refusal::OutOfTurn)));
    assert!(heard.frames.iter().all(|frame| *frame != tape[2]), "nothing is revealed");
}

#[test]
fn a_recorded_run_cannot_be_played_again() {
    let tape = tape();
    let mut window = window();
    // Another session of the same device: the proof is of the old one.
    window.connected(1, CONN, device(2), [0x5f; 32]);
    window.received(1, CONN, &tape[0]);
    assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::WrongCode);
    // The same session, by another device.
    window.connected(1, ConnId(2), device(3), SESSION);
    window.received(1, ConnId(2), &tape[0]);
    assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::WrongCode);
}

#[test]
fn every_message_out_of_its_turn_ends_it_with_a_reason() {
    let tape = tape();
    // How far it got honestly, and what comes then, seen from the window.
    for (honest, then) in [(0, 2), (0, 4), (1, 0), (1, 1), (1, 4), (1, 5), (2, 0), (2, 2)] {
        let mut window = window();
        window.connected(1, CONN, device(2), SESSION);
        for frame in [&tape[0], &tape[2]].into_iter().take(honest) {
            window.received(1, CONN, frame);
        }
        drain(&mut window);
        window.received(1, CONN, &tape[then]);
        let said = drain(&mut window);
        assert!(said.closed.contains(&CONN), "{honest} {then}");
        let reason = refusal_in(&said.frames.last().unwrap().1);
        let expected = if honest == 0 { Refusal::Malformed } else { Refusal::OutOfTurn };
        assert_eq!(reason, expected, "{honest} {then}");
        assert!(said.add.is_none());
    }
    for (honest, then) in [(0, 0), (0, 3), (0, 5), (1, 1), (1, 5), (2, 1), (2, 3), (2, 5)] {
        let mut joiner = by_code(&window());
        joiner.connected(1, device(1), SESSION, None);
        for frame in [&tape[1], &tape[3]].into_iter().take(honest) {
            joiner.received(1, frame);
        }
        listen(&mut joiner);
        joiner.received(1, &tape[then]);
        let heard = listen(&mut joiner);
        assert_eq!(heard.ended, Some(Err(Refusal::OutOfTurn)), "{honest} {then}");
        assert!(heard.closed);
    }
}

#[test]
fn hostile_frames_are_refused_and_change_nothing() {
    for frame in [vec![], vec![0xff; 40], vec![0; limits::PAIRING_FRAME_BYTES_MAX * 4096]] {
        let mut window = window();
        window.connected(1, CONN, device(2), SESSION);
        window.received(1, CONN, &frame);
        assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::Malformed);
        assert!(!window.is_over(), "one hostile frame does not close the window");
        let mut joiner = by_code(&window);
        joiner.connected(1, device(1), SESSION, None);
        joiner.received(1, &frame);
        assert_eq!(listen(&mut joiner).ended, Some(Err(Refusal::Malformed)));
    }
    let mut window = window();
    window.received(1, ConnId(77), &[0]);
    assert!(window.poll().is_none(), "a connection nobody announced says nothing");
}

#[test]
fn five_wrong_codes_close_the_window_for_the_right_one_too() {
    let mut window = window();
    let mut other = opening();
    other.code = [9; 5];
    other.secret = [9; 16];
    let other = Window::open(other, 0);
    for n in 1..=u64::from(limits::PAIRING_TRIES_MAX) {
        assert!(!window.is_over());
        let mut guess = if n % 2 == 0 { by_code(&other) } else { by_invitation(&other) };
        window.connected(1, ConnId(n), device(2), SESSION);
        guess.connected(1, device(1), SESSION, None);
        window.received(1, ConnId(n), &listen(&mut guess).frames[0]);
        let said = drain(&mut window);
        assert_eq!(refusal_in(&said.frames[0].1), Refusal::WrongCode);
        assert!(said.closed.contains(&ConnId(n)));
    }
    assert!(window.is_over());
    let mut joiner = by_code(&window);
    window.connected(1, ConnId(99), device(2), SESSION);
    joiner.connected(1, device(1), SESSION, None);
    joiner.received(1, &drain(&mut window).frames[0].1);
    assert_eq!(listen(&mut joiner).ended, Some(Err(Refusal::Closed)));
}

#[test]
fn a_ticket_lets_one_device_in_and_is_spent_even_when_that_fails() {
    let mut window = window();
    let (mut first, mut second) = (by_code(&window), by_code(&window));
    connect(&mut window, &mut first);
    converse(&mut window, &mut first, &mut Vec::new());
    // One at a time.
    window.connected(2, ConnId(2), device(3), SESSION);
    second.connected(2, device(1), SESSION, None);
    assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::Busy);
    first.reject(3);
    let (said, _) = converse(&mut window, &mut first, &mut Vec::new());
    assert_eq!(said.ended, Some(Ending::Failed(Refusal::Rejected)));
    window.connected(4, ConnId(3), device(2), SESSION);
    assert_eq!(refusal_in(&drain(&mut window).frames[0].1), Refusal::Closed);
}

#[test]
fn a_window_a_silence_and_a_comparison_each_have_their_time() {
    let mut window = window();
    assert_eq!(window.poll_timeout(), Some(limits::PAIRING_OPEN_MS));
    window.connected(5, CONN, device(2), SESSION);
    assert_eq!(window.poll_timeout(), Some(5 + limits::PAIRING_HELLO_MS));
    window.tick(5 + limits::PAIRING_HELLO_MS);
    let said = drain(&mut window);
    assert_eq!(refusal_in(&said.frames[0].1), Refusal::TimedOut);
    assert!(!window.is_over() && said.closed == [CONN]);
    window.tick(limits::PAIRING_OPEN_MS - 1);
    assert!(!window.is_over());
    window.tick(limits::PAIRING_OPEN_MS);
    assert_eq!(drain(&mut window).ended, Some(Ending::Failed(Refusal::TimedOut)));
    // Who has come in time may finish, but not for ever.
    let mut window = self::window();
    let mut joiner = by_code(&window);
    connect(&mut window, &mut joiner);
    converse(&mut window, &mut joiner, &mut Vec::new());
    window.confirm(2 + limits::PAIRING_CONFIRM_MS, None);
    let said = drain(&mut window);
    assert_eq!(said.ended, Some(Ending::Failed(Refusal::TimedOut)));
    assert!(said.add.is_none());
    joiner.tick(2 + limits::PAIRING_CONFIRM_MS);
    assert_eq!(listen(&mut joiner).ended, Some(Err(Refusal::TimedOut)));
}

#[test]
fn silent_connections_are_few_and_make_room_for_who_speaks() {
    let mut window = window();
    for n in 2..100 {
        window.connected(n, ConnId(n), device(3), SESSION);
    }
    let refused = drain(&mut window).closed;
    assert_eq!(refused.len(), 98 - limits::PAIRING_WAITING_MAX);
    assert_eq!(refused[0], ConnId(2), "who has been silent longest goes first");
    let mut joiner = by_code(&window);
    window.connected(101, CONN, device(2), SESSION);
    joiner.connected(101, device(1), SESSION, None);
    window.received(101, CONN, &listen(&mut joiner).frames[0]);
    let said = drain(&mut window);
    assert_eq!(said.frames.iter().filter(|(conn, _)| *conn == CONN).count(), 1);
    assert!(!said.closed.contains(&CONN), "and is answered");
}

#[test]
fn a_connection_that_breaks_ends_it_unless_the_record_is_being_written() {
    let mut window = window();
    let mut joiner = by_code(&window);
    connect(&mut window, &mut joiner);
    converse(&mut window, &mut joiner, &mut Vec::new());
    window.closed(2, CONN);
    joiner.closed(2);
    assert_eq!(drain(&mut window).ended, Some(Ending::Failed(Refusal::Disconnected)));
    assert_eq!(listen(&mut joiner).ended, Some(Err(Refusal::Disconnected)));
    let mut window = self::window();
    let mut joiner = by_invitation(&window);
    connect(&mut window, &mut joiner);
    converse(&mut window, &mut joiner, &mut Vec::new());
    window.confirm(2, None);
    window.closed(3, CONN);
    window.reject(3);
    window.cancel();
    let said = drain(&mut window);
    assert!(said.add.is_some() && said.ended.is_none());
    window.added();
    assert!(matches!(drain(&mut window).ended, Some(Ending::Added(_))));
}

#[test]
fn a_device_of_another_store_than_the_invitation_says_is_left_alone() {
    let window = window();
    let mut joiner = by_invitation(&window);
    // The right key under another store: a till that was founded anew while its code was shown.
    let store = StoreId::from_bytes([0xab; 16]);
    let mut other = Window::open(Opening { store, ..opening() }, 0);
    connect(&mut other, &mut joiner);
    converse(&mut other, &mut joiner, &mut Vec::new());
    other.confirm(2, None);
    drain(&mut other);
    other.added();
    let (_, heard) = converse(&mut other, &mut joiner, &mut Vec::new());
    assert_eq!(heard.ended, Some(Err(Refusal::OtherStore)));
}
