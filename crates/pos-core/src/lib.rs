//! pos-core
pub mod cart;
pub mod ids;
pub mod money;
pub mod product;
pub mod quantity;
pub mod rounding;
pub mod unit_price;
