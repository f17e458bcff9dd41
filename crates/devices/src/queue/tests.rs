use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::printer::Profile;
use crate::transport::{FilePrinter, TcpPrinter};
use crate::virtual_printer::{Faults, Setup, VirtualPrinter};

const LONG: Duration = Duration::from_mins(1);

struct OnDisk;
impl Flushed for OnDisk {}

fn fonts() -> Fonts {
    Fonts::new().unwrap()
}

fn printer(faults: Faults) -> VirtualPrinter {
    let setup = Setup { faults };
    VirtualPrinter::start("127.0.0.1:0", Profile::EPSON_80_MM, fonts(), setup).unwrap()
}

/// Retries at once, gives up soon.
fn options() -> QueueOptions {
    let ms = Duration::from_millis;
    let patience = Patience {
        status: ms(2_000),
        silence: ms(4_000),
        repair: LONG,
        retry_first: ms(20),
        retry_max: ms(50),
        kick_fresh: ms(5_000),
    };
    QueueOptions { patience, ..QueueOptions::new(Profile::EPSON_80_MM, fonts()) }
}

fn open_with(folder: &Path, printer: &VirtualPrinter, options: QueueOptions) -> PrintQueue {
    let cable = TcpPrinter::new(printer.address().to_string());
    PrintQueue::open(folder, Box::new(cable), options).unwrap()
}

fn open(folder: &Path, printer: &VirtualPrinter) -> PrintQueue {
    open_with(folder, printer, options())
}

/// An original of which there may be one.
fn original(key: &str, lines: usize) -> Job {
    let lines = (1..=lines).map(|line| format!("{key} line {line}")).collect();
    let job = serde_json::json!({
        "key": key, "title": key, "original": true, "paper": { "note": lines_json(lines) },
    });
    serde_json::from_value(job).unwrap()
}

fn lines_json(lines: Vec<String>) -> serde_json::Value {
    serde_json::to_value(lines).unwrap()
}

fn idle(view: &QueueView) -> bool {
    view.is_idle()
}

/// How many papers and pieces of paper hold the last line of a note.
fn whole_papers(printer: &VirtualPrinter, key: &str, lines: usize) -> usize {
    let last = format!("{key} line {lines}");
    printer.printed().iter().filter(|paper| paper.text.contains(&last)).count()
}

#[test]
fn papers_are_printed_in_order_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults::default());
    let queue = open(folder.path(), &printer);
    for number in 1..=5 {
        queue.print(original(&format!("R{number}"), 3)).unwrap();
    }
    assert!(queue.wait_until(LONG, idle), "{:?}", queue.view());
    let texts: Vec<String> = printer.printed().into_iter().map(|p| p.text[0].clone()).collect();
    assert_eq!(texts, ["R1 line 1", "R2 line 1", "R3 line 1", "R4 line 1", "R5 line 1"]);
    assert_eq!((queue.view().printed, queue.fate_of("R3")), (5, Some(JobState::Printed)));
    assert_eq!(queue.fate_of("R6"), None);
}

#[test]
fn there_is_one_original_whenever_it_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults::default());
    let queue = open(folder.path(), &printer);
    let number = queue.print(original("R1", 1)).unwrap();
    assert!(matches!(queue.print(original("R1", 1)), Err(QueueError::Known { number: 1, .. })));
    assert!(queue.wait_until(LONG, idle));
    drop(queue);
    let queue = open(folder.path(), &printer);
    assert!(matches!(queue.print(original("R1", 1)), Err(QueueError::Known { .. })));
    queue.copy(number).unwrap();
    assert!(queue.wait_until(LONG, |view| view.printed == 1));
    assert_eq!(printer.printed().len(), 2);
}

#[test]
fn out_of_paper_is_said_and_waited_for_and_nothing_is_sent_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults { paper_out: true, ..Faults::default() });
    let queue = open(folder.path(), &printer);
    queue.print(original("R1", 2)).unwrap();
    let said = |words: &'static str| {
        move |view: &QueueView| view.trouble.as_ref().is_some_and(|t| t.to_string().contains(words))
    };
    assert!(queue.wait_until(LONG, said("new roll")));
    printer.change(|faults| (faults.paper_out, faults.cover_open) = (false, true));
    assert!(queue.wait_until(LONG, said("cover")));
    printer.change(|faults| (faults.cover_open, faults.unplugged) = (false, true));
    assert!(queue.wait_until(LONG, said("switched on")));
    assert_eq!(queue.fate_of("R1"), Some(JobState::Waiting));
    printer.change(|faults| faults.unplugged = false);
    assert!(queue.wait_until(LONG, idle));
    assert!(queue.view().trouble.is_none());
    assert_eq!(printer.printed().len(), 1);
}

