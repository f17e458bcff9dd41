//! A simulator of whole stores: tills that crash, disks that lie, wires that fail, clocks that are wrong, and
//! cashiers who go on selling. It drives the code that ships: the replica's core, its engine, the
//! journal; nothing of them is a model.
//!
//! One seed is one store on one day, the same every time: [`simulate`]. All time is virtual, all
//! randomness comes from the seed. A seed has two phases: anything may fail, then all heals and every
//! till must sell, agree and account for what its customers saw.
//!
//! Read `world` (what happens), `config` (what a seed draws), `witness` and `check` (what must hold).

mod arithmetic;
mod cashier;
mod check;
mod clock;
mod config;
mod faults;
mod heal;
mod hostile;
mod limits;
mod network;
mod outcome;
mod power;
mod rot;
mod setup;
mod shop;
mod shrink;
mod site;
mod totals;
mod trace;
mod wires;
mod witness;
mod world;

pub use config::{Config, Fault};
pub use outcome::{Outcome, simulate};
pub use shrink::shrink;
pub use totals::Totals;
pub use trace::Trace;
pub use witness::Violation;
