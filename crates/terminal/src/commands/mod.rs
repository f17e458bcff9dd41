//! The commands: each takes what was typed, works the till, and says what came of it.

mod customer;
mod devices;
mod import;
mod init;
mod pair;
mod recover;
mod replay;
mod report;
mod revoke;
mod run;
mod sell;
mod shift;
mod status;
mod stock;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

pub(crate) use import::{Imported, import};
pub(crate) use init::{found_store, is_half_founded, settings_of};
pub(crate) use pair::next_register;
pub(crate) use run::{address, answer_request};

use pos_core::business_date::BusinessDate;
use pos_core::ids::{OperatorId, RegisterId};
use pos_core::money::{Currency, Money};
use replica::core::Alarm;
use replica::storage::Storage;
use replica::store::FileStorage;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::cli::{Cli, Command, Import};
use crate::csv_file::RowError;
use crate::error::TerminalError;
use crate::output::{Output, Unit};
use crate::shell::{self, SystemClock};
use crate::till::Till;

/// Rows whose faults are shown to people; all are in the JSON.
const FAULTS_SHOWN: usize = 20;

/// Where a command works and what it says.
#[derive(Debug)]
struct Context<'a> {
    folder: PathBuf,
    clock: SystemClock,
    output: &'a mut Output,
    /// The till that runs, where one does: it stays open.
    till: Option<&'a mut Till<FileStorage>>,
    /// Where file names start, if not in the folder this process was started in.
    here: PathBuf,
    /// Lines somebody types elsewhere in answer to questions.
    answers: Option<Receiver<String>>,
}

/// Does what a command line says.
pub(crate) fn dispatch(
    cli: Cli,
    output: &mut Output,
    clock: SystemClock,
) -> Result<(), TerminalError> {
    let folder = shell::store_folder(cli.store)?;
    let context =
        &mut Context { folder, clock, output, till: None, here: PathBuf::new(), answers: None };
    match cli.command {
        Some(command) => work(context, command),
        None => Err(TerminalError::Usage("name a command: see `tillmesh --help`".to_owned())),
    }
}

fn work(context: &mut Context<'_>, command: Command) -> Result<(), TerminalError> {
    match command {
        Command::Init(arguments) => init::run(context, &arguments),
        Command::Import(Import::Products { file, strict }) => import::run(context, &file, strict),
        Command::Sell(arguments) => sell::run(context, &arguments),
        Command::Carts { give_up: None } => sell::carts(context),
        Command::Carts { give_up: Some(cart) } => sell::give_up(context, &cart),
        Command::Customer(arguments) => customer::run(context, &arguments),
        Command::Shift(arguments) => shift::run(context, &arguments),
        Command::Replay(arguments) => replay::run(context, &arguments),
        Command::Report(arguments) => report::run(context, &arguments),
        Command::Stock(arguments) => stock::run(context, &arguments),
        Command::Pair(arguments) => pair::pair(context, &arguments),
        Command::Join(arguments) => pair::join(context, &arguments),
        Command::Run(arguments) => run::run(context, &arguments),
        Command::Status => status::run(context),
        Command::Devices => devices::run(context),
        Command::Revoke(arguments) => revoke::run(context, &arguments),
        Command::Appoint(arguments) => revoke::appoint(context, &arguments),
        Command::Recover(arguments) => recover::run(context, &arguments),
        Command::Verify => verify::run(context),
    }
}

