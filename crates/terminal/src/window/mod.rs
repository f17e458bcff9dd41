//! The window: what a cashier sees and touches.
//!
//! It draws a [`View`](crate::counter::View) and answers with [`Intent`](crate::counter::Intent)s;
//! it decides nothing and waits for nothing. [`surface::Surface`] is all of it but the window
//! system; [`app`] opens a real one. Read `surface.rs`, `screens/desk.rs`, then the screen in
//! question. `docs/window.md` has the keys and how to add a language.

#![expect(clippy::float_arithmetic, reason = "points on a screen; money is never a float")]
#![expect(clippy::match_bool, reason = "two long values side by side read better as arms")]

mod app;
pub mod finder;
pub mod keys;
pub mod screens;
pub mod settings;
pub mod state;
pub mod surface;
pub mod theme;
pub mod widgets;
pub mod words;

pub use app::open;
