//! Taking the money.

use std::sync::Arc;

use devices::payment::{Approval, PaymentIntent};
use pos_core::cart::CartView;
use pos_core::ids::{CartId, IdempotencyKey, RecordId};
use pos_core::money::Money;
use pos_core::sale;
use pos_core::tender::{self, Due, Settlement, TenderError, Tendered};
use pos_core::transaction::TenderKind;
use replica::core::{Command, CommandError, Completed, Durable, Lane, Outcome};
use replica::storage::Storage;

use super::card::CardNews;
use super::desk::{Counter, Last, Page, refusal};
use super::kept::{KeptCard, KeptRefund};
use super::notice::Notice;
use super::papers::receipt_view;
use super::view::{LastSale, PaidScreen, PaperState, PayScreen, TakenView};
use crate::limits::SALES_WATCHED_MAX;
use crate::paper;
use crate::till::Payment;
use pos_core::receipt::ReceiptEdition;

/// How the names of the window's sales begin; the cart's id follows.
pub(super) const SALE_KEY: &str = "counter-";

impl<S: Storage> Counter<S> {
    pub(super) fn pay(&mut self) -> Result<(), Notice> {
        self.cart_to_pay()?;
        self.page = Page::Pay;
        Ok(())
    }

    /// The cart that is paid: one with lines.
    fn cart_to_pay(&self) -> Result<&CartView, Notice> {
        let cart = self.cart.as_ref().ok_or(Notice::EmptyCart)?;
        if cart.live_lines().next().is_none() {
            return Err(Notice::EmptyCart);
        }
        Ok(cart)
    }

    fn total(&self) -> Result<Money, Notice> {
        let cart = self.cart_to_pay()?;
        let settings = self.till.settings().map_err(refusal)?;
        Ok(sale::quote(cart, settings).map_err(|error| refusal(error.into()))?.total)
    }

    fn settle_with(&self, tenders: &[Tendered]) -> Result<Settlement, Notice> {
        let rounding = self.till.settings().map_err(refusal)?.cash_rounding;
        tender::settle(self.total()?, tenders, rounding).map_err(tender_refusal)
    }

