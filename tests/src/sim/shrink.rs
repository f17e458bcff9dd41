//! Makes a seed that fails smaller, as long as the same checker goes on complaining.

use replica::simulation::Canary;

use super::config::{Config, Fault};
use super::outcome::{Outcome, simulate};

/// The smallest variant of a failing seed that was found: fewer kinds of faults first, then fewer tills,
/// then less time.
pub fn shrink(failing: &Outcome, canary: Option<Canary>, mut told: impl FnMut(&Config)) -> Outcome {
    let mut best = failing.clone();
    let checker = failing.violation.as_ref().map(|violation| violation.checker);
    let mut attempt = |best: &mut Outcome, config: Config| {
        let outcome = simulate(&config, canary, false);
        let same = outcome.violation.as_ref().map(|violation| violation.checker) == checker;
        if same {
            told(&config);
            *best = outcome;
        }
        same
    };
    for fault in Fault::ALL {
        if best.config.has(*fault) {
            let mut config = best.config.clone();
            config.faults.remove(fault);
            attempt(&mut best, config);
        }
    }
    while best.config.tills > 1 {
        let mut config = best.config.clone();
        config.tills -= 1;
        if !attempt(&mut best, config) {
            break;
        }
    }
    while best.config.time_ms > 120_000 {
        let mut config = best.config.clone();
        config.time_ms = config.time_ms * 3 / 4;
        if !attempt(&mut best, config) {
            break;
        }
    }
    best
}
