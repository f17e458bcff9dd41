//! A till of the simulated store: its machine, its clock, its cashier.

use std::collections::BTreeSet;

use pos_core::ids::{DeviceId, RegisterId};
use replica::core::{Identity, Moment};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::sync::Engine;

use super::cashier::Cashier;
use super::clock::Clock;

/// A program that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) node: Node<MemoryStorage>,
    pub(super) engine: Engine,
    /// When it was started.
    pub(super) boot: u64,
}

/// What state a machine is in.
#[derive(Debug)]
pub(super) enum Power {
    /// It runs.
    On(Box<Running>),
    /// It does not; its disk is there.
    Off(Box<MemoryStorage>),
    /// It never was, or is no more.
    Gone,
}

/// A till.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Site {
    pub(super) secret: [u8; 32],
    pub(super) device: DeviceId,
    pub(super) register: RegisterId,
    pub(super) power: Power,
    pub(super) clock: Clock,
    pub(super) cashier: Cashier,
    /// When the next timer is due that is in the heap.
    pub(super) timer_ms: Option<u64>,
    /// Members by word of the pairing, until the roster is here.
    pub(super) trusted: BTreeSet<DeviceId>,
    /// An old image of its disk, and when it was made.
    pub(super) backup: Option<(u64, MemoryStorage)>,
    /// When it went off last, if nothing it had written was lost.
    pub(super) off_ms: Option<u64>,
    /// A manager has shut it out.
    pub(super) revoked: bool,
    /// The copy of another till.
    pub(super) is_copy: bool,
    /// Its disk has altered what was written.
    pub(super) is_rotten: bool,
    /// A write failed before all of it was done: what it left may look like a whole frame gone bad.
    pub(super) is_half_written: bool,
    /// Starts that failed in a row.
    pub(super) failed_starts: u32,
    /// How often it was started: tells events of an earlier run of the program.
    pub(super) starts: u64,
    /// A restart is on its way.
    pub(super) restarting: bool,
    /// A rebuild step is on its way.
    pub(super) rebuilding: bool,
}

impl Site {
    /// The program, if it runs.
    pub(super) fn running(&self) -> Option<&Running> {
        match &self.power {
            Power::On(running) => Some(running),
            Power::Off(_) | Power::Gone => None,
        }
    }

    /// The program, if it runs.
    pub(super) fn running_mut(&mut self) -> Option<&mut Running> {
        match &mut self.power {
            Power::On(running) => Some(running),
            Power::Off(_) | Power::Gone => None,
        }
    }

    /// Who it is at its next start.
    pub(super) fn identity(&self, nonce: [u8; 8]) -> Identity {
        Identity::new(self.secret, nonce)
    }

    /// Both clocks.
    pub(super) fn moment(&self, now: u64) -> Moment {
        self.clock.moment(now, self.running().map_or(0, |running| running.boot))
    }
}
