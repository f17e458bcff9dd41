//! Who stands at a till: a shop day, one step of a person at a time. Everything goes through the commands
//! the terminal sends, in the order it sends them.

use pos_core::cart::{CartCommand, CartStatus, CartView, Direction, ItemRef};
use pos_core::ids::{CartId, CustomerId, IdempotencyKey, OperatorId, RecordId, RegisterId};
use pos_core::quantity::Quantity;
use replica::core::{Command, CommandError, Lane, Moment, Outcome, Replica};
use replica::memory::MemoryStorage;

use super::shop::Shop;
use super::site::Running;
use super::witness::{Attempt, Fact, Place, Witness, units_of};
use crate::prng::Prng;

mod errands;
mod payment;

/// The till a cashier stands at, for one step.
pub(super) struct Desk<'a> {
    pub(super) running: &'a mut Running,
    pub(super) at: Moment,
    pub(super) now: u64,
    pub(super) site: usize,
    pub(super) witness: &'a mut Witness,
    pub(super) shop: &'a Shop,
}

impl Desk<'_> {
    fn execute(&mut self, command: Command) -> Result<Outcome, CommandError> {
        self.running.node.execute(self.at, command)
    }

    fn ask<T>(&mut self, ask: impl FnOnce(&mut Replica, &MemoryStorage) -> T) -> T {
        self.running.node.query(ask)
    }

    fn cart(&mut self, cart: CartId) -> Option<CartView> {
        self.ask(|replica, disk| replica.cart(disk, cart)).ok()
    }

    /// Whether somebody at another till has just changed a cart.
    fn is_busy(&self, cart: CartId) -> bool {
        let seen = self.witness.carts.get(&self.witness.root(cart));
        seen.is_some_and(|seen| {
            let others = seen.edited.iter().filter(|(site, _)| **site != self.site);
            others.into_iter().any(|(_, at)| at + BUSY_MS > self.now)
        })
    }

    /// Where the entry that was just written stands.
    fn place(&self) -> Place {
        self.running.node.replica().own_end(Lane::Ledger)
    }
}

/// A cart in hand.
#[derive(Debug, Clone)]
struct Basket {
    cart: CartId,
    /// Steps before it is paid.
    left: u64,
}

/// A command whose answer never came.
#[derive(Debug, Clone)]
struct Unanswered {
    key: IdempotencyKey,
    command: Command,
}

/// A cashier.
#[derive(Debug)]
pub(super) struct Cashier {
    draw: Prng,
    register: RegisterId,
    operator: OperatorId,
    /// Tells the keys of this till's commands from those of its copy.
    tag: usize,
    basket: Option<Basket>,
    unanswered: Option<Unanswered>,
    keys: u64,
    pace_ms: u64,
    /// The shop closes: nothing new is begun.
    closing: bool,
    /// Sales since the shop began to close.
    last_sales: u32,
    /// The last answer left open whether the command was carried out.
    unsure: bool,
    customers: Vec<CustomerId>,
    /// Another till took the money for the cart in hand.
    paid_elsewhere: Option<CartId>,
    /// What was done last, for the trace.
    pub(super) did: String,
}

/// How long after the last change somebody is still seen at a cart, in milliseconds.
const BUSY_MS: u64 = 60_000;
/// Least time between two steps of a cashier, in milliseconds.
pub(super) const HANDS_MS: u64 = 1_500;

impl Cashier {
    pub(super) fn new(
        draw: Prng,
        register: RegisterId,
        operator: OperatorId,
        tag: usize,
        pace_ms: u64,
    ) -> Self {
        Self {
            draw,
            register,
            operator,
            tag,
            basket: None,
            unanswered: None,
            keys: 0,
            pace_ms,
            closing: false,
            last_sales: 0,
            unsure: false,
            customers: Vec::new(),
            paid_elsewhere: None,
            did: String::new(),
        }
    }

    /// A cashier of the same register at a copy of the till.
    pub(super) fn twin(&self, draw: Prng, tag: usize) -> Self {
        Self::new(draw, self.register.clone(), self.operator.clone(), tag, self.pace_ms)
    }

    /// What was in hand is gone with the disk it was on.
    pub(super) fn forget(&mut self) {
        self.basket = None;
        self.unanswered = None;
        self.customers.clear();
    }

    /// The shop closes: what is open is finished, one more sale is made to show that the till sells.
    pub(super) fn close_shop(&mut self) {
        self.closing = true;
        self.last_sales = 0;
    }

    /// Whether the last sale was made and nothing is in hand.
    pub(super) const fn is_done(&self) -> bool {
        self.closing && self.last_sales > 0 && self.basket.is_none() && self.unanswered.is_none()
    }

