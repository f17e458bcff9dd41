//! Carts: documents edited by commands, in memory while they are used.

use pos_core::cart::{CartCommand, CartEdit, CartStatus, CartView, decide};
use pos_core::ids::{CartId, LineId, OperatorId, RecordId};

use super::command::{CommandError, DocumentError, Moment};
use super::entry::{Lane, OpClass, OpDraft};
use super::kinds;
use super::remainder::CartTarget;
use super::replica::Replica;
use crate::documents::{CartDocument, ChangeHash, DocumentId};
use crate::limits;
use crate::storage::{Reads, StorageError};

/// A cart in memory.
#[derive(Debug)]
pub(super) struct OpenCart {
    pub(super) document: CartDocument,
    /// As read from the document since it last changed.
    view: Option<CartView>,
    /// The heads that payments have named, and whether the document holds them all.
    paid: Vec<ChangeHash>,
    whole: bool,
    last_used: u64,
}

impl OpenCart {
    pub(super) fn view(&mut self) -> &CartView {
        self.view.get_or_insert_with(|| self.document.view())
    }

    /// Makes the cart what payments have left of it; says whether all they saw is here.
    pub(super) fn set_paid(&mut self, heads: Vec<ChangeHash>) -> bool {
        if self.paid != heads {
            self.paid = heads;
            self.view = None;
        }
        // Changes that were missing may have come in.
        let (before, whole) = (self.whole, self.document.set_paid(&self.paid));
        if before != whole {
            self.view = None;
        }
        self.whole = whole;
        whole
    }

    /// The heads of its document, which a sale names as what it paid.
    pub(super) fn heads(&mut self) -> Vec<RecordId> {
        self.document.heads().into_iter().map(RecordId::from_bytes).collect()
    }

    /// The document has changed in a way that is not known here.
    pub(super) fn forget_view(&mut self) {
        self.view = None;
    }

    fn edited(&mut self, edit: &CartEdit) {
        let line = match edit {
            CartEdit::AddLine { line, .. }
            | CartEdit::AddQuantity { line, .. }
            | CartEdit::RemoveQuantity { line, .. }
            | CartEdit::VoidLine { line }
            | CartEdit::Reprice { line, .. } => Some(*line),
            CartEdit::SetCustomer { .. }
            | CartEdit::SetLabel { .. }
            | CartEdit::SetStatus { .. } => None,
        };
        if let Some(view) = &mut self.view {
            self.document.refresh(view, line);
        }
    }
}

impl Replica {
    /// Opens a cart. Its id derives from the entry that will carry its first change.
    pub(super) fn open_cart(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        label: &str,
        operator: &OperatorId,
    ) -> Result<CartId, CommandError> {
        self.settings()?;
        self.ensure_life(reads, at)?;
        let cart = CartId::from_bytes(self.derive("tillmesh cart v1"));
        let mut document = CartDocument::open(cart, 0).map_err(DocumentError::from)?;
        let opened = document.apply_open(&self.author(), operator, label);
        let raw = opened.map_err(DocumentError::from)?.ok_or(CommandError::NothingToDo)?;
        self.write_change(reads, at, cart, raw)?;
        self.keep_cart(cart, document);
        Ok(cart)
    }

    /// Applies a command to a cart and says what it looks like then.
    pub(super) fn change_cart(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        cart: CartId,
        command: &CartCommand,
    ) -> Result<CartView, CommandError> {
        self.ensure_life(reads, at)?;
        let target = self.cart_target(reads, cart)?;
        let view = self.view_of(reads, cart, &target)?;
        let line = self.fresh_line();
        let author = self.author();
        let edits = match (&target.paid, command) {
            (Some(_), CartCommand::Suspend | CartCommand::Retrieve) => {
                return Err(CommandError::RemainderStays);
            }
            // Given up is what is seen here: what another tablet still adds is not.
            (Some(_), CartCommand::Abandon) => {
                view.live_lines().map(|line| CartEdit::VoidLine { line: line.id }).collect()
            }
            _ => decide(&view, self.books.price_book(), self.settings()?, command, line)?,
        };
        let cart = target.document;
        for edit in edits {
            let open = self.cart_in_memory(cart)?;
            let Some(raw) =
                open.document.apply_edit(&author, &edit).map_err(DocumentError::from)?
            else {
                continue;
            };
            open.edited(&edit);
            if let Err(error) = self.write_change(reads, at, cart, raw) {
                // The document in memory has a change that no feed has: nothing may build on it.
                self.carts.remove(&cart);
                return Err(error);
            }
        }
        // Read as for the screen: of a remainder that waits, lines that were sold are not shown.
        self.view_of(reads, cart, &target)
    }

    /// A cart as it stands, or what a payment left of one.
    pub fn cart(&mut self, reads: &dyn Reads, cart: CartId) -> Result<CartView, CommandError> {
        self.refuse_closed(reads, cart)?;
        let target = self.cart_target(reads, cart)?;
        self.view_of(reads, cart, &target)
    }

