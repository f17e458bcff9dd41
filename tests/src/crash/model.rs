//! What the script must come to, document by document: whole-number arithmetic, and no code of the
//! till. And what a till says of itself, in the same words, so that the two can be compared.

use pos_core::ids::RegisterId;
use pos_core::product::Sku;
use pos_core::report::ReportFilter;
use replica::core::Replica;

use super::script::{Document, PRICES, SKUS};
use super::{Broken, broken};

/// How often, and how much together, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How often.
    pub count: u64,
    /// How much.
    pub amount: i64,
}

impl Sum {
    const fn add(&mut self, amount: i64) {
        self.count += 1;
        self.amount += amount;
    }
}

/// Everything the books of the till may say about the script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Whether there is a store.
    pub founded: bool,
    /// Products in the price book.
    pub products: usize,
    /// Shifts that were opened.
    pub shifts: usize,
    /// Shifts that were closed.
    pub closed: usize,
    /// The last receipt; all before it were given.
    pub receipts: u64,
    /// Receipts of sales.
    pub sales: Sum,
    /// Receipts of returns, below zero.
    pub returns: Sum,
    /// Stock adjustments.
    pub adjustments: u64,
    /// Money carried to the safe.
    pub pickups: Sum,
    /// On hand by product, in units.
    pub on_hand: [i64; SKUS],
}

impl State {
    fn sell(&mut self, lines: &[(usize, i64)], sign: i64) {
        let total: i64 =
            lines.iter().map(|&(sku, units)| PRICES.get(sku).unwrap_or(&0) * units).sum();
        self.receipts += 1;
        let sum = if sign > 0 { &mut self.sales } else { &mut self.returns };
        sum.add(sign * total);
        for &(sku, units) in lines {
            if let Some(on_hand) = self.on_hand.get_mut(sku) {
                *on_hand -= sign * units;
            }
        }
    }
}

/// What one document is answered with, where it is a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its number.
    pub counter: u64,
    /// What it came to, below zero for a return.
    pub total: i64,
}

/// The states before, between and after the documents of a script.
#[derive(Debug, Clone)]
pub struct Model {
    states: Vec<State>,
    receipts: Vec<Option<Receipt>>,
}

impl Model {
    /// Of these documents.
    pub fn of(documents: &[Document]) -> Self {
        let mut states = vec![State::default()];
        let mut receipts = Vec::new();
        let mut state = State::default();
        for document in documents {
            let before = state.clone();
            match document {
                Document::Found => state.founded = true,
                Document::Import => state.products = SKUS,
                Document::OpenShift { .. } => state.shifts += 1,
                Document::CloseShift => state.closed += 1,
                Document::Sale { lines, .. } => state.sell(lines, 1),
                Document::Return { of } => {
                    if let Some(Document::Sale { lines, .. }) = documents.get(*of) {
                        state.sell(lines, -1);
                    }
                }
                Document::Adjust { sku, units } => {
                    state.adjustments += 1;
                    if let Some(on_hand) = state.on_hand.get_mut(*sku) {
                        *on_hand += units;
                    }
                }
                Document::Pickup { amount } => state.pickups.add(*amount),
            }
            receipts.push((state.receipts > before.receipts).then(|| Receipt {
                counter: state.receipts,
                total: state.sales.amount + state.returns.amount
                    - before.sales.amount
                    - before.returns.amount,
            }));
            states.push(state.clone());
        }
        Self { states, receipts }
    }

    /// After the first `documents` documents.
    pub fn after(&self, documents: usize) -> &State {
        self.states.get(documents).or(self.states.last()).unwrap_or(&EMPTY)
    }

    /// The receipt of a document.
    pub fn receipt(&self, document: usize) -> Option<Receipt> {
        self.receipts.get(document).copied().flatten()
    }
}

static EMPTY: State = State {
    founded: false,
    products: 0,
    shifts: 0,
    closed: 0,
    receipts: 0,
    sales: Sum { count: 0, amount: 0 },
    returns: Sum { count: 0, amount: 0 },
    adjustments: 0,
    pickups: Sum { count: 0, amount: 0 },
    on_hand: [0; SKUS],
};

/// What a till says of itself.
///
/// # Errors
/// Where its figures do not add up, or a receipt number is missing or was given twice.
pub fn observed(replica: &Replica, register: &RegisterId) -> Result<State, Broken> {
    let books = replica.books();
    if books.settings().is_none() {
        return Ok(State::default());
    }
    let report = books.sales_report(ReportFilter::default()).map_err(broken)?;
    let series = books.gapless(register);
    if !series.is_gapless() {
        return Err(Broken(format!("receipt numbers are not gapless: {series:?}")));
    }
    let last = series.last.unwrap_or(0);
    if last != replica.last_receipt(register) || last != series.count {
        return Err(Broken(format!("the last receipt is not the last of {series:?}")));
    }
    let shifts = books.shifts(register);
    let closed = shifts.iter().filter(|(id, _)| books.closes(*id).next().is_some()).count();
    let mut on_hand = [0; SKUS];
    for (number, units) in on_hand.iter_mut().enumerate() {
        let sku = Sku::new(&format!("S{number}")).map_err(broken)?;
        *units = books.on_hand(&sku).thousandths() / 1_000;
    }
    let sum =
        |of: &pos_core::report::CountAmount| Sum { count: of.count, amount: of.amount.minor() };
    Ok(State {
        founded: true,
        products: books.price_book().len(),
        shifts: shifts.len(),
        closed,
        receipts: last,
        sales: sum(&report.totals.sales),
        returns: sum(&report.totals.returns),
        adjustments: report.totals.adjustments,
        pickups: sum(&report.totals.drawer.pickups),
        on_hand,
    })
}
