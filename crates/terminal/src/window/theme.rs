//! Colours, fonts and sizes: legible at arm's length, in the sun and at night.
//!
//! Every pair of a text and what it stands on has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3);
//! a test computes it. Colour never says anything alone: words stand beside it.

use std::sync::Arc;

use eframe::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle,
    Theme, Vec2, Visuals, vec2,
};

/// Smallest side of what a finger has to hit, in points.
pub const TOUCH: f32 = 48.0;
/// Height of what is pressed at every sale.
pub const TOUCH_LARGE: f32 = 76.0;
/// Space between things.
pub const GAP: f32 = 8.0;
/// How round corners are.
pub const ROUND: u8 = 8;

/// Text that is read in passing.
pub const SMALL: f32 = 15.0;
/// Text.
pub const BODY: f32 = 18.0;
/// Headings, names of what is chosen.
pub const LARGE: f32 = 24.0;
/// What everybody looks at: totals, change.
pub const HUGE: f32 = 44.0;

/// The colours of one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color32,
    /// Behind the cart and bars.
    pub panel: Color32,
    /// Buttons and tiles.
    pub raised: Color32,
    /// The same under a finger or pointer.
    pub lifted: Color32,
    /// Where one types.
    pub field: Color32,
    /// Lines between things.
    pub edge: Color32,
    /// Text.
    pub text: Color32,
    /// Text that is read in passing.
    pub muted: Color32,
    /// What goes on: pay.
    pub accent: Color32,
    /// Text on it.
    pub on_accent: Color32,
    /// What is chosen.
    pub chosen: Color32,
    /// Text on it.
    pub on_chosen: Color32,
    /// All is well.
    pub good: Color32,
    /// Text on it.
    pub on_good: Color32,
    /// Somebody should look.
    pub warn: Color32,
    /// Text on it.
    pub on_warn: Color32,
    /// It was not done.
    pub bad: Color32,
    /// Text on it.
    pub on_bad: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

/// By day.
pub const LIGHT: Palette = Palette {
    ground: rgb(0x00ee_f1f4),
    panel: rgb(0x00ff_ffff),
    raised: rgb(0x00ff_ffff),
    lifted: rgb(0x00e3_ecf7),
    field: rgb(0x00ff_ffff),
    edge: rgb(0x00b4_bec9),
    text: rgb(0x0014_1a21),
    muted: rgb(0x004a_5663),
    accent: rgb(0x000b_5cad),
    on_accent: rgb(0x00ff_ffff),
    chosen: rgb(0x00d3_e5f8),
    on_chosen: rgb(0x000b_2a4a),
    good: rgb(0x00d4_efdc),
    on_good: rgb(0x000b_4423),
    warn: rgb(0x00ff_e5a6),
    on_warn: rgb(0x004d_3300),
    bad: rgb(0x00b3_1f24),
    on_bad: rgb(0x00ff_ffff),
};

/// By night.
pub const DARK: Palette = Palette {
    ground: rgb(0x0012_161b),
    panel: rgb(0x001a_2027),
    raised: rgb(0x0027_2f39),
    lifted: rgb(0x0034_3f4c),
    field: rgb(0x000e_1216),
    edge: rgb(0x0047_5361),
    text: rgb(0x00f0_f3f6),
    muted: rgb(0x00b1_bcc7),
    accent: rgb(0x0062_b0ff),
    on_accent: rgb(0x0004_1c36),
    chosen: rgb(0x0021_466e),
    on_chosen: rgb(0x00f0_f6ff),
    good: rgb(0x0018_4a2e),
    on_good: rgb(0x00d9_f7e4),
    warn: rgb(0x0056_4208),
    on_warn: rgb(0x00ff_edbd),
    bad: rgb(0x00ff_9c96),
    on_bad: rgb(0x003a_0405),
};

impl Palette {
    /// The colours in force.
    pub fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }
}

/// The family of what stands out.
pub fn strong() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Text of a size in the family that stands out.
pub fn strong_font(size: f32) -> FontId {
    FontId::new(size, strong())
}

