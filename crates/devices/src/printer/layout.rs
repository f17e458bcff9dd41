//! A receipt as elements for paper of a given width.

use pos_core::money::Money;
use pos_core::product::UnitOfMeasure;
use pos_core::quantity::Quantity;
use pos_core::receipt::{ReceiptDocument, ReceiptItem, ReceiptTender};
use pos_core::transaction::TenderKind;
use unicode_width::UnicodeWidthChar;

use super::bitmap::Bitmap;

/// Narrowest paper a receipt is laid out for; narrower is treated as this.
const WIDTH_MIN: usize = 24;

/// How a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Bold.
    Bold,
    /// Twice as high.
    Tall,
    /// Twice as high and twice as wide: half of the columns.
    Double,
}

impl Style {
    /// How many dots a dot becomes, across and down.
    pub const fn scale(self) -> (usize, usize) {
        match self {
            Self::Plain | Self::Bold => (1, 1),
            Self::Tall => (1, 2),
            Self::Double => (2, 2),
        }
    }
}

/// One line, at most as wide as the paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// How.
    pub style: Style,
}

/// What a paper is made of, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A line of text.
    Line(Line),
    /// A bar code (CODE128), centred. Left out where it does not fit; its text stands beside it.
    Barcode(String),
    /// A QR code, centred.
    Qr(String),
    /// A picture from the left edge: the shop's sign.
    Picture(Bitmap),
}

/// A paper while it is written.
#[derive(Debug)]
pub(super) struct Paper {
    width: usize,
    elements: Vec<Element>,
}

/// The elements of a receipt on paper of `width` columns.
pub fn layout(document: &ReceiptDocument, width: usize) -> Vec<Element> {
    let mut paper = Paper::new(width);
    paper.head(document);
    paper.rule();
    for item in &document.items {
        paper.item(document, item);
    }
    paper.rule();
    paper.sums(document);
    if !document.taxes.is_empty() {
        paper.rule();
        paper.taxes(document);
    }
    paper.rule();
    paper.foot(document);
    paper.into_elements()
}

impl Paper {
    pub(super) fn new(width: usize) -> Self {
        Self { width: width.max(WIDTH_MIN), elements: Vec::new() }
    }

    /// What was written, up to the bound of one paper.
    pub(super) fn into_elements(mut self) -> Vec<Element> {
        self.elements.truncate(crate::limits::ELEMENTS_MAX);
        self.elements
    }

    fn head(&mut self, document: &ReceiptDocument) {
        self.centred(&document.store, Style::Tall);
        for line in &document.header {
            self.centred(line, Style::Plain);
        }
        for mark in &document.marks {
            // Twice the size of the total: the rule of Sweden, and legible everywhere.
            self.centred(mark.word(), Style::Double);
        }
    }

    fn item(&mut self, document: &ReceiptDocument, item: &ReceiptItem) {
        let keys: String = document
            .taxes
            .iter()
            .zip(letters())
            .filter(|(tax, _)| item.rates.contains(&tax.rate))
            .map(|(_, letter)| letter)
            .collect();
        let price = |money: Money| format!("{} {keys:<1}", plain(money));
        let one = item.quantity == Quantity::ONE && item.unit == UnitOfMeasure::Each;
        if one && item.discount.is_none() {
            return self.pair(&item.name, &price(item.amount), Style::Plain);
        }
        for line in wrap(&item.name, self.width) {
            self.push(line, Style::Plain);
        }
        let unit_price = item.unit_price.to_string();
        let unit_price = unit_price.split(' ').next().unwrap_or_default();
        let times = format!("  {}{} x {unit_price}", item.quantity, unit(item.unit));
        self.pair(&times, &price(item.extended), Style::Plain);
        if let Some(discount) = item.discount {
            self.pair("  Discount", &price(discount), Style::Plain);
        }
    }

    fn sums(&mut self, document: &ReceiptDocument) {
        let row = |money: Money| format!("{}  ", plain(money));
        if let Some(subtotal) = document.subtotal {
            self.pair("Subtotal", &row(subtotal), Style::Plain);
            for tax in &document.taxes {
                let name = format!("Tax {} {} %", tax.rate, tax.percent);
                self.pair(&name, &row(tax.tax), Style::Plain);
            }
        }
        let currency = document.total.currency();
        self.pair(&format!("TOTAL {currency}"), &row(document.total), Style::Bold);
        if let Some(rounding) = document.rounding {
            self.pair("Rounding", &row(rounding), Style::Plain);
            self.pair("To pay", &row(document.payable), Style::Bold);
        }
        for tender in &document.tenders {
            self.pair(&tender_name(tender), &row(tender.amount), Style::Plain);
        }
        if let Some(change) = document.change {
            self.pair("Change", &row(change), Style::Plain);
        }
    }

