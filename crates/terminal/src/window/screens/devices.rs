//! Tills and devices: who is there, what they have, what is wrong and what to do.

use eframe::egui::{ScrollArea, Ui};

use super::desk::card as group;
use super::entry::closing;
use super::status::{connection, trouble_words};
use crate::counter::Intent;
use crate::counter::view::{Desk, PeerView};
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, row, words as say};
use crate::window::words::{Age, Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Devices).to_owned();
    closing(ui, state, &title);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        tills(ui, desk, &state.words);
        if desk.place.is_manager {
            let add = Button::new(state.words.say(Word::LetIn)).key(Some(Command::LetIn.hint()));
            if add.look(Look::Main).size(320.0, theme::TOUCH).show(ui) {
                Command::LetIn.perform(desk, state, out);
            }
        }
        ui.add_space(GAP);
        printer(ui, desk, &state.words, out);
        ui.add_space(GAP);
        reader(ui, desk, &state.words);
    });
}

fn tills(ui: &mut Ui, desk: &Desk, words: &Words) {
    let palette = Palette::of(ui);
    let safety = &desk.safety;
    group(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        say(ui, words.say(Word::DevicesTitle), theme::strong_font(theme::LARGE), palette.text);
        let (status, _) = connection(safety, words);
        say(ui, &status, theme::strong_font(theme::BODY), palette.text);
        if safety.members == 0 {
            say(ui, words.say(Word::DevicesAlone), theme::font(theme::BODY), palette.text);
            return;
        }
        if safety.stored_on > 0 {
            let stored = [("devices", safety.stored_on.into())];
            let stored = words.fill(Word::DevicesStored, &stored);
            say(ui, &stored, theme::font(theme::BODY), palette.text);
        }
        if safety.offline_secs.is_some() {
            say(ui, words.say(Word::DevicesOffline), theme::font(theme::BODY), palette.text);
        }
        ui.separator();
        row(ui, &desk.place.till, words.say(Word::DevicesThis), true);
        for peer in &safety.peers {
            row(ui, &peer.name, &peer_words(peer, words), false);
        }
        if !safety.diagnosis.is_empty() {
            ui.separator();
            let title = words.say(Word::DevicesDiagnosis);
            say(ui, title, theme::strong_font(theme::BODY), palette.text);
            for line in &safety.diagnosis {
                say(ui, line, theme::font(theme::BODY), palette.text);
            }
        }
    });
}

/// How a till stands: connected and level, or how far apart.
fn peer_words(peer: &PeerView, words: &Words) -> String {
    let mut parts = Vec::new();
    match (peer.connected, peer.last_seen_secs) {
        (true, _) => parts.push(words.say(Word::DevicesConnected).to_owned()),
        (false, Some(secs)) => {
            let time = words.age(Age(secs));
            parts.push(words.fill(Word::DevicesLastSeen, &[("time", (&time).into())]));
        }
        (false, None) => parts.push(words.say(Word::DevicesNeverSeen).to_owned()),
    }
    if peer.ahead > 0 {
        parts.push(words.fill(Word::DevicesBehind, &[("n", peer.ahead.into())]));
    }
    if peer.in_flight > 0 {
        let size = format!("{} kB", peer.in_flight.div_ceil(1000));
        parts.push(words.fill(Word::DevicesSending, &[("size", (&size).into())]));
    } else if peer.connected && peer.ahead == 0 {
        parts.push(words.say(Word::DevicesInStep).to_owned());
    }
    parts.join(" · ")
}

fn printer(ui: &mut Ui, desk: &Desk, words: &Words, out: &mut Intents) {
    let palette = Palette::of(ui);
    let printer = &desk.printer;
    group(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        say(ui, words.say(Word::DevicesPrinter), theme::strong_font(theme::LARGE), palette.text);
        let Some(name) = &printer.name else {
            say(ui, words.say(Word::DevicesPrinterNone), theme::font(theme::BODY), palette.text);
            return;
        };
        let state = match &printer.trouble {
            Some(trouble) => trouble_words(trouble, words),
            None => words.say(Word::StatusPrinterOk).to_owned(),
        };
        row(ui, name, &state, printer.trouble.is_some());
        if printer.waiting > 0 {
            let papers = [("papers", printer.waiting.into())];
            let waiting = words.fill(Word::StatusPrinterWaiting, &papers);
            say(ui, &waiting, theme::font(theme::BODY), palette.text);
        }
        if printer.trouble.is_some() {
            let go_on = words.say(Word::PrinterSalesGoOn);
            say(ui, go_on, theme::font(theme::BODY), palette.text);
            if Button::new(words.say(Word::PrinterRetry)).size(220.0, theme::TOUCH).show(ui) {
                out.push(Intent::RetryPrinter);
            }
        }
        for (number, title) in &printer.unsure {
            ui.separator();
            let text = words.fill(Word::PaperUnsureTitle, &[("title", title.into())]);
            say(ui, &text, theme::strong_font(theme::BODY), palette.text);
            ui.horizontal(|ui| {
                if Button::new(words.say(Word::PaperCameOut)).size(200.0, theme::TOUCH).show(ui) {
                    out.push(Intent::PaperCameOut(*number));
                }
                if Button::new(words.say(Word::PaperAgain)).size(200.0, theme::TOUCH).show(ui) {
                    out.push(Intent::PaperAgain(*number));
                }
            });
        }
    });
}

fn reader(ui: &mut Ui, desk: &Desk, words: &Words) {
    let palette = Palette::of(ui);
    group(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        say(ui, words.say(Word::DevicesReader), theme::strong_font(theme::LARGE), palette.text);
        let word = if desk.has_reader { Word::DevicesReaderReady } else { Word::DevicesReaderNone };
        say(ui, words.say(word), theme::font(theme::BODY), palette.text);
    });
}
