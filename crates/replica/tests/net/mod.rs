//! Tills on the network, for tests: endpoints over real sockets, and hostile peers that speak QUIC
//! and TLS well but not our rules.
#![allow(dead_code, reason = "each suite uses a part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pos_core::ids::DeviceId;
use replica::core::DeviceKey;
use replica::net::{CloseReason, Endpoint, EndpointConfig, Members, NetEvent, NetLimits};
use replica::sync::{Class, ConnId};
use tokio::sync::mpsc;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn key(n: u8) -> DeviceKey {
    DeviceKey::from_secret([n; 32])
}

pub(crate) fn id(n: u8) -> DeviceId {
    key(n).device()
}

pub(crate) fn members(all: impl IntoIterator<Item = u8>) -> Members {
    Members::new(all.into_iter().map(id))
}

/// An endpoint and what it tells.
pub(crate) struct Till {
    pub(crate) n: u8,
    pub(crate) endpoint: Endpoint,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    pub(crate) members: Members,
    /// What was told and not waited for.
    pub(crate) aside: Vec<NetEvent>,
}

impl Till {
    pub(crate) fn new(n: u8, store: &[u8]) -> Self {
        Self::with(n, store, "127.0.0.1:0", NetLimits::default(), 256)
    }

    pub(crate) fn with(n: u8, store: &[u8], bind: &str, limits: NetLimits, waiting: usize) -> Self {
        let members = members(store.iter().copied());
        let (sender, events) = mpsc::channel(waiting);
        let config = EndpointConfig {
            key: key(n),
            bind: bind.parse().unwrap(),
            members: members.clone(),
            limits,
            runtime: None,
        };
        let endpoint = Endpoint::start(config, sender).unwrap();
        Self { n, endpoint, events, members, aside: Vec::new() }
    }

    pub(crate) fn id(&self) -> DeviceId {
        id(self.n)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let bound = self.endpoint.local_address();
        let ip = if bound.ip().is_unspecified() { [127, 0, 0, 1].into() } else { bound.ip() };
        SocketAddr::new(ip, bound.port())
    }

    /// The next event, or none within the time.
    pub(crate) fn next_within(&mut self, time: Duration) -> Option<NetEvent> {
        let end = Instant::now() + time;
        loop {
            match self.events.try_recv() {
                Ok(event) => return Some(event),
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                Err(_) => return None,
            }
        }
    }

    /// Waits for an event and keeps the others.
    pub(crate) fn wait<T>(&mut self, what: &str, mut is: impl FnMut(&NetEvent) -> Option<T>) -> T {
        for at in 0..self.aside.len() {
            if let Some(found) = is(&self.aside[at]) {
                self.aside.remove(at);
                return found;
            }
        }
        let end = Instant::now() + PATIENCE;
        while let Some(event) = self.next_within(end.saturating_duration_since(Instant::now())) {
            if let Some(found) = is(&event) {
                return found;
            }
            self.aside.push(event);
        }
        panic!("till {} waits for {what}; told: {:?}", self.n, self.aside);
    }

    pub(crate) fn connected(&mut self, to: u8) -> ConnId {
        self.wait("Connected", |event| match event {
            NetEvent::Connected { conn, device, .. } if *device == id(to) => Some(*conn),
            _ => None,
        })
    }

    pub(crate) fn closed(&mut self, which: ConnId) -> CloseReason {
        self.wait("Closed", |event| match event {
            NetEvent::Closed { conn, reason, .. } if *conn == which => Some(reason.clone()),
            _ => None,
        })
    }

    pub(crate) fn frame(&mut self, which: ConnId) -> (Class, Vec<u8>) {
        self.wait("Frame", |event| match event {
            NetEvent::Frame { conn, class, bytes } if *conn == which => {
                Some((*class, bytes.to_vec()))
            }
            _ => None,
        })
    }

    pub(crate) fn frame_of(&mut self, which: ConnId, of: Class) -> Vec<u8> {
        self.wait("Frame", |event| match event {
            NetEvent::Frame { conn, class, bytes } if *conn == which && *class == of => {
                Some(bytes.to_vec())
            }
            _ => None,
        })
    }

    pub(crate) fn refused(&mut self) -> replica::net::Refusal {
        self.wait("Refused", |event| match event {
            NetEvent::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    pub(crate) fn dial_failed(&mut self) -> replica::net::DialFailure {
        self.wait("DialFailed", |event| match event {
            NetEvent::DialFailed { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

/// Two members, connected: the first has dialled.
pub(crate) fn connect(a: &mut Till, b: &mut Till) -> (ConnId, ConnId) {
    a.endpoint.dial(b.address(), Some(b.id()));
    (a.connected(b.n), b.connected(a.n))
}

/// Frames pass both ways.
pub(crate) fn assert_talking(a: &mut Till, a_conn: ConnId, b: &mut Till, b_conn: ConnId) {
    a.endpoint.send(a_conn, Class::Control, b"ping".to_vec()).unwrap();
    assert_eq!(b.frame(b_conn), (Class::Control, b"ping".to_vec()));
    b.endpoint.send(b_conn, Class::Control, b"pong".to_vec()).unwrap();
    assert_eq!(a.frame(a_conn), (Class::Control, b"pong".to_vec()));
}

/// A device's certificate and key as TLS wants them.
fn credentials(
    n: u8,
) -> (rustls::pki_types::CertificateDer<'static>, rustls::pki_types::PrivateKeyDer<'static>) {
    let prefix = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let secret: Vec<u8> = prefix.into_iter().chain([n; 32]).collect();
    let secret = rustls::pki_types::PrivatePkcs8KeyDer::from(secret);
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&secret, &rcgen::PKCS_ED25519).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
    (parameters.self_signed(&pair).unwrap().der().clone(), secret.into())
}

/// TLS of somebody who believes anybody.
#[derive(Debug)]
struct Gullible(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// How a hostile client shows itself.
pub(crate) enum Shows {
    /// Its own key.
    Own,
    /// Its own certificate, and the signature of another key: it has stolen a certificate.
    OthersCertificate(u8),
    /// No certificate.
    Nothing,
}

/// A QUIC client of our TLS, with any certificate and any protocol.
pub(crate) fn client(n: u8, shows: &Shows, protocol: &[u8]) -> quinn::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible(Arc::clone(&provider))));
    let (certificate, secret) = credentials(n);
    let mut tls = match shows {
        Shows::Own => builder.with_client_auth_cert(vec![certificate], secret).unwrap(),
        Shows::OthersCertificate(other) => {
            let signing = provider.key_provider.load_private_key(secret).unwrap();
            let stolen = rustls::sign::CertifiedKey::new(vec![credentials(*other).0], signing);
            let resolver = rustls::sign::SingleCertAndKey::from(stolen);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        Shows::Nothing => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![protocol.to_vec()];
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    quinn::ClientConfig::new(Arc::new(tls))
}

/// A runtime for hostile peers.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a member says first: class Control and a greeting, of the life `life`.
pub(crate) fn greeting(life: u8) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&[life; 16]);
    bytes.extend_from_slice(&[0; 16]);
    bytes
}