/// Text of a size.
pub const fn font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Sets fonts and both themes up; once, before the first frame.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Light, Theme::Dark] {
        let palette = if theme == Theme::Dark { &DARK } else { &LIGHT };
        ctx.style_mut_of(theme, |style| restyle(style, theme, palette));
    }
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions { font_data: [].into(), families: [].into() };
    let files: [(&str, &'static [u8]); 3] = [
        ("medium", include_bytes!("../../assets/fonts/Inter-Medium.otf")),
        ("semibold", include_bytes!("../../assets/fonts/Inter-SemiBold.otf")),
        // What receipts are printed in; it has signs that the others lack.
        ("mono", include_bytes!("../../../devices/fonts/DejaVuSansMono.ttf")),
    ];
    for (name, file) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(file)));
    }
    let chain = |first: &str| vec![first.to_owned(), "mono".to_owned()];
    fonts.families.insert(FontFamily::Proportional, chain("medium"));
    fonts.families.insert(strong(), chain("semibold"));
    fonts.families.insert(FontFamily::Monospace, vec!["mono".to_owned(), "medium".to_owned()]);
    fonts
}

fn restyle(style: &mut egui::Style, theme: Theme, palette: &Palette) {
    style.text_styles = [
        (TextStyle::Small, font(SMALL)),
        (TextStyle::Body, font(BODY)),
        (TextStyle::Button, font(BODY)),
        (TextStyle::Heading, strong_font(LARGE)),
        (TextStyle::Monospace, FontId::new(SMALL, FontFamily::Monospace)),
    ]
    .into();
    style.spacing.item_spacing = Vec2::splat(GAP);
    style.spacing.button_padding = vec2(14.0, 10.0);
    style.spacing.interact_size = vec2(TOUCH, TOUCH);
    style.spacing.scroll.bar_width = 12.0;
    style.spacing.scroll.floating = false;
    style.interaction.selectable_labels = false;
    // A till that waits draws nothing: no cursor blinks, nothing slides.
    style.animation_time = 0.0;
    style.visuals = visuals(theme, palette);
}

fn visuals(theme: Theme, palette: &Palette) -> Visuals {
    let mut visuals = theme.default_visuals();
    let round = CornerRadius::same(ROUND);
    visuals.override_text_color = Some(palette.text);
    visuals.weak_text_color = Some(palette.muted);
    visuals.panel_fill = palette.ground;
    visuals.window_fill = palette.panel;
    visuals.extreme_bg_color = palette.field;
    visuals.text_edit_bg_color = Some(palette.field);
    visuals.faint_bg_color = palette.lifted;
    visuals.selection.bg_fill = palette.chosen;
    visuals.selection.stroke = Stroke::new(2.0, palette.accent);
    visuals.text_cursor.blink = false;
    visuals.text_cursor.stroke = Stroke::new(2.0, palette.accent);
    let widgets = &mut visuals.widgets;
    for (state, fill) in [
        (&mut widgets.noninteractive, palette.panel),
        (&mut widgets.inactive, palette.raised),
        (&mut widgets.hovered, palette.lifted),
        (&mut widgets.active, palette.chosen),
        (&mut widgets.open, palette.lifted),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, palette.edge);
        state.fg_stroke = Stroke::new(1.5, palette.text);
        state.corner_radius = round;
        state.expansion = 0.0;
    }
    // Only handles of scroll bars are drawn with these: they are there, they do not shout.
    visuals.widgets.inactive.fg_stroke.color = palette.edge;
    visuals.widgets.hovered.fg_stroke.color = palette.muted;
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(colour: Color32) -> f64 {
        let part = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour.r()) + 0.7152 * part(colour.g()) + 0.0722 * part(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_stands_out_from_what_is_behind_it() {
        for (name, palette) in [("light", LIGHT), ("dark", DARK)] {
            let behind = [palette.ground, palette.panel, palette.raised, palette.field];
            let plain = behind.iter().flat_map(|behind| {
                [(palette.text, *behind), (palette.muted, *behind), (palette.bad, *behind)]
            });
            let pairs = plain.chain([
                (palette.text, palette.lifted),
                (palette.muted, palette.lifted),
                (palette.on_accent, palette.accent),
                (palette.on_chosen, palette.chosen),
                (palette.on_good, palette.good),
                (palette.on_warn, palette.warn),
                (palette.on_bad, palette.bad),
            ]);
            for (text, behind) in pairs {
                let contrast = contrast(text, behind);
                assert!(contrast >= 4.5, "{name}: {text:?} on {behind:?} is {contrast:.2}");
            }
        }
    }
}
