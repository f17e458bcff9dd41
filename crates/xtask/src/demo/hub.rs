//! The hub of the demo: let into every store like a till, and asked over HTTP like head office does.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::figures::whole;
use super::tills::{Till, output, said, spawn, stop};

/// How long the hub may take to have what all tills have.
const PATIENCE: Duration = Duration::from_mins(2);
/// Pause between two questions to the hub.
const LOOK: Duration = Duration::from_millis(300);
/// Most products on one page of the hub's stock.
const PAGE: &str = "1000";

/// What all stores come to together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Merged {
    sales: u64,
    returns: u64,
    adjustments: u64,
    postings: u64,
    total: Decimal,
    tax: Decimal,
    /// On hand, by SKU, where it is not zero.
    stock: BTreeMap<String, Decimal>,
}

impl Merged {
    /// The sum of the stores, each as its first till has it.
    pub(super) fn of_tills(tills: &[Till]) -> Result<Self, String> {
        let mut sum = Self::default();
        for till in tills.iter().filter(|till| till.post().till == 1) {
            let report = till.ask(&["report", "sales"])?;
            sum.sales += whole(&report["sales"]["count"]);
            sum.returns += whole(&report["returns"]["count"]);
            sum.adjustments += whole(&report["adjustments"]);
            sum.postings += whole(&report["postings"]["count"]);
            sum.total += decimal(&report["total"])?;
            sum.tax += decimal(&report["tax"])?;
            let stock = till.ask(&["stock"])?;
            for row in stock["stock"].as_array().into_iter().flatten() {
                // A service has none.
                if !row["onHand"].is_null() {
                    sum.add(&row["sku"], decimal(&row["onHand"])?);
                }
            }
        }
        sum.stock.retain(|_, on_hand| !on_hand.is_zero());
        Ok(sum)
    }

    fn add(&mut self, sku: &Value, on_hand: Decimal) {
        let sku = sku.as_str().unwrap_or_default().to_owned();
        *self.stock.entry(sku).or_default() += on_hand;
    }

    /// Of the whole stock a sum is shown: two that are equal in everything have equal sums.
    pub(super) fn json(&self) -> Value {
        json!({
            "sales": self.sales,
            "returns": self.returns,
            "adjustments": self.adjustments,
            "postings": self.postings,
            "total": self.total.to_string(),
            "tax": self.tax.to_string(),
            "products_in_stock": self.stock.len(),
            "units_on_hand": self.stock.values().sum::<Decimal>().normalize().to_string(),
        })
    }
}

/// What head office was told, beside what the tills say.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) hub: Merged,
    pub(super) tills: Merged,
    /// Time after the tills agreed until the hub had all of it.
    pub(super) caught_up: Duration,
}

