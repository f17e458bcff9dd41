//! The real `tillmesh-hub` binary: a hub in a folder of its own, asked over HTTP.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::store::{invite, let_in};
use crate::tillmesh::{Running, Till, TillmeshError, hub_binary, spawn};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A hub.
#[derive(Debug)]
pub struct Hub {
    folder: TempDir,
    running: Option<Running>,
    http: String,
    token: String,
}

fn failed(doing: &str) -> impl FnOnce(std::io::Error) -> TillmeshError {
    move |error| TillmeshError::System { doing: doing.to_owned(), cause: error.to_string() }
}

impl Hub {
    /// A hub that has no store.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn new() -> Result<Self, TillmeshError> {
        let folder = tempfile::Builder::new()
            .prefix("tillmesh-hub-")
            .tempdir()
            .map_err(failed("making a temporary folder"))?;
        Ok(Self { folder, running: None, http: String::new(), token: String::new() })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command to its end; gives what it printed.
    ///
    /// # Errors
    /// [`TillmeshError`], with its words if it fails.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = A>,
    ) -> Result<String, TillmeshError> {
        let output = self.command(words)?.output().map_err(failed("running tillmesh-hub"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(TillmeshError::Failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Comes into the store of a manager's till, which runs or not.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn join(&self, till: &Till, shop: &str) -> Result<(), TillmeshError> {
        let (pairing, invitation) = invite(till, shop)?;
        self.run(["join", &invitation, "--loopback", "--no-discovery", "--json"])?;
        let_in(pairing)
    }

    /// What each store comes to, by a hub that does not serve.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn report(&self) -> Result<Value, TillmeshError> {
        let text = self.run(["report", "--json"])?;
        serde_json::from_str(&text).map_err(|error| TillmeshError::NotJson {
            command: "tillmesh-hub report".to_owned(),
            cause: error.to_string(),
            stdout: text,
        })
    }

    /// Starts serving; returns when it answers.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn serve(&mut self, how: &[&str]) -> Result<(), TillmeshError> {
        let words = ["serve", "--http", "127.0.0.1:0", "--loopback", "--no-discovery", "--json"];
        let words = words.iter().chain(how);
        let mut running = spawn(self.command(words)?)?;
        let line = running.next_line()?.unwrap_or_default();
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let http = said.pointer("/serving/http").and_then(Value::as_str).map(str::to_owned);
        let silent = || TillmeshError::Failed(format!("the hub did not start, it said: {line}"));
        self.http = http.ok_or_else(silent)?;
        running.ignore_output();
        self.running = Some(running);
        let token = self.run(["token", "--all-stores", "--for", "a suite"])?;
        token.trim().clone_into(&mut self.token);
        Ok(())
    }

    /// What it answers at a path.
    ///
    /// # Errors
    /// [`TillmeshError`], for every status but 200 too.
    pub fn get(&self, path: &str) -> Result<Value, TillmeshError> {
        let text = self.get_text(path)?;
        serde_json::from_str(&text).map_err(|error| TillmeshError::NotJson {
            command: path.to_owned(),
            cause: error.to_string(),
            stdout: text,
        })
    }

    /// As [`Self::get`], for a page.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_text(&self, path: &str) -> Result<String, TillmeshError> {
        let ask = failed("asking the hub");
        let answer = (|| {
            let mut stream = TcpStream::connect(&self.http)?;
            stream.set_read_timeout(Some(ANSWER))?;
            let (http, token) = (&self.http, &self.token);
            // Of version 1.0: no pieces, and the end of the connection ends the answer.
            write!(
                stream,
                "GET {path} HTTP/1.0\r\nHost: {http}\r\nAuthorization: Bearer {token}\r\n\r\n"
            )?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        })()
        .map_err(ask)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
            _ => Err(TillmeshError::Failed(format!("{path} was answered {answer}"))),
        }
    }

    /// Where tills and other hubs find it for a store.
    ///
    /// # Errors
    /// [`TillmeshError::System`] if it has never served the store.
    pub fn address(&self, store: &str) -> Result<String, TillmeshError> {
        let file = self.folder().join("stores").join(store).join("files/port");
        let port = fs::read_to_string(file).map_err(failed("reading the hub's port"))?;
        Ok(format!("127.0.0.1:{port}"))
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

    /// Kills it where it stands.
    ///
    /// # Errors
    /// [`TillmeshError`].
    pub fn kill(&mut self) -> Result<(), TillmeshError> {
        match self.running.take() {
            Some(mut running) => running.kill().map(drop),
            None => Ok(()),
        }
    }

    fn command<A: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = A>,
    ) -> Result<Command, TillmeshError> {
        let mut command = Command::new(hub_binary()?);
        command.arg("--hub").arg(self.folder()).args(words).stdin(Stdio::null());
        Ok(command)
    }
}
