//! Letting a device in, at the keyboard of either side: the loop around `replica`'s pairing, and
//! what people read. The network is whoever implements [`PairingIo`].

use std::net::SocketAddr;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use replica::core::{Command, DeviceName, Role};
pub use replica::pairing::{Answer, PairingEvent};
use replica::pairing::{
    Comparison, DoorIo, Ending, JoinRequest, Joined, Method, Opening, Refusal, Ticket, Window,
    WindowOutput, Words,
};
use replica::storage::Storage;
use replica::sync::ConnId;

use crate::error::TerminalError;
use crate::shell;
use crate::till::Till;

/// The network and the keyboard, as one source of events.
pub trait PairingIo<S: Storage> {
    /// The next event; [`PairingEvent::Quiet`] at `until_ms` of the till's monotonic clock.
    fn next(&mut self, till: &mut Till<S>, until_ms: Option<u64>) -> PairingEvent;
    /// Sends a frame.
    fn send(&mut self, till: &mut Till<S>, conn: ConnId, frame: Vec<u8>);
    /// Closes a connection once what was sent on it has gone out.
    fn close(&mut self, till: &mut Till<S>, conn: ConnId);
    /// Shows what a new device is to be given.
    fn invited(&mut self, window: &Window) {
        self.show(&invitation_text(window));
    }
    /// Asks whether a device may come in.
    fn compared(&mut self, comparison: &Comparison) {
        self.show(&comparison_text(comparison));
    }
    /// Asks on the new device whether both tills show the same words.
    fn words(&mut self, words: &Words, method: Method) {
        self.show(&words_text(words, method));
    }
    /// Shows a text.
    fn show(&mut self, text: &str);
}

/// Opens a window on a manager's till and lets one device in. `addresses` is where this device may
/// be met.
pub fn pair<S: Storage>(
    till: &mut Till<S>,
    io: &mut impl PairingIo<S>,
    role: Role,
    addresses: Vec<SocketAddr>,
) -> Result<replica::pairing::Added, TerminalError> {
    let opening = opening(till, role, addresses)?;
    let mut window = Window::open(opening, now(till));
    io.invited(&window);
    loop {
        while let Some(output) = window.poll() {
            match output {
                WindowOutput::Send { conn, frame } => io.send(till, conn, frame),
                WindowOutput::Close(conn) => io.close(till, conn),
                WindowOutput::Compare(comparison) => io.compared(&comparison),
                WindowOutput::Add(added) => {
                    match till.execute(Command::ChangeRoster(added.record())) {
                        Ok(_) => window.added(),
                        Err(error) => {
                            io.show(&format!("the device could not be added: {error}"));
                            window.not_added();
                        }
                    }
                }
                WindowOutput::Ended(Ending::Added(added)) => {
                    io.show(&added_text(&added, till));
                    return Ok(added);
                }
                WindowOutput::Ended(Ending::Failed(reason)) => return Err(reason.into()),
            }
        }
        let event = io.next(till, window.poll_timeout());
        let at = now(till);
        match event {
            PairingEvent::Connected { conn, peer, exporter, .. } => {
                window.connected(at, conn, peer, exporter);
            }
            PairingEvent::Frame { conn, frame } => window.received(at, conn, &frame),
            PairingEvent::Closed(conn) => window.closed(at, conn),
            PairingEvent::Answer(Answer::Yes(name)) => window.confirm(at, name),
            PairingEvent::Answer(Answer::No) => window.reject(at),
            PairingEvent::Answer(Answer::Cancel) => window.cancel(),
            PairingEvent::Quiet => window.tick(at),
        }
    }
}

/// Asks for entry with what was typed or read, and makes the till join the store. Afterwards the
/// till connects to `manager` at `addresses` under the ordinary protocol.
pub fn join<S: Storage>(
    till: &mut Till<S>,
    io: &mut impl PairingIo<S>,
    ticket: Ticket,
    name: DeviceName,
) -> Result<Joined, TerminalError> {
    let device = till.replica().device();
    let request = JoinRequest { ticket, device, name, nonce: shell::random()? };
    let joined = replica::pairing::knock(&mut AtTheDoor { till, io }, request)?;
    till.node().join(joined.store)?;
    io.show("This device is in. The store is fetched from the manager's till now.");
    Ok(joined)
}