    fn taxes(&mut self, document: &ReceiptDocument) {
        let money = 11;
        let name = self.width.saturating_sub(2 * money);
        let mut row = |label: &str, net: &str, tax: &str| {
            let label = pad(&cut(label, name), name);
            self.push(format!("{label}{net:>money$}{tax:>money$}"), Style::Plain);
        };
        row("Tax", "net", "tax");
        for (tax, letter) in document.taxes.iter().zip(letters()) {
            // On narrow paper the end is cut off: the percentage is what must stand there.
            let label = format!("{letter} {} % {}", tax.percent, tax.rate);
            row(&label, &plain(tax.taxable), &plain(tax.tax));
        }
    }

    fn foot(&mut self, document: &ReceiptDocument) {
        self.centred(&document.number.to_string(), Style::Bold);
        let time = &document.local_time;
        let when = format!("{} {}", time.date, time.time);
        let served = format!("{} / {}", document.register, document.operator);
        self.pair(&when, &served, Style::Plain);
        if document.business_date.to_string() != time.date {
            let booked = format!("Business date {}", document.business_date);
            self.push(booked, Style::Plain);
        }
        if !document.label.is_empty() {
            self.wrapped(&document.label, Style::Plain);
        }
        for line in &document.footer {
            self.centred(line, Style::Plain);
        }
        self.elements.push(Element::Barcode(document.number.to_string()));
        self.elements.push(Element::Qr(document.witness().to_string()));
    }

    /// A name's control characters never get near a printer.
    pub(super) fn push(&mut self, mut text: String, style: Style) {
        text.retain(|character| !character.is_control());
        self.elements.push(Element::Line(Line { text, style }));
    }

    pub(super) fn wrapped(&mut self, text: &str, style: Style) {
        for line in wrap(text, self.width) {
            self.push(line, style);
        }
    }

    pub(super) fn rule(&mut self) {
        self.push("-".repeat(self.width), Style::Plain);
    }

    pub(super) fn centred(&mut self, text: &str, style: Style) {
        let width = self.width / style.scale().0;
        for line in wrap(text, width) {
            let before = width.saturating_sub(columns(&line)) / 2;
            self.push(format!("{}{line}", " ".repeat(before)), style);
        }
    }

    /// Left and right on one line; what is left wraps where the right leaves it no room.
    pub(super) fn pair(&mut self, left: &str, right: &str, style: Style) {
        let room = self.width.saturating_sub(columns(right).saturating_add(1));
        let mut lines = wrap(left, room.max(1));
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.push(line, style);
        }
        let gap = self.width.saturating_sub(columns(&last).saturating_add(columns(right)));
        self.push(format!("{last}{}{right}", " ".repeat(gap)), style);
    }
}

/// Columns of a character on paper. Characters are printed one by one, so the width of a text is the sum
/// of theirs, whatever they would join to on a screen.
pub(super) fn width_of(character: char) -> usize {
    UnicodeWidthChar::width(character).unwrap_or(0)
}

/// Columns of a text on paper.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// Keys of the tax table: A, B, C …
fn letters() -> impl Iterator<Item = char> {
    ('A'..='Z').chain('a'..='z')
}

pub(super) fn plain(money: Money) -> String {
    money.to_decimal().to_string()
}

const fn unit(unit: UnitOfMeasure) -> &'static str {
    match unit {
        UnitOfMeasure::Each => "",
        UnitOfMeasure::Kilogram => " kg",
        UnitOfMeasure::Litre => " l",
        UnitOfMeasure::Metre => " m",
    }
}

fn tender_name(tender: &ReceiptTender) -> String {
    let kind = kind_name(tender.kind);
    match &tender.reference {
        Some(reference) => format!("{kind} {reference}"),
        None => kind.to_owned(),
    }
}

pub(super) const fn kind_name(kind: TenderKind) -> &'static str {
    match kind {
        TenderKind::Cash => "Cash",
        TenderKind::Card => "Card",
    }
}

/// The text in lines of at most `width` columns, broken between words where that is possible. Blanks
/// at its beginning are kept: they indent.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.trim_end().split_inclusive(' ') {
        let fits = columns(&line).saturating_add(columns(word.trim_end())) <= width;
        if !fits && !line.trim().is_empty() {
            lines.push(core::mem::take(&mut line).trim_end().to_owned());
        }
        for character in word.chars() {
            let wide = width_of(character);
            if columns(&line).saturating_add(wide) > width && character != ' ' {
                lines.push(core::mem::take(&mut line).trim_end().to_owned());
            }
            line.push(character);
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The beginning of a text, at most `width` columns of it.
fn cut(text: &str, width: usize) -> String {
    let mut used = 0_usize;
    let fits = |character: &char| {
        used = used.saturating_add(width_of(*character));
        used <= width
    };
    text.chars().take_while(fits).collect()
}

/// The text with blanks behind it up to `width` columns.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}
