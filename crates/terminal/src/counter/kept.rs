//! What the counter keeps over a restart: the cart on the screen and the money taken for it.
//!
//! One small file, replaced as a whole. It is only a note: the sale, the payment's start and the cart
//! are entries of the till, and a lost note costs a look at the carts that wait. But where a card was
//! asked for, the note is on disk before the reader is, so that no payment is forgotten.

use pos_core::ids::{CartId, RecordId};
use pos_core::money::Money;
use pos_core::refund::RefundLine;
use pos_core::tender::Tendered;
use replica::core::CommandError;
use replica::storage::Storage;
use serde::{Deserialize, Serialize};

use super::desk::{Counter, Page};
use super::intent::RefundReason;
use super::notice::Notice;
use super::refund::Returning;
use crate::limits::CARDS_ASIDE_MAX;

const FILE: &str = "counter.json";
/// Version of the file.
const VERSION: u32 = 1;

/// The note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    version: u32,
    /// The cart on the screen.
    pub(super) cart: Option<CartId>,
    /// What was taken for it, in order.
    pub(super) taken: Vec<Tendered>,
    /// The card payment of which the end is not known.
    pub(super) card: Option<KeptCard>,
    /// Carts with such a payment that were put aside, so that selling goes on meanwhile.
    #[serde(default)]
    pub(super) aside: Vec<Aside>,
}

/// A cart that was put aside while nobody knows whether its customer was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aside {
    /// The cart; of a refund, the one that stands for its payment.
    pub(super) cart: CartId,
    /// What was taken for it.
    pub(super) taken: Vec<Tendered>,
    /// The payment.
    pub(super) card: KeptCard,
}

/// A card payment that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptCard {
    /// The record of its start.
    pub(super) id: RecordId,
    /// How much; below zero it is paid back.
    pub(super) amount: Money,
    /// What it is paid back for.
    pub(super) refund: Option<KeptRefund>,
}

/// A refund that waits for the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptRefund {
    /// The receipt's record.
    pub(super) original: RecordId,
    /// Line and thousandths.
    pub(super) lines: Vec<(pos_core::ids::LineId, pos_core::quantity::Quantity)>,
    /// Why.
    pub(super) reason: RefundReason,
    /// Whether the goods go back on the shelf.
    pub(super) restock: bool,
    /// The cart that stands for the payment.
    pub(super) cart: CartId,
}

impl KeptRefund {
    pub(super) fn lines(&self) -> Vec<RefundLine> {
        let lines = self.lines.iter();
        lines.map(|&(line, quantity)| RefundLine { line, quantity }).collect()
    }
}

impl<S: Storage> Counter<S> {
    /// Takes up what was open when the till stopped.
    pub(super) fn take_up(&mut self) {
        let Ok(Some(bytes)) = self.till.storage().small_file(FILE) else {
            return self.last_paper();
        };
        let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { return self.last_paper() };
        if kept.version != VERSION {
            return self.last_paper();
        }
        self.kept = kept;
        if let Some(cart) = self.kept.cart {
            match self.till.cart(cart) {
                Ok(view) => {
                    self.selected = view.live_lines().last().map(|line| line.id);
                    self.show_cart(view);
                    self.stand_on(cart);
                }
                // It was paid, and the power went before the note was cleared.
                Err(CommandError::CartClosed { .. } | CommandError::UnknownCart(_)) => {
                    self.forget_cart();
                }
                // The index is rebuilt: it is looked for again when it is whole.
                Err(_) => self.waits_for = Some(cart),
            }
        }
        if let Some(card) = self.kept.card.clone() {
            self.take_up_card(&card);
        } else if !self.kept.taken.is_empty() {
            self.page = Page::Pay;
        }
        self.last_paper();
    }

    /// The cart that could not be read at the start, once the index is whole; unless the screen has
    /// another by now, and it is among those that wait.
    pub(super) fn take_up_late(&mut self) {
        if self.waits_for.is_none() || self.till.replica().rebuilding().is_some() {
            return;
        }
        let Some(cart) = self.waits_for.take() else { return };
        if self.cart.is_none()
            && let Ok(view) = self.till.cart(cart)
        {
            self.selected = view.live_lines().last().map(|line| line.id);
            self.show_cart(view);
        }
    }

