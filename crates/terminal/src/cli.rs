//! The command line, as it is typed. Its help is meant to be enough to run a shop with.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::counter::CounterOptions;

const EXAMPLES: &str = "\
Open the till's window, which asks three questions the first time:
  tillmesh
  tillmesh --printer 192.168.1.50:9100 --card-reader simulated

Start a shop and sell something without it:
  tillmesh init --name \"Corner Shop\" --currency GBP --country GB --time-zone Europe/London
  tillmesh import products products.csv
  tillmesh sell MUG-01 TEA-12x3 --cash 20
  tillmesh report x

Ring up a real shop's December, then account for it:
  tillmesh replay online_retail_2010-12.csv.gz --store demo
  tillmesh report sales --store demo

The store lives in one folder: --store DIR, else the environment's TILLMESH_STORE, else
tillmesh in $XDG_DATA_HOME or ~/.local/share. One program at a time may have it open.

Exit codes: 0 done, 1 refused or failed (the message says what to do), 2 wrong use,
3 `verify` found damage. With --json an error is also printed as {\"error\": {...}}.";

/// What the first till of a store is called unless somebody says otherwise.
pub(crate) const FIRST_TILL: &str = "Till 1";

/// A till that keeps selling: local-first point of sale.
#[derive(Debug, Parser)]
#[command(
    name = "tillmesh",
    version,
    about,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    /// Folder of the store [default: TILLMESH_STORE, or tillmesh in the data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Answer in JSON: one object, or one a line where the command's help says so
    #[arg(long, global = true)]
    pub json: bool,
    /// No remarks, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What the window works with.
    #[command(flatten)]
    pub window: Window,
    /// What to do; nothing opens the window.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// `tillmesh` without a command: the window.
#[derive(Debug, Args)]
#[command(next_help_heading = "The window, without a command")]
pub struct Window {
    /// Receipt printer: HOST:PORT (9100 as a rule), or a file such as /dev/usb/lp0
    #[arg(long, value_name = "PRINTER")]
    pub printer: Option<String>,
    /// What the printer can do: epson-80, epson-58, generic-80, generic-58, silent-80, …
    #[arg(long, value_name = "NAME", requires = "printer")]
    pub printer_profile: Option<String>,
    /// Card reader: HOST:PORT; "simulated" for one that charges nobody
    #[arg(long, value_name = "READER")]
    pub card_reader: Option<String>,
    /// Who serves, until somebody else says so
    #[arg(long, value_name = "NAME", default_value = "cashier")]
    pub cashier: String,
    /// Address to listen on for other tills; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:0")]
    pub listen: String,
    /// Address of another till, besides those that are found; may be given more than once
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<String>,
    /// Do not look for other tills with multicast DNS
    #[arg(long)]
    pub no_discovery: bool,
    /// Let tills on this very machine find each other too
    #[arg(long)]
    pub loopback: bool,
}

impl Window {
    /// What a counter in `folder` is set up with.
    pub fn counter_options(&self, folder: PathBuf) -> CounterOptions {
        CounterOptions {
            folder,
            printer: self.printer.clone(),
            profile: self.printer_profile.clone(),
            card_reader: self.card_reader.clone(),
            listen: self.listen.clone(),
            peers: self.peer.clone(),
            no_discovery: self.no_discovery,
            loopback: self.loopback,
            cashier: self.cashier.clone(),
        }
    }
}

/// What the till can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Found a store in an empty folder
    Init(Init),
    /// Read products from a file
    #[command(subcommand)]
    Import(Import),
    /// Ring up a sale, take the money, print the receipt
    Sell(Sell),
    /// List the carts that are neither paid nor given up
    #[command(after_help = "\
Lines that another till added to a cart while it was being paid are neither lost nor paid: they
stand here as a cart of their own, \"added while …\". Pay it with `tillmesh sell --cart ID`, or give
it up with `tillmesh carts --give-up ID`.")]
    Carts {
        /// Give up this cart (the first characters of its id are enough)
        #[arg(long, value_name = "ID")]
        give_up: Option<String>,
    },
    /// Add, change, find customers
    #[command(subcommand)]
    Customer(Customer),
    /// Open or close the register's shift
    #[command(subcommand)]
    Shift(Shift),
    /// Ring up the invoices of a file, each as a sale of its own
    Replay(Replay),
    /// Say what was sold
    #[command(subcommand)]
    Report(Report),
    /// Say how much of each product there is
    Stock(Stock),
    /// Let a new device into the store: run this on a manager's till
    Pair(Pair),
    /// Come into a store: run this on the new device
    Join(Join),
    /// Stay on: share everything with the store's other tills, answer commands typed elsewhere
    Run(Run),
    /// Say how the till is
    Status,
    /// List the store's devices, what waits for a second manager, and what is kept aside
    Devices,
    /// Shut a device out of the store
    Revoke(Revoke),
    /// Make a till a manager: two managers have to say so
    Appoint(Appoint),
    /// Make this device a manager with the recovery phrase
    Recover(Recover),
    /// Check every record from the first to the last
    Verify,
}

