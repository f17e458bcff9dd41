//! The exhaustive crash loop: one till, a script of 200 documents, and every way its disk can let it
//! down, one after the other.
//!
//! The script runs once on a disk that keeps a [`disk::Event`] for every call. From that trace
//! [`machine::Machine`] makes, before each call, every image a power cut there could leave: each
//! subset of the last eight blocks and names that were not flushed. Each image is opened again and
//! held against [`model::Model`], which is whole-number arithmetic over the script and no code of the
//! till. Then the script runs again with each call failing in turn ([`faults`]), and crashes
//! are played into the recovery itself ([`cuts`]).
//!
//! - [`disk`]: files in memory, copied on write, with a trace.
//! - [`machine`]: what a trace leaves of a disk when the power goes.
//! - [`storage`]: the journal and a map on such files, as the till sees them.
//! - [`script`], [`model`]: what is played, and what it must come to.
//! - [`check`]: opens an image and compares.
//! - [`cuts`], [`faults`]: the two loops.

pub mod check;
pub mod cuts;
pub mod disk;
pub mod faults;
pub mod machine;
pub mod model;
pub mod script;
pub mod storage;

use thiserror::Error;

/// A promise that was not kept, or a script that could not be played: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Broken(pub String);

impl Broken {
    /// The same, with the place it happened at in front.
    #[must_use]
    pub fn at(self, place: impl core::fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// Any error of the till as a broken promise.
pub(crate) fn broken(error: impl core::fmt::Display) -> Broken {
    Broken(error.to_string())
}

/// `Err` with these words unless `holds`.
pub(crate) fn ensure(holds: bool, words: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(words())) }
}
