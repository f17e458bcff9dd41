//! Bytes into commands. ESC/POS has no frame: what follows a command's name has a length of its own
//! for each name, so a name that is not known can only be skipped and hoped for.

use crate::limits::COMMAND_BYTES_MAX;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Letters of the selected table.
    Text(Vec<u8>),
    /// `LF`: print the line.
    LineFeed,
    /// `HT`: to the next multiple of eight columns.
    Tab,
    /// `ESC @`.
    Initialize,
    /// `ESC t n`.
    CodePage(u8),
    /// `ESC a n`: 0 left, 1 centre, 2 right.
    Align(u8),
    /// `ESC E n`.
    Bold(bool),
    /// `ESC - n`.
    Underline(bool),
    /// `GS B n`: white on black.
    Reverse(bool),
    /// `GS ! n`: how many times as wide and as high.
    Size(u8, u8),
    /// `ESC M n`: font B or not.
    SmallFont(bool),
    /// `ESC ! n`: font, bold, size, underline in one.
    Mode(u8),
    /// `ESC d n`.
    FeedLines(u8),
    /// `ESC J n`.
    FeedDots(u8),
    /// `ESC 3 n`; `None` for `ESC 2`.
    LineSpacing(Option<u8>),
    /// `ESC $`: position in the line, in dots.
    Position(u16),
    /// `ESC \`: further, in dots.
    Move(i16),
    /// `GS V`: with feed or without.
    Cut {
        /// Whether the paper is fed to the cutter first.
        feeds: bool,
    },
    /// `ESC p`: the drawer's pin, 2 or 5.
    Drawer(u8),
    /// `GS h n`.
    BarcodeHeight(u8),
    /// `GS w n`.
    BarcodeWidth(u8),
    /// `GS H n`: 0 no text, 1 above, 2 below, 3 both.
    BarcodeText(u8),
    /// `GS k`: the kind as in its form with a length, and the data.
    Barcode(u8, Vec<u8>),
    /// `GS ( k` 67: dots of a module.
    QrModule(u8),
    /// `GS ( k` 69: 48 to 51.
    QrLevel(u8),
    /// `GS ( k` 80.
    QrData(Vec<u8>),
    /// `GS ( k` 81.
    QrPrint,
    /// `GS v 0`: bytes in a row, rows, bits; how many times as wide and high.
    Raster {
        /// How many times as wide and as high.
        scale: (usize, usize),
        /// Bytes in a row.
        stride: usize,
        /// Rows.
        rows: usize,
        /// The rows.
        bits: Vec<u8>,
    },
    /// `ESC *`: a strip of 8 or 24 dots, column by column.
    Columns {
        /// Bytes in a column.
        bytes: usize,
        /// Whether each column is two dots wide.
        wide: bool,
        /// The columns.
        bits: Vec<u8>,
    },
    /// `GS ( L` or `GS 8 L` 112: a picture to be printed later: dots wide, dots high, bits.
    Store(usize, usize, Vec<u8>),
    /// `GS ( L` 50: print it.
    PrintStored,
    /// `DLE EOT n`.
    Status(u8),
    /// `DLE DC4 1`: the drawer at once.
    DrawerNow(u8),
    /// `GS r n`.
    StatusInOrder(u8),
    /// `GS ( H`: send back.
    Echo([u8; 4]),
    /// `GS a n`.
    Reports(u8),
    /// Known and of no consequence here.
    Ignored,
    /// Not known.
    Unknown(u8),
}

impl Command {
    /// Whether a printer obeys it when it arrives, not when its turn comes.
    pub const fn is_real_time(&self) -> bool {
        matches!(self, Self::Status(_) | Self::DrawerNow(_))
    }
}

/// Takes bytes apart, in whatever portions they come.
#[derive(Debug, Clone, Default)]
pub struct Lexer {
    pending: Vec<u8>,
}

