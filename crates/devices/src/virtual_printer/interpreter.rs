//! Commands into pictures.

use qrcode::EcLevel;
use unicode_width::UnicodeWidthChar;

use super::codes;
use super::lexer::Command;
use crate::limits::PAPER_DOTS_MAX;
use crate::printer::{Bitmap, Cell, CodePage, Fonts, LINE_DOTS, Profile, qr_picture};

/// Dots from the head to the cutter.
const CUTTER_DOTS: usize = 90;
/// Gap between bars and the text below them.
const BARCODE_TEXT_GAP: usize = 4;

/// A paper that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printout {
    /// How it looks.
    pub picture: Bitmap,
    /// Its lines of text, without the blanks at their ends. A picture is no text.
    pub text: Vec<String>,
    /// What its bar codes say.
    pub barcodes: Vec<String>,
    /// What its QR codes say, those that were sent as data.
    pub qr_codes: Vec<Vec<u8>>,
    /// Pictures on it, as they were sent.
    pub pictures: Vec<Bitmap>,
    /// Names of commands that are not known here.
    pub unknown: Vec<u8>,
}

/// What a command does beside putting dots on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A paper was cut off.
    Printed(Box<Printout>),
    /// The drawer on this pin opened.
    Drawer(u8),
    /// The printer is to answer these bytes.
    Answer(Vec<u8>),
}

/// How letters look at the moment.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in ESC/POS")]
struct Look {
    bold: bool,
    underline: bool,
    reverse: bool,
    across: usize,
    down: usize,
    small: bool,
}

const PLAIN: Look =
    Look { bold: false, underline: false, reverse: false, across: 1, down: 1, small: false };

/// How a bar code is printed.
#[derive(Debug, Clone, Copy)]
struct BarcodeLook {
    height: u8,
    width: u8,
    text: u8,
}

const BARS: BarcodeLook = BarcodeLook { height: 162, width: 3, text: 0 };

/// A printer's memory and paper.
#[derive(Debug)]
pub struct Interpreter {
    fonts: Fonts,
    profile: Profile,
    page: CodePage,
    align: u8,
    look: Look,
    spacing: usize,
    bars: BarcodeLook,
    qr_module: usize,
    qr_level: EcLevel,
    qr_data: Vec<u8>,
    stored: Option<Bitmap>,
    /// The line that is being filled: its dots from its top, how far it is filled, its text.
    line: Bitmap,
    at: usize,
    line_height: usize,
    line_text: String,
    paper: Bitmap,
    /// Rows of the paper that have passed the head.
    fed: usize,
    out: Texts,
}

#[derive(Debug, Default)]
struct Texts {
    text: Vec<String>,
    barcodes: Vec<String>,
    qr_codes: Vec<Vec<u8>>,
    pictures: Vec<Bitmap>,
    unknown: Vec<u8>,
}

impl Interpreter {
    /// A printer that is switched on.
    pub fn new(profile: Profile, fonts: Fonts) -> Self {
        let mut printer = Self {
            fonts,
            profile,
            page: CodePage::Pc437,
            align: 0,
            look: PLAIN,
            spacing: LINE_DOTS,
            bars: BARS,
            qr_module: 3,
            qr_level: EcLevel::L,
            qr_data: Vec::new(),
            stored: None,
            line: Bitmap::new(0, 0),
            at: 0,
            line_height: 0,
            line_text: String::new(),
            paper: Bitmap::new(profile.dots, 0),
            fed: 0,
            out: Texts::default(),
        };
        printer.new_line();
        printer
    }

    /// Rows that have passed the head since the last cut.
    pub const fn fed(&self) -> usize {
        self.fed
    }

    /// Tears off what was printed since the last cut.
    pub fn tear_off(&mut self) -> Printout {
        let height = self.fed.max(1);
        let stride = self.paper.stride();
        let bits = self.paper.bits().get(..height * stride).unwrap_or(self.paper.bits());
        let picture = Bitmap::from_bits(self.profile.dots, height, bits.to_vec());
        let out = std::mem::take(&mut self.out);
        self.paper = Bitmap::new(self.profile.dots, 0);
        self.fed = 0;
        let Texts { text, barcodes, qr_codes, pictures, unknown } = out;
        Printout { picture, text, barcodes, qr_codes, pictures, unknown }
    }

