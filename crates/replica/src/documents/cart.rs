//! The document of an open cart.
//!
//! | where | what | who writes |
//! |---|---|---|
//! | `label`, `status`, `customer`, `operator` | plain values, last edit wins | anybody |
//! | `lines/<line id>` | a map, made once | the author of the line |
//! | `…/product` | [`LineProduct`] in postcard, never replaced | the author of the line |
//! | `…/price` | [`LinePrice`] in postcard, last edit wins | anybody |
//! | `…/added/<me>`, `…/removed/<me>/<adder>/<level>`, `…/voided/<me>/<adder>` | units in thousandths, see `line_units` | `<me>` only |
//!
//! Lines are never deleted: a void line keeps its place with a quantity of zero.

use automerge::transaction::Transactable;
use automerge::{ChangeHash as AutomergeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use pos_core::cart::{CartEdit, CartLine, CartStatus, CartView, LinePrice, LineProduct};
use pos_core::ids::{CartId, CustomerId, LineId, OperatorId};
use pos_core::quantity::Quantity;
use thiserror::Error;

use super::document::{Applied, ApplyError, ApplyFault, Document, LocalError, put_alone};
use super::id::{Author, ChangeHash, DocumentId};
use super::line_units::LineUnits;
use super::schema::{
    CART_CUSTOMER, CART_LABEL, CART_LINES, CART_OPERATOR, CART_STATUS, LINE_PRICE, LINE_PRODUCT,
};

/// Why an edit of a cart made no change. The cart is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CartEditError {
    /// The line is not in the cart, or cannot be read.
    #[error("this line is not in the cart")]
    UnknownLine(LineId),
    /// A line with this id is in the cart already. A fault of the caller: ids are never reused.
    #[error("the cart already has a line {0}")]
    LineExists(LineId),
    /// Quantities of edits are above zero.
    #[error("the quantity must be above zero")]
    NotPositive,
    /// The line holds less than is to be removed.
    #[error("the line holds only {held}")]
    NotThatMany {
        /// What it holds now.
        held: Quantity,
    },
    /// A value that could not be written as bytes. A fault of the program.
    #[error("this value of the cart cannot be stored")]
    Unwritable,
    /// The edit was not kept.
    #[error(transparent)]
    Local(#[from] LocalError),
}

/// An open cart.
#[derive(Debug)]
pub struct CartDocument {
    cart: CartId,
    document: Document,
    /// What payments have seen of it: see [`CartDocument::set_paid`].
    paid: Vec<AutomergeHash>,
}

/// One map under `lines`, as it stands.
struct StoredLine {
    object: ObjId,
    product: Option<LineProduct>,
    price: Option<LinePrice>,
}

impl CartDocument {
    /// The cart as it begins, empty: the same on every device.
    pub fn open(cart: CartId, epoch: u16) -> Result<Self, ApplyFault> {
        let document = Document::genesis(DocumentId::cart(cart, epoch))?;
        Ok(Self { cart, document, paid: Vec::new() })
    }

    /// From now on the cart is what payments have left of it: a payment takes the units that stood
    /// in the cart at the heads it names, as a void would, and no others. Quantities that are read
    /// are what is left, and edits are made from there. Heads that are not here count for nothing;
    /// says whether all are.
    pub fn set_paid(&mut self, heads: &[ChangeHash]) -> bool {
        let held = heads.iter().filter(|head| self.document.contains(head));
        self.paid = held.map(|head| AutomergeHash(*head)).collect();
        self.paid.len() == heads.len()
    }

    /// The document behind the cart.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// Builds the document again from the changes it took.
    pub fn rebuild(&mut self) -> Result<(), ApplyFault> {
        self.document.rebuild()
    }

    /// The changes no other change builds on, sorted: what a sale names as the cart it paid.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.document.heads()
    }

    /// Offers another device's change, or an own one read back from the feed.
    pub fn apply_remote(&mut self, raw: &[u8], author: &Author) -> Result<Applied, ApplyError> {
        self.document.apply(raw, author)
    }

    #[cfg(test)]
    pub(super) fn take_unjudged(
        &mut self,
        checked: super::gate::CheckedChange,
    ) -> Result<(), ApplyFault> {
        self.document.take(checked)
    }

    /// Says who opened the cart and what it is called.
    pub fn apply_open(
        &mut self,
        author: &Author,
        operator: &OperatorId,
        label: &str,
    ) -> Result<Option<Vec<u8>>, CartEditError> {
        let values = [
            (CART_LABEL, ScalarValue::from(label)),
            (CART_OPERATOR, ScalarValue::from(operator.as_str())),
            (CART_STATUS, ScalarValue::from(status_word(CartStatus::Open))),
        ];
        self.put_at_root(author, values)
    }

    /// Makes the change for one edit: its raw bytes, or `None` when the cart already is so.
    pub fn apply_edit(
        &mut self,
        author: &Author,
        edit: &CartEdit,
    ) -> Result<Option<Vec<u8>>, CartEditError> {
        let me = author.actor().short();
        match edit {
            CartEdit::AddLine { line, product, price, quantity } => {
                self.add_line(author, *line, product, price, *quantity)
            }
            CartEdit::AddQuantity { line, quantity } => {
                let units = positive(*quantity)?;
                let (object, cells) = self.line_units(*line)?;
                self.put_cells(author, &object, cells.add(&me, units))
            }
            CartEdit::RemoveQuantity { line, quantity } => {
                let units = positive(*quantity)?;
                let (object, cells) = self.line_units(*line)?;
                if units > cells.quantity() {
                    let held = Quantity::from_thousandths(cells.quantity());
                    return Err(CartEditError::NotThatMany { held });
                }
                self.put_cells(author, &object, cells.remove(&me, units))
            }
            CartEdit::VoidLine { line } => {
                let (object, cells) = self.line_units(*line)?;
                self.put_cells(author, &object, cells.void(&me))
            }
            CartEdit::Reprice { line, price } => {
                let (object, _cells) = self.line_units(*line)?;
                let price = encode(price)?;
                Ok(self.document.local_change(author, |transaction| {
                    put_alone(transaction, &object, LINE_PRICE, price.into())
                })?)
            }
            CartEdit::SetCustomer { customer } => {
                let value = customer.map_or(ScalarValue::Null, |customer| {
                    ScalarValue::Bytes(customer.as_bytes().to_vec())
                });
                self.put_at_root(author, [(CART_CUSTOMER, value)])
            }
            CartEdit::SetLabel { label } => {
                self.put_at_root(author, [(CART_LABEL, ScalarValue::from(label.as_str()))])
            }
            CartEdit::SetStatus { status } => {
                self.put_at_root(author, [(CART_STATUS, ScalarValue::from(status_word(*status)))])
            }
        }
    }

    fn add_line(
        &mut self,
        author: &Author,
        line: LineId,
        product: &LineProduct,
        price: &LinePrice,
        quantity: Quantity,
    ) -> Result<Option<Vec<u8>>, CartEditError> {
        let units = positive(quantity)?;
        if !self.stored_lines(&line.to_string()).is_empty() {
            return Err(CartEditError::LineExists(line));
        }
        let (product, price) = (encode(product)?, encode(price)?);
        let cells = LineUnits::default().add(&author.actor().short(), units);
        let lines = self.lines_map();
        Ok(self.document.local_change(author, |transaction| {
            let object = transaction.put_object(&lines, line.to_string(), ObjType::Map)?;
            transaction.put(&object, LINE_PRODUCT, product)?;
            transaction.put(&object, LINE_PRICE, price)?;
            cells.into_iter().try_for_each(|(key, value)| transaction.put(&object, key, value))
        })?)
    }

    fn put_cells(
        &mut self,
        author: &Author,
        object: &ObjId,
        cells: Vec<(String, i64)>,
    ) -> Result<Option<Vec<u8>>, CartEditError> {
        Ok(self.document.local_change(author, |transaction| {
            cells.into_iter().try_for_each(|(key, value)| transaction.put(object, key, value))
        })?)
    }

    fn put_at_root(
        &mut self,
        author: &Author,
        values: impl IntoIterator<Item = (&'static str, ScalarValue)>,
    ) -> Result<Option<Vec<u8>>, CartEditError> {
        Ok(self.document.local_change(author, |transaction| {
            values
                .into_iter()
                .try_for_each(|(key, value)| put_alone(transaction, &ROOT, key, value))
        })?)
    }

    /// The cart as it stands. Values that cannot be read stand at their defaults; lines that
    /// cannot be read are left out and counted by [`CartDocument::unreadable_lines`].
    pub fn view(&self) -> CartView {
        let label = self.root_text(CART_LABEL).unwrap_or_default();
        let status = self.root_text(CART_STATUS).map_or(CartStatus::Open, |word| status_of(&word));
        let operator = self.root_text(CART_OPERATOR).and_then(|name| OperatorId::new(name).ok());
        CartView {
            id: self.cart,
            label,
            status,
            customer: self.customer(),
            operator: operator.unwrap_or_else(nobody),
            lines: self.lines().into_iter().filter_map(|(_key, line)| line).collect(),
        }
    }

    /// Brings a view of this cart up to date after an edit of `line`, or of none: what else stands
    /// in the cart is not read again. A cart of hundreds of lines is then edited as fast as a
    /// small one.
    pub fn refresh(&self, view: &mut CartView, line: Option<LineId>) {
        view.label = self.root_text(CART_LABEL).unwrap_or_default();
        view.status = self.root_text(CART_STATUS).map_or(CartStatus::Open, |word| status_of(&word));
        view.customer = self.customer();
        let Some(id) = line else { return };
        let place = view.lines.binary_search_by_key(&id, |line| line.id);
        match (place, self.readable_line(&id.to_string())) {
            (Ok(at), Some(line)) => {
                if let Some(slot) = view.lines.get_mut(at) {
                    *slot = line;
                }
            }
            (Err(at), Some(line)) => view.lines.insert(at, line),
            (Ok(at), None) => drop(view.lines.remove(at)),
            (Err(_), None) => {}
        }
    }

    /// Lines of the document whose product or price cannot be read: made by a newer or a broken
    /// program. They hold their place in the document, and a screen says how many there are.
    pub fn unreadable_lines(&self) -> usize {
        self.lines().iter().filter(|(_key, line)| line.is_none()).count()
    }

    /// All lines in the order of their ids; `None` for one that cannot be read.
    fn lines(&self) -> Vec<(String, Option<CartLine>)> {
        let keys: Vec<String> = self.document.automerge().keys(self.lines_map()).collect();
        let read = |key: String| {
            let line = self.readable_line(&key);
            (key, line)
        };
        keys.into_iter().map(read).collect()
    }

    fn readable_line(&self, key: &str) -> Option<CartLine> {
        let id: LineId = key.parse().ok()?;
        let stored = self.stored_lines(key);
        let product = stored.iter().find_map(|line| line.product.clone())?;
        let price = stored.iter().find_map(|line| line.price.clone())?;
        let quantity = Quantity::from_thousandths(self.read_units(&stored).quantity());
        Some(CartLine { id, product, price, quantity })
    }

    /// The map edits go to, and the line's units.
    fn line_units(&self, line: LineId) -> Result<(ObjId, LineUnits), CartEditError> {
        let key = line.to_string();
        let stored = self.stored_lines(&key);
        if self.readable_line(&key).is_none() {
            return Err(CartEditError::UnknownLine(line));
        }
        let units = self.read_units(&stored);
        let object = stored.into_iter().next_back().map(|line| line.object);
        object.map(|object| (object, units)).ok_or(CartEditError::UnknownLine(line))
    }

    /// The maps under one line id: one, unless an author reused another's id. Then all count, so
    /// that nobody can hide a line by making it again.
    fn stored_lines(&self, key: &str) -> Vec<StoredLine> {
        let automerge = self.document.automerge();
        let all = automerge.get_all(self.lines_map(), key).unwrap_or_default();
        let read = |(value, object): (Value<'_>, ObjId)| {
            let bytes = |key: &str| {
                let found = automerge.get(&object, key).ok().flatten();
                found.and_then(|(value, _object)| value.as_bytes().map(<[u8]>::to_vec))
            };
            let product = bytes(LINE_PRODUCT).and_then(|bytes| decode(&bytes));
            let price = bytes(LINE_PRICE).and_then(|bytes| decode(&bytes));
            value.is_object().then_some(StoredLine { object, product, price })
        };
        all.into_iter().filter_map(read).collect()
    }

    fn read_units(&self, stored: &[StoredLine]) -> LineUnits {
        let automerge = self.document.automerge();
        let mut units = LineUnits::default();
        for line in stored {
            for key in automerge.keys(&line.object) {
                for (value, _op) in automerge.get_all(&line.object, &*key).unwrap_or_default() {
                    if let Some(value) = value.as_i64() {
                        units.read(&key, value);
                    }
                }
            }
        }
        if !self.paid.is_empty() {
            units.pay(&self.paid_units(stored));
        }
        units
    }

    /// The line as it stood in what was paid.
    fn paid_units(&self, stored: &[StoredLine]) -> LineUnits {
        let automerge = self.document.automerge();
        let mut units = LineUnits::default();
        for line in stored {
            for key in automerge.keys_at(&line.object, &self.paid) {
                let values = automerge.get_all_at(&line.object, &*key, &self.paid);
                for (value, _op) in values.unwrap_or_default() {
                    if let Some(value) = value.as_i64() {
                        units.read(&key, value);
                    }
                }
            }
        }
        units
    }

    fn lines_map(&self) -> ObjId {
        let found = self.document.automerge().get(ROOT, CART_LINES).ok().flatten();
        found.map_or(ROOT, |(_value, object)| object)
    }

    fn root_text(&self, key: &str) -> Option<String> {
        let (value, _op) = self.document.automerge().get(ROOT, key).ok().flatten()?;
        value.as_str().map(str::to_owned)
    }

    fn customer(&self) -> Option<CustomerId> {
        let (value, _op) = self.document.automerge().get(ROOT, CART_CUSTOMER).ok().flatten()?;
        let bytes = value.as_bytes()?.try_into().ok()?;
        Some(CustomerId::from_bytes(bytes))
    }
}

fn positive(quantity: Quantity) -> Result<i64, CartEditError> {
    let units = quantity.thousandths();
    if units > 0 { Ok(units) } else { Err(CartEditError::NotPositive) }
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CartEditError> {
    postcard::to_stdvec(value).map_err(|_error| CartEditError::Unwritable)
}

/// A value whose bytes are exactly its encoding.
fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}

const fn status_word(status: CartStatus) -> &'static str {
    match status {
        CartStatus::Open => "open",
        CartStatus::Suspended => "suspended",
        CartStatus::Abandoned => "abandoned",
    }
}

/// A word of a later version stands for a cart that can still be worked on.
fn status_of(word: &str) -> CartStatus {
    match word {
        "suspended" => CartStatus::Suspended,
        "abandoned" => CartStatus::Abandoned,
        _ => CartStatus::Open,
    }
}

/// Who opened a cart whose opening cannot be read.
#[expect(clippy::expect_used, reason = "a constant that the rules for names allow; tested below")]
fn nobody() -> OperatorId {
    OperatorId::new("unknown").expect("a valid name")
}

#[cfg(test)]
mod tests;
