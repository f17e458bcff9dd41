//! The rule for free text: short, printable, and never a card number.

use thiserror::Error;

/// Why a text is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing but blanks.
    #[error("the {what} is empty")]
    Empty {
        /// What the text is for.
        what: &'static str,
    },
    /// Too many characters.
    #[error("the {what} is longer than {max} characters")]
    TooLong {
        /// What the text is for.
        what: &'static str,
        /// Most characters allowed.
        max: usize,
    },
    /// A line break, an escape sequence: it would reach the printer.
    #[error("the {what} holds a line break or another control character")]
    Control {
        /// What the text is for.
        what: &'static str,
    },
    /// 13 to 19 digits that pass the card check: a card number must never be stored.
    #[error("the {what} looks like a card number; card numbers are never stored")]
    CardNumber {
        /// What the text is for.
        what: &'static str,
    },
}

/// Checks the length and the characters of a text that is read back. A text may be empty.
pub(crate) fn check(what: &'static str, text: &str, max: usize) -> Result<(), TextError> {
    // A character is at most four bytes: an oversized text is refused before it is walked.
    if text.len() > max.saturating_mul(4) || text.chars().count() > max {
        return Err(TextError::TooLong { what, max });
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Control { what });
    }
    Ok(())
}

/// Checks a text a person has typed, and trims it: at most `max` characters, none of them a control
/// character, and no card number in it. `what` names the text in the error. A text may be empty.
pub fn typed(what: &'static str, text: &str, max: usize) -> Result<String, TextError> {
    let text = text.trim();
    check(what, text, max)?;
    if looks_like_card_number(text) {
        return Err(TextError::CardNumber { what });
    }
    Ok(text.to_owned())
}

/// As [`typed`], and it may not be empty.
pub fn required(what: &'static str, text: &str, max: usize) -> Result<String, TextError> {
    let text = typed(what, text, max)?;
    if text.is_empty() { Err(TextError::Empty { what }) } else { Ok(text) }
}

/// Whether the text holds a run of 13 to 19 digits, blanks and hyphens between them allowed, that
/// passes the check of ISO/IEC 7812-1 (Luhn).
pub fn looks_like_card_number(text: &str) -> bool {
    let mut run: Vec<u32> = Vec::new();
    for character in text.chars().chain(['.']) {
        match character.to_digit(10) {
            Some(digit) => run.push(digit),
            None if character == ' ' || character == '-' => {}
            None => {
                if (13..=19).contains(&run.len()) && luhn(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    false
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, digit) {
            (0, digit) => digit,
            (_, 9) => 9,
            (_, digit) => digit * 2 % 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_recognised_in_the_ways_people_write_them() {
        for text in ["4242424242424242", "card 4242 4242 4242 4242.", "3782-822463-10005"] {
            assert!(looks_like_card_number(text), "{text}");
        }
    }

    #[test]
    fn order_numbers_and_telephone_numbers_pass() {
        for text in ["", "table 12", "536365", "4242424242424241", "+44 20 7946 0958"] {
            assert!(!looks_like_card_number(text), "{text}");
        }
    }

    #[test]
    fn a_typed_text_is_trimmed_and_bounded() {
        assert_eq!(typed("label", "  table 4 ", 10), Ok("table 4".to_owned()));
        assert_eq!(
            typed("label", "eleven chars", 10),
            Err(TextError::TooLong { what: "label", max: 10 })
        );
        assert_eq!(required("reason", "   ", 10), Err(TextError::Empty { what: "reason" }));
        assert_eq!(typed("label", "a\u{1b}@", 10), Err(TextError::Control { what: "label" }));
    }
}