    /// Whether nothing is in hand.
    pub(super) const fn has_nothing(&self) -> bool {
        self.basket.is_none() && self.unanswered.is_none()
    }

    /// Where the cashier stands, in words.
    pub(super) fn state(&self) -> String {
        format!(
            "closing {}, last sales {}, basket {}, unanswered {}",
            self.closing,
            self.last_sales,
            self.basket.is_some(),
            self.unanswered.is_some()
        )
    }

    /// One step. Says after how many milliseconds the next one comes.
    pub(super) fn step(&mut self, desk: &mut Desk<'_>) -> u64 {
        self.did.clear();
        let replica = desk.running.node.replica();
        if replica.stopped().is_some() {
            return 20_000;
        }
        let serves = replica.books().register_holder(&self.register) == Some(replica.device());
        if replica.own_role().is_none() || !(serves || replica.rebuilding().is_some()) {
            return 15_000;
        }
        if self.unanswered.is_some() {
            return self.ask_again(desk);
        }
        if replica.current_shift(&self.register).is_none() {
            return self.open_shift(desk);
        }
        if self.basket.is_some() {
            return self.ring_up(desk);
        }
        if self.is_done() {
            return 600_000;
        }
        self.begin(desk)
    }

    fn pause(&mut self) -> u64 {
        HANDS_MS + self.draw.waiting(2 * HANDS_MS)
    }

    fn next_key(&mut self) -> Option<IdempotencyKey> {
        self.keys += 1;
        IdempotencyKey::new(format!("{}-{}", self.tag, self.keys)).ok()
    }

    /// What a cashier does about a refusal: nothing, if it is one of those that happen.
    fn refused(&mut self, desk: &mut Desk<'_>, doing: &str, why: &CommandError) {
        self.did = format!("{doing}: refused: {why}");
        let strange = matches!(
            why,
            CommandError::KeyUsedOtherwise
                | CommandError::TooLarge(_)
                | CommandError::Document(_)
                | CommandError::Books(_)
                | CommandError::AlreadyFounded
                | CommandError::NothingToDo
                | CommandError::Unrecordable(_)
                | CommandError::TooManyWaiting(_)
                | CommandError::Money(_)
                | CommandError::Quantity(_)
        );
        if strange {
            desk.witness.complain("refusals", format!("{doing} was refused: {why}"));
        }
    }

    /// Sends a command again whose answer never came.
    fn ask_again(&mut self, desk: &mut Desk<'_>) -> u64 {
        let Some(Unanswered { key, command }) = self.unanswered.take() else { return 0 };
        self.did = format!("asks again {}", key.as_str());
        self.send(desk, key, command);
        self.pause()
    }

    /// Sends a command that has a name, and takes note of its answer.
    fn send(&mut self, desk: &mut Desk<'_>, key: IdempotencyKey, command: Command) {
        let adjustment = match &command {
            Command::Record(record) => errands::moved_by(record),
            _ => None,
        };
        let site = desk.site;
        desk.witness.attempts.insert(key.as_str().to_owned(), Attempt { site, adjustment });
        // A cashier whose finger is too quick sends it twice.
        let twice = self.draw.chance(1, 40).then(|| command.clone());
        self.unsure = false;
        let answer = desk.execute(command.clone());
        match self.answered(desk, &key, &command, answer) {
            Some(first) => {
                let Some(again) = twice else { return };
                let answer = desk.execute(again);
                let second = self.answered(desk, &key, &command, answer);
                if second.is_some_and(|second| second != first) {
                    let what = format!("{} was carried out twice", key.as_str());
                    desk.witness.complain("once", what);
                }
            }
            None if self.unsure => {
                self.unanswered = Some(Unanswered { key, command });
            }
            None => {}
        }
    }