/// A till that asks for entry, and its network and keyboard.
struct AtTheDoor<'a, S, I> {
    till: &'a mut Till<S>,
    io: &'a mut I,
}

impl<S: Storage, I: PairingIo<S>> DoorIo for AtTheDoor<'_, S, I> {
    fn now_ms(&self) -> u64 {
        now(self.till)
    }

    fn next(&mut self, until_ms: Option<u64>) -> PairingEvent {
        self.io.next(self.till, until_ms)
    }

    fn send(&mut self, conn: ConnId, frame: Vec<u8>) {
        self.io.send(self.till, conn, frame);
    }

    fn close(&mut self, conn: ConnId) {
        self.io.close(self.till, conn);
    }

    fn compare(&mut self, words: &Words, method: Method) {
        self.io.words(words, method);
    }
}

/// What a window of this till is opened with. Only a manager's till may.
pub fn opening<S: Storage>(
    till: &Till<S>,
    role: Role,
    addresses: Vec<SocketAddr>,
) -> Result<Opening, TerminalError> {
    let replica = till.replica();
    let store = replica.store_id().ok_or(replica::core::CommandError::NoStore)?;
    match replica.own_role() {
        Some(Role::Manager) => Ok(Opening {
            store,
            manager: replica.device(),
            role,
            addresses,
            secret: shell::random()?,
            code: shell::random()?,
            nonce: shell::random()?,
        }),
        Some(Role::Till) => Err(replica::core::CommandError::ManagerOnly.into()),
        None => Err(replica::core::CommandError::NotAMember.into()),
    }
}

fn now<S: Storage>(till: &Till<S>) -> u64 {
    till.moment().monotonic_ms
}

/// A QR code for a terminal; `None` when the text is too long for one.
pub fn qr_text(payload: &str) -> Option<String> {
    let code = QrCode::new(payload.as_bytes()).ok()?;
    // Terminals are dark: what is printed shines, so the light modules are the printed ones.
    let mut picture = code.render::<Dense1x2>();
    picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    Some(picture.quiet_zone(true).build())
}

/// What the manager's till shows while it waits.
pub fn invitation_text(window: &Window) -> String {
    let payload = window.invitation().to_string();
    let qr = qr_text(&payload).unwrap_or_default();
    format!(
        "{qr}\nOn the new device, within five minutes, scan this or run\n\n    tillmesh join {}\n\n\
         The code is good for one device.",
        window.code()
    )
}

/// What the manager's till asks.
pub fn comparison_text(comparison: &Comparison) -> String {
    let key: String = comparison.device.to_string().chars().take(12).collect();
    let question = match comparison.method {
        Method::Code => "Does the new device show exactly these words? If not, say no.",
        Method::Invitation => "It has read the QR code. Let it in?",
    };
    let (name, words) = (&comparison.name, framed(&comparison.words));
    format!("{name:?} ({key}) wants to come in.\n\n{words}\n\n{question}", name = name.as_str())
}

/// What the new device shows.
pub fn words_text(words: &Words, method: Method) -> String {
    let question = match method {
        Method::Code => {
            "Does the manager's till show exactly these words? If it shows others or none, say no: \
             somebody is in the way."
        }
        Method::Invitation => "The manager's till shows the same words and asks there.",
    };
    format!("{}\n\n{question}", framed(words))
}

fn framed(words: &Words) -> String {
    format!("    {}", words.all().join("   "))
}

fn added_text<S: Storage>(added: &replica::pairing::Added, till: &Till<S>) -> String {
    let waits = added.role == Role::Manager
        && till.replica().roster().role(added.device) != Some(Role::Manager);
    let more = if waits {
        " It is a till until a second manager runs `tillmesh appoint` for it."
    } else {
        ""
    };
    format!("{} is in.{more}", added.name)
}

