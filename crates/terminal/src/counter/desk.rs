//! The counter itself: what it holds, and which part answers which intent.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use pos_core::barcode::BarcodeTable;
use pos_core::cart::CartView;
use pos_core::ids::{CartId, LineId, OperatorId, RegisterId};
use pos_core::money::Currency;
use pos_core::report::{XReport, ZReport};
use replica::core::{Alarm, CommandError, Digest, Durable, FeedId};
use replica::storage::Storage;

use super::card::CardDesk;
use super::intent::Intent;
use super::kept::Kept;
use super::let_in::LettingIn;
use super::notice::{Notice, Posted};
use super::papers::Papers;
use super::refund::Returning;
use super::scan;
use super::view::{
    CatalogueView, CustomerRow, Desk, LastSale, PaidScreen, Screen, Stage, View, WaitingCart,
};
use crate::limits::NOTICES_MAX;
use crate::shell;
use crate::till::Till;

/// How often what other tills do is looked at, in milliseconds.
const LOOK_EVERY_MS: u64 = 250;
/// A price book of so many products is listed once in a millisecond at most, a larger one less often.
const PRODUCTS_A_MS: u64 = 100;

/// A till with a person at it.
#[derive(Debug)]
pub struct Counter<S> {
    pub(super) till: Till<S>,
    pub(super) operator: OperatorId,
    pub(super) currency: Currency,
    pub(super) labels: Option<BarcodeTable>,
    pub(super) papers: Papers,
    pub(super) card: CardDesk,
    pub(super) loopback: bool,
    /// The cart of the note, while it cannot be read.
    pub(super) waits_for: Option<CartId>,
    /// What must outlive the program: the cart on the screen and what was taken for it.
    pub(super) kept: Kept,
    /// It has changed and is not on disk yet.
    pub(super) unkept: bool,
    pub(super) cart: Option<CartView>,
    pub(super) selected: Option<LineId>,
    pub(super) additions: u64,
    pub(super) page: Page,
    /// A new till that is being let in, on the screen or behind the sale.
    pub(super) letting: Option<Box<LettingIn>>,
    pub(super) waiting: Vec<WaitingCart>,
    /// Carts of which it was said that they were left over.
    pub(super) told: BTreeSet<CartId>,
    /// The cart on the screen is what was left of one that was paid on this receipt.
    pub(super) remainder_here: Option<String>,
    pub(super) customers: Vec<CustomerRow>,
    pub(super) customer: Option<CustomerRow>,
    pub(super) catalogue: Arc<CatalogueView>,
    pub(super) last: Option<Last>,
    /// Ends of own sales that no other device has told to hold.
    pub(super) only_here: VecDeque<(FeedId, u64)>,
    pub(super) meetings: super::safety::Meetings,
    notices: VecDeque<Posted>,
    next_notice: u64,
    looked_ms: Option<u64>,
    seen: Option<Digest>,
    price_changes: Option<u64>,
    listed_ms: u64,
    view: Arc<View>,
}

/// The last sale, and where its entry stands.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) sale: LastSale,
    pub(super) end: Option<(FeedId, u64)>,
    pub(super) paper_key: String,
}

/// What covers the sale.
#[derive(Debug)]
pub(super) enum Page {
    Sale,
    Pay,
    Paid(PaidScreen),
    Refund(Box<Returning>),
    X(Option<Box<XReport>>),
    Z(Box<Durable<ZReport>>),
    LetIn,
}

/// What a counter is set up with.
#[derive(Debug)]
pub struct Setup {
    /// Who serves.
    pub operator: OperatorId,
    /// The printer, its queue, or nothing.
    pub papers: Papers,
    /// The card reader, or nothing.
    pub card: CardDesk,
    /// Whether several tills share this machine.
    pub loopback: bool,
}

