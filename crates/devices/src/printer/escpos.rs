//! ESC/POS, the command language of most receipt printers: lines become bytes.

use unicode_width::UnicodeWidthChar;

use super::Drawer;
use super::code_page::CodePage;
use super::layout::{Line, Style};

/// `ESC @`: forget what was before.
const INITIALIZE: [u8; 2] = [0x1b, b'@'];
/// `ESC t n`: select the character table.
const CODE_PAGE: [u8; 2] = [0x1b, b't'];
/// `ESC E n`: bold on and off.
const BOLD_ON: [u8; 3] = [0x1b, b'E', 1];
const BOLD_OFF: [u8; 3] = [0x1b, b'E', 0];
/// `GS ! n`: twice as high, and back. Twice as wide would halve the columns of the layout.
const TALL_ON: [u8; 3] = [0x1d, b'!', 0x01];
const TALL_OFF: [u8; 3] = [0x1d, b'!', 0x00];
/// `ESC d n`: feed lines, where there is no cutter: up to the tear-off edge.
const FEED_TO_EDGE: [u8; 3] = [0x1b, b'd', 5];
/// `GS V 65 n` and `GS V 66 n`: feed to the cutter, cut wholly or leave a point.
const CUT_FULL: [u8; 4] = [0x1d, b'V', 65, 0];
const CUT_PARTIAL: [u8; 4] = [0x1d, b'V', 66, 0];
/// What is printed for a character the table does not have.
const UNKNOWN: u8 = b'?';

/// How the paper is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutter {
    /// It is torn off by hand.
    None,
    /// Through.
    Full,
    /// A point is left, so that the receipt does not fall.
    Partial,
}

/// The pin of the printer's drawer socket that the drawer's solenoid is wired to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawerPin {
    /// Pin 2, the usual one.
    Two,
    /// Pin 5: the second drawer.
    Five,
}

/// What a printer can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// Characters on a line of font A: 48 on 80 mm paper at 203 dpi, 42 on older ones, 32 on 58 mm.
    pub columns: usize,
    /// Its character table.
    pub code_page: CodePage,
    /// The number this model selects that table by.
    pub code_page_number: u8,
    /// Its cutter.
    pub cutter: Cutter,
    /// Where the drawer is, if one is connected.
    pub drawer: Option<DrawerPin>,
}

impl Model {
    /// An 80 mm printer that numbers tables as Epson does, with cutter and drawer.
    pub const EPSON_80_MM: Self = Self {
        columns: 48,
        code_page: CodePage::Wpc1252,
        code_page_number: CodePage::Wpc1252.epson_number(),
        cutter: Cutter::Partial,
        drawer: Some(DrawerPin::Two),
    };
}

/// The bytes that print `lines` and cut. The drawer is opened first: the cashier reaches into it
/// while the paper runs.
pub fn encode(lines: &[Line], model: &Model, drawer: Drawer) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&INITIALIZE);
    bytes.extend_from_slice(&CODE_PAGE);
    bytes.push(model.code_page_number);
    if let (Drawer::Open, Some(pin)) = (drawer, model.drawer) {
        bytes.extend_from_slice(&kick(pin));
    }
    for line in lines {
        let (on, off): (&[u8], &[u8]) = match line.style {
            Style::Plain => (&[], &[]),
            Style::Bold => (&BOLD_ON, &BOLD_OFF),
            Style::Tall => (&TALL_ON, &TALL_OFF),
        };
        bytes.extend_from_slice(on);
        for character in line.text.trim_end().chars() {
            put(&mut bytes, model.code_page, character);
        }
        bytes.extend_from_slice(off);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(match model.cutter {
        Cutter::None => &FEED_TO_EDGE,
        Cutter::Full => &CUT_FULL,
        Cutter::Partial => &CUT_PARTIAL,
    });
    bytes
}

/// As many bytes as the character has columns, so that what stands right of it stays in place.
fn put(bytes: &mut Vec<u8>, page: CodePage, character: char) {
    if let Some(byte) = page.byte(character) {
        bytes.push(byte);
    } else {
        let columns = UnicodeWidthChar::width(character).unwrap_or(0);
        bytes.extend(std::iter::repeat_n(UNKNOWN, columns));
    }
}

/// `ESC p m t1 t2`: a pulse of 50 ms, then 500 ms in which there is no other (both in steps of 2 ms).
const fn kick(pin: DrawerPin) -> [u8; 5] {
    let pin = match pin {
        DrawerPin::Two => 0,
        DrawerPin::Five => 1,
    };
    [0x1b, b'p', pin, 25, 250]
}
