//! The processes of the demo: tills that run, and the commands typed at them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::ask;

/// How long a till may take to start, to come in, to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a replay says.
#[derive(Debug)]
pub(super) enum Line {
    /// A line of JSON of the till with this index.
    Said(usize, Value),
    /// Its replay has ended; whether as it should.
    Ended(usize, bool),
}

/// How a till is put on the network.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) peers: Vec<String>,
    pub(super) discovery: bool,
    pub(super) only_peers: bool,
    /// After how many seconds, and for how many, it is cut off.
    pub(super) cut_off: Option<(u64, u64)>,
}

/// A till: its folder, and its process while it runs.
#[derive(Debug)]
pub(super) struct Till {
    program: PathBuf,
    above: PathBuf,
    number: usize,
    of: usize,
    setting: Option<Setting>,
    address: String,
    running: Option<Child>,
}

impl Drop for Till {
    /// A demo that ends early leaves no till behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Till {
    /// The first till, with a new store.
    pub(super) fn found(program: &Path, above: &Path, of: usize) -> Result<Self, String> {
        let till = Self::new(program, above, 1, of);
        fs::create_dir_all(above).map_err(|error| format!("{}: {error}", above.display()))?;
        let what = [
            "init",
            "--name",
            "Online Retail",
            "--currency",
            "GBP",
            "--country",
            "GB",
            "--time-zone",
            "Europe/London",
        ];
        said(ask(program, &till.folder(), &what)?)?;
        Ok(till)
    }

    fn new(program: &Path, above: &Path, number: usize, of: usize) -> Self {
        let (program, above) = (program.to_owned(), above.to_owned());
        let (setting, address, running) = (None, String::new(), None);
        Self { program, above, number, of, setting, address, running }
    }

    pub(super) fn name(&self) -> String {
        format!("till-{}", self.number)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.above.join(self.name())
    }

    /// Where others dial it.
    pub(super) fn address(&self) -> String {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        format!("127.0.0.1:{port}")
    }

    fn command(&self, what: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--store").arg(self.folder()).arg("--json").args(what);
        command.stdin(Stdio::null());
        command
    }

    /// Starts it; returns when it listens.
    pub(super) fn start(&mut self, setting: &Setting) -> Result<(), String> {
        let mut command = self.command(&["--quiet", "run", "--loopback"]);
        // A till that is started again listens where the others know it.
        if !self.address.is_empty() {
            command.args(["--listen", &self.address]);
        }
        if !setting.discovery {
            command.arg("--no-discovery");
        }
        if setting.only_peers {
            command.arg("--only-peers");
        }
        for peer in &setting.peers {
            command.args(["--peer", peer]);
        }
        if let Some((after, seconds)) = setting.cut_off {
            command.args(["--cut-off", &after.to_string(), &seconds.to_string()]);
        }
        let mut child = spawn(&mut command)?;
        let mut lines = output(&mut child)?.lines();
        let first = lines.next().transpose().map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(&first.unwrap_or_default())
            .map_err(|_no_json| format!("{} did not start", self.name()))?;
        said(value.clone())?;
        value["running"]["address"].as_str().unwrap_or_default().clone_into(&mut self.address);
        self.setting = Some(setting.clone());
        self.running = Some(child);
        // Whoever writes into a full pipe stops.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(())
    }

    /// Lets another device in, as two people at two screens would.
    pub(super) fn let_in(&self, number: usize) -> Result<Self, String> {
        let till = Self::new(&self.program, &self.above, number, self.of);
        let mut pairing = spawn(&mut self.command(&["pair", "--let-in", "--loopback"]))?;
        let mut lines = output(&mut pairing)?.lines();
        let first = lines.next().transpose().map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(&first.unwrap_or_default())
            .map_err(|error| format!("pairing: {error}"))?;
        let invitation = value["invitation"].as_str().ok_or("pairing: no invitation")?;
        let name = format!("Till {number}");
        let what = ["join", invitation, "--loopback", "--name", &name];
        said(ask(&self.program, &till.folder(), &what)?)?;
        for line in lines.map_while(Result::ok) {
            said(serde_json::from_str(&line).unwrap_or_default())?;
        }
        drop(pairing.wait());
        Ok(till)
    }

    /// Has it ring up its share of a file. What it says comes as [`Line`]s.
    pub(super) fn replay(
        &self,
        file: &Path,
        from: Option<&str>,
        to: Option<&str>,
        sender: &Sender<Line>,
    ) -> Result<(), String> {
        let mut command = self.command(&["--quiet", "replay"]);
        command.arg(file).arg("--share").arg(format!("{}/{}", self.number, self.of));
        if self.number == 1 {
            command.arg("--measure-floor");
        }
        for (name, value) in [("--from", from), ("--to", to)] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        let mut child = spawn(command.stderr(Stdio::null()))?;
        let lines = output(&mut child)?.lines();
        let (sender, index) = (sender.clone(), self.number - 1);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send(Line::Said(index, value)).is_err()
                {
                    break;
                }
            }
            let sound = child.wait().is_ok_and(|status| status.success());
            drop(sender.send(Line::Ended(index, sound)));
        });
        Ok(())
    }

    /// Kills its process where it stands.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait().map(drop)).map_err(|error| error.to_string())
    }

    /// Starts it again as it was.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        let setting = self.setting.clone().ok_or("a till that never ran")?;
        self.start(&Setting { cut_off: None, ..setting })
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        let pid = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        asked.map_err(|error| format!("kill: {error}"))?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        drop(child.kill());
        Err(format!("{} did not stop when it was asked to", self.name()))
    }

    /// What it says of itself, running or not.
    pub(super) fn status(&self) -> Result<Value, String> {
        self.ask(&["status"])
    }

    /// What it answers.
    pub(super) fn ask(&self, what: &[&str]) -> Result<Value, String> {
        said(ask(&self.program, &self.folder(), what)?)
    }
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{program}: {error}"))
}

fn output(child: &mut Child) -> Result<BufReader<ChildStdout>, String> {
    child.stdout.take().map(BufReader::new).ok_or_else(|| "no output".to_owned())
}

/// An answer, unless it is an error.
fn said(value: Value) -> Result<Value, String> {
    match value["error"]["message"].as_str() {
        Some(message) => Err(message.to_owned()),
        None => Ok(value),
    }
}
