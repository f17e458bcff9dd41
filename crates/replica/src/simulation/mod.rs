//! What the simulator asks of the code that ships: marks of what a run has reached, bugs that can be
//! switched on to see whether they are found, and signatures that cost less.
//!
//! With the feature `simulation` all three are switched per thread and start switched off. Without it a
//! mark is nothing, a canary is the constant `false`, and every signature is ed25519.

mod canary;
mod mark;
mod scheme;

#[cfg(feature = "simulation")]
pub use canary::switch_on;
pub use canary::{Canary, is};
pub use mark::Mark;
pub(crate) use mark::reach;
#[cfg(feature = "simulation")]
pub use mark::{forget_marks, marks};
#[cfg(feature = "simulation")]
pub use scheme::{Scheme, sign_by};
pub(crate) use scheme::{stub_fits, stub_signature};
