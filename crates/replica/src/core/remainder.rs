//! What a payment left of a cart: lines and units that another tablet added while the cart was
//! being paid. They are neither lost nor paid: they stand in a *remainder cart*, whose id follows
//! from the cart and the record that paid it, until they are paid or given up.
//!
//! The cart's document stays what it is, and the remainder is a reading of it: a payment takes the
//! units that stood in the cart at the heads it names, as a void would (see
//! [`CartDocument::set_paid`]). So the remainder is the same on every replica, in whatever order
//! entries come in; edits of it are changes of the same document; paying it is one more payment.
//!
//! The index keeps what that needs and no more. A change of an open cart has a row with its links.
//! Once the cart is closed, what lies in the past of a payment is folded into one row, the places
//! of the changes; what does not keeps its row, and the cart its row among the open ones.
//!
//! [`CartDocument::set_paid`]: crate::documents::CartDocument::set_paid

use std::collections::{BTreeMap, BTreeSet};

use pos_core::cart::{CartStatus, CartView};
use pos_core::ids::{CartId, LineId, RecordId};
use pos_core::transaction::ReceiptNumber;
use serde::{Deserialize, Serialize};

use super::command::CommandError;
use super::keys;
use super::published::{StoredChange, changes_in};
use super::replica::Replica;
use crate::documents::{ChangeHash, ChangeLinks, DocumentId};
use crate::limits;
use crate::simulation::{self, Mark};
use crate::storage::{Ordinal, Reads, StorageError, Stream};

/// Most payments of one cart and its remainders that are looked at.
const PAYMENTS_MAX: usize = 256;

/// What the index keeps of a cart's payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// Changes that were paid and have not come in yet.
    pub(super) wanted: BTreeSet<ChangeHash>,
    /// Where the changes are that were paid and are here: stream tag, ordinal.
    pub(super) places: Vec<(u8, Ordinal)>,
}

impl Closing {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Self {
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}

/// A change's links as a row keeps them: its hash, then those it builds on.
pub(super) fn encode_links(links: &ChangeLinks) -> Vec<u8> {
    [links.hash].iter().chain(&links.deps).flatten().copied().collect()
}

/// The other way; `None` for a change that no document takes.
fn decode_links(row: &[u8]) -> Option<(ChangeHash, Vec<ChangeHash>)> {
    let (hashes, []) = row.as_chunks::<32>() else { return None };
    let (hash, deps) = hashes.split_first()?;
    Some((*hash, deps.to_vec()))
}

/// Takes out of `rows` all changes that are wanted, and wants what they build on, until none is
/// left to take. What is wanted in the end has not come in.
fn take_paid<T>(
    rows: &mut BTreeMap<ChangeHash, (Vec<ChangeHash>, Vec<T>)>,
    wanted: &mut BTreeSet<ChangeHash>,
) -> Vec<T> {
    let mut taken = Vec::new();
    let mut due: Vec<ChangeHash> = wanted.iter().copied().collect();
    while let Some(hash) = due.pop() {
        let Some((deps, of)) = rows.remove(&hash) else { continue };
        wanted.remove(&hash);
        taken.extend(of);
        wanted.extend(&deps);
        due.extend(deps);
    }
    taken
}

/// A cart that was paid, with all its payments.
#[derive(Debug, Clone)]
pub(super) struct PaidCart {
    /// The cart.
    pub(super) cart: CartId,
    /// The id its remainder has now.
    pub(super) remainder: CartId,
    /// The payment that id derives from.
    pub(super) paid_by: RecordId,
    /// All payments of the cart and of its earlier remainders.
    payments: BTreeSet<RecordId>,
    /// What they have paid and is not here.
    wanted: BTreeSet<ChangeHash>,
}

/// Which document a cart id stands for.
#[derive(Debug, Clone)]
pub(super) struct CartTarget {
    /// The cart whose document it is.
    pub(super) document: CartId,
    /// The payments, when it is a remainder.
    pub(super) paid: Option<PaidCart>,
}

impl CartTarget {
    /// The cart as a cashier sees it, read from the document. Of a remainder only what is left.
    pub(super) fn present(&self, view: &CartView) -> CartView {
        let mut view = view.clone();
        if let Some(paid) = &self.paid {
            view.id = paid.remainder;
            // Whoever put the cart aside or gave it up had not seen that lines were left.
            view.status = CartStatus::Open;
            view.lines.retain(|line| !line.quantity.is_zero());
        }
        view
    }
}

/// Where a remainder cart comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remainder {
    /// The cart that was paid.
    pub of: CartId,
    /// The transaction that paid it.
    pub paid_by: RecordId,
    /// Its receipt, when the record is here.
    pub receipt: Option<ReceiptNumber>,
    /// Changes that were paid have not come in yet: what is shown may shrink, and cannot be paid.
    pub waits: bool,
}