impl Lexer {
    /// The commands that are complete with these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Command> {
        self.pending.extend_from_slice(bytes);
        let mut commands = Vec::new();
        let mut rest = self.pending.as_slice();
        while let Some((command, length)) = next(rest) {
            rest = rest.get(length..).unwrap_or_default();
            match (command, commands.last_mut()) {
                (Command::Text(more), Some(Command::Text(text))) => text.extend(more),
                (Command::Ignored, _) => {}
                (command, _) => commands.push(command),
            }
        }
        self.pending = rest.to_vec();
        if self.pending.len() > COMMAND_BYTES_MAX {
            // A length nobody means: out of step. Begin anew.
            self.pending.clear();
        }
        commands
    }

    /// Bytes of a command that is not complete.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

/// The first command and its length; `None` when it is not complete.
fn next(bytes: &[u8]) -> Option<(Command, usize)> {
    let one = |command: Command| Some((command, 1));
    match *bytes.first()? {
        b'\n' => one(Command::LineFeed),
        b'\t' => one(Command::Tab),
        0x10 => real_time(bytes),
        0x1b => escape(bytes),
        0x1c => kanji(bytes),
        0x1d => group(bytes),
        // The rest of the control codes: zeros between commands, carriage returns, CAN.
        ..=0x1f => one(Command::Ignored),
        _ => {
            let length = bytes.iter().take_while(|byte| **byte > 0x1f).count();
            Some((Command::Text(bytes.get(..length)?.to_vec()), length))
        }
    }
}

fn real_time(bytes: &[u8]) -> Option<(Command, usize)> {
    match (*bytes.get(1)?, bytes.get(2..)) {
        (0x04, Some([what, ..])) => Some((Command::Status(*what), 3)),
        (0x14, Some([1, pin, _, ..])) => {
            Some((Command::DrawerNow(if *pin == 1 { 5 } else { 2 }), 5))
        }
        (0x14, Some([other, ..])) if *other != 1 => Some((Command::Ignored, 3)),
        (0x05, Some([_, ..])) => Some((Command::Ignored, 3)),
        (0x04 | 0x05 | 0x14, _) => None,
        _ => Some((Command::Ignored, 1)),
    }
}

