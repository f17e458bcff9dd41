//! Numbers, money and times as a language writes them. The digits come from exact decimals; only
//! signs and their places are the language's.

use pos_core::money::{Currency, Money};
use pos_core::product::UnitOfMeasure;
use pos_core::quantity::Quantity;
use pos_core::unit_price::UnitPrice;

use super::{Word, Words};

/// Signs of the currencies that have one everybody knows; all others are written as their code.
const SIGNS: [(&str, &str); 10] = [
    ("EUR", "€"),
    ("GBP", "£"),
    ("USD", "$"),
    ("PLN", "zł"),
    ("CZK", "Kč"),
    ("DKK", "kr"),
    ("NOK", "kr"),
    ("SEK", "kr"),
    ("JPY", "¥"),
    ("HUF", "Ft"),
];

/// How a language writes numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    decimal: String,
    group: String,
}

impl Numbers {
    pub(super) fn read(words: &Words) -> Self {
        let sign = |word| words.say(word).trim().to_owned();
        Self { decimal: sign(Word::DecimalSign), group: sign(Word::GroupSign) }
    }

    /// `-1234.50` as the language writes it.
    fn write(&self, plain: &str) -> String {
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |rest| ("−", rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = sign.to_owned();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                text.push_str(&self.group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push_str(&self.decimal);
            text.push_str(fraction);
        }
        text
    }
}

/// A time that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub u64);

impl Words {
    /// An amount with its currency.
    pub fn money(&self, amount: Money) -> String {
        self.with_sign(&self.amount(amount), amount.currency())
    }

    /// A number with the currency's sign; what is below zero has its minus in front of all.
    fn with_sign(&self, number: &str, currency: Currency) -> String {
        let code = currency.code();
        let known = SIGNS.iter().find(|(known, _)| *known == code);
        // A code keeps its distance.
        let sign = known.map_or_else(|| format!("{code}\u{a0}"), |(_, sign)| (*sign).to_owned());
        let (minus, number) = number.strip_prefix('−').map_or(("", number), |number| ("−", number));
        let gaps = [("sign", (&sign).into()), ("amount", number.into())];
        format!("{minus}{}", self.fill(Word::MoneyPattern, &gaps).trim())
    }

    /// An amount without its currency.
    pub fn amount(&self, amount: Money) -> String {
        let places = amount.currency().minor_units() as usize;
        self.numbers.write(&format!("{:.places$}", amount.to_decimal()))
    }

    /// A price of one unit.
    pub fn price(&self, price: UnitPrice, currency: Currency) -> String {
        let places = currency.minor_units() as usize;
        let decimal = price.to_decimal().normalize();
        let places = places.max(decimal.scale() as usize);
        self.with_sign(&self.numbers.write(&format!("{decimal:.places$}")), currency)
    }

    /// A quantity with its unit; pieces are bare.
    pub fn quantity(&self, quantity: Quantity, unit: UnitOfMeasure) -> String {
        let number = self.number(quantity);
        match unit {
            UnitOfMeasure::Each => number,
            unit => format!("{number} {}", self.unit(unit)),
        }
    }

    /// A quantity without its unit.
    pub fn number(&self, quantity: Quantity) -> String {
        self.numbers.write(&quantity.to_decimal().normalize().to_string())
    }

    /// The name of a unit.
    pub fn unit(&self, unit: UnitOfMeasure) -> &str {
        self.say(match unit {
            UnitOfMeasure::Each => Word::UnitEach,
            UnitOfMeasure::Kilogram => Word::UnitKilogram,
            UnitOfMeasure::Litre => Word::UnitLitre,
            UnitOfMeasure::Metre => Word::UnitMetre,
        })
    }

    /// Hundredths of a percent.
    pub fn percent(&self, hundredths: u16) -> String {
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        let plain = match rest {
            0 => whole.to_string(),
            rest => format!("{whole}.{rest:02}").trim_end_matches('0').to_owned(),
        };
        self.fill(Word::Percent, &[("number", self.numbers.write(&plain).as_str().into())])
    }

