//! What comes over the network: frames of the synchronisation, entries, presence datagrams, frames and
//! tickets of the pairing.

use pos_core::ids::{CartId, DeviceId, StoreId};
use pos_core::record::Record;
use replica::core::{DeviceName, Entry, Role};
use replica::pairing::{
    Invitation, JoinRequest, Joiner, JoinerOutput, Opening, Ticket, Window, WindowOutput,
};
use replica::presence::{Place, PresenceTable};
use replica::sync::{Class, ConnId, Hello, Message, PROTOCOL_VERSION, Window as EntryWindow};

use super::till::Shop;

/// The first byte says the class, the rest is a frame: what is read is written the same way again.
pub(super) fn message(input: &[u8]) {
    let Some((first, frame)) = input.split_first() else { return };
    let class = class_of(*first);
    if let Ok(Some(message)) = Message::decode(class, frame) {
        let again = Message::decode(class, &message.encode());
        assert_eq!(again.as_ref(), Ok(&Some(message)), "read, written, read");
    }
}

pub(super) const fn class_of(byte: u8) -> Class {
    match byte % 3 {
        0 => Class::Control,
        1 => Class::Live,
        _ => Class::Bulk,
    }
}

pub(super) fn message_seeds() -> Vec<Vec<u8>> {
    let hello = Message::Hello(Hello {
        oldest: 1,
        newest: PROTOCOL_VERSION,
        store: StoreId::from_bytes([3; 16]),
        held: [4; 16],
        software: "tillmesh".to_owned(),
    });
    let entries = entry_seeds();
    let some = entries.iter().take(3).map(Vec::as_slice);
    let small = Message::Window(EntryWindow::whole(7, some));
    let long = [5; 900];
    let compressed = Message::Window(EntryWindow::whole(8, [&long[..]; 12]));
    let of = |class: u8, message: &Message| [&[class][..], &message.encode()].concat();
    vec![
        of(0, &hello),
        of(0, &Message::Digest([9; 16])),
        of(0, &Message::Ack(vec![1, 2, 300])),
        of(0, &Message::Peers(vec![(DeviceId::from_bytes([6; 32]), Vec::new())])),
        of(1, &small),
        of(2, &small),
        of(2, &compressed),
    ]
}

/// What reads as an entry reads as the same one when it is written again, and its parts read or are
/// refused.
pub(super) fn entry(input: &[u8]) {
    let Ok(entry) = Entry::decode(input) else { return };
    let again = Entry::decode(&entry.encode());
    assert_eq!(again.as_ref().map(Entry::id), Ok(entry.id()), "read, written, read");
    // Whether the signature holds is another question; asking it may not panic.
    let _valid = entry.verify().is_ok();
    for (_, op, body) in entry.ops() {
        if let Some(Ok(record)) = body.map(|body| Record::decode(op.kind, body)) {
            drop(format!("{record:?}"));
        }
    }
}

pub(super) fn entry_seeds() -> Vec<Vec<u8>> {
    Shop::get().map(|shop| shop.entries.clone()).unwrap_or_default()
}

/// A datagram is taken or refused; whoever is heard stays within bounds.
pub(super) fn presence(input: &[u8]) {
    let sender = DeviceId::from_bytes([7; 32]);
    let mut table = PresenceTable::new(DeviceId::from_bytes([8; 32]), 1);
    let news = table.hear(1_000, sender, input);
    assert_eq!(news == Ok(true), table.present(1_000).count() == 1, "who is heard is present");
    assert_ne!(table.hear(1_001, sender, input), Ok(true), "a repeated word is no news");
}

pub(super) fn presence_seeds() -> Vec<Vec<u8>> {
    let mut table = PresenceTable::new(DeviceId::from_bytes([7; 32]), 5);
    let mut seeds = Vec::new();
    for (cart, text) in [(None, ""), (Some(CartId::from_bytes([9; 16])), "Ada, table 4")] {
        table.set_place(&Place::new(cart, text));
        seeds.extend(table.poll(10_000 * (1 + seeds.len() as u64)));
    }
    seeds
}

fn opening() -> Opening {
    Opening {
        store: StoreId::from_bytes([1; 16]),
        manager: DeviceId::from_bytes([2; 32]),
        role: Role::Till,
        addresses: Vec::new(),
        secret: [3; 16],
        code: [4; 5],
        nonce: [5; 32],
    }
}

fn joiner() -> Option<Joiner> {
    let Opening { store, manager, secret, .. } = opening();
    let ticket = Ticket::Invitation(Invitation { store, manager, secret, addresses: Vec::new() });
    let name = DeviceName::new("Till 2").ok()?;
    let request =
        JoinRequest { ticket, device: DeviceId::from_bytes([6; 32]), name, nonce: [7; 32] };
    Some(Joiner::new(request, 0))
}

/// Frames, each behind its length, into a window and into a device that joins. Without the secret
/// nobody is let in, and neither is sent anywhere.
pub(super) fn pairing(input: &[u8]) {
    let mut window = Window::open(opening(), 0);
    let Some(mut joiner) = joiner() else { return };
    let (conn, stranger) = (ConnId(1), DeviceId::from_bytes([9; 32]));
    window.connected(0, conn, stranger, [8; 32]);
    joiner.connected(0, opening().manager, [8; 32], None);
    for (number, frame) in frames(input).into_iter().enumerate() {
        window.received(number as u64, conn, frame);
        joiner.received(number as u64, frame);
    }
    window.confirm(100, None);
    joiner.confirm(100);
    while let Some(output) = window.poll() {
        assert!(!matches!(output, WindowOutput::Add(_)), "let in without the secret");
    }
    while let Some(output) = joiner.poll() {
        assert!(!matches!(output, JoinerOutput::Ended(Ok(_))), "joined without the manager");
    }
}

/// Pieces of an input, each behind a byte that says how long it is (in fours).
pub(super) fn frames(mut input: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = input.split_first() {
        let (frame, left) = rest.split_at(usize::from(*length).saturating_mul(4).min(rest.len()));
        frames.push(frame);
        input = left;
    }
    frames
}

/// A piece of an input, as [`frames`] reads it: filled up with zeros.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let fours = bytes.len().div_ceil(4).min(255);
    let mut out = vec![u8::try_from(fours).unwrap_or(255)];
    out.extend_from_slice(bytes);
    out.resize(1 + fours * 4, 0);
    out
}

pub(super) fn pairing_seeds() -> Vec<Vec<u8>> {
    let Some(mut joiner) = joiner() else { return Vec::new() };
    joiner.connected(0, opening().manager, [8; 32], None);
    let mut seeds = vec![vec![1, 4, 0, 0, 0]];
    while let Some(output) = joiner.poll() {
        if let JoinerOutput::Send(frame) = output {
            seeds.push(framed(&frame));
        }
    }
    seeds
}

/// What is typed or scanned as a ticket is one or is not; one that is, reads as itself again.
pub(super) fn ticket(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(Ticket::Invitation(invitation)) = Ticket::parse(&text) {
        let again = Ticket::parse(&invitation.to_string());
        let same = matches!(again, Ok(Ticket::Invitation(again)) if again == invitation);
        assert!(same, "an invitation reads as itself");
    }
}

pub(super) fn ticket_seeds() -> Vec<Vec<u8>> {
    let window = Window::open(opening(), 0);
    let texts = [window.invitation().to_string(), window.code().to_string()];
    texts.into_iter().map(String::into_bytes).collect()
}
