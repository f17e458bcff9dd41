//! Receipt printers: a document becomes lines, lines become text or the bytes of ESC/POS.

mod code_page;
mod escpos;
mod layout;

pub use code_page::CodePage;
pub use escpos::{Cutter, DrawerPin, Model, encode};
pub use layout::{Line, Style, layout};

use std::io::{self, Write};

use pos_core::receipt::ReceiptDocument;
use thiserror::Error;

/// Why nothing may have come out of a printer. The sale it belongs to stands.
#[derive(Debug, Error)]
pub enum PrintError {
    /// The printer cannot be reached, or broke off.
    #[error(
        "the receipt printer does not take the receipt ({0}): check its power, paper and cable, \
         then print the receipt again"
    )]
    Transport(#[from] io::Error),
}

/// A receipt as plain text, `width` columns wide.
pub fn text(document: &ReceiptDocument, width: usize) -> String {
    layout(document, width).iter().fold(String::new(), |mut text, line| {
        text.push_str(line.text.trim_end());
        text.push('\n');
        text
    })
}

/// Whether the drawer is to open with the receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawer {
    /// It is: cash goes in or out.
    Open,
    /// It stays shut.
    Shut,
}

/// Prints a receipt on whatever takes bytes: a socket to port 9100, a device file, a file.
pub fn print(
    document: &ReceiptDocument,
    model: &Model,
    drawer: Drawer,
    out: &mut impl Write,
) -> Result<(), PrintError> {
    out.write_all(&encode(&layout(document, model.columns), model, drawer))?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests;
