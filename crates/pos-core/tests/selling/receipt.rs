use pos_core::cash_rounding::CashRoundingMode;
use pos_core::receipt::{LocalTime, ReceiptDocument, ReceiptEdition, ReceiptMark, receipt};
use pos_core::store::StoreSettings;
use pos_core::tax::{PriceTax, TaxScope};
use pos_core::tender::Tendered;
use pos_core::transaction::SaleTransaction;

use crate::support::{cart_line, cart_of, gbp, inclusive, nickels, pay, recorded, settings};

fn printed(
    sale: &SaleTransaction,
    settings: &StoreSettings,
    edition: ReceiptEdition,
) -> ReceiptDocument {
    let time = LocalTime { date: "01/12/2010".to_owned(), time: "08:26".to_owned() };
    receipt(&recorded(1, sale.clone()), settings, time, edition).unwrap()
}

#[test]
fn a_receipt_shows_what_was_paid_and_given_back() {
    let settings = StoreSettings {
        cash_rounding: Some(nickels(CashRoundingMode::NearestTieUp)),
        ..inclusive()
    };
    let mut line = cart_line(1, "6", "2.55", "standard");
    line.price.discount_basis_points = 1000;
    let sale = pay(&cart_of(vec![line]), &settings, &[Tendered::cash(gbp(2000))]).unwrap();
    let receipt = printed(&sale, &settings, ReceiptEdition::Original);
    assert_eq!(receipt.number.to_string(), "R1-000001-0000");
    assert_eq!((receipt.marks.as_slice(), receipt.subtotal), (&[][..], None));
    let item = &receipt.items[0];
    assert_eq!(
        (item.extended, item.discount, item.amount),
        (gbp(1530), Some(gbp(-153)), gbp(1377))
    );
    assert_eq!(
        (receipt.total, receipt.rounding, receipt.payable),
        (gbp(1377), Some(gbp(-2)), gbp(1375))
    );
    assert_eq!((receipt.tenders[0].amount, receipt.change), (gbp(2000), Some(gbp(625))));
    assert_eq!(receipt.taxes[0].percent.to_string(), "20");
    assert_eq!(receipt.header, ["1 High Street"]);
}

#[test]
fn a_copy_and_a_return_are_marked() {
    let mut line = cart_line(1, "1", "2.55", "standard");
    line.product.direction = pos_core::cart::Direction::Return;
    let sale = pay(&cart_of(vec![line]), &inclusive(), &[Tendered::cash(gbp(-255))]).unwrap();
    let receipt = printed(&sale, &inclusive(), ReceiptEdition::Copy);
    assert_eq!(receipt.marks, [ReceiptMark::Copy, ReceiptMark::Return]);
    assert_eq!(
        receipt.marks.iter().map(|mark| mark.word()).collect::<Vec<_>>(),
        ["COPY", "RETURN"]
    );
    assert_eq!((receipt.tenders[0].amount, receipt.change), (gbp(-255), None));
}

#[test]
fn prices_without_tax_show_a_subtotal() {
    let settings = settings(PriceTax::Exclusive, TaxScope::Document);
    let cart = cart_of(vec![cart_line(1, "1", "10", "reduced")]);
    let sale = pay(&cart, &settings, &[Tendered::card(gbp(1050), None)]).unwrap();
    let receipt = printed(&sale, &settings, ReceiptEdition::Original);
    assert_eq!((receipt.subtotal, receipt.total), (Some(gbp(1000)), gbp(1050)));
}

#[test]
fn a_copy_says_what_the_original_said() {
    let cart = cart_of(vec![cart_line(1, "1", "10", "city")]);
    let sale = pay(&cart, &inclusive(), &[Tendered::cash(gbp(1000))]).unwrap();
    let original = printed(&sale, &inclusive(), ReceiptEdition::Original);
    let copy = printed(&sale, &inclusive(), ReceiptEdition::Copy);
    assert_eq!(ReceiptDocument { marks: vec![], ..copy }, original);
}
