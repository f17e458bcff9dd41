//! SIGKILL, again and again, of two real tills of one store: right after a sale was acknowledged, in
//! the middle of one, while a till starts, and while the second one catches up with the first.
//!
//! What counts is what a cashier saw. Each sale is sent under a name of its own and sent again until
//! it is answered; every answer to one name must be the same receipt. In the end there are as many
//! receipts as names, numbered without a gap, on both tills.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::prng::Prng;
use crate::store::{Member, agree};
use crate::tillmesh::{Running, TillmeshError};

/// It reaches nobody and nobody reaches it.
const ALONE: [&str; 2] = ["--no-discovery", "--only-peers"];
/// Sales in a cycle, at most.
const SALES_MAX: u64 = 4;
/// Tries of one sale; a till that was killed is started in between.
const TRIES: u32 = 4;
/// Cycles between two audits of both tills.
const AUDIT_EVERY: u64 = 50;
/// Longest wait, in microseconds, between an answer and the kill.
const BEHIND_ANSWER_US: u64 = 60_000;
/// Longest time, in microseconds, a till is given to start before it is killed.
const START_US: u64 = 250_000;
/// Longest time, in microseconds, a till catches up before it is killed.
const CATCH_UP_US: u64 = 400_000;

/// What was done, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kills {
    /// Kills shortly after a sale was acknowledged.
    pub after_a_sale: u64,
    /// Kills while a sale was under way.
    pub during_a_sale: u64,
    /// Of these: in which nobody was answered.
    pub unanswered: u64,
    /// Kills during a start.
    pub during_start: u64,
    /// Kills of the second till while it took in what the first one sold.
    pub during_catch_up: u64,
    /// Sales acknowledged, each under a name of its own.
    pub acknowledged: u64,
    /// Times an acknowledged sale was asked for again.
    pub repeated: u64,
    /// Times everything was compared.
    pub audits: u64,
}

impl Kills {
    /// All kills.
    pub const fn all(&self) -> u64 {
        self.after_a_sale + self.during_a_sale + self.during_start + self.during_catch_up
    }
}

fn failed(why: impl Into<String>) -> TillmeshError {
    TillmeshError::Failed(why.into())
}

/// Number and id of a receipt: what a sale is acknowledged with.
type Receipt = (u64, String);

struct Shop {
    first: Member,
    second: Member,
    prng: Prng,
    /// By the name they were sent under; `None` while nobody was answered.
    sales: BTreeMap<String, Option<Receipt>>,
    kills: Kills,
}

/// Kills tills `cycles` times; every choice comes from `seed`. `progress` hears what was done so far.
///
/// # Errors
/// [`TillmeshError::Failed`] says which promise was not kept.
pub fn run(
    cycles: u64,
    seed: u64,
    progress: &mut dyn FnMut(&Kills),
) -> Result<Kills, TillmeshError> {
    let mut shop = Shop::open(seed)?;
    while shop.kills.all() < cycles {
        match shop.prng.below(4) {
            0 => shop.after_a_sale()?,
            1 => shop.during_a_sale()?,
            2 => shop.during_start()?,
            _ => shop.during_catch_up()?,
        }
        if shop.kills.all().is_multiple_of(AUDIT_EVERY) {
            shop.audit()?;
        }
        progress(&shop.kills);
    }
    shop.audit()?;
    Ok(shop.kills)
}

impl Shop {
    fn open(seed: u64) -> Result<Self, TillmeshError> {
        let mut first = Member::found()?;
        let file = first.till().folder().join("products.csv");
        std::fs::write(&file, "sku,name,price\nMUG,Mug,2.50\n")
            .map_err(|error| failed(format!("{}: {error}", file.display())))?;
        first.ask(["import", "products", "products.csv"])?;
        first.start(&ALONE)?;
        let mut second = first.let_in("Till 2")?;
        // The address it gets now is the one it keeps.
        second.start(&ALONE)?;
        second.kill()?;
        let (sales, kills) = (BTreeMap::new(), Kills::default());
        Ok(Self { first, second, prng: Prng::new(seed), sales, kills })
    }

    fn wait(&mut self, most_us: u64) {
        std::thread::sleep(self.pause(most_us));
    }

    fn pause(&mut self, most_us: u64) -> Duration {
        Duration::from_micros(self.prng.below(most_us))
    }

    fn new_name(&mut self) -> String {
        let name = format!("sale-{}", self.sales.len());
        self.sales.insert(name.clone(), None);
        name
    }

