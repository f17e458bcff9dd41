//! The keys of the map: one letter, then what it is about. All of it can be rebuilt.
//!
//! ```text
//! m applied                                  how far the journal is folded
//! b row key                                  a row of the books
//! e entry id                                 stream u8, ordinal u64: where a Ledger entry is
//! f feed                                     its heads: seq u64 + id, one or (forked) more
//! k idempotency key                          the entry that answered it
//! c cart, entry id                           the cart is closed by this entry: what of it is paid
//! g transaction, entry id                    the entry returns lines of the transaction
//! o cart                                     the cart is open, or something in it is not paid
//! d document, stream u8, ordinal u64         a change of the document; of a cart, its links
//! l register, counter u64, entry id          a receipt
//! t entry id                                 a record of the roster
//! i device, counter u32, nonce, entry id     the life sealed by this entry: its end as sealed
//! v entry id                                 why it is kept aside
//! p SKU (none: the settings)                 edit number u64, entry id: the last edit
//! w feed, seq / 64 as u64                    where the entries of these numbers are: `places`
//! u 0, customer                              a customer as it stands
//! u 1 or 2, folded text, 0, customer         a customer's name; what it is found by
//! ```

use pos_core::ids::{CartId, CustomerId, DeviceId, IdempotencyKey, RegisterId};
use pos_core::product::Sku;

use super::entry::EntryId;
use super::identity::{FeedId, Incarnation};
use crate::storage::{Ordinal, Stream};

pub(crate) const APPLIED: &[u8] = b"mapplied";
pub(crate) const BOOKS: &[u8] = b"b";
pub(crate) const FEEDS: &[u8] = b"f";
pub(crate) const OPEN_CARTS: &[u8] = b"o";
pub(crate) const HELD_BACK: &[u8] = b"v";
pub(crate) const ROSTER: &[u8] = b"t";
pub(crate) const SEALS: &[u8] = b"i";
pub(crate) const REFUNDS: &[u8] = b"g";
pub(crate) const CLOSINGS: &[u8] = b"c";
pub(crate) const DOCUMENTS: &[u8] = b"d";
pub(crate) const CUSTOMERS: &[u8] = b"u\0";

fn key(letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![letter];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

pub(crate) fn books(row: &[u8]) -> Vec<u8> {
    key(b'b', &[row])
}

pub(crate) fn entry(id: EntryId) -> Vec<u8> {
    key(b'e', &[id.as_bytes()])
}

pub(crate) fn feed(feed: FeedId) -> Vec<u8> {
    key(b'f', &[&feed.to_key()])
}

pub(crate) fn idempotency(name: &IdempotencyKey) -> Vec<u8> {
    key(b'k', &[name.as_str().as_bytes()])
}

pub(crate) fn cart_closings(cart: CartId) -> Vec<u8> {
    key(b'c', &[cart.as_bytes()])
}

pub(crate) fn cart_closed_by(cart: CartId, entry: EntryId) -> Vec<u8> {
    key(b'c', &[cart.as_bytes(), entry.as_bytes()])
}

pub(crate) fn open_cart(cart: CartId) -> Vec<u8> {
    key(b'o', &[cart.as_bytes()])
}

pub(crate) fn document(document: &[u8]) -> Vec<u8> {
    key(b'd', &[document])
}

pub(crate) fn document_change(document: &[u8], stream: Stream, ordinal: Ordinal) -> Vec<u8> {
    key(b'd', &[document, &[stream_tag(stream)], &ordinal.to_be_bytes()])
}

/// Where the change is that a [`document_change`] key names.
pub(crate) fn document_change_place(key: &[u8]) -> Option<(Stream, Ordinal)> {
    let (rest, ordinal) = key.split_last_chunk::<8>()?;
    let stream = stream_of_tag(*rest.last()?)?;
    Some((stream, Ordinal::from_be_bytes(*ordinal)))
}

pub(crate) fn receipts(register: &RegisterId, counter: u64) -> Vec<u8> {
    let name = register.as_str().as_bytes();
    key(b'l', &[name, &[0], &counter.to_be_bytes()])
}

pub(crate) fn receipt(register: &RegisterId, counter: u64, entry: EntryId) -> Vec<u8> {
    let mut key = receipts(register, counter);
    key.extend_from_slice(entry.as_bytes());
    key
}

/// Device and life of a [`seal`] key.
pub(crate) fn parse_seal(key: &[u8]) -> Option<(DeviceId, Incarnation)> {
    let (device, rest) = key.get(1..)?.split_first_chunk::<32>()?;
    let (counter, rest) = rest.split_first_chunk::<4>()?;
    let nonce = *rest.first_chunk::<8>()?;
    let counter = u32::from_be_bytes(*counter);
    Some((DeviceId::from_bytes(*device), Incarnation { counter, nonce }))
}

pub(crate) fn held_back(entry: EntryId) -> Vec<u8> {
    key(b'v', &[entry.as_bytes()])
}

pub(crate) fn refunds(original: EntryId) -> Vec<u8> {
    key(b'g', &[original.as_bytes()])
}

pub(crate) fn refund(original: EntryId, by: EntryId) -> Vec<u8> {
    key(b'g', &[original.as_bytes(), by.as_bytes()])
}

pub(crate) fn roster(entry: EntryId) -> Vec<u8> {
    key(b't', &[entry.as_bytes()])
}

pub(crate) fn seal(device: DeviceId, life: Incarnation, entry: EntryId) -> Vec<u8> {
    let counter = life.counter.to_be_bytes();
    key(b'i', &[device.as_bytes(), &counter, &life.nonce, entry.as_bytes()])
}

/// The last edit of a product, or (without one) of the settings.
pub(crate) fn last_edit(sku: Option<&Sku>) -> Vec<u8> {
    key(b'p', &[sku.map_or("", Sku::as_str).as_bytes()])
}

pub(crate) fn edit(number: u64, entry: EntryId) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.extend_from_slice(entry.as_bytes());
    value
}

