//! One file a screen. Each draws from the view and what the screen itself knows, and answers with
//! what the person wants.

pub mod cart;
pub mod customer;
pub mod desk;
pub mod devices;
pub mod entry;
pub mod first_start;
pub mod let_in;
pub mod menu;
pub mod notices;
pub mod omnibox;
pub mod paid;
pub mod pay;
pub mod receipt;
pub mod refund;
pub mod reports;
pub mod sale;
pub mod settings;
pub mod status;
pub mod waiting;