    /// Obeys one command.
    pub fn run(&mut self, command: Command) -> Option<Effect> {
        match command {
            Command::Text(bytes) => self.letters(&bytes),
            Command::LineFeed => self.end_line(),
            Command::Cut { feeds } => {
                self.flush_line();
                if feeds {
                    self.feed(CUTTER_DOTS);
                }
                return Some(Effect::Printed(Box::new(self.tear_off())));
            }
            Command::Drawer(pin) | Command::DrawerNow(pin) => return Some(Effect::Drawer(pin)),
            Command::StatusInOrder(_) => return Some(Effect::Answer(vec![0])),
            Command::Echo([a, b, c, d]) => {
                return Some(Effect::Answer(vec![0x37, 0x22, a, b, c, d, 0]));
            }
            Command::Initialize => self.initialize(),
            Command::FeedLines(lines) => {
                self.flush_line();
                self.feed(usize::from(lines) * self.spacing);
            }
            Command::FeedDots(dots) => {
                self.flush_line();
                self.feed(usize::from(dots));
            }
            Command::Unknown(name) => self.out.unknown.push(name),
            Command::Barcode(kind, data) => self.barcode(kind, &data),
            Command::QrData(data) => self.qr_data = data,
            Command::QrPrint => self.qr(),
            Command::Raster { scale, stride, rows, bits } => {
                let picture = Bitmap::from_bits(stride * 8, rows, bits);
                self.picture(&picture, scale.0, scale.1);
                self.out.pictures.push(picture);
            }
            Command::Columns { bytes, wide, bits } => self.columns(bytes, wide, &bits),
            Command::Store(width, height, bits) => {
                self.stored = Some(Bitmap::from_bits(width, height, bits));
            }
            Command::PrintStored => {
                if let Some(picture) = self.stored.take() {
                    self.picture(&picture, 1, 1);
                }
            }
            setting => self.set(&setting),
        }
        None
    }

    fn set(&mut self, setting: &Command) {
        match *setting {
            Command::CodePage(number) => self.page = self.page_of(number),
            Command::Align(align) => self.align = align,
            Command::Bold(on) => self.look.bold = on,
            Command::Underline(on) => self.look.underline = on,
            Command::Reverse(on) => self.look.reverse = on,
            Command::Size(across, down) => {
                (self.look.across, self.look.down) = (usize::from(across), usize::from(down));
            }
            Command::SmallFont(small) => self.look.small = small,
            Command::Mode(mode) => {
                let twice = |bit: u8| usize::from(mode >> bit & 1) + 1;
                self.look = Look {
                    small: mode & 1 == 1,
                    bold: mode & 0x08 != 0,
                    down: twice(4),
                    across: twice(5),
                    underline: mode & 0x80 != 0,
                    ..self.look
                };
            }
            Command::LineSpacing(dots) => self.spacing = dots.map_or(LINE_DOTS, usize::from),
            Command::Position(dots) => self.at = usize::from(dots).min(self.profile.dots),
            Command::Move(dots) => {
                let to = self.at.saturating_add_signed(isize::from(dots));
                self.at = to.min(self.profile.dots);
            }
            Command::Tab => {
                let stop = 8 * Cell::A.width;
                self.at = ((self.at / stop + 1) * stop).min(self.profile.dots);
            }
            Command::BarcodeHeight(dots) => self.bars.height = dots,
            Command::BarcodeWidth(dots) => self.bars.width = dots.clamp(1, 6),
            Command::BarcodeText(place) => self.bars.text = place,
            Command::QrModule(dots) => self.qr_module = usize::from(dots.clamp(1, 16)),
            Command::QrLevel(level) => {
                self.qr_level = match level {
                    48 => EcLevel::L,
                    49 => EcLevel::M,
                    50 => EcLevel::Q,
                    _ => EcLevel::H,
                };
            }
            _ => {}
        }
    }

    fn initialize(&mut self) {
        self.new_line();
        (self.page, self.align, self.look) = (CodePage::Pc437, 0, PLAIN);
        (self.spacing, self.bars) = (LINE_DOTS, BARS);
        (self.qr_module, self.qr_level, self.stored) = (3, EcLevel::L, None);
        self.qr_data.clear();
    }

    /// The table this model selects by a number; one it does not have prints as PC437.
    fn page_of(&self, number: u8) -> CodePage {
        let known = self.profile.code_pages.iter().find(|(_, selects)| *selects == number);
        known.map_or(CodePage::Pc437, |&(page, _)| page)
    }

