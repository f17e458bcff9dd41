#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
//! The window, driven without a display: through what accessibility tools see of it, over a real
//! counter on a real disk; and a gallery of every screen.

mod flows;
mod gallery;
mod glyphs;
mod idle;
mod painter;
mod shop;
mod stage;
