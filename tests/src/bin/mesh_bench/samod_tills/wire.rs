//! samod over loopback TCP, every byte counted where it is sent. samod's own dialer leaves Nagle's
//! algorithm on; here it is off, in samod's favour.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use samod::{BackoffConfig, DialError, Dialer, DialerHandle, PeerId, Repo, Transport, Url};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::contestant::Fault;

/// Bytes sent, over all sockets of all tills.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicU64>);

impl Sent {
    /// So far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A till that listens.
pub(super) struct Till {
    pub(super) repo: Repo,
    address: SocketAddr,
    accepting: JoinHandle<()>,
    sent: Sent,
}

impl Till {
    /// Starts one with its documents in memory.
    pub(super) async fn start(number: usize, sent: Sent) -> Result<Self, Fault> {
        let name = format!("till-{number}");
        let repo = Repo::build_tokio().with_peer_id(PeerId::from(name.as_str())).load().await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let acceptor = repo.make_acceptor(url(address)?)?;
        let counter = sent.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(transport) = counted(stream, counter.clone()) else { continue };
                if acceptor.accept(transport).is_err() {
                    return;
                }
            }
        });
        Ok(Self { repo, address, accepting, sent })
    }

    /// Connects to another; done after samod's handshake.
    pub(super) async fn dial(&self, other: &Self) -> Result<DialerHandle<Infallible>, Fault> {
        let dialer = CountedDialer {
            url: url(other.address)?,
            address: other.address,
            sent: self.sent.clone(),
        };
        let handle = self.repo.dial(BackoffConfig::default(), Arc::new(dialer))?;
        handle.established().await.map_err(|failed| format!("{failed:?}"))?;
        Ok(handle)
    }

    /// Ends it and waits for the end.
    pub(super) async fn stop(&self) {
        self.accepting.abort();
        self.repo.stop().await;
    }
}

impl Drop for Till {
    /// One that was given up must not go on working beside the others.
    fn drop(&mut self) {
        self.accepting.abort();
        drop(self.repo.stop());
    }
}

fn url(address: SocketAddr) -> Result<Url, Fault> {
    Ok(Url::parse(&format!("tcp://{address}"))?)
}

fn counted(stream: TcpStream, sent: Sent) -> io::Result<Transport> {
    stream.set_nodelay(true)?;
    Ok(Transport::from_tokio_io(Counted { stream, sent }))
}

struct CountedDialer {
    url: Url,
    address: SocketAddr,
    sent: Sent,
}

impl Dialer for CountedDialer {
    type Error = Infallible;

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn connect(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<Transport, DialError<Infallible>>> + Send>> {
        let (address, sent) = (self.address, self.sent.clone());
        Box::pin(async move {
            let stream = TcpStream::connect(address).await.map_err(DialError::transient)?;
            counted(stream, sent).map_err(DialError::transient)
        })
    }
}

/// A stream that counts what is written to it.
struct Counted {
    stream: TcpStream,
    sent: Sent,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.sent.0.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
