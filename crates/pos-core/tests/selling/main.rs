//! The path of a sale: price book, cart, tenders, transaction, refund, record, books.

#![expect(clippy::unwrap_used, reason = "a fixture that fails fails its test")]

mod books;
mod cart;
mod price_book;
mod receipt;
mod record;
mod refund;
mod sale;
mod support;
mod tender;
