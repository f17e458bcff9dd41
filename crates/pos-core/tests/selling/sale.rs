use pos_core::cart::{CartStatus, CartView, Direction};
use pos_core::money::Currency;
use pos_core::product::ProductKind;
use pos_core::quantity::Quantity;
use pos_core::sale::{SaleError, quote};
use pos_core::stock::stock_movements;
use pos_core::store::StoreSettings;
use pos_core::tax::{PriceTax, TaxError, TaxScope};
use pos_core::tender::{Due, TenderError, Tendered, due_after};
use pos_core::transaction::{SaleTransaction, TenderKind, TransactionError};
use pos_core::unit_price::UnitPrice;
use proptest::prelude::*;

use crate::support::{
    any_cart, any_settings, any_split, balances, cart_line, cart_of, empty_cart, gbp, inclusive,
    paid_by_card, pay, quantity, settings, sku,
};

#[test]
fn a_cash_sale_gives_change_and_contains_its_tax() {
    let cart = cart_of(vec![cart_line(1, "6", "2.55", "standard")]);
    let sale = pay(&cart, &inclusive(), &[Tendered::cash(gbp(2000))]).unwrap();
    assert_eq!((sale.direction, sale.total), (Direction::Sale, gbp(1530)));
    assert_eq!((sale.items[0].net, sale.tax().unwrap()), (gbp(1275), gbp(255)));
    assert_eq!((sale.payments[0].tendered, sale.payments[0].change), (gbp(2000), gbp(470)));
    assert!(balances(&sale));
}

#[test]
fn tax_comes_on_top_where_prices_exclude_it() {
    let settings = settings(PriceTax::Exclusive, TaxScope::Line);
    let cart = cart_of(vec![cart_line(1, "1", "10.00", "city")]);
    let sale = paid_by_card(&cart, &settings);
    // 4.5 % is 0.45, 4.375 % is 0.4375.
    assert_eq!((sale.items[0].amount, sale.total), (gbp(1000), gbp(1089)));
    assert_eq!(sale.tax_summary.len(), 2);
}

#[test]
fn a_return_mirrors_its_sale() {
    let mut line = cart_line(1, "0.333", "12.90", "standard");
    line.price.discount_basis_points = 1250;
    let sold = paid_by_card(&cart_of(vec![line.clone()]), &inclusive());
    line.product.direction = Direction::Return;
    let returned = paid_by_card(&cart_of(vec![line]), &inclusive());
    assert_eq!(returned.direction, Direction::Return);
    assert_eq!(returned.total.minor(), -sold.total.minor());
    assert_eq!(returned.tax().unwrap().minor(), -sold.tax().unwrap().minor());
    assert_eq!(returned.items[0].quantity, quantity("-0.333"));
    assert_eq!(returned.items[0].discount.minor(), -sold.items[0].discount.minor());
}

#[test]
fn half_a_penny_goes_away_from_zero_in_both_directions() {
    let mut line = cart_line(1, "1", "0.125", "zero");
    let of = |line| quote(&cart_of(vec![line]), &inclusive()).unwrap().total;
    assert_eq!(of(line.clone()), gbp(13));
    line.product.direction = Direction::Return;
    assert_eq!(of(line), gbp(-13));
}

#[test]
fn an_exchange_is_a_sale_with_return_lines() {
    let mut back = cart_line(2, "1", "5.00", "standard");
    back.product.direction = Direction::Return;
    let cart = cart_of(vec![cart_line(1, "1", "3.00", "standard"), back]);
    let sale = pay(&cart, &inclusive(), &[Tendered::cash(gbp(-200))]).unwrap();
    assert_eq!((sale.direction, sale.total), (Direction::Sale, gbp(-200)));
    let moved: Vec<_> = stock_movements(&sale).collect();
    assert_eq!(moved, [(sku("P1"), quantity("-1")), (sku("P2"), quantity("1"))]);
}

#[test]
fn services_move_no_stock() {
    let mut postage = cart_line(1, "1", "4.95", "standard");
    postage.product.kind = ProductKind::Service;
    let sale = paid_by_card(&cart_of(vec![postage]), &inclusive());
    assert_eq!(stock_movements(&sale).count(), 0);
}

#[test]
fn void_lines_are_not_sold_and_a_cart_of_them_is_empty() {
    let cart = cart_of(vec![cart_line(1, "0", "1", "zero"), cart_line(2, "1", "2", "zero")]);
    assert_eq!(paid_by_card(&cart, &inclusive()).items.len(), 1);
    for cart in [empty_cart(), cart_of(vec![cart_line(1, "0", "1", "zero")])] {
        assert_eq!(pay(&cart, &inclusive(), &[]), Err(SaleError::Empty));
    }
}

