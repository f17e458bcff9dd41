//! From a handshake to a connection both sides have agreed on, and its life until `Closed`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pos_core::ids::DeviceId;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, TransportErrorCode};
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{self, Link, Streams, code, reason_of};
use super::endpoint::Shared;
use super::event::{CloseReason, DialFailure, Farewell, FrameFault, NetEvent, Refusal};
use super::frames::{self, GREETING_BYTES, ReadEnd};
use super::limits::PAIRING_MS;
use super::table::{Decision, Greeting};
use super::tls::{Admit, AdmitFault, EXPORTER_LABEL, KeyFault, PAIRING_PROTOCOL, device_of};
use crate::sync::{Class, ConnId};

/// Numbers connections, once in a process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A connection whose handshake is done.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) connection: Connection,
    pub(super) address: SocketAddr,
    pub(super) dialled: bool,
    pub(super) expected: Option<DeviceId>,
}

/// A connection on which both have greeted.
#[derive(Debug)]
pub(super) struct Met {
    arrival: Arrival,
    device: DeviceId,
    greeting: Greeting,
    /// Whether this side decides if it stays.
    decides: bool,
    is_pairing: bool,
    control_in: RecvStream,
    /// None yet on the side that decides.
    control_out: Option<SendStream>,
    /// A pairing's place.
    _place: Option<OwnedSemaphorePermit>,
}

/// Why two devices do not come to a connection.
#[derive(Debug)]
pub(super) enum MeetFault {
    /// Its key, or whose it is.
    Admit(AdmitFault),
    /// It broke the rules of the wire.
    Frame(FrameFault),
    /// There is another connection to the same device.
    Another,
    /// More pairings are open than may be, or pairing was switched off meanwhile.
    NotPairing,
    /// It took too long.
    TooSlow,
    /// QUIC gave up.
    Lost(ConnectionError),
    /// This side cannot even begin.
    Impossible(String),
}

impl From<ReadEnd> for MeetFault {
    fn from(end: ReadEnd) -> Self {
        match end {
            ReadEnd::Gone => Self::Lost(ConnectionError::LocallyClosed),
            ReadEnd::Fault(fault) => Self::Frame(fault),
        }
    }
}

/// Looks at who is there and exchanges greetings. What goes wrong here is told to the peer as well.
pub(super) async fn meet(shared: &Shared, arrival: Arrival) -> Result<Met, MeetFault> {
    let connection = arrival.connection.clone();
    greet(shared, arrival).await.map_err(|fault| {
        let farewell = match &fault {
            MeetFault::Admit(AdmitFault::Unknown(_)) => Farewell::NoMember,
            MeetFault::Admit(_) => Farewell::WrongDevice,
            MeetFault::Frame(_) => Farewell::Malformed,
            MeetFault::Another => Farewell::Another,
            MeetFault::NotPairing => Farewell::NotPairing,
            _ => Farewell::Done,
        };
        // Why the peer closed it says more than that reading failed.
        let lost = connection.close_reason();
        connection.close(code(farewell), &[]);
        match (fault, lost) {
            (MeetFault::Lost(_) | MeetFault::Frame(FrameFault::StreamEnded), Some(lost)) => {
                MeetFault::Lost(lost)
            }
            (fault, _) => fault,
        }
    })
}

async fn greet(shared: &Shared, arrival: Arrival) -> Result<Met, MeetFault> {
    let connection = &arrival.connection;
    let device = peer(connection).map_err(|fault| MeetFault::Admit(fault.into()))?;
    let is_pairing = protocol(connection).is_some_and(|it| it == PAIRING_PROTOCOL);
    let members = (!is_pairing).then(|| shared.members.clone());
    // Asked again, though TLS has asked: the members may have changed since, and while pairing is
    // on TLS lets everybody through.
    let admit = Admit { members, expected: arrival.expected };
    let own = shared.identity.device();
    admit.admits(own, device).map_err(MeetFault::Admit)?;
    let place = if is_pairing && !arrival.dialled { Some(place(shared)?) } else { None };

    let decides = if is_pairing { !arrival.dialled } else { own < device };
    let control_out = if decides {
        None
    } else {
        let held = if is_pairing { [0; 16] } else { shared.table().held(device) };
        Some(say(shared, connection, held).await?)
    };
    let mut control_in = connection.accept_uni().await.map_err(MeetFault::Lost)?;
    if frames::read_class(&mut control_in).await? != Class::Control {
        return Err(MeetFault::Frame(FrameFault::NoGreeting));
    }
    let mut bytes = [0; GREETING_BYTES];
    frames::exact(&mut control_in, &mut bytes).await?;
    let greeting = Greeting::from_bytes(bytes);
    Ok(Met {
        device,
        greeting,
        decides,
        is_pairing,
        control_in,
        control_out,
        _place: place,
        arrival,
    })
}