impl Context<'_> {
    /// Opens the till, does `work` and stops in order whatever came of it.
    fn with_till<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Till<FileStorage>) -> Result<T, TerminalError>,
    ) -> Result<T, TerminalError> {
        if let Some(till) = self.till.take() {
            let result = work(self, till);
            self.warn(till);
            self.till = Some(till);
            return result;
        }
        let mut till = Till::open(&self.folder, self.clock)?;
        let result = work(self, &mut till);
        self.warn(&mut till);
        till.close();
        result
    }

    /// The same, once the index is whole.
    fn with_whole_till<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Till<FileStorage>) -> Result<T, TerminalError>,
    ) -> Result<T, TerminalError> {
        self.with_till(|context, till| {
            context.finish_rebuild(till);
            work(context, till)
        })
    }

    /// A file as it was named.
    fn path(&self, file: &Path) -> PathBuf {
        self.here.join(file)
    }

    /// Refuses what only a till that is stopped can do.
    fn must_not_run(&self, what: &str) -> Result<(), TerminalError> {
        match self.till {
            None => Ok(()),
            Some(_) => Err(TerminalError::Usage(format!("stop the till first: {what}"))),
        }
    }

    /// Lets a rebuild of the index run to its end.
    fn finish_rebuild(&mut self, till: &mut Till<FileStorage>) {
        let Some((_, total)) = till.replica().rebuilding() else { return };
        self.warn(till);
        let mut progress = self.output.progress(total, "Rebuilding the index", Unit::Things);
        till.finish_rebuild(|done, total| {
            progress.of(total);
            progress.at(done);
        });
        progress.finish();
    }

    /// Passes on what the till wants somebody to know.
    fn warn<S: Storage>(&mut self, till: &mut Till<S>) {
        for alarm in till.node().take_alarms() {
            self.output.note(&format!("warning: {}", in_words(&alarm)));
        }
    }

    /// Shows the rows of a file that were left out.
    fn show_faults(&mut self, file: &Path, faults: &[RowError]) {
        for fault in faults.iter().take(FAULTS_SHOWN) {
            self.output.note(&format!("{}: {fault}", file.display()));
        }
        if let Some(more) = faults.len().checked_sub(FAULTS_SHOWN).filter(|&more| more > 0) {
            self.output.note(&format!("… and {more} rows more: --json lists all of them"));
        }
    }
}

/// An alarm in words.
pub(crate) fn in_words(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Damaged(damage) => {
            let (stream, first, last) = (damage.stream.name(), damage.first, damage.last);
            let which = if first == last {
                format!("{stream} entry {first} is damaged")
            } else {
                format!("{stream} entries {first} to {last} are damaged")
            };
            format!(
                "{which} at {} ({}): selling goes on, run `tillmesh verify` for all of it",
                damage.place, damage.reason
            )
        }
        Alarm::Torn(torn) => format!(
            "an unfinished write was cut from the {} journal ({}): nobody had been told that it \
             was done",
            torn.stream.name(),
            torn.place
        ),
        Alarm::Unreadable { stream, ordinal, reason } => {
            format!("{} entry {ordinal} cannot be read ({reason})", stream.name())
        }
        Alarm::WritingStopped(reason) => {
            format!("writing has stopped ({reason}): nothing more is sold until it is restarted")
        }
        Alarm::IndexRebuilding(reason) => {
            format!("the index is rebuilt from the journal ({reason}); nothing is lost")
        }
        Alarm::ChangeRefused { entry, reason } => {
            format!("a change of a cart or customer was refused ({reason}), entry {entry}")
        }
    }
}

/// Enough of a device's key to tell it from the others of a store.
pub(crate) fn short_key(device: pos_core::ids::DeviceId) -> String {
    devices::short(device)
}

/// Faults as programs read them.
fn faults_json(faults: &[RowError]) -> Value {
    let rows = faults.iter().map(|fault| json!({"line": fault.line, "reason": fault.reason}));
    Value::Array(rows.collect())
}

/// An amount as it is typed: `20` or `12.50`.
fn parse_amount(text: &str, currency: Currency) -> Result<Money, TerminalError> {
    let value = Decimal::from_str_exact(text.trim()).map_err(|_not_decimal| {
        TerminalError::Usage(format!("{text:?} is not an amount: write a number like 12.50"))
    })?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(TerminalError::Usage(format!("the amount {text} is below zero")));
    }
    Money::from_decimal(value, currency).map_err(|error| TerminalError::Usage(error.to_string()))
}

fn parse_operator(text: &str) -> Result<OperatorId, TerminalError> {
    OperatorId::new(text).map_err(|error| TerminalError::Usage(error.to_string()))
}

fn parse_register(text: Option<&str>) -> Result<Option<RegisterId>, TerminalError> {
    let register = text.map(RegisterId::new).transpose();
    register.map_err(|error| TerminalError::Usage(error.to_string()))
}

/// Today, as the calendar in the store says.
fn today<S: Storage>(till: &Till<S>) -> Result<BusinessDate, TerminalError> {
    shell::local_day(till.wall(), &till.zone())
        .map_err(|error| TerminalError::Usage(format!("{error}: name the day with --date")))
}

/// The settings of a store for tests.
#[cfg(test)]
pub(crate) fn test_settings(
    currency: &str,
    country: &str,
) -> (pos_core::store::StoreSettings, RegisterId) {
    init::of(currency, country).unwrap()
}