    fn letters(&mut self, bytes: &[u8]) {
        let cell = if self.look.small { Cell::B } else { Cell::A };
        let Look { across, down, bold, .. } = self.look;
        for &byte in bytes {
            let letter = self.page.character(byte).unwrap_or('\u{fffd}');
            let width = cell.width * across;
            if self.at + width > self.profile.dots {
                self.end_line();
            }
            let dots = self.fonts.line(&letter.to_string(), cell, bold);
            let height = cell.height * down;
            self.line.grow(self.line_height.max(height));
            self.line_height = self.line_height.max(height);
            self.line.draw(&dots, self.at, 0, across, down);
            if self.look.underline {
                self.line.fill(self.at, height.saturating_sub(2), width, 2);
            }
            if self.look.reverse {
                for y in 0..height {
                    (self.at..self.at + width).for_each(|x| self.line.invert(x, y));
                }
            }
            self.at += width;
            debug_assert!(letter.width().unwrap_or(1) <= 1, "tables have narrow letters only");
            self.line_text.push(letter);
        }
    }

    fn new_line(&mut self) {
        self.line = Bitmap::new(self.profile.dots, 0);
        (self.at, self.line_height) = (0, 0);
        self.line_text.clear();
    }

    /// Prints what the line holds, if anything.
    fn flush_line(&mut self) {
        if self.line_height > 0 {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::replace(&mut self.line, Bitmap::new(0, 0));
        let (used, height) = (self.at.min(self.profile.dots), self.line_height);
        let left = self.aligned(used);
        self.put(&line, left, 1, 1);
        let text = self.line_text.trim_end().to_owned();
        self.out.text.push(text);
        self.feed(self.spacing.max(height));
        self.new_line();
    }

    /// Where something of this width begins.
    const fn aligned(&self, width: usize) -> usize {
        let room = self.profile.dots.saturating_sub(width);
        match self.align {
            1 => room / 2,
            2 => room,
            _ => 0,
        }
    }

    /// Puts dots on the paper at the head, without moving it.
    fn put(&mut self, dots: &Bitmap, left: usize, across: usize, down: usize) {
        let bottom = self.fed + dots.height() * down;
        if bottom <= PAPER_DOTS_MAX {
            self.paper.grow(bottom);
            self.paper.draw(dots, left, self.fed, across, down);
        }
    }

    fn feed(&mut self, dots: usize) {
        self.fed = (self.fed + dots).min(PAPER_DOTS_MAX);
        self.paper.grow(self.fed);
    }

    fn picture(&mut self, picture: &Bitmap, across: usize, down: usize) {
        self.flush_line();
        let left = self.aligned(picture.width() * across);
        self.put(picture, left, across, down);
        self.feed(picture.height() * down);
    }

    fn barcode(&mut self, kind: u8, data: &[u8]) {
        self.flush_line();
        let Some((modules, text)) = codes::modules(kind, data) else {
            return self.out.text.push(format!("(bar code {kind} cannot be drawn)"));
        };
        let BarcodeLook { height, width, text: place } = self.bars;
        let bars = codes::bars(&modules, usize::from(width), usize::from(height));
        let label = self.fonts.line(&text, Cell::A, false);
        let (above, below) = (place & 1 == 1, place & 2 == 2);
        let parts = [above.then_some(&label), Some(&bars), below.then_some(&label)];
        for part in parts.into_iter().flatten() {
            self.picture(part, 1, 1);
            self.feed(if above || below { BARCODE_TEXT_GAP } else { 0 });
        }
        self.out.barcodes.push(text);
    }

    fn qr(&mut self) {
        if let Some(picture) = qr_picture(&self.qr_data, self.qr_level, self.qr_module) {
            self.picture(&picture, 1, 1);
            self.out.qr_codes.push(self.qr_data.clone());
        }
    }

    /// A strip of columns stands in the line like a letter.
    fn columns(&mut self, bytes: usize, wide: bool, bits: &[u8]) {
        let across = if wide { 2 } else { 1 };
        // Eight dots are as high as 24 where the head is coarse.
        let down = if bytes == 1 { 3 } else { 1 };
        let height = bytes * 8 * down;
        self.line.grow(self.line_height.max(height));
        self.line_height = self.line_height.max(height);
        for column in bits.chunks_exact(bytes) {
            for (row, byte) in column.iter().enumerate() {
                for bit in (0..8).filter(|bit| byte >> (7 - bit) & 1 == 1) {
                    self.line.fill(self.at, (row * 8 + bit) * down, across, down);
                }
            }
            self.at += across;
        }
    }
}
