//! What stands on the counter, and the bytes it understands.
//!
//! A device is given a document that is already true and safe: it decides nothing, knows no
//! replica, and a device that fails has undone nothing.
//!
//! - [`printer`]: documents become lines, lines become bytes of ESC/POS. Pure.
//! - [`transport`]: what takes those bytes: a printer's network socket, a file.
//! - [`queue`]: prints each paper once, whatever happens, and lets nobody wait.
//! - [`payment`]: card readers, and one that is simulated.
//! - [`virtual_printer`]: a printer made of code, for tests and for shops that try things out.

pub mod limits;
pub mod payment;
pub mod printer;
pub mod queue;
pub mod transport;
#[cfg(feature = "virtual")]
pub mod virtual_printer;
