//! Several real tills of one store on this machine, each a process with a folder of its own.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tillmesh::{Run, Running, Till, TillmeshError};

/// How long tills may take to find each other or to agree: many times what they need.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two looks at them.
const LOOK: Duration = Duration::from_millis(300);
/// The store's folder in the folder of a till.
const SHOP: &str = "shop";

/// A till of a store.
#[derive(Debug)]
pub struct Member {
    till: Till,
    running: Option<Running>,
    address: Option<String>,
}

impl Member {
    /// The first till, which founds the store.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn found() -> Result<Self, TillmeshError> {
        let member = Self::new()?;
        let words = ["init", "--name", "Corner", "--currency", "GBP", "--country", "GB"];
        member.ask(words)?;
        Ok(member)
    }

    fn new() -> Result<Self, TillmeshError> {
        Ok(Self { till: Till::new()?, running: None, address: None })
    }

    /// Lets another till into the store, as two people at two screens would.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn let_in(&self, name: &str) -> Result<Self, TillmeshError> {
        let newcomer = Self::new()?;
        let (pairing, invitation) = invite(&self.till, SHOP)?;
        newcomer.ask(["join", &invitation, "--loopback", "--name", name])?;
        let_in(pairing)?;
        Ok(newcomer)
    }

    /// The folder it works in.
    pub const fn till(&self) -> &Till {
        &self.till
    }

    /// Starts it; returns when it listens. It takes the address it had before, if it ran before.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn start(&mut self, how: &[&str]) -> Result<(), TillmeshError> {
        let mut words = vec!["--store", SHOP, "--json", "--quiet", "run", "--loopback"];
        if let Some(address) = &self.address {
            words.extend(["--listen", address]);
        }
        words.extend(how);
        let mut running = self.till.start(words)?;
        let line = running.next_line()?.unwrap_or_default();
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = said["running"]["address"].as_str().map(str::to_owned).ok_or_else(|| {
            TillmeshError::Failed(format!("the till did not start, it said: {line}"))
        })?;
        running.ignore_output();
        self.address = Some(address);
        self.running = Some(running);
        Ok(())
    }

    /// Starts it in a network namespace; returns when it listens. Root may.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn start_in(&mut self, namespace: &str, how: &[&str]) -> Result<(), TillmeshError> {
        let words = ["--store", SHOP, "--json", "--quiet", "run"];
        let mut running =
            self.till.start_in(namespace, words.into_iter().chain(how.iter().copied()))?;
        let line = running.next_line()?.unwrap_or_default();
        if !line.contains("running") {
            let why = format!("the till did not start in {namespace}, it said: {line}");
            return Err(TillmeshError::Failed(why));
        }
        running.ignore_output();
        self.running = Some(running);
        Ok(())
    }

    /// Starts it and kills it so long after, whatever it has come to by then.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn start_and_kill(&mut self, how: &[&str], after: Duration) -> Result<(), TillmeshError> {
        let mut words = vec!["--store", SHOP, "--json", "--quiet", "run", "--loopback"];
        if let Some(address) = &self.address {
            words.extend(["--listen", address]);
        }
        words.extend(how);
        let mut running = self.till.start(words)?;
        std::thread::sleep(after);
        running.kill().map(drop)
    }

    /// Types a command at it and does not wait for the answer.
    ///
    /// # Errors
    /// [`TillmeshError::System`]; see [`Till::start`].
    pub fn begin<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Running, TillmeshError> {
        self.till.start(["--store", SHOP, "--json"].into_iter().chain(words))
    }

    /// Where other tills of this machine dial it.
    pub fn address(&self) -> String {
        let bound = self.address.as_deref().unwrap_or_default();
        let port = bound.rsplit(':').next().unwrap_or_default();
        format!("127.0.0.1:{port}")
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn stop(&mut self) -> Result<(), TillmeshError> {
        match self.running.take() {
            Some(mut running) => running.stop().map(drop),
            None => Ok(()),
        }
    }

    /// Kills it where it stands, as a power cut would.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn kill(&mut self) -> Result<(), TillmeshError> {
        match self.running.take() {
            Some(mut running) => running.kill().map(drop),
            None => Ok(()),
        }
    }

    /// A command typed at it, running or not.
    ///
    /// # Errors
    /// [`TillmeshError::System`]; see [`Till::run`].
    pub fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Result<Run, TillmeshError> {
        self.till.run(["--store", SHOP, "--json"].into_iter().chain(words))
    }

    /// What a command that succeeds answers.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn ask<'a>(
        &self,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Value, TillmeshError> {
        self.run(words)?.succeeded()?.json()
    }

    /// How many tills it is connected to.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn peers(&self) -> Result<usize, TillmeshError> {
        let status = self.ask(["status"])?;
        Ok(status.pointer("/network/peers").and_then(Value::as_array).map_or(0, Vec::len))
    }
}

/// Opens a pairing on the manager's till whose store is in `shop`; gives its invitation.
///
/// # Errors
/// [`TillmeshError`].
pub fn invite(till: &Till, shop: &str) -> Result<(Running, String), TillmeshError> {
    let pair = ["--store", shop, "--json", "pair", "--let-in", "--loopback"];
    let mut pairing = till.start(pair)?;
    let line = pairing.next_line()?.unwrap_or_default();
    let said: Value = serde_json::from_str(&line).unwrap_or_default();
    let invitation = said["invitation"].as_str().map(str::to_owned);
    let silent = || TillmeshError::Failed(format!("pair gave no invitation, it said: {line}"));
    Ok((pairing, invitation.ok_or_else(silent)?))
}

/// Waits until the pairing that [`invite`] opened has let a device in.
///
/// # Errors
/// [`TillmeshError::Failed`] if it has not.
pub fn let_in(mut pairing: Running) -> Result<(), TillmeshError> {
    while pairing.next_line()?.is_some() {}
    let ended = pairing.wait()?;
    if ended.success() {
        Ok(())
    } else {
        Err(TillmeshError::Failed(format!("pair ended with {ended}")))
    }
}

/// Looks again and again until something is so.
///
/// # Errors
/// [`TillmeshError::Failed`] when it has not come about in a minute.
pub fn until(
    what: &str,
    mut so: impl FnMut() -> Result<bool, TillmeshError>,
) -> Result<(), TillmeshError> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if so()? {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(TillmeshError::Failed(format!("waited in vain until {what}")))
}

/// Waits until all of them hold and mean the same, and go on doing so longer than a till takes to
/// publish what it sold.
///
/// # Errors
/// [`TillmeshError`].
pub fn agree(members: &[&Member]) -> Result<(), TillmeshError> {
    let mut since: Option<(Value, Instant)> = None;
    until("the tills agree", || {
        let mut digests = Vec::new();
        for member in members {
            digests.push(member.ask(["status"])?["digests"].take());
        }
        let Some(first) = digests.first().cloned() else { return Ok(true) };
        if digests.iter().any(|digest| *digest != first) {
            since = None;
            return Ok(false);
        }
        match &since {
            Some((before, at)) if *before == first => Ok(at.elapsed() > Duration::from_secs(2)),
            _ => {
                since = Some((first, Instant::now()));
                Ok(false)
            }
        }
    })
}