    /// Takes note of the answer to a command with a name; says which record it was.
    fn answered(
        &mut self,
        desk: &mut Desk<'_>,
        key: &IdempotencyKey,
        command: &Command,
        answer: Result<Outcome, CommandError>,
    ) -> Option<RecordId> {
        let place = desk.place();
        let (site, now) = (desk.site, desk.now);
        match answer {
            Ok(Outcome::Completed(sale)) => {
                let sale = sale.into_inner();
                self.did = format!("paid {} {}", sale.number, sale.transaction.total);
                desk.witness.paid(site, now, place, key.as_str(), &sale, false);
                desk.witness.receipts.push(sale.id);
                self.last_sales += 1;
                Some(sale.id)
            }
            Ok(Outcome::RepeatedSale(sale)) => {
                let sale = sale.into_inner();
                self.did = format!("paid before {}", sale.number);
                desk.witness.paid(site, now, None, key.as_str(), &sale, true);
                self.last_sales += 1;
                Some(sale.id)
            }
            Ok(Outcome::Recorded(id) | Outcome::Repeated(id)) => {
                let id = id.into_inner();
                desk.witness.attempts.remove(key.as_str());
                if let Command::Record(record) = command
                    && let Some(moved) = errands::moved_by(record)
                    && !desk.witness.seen.contains_key(&id)
                {
                    let fact = Fact::Adjustment { moved, key: key.clone() };
                    desk.witness.saw(id, site, now, place, fact);
                }
                self.did = format!("recorded {}", key.as_str());
                Some(id)
            }
            Ok(_) => None,
            Err(why) => {
                if let CommandError::CartClosed { cart, .. } = why {
                    self.paid_elsewhere = Some(cart);
                }
                self.unsure = matches!(
                    why,
                    CommandError::Stopped(_)
                        | CommandError::Disk(_)
                        | CommandError::Rebuilding { .. }
                );
                if !self.unsure {
                    // A shop that sells nothing it has not got has shown that it works as well.
                    self.last_sales += 1;
                }
                self.refused(desk, key.as_str(), &why);
                None
            }
        }
    }

    /// Begins something: a sale, mostly.
    fn begin(&mut self, desk: &mut Desk<'_>) -> u64 {
        let what = if self.closing { 0 } else { self.draw.below(100) };
        match what {
            0..64 => self.open_cart(desk),
            64..82 => self.take_over(desk),
            82..87 => self.refund(desk),
            87..90 => self.adjust(desk),
            90..93 => self.edit_product(desk),
            93..95 => self.customer(desk),
            95..97 => self.move_cash(desk),
            97..98 => self.edit_settings(desk),
            _ => self.close_shift(desk),
        }
        match self.basket {
            Some(_) => self.pause(),
            None if self.closing => 5_000,
            None => self.draw.waiting(self.pace_ms).clamp(1_000, 3_600_000),
        }
    }

    fn open_cart(&mut self, desk: &mut Desk<'_>) {
        let operator = self.operator.clone();
        let label = if self.draw.chance(1, 5) {
            format!("table {}", self.draw.below(9))
        } else {
            String::new()
        };
        match desk.execute(Command::OpenCart { label, operator }) {
            Ok(Outcome::CartOpened(cart)) => {
                let left = if self.closing { 1 } else { 1 + self.draw.waiting(4).min(30) };
                self.basket = Some(Basket { cart, left });
                self.did = format!("opens {}", short(cart));
            }
            Ok(_) => {}
            Err(why) => self.refused(desk, "opening a cart", &why),
        }
    }

    /// Goes on with a cart that somebody has put aside, or works at a table of another waiter.
    fn take_over(&mut self, desk: &mut Desk<'_>) {
        let Ok(mut open) = desk.ask(|replica, disk| replica.open_carts(disk)) else { return };
        // Half of them help a colleague at a cart that is being rung up.
        if self.draw.chance(1, 2) && open.iter().any(|view| desk.is_busy(view.id)) {
            open.retain(|view| desk.is_busy(view.id));
        }
        let Some(view) = self.draw.pick(&open) else { return };
        let cart = view.id;
        if let Ok(Some(remainder)) = desk.ask(|replica, disk| replica.remainder(disk, cart)) {
            let root = desk.witness.root(remainder.of);
            desk.witness.root_of.insert(cart, root);
        }
        self.did = format!("takes over {}", short(cart));
        let suspended = view.status == CartStatus::Suspended;
        if suspended && !self.edit(desk, cart, CartCommand::Retrieve, "retrieving a cart") {
            return;
        }
        // Not always to the end: two waiters may be at one table.
        self.basket = Some(Basket { cart, left: self.draw.below(4) });
    }

    /// The next step of the sale in hand.
    fn ring_up(&mut self, desk: &mut Desk<'_>) -> u64 {
        let Some(basket) = &mut self.basket else { return 0 };
        let cart = basket.cart;
        if basket.left == 0 {
            return self.finish(desk, cart);
        }
        basket.left -= 1;
        let is_last = basket.left == 0;
        match self.draw.below(20) {
            0 => self.void(desk, cart),
            1 => self.requantify(desk, cart),
            2 => self.discount(desk, cart),
            3 => self.name_customer(desk, cart),
            _ => self.add(desk, cart),
        }
        if let Some(cart) = self.paid_elsewhere.take() {
            return self.collect_rest(desk, cart);
        }
        // Some have the money in hand as the last article is scanned.
        if is_last && self.basket.is_some() && self.draw.chance(1, 4) {
            return self.finish(desk, cart);
        }
        self.pause()
    }