#[test]
fn a_sale_of_nothing_needs_no_tender() {
    let cart = cart_of(vec![cart_line(1, "3", "0", "standard")]);
    let sale = pay(&cart, &inclusive(), &[]).unwrap();
    assert_eq!((sale.total, sale.payments.len()), (gbp(0), 0));
    let paid = pay(&cart, &inclusive(), &[Tendered::cash(gbp(100))]);
    assert_eq!(paid, Err(SaleError::Tender(TenderError::NothingDue)));
}

#[test]
fn what_is_not_paid_is_not_sold() {
    let cart = cart_of(vec![cart_line(1, "1", "2.00", "zero")]);
    let partly = pay(&cart, &inclusive(), &[Tendered::cash(gbp(150))]);
    assert_eq!(partly, Err(SaleError::StillDue(gbp(50))));
    assert_eq!(pay(&cart, &inclusive(), &[]), Err(SaleError::StillDue(gbp(200))));
}

#[test]
fn a_cart_that_is_not_open_cannot_be_paid() {
    for status in [CartStatus::Suspended, CartStatus::Abandoned] {
        let cart = CartView { status, ..cart_of(vec![cart_line(1, "1", "0", "zero")]) };
        assert_eq!(pay(&cart, &inclusive(), &[]), Err(SaleError::NotOpen));
    }
}

#[test]
fn a_tax_category_nobody_defined_stops_the_sale() {
    let cart = cart_of(vec![cart_line(1, "1", "1", "luxury")]);
    let unknown = SaleError::Tax(TaxError::UnknownCategory("luxury".to_owned()));
    assert_eq!(pay(&cart, &inclusive(), &[]), Err(unknown));
}

#[test]
fn a_line_in_another_currency_stops_the_sale() {
    let mut line = cart_line(1, "1", "1", "zero");
    line.price.unit_price = UnitPrice::parse("1", Currency::EUR).unwrap();
    let wrong = SaleError::WrongCurrency { expected: Currency::GBP, found: Currency::EUR };
    assert_eq!(pay(&cart_of(vec![line]), &inclusive(), &[]), Err(wrong));
}

#[test]
fn a_receipt_too_large_to_be_one_record_is_refused() {
    let mut template = cart_line(1, "1", "0", "standard");
    template.product.name = "x".repeat(200);
    template.price.override_reason = Some("y".repeat(200));
    let lines = (1..=2500)
        .map(|n| {
            let mut line = template.clone();
            line.id = crate::support::line(n);
            line
        })
        .collect();
    assert_eq!(pay(&cart_of(lines), &inclusive(), &[]), Err(SaleError::TooLarge));
}

/// Every way to change one thing in a transaction on disk, and what is said about it.
#[test]
fn a_tampered_transaction_is_refused_when_it_is_read() {
    let cart =
        cart_of(vec![cart_line(1, "6", "2.55", "standard"), cart_line(2, "1", "10.00", "reduced")]);
    let sale = pay(&cart, &inclusive(), &[Tendered::cash(gbp(3000))]).unwrap();
    let json = serde_json::to_value(&sale).unwrap();
    let read = |json| serde_json::from_value::<SaleTransaction>(json);
    assert_eq!(read(json.clone()).unwrap(), sale);

    let changes: &[(&str, serde_json::Value)] = &[
        ("/receiptCounter", 0.into()),
        ("/direction", "return".into()),
        ("/items/0/quantity", "7".into()),
        ("/items/0/quantity", "-6".into()),
        ("/items/0/unitPrice/amount", "2.54".into()),
        ("/items/0/unitPrice/currency", "EUR".into()),
        ("/items/0/amount/amount", "15.29".into()),
        ("/items/0/discount/amount", "0.01".into()),
        ("/items/0/net/amount", "12.74".into()),
        ("/items/0/taxes/0/1/amount", "2.56".into()),
        ("/items/0/line", serde_json::to_value(crate::support::line(2)).unwrap()),
        ("/items", serde_json::Value::Array(vec![])),
        ("/total/amount", "25.31".into()),
        ("/total/currency", "EUR".into()),
        ("/taxSummary/0/tax/amount", "2.54".into()),
        ("/taxSummary/0/taxable/amount", "12.74".into()),
        ("/taxSummary", serde_json::Value::Array(vec![])),
        ("/rounding/amount", "0.01".into()),
        ("/payments/0/tendered/amount", "29.00".into()),
        ("/payments/0/change/amount", "4.69".into()),
        ("/payments/0/kind", "card".into()),
        ("/payments", serde_json::Value::Array(vec![])),
        ("/prices", "exclusive".into()),
    ];
    for (place, value) in changes {
        let mut tampered = json.clone();
        *tampered.pointer_mut(place).unwrap() = value.clone();
        assert!(read(tampered).is_err(), "{place} = {value}");
    }
}

