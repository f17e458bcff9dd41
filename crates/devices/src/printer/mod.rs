//! Receipt printers: a document becomes elements, elements become text or the bytes of ESC/POS.

mod bitmap;
mod code_page;
mod codes;
mod escpos;
mod font;
mod layout;
mod paper;
mod profile;
mod report;
mod status;

pub use bitmap::Bitmap;
pub use code_page::CodePage;
#[cfg(feature = "virtual")]
pub(crate) use codes::qr_picture;
#[cfg(feature = "virtual")]
pub(crate) use escpos::LINE_DOTS;
pub use escpos::{Encoded, encode};
pub(crate) use escpos::{INITIALIZE, cut, kick};
pub use font::{Cell, FontError, Fonts};
pub use layout::{Element, Line, Style, layout};
pub use paper::Paper;
pub use profile::{Confirmation, Cutter, DrawerPin, Profile, QrCodes};
pub use report::report_layout;
pub use status::{Condition, Reply, ReplyReader, Request};

use pos_core::receipt::{ReceiptDocument, ReportDocument};

/// A receipt as plain text, `width` columns wide.
pub fn text(document: &ReceiptDocument, width: usize) -> String {
    lines(&layout(document, width))
}

/// A report as plain text, `width` columns wide.
pub fn report_text(document: &ReportDocument, width: usize) -> String {
    lines(&report_layout(document, width))
}

fn lines(elements: &[Element]) -> String {
    let mut text = String::new();
    for element in elements {
        if let Element::Line(line) = element {
            let line_text = line.text.trim_end();
            if line.style == Style::Double {
                // It is laid out for columns twice as wide: stay in the middle.
                let words = line_text.trim_start();
                let indent = line_text.len() - words.len();
                text.push_str(&" ".repeat(indent * 2 + layout::columns(words) / 2));
                text.push_str(words);
            } else {
                text.push_str(line_text);
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
#[cfg(feature = "virtual")]
mod laws;
#[cfg(test)]
mod tests;
