//! What a command says: JSON for programs, tables for people, progress on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pos_core::money::Money;
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::error::TerminalError;

/// What takes less shows no progress.
const PROGRESS_AFTER: Duration = Duration::from_millis(700);

/// Takes what a command says somewhere else than to this process' own output.
pub trait Listener {
    /// A text of the answer, or (`remark`) one beside it.
    fn said(&mut self, text: &str, remark: bool) -> io::Result<()>;
}

/// Where a command's answer goes.
pub struct Output {
    json: bool,
    quiet: bool,
    answered: bool,
    listener: Option<Box<dyn Listener>>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { json, quiet, answered, listener } = self;
        f.debug_struct("Output")
            .field("json", json)
            .field("quiet", quiet)
            .field("answered", answered)
            .field("elsewhere", &listener.is_some())
            .finish()
    }
}

impl Output {
    /// As the command line asks: in JSON or for people, with or without remarks and progress.
    pub const fn of(cli: &Cli) -> Self {
        Self { json: cli.json, quiet: cli.quiet, answered: false, listener: None }
    }

    /// Nobody reads it.
    pub(crate) const fn silent() -> Self {
        Self { json: false, quiet: true, answered: false, listener: None }
    }

    /// The same, said to somebody else.
    pub fn heard_by(cli: &Cli, listener: Box<dyn Listener>) -> Self {
        Self { listener: Some(listener), ..Self::of(cli) }
    }

    /// Whether the answer is to be JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: one JSON object on a line, or what `human` makes.
    pub fn answer(
        &mut self,
        value: &Value,
        human: impl FnOnce() -> String,
    ) -> Result<(), TerminalError> {
        self.answered = true;
        if self.json { self.json_line(value) } else { self.text(&human()) }
    }

    /// A JSON value on a line of its own, passed on at once.
    pub fn json_line(&mut self, value: &Value) -> Result<(), TerminalError> {
        Ok(self.say(&value.to_string())?)
    }

    /// Text for people.
    pub fn text(&mut self, text: &str) -> Result<(), TerminalError> {
        Ok(self.say(text.trim_end())?)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        match &mut self.listener {
            Some(listener) => listener.said(text, false),
            None => write_line(&mut io::stdout().lock(), text),
        }
    }

    fn complain(&mut self, text: &str) {
        match &mut self.listener {
            // Whoever asked has gone: nobody is left to be told.
            Some(listener) => drop(listener.said(text, true)),
            None => complain(text),
        }
    }

    /// A question to the person at the keyboard: on standard error, so that the answer stays alone.
    pub fn ask(&self, question: &str) -> Result<(), TerminalError> {
        let mut to = io::stderr().lock();
        to.write_all(question.as_bytes())?;
        Ok(to.flush()?)
    }

    /// A remark beside the answer.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Says what went wrong: on standard error, and to a program in place of the answer. Where the
    /// answer was given (damage that was found, rows that were left out) it has said so itself.
    pub fn error(&mut self, error: &TerminalError) {
        self.complain(&format!("error: {error}"));
        if self.json && !self.answered {
            let value = json!({"error": {"kind": error.kind(), "message": error.to_string()}});
            // Nobody is left to be told when even this cannot be written.
            drop(self.json_line(&value));
        }
    }

    /// A progress bar over `total` steps. `bytes`: the steps are bytes.
    pub fn progress(&self, total: u64, what: &str, unit: Unit) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let counts = match unit {
            Unit::Bytes => "{bytes}/{total_bytes}",
            Unit::Things => "{human_pos}/{human_len}",
        };
        let template = format!("{{prefix}} {{wide_bar}} {counts} {{eta}}{{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what.to_owned());
        let may_show = !self.quiet && self.listener.is_none() && io::stderr().is_terminal();
        Progress { bar, may_show, shown: false }
    }
}

/// What a progress bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Anything else.
    Things,
}

/// A progress bar that shows itself when the work takes longer, and only on a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    may_show: bool,
    shown: bool,
}

impl Progress {
    /// Work has come to `position`.
    pub fn at(&mut self, position: u64) {
        if !self.may_show {
            return;
        }
        if !self.shown && self.bar.elapsed() > PROGRESS_AFTER {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.shown = true;
        }
        self.bar.set_position(position);
    }

    /// There are `total` steps in all.
    pub fn of(&mut self, total: u64) {
        self.bar.set_length(total);
    }

    /// Lines below the bar; made only when they are seen.
    pub fn below(&mut self, lines: impl FnOnce() -> String) {
        if self.shown {
            self.bar.set_message(format!("\n{}", lines()));
        }
    }

    /// The work is done.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

pub(crate) fn write_line(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.write_all(b"\n")?;
    to.flush()
}

/// Standard error is the last resort: where it is closed, there is nowhere left to say so.
pub(crate) fn complain(text: &str) {
    drop(write_line(&mut io::stderr().lock(), text));
}

/// A table; columns named in `right` hold numbers.
pub fn table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = Table::new();
    let mut style = presets::UTF8_HORIZONTAL_ONLY;
    style.row_separator = LineStyle::none();
    table.load_style(style).set_header(header);
    align_right(&mut table, right);
    table
}

/// A table of names and values, without a header.
pub fn pairs() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Puts columns to the right.
pub fn align_right(table: &mut Table, columns: &[usize]) {
    table.discover_columns();
    for &index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// An amount as programs read it: a decimal string with the currency's places.
pub fn amount(money: Money) -> String {
    money.to_decimal().to_string()
}

/// An amount as people read it: `823,746.14`.
pub fn grouped(money: Money) -> String {
    let text = amount(money);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, places) = digits.split_once('.').map_or((digits, None), |(a, b)| (a, Some(b)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(places) = places {
        out.push('.');
        out.push_str(places);
    }
    out
}

#[cfg(test)]
mod tests {
    use pos_core::money::Currency;

    use super::*;

    #[test]
    fn amounts_have_the_currencys_places() {
        let gbp = |minor| Money::from_minor(minor, Currency::GBP);
        assert_eq!(amount(gbp(82_374_614)), "823746.14");
        assert_eq!(amount(gbp(0)), "0.00");
        assert_eq!(grouped(gbp(82_374_614)), "823,746.14");
        assert_eq!(grouped(gbp(-7_478_912)), "-74,789.12");
        assert_eq!(grouped(gbp(-100)), "-1.00");
        let yen = Money::from_minor(1_234_567, Currency::from_code("JPY").unwrap());
        assert_eq!((amount(yen), grouped(yen)), ("1234567".to_owned(), "1,234,567".to_owned()));
    }
}