fn place(shared: &Shared) -> Result<OwnedSemaphorePermit, MeetFault> {
    let is_on = shared.is_pairing();
    let place = Arc::clone(&shared.pairings).try_acquire_owned().ok();
    place.filter(|_| is_on).ok_or(MeetFault::NotPairing)
}

/// Opens the Control stream and greets on it.
async fn say(
    shared: &Shared,
    connection: &Connection,
    held: [u8; 16],
) -> Result<SendStream, MeetFault> {
    let lost = |_| MeetFault::Lost(ConnectionError::LocallyClosed);
    let mut stream = frames::open(connection, Class::Control).await.map_err(lost)?;
    let greeting = Greeting { life: shared.life, held };
    stream.write_all(&greeting.to_bytes()).await.map_err(lost)?;
    Ok(stream)
}

/// Enters a connection on which both have greeted, tells of it, and carries its frames until it
/// ends. Fails if it was never told of.
pub(super) async fn live(shared: &Shared, met: Met) -> Result<(), MeetFault> {
    let Met { arrival, device, greeting, decides, is_pairing, control_in, control_out, _place } =
        met;
    let id = ConnId(NEXT.fetch_add(1, Ordering::Relaxed));
    let connection = arrival.connection.clone();
    let (link, queues) = Link::new(id, device, greeting.life, connection, is_pairing);
    let link = Arc::new(link);
    let before = {
        let mut table = shared.table();
        let keeps = is_pairing
            || !decides
            || table.decide(device, shared.life, &greeting) == Decision::Keep;
        if !keeps {
            link.connection.close(code(Farewell::Another), &[]);
            return Err(MeetFault::Another);
        }
        table.enter(&link)
    };
    if let Some(before) = &before {
        before.close(CloseReason::Replaced);
    }
    let told = tell(shared, &link, &arrival, decides, control_out, before.as_ref()).await;
    let result = match told {
        Ok(control_out) => {
            let streams = Streams { control_out, control_in, queues };
            carry(shared, &link, streams).await;
            Ok(())
        }
        Err(fault) => Err(fault),
    };
    shared.table().strike(&link);
    if result.is_ok() {
        let reason = link.reason();
        drop(shared.events.send(NetEvent::Closed { conn: id, device, reason }).await);
    }
    link.finish();
    result
}

/// Answers the greeting, and tells the engine once the connection before this one is through.
async fn tell(
    shared: &Shared,
    link: &Arc<Link>,
    arrival: &Arrival,
    decides: bool,
    control_out: Option<SendStream>,
    before: Option<&Arc<Link>>,
) -> Result<SendStream, MeetFault> {
    // It may have been taken out before the table knew of this connection.
    if !link.is_pairing && !shared.members.contains(link.device) {
        link.close(CloseReason::Removed);
    }
    let control_out = match control_out {
        Some(control_out) if !decides => Ok(control_out),
        _ => say(shared, &link.connection, [0; 16]).await,
    };
    if let Some(before) = before {
        before.finished().await;
    }
    let lost = || match link.reason() {
        CloseReason::Replaced => MeetFault::Another,
        CloseReason::Removed => MeetFault::Admit(AdmitFault::Unknown(link.device)),
        _ => {
            let lost = link.connection.close_reason();
            MeetFault::Lost(lost.unwrap_or(ConnectionError::LocallyClosed))
        }
    };
    let (Ok(control_out), false) = (control_out, link.is_closed()) else {
        let fault = lost();
        link.close(CloseReason::Stopped);
        return Err(fault);
    };
    let (conn, device, dialled) = (link.id, link.device, arrival.dialled);
    let address = arrival.address;
    let event = if link.is_pairing {
        let exporter = exporter(&link.connection).ok_or_else(lost)?;
        NetEvent::PairingConnected { conn, device, address, dialled, exporter }
    } else {
        shared.gate().seen(device, address.ip());
        NetEvent::Connected { conn, device, address, dialled }
    };
    let told = shared.events.send(event).await;
    told.map_err(|_untold| MeetFault::Lost(ConnectionError::LocallyClosed))?;
    Ok(control_out)
}

async fn carry(shared: &Shared, link: &Arc<Link>, streams: Streams) {
    let serve = connection::serve(link, streams, &shared.events);
    if !link.is_pairing {
        return serve.await;
    }
    tokio::pin!(serve);
    let limit = Duration::from_millis(PAIRING_MS);
    if tokio::time::timeout(limit, &mut serve).await.is_err() {
        link.close(CloseReason::PairingTooLong);
        serve.await;
    }
}

