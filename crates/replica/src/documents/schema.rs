//! Which keys and values each kind of document has, and who may write them. An operation outside
//! this table is refused by the gate, so no change can delete a line, overwrite the map of lines,
//! or write another device's cell.

use automerge::ScalarValue;

use super::id::{ActorId, DocumentKind};
use super::limits::{
    CART_LABEL_BYTES_MAX, CUSTOMER_EMAIL_BYTES_MAX, CUSTOMER_LOYALTY_BYTES_MAX,
    CUSTOMER_NAME_BYTES_MAX, CUSTOMER_NOTES_BYTES_MAX, CUSTOMER_PHONE_BYTES_MAX,
    OPERATOR_BYTES_MAX, QUANTITY_CELL_MAX, STATUS_BYTES_MAX, STOCK_TOTAL_MAX,
};

/// Version of the schemas, written into every genesis.
pub(super) const SCHEMA_VERSION: i64 = 1;
/// Where the genesis writes [`SCHEMA_VERSION`].
pub(super) const KEY_SCHEMA: &str = "schema";

pub(super) const CART_LINES: &str = "lines";
pub(super) const CART_LABEL: &str = "label";
pub(super) const CART_OPERATOR: &str = "operator";
pub(super) const CART_STATUS: &str = "status";
pub(super) const CART_CUSTOMER: &str = "customer";
pub(super) const LINE_PRODUCT: &str = "product";
pub(super) const LINE_PRICE: &str = "price";
pub(super) const LINE_ADDED: &str = "added";
pub(super) const LINE_REMOVED: &str = "removed";
pub(super) const LINE_VOIDED: &str = "voided";

pub(super) const CUSTOMER_NAME: &str = "name";
pub(super) const CUSTOMER_PHONE: &str = "phone";
pub(super) const CUSTOMER_EMAIL: &str = "email";
pub(super) const CUSTOMER_NOTES: &str = "notes";
pub(super) const CUSTOMER_LOYALTY: &str = "loyaltyId";
pub(super) const CUSTOMER_CONSENT: &str = "marketingConsent";

pub(super) const STOCK_BUCKETS: &str = "buckets";

/// The maps a genesis makes at the root, in the order of their keys.
pub(super) const fn genesis_maps(kind: DocumentKind) -> &'static [&'static str] {
    match kind {
        DocumentKind::Cart => &[CART_LINES],
        DocumentKind::Customer => &[],
        DocumentKind::StockCounters => &[STOCK_BUCKETS],
    }
}

/// What an operation writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    /// A new map.
    Map,
    /// A value.
    Scalar(&'a ScalarValue),
}

/// One operation as the schema sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write<'a> {
    /// Keys from the root to the map that is written to.
    pub(super) path: &'a [&'a str],
    /// Key that is written.
    pub(super) key: &'a str,
    /// What is written there.
    pub(super) value: Written<'a>,
    /// Nothing stood at this key as far as the author had seen.
    pub(super) fresh: bool,
    /// The author of the change made the map that is written to.
    pub(super) own_map: bool,
    /// The author of the change.
    pub(super) author: ActorId,
}

/// Whether a kind of document has a place for this write.
pub(super) fn allows(kind: DocumentKind, write: &Write<'_>) -> bool {
    match kind {
        DocumentKind::Cart => cart_allows(write),
        DocumentKind::Customer => customer_allows(write),
        DocumentKind::StockCounters => stock_allows(write),
    }
}

fn cart_allows(write: &Write<'_>) -> bool {
    use ScalarValue::{Bytes, Int, Null, Str};
    match (write.path, write.key, write.value) {
        ([], CART_LABEL, Written::Scalar(Str(text))) => text.len() <= CART_LABEL_BYTES_MAX,
        ([], CART_OPERATOR, Written::Scalar(Str(text))) => text.len() <= OPERATOR_BYTES_MAX,
        ([], CART_STATUS, Written::Scalar(Str(text))) => text.len() <= STATUS_BYTES_MAX,
        ([], CART_CUSTOMER, Written::Scalar(value)) => match value {
            Bytes(bytes) => bytes.len() == 16,
            other => *other == Null,
        },
        ([CART_LINES], line, Written::Map) => write.fresh && is_hex(line, 32),
        ([CART_LINES, _], LINE_PRODUCT, Written::Scalar(Bytes(_))) => write.fresh && write.own_map,
        ([CART_LINES, _], LINE_PRICE, Written::Scalar(value)) => value.is_bytes(),
        ([CART_LINES, _], cell, Written::Scalar(Int(value))) => {
            (0..=QUANTITY_CELL_MAX).contains(value) && is_own_cell(cell, write.author)
        }
        _ => false,
    }
}

/// `added/<author>`, `removed/<author>/<adder>/<base>` or `voided/<author>/<adder>`.
fn is_own_cell(cell: &str, author: ActorId) -> bool {
    let mut parts = cell.split('/');
    let (family, writer) = (parts.next(), parts.next());
    let (adder, base, end) = (parts.next(), parts.next(), parts.next());
    let is_adder = |adder: &str| is_hex(adder, 16);
    let shape = match (family, adder, base, end) {
        (Some(LINE_ADDED), None, None, None) => true,
        (Some(LINE_VOIDED), Some(adder), None, None) => is_adder(adder),
        (Some(LINE_REMOVED), Some(adder), Some(base), None) => {
            let level: Option<i64> = base.parse().ok();
            // Only the shortest spelling: two keys for one level would be two cells.
            let spelled = level.is_some_and(|level| level.to_string() == base);
            let sane = level.is_some_and(|level| (0..=QUANTITY_CELL_MAX).contains(&level));
            is_adder(adder) && spelled && sane
        }
        _ => false,
    };
    shape && writer == Some(author.short().as_str())
}

fn customer_allows(write: &Write<'_>) -> bool {
    let Written::Scalar(value) = write.value else { return false };
    if !write.path.is_empty() {
        return false;
    }
    let longest = match (write.key, value) {
        (CUSTOMER_CONSENT, ScalarValue::Boolean(_)) => return true,
        (CUSTOMER_NAME, _) => CUSTOMER_NAME_BYTES_MAX,
        (CUSTOMER_PHONE, _) => CUSTOMER_PHONE_BYTES_MAX,
        (CUSTOMER_EMAIL, _) => CUSTOMER_EMAIL_BYTES_MAX,
        (CUSTOMER_NOTES, _) => CUSTOMER_NOTES_BYTES_MAX,
        (CUSTOMER_LOYALTY, _) => CUSTOMER_LOYALTY_BYTES_MAX,
        _ => return false,
    };
    matches!(value, ScalarValue::Str(text) if text.len() <= longest)
}

fn stock_allows(write: &Write<'_>) -> bool {
    match (write.path, write.key, write.value) {
        ([STOCK_BUCKETS], bucket, Written::Map) => {
            let (number, opener) = bucket.split_once('-').unwrap_or_default();
            let numbered = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
            write.fresh && numbered && opener == write.author.short()
        }
        ([STOCK_BUCKETS, _], _sku, Written::Scalar(ScalarValue::Int(total))) => {
            (-STOCK_TOTAL_MAX..=STOCK_TOTAL_MAX).contains(total)
        }
        _ => false,
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == length && text.bytes().all(digit)
}
