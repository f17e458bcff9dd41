//! QUIC's own settings.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout, NoneTokenStore,
    ServerConfig, TransportConfig, ValidationTokenConfig, VarInt,
};

use super::event::NetError;
use super::limits::{
    CONNECTION_ID_BYTES, CONNECTION_WINDOW_BYTES, DATAGRAM_BUFFER_BYTES, INCOMING_BYTES_MAX,
    INCOMING_BYTES_TOTAL, INCOMING_MAX, INITIAL_RTT_MS, KEEP_ALIVE_PART, SEND_WINDOW_BYTES,
    STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use super::members::Members;
use super::tls::{Admit, Identity, MEMBER_PROTOCOL};

/// What all connections have in common.
#[derive(Debug)]
pub(super) struct Settings {
    transport: Arc<TransportConfig>,
    /// For the endpoint as a whole; each connection that comes in gets TLS of its own.
    pub(super) server: ServerConfig,
}

impl Settings {
    pub(super) fn new(
        identity: &Identity,
        members: &Members,
        idle: Duration,
    ) -> Result<Self, NetError> {
        let admit = Admit { members: Some(members.clone()), expected: None };
        let tls = identity
            .server(&[MEMBER_PROTOCOL], identity.verifier(admit))
            .map_err(|error| NetError::Certificate(error.to_string()))?;
        let transport = Arc::new(transport(idle)?);
        let mut server = ServerConfig::with_crypto(Arc::new(tls));
        let mut tokens = ValidationTokenConfig::default();
        tokens.sent(0);
        server
            .transport_config(Arc::clone(&transport))
            .validation_token_config(tokens)
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BYTES_MAX)
            .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
        Ok(Self { transport, server })
    }

    /// For one connection that comes in.
    pub(super) fn with_server(&self, tls: QuicServerConfig) -> Arc<ServerConfig> {
        let mut server = self.server.clone();
        server.crypto = Arc::new(tls);
        Arc::new(server)
    }

    /// For one dial.
    pub(super) fn with_client(&self, tls: QuicClientConfig) -> ClientConfig {
        let mut client = ClientConfig::new(Arc::new(tls));
        client.transport_config(Arc::clone(&self.transport));
        client.token_store(Arc::new(NoneTokenStore));
        client
    }
}

/// Draws connection ids of four bytes: they are in every packet, and a till has a few dozen
/// connections.
#[derive(Debug, Clone)]
pub(super) struct ConnectionIds {
    key: [u8; 32],
    drawn: u64,
}

impl ConnectionIds {
    pub(super) fn new(identity: &Identity) -> Result<Self, NetError> {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh connection ids v1");
        hasher.update(&identity.random()?);
        hasher.update(&identity.random()?);
        Ok(Self { key: *hasher.finalize().as_bytes(), drawn: 0 })
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        self.drawn = self.drawn.wrapping_add(1);
        let hash = blake3::keyed_hash(&self.key, &self.drawn.to_le_bytes());
        ConnectionId::new(hash.as_bytes().first_chunk::<CONNECTION_ID_BYTES>().unwrap_or(&[0; _]))
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// For the socket.
pub(super) fn endpoint(ids: ConnectionIds) -> EndpointConfig {
    let mut endpoint = EndpointConfig::default();
    endpoint.cid_generator(move || Box::new(ids.clone()));
    endpoint
}

fn transport(idle: Duration) -> Result<TransportConfig, NetError> {
    let idle_timeout = IdleTimeout::try_from(idle)
        .map_err(|_too_long| NetError::Limits("the idle time is longer than QUIC can say"))?;
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle_timeout))
        .keep_alive_interval(Some(idle / KEEP_ALIVE_PART))
        .initial_rtt(Duration::from_millis(INITIAL_RTT_MS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES);
    Ok(transport)
}
