//! Two tills in network namespaces of their own, and the relay between them in a third: real QUIC over
//! a road whose weather a test makes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::tillmesh::TillmeshError;

/// Where the first till listens, and where it is.
pub const FIRST: &str = "10.99.1.2:7000";
/// Where the relay is dialled.
pub const RELAY: &str = "10.99.2.1:4000";

fn failed(why: impl Into<String>) -> TillmeshError {
    TillmeshError::Failed(why.into())
}

/// Runs a command to its end.
fn ran(words: &[&str]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", words.join(" "), complaint.trim()))
}

/// Three namespaces: `first` - relay - `second`. They go with the value.
#[derive(Debug)]
pub struct Lab {
    names: [String; 3],
}

impl Lab {
    /// Makes them.
    ///
    /// # Errors
    /// Why they cannot be made here: the reason to skip.
    pub fn new() -> Result<Self, String> {
        let name = |what: &str| format!("tm{}{what}", std::process::id());
        let lab = Self { names: ["a", "r", "b"].map(name) };
        let [first, relay, second] = &lab.names;
        for namespace in &lab.names {
            ran(&["ip", "netns", "add", namespace])?;
            ran(&["ip", "-n", namespace, "link", "set", "lo", "up"])?;
        }
        for (namespace, net) in [(first, 1), (second, 2)] {
            let (near, far) = (format!("{namespace}n"), format!("{namespace}f"));
            let add = ["ip", "link", "add", &near, "netns", namespace, "type", "veth"];
            ran(&[&add[..], &["peer", "name", &far, "netns", relay]].concat())?;
            let (host, gate) = (format!("10.99.{net}.2/24"), format!("10.99.{net}.1/24"));
            for (of, link, address) in [(namespace, &near, &host), (relay, &far, &gate)] {
                ran(&["ip", "-n", of, "addr", "add", address, "dev", link])?;
                ran(&["ip", "-n", of, "link", "set", link, "up"])?;
            }
        }
        Ok(lab)
    }

    /// The namespace of the first till, of the relay, of the second till.
    pub const fn names(&self) -> &[String; 3] {
        &self.names
    }

    /// Longest packet on all roads, in bytes.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn set_mtu(&self, bytes: u32) -> Result<(), TillmeshError> {
        let [first, relay, second] = &self.names;
        for namespace in [first, second] {
            for (of, end) in [(namespace, "n"), (relay, "f")] {
                let (link, bytes) = (format!("{namespace}{end}"), bytes.to_string());
                ran(&["ip", "-n", of, "link", "set", &link, "mtu", &bytes]).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Whether the kernel has netem; told, not used: the relay makes the same weather everywhere.
    pub fn has_netem(&self) -> Result<(), String> {
        let [first, ..] = &self.names;
        let tc = ["ip", "netns", "exec", first, "tc", "qdisc", "add", "dev", "lo", "root"];
        ran(&[&tc[..], &["netem", "delay", "1ms"]].concat())
    }

    /// Starts the relay.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn relay(&self, program: &str, seed: u64) -> Result<Road, TillmeshError> {
        let [_, relay, _] = &self.names;
        let mut child = Command::new("ip")
            .args(["netns", "exec", relay, program, "--listen", RELAY, "--to", FIRST])
            .args(["--seed", &seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("the relay did not start: {error}")))?;
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut road = Road { child, input, output };
        match road.line().as_str() {
            "ready" => Ok(road),
            other => Err(failed(format!("the relay said {other:?}"))),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in &self.names {
            // One that was never made is none to take away.
            drop(ran(&["ip", "netns", "del", namespace]));
        }
    }
}

/// The relay, running. It ends with the value.
#[derive(Debug)]
pub struct Road {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Road {
    fn line(&mut self) -> String {
        let mut line = String::new();
        if let Some(output) = &mut self.output {
            // What cannot be read is nothing said.
            drop(output.read_line(&mut line));
        }
        line.trim().to_owned()
    }

    /// From now on this weather (see [`crate::relay::Weather::parse`]), or `rebind`. Gives what became
    /// of the datagrams so far.
    ///
    /// # Errors
    /// Where the relay has ended.
    pub fn tell(&mut self, weather: &str) -> Result<String, TillmeshError> {
        let input = self.input.as_mut().ok_or_else(|| failed("the relay has ended"))?;
        writeln!(input, "{weather}").map_err(|error| failed(format!("the relay: {error}")))?;
        Ok(self.line())
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
