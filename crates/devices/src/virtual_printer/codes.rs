//! Bar codes of `GS k` as bars.

use barcoders::sym::codabar::Codabar;
use barcoders::sym::code39::Code39;
use barcoders::sym::code93::Code93;
use barcoders::sym::code128::Code128;
use barcoders::sym::ean8::EAN8;
use barcoders::sym::ean13::{EAN13, UPCA};
use barcoders::sym::tf::TF;

use crate::printer::Bitmap;

/// The modules of a bar code, 1 for black, and the text that stands below it; `None` for a kind that
/// is not known or data it cannot hold. Kinds are counted as `GS k` counts those with a length.
pub(super) fn modules(kind: u8, data: &[u8]) -> Option<(Vec<u8>, String)> {
    let text = || data.iter().map(|&byte| char::from(byte)).collect::<String>();
    let plain = |modules: Vec<u8>| Some((modules, text()));
    match kind {
        65 => plain(UPCA::new(with_check(&text(), 11)?).ok()?.encode()),
        67 => {
            let text = with_check(&text(), 12)?;
            Some((EAN13::new(&text).ok()?.encode(), text))
        }
        68 => {
            let text = with_check(&text(), 7)?;
            Some((EAN8::new(&text).ok()?.encode(), text))
        }
        69 => plain(Code39::new(text().trim_matches('*')).ok()?.encode()),
        70 => plain(TF::interleaved(text()).ok()?.encode()),
        71 => plain(Codabar::new(text()).ok()?.encode()),
        72 => plain(Code93::new(text()).ok()?.encode()),
        73 => code128(data),
        _ => None,
    }
}

/// The digits that make the code; a check digit behind them is computed anew by the library.
fn with_check(text: &str, digits: usize) -> Option<String> {
    let fits = text.len() == digits || text.len() == digits + 1;
    (fits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

/// The marks of `GS k` into those of the library: sets A, B, C and function characters.
fn code128(data: &[u8]) -> Option<(Vec<u8>, String)> {
    let (mut marked, mut text) = (String::new(), String::new());
    let mut pairs = false;
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'{' {
            match bytes.next()? {
                set @ (b'A' | b'B' | b'C') => {
                    pairs = set == b'C';
                    marked.push(match set {
                        b'A' => '\u{c0}',
                        b'B' => '\u{181}',
                        _ => '\u{106}',
                    });
                }
                b'1' => marked.push('\u{179}'),
                b'{' => {
                    marked.push('{');
                    text.push('{');
                }
                _ => return None,
            }
        } else {
            let before = marked.len();
            if pairs {
                let digit = |number: u8| char::from(b'0' + number % 10);
                marked.extend([digit(byte / 10), digit(byte)]);
            } else {
                marked.push(char::from(byte));
            }
            text.push_str(marked.get(before..).unwrap_or_default());
        }
    }
    Some((Code128::new(marked).ok()?.encode(), text))
}

/// The bars, each module `across` wide.
pub(super) fn bars(modules: &[u8], across: usize, height: usize) -> Bitmap {
    let mut picture = Bitmap::new(modules.len() * across, height);
    for (place, _) in modules.iter().enumerate().filter(|(_, module)| **module == 1) {
        picture.fill(place * across, 0, across, height);
    }
    picture
}