    /// Changes a cart and takes note of it. Says whether it was changed.
    fn edit(
        &mut self,
        desk: &mut Desk<'_>,
        cart: CartId,
        command: CartCommand,
        doing: &str,
    ) -> bool {
        let before = desk.cart(cart).as_ref().map(units_of);
        match desk.execute(Command::EditCart { cart, command }) {
            Ok(Outcome::CartEdited(view)) => {
                let (site, now) = (desk.site, desk.now);
                let before = before.unwrap_or_default();
                desk.witness.edited(site, now, cart, &before, &units_of(&view));
                self.did = format!("{doing} {}", short(cart));
                true
            }
            Ok(_) => false,
            Err(why) => {
                self.refused(desk, doing, &why);
                if matches!(why, CommandError::CartClosed { .. }) {
                    self.paid_elsewhere = Some(cart);
                }
                let full = matches!(why, CommandError::Cart(_));
                if !full {
                    self.basket = None;
                }
                false
            }
        }
    }

    fn add(&mut self, desk: &mut Desk<'_>, cart: CartId) {
        let Some(article) = self.draw.pick(&desk.shop.articles) else { return };
        let weighed = article.unit == pos_core::product::UnitOfMeasure::Kilogram;
        let thousandths =
            if weighed { self.draw.between(50, 2500) } else { 1000 * self.draw.between(1, 3) };
        let quantity = Quantity::from_thousandths(i64::try_from(thousandths).unwrap_or(1000));
        let back = self.draw.chance(1, 60);
        let command = CartCommand::AddItem {
            item: ItemRef::Sku(article.sku.clone()),
            quantity,
            price: None,
            direction: if back { Direction::Return } else { Direction::Sale },
            merge: desk.shop.settings.scan_merge(),
        };
        if self.edit(desk, cart, command, "adds to") {
            let sign = if back { "-" } else { "" };
            self.did = format!("{}: {sign}{thousandths} of {}", self.did, article.sku);
        }
    }

    fn void(&mut self, desk: &mut Desk<'_>, cart: CartId) {
        let Some(view) = desk.cart(cart) else { return };
        let lines: Vec<_> = view.live_lines().map(|line| line.id).collect();
        let Some(&line) = self.draw.pick(&lines) else { return };
        self.edit(desk, cart, CartCommand::VoidLine { line }, "voids in");
    }

    fn requantify(&mut self, desk: &mut Desk<'_>, cart: CartId) {
        let Some(view) = desk.cart(cart) else { return };
        let lines: Vec<_> = view.live_lines().map(|line| line.id).collect();
        let Some(&line) = self.draw.pick(&lines) else { return };
        let units = i64::try_from(self.draw.between(1, 5)).unwrap_or(1);
        let quantity = Quantity::from_thousandths(1000 * units);
        self.edit(desk, cart, CartCommand::ChangeQuantity { line, quantity }, "changes in");
    }

    fn discount(&mut self, desk: &mut Desk<'_>, cart: CartId) {
        let Some(view) = desk.cart(cart) else { return };
        let lines: Vec<_> = view.live_lines().map(|line| line.id).collect();
        let Some(&line) = self.draw.pick(&lines) else { return };
        let basis_points = u16::try_from(self.draw.below(3_000)).unwrap_or(0);
        self.edit(desk, cart, CartCommand::DiscountLine { line, basis_points }, "discounts in");
    }

    fn name_customer(&mut self, desk: &mut Desk<'_>, cart: CartId) {
        let customer = self.draw.pick(&self.customers).copied();
        self.edit(desk, cart, CartCommand::SetCustomer { customer }, "names the customer of");
    }

    /// Pays the cart in hand, or puts it aside, or gives it up.
    fn finish(&mut self, desk: &mut Desk<'_>, cart: CartId) -> u64 {
        match if self.closing { 99 } else { self.draw.below(20) } {
            0 | 1 => {
                self.edit(desk, cart, CartCommand::Suspend, "puts aside");
                self.basket = None;
            }
            2 => {
                self.edit(desk, cart, CartCommand::Abandon, "gives up");
                let root = desk.witness.root(cart);
                desk.witness.carts.entry(root).or_default().dented = true;
                self.basket = None;
            }
            3 | 4 => self.basket = None,
            _ => return self.pay_all(desk, cart),
        }
        self.pause()
    }
}

/// A cart's id, for the trace.
fn short(cart: CartId) -> String {
    cart.to_string().chars().take(6).collect()
}