#[test]
fn paper_that_ends_in_the_middle_of_a_receipt_goes_on_after_a_new_roll() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults { paper_ends_after: Some(300), ..Faults::default() });
    let queue = open(folder.path(), &printer);
    queue.print(original("R1", 40)).unwrap();
    let out = |view: &QueueView| {
        view.trouble.as_ref().is_some_and(|t| t.to_string().contains("new roll"))
    };
    assert!(queue.wait_until(LONG, out));
    assert_eq!(queue.fate_of("R1"), Some(JobState::Printing));
    printer.change(|faults| faults.paper_out = false);
    assert!(queue.wait_until(LONG, idle));
    assert_eq!(
        (queue.fate_of("R1"), whole_papers(&printer, "R1", 40)),
        (Some(JobState::Printed), 1)
    );
    assert_eq!(printer.printed().len(), 1);
}

#[test]
fn a_connection_that_breaks_leaves_a_receipt_to_the_cashier_and_the_next_one_clean() {
    for bytes in [2_usize, 4_000, 5_000, 5_300] {
        let folder = tempfile::tempdir().unwrap();
        let printer = printer(Faults { drop_after: Some(bytes), ..Faults::default() });
        let queue = open(folder.path(), &printer);
        // A line of pictures, so that the break falls into one.
        let tea = Job::note("tea", vec!["茶茶茶茶茶茶茶茶".to_owned(), "end of tea".to_owned()]);
        let first = queue.print(tea).unwrap();
        queue.print(original("R2", 2)).unwrap();
        assert!(queue.wait_until(LONG, idle), "{bytes}: {:?}", queue.view());
        let unsure: Vec<JobNumber> = queue.view().maybe_printed().map(|job| job.number).collect();
        let papers = printer.printed();
        let last = papers.last().unwrap();
        assert_eq!(last.text, ["R2 line 1", "R2 line 2"], "{bytes}");
        if bytes > 12 {
            assert_eq!(unsure, [first], "{bytes}");
            queue.copy(first).unwrap();
            assert!(queue.wait_until(LONG, |view| view.jobs.is_empty()));
        } else {
            // Nothing of it was sent: it was simply tried again.
            assert_eq!(unsure, [0; 0]);
        }
    }
}

#[test]
fn a_printer_that_talks_nonsense_or_nothing_is_sent_nothing() {
    for faults in
        [Faults { mute: true, ..Faults::default() }, Faults { garbage: true, ..Faults::default() }]
    {
        let folder = tempfile::tempdir().unwrap();
        let printer = printer(faults);
        let queue = open(folder.path(), &printer);
        queue.print(original("R1", 1)).unwrap();
        assert!(queue.wait_until(LONG, |view| view.trouble.is_some()));
        assert_eq!(queue.fate_of("R1"), Some(JobState::Waiting));
        printer.change(|faults| *faults = Faults::default());
        assert!(queue.wait_until(LONG, idle));
        assert_eq!(printer.printed().len(), 1);
    }
}

#[test]
fn a_printer_that_falls_silent_after_the_last_byte_leaves_the_receipt_to_the_cashier() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults::default());
    let address = printer.address();
    let silenced = Arc::new(Mutex::new(Some(printer)));
    let hand = Arc::clone(&silenced);
    let options = options().pull_the_plug(move |step| {
        if step == Step::Marked
            && let Some(printer) = hand.lock().unwrap().as_ref()
        {
            printer.change(|faults| faults.mute = true);
        }
        false
    });
    let cable = TcpPrinter::new(address.to_string());
    let queue = PrintQueue::open(folder.path(), Box::new(cable), options).unwrap();
    let number = queue.print(original("R1", 1)).unwrap();
    assert!(queue.wait_until(LONG, |view| view.maybe_printed().count() == 1));
    queue.settle(number).unwrap();
    assert_eq!(queue.settle(number), Err(QueueError::Unknown));
    assert!(queue.view().jobs.is_empty());
    drop(queue);
    let printer = silenced.lock().unwrap().take().unwrap();
    printer.change(|faults| faults.mute = false);
    let queue = open(folder.path(), &printer);
    assert!(queue.view().jobs.is_empty(), "a decision is kept over a restart");
    assert!(matches!(queue.print(original("R1", 1)), Err(QueueError::Known { .. })));
}

/// Every step at which a queue of two papers can be stopped dead.
fn steps() -> Vec<Step> {
    let mut steps = vec![Step::Taken, Step::Spooled, Step::Ready, Step::Marked];
    steps.extend((1..=5).map(Step::Sent));
    steps.extend([Step::AllSent, Step::Confirmed, Step::Noted]);
    steps
}

