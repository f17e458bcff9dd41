//! The new device's side.

use core::net::SocketAddr;
use std::collections::VecDeque;

use pos_core::ids::{DeviceId, StoreId};

use super::message::Message;
use super::ticket::Ticket;
use super::words::{Channel, Side, Words};
use super::{Method, Refusal};
use crate::core::DeviceName;
use crate::limits;

/// What a device asks for entry with.
#[derive(Clone)]
pub struct JoinRequest {
    /// What it was given.
    pub ticket: Ticket,
    /// Its own key.
    pub device: DeviceId,
    /// What it would like to be called.
    pub name: DeviceName,
    /// 32 random bytes, used once.
    pub nonce: [u8; 32],
}

impl core::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("ticket", &self.ticket)
            .field("device", &self.device)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All a device needs once it is let in: it joins `store` and connects to `manager` under the
/// ordinary protocol, where it finds the record that lets it in among the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The store.
    pub store: StoreId,
    /// The manager's device.
    pub manager: DeviceId,
    /// Where devices of the store may be met. Where the manager was reached comes first.
    pub addresses: Vec<SocketAddr>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinerOutput {
    /// Send a frame.
    Send(Vec<u8>),
    /// Show the words.
    Compare {
        /// The words.
        words: Words,
        /// With [`Method::Code`] ask whether the manager's till shows the same ones: then
        /// [`Joiner::confirm`] or [`Joiner::reject`].
        method: Method,
    },
    /// Close the connection, once what was sent has gone out.
    Close,
    /// It is over: in, or why not.
    Ended(Result<Joined, Refusal>),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The transport dials.
    Dialling,
    /// Hello is sent.
    Committed { channel: Channel },
    /// The own nonce is sent.
    Revealed { channel: Channel, commitment: [u8; 32] },
    /// The words are on the screen.
    Comparing { manager: DeviceId },
    /// Ready is sent.
    Ready { manager: DeviceId },
    /// It is over.
    Over,
}

/// A device that asks for entry, over one connection.
#[derive(Debug)]
pub struct Joiner {
    request: JoinRequest,
    reached: Option<SocketAddr>,
    step: Step,
    deadline: u64,
    outputs: VecDeque<JoinerOutput>,
}

