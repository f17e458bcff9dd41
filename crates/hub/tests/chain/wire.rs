//! A hub on a socket, a wire that counts and breaks, and a server that says anything.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::HeaderMap;
use axum::routing::get;
use hub::snapshot::serve::{self, SnapshotService};

/// Serves snapshots to whoever asks.
pub(crate) fn serve(service: Arc<SnapshotService>) -> SocketAddr {
    let other = Arc::clone(&service);
    let file = move |Path(hash): Path<String>, request: Request| {
        let service = Arc::clone(&other);
        async move { serve::file(service, &hash, request).await }
    };
    let routes = Router::new()
        .route(
            "/api/v1/snapshots/latest",
            get(move |headers: HeaderMap| serve::latest(Arc::clone(&service), headers)),
        )
        .route("/api/v1/snapshots/files/{blake3}", get(file));
    run(routes)
}

/// Answers on a free port until the test ends.
pub(crate) fn run(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    address
}

/// A wire to a server: counts the bytes that come back, and lets only so many through.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    passed: AtomicU64,
    allowed: AtomicU64,
}

impl Wire {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            Arc::new(State { passed: AtomicU64::new(0), allowed: AtomicU64::new(u64::MAX) });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(server).unwrap());
                let state = Arc::clone(&shared);
                thread::spawn(move || state.carry(near, far));
            }
        });
        Self { address, state }
    }

    /// Bytes that came from the server so far.
    pub(crate) fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::SeqCst)
    }

    /// Breaks every connection once so many more bytes have come.
    pub(crate) fn break_after(&self, bytes: u64) {
        self.state.allowed.store(self.passed().saturating_add(bytes), Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.state.allowed.store(u64::MAX, Ordering::SeqCst);
    }
}

impl State {
    fn carry(&self, mut near: TcpStream, mut far: TcpStream) {
        let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        thread::spawn(move || {
            std::io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Write).ok();
        });
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = far.read(&mut buffer) {
            let count64 = u64::try_from(count).unwrap();
            let before = self.passed.fetch_add(count64, Ordering::SeqCst);
            let left = self.allowed.load(Ordering::SeqCst).saturating_sub(before);
            let let_through = usize::try_from(left).unwrap_or(usize::MAX).min(count);
            if near.write_all(&buffer[..let_through]).is_err() || let_through < count {
                self.passed
                    .fetch_sub(count64 - u64::try_from(let_through).unwrap(), Ordering::SeqCst);
                break;
            }
        }
        near.shutdown(Shutdown::Both).ok();
        far.shutdown(Shutdown::Both).ok();
    }
}

/// A server that answers each request with whatever `answer` says of its path and first byte wanted.
pub(crate) fn fake(
    answer: impl Fn(&str, Option<u64>) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let range = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
            });
            // The other side may hang up in the middle: that is what is tested.
            stream.write_all(&answer(&path, range)).ok();
            stream.shutdown(Shutdown::Both).ok();
        }
    });
    address
}

/// An answer with a body.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
