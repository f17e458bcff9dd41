//! Every bound of the documents, each with its reason. The gate checks them before anything is
//! allocated or run for what they bound.

/// Longest raw change, in bytes: fits one entry with room for its header, and holds a full
/// publication of [`STOCK_CELLS_PER_CHANGE_MAX`] stock cells.
pub const CHANGE_BYTES_MAX: usize = 256 << 10;
/// Most operations in one change. A run-length encoded column can claim 2^60 of them in ten bytes.
pub const CHANGE_OPS_MAX: u64 = 2_000;
/// Most values that the operations of one change replace, all together.
pub const CHANGE_PREDS_MAX: u64 = 20_000;
/// Most changes that one change names as its direct past: the heads of a store's concurrent tills.
pub const CHANGE_DEPS_MAX: usize = 64;
/// Most columns of a change; the format has 14.
pub const CHANGE_COLUMNS_MAX: u64 = 16;
/// Last operation counter of a document. Automerge counts in 32 bits and panics near the end.
pub const OP_COUNTER_MAX: u64 = (1 << 31) - 1;
/// Most authors in the past of one change, the genesis not counted: memory grows with authors
/// times changes, so a document rolls to a new epoch before.
pub const DOCUMENT_ACTORS_MAX: usize = 50;
/// Most changes in the past of one change, itself included: a document loads in about 20 ms.
pub const DOCUMENT_CHANGES_MAX: u64 = 5_000;
/// Most operations in the past of one change, itself included.
pub const DOCUMENT_OPS_MAX: u64 = 100_000;
/// Longest key of a map inside a document, in bytes: a SKU of 40 four-byte characters.
pub const KEY_BYTES_MAX: usize = 160;
/// Longest text or byte string inside a document, in bytes.
pub const VALUE_BYTES_MAX: usize = 4 << 10;
/// Most changes of one document that wait for others.
pub const PARKED_CHANGES_MAX: usize = 256;
/// Most waiting changes of one author, so that one device cannot take the room of all.
pub const PARKED_CHANGES_PER_AUTHOR_MAX: usize = 64;
/// Most bytes of waiting changes of one document.
pub const PARKED_BYTES_MAX: usize = 4 << 20;

/// Largest value of a quantity cell, in thousandths: a billion units a line.
pub const QUANTITY_CELL_MAX: i64 = 1_000_000_000_000;
/// Longest label of a cart, in bytes.
pub const CART_LABEL_BYTES_MAX: usize = 256;
/// Longest name of an operator, in bytes: 32 four-byte characters.
pub const OPERATOR_BYTES_MAX: usize = 128;
/// Longest word for a cart's status, in bytes.
pub const STATUS_BYTES_MAX: usize = 16;

/// Longest customer name, in bytes.
pub const CUSTOMER_NAME_BYTES_MAX: usize = 200;
/// Longest phone number, in bytes.
pub const CUSTOMER_PHONE_BYTES_MAX: usize = 40;
/// Longest email address, in bytes (RFC 5321 allows a path of 256 with its brackets).
pub const CUSTOMER_EMAIL_BYTES_MAX: usize = 254;
/// Longest notes on a customer, in bytes.
pub const CUSTOMER_NOTES_BYTES_MAX: usize = 2_000;
/// Longest loyalty id, in bytes.
pub const CUSTOMER_LOYALTY_BYTES_MAX: usize = 64;

/// Most SKUs of one map of a stock document: a remote change walks the map it touches.
pub const STOCK_BUCKET_CELLS_MAX: usize = 100;
/// Most cells of one publication; the rest follows with the next.
pub const STOCK_CELLS_PER_CHANGE_MAX: usize = 1_000;
/// Largest total of a stock cell, in thousandths, up or down.
pub const STOCK_TOTAL_MAX: i64 = 1_000_000_000_000_000;

const _: () = assert!(STOCK_CELLS_PER_CHANGE_MAX as u64 * 2 <= CHANGE_OPS_MAX);
const _: () = assert!(STOCK_CELLS_PER_CHANGE_MAX * (KEY_BYTES_MAX + 48) <= CHANGE_BYTES_MAX);
const _: () = assert!(CHANGE_BYTES_MAX < PARKED_BYTES_MAX);
