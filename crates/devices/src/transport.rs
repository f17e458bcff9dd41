//! What takes a printer's bytes: its network socket, a device file, a file.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::CONNECT_MAX;

/// A printer that can be connected to. Most take one connection at a time and keep all others waiting,
/// so one is made for each paper and given back.
pub trait Printer: fmt::Debug + Send {
    /// Connects.
    fn connect(&mut self) -> io::Result<Box<dyn Connection>>;

    /// What a cashier knows it by: an address, a file.
    fn name(&self) -> String;
}

/// A connection to a printer. Dropping it closes it.
pub trait Connection: fmt::Debug + Send {
    /// Sends the first bytes of `bytes`, as many as are taken within about `wait`; zero when none is.
    fn write(&mut self, bytes: &[u8], wait: Duration) -> io::Result<usize>;

    /// Reads what came within `wait`; zero when nothing did. An end is [`ErrorKind::UnexpectedEof`].
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize>;

    /// Makes sure that what was written is on its way.
    fn flush(&mut self) -> io::Result<()>;
}

/// A printer on the network: raw bytes to a port, 9100 as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpPrinter {
    address: String,
}

impl TcpPrinter {
    /// A printer at `host:port`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }
}

impl Printer for TcpPrinter {
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the address leads nowhere");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_MAX) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Box::new(TcpConnection { stream }));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn name(&self) -> String {
        self.address.clone()
    }
}

#[derive(Debug)]
struct TcpConnection {
    stream: TcpStream,
}

/// A socket refuses a timeout of zero.
fn at_least(wait: Duration) -> Duration {
    wait.max(Duration::from_millis(1))
}

/// Nothing within the time is no failure.
fn or_nothing(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        other => other,
    }
}

impl Connection for TcpConnection {
    fn write(&mut self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(at_least(wait)))?;
        or_nothing(self.stream.write(bytes))
    }

    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(at_least(wait)))?;
        match self.stream.read(buffer) {
            Ok(0) if !buffer.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            other => or_nothing(other),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A device file (`/dev/usb/lp0`) or any file: bytes are put behind what is there. It answers
/// nothing, so it needs a profile that expects nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePrinter {
    path: PathBuf,
}

impl FilePrinter {
    /// A printer behind a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Printer for FilePrinter {
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        Ok(Box::new(FileConnection { file }))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[derive(Debug)]
struct FileConnection {
    file: File,
}

impl Connection for FileConnection {
    fn write(&mut self, bytes: &[u8], _wait: Duration) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn read(&mut self, _buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        std::thread::sleep(wait);
        Ok(0)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn a_file_gets_the_bytes_behind_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("paper.bin");
        let mut printer = FilePrinter::new(&path);
        for part in [b"one ", b"two "] {
            let mut connection = printer.connect().unwrap();
            assert_eq!(connection.write(part, SOON).unwrap(), 4);
            connection.flush().unwrap();
            assert_eq!(connection.read(&mut [0; 8], SOON).unwrap(), 0);
        }
        assert_eq!(std::fs::read(path).unwrap(), b"one two ");
    }

    #[test]
    fn a_socket_tells_silence_from_an_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut connection = TcpPrinter::new(&address).connect().unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(connection.read(&mut [0; 8], SOON).unwrap(), 0);
        assert_eq!(connection.write(b"x", SOON).unwrap(), 1);
        let mut got = [0; 1];
        peer.read_exact(&mut got).unwrap();
        drop(peer);
        let end = connection.read(&mut [0; 8], Duration::from_secs(5)).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_socket_whose_peer_takes_nothing_says_so_instead_of_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut connection = TcpPrinter::new(&address).connect().unwrap();
        let _peer = listener.accept().unwrap();
        let block = vec![0; 1 << 20];
        let taken = (0..200).position(|_| connection.write(&block, SOON).unwrap() == 0);
        assert!(taken.is_some());
    }

    #[test]
    fn nobody_at_the_address_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(TcpPrinter::new(address).connect().is_err());
        assert!(TcpPrinter::new("no port").connect().is_err());
    }
}