#[test]
fn the_check_names_what_is_wrong() {
    let cart = cart_of(vec![cart_line(1, "1", "10.00", "standard")]);
    let sale = pay(&cart, &inclusive(), &[Tendered::cash(gbp(2000))]).unwrap();
    let mut wrong = sale.clone();
    wrong.payments[0].change = gbp(900);
    let unbalanced = TransactionError::Unbalanced { owed: gbp(1000), settled: gbp(1100) };
    assert_eq!(wrong.check(), Err(unbalanced));
    let mut wrong = sale.clone();
    wrong.payments[0].change = gbp(-100);
    assert_eq!(wrong.check(), Err(TransactionError::Payment(0)));
    let mut wrong = sale.clone();
    wrong.payments[0].kind = TenderKind::Card;
    assert_eq!(wrong.check(), Err(TransactionError::Payment(0)));
    let mut wrong = sale.clone();
    wrong.items[0].quantity = Quantity::ZERO;
    assert_eq!(wrong.check(), Err(TransactionError::LineQuantity(wrong.items[0].line)));
    let mut wrong = sale;
    wrong.items.push(wrong.items[0].clone());
    assert_eq!(wrong.check(), Err(TransactionError::LineOrder(wrong.items[0].line)));
}

/// Tenders that settle `total`: each part pays a share of what is due, the last one all of it.
fn tenders_for(
    cart: &CartView,
    settings: &StoreSettings,
    split: &[(TenderKind, u8)],
) -> Vec<Tendered> {
    let total = quote(cart, settings).unwrap().total;
    let mut tenders: Vec<Tendered> = Vec::new();
    for (place, &(kind, percent)) in split.iter().enumerate() {
        let Due { exact, cash } = due_after(total, &tenders, settings.cash_rounding).unwrap();
        if exact.is_zero() {
            break;
        }
        let last = place + 1 == split.len();
        let part = exact.minor() * i64::from(percent) / 100;
        let step = settings.cash_rounding.map_or(1, |rounding| i64::from(rounding.step_minor()));
        let minor = match (kind, last) {
            (TenderKind::Card, true) => exact.minor(),
            (TenderKind::Card, false) => part,
            // The customer who pays hands over more than is due.
            (TenderKind::Cash, true) => {
                cash.minor() + if exact.is_negative() { 0 } else { step * 7 }
            }
            (TenderKind::Cash, false) => part / step * step,
        };
        let amount = gbp(minor);
        if minor == 0 && !last {
            continue;
        }
        tenders.push(match kind {
            TenderKind::Cash => Tendered::cash(amount),
            TenderKind::Card => Tendered::card(amount, None),
        });
    }
    tenders
}

proptest! {
    /// The promise: lines + tax + rounding = tenders - change, for any prices, taxes, discounts,
    /// rounding and split; and the document survives both formats.
    #[test]
    fn every_sale_balances(cart in any_cart(), settings in any_settings(), split in any_split()) {
        let tenders = tenders_for(&cart, &settings, &split);
        let sale = pay(&cart, &settings, &tenders).unwrap();
        prop_assert!(balances(&sale));
        prop_assert_eq!(sale.check(), Ok(()));

        let bytes = postcard::to_stdvec(&sale).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<SaleTransaction>(&bytes).unwrap(), &sale);
        let json = serde_json::to_string(&sale).unwrap();
        prop_assert_eq!(&serde_json::from_str::<SaleTransaction>(&json).unwrap(), &sale);
    }

    /// One minor unit moved in any amount of the document is noticed.
    #[test]
    fn a_unit_moved_anywhere_is_noticed(
        cart in any_cart(),
        settings in any_settings(),
        field in 0..7_usize,
        more in any::<bool>(),
    ) {
        let mut sale = paid_by_card(&cart, &settings);
        let moved = |money: &mut pos_core::money::Money| {
            *money = gbp(money.minor() + if more { 1 } else { -1 });
        };
        match field {
            0 => moved(&mut sale.total),
            1 => moved(&mut sale.rounding),
            2 => moved(&mut sale.items[0].amount),
            3 => moved(&mut sale.items[0].net),
            4 => moved(&mut sale.items[0].discount),
            5 => match sale.items[0].taxes.first_mut() {
                Some((_, tax)) => moved(tax),
                None => moved(&mut sale.total),
            },
            _ => match sale.payments.first_mut() {
                Some(payment) => moved(&mut payment.tendered),
                None => moved(&mut sale.total),
            },
        }
        prop_assert!(sale.check().is_err());
    }

    /// The order of lines in the document of the cart does not change what anything costs.
    #[test]
    fn the_price_depends_on_the_set_of_lines(cart in any_cart(), settings in any_settings()) {
        let mut reversed = cart.clone();
        reversed.lines.reverse();
        prop_assert_eq!(quote(&cart, &settings), quote(&reversed, &settings));
    }
}
