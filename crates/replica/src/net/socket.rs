//! The UDP socket: bound for both families where that is possible, and counted.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use socket2::{Domain, Protocol, Socket, Type};

use super::limits::{SOCKET_BUFFER_BYTES, SOCKET_FAULTS_MAX};

/// Binds a UDP socket. An IPv6 wildcard hears IPv4 as well; where the machine has no IPv6, the
/// IPv4 wildcard takes its place.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    match bind_one(address) {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            bind_one(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
        }
        bound => bound,
    }
}

fn bind_one(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // Linux and Windows differ in what they do when nothing is said.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A wish: the kernel gives what its settings allow.
    let wished = [
        socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES),
        socket.set_send_buffer_size(SOCKET_BUFFER_BYTES),
    ];
    drop(wished);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// An IPv4 address in the coat of IPv6, without the coat.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
        // As it is: a link-local one is nothing without its scope.
        IpAddr::V6(_) => address,
    }
}

/// What has passed through a socket, in bytes of UDP payload.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    /// Whether everything is dropped, in both directions.
    pub(super) cut_off: AtomicBool,
    /// Errors of receiving, one after the other.
    faults: AtomicU32,
}

/// A socket that counts, and that can be cut off for a demonstration.
pub(super) struct CountingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    counters: Arc<Counters>,
}

impl CountingSocket {
    pub(super) fn new(inner: Arc<dyn AsyncUdpSocket>, counters: Arc<Counters>) -> Self {
        Self { inner, counters }
    }
}

impl CountingSocket {
    /// An error of receiving ends a QUIC endpoint for good, and some (an interface that went, a
    /// message of another host) are over at once: until there are many in a row, each counts as an
    /// empty datagram.
    fn bear(&self, error: io::Error, meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let faults = self.counters.faults.fetch_add(1, Ordering::Relaxed);
        match meta.first_mut() {
            Some(first) if faults < SOCKET_FAULTS_MAX => {
                *first = RecvMeta { len: 0, ..RecvMeta::default() };
                Poll::Ready(Ok(1))
            }
            _ => Poll::Ready(Err(error)),
        }
    }
}

impl fmt::Debug for CountingSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountingSocket({:?})", self.inner.local_addr().ok())
    }
}

impl AsyncUdpSocket for CountingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.counters.cut_off.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.try_send(transmit)?;
        self.counters.sent.fetch_add(transmit.contents.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = match self.inner.poll_recv(cx, bufs, meta) {
            Poll::Ready(Err(error)) => self.bear(error, meta),
            other => other,
        };
        let Poll::Ready(Ok(count)) = received else { return received };
        let is_cut_off = self.counters.cut_off.load(Ordering::Relaxed);
        let mut bytes = 0;
        for one in meta.iter_mut().take(count) {
            bytes += one.len as u64;
            if is_cut_off {
                one.len = 0;
            }
        }
        if bytes > 0 {
            self.counters.faults.store(0, Ordering::Relaxed);
        }
        if !is_cut_off {
            self.counters.received.fetch_add(bytes, Ordering::Relaxed);
        }
        received
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_hears_both_families_where_the_machine_has_them() {
        let bound = bind("[::]:0".parse().unwrap()).unwrap();
        bound.set_nonblocking(false).unwrap();
        let port = bound.local_addr().unwrap().port();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"hello", ("127.0.0.1", port)).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = bound.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"hello");
        assert_eq!(canonical(from), sender.local_addr().unwrap());
    }
}