impl<S: Storage> Counter<S> {
    /// A counter of a till that belongs to a store. What was open when the till stopped is there
    /// again: the cart, the money taken for it, and a card payment of which nobody knows how it
    /// ended.
    pub fn new(till: Till<S>, setup: Setup) -> Result<Self, CommandError> {
        let currency = till.settings()?.currency;
        let opening = View { revision: 0, stage: Stage::Opening, notices: Vec::new() };
        let Setup { operator, papers, card, loopback } = setup;
        let mut counter = Self {
            till,
            operator,
            currency,
            labels: scan::labels(currency),
            papers,
            card,
            loopback,
            waits_for: None,
            kept: Kept::default(),
            unkept: false,
            cart: None,
            selected: None,
            additions: 0,
            page: Page::Sale,
            letting: None,
            waiting: Vec::new(),
            told: BTreeSet::new(),
            remainder_here: None,
            customers: Vec::new(),
            customer: None,
            catalogue: Arc::default(),
            last: None,
            only_here: VecDeque::new(),
            meetings: super::safety::Meetings::default(),
            notices: VecDeque::new(),
            next_notice: 1,
            looked_ms: None,
            seen: None,
            price_changes: None,
            listed_ms: 0,
            view: Arc::new(opening),
        };
        counter.take_up();
        counter.look(true);
        counter.publish();
        Ok(counter)
    }

    /// Does what a person wants, or says why not. Says whether the view is another one now.
    pub fn apply(&mut self, intent: Intent) -> bool {
        self.carry_out(intent);
        self.publish()
    }

    /// Shows a notice from whoever set the counter up.
    pub fn tell(&mut self, notice: Notice) {
        self.post(notice);
        self.publish();
    }

    /// Does what time asks for: other tills, the card reader, the printer. Never waits. Says
    /// whether the view is another one now.
    pub fn tick(&mut self) -> bool {
        self.hear_card();
        self.hear_let_in();
        self.settle();
        self.look(false);
        self.publish()
    }

    /// What is left to do once the answer is on the screen: small files, papers that waited for a
    /// second device.
    pub fn settle(&mut self) {
        self.keep_if_needed();
        self.print_due();
    }

    /// What a window shows now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }

    /// The till, for whoever runs it.
    pub const fn till(&mut self) -> &mut Till<S> {
        &mut self.till
    }

    /// Stops in order. What is on the screen is there again at the next start.
    pub fn close(mut self) {
        self.print_all();
        self.keep_if_needed();
        let Self { till, papers, .. } = self;
        drop(papers);
        till.close();
    }

    /// Gives the till back as a crash would leave it: for tests.
    pub fn into_till(self) -> Till<S> {
        self.till
    }

    fn carry_out(&mut self, intent: Intent) {
        let done = match intent {
            Intent::Scan(code) => self.scan(&code),
            Intent::Add { sku, quantity } => self.add(sku, quantity),
            Intent::AddAtPrice { sku, quantity, price, reason } => {
                self.add_at_price(sku, quantity, price, reason)
            }
            Intent::SetQuantity { line, quantity } => self.set_quantity(line, quantity),
            Intent::VoidLine(line) => self.void_line(line),
            Intent::OverridePrice { line, price, reason } => {
                self.override_price(line, price, reason)
            }
            Intent::DiscountLine { line, discount } => self.discount(Some(line), discount),
            Intent::DiscountCart(discount) => self.discount(None, discount),
            Intent::Select(line) => {
                self.select(line);
                Ok(())
            }
            Intent::Label(label) => self.label(label),
            Intent::GiveUpCart => self.give_up(),
            Intent::SearchCustomers(words) => self.search_customers(&words),
            Intent::SetCustomer(customer) => self.set_customer(customer),
            Intent::CreateCustomer(fields) => self.create_customer(fields),
            Intent::Suspend(label) => self.suspend(label),
            Intent::Retrieve(cart) => self.retrieve(cart),
            Intent::Pay => self.pay(),
            Intent::TakeCash(amount) => self.take_cash(Some(amount)),
            Intent::TakeExactCash => self.take_cash(None),
            Intent::TakeCard(amount) => self.take_card(amount),
            Intent::AskReader => self.ask_reader(),
            Intent::CancelCard => self.cancel_card(),
            Intent::TakeBack(index) => self.take_back(index),
            Intent::PrintCopy(number) => self.print_copy(number.as_deref()),
            Intent::PrintReport => self.print_report(),
            Intent::PaperCameOut(number) => self.papers.came_out(number),
            Intent::PaperAgain(number) => self.papers.again(number),
            Intent::RetryPrinter => self.papers.retry(),
            Intent::OpenDrawer => self.open_drawer(),
            Intent::Refund => self.open_refund(),
            Intent::FindReceipt(typed) => self.find_receipt(&typed),
            Intent::RefundLine { line, quantity } => self.refund_line(line, quantity),
            Intent::RefundAll => self.refund_all(),
            Intent::RefundReason(reason) => self.refund_reason(reason),
            Intent::Restock(restock) => self.restock(restock),
            Intent::RefundCash => self.refund_cash(),
            Intent::RefundCard => self.refund_card(),
            Intent::OpenShift(float) => self.open_shift(float),
            Intent::ReadX => self.read_x(),
            Intent::CloseShift(counted) => self.close_shift(counted),
            Intent::LetIn => self.let_in(),
            Intent::LetInAnswer(same) => {
                self.let_in_answer(same);
                Ok(())
            }
            Intent::Operator(name) => self.set_operator(&name),
            Intent::Back => self.back(),
            Intent::Dismiss(number) => {
                self.notices.retain(|posted| posted.number != number);
                Ok(())
            }
            // A store is there already: a window that still shows the questions is late.
            Intent::Start(_) | Intent::WordsMatch(_) | Intent::PhraseNoted => Ok(()),
        };
        if let Err(notice) = done {
            self.post(notice);
        }
    }

