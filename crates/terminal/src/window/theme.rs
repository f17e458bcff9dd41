//! Colours.

use eframe::egui;

/// Applies.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Light);
}
