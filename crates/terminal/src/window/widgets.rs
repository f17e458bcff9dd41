//! What the screens are made of: buttons that a thumb hits, fields with their names, pads of digits.
//!
//! Each tells accessibility tools what it is and says; tests find it by the same words.

use eframe::egui::{
    self, Align, Align2, Color32, FontId, Id, Key, Layout, Rect, Response, Role, Sense, Stroke,
    StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::theme::{self, Palette};

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// One of many.
    Plain,
    /// What is usually pressed next.
    Main,
    /// Chosen among several.
    Chosen,
    /// Takes something away.
    Careful,
}

/// A button.
#[derive(Debug, Clone, Copy)]
pub struct Button<'a> {
    text: &'a str,
    hint: Option<&'a str>,
    detail: Option<&'a str>,
    look: Look,
    size: Vec2,
    font: f32,
    enabled: bool,
}

impl<'a> Button<'a> {
    /// A plain button as high as a finger needs, as wide as there is room.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            hint: None,
            detail: None,
            look: Look::Plain,
            size: vec2(f32::INFINITY, theme::TOUCH),
            font: theme::BODY,
            enabled: true,
        }
    }

    /// How it looks.
    #[must_use]
    pub fn look(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// The key that does the same; shown small in its corner where keys are shown.
    #[must_use]
    pub fn key(self, hint: Option<&'a str>) -> Self {
        Self { hint, ..self }
    }

    /// A second, smaller line.
    #[must_use]
    pub fn detail(self, detail: &'a str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// Its size in points.
    #[must_use]
    pub fn size(self, width: f32, height: f32) -> Self {
        Self { size: vec2(width, height), ..self }
    }

    /// Its height in points.
    #[must_use]
    pub fn height(self, height: f32) -> Self {
        Self { size: vec2(self.size.x, height), ..self }
    }

    /// The size of its text.
    #[must_use]
    pub fn text_size(self, font: f32) -> Self {
        Self { font, ..self }
    }

    /// Whether it can be pressed.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    /// Draws it; whether it was pressed.
    pub fn show(self, ui: &mut Ui) -> bool {
        self.respond(ui).clicked()
    }

    /// Draws it.
    pub fn respond(self, ui: &mut Ui) -> Response {
        let width = self.size.x.min(ui.available_width()).max(theme::TOUCH);
        let size = vec2(width, self.size.y);
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let response = ui.allocate_response(size, sense);
        let chosen = self.look == Look::Chosen;
        response
            .widget_info(|| WidgetInfo::selected(Role::Button, self.enabled, chosen, self.text));
        if ui.is_rect_visible(response.rect) {
            self.paint(ui, &response);
        }
        response
    }

    fn paint(self, ui: &Ui, response: &Response) {
        let palette = Palette::of(ui);
        let (fill, text, edge) = self.colours(palette, response);
        let rect = response.rect;
        let painter = ui.painter();
        painter.rect(rect, theme::ROUND, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
        if response.has_focus() {
            let ring = Stroke::new(3.0, palette.accent);
            painter.rect_stroke(rect, theme::ROUND, ring, StrokeKind::Outside);
        }
        let hint = self.hint.map(|hint| {
            let galley = painter.layout_no_wrap(hint.to_owned(), theme::font(12.0), text);
            let at = pos2(rect.right() - galley.size().x - 6.0, rect.top() + 3.0);
            painter.galley(at, galley, text);
        });
        let inner = rect.shrink2(vec2(8.0, if hint.is_some() { 4.0 } else { 2.0 }));
        let family = if self.look == Look::Plain { theme::font } else { theme::strong_font };
        let text_rect = match self.detail {
            None => inner,
            Some(detail) => {
                let (top, bottom) = inner.split_top_bottom_at_fraction(0.56);
                line(ui, bottom, detail, theme::font(theme::SMALL), text, Align2::CENTER_TOP);
                top
            }
        };
        let align =
            if self.detail.is_some() { Align2::CENTER_BOTTOM } else { Align2::CENTER_CENTER };
        // Clear of the key in the corner where the text would reach it.
        let down = if hint.is_some() && self.detail.is_none() { 4.0 } else { 0.0 };
        let text_rect = text_rect.translate(vec2(0.0, down));
        line(ui, text_rect, self.text, family(self.font), text, align);
    }

    fn colours(self, palette: &Palette, response: &Response) -> (Color32, Color32, Color32) {
        if !self.enabled {
            return (palette.ground, palette.muted, palette.edge);
        }
        let pressed = response.is_pointer_button_down_on();
        match self.look {
            Look::Main => (
                palette.accent,
                palette.on_accent,
                if pressed { palette.text } else { palette.accent },
            ),
            Look::Chosen => (palette.chosen, palette.on_chosen, palette.accent),
            Look::Plain | Look::Careful => {
                let lifted = pressed || response.hovered();
                let fill = if lifted { palette.lifted } else { palette.raised };
                let text = if self.look == Look::Careful { palette.bad } else { palette.text };
                (fill, text, palette.edge)
            }
        }
    }
}

/// Text in a rectangle, on as many lines as fit, smaller where it would not fit; the rest is cut with
/// an ellipsis.
#[expect(clippy::needless_pass_by_value, reason = "a font is made where it is used")]
pub fn line(ui: &Ui, rect: Rect, text: &str, font: FontId, colour: Color32, align: Align2) {
    let galley = fitted(ui, rect.size(), text, &font, colour);
    let at = align.align_size_within_rect(galley.size(), rect);
    ui.painter().galley(at.min, galley, colour);
}

fn fitted(
    ui: &Ui,
    room: Vec2,
    text: &str,
    font: &FontId,
    colour: Color32,
) -> std::sync::Arc<egui::Galley> {
    let laid = |size: f32| {
        let format = egui::TextFormat::simple(FontId::new(size, font.family.clone()), colour);
        let mut job = egui::text::LayoutJob::single_section(text.to_owned(), format);
        job.wrap.max_width = room.x;
        job.wrap.max_rows = if room.y >= size * 2.3 { 2 } else { 1 };
        job.wrap.break_anywhere = false;
        job.halign = Align::LEFT;
        ui.painter().layout_job(job)
    };
    let full = laid(font.size);
    if !full.elided {
        return full;
    }
    let smaller = laid((font.size * 0.82).max(theme::SMALL.min(font.size)));
    if smaller.elided { full } else { smaller }
}

/// A text in a rectangle of its own, told to accessibility tools.
pub fn text_at(ui: &mut Ui, rect: Rect, text: &str, font: FontId, colour: Color32, align: Align2) {
    if text.is_empty() {
        return;
    }
    let response = ui.allocate_rect(rect, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    line(ui, rect, text, font, colour, align);
}

/// A text of a size and colour that flows with the others.
pub fn words(ui: &mut Ui, text: &str, font: FontId, colour: Color32) {
    ui.label(egui::RichText::new(text).font(font).color(colour));
}

/// A heading with a button that goes back.
pub fn heading(ui: &mut Ui, title: &str, back: &str, hint: Option<&str>) -> bool {
    let mut pressed = false;
    ui.horizontal(|ui| {
        pressed = Button::new(back).key(hint).size(120.0, theme::TOUCH).show(ui);
        ui.add_space(theme::GAP);
        words(ui, title, theme::strong_font(theme::LARGE), Palette::of(ui).text);
    });
    ui.add_space(theme::GAP);
    pressed
}

/// What a field answers with.
#[derive(Debug)]
pub struct Typed {
    /// The field.
    pub response: Response,
    /// Enter was pressed in it.
    pub entered: bool,
}

/// A field for one line, with its name above it.
pub fn field(ui: &mut Ui, id: Id, name: &str, hint: &str, text: &mut String) -> Typed {
    let label = ui.label(
        egui::RichText::new(name).font(theme::font(theme::SMALL)).color(Palette::of(ui).muted),
    );
    bare_field(ui, id, hint, text, theme::BODY, Some(label.id), name)
}

/// A field whose name is known from where it stands.
pub fn bare_field(
    ui: &mut Ui,
    id: Id,
    hint: &str,
    text: &mut String,
    size: f32,
    label: Option<Id>,
    name: &str,
) -> Typed {
    let palette = Palette::of(ui);
    let hint = egui::RichText::new(hint).font(theme::font(size)).color(palette.muted);
    let edit = TextEdit::singleline(text)
        .id(id)
        .hint_text(hint)
        .font(theme::font(size))
        .char_limit(200)
        .margin(vec2(12.0, 8.0))
        .align(Align2::LEFT_CENTER)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, theme::TOUCH.max(size * 2.2)));
    let focused = ui.memory(|memory| memory.has_focus(id));
    let mut response = ui.add(edit);
    if let Some(label) = label {
        response = response.labelled_by(label);
    } else {
        let name = name.to_owned();
        ui.ctx().accesskit_node_builder(id, |node| node.set_label(name));
    }
    let entered = (focused || response.lost_focus())
        && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Enter));
    if response.lost_focus() && entered {
        // Enter in a field does something; it does not leave the field.
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    Typed { response, entered }
}