/// `tillmesh revoke`
#[derive(Debug, Args)]
#[command(after_help = "\
A manager's till shuts a till out alone. A manager is shut out by two managers (each runs this
command on a device of its own), or at once with the recovery phrase: `tillmesh recover`.

What the device has written and this one holds goes on counting; what turns up later is kept
aside: stored, shown by `tillmesh devices`, part of no total. If it was real money after all,
--accept makes what is held by now count; the device stays out.

Examples:
  tillmesh revoke \"Till 3\"
  tillmesh revoke 9f3a21 --yes
  tillmesh revoke \"Till 3\" --accept")]
pub struct Revoke {
    /// The device: its name, or the first characters of its key (4 at least)
    pub device: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Count what was kept aside of a device that is shut out already
    #[arg(long)]
    pub accept: bool,
}

/// `tillmesh appoint`
#[derive(Debug, Args)]
pub struct Appoint {
    /// The device: its name, or the first characters of its key (4 at least)
    pub device: String,
}

/// `tillmesh recover`
#[derive(Debug, Args)]
#[command(after_help = "\
The twelve words are read from standard input, never from the command line. They act for this one
command: this device becomes a manager, and no till keeps the words.

On a new tablet, --from reads the store out of another till's folder, or a copy of one. Close that
till first. The tablet gets a key of its own.

Examples:
  tillmesh recover --name \"Back office\"
  tillmesh recover --from /media/stick/till-1 --name \"New tablet\" --revoke \"Till 1\"
  tillmesh recover --manager \"Till 2\"        a second manager, so that two can decide")]
pub struct Recover {
    /// Another till's folder, or a copy of one, to fetch the store from
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// What this device is called
    #[arg(long, default_value = "Manager")]
    pub name: String,
    /// Make this device a manager too; may be given again
    #[arg(long, value_name = "DEVICE")]
    pub manager: Vec<String>,
    /// Shut this device out; may be given again
    #[arg(long, value_name = "DEVICE")]
    pub revoke: Vec<String>,
}

/// `tillmesh init`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillmesh init --name \"Corner Shop\"
  tillmesh init --name Laden --currency EUR --country DE --time-zone Europe/Berlin \\
      --tax-rate standard=19 --tax-rate reduced=7
  tillmesh init --name Diner --currency USD --country US --time-zone America/New_York \\
      --prices exclusive --tax-rate standard=8.875 --tax-rate food=0

A tax category is what products name in their column tax_category; those that name none are
\"standard\". Where small coins are gone, cash is rounded as is usual in the country.

A recovery phrase of twelve words is shown once: write it on paper and keep it away from the
tills. `tillmesh recover` is what it is for.")]
pub struct Init {
    /// Name over the door
    #[arg(long, default_value = "My Shop")]
    pub name: String,
    /// Currency, by its ISO 4217 code
    #[arg(long, default_value = "GBP")]
    pub currency: String,
    /// Country, by its ISO 3166 code: decides how cash is rounded
    #[arg(long, default_value = "GB")]
    pub country: String,
    /// Where the shop's clock hangs, by its IANA name
    #[arg(long, default_value = "Europe/London", value_name = "ZONE")]
    pub time_zone: String,
    /// Whether prices contain the tax
    #[arg(long, value_enum, default_value_t = Prices::Inclusive)]
    pub prices: Prices,
    /// A tax category and its percentage; may be given again [default: standard=20]
    #[arg(long, value_name = "CATEGORY=PERCENT")]
    pub tax_rate: Vec<String>,
    /// The register this till serves; its receipts are numbered without a gap
    #[arg(long, default_value = "R1")]
    pub register: String,
    /// What this device is called on lists of the store's devices
    #[arg(long, default_value = FIRST_TILL, value_name = "NAME")]
    pub till_name: String,
}

