//! X and Z reports as elements, in the order of the Norwegian list (see `pos_core::report`).

use pos_core::money::Money;
use pos_core::receipt::{ReportDocument, ReportKind};
use pos_core::report::CountAmount;

use super::layout::{Element, Paper, Style, kind_name, plain};

/// The elements of a report on paper of `width` columns.
pub fn report_layout(document: &ReportDocument, width: usize) -> Vec<Element> {
    let mut paper = Paper::new(width);
    paper.centred(&document.store, Style::Tall);
    for line in &document.header {
        paper.centred(line, Style::Plain);
    }
    if document.copy {
        paper.centred("COPY", Style::Double);
    }
    let title = match document.report {
        ReportKind::X => "X REPORT".to_owned(),
        ReportKind::Z { number, .. } => format!("Z REPORT {number}"),
    };
    paper.centred(&title, Style::Tall);
    paper.origin(document);
    paper.rule();
    paper.totals(document);
    paper.rule();
    paper.drawer(document);
    paper.rule();
    paper.grand_totals(document);
    paper.into_elements()
}

impl Paper {
    fn origin(&mut self, document: &ReportDocument) {
        let figures = &document.figures;
        let time = &document.local_time;
        let when = format!("{} {}", time.date, time.time);
        self.pair(&when, &format!("{} / {}", figures.register, document.operator), Style::Plain);
        let date = figures.business_date.to_string();
        self.pair(&format!("Shift {}", figures.shift_number), &date, Style::Plain);
        self.pair("Currency", figures.totals.currency().code(), Style::Plain);
    }

    fn totals(&mut self, document: &ReportDocument) {
        let totals = &document.figures.totals;
        self.counted("Sales", totals.sales);
        self.counted("Returns", totals.returns);
        self.counted("Discounts", totals.discounts);
        if totals.postings.count > 0 {
            self.counted("Account postings", totals.postings);
        }
        for (rate, total) in &totals.tax {
            self.amount(&format!("Net {rate}"), total.taxable);
            self.amount(&format!("Tax {rate}"), total.tax);
        }
        for (&kind, &total) in &totals.tenders {
            self.counted(kind_name(kind), total);
        }
        self.amount("Cash rounding", totals.rounding);
    }

    fn drawer(&mut self, document: &ReportDocument) {
        let figures = &document.figures;
        let drawer = &figures.totals.drawer;
        self.amount("Opening float", figures.opening_float);
        self.counted("Loans", drawer.loans);
        self.counted("Pickups", drawer.pickups);
        self.counted("Paid in", drawer.paid_in);
        self.counted("Paid out", drawer.paid_out);
        self.pair("Drawer opened without a sale", &drawer.no_sales.to_string(), Style::Plain);
        self.pair("Expected cash", &plain(figures.expected_cash), Style::Bold);
        if let ReportKind::Z { counted, over_short, .. } = document.report {
            match counted {
                Some(counted) => self.amount("Counted", counted),
                None => self.pair("Counted", "nobody counted", Style::Plain),
            }
            if let Some(over_short) = over_short {
                self.pair(over_or_short(over_short), &plain(over_short), Style::Bold);
            }
        }
    }

    fn grand_totals(&mut self, document: &ReportDocument) {
        let totals = &document.figures.grand_totals;
        self.push("Since the register's first use".to_owned(), Style::Plain);
        self.amount("Grand total sales", totals.sales);
        self.amount("Grand total returns", totals.returns);
        self.pair("Grand total net", &plain(totals.net), Style::Bold);
    }

    fn amount(&mut self, label: &str, amount: Money) {
        self.pair(label, &plain(amount), Style::Plain);
    }

    fn counted(&mut self, label: &str, total: CountAmount) {
        self.amount(&format!("{label} ({})", total.count), total.amount);
    }
}

fn over_or_short(difference: Money) -> &'static str {
    match difference.minor() {
        0 => "Difference",
        1.. => "Over",
        _ => "Short",
    }
}