    /// Shows a payment of which nobody knows how it ended.
    fn take_up_card(&mut self, card: &KeptCard) {
        self.card.take_up(card.id, card.amount);
        self.page = match &card.refund {
            Some(refund) => Page::Refund(Box::new(self.returning_again(refund))),
            None => Page::Pay,
        };
    }

    /// Puts the cart aside with its card payment, of which nobody knows how it ended: a reader that is
    /// broken must not keep a till from selling. The cart stays as it is; it waits in the list.
    pub(super) fn put_card_aside(&mut self) -> Result<(), Notice> {
        let Some(card) = self.kept.card.clone().filter(|_| self.card.is_unknown()) else {
            return Err(Notice::CardUnderWay);
        };
        if self.kept.aside.len() >= CARDS_ASIDE_MAX {
            return Err(Notice::CardUnderWay);
        }
        let cart = card.refund.as_ref().map(|refund| refund.cart).or(self.kept.cart);
        let cart = cart.ok_or(Notice::EmptyCart)?;
        let before = self.kept.clone();
        let of_refund = card.refund.is_some();
        let taken = if of_refund { Vec::new() } else { core::mem::take(&mut self.kept.taken) };
        self.kept.aside.push(Aside { cart, taken, card });
        self.kept.card = None;
        if !of_refund {
            self.kept.cart = None;
        }
        if let Err(notice) = self.keep_now() {
            self.kept = before;
            return Err(notice);
        }
        self.card.forget();
        if !of_refund {
            self.forget_cart();
        }
        self.page = Page::Sale;
        self.look(true);
        Ok(())
    }

    /// Takes up a cart that was put aside with its card payment; `false` for any other.
    pub(super) fn take_up_aside(&mut self, cart: CartId) -> Result<bool, Notice> {
        let Some(at) = self.kept.aside.iter().position(|aside| aside.cart == cart) else {
            return Ok(false);
        };
        self.put_aside()?;
        let Aside { cart, taken, card } = self.kept.aside.remove(at);
        if card.refund.is_none() {
            if let Ok(view) = self.till.cart(cart) {
                self.show_cart(view);
            }
            self.kept.cart = Some(cart);
            self.kept.taken = taken;
        }
        self.kept.card = Some(card.clone());
        self.take_up_card(&card);
        self.keep_now()?;
        Ok(true)
    }

    /// Writes the note now: before the reader is asked.
    pub(super) fn keep_now(&mut self) -> Result<(), Notice> {
        self.kept.version = VERSION;
        let bytes =
            serde_json::to_vec(&self.kept).map_err(|error| Notice::Refused(error.to_string()))?;
        let written = self.till.node().storage_mut().put_small_file(FILE, &bytes);
        self.unkept = written.is_err();
        written.map_err(|error| super::desk::refusal(error.into()))
    }

    /// Writes it when there is time: after the answer is on the screen.
    pub(super) fn keep_if_needed(&mut self) {
        if !self.unkept {
            return;
        }
        self.unkept = false;
        if let Err(notice) = self.keep_now() {
            // Not tried again before something changes: a disk that fails is said once.
            self.unkept = false;
            self.post(notice);
        }
    }

    /// No cart is on the screen any more.
    pub(super) fn forget_cart(&mut self) {
        self.cart = None;
        self.customer = None;
        self.selected = None;
        self.kept.cart = None;
        self.kept.taken.clear();
        self.unkept = true;
    }

    /// Returns what a kept refund was about.
    pub(super) fn returning_again(&mut self, refund: &KeptRefund) -> Returning {
        let mut returning = Returning::default();
        match self.receipt_of(refund.original) {
            Ok(found) => returning.found(found, &refund.lines()),
            Err(notice) => self.post(notice),
        }
        returning.reason = Some(refund.reason.clone());
        returning.restock = refund.restock;
        returning
    }
}
