//! ESC/POS, the command language of most receipt printers: elements become bytes.

use qrcode::EcLevel;

use super::bitmap::Bitmap;
use super::code_page::CodePage;
use super::codes;
use super::font::{Cell, Fonts};
use super::layout::{Element, Line, Style, columns};
use super::profile::{Cutter, DrawerPin, Profile, QrCodes};
use crate::limits::STRIP_BYTES_MAX;

/// `ESC @`: forget what was before.
pub(crate) const INITIALIZE: [u8; 2] = [0x1b, b'@'];
/// `ESC t n`: select the character table.
const CODE_PAGE: [u8; 2] = [0x1b, b't'];
/// `ESC E n`: bold on and off.
const BOLD_ON: [u8; 3] = [0x1b, b'E', 1];
const BOLD_OFF: [u8; 3] = [0x1b, b'E', 0];
/// `GS ! n`: twice as high, twice as high and wide, and back.
const TALL_ON: [u8; 3] = [0x1d, b'!', 0x01];
const DOUBLE_ON: [u8; 3] = [0x1d, b'!', 0x11];
const SIZE_OFF: [u8; 3] = [0x1d, b'!', 0x00];
/// `ESC d n`: feed lines, where there is no cutter: up to the tear-off edge.
const FEED_TO_EDGE: [u8; 3] = [0x1b, b'd', 5];
/// `GS V 65 n` and `GS V 66 n`: feed to the cutter, cut wholly or leave a point.
const CUT_FULL: [u8; 4] = [0x1d, b'V', 65, 0];
const CUT_PARTIAL: [u8; 4] = [0x1d, b'V', 66, 0];
/// Dots from one line to the next unless the printer is told otherwise: 1/6 inch.
pub(crate) const LINE_DOTS: usize = 30;

/// A paper as commands, in pieces: after each piece the printer expects a new command, so that
/// something else (a drawer) can come between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pieces: Vec<Vec<u8>>,
}

impl Encoded {
    /// The pieces in order.
    pub fn pieces(&self) -> &[Vec<u8>] {
        &self.pieces
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// The commands that print `elements` and cut.
pub fn encode(elements: &[Element], profile: &Profile, fonts: &Fonts) -> Encoded {
    let mut encoder = Encoder { profile, fonts, table: None, pieces: vec![INITIALIZE.to_vec()] };
    for element in elements {
        match element {
            Element::Line(line) => encoder.line(line),
            Element::Barcode(text) if profile.barcodes => {
                encoder.pieces.extend(codes::barcode(text, profile.dots));
            }
            Element::Barcode(_) => {}
            Element::Qr(text) => encoder.qr(text),
            Element::Picture(picture) => encoder.picture(picture),
        }
    }
    encoder.pieces.push(cut(profile).to_vec());
    Encoded { pieces: encoder.pieces }
}

/// The command that ends a paper.
pub(crate) const fn cut(profile: &Profile) -> &'static [u8] {
    match profile.cutter {
        Cutter::None => &FEED_TO_EDGE,
        Cutter::Full => &CUT_FULL,
        Cutter::Partial => &CUT_PARTIAL,
    }
}

/// `ESC p m t1 t2`: a pulse of 50 ms, then 500 ms in which there is no other (both in steps of 2 ms).
pub(crate) const fn kick(pin: DrawerPin) -> [u8; 5] {
    let pin = match pin {
        DrawerPin::Two => 0,
        DrawerPin::Five => 1,
    };
    [0x1b, b'p', pin, 25, 250]
}

struct Encoder<'a> {
    profile: &'a Profile,
    fonts: &'a Fonts,
    table: Option<u8>,
    pieces: Vec<Vec<u8>>,
}

