//! The till at work: bar at the top, cart at the right or below, everything else in the middle.

use eframe::egui::{self, Frame, Margin, Panel, Ui};

use super::{
    cart, customer, devices, entry, let_in, menu, notices, paid, pay, refund, reports, sale,
    settings, status, waiting,
};
use crate::counter::Posted;
use crate::counter::view::{Desk, Screen};
use crate::window::keys;
use crate::window::state::{Intents, Overlay, ViewState};
use crate::window::theme::{self, Palette};

/// From this width on the cart stands at the right; below it is a drawer.
const WIDE: f32 = 900.0;
/// Width of the cart.
const CART: f32 = 420.0;

/// Draws the till.
pub fn ui(ui: &mut Ui, desk: &Desk, posted: &[Posted], state: &mut ViewState, out: &mut Intents) {
    let now = ui.input(|input| input.time);
    state.follow(desk, posted, now);
    keys::take(ui, desk, state, out);
    let palette = Palette::of(ui);
    let bar = Frame::new().fill(palette.panel).inner_margin(Margin::symmetric(12, 4));
    Panel::top("status")
        .exact_size(58.0)
        .frame(bar)
        .show(ui, |ui| status::bar(ui, desk, state, out));
    notices::bars(ui, posted, state, out);
    let side = Frame::new().fill(palette.panel).inner_margin(Margin::same(12));
    if ui.available_width() >= WIDE {
        Panel::right("cart")
            .resizable(false)
            .exact_size(CART)
            .frame(side)
            .show(ui, |ui| cart::panel(ui, desk, state, out));
    } else {
        let height = match (state.drawer, &desk.screen) {
            (true, _) => ui.available_height() * 0.74,
            (false, Screen::Pay(_)) => cart::CLOSED_PAYING,
            (false, _) => cart::CLOSED,
        };
        Panel::bottom("cart")
            .resizable(false)
            .exact_size(height)
            .frame(side)
            .show(ui, |ui| cart::drawer(ui, desk, state, out));
    }
    let middle = Frame::new().fill(palette.ground).inner_margin(Margin::same(12));
    egui::CentralPanel::default().frame(middle).show(ui, |ui| middle_of(ui, desk, state, out));
}

fn middle_of(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    if let Some(overlay) = state.overlay.clone() {
        return overlaid(ui, desk, &overlay, state, out);
    }
    match &desk.screen {
        Screen::Sale => sale::ui(ui, desk, state, out),
        Screen::Pay(pay) => pay::ui(ui, desk, pay, state, out),
        Screen::Paid(paid) => paid::ui(ui, desk, paid, state, out),
        Screen::Refund(refund) => refund::ui(ui, desk, refund, state, out),
        Screen::X(report) => reports::x(ui, report.as_deref(), state, out),
        Screen::Z(report) => reports::z(ui, report, state, out),
        Screen::LetIn(letting) => let_in::ui(ui, letting, state, out),
    }
}

fn overlaid(ui: &mut Ui, desk: &Desk, overlay: &Overlay, state: &mut ViewState, out: &mut Intents) {
    match overlay {
        Overlay::Menu => menu::ui(ui, desk, state, out),
        Overlay::Help => menu::help(ui, state),
        Overlay::Quantity => entry::quantity(ui, desk, state, out),
        Overlay::Price => entry::price(ui, desk, state, out),
        Overlay::Discount => entry::discount(ui, desk, state, out),
        Overlay::OpenPrice { sku, name, quantity } => {
            entry::open_price(ui, desk, (sku, name, *quantity), state, out);
        }
        Overlay::Customer => customer::ui(ui, desk, state, out),
        Overlay::Waiting => waiting::ui(ui, desk, state, out),
        Overlay::Reports => reports::menu(ui, desk, state, out),
        Overlay::Devices => devices::ui(ui, desk, state, out),
        Overlay::Settings => settings::ui(ui, state),
        Overlay::Operator => menu::operator(ui, desk, state, out),
    }
}

/// A frame for a group of things on the ground.
pub fn card(ui: &Ui) -> Frame {
    let palette = Palette::of(ui);
    Frame::new()
        .fill(palette.panel)
        .stroke(egui::Stroke::new(1.0, palette.edge))
        .corner_radius(theme::ROUND)
        .inner_margin(Margin::same(12))
}
