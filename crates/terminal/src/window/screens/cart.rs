//! The cart: always in sight, with its total and one large button to pay.

use eframe::egui::{
    Align, Align2, Id, Layout, Rect, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};
use pos_core::tax::PriceTax;

use crate::counter::Intent;
use crate::counter::view::{Desk, LineView, Screen};
use crate::window::keys::{self, Command};
use crate::window::state::{Intents, Overlay, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, line as paint, text_at, words as say};
use crate::window::words::{Word, Words};

/// Height of the closed drawer.
pub const CLOSED: f32 = 172.0;
/// The same while it is paid: the large button is elsewhere then.
pub const CLOSED_PAYING: f32 = 98.0;
/// Height of a line.
const ROW: f32 = 62.0;
/// What the chosen line has more: its buttons.
const ROW_TOOLS: f32 = theme::TOUCH + GAP;
/// Height of the total.
const TOTAL: f32 = 74.0;

/// Draws the cart as a panel of its own.
pub fn panel(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let paying = matches!(desk.screen, Screen::Pay(_));
    header(ui, desk, state);
    let tools = if paying { 0.0 } else { 3.0 * (theme::TOUCH + GAP) + theme::TOUCH_LARGE + GAP };
    let foot = TOTAL + tools + GAP;
    let lines = (ui.available_height() - foot).max(ROW);
    list(ui, desk, state, out, lines);
    total(ui, desk, &state.words);
    if !paying {
        commands(ui, desk, state, out);
        pay_row(ui, desk, state, out);
    }
}

/// Draws the cart as a drawer at the bottom: the total and the large button always, the lines where
/// it is drawn up.
pub fn drawer(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let paying = matches!(desk.screen, Screen::Pay(_));
    ui.horizontal(|ui| {
        let lines = desk.cart.lines.len();
        let word = if state.drawer { Word::CartHide } else { Word::CartShow };
        let count = state.words.fill(Word::CartLines, &[("n", lines.into())]);
        let open = Button::new(state.words.say(word)).detail(&count).size(210.0, TOTAL);
        if open.show(ui) {
            state.drawer = !state.drawer;
        }
        total(ui, desk, &state.words);
    });
    if state.drawer {
        header(ui, desk, state);
        let tools =
            if paying { 0.0 } else { 2.0 * (theme::TOUCH + GAP) + theme::TOUCH_LARGE + GAP };
        let room = (ui.available_height() - tools - GAP).max(ROW);
        list(ui, desk, state, out, room);
        if !paying {
            commands(ui, desk, state, out);
        }
    }
    if !paying {
        pay_row(ui, desk, state, out);
    }
}

/// Who buys, what the cart is called, who else has it.
fn header(ui: &mut Ui, desk: &Desk, state: &mut ViewState) {
    let palette = Palette::of(ui);
    let cart = &desk.cart;
    ui.horizontal(|ui| {
        ui.set_height(theme::TOUCH);
        let title = if cart.label.is_empty() {
            state.words.say(Word::CartTitle).to_owned()
        } else {
            state.words.fill(Word::CartTitleNamed, &[("name", (&cart.label).into())])
        };
        say(ui, &title, theme::strong_font(theme::BODY), palette.text);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let name = match &cart.customer {
                None => state.words.say(Word::NoCustomer).to_owned(),
                Some(customer) => [&customer.name, &customer.phone, &customer.email]
                    .into_iter()
                    .find(|text| !text.is_empty())
                    .unwrap_or(&customer.loyalty)
                    .clone(),
            };
            let look = if cart.customer.is_some() { Look::Chosen } else { Look::Plain };
            if Button::new(&name).look(look).size(190.0, theme::TOUCH).show(ui) {
                state.lay(Some(Overlay::Customer));
            }
        });
    });
    let words = &state.words;
    if !cart.others.is_empty() {
        let tills: Vec<&str> = cart.others.iter().map(|other| other.till.as_str()).collect();
        let text = words.fill(Word::CartAlsoOn, &[("tills", (&tills.join(", ")).into())]);
        say(ui, &text, theme::strong_font(theme::SMALL), palette.text);
    }
    if let Some(receipt) = &cart.remainder_of {
        let text = words.fill(Word::CartRemainder, &[("receipt", receipt.into())]);
        say(ui, &text, theme::strong_font(theme::SMALL), palette.text);
    }
}

