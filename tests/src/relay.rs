//! A relay of datagrams that loses, delays, repeats, alters and holds them back as a seed says, and
//! that can change the address it speaks from, as a router does after a pause. What netem does where
//! the kernel has it; this one is the same everywhere.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::prng::Prng;

/// Longest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Datagrams on the way at once; more are lost, as in any router.
const ON_THE_WAY_MAX: usize = 4_096;
/// How long the loop sleeps when nothing has come.
const NAP: Duration = Duration::from_micros(200);

/// What happens to datagrams on their way. Chances are out of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Time each takes, in milliseconds.
    pub delay_ms: u64,
    /// More of it, at most, drawn for each: what overtakes what.
    pub jitter_ms: u64,
    /// Lost.
    pub loss: u64,
    /// Sent twice.
    pub duplicate: u64,
    /// With one bit altered.
    pub corrupt: u64,
    /// Nothing reaches whoever is dialled.
    pub cut_there: bool,
    /// Nothing comes back.
    pub cut_back: bool,
}

impl Weather {
    /// Reads `name value` pairs, as the relay is told on its standard input: `delay 50 loss 300`.
    ///
    /// # Errors
    /// The word that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut weather = Self::default();
        let mut words = text.split_whitespace();
        while let Some(name) = words.next() {
            let mut value = || -> Result<u64, String> {
                let word = words.next().unwrap_or_default();
                word.parse().map_err(|error| format!("{name} {word}: {error}"))
            };
            match name {
                "delay" => weather.delay_ms = value()?,
                "jitter" => weather.jitter_ms = value()?,
                "loss" => weather.loss = value()?,
                "duplicate" => weather.duplicate = value()?,
                "corrupt" => weather.corrupt = value()?,
                "cut-there" => weather.cut_there = true,
                "cut-back" => weather.cut_back = true,
                other => return Err(format!("{other} is no weather")),
            }
        }
        Ok(weather)
    }
}

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passed on.
    pub passed: u64,
    /// Lost, those of a cut counted too.
    pub lost: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Altered.
    pub corrupted: u64,
    /// Times the relay took another address.
    pub rebound: u64,
}

#[derive(Debug, Default)]
struct Told {
    weather: Weather,
    rebind: bool,
    counts: Counts,
}

/// Tells a running [`Relay`] what to do. Clones speak to the same one.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Mutex<Told>>);

impl Control {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this weather.
    pub fn set(&self, weather: Weather) {
        self.told().weather = weather;
    }

    /// Speaks to whoever is dialled from other ports from now on.
    pub fn rebind(&self) {
        self.told().rebind = true;
    }

    /// What became of the datagrams so far.
    pub fn counts(&self) -> Counts {
        self.told().counts
    }
}

/// Somebody who dials, and the socket that speaks for them.
#[derive(Debug)]
struct Guest {
    address: SocketAddr,
    socket: UdpSocket,
}

/// On the way: back to a guest, or there from one.
#[derive(Debug)]
struct OnTheWay {
    guest: usize,
    back: bool,
    bytes: Vec<u8>,
}

/// Passes datagrams on between whoever dials it and one address.
#[derive(Debug)]
pub struct Relay {
    listen: UdpSocket,
    to: SocketAddr,
    guests: Vec<Guest>,
    /// By due time and number.
    waiting: BTreeMap<(Instant, u64), OnTheWay>,
    number: u64,
    prng: Prng,
    control: Control,
}

