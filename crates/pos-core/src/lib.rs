//! pos-core
pub mod business_date;
pub mod cart;
pub mod cash_rounding;
pub mod ids;
pub mod money;
pub mod product;
pub mod quantity;
pub mod rounding;
pub mod tax;
pub mod unit_price;