/// The lines. Only those in sight are laid out: a cart of 500 is as quick as one of 5.
fn list(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents, height: f32) {
    let palette = Palette::of(ui);
    let lines = &desk.cart.lines;
    if lines.is_empty() {
        let size = vec2(ui.available_width(), height);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let text = state.words.say(Word::CartEmpty);
        text_at(ui, rect, text, theme::font(theme::BODY), palette.muted, Align2::CENTER_CENTER);
        return;
    }
    let at = desk.cart.selected.and_then(|id| lines.iter().position(|line| line.id == id));
    let tools = at.filter(|_| !matches!(desk.screen, Screen::Pay(_)));
    let top_of = |place: usize| {
        let after = tools.is_some_and(|chosen| place > chosen);
        count(place) * ROW + if after { ROW_TOOLS } else { 0.0 }
    };
    let id = Id::unique("cart lines");
    let mut area = ScrollArea::vertical().id_salt(id).auto_shrink(false).max_height(height);
    if let Some(offset) = follow(ui, desk, state, at, top_of, height) {
        area = area.vertical_scroll_offset(offset);
    }
    let flashing = ui.input(|input| input.time) < state.flash_until;
    if flashing {
        ui.ctx().request_repaint_after(core::time::Duration::from_millis(420));
    }
    area.show_viewport(ui, |ui, seen| {
        let whole = top_of(lines.len()).max(0.0);
        ui.set_height(whole);
        let origin = ui.max_rect().min;
        let width = ui.available_width();
        for (place, line) in lines.iter().enumerate() {
            let top = top_of(place);
            if top + ROW + ROW_TOOLS < seen.top() || top > seen.bottom() {
                continue;
            }
            let rect = Rect::from_min_size(origin + vec2(0.0, top), vec2(width, ROW - 4.0));
            let chosen = at == Some(place);
            if row(ui, rect, desk, line, &state.words, (chosen, chosen && flashing)).clicked() {
                out.push(Intent::Select(line.id));
            }
            if chosen && tools.is_some() {
                let below = rect.translate(vec2(0.0, ROW - 4.0));
                let below = below.with_max_y(below.top() + theme::TOUCH);
                line_tools(ui, below, line, state, out);
            }
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a cart has fewer lines than points are exact")]
fn count(lines: usize) -> f32 {
    lines as f32
}

/// Where to scroll so that a line just added is in sight.
fn follow(
    ui: &Ui,
    desk: &Desk,
    state: &ViewState,
    at: Option<usize>,
    top_of: impl Fn(usize) -> f32,
    height: f32,
) -> Option<f32> {
    let id = Id::unique("followed addition");
    let followed = ui.data(|data| data.get_temp::<(u64, usize)>(id));
    let chosen = (desk.cart.additions, at?);
    if followed == Some(chosen) || state.words.id().is_empty() {
        return None;
    }
    ui.data_mut(|data| data.insert_temp(id, chosen));
    Some((top_of(at?) + ROW + ROW_TOOLS - height).max(0.0))
}

fn row(
    ui: &mut Ui,
    rect: Rect,
    desk: &Desk,
    line: &LineView,
    words: &Words,
    (chosen, flashing): (bool, bool),
) -> Response {
    let palette = Palette::of(ui);
    let response = ui.interact(rect, Id::unique(("line", line.id)), Sense::click());
    let detail = detail(desk, line, words);
    let amount = words.money(line.amount);
    let spoken = || format!("{}, {detail}, {amount}", line.name);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, spoken()));
    let (fill, text, muted) = match (flashing, chosen) {
        (true, _) => (palette.good, palette.on_good, palette.on_good),
        (false, true) => (palette.chosen, palette.on_chosen, palette.on_chosen),
        (false, false) => (palette.panel, palette.text, palette.muted),
    };
    ui.painter().rect_filled(rect, theme::ROUND, fill);
    if chosen {
        let edge = Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, theme::ROUND, edge, StrokeKind::Inside);
    }
    let inner = rect.shrink2(vec2(10.0, 5.0));
    let sum = theme::strong_font(20.0);
    let width = ui.painter().layout_no_wrap(amount.clone(), sum.clone(), text).size().x;
    paint(ui, inner, &amount, sum, text, Align2::RIGHT_CENTER);
    let left = inner.with_max_x(inner.right() - width - 10.0);
    let (top, bottom) = left.split_top_bottom_at_fraction(0.54);
    paint(ui, top, &line.name, theme::strong_font(theme::BODY), text, Align2::LEFT_CENTER);
    paint(ui, bottom, &detail, theme::font(theme::SMALL), muted, Align2::LEFT_CENTER);
    response
}

/// `2 × £1.20 · Discount −£0.20`
fn detail(desk: &Desk, line: &LineView, words: &Words) -> String {
    let quantity = words.quantity(line.quantity, line.unit);
    let price = words.price(line.unit_price, desk.place.currency);
    let gaps = [("quantity", (&quantity).into()), ("price", (&price).into())];
    let mut text = words.fill(Word::LineEach, &gaps);
    if line.discount.minor() != 0 {
        let amount = words.money(line.discount);
        text.push_str(" · ");
        text.push_str(&words.fill(Word::LineDiscount, &[("amount", (&amount).into())]));
    }
    if let Some(reason) = &line.override_reason {
        text.push_str(" · ");
        text.push_str(&words.fill(Word::LinePriceChanged, &[("reason", reason.into())]));
    }
    text
}

/// What changes the chosen line: less, how many, more, off.
fn line_tools(ui: &mut Ui, rect: Rect, line: &LineView, state: &mut ViewState, out: &mut Intents) {
    let side = 76.0;
    let width = rect.width();
    let middle = width - 2.0 * side - 96.0 - 3.0 * GAP;
    let cell = |left: f32, width: f32| {
        Rect::from_min_size(pos2(rect.left() + left, rect.top()), vec2(width, rect.height()))
    };
    let press = |ui: &mut Ui, cell: Rect, button: Button<'_>, name: Option<&str>| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(cell));
        let response = button.size(cell.width(), cell.height()).respond(&mut child);
        if let Some(name) = name {
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
        }
        response.clicked()
    };
    let words = &state.words;
    let quantity = words.quantity(line.quantity, line.unit);
    let less = Button::new("−").text_size(theme::LARGE);
    if press(ui, cell(0.0, side), less, Some(words.say(Word::LineLess))) {
        out.extend(keys::more(line, -1));
    }
    let many = Button::new(&quantity).text_size(theme::LARGE);
    let asked = press(ui, cell(side + GAP, middle), many, None);
    let more = Button::new("+").text_size(theme::LARGE);
    if press(ui, cell(side + middle + 2.0 * GAP, side), more, Some(words.say(Word::LineMore))) {
        out.extend(keys::more(line, 1));
    }
    let off = Button::new(words.say(Word::Remove)).look(Look::Careful).key(Some("Del"));
    let off_at = cell(width - 96.0, 96.0);
    if press(ui, off_at, off, Some(words.say(Word::LineVoid))) {
        out.push(Intent::VoidLine(line.id));
    }
    if asked {
        state.lay(Some(Overlay::Quantity));
    }
}

