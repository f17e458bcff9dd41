//! What happened: the last events in words, and a hash over all of them.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::limits::TRACE_EVENTS_KEPT;

/// The trace of a run.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    last: VecDeque<String>,
    events: u64,
    line: String,
    aloud: bool,
}

impl Trace {
    /// An empty trace. `aloud` says every event on standard error as it happens.
    pub fn new(aloud: bool) -> Self {
        let hasher = blake3::Hasher::new_derive_key("tillmesh simulator trace v1");
        Self { hasher, last: VecDeque::new(), events: 0, line: String::new(), aloud }
    }

    /// Notes an event.
    pub fn note(&mut self, now: u64, what: core::fmt::Arguments<'_>) {
        self.line.clear();
        let (hours, minutes) = (now / 3_600_000, now / 60_000 % 60);
        let (seconds, millis) = (now / 1000 % 60, now % 1000);
        // Writing to a string never fails.
        let _never = write!(self.line, "{hours:02}:{minutes:02}:{seconds:02}.{millis:03} {what}");
        self.hasher.update(self.line.as_bytes()).update(b"\n");
        self.events = self.events.saturating_add(1);
        if self.aloud {
            self.say();
        }
        if self.last.len() >= TRACE_EVENTS_KEPT {
            if let Some(mut oldest) = self.last.pop_front() {
                core::mem::swap(&mut oldest, &mut self.line);
                self.last.push_back(oldest);
            }
        } else {
            self.last.push_back(self.line.clone());
        }
    }

    /// Takes bytes into the hash alone.
    pub fn absorb(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Events so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The last events, oldest first.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// The hash of everything so far, in hexadecimal.
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().as_str().chars().take(32).collect()
    }

    #[expect(clippy::print_stderr, reason = "asked for on the command line, to watch one seed")]
    fn say(&self) {
        eprintln!("{}", self.line);
    }
}