    /// Notes an answer; one that differs from an earlier one is a broken promise.
    fn note(&mut self, name: &str, answer: &Value) -> Result<(), TillmeshError> {
        let receipt = answer["receiptCounter"].as_u64().zip(answer["transactionId"].as_str());
        let Some((counter, id)) = receipt else {
            return Err(failed(format!("{name} was answered with {answer}")));
        };
        let now = (counter, id.to_owned());
        let before = self.sales.insert(name.to_owned(), Some(now.clone())).flatten();
        match before {
            None => self.kills.acknowledged += 1,
            Some(before) if before == now => self.kills.repeated += 1,
            Some(before) => {
                return Err(failed(format!("{name} was {before:?} and is {now:?} now")));
            }
        }
        Ok(())
    }

    /// Sells until it is answered.
    fn sell(&mut self, name: &str) -> Result<(), TillmeshError> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let run = self.first.run(["sell", "MUG", "--key", name])?;
            if run.status.success() {
                return self.note(name, &run.json()?);
            }
            why = run.stderr;
        }
        Err(failed(format!("{name} is never answered: {why}")))
    }

    fn sell_some(&mut self) -> Result<(), TillmeshError> {
        for _ in 0..self.prng.below(SALES_MAX + 1) {
            let name = self.new_name();
            self.sell(&name)?;
        }
        Ok(())
    }

    /// Sends again what nobody was answered, and one that was.
    fn ask_again(&mut self) -> Result<(), TillmeshError> {
        let names: Vec<String> = self.sales.keys().cloned().collect();
        let one = names.get(self.prng.index(names.len())).cloned();
        let open = self.sales.iter().filter(|(_, receipt)| receipt.is_none());
        let open: Vec<String> = open.map(|(name, _)| name.clone()).collect();
        for name in open.into_iter().chain(one) {
            self.sell(&name)?;
        }
        Ok(())
    }

    fn restart_first(&mut self) -> Result<(), TillmeshError> {
        self.first.start(&ALONE)?;
        self.ask_again()
    }

    fn after_a_sale(&mut self) -> Result<(), TillmeshError> {
        self.sell_some()?;
        let name = self.new_name();
        self.sell(&name)?;
        self.wait(BEHIND_ANSWER_US);
        self.first.kill()?;
        self.kills.after_a_sale += 1;
        self.restart_first()
    }

    fn during_a_sale(&mut self) -> Result<(), TillmeshError> {
        let name = self.new_name();
        let mut asked = self.first.begin(["sell", "MUG", "--key", &name])?;
        self.wait(BEHIND_ANSWER_US / 3);
        self.first.kill()?;
        self.kills.during_a_sale += 1;
        match answer(&mut asked)? {
            Some(value) => self.note(&name, &value)?,
            None => self.kills.unanswered += 1,
        }
        self.restart_first()
    }

    fn during_start(&mut self) -> Result<(), TillmeshError> {
        self.sell_some()?;
        self.first.kill()?;
        // As soon as it may, and once more: the second start finds what the first one left.
        for _ in 0..2 {
            let after = self.pause(START_US);
            self.first.start_and_kill(&ALONE, after)?;
            self.kills.during_start += 1;
        }
        self.restart_first()
    }

    fn during_catch_up(&mut self) -> Result<(), TillmeshError> {
        self.sell_some()?;
        let address = self.first.address();
        // The first till dials nobody; the second one may dial it.
        let after = self.pause(CATCH_UP_US);
        self.second.start_and_kill(&["--no-discovery", "--peer", &address], after)?;
        self.kills.during_catch_up += 1;
        Ok(())
    }

    /// Both tills have every sale once, and everything in them holds.
    fn audit(&mut self) -> Result<(), TillmeshError> {
        self.ask_again()?;
        let address = self.first.address();
        self.second.start(&["--no-discovery", "--peer", &address])?;
        agree(&[&self.first, &self.second])?;
        let receipts: Vec<u64> =
            self.sales.values().flatten().map(|(counter, _)| *counter).collect();
        let (count, mut sorted) = (receipts.len() as u64, receipts);
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..=count) {
            return Err(failed(format!("the acknowledged numbers are {sorted:?}")));
        }
        for member in [&self.first, &self.second] {
            let report = member.ask(["report", "sales"])?;
            let row = &report["receipts"]["R1"];
            let is_right = report["sales"]["count"] == count
                && report["receipts_gapless"] == true
                && row["last"] == count
                && row["count"] == count;
            if !is_right {
                return Err(failed(format!("{count} sales were acknowledged, there is {report}")));
            }
            let verified = member.ask(["verify"])?;
            if verified["passed"] != true {
                return Err(failed(format!("{verified}")));
            }
        }
        self.second.kill()?;
        self.kills.audits += 1;
        Ok(())
    }
}

/// What a command that may have been cut off was answered: a whole line of JSON, or nothing.
fn answer(asked: &mut Running) -> Result<Option<Value>, TillmeshError> {
    let mut last = None;
    while let Some(line) = asked.next_line()? {
        last = serde_json::from_str(&line).ok();
    }
    let ended = asked.wait()?;
    Ok(last.filter(|value: &Value| ended.success() && value.get("receiptCounter").is_some()))
}
