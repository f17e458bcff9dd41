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

/// The place of a till among all of the demo, each counted from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post {
    pub(super) store: usize,
    pub(super) stores: usize,
    pub(super) till: usize,
    pub(super) tills: usize,
}

impl Post {
    /// What people call it: `1`, and `2.1` where there are several stores.
    pub(super) fn label(self) -> String {
        if self.stores == 1 {
            self.till.to_string()
        } else {
            format!("{}.{}", self.store, self.till)
        }
    }

    fn store_name(self) -> String {
        let one = self.stores == 1;
        if one { "Online Retail".to_owned() } else { format!("Online Retail {}", self.store) }
    }
}

/// What is rung up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invoices<'a> {
    pub(super) file: &'a Path,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
}

/// A till: its folder, and its process while it runs.
#[derive(Debug)]
pub(super) struct Till {
    program: PathBuf,
    above: PathBuf,
    post: Post,
    index: usize,
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
    /// The first till of a store, which it founds. `index` is its place among all tills.
    pub(super) fn found(
        program: &Path,
        above: &Path,
        post: Post,
        index: usize,
    ) -> Result<Self, String> {
        let till = Self::new(program, above, post, index);
        let folder = till.folder();
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let what = [
            "init",
            "--name",
            &post.store_name(),
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

    fn new(program: &Path, above: &Path, post: Post, index: usize) -> Self {
        let (program, above) = (program.to_owned(), above.to_owned());
        let (setting, address, running) = (None, String::new(), None);
        Self { program, above, post, index, setting, address, running }
    }

    pub(super) const fn post(&self) -> Post {
        self.post
    }

    pub(super) fn name(&self) -> String {
        format!("till {}", self.post.label())
    }

    pub(super) fn folder(&self) -> PathBuf {
        let till = format!("till-{}", self.post.till);
        if self.post.stores == 1 {
            return self.above.join(till);
        }
        self.above.join(format!("store-{}", self.post.store)).join(till)
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

    /// Lets another till in, as two people at two screens would.
    pub(super) fn let_in(&self, number: usize, index: usize) -> Result<Self, String> {
        let post = Post { till: number, ..self.post };
        let till = Self::new(&self.program, &self.above, post, index);
        self.let_in_by(|invitation| {
            let name = format!("Till {number}");
            let what = ["join", invitation, "--loopback", "--name", &name];
            said(ask(&self.program, &till.folder(), &what)?)
        })?;
        Ok(till)
    }

    /// Lets in a device that comes by `join`, which is told the invitation.
    pub(super) fn let_in_by(
        &self,
        join: impl FnOnce(&str) -> Result<Value, String>,
    ) -> Result<(), String> {
        let mut pairing = spawn(&mut self.command(&["pair", "--let-in", "--loopback"]))?;
        let mut lines = output(&mut pairing)?.lines();
        let first = lines.next().transpose().map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(&first.unwrap_or_default())
            .map_err(|error| format!("pairing: {error}"))?;
        let invitation = value["invitation"].as_str().ok_or("pairing: no invitation")?;
        join(invitation)?;
        for line in lines.map_while(Result::ok) {
            said(serde_json::from_str(&line).unwrap_or_default())?;
        }
        drop(pairing.wait());
        Ok(())
    }

    /// Has it ring up its share of a file. What it says comes as [`Line`]s.
    pub(super) fn replay(&self, what: Invoices<'_>, sender: &Sender<Line>) -> Result<(), String> {
        let Post { store, stores, till, tills } = self.post;
        let mut command = self.command(&["--quiet", "replay"]);
        command.arg(what.file).arg("--share").arg(format!("{till}/{tills}"));
        command.arg("--countries").arg(format!("{store}/{stores}"));
        if (store, till) == (1, 1) {
            command.arg("--measure-floor");
        }
        for (name, value) in [("--from", what.from), ("--to", what.to)] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        let mut child = spawn(command.stderr(Stdio::null()))?;
        let lines = output(&mut child)?.lines();
        let (sender, index) = (sender.clone(), self.index);
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
        let name = self.name();
        self.running.take().map_or(Ok(()), |child| stop(child, &name))
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

/// Asks a process to stop, and waits until it has.
pub(super) fn stop(mut child: Child, name: &str) -> Result<(), String> {
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
    Err(format!("{name} did not stop when it was asked to"))
}

pub(super) fn spawn(command: &mut Command) -> Result<Child, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{program}: {error}"))
}

pub(super) fn output(child: &mut Child) -> Result<BufReader<ChildStdout>, String> {
    child.stdout.take().map(BufReader::new).ok_or_else(|| "no output".to_owned())
}

/// An answer, unless it is an error.
pub(super) fn said(value: Value) -> Result<Value, String> {
    match value["error"]["message"].as_str() {
        Some(message) => Err(message.to_owned()),
        None => Ok(value),
    }
}
