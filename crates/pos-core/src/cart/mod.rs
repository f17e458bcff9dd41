//! The cart: commands, decisions, view.
mod view;
pub use view::{CartEdit, CartLine, CartStatus, CartView, Direction, LinePrice, LineProduct};
