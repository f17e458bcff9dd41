//! Receipts, copies, drawers, and printers that go wrong.

use devices::printer::{Fonts, Profile};
use devices::virtual_printer::{Faults, Setup as PrinterSetup, VirtualPrinter};

use super::*;
use crate::counter::view::{PaperState, PrinterTrouble};
use crate::till::Payment;

const LONG: Duration = Duration::from_mins(1);

fn printer(faults: Faults) -> VirtualPrinter {
    let fonts = Fonts::new().unwrap();
    let setup = PrinterSetup { faults };
    VirtualPrinter::start("127.0.0.1:0", Profile::EPSON_80_MM, fonts, setup).unwrap()
}

fn sell(shop: &mut Shop) -> String {
    shop.scan(MUG);
    shop.tap(Intent::TakeExactCash);
    shop.desk().last.unwrap().receipt
}

fn text(printed: &devices::virtual_printer::Printout) -> String {
    printed.text.join("\n")
}

#[test]
fn a_cash_sale_prints_once_opens_the_drawer_and_a_copy_says_copy() {
    let printer = printer(Faults::default());
    let address = printer.address().to_string();
    let mut shop = Shop::with(None, Some(&address));
    let receipt = sell(&mut shop);
    let desk = shop
        .wait_for(|desk| desk.last.as_ref().is_some_and(|last| last.paper == PaperState::Printed));
    assert_eq!(desk.printer.name.as_deref(), Some(address.as_str()));
    shop.tap(Intent::PrintCopy(None));
    shop.tap(Intent::PrintCopy(Some(receipt.clone())));
    assert!(printer.wait_until(LONG, |papers, drawer| papers.len() == 3 && drawer.len() == 1));
    let papers = printer.printed();
    assert!(papers.iter().all(|paper| text(paper).contains(&receipt)));
    let copies: Vec<bool> = papers.iter().map(|paper| text(paper).contains("COPY")).collect();
    assert_eq!(copies, [false, true, true]);
    // A store of one till has no second device that could hold the sale.
    assert!(!text(&papers[0]).contains("THIS TILL ONLY"));
}

#[test]
fn a_printer_without_paper_is_said_and_sells_on() {
    let printer = printer(Faults { paper_out: true, ..Faults::default() });
    let mut shop = Shop::with(None, Some(&printer.address().to_string()));
    let first = sell(&mut shop);
    shop.wait_for(|desk| desk.printer.trouble == Some(PrinterTrouble::PaperOut));
    let second = sell(&mut shop);
    let third = sell(&mut shop);
    shop.wait_for(|desk| desk.printer.waiting == 3);
    printer.change(|faults| faults.paper_out = false);
    shop.tap(Intent::RetryPrinter);
    assert!(printer.wait_until(LONG, |papers, _| papers.len() == 3));
    let papers = printer.printed();
    for (paper, receipt) in papers.iter().zip([first, second, third]) {
        assert!(text(paper).contains(&receipt), "{}", text(paper));
    }
    shop.wait_for(|desk| desk.printer.trouble.is_none() && desk.printer.waiting == 0);
}

#[test]
fn a_receipt_that_never_came_to_the_printer_is_printed_at_the_next_start() {
    let mut shop = Shop::open();
    let receipt = sell(&mut shop);
    let printer = printer(Faults::default());
    let address = printer.address().to_string();
    // The power went between the sale and its receipt.
    shop.restart(Some(&address));
    shop.wait_for(|desk| desk.last.as_ref().is_some_and(|last| last.paper == PaperState::Printed));
    assert!(text(&printer.printed()[0]).contains(&receipt));
    shop.restart(Some(&address));
    let next = sell(&mut shop);
    assert!(printer.wait_until(LONG, |papers, _| papers.len() == 2));
    assert!(text(&printer.printed()[1]).contains(&next));
}

#[test]
fn a_sale_that_was_typed_as_a_command_is_not_printed_at_the_next_start() {
    use pos_core::cart::{CartCommand, Direction, ItemRef, Merge};
    let mut shop = Shop::open();
    shop.tap(Intent::OpenShift(gbp(0)));
    let operator = OperatorId::new("anna").unwrap();
    let till = shop.counter().till();
    let register = till.register(None).unwrap();
    let cart = till.open_cart("", &operator).unwrap();
    let (item, quantity) = (ItemRef::Sku("MUG-01".parse().unwrap()), quantity("1"));
    let (price, direction, merge) = (None, Direction::Sale, Merge::NewLine);
    let add = CartCommand::AddItem { item, quantity, price, direction, merge };
    till.edit_cart(cart, add).unwrap();
    let tenders = vec![pos_core::tender::Tendered::cash(gbp(850))];
    let (register, operator) = (&register, &operator);
    let (key, wall_time) = (None, None);
    till.complete(Payment { cart, register, operator, tenders, key, wall_time }).unwrap();
    let printer = printer(Faults::default());
    shop.restart(Some(&printer.address().to_string()));
    let receipt = sell(&mut shop);
    assert!(printer.wait_until(LONG, |papers, _| !papers.is_empty()));
    assert!(text(&printer.printed()[0]).contains(&receipt));
}

#[test]
fn reports_are_papers_too() {
    let printer = printer(Faults::default());
    let mut shop = Shop::with(None, Some(&printer.address().to_string()));
    sell(&mut shop);
    shop.tap(Intent::ReadX);
    shop.tap(Intent::PrintReport);
    shop.tap(Intent::CloseShift(None));
    assert!(printer.wait_until(LONG, |papers, _| papers.len() == 3));
    let papers = printer.printed();
    assert!(text(&papers[1]).contains('X') && text(&papers[2]).contains('Z'));
}

#[test]
fn a_file_is_a_printer_that_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.bin");
    let mut shop = Shop::with(None, path.to_str());
    let receipt = sell(&mut shop);
    shop.wait_for(|desk| desk.last.as_ref().is_some_and(|last| last.paper == PaperState::Printed));
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.windows(receipt.len()).any(|part| part == receipt.as_bytes()));
}

#[test]
fn without_a_printer_nothing_is_printed_and_copies_say_why() {
    let mut shop = Shop::open();
    sell(&mut shop);
    assert_eq!(shop.desk().last.unwrap().paper, PaperState::NoPrinter);
    shop.tap(Intent::PrintCopy(None));
    assert_eq!(shop.notices(), [Notice::NoPrinter]);
}