/// The device on the other side, which has signed the handshake with its key.
fn peer(connection: &Connection) -> Result<DeviceId, KeyFault> {
    let identity = connection.peer_identity();
    let chain = identity.and_then(|it| it.downcast::<Vec<CertificateDer<'static>>>().ok());
    device_of(&chain.unwrap_or_default())
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

fn exporter(connection: &Connection) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    connection.export_keying_material(&mut secret, EXPORTER_LABEL, &[]).ok()?;
    Some(secret)
}

/// A TLS alert in a QUIC error code (RFC 9001, 4.8).
fn is_alert(code: TransportErrorCode, alert: AlertDescription) -> bool {
    code == TransportErrorCode::crypto(alert.into())
}

fn is_any_alert(code: TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

/// Why a dial came to nothing, as its engine is told.
pub(super) fn dial_failure(fault: MeetFault) -> DialFailure {
    match fault {
        MeetFault::Admit(AdmitFault::Key(fault)) => DialFailure::NoTill(fault.to_string()),
        MeetFault::Admit(AdmitFault::Itself) => DialFailure::Itself,
        MeetFault::Admit(AdmitFault::OtherDevice(device)) => DialFailure::OtherDevice(device),
        MeetFault::Admit(AdmitFault::Unknown(device)) => DialFailure::Unknown(device),
        MeetFault::Frame(fault) => DialFailure::NoTill(fault.to_string()),
        MeetFault::Another => DialFailure::AlreadyConnected,
        MeetFault::NotPairing => DialFailure::TurnedDown(Farewell::NotPairing),
        MeetFault::TooSlow => DialFailure::NoAnswer,
        MeetFault::Impossible(words) => DialFailure::Unreachable(words),
        MeetFault::Lost(error) => dial_lost(&error),
    }
}

fn dial_lost(error: &ConnectionError) -> DialFailure {
    let no_protocol = AlertDescription::NoApplicationProtocol;
    match error {
        ConnectionError::TimedOut => DialFailure::NoAnswer,
        ConnectionError::LocallyClosed => DialFailure::Stopped,
        ConnectionError::VersionMismatch => DialFailure::OtherProtocol,
        ConnectionError::ConnectionClosed(close) if is_alert(close.error_code, no_protocol) => {
            DialFailure::OtherProtocol
        }
        ConnectionError::TransportError(error) if is_alert(error.code, no_protocol) => {
            DialFailure::OtherProtocol
        }
        ConnectionError::ConnectionClosed(close)
            if is_alert(close.error_code, AlertDescription::AccessDenied) =>
        {
            DialFailure::NotAdmitted
        }
        ConnectionError::TransportError(error) => DialFailure::NoTill(error.to_string()),
        error => match reason_of(error) {
            CloseReason::Peer { farewell: Farewell::Another, .. } => DialFailure::AlreadyConnected,
            CloseReason::Peer { farewell: Farewell::NoMember, .. } => DialFailure::NotAdmitted,
            CloseReason::Peer { farewell, .. } => DialFailure::TurnedDown(farewell),
            reason => DialFailure::Broke(reason.to_string()),
        },
    }
}

/// Why somebody was not let in, if it is worth telling.
pub(super) fn refusal(fault: &MeetFault) -> Option<Refusal> {
    Some(match fault {
        MeetFault::Admit(AdmitFault::Key(fault)) => Refusal::NoTill(fault.to_string()),
        MeetFault::Admit(AdmitFault::Itself) => Refusal::Itself,
        MeetFault::Admit(AdmitFault::Unknown(device) | AdmitFault::OtherDevice(device)) => {
            Refusal::Unknown(*device)
        }
        MeetFault::Frame(fault) => Refusal::Malformed(fault.to_string()),
        MeetFault::NotPairing => Refusal::PairingBusy,
        MeetFault::TooSlow | MeetFault::Lost(ConnectionError::TimedOut) => Refusal::NotFinished,
        MeetFault::Lost(ConnectionError::TransportError(error)) => {
            let (code, no_protocol) = (error.code, AlertDescription::NoApplicationProtocol);
            match error.reason.as_str() {
                _ if is_alert(code, no_protocol) => Refusal::OtherProtocol,
                reason if is_any_alert(code) => Refusal::NoTill(reason.to_owned()),
                reason => Refusal::Malformed(reason.to_owned()),
            }
        }
        // The peer has thought better of it, or there is a connection to it already.
        MeetFault::Another | MeetFault::Lost(_) | MeetFault::Impossible(_) => return None,
    })
}