/// A pad of digits that types into a text.
pub fn pad(ui: &mut Ui, text: &mut String, decimal: &str, erase: &str) {
    let width = ((ui.available_width() - 2.0 * theme::GAP) / 3.0).max(theme::TOUCH);
    let keys = ["7", "8", "9", "4", "5", "6", "1", "2", "3", decimal, "0", erase];
    for row in keys.chunks(3) {
        ui.horizontal(|ui| {
            for key in row {
                if Button::new(key).size(width, 56.0).text_size(theme::LARGE).show(ui) {
                    if *key == erase {
                        text.pop();
                    } else if text.chars().count() < 12 {
                        text.push_str(key);
                    }
                }
            }
        });
    }
}

/// A column in the middle of what there is, at most so wide.
pub fn column<R>(ui: &mut Ui, most: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let room = ui.available_rect_before_wrap();
    let width = room.width().min(most);
    let left = room.left() + (room.width() - width) / 2.0;
    let rect = Rect::from_min_size(pos2(left, room.top()), vec2(width, room.height()));
    ui.scope_builder(
        egui::UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)),
        add,
    )
    .inner
}

/// A name on the left and a value on the right.
pub fn row(ui: &mut Ui, name: &str, value: &str, strong: bool) {
    let palette = Palette::of(ui);
    let font = if strong { theme::strong_font } else { theme::font };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let (left, right) = rect.split_left_right_at_fraction(0.5);
    text_at(ui, left, name, font(theme::BODY), palette.text, Align2::LEFT_CENTER);
    text_at(ui, right, value, font(theme::BODY), palette.text, Align2::RIGHT_CENTER);
}

/// A short text on a colour of its own.
pub fn chip(ui: &mut Ui, text: &str, fill: Color32, colour: Color32) -> Response {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::font(theme::SMALL), colour);
    let size = vec2(galley.size().x + 24.0, theme::TOUCH);
    let response = ui.allocate_response(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text));
    let rect = response.rect;
    ui.painter().rect_filled(rect.shrink2(vec2(0.0, 3.0)), 20, fill);
    if response.has_focus() {
        let ring = Stroke::new(3.0, Palette::of(ui).accent);
        ui.painter().rect_stroke(rect, 20, ring, StrokeKind::Outside);
    }
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), rect);
    ui.painter().galley(at.min, galley, colour);
    response
}