/// The remainder's id: a hash of the cart and of the record that paid it.
fn remainder_id(cart: CartId, paid_by: RecordId) -> CartId {
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh remainder cart v1");
    hasher.update(cart.as_bytes()).update(paid_by.as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    CartId::from_bytes(id)
}

impl Replica {
    /// The transactions that closed a cart, by their ids.
    pub(super) fn closings(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Vec<(RecordId, Closing)>, StorageError> {
        let rows = self.overlay.list(reads, &keys::cart_closings(cart), PAYMENTS_MAX)?;
        let closing = |(key, value): &(Vec<u8>, Vec<u8>)| {
            keys::trailing_entry(key).map(|by| (by, Closing::decode(value)))
        };
        Ok(rows.iter().filter_map(closing).collect())
    }

    /// Folds those changes of a closed cart that were paid into the row of its payment; `wanted`
    /// beside what that row wants. Says whether changes are left.
    pub(super) fn settle_closed(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
        mut wanted: BTreeSet<ChangeHash>,
    ) -> Result<bool, StorageError> {
        let closings = self.closings(reads, cart)?;
        wanted.extend(closings.iter().flat_map(|(_, closing)| &closing.wanted));
        let Some((by, mut first)) = closings.into_iter().next() else { return Ok(true) };
        let document = keys::document(&DocumentId::cart(cart, 0).to_bytes());
        let mut linked = BTreeMap::new();
        let rows = self.overlay.list(reads, &document, usize::MAX)?;
        let count = rows.len();
        for (key, value) in rows {
            let Some((hash, deps)) = decode_links(&value) else { continue };
            let row = linked.entry(hash).or_insert_with(|| (deps, Vec::new()));
            row.1.push(key);
        }
        let taken = take_paid(&mut linked, &mut wanted);
        if first.places.len().saturating_add(taken.len()) > limits::CLOSED_CART_CHANGES_MAX {
            return Ok(count > 0);
        }
        let all = taken.len() == count;
        if taken.is_empty() && first.wanted == wanted && count > 0 {
            return Ok(true);
        }
        let place = |key: &Vec<u8>| {
            let (stream, ordinal) = keys::document_change_place(key)?;
            Some((keys::stream_tag(stream), ordinal))
        };
        first.places.extend(taken.iter().filter_map(place));
        first.places.sort_unstable();
        first.wanted = wanted;
        self.overlay.put(keys::cart_closed_by(cart, by), first.encode());
        if all {
            self.overlay.remove_all(reads, &document)?;
            self.overlay.remove_all(reads, &keys::open_cart(cart))?;
        } else {
            for key in taken {
                self.overlay.remove(key);
            }
        }
        Ok(!all)
    }

    /// All changes of a cart's document, paid or not, in the one order all replicas read them.
    pub(super) fn changes_of_cart(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Vec<StoredChange>, StorageError> {
        let document = DocumentId::cart(cart, 0);
        let mut changes = Vec::new();
        for (stream, ordinal) in self.places_of_cart(reads, cart)? {
            let Some(entry) = self.entry_at(reads, stream, ordinal)? else { continue };
            changes.extend(changes_in(&entry, document));
        }
        changes.sort_by_key(|change: &StoredChange| change.order);
        Ok(changes)
    }

    /// Where the changes of a cart's document are.
    pub(super) fn places_of_cart(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Vec<(Stream, Ordinal)>, StorageError> {
        let document = keys::document(&DocumentId::cart(cart, 0).to_bytes());
        let rows = self.overlay.list(reads, &document, usize::MAX)?;
        let mut places: Vec<(Stream, Ordinal)> =
            rows.iter().filter_map(|(key, _)| keys::document_change_place(key)).collect();
        for (_, closing) in self.closings(reads, cart)? {
            let paid = closing.places.into_iter();
            places.extend(paid.filter_map(|(tag, at)| Some((keys::stream_of_tag(tag)?, at))));
        }
        Ok(places)
    }

    /// The payments of a cart and of its remainders; `None` when it was not paid.
    pub(super) fn paid_cart(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Option<PaidCart>, StorageError> {
        let (mut payments, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        let (mut remainder, mut paid_by) = (cart, None);
        let mut due = vec![cart];
        while let Some(paid) = due.pop() {
            for (index, (by, closing)) in self.closings(reads, paid)?.into_iter().enumerate() {
                if payments.len() >= PAYMENTS_MAX {
                    break;
                }
                // Of two payments that did not know of each other, every replica goes on from
                // the one with the lower id.
                if index == 0 && paid == remainder {
                    (remainder, paid_by) = (remainder_id(paid, by), Some(by));
                }
                payments.insert(by);
                wanted.extend(closing.wanted);
                due.push(remainder_id(paid, by));
            }
        }
        Ok(paid_by.map(|paid_by| PaidCart { cart, remainder, paid_by, payments, wanted }))
    }

    /// The paid carts of which changes are held that no payment is known to have seen.
    fn unsettled(&mut self, reads: &dyn Reads) -> Result<Vec<PaidCart>, StorageError> {
        let mut found = Vec::new();
        for cart in self.carts_listed(reads)? {
            let Some(paid) = self.paid_cart(reads, cart)? else { continue };
            if self.settle_closed(reads, cart, paid.wanted.clone())? {
                found.push(paid);
            }
        }
        Ok(found)
    }

    /// The carts with a row among the open ones.
    pub(super) fn carts_listed(&self, reads: &dyn Reads) -> Result<Vec<CartId>, StorageError> {
        let rows = self.overlay.list(reads, keys::OPEN_CARTS, usize::MAX)?;
        let ids = rows.iter().filter_map(|(key, _)| {
            let bytes = key.get(keys::OPEN_CARTS.len()..)?;
            <[u8; 16]>::try_from(bytes).ok().map(CartId::from_bytes)
        });
        Ok(ids.collect())
    }

    /// Which document a cart id stands for: the cart's own, or that of the cart it is left of.
    pub(super) fn cart_target(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<CartTarget, StorageError> {
        let own = CartTarget { document: cart, paid: None };
        if self.carts.contains_key(&cart)
            || self.overlay.get(reads, &keys::open_cart(cart))?.is_some()
        {
            return Ok(own);
        }
        let paid = self.unsettled(reads)?.into_iter().find(|paid| paid.remainder == cart);
        Ok(paid.map_or(own, |paid| CartTarget { document: paid.cart, paid: Some(paid) }))
    }

    /// The remainders that hold something, each with what it comes from.
    pub(super) fn remainders(
        &mut self,
        reads: &dyn Reads,
    ) -> Result<Vec<(CartTarget, CartView)>, StorageError> {
        let mut found = Vec::new();
        for paid in self.unsettled(reads)? {
            let target = CartTarget { document: paid.cart, paid: Some(paid) };
            let Some((view, _)) = self.read_target(reads, &target)? else { continue };
            if view.live_lines().next().is_some() {
                simulation::reach(Mark::Remainder);
                found.push((target, view));
            }
        }
        Ok(found)
    }

    /// A cart as a target shows it, and whether all that was paid is here; `None` when the
    /// document cannot be read.
    pub(super) fn read_target(
        &mut self,
        reads: &dyn Reads,
        target: &CartTarget,
    ) -> Result<Option<(CartView, bool)>, StorageError> {
        if !self.load_document(reads, target.document)? {
            return Ok(None);
        }
        let (mut heads, mut sold) = (BTreeSet::new(), BTreeSet::<LineId>::new());
        for payment in target.paid.iter().flat_map(|paid| &paid.payments) {
            let Some(sale) = self.transaction(reads, *payment)? else { continue };
            heads.extend(sale.cart_heads.iter().map(|head| *head.as_bytes()));
            sold.extend(sale.items.iter().map(|item| item.line));
        }
        let Some(open) = self.carts.get_mut(&target.document) else { return Ok(None) };
        let whole = open.set_paid(heads.into_iter().collect());
        let mut view = target.present(open.view());
        if !whole {
            view.lines.retain(|line| !sold.contains(&line.id));
        }
        Ok(Some((view, whole)))
    }

    /// A remainder as it is paid; `None` when the cart is none.
    pub(super) fn remainder_to_pay(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
        target: &CartTarget,
    ) -> Result<Option<CartView>, CommandError> {
        if target.paid.is_none() {
            return Ok(None);
        }
        match self.read_target(reads, target)? {
            Some((view, true)) => Ok(Some(view)),
            Some((_, false)) => {
                simulation::reach(Mark::RemainderWaits);
                Err(CommandError::RemainderWaits)
            }
            None => Err(CommandError::UnknownCart(cart)),
        }
    }

    /// Where a cart comes from, when it is what a payment left of another one.
    pub fn remainder(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Option<Remainder>, StorageError> {
        let target = self.cart_target(reads, cart)?;
        let Some(paid) = &target.paid else { return Ok(None) };
        let whole = self.read_target(reads, &target)?.is_some_and(|(_, whole)| whole);
        let sale = self.transaction(reads, paid.paid_by)?;
        let receipt = sale.map(|sale| {
            ReceiptNumber::new(sale.register.clone(), sale.receipt_counter, &paid.paid_by)
        });
        Ok(Some(Remainder { of: paid.cart, paid_by: paid.paid_by, receipt, waits: !whole }))
    }
}
