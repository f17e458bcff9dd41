//! The sale: one field, groups, products.

use eframe::egui::{
    Align2, Id, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use super::omnibox;
use crate::counter::Intent;
use crate::counter::view::{CatalogueItem, Desk};
use crate::window::finder::Group;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, line, text_at, words as say};
use crate::window::words::{Word, Words};

/// Height of a tile.
const TILE: f32 = 104.0;
/// Least width of a tile.
const TILE_WIDTH: f32 = 176.0;

/// Draws it.
pub fn ui(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    omnibox::ui(ui, state, out);
    let (_, wanted) = omnibox::split(&state.drafts.query);
    if !wanted.trim().is_empty() {
        return hits(ui, desk, state, out);
    }
    groups(ui, state);
    let shelf = state.finder.shelf().clone();
    let all = shelf.catalogue.items.len();
    if all == 0 {
        return empty(ui, state.words.say(Word::ProductsNone), "");
    }
    let chosen = state.group.clone().unwrap_or(Group::All);
    let often: Vec<usize> = match chosen {
        Group::Often => {
            let place = |sku: &&_| {
                let found = shelf.catalogue.items.binary_search_by(|item| item.sku.cmp(sku));
                found.ok()
            };
            state.often().iter().filter_map(place).collect()
        }
        _ => Vec::new(),
    };
    let members = match chosen {
        Group::Often => Some(often.as_slice()),
        _ => shelf.members(&chosen),
    };
    let count = members.map_or(all, <[usize]>::len);
    let item_at = |at: usize| match members {
        Some(members) => members.get(at).and_then(|place| shelf.item(*place)),
        None => shelf.item(at),
    };
    tiles(ui, desk, &state.words, count, item_at, None, |item| {
        out.push(Intent::Add { sku: item.sku.clone(), quantity: None });
    });
}

/// What was found, as tiles: the first one is what Enter takes.
fn hits(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    if !state.finder.is_ready() {
        return empty(ui, state.words.say(Word::SearchBuilding), "");
    }
    let (quantity, wanted) = omnibox::split(&state.drafts.query);
    let (shelf, hits) = state.finder.hits();
    if hits.is_empty() {
        if state.finder.has_answered(wanted) {
            let text = state.words.fill(Word::SearchNone, &[("text", wanted.trim().into())]);
            empty(ui, &text, state.words.say(Word::SearchNoneHint));
        }
        return;
    }
    let found = state.words.fill(Word::SearchResults, &[("n", hits.len().into())]);
    say(ui, &found, theme::font(theme::SMALL), Palette::of(ui).muted);
    let item_at = |at: usize| hits.get(at).and_then(|place| shelf.item(*place));
    let mut taken = None;
    tiles(ui, desk, &state.words, hits.len(), item_at, Some(0), |item| {
        taken = Some(item.sku.clone());
    });
    if let Some(sku) = taken {
        out.push(Intent::Add { sku, quantity });
        state.drafts.query.clear();
    }
}

/// The groups there are, where there is more than one.
fn groups(ui: &mut Ui, state: &mut ViewState) {
    let shelf = state.finder.shelf().clone();
    let mut shown: Vec<Group> = Vec::new();
    if state.has_sold() {
        shown.push(Group::Often);
    }
    shown.push(Group::All);
    shown.extend(shelf.groups().cloned());
    if shown.len() < 2 {
        return;
    }
    let chosen = state.group.clone().unwrap_or(Group::All);
    let words = &state.words;
    let mut picked = None;
    let row = ScrollArea::horizontal().id_salt("groups").auto_shrink([false, true]);
    row.show(ui, |ui| {
        ui.horizontal(|ui| {
            for group in shown {
                let tax;
                let name = match &group {
                    Group::Often => words.say(Word::CategoryOften),
                    Group::All => words.say(Word::CategoryAll),
                    Group::Weighed => words.say(Word::CategoryWeighed),
                    Group::OpenPrice => words.say(Word::CategoryOpenPrice),
                    Group::Tax(name) => {
                        tax = words.fill(Word::CategoryTax, &[("name", name.into())]);
                        &tax
                    }
                };
                let look = if group == chosen { Look::Chosen } else { Look::Plain };
                let width = ui
                    .painter()
                    .layout_no_wrap(
                        name.to_owned(),
                        theme::strong_font(theme::BODY),
                        Palette::of(ui).text,
                    )
                    .size()
                    .x;
                if Button::new(name).look(look).size(width + 36.0, theme::TOUCH).show(ui) {
                    picked = Some(group);
                }
            }
        });
    });
    if picked.is_some() {
        state.group = picked;
    }
}