/// Whether prices contain the tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Prices {
    /// The price on the shelf is what the customer pays.
    Inclusive,
    /// Tax comes on top.
    Exclusive,
}

/// `tillmesh import`
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Add products, or change those that are there
    #[command(after_help = "\
The first line names the columns, in any order; the file may be gzip-compressed.
  sku           the shop's own code; without this column the gtin is the code
  name          as printed on receipts
  price         of one unit, at most 4 decimals; empty: the cashier types it   (optional)
  gtin          barcode of 8, 12, 13 or 14 digits; its check digit is checked  (optional)
  kind          stocked or service                                  (optional: stocked)
  unit          each, kg, l or m                                    (optional: each)
  tax_category  one of the store's tax categories                   (optional: standard)
Other columns are skipped.

A row that cannot be used is reported with its line; the others are imported. Importing a
file again changes nothing.

Example:
  tillmesh import products products.csv --strict")]
    Products {
        /// The file
        file: PathBuf,
        /// Fail when a row could not be used (the others are imported all the same)
        #[arg(long)]
        strict: bool,
    },
}

/// `tillmesh sell`
#[derive(Debug, Args)]
#[command(after_help = "\
An item is a SKU or a barcode, with xQUANTITY and @PRICE behind it where wanted:
  tillmesh sell MUG-01                        one mug, exact cash
  tillmesh sell MUG-01x2 5000159484695        two mugs and what the barcode says
  tillmesh sell APPLESx0.452 --cash 5         452 g of apples, 5.00 handed over
  tillmesh sell MUG-01@3.50 --reason \"chipped\" --card 004217
  tillmesh sell MUG-01x2 --cash 4 --card      4.00 in cash, the rest by card
  tillmesh sell MUG-01 --return               the customer brings it back and is paid

The receipt is printed when the sale is on disk, never before. A shift is opened for today if
none is open. With --key NAME the same command may be sent again: it is answered with the first
receipt and sells nothing twice. A sale that was interrupted is still there: see `tillmesh
carts`, and finish it with --cart.")]
pub struct Sell {
    /// What is sold: ITEM[xQUANTITY][@PRICE]
    #[arg(value_name = "ITEM")]
    pub items: Vec<String>,
    /// Cash handed over [default: exactly what is due]
    #[arg(long, value_name = "AMOUNT")]
    pub cash: Option<String>,
    /// Pay by card, after any cash; REF is the terminal's approval code
    #[arg(long, value_name = "REF", num_args = 0..=1, default_missing_value = "")]
    pub card: Option<String>,
    /// The goods come back
    #[arg(long = "return")]
    pub returned: bool,
    /// Why an item is charged at @PRICE
    #[arg(long, default_value = "price given at the till")]
    pub reason: String,
    /// Go on with this cart (the first characters of its id are enough)
    #[arg(long, value_name = "ID")]
    pub cart: Option<String>,
    /// Who sells
    #[arg(long, default_value = "cashier")]
    pub operator: String,
    /// Name of this command: sent again, it sells nothing twice
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// What the cart is called: a table, a customer's order
    #[arg(long, default_value = "")]
    pub label: String,
    /// The register [default: the one this till serves]
    #[arg(long)]
    pub register: Option<String>,
    /// The customer: an id, or what finds exactly one (see `tillmesh customer`)
    #[arg(long, value_name = "WHO")]
    pub customer: Option<String>,
}

/// `tillmesh customer`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  tillmesh customer add --name \"Ada Lovelace\" --phone \"+44 20 7946 0958\"
  tillmesh customer edit ada --email ada@example.com
  tillmesh customer list love
  tillmesh sell MUG-01 --customer ada

