//! The real `tillmesh` binary, as a user has it: built once, run in a folder of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use thiserror::Error;

/// Why the binary could not be built or did not do what the suite asked.
#[derive(Debug, Clone, Error)]
pub enum TillmeshError {
    /// `cargo build` failed, or named no executable.
    #[error("the binary tillmesh could not be built: {0}")]
    Build(String),
    /// The operating system refused a folder, a process or a pipe.
    #[error("{doing}: {cause}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system said.
        cause: String,
    },
    /// The command ended with a failure the suite did not expect.
    #[error("{0}")]
    Failed(String),
    /// The command's output is not the JSON it was asked for.
    #[error("{command} printed no valid JSON ({cause}):\n{stdout}")]
    NotJson {
        /// The command line.
        command: String,
        /// What the parser said.
        cause: String,
        /// What the command printed.
        stdout: String,
    },
}

fn system(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> TillmeshError {
    let doing = doing.into();
    move |error| TillmeshError::System { doing, cause: error.to_string() }
}

/// The root of the repository.
pub fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Where the binary lies. The first call builds it, with the features it ships with, in the profile
/// the suite itself was built in; cargo does nothing when it is fresh.
///
/// # Errors
/// [`TillmeshError::Build`] with the compiler's words.
pub fn binary() -> Result<&'static Path, TillmeshError> {
    static BINARY: OnceLock<Result<PathBuf, TillmeshError>> = OnceLock::new();
    match BINARY.get_or_init(|| build("terminal", "tillmesh")) {
        Ok(path) => Ok(path),
        Err(error) => Err(error.clone()),
    }
}

/// Where the binary `tillmesh-hub` lies; built as [`binary`] is.
///
/// # Errors
/// [`TillmeshError::Build`] with the compiler's words.
pub fn hub_binary() -> Result<&'static Path, TillmeshError> {
    static BINARY: OnceLock<Result<PathBuf, TillmeshError>> = OnceLock::new();
    match BINARY.get_or_init(|| build("hub", "tillmesh-hub")) {
        Ok(path) => Ok(path),
        Err(error) => Err(error.clone()),
    }
}

fn build(package: &str, name: &str) -> Result<PathBuf, TillmeshError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace_root())
        .args(["build", "--quiet", "--package", package, "--bin", name])
        .arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().map_err(system("starting cargo"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(TillmeshError::Build(words));
    }
    executable_in(&String::from_utf8_lossy(&output.stdout), name)
        .ok_or_else(|| TillmeshError::Build("cargo named no executable".to_owned()))
}