fn escape(bytes: &[u8]) -> Option<(Command, usize)> {
    let name = *bytes.get(1)?;
    let parameter = || bytes.get(2).copied();
    let two = |command: Command| Some((command, 2));
    let three = |command: fn(u8) -> Command| Some((command(parameter()?), 3));
    let word = || Some(u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    match name {
        b'@' => two(Command::Initialize),
        b'2' => two(Command::LineSpacing(None)),
        b'3' => three(|dots| Command::LineSpacing(Some(dots))),
        b't' => three(Command::CodePage),
        b'a' => three(|n| Command::Align(n & 0x0f)),
        b'E' | b'G' => three(|n| Command::Bold(n & 1 == 1)),
        b'-' => three(|n| Command::Underline(n & 3 != 0)),
        b'M' => three(|n| Command::SmallFont(n & 1 == 1)),
        b'!' => three(Command::Mode),
        b'd' => three(Command::FeedLines),
        b'J' => three(Command::FeedDots),
        b'$' => Some((Command::Position(word()?), 4)),
        b'\\' => Some((Command::Move(word()?.cast_signed()), 4)),
        b'p' => {
            let pin = if parameter()? & 1 == 1 { 5 } else { 2 };
            bytes.get(4)?;
            Some((Command::Drawer(pin), 5))
        }
        b'*' => columns(bytes),
        // Of no consequence: spacing, upside down, character sets, panel buttons, peripheral, colour.
        b' ' | b'{' | b'R' | b'=' | b'r' | b'U' | b'V' | b'T' => {
            parameter().map(|_| (Command::Ignored, 3))
        }
        b'c' => bytes.get(3).map(|_| (Command::Ignored, 4)),
        b'D' => {
            let end = bytes.iter().skip(2).position(|byte| *byte == 0)?;
            Some((Command::Ignored, end + 3))
        }
        b'S' | b'L' => two(Command::Ignored),
        other => two(Command::Unknown(other)),
    }
}

/// `ESC * m nL nH`: modes 0 and 1 are 8 dots high, 32 and 33 are 24; even ones have wide columns.
fn columns(bytes: &[u8]) -> Option<(Command, usize)> {
    let mode = *bytes.get(2)?;
    let count = usize::from(u16::from_le_bytes([*bytes.get(3)?, *bytes.get(4)?]));
    let column = if mode >= 32 { 3 } else { 1 };
    let end = 5 + count * column;
    let bits = bytes.get(5..end)?.to_vec();
    Some((Command::Columns { bytes: column, wide: mode & 1 == 0, bits }, end))
}

/// `FS`: double-byte characters, and stored pictures.
fn kanji(bytes: &[u8]) -> Option<(Command, usize)> {
    let ignored = |length: usize| bytes.get(length - 1).map(|_| (Command::Ignored, length));
    match *bytes.get(1)? {
        b'(' => with_length(bytes),
        b'S' | b'p' => ignored(4),
        b'!' | b'-' | b'C' | b'W' => ignored(3),
        b'.' | b'&' => ignored(2),
        other => Some((Command::Unknown(other), 2)),
    }
}

/// A command of the form `x ( y pL pH …`.
fn with_length(bytes: &[u8]) -> Option<(Command, usize)> {
    let name = *bytes.get(2)?;
    let length = usize::from(u16::from_le_bytes([*bytes.get(3)?, *bytes.get(4)?]));
    let data = bytes.get(5..5 + length)?;
    let command = match (bytes.first(), name) {
        (Some(0x1d), b'k') => qr(data),
        (Some(0x1d), b'L') => graphics(data),
        (Some(0x1d), b'H') => match *data {
            [48, 48, a, b, c, d] => Command::Echo([a, b, c, d]),
            _ => Command::Ignored,
        },
        _ => Command::Ignored,
    };
    Some((command, 5 + length))
}

fn qr(data: &[u8]) -> Command {
    match *data {
        [49, 67, dots] => Command::QrModule(dots),
        [49, 69, level] => Command::QrLevel(level),
        [49, 80, _, ref text @ ..] => Command::QrData(text.to_vec()),
        [49, 81, _] => Command::QrPrint,
        _ => Command::Ignored,
    }
}

fn graphics(data: &[u8]) -> Command {
    match *data {
        [48, 112, _tone, _across, _down, _colour, xl, xh, yl, yh, ref bits @ ..] => {
            let side = |low, high| usize::from(u16::from_le_bytes([low, high]));
            Command::Store(side(xl, xh), side(yl, yh), bits.to_vec())
        }
        [48, 50 | 2, ..] => Command::PrintStored,
        _ => Command::Ignored,
    }
}

fn group(bytes: &[u8]) -> Option<(Command, usize)> {
    let parameter = || bytes.get(2).copied();
    let three = |command: fn(u8) -> Command| Some((command(parameter()?), 3));
    let ignored = |length: usize| bytes.get(length - 1).map(|_| (Command::Ignored, length));
    match *bytes.get(1)? {
        b'!' => three(|n| Command::Size((n >> 4 & 7) + 1, (n & 7) + 1)),
        b'B' => three(|n| Command::Reverse(n & 1 == 1)),
        b'h' => three(Command::BarcodeHeight),
        b'w' => three(Command::BarcodeWidth),
        b'H' => three(|n| Command::BarcodeText(n & 3)),
        b'r' => three(Command::StatusInOrder),
        b'a' => three(Command::Reports),
        b'f' | b'I' | b'b' => ignored(3),
        b'L' | b'W' | b'P' | b'\\' | b'$' => ignored(4),
        b'V' => match parameter()? {
            65 | 66 | 97 | 98 | 103 | 104 => {
                bytes.get(3).map(|_| (Command::Cut { feeds: true }, 4))
            }
            _ => Some((Command::Cut { feeds: false }, 3)),
        },
        b'k' => barcode(bytes),
        b'v' => raster(bytes),
        b'(' => with_length(bytes),
        b'8' => {
            let length = u32::from_le_bytes(bytes.get(3..7)?.try_into().ok()?);
            let end = 7_usize.checked_add(usize::try_from(length).ok()?)?;
            let data = bytes.get(7..end)?;
            let is_graphics = bytes.get(2) == Some(&b'L');
            Some((if is_graphics { graphics(data) } else { Command::Ignored }, end))
        }
        other => Some((Command::Unknown(other), 2)),
    }
}

/// `GS k m`: up to 6 the data ends with a zero, from 65 it has a length.
fn barcode(bytes: &[u8]) -> Option<(Command, usize)> {
    let kind = *bytes.get(2)?;
    if kind < 65 {
        let length = bytes.iter().skip(3).position(|byte| *byte == 0)?;
        let data = bytes.get(3..3 + length)?.to_vec();
        return Some((Command::Barcode(kind + 65, data), 4 + length));
    }
    let end = 4 + usize::from(*bytes.get(3)?);
    Some((Command::Barcode(kind, bytes.get(4..end)?.to_vec()), end))
}

fn raster(bytes: &[u8]) -> Option<(Command, usize)> {
    let &[mode, xl, xh, yl, yh] = bytes.get(3..8)?.first_chunk()?;
    let side = |low, high| usize::from(u16::from_le_bytes([low, high]));
    let (stride, rows) = (side(xl, xh), side(yl, yh));
    let end = 8 + stride * rows;
    let bits = bytes.get(8..end)?.to_vec();
    let scale = (1 + usize::from(mode & 1), 1 + usize::from(mode >> 1 & 1));
    Some((Command::Raster { scale, stride, rows, bits }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"\x1b@\x1bt\x10\x1bE\x01Shop\x1bE\x00\n\x10\x04\x04\x1dk\x02400638133393\x00\
        \x1dk\x49\x04{BR1\x1dv0\x00\x01\x00\x02\x00\x0a\x1b\x1d(k\x03\x001Q0\x1bp\x00\x19\xfa\x00\x00\x1dVB\x00";

    #[test]
    fn a_stream_is_the_same_commands_however_it_is_cut() {
        let whole = Lexer::default().read(STREAM);
        let expected = [
            Command::Initialize,
            Command::CodePage(16),
            Command::Bold(true),
            Command::Text(b"Shop".to_vec()),
            Command::Bold(false),
            Command::LineFeed,
            Command::Status(4),
            Command::Barcode(67, b"400638133393".to_vec()),
            Command::Barcode(73, b"{BR1".to_vec()),
            Command::Raster { scale: (1, 1), stride: 1, rows: 2, bits: vec![0x0a, 0x1b] },
            Command::QrPrint,
            Command::Drawer(2),
            Command::Cut { feeds: true },
        ];
        assert_eq!(whole, expected);
        let mut lexer = Lexer::default();
        let mut pieces: Vec<Command> = Vec::new();
        for byte in STREAM {
            for command in lexer.read(&[*byte]) {
                match (command, pieces.last_mut()) {
                    (Command::Text(more), Some(Command::Text(text))) => text.extend(more),
                    (command, _) => pieces.push(command),
                }
            }
        }
        assert_eq!(pieces, expected);
        assert_eq!(lexer.pending(), 0);
    }

    #[test]
    fn a_command_that_is_not_complete_waits() {
        let mut lexer = Lexer::default();
        assert_eq!(lexer.read(b"\x1dv0\x00\x02\x00\x02\x00\x01\x02\x03"), []);
        assert_eq!(lexer.pending(), 11);
        assert_eq!(lexer.read(&[4]).len(), 1);
    }
}
