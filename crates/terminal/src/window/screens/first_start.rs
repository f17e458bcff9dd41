//! The first start: three questions, then it sells. Joining a store that has tills, and the twelve
//! words that open it when all else is lost.

use std::path::PathBuf;

use eframe::egui::{self, Align2, Frame, Id, Margin, ScrollArea, Sense, Ui, vec2};

use super::desk::card as group;
use super::let_in::four_words;
use crate::counter::view::{FirstStart, FirstStep};
use crate::counter::{Intent, StartAnswers, StartSource};
use crate::countries::COUNTRIES;
use crate::window::state::{Intents, SourceDraft, StartDraft, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, column, field, text_at, words as say};
use crate::window::words::{Word, Words};

/// Countries shown while one is looked for.
const COUNTRIES_SHOWN: usize = 6;

/// The questions, and what comes of the answers.
pub fn ui(ui: &mut Ui, start: &FirstStart, state: &mut ViewState, out: &mut Intents) {
    page(ui, |ui| match &start.step {
        FirstStep::Questions => questions(ui, state, out),
        FirstStep::Connecting => waiting(ui, state.words.say(Word::StartConnecting), None),
        FirstStep::Words { words: four, asked_here } => {
            let word = if *asked_here { Word::StartWords } else { Word::StartWordsThere };
            title(ui, state.words.say(word));
            if *asked_here {
                if let Some(same) = four_words(ui, four, &state.words) {
                    out.push(Intent::WordsMatch(same));
                }
            } else {
                let palette = Palette::of(ui);
                say(ui, &four.join("   "), theme::strong_font(theme::LARGE), palette.text);
            }
        }
        FirstStep::Fetching { done, total } => {
            let gaps = [("done", (*done).into()), ("total", (*total).into())];
            let text = match total {
                0 => state.words.say(Word::StartFetchingUnknown).to_owned(),
                _ => state.words.fill(Word::StartFetching, &gaps),
            };
            waiting(ui, &text, Some((*done, *total)));
        }
        FirstStep::Importing { rows } => {
            let text = state.words.fill(Word::StartImporting, &[("rows", (*rows).into())]);
            waiting(ui, &text, None);
        }
    });
}

/// The twelve words, shown this once.
pub fn phrase(ui: &mut Ui, phrase: &[String], state: &ViewState, out: &mut Intents) {
    page(ui, |ui| {
        title(ui, state.words.say(Word::PhraseTitle));
        let palette = Palette::of(ui);
        say(ui, state.words.say(Word::PhraseWhy), theme::font(theme::BODY), palette.text);
        ui.add_space(GAP);
        group(ui).show(ui, |ui| {
            let width = (ui.available_width() - 2.0 * GAP) / 3.0;
            for (row, words) in phrase.chunks(3).enumerate() {
                ui.horizontal(|ui| {
                    for (at, word) in words.iter().enumerate() {
                        let size = vec2(width, 44.0);
                        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                        let text = format!("{}. {word}", row * 3 + at + 1);
                        let font = theme::strong_font(22.0);
                        text_at(ui, rect, &text, font, palette.text, Align2::LEFT_CENTER);
                    }
                });
            }
        });
        ui.add_space(GAP);
        let noted = Button::new(state.words.say(Word::PhraseNoted)).look(Look::Main);
        if noted.height(theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
            out.push(Intent::PhraseNoted);
        }
    });
}

/// The folder is opened.
pub fn opening(ui: &mut Ui, state: &ViewState) {
    page(ui, |ui| waiting(ui, state.words.say(Word::Opening), None));
}

/// The folder cannot be used.
pub fn failed(ui: &mut Ui, why: &str, state: &ViewState) {
    page(ui, |ui| {
        title(ui, state.words.say(Word::FailedTitle));
        let palette = Palette::of(ui);
        say(ui, why, theme::font(theme::BODY), palette.text);
        say(ui, state.words.say(Word::FailedHint), theme::font(theme::BODY), palette.muted);
    });
}

/// One column in the middle of an otherwise empty window.
fn page(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.ground).inner_margin(Margin::same(16));
    egui::CentralPanel::default().frame(frame).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            column(ui, 720.0, |ui| {
                ui.add_space(GAP);
                add(ui);
            });
        });
    });
}

fn title(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    say(ui, text, theme::strong_font(30.0), palette.text);
    ui.add_space(GAP);
}

/// What is being done, with a bar where it is known how much there is.
fn waiting(ui: &mut Ui, text: &str, progress: Option<(u64, u64)>) {
    title(ui, text);
    let palette = Palette::of(ui);
    let Some((done, total @ 1..)) = progress else { return };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    ui.painter().rect_filled(rect, theme::ROUND, palette.raised);
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
    let share = f32::from(u8::try_from(percent).unwrap_or(100)) / 100.0;
    let full = rect.with_max_x(rect.left() + rect.width() * share);
    ui.painter().rect_filled(full, theme::ROUND, palette.accent);
}