impl Encoder<'_> {
    fn line(&mut self, line: &Line) {
        let mut text: String = line.text.trim_end().chars().filter(|c| !c.is_control()).collect();
        if columns(&text) == 0 {
            // Marks that belong to a letter, without one: there is nothing to draw.
            text.clear();
        }
        match self.in_a_table(&text) {
            Some((number, letters)) => self.text(number, &letters, line.style),
            None => self.picture(&line_picture(&text, line.style, self.fonts)),
        }
    }

    /// The text in the table that is selected if it is there, else in the first that has all of it.
    fn in_a_table(&self, text: &str) -> Option<(u8, Vec<u8>)> {
        let (selected, others): (Vec<_>, Vec<_>) =
            self.profile.code_pages.iter().partition(|(_, number)| Some(*number) == self.table);
        let encoded = |&&(page, number): &&(CodePage, u8)| {
            let letters: Option<Vec<u8>> = text.chars().map(|letter| page.byte(letter)).collect();
            letters.map(|letters| (number, letters))
        };
        selected.iter().chain(&others).find_map(encoded)
    }

    fn text(&mut self, table: u8, letters: &[u8], style: Style) {
        let mut bytes = Vec::new();
        if self.table != Some(table) {
            bytes.extend_from_slice(&CODE_PAGE);
            bytes.push(table);
            self.table = Some(table);
        }
        let (on, off): (&[u8], &[u8]) = match style {
            Style::Plain => (&[], &[]),
            Style::Bold => (&BOLD_ON, &BOLD_OFF),
            Style::Tall => (&TALL_ON, &SIZE_OFF),
            Style::Double => (&DOUBLE_ON, &SIZE_OFF),
        };
        bytes.extend_from_slice(on);
        bytes.extend_from_slice(letters);
        bytes.extend_from_slice(off);
        bytes.push(b'\n');
        self.pieces.push(bytes);
    }

    fn qr(&mut self, text: &str) {
        let dots = self.profile.qr_module_dots;
        match self.profile.qr {
            QrCodes::Native => self.pieces.extend(codes::native_qr(text, dots)),
            QrCodes::Picture => {
                let picture = codes::qr_picture(text.as_bytes(), EcLevel::M, usize::from(dots));
                if let Some(code) = picture.filter(|code| code.width() <= self.profile.dots) {
                    let mut wide = Bitmap::new(self.profile.dots, code.height());
                    wide.draw(&code, (wide.width() - code.width()) / 2, 0, 1, 1);
                    self.picture(&wide);
                }
            }
        }
    }

    /// `GS v 0`, in strips that small printers have the memory for.
    fn picture(&mut self, picture: &Bitmap) {
        for strip in picture.strips(STRIP_BYTES_MAX) {
            let length = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
            let ([x_low, x_high], [y_low, y_high]) =
                (length(strip.stride()), length(strip.height()));
            let mut bytes = vec![0x1d, b'v', b'0', 0, x_low, x_high, y_low, y_high];
            bytes.extend_from_slice(&without_commands(strip.bits()));
            self.pieces.push(bytes);
        }
    }
}

/// A line as the picture that stands for it, as high as the line would be.
pub(crate) fn line_picture(text: &str, style: Style, fonts: &Fonts) -> Bitmap {
    let (across, down) = style.scale();
    let letters = fonts.line(text, Cell::A, style == Style::Bold);
    let height = LINE_DOTS.max(Cell::A.height * down);
    let mut picture = Bitmap::new(letters.width() * across, height);
    picture.draw(&letters, 0, 0, across, down);
    picture
}

/// A printer looks for `DLE EOT`, `DLE ENQ` and `DLE DC4` everywhere, in pictures too, and obeys. One
/// more black dot makes them something else, and nobody sees it.
fn without_commands(bits: &[u8]) -> Vec<u8> {
    let mut safe = bits.to_vec();
    for at in 1..safe.len() {
        if let Some([first, second]) = safe.get_mut(at - 1..=at)
            && *first == 0x10
            && matches!(*second, 0x04 | 0x05 | 0x14)
        {
            *first = 0x11;
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_looks_like_a_command_is_none() {
        let bits = [0x10, 0x04, 0x10, 0x10, 0x14, 0x05, 0x10];
        assert_eq!(without_commands(&bits), [0x11, 0x04, 0x10, 0x11, 0x14, 0x05, 0x10]);
    }
}
