//! The bar at the top: who and where, and in words whether sales are safe.

use eframe::egui::{Align, Align2, Color32, Layout, Ui, vec2};

use crate::counter::view::{Desk, PrinterTrouble, Safety};
use crate::window::keys::Command;
use crate::window::state::{Intents, Overlay, ViewState};
use crate::window::theme::{self, Palette};
use crate::window::widgets::{Button, chip, text_at};
use crate::window::words::{Age, Word, Words};

/// Draws it.
pub fn bar(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let palette = Palette::of(ui);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let menu = Button::new(state.words.say(Word::Menu)).key(Some(Command::Menu.hint()));
        if menu.size(104.0, theme::TOUCH).show(ui) {
            Command::Menu.perform(desk, state, out);
        }
        for (text, fill, colour) in chips(desk, &state.words, palette) {
            if chip(ui, &text, fill, colour).clicked() {
                let open = state.overlay == Some(Overlay::Devices);
                state.lay((!open).then_some(Overlay::Devices));
            }
        }
        let rest = ui.available_rect_before_wrap();
        let (top, bottom) = rest.split_top_bottom_at_fraction(0.54);
        let place = &desk.place;
        let store = format!("{} · {}", place.store, place.till);
        let shift = match &desk.shift {
            Some(shift) => {
                let date = shift.business_date.as_str();
                state.words.fill(Word::StatusShift, &[("date", date.into())])
            }
            None => state.words.say(Word::StatusNoShift).to_owned(),
        };
        let who = match &place.register {
            Some(register) => format!("{register} · {} · {shift}", place.operator),
            None => format!("{} · {}", state.words.say(Word::StatusNoRegister), place.operator),
        };
        let top = top.shrink2(vec2(0.0, 0.0));
        text_at(
            ui,
            top,
            &store,
            theme::strong_font(theme::BODY),
            palette.text,
            Align2::LEFT_BOTTOM,
        );
        text_at(ui, bottom, &who, theme::font(theme::SMALL), palette.muted, Align2::LEFT_TOP);
    });
}

/// What has to be known at a glance, from the right.
fn chips(desk: &Desk, words: &Words, palette: &Palette) -> Vec<(String, Color32, Color32)> {
    let good = |text| (text, palette.good, palette.on_good);
    let warn = |text| (text, palette.warn, palette.on_warn);
    let bad = |text| (text, palette.bad, palette.on_bad);
    let safety = &desk.safety;
    if safety.stopped.is_some() {
        return vec![bad(words.say(Word::StatusStopped).to_owned())];
    }
    let mut chips = Vec::new();
    if let Some(trouble) = &desk.printer.trouble {
        chips.push(warn(trouble_words(trouble, words)));
    } else if !desk.printer.unsure.is_empty() {
        chips.push(warn(words.say(Word::PaperUnsure).to_owned()));
    } else if desk.printer.waiting > 1 {
        let papers = desk.printer.waiting.into();
        chips.push(good(words.fill(Word::StatusPrinterWaiting, &[("papers", papers)])));
    }
    if let Some((done, total)) = safety.rebuilding {
        let gaps = [("done", done.into()), ("total", total.into())];
        chips.push(warn(words.fill(Word::StatusRebuilding, &gaps)));
    }
    if safety.members > 0 && safety.stored_on > 0 {
        let stored = words.fill(Word::StatusStored, &[("devices", safety.stored_on.into())]);
        chips.push(if safety.stored_on > 1 { good(stored) } else { warn(stored) });
    }
    let (text, well) = connection(safety, words);
    chips.push(if well { good(text) } else { warn(text) });
    chips
}

/// How the till stands to the others, in words, and whether all is well.
pub fn connection(safety: &Safety, words: &Words) -> (String, bool) {
    if safety.members == 0 {
        return (words.say(Word::StatusAlone).to_owned(), true);
    }
    if let Some(secs) = safety.offline_secs {
        let time = words.age(Age(secs));
        let text = match safety.only_here {
            0 => words.fill(Word::StatusOffline, &[("time", (&time).into())]),
            sales => words.fill(
                Word::StatusOfflineQueued,
                &[("time", (&time).into()), ("sales", sales.into())],
            ),
        };
        return (text, false);
    }
    if let Some((done, total)) = safety.catching_up {
        let gaps = [("done", done.into()), ("total", total.into())];
        return (words.fill(Word::StatusCatchingUp, &gaps), true);
    }
    let connected = safety.peers.iter().filter(|peer| peer.connected).count();
    if connected >= safety.members {
        return (words.say(Word::StatusOnline).to_owned(), true);
    }
    let gaps = [("connected", connected.into()), ("members", safety.members.into())];
    (words.fill(Word::StatusOnlineSome, &gaps), connected > 0)
}

/// What is wrong with the printer.
pub fn trouble_words(trouble: &PrinterTrouble, words: &Words) -> String {
    let plain = match trouble {
        PrinterTrouble::PaperOut => Word::PrinterPaperOut,
        PrinterTrouble::CoverOpen => Word::PrinterCoverOpen,
        PrinterTrouble::Jammed => Word::PrinterJammed,
        PrinterTrouble::Offline => Word::PrinterOffline,
        PrinterTrouble::Broken => Word::PrinterBroken,
        PrinterTrouble::PaperLow => Word::PrinterPaperLow,
        PrinterTrouble::Silent => Word::PrinterSilent,
        PrinterTrouble::Unreachable(why) => {
            return words.fill(Word::PrinterUnreachable, &[("why", why.into())]);
        }
        PrinterTrouble::Disk(why) => return words.fill(Word::PrinterDisk, &[("why", why.into())]),
    };
    words.say(plain).to_owned()
}
