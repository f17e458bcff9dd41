//! Whatever a shop writes on its receipts, the paper says.

use pos_core::money::{Currency, Money};
use pos_core::receipt::{ReceiptDocument, ReceiptMark};
use proptest::prelude::*;

use super::layout::columns;
use super::tests::{document, item};
use super::*;
use crate::virtual_printer::{Effect, Interpreter, Lexer, Printout};

/// What a printer of this profile makes of the bytes, sent in portions.
fn printed(bytes: &[u8], profile: Profile, portion: usize) -> Printout {
    let mut lexer = Lexer::default();
    let mut printer = Interpreter::new(profile, Fonts::new().unwrap());
    let mut papers = Vec::new();
    for part in bytes.chunks(portion) {
        for command in lexer.read(part) {
            if let Some(Effect::Printed(paper)) = printer.run(command) {
                papers.push(*paper);
            }
        }
    }
    assert_eq!(lexer.pending(), 0);
    papers.pop().unwrap_or_else(|| printer.tear_off())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,60}",
        "[a-zA-Zäöüßéèñç€£ ]{0,60}",
        "[а-яА-Яa-z ]{0,40}",
        "[ĄąĆćĘęŁłŃńŚśŹźa-z ]{0,40}",
        "[一-龥ぁ-んa-z ]{0,40}",
        "\\PC{0,60}",
        any::<String>(),
    ]
}

fn amounts() -> impl Strategy<Value = Money> {
    let minor = prop_oneof![-10_000..10_000_i64, -1_000_000_000_000..1_000_000_000_000_i64];
    minor.prop_map(|minor| Money::from_minor(minor, Currency::GBP))
}

prop_compose! {
    fn documents()(
        store in texts(),
        header in prop::collection::vec(texts(), 0..3),
        label in texts(),
        names in prop::collection::vec((texts(), -5_000_000..5_000_000_i64, amounts()), 0..8),
        total in amounts(),
        subtotal in prop::option::of(amounts()),
        rounding in prop::option::of(amounts()),
        change in prop::option::of(amounts()),
        copy in any::<bool>(),
        devices in 0..3_usize,
    ) -> ReceiptDocument {
        let items = names.into_iter().map(|(name, thousandths, amount)| {
            let mut item = item(&name, thousandths, "1.2345", amount.minor());
            item.discount = (thousandths % 3 == 0).then_some(amount);
            item
        });
        let items = items.collect();
        let document = ReceiptDocument {
            store, header, label, items, total, subtotal, rounding, change, ..document()
        };
        let document = document.stored_on(devices);
        if copy { document.into_copy() } else { document }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_printer_reads_back_every_line_we_sent_as_text_or_as_its_picture(
        document in documents(),
        profile in prop::sample::select(Profile::ALL.to_vec()),
        portion in 1..200_usize,
    ) {
        let fonts = Fonts::new().unwrap();
        let elements = layout(&document, profile.columns);
        let paper = printed(&encode(&elements, &profile, &fonts).bytes(), profile, portion);
        prop_assert_eq!(&paper.unknown, &[0; 0]);
        let (mut text, mut pictures) = (paper.text.iter(), paper.pictures.iter());
        for element in &elements {
            let Element::Line(line) = element else { continue };
            let said = if columns(&line.text) == 0 { "" } else { line.text.trim_end() };
            let in_one = |page: &CodePage| said.chars().all(|letter| page.byte(letter).is_some());
            if profile.code_pages.iter().any(|(page, _)| in_one(page)) {
                prop_assert_eq!(text.next().map(String::as_str), Some(said));
            } else {
                let expected = escpos::line_picture(said, line.style, &fonts);
                let drawn = pictures.next().unwrap();
                prop_assert_eq!(drawn.height(), expected.height());
                prop_assert!(expected.width() <= profile.dots, "wider than the paper");
                prop_assert_eq!(without_dles(drawn), without_dles(&expected));
            }
        }
        if profile.qr == QrCodes::Native {
            prop_assert_eq!(&paper.qr_codes, &[document.witness().to_string().into_bytes()]);
        }
        prop_assert_eq!(&paper.barcodes, &[document.number.to_string()]);
    }

    #[test]
    fn on_every_width_every_line_fits_and_sums_end_in_one_column(
        document in documents(),
        width in 24..100_usize,
    ) {
        let total = format!("{}  ", document.total.to_decimal());
        let mut ends = Vec::new();
        for element in layout(&document, width) {
            let Element::Line(line) = element else { continue };
            let wide = columns(&line.text) * line.style.scale().0;
            prop_assert!(wide <= width, "{wide} columns of {width}: {line:?}");
            prop_assert!(!line.text.chars().any(char::is_control));
            if line.style == Style::Bold && line.text.ends_with(&total) {
                ends.push(wide);
            }
        }
        prop_assert!(ends.contains(&width), "{ends:?}");
    }

    #[test]
    fn a_copy_says_copy_and_an_original_does_not(document in documents(), width in 24..64_usize) {
        let said = document.marks.contains(&ReceiptMark::Copy);
        let has_mark = |element: &Element| {
            matches!(element, Element::Line(line) if line.style == Style::Double
                && line.text.trim() == "COPY")
        };
        prop_assert_eq!(layout(&document, width).iter().any(has_mark), said);
    }
}

/// A picture without the dots that keep it from being a command.
fn without_dles(picture: &Bitmap) -> Vec<u8> {
    let mut bits = picture.bits().to_vec();
    bits.resize(picture.stride() * picture.height(), 0);
    bits.iter().map(|byte| if *byte == 0x11 { 0x10 } else { *byte }).collect()
}