impl Relay {
    /// A relay from `listen` to `to`; every choice comes from `seed`.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub fn new(listen: SocketAddr, to: SocketAddr, seed: u64) -> io::Result<Self> {
        let listen = UdpSocket::bind(listen)?;
        listen.set_nonblocking(true)?;
        let (guests, waiting) = (Vec::new(), BTreeMap::new());
        let (prng, control) = (Prng::new(seed), Control::default());
        Ok(Self { listen, to, guests, waiting, number: 0, prng, control })
    }

    /// What it is told with.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listen.local_addr()
    }

    /// Passes on until `stop` says so.
    ///
    /// # Errors
    /// Where a socket fails for good.
    pub fn run(mut self, stop: &dyn Fn() -> bool) -> io::Result<()> {
        while !stop() {
            if std::mem::take(&mut self.control.told().rebind) {
                self.rebind()?;
            }
            let mut busy = self.take_in()?;
            busy |= self.pass_on();
            if !busy {
                std::thread::sleep(NAP);
            }
        }
        Ok(())
    }

    fn speaker(&self) -> io::Result<UdpSocket> {
        let any: SocketAddr = if self.to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
            .parse()
            .map_err(io::Error::other)?;
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.to)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn rebind(&mut self) -> io::Result<()> {
        for index in 0..self.guests.len() {
            let socket = self.speaker()?;
            if let Some(guest) = self.guests.get_mut(index) {
                guest.socket = socket;
            }
        }
        self.control.told().counts.rebound += 1;
        Ok(())
    }

    /// Takes in what has come on all sockets.
    fn take_in(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let mut any = false;
        while let Some((count, from)) = quiet(self.listen.recv_from(&mut buffer))? {
            any = true;
            let guest =
                if let Some(known) = self.guests.iter().position(|guest| guest.address == from) {
                    known
                } else {
                    let socket = self.speaker()?;
                    self.guests.push(Guest { address: from, socket });
                    self.guests.len() - 1
                };
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            self.send_off(OnTheWay { guest, back: false, bytes });
        }
        for guest in 0..self.guests.len() {
            while let Some(one) = self.guests.get(guest)
                && let Some(count) = quiet(one.socket.recv(&mut buffer))?
            {
                any = true;
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                self.send_off(OnTheWay { guest, back: true, bytes });
            }
        }
        Ok(any)
    }

    /// Decides what becomes of a datagram.
    fn send_off(&mut self, mut datagram: OnTheWay) {
        let weather = self.control.told().weather;
        let cut = if datagram.back { weather.cut_back } else { weather.cut_there };
        // Drawn whatever happens, so that one kind of trouble does not reshuffle the others.
        let mut drawn = |part| self.prng.chance(part, 1_000);
        let (lost, twice, altered) =
            (drawn(weather.loss), drawn(weather.duplicate), drawn(weather.corrupt));
        let mut counts = self.control.told().counts;
        if cut || lost || self.waiting.len() >= ON_THE_WAY_MAX {
            counts.lost += 1;
            self.control.told().counts = counts;
            return;
        }
        if altered && !datagram.bytes.is_empty() {
            let bit = self.prng.below(8);
            let at = self.prng.index(datagram.bytes.len());
            if let Some(byte) = datagram.bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            counts.corrupted += 1;
        }
        if twice {
            counts.duplicated += 1;
            let OnTheWay { guest, back, bytes } = &datagram;
            let copy = OnTheWay { guest: *guest, back: *back, bytes: bytes.clone() };
            self.wait(copy, weather);
        }
        self.control.told().counts = counts;
        self.wait(datagram, weather);
    }

    fn wait(&mut self, datagram: OnTheWay, weather: Weather) {
        let jitter = self.prng.below(weather.jitter_ms.saturating_add(1));
        let due = Instant::now() + Duration::from_millis(weather.delay_ms.saturating_add(jitter));
        self.number += 1;
        self.waiting.insert((due, self.number), datagram);
    }

    /// Sends what is due.
    fn pass_on(&mut self) -> bool {
        let mut any = false;
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= Instant::now()
        {
            any = true;
            let OnTheWay { guest, back, bytes } = entry.remove();
            let Some(guest) = self.guests.get(guest) else { continue };
            let sent = if back {
                self.listen.send_to(&bytes, guest.address)
            } else {
                guest.socket.send(&bytes)
            };
            // A datagram that cannot be sent is lost, as on any road.
            let mut told = self.control.told();
            match sent {
                Ok(_) => told.counts.passed += 1,
                Err(_) => told.counts.lost += 1,
            }
        }
        any
    }
}

/// `None` where nothing has come. A peer that is not there yet is no failure.
fn quiet<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock
                    | ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A relay to an echo of ours: how many of `count` datagrams come back, and how many altered.
    fn echo(weather: Weather, count: u8) -> (usize, usize, Counts) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let to = server.local_addr().unwrap();
        let relay = Relay::new("127.0.0.1:0".parse().unwrap(), to, 5).unwrap();
        let (control, address) = (relay.control(), relay.address().unwrap());
        control.set(weather);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let running =
            std::thread::spawn(move || relay.run(&|| stopped.load(Ordering::Relaxed)).unwrap());
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        let (mut buffer, mut came, mut altered) = ([0; 64], 0, 0);
        for number in 0..count {
            client.send(&[number; 32]).unwrap();
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(700) {
            while let Ok((size, from)) = server.recv_from(&mut buffer) {
                server.send_to(&buffer[..size], from).unwrap();
            }
            while let Ok(size) = client.recv(&mut buffer) {
                came += 1;
                altered += usize::from(buffer[..size].iter().any(|byte| *byte != buffer[0]));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap();
        (came, altered, control.counts())
    }

    #[test]
    fn a_relay_loses_repeats_and_alters_about_as_many_as_it_is_told() {
        let (came, altered, counts) = echo(Weather::default(), 100);
        assert_eq!((came, altered, counts.lost), (100, 0, 0));
        let (came, _, counts) = echo(Weather { loss: 500, ..Weather::default() }, 100);
        assert!(came < 60 && counts.lost > 40, "{came}, {counts:?}");
        let (came, altered, counts) = echo(
            Weather { duplicate: 500, corrupt: 300, jitter_ms: 20, ..Weather::default() },
            100,
        );
        assert!(came > 120 && altered > 20 && counts.duplicated > 60, "{came}, {counts:?}");
        let (came, ..) = echo(Weather { cut_back: true, ..Weather::default() }, 20);
        assert_eq!(came, 0);
    }

    #[test]
    fn weather_is_read_as_it_is_told() {
        let weather = Weather::parse("delay 50 jitter 5 loss 300 cut-back").unwrap();
        let expected =
            Weather { delay_ms: 50, jitter_ms: 5, loss: 300, cut_back: true, ..Weather::default() };
        assert_eq!(weather, expected);
        assert!(Weather::parse("hail 3").is_err());
        assert!(Weather::parse("loss").is_err());
    }
}
