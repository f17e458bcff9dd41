//! The domain of a shop, pure: money, tax, prices, the cart, the sale, the till, stock, reports.
//!
//! Nothing in here reads a clock, draws a random number, opens a file or starts a thread: times and
//! ids are arguments, and the same arguments give the same answer on every device.
//!
//! Read these three types first:
//!
//! - [`cart::CartView`], a cart as the screen shows it, and [`cart::decide`], which turns what a
//!   cashier wants into the edits that do it;
//! - [`transaction::SaleTransaction`], what a paid cart becomes ([`sale::complete`]), whose sums are
//!   checked whenever one is made or read;
//! - [`record::Record`], every fact a shop keeps, and [`books::Books`], what all of them come to,
//!   in whatever order they arrive.

pub mod barcode;
pub mod books;
pub mod business_date;
pub mod cart;
pub mod cash_rounding;
mod codec;
pub mod durability;
pub mod gs1;
pub mod gtin;
pub mod ids;
pub mod limits;
pub mod money;
pub mod price_book;
pub mod product;
pub mod quantity;
pub mod receipt;
pub mod record;
pub mod refund;
pub mod report;
pub mod rounding;
pub mod sale;
pub mod shift;
pub mod stock;
pub mod store;
pub mod tax;
pub mod tender;
pub mod text;
pub mod till;
pub mod transaction;
pub mod unit_price;