impl Joiner {
    /// Begins; the transport dials the addresses of the invitation, or what discovery finds.
    /// `now_ms` counts milliseconds and only goes forward.
    pub const fn new(request: JoinRequest, now_ms: u64) -> Self {
        let deadline = now_ms.saturating_add(limits::PAIRING_CONFIRM_MS);
        Self { request, reached: None, step: Step::Dialling, deadline, outputs: VecDeque::new() }
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<JoinerOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Joiner::tick`].
    pub fn poll_timeout(&self) -> Option<u64> {
        (self.step != Step::Over).then_some(self.deadline)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.step == Step::Over
    }

    /// A connection stands. TLS vouches for `peer` and gave `exporter`; `address` is where the peer
    /// was reached.
    pub fn connected(
        &mut self,
        now_ms: u64,
        peer: DeviceId,
        exporter: [u8; 32],
        address: Option<SocketAddr>,
    ) {
        self.tick(now_ms);
        if self.step != Step::Dialling {
            return;
        }
        let other_manager = matches!(
            &self.request.ticket,
            Ticket::Invitation(invitation) if invitation.manager != peer
        );
        if other_manager || peer == self.request.device {
            return self.fail(Refusal::OtherManager);
        }
        let channel = Channel { joiner: self.request.device, manager: peer, exporter };
        let method = self.request.ticket.method();
        let hello = Message::Hello {
            method,
            proof: *channel.proof(method, &self.request.ticket.secret()).as_bytes(),
            commitment: *channel.commitment(Side::Joiner, &self.request.nonce).as_bytes(),
            name: self.request.name.clone(),
        };
        self.reached = address;
        self.deadline = now_ms.saturating_add(limits::PAIRING_CONFIRM_MS);
        self.step = Step::Committed { channel };
        self.send(&hello);
    }

    /// A frame has come.
    pub fn received(&mut self, now_ms: u64, frame: &[u8]) {
        self.tick(now_ms);
        if matches!(self.step, Step::Over | Step::Dialling) {
            return;
        }
        let refusal = match (self.step, Message::decode(frame)) {
            (_, None) => Refusal::Malformed,
            (_, Some(Message::Stop { reason })) => return self.end(Err(reason)),
            (Step::Committed { channel }, Some(Message::Commit { commitment })) => {
                self.step = Step::Revealed { channel, commitment };
                let nonce = self.request.nonce;
                return self.send(&Message::Reveal { nonce });
            }
            (Step::Revealed { channel, commitment }, Some(Message::Reveal { nonce })) => {
                let kept = channel.commitment(Side::Manager, &nonce);
                if kept == blake3::Hash::from_bytes(commitment) {
                    return self.show_words(channel, &nonce);
                }
                Refusal::BrokenCommitment
            }
            (Step::Ready { manager }, Some(Message::Welcome { store, addresses })) => {
                if self.fits(store) {
                    return self.welcome(store, manager, addresses);
                }
                Refusal::OtherStore
            }
            (_, Some(_)) => Refusal::OutOfTurn,
        };
        self.fail(refusal);
    }

    /// The connection has ended, or could not be made.
    pub fn closed(&mut self, now_ms: u64) {
        self.tick(now_ms);
        if self.step != Step::Over {
            self.end(Err(Refusal::Disconnected));
        }
    }

    /// The person says: the manager's till shows the same words.
    pub fn confirm(&mut self, now_ms: u64) {
        self.tick(now_ms);
        if let Step::Comparing { manager } = self.step {
            self.step = Step::Ready { manager };
            self.send(&Message::Ready);
        }
    }

    /// The person says that the words differ, or gives up.
    pub fn reject(&mut self, now_ms: u64) {
        self.tick(now_ms);
        self.fail(Refusal::Rejected);
    }

    /// Does what time asks for.
    pub fn tick(&mut self, now_ms: u64) {
        if self.deadline <= now_ms {
            self.fail(Refusal::TimedOut);
        }
    }

    fn show_words(&mut self, channel: Channel, manager: &[u8; 32]) {
        let method = self.request.ticket.method();
        let words = channel.words(method, &self.request.nonce, manager);
        self.step = Step::Comparing { manager: channel.manager };
        self.outputs.push_back(JoinerOutput::Compare { words, method });
        if method == Method::Invitation {
            // The key is the one of the QR code: the person here need not say so.
            self.step = Step::Ready { manager: channel.manager };
            self.send(&Message::Ready);
        }
    }

    fn fits(&self, store: StoreId) -> bool {
        match &self.request.ticket {
            Ticket::Invitation(invitation) => invitation.store == store,
            Ticket::Code(_) => true,
        }
    }

    fn welcome(&mut self, store: StoreId, manager: DeviceId, others: Vec<SocketAddr>) {
        let mut addresses: Vec<SocketAddr> = self.reached.into_iter().collect();
        addresses.extend(others.into_iter().filter(|other| Some(*other) != self.reached));
        self.end(Ok(Joined { store, manager, addresses }));
    }

    fn send(&mut self, message: &Message) {
        self.outputs.push_back(JoinerOutput::Send(message.encode()));
    }

    fn fail(&mut self, reason: Refusal) {
        if self.step == Step::Over {
            return;
        }
        if self.step != Step::Dialling {
            self.send(&Message::Stop { reason });
        }
        self.end(Err(reason));
    }

    fn end(&mut self, result: Result<Joined, Refusal>) {
        if self.step != Step::Dialling {
            self.outputs.push_back(JoinerOutput::Close);
        }
        self.step = Step::Over;
        self.outputs.push_back(JoinerOutput::Ended(result));
    }
}