    /// Shows a notice. One that says the same again takes the place of the first.
    pub(super) fn post(&mut self, notice: Notice) {
        self.notices.retain(|posted| posted.notice != notice);
        if self.notices.len() >= NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(Posted { number: self.next_notice, notice });
        self.next_notice = self.next_notice.wrapping_add(1);
    }

    fn set_operator(&mut self, name: &str) -> Result<(), Notice> {
        let operator =
            OperatorId::new(name.trim()).map_err(|error| Notice::Refused(error.to_string()))?;
        self.operator = operator;
        Ok(())
    }

    /// Back to the sale, unless money is on its way.
    fn back(&mut self) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        if matches!(self.page, Page::LetIn) {
            self.close_let_in();
        }
        self.card.forget_ended();
        self.page = Page::Sale;
        Ok(())
    }

    /// The register this till serves.
    pub(super) fn register(&self) -> Result<RegisterId, Notice> {
        self.till.register(None).map_err(|_none| Notice::NoRegister)
    }

    /// The register, with an open shift: a sale opens it where nobody has, as the command line does.
    pub(super) fn ready_register(&mut self) -> Result<RegisterId, Notice> {
        let register = self.register()?;
        if self.till.open_shift(&register).is_none() {
            let today = shell::local_day(self.till.wall(), &self.till.zone())
                .map_err(|error| Notice::Refused(error.to_string()))?;
            let nothing = pos_core::money::Money::zero(self.currency);
            let operator = self.operator.clone();
            self.till.start_shift(&register, today, nothing, &operator).map_err(refusal)?;
        }
        Ok(register)
    }

    /// Looks at what has come from other tills, four times a second at most.
    pub(super) fn look(&mut self, now: bool) {
        let at = self.till.moment().monotonic_ms;
        let due = self.looked_ms.is_none_or(|last| at >= last.saturating_add(LOOK_EVERY_MS));
        if !now && !due {
            return;
        }
        // The first view comes without products: a scan needs none, and a large book takes a moment.
        let is_first = self.looked_ms.replace(at).is_none();
        for alarm in self.till.node().take_alarms() {
            self.alarm(&alarm);
        }
        self.meet(at);
        self.take_up_late();
        let held = self.till.replica().held_digest();
        if now || self.seen != Some(held) {
            self.seen = Some(held);
            self.follow_cart();
            self.list_waiting();
        } else {
            self.list_places();
        }
        let changes = self.till.replica().books().price_changes();
        // Listing takes a moment that grows with the book: while it changes, not again and again.
        let length = u64::try_from(self.catalogue.items.len()).unwrap_or(u64::MAX);
        let rested = at.saturating_sub(self.listed_ms) >= length / PRODUCTS_A_MS;
        if !is_first && self.price_changes != Some(changes) && (rested || length == 0) {
            self.price_changes = Some(changes);
            self.listed_ms = at;
            self.list_products();
        }
    }

    fn alarm(&mut self, alarm: &Alarm) {
        match alarm {
            Alarm::WritingStopped(reason) => self.post(Notice::Stopped(reason.clone())),
            other => self.post(Notice::Alarm(crate::commands::in_words(other))),
        }
    }

    /// Makes the view; whether it is another one.
    pub(super) fn publish(&mut self) -> bool {
        let revision = self.view.revision;
        let next = View {
            revision,
            stage: Stage::Selling(Box::new(self.desk())),
            notices: self.notices.iter().cloned().collect(),
        };
        if *self.view == next {
            return false;
        }
        self.view = Arc::new(View { revision: revision.wrapping_add(1), ..next });
        true
    }

    fn desk(&self) -> Desk {
        Desk {
            place: self.place(),
            shift: self.shift_view(),
            cart: self.cart_screen(),
            screen: self.screen(),
            waiting: self.waiting.clone(),
            customers: self.customers.clone(),
            catalogue: Arc::clone(&self.catalogue),
            safety: self.safety(),
            printer: self.papers.view(),
            has_reader: self.card.has_reader(),
            last: self.last_sale(),
        }
    }

    fn screen(&self) -> Screen {
        match &self.page {
            Page::Sale => Screen::Sale,
            Page::Pay => Screen::Pay(self.pay_screen()),
            Page::Paid(paid) => {
                let sale = self.last_sale().unwrap_or_else(|| paid.sale.clone());
                Screen::Paid(PaidScreen { sale, ..paid.clone() })
            }
            Page::Refund(returning) => Screen::Refund(self.refund_screen(returning)),
            Page::X(report) => Screen::X(report.clone()),
            Page::Z(report) => Screen::Z(Box::new(report.get().clone())),
            Page::LetIn => match &self.letting {
                Some(letting) => Screen::LetIn(letting.view()),
                None => Screen::Sale,
            },
        }
    }
}

