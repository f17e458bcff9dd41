//! What only the screen knows: what is half typed, which list is open, language and theme. None of it
//! is a fact of the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eframe::egui;
use pos_core::ids::LineId;
use pos_core::product::Sku;
use pos_core::quantity::Quantity;

use super::finder::{Finder, Group};
use super::settings::Settings;
use super::words::{Language, Words};
use crate::counter::view::{Desk, LineView, Screen};
use crate::counter::{Intent, Notice, Posted};

/// What lies over the products, beside what the counter shows there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// All commands.
    Menu,
    /// The keys.
    Help,
    /// How many of the chosen line.
    Quantity,
    /// Another price for the chosen line.
    Price,
    /// A discount on the chosen line or on all.
    Discount,
    /// Who buys.
    Customer,
    /// Carts that wait.
    Waiting,
    /// Shift and reports.
    Reports,
    /// Tills, printer, reader.
    Devices,
    /// Language and theme.
    Settings,
    /// Who serves.
    Operator,
    /// A product without a price.
    OpenPrice {
        /// The product.
        sku: Sku,
        /// Its name.
        name: String,
        /// How much of it.
        quantity: Quantity,
    },
}

/// What is half typed.
#[derive(Debug, Default)]
pub struct Drafts {
    /// The field over the products.
    pub query: String,
    /// Quantity, price, discount, amount of cash: whatever pad is open.
    pub number: String,
    /// Why a price is changed; why goods come back.
    pub reason: String,
    /// Whether the discount is for the whole cart.
    pub whole_cart: bool,
    /// Whether the discount is an amount.
    pub as_amount: bool,
    /// What a customer is looked for by.
    pub customer: String,
    /// A new customer.
    pub new_customer: Option<crate::counter::NewCustomer>,
    /// A receipt's number.
    pub receipt: String,
    /// Who serves.
    pub operator: String,
    /// First start.
    pub start: StartDraft,
}

/// The answers to a first start, half given.
#[derive(Debug)]
pub struct StartDraft {
    /// Name of the store.
    pub name: String,
    /// What a country is looked for by.
    pub country_typed: String,
    /// The country's code.
    pub country: Option<&'static str>,
    /// Where products come from.
    pub source: SourceDraft,
    /// A file.
    pub path: String,
    /// Another till's code.
    pub code: String,
    /// Where it is.
    pub address: String,
    /// This till's name.
    pub till: String,
}

impl Default for StartDraft {
    fn default() -> Self {
        Self {
            name: String::new(),
            country_typed: String::new(),
            country: None,
            source: SourceDraft::Sample,
            path: String::new(),
            code: String::new(),
            address: String::new(),
            till: String::new(),
        }
    }
}

/// Which source is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceDraft {
    /// The sample shop.
    Sample,
    /// A file.
    File,
    /// None yet.
    Nothing,
    /// Another till.
    OtherTill,
}

/// All that the screen knows by itself.
#[derive(Debug)]
pub struct ViewState {
    /// Words in the chosen language.
    pub words: Words,
    /// Languages one can choose.
    pub languages: Vec<Language>,
    /// Language, theme and size.
    pub settings: Settings,
    /// Where settings are kept; `None` keeps them for this run.
    pub settings_file: Option<PathBuf>,
    /// Products and search.
    pub finder: Finder,
    /// The group of products on the tiles.
    pub group: Option<Group>,
    /// What lies over the products.
    pub overlay: Option<Overlay>,
    /// Whether the cart is drawn up, where it is a drawer.
    pub drawer: bool,
    /// What is half typed.
    pub drafts: Drafts,
    /// A keyboard was used.
    pub keyboard: bool,
    /// Enter was pressed before the search had answered.
    pub enter_waits: bool,
    /// The field that is to have the focus at the next frame.
    pub focus: Option<egui::Id>,
    often: BTreeMap<Sku, u32>,
    additions: u64,
    /// Until when the line that was added stands out, in the window's seconds.
    pub flash_until: f64,
    /// Number of the last notice that was looked at.
    noticed: u64,
    screen: &'static str,
}

impl ViewState {
    /// As it is when the window opens.
    pub fn new(words: Words, languages: Vec<Language>, settings: Settings, finder: Finder) -> Self {
        Self {
            words,
            languages,
            settings,
            settings_file: None,
            finder,
            group: None,
            overlay: None,
            drawer: false,
            drafts: Drafts::default(),
            keyboard: false,
            enter_waits: false,
            focus: None,
            often: BTreeMap::new(),
            additions: 0,
            flash_until: 0.0,
            noticed: 0,
            screen: "",
        }
    }

    /// Opens or closes something over the products; what was half typed there is forgotten.
    pub fn lay(&mut self, overlay: Option<Overlay>) {
        self.drafts.number.clear();
        self.drafts.reason.clear();
        self.drafts.whole_cart = false;
        self.drafts.customer.clear();
        self.drafts.new_customer = None;
        self.overlay = overlay;
        self.focus = None;
    }

    /// Looks at what changed since the last frame.
    pub fn follow(&mut self, desk: &Desk, notices: &[Posted], now: f64) {
        self.finder.turn(&desk.catalogue);
        if desk.cart.additions != self.additions {
            self.additions = desk.cart.additions;
            self.flash_until = now + 0.4;
            if let Some(line) = selected(desk) {
                let sold = self.often.entry(line.sku.clone()).or_default();
                *sold = sold.saturating_add(1);
            }
        }
        let screen = screen_name(&desk.screen);
        if screen != self.screen {
            self.screen = screen;
            self.lay(None);
            self.drafts.receipt.clear();
        }
        for posted in notices.iter().filter(|posted| posted.number > self.noticed) {
            if let Notice::NeedsPrice { sku, name, quantity } = &posted.notice {
                let (sku, name, quantity) = (sku.clone(), name.clone(), *quantity);
                self.overlay = Some(Overlay::OpenPrice { sku, name, quantity });
                self.drafts.number.clear();
            }
        }
        let newest = notices.iter().map(|posted| posted.number).max().unwrap_or(0);
        self.noticed = self.noticed.max(newest);
    }

    /// The products sold most since the window was opened, most first.
    pub fn often(&self) -> Vec<&Sku> {
        let mut sold: Vec<(&Sku, u32)> = self.often.iter().map(|(sku, n)| (sku, *n)).collect();
        sold.sort_by(|(a, many), (b, more)| more.cmp(many).then(a.cmp(b)));
        sold.into_iter().map(|(sku, _)| sku).collect()
    }

    /// Whether anything was sold since the window was opened.
    pub fn has_sold(&self) -> bool {
        !self.often.is_empty()
    }
}

/// The line that is worked on.
pub fn selected(desk: &Desk) -> Option<&LineView> {
    let id: LineId = desk.cart.selected?;
    desk.cart.lines.iter().find(|line| line.id == id)
}

fn screen_name(screen: &Screen) -> &'static str {
    match screen {
        Screen::Sale => "sale",
        Screen::Pay(_) => "pay",
        Screen::Paid(_) => "paid",
        Screen::Refund(_) => "refund",
        Screen::X(_) => "x",
        Screen::Z(_) => "z",
        Screen::LetIn(_) => "let-in",
    }
}

/// What a frame asks for.
pub type Intents = Vec<Intent>;
