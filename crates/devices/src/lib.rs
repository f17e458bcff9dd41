//! What stands on the counter, and the bytes it understands.
//!
//! A device is given a document that is already true and safe: it decides nothing, knows no
//! replica, and a device that fails has undone nothing.

pub mod printer;
