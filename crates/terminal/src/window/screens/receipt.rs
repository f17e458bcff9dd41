//! A receipt as it comes out of the printer: the same lines, on white.

use devices::printer::{Element, Line, Style};
use eframe::egui::{
    Align2, Color32, ColorImage, CornerRadius, FontFamily, FontId, Id, Rect, Role, Sense,
    TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};

use crate::counter::view::ReceiptView;

/// Space around the print, in points.
const MARGIN: f32 = 16.0;
/// Widest paper, in points.
const WIDEST: f32 = 400.0;

/// Draws it. Paper is white by night as well.
pub fn paper(ui: &mut Ui, receipt: &ReceiptView) {
    let width = ui.available_width().min(WIDEST);
    let print = width - 2.0 * MARGIN;
    let columns = f32::from(u16::try_from(receipt.columns.clamp(16, 80)).unwrap_or(42));
    // DejaVu Sans Mono is 0.602 as wide as high.
    let size = print / columns / 0.602;
    let step = size * 1.25;
    let code = print * 0.42;
    let height: f32 = receipt.elements.iter().map(|one| element_height(one, step, code)).sum();
    let (rect, response) =
        ui.allocate_exact_size(vec2(width, height + 2.0 * MARGIN), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Document, true, &receipt.text));
    if !ui.is_rect_visible(rect) {
        return;
    }
    ui.painter().rect_filled(rect, CornerRadius::same(2), Color32::WHITE);
    let mut top = rect.top() + MARGIN;
    for (slot, element) in receipt.elements.iter().enumerate() {
        let place = Rect::from_min_size(
            pos2(rect.left() + MARGIN, top),
            vec2(print, element_height(element, step, code)),
        );
        match element {
            Element::Line(line) => paint_line(ui, place, line, size),
            Element::Barcode(text) => caption(ui, place, text, size),
            Element::Qr(text) => qr(ui, place, text, code, slot),
            Element::Picture(_) => {}
        }
        top = place.bottom();
    }
}

fn element_height(element: &Element, step: f32, code: f32) -> f32 {
    match element {
        Element::Line(line) => match line.style {
            Style::Plain | Style::Bold => step,
            Style::Tall | Style::Double => step * 1.9,
        },
        Element::Barcode(_) => step,
        Element::Qr(_) => code + step,
        Element::Picture(_) => 0.0,
    }
}

fn paint_line(ui: &Ui, place: Rect, line: &Line, size: f32) {
    let size = match line.style {
        Style::Plain | Style::Bold => size,
        Style::Tall => size * 1.3,
        Style::Double => size * 2.0,
    };
    let font = FontId::new(size, FontFamily::Monospace);
    let text = line.text.trim_end();
    let painter = ui.painter();
    let galley = painter.layout_no_wrap(text.to_owned(), font, Color32::BLACK);
    // Letters that are higher are wider here: what was laid out in the middle stays there.
    let left = match line.style {
        Style::Tall if line.text.starts_with(' ') => place.center().x - galley.size().x / 2.0,
        _ => place.left(),
    };
    let at = pos2(left, place.center().y - galley.size().y / 2.0);
    painter.galley(at, galley.clone(), Color32::BLACK);
    if line.style != Style::Plain {
        painter.galley(at + vec2(0.5, 0.0), galley, Color32::BLACK);
    }
}

/// What a bar code says; the bars themselves are the printer's.
fn caption(ui: &Ui, place: Rect, text: &str, size: f32) {
    let font = FontId::new(size, FontFamily::Monospace);
    ui.painter().text(place.center(), Align2::CENTER_CENTER, text, font, Color32::BLACK);
}

fn qr(ui: &Ui, place: Rect, text: &str, side: f32, slot: usize) {
    let Some(texture) = texture(ui, Id::unique(("qr", slot)), text) else { return };
    let rect =
        Rect::from_center_size(pos2(place.center().x, place.top() + side / 2.0), vec2(side, side));
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
}

/// A QR code as a texture, kept in a slot until another text takes it; `None` for a text too long for
/// one.
pub fn texture(ui: &Ui, slot: Id, text: &str) -> Option<TextureHandle> {
    let held = ui.data(|data| data.get_temp::<(String, TextureHandle)>(slot));
    if let Some((_, texture)) = held.filter(|(of, _)| of == text) {
        return Some(texture);
    }
    let code = qrcode::QrCode::new(text.as_bytes()).ok()?;
    let side = code.width();
    let quiet = 2;
    let whole = side + 2 * quiet;
    let mut pixels = vec![Color32::WHITE; whole * whole];
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        let place = (at / side + quiet) * whole + at % side + quiet;
        if let (qrcode::Color::Dark, Some(pixel)) = (colour, pixels.get_mut(place)) {
            *pixel = Color32::BLACK;
        }
    }
    let image = ColorImage::new([whole, whole], pixels);
    let texture = ui.ctx().load_texture("qr", image, TextureOptions::NEAREST);
    ui.data_mut(|data| data.insert_temp(slot, (text.to_owned(), texture.clone())));
    Some(texture)
}
