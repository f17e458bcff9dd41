//! Letters as dots: for text that no character table of the printer has, and for the virtual printer.

use ab_glyph::{Font, FontRef, FontVec, GlyphId, OutlinedGlyph, PxScale, ScaleFont, point};
use thiserror::Error;

use super::bitmap::Bitmap;
use super::layout::{columns, width_of};

const REGULAR: &[u8] = include_bytes!("../../fonts/DejaVuSansMono.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/DejaVuSansMono-Bold.ttf");
/// How much of a dot an outline must cover for the dot to be black. Less makes heavy letters.
const COVERED: f32 = 0.45;

/// A font file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is not a font a receipt can be printed with: give a TrueType or OpenType file")]
pub struct FontError;

/// Width and height of a printer's character, in dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Cell {
    /// Font A of nearly every printer.
    pub const A: Self = Self { width: 12, height: 24 };
    /// Font B.
    pub const B: Self = Self { width: 9, height: 17 };
}

/// The fonts letters are drawn with: DejaVu Sans Mono, and behind it what the shop adds for its
/// script. Letters of scripts that join or change their order are drawn one by one as they are
/// stored: Arabic and the scripts of India are legible to nobody, Hebrew stands left to right.
#[derive(Debug)]
pub struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
    added: Vec<FontVec>,
}

impl Fonts {
    /// The fonts that come with this crate.
    pub fn new() -> Result<Self, FontError> {
        let open = |bytes| FontRef::try_from_slice(bytes).map_err(|_invalid| FontError);
        Ok(Self { regular: open(REGULAR)?, bold: open(BOLD)?, added: Vec::new() })
    }

    /// Adds a font for letters the others lack: the bytes of its file.
    pub fn add(&mut self, file: Vec<u8>) -> Result<(), FontError> {
        self.added.push(FontVec::try_from_vec(file).map_err(|_invalid| FontError)?);
        Ok(())
    }

    /// Draws one line. A letter takes as many cells as Unicode says it is wide; one that no font has
    /// is a hollow box.
    pub fn line(&self, text: &str, cell: Cell, bold: bool) -> Bitmap {
        let mut line = Bitmap::new(columns(text) * cell.width, cell.height);
        let mut left = 0_usize;
        for character in text.chars() {
            let width = width_of(character) * cell.width;
            // A mark without a width of its own stands on the letter before it.
            let at = if width == 0 { left.saturating_sub(cell.width) } else { left };
            self.letter(&mut line, character, at, Cell { width, ..cell }, bold);
            left += width;
        }
        line
    }

    fn letter(&self, line: &mut Bitmap, letter: char, left: usize, cell: Cell, bold: bool) {
        if letter.is_whitespace() || letter.is_control() {
            return;
        }
        let main = if bold { &self.bold } else { &self.regular };
        let drawn = outline(main, letter, cell, true)
            .or_else(|| outline(&self.regular, letter, cell, true))
            .or_else(|| self.added.iter().find_map(|font| outline(font, letter, cell, false)));
        match drawn {
            Some(Drawn::Outline(glyph)) => ink(line, &glyph, left),
            Some(Drawn::Blank) => {}
            None if cell.width == 0 => {}
            None => hollow_box(line, left, cell),
        }
    }
}

enum Drawn {
    Outline(OutlinedGlyph),
    Blank,
}

/// A letter's outline at the place it has in a cell; `None` where the font lacks the letter.
#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "the size of a letter")]
fn outline<F: Font>(font: &F, letter: char, cell: Cell, fitted: bool) -> Option<Drawn> {
    let id = font.glyph_id(letter);
    if id == GlyphId(0) {
        return None;
    }
    let height = cell.height as f32;
    let natural = font.as_scaled(PxScale::from(height));
    let advance = natural.h_advance(id);
    let across = if fitted && cell.width > 0 && advance > 0.0 {
        height * (cell.width as f32 / advance)
    } else {
        height
    };
    let scale = PxScale { x: across, y: height };
    let scaled = font.as_scaled(scale);
    let slack = (cell.width as f32 - scaled.h_advance(id)).max(0.0) / 2.0;
    let glyph = id.with_scale_and_position(scale, point(slack, scaled.ascent()));
    Some(font.outline_glyph(glyph).map_or(Drawn::Blank, Drawn::Outline))
}

#[expect(clippy::cast_possible_truncation, reason = "bounds of one letter, in dots")]
fn ink(line: &mut Bitmap, glyph: &OutlinedGlyph, left: usize) {
    let bounds = glyph.px_bounds();
    let place = |origin: f32, offset: u32, start: usize| {
        let at = i64::from(origin as i32) + i64::from(offset);
        usize::try_from(at + i64::try_from(start).unwrap_or(i64::MAX)).ok()
    };
    glyph.draw(|x, y, covered| {
        if covered >= COVERED
            && let (Some(x), Some(y)) = (place(bounds.min.x, x, left), place(bounds.min.y, y, 0))
        {
            line.blacken(x, y);
        }
    });
}

fn hollow_box(line: &mut Bitmap, left: usize, cell: Cell) {
    let (width, height) = (cell.width.saturating_sub(2), cell.height.saturating_sub(6));
    let (left, top) = (left + 1, 3);
    line.fill(left, top, width, 1);
    line.fill(left, top + height, width, 1);
    line.fill(left, top, 1, height);
    line.fill((left + width).saturating_sub(1), top, 1, height + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(picture: &Bitmap) -> u32 {
        picture.bits().iter().map(|byte| byte.count_ones()).sum()
    }

    #[test]
    fn a_line_is_as_wide_as_its_columns_and_bold_has_more_ink() {
        let fonts = Fonts::new().unwrap();
        let plain = fonts.line("Total 茶", Cell::A, false);
        assert_eq!((plain.width(), plain.height()), (8 * 12, 24));
        assert!(
            dots(&fonts.line("Total", Cell::A, true)) > dots(&fonts.line("Total", Cell::A, false))
        );
        assert_eq!(dots(&fonts.line("  \u{a0} ", Cell::A, false)), 0);
    }

    #[test]
    fn letters_stay_in_their_cells() {
        let fonts = Fonts::new().unwrap();
        for cell in [Cell::A, Cell::B] {
            for letter in "AgWÅjẞ€Жλ|█".chars() {
                let alone = fonts.line(&letter.to_string(), cell, false);
                assert!(dots(&alone) > 0, "{letter}");
                let between = fonts.line(&format!(" {letter} "), cell, false);
                let ink: u32 = dots(&between);
                assert!(ink.abs_diff(dots(&alone)) <= 8, "{letter} leaves its cell");
            }
        }
    }

    #[test]
    fn a_letter_no_font_has_is_a_box() {
        let fonts = Fonts::new().unwrap();
        let missing = fonts.line("茶", Cell::A, false);
        assert!(missing.is_black(1, 3) && missing.is_black(22, 10) && !missing.is_black(10, 10));
    }

    #[test]
    fn what_is_no_font_is_refused() {
        assert_eq!(Fonts::new().unwrap().add(vec![0; 100]), Err(FontError));
    }
}
