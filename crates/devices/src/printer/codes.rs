//! Bar codes and QR codes as commands.

use qrcode::{EcLevel, QrCode};

use super::bitmap::Bitmap;
use crate::limits::CODE_BYTES_MAX;

/// White squares around a QR code (ISO/IEC 18004).
const QUIET_MODULES: usize = 4;
/// Modules of one CODE128 symbol, and what the stop symbol has more.
const SYMBOL_MODULES: usize = 11;
const STOP_MODULES: usize = 2;
/// White modules on each side of a CODE128 (ISO/IEC 15417). The paper's margin gives some.
const BARCODE_QUIET_MODULES: usize = 4;
/// Dots of the narrowest bar.
const BAR_DOTS: u8 = 2;
/// Height of a bar code: 10 mm.
const BARCODE_DOTS: u8 = 80;

/// A CODE128 as `GS k` takes it: the symbols of sets B and C with the marks that switch. `None` for
/// a text that is not printable ASCII.
fn code128(text: &str) -> Option<(Vec<u8>, usize)> {
    if text.is_empty()
        || text.len() > CODE_BYTES_MAX
        || !text.bytes().all(|b| (32..127).contains(&b))
    {
        return None;
    }
    let mut data = Vec::new();
    let mut symbols = 2; // check and stop
    let mut in_c = None;
    let mut rest = text.as_bytes();
    while let Some(&first) = rest.first() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Two symbols to switch there and back: worth it from six digits, four at an end.
        let at_edge = in_c.is_none() || digits == rest.len();
        let pairs = if digits >= 6 || (digits >= 4 && at_edge) { digits / 2 } else { 0 };
        let wants_c = pairs > 0;
        if in_c != Some(wants_c) {
            data.extend_from_slice(if wants_c { b"{C" } else { b"{B" });
            symbols += 1;
            in_c = Some(wants_c);
        }
        let taken = if wants_c {
            let (numbers, _) = rest.split_at(pairs * 2);
            data.extend(numbers.chunks_exact(2).map(pair));
            symbols += pairs;
            pairs * 2
        } else {
            // A brace begins a mark, so it is doubled.
            data.extend(std::iter::repeat_n(first, if first == b'{' { 2 } else { 1 }));
            symbols += 1;
            1
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Some((data, symbols * SYMBOL_MODULES + STOP_MODULES))
}

fn pair(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |number, digit| number * 10 + (digit - b'0'))
}

/// The commands that print a text as CODE128, centred; `None` when it does not fit or cannot be
/// written in CODE128.
pub(super) fn barcode(text: &str, dots: usize) -> Option<Vec<u8>> {
    let (data, modules) = code128(text)?;
    if (modules + 2 * BARCODE_QUIET_MODULES) * usize::from(BAR_DOTS) > dots {
        return None;
    }
    let length = u8::try_from(data.len()).ok()?;
    let mut bytes = vec![0x1b, b'a', 1];
    bytes.extend_from_slice(&[0x1d, b'h', BARCODE_DOTS]);
    bytes.extend_from_slice(&[0x1d, b'w', BAR_DOTS]);
    bytes.extend_from_slice(&[0x1d, b'H', 0]); // the number stands above it as text
    bytes.extend_from_slice(&[0x1d, b'k', 73, length]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(&[b'\n', 0x1b, b'a', 0]);
    Some(bytes)
}

/// The commands that let the printer draw a QR code, centred.
pub(super) fn native_qr(text: &str, module_dots: u8) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > CODE_BYTES_MAX {
        return None;
    }
    let [low, high] = u16::try_from(text.len() + 3).ok()?.to_le_bytes();
    let mut bytes = vec![0x1b, b'a', 1];
    let mut function = |data: &[u8]| {
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        bytes.extend_from_slice(&[0x1d, b'(', b'k', length, 0]);
        bytes.extend_from_slice(data);
    };
    function(&[49, 65, 50, 0]); // model 2
    function(&[49, 67, module_dots]);
    function(&[49, 69, 49]); // error correction M
    bytes.extend_from_slice(&[0x1d, b'(', b'k', low, high, 49, 80, 48]);
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&[0x1d, b'(', b'k', 3, 0, 49, 81, 48]);
    bytes.extend_from_slice(&[0x1b, b'a', 0]);
    Some(bytes)
}

/// A QR code as a picture with its white border; `None` when the text is too long.
pub(crate) fn qr_picture(text: &[u8], level: EcLevel, module_dots: usize) -> Option<Bitmap> {
    let code = QrCode::with_error_correction_level(text, level).ok()?;
    let width = code.width();
    let side = (width + 2 * QUIET_MODULES) * module_dots;
    let mut picture = Bitmap::new(side, side);
    for y in 0..width {
        for x in (0..width).filter(|&x| code[(x, y)] == qrcode::Color::Dark) {
            let at = |module: usize| (module + QUIET_MODULES) * module_dots;
            picture.fill(at(x), at(y), module_dots, module_dots);
        }
    }
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_digits_are_written_two_to_a_symbol() {
        let (data, modules) = code128("R1-000123-K7Q2").unwrap();
        assert_eq!(data, b"{BR1-{C\x00\x01\x17{B-K7Q2");
        // Start, R1-, to C, 3 pairs, to B, -K7Q2, check, stop.
        assert_eq!(modules, (1 + 3 + 1 + 3 + 1 + 5 + 1 + 1) * 11 + 2);
        assert_eq!(code128("1234").unwrap().0, b"{C\x0c\x22");
        assert_eq!(code128("12345").unwrap().0, b"{C\x0c\x22{B5");
        assert_eq!(code128("A{1").unwrap().0, b"{BA{{1");
        assert_eq!(code128("é"), None);
        assert_eq!(code128(""), None);
    }

    #[test]
    fn a_receipt_number_fits_on_58_mm_and_what_does_not_fit_is_left_out() {
        assert!(barcode("R1-000123-K7Q2", 384).is_some());
        assert!(barcode("a-register-with-a-long-name-000123-K7Q2", 384).is_none());
    }

    #[test]
    fn the_commands_of_a_qr_code_are_these() {
        let bytes = native_qr("TM1", 5).unwrap();
        let mut golden = b"\x1ba\x01\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x05".to_vec();
        golden
            .extend_from_slice(b"\x1d(k\x03\x001E1\x1d(k\x06\x001P0TM1\x1d(k\x03\x001Q0\x1ba\x00");
        assert_eq!(bytes, golden);
        assert_eq!(native_qr(&"x".repeat(CODE_BYTES_MAX + 1), 5), None);
    }
}
