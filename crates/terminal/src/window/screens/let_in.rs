//! A new till is let in: what to type or scan on it, and the four words that prove who it is.

use eframe::egui::{Align2, Color32, Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::desk::card as group;
use super::entry::scrolled;
use super::notices::remark;
use super::receipt::texture;
use crate::counter::Intent;
use crate::counter::view::LetInScreen;
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, heading, text_at, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, letting: &LetInScreen, state: &mut ViewState, out: &mut Intents) {
    let back = state.words.say(Word::Back).to_owned();
    let title = state.words.say(Word::LetInTitle).to_owned();
    if heading(ui, &title, &back, Some(Command::Back.hint())) {
        out.push(Intent::Back);
    }
    let words = &state.words;
    scrolled(ui, |ui| {
        let palette = Palette::of(ui);
        if let Some(name) = &letting.added {
            let text = words.fill(Word::LetInAdded, &[("name", name.into())]);
            say(ui, &text, theme::strong_font(theme::LARGE), palette.text);
            let done = Button::new(words.say(Word::Done)).look(Look::Main);
            if done.height(theme::TOUCH_LARGE).show(ui) {
                out.push(Intent::Back);
            }
        } else if let Some(why) = &letting.failed {
            remark(ui, &words.fill(Word::LetInFailed, &[("why", why.into())]));
        } else if let Some((name, four)) = &letting.words {
            let text = words.fill(Word::LetInWords, &[("name", name.into())]);
            say(ui, &text, theme::strong_font(theme::LARGE), palette.text);
            if let Some(same) = four_words(ui, four, words) {
                out.push(Intent::LetInAnswer(same));
            }
        } else {
            invitation(ui, letting, words);
        }
    });
}

/// The four words, and whether they are the same on both tills.
pub fn four_words(ui: &mut Ui, four: &[&'static str; 4], words: &Words) -> Option<bool> {
    let palette = Palette::of(ui);
    group(ui).show(ui, |ui| {
        let width = (ui.available_width() - 3.0 * GAP) / 4.0;
        ui.horizontal(|ui| {
            for word in four {
                let (rect, _) = ui.allocate_exact_size(vec2(width, 64.0), Sense::hover());
                let font = theme::strong_font(theme::LARGE);
                text_at(ui, rect, word, font, palette.text, Align2::CENTER_CENTER);
            }
        });
    });
    let mut answer = None;
    ui.horizontal(|ui| {
        let half = (ui.available_width() - GAP) / 2.0;
        let yes = Button::new(words.say(Word::Yes)).look(Look::Main);
        if yes.size(half, theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
            answer = Some(true);
        }
        let no = Button::new(words.say(Word::No)).look(Look::Careful);
        if no.size(half, theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
            answer = Some(false);
        }
    });
    answer
}

fn invitation(ui: &mut Ui, letting: &LetInScreen, words: &Words) {
    let palette = Palette::of(ui);
    say(ui, words.say(Word::LetInHow), theme::font(theme::BODY), palette.text);
    group(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        say(ui, words.say(Word::LetInCode), theme::font(theme::SMALL), palette.muted);
        say(ui, &letting.code, theme::strong_font(theme::HUGE), palette.text);
        say(ui, words.say(Word::LetInAddress), theme::font(theme::SMALL), palette.muted);
        for address in &letting.addresses {
            say(ui, address, theme::strong_font(theme::LARGE), palette.text);
        }
    });
    if let Some(texture) = texture(ui, Id::unique("invitation"), &letting.invitation) {
        let (rect, response) = ui.allocate_exact_size(vec2(300.0, 300.0), Sense::hover());
        response
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, words.say(Word::LetInTitle)));
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
    }
}