/// Products as tiles, only those in sight laid out.
fn tiles<'a>(
    ui: &mut Ui,
    desk: &Desk,
    words: &Words,
    count: usize,
    item_at: impl Fn(usize) -> Option<&'a CatalogueItem>,
    first: Option<usize>,
    mut pressed: impl FnMut(&CatalogueItem),
) {
    let room = ui.available_width() - 20.0;
    let columns = whole((room + GAP) / (TILE_WIDTH + GAP)).max(1);
    let rows = count.div_ceil(columns);
    let across = f32::from(u16::try_from(columns).unwrap_or(u16::MAX));
    let width = (room - (across - 1.0) * GAP) / across;
    let area = ScrollArea::vertical().id_salt("tiles").auto_shrink(false);
    area.show_rows(ui, TILE, rows, |ui, seen| {
        for row in seen {
            ui.horizontal(|ui| {
                let places = (row * columns..count).take(columns);
                for (at, item) in places.filter_map(|at| Some((at, item_at(at)?))) {
                    if tile(ui, desk, words, item, width, first == Some(at)).clicked() {
                        pressed(item);
                    }
                }
            });
        }
    });
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of columns: small and not below zero"
)]
fn whole(columns: f32) -> usize {
    columns.clamp(0.0, 100.0) as usize
}

fn tile(
    ui: &mut Ui,
    desk: &Desk,
    words: &Words,
    item: &CatalogueItem,
    width: f32,
    first: bool,
) -> Response {
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(width, TILE), Sense::hover());
    let response = ui.interact(rect, Id::unique(("tile", item.sku.as_str())), Sense::click());
    let price = match item.price {
        Some(price) => {
            let price = words.price(price, desk.place.currency);
            match item.unit {
                pos_core::product::UnitOfMeasure::Each => price,
                unit => format!("{price}/{}", words.unit(unit)),
            }
        }
        None => words.say(Word::PriceEnter).to_owned(),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &item.name));
    let lifted = response.hovered() || response.is_pointer_button_down_on();
    let fill = if lifted { palette.lifted } else { palette.raised };
    let edge = match first || response.has_focus() {
        true => Stroke::new(3.0, palette.accent),
        false => Stroke::new(1.0, palette.edge),
    };
    ui.painter().rect(rect, theme::ROUND, fill, edge, StrokeKind::Inside);
    let inner = rect.shrink2(vec2(11.0, 9.0));
    let (top, bottom) = inner.split_top_bottom_at_fraction(0.66);
    line(ui, top, &item.name, theme::font(theme::BODY), palette.text, Align2::LEFT_TOP);
    let strong = theme::strong_font(if item.price.is_some() { 20.0 } else { theme::SMALL });
    let wide = ui.painter().layout_no_wrap(price.clone(), strong.clone(), palette.text).size().x;
    line(ui, bottom, &price, strong, palette.text, Align2::RIGHT_BOTTOM);
    let code = bottom.with_max_x((bottom.right() - wide - GAP).max(bottom.left()));
    let small = theme::font(13.0);
    line(ui, code, item.sku.as_str(), small, palette.muted, Align2::LEFT_BOTTOM);
    response
}

/// A sentence where products would be.
fn empty(ui: &mut Ui, text: &str, hint: &str) {
    let palette = Palette::of(ui);
    let rect = ui.available_rect_before_wrap();
    let (top, bottom) = rect.split_top_bottom_at_fraction(0.45);
    text_at(ui, top, text, theme::strong_font(theme::LARGE), palette.text, Align2::CENTER_BOTTOM);
    let font = theme::font(theme::BODY);
    text_at(ui, bottom, hint, font, palette.muted, Align2::CENTER_TOP);
}
