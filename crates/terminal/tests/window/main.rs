#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::float_arithmetic, reason = "points on a screen")]
//! The window, driven without a display: through what accessibility tools see of it, over a real
//! counter on a real disk; and a gallery of every screen.

mod flows;
mod gallery;
mod glyphs;
mod idle;
mod painter;
mod shop;
mod stage;
