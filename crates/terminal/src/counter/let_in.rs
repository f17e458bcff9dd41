//! A new till is let in from the screen of a manager's till, while it goes on selling.

use std::net::SocketAddr;

use pos_core::record::Record;
use replica::core::{Command, Role};
use replica::net::mesh::PairingNews;
use replica::pairing::{Ending, Window, WindowOutput};
use replica::storage::Storage;
use replica::sync::ConnId;

use super::desk::{Counter, Page, refusal};
use super::notice::Notice;
use super::view::LetInScreen;
use crate::pairing;

/// How long the last word of a pairing has to go out, in milliseconds.
const LAST_WORD_MS: u64 = 500;

/// A pairing window and what is seen of it.
#[derive(Debug)]
pub(super) struct LettingIn {
    window: Window,
    shown: LetInScreen,
    /// Connections to close, and when.
    closing: Vec<(ConnId, u64)>,
    over: bool,
    /// How it ended was on the screen.
    seen: bool,
}

impl LettingIn {
    pub(super) fn view(&self) -> LetInScreen {
        self.shown.clone()
    }
}

impl<S: Storage> Counter<S> {
    /// Opens the window: shows a code.
    pub(super) fn let_in(&mut self) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        if self.letting.as_ref().is_some_and(|letting| !letting.seen) {
            self.page = Page::LetIn;
            return Ok(());
        }
        let mesh = self.till.mesh();
        let mesh = mesh.ok_or_else(|| Notice::NoNetwork(String::new()))?;
        let addresses: Vec<SocketAddr> = mesh.addresses(self.loopback);
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let opening = pairing::opening(&self.till, Role::Till, addresses);
        let opening = opening.map_err(|error| match error {
            crate::error::TerminalError::Command(error) => refusal(error),
            other => Notice::Refused(other.to_string()),
        })?;
        let window = Window::open(opening, self.till.moment().monotonic_ms);
        if let Some(mesh) = self.till.mesh() {
            mesh.endpoint().set_pairing(true);
        }
        let shown = LetInScreen {
            code: window.code().to_string(),
            invitation: window.invitation().to_string(),
            addresses: shown,
            words: None,
            added: None,
            failed: None,
        };
        let letting = LettingIn { window, shown, closing: Vec::new(), over: false, seen: false };
        self.letting = Some(Box::new(letting));
        self.page = Page::LetIn;
        Ok(())
    }

    pub(super) fn let_in_answer(&mut self, same: bool) {
        let now = self.till.moment().monotonic_ms;
        if let Some(letting) = &mut self.letting {
            if same {
                letting.window.confirm(now, None);
            } else {
                letting.window.reject(now);
            }
        }
        self.hear_let_in();
    }

    /// Nobody is let in any more.
    pub(super) fn close_let_in(&mut self) {
        if let Some(letting) = &mut self.letting {
            letting.window.cancel();
        }
        self.hear_let_in();
    }

    /// What the new device has said, and what follows from it. Never waits; the sale goes on.
    pub(super) fn hear_let_in(&mut self) {
        let now = self.till.moment().monotonic_ms;
        // Taken out while it works with the till; back in at the end.
        let Some(mut letting) = self.letting.take() else { return };
        while let Some(news) = self.till.mesh().and_then(replica::net::mesh::Mesh::next_pairing) {
            match news {
                PairingNews::Connected { conn, device, exporter, .. } => {
                    letting.window.connected(now, conn, device, exporter);
                }
                PairingNews::Frame { conn, bytes } => letting.window.received(now, conn, &bytes),
                PairingNews::Closed(conn) => letting.window.closed(now, conn),
            }
        }
        letting.window.tick(now);
        while let Some(output) = letting.window.poll() {
            self.let_in_step(&mut letting, output, now);
        }
        if let Some(mesh) = self.till.mesh() {
            letting.closing.retain(|(conn, due)| {
                if now >= *due {
                    mesh.endpoint().close(*conn, "pairing is over");
                }
                now < *due
            });
        }
        letting.seen |= letting.over && matches!(self.page, Page::LetIn);
        self.letting = Some(letting);
    }

    fn let_in_step(&mut self, letting: &mut LettingIn, output: WindowOutput, now: u64) {
        match output {
            WindowOutput::Send { conn, frame } => {
                if let Some(mesh) = self.till.mesh() {
                    mesh.send_pairing(conn, frame);
                }
            }
            // What is still on its way goes out first.
            WindowOutput::Close(conn) => {
                letting.closing.push((conn, now.saturating_add(LAST_WORD_MS)));
            }
            WindowOutput::Compare(comparison) => {
                let words = *comparison.words.all();
                letting.shown.words = Some((comparison.name.to_string(), words));
                // Somebody stands at the other device and waits; a sale is not interrupted.
                if matches!(self.page, Page::Sale) && self.cart.is_none() {
                    self.page = Page::LetIn;
                }
            }
            WindowOutput::Add(added) => {
                match self.till.execute(Command::ChangeRoster(added.record())) {
                    Ok(_) => letting.window.added(),
                    Err(error) => {
                        self.post(refusal(error));
                        letting.window.not_added();
                    }
                }
            }
            WindowOutput::Ended(ending) => {
                if !letting.over {
                    letting.over = true;
                    self.let_in_ended(letting, ending);
                }
            }
        }
    }

    fn let_in_ended(&mut self, letting: &mut LettingIn, ending: Ending) {
        if let Some(mesh) = self.till.mesh() {
            mesh.endpoint().set_pairing(false);
        }
        letting.shown.words = None;
        match ending {
            Ending::Failed(reason) => letting.shown.failed = Some(reason.to_string()),
            Ending::Added(added) => {
                letting.shown.added = Some(added.name.to_string());
                let assigned = crate::commands::next_register(&self.till)
                    .map(|register| Record::RegisterAssigned { register, device: added.device });
                let done = assigned.map_err(|error| Notice::Refused(error.to_string())).and_then(
                    |record| {
                        let command = Command::Record(Box::new(record));
                        self.till.execute(command).map(drop).map_err(refusal)
                    },
                );
                if let Err(notice) = done {
                    self.post(notice);
                }
            }
        }
    }
}
