//! Receipts from the sale to the paper: what is read off the paper is what was sold, by programs that
//! share no line with ours; and a printer's slowness or death harms neither the sale nor the paper.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod shop;
mod tools;

use std::time::Duration;

use devices::printer::{Fonts, Profile, encode, layout};
use devices::queue::{Job, JobState, PrintQueue, QueueOptions};
use devices::transport::TcpPrinter;
use devices::virtual_printer::{Faults, Setup, VirtualPrinter};
use pos_core::receipt::ReceiptWitness;
use shop::{Shop, receipt_of};

const LONG: Duration = Duration::from_mins(2);

/// The value, or the end of the test with the reason why it cannot be had here.
macro_rules! or_skip {
    ($value:expr) => {
        match $value {
            Ok(value) => value,
            Err(why) => {
                println!("skipped: {why}");
                return;
            }
        }
    };
}

#[test]
fn zbar_reads_the_number_and_the_witness_off_the_receipt_of_every_printer() {
    let paid = Shop::open().sell(&[("Teapot", "2.55", 2), ("緑茶", "3.39", 1)], 1000);
    let document = receipt_of(&paid).stored_on(1);
    let fonts = Fonts::new().unwrap();
    for profile in Profile::ALL {
        let bytes = encode(&layout(&document, profile.columns), &profile, &fonts).bytes();
        let codes = or_skip!(tools::zbar(&tools::printed(&bytes, profile)));
        let [barcode, qr] = codes.as_slice() else { panic!("{}: {codes:?}", profile.name) };
        assert_eq!(*barcode, format!("CODE-128:{}", paid.get().number), "{}", profile.name);
        let witness: ReceiptWitness = qr.strip_prefix("QR-Code:").unwrap().parse().unwrap();
        assert_eq!(witness, document.witness(), "{}", profile.name);
        assert!(witness.fits(&paid.get().id));
    }
}

#[test]
fn what_python_escpos_prints_is_drawn_and_read_by_zbar() {
    let bytes = or_skip!(tools::python_escpos(
        "d.set(align='center', bold=True, double_height=True, double_width=True)\n\
         d.text('Shop\\n')\n\
         d.set()\n\
         d.text('Café £1\\n')\n\
         d.barcode('4006381333931', 'EAN13', 64, 2)\n\
         d.barcode('{BR1-000123', 'CODE128', function_type='B')\n\
         d.qr('native code', size=4, native=True, center=False)\n\
         d.qr('code as a picture', size=4)\n\
         d.cashdraw(2)\n\
         d.cut()"
    ));
    let paper = tools::printed(&bytes, Profile::EPSON_80_MM);
    assert_eq!(paper.unknown, [0; 0]);
    assert_eq!(paper.text[..2], ["Shop", "Café £1"]);
    let codes = or_skip!(tools::zbar(&paper));
    let expected = [
        "CODE-128:R1-000123",
        "EAN-13:4006381333931",
        "QR-Code:code as a picture",
        "QR-Code:native code",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn what_receiptline_prints_is_drawn_and_read_by_zbar() {
    let bytes = or_skip!(tools::receiptline(
        "^^^Shop\n\nTea | 1.00\nCoffee | 2.50\n---\n\
         {code:4006381333931; option:ean13,2,72,hri}\n\n\
         {code:TM1 as a picture; option:qrcode,5,m}\n=",
        42
    ));
    let paper = tools::printed(&bytes, Profile::EPSON_80_MM);
    assert_eq!(paper.unknown, [0; 0]);
    assert!(paper.text.iter().any(|line| line.starts_with("Coffee") || line.contains("Coffee")));
    let codes = or_skip!(tools::zbar(&paper));
    assert!(codes.contains(&"QR-Code:TM1 as a picture".to_owned()), "{codes:?}");
    assert!(codes.iter().any(|code| code.ends_with(":4006381333931")), "{codes:?}");
}

#[test]
fn a_receipt_of_200_lines_prints_whole_and_once_8_s_behind_while_the_till_sells_on() {
    let setup = Setup { faults: Faults { latency: Duration::from_secs(8), ..Faults::default() } };
    let fonts = || Fonts::new().unwrap();
    let printer =
        VirtualPrinter::start("127.0.0.1:0", Profile::EPSON_80_MM, fonts(), setup).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cable = Box::new(TcpPrinter::new(printer.address().to_string()));
    let options = QueueOptions::new(Profile::EPSON_80_MM, fonts());
    let queue = PrintQueue::open(folder.path(), cable, options).unwrap();

    let names: Vec<String> =
        (1..=200).map(|line| format!("Article {line} of two hundred")).collect();
    let wanted: Vec<_> = names.iter().map(|name| (name.as_str(), "1.00", 1)).collect();
    let mut shop = Shop::open();
    let long = shop.sell(&wanted, 20_000);
    let first = queue.print(Job::receipt(receipt_of(&long), &long)).unwrap();
    queue.open_drawer(&long).unwrap();

    // The till sells while the printer has not printed a line, and while it prints.
    let mut sold_meanwhile = 0;
    let mut others = Vec::new();
    while queue.view().jobs.iter().any(|job| job.number == first) {
        let paid = shop.sell(&[("Tea", "1.00", 1)], 100);
        if others.len() < 3 {
            others.push(format!("receipt {}", paid.get().number));
            queue.print(Job::receipt(receipt_of(&paid), &paid)).unwrap();
        }
        sold_meanwhile += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{sold_meanwhile} sales while one receipt was printed");
    assert!(sold_meanwhile > 10);
    assert!(queue.wait_until(LONG, |view| view.jobs.is_empty()), "{:?}", queue.view());

    let papers = printer.printed();
    assert_eq!(papers.len(), 4);
    for name in &names {
        let lines = papers[0].text.iter().filter(|line| line.starts_with(&format!("{name} ")));
        assert_eq!(lines.count(), 1, "{name}");
    }
    assert_eq!(papers[0].barcodes, [long.get().number.to_string()]);
    assert!(papers[1..].iter().all(|paper| paper.text.len() < 30), "no rest of it on the next");
    assert_eq!(printer.drawer(), [2]);
    for key in &others {
        assert_eq!(queue.fate_of(key), Some(JobState::Printed));
    }
}

#[test]
fn the_proof_of_the_disk_has_one_maker() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut makers = Vec::new();
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]").next().unwrap();
                let name = path.strip_prefix(root).unwrap().display().to_string();
                let implements = shipped
                    .lines()
                    .any(|line| line.starts_with("impl") && line.contains("Flushed for"));
                if implements && !name.ends_with("tests.rs") {
                    makers.push(name);
                }
            }
        }
    }
    makers.sort();
    // The second is the trait's own, for references.
    let expected = ["crates/pos-core/src/durability.rs", "crates/replica/src/core/durable.rs"];
    assert_eq!(makers, expected);
}
