//! The printer at the counter: what is printed when, and what is said about it.

use std::path::Path;
use std::sync::Arc;

use devices::printer::{self, Condition, Profile};
use devices::queue::{Job, JobState, PrintQueue, QueueError, QueueOptions, SpoolError, Trouble};
use devices::transport::{FilePrinter, Printer, TcpPrinter};
use pos_core::cart::Direction;
use pos_core::durability::Flushed;
use pos_core::ids::IdempotencyKey;
use pos_core::receipt::{ReceiptDocument, ReceiptEdition};
use pos_core::transaction::SaleTransaction;
use replica::core::{Completed, Durable};
use replica::storage::Storage;
use thiserror::Error;

use super::card::Bell;
use super::desk::{Counter, Last, refusal};
use super::notice::Notice;
use super::pay::SALE_KEY;
use super::view::{LastSale, PaperState, PrinterTrouble, PrinterView, ReceiptView};
use crate::limits::RECEIPT_WAITS_MS;
use crate::paper;

/// Folder of the queue inside the till's.
const FOLDER: &str = "papers";

/// Why a printer cannot be set up.
#[derive(Debug, Error)]
pub enum PrinterSetupError {
    /// No such profile.
    #[error("no printer profile is called {0:?}: choose one of {list}", list = profiles())]
    UnknownProfile(String),
    /// The letters cannot be drawn.
    #[error(transparent)]
    Fonts(#[from] printer::FontError),
    /// The queue's folder cannot be used.
    #[error(transparent)]
    Queue(#[from] SpoolError),
}

fn profiles() -> String {
    Profile::ALL.map(|profile| profile.name).join(", ")
}

/// A printer and its queue, or nothing.
#[derive(Debug, Default)]
pub struct Papers {
    queue: Option<PrintQueue>,
    name: Option<String>,
    columns: Option<usize>,
    /// A receipt that waits for a second device to hold its sale.
    pending: Option<Pending>,
    drawer_failures: u64,
}

#[derive(Debug)]
struct Pending {
    document: ReceiptDocument,
    proof: Durable<Completed>,
    since_ms: u64,
}

impl Papers {
    /// A printer by what was typed: `host:port`, or a file. `folder` is the till's.
    pub fn open(
        folder: &Path,
        printer: &str,
        profile: Option<&str>,
        bell: Bell,
    ) -> Result<Self, PrinterSetupError> {
        let on_network = printer.contains(':') && !printer.contains('/');
        let usual = if on_network { Profile::EPSON_80_MM } else { Profile::SILENT_80_MM };
        let profile = match profile {
            None => usual,
            Some(name) => Profile::by_name(name)
                .ok_or_else(|| PrinterSetupError::UnknownProfile(name.to_owned()))?,
        };
        let printer: Box<dyn Printer> = if on_network {
            Box::new(TcpPrinter::new(printer))
        } else {
            Box::new(FilePrinter::new(printer))
        };
        let (name, columns) = (printer.name(), profile.columns);
        let options = QueueOptions::new(profile, printer::Fonts::new()?).on_change(move || bell());
        let queue = PrintQueue::open(&folder.join(FOLDER), printer, options)?;
        Ok(Self { queue: Some(queue), name: Some(name), columns: Some(columns), ..Self::default() })
    }

    /// Columns of the paper; those of the usual printer where there is none.
    pub(super) fn columns(&self) -> usize {
        self.columns.unwrap_or(paper::WIDTH)
    }

    /// Columns of the paper; `None` without a printer.
    pub(super) const fn columns_of_printer(&self) -> Option<usize> {
        self.columns
    }

    /// Opens the drawer for what is on disk.
    pub(super) fn open_drawer(&self, proof: &impl Flushed) -> Result<(), Notice> {
        let Some(queue) = &self.queue else { return Ok(()) };
        queue.open_drawer(proof).map_err(|error| queue_refusal(&error))
    }

    /// Takes the receipt of a sale; it is printed once a second device holds the sale, or a little
    /// later without one. Answers with the paper's key.
    pub(super) fn receipt(
        &mut self,
        document: ReceiptDocument,
        proof: Durable<Completed>,
        at_ms: u64,
    ) -> String {
        let key = format!("receipt {}", document.number);
        self.pending = Some(Pending { document, proof, since_ms: at_ms });
        key
    }

    fn print(&self, job: Job) -> Result<(), Notice> {
        let queue = self.queue.as_ref().ok_or(Notice::NoPrinter)?;
        match queue.print(job) {
            // There is one original: where it is known, it is on its way.
            Ok(_) | Err(QueueError::Known { .. }) => Ok(()),
            Err(error) => Err(queue_refusal(&error)),
        }
    }

    pub(super) fn came_out(&self, number: u64) -> Result<(), Notice> {
        let queue = self.queue.as_ref().ok_or(Notice::NoPrinter)?;
        queue.settle(number).map_err(|error| queue_refusal(&error))
    }

    pub(super) fn again(&self, number: u64) -> Result<(), Notice> {
        let queue = self.queue.as_ref().ok_or(Notice::NoPrinter)?;
        queue.copy(number).map(drop).map_err(|error| queue_refusal(&error))
    }

    pub(super) fn retry(&self) -> Result<(), Notice> {
        self.queue.as_ref().ok_or(Notice::NoPrinter)?.retry();
        Ok(())
    }

    /// The queue for the screen.
    pub(super) fn view(&self) -> PrinterView {
        let Some(queue) = &self.queue else { return PrinterView::default() };
        let view = queue.view();
        PrinterView {
            name: self.name.clone(),
            waiting: view.jobs.iter().filter(|job| job.state != JobState::MaybePrinted).count(),
            unsure: view.maybe_printed().map(|job| (job.number, job.title.clone())).collect(),
            trouble: view.trouble.as_ref().map(trouble),
        }
    }

    /// How far the paper of a key is.
    pub(super) fn state(&self, key: &str) -> PaperState {
        let Some(queue) = &self.queue else { return PaperState::NoPrinter };
        match queue.fate_of(key) {
            None | Some(JobState::Waiting) => PaperState::Waiting,
            Some(JobState::Printing) => PaperState::Printing,
            Some(JobState::Printed) => PaperState::Printed,
            Some(JobState::MaybePrinted) => PaperState::Unsure,
        }
    }

    /// Drawers that did not open since the last call.
    fn stuck_drawers(&mut self) -> bool {
        let Some(queue) = &self.queue else { return false };
        let failures = queue.view().drawer_failures;
        let more = failures > self.drawer_failures;
        self.drawer_failures = failures;
        more
    }
}

impl<S: Storage> Counter<S> {
    /// Prints the receipt that waits, if its time has come.
    pub(super) fn print_due(&mut self) {
        if self.papers.stuck_drawers() {
            self.post(Notice::DrawerStuck);
        }
        let Some(pending) = &self.papers.pending else { return };
        let at = self.till.moment().monotonic_ms;
        let alone = self.safety().members == 0;
        let stored = self.last_sale().map_or(1, |sale| sale.stored_on);
        let waited = at.saturating_sub(pending.since_ms) >= RECEIPT_WAITS_MS;
        if alone || stored > 1 || waited {
            self.print_pending(if alone { 2 } else { stored });
        }
    }

    /// Prints what waits, before the program ends or another sale follows.
    pub(super) fn print_all(&mut self) {
        let stored = self.last_sale().map_or(1, |sale| sale.stored_on);
        let alone = self.safety().members == 0;
        self.print_pending(if alone { 2 } else { stored });
    }

    /// `devices`: how many hold the sale. A store of one till has no second device to wait for, and
    /// its receipts say nothing about it.
    fn print_pending(&mut self, devices: usize) {
        let Some(Pending { document, proof, .. }) = self.papers.pending.take() else { return };
        if self.papers.queue.is_none() {
            return;
        }
        let job = Job::receipt(document.stored_on(devices), &proof);
        if let Err(notice) = self.papers.print(job) {
            self.post(notice);
        }
    }

    /// The receipt of the last sale, if the program ended before it came to the printer.
    pub(super) fn last_paper(&mut self) {
        let Ok(register) = self.register() else { return };
        let Some((shift, _)) = self.till.open_shift(&register) else { return };
        let counter = self.till.replica().last_receipt(&register);
        let found = self.till.node().query(|replica, disk| {
            let found = replica.by_receipt(disk, &register, counter)?;
            let own = found.into_iter().find(|done| done.transaction.shift == shift);
            own.map(|done| replica.durable_transaction(disk, done.id)).transpose()
        });
        let Ok(Some(Some(done))) = found else { return };
        let key = format!("receipt {}", done.get().number);
        let rung_up_here = is_of_the_counter(&done.get().transaction);
        let unknown = rung_up_here
            && self.papers.queue.as_ref().is_some_and(|queue| queue.fate_of(&key).is_none());
        if let Ok(document) = self.document(&done, ReceiptEdition::Original) {
            let total = done.get().transaction.settled().unwrap_or(document.payable);
            let sale = LastSale {
                id: done.get().id,
                receipt: done.get().number.to_string(),
                total,
                stored_on: 1,
                paper: PaperState::NoPrinter,
            };
            let paper_key = if unknown {
                let at = self.till.moment().monotonic_ms;
                self.papers.receipt(document, done, at)
            } else {
                key
            };
            self.last = Some(Last { sale, end: None, paper_key });
        }
    }

    pub(super) fn document(
        &self,
        done: &Durable<Completed>,
        edition: ReceiptEdition,
    ) -> Result<ReceiptDocument, Notice> {
        let settings = self.till.settings().map_err(refusal)?;
        paper::receipt_of(done, settings, &self.till.zone(), edition)
            .map_err(|error| refusal(error.into()))
    }

    /// Prints a receipt again, marked COPY: the last one, or the one of this number.
    pub(super) fn print_copy(&mut self, number: Option<&str>) -> Result<(), Notice> {
        if self.papers.queue.is_none() {
            return Err(Notice::NoPrinter);
        }
        // The original comes first, if it still waits.
        self.print_all();
        let id = match number {
            Some(typed) => self.receipt_named(typed)?.id,
            None => self.last.as_ref().map(|last| last.sale.id).ok_or(Notice::NothingLeft)?,
        };
        let done = self.till.node().query(|replica, disk| replica.durable_transaction(disk, id));
        let done = done.map_err(|error| refusal(error.into()))?;
        let done = done.ok_or(Notice::NothingLeft)?;
        let document = self.document(&done, ReceiptEdition::Copy)?;
        self.papers.print(Job::receipt(document, &done))
    }

    /// Prints the report on the screen.
    pub(super) fn print_report(&mut self) -> Result<(), Notice> {
        let job = self.report_job()?.ok_or(Notice::NothingLeft)?;
        self.papers.print(job)
    }

    /// The last sale as the screen shows it now.
    pub(super) fn last_sale(&self) -> Option<LastSale> {
        let last = self.last.as_ref()?;
        let paper = self.papers.state(&last.paper_key);
        Some(LastSale { stored_on: self.stored_on(last.end.as_ref()), paper, ..last.sale.clone() })
    }
}

/// Whether somebody at the window rang it up: what was typed as a command was answered with its
/// receipt. Only the window takes goods back.
fn is_of_the_counter(sale: &SaleTransaction) -> bool {
    let key = sale.idempotency_key.as_ref().map(IdempotencyKey::as_str);
    sale.direction == Direction::Return || key.is_some_and(|key| key.starts_with(SALE_KEY))
}

/// A receipt to look at.
pub(super) fn receipt_view(document: &ReceiptDocument, columns: usize) -> ReceiptView {
    ReceiptView {
        columns,
        elements: printer::layout(document, columns),
        text: printer::text(document, columns),
    }
}

fn queue_refusal(error: &QueueError) -> Notice {
    Notice::Refused(error.to_string())
}

fn trouble(trouble: &Trouble) -> PrinterTrouble {
    match trouble {
        Trouble::Unreachable(error) => PrinterTrouble::Unreachable(error.to_string()),
        Trouble::Silent => PrinterTrouble::Silent,
        Trouble::Spool(error) => PrinterTrouble::Disk(error.to_string()),
        Trouble::Condition(condition) => condition_of(*condition),
    }
}

/// The lamps in the order in which a person has to look at them.
const fn condition_of(condition: Condition) -> PrinterTrouble {
    if condition.broken {
        PrinterTrouble::Broken
    } else if condition.cover_open {
        PrinterTrouble::CoverOpen
    } else if condition.paper_out {
        PrinterTrouble::PaperOut
    } else if condition.jammed {
        PrinterTrouble::Jammed
    } else if condition.offline {
        PrinterTrouble::Offline
    } else {
        PrinterTrouble::PaperLow
    }
}

/// A bell nobody hears.
pub fn no_bell() -> Bell {
    Arc::new(|| ())
}
