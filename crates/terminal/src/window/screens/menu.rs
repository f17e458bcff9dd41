//! All commands, the keys, and who serves.

use eframe::egui::{Id, ScrollArea, Ui};

use super::entry::{closing, scrolled};
use crate::counter::Intent;
use crate::counter::view::Desk;
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, column, field, row, words as say};
use crate::window::words::Word;

/// What the menu offers, in this order.
const MENU: [Command; 12] = [
    Command::Reports,
    Command::Devices,
    Command::Refund,
    Command::Drawer,
    Command::Retrieve,
    Command::Customer,
    Command::Discount,
    Command::Price,
    Command::Operator,
    Command::LetIn,
    Command::Settings,
    Command::Help,
];

/// All commands as large buttons.
pub fn ui(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Menu).to_owned();
    closing(ui, state, &title);
    let mut chosen = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let columns = if ui.available_width() > 620.0 { 3 } else { 2 };
        let across = f32::from(u8::try_from(columns).unwrap_or(2));
        let width = (ui.available_width() - (across - 1.0) * GAP) / across;
        let offered: Vec<Command> = MENU
            .into_iter()
            .filter(|command| *command != Command::LetIn || desk.place.is_manager)
            .collect();
        for commands in offered.chunks(columns) {
            ui.horizontal(|ui| {
                for command in commands {
                    let name = state.words.say(command.word());
                    let button = Button::new(name).key(Some(command.hint())).size(width, 92.0);
                    if button.text_size(20.0).show(ui) {
                        chosen = Some(*command);
                    }
                }
            });
        }
        ui.add_space(GAP);
        let give_up = Button::new(state.words.say(Word::CartGiveUp)).look(Look::Careful);
        let some = !desk.cart.lines.is_empty();
        if give_up.enabled(some).size(width, theme::TOUCH).show(ui) {
            out.push(Intent::GiveUpCart);
            state.lay(None);
        }
    });
    if let Some(command) = chosen {
        command.perform(desk, state, out);
    }
}

/// The keys.
pub fn help(ui: &mut Ui, state: &mut ViewState) {
    let title = state.words.say(Word::HelpTitle).to_owned();
    closing(ui, state, &title);
    let words = &state.words;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        column(ui, 640.0, |ui| {
            let palette = Palette::of(ui);
            for word in [Word::HelpScan, Word::HelpTimes, Word::HelpArrows, Word::HelpEnter] {
                say(ui, words.say(word), theme::font(theme::BODY), palette.text);
            }
            ui.separator();
            for command in Command::ALL {
                row(ui, words.say(command.word()), command.hint(), false);
            }
        });
    });
}

/// Who serves.
pub fn operator(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Operator).to_owned();
    closing(ui, state, &title);
    let mut done = false;
    scrolled(ui, |ui| {
        let id = Id::unique("operator");
        let name = state.words.say(Word::OperatorName).to_owned();
        let hint = desk.place.operator.clone();
        let typed = field(ui, id, &name, &hint, &mut state.drafts.operator);
        if state.focus != Some(id) {
            typed.response.request_focus();
            state.focus = Some(id);
        }
        let some = !state.drafts.operator.trim().is_empty();
        let accept = Button::new(state.words.say(Word::Ok)).key(Some("Enter")).look(Look::Main);
        done = (accept.height(theme::TOUCH_LARGE).enabled(some).show(ui) || typed.entered) && some;
    });
    if done {
        out.push(Intent::Operator(state.drafts.operator.trim().to_owned()));
        state.drafts.operator.clear();
        state.lay(None);
    }
}