    fn view_of(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
        target: &CartTarget,
    ) -> Result<CartView, CommandError> {
        if target.paid.is_some() {
            let read = self.read_target(reads, target)?;
            return read.map(|(view, _)| view).ok_or(CommandError::UnknownCart(cart));
        }
        self.load_cart(reads, cart)?;
        Ok(self.cart_in_memory(cart)?.view().clone())
    }

    /// The carts that are neither paid nor abandoned, on any till of the store, and what payments
    /// have left of paid ones: see [`Replica::remainder`].
    pub fn open_carts(&mut self, reads: &dyn Reads) -> Result<Vec<CartView>, CommandError> {
        let mut carts = Vec::new();
        for id in self.carts_listed(reads)? {
            if self.cart_closed(reads, id)?.is_some() {
                continue;
            }
            self.load_cart(reads, id)?;
            let view = self.cart_in_memory(id)?.view().clone();
            if view.status != CartStatus::Abandoned {
                carts.push(view);
            }
        }
        carts.extend(self.remainders(reads)?.into_iter().map(|(_, view)| view));
        Ok(carts)
    }

    fn write_change(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        cart: CartId,
        raw: Vec<u8>,
    ) -> Result<(), CommandError> {
        let op = OpDraft {
            kind: kinds::DOCUMENT_CHANGE,
            class: OpClass::Change,
            subject: DocumentId::cart(cart, 0).to_bytes().to_vec(),
            body: raw,
        };
        self.append_own(reads, at, Lane::Floor, Vec::new(), vec![op])?;
        Ok(())
    }

    /// Brings a cart into memory, from the changes the journal holds.
    pub(super) fn load_cart(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<(), CommandError> {
        if self.load_document(reads, cart)? {
            return Ok(());
        }
        Err(match self.rebuilding() {
            Some((done, total)) => CommandError::Rebuilding { done, total },
            None => CommandError::UnknownCart(cart),
        })
    }

    /// As [`Self::load_cart`]; says whether there is such a cart.
    pub(super) fn load_document(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<bool, StorageError> {
        if self.carts.contains_key(&cart) {
            return Ok(true);
        }
        let changes = self.changes_of_cart(reads, cart)?;
        let Ok(mut document) = CartDocument::open(cart, 0) else { return Ok(false) };
        if changes.is_empty() {
            return Ok(false);
        }
        for change in changes {
            // What the gate refuses is left out, on every replica: one bad change of one device
            // must not lock the others out of a cart.
            let _refused_or_not = document.apply_remote(&change.raw, &change.author);
        }
        if document.document().parked_count() > 0 && self.meets_damage_in(reads, cart)? {
            return Ok(false);
        }
        self.keep_cart(cart, document);
        Ok(true)
    }

    /// Whether a change of a cart cannot be read any more, and is being fetched from another till.
    fn meets_damage_in(&mut self, reads: &dyn Reads, cart: CartId) -> Result<bool, StorageError> {
        if self.rebuilding().is_some() {
            return Ok(false);
        }
        for (stream, ordinal) in self.places_of_cart(reads, cart)? {
            if let Err(StorageError::Damaged(damage)) = self.frame(reads, stream, ordinal) {
                self.meet_damage(&damage, false);
            }
        }
        Ok(self.rebuilding().is_some())
    }

    fn keep_cart(&mut self, cart: CartId, document: CartDocument) {
        if self.carts.len() >= limits::OPEN_CARTS_MAX {
            let oldest = self.carts.iter().min_by_key(|(_, open)| open.last_used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.carts.remove(&oldest);
            }
        }
        let (paid, whole) = (Vec::new(), true);
        let open = OpenCart { document, view: None, paid, whole, last_used: self.uses };
        self.carts.insert(cart, open);
    }

    fn cart_in_memory(&mut self, cart: CartId) -> Result<&mut OpenCart, CommandError> {
        self.uses = self.uses.saturating_add(1);
        let uses = self.uses;
        let open = self.carts.get_mut(&cart).ok_or(CommandError::UnknownCart(cart))?;
        open.last_used = uses;
        Ok(open)
    }

    /// A line id nobody else makes: the Lamport time of the entry that will add the line, and a
    /// hash that tells this life of this device apart.
    fn fresh_line(&self) -> LineId {
        let mut bytes = [0; 16];
        let (time, rest) = bytes.split_at_mut(8);
        time.copy_from_slice(&self.lamport.saturating_add(1).to_be_bytes());
        let author = *self.author().actor().as_bytes();
        rest.copy_from_slice(author.first_chunk::<8>().unwrap_or(&[0; 8]));
        LineId::from_bytes(bytes)
    }

    /// An id no other entry of any device leads to: a hash of the author and of the Lamport time
    /// of the entry that will carry it first.
    pub(super) fn derive(&self, context: &str) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(self.author().actor().as_bytes());
        hasher.update(&self.lamport.saturating_add(1).to_be_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        id
    }
}
