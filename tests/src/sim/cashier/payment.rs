//! How a cashier takes money, and pays it back.

use pos_core::ids::{CartId, RecordId};
use pos_core::money::Money;
use pos_core::sale;
use pos_core::tender::{self, Tendered};
use pos_core::transaction::TenderKind;
use replica::core::{Command, Outcome, RefundCommand};

use super::super::witness::Fact;
use super::{Cashier, Desk, Unanswered};

impl Cashier {
    /// Pays a cart; where another till has done so, what that one left.
    pub(super) fn pay_all(&mut self, desk: &mut Desk<'_>, cart: CartId) -> u64 {
        let open = desk.cart(cart).is_some_and(|view| view.live_lines().next().is_some());
        if open {
            let pause = self.pay(desk, cart);
            if self.paid_elsewhere.take().is_none() {
                return pause;
            }
        }
        self.basket = None;
        self.collect_rest(desk, cart)
    }

    /// Takes the money for what was left of a cart that another till has paid.
    pub(super) fn collect_rest(&mut self, desk: &mut Desk<'_>, cart: CartId) -> u64 {
        let Ok(open) = desk.ask(|replica, disk| replica.open_carts(disk)) else { return 1_000 };
        let rest = open.into_iter().map(|view| view.id).find(|&id| {
            let of = desk.ask(|replica, disk| replica.remainder(disk, id));
            of.ok().flatten().is_some_and(|remainder| remainder.of == cart)
        });
        let Some(rest) = rest else { return self.pause() };
        let root = desk.witness.root(cart);
        desk.witness.root_of.insert(rest, root);
        self.pay(desk, rest)
    }

    fn pay(&mut self, desk: &mut Desk<'_>, cart: CartId) -> u64 {
        self.basket = None;
        let Some(view) = desk.cart(cart) else { return 1_000 };
        if view.live_lines().next().is_none() {
            return 1_000;
        }
        let Ok(settings) = desk.running.node.replica().settings().cloned() else { return 5_000 };
        let due = sale::quote(&view, &settings)
            .ok()
            .and_then(|quote| tender::due_after(quote.total, &[], settings.cash_rounding).ok());
        let Some(due) = due else { return 1_000 };
        let Some(tenders) = self.tenders(desk, cart, due.exact, due.cash) else {
            return 10_000;
        };
        let by_card = tenders.iter().any(|one| one.payment_id.is_some());
        let Some(key) = self.next_key() else { return 1_000 };
        let command = Command::CompleteCart {
            cart,
            register: self.register.clone(),
            operator: self.operator.clone(),
            tenders,
            idempotency_key: Some(key.clone()),
            wall_time: None,
        };
        if by_card && self.draw.chance(1, 8) {
            "the card is charged, its reader answers late".clone_into(&mut self.did);
            self.unanswered = Some(Unanswered { key, command });
            return 10_000 + self.draw.below(80_000);
        }
        let answered_twice = by_card && self.draw.chance(1, 12);
        self.send(desk, key, command.clone());
        if answered_twice && self.unanswered.is_none() {
            self.answer_twice(desk, command);
        }
        self.draw.waiting(self.pace_ms).clamp(1_000, 3_600_000)
    }

    /// The card reader says a second time that it has charged: nothing more may be paid by that.
    fn answer_twice(&mut self, desk: &mut Desk<'_>, mut command: Command) {
        let Some(key) = self.next_key() else { return };
        if let Command::CompleteCart { idempotency_key, .. } = &mut command {
            *idempotency_key = Some(key.clone());
        }
        let did = core::mem::take(&mut self.did);
        self.send(desk, key, command);
        self.paid_elsewhere = None;
        self.did = format!("{did}; the card reader answers twice: {}", self.did);
    }

    /// What the customer pays with; `None` when a card is declined or the reader never answers.
    fn tenders(
        &mut self,
        desk: &mut Desk<'_>,
        cart: CartId,
        exact: Money,
        cash: Money,
    ) -> Option<Vec<Tendered>> {
        if exact.is_zero() {
            return Some(Vec::new());
        }
        let card = exact.minor() > 0 && self.draw.chance(1, 3);
        if card {
            let payment = self.charge(desk, cart, exact)?;
            return Some(vec![Tendered::card(exact, Some(payment))]);
        }
        let minor = cash.minor();
        let note = 500;
        let handed = if minor > 0 && self.draw.chance(2, 3) {
            (minor + note - 1) / note * note
        } else {
            minor
        };
        if handed == 0 {
            return Some(Vec::new());
        }
        Some(vec![Tendered::cash(Money::from_minor(handed, cash.currency()))])
    }

    /// Has a card charged; the payment's record is on the disk before the reader is asked.
    fn charge(&mut self, desk: &mut Desk<'_>, cart: CartId, amount: Money) -> Option<RecordId> {
        let register = self.register.clone();
        let start = Command::StartPayment { cart, register, kind: TenderKind::Card, amount };
        match desk.execute(start) {
            Ok(Outcome::Recorded(id)) => {
                let id = id.into_inner();
                let place = desk.place();
                desk.witness.saw(id, desk.site, desk.now, place, Fact::Other);
                if self.draw.chance(1, 10) {
                    "card declined, or no answer".clone_into(&mut self.did);
                    return None;
                }
                desk.witness.charged.insert(id, amount.minor());
                Some(id)
            }
            Ok(_) => None,
            Err(why) => {
                self.refused(desk, "starting a card payment", &why);
                None
            }
        }
    }

    pub(super) fn refund(&mut self, desk: &mut Desk<'_>) {
        let Some(&original) = self.draw.pick(&desk.witness.receipts) else { return };
        let Ok(lines) = desk.ask(|replica, disk| replica.refundable(disk, original)) else {
            return;
        };
        let Some(&line) = self.draw.pick(&lines) else { return };
        let lines = vec![line];
        let quote = desk.ask(|replica, disk| replica.quote_refund(disk, original, &lines));
        let rounding =
            desk.running.node.replica().settings().ok().and_then(|all| all.cash_rounding);
        let due = quote.ok().and_then(|quote| tender::due_after(quote.total, &[], rounding).ok());
        let Some(due) = due else { return };
        let tenders = if due.cash.is_zero() { Vec::new() } else { vec![Tendered::cash(due.cash)] };
        let Some(key) = self.next_key() else { return };
        let command = Command::Refund(Box::new(RefundCommand {
            original,
            lines,
            register: self.register.clone(),
            operator: self.operator.clone(),
            reason: String::new(),
            tenders,
            idempotency_key: Some(key.clone()),
            wall_time: None,
        }));
        self.send(desk, key, command);
    }
}