/// What it comes to, and the tax and discounts in it.
fn total(ui: &mut Ui, desk: &Desk, words: &Words) {
    let palette = Palette::of(ui);
    let cart = &desk.cart;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), TOTAL), Sense::hover());
    let amount = words.money(cart.total);
    let (top, bottom) = rect.split_top_bottom_at_fraction(0.68);
    text_at(ui, top, &amount, theme::strong_font(theme::HUGE), palette.text, Align2::RIGHT_CENTER);
    let name = words.say(Word::CartTotal);
    text_at(ui, top, name, theme::strong_font(theme::LARGE), palette.text, Align2::LEFT_CENTER);
    let mut parts = Vec::new();
    if cart.tax.minor() != 0 {
        let word = match desk.place.prices {
            PriceTax::Inclusive => Word::CartTax,
            PriceTax::Exclusive => Word::CartTaxAdded,
        };
        parts.push(words.fill(word, &[("amount", (&words.money(cart.tax)).into())]));
    }
    if cart.discount.minor() != 0 {
        let amount = words.money(cart.discount);
        parts.push(words.fill(Word::CartDiscount, &[("amount", (&amount).into())]));
    }
    let parts = parts.join(" · ");
    text_at(ui, bottom, &parts, theme::font(theme::SMALL), palette.muted, Align2::RIGHT_CENTER);
}

/// The commands of a sale.
fn commands(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let rows = [
        [Command::Quantity, Command::Price, Command::Discount],
        [Command::Suspend, Command::Retrieve, Command::Refund],
        [Command::Customer, Command::Drawer, Command::Help],
    ];
    let narrow = ui.available_width() > 600.0;
    let flat: Vec<Command> = rows.into_iter().flatten().collect();
    let per_row = if narrow { 5 } else { 3 };
    let columns = f32::from(u8::try_from(per_row).unwrap_or(3));
    let width = (ui.available_width() - (columns - 1.0) * GAP) / columns;
    for row in flat.chunks(per_row) {
        ui.horizontal(|ui| {
            for command in row {
                let name = match (command, desk.waiting.len()) {
                    (Command::Retrieve, n @ 1..) => {
                        state.words.fill(Word::RetrieveCount, &[("n", n.into())])
                    }
                    _ => state.words.say(command.word()).to_owned(),
                };
                let key = Some(command.hint());
                let button = Button::new(&name).key(key).size(width, theme::TOUCH);
                if button.text_size(16.0).show(ui) {
                    command.perform(desk, state, out);
                }
            }
        });
    }
}

/// Pay, large; and the card reader at once where there is one.
fn pay_row(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let can = !desk.cart.lines.is_empty();
    ui.horizontal(|ui| {
        let card = if desk.has_reader { 128.0 + GAP } else { 0.0 };
        let amount = state.words.money(desk.cart.total);
        let text = match can {
            true => state.words.fill(Word::PayAmount, &[("amount", (&amount).into())]),
            false => state.words.say(Word::Pay).to_owned(),
        };
        let pay = Button::new(&text).key(Some(Command::Pay.hint())).look(Look::Main).enabled(can);
        let width = ui.available_width() - card;
        if pay.size(width, theme::TOUCH_LARGE).text_size(26.0).show(ui) {
            Command::Pay.perform(desk, state, out);
        }
        if desk.has_reader {
            let card = Button::new(state.words.say(Word::Card)).look(Look::Main).enabled(can);
            let card = card.size(128.0, theme::TOUCH_LARGE).text_size(22.0);
            if card.show(ui) {
                Command::Card.perform(desk, state, out);
            }
        }
    });
}
