//! A member of the store that sends anything.

use replica::sync::{
    Class, ConnId, Engine, Have, Hello, Message, Output, PROTOCOL_VERSION, Want, Window,
};

use super::bytes::{class_of, framed, frames};
use super::till::{BEFORE, Shop, other_device};
use crate::crash::model::observed;
use crate::crash::script::{Cashier, moment, register};

/// Frames a session may answer with, each of its own: requests, windows, acknowledgements.
const ANSWERS_PER_FRAME_MAX: usize = 64;
const CONN: ConnId = ConnId(1);

/// Frames, each behind its length, the first byte of each its class. The device they come from signs
/// nothing, so nothing changes: the books are what they were, and the till sells on.
pub(super) fn hostile(input: &[u8]) {
    let Some(shop) = Shop::get() else { return };
    let (Ok(mut till), Ok(register)) = (shop.till(7), register()) else { return };
    let before = observed(till.replica(), &register);
    let digest = till.replica().held_digest();
    let mut engine = Engine::new(till.replica().device(), std::collections::BTreeSet::new());
    engine.connected(&mut till, moment(BEFORE, 1), CONN, other_device(), None);
    let mut sent = 0;
    let mut answers = 0;
    for frame in frames(input) {
        let Some((class, bytes)) = frame.split_first() else { continue };
        sent += 1;
        let at = moment(BEFORE, 2 + sent as u64);
        engine.frame(&mut till, at, CONN, class_of(*class), bytes);
        engine.tick(&mut till, at);
        till.tick(at);
        while let Some(output) = engine.poll() {
            answers += 1;
            if matches!(output, Output::Close { .. }) {
                engine.disconnected(&mut till, at, CONN);
            }
        }
    }
    assert!(answers <= 4 + ANSWERS_PER_FRAME_MAX * (sent + 1), "{answers} answers to {sent}");
    assert_eq!(observed(till.replica(), &register), before, "the books are what they were");
    assert_eq!(till.replica().held_digest(), digest, "nothing was taken in");
    let cashier = Cashier::new(&shop.documents, &shop.model);
    let sold = cashier.play(&mut till, BEFORE);
    assert!(sold.is_ok(), "it sells on: {sold:?}");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let Some(shop) = Shop::get() else { return Vec::new() };
    let Ok(till) = shop.till(7) else { return Vec::new() };
    let of = |class: u8, message: &Message| framed(&[&[class][..], &message.encode()].concat());
    let hello = |held: [u8; 16]| {
        of(
            0,
            &Message::Hello(Hello {
                oldest: 1,
                newest: PROTOCOL_VERSION,
                store: shop.store,
                held,
                software: "fuzz".to_owned(),
            }),
        )
    };
    let held = till.replica().held_digest().to_bytes();
    let some = shop.entries.iter().take(2).map(Vec::as_slice);
    let rest: [Vec<u8>; 5] = [
        of(0, &Message::Digest([1; 16])),
        of(2, &Message::Window(Window::whole(1, some))),
        of(0, &Message::Ack(vec![1, 2, 3])),
        of(0, &Message::Enough(till.replica().device())),
        of(0, &Message::Differs(till.replica().device())),
    ];
    let mut seeds = vec![hello(held), hello([0; 16])];
    seeds.extend(rest.iter().map(|frame| [hello([0; 16]), frame.clone()].concat()));
    seeds.push([hello([0; 16]), rest.concat()].concat());
    let served: Vec<Vec<u8>> = served(shop).iter().map(|frame| framed(frame)).collect();
    seeds.push(served.concat());
    seeds
}

/// The frames the store's till serves a peer that wants all it has, each behind its class: windows whose
/// entries are packed as in a real session.
fn served(shop: &Shop) -> Vec<Vec<u8>> {
    let Ok(mut till) = shop.till(7) else { return Vec::new() };
    let device = till.replica().device();
    let mut engine = Engine::new(device, std::collections::BTreeSet::new());
    let at = moment(BEFORE, 1);
    engine.connected(&mut till, at, CONN, other_device(), None);
    let have = Have::Feeds { ends: Vec::new(), more: false };
    let hello = Hello {
        oldest: 1,
        newest: PROTOCOL_VERSION,
        store: shop.store,
        held: [0; 16],
        software: "fuzz".to_owned(),
    };
    for message in [Message::Hello(hello), Message::Want(Want { device, standing: true, have })] {
        engine.frame(&mut till, at, CONN, Class::Control, &message.encode());
    }
    engine.tick(&mut till, at);
    core::iter::from_fn(|| engine.poll())
        .filter_map(|output| match output {
            Output::Send { class, frame, .. } => {
                let class = match class {
                    Class::Control => 0,
                    Class::Live => 1,
                    Class::Bulk => 2,
                };
                Some([&[class][..], &frame].concat())
            }
            Output::Close { .. } | Output::Learnt { .. } => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Shop, served};

    #[test]
    fn a_served_session_holds_packed_windows() {
        let frames = served(Shop::get().expect("a shop"));
        let entries = Shop::get().map_or(0, |shop| shop.entries.len());
        let windows = frames.iter().filter(|frame| frame.get(1) == Some(&8)).count();
        assert!(windows > 0 && entries > 0, "{windows} windows of {entries} entries");
    }
}