    /// Takes cash: so much, or exactly what is due.
    pub(super) fn take_cash(&mut self, amount: Option<Money>) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        self.follow_cart();
        let due = self.settle_with(&self.kept.taken)?.due;
        if due.exact.is_zero() {
            return self.complete();
        }
        let mut tenders = self.kept.taken.clone();
        tenders.push(Tendered::cash(amount.unwrap_or(due.cash)));
        let settled = self.settle_with(&tenders)?;
        self.kept.taken = tenders;
        self.page = Page::Pay;
        if settled.due.exact.is_zero() {
            if let Err(notice) = self.complete() {
                // Nothing was sold: the cash that would have closed the sale is not taken.
                self.kept.taken.pop();
                return Err(notice);
            }
            return Ok(());
        }
        self.keep_now()
    }

    /// Hands a part back.
    pub(super) fn take_back(&mut self, index: usize) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        if self.kept.taken.get(index).is_some_and(|taken| taken.kind == TenderKind::Cash) {
            self.kept.taken.remove(index);
            return self.keep_now();
        }
        Ok(())
    }

    /// Asks the reader for what is due, or a part of it.
    pub(super) fn take_card(&mut self, amount: Option<Money>) -> Result<(), Notice> {
        if !self.card.has_reader() {
            return Err(Notice::NoReader);
        }
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        self.follow_cart();
        let due = self.settle_with(&self.kept.taken)?.due;
        if due.exact.is_zero() {
            return self.complete();
        }
        let amount = amount.unwrap_or(due.exact);
        let mut tenders = self.kept.taken.clone();
        tenders.push(Tendered::card(amount, None));
        self.settle_with(&tenders)?;
        let cart = self.cart_to_pay()?.id;
        self.ready_register()?;
        self.page = Page::Pay;
        self.ask_for(cart, amount, None)
    }

    /// Begins a card payment: on disk first, then noted, then asked for.
    pub(super) fn ask_for(
        &mut self,
        cart: CartId,
        amount: Money,
        refund: Option<KeptRefund>,
    ) -> Result<(), Notice> {
        let register = self.register()?;
        let kind = TenderKind::Card;
        let command = Command::StartPayment { cart, register, kind, amount };
        let started: Durable<RecordId> = match self.till.execute(command).map_err(refusal)? {
            Outcome::Recorded(id) | Outcome::Repeated(id) => id,
            other => {
                return Err(Notice::Refused(format!("an answer that does not fit: {other:?}")));
            }
        };
        let id = *started.get();
        self.kept.card = Some(KeptCard { id, amount, refund });
        if let Err(notice) = self.keep_now() {
            self.kept.card = None;
            return Err(notice);
        }
        self.card.ask_for(PaymentIntent::new(id, amount, &started));
        Ok(())
    }

    pub(super) fn ask_reader(&mut self) -> Result<(), Notice> {
        if !self.card.has_reader() {
            return Err(Notice::NoReader);
        }
        self.card.ask();
        Ok(())
    }

    pub(super) fn cancel_card(&mut self) -> Result<(), Notice> {
        if !self.card.has_reader() {
            return Err(Notice::NoReader);
        }
        self.card.cancel();
        Ok(())
    }

    /// What the reader has said since.
    pub(super) fn hear_card(&mut self) {
        while let Some(news) = self.card.hear() {
            let Some(kept) = self.kept.card.clone() else { continue };
            let done = match news {
                CardNews::Charged(approval) => self.charged(&kept, &approval),
                CardNews::NotCharged => self.not_charged(&kept),
            };
            if let Err(notice) = done {
                self.post(notice);
                // What was paid back and could not be written down is still to be: it is asked
                // about again.
                if self.kept.card.as_ref().is_some_and(|still| still.id == kept.id) {
                    self.card.take_up(kept.id, kept.amount);
                }
            }
        }
    }

    fn charged(&mut self, kept: &KeptCard, approval: &Approval) -> Result<(), Notice> {
        let reference = (!approval.code.is_empty()).then(|| approval.code.clone());
        let tendered = Tendered { reference, ..Tendered::card(kept.amount, Some(kept.id)) };
        if let Some(refund) = &kept.refund {
            return self.refunded_by_card(refund, tendered);
        }
        self.kept.taken.push(tendered);
        self.kept.card = None;
        let noted = self.keep_now();
        self.follow_cart();
        if self.settle_with(&self.kept.taken)?.due.exact.is_zero() {
            return self.complete();
        }
        noted
    }

    fn not_charged(&mut self, kept: &KeptCard) -> Result<(), Notice> {
        self.kept.card = None;
        if let Some(refund) = &kept.refund {
            self.close_refund_cart(refund);
        }
        self.keep_now()
    }

    /// Closes the sale with what was taken.
    fn complete(&mut self) -> Result<(), Notice> {
        let cart = self.cart_to_pay()?.id;
        let register = self.ready_register()?;
        let operator = self.operator.clone();
        let key = IdempotencyKey::new(format!("{SALE_KEY}{cart}"))
            .map_err(|error| Notice::Refused(error.to_string()))?;
        let payment = Payment {
            cart,
            register: &register,
            operator: &operator,
            tenders: self.kept.taken.clone(),
            key: Some(&key),
            wall_time: None,
        };
        let paid = self.till.complete(payment).map_err(refusal)?;
        self.forget_cart();
        self.card.forget_ended();
        self.sold(&paid.completed)
    }

    /// It is on disk: the drawer, the receipt, the screen.
    pub(super) fn sold(&mut self, done: &Durable<Completed>) -> Result<(), Notice> {
        self.print_all();
        let Completed { id, number, transaction } = done.get();
        let has_cash = transaction.payments.iter().any(|paid| paid.kind == TenderKind::Cash);
        if has_cash && let Err(notice) = self.papers.open_drawer(done) {
            self.post(notice);
        }
        let end = self.till.replica().own_end(Lane::Ledger);
        if let Some(end) = end {
            if self.only_here.len() >= SALES_WATCHED_MAX {
                self.only_here.pop_front();
            }
            self.only_here.push_back(end);
        }
        let settings = self.till.settings().map_err(refusal)?;
        let zone = self.till.zone();
        let document = paper::receipt_of(done, settings, &zone, ReceiptEdition::Original)
            .map_err(|error| refusal(error.into()))?;
        let total = transaction.settled().map_err(|error| refusal(error.into()))?;
        let sale = LastSale {
            id: *id,
            receipt: number.to_string(),
            total,
            stored_on: 1,
            paper: PaperState::NoPrinter,
        };
        let zero = Money::zero(self.currency);
        let cash = transaction.payments.iter().filter(|paid| paid.kind == TenderKind::Cash);
        let (mut given, mut change) = (zero, zero);
        for part in cash {
            given = given.checked_add(part.tendered).unwrap_or(given);
            change = change.checked_add(part.change).unwrap_or(change);
        }
        let receipt = Arc::new(receipt_view(&document, self.papers.columns()));
        let at = self.till.moment().monotonic_ms;
        let paper_key = self.papers.receipt(document, done.clone(), at);
        self.last = Some(Last { sale: sale.clone(), end, paper_key });
        self.page = Page::Paid(PaidScreen { sale, given, change, receipt });
        Ok(())
    }

    pub(super) fn pay_screen(&self) -> PayScreen {
        let zero = Money::zero(self.currency);
        let total = self.total().unwrap_or(zero);
        let due = self.settle_with(&self.kept.taken).map(|settled| settled.due);
        let due = due.unwrap_or(Due { exact: zero, cash: zero });
        let may_tender = !self.card.is_under_way();
        let taken = self.kept.taken.iter().map(|taken| TakenView {
            kind: taken.kind,
            amount: taken.amount,
            reference: taken.reference.clone(),
            removable: may_tender && taken.kind == TenderKind::Cash,
        });
        PayScreen {
            total,
            due,
            taken: taken.collect(),
            quick_cash: tender::quick_cash(due.cash),
            card: self.card.state(),
            may_tender,
        }
    }
}

pub(super) fn tender_refusal(error: TenderError) -> Notice {
    refusal(CommandError::Sale(error.into()))
}
