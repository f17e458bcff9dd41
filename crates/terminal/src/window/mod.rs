//! What the cashier sees: eframe, drawn from the view of the counter.

pub mod theme;
