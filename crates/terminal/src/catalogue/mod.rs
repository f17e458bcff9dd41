//! Search as you type over the price book: words, beginnings of words, words with typing errors, and
//! the first digits of a code.
//!
//! [`Index::build`] takes the products once and is then read only: it is built on a thread of its own
//! and replaced by a new one when the products have changed. Pure: no clock, no disk, no random
//! order.
//!
//! How a query is read is in [`text`], what a word may match in [`terms`], what comes first in
//! [`search`]. An exact code needs none of this: the price book itself finds it, from the first
//! moment on.

mod index;
mod limits;
mod search;
mod terms;
mod text;

use pos_core::gtin::Gtin;

pub use index::{Index, IndexError};
pub use text::fold;

/// What the search knows of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The shop's code.
    pub sku: &'a str,
    /// Name, as printed.
    pub name: &'a str,
    /// Barcodes.
    pub gtins: &'a [Gtin],
}

/// How well a product fits; smaller is better. Its fields are in the order in which they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// Words of the query that the product has not.
    pub missing: u8,
    /// Typing errors and unfinished words, weighed.
    pub cost: u16,
    /// Whether the name begins otherwise than the query.
    pub later: bool,
    /// Words of the name.
    pub words: u8,
}

/// A product found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Its place among the rows the index was built of, from 0.
    pub row: usize,
    /// How well it fits.
    pub fit: Fit,
}

/// How many hits a search gives at most.
pub const HITS_MAX: usize = limits::HITS_MAX;