/// Why nobody came in, with what it means for safety.
pub fn refusal_text(reason: Refusal) -> String {
    reason.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use pos_core::ids::DeviceId;
    use replica::pairing::{Joiner, JoinerOutput};

    use super::*;
    use crate::till::tests::memory_till;

    /// A device at the other end of the line, and a person who says yes.
    struct Other {
        joiner: Joiner,
        events: VecDeque<PairingEvent>,
        shown: Vec<String>,
        words: Option<String>,
        ended: Option<Result<Joined, Refusal>>,
    }

    const CONN: ConnId = ConnId(4);

    impl Other {
        fn pump(&mut self) {
            while let Some(output) = self.joiner.poll() {
                match output {
                    JoinerOutput::Send(frame) => {
                        self.events.push_back(PairingEvent::Frame { conn: CONN, frame });
                    }
                    JoinerOutput::Compare { words, .. } => {
                        self.words = Some(framed(&words));
                        self.joiner.confirm(1);
                    }
                    JoinerOutput::Close => {}
                    JoinerOutput::Ended(result) => self.ended = Some(result),
                }
            }
        }
    }

    impl<S: Storage> PairingIo<S> for Other {
        fn next(&mut self, _till: &mut Till<S>, _until_ms: Option<u64>) -> PairingEvent {
            self.events.pop_front().unwrap_or(PairingEvent::Answer(Answer::Yes(None)))
        }

        fn send(&mut self, _till: &mut Till<S>, _conn: ConnId, frame: Vec<u8>) {
            self.joiner.received(1, &frame);
            self.pump();
        }

        fn close(&mut self, _till: &mut Till<S>, _conn: ConnId) {}

        fn show(&mut self, text: &str) {
            self.shown.push(text.to_owned());
            let Some((_, code)) = text.split_once("tillmesh join ") else { return };
            let code = code.lines().next().unwrap();
            self.joiner = joiner(code);
            let peer = DeviceId::from_bytes([2; 32]);
            let exporter = [5; 32];
            self.events.push_back(PairingEvent::Connected {
                conn: CONN,
                peer,
                exporter,
                address: None,
            });
            self.joiner.connected(1, manager(), exporter, None);
            self.pump();
        }
    }

    fn manager() -> DeviceId {
        crate::till::tests::identity(1).key.device()
    }

    fn joiner(code: &str) -> Joiner {
        let ticket = Ticket::parse(code).unwrap();
        let device = DeviceId::from_bytes([2; 32]);
        let name = DeviceName::new("Till 2").unwrap();
        Joiner::new(JoinRequest { ticket, device, name, nonce: [7; 32] }, 0)
    }

    #[test]
    fn the_loop_at_the_managers_till_lets_a_device_in() {
        let mut till = memory_till();
        let mut other = Other {
            joiner: joiner("0000-0000"),
            events: VecDeque::new(),
            shown: Vec::new(),
            words: None,
            ended: None,
        };
        let added = pair(&mut till, &mut other, Role::Manager, Vec::new()).unwrap();
        assert_eq!(added.device, DeviceId::from_bytes([2; 32]));
        let words = other.words.unwrap();
        assert!(other.shown[1].contains(&words), "{:?}", other.shown);
        assert!(other.shown[2].contains("second manager"), "{:?}", other.shown);
        let joined = other.ended.unwrap().unwrap();
        assert_eq!(Some(joined.store), till.replica().store_id());
        assert!(till.replica().roster().members().contains(&added.device));
    }

    #[test]
    fn a_qr_code_of_a_full_invitation_fits_a_terminal() {
        let mut till = memory_till();
        let addresses = vec!["[2001:db8::7]:4711".parse().unwrap(); 8];
        let window = Window::open(opening(&till, Role::Till, addresses).unwrap(), 0);
        let text = invitation_text(&window);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{widest}");
        assert!(till.node().take_alarms().is_empty());
    }
}
