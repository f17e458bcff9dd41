//! The shift: opened, read, closed; and the drawer between sales.

use devices::queue::Job;
use pos_core::money::Money;
use pos_core::receipt::ReportDocument;
use pos_core::till::CashMovementKind;
use replica::core::{Command, Outcome};
use replica::storage::Storage;

use super::desk::{Counter, Page, refusal};
use super::notice::Notice;
use super::view::ShiftView;
use crate::{paper, shell};

/// Why the drawer was opened, when nobody says more.
const NO_SALE: &str = "no sale";

impl<S: Storage> Counter<S> {
    pub(super) fn shift_view(&self) -> Option<ShiftView> {
        let register = self.till.register(None).ok()?;
        let (_, date) = self.till.open_shift(&register)?;
        Some(ShiftView { business_date: date.to_string() })
    }

    pub(super) fn open_shift(&mut self, float: Money) -> Result<(), Notice> {
        let register = self.register()?;
        let today = shell::local_day(self.till.wall(), &self.till.zone())
            .map_err(|error| Notice::Refused(error.to_string()))?;
        let operator = self.operator.clone();
        self.till.start_shift(&register, today, float, &operator).map_err(refusal)?;
        Ok(())
    }

    pub(super) fn read_x(&mut self) -> Result<(), Notice> {
        let register = self.register()?;
        let report = match self.till.open_shift(&register) {
            None => None,
            Some((shift, _)) => {
                let report = self.till.replica().books().x_report(shift);
                Some(Box::new(report.map_err(|error| refusal(error.into()))?))
            }
        };
        self.show(Page::X(report))
    }

    /// Closes the shift; its Z report is printed.
    pub(super) fn close_shift(&mut self, counted: Option<Money>) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        let register = self.register()?;
        let operator = self.operator.clone();
        let report = self.till.end_shift(&register, counted, &operator).map_err(refusal)?;
        self.show(Page::Z(Box::new(report)))?;
        if self.papers.columns_of_printer().is_some() { self.print_report() } else { Ok(()) }
    }

    fn show(&mut self, page: Page) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        self.page = page;
        Ok(())
    }

    /// The report on the screen as a paper.
    pub(super) fn report_job(&self) -> Result<Option<Job>, Notice> {
        let settings = self.till.settings().map_err(refusal)?;
        let time = paper::local_time(self.till.wall(), &self.till.zone());
        let operator = self.operator.clone();
        Ok(match &self.page {
            Page::X(Some(report)) => {
                let report = report.as_ref().clone();
                Job::x_report(ReportDocument::x(report, settings, operator, time))
            }
            Page::Z(report) => {
                let document = ReportDocument::z(report.get().clone(), settings, operator, time);
                Some(Job::z_report(document, report.as_ref()))
            }
            _ => None,
        })
    }

    /// Opens the drawer for nothing. An opened drawer is an opportunity: it is recorded first.
    pub(super) fn open_drawer(&mut self) -> Result<(), Notice> {
        let register = self.ready_register()?;
        let command = Command::MoveCash {
            register,
            kind: CashMovementKind::NoSale,
            amount: Money::zero(self.currency),
            reason: NO_SALE.to_owned(),
            operator: self.operator.clone(),
        };
        match self.till.execute(command).map_err(refusal)? {
            Outcome::Recorded(proof) | Outcome::Repeated(proof) => self.papers.open_drawer(&proof),
            other => Err(Notice::Refused(format!("an answer that does not fit: {other:?}"))),
        }
    }
}
