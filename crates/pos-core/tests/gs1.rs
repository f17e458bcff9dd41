//! GS1 element strings: vectors of encoders and of the specification, and laws.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use jiff::civil::{Date, date};
use pos_core::gs1::{Ai, Amount, ElementString, Gs1Error};
use pos_core::gtin::Gtin;
use pos_core::money::Currency;
use proptest::prelude::*;
use rust_decimal::Decimal;

const YEAR: i16 = 2026;

fn read(code: &str) -> ElementString {
    ElementString::parse(code, YEAR).unwrap()
}

fn refused(code: &str) -> Gs1Error {
    ElementString::parse(code, YEAR).unwrap_err()
}

fn gtin(text: &str) -> Gtin {
    text.parse().unwrap()
}

/// The example of BWIPP, in every spelling a till meets.
#[test]
fn gtin_expiry_batch_and_serial_are_read_from_every_spelling() {
    let human = "(01)09521234543213(17)100101(10)123ABC(21)1234567890";
    for code in [
        human,
        "01095212345432131710010110123ABC\u{1d}211234567890",
        "]d201095212345432131710010110123ABC\u{1d}211234567890\r\n",
        "\u{1d}01095212345432131710010110123ABC\u{1d}211234567890\u{1d}",
        // A separator after every field, as some printers put it.
        "]C10109521234543213\u{1d}17100101\u{1d}10123ABC\u{1d}211234567890",
    ] {
        let elements = read(code);
        assert_eq!(elements.to_string(), human, "{code:?}");
        assert_eq!(elements.gtin(), Some(gtin("9521234543213")));
        assert_eq!(elements.date(Ai::USE_BY), Some(date(2010, 1, 1)));
        assert_eq!(elements.batch(), Some("123ABC"));
        assert_eq!(elements.serial(), Some("1234567890"));
        assert!(ElementString::recognises(code), "{code:?}");
    }
}

/// Documentation of the Ruby library gs1, after the General Specifications.
#[test]
fn day_zero_is_the_last_day_of_the_month() {
    let expiry = |yymmdd: &str| read(&format!("17{yymmdd}")).date(Ai::USE_BY);
    assert_eq!(expiry("130200"), Some(date(2013, 2, 28)));
    assert_eq!(expiry("160200"), Some(date(2016, 2, 29)));
    assert_eq!(expiry("261200"), Some(date(2026, 12, 31)));
    for bad in ["261301", "260001", "260230", "270229", "260132"] {
        assert!(matches!(refused(&format!("17{bad}")), Gs1Error::BadDate { .. }), "{bad}");
    }
}

#[test]
fn two_digits_of_a_year_reach_49_years_back_and_50_ahead() {
    let year = |reference: i16, yy: &str| {
        let elements = ElementString::parse(&format!("15{yy}0615"), reference).unwrap();
        elements.date(Ai::BEST_BEFORE).map(Date::year)
    };
    assert_eq!(year(2026, "77"), Some(1977));
    assert_eq!(year(2026, "76"), Some(2076));
    assert_eq!(year(2026, "26"), Some(2026));
    assert_eq!(year(2099, "00"), Some(2100));
    assert_eq!(year(2099, "49"), Some(2149));
    assert_eq!(year(2099, "50"), Some(2050));
    assert_eq!(year(2000, "51"), Some(1951));
    assert_eq!(year(2000, "50"), Some(2050));
    assert!(ElementString::parse("15260615", i16::MAX).is_err());
    assert!(ElementString::parse("15770615", i16::MIN).is_err());
}

#[test]
fn a_weighed_and_priced_pack_says_weight_count_and_price() {
    let pack = read("(01)09521234543213(3103)001234(30)6(3932)9781299(8005)000899");
    assert_eq!(pack.net_weight_kg(), Some(Decimal::new(1234, 3)));
    assert_eq!(pack.count(), Some(6));
    let price = Amount { amount: Decimal::new(1299, 2), currency: Some(Currency::EUR) };
    assert_eq!(pack.price(), Some(price));
    assert_eq!(pack.price_per_unit(), Some(899));
    let local = Amount { amount: Decimal::new(1299, 2), currency: None };
    assert_eq!(read("39221299").price(), Some(local));
    // Pounds are no kilograms, an amount of a coupon is no price.
    assert_eq!(read("(3202)001234(3902)500").net_weight_kg(), None);
    assert_eq!(read("(3202)001234(3902)500").price(), None);
    assert!(matches!(refused("(3932)0001299"), Gs1Error::UnknownCurrency { .. }));
}

