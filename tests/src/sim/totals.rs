//! Sums over many seeds, and the page that tells them.

use std::collections::BTreeMap;

use replica::simulation::Mark;
use serde_json::{Value, json};

use super::config::Fault;
use super::outcome::Outcome;

/// Sums over seeds.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Seeds played.
    pub seeds: u64,
    /// Seeds that broke a promise.
    pub failed: Vec<u64>,
    /// Virtual time, in milliseconds.
    pub simulated_ms: u64,
    /// Of seeds with real signatures: virtual time and processor time, in milliseconds.
    pub real: (u64, u64),
    /// Of all others.
    pub stubbed: (u64, u64),
    /// Events.
    pub events: u64,
    /// Sales acknowledged.
    pub sales: u64,
    /// Frames sent.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Longest time until all agreed, in virtual milliseconds.
    pub converge_ms: u64,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Marks reached.
    pub marks: BTreeMap<Mark, u64>,
    /// What else was seen.
    pub sights: BTreeMap<&'static str, u64>,
}

/// `a / b` with two decimals, in whole numbers.
fn ratio(a: u64, b: u64) -> String {
    let hundredths = a.saturating_mul(100).checked_div(b).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

impl Totals {
    /// Adds a seed that took `cpu_ms` of processor time.
    pub fn add(&mut self, outcome: &Outcome, cpu_ms: u64) {
        self.seeds += 1;
        if outcome.violation.is_some() {
            self.failed.push(outcome.config.seed);
        }
        self.simulated_ms += outcome.simulated_ms;
        let of = if outcome.config.real_signatures { &mut self.real } else { &mut self.stubbed };
        *of = (of.0 + outcome.simulated_ms, of.1 + cpu_ms);
        self.events += outcome.events;
        self.sales += outcome.sales;
        self.frames += outcome.frames.0;
        self.bytes += outcome.frames.1;
        self.converge_ms = self.converge_ms.max(outcome.converge_ms);
        for (fault, count) in &outcome.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (mark, count) in &outcome.marks {
            *self.marks.entry(*mark).or_default() += count;
        }
        for (sight, count) in &outcome.sights {
            *self.sights.entry(sight).or_default() += count;
        }
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.failed.extend(other.failed);
        self.simulated_ms += other.simulated_ms;
        self.real = (self.real.0 + other.real.0, self.real.1 + other.real.1);
        self.stubbed = (self.stubbed.0 + other.stubbed.0, self.stubbed.1 + other.stubbed.1);
        self.events += other.events;
        self.sales += other.sales;
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.converge_ms = self.converge_ms.max(other.converge_ms);
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (mark, count) in other.marks {
            *self.marks.entry(mark).or_default() += count;
        }
        for (sight, count) in other.sights {
            *self.sights.entry(sight).or_default() += count;
        }
    }

    /// Simulated hours.
    pub const fn hours(&self) -> u64 {
        self.simulated_ms / 3_600_000
    }

    /// Faults of all kinds.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Marks that were not reached.
    pub fn unreached(&self) -> Vec<Mark> {
        Mark::ALL.iter().copied().filter(|mark| !self.marks.contains_key(mark)).collect()
    }

    /// The line that shows how far a run is.
    pub fn line(&self) -> String {
        format!(
            "{} seeds, {} simulated hours, {} sales, {} faults, {} of {} marks, {} failed",
            self.seeds,
            self.hours(),
            self.sales,
            self.fault_count(),
            self.marks.len(),
            Mark::ALL.len(),
            self.failed.len()
        )
    }

    /// The page at the end of a run.
    pub fn page(&self) -> String {
        let mut page = vec![
            format!("seeds                {}", self.seeds),
            format!("simulated hours      {}", ratio(self.simulated_ms, 3_600_000)),
            format!("hours a CPU second   {}", ratio(self.stubbed.0, self.stubbed.1 * 3600)),
            format!("  real signatures    {}", ratio(self.real.0, self.real.1 * 3600)),
            format!("events               {}", self.events),
            format!("sales acknowledged   {}", self.sales),
            format!("frames               {} ({} MB)", self.frames, self.bytes / 1_000_000),
            format!("slowest agreement    {} ms", self.converge_ms),
            format!("promises broken      {}", self.failed.len()),
            String::new(),
            "faults".to_owned(),
        ];
        page.extend(
            self.faults.iter().map(|(fault, count)| format!("  {count:>9}  {}", fault.name())),
        );
        page.push(String::new());
        page.push(format!("marks reached: {} of {}", self.marks.len(), Mark::ALL.len()));
        page.extend(
            self.marks.iter().map(|(mark, count)| format!("  {count:>9}  {}", mark.text())),
        );
        page.extend(self.unreached().iter().map(|mark| format!("          -  {}", mark.text())));
        page.push(String::new());
        page.push("seen".to_owned());
        page.extend(self.sights.iter().map(|(sight, count)| format!("  {count:>9}  {sight}")));
        page.join("\n")
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        let faults: BTreeMap<&str, u64> =
            self.faults.iter().map(|(fault, count)| (fault.name(), *count)).collect();
        let marks: BTreeMap<&str, u64> =
            self.marks.iter().map(|(mark, count)| (mark.text(), *count)).collect();
        let unreached: Vec<&str> = self.unreached().iter().map(|mark| mark.text()).collect();
        json!({
            "seeds": self.seeds, "failed": self.failed, "simulatedMs": self.simulated_ms,
            "cpuMs": self.stubbed.1 + self.real.1, "stubbedMs": self.stubbed.0,
            "stubbedCpuMs": self.stubbed.1, "realMs": self.real.0, "realCpuMs": self.real.1,
            "events": self.events, "sales": self.sales, "frames": self.frames,
            "bytes": self.bytes, "slowestAgreementMs": self.converge_ms, "faults": faults,
            "marks": marks, "unreached": unreached, "sights": self.sights,
        })
    }
}