A customer is named by its id, the first characters of it, or by what finds exactly one. Every till of
the store may change every customer; two that change different fields at once both keep theirs.")]
pub enum Customer {
    /// Add a customer
    Add {
        /// What is known.
        #[command(flatten)]
        fields: CustomerFields,
    },
    /// Change what is named; an empty text takes a field away
    Edit {
        /// Who
        customer: String,
        /// What changes.
        #[command(flatten)]
        fields: CustomerFields,
    },
    /// Show one customer
    Show {
        /// Who
        customer: String,
    },
    /// List customers by name
    List {
        /// Beginning of the name, of a word of it, of the phone number, email or loyalty card
        #[arg(default_value = "")]
        search: String,
        /// Most customers to show
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// The fields of a customer.
#[derive(Debug, Args)]
pub struct CustomerFields {
    /// Name
    #[arg(long)]
    pub name: Option<String>,
    /// Phone number
    #[arg(long)]
    pub phone: Option<String>,
    /// Email address
    #[arg(long)]
    pub email: Option<String>,
    /// What the shop wants to remember
    #[arg(long)]
    pub note: Option<String>,
    /// Number of the loyalty card
    #[arg(long)]
    pub loyalty: Option<String>,
    /// Whether the customer agreed to be written to
    #[arg(long, value_enum)]
    pub marketing: Option<Consent>,
}

/// A customer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Consent {
    /// Agreed.
    Yes,
    /// Did not, or withdrew.
    No,
}

impl Consent {
    /// Whether the customer agreed.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// `tillmesh shift`
#[derive(Debug, Subcommand)]
pub enum Shift {
    /// Open the register's shift
    Open {
        /// Cash in the drawer
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        float: String,
        /// The day its sales are booked on [default: today in the store]
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// Who opens it
        #[arg(long, default_value = "cashier")]
        operator: String,
        /// The register [default: the one this till serves]
        #[arg(long)]
        register: Option<String>,
    },
    /// Close it with a Z report
    Close {
        /// Cash counted in the drawer
        #[arg(long, value_name = "AMOUNT")]
        counted: Option<String>,
        /// Who closes it
        #[arg(long, default_value = "cashier")]
        operator: String,
        /// The register [default: the one this till serves]
        #[arg(long)]
        register: Option<String>,
    },
}

/// `tillmesh report`
#[derive(Debug, Subcommand)]
pub enum Report {
    /// The open shift so far
    X {
        /// The register [default: the one this till serves]
        #[arg(long)]
        register: Option<String>,
    },
    /// A closed shift, as it was closed
    Z {
        /// Number of the report [default: the last one]
        #[arg(long)]
        number: Option<u32>,
        /// The register [default: the one this till serves]
        #[arg(long)]
        register: Option<String>,
    },
    /// What the store sold, day by day
    #[command(after_help = "\
Days, months and years are all understood:
  tillmesh report sales --from 2010-12 --to 2010-12
  tillmesh report sales --from 2011-01-15 --json")]
    Sales {
        /// First business date [default: the first there is]
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// Last business date [default: the last there is]
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
        /// One register alone; adjustments and postings, which belong to none, are left out
        #[arg(long)]
        register: Option<String>,
    },
}

/// `tillmesh replay`
#[derive(Debug, Args)]
#[command(after_help = "\
The file has the columns invoice, stock_code, description, quantity, invoice_date and
unit_price, plain or gzip-compressed. Each invoice becomes one document, rung up by the same
commands a cashier uses and on disk before the next is begun:
  every price 0    a stock adjustment
  C…               a return: a receipt of its own, the goods go back on the shelf
  A…               an account posting
  any other        a sale, paid in cash or by card in turn

The invoice number is the command's key: run it again after a crash, and it goes on where it
stopped, with every receipt under its first number. A store is founded if the folder has none
(GBP, prices with 20 % tax in them).

With --json each document is acknowledged on a line of its own as soon as it is on disk, and the
last line is a summary.

Example:
  tillmesh replay online_retail.csv.gz --from 2010-12 --to 2010-12 --store demo")]
pub struct Replay {
    /// The file
    pub file: PathBuf,
    /// First day of invoices to take: 2010-12-01, or 2010-12 for the month's first
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// Last day: 2010-12-31, or 2010-12 for the month's last
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// Fail, after ringing up the rest, when a row could not be used
    #[arg(long)]
    pub strict: bool,
    /// Take only this share of the customers: 1/3 for the first of three tills that share the file
    #[arg(long, value_name = "K/N")]
    pub share: Option<String>,
    /// Take only the countries of this store: 1/3 for the first of three stores that share the file.
    /// The country with the most invoices falls to the first
    #[arg(long, value_name = "K/N")]
    pub countries: Option<String>,
    /// Measure the disk's own append + fdatasync between the receipts, for comparison
    #[arg(long)]
    pub measure_floor: bool,
}

/// `tillmesh run`
#[derive(Debug, Args)]
#[command(after_help = "\
While it runs, all other commands on the same folder are carried out by it: type them in another
window. What one till writes, all tills of the store have, with no server and no internet.

Examples:
  tillmesh run
  tillmesh run --listen 0.0.0.0:7878 --peer 192.168.1.20:7878 --no-discovery")]
pub struct Run {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:0")]
    pub listen: String,
    /// Address of another till, besides those that are found; may be given more than once
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<String>,
    /// Do not look for other tills with multicast DNS
    #[arg(long)]
    pub no_discovery: bool,
    /// Dial nobody but the addresses given with --peer
    #[arg(long, requires = "no_discovery")]
    pub only_peers: bool,
    /// Let tills on this very machine find each other too
    #[arg(long)]
    pub loopback: bool,
    /// For demonstrations: be cut off from the others, after so many seconds, for so many
    #[arg(long, num_args = 2, value_names = ["AFTER", "SECONDS"])]
    pub cut_off: Vec<u64>,
}

/// `tillmesh pair`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows a QR code and a code to type. The new device shows four words, and so does this till: let it in
if they are the same. Works while the till runs and while it does not.

With --json the first line is {\"invitation\": ..., \"code\": ...}, the last {\"added\": ...}.

Examples:
  tillmesh pair
  tillmesh pair --register BAR")]
pub struct Pair {
    /// Register the new device serves [default: the next free one, R2 after R1]
    #[arg(long, value_name = "NAME")]
    pub register: Option<String>,
    /// Make it a manager's: a second manager, or the recovery phrase, has to agree
    #[arg(long)]
    pub manager: bool,
    /// Let in without a question whoever shows the invitation's secret
    #[arg(long)]
    pub let_in: bool,
    /// Address to listen on, where the till does not run; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:0")]
    pub listen: String,
    /// Let a device on this very machine in too
    #[arg(long)]
    pub loopback: bool,
}

/// `tillmesh join`
#[derive(Debug, Args)]
#[command(after_help = "\
Compares four words with the manager's till, then fetches the store. What the QR code says can be
pasted whole; a typed code needs --at, as the manager's till shows it.

Examples:
  tillmesh join 7KQ2-9FXM --at 192.168.1.20:7878
  tillmesh join TM1:... --name \"Bar\"")]
pub struct Join {
    /// The code, or what the QR code says
    pub ticket: String,
    /// Where the manager's till is
    #[arg(long, value_name = "ADDRESS")]
    pub at: Vec<String>,
    /// What this device is called
    #[arg(long, value_name = "NAME", default_value = "New till")]
    pub name: String,
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:0")]
    pub listen: String,
    /// The manager's till is on this very machine
    #[arg(long)]
    pub loopback: bool,
}

/// `tillmesh stock`
#[derive(Debug, Args)]
#[command(after_help = "\
On hand is the sum of all movements in the records: sold goods out, returned goods in, and
adjustments. It may be below zero where the store oversells.

Examples:
  tillmesh stock
  tillmesh stock 85123A 22423 --json")]
pub struct Stock {
    /// Products, by SKU or barcode [default: all that ever moved]
    #[arg(value_name = "SKU")]
    pub items: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_card_needs_no_reference() {
        let sell = |arguments: &[&str]| match Cli::try_parse_from(arguments).unwrap().command {
            Some(Command::Sell(sell)) => sell,
            other => panic!("{other:?}"),
        };
        assert_eq!(sell(&["tillmesh", "sell", "A", "--card"]).card.as_deref(), Some(""));
        assert_eq!(sell(&["tillmesh", "sell", "A", "--card", "42"]).card.as_deref(), Some("42"));
        assert_eq!(sell(&["tillmesh", "sell", "A"]).card, None);
    }

    #[test]
    fn the_window_takes_its_devices_without_a_command() {
        let typed = ["tillmesh", "--printer", "10.0.0.9:9100", "--card-reader", "simulated"];
        let cli = Cli::try_parse_from(typed).unwrap();
        assert!(cli.command.is_none());
        let options = cli.window.counter_options(PathBuf::from("shop"));
        assert_eq!(options.printer.as_deref(), Some("10.0.0.9:9100"));
        assert_eq!((options.cashier.as_str(), options.listen.as_str()), ("cashier", "[::]:0"));
        assert!(Cli::try_parse_from(["tillmesh", "--printer-profile", "epson-80"]).is_err());
    }

    #[test]
    fn what_every_command_takes_may_stand_behind_it() {
        let cli = Cli::try_parse_from(["tillmesh", "status", "--json", "--store", "x"]).unwrap();
        assert!(cli.json);
        assert_eq!(cli.store, Some(PathBuf::from("x")));
    }
}
