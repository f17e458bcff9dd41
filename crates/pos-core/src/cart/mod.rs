//! The cart: what is being rung up, before it is paid.
//!
//! A [`CartCommand`] is what a cashier wants. [`decide`] answers, from the cart as it is seen and
//! the price book, with the [`CartEdit`]s that do it, or says why it cannot be done. Both are pure
//! values: the replica turns edits into changes of the cart's document.

mod command;
mod decide;
mod view;

pub use command::{CartCommand, ItemRef, Merge, PriceOverride};
pub use decide::{CartError, decide};
pub use view::{CartEdit, CartLine, CartStatus, CartView, Direction, LinePrice, LineProduct};
