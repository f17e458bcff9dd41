//! The path of a sale: price book, cart, tenders, transaction, refund, record, books.

mod books;
mod cart;
mod price_book;
mod receipt;
mod record;
mod refund;
mod sale;
mod support;
mod tender;
