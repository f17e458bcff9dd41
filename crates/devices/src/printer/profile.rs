//! What a printer can do. Nothing here is asked of the printer: few tell, and some tell wrongly.

use super::code_page::CodePage;

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

/// How a QR code is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrCodes {
    /// The printer draws it (`GS ( k`).
    Native,
    /// It is sent as a picture.
    Picture,
}

/// How the end of a paper is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// The printer sends nothing back: what was sent counts as printed.
    None,
    /// `GS r 1`, which is answered when everything before it was done.
    PaperStatus,
    /// `GS ( H`: the printer sends back a name of ours when everything before it is on paper.
    ProcessId,
}

/// What a printer can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// What a shopkeeper chooses it by.
    pub name: &'static str,
    /// Characters on a line of font A.
    pub columns: usize,
    /// Dots on a line.
    pub dots: usize,
    /// Its character tables, each with the number this model selects it by; the first that has all
    /// letters of a line is used, else the line is sent as a picture.
    pub code_pages: &'static [(CodePage, u8)],
    /// Its cutter.
    pub cutter: Cutter,
    /// Where the drawer is, if one is connected.
    pub drawer: Option<DrawerPin>,
    /// How QR codes are printed.
    pub qr: QrCodes,
    /// Dots of a QR code's smallest square.
    pub qr_module_dots: u8,
    /// Whether it draws bar codes (`GS k`).
    pub barcodes: bool,
    /// Whether it answers `DLE EOT` and reports on its own (`GS a`).
    pub status: bool,
    /// How the end of a paper is confirmed.
    pub confirmation: Confirmation,
}

const EPSON_TABLES: &[(CodePage, u8)] = &[
    (CodePage::Wpc1252, CodePage::Wpc1252.epson_number()),
    (CodePage::Pc852, CodePage::Pc852.epson_number()),
    (CodePage::Pc866, CodePage::Pc866.epson_number()),
    (CodePage::Pc437, CodePage::Pc437.epson_number()),
];
/// Makers agree on these two; what else their numbers mean differs.
const COMMON_TABLES: &[(CodePage, u8)] = &[
    (CodePage::Pc437, CodePage::Pc437.epson_number()),
    (CodePage::Pc858, CodePage::Pc858.epson_number()),
];

impl Profile {
    /// An Epson TM of 80 mm, or what says it is compatible to one: cutter, drawer, answers.
    pub const EPSON_80_MM: Self = Self {
        name: "epson-80",
        columns: 48,
        dots: 576,
        code_pages: EPSON_TABLES,
        cutter: Cutter::Partial,
        drawer: Some(DrawerPin::Two),
        qr: QrCodes::Native,
        qr_module_dots: 5,
        barcodes: true,
        status: true,
        confirmation: Confirmation::ProcessId,
    };
    /// An older Epson TM of 80 mm with 42 columns on 512 dots.
    pub const EPSON_42: Self =
        Self { name: "epson-42", columns: 42, dots: 512, ..Self::EPSON_80_MM };
    /// An Epson TM of 58 mm.
    pub const EPSON_58_MM: Self =
        Self { name: "epson-58", columns: 32, dots: 384, qr_module_dots: 4, ..Self::EPSON_80_MM };
    /// A printer of 80 mm without a name: the commands and tables all makers agree on.
    pub const GENERIC_80_MM: Self = Self {
        name: "generic-80",
        code_pages: COMMON_TABLES,
        qr: QrCodes::Picture,
        confirmation: Confirmation::PaperStatus,
        ..Self::EPSON_80_MM
    };
    /// A printer of 58 mm without a name: no cutter.
    pub const GENERIC_58_MM: Self = Self {
        name: "generic-58",
        columns: 32,
        dots: 384,
        cutter: Cutter::None,
        qr_module_dots: 4,
        ..Self::GENERIC_80_MM
    };
    /// A printer of 80 mm that answers nothing, or of which the answers do not reach us.
    pub const SILENT_80_MM: Self = Self {
        name: "silent-80",
        status: false,
        confirmation: Confirmation::None,
        ..Self::GENERIC_80_MM
    };

    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EPSON_80_MM,
        Self::EPSON_42,
        Self::EPSON_58_MM,
        Self::GENERIC_80_MM,
        Self::GENERIC_58_MM,
        Self::SILENT_80_MM,
    ];

    /// The profile of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::font::Cell;

    #[test]
    fn every_profile_has_room_for_its_columns_and_a_name_of_its_own() {
        for profile in Profile::ALL {
            assert!(profile.columns * Cell::A.width <= profile.dots, "{}", profile.name);
            assert_eq!(Profile::by_name(profile.name), Some(profile));
        }
        assert_eq!(Profile::by_name("laser"), None);
    }

    #[test]
    fn a_printer_that_confirms_also_answers() {
        for profile in Profile::ALL {
            assert!(profile.status || profile.confirmation == Confirmation::None);
        }
    }
}