/// The executable that cargo's messages, one JSON object a line, name for the target `name`.
fn executable_in(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

/// An empty folder to run the binary in. It is removed with the value.
#[derive(Debug)]
pub struct Till {
    folder: TempDir,
}

impl Till {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`TillmeshError::System`].
    pub fn new() -> Result<Self, TillmeshError> {
        let folder = tempfile::Builder::new()
            .prefix("tillmesh-")
            .tempdir()
            .map_err(system("making a temporary folder"))?;
        Ok(Self { folder })
    }

    /// The folder, which is also the working directory of what runs in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the binary to its end.
    ///
    /// # Errors
    /// [`TillmeshError::Build`] and [`TillmeshError::System`]; an exit code other than 0 is not an
    /// error here, see [`Run::succeeded`].
    pub fn run<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Run, TillmeshError> {
        let mut command = self.command(args)?;
        let line = command_line(&command);
        let output = command.output().map_err(system(format!("running {line}")))?;
        Ok(Run {
            command: line,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// As [`Till::run`], with something on standard input.
    ///
    /// # Errors
    /// As [`Till::run`].
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<Run, TillmeshError> {
        let mut command = self.command(args)?;
        let line = command_line(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(system(format!("starting {line}")))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that refuses before it reads has closed its end.
            drop(stdin.write_all(input.as_bytes()));
        }
        let output = child.wait_with_output().map_err(system(format!("running {line}")))?;
        Ok(Run {
            command: line,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts the binary and leaves it running, its standard output readable line by line.
    ///
    /// # Errors
    /// [`TillmeshError::Build`] and [`TillmeshError::System`].
    pub fn start<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Running, TillmeshError> {
        spawn(self.command(args)?)
    }

    /// As [`Till::start`], in a network namespace.
    ///
    /// # Errors
    /// As [`Till::start`].
    pub fn start_in<A: AsRef<OsStr>>(
        &self,
        namespace: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Running, TillmeshError> {
        // `ip` becomes the program, so that a signal reaches it.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(binary()?);
        spawn(self.dressed(command, args))
    }

    fn command<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Command, TillmeshError> {
        Ok(self.dressed(Command::new(binary()?), args))
    }

    fn dressed<A: AsRef<OsStr>>(
        &self,
        mut command: Command,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        command
            .args(args)
            .current_dir(self.folder())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
        command
    }
}

pub(crate) fn spawn(mut command: Command) -> Result<Running, TillmeshError> {
    let line = command_line(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(system(format!("starting {line}")))?;
    let lines = child.stdout.take().map(BufReader::new);
    Ok(Running { child, lines })
}

fn command_line(command: &Command) -> String {
    command.get_args().fold("tillmesh".to_owned(), |mut line, arg| {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
        line
    })
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Run {
    /// The run itself, where the exit code is 0.
    ///
    /// # Errors
    /// [`TillmeshError::Failed`] with all that the command printed.
    pub fn succeeded(self) -> Result<Self, TillmeshError> {
        if self.status.success() {
            return Ok(self);
        }
        let Self { command, status, stdout, stderr } = self;
        Err(TillmeshError::Failed(format!(
            "{command} ended with {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )))
    }

    /// Standard output as one JSON value.
    ///
    /// # Errors
    /// [`TillmeshError::NotJson`].
    pub fn json(&self) -> Result<Value, TillmeshError> {
        self.parse(&self.stdout)
    }

    /// Standard output as JSON values, one a line.
    ///
    /// # Errors
    /// [`TillmeshError::NotJson`].
    pub fn json_lines(&self) -> Result<Vec<Value>, TillmeshError> {
        let lines = self.stdout.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| self.parse(line)).collect()
    }

    fn parse(&self, text: &str) -> Result<Value, TillmeshError> {
        serde_json::from_str(text).map_err(|error| TillmeshError::NotJson {
            command: self.command.clone(),
            cause: error.to_string(),
            stdout: self.stdout.clone(),
        })
    }
}

/// A command that is still running. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// The next line it prints, without its end; `None` when it has closed its output.
    ///
    /// # Errors
    /// [`TillmeshError::System`].
    pub fn next_line(&mut self) -> Result<Option<String>, TillmeshError> {
        let Some(lines) = &mut self.lines else { return Ok(None) };
        let mut line = String::new();
        let read = lines.read_line(&mut line).map_err(system("reading from tillmesh"))?;
        Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Ends it as a power cut would: at once (SIGKILL on Unix), without a word to it. Lines it had
    /// printed before can still be read.
    ///
    /// # Errors
    /// [`TillmeshError::System`].
    pub fn kill(&mut self) -> Result<ExitStatus, TillmeshError> {
        self.child.kill().map_err(system("killing tillmesh"))?;
        self.wait()
    }

    /// Asks it to stop in order (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// [`TillmeshError::System`].
    pub fn stop(&mut self) -> Result<ExitStatus, TillmeshError> {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        asked.map_err(system("asking tillmesh to stop"))?;
        self.wait()
    }

    /// Reads and drops what it prints from now on: whoever writes into a full pipe stops.
    pub fn ignore_output(&mut self) {
        if let Some(lines) = self.lines.take() {
            std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`TillmeshError::System`].
    pub fn wait(&mut self) -> Result<ExitStatus, TillmeshError> {
        self.child.wait().map_err(system("waiting for tillmesh"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended by itself, which makes both calls fail: nothing to undo then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_messages_name_the_executable() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"replica"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"tillmesh"},"executable":"x/till"}"#,
        );
        assert_eq!(executable_in(messages, "tillmesh"), Some(PathBuf::from("x/till")));
        assert_eq!(
            executable_in(r#"{"reason":"build-finished","success":true}"#, "tillmesh"),
            None
        );
    }

    #[test]
    fn the_real_binary_is_built_and_runs() {
        let till = Till::new().unwrap();
        assert!(binary().unwrap().is_file());
        let run = till.run(["--help"]).unwrap().succeeded().unwrap();
        assert_eq!(run.command, "tillmesh --help");
    }

    #[test]
    fn a_running_command_can_be_killed_and_its_output_ends() {
        let till = Till::new().unwrap();
        let mut running = till.start(["--help"]).unwrap();
        while running.next_line().unwrap().is_some() {}
        running.wait().unwrap();
        assert_eq!(running.next_line().unwrap(), None);
    }
}
