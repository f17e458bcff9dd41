//! Language, light or dark, size. They count at once.

use eframe::egui::{Context, Ui};

use super::entry::{closing, scrolled};
use crate::window::settings::{Settings, ThemeChoice};
use crate::window::state::ViewState;
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, state: &mut ViewState) {
    let title = state.words.say(Word::Settings).to_owned();
    closing(ui, state, &title);
    let before = state.settings.clone();
    scrolled(ui, |ui| {
        language(ui, state);
        ui.add_space(2.0 * GAP);
        theme_choice(ui, state);
        ui.add_space(2.0 * GAP);
        size(ui, state);
        ui.add_space(2.0 * GAP);
        let palette = Palette::of(ui);
        let hint = state.words.say(Word::SettingsPrinterHint);
        say(ui, hint, theme::font(theme::BODY), palette.muted);
        let version = [("version", env!("CARGO_PKG_VERSION").into())];
        let version = state.words.fill(Word::SettingsVersion, &version);
        say(ui, &version, theme::font(theme::SMALL), palette.muted);
    });
    if state.settings != before {
        apply(ui.ctx(), state);
        if let Some(file) = &state.settings_file {
            state.settings.keep(file);
        }
    }
}

/// Puts the settings into force.
pub fn apply(ctx: &Context, state: &mut ViewState) {
    ctx.set_theme(state.settings.theme.preference());
    ctx.set_zoom_factor(state.settings.zoom());
    let wanted = state.settings.language.as_deref().unwrap_or_default();
    let language = state.languages.iter().find(|language| language.id == wanted);
    if let Some(words) = language.and_then(Words::of) {
        state.words = words;
    }
}

fn choose(ui: &mut Ui, names: &[(&str, bool)]) -> Option<usize> {
    let mut pressed = None;
    let width = (ui.available_width() - 2.0 * GAP) / 3.0;
    for (row, names) in names.chunks(3).enumerate() {
        ui.horizontal(|ui| {
            for (at, (name, chosen)) in names.iter().enumerate() {
                let look = if *chosen { Look::Chosen } else { Look::Plain };
                if Button::new(name).look(look).size(width, 60.0).show(ui) {
                    pressed = Some(row * 3 + at);
                }
            }
        });
    }
    pressed
}

fn title(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    say(ui, text, theme::strong_font(theme::LARGE), palette.text);
}

fn language(ui: &mut Ui, state: &mut ViewState) {
    title(ui, state.words.say(Word::SettingsLanguage));
    let id = state.words.id();
    let names: Vec<(&str, bool)> =
        state.languages.iter().map(|one| (one.name.as_str(), one.id == id)).collect();
    if let Some(language) = choose(ui, &names).and_then(|at| state.languages.get(at)) {
        state.settings.language = Some(language.id.clone());
    }
}

fn theme_choice(ui: &mut Ui, state: &mut ViewState) {
    title(ui, state.words.say(Word::SettingsTheme));
    let choices = [ThemeChoice::System, ThemeChoice::Light, ThemeChoice::Dark];
    let words = [Word::SettingsThemeSystem, Word::SettingsThemeLight, Word::SettingsThemeDark];
    let chosen = state.settings.theme;
    let names: Vec<(&str, bool)> = words
        .into_iter()
        .zip(choices)
        .map(|(word, choice)| (state.words.say(word), choice == chosen))
        .collect();
    if let Some(choice) = choose(ui, &names).and_then(|at| choices.get(at)) {
        state.settings.theme = *choice;
    }
}

fn size(ui: &mut Ui, state: &mut ViewState) {
    title(ui, state.words.say(Word::SettingsSize));
    let texts = Settings::SIZES.map(|size| state.words.percent(size.saturating_mul(100)));
    let held = if state.settings.size == 0 { 100 } else { state.settings.size };
    let names: Vec<(&str, bool)> = texts
        .iter()
        .zip(Settings::SIZES)
        .map(|(text, size)| (text.as_str(), size == held))
        .collect();
    if let Some(size) = choose(ui, &names).and_then(|at| Settings::SIZES.get(at)) {
        state.settings.size = *size;
    }
}
