//! What has to be known: bars under the status. They cover nothing, and scans go on under them.

use eframe::egui::{Align, Frame, Label, Layout, Margin, Panel, RichText, Ui};

use super::omnibox;
use crate::counter::{Intent, Notice, Posted, Weight};
use crate::window::state::{Intents, Overlay, ViewState};
use crate::window::theme::{self, Palette};
use crate::window::widgets::{Button, words as say};
use crate::window::words::{Word, Words};

/// Bars shown at a time; older ones come when these are dismissed.
const SHOWN: usize = 2;

/// Draws the newest notices.
pub fn bars(ui: &mut Ui, posted: &[Posted], state: &mut ViewState, out: &mut Intents) {
    for one in posted.iter().rev().take(SHOWN) {
        let palette = Palette::of(ui);
        let (fill, colour) = match one.notice.weight() {
            Weight::Remark => (palette.good, palette.on_good),
            Weight::Attention => (palette.warn, palette.on_warn),
            Weight::Refused => (palette.bad, palette.on_bad),
        };
        let frame = Frame::new().fill(fill).inner_margin(Margin::symmetric(12, 4));
        let panel = Panel::top(("notice", one.number)).resizable(false).frame(frame);
        panel.show(ui, |ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.set_min_height(theme::TOUCH);
                let dismiss = Button::new(state.words.say(Word::NoticeDismiss));
                if dismiss.size(118.0, theme::TOUCH).show(ui) {
                    out.push(Intent::Dismiss(one.number));
                }
                offer(ui, one, state, out);
                let text = text(&one.notice, &state.words);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let label =
                        RichText::new(text).font(theme::strong_font(theme::BODY)).color(colour);
                    ui.add(Label::new(label).wrap());
                });
            });
        });
    }
}

/// The remedy, where one press does it.
fn offer(ui: &mut Ui, posted: &Posted, state: &mut ViewState, out: &mut Intents) {
    let (word, width) = match &posted.notice {
        Notice::UnknownCode { .. } => (Word::NoticeSearchIt, 110.0),
        Notice::NeedsPrice { .. } => (Word::NoticeEnterPrice, 150.0),
        Notice::LeftOver => (Word::Retrieve, 120.0),
        _ => return,
    };
    if !Button::new(state.words.say(word)).size(width, theme::TOUCH).show(ui) {
        return;
    }
    out.push(Intent::Dismiss(posted.number));
    match &posted.notice {
        Notice::UnknownCode { code } => {
            state.lay(None);
            state.drafts.query.clone_from(code);
            state.focus = Some(omnibox::id());
        }
        Notice::NeedsPrice { sku, name, quantity } => {
            let (sku, name, quantity) = (sku.clone(), name.clone(), *quantity);
            state.lay(Some(Overlay::OpenPrice { sku, name, quantity }));
        }
        _ => state.lay(Some(Overlay::Waiting)),
    }
}

/// What a notice says.
pub fn text(notice: &Notice, words: &Words) -> String {
    match notice {
        Notice::UnknownCode { code } => {
            words.fill(Word::NoticeUnknownCode, &[("code", code.into())])
        }
        Notice::NeedsPrice { name, .. } => {
            words.fill(Word::NoticeNeedsPrice, &[("name", name.into())])
        }
        Notice::NotSold { name } => words.fill(Word::NoticeNotSold, &[("name", name.into())]),
        Notice::NotWhole { quantity } => {
            let quantity = words.number(*quantity);
            words.fill(Word::NoticeNotWhole, &[("quantity", (&quantity).into())])
        }
        Notice::OutOfStock { sku, on_hand } => {
            let on_hand = words.number(*on_hand);
            let gaps = [("sku", sku.as_str().into()), ("on-hand", (&on_hand).into())];
            words.fill(Word::NoticeOutOfStock, &gaps)
        }
        Notice::OverRefund { sku, left } => {
            let left = words.number(*left);
            let gaps = [("sku", sku.as_str().into()), ("left", (&left).into())];
            words.fill(Word::NoticeOverRefund, &gaps)
        }
        Notice::DiscountInexact { nearest: amount }
        | Notice::CardTooMuch { due: amount }
        | Notice::NotInCoins { step: amount } => {
            let (word, gap) = match notice {
                Notice::CardTooMuch { .. } => (Word::NoticeCardTooMuch, "due"),
                Notice::NotInCoins { .. } => (Word::NoticeNotInCoins, "step"),
                _ => (Word::NoticeDiscountInexact, "nearest"),
            };
            words.fill(word, &[(gap, (&words.money(*amount)).into())])
        }
        Notice::UnknownReceipt { typed } => {
            words.fill(Word::NoticeUnknownReceipt, &[("typed", typed.into())])
        }
        Notice::AmbiguousReceipt { typed } => {
            words.fill(Word::NoticeAmbiguousReceipt, &[("typed", typed.into())])
        }
        Notice::NotUnstocked(why) => words.fill(Word::NoticeNotUnstocked, &[("why", why.into())]),
        Notice::NoNetwork(why) => words.fill(Word::NoticeNoNetwork, &[("why", why.into())]),
        Notice::Stopped(why) => words.fill(Word::NoticeStopped, &[("why", why.into())]),
        Notice::Refused(why) => words.fill(Word::NoticeRefused, &[("why", why.into())]),
        Notice::Alarm(what) => words.fill(Word::NoticeAlarm, &[("what", what.into())]),
        Notice::Imported { products, faults, rejected } => {
            let faults = faults.join("; ");
            let gaps = [
                ("products", (*products).into()),
                ("rejected", (*rejected).into()),
                ("faults", (&faults).into()),
            ];
            words.fill(Word::NoticeImported, &gaps).trim().to_owned()
        }
        plain => words.say(plain_word(plain)).to_owned(),
    }
}

