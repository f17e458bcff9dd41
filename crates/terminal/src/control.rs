//! Commands for a till that runs: whoever types one in another window is answered by the process that
//! has the folder open.
//!
//! A socket in the till's folder takes one command a connection, as lines of JSON:
//! `{"arguments": [...], "folder": "where it was typed"}`, answered by any number of
//! `{"out": text}` and `{"note": text}` and one `{"exit": code}`. After
//! `"ask"` whoever typed the command sends lines in answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::output::{self, Listener};

const SOCKET: &str = "control.sock";
/// Longest command, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// Commands that wait for the one that is carried out.
const WAITING_MAX: usize = 32;
/// How long whoever asked may take to read a line of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A command line typed somewhere else.
#[derive(Debug, Serialize, Deserialize)]
struct Typed {
    arguments: Vec<String>,
    folder: PathBuf,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Out(String),
    Note(String),
    /// Whoever typed the command is to answer with a line.
    Ask,
    Exit(u8),
}

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Request {
    /// What was typed, without the program's name.
    pub arguments: Vec<String>,
    /// The folder it was typed in: file names are meant from there.
    pub folder: PathBuf,
    stream: UnixStream,
}

impl Request {
    /// Where the answer goes.
    pub fn listener(&self) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(Remote(self.stream.try_clone()?)))
    }

    /// The lines that are typed in answer from now on, as they come.
    pub fn answers(&self) -> io::Result<Receiver<String>> {
        let mut stream = self.stream.try_clone()?;
        write_said(&mut stream, &Said::Ask)?;
        stream.set_read_timeout(None)?;
        lines_of(BufReader::new(stream))
    }

    /// Ends the answer.
    pub fn exit(mut self, code: u8) {
        // Whoever asked may have gone.
        drop(write_said(&mut self.stream, &Said::Exit(code)));
    }
}

struct Remote(UnixStream);

impl Listener for Remote {
    fn said(&mut self, text: &str, remark: bool) -> io::Result<()> {
        let text = text.to_owned();
        write_said(&mut self.0, &if remark { Said::Note(text) } else { Said::Out(text) })
    }
}

fn write_said(stream: &mut UnixStream, said: &Said) -> io::Result<()> {
    let line = serde_json::to_string(said).map_err(io::Error::other)?;
    output::write_line(stream, &line)
}

/// The socket of a running till. It is removed with this value.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    requests: Receiver<Request>,
}

impl Control {
    /// Listens in `folder`; `nudge` is called when a command has come.
    pub fn listen(folder: &Path, nudge: impl Fn() + Send + 'static) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        // The folder is this process' alone: a socket in it is a dead one's.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (sender, requests) = sync_channel(WAITING_MAX);
        std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(request) = read_request(stream) else { continue };
                if !pass_on(&sender, request) {
                    return;
                }
                nudge();
            }
        })?;
        Ok(Self { path, requests })
    }

    /// The next command, if one waits.
    pub fn next(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A socket that stays behind is removed by the next start.
        drop(std::fs::remove_file(&self.path));
    }
}

fn pass_on(sender: &SyncSender<Request>, request: Request) -> bool {
    sender.send(request).is_ok()
}

/// Sends what is typed here to the till that asks.
fn pass_answers_on(mut stream: UnixStream) -> io::Result<()> {
    std::thread::Builder::new().name("answers".to_owned()).spawn(move || {
        let mut line = String::new();
        while io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if stream.write_all(std::mem::take(&mut line).as_bytes()).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn read_request(stream: UnixStream) -> io::Result<Request> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(REQUEST_BYTES_MAX)).read_line(&mut line)?;
    let Typed { arguments, folder } = serde_json::from_str(&line).map_err(io::Error::other)?;
    Ok(Request { arguments, folder, stream })
}

/// Lines as they are typed, read by a thread of its own.
pub fn lines_of(mut from: impl BufRead + Send + 'static) -> io::Result<Receiver<String>> {
    let (sender, lines) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("answers".to_owned()).spawn(move || {
        let mut line = String::new();
        while from.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// Has a command carried out by the till that runs in `folder`; `None` where none does.
pub fn ask(folder: &Path, arguments: Vec<String>) -> Option<io::Result<u8>> {
    let stream = UnixStream::connect(folder.join(SOCKET)).ok()?;
    Some(converse(stream, arguments))
}

fn converse(mut stream: UnixStream, arguments: Vec<String>) -> io::Result<u8> {
    let typed = Typed { arguments, folder: std::env::current_dir()? };
    let line = serde_json::to_string(&typed).map_err(io::Error::other)?;
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\n")?;
    let answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?).map_err(io::Error::other)? {
            Said::Out(text) => output::write_line(&mut io::stdout().lock(), &text)?,
            Said::Note(text) => output::complain(&text),
            Said::Ask => pass_answers_on(answers.try_clone()?)?,
            Said::Exit(code) => return Ok(code),
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the till has stopped in the middle of it"))
}
