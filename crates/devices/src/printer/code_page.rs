//! The 256 characters a printer knows at a time.

/// A printer's character table. The number that selects it is Epson's; other makers number theirs
/// differently, so it is part of a [`super::Profile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePage {
    /// PC437: what every printer begins with. No euro.
    Pc437,
    /// PC858: Western Europe with the euro.
    Pc858,
    /// PC852: Central Europe. No euro.
    Pc852,
    /// PC866: Cyrillic. No euro.
    Pc866,
    /// Windows-1252: Western Europe with the euro and typographic quotes.
    Wpc1252,
}

/// The upper halves, characters 128 to 255; U+FFFD where a table has none.
const PC437: &str = "\
ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const PC858: &str = "\
ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀\
ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const WPC1252: &str = "\
€\u{fffd}‚ƒ„…†‡ˆ‰Š‹Œ\u{fffd}Ž\u{fffd}\u{fffd}‘’“”•–—˜™š›œ\u{fffd}žŸ\
\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";
const PC852: &str = "\
ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č\
áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";
const PC866: &str = "\
АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
абвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{a0}";

impl CodePage {
    /// The number of the table in `ESC t n`, as Epson counts.
    pub const fn epson_number(self) -> u8 {
        match self {
            Self::Pc437 => 0,
            Self::Wpc1252 => 16,
            Self::Pc866 => 17,
            Self::Pc852 => 18,
            Self::Pc858 => 19,
        }
    }

    const fn upper_half(self) -> &'static str {
        match self {
            Self::Pc437 => PC437,
            Self::Pc858 => PC858,
            Self::Pc852 => PC852,
            Self::Pc866 => PC866,
            Self::Wpc1252 => WPC1252,
        }
    }

    /// The byte that prints a character; `None` when the table has none. Control characters have
    /// none: a product's name must not command the printer.
    pub fn byte(self, character: char) -> Option<u8> {
        if character.is_control() || character == '\u{fffd}' {
            return None;
        }
        if character.is_ascii() {
            return u8::try_from(character).ok();
        }
        let place = self.upper_half().chars().position(|known| known == character)?;
        u8::try_from(place.checked_add(128)?).ok()
    }

    /// The character a byte prints; `None` for control codes and where the table has none.
    pub fn character(self, byte: u8) -> Option<char> {
        let character = match byte.checked_sub(128) {
            None => char::from(byte),
            Some(place) => self.upper_half().chars().nth(usize::from(place))?,
        };
        (!character.is_control() && character != '\u{fffd}').then_some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use CodePage::{Pc437, Pc852, Pc858, Pc866, Wpc1252};
    const ALL: [CodePage; 5] = [Pc437, Pc858, Pc852, Pc866, Wpc1252];

    #[test]
    fn every_table_has_128_upper_characters_each_once() {
        for page in ALL {
            let upper: Vec<char> = page.upper_half().chars().collect();
            assert_eq!(upper.len(), 128, "{page:?}");
            for (place, &character) in upper.iter().enumerate() {
                if character != '\u{fffd}' && !character.is_control() {
                    let byte = u8::try_from(place + 128).unwrap();
                    assert_eq!(page.byte(character), Some(byte), "{page:?} {character:?}");
                    assert_eq!(page.character(byte), Some(character), "{page:?} {byte}");
                }
            }
        }
    }

    #[test]
    fn currency_signs_are_where_the_standards_have_them() {
        assert_eq!(Pc437.byte('£'), Some(0x9c));
        assert_eq!(Pc437.byte('€'), None);
        assert_eq!(Pc858.byte('€'), Some(0xd5));
        assert_eq!(Wpc1252.byte('€'), Some(0x80));
        assert_eq!(Wpc1252.byte('£'), Some(0xa3));
        assert_eq!(Pc852.byte('Ł'), Some(0x9d));
        assert_eq!(Pc866.byte('Я'), Some(0x9f));
    }

    #[test]
    fn no_control_character_reaches_the_printer() {
        for page in ALL {
            for control in (0..=0x9f_u8).map(char::from).filter(|c| c.is_control()) {
                assert_eq!(page.byte(control), None, "{page:?} {control:?}");
            }
        }
    }
}