/// What a refusal of the till says to a cashier.
pub(super) fn refusal(error: CommandError) -> Notice {
    use pos_core::cart::CartError;
    use pos_core::refund::RefundError;
    use pos_core::sale::SaleError;
    use pos_core::tender::TenderError;
    match error {
        CommandError::DiskFull => Notice::DiskFull,
        CommandError::Stopped(reason) => Notice::Stopped(reason),
        CommandError::Rebuilding { .. } => Notice::Rebuilding,
        CommandError::NotAMember => Notice::NotAMember,
        CommandError::NotMyRegister(_) => Notice::NoRegister,
        CommandError::ManagerOnly => Notice::ManagerOnly,
        CommandError::ShiftAlreadyOpen(_) => Notice::ShiftOpen,
        CommandError::NoOpenShift(_) => Notice::NoShift,
        CommandError::OutOfStock { sku, on_hand } => Notice::OutOfStock { sku, on_hand },
        CommandError::CartClosed { .. } => Notice::PaidElsewhere,
        CommandError::Cart(CartError::UnknownItem(code)) => Notice::UnknownCode { code },
        CommandError::Cart(CartError::Inactive { name, .. }) => Notice::NotSold { name },
        CommandError::Cart(CartError::NotWhole { quantity, .. }) => Notice::NotWhole { quantity },
        CommandError::Cart(CartError::DiscountTooHigh) => Notice::DiscountTooHigh,
        CommandError::Sale(SaleError::Empty) => Notice::EmptyCart,
        CommandError::Sale(SaleError::Tender(TenderError::CardTooMuch { due })) => {
            Notice::CardTooMuch { due }
        }
        CommandError::Sale(SaleError::Tender(TenderError::NotInCoins { step, .. })) => {
            Notice::NotInCoins { step }
        }
        CommandError::Refund(RefundError::TooMuch { sku, left }) => {
            Notice::OverRefund { sku, left }
        }
        other => Notice::Refused(other.to_string()),
    }
}