#[test]
fn stopped_dead_at_any_step_no_original_is_printed_twice_and_none_is_forgotten() {
    for step in steps() {
        let folder = tempfile::tempdir().unwrap();
        let printer = printer(Faults::default());
        let once = AtomicBool::new(false);
        let options =
            options().pull_the_plug(move |at| at == step && !once.swap(true, Ordering::SeqCst));
        let queue = open_with(folder.path(), &printer, options);
        queue.print(original("R1", 3)).unwrap();
        assert!(queue.wait_until(LONG, |view| view.closed), "{step:?} is never met");
        drop(queue);

        let queue = open(folder.path(), &printer);
        let fate = queue.fate_of("R1");
        match step {
            Step::Taken => assert_eq!(fate, None, "the till prints what never came here"),
            Step::Noted => assert_eq!(fate, Some(JobState::Printed)),
            Step::Spooled | Step::Ready => assert_ne!(fate, Some(JobState::MaybePrinted)),
            _ => assert_eq!(fate, Some(JobState::MaybePrinted), "{step:?}"),
        }
        if fate.is_none() {
            queue.print(original("R1", 3)).unwrap();
        }
        assert!(queue.wait_until(LONG, idle));
        queue.print(original("R2", 2)).unwrap();
        assert!(queue.wait_until(LONG, idle), "{step:?}: {:?}", queue.view());
        assert!(whole_papers(&printer, "R1", 3) <= 1, "{step:?}: an original twice");
        assert_eq!(printer.printed().last().unwrap().text, ["R2 line 1", "R2 line 2"], "{step:?}");
        let asked = queue.view().maybe_printed().count();
        let sure = usize::from(queue.fate_of("R1") == Some(JobState::Printed));
        assert_eq!(asked + sure, 1, "{step:?}");
        assert_eq!(sure == 1, whole_papers(&printer, "R1", 3) == 1 && asked == 0, "{step:?}");
    }
}

#[test]
fn the_drawer_opens_between_two_lines_and_without_paper_and_never_late() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults::default());
    let queue = open(folder.path(), &printer);
    queue.open_drawer(&OnDisk).unwrap();
    assert!(queue.wait_until(LONG, |view| view.drawer_kicks == 1));
    assert!(printer.wait_until(LONG, |_, drawer| drawer == [2]));
    drop(queue);

    let mut options = options();
    options.patience.kick_fresh = Duration::ZERO;
    let queue = open_with(folder.path(), &printer, options);
    queue.open_drawer(&OnDisk).unwrap();
    assert!(queue.wait_until(LONG, |view| view.drawer_failures == 1));
    drop(queue);

    let silent = Profile { drawer: None, ..Profile::EPSON_80_MM };
    let queue =
        open_with(folder.path(), &printer, QueueOptions { profile: silent, ..self::options() });
    queue.open_drawer(&OnDisk).unwrap();
    assert!(queue.wait_until(LONG, |view| view.drawer_kicks == 1));
    assert!(printer.wait_until(LONG, |_, drawer| drawer == [2]));
}

#[test]
fn a_drawer_is_not_kept_waiting_by_a_long_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults::default());
    let shared: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
    let hand = Arc::clone(&shared);
    let options = options().pull_the_plug(move |step| {
        if step == Step::Sent(10)
            && let Some(shared) = hand.lock().unwrap().as_ref()
        {
            shared.kick().unwrap();
        }
        false
    });
    let queue = open_with(folder.path(), &printer, options);
    *shared.lock().unwrap() = Some(Arc::clone(&queue.shared));
    queue.print(original("R1", 100)).unwrap();
    assert!(queue.wait_until(LONG, idle));
    assert_eq!((printer.drawer(), whole_papers(&printer, "R1", 100)), (vec![2], 1));
    assert_eq!(printer.connections(), 1, "it went over the receipt's own connection");
}

#[test]
fn a_paper_that_waits_can_be_taken_out_and_put_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults { unplugged: true, ..Faults::default() });
    let queue = open(folder.path(), &printer);
    let number = queue.print(original("R1", 1)).unwrap();
    assert!(queue.wait_until(LONG, |view| view.trouble.is_some()));
    queue.settle(number).unwrap();
    assert!(queue.wait_until(LONG, |view| view.jobs.is_empty()));
    queue.print(original("R1", 1)).unwrap();
    printer.change(|faults| faults.unplugged = false);
    queue.retry();
    assert!(queue.wait_until(LONG, idle));
    assert_eq!(printer.printed().len(), 1);
}

#[test]
fn a_full_queue_says_so_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults { unplugged: true, ..Faults::default() });
    let mut options = options();
    options.patience.retry_first = LONG;
    let queue = open_with(folder.path(), &printer, options);
    for number in 0..crate::limits::QUEUE_MAX {
        queue.print(original(&format!("R{number}"), 1)).unwrap();
    }
    assert_eq!(queue.print(original("one more", 1)), Err(QueueError::Full));
    assert_eq!(queue.view().jobs.len(), crate::limits::QUEUE_MAX);
}

#[test]
fn what_waits_is_printed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(Faults { unplugged: true, ..Faults::default() });
    let queue = open(folder.path(), &printer);
    for number in 1..=3 {
        queue.print(original(&format!("R{number}"), 1)).unwrap();
    }
    drop(queue);
    printer.change(|faults| faults.unplugged = false);
    let queue = open(folder.path(), &printer);
    assert!(queue.wait_until(LONG, idle));
    assert_eq!(printer.printed().len(), 3);
}

#[test]
fn a_file_takes_papers_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.bin");
    let options = QueueOptions::new(Profile::SILENT_80_MM, fonts());
    let queue =
        PrintQueue::open(&folder.path().join("queue"), Box::new(FilePrinter::new(&path)), options)
            .unwrap();
    queue.print(Job::note("page", vec!["one line".to_owned()])).unwrap();
    assert!(queue.wait_until(LONG, idle));
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.ends_with(b"one line\n\x1dVB\x00"), "{bytes:?}");
}
