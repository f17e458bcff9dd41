//! Counters on their threads: a first start, a second till that comes in by code and four words, and
//! carts that go from one to the other.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use terminal::control;
use terminal::counter::view::{FirstStep, LetInScreen, PaperState, WaitingState};
use terminal::counter::{
    CounterOptions, Desk, Intent, Notice, Screen, Stage, StartAnswers, StartSource, View, Worker,
};

/// How often a test looks before it fails, and how long it waits for news in between.
const PATIENCE: usize = 1200;
const LOOK: Duration = Duration::from_millis(50);
/// What the first till prints.
const PAPER: &str = "paper.bin";
const ESPRESSO: &str = "2900000000018";
const MUG: &str = "2900000000223";

struct Window {
    worker: Worker,
    changed: Receiver<()>,
}

impl Window {
    fn open(folder: &Path, change: impl FnOnce(&mut CounterOptions)) -> Self {
        let mut options = CounterOptions::new(folder);
        "127.0.0.1:0".clone_into(&mut options.listen);
        options.no_discovery = true;
        options.loopback = true;
        change(&mut options);
        let (sender, changed) = channel();
        let worker = Worker::start(options, move || _ = sender.send(())).unwrap();
        Self { worker, changed }
    }

    fn wants(&self, intent: Intent) {
        assert!(self.worker.send(intent));
    }

    fn wait_for<T>(&self, mut wanted: impl FnMut(&View) -> Option<T>) -> T {
        for _ in 0..PATIENCE {
            let view = self.worker.view();
            if let Some(found) = wanted(&view) {
                return found;
            }
            let _news_or_not = self.changed.recv_timeout(LOOK);
        }
        panic!("it never came to that: {:#?}", self.worker.view())
    }

    fn desk_that<T>(&self, mut wanted: impl FnMut(&Desk) -> Option<T>) -> T {
        self.wait_for(|view| match &view.stage {
            Stage::Selling(desk) => wanted(desk),
            _ => None,
        })
    }

    fn start(&self, source: StartSource) {
        self.wait_for(|view| matches!(view.stage, Stage::FirstStart(_)).then_some(()));
        let (name, country) = ("Corner Shop".to_owned(), "DE".to_owned());
        self.wants(Intent::Start(StartAnswers { name, country, source }));
    }

    /// Founds a store that sells the sample.
    fn found(&self) {
        self.start(StartSource::Sample);
        let words = self.wait_for(|view| match &view.stage {
            Stage::RecoveryPhrase(words) => Some(words.clone()),
            _ => None,
        });
        assert_eq!(words.len(), 12);
        self.wants(Intent::PhraseNoted);
        self.desk_that(|desk| (desk.catalogue.items.len() == 33).then_some(()));
    }
}

fn let_in(desk: &Desk) -> Option<&LetInScreen> {
    match &desk.screen {
        Screen::LetIn(screen) => Some(screen),
        _ => None,
    }
}

/// Two tills of one store.
fn two(one: &Path, other: &Path) -> (Window, Window) {
    let first = Window::open(one, |options| {
        options.printer = Some(one.join(PAPER).display().to_string());
    });
    first.found();
    first.wants(Intent::LetIn);
    let (code, address) = first.desk_that(|desk| {
        let screen = let_in(desk)?;
        Some((screen.code.clone(), screen.addresses.first()?.clone()))
    });
    let second = Window::open(other, |_| {});
    second.start(StartSource::OtherTill { code, address, name: "Bar".to_owned() });
    let here = second.wait_for(|view| match &view.stage {
        Stage::FirstStart(start) => match start.step {
            FirstStep::Words { words, asked_here: true } => Some(words),
            _ => None,
        },
        _ => None,
    });
    let (name, there) = first.desk_that(|desk| let_in(desk)?.words.clone());
    assert_eq!((name.as_str(), there), ("Bar", here));
    // The first till sells on while it waits for the answer.
    first.wants(Intent::Scan(MUG.to_owned()));
    first.wants(Intent::TakeExactCash);
    first.desk_that(|desk| matches!(desk.screen, Screen::Paid(_)).then_some(()));
    first.wants(Intent::LetIn);
    second.wants(Intent::WordsMatch(true));
    first.wants(Intent::LetInAnswer(true));
    first.desk_that(|desk| let_in(desk)?.added.clone());
    first.wants(Intent::Back);
    second.desk_that(|desk| (desk.place.register.as_deref() == Some("R2")).then_some(()));
    for window in [&first, &second] {
        window.desk_that(|desk| desk.safety.peers.iter().any(|peer| peer.connected).then_some(()));
    }
    (first, second)
}

#[test]
fn a_store_is_founded_in_three_answers_and_sells() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), |options| {
        options.card_reader = Some("simulated".to_owned());
    });
    // What does not fit is said, and asked again.
    window.wait_for(|view| matches!(view.stage, Stage::FirstStart(_)).then_some(()));
    let source = StartSource::Nothing;
    let (name, country) = (String::new(), "DE".to_owned());
    window.wants(Intent::Start(StartAnswers { name, country, source }));
    window.wait_for(|view| {
        let refused =
            |notice: &Notice| matches!(notice, Notice::Refused(why) if why.contains("name"));
        view.notices.iter().any(|posted| refused(&posted.notice)).then_some(())
    });
    window.found();
    window.wants(Intent::Scan(MUG.to_owned()));
    window.wants(Intent::TakeCard(None));
    let receipt = window.desk_that(|desk| match &desk.screen {
        Screen::Paid(paid) => Some(paid.receipt.text.clone()),
        _ => None,
    });
    assert!(receipt.contains("Corner Shop") && receipt.contains("19"), "{receipt}");
    drop(window);
    // The folder is free again, and the store is there.
    let again = Window::open(folder.path(), |_| {});
    again.wants(Intent::ReadX);
    again.desk_that(|desk| match &desk.screen {
        Screen::X(Some(report)) => (report.totals.sales.count == 1).then_some(()),
        _ => None,
    });
}