/// The words of notices that have no gaps.
fn plain_word(notice: &Notice) -> Word {
    match notice {
        Notice::DiscountTooHigh => Word::NoticeDiscountTooHigh,
        Notice::EmptyCart => Word::NoticeEmptyCart,
        Notice::CardUnderWay => Word::NoticeCardUnderWay,
        Notice::PartlyPaid => Word::NoticePartlyPaid,
        Notice::NoReader => Word::NoticeNoReader,
        Notice::NoPrinter => Word::NoticeNoPrinter,
        Notice::LeftOver => Word::NoticeLeftOver,
        Notice::PaidElsewhere => Word::NoticePaidElsewhere,
        Notice::GoneElsewhere => Word::NoticeGoneElsewhere,
        Notice::NothingLeft => Word::NoticeNothingLeft,
        Notice::ReasonMissing => Word::NoticeReasonMissing,
        Notice::ShiftOpen => Word::NoticeShiftOpen,
        Notice::NoShift => Word::NoticeNoShift,
        Notice::DiskFull => Word::NoticeDiskFull,
        Notice::Rebuilding => Word::NoticeRebuilding,
        Notice::NotAMember => Word::NoticeNotAMember,
        Notice::NoRegister => Word::NoticeNoRegister,
        Notice::ManagerOnly => Word::NoticeManagerOnly,
        Notice::CarriedOn => Word::NoticeCarriedOn,
        Notice::DrawerStuck => Word::NoticeDrawerStuck,
        // Those with gaps: `text` fills them.
        Notice::UnknownCode { .. } => Word::NoticeUnknownCode,
        Notice::NeedsPrice { .. } => Word::NoticeNeedsPrice,
        Notice::NotSold { .. } => Word::NoticeNotSold,
        Notice::NotWhole { .. } => Word::NoticeNotWhole,
        Notice::OutOfStock { .. } => Word::NoticeOutOfStock,
        Notice::DiscountInexact { .. } => Word::NoticeDiscountInexact,
        Notice::CardTooMuch { .. } => Word::NoticeCardTooMuch,
        Notice::NotInCoins { .. } => Word::NoticeNotInCoins,
        Notice::UnknownReceipt { .. } => Word::NoticeUnknownReceipt,
        Notice::AmbiguousReceipt { .. } => Word::NoticeAmbiguousReceipt,
        Notice::OverRefund { .. } => Word::NoticeOverRefund,
        Notice::NotUnstocked(_) => Word::NoticeNotUnstocked,
        Notice::NoNetwork(_) => Word::NoticeNoNetwork,
        Notice::Stopped(_) => Word::NoticeStopped,
        Notice::Imported { .. } => Word::NoticeImported,
        Notice::Alarm(_) => Word::NoticeAlarm,
        Notice::Refused(_) => Word::NoticeRefused,
    }
}

/// The words over a screen that something cannot be used.
pub fn remark(ui: &mut Ui, text: &str) {
    let palette = Palette::of(ui);
    Frame::new()
        .fill(palette.warn)
        .corner_radius(theme::ROUND)
        .inner_margin(Margin::same(12))
        .show(ui, |ui| say(ui, text, theme::font(theme::BODY), palette.on_warn));
}