impl Heard {
    pub(super) fn agrees(&self) -> bool {
        self.hub == self.tills
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "agrees": self.agrees(),
            "merged": self.hub.json(),
            "sum_of_tills": self.tills.json(),
            "caught_up_ms": u64::try_from(self.caught_up.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// The hub: its folder, and its process while it runs.
#[derive(Debug)]
pub(super) struct Hub {
    program: PathBuf,
    folder: PathBuf,
    http: String,
    token: String,
    running: Option<Child>,
}

impl Drop for Hub {
    /// A demo that ends early leaves no hub behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Hub {
    pub(super) fn new(program: &Path, above: &Path) -> Self {
        let (program, folder) = (program.to_owned(), above.join("hub"));
        Self { program, folder, http: String::new(), token: String::new(), running: None }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn command(&self, what: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--hub").arg(&self.folder).args(what).stdin(Stdio::null());
        command
    }

    fn run(&self, what: &[&str]) -> Result<String, String> {
        let output = self.command(what).output();
        let output = output.map_err(|error| format!("{}: {error}", self.program.display()))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("tillmesh-hub {}: {why}", what.first().unwrap_or(&"")));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().last().unwrap_or_default().to_owned())
    }

    /// Comes into the store of `till`, a manager's.
    pub(super) fn join(&self, till: &Till) -> Result<(), String> {
        till.let_in_by(|invitation| {
            let answer = self.run(&["join", invitation, "--loopback", "--json"])?;
            said(serde_json::from_str(&answer).map_err(|error| format!("{answer}: {error}"))?)
        })
    }

    /// Starts it; it dials `peers` where it may not discover them.
    pub(super) fn serve(&mut self, peers: &[String], discovery: bool) -> Result<(), String> {
        let scopes = ["--scope", "reports", "--scope", "stock"];
        let mut token = vec!["token", "--all-stores", "--for", "the demo"];
        token.extend(scopes);
        self.token = self.run(&token)?;
        let mut command = self.command(&["serve", "--http", "127.0.0.1:0", "--loopback", "--json"]);
        if !discovery {
            command.arg("--no-discovery");
        }
        for peer in peers {
            command.args(["--peer", peer]);
        }
        let mut child = spawn(command.stderr(Stdio::null()))?;
        let mut lines = output(&mut child)?.lines();
        let first = lines.next().transpose().map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(&first.unwrap_or_default())
            .map_err(|_no_json| "the hub did not start: see `tillmesh-hub serve`".to_owned())?;
        value["serving"]["http"].as_str().unwrap_or_default().clone_into(&mut self.http);
        self.running = Some(child);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(())
    }

    /// Asks until the hub has what the tills have, or has had its time.
    pub(super) fn hear(&self, tills: Merged) -> Result<Heard, String> {
        let started = Instant::now();
        loop {
            let hub = self.merged()?;
            let caught_up = started.elapsed();
            if hub == tills || caught_up > PATIENCE {
                return Ok(Heard { hub, tills, caught_up });
            }
            sleep(LOOK);
        }
    }

    /// What its reports come to.
    fn merged(&self) -> Result<Merged, String> {
        let mut sum = Merged::default();
        let newest = self.get("reports/sales/daily", &[])?;
        if let Some(to) = newest["to"].as_str() {
            // A report of the hub covers 400 days at most.
            let from = before(to)?;
            let daily = self.get("reports/sales/daily", &[("from", &from), ("to", to)])?;
            for figures in daily["totals"].as_array().into_iter().flatten() {
                sum.sales += whole(&figures["sales"]);
                sum.returns += whole(&figures["returns"]);
                sum.adjustments += whole(&figures["adjustments"]);
                sum.postings += whole(&figures["postings"]);
                sum.total += decimal(&figures["total"]["amount"])?;
                sum.tax += decimal(&figures["tax"]["amount"])?;
            }
        }
        let mut after = String::new();
        loop {
            let mut asked = vec![("limit", PAGE)];
            if !after.is_empty() {
                asked.push(("after", &after));
            }
            let page = self.get("stock", &asked)?;
            for row in page["stock"].as_array().into_iter().flatten() {
                sum.add(&row["sku"], decimal(&row["onHand"])?);
            }
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        sum.stock.retain(|_, on_hand| !on_hand.is_zero());
        Ok(sum)
    }

    fn get(&self, what: &str, asked: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("http://{}/api/v1/{what}", self.http);
        let bearer = format!("Bearer {}", self.token);
        let request = ureq::get(&url).header("authorization", &bearer);
        let answer = request.query_pairs(asked.iter().copied()).call();
        let mut answer = answer.map_err(|error| format!("{url}: {error}"))?;
        let text = answer.body_mut().read_to_string().map_err(|error| format!("{url}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{url}: {error}"))
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        self.running.take().map_or(Ok(()), |child| stop(child, "the hub"))
    }
}

/// The first of the same month a year before, so that the whole file of a year is in the report.
fn before(day: &str) -> Result<String, String> {
    let (year, rest) = day.split_once('-').ok_or_else(|| format!("{day:?} is no day"))?;
    let year: u32 = year.parse().map_err(|_no_year| format!("{day:?} is no day"))?;
    let month = rest.split('-').next().unwrap_or("01");
    Ok(format!("{}-{month}-01", year.saturating_sub(1)))
}

fn decimal(value: &Value) -> Result<Decimal, String> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|error| format!("{value} is no figure: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(sku: &str, on_hand: &str) -> Merged {
        let mut merged = Merged::default();
        merged.add(&json!(sku), decimal(&json!(on_hand)).unwrap());
        merged
    }

    #[test]
    fn one_thousandth_of_a_unit_is_a_difference() {
        let tills = merged("85123A", "-3");
        let heard = |hub| Heard { hub, tills: tills.clone(), caught_up: Duration::ZERO };
        assert!(heard(tills.clone()).agrees());
        assert!(!heard(merged("85123A", "-3.001")).agrees());
        assert!(!heard(merged("85123B", "-3")).agrees());
    }

    #[test]
    fn the_report_asked_for_holds_a_year() {
        assert_eq!(before("2011-12-09").unwrap(), "2010-12-01");
        assert!(before("today").is_err());
        assert!(decimal(&json!("three")).is_err());
    }
}
