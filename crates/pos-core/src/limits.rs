//! Every bound of this crate, in one place, each with its reason. What is made here respects them;
//! what is read back is refused beyond them.

/// Longest encoding of one record, in bytes: a record, its entry's header and signature share a
/// frame of 1 MiB.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// Most lines of a cart, void lines included. A full trolley has 150, a wholesale order 1,200.
pub const LINES_MAX: usize = 5_000;
/// Most payments of one transaction.
pub const TENDERS_MAX: usize = 100;
/// Most document heads a transaction names: one per tablet that edited the cart at once.
pub const CART_HEADS_MAX: usize = 256;
/// Most tax rates on one line, and rows of one tax summary.
pub const TAX_RATES_MAX: usize = 64;
/// Most product edits in one record.
pub const PRODUCT_EDITS_MAX: usize = 5_000;
/// Most GTINs of one product.
pub const GTINS_MAX: usize = 32;
/// Most lines of one inventory adjustment.
pub const ADJUSTMENT_LINES_MAX: usize = 5_000;
/// Longest encoding of a store's settings, in bytes: they are one row of the books, and the map on
/// disk slows down beyond 64 kB a row.
pub const SETTINGS_BYTES_MAX: usize = 32_768;
/// Most lines a shop prints above or below its receipts.
pub const RECEIPT_TEXT_LINES_MAX: usize = 20;

/// Longest name of a product, a store or an account, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest label of a cart, in characters.
pub const LABEL_CHARS_MAX: usize = 60;
/// Longest reason of an override, an adjustment or a cash movement, in characters.
pub const REASON_CHARS_MAX: usize = 200;
/// Longest reference of a payment, in characters.
pub const REFERENCE_CHARS_MAX: usize = 64;
/// Longest key of a tax category, in characters.
pub const TAX_CATEGORY_CHARS_MAX: usize = 40;

/// Most of one product on one line, in thousandths of its unit: ten million pieces.
pub const QUANTITY_THOUSANDTHS_MAX: i64 = 10_000_000_000;
/// Largest amount of one line or one payment, in minor units. `LINES_MAX` such lines still sum
/// exactly in 64 bits.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

const _: () =
    assert!((LINES_MAX as u64) < i64::MAX.cast_unsigned() / 4 / AMOUNT_MINOR_MAX.cast_unsigned());
