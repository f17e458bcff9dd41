//! One seed from its first event to its last.

use std::collections::BTreeMap;

use replica::simulation::{self, Canary, Mark, Scheme};

use super::config::{Config, Fault};
use super::shop::Shop;
use super::witness::{Fact, Violation};
use super::world::World;
use crate::prng::Prng;

/// What came of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it drew.
    pub config: Config,
    /// The promise that was broken first, if one was.
    pub violation: Option<Violation>,
    /// Hash of the trace: the same seed has the same one.
    pub hash: String,
    /// The last events before it ended.
    pub last_events: Vec<String>,
    /// Virtual time, in milliseconds.
    pub simulated_ms: u64,
    /// Events.
    pub events: u64,
    /// Sales that were acknowledged.
    pub sales: u64,
    /// Frames sent, and their bytes.
    pub frames: (u64, u64),
    /// Virtual time from the last sale until all agreed, in milliseconds.
    pub converge_ms: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Marks of the product that were reached, and how often.
    pub marks: BTreeMap<Mark, u64>,
    /// What else was seen, and how often.
    pub sights: BTreeMap<&'static str, u64>,
}

/// Plays a seed, with a bug switched on if one is named. `aloud` says each event on standard error.
pub fn simulate(config: &Config, canary: Option<Canary>, aloud: bool) -> Outcome {
    simulation::forget_marks();
    simulation::switch_on(canary);
    simulation::sign_by(if config.real_signatures { Scheme::Ed25519 } else { Scheme::KeyedHash });
    let outcome = play(config, aloud);
    simulation::switch_on(None);
    simulation::sign_by(Scheme::Ed25519);
    outcome
}

fn play(config: &Config, aloud: bool) -> Outcome {
    let shop = Shop::draw(&mut Prng::new(config.seed).child("shop"));
    let mut world = match shop {
        Ok(shop) => World::new(config.clone(), shop, aloud),
        Err(error) => return broken(config, error),
    };
    if let Err(error) = world.open_store() {
        world.witness.complain("simulator", error);
    }
    let end = config.time_ms;
    while !world.converged && world.violation().is_none() {
        if !world.healed && world.next_at().is_none_or(|at| at > end) {
            world.now = end;
            world.heal();
        }
        if !world.next() {
            break;
        }
    }
    if world.converged
        && !world.gone
        && world.violation().is_none()
        && let Err(error) = world.check_all()
    {
        world.witness.complain("simulator", error);
    }
    outcome(world)
}

fn outcome(world: World) -> Outcome {
    let sold = |what: &Fact| matches!(what, Fact::Sale { .. });
    let sales = world.witness.seen.values().filter(|seen| sold(&seen.what)).count();
    Outcome {
        violation: world.violation(),
        hash: world.trace.hash(),
        last_events: world.trace.last().map(str::to_owned).collect(),
        simulated_ms: world.now,
        events: world.events,
        sales: sales as u64,
        frames: (world.net.frames, world.net.bytes),
        converge_ms: world.converge_ms,
        faults: world.injected,
        marks: simulation::marks().into_iter().filter(|(_, count)| *count > 0).collect(),
        sights: world.sights,
        config: world.config,
    }
}

fn broken(config: &Config, what: String) -> Outcome {
    Outcome {
        config: config.clone(),
        violation: Some(Violation { checker: "simulator", what }),
        hash: String::new(),
        last_events: Vec::new(),
        simulated_ms: 0,
        events: 0,
        sales: 0,
        frames: (0, 0),
        converge_ms: 0,
        faults: BTreeMap::new(),
        marks: BTreeMap::new(),
        sights: BTreeMap::new(),
    }
}
