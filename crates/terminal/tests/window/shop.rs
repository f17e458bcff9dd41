//! A shop for pictures: every screen, with everything that can be on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use devices::printer::{Element, Line, Style};
use pos_core::gtin::Gtin;
use pos_core::ids::{CartId, CustomerId, DeviceId, LineId, RecordId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::product::{Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::report::{
    CountAmount, DrawerTotals, GrandTotals, TaxTotal, Totals, XReport, ZReport,
};
use pos_core::tax::{PriceTax, TaxRateId};
use pos_core::tender::Due;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;
use terminal::counter::view::{
    CardState, CartScreen, CatalogueItem, CatalogueView, CustomerRow, Desk, FirstStart, FirstStep,
    LastSale, LetInScreen, LineView, PaidScreen, PaperState, PayScreen, PeerView, PersonHere,
    Place, PrinterTrouble, PrinterView, ReceiptView, RefundLineView, RefundReceipt, RefundScreen,
    Safety, Screen, ShiftView, Stage, TakenView, View, WaitingCart, WaitingState,
};
use terminal::counter::{Notice, Posted, RefundReason};
use terminal::window::state::Overlay;

const EUR: Currency = Currency::EUR;

/// What only the screen knows, for a picture.
pub(crate) enum Laid {
    Over(Overlay),
    Query(&'static str),
    Drawer,
}

fn euro(minor: i64) -> Money {
    Money::from_minor(minor, EUR)
}

fn price(text: &str) -> UnitPrice {
    UnitPrice::parse(text, EUR).unwrap()
}

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn number(text: &str) -> Quantity {
    text.parse().unwrap()
}

const PRODUCTS: [(&str, &str, &str, &str, &str); 30] = [
    ("APP-KG", "Äpfel Elstar", "2.99", "kg", "reduced"),
    ("BAG-01", "Baguette", "1.60", "", "reduced"),
    ("BAN-KG", "Bananas", "1.89", "kg", "reduced"),
    ("BRE-01", "Sourdough bread, dark, 1 kg", "5.40", "", "reduced"),
    ("BUT-01", "Butter 250 g", "2.79", "", "reduced"),
    ("CAP-01", "Cappuccino", "3.20", "", "standard"),
    ("CHE-KG", "Comté, 16 months, from the wheel", "28.90", "kg", "reduced"),
    ("CHO-01", "Chocolate 70 % with hazelnuts", "2.95", "", "reduced"),
    ("COF-01", "Coffee beans, Ethiopia, 250 g", "8.90", "", "reduced"),
    ("CRO-01", "Croissant", "1.90", "", "reduced"),
    ("EGG-10", "Eggs, free range, 10", "3.99", "", "reduced"),
    ("ESP-01", "Espresso", "2.20", "", "standard"),
    ("FLO-01", "Bunch of flowers", "", "", "reduced"),
    ("HON-01", "Blossom honey 500 g", "6.80", "", "reduced"),
    ("JAM-01", "Apricot jam 220 g", "3.45", "", "reduced"),
    ("LEM-01", "Lemonade 0.33 l", "2.30", "", "standard"),
    ("MIL-01", "Whole milk 1 l", "1.35", "", "reduced"),
    ("MUG-01", "Mug, blue glaze", "12.50", "", "standard"),
    ("NOT-01", "Notebook A5, dotted", "7.90", "", "standard"),
    ("OIL-01", "Olive oil 0.5 l", "9.90", "", "reduced"),
    ("ORA-01", "Orange juice 0.75 l", "2.85", "", "standard"),
    ("PAS-01", "Spaghetti 500 g", "1.49", "", "reduced"),
    ("PEN-01", "Ballpoint pen", "1.60", "", "standard"),
    ("POS-01", "Postcard", "1.20", "", "standard"),
    ("RIC-01", "Basmati rice 1 kg", "3.29", "", "reduced"),
    ("SOA-01", "Soap, lavender", "4.20", "", "standard"),
    ("TEA-01", "Green tea, 20 bags", "3.60", "", "reduced"),
    ("TOM-01", "Tomatoes, chopped, 400 g", "0.99", "", "reduced"),
    ("WAT-01", "Mineral water 0.5 l", "1.10", "", "standard"),
    ("YOG-01", "Yoghurt, plain, 500 g", "1.79", "", "reduced"),
];

fn catalogue() -> Arc<CatalogueView> {
    let items = PRODUCTS.iter().zip(40_063_810_001_u64..).map(|(product, body)| {
        let (code, name, cost, unit, tax) = *product;
        CatalogueItem {
            sku: sku(code),
            name: name.to_owned(),
            price: (!cost.is_empty()).then(|| price(cost)),
            unit: if unit == "kg" { UnitOfMeasure::Kilogram } else { UnitOfMeasure::Each },
            gtins: vec![Gtin::from_body(body * 10).unwrap()],
            tax_category: tax.to_owned(),
        }
    });
    Arc::new(CatalogueView { revision: 1, items: items.collect() })
}

fn line(at: u8, code: &str, name: &str, quantity: &str, each: &str, amount: i64) -> LineView {
    let unit = if quantity.contains('.') { UnitOfMeasure::Kilogram } else { UnitOfMeasure::Each };
    LineView {
        id: LineId::from_bytes([at; LineId::LEN]),
        sku: sku(code),
        name: name.to_owned(),
        quantity: number(quantity),
        unit,
        unit_price: price(each),
        override_reason: None,
        discount: euro(0),
        amount: euro(amount),
    }
}

fn lines() -> Vec<LineView> {
    let mut lines = vec![
        line(1, "BRE-01", "Sourdough bread, dark, 1 kg", "1", "5.40", 540),
        line(2, "CHE-KG", "Comté, 16 months, from the wheel", "0.312", "28.90", 902),
        line(3, "COF-01", "Coffee beans, Ethiopia, 250 g", "2", "8.90", 1602),
        line(4, "MUG-01", "Mug, blue glaze", "1", "10.00", 1000),
        line(5, "CRO-01", "Croissant", "3", "1.90", 570),
    ];
    lines[2].discount = euro(-178);
    lines[3].override_reason = Some("Damaged".to_owned());
    lines
}

fn cart(lines: Vec<LineView>) -> CartScreen {
    let total: i64 = lines.iter().map(|line| line.amount.minor()).sum();
    let discount: i64 = lines.iter().map(|line| line.discount.minor()).sum();
    CartScreen {
        id: Some(CartId::from_bytes([1; CartId::LEN])),
        label: String::new(),
        customer: None,
        selected: lines.last().map(|line| line.id),
        additions: 0,
        total: euro(total),
        tax: euro(total * 7 / 107),
        tax_rows: Vec::new(),
        discount: euro(discount),
        others: Vec::new(),
        remainder_of: None,
        lines,
    }
}

fn customer(at: u8, name: &str, phone: &str) -> CustomerRow {
    CustomerRow {
        id: CustomerId::from_bytes([at; CustomerId::LEN]),
        name: name.to_owned(),
        phone: phone.to_owned(),
        email: String::new(),
        loyalty: String::new(),
    }
}

fn peer(at: u8, name: &str, connected: bool) -> PeerView {
    PeerView {
        device: DeviceId::from_bytes([at; DeviceId::LEN]),
        name: name.to_owned(),
        connected,
        address: "192.0.2.7:4433".to_owned(),
        ahead: 0,
        in_flight: 0,
        last_seen_secs: if connected { Some(0) } else { Some(840) },
    }
}

fn desk() -> Desk {
    Desk {
        place: Place {
            store: "Hofladen Linde".to_owned(),
            till: "Till 1".to_owned(),
            register: Some("R1".to_owned()),
            operator: "Marta".to_owned(),
            currency: EUR,
            prices: PriceTax::Inclusive,
            is_manager: true,
        },
        shift: Some(ShiftView { business_date: "2026-11-23".to_owned() }),
        cart: cart(lines()),
        screen: Screen::Sale,
        waiting: Vec::new(),
        customers: Vec::new(),
        catalogue: catalogue(),
        safety: Safety {
            stored_on: 3,
            members: 2,
            peers: vec![peer(2, "Till 2", true), peer(3, "Office", true)],
            ..Safety::default()
        },
        printer: PrinterView { name: Some("192.0.2.20:9100".to_owned()), ..PrinterView::default() },
        has_reader: true,
        last: None,
    }
}

fn offline(desk: &mut Desk) {
    let peers = vec![peer(2, "Till 2", false), peer(3, "Office", false)];
    desk.safety = Safety {
        stored_on: 1,
        members: 2,
        peers,
        offline_secs: Some(840),
        only_here: 3,
        diagnosis: vec![
            "The tills hear each other's announcements but cannot connect: client isolation is on \
             in the Wi-Fi. Switch it off in the access point."
                .to_owned(),
        ],
        ..Safety::default()
    };
}

fn view(desk: Desk, notices: Vec<Notice>) -> View {
    let notices = (1..).zip(notices).map(|(number, notice)| Posted { number, notice }).collect();
    View { revision: 1, stage: Stage::Selling(Box::new(desk)), notices }
}

fn stage(stage: Stage) -> View {
    View { revision: 1, stage, notices: Vec::new() }
}

fn pay_screen() -> PayScreen {
    PayScreen {
        total: euro(4614),
        due: Due { exact: euro(4614), cash: euro(4614) },
        taken: Vec::new(),
        quick_cash: vec![euro(4614), euro(4700), euro(5000), euro(10_000)],
        card: CardState::Idle,
        may_tender: true,
    }
}

fn sale() -> LastSale {
    LastSale {
        id: RecordId::from_bytes([7; RecordId::LEN]),
        receipt: "R1-000123-7F3A".to_owned(),
        total: euro(4614),
        stored_on: 3,
        paper: PaperState::Printed,
    }
}

fn receipt() -> ReceiptView {
    let plain = |text: &str| (text.to_owned(), Style::Plain);
    let middle = |text: &str, width: usize| format!("{text:^width$}");
    let rule = "-".repeat(42);
    let rows = vec![
        (middle("Hofladen Linde", 42), Style::Tall),
        plain(&middle("Lindenstr. 4, 79100 Freiburg", 42)),
        plain(&rule),
        plain("Sourdough bread, dark, 1 kg         5.40 A"),
        plain("Comté, 16 months"),
        plain("  0.312 kg x 28.90                  9.02 A"),
        plain("Coffee beans, Ethiopia, 250 g"),
        plain("  2 x 8.90                         17.80 A"),
        plain("  Discount                         -1.78"),
        plain("Mug, blue glaze                    10.00 B"),
        plain("Croissant  3 x 1.90                 5.70 A"),
        plain(&rule),
        ("Total EUR   46.14".to_owned(), Style::Double),
        plain("Cash                               50.00"),
        plain("Change                              3.86"),
        plain(&rule),
        plain("A  7 %   net 33.77   tax 2.37"),
        plain("B 19 %   net  8.40   tax 1.60"),
        plain(&rule),
        plain("Receipt R1-000123-7F3A"),
        plain("2026-11-23 14:31   Till 1   Marta"),
    ];
    let text: Vec<&str> = rows.iter().map(|(text, _)| text.as_str()).collect();
    let text = text.join("\n");
    let lines =
        rows.iter().map(|(text, style)| Element::Line(Line { text: text.clone(), style: *style }));
    let elements = lines.chain([Element::Qr("R1-000123-7F3A 46.14 EUR".to_owned())]).collect();
    ReceiptView { columns: 42, elements, text }
}

fn paid_screen() -> PaidScreen {
    PaidScreen { sale: sale(), given: euro(5000), change: euro(386), receipt: Arc::new(receipt()) }
}

fn refund_line(
    at: u8,
    name: &str,
    sold: &str,
    left: &str,
    chosen: &str,
    amount: i64,
) -> RefundLineView {
    RefundLineView {
        line: LineId::from_bytes([at; LineId::LEN]),
        sku: sku("X"),
        name: name.to_owned(),
        sold: number(sold),
        left: number(left),
        chosen: number(chosen),
        amount: euro(amount),
    }
}

fn refund_screen() -> RefundScreen {
    RefundScreen {
        typed: "R1-000123".to_owned(),
        receipt: Some(RefundReceipt {
            id: RecordId::from_bytes([7; RecordId::LEN]),
            number: "R1-000123-7F3A".to_owned(),
            business_date: "2026-11-20".to_owned(),
            total: euro(4614),
            paid_by_card: true,
            lines: vec![
                refund_line(1, "Coffee beans, Ethiopia, 250 g", "2", "2", "1", 1602),
                refund_line(2, "Mug, blue glaze", "1", "1", "1", 1000),
                refund_line(3, "Croissant", "3", "0", "0", 570),
            ],
        }),
        reason: Some(RefundReason::Faulty),
        restock: false,
        due: Due { exact: euro(-1801), cash: euro(-1801) },
        card: CardState::Idle,
    }
}

fn x_report() -> XReport {
    let counted = |count, minor| CountAmount { count, amount: euro(minor) };
    let rate = |name: &str| TaxRateId::new(name).unwrap();
    let tax = |taxable, tax| TaxTotal { taxable: euro(taxable), tax: euro(tax) };
    XReport {
        register: RegisterId::new("R1").unwrap(),
        shift: RecordId::from_bytes([3; RecordId::LEN]),
        shift_number: 41,
        business_date: "2026-11-23".parse().unwrap(),
        opening_float: euro(15_000),
        totals: Totals {
            sales: counted(128, 241_870),
            returns: counted(2, -1801),
            adjustments: 0,
            postings: counted(0, 0),
            tax: BTreeMap::from([
                (rate("standard"), tax(52_000, 9880)),
                (rate("reduced"), tax(166_532, 11_657)),
            ]),
            tenders: BTreeMap::from([
                (TenderKind::Cash, counted(71, 98_450)),
                (TenderKind::Card, counted(59, 141_619)),
            ]),
            drawer: DrawerTotals {
                loans: counted(0, 0),
                pickups: counted(1, 50_000),
                paid_in: counted(0, 0),
                paid_out: counted(0, 0),
                no_sales: 3,
            },
            rounding: euro(0),
            discounts: counted(6, -1240),
            units_sold: number("412"),
            units_returned: number("2"),
        },
        expected_cash: euro(63_450),
        grand_totals: GrandTotals {
            sales: euro(9_418_230),
            returns: euro(-40_120),
            net: euro(9_378_110),
        },
    }
}

fn z_report() -> ZReport {
    ZReport {
        number: 41,
        figures: x_report(),
        counted: Some(euro(63_400)),
        over_short: Some(euro(-50)),
    }
}

fn waiting() -> Vec<WaitingCart> {
    let cart = |at: u8, label: &str, state, open_on| WaitingCart {
        id: CartId::from_bytes([at; CartId::LEN]),
        label: label.to_owned(),
        operator: "Jonas".to_owned(),
        lines: 4,
        contents: vec!["Espresso".to_owned(), "Croissant".to_owned(), "Butter 250 g".to_owned()],
        total: euro(1789),
        state,
        open_on,
    };
    let here = PersonHere { till: "Till 2".to_owned(), says: "Jonas".to_owned() };
    vec![
        cart(1, "Table 4", WaitingState::Suspended, Vec::new()),
        cart(2, "", WaitingState::Open, vec![here]),
        cart(3, "Red jacket", WaitingState::CardUnknown, Vec::new()),
        cart(
            4,
            "",
            WaitingState::Remainder { receipt: Some("R1-000119".to_owned()), waits: false },
            Vec::new(),
        ),
    ]
}

/// Every screen: its name, what the counter says, what the screen itself knows.
pub(crate) fn screens() -> Vec<(&'static str, View, Option<Laid>)> {
    let mut all = first_start();
    all.extend(sales());
    all.extend(paying());
    all.extend(overlays());
    all.extend(others());
    all
}

fn first_start() -> Vec<(&'static str, View, Option<Laid>)> {
    let start = |step| {
        stage(Stage::FirstStart(FirstStart {
            step,
            name: String::new(),
            country: None,
            source: None,
        }))
    };
    let words = ["harbour", "violin", "copper", "meadow"];
    let phrase =
        "abandon ability able about above absent absorb abstract absurd abuse access accident";
    let phrase = phrase.split(' ').map(str::to_owned).collect();
    let failed = "the store in shop is open in another program: close it, or name another folder";
    vec![
        ("start", start(FirstStep::Questions), None),
        ("start-words", start(FirstStep::Words { words, asked_here: true }), None),
        ("start-fetching", start(FirstStep::Fetching { done: 8120, total: 20_400 }), None),
        ("start-phrase", stage(Stage::RecoveryPhrase(phrase)), None),
        ("start-failed", stage(Stage::Failed(failed.to_owned())), None),
    ]
}

fn sales() -> Vec<(&'static str, View, Option<Laid>)> {
    let with = |change: &dyn Fn(&mut Desk)| {
        let mut desk = desk();
        change(&mut desk);
        desk
    };
    let busy = with(&|desk| {
        desk.waiting = waiting();
        desk.cart.customer = Some(customer(1, "Maria Sommer", "0761 555 0134"));
        desk.cart.others = vec![PersonHere { till: "Till 2".to_owned(), says: String::new() }];
    });
    let trouble = with(&|desk| {
        offline(desk);
        desk.printer.trouble = Some(PrinterTrouble::PaperOut);
        desk.printer.waiting = 2;
    });
    let unknown = Notice::UnknownCode { code: "4006381333931".to_owned() };
    vec![
        ("sale", view(desk(), Vec::new()), None),
        ("sale-empty", view(with(&|desk| desk.cart = cart(Vec::new())), Vec::new()), None),
        ("sale-search", view(desk(), Vec::new()), Some(Laid::Query("cofee bean"))),
        ("sale-nothing", view(desk(), Vec::new()), Some(Laid::Query("xylophone"))),
        ("sale-busy", view(busy, Vec::new()), Some(Laid::Drawer)),
        ("sale-trouble", view(trouble, vec![Notice::LeftOver, unknown]), None),
    ]
}

fn paying() -> Vec<(&'static str, View, Option<Laid>)> {
    let screen = |screen| {
        let mut desk = desk();
        if !matches!(screen, Screen::Pay(_)) {
            desk.cart = cart(Vec::new());
        }
        desk.screen = screen;
        view(desk, Vec::new())
    };
    let card =
        |card, may_tender| screen(Screen::Pay(PayScreen { card, may_tender, ..pay_screen() }));
    let amount = euro(4614);
    let taken = vec![TakenView {
        kind: TenderKind::Cash,
        amount: euro(2000),
        reference: None,
        removable: true,
    }];
    let due = Due { exact: euro(2614), cash: euro(2615) };
    let split = PayScreen { taken, due, ..pay_screen() };
    let unknown = CardState::Unknown {
        amount,
        asking: false,
        why: "no answer in 60 s".to_owned(),
        from_before: true,
    };
    vec![
        ("pay", screen(Screen::Pay(pay_screen())), None),
        ("pay-split", screen(Screen::Pay(split)), None),
        (
            "pay-asking",
            card(CardState::Asking { amount, says: "Insert card".to_owned() }, false),
            None,
        ),
        (
            "pay-declined",
            card(CardState::Declined { amount, why: "insufficient funds".to_owned() }, true),
            None,
        ),
        ("pay-unknown", card(unknown, false), None),
        ("paid", screen(Screen::Paid(paid_screen())), None),
        ("refund", screen(Screen::Refund(refund_screen())), None),
        (
            "refund-find",
            screen(Screen::Refund(RefundScreen { receipt: None, reason: None, ..refund_screen() })),
            None,
        ),
    ]
}

fn overlays() -> Vec<(&'static str, View, Option<Laid>)> {
    let over = |name, overlay| (name, view(desk(), Vec::new()), Some(Laid::Over(overlay)));
    let mut found = desk();
    found.customers = vec![
        customer(1, "Maria Sommer", "0761 555 0134"),
        customer(2, "Marco Lang", "0761 555 0187"),
    ];
    let mut many = desk();
    many.waiting = waiting();
    let mut apart = desk();
    offline(&mut apart);
    apart.printer.trouble = Some(PrinterTrouble::CoverOpen);
    apart.printer.waiting = 2;
    apart.printer.unsure = vec![(4, "Receipt R1-000122".to_owned())];
    let open = Overlay::OpenPrice {
        sku: sku("FLO-01"),
        name: "Bunch of flowers".to_owned(),
        quantity: number("1"),
    };
    vec![
        over("quantity", Overlay::Quantity),
        over("price", Overlay::Price),
        over("price-open", open),
        over("discount", Overlay::Discount),
        over("menu", Overlay::Menu),
        over("help", Overlay::Help),
        over("settings", Overlay::Settings),
        over("reports", Overlay::Reports),
        over("operator", Overlay::Operator),
        ("customer", view(found, Vec::new()), Some(Laid::Over(Overlay::Customer))),
        ("waiting", view(many, Vec::new()), Some(Laid::Over(Overlay::Waiting))),
        ("devices", view(apart, Vec::new()), Some(Laid::Over(Overlay::Devices))),
    ]
}

fn others() -> Vec<(&'static str, View, Option<Laid>)> {
    let screen = |screen| {
        let mut desk = desk();
        desk.cart = cart(Vec::new());
        desk.screen = screen;
        view(desk, Vec::new())
    };
    let letting = LetInScreen {
        code: "K7PM-4XQ2".to_owned(),
        invitation: "tillmesh:pair/K7PM4XQ2/192.0.2.4:4433/9f3a21c4d5e6".to_owned(),
        addresses: vec!["192.0.2.4:4433".to_owned()],
        words: None,
        added: None,
        failed: None,
    };
    let words = LetInScreen {
        words: Some(("Till 3".to_owned(), ["harbour", "violin", "copper", "meadow"])),
        ..letting.clone()
    };
    vec![
        ("report-x", screen(Screen::X(Some(Box::new(x_report())))), None),
        ("report-z", screen(Screen::Z(Box::new(z_report()))), None),
        ("let-in", screen(Screen::LetIn(letting)), None),
        ("let-in-words", screen(Screen::LetIn(words)), None),
    ]
}