fn questions(ui: &mut Ui, state: &mut ViewState, out: &mut Intents) {
    let mut draft = core::mem::take(&mut state.drafts.start);
    let words = &state.words;
    title(ui, words.say(Word::StartTitle));
    let other = draft.source == SourceDraft::OtherTill;
    if !other {
        let name = words.say(Word::StartName);
        let hint = words.say(Word::StartNameHint);
        field(ui, Id::unique("store name"), name, hint, &mut draft.name);
        country(ui, &mut draft, words);
        ui.add_space(GAP);
    }
    sources(ui, &mut draft, words);
    ui.add_space(GAP);
    let word = if other { Word::StartJoin } else { Word::StartGo };
    let go = Button::new(words.say(word)).look(Look::Main).enabled(answers(&draft).is_some());
    if go.height(theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui)
        && let Some(answers) = answers(&draft)
    {
        out.push(Intent::Start(answers));
    }
    state.drafts.start = draft;
}

/// Found by typing a part of its name, or its code.
fn country(ui: &mut Ui, draft: &mut StartDraft, words: &Words) {
    let name = words.say(Word::StartCountry);
    let hint = words.say(Word::StartCountryHint);
    let typed = field(ui, Id::unique("country"), name, hint, &mut draft.country_typed);
    if typed.response.changed() {
        draft.country = None;
    }
    if draft.country.is_some() {
        return;
    }
    let wanted = crate::catalogue::fold(draft.country_typed.trim());
    // Those whose people speak the language of the screen come first.
    let mut all: Vec<_> = COUNTRIES.iter().collect();
    all.sort_by_key(|country| !country.languages.iter().any(|one| words.id().starts_with(one)));
    let all = all.into_iter().map(|country| (country.code, country.name));
    let fitting = all.filter(|(code, name)| {
        crate::catalogue::fold(name).contains(&wanted) || code.eq_ignore_ascii_case(&wanted)
    });
    let shown: Vec<(&'static str, &'static str)> = fitting.take(COUNTRIES_SHOWN).collect();
    if let ([(code, name)], true) = (shown.as_slice(), typed.entered) {
        choose_country(draft, code, name);
    }
    let width = (ui.available_width() - 2.0 * GAP) / 3.0;
    for row in shown.chunks(3) {
        ui.horizontal(|ui| {
            for (code, name) in row {
                if Button::new(name).size(width, theme::TOUCH).show(ui) {
                    choose_country(draft, code, name);
                }
            }
        });
    }
}

fn choose_country(draft: &mut StartDraft, code: &'static str, name: &str) {
    draft.country = Some(code);
    name.clone_into(&mut draft.country_typed);
}

/// Where products come from; what more has to be known of it.
fn sources(ui: &mut Ui, draft: &mut StartDraft, words: &Words) {
    let palette = Palette::of(ui);
    say(ui, words.say(Word::StartProducts), theme::font(theme::SMALL), palette.muted);
    let width = (ui.available_width() - GAP) / 2.0;
    let choices = [
        (SourceDraft::Sample, Word::StartSample, Word::StartSampleHint),
        (SourceDraft::File, Word::StartFile, Word::StartFileHint),
        (SourceDraft::Nothing, Word::StartNothing, Word::StartNothingHint),
        (SourceDraft::OtherTill, Word::StartOtherTill, Word::StartOtherTillHint),
    ];
    for row in choices.chunks(2) {
        ui.horizontal(|ui| {
            for (source, name, hint) in row {
                let look = if draft.source == *source { Look::Chosen } else { Look::Plain };
                let button = Button::new(words.say(*name)).detail(words.say(*hint)).look(look);
                if button.size(width, 72.0).text_size(20.0).show(ui) {
                    draft.source = *source;
                }
            }
        });
    }
    match draft.source {
        SourceDraft::File => {
            let name = words.say(Word::StartFilePath);
            field(ui, Id::unique("products file"), name, "products.csv", &mut draft.path);
        }
        SourceDraft::OtherTill => {
            field(ui, Id::unique("code"), words.say(Word::StartCode), "", &mut draft.code);
            let name = words.say(Word::StartAddress);
            field(ui, Id::unique("address"), name, "", &mut draft.address);
            let name = words.say(Word::StartTillName);
            let hint = words.say(Word::StartTillNameHint);
            field(ui, Id::unique("till name"), name, hint, &mut draft.till);
        }
        SourceDraft::Sample | SourceDraft::Nothing => {}
    }
}

/// The answers, once all that is needed is there.
fn answers(draft: &StartDraft) -> Option<StartAnswers> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    if draft.source == SourceDraft::OtherTill {
        let source = StartSource::OtherTill {
            code: given(&draft.code)?,
            address: draft.address.trim().to_owned(),
            name: given(&draft.till)?,
        };
        return Some(StartAnswers { name: String::new(), country: String::new(), source });
    }
    let source = match draft.source {
        SourceDraft::File => StartSource::File(PathBuf::from(given(&draft.path)?)),
        SourceDraft::Nothing => StartSource::Nothing,
        SourceDraft::Sample | SourceDraft::OtherTill => StartSource::Sample,
    };
    Some(StartAnswers { name: given(&draft.name)?, country: draft.country?.to_owned(), source })
}