/// GS1 Digital Link standard, URI syntax.
#[test]
fn a_web_address_on_a_qr_code_gives_its_gtin_and_fields() {
    let link = read(
        "https://example.com/some/path/01/09506000134352/10/ABC%2F123/21/12345?17=261200&lang=en&3103=000195#top",
    );
    assert_eq!(link.gtin(), Some(gtin("9506000134352")));
    assert_eq!((link.batch(), link.serial()), (Some("ABC/123"), Some("12345")));
    assert_eq!(link.date(Ai::USE_BY), Some(date(2026, 12, 31)));
    assert_eq!(link.net_weight_kg(), Some(Decimal::new(195, 3)));
    for short in ["HTTP://id.gs1.org/01/9506000134352", "https://id.gs1.org/01/09506000134352/"] {
        assert_eq!(read(short).gtin(), Some(gtin("9506000134352")));
        assert!(ElementString::recognises(short));
    }
    for none in [
        "https://example.com",
        "https://example.com/01",
        "https://example.com/01/09506000134353",
        "https://example.com/01/09506000134352/about",
        "https://01/09506000134352",
        "http://",
    ] {
        assert_eq!(refused(none), Gs1Error::NoGtin, "{none}");
    }
    let broken = "https://example.com/01/09506000134352/10/%4";
    assert_eq!(refused(broken), Gs1Error::BadCharacter(Ai::BATCH));
}

#[test]
fn fields_no_till_needs_do_not_hide_those_behind_them() {
    let elements = read(
        "0001234567890123456041095060001343527030276ABC\u{1d}8200http://x.y\u{1d}99anything\u{1d}0109521234543213",
    );
    assert_eq!(elements.gtin(), Some(gtin("9521234543213")));
    assert_eq!(elements.elements().len(), 6);
}

#[test]
fn data_with_brackets_is_read_to_its_end() {
    let elements = read("(10)A(1)B((21)S(99");
    assert_eq!((elements.batch(), elements.serial()), (Some("A(1)B("), Some("S(99")));
}

#[test]
fn what_is_wrong_with_a_code_is_said_by_field() {
    let gtin = "0109521234543213";
    assert_eq!(refused(""), Gs1Error::Empty);
    assert_eq!(refused("]d2"), Gs1Error::Empty);
    assert!(matches!(refused("0509521234543213"), Gs1Error::UnknownAi(_)));
    assert!(matches!(refused("(1)ABC"), Gs1Error::UnknownAi(_)));
    assert!(matches!(refused("0109521234543214"), Gs1Error::BadGtin { .. }));
    assert!(matches!(refused("010952123454321"), Gs1Error::WrongLength { found: 13, .. }));
    assert!(matches!(refused("010952123454321O"), Gs1Error::NotDigits { .. }));
    assert!(matches!(refused(&format!("{gtin}10")), Gs1Error::WrongLength { found: 0, .. }));
    let long_batch = format!("{gtin}10{}", "A".repeat(21));
    assert!(matches!(refused(&long_batch), Gs1Error::WrongLength { max: 20, found: 21, .. }));
    assert_eq!(refused("10Käse"), Gs1Error::BadCharacter(Ai::BATCH));
    assert_eq!(refused("10A\u{1d}10B"), Gs1Error::Contradiction(Ai::BATCH));
    assert_eq!(read("10A\u{1d}10A").elements().len(), 1);
    assert_eq!(refused(&"1".repeat(8000)), Gs1Error::TooLong(8000));
}

#[test]
fn a_plain_number_or_a_sku_is_not_taken_for_an_element_string() {
    for code in ["3017620422003", "0123456789012", "85123A", "", "(blue)", "0109521234543214"] {
        assert!(!ElementString::recognises(code), "{code}");
    }
    assert!(ElementString::recognises("0109521234543213"));
}

proptest! {
    #[test]
    fn no_code_at_all_stops_the_scanner(code in "[\\x1d0-9A-Za-z()%/:?&=#é]{0,60}", year in any::<i16>()) {
        for head in ["", "(01)09521234543213", "]d20109521234543213", "https://h/01/09521234543213/"] {
            let code = format!("{head}{code}");
            ElementString::recognises(&code);
            if let Ok(elements) = ElementString::parse(&code, year) {
                prop_assert!(!elements.elements().is_empty());
            }
        }
    }

    #[test]
    fn people_and_scanners_read_the_same(
        body in 0_u64..10_000_000_000_000, batch in "[A-Z0-9]{1,20}", serial in "[a-z0-9./-]{1,20}",
        weight in 0_u32..1_000_000,
    ) {
        let gtin = Gtin::from_body(body).unwrap();
        let human = format!("(01){}(10){batch}(3103){weight:06}(21){serial}", gtin.to_gtin14());
        let scanned = format!("01{}10{batch}\u{1d}3103{weight:06}21{serial}", gtin.to_gtin14());
        let elements = read(&human);
        prop_assert_eq!(&elements, &read(&scanned));
        prop_assert_eq!(elements.to_string(), human);
        prop_assert_eq!(elements.gtin(), Some(gtin));
        prop_assert_eq!(elements.net_weight_kg(), Some(Decimal::new(i64::from(weight), 3)));
    }
}