    /// Seconds, minutes, hours or days: whichever says most in one word.
    pub fn age(&self, age: Age) -> String {
        let (word, n) = match age.0 {
            secs @ ..120 => (Word::TimeSeconds, secs),
            secs @ ..7200 => (Word::TimeMinutes, secs / 60),
            secs @ ..172_800 => (Word::TimeHours, secs / 3600),
            secs => (Word::TimeDays, secs / 86_400),
        };
        self.fill(word, &[("n", n.into())])
    }

    /// A number somebody typed, as a program reads it: the language's decimal sign and the point
    /// both divide; a sign that groups is left out. `None` where it is no number.
    pub fn read_number(&self, typed: &str) -> Option<String> {
        let mut plain = String::with_capacity(typed.len());
        let typed = typed.trim();
        let divides = |letter: char| letter == '.' || letter == ',';
        let last = typed.rfind(divides);
        for (at, letter) in typed.char_indices() {
            match letter {
                '0'..='9' => plain.push(letter),
                _ if divides(letter) && Some(at) == last && !self.groups(typed, at, letter) => {
                    plain.push('.');
                }
                _ if divides(letter) && self.groups(typed, at, letter) => {}
                '\u{a0}' | ' ' | '’' | '\'' if at > 0 => {}
                _ => return None,
            }
        }
        let plain = plain.strip_prefix('.').map(|rest| format!("0.{rest}")).unwrap_or(plain);
        let plain = plain.strip_suffix('.').map(str::to_owned).unwrap_or(plain);
        (!plain.is_empty()).then_some(plain)
    }

    /// Whether a sign groups thousands: it is the language's group sign, and three digits or three
    /// and another sign follow.
    fn groups(&self, typed: &str, at: usize, letter: char) -> bool {
        let after = typed.get(at + letter.len_utf8()..).unwrap_or_default();
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let grouped = at > 0 && digits == 3 && !typed.starts_with('0');
        grouped && self.numbers.group.starts_with(letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(id: &str) -> Words {
        let (id, source) =
            super::super::BUILT_IN.into_iter().find(|(held, _)| *held == id).unwrap();
        Words::new(id, source).unwrap()
    }

    #[test]
    fn money_is_written_as_the_language_does() {
        let amount = |minor, code| Money::from_minor(minor, Currency::from_code(code).unwrap());
        assert_eq!(words("en").money(amount(123_456_789, "GBP")), "£1,234,567.89");
        assert_eq!(words("de").money(amount(123_456_789, "EUR")), "1.234.567,89 €");
        assert_eq!(words("en").money(amount(-5, "EUR")), "−€0.05");
        assert_eq!(words("de").money(amount(-1250, "CHF")), "−12,50 CHF");
        assert_eq!(words("en").money(amount(500, "JPY")), "¥500");
        assert_eq!(words("en").money(amount(1, "KWD")), "KWD\u{a0}0.001");
    }

    #[test]
    fn quantities_and_ages_have_their_units() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(words("de").quantity(quantity("0.250"), UnitOfMeasure::Kilogram), "0,25 kg");
        assert_eq!(words("en").quantity(quantity("3"), UnitOfMeasure::Each), "3");
        assert_eq!(words("en").age(Age(840)), "14 min");
        assert_eq!(words("de").age(Age(172_800)), "2 Tagen");
        assert_eq!(words("de").percent(1250), "12,5 %");
        assert_eq!(words("en").percent(1000), "10 %");
    }

    #[test]
    fn typed_numbers_are_read_with_either_sign() {
        for (id, typed, read) in [
            ("en", "12.50", Some("12.50")),
            ("en", "12,50", Some("12.50")),
            ("de", "12,50", Some("12.50")),
            ("de", "12.50", Some("12.50")),
            ("en", "1,234.50", Some("1234.50")),
            ("de", "1.234,50", Some("1234.50")),
            ("de", "1.234", Some("1234")),
            ("de", "0.250", Some("0.250")),
            ("en", "0,250", Some("0.250")),
            ("en", ".5", Some("0.5")),
            ("en", "5.", Some("5")),
            ("en", "", None),
            ("en", "1.2.3", None),
            ("en", "-5", None),
            ("en", "five", None),
        ] {
            assert_eq!(words(id).read_number(typed).as_deref(), read, "{id} {typed}");
        }
    }
}