#[test]
fn a_cart_goes_from_one_till_to_the_other_and_back() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = two(one.path(), other.path());
    first.wants(Intent::Scan(ESPRESSO.to_owned()));
    first.wants(Intent::Suspend("table 4".to_owned()));
    let cart = second.desk_that(|desk| {
        let waiting = desk.waiting.iter().find(|cart| cart.state == WaitingState::Suspended)?;
        (waiting.label == "table 4").then_some(waiting.id)
    });
    second.wants(Intent::Retrieve(cart));
    second.wants(Intent::Scan(MUG.to_owned()));
    // Who has it is seen on the other till, and so is what was added.
    first.desk_that(|desk| {
        let waiting = desk.waiting.iter().find(|waiting| waiting.id == cart)?;
        (waiting.lines == 2 && waiting.open_on.first()?.till == "Bar").then_some(())
    });
    first.wants(Intent::Retrieve(cart));
    second.desk_that(|desk| (desk.cart.others.first()?.till == "Till 1").then_some(()));
    first.wants(Intent::Scan(ESPRESSO.to_owned()));
    second.desk_that(|desk| {
        (desk.cart.lines.len() == 2 && desk.cart.total.minor() == 1290).then_some(())
    });
    second.wants(Intent::TakeExactCash);
    second.desk_that(|desk| {
        let last = desk.last.as_ref()?;
        (last.receipt.starts_with("R2-") && last.stored_on == 2).then_some(())
    });
    // It is paid: gone from the first till, which says so.
    let told = |view: &View| {
        let gone = view.notices.iter().any(|posted| posted.notice == Notice::PaidElsewhere);
        gone.then_some(())
    };
    first.wait_for(told);
    first.desk_that(|desk| desk.cart.id.is_none().then_some(()));
    // Its receipt is refunded at the other till.
    let receipt = second.desk_that(|desk| Some(desk.last.as_ref()?.receipt.clone()));
    first.wants(Intent::FindReceipt(receipt));
    first.desk_that(|desk| match &desk.screen {
        Screen::Refund(refund) => refund.receipt.as_ref().map(|found| found.lines.len()),
        _ => None,
    });
}

#[test]
fn a_receipt_says_when_its_sale_is_stored_on_one_till_only() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = two(one.path(), other.path());
    let papers = || {
        let bytes = std::fs::read(one.path().join(PAPER)).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (text.matches("Corner Shop").count(), text.matches("STORED ON THIS TILL ONLY").count())
    };
    let sell = |receipt: usize| {
        first.wants(Intent::Scan(MUG.to_owned()));
        first.wants(Intent::TakeExactCash);
        let number = format!("R1-{receipt:06}");
        first.desk_that(|desk| {
            let last = desk.last.as_ref()?;
            let printed = last.paper == PaperState::Printed;
            (printed && last.receipt.starts_with(&number)).then_some(last.stored_on)
        })
    };
    // The first sale was made while the second till was let in.
    let marked = papers().1;
    assert_eq!(sell(2), 2);
    assert_eq!(papers(), (2, marked));
    drop(second);
    first.desk_that(|desk| {
        let alone = desk.safety.peers.iter().all(|peer| !peer.connected);
        (alone && desk.safety.offline_secs.is_some()).then_some(())
    });
    assert_eq!(sell(3), 1);
    assert_eq!(papers(), (3, marked + 1));
    first.desk_that(|desk| (desk.safety.only_here == 1).then_some(()));
    // The other one comes back and holds it too.
    let again = Window::open(other.path(), |_| {});
    first.desk_that(|desk| (desk.safety.only_here == 0).then_some(()));
    first.desk_that(|desk| (desk.last.as_ref()?.stored_on == 2).then_some(()));
    drop(again);
}

#[test]
fn commands_typed_elsewhere_are_answered_by_the_till_of_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), |_| {});
    window.found();
    let typed = |line: &str| {
        let words = line.split(' ').map(ToOwned::to_owned).collect();
        control::ask(folder.path(), words).unwrap().unwrap()
    };
    assert_eq!(typed("sell MUG-01 --cash 10 --quiet"), 0);
    window.wants(Intent::ReadX);
    window.desk_that(|desk| match &desk.screen {
        Screen::X(Some(report)) => (report.totals.sales.count == 1).then_some(()),
        _ => None,
    });
    // What would make the cashier wait is done in the window.
    assert_eq!(typed("pair"), 2);
    assert_eq!(typed("sell NOTHING"), 1);
}

#[test]
fn a_till_whose_reader_and_printer_are_gone_opens_and_sells() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), |options| {
        options.printer = Some("127.0.0.1:1".to_owned());
        options.card_reader = Some("127.0.0.1:1".to_owned());
    });
    window.found();
    for _ in 0..3 {
        window.wants(Intent::Scan(MUG.to_owned()));
        window.wants(Intent::TakeExactCash);
    }
    window.desk_that(|desk| {
        (desk.printer.waiting == 3 && desk.printer.trouble.is_some()).then_some(())
    });
}

#[test]
fn what_cannot_be_set_up_is_said_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    drop({
        let window = Window::open(folder.path(), |_| {});
        window.found();
        window
    });
    let window = Window::open(folder.path(), |options| {
        options.printer = Some("127.0.0.1:9100".to_owned());
        options.profile = Some("laser".to_owned());
    });
    let why = window.wait_for(|view| match &view.stage {
        Stage::Failed(why) => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("laser") && why.contains("epson-80"), "{why}");
}