pub(crate) fn parse_edit(value: &[u8]) -> Option<(u64, EntryId)> {
    let (number, id) = value.split_first_chunk::<8>()?;
    let id = <[u8; 32]>::try_from(id).ok()?;
    Some((u64::from_le_bytes(*number), EntryId::from_bytes(id)))
}

pub(crate) fn feed_places(feed: FeedId, row: u64) -> Vec<u8> {
    key(b'w', &[&feed.to_key(), &row.to_be_bytes()])
}

pub(crate) fn customer(customer: CustomerId) -> Vec<u8> {
    key(b'u', &[&[0], customer.as_bytes()])
}

/// Customers whose name, or (`terms`) whatever they are found by, begins with `folded`.
pub(crate) fn customers_by(terms: bool, folded: &str) -> Vec<u8> {
    key(b'u', &[&[1 + u8::from(terms)], folded.as_bytes()])
}

pub(crate) fn customer_by(terms: bool, folded: &str, customer: CustomerId) -> Vec<u8> {
    let mut key = customers_by(terms, folded);
    key.push(0);
    key.extend_from_slice(customer.as_bytes());
    key
}

/// The entry id a key ends with.
pub(crate) fn trailing_entry(key: &[u8]) -> Option<EntryId> {
    key.last_chunk::<32>().copied().map(EntryId::from_bytes)
}

pub(crate) const fn stream_tag(stream: Stream) -> u8 {
    match stream {
        Stream::OwnLedger => 0,
        Stream::OwnFloor => 1,
        Stream::Others => 2,
    }
}

pub(crate) const fn stream_of_tag(tag: u8) -> Option<Stream> {
    match tag {
        0 => Some(Stream::OwnLedger),
        1 => Some(Stream::OwnFloor),
        2 => Some(Stream::Others),
        _ => None,
    }
}

/// A place as the value of an [`entry`] key.
pub(crate) fn place(stream: Stream, ordinal: Ordinal) -> Vec<u8> {
    let mut value = vec![stream_tag(stream)];
    value.extend_from_slice(&ordinal.to_le_bytes());
    value
}

pub(crate) fn parse_place(value: &[u8]) -> Option<(Stream, Ordinal)> {
    let (tag, ordinal) = value.split_first()?;
    let ordinal = <[u8; 8]>::try_from(ordinal).ok()?;
    Some((stream_of_tag(*tag)?, Ordinal::from_le_bytes(ordinal)))
}
