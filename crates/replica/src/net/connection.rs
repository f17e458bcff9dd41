//! One connection while it lasts: what waits to be sent, what is read, and why it ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pos_core::ids::DeviceId;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::event::{CloseReason, Farewell, FrameFault, NetEvent, SendError};
use super::frames::{self, FrameReader, ReadEnd};
use super::guard::Bucket;
use super::limits::{
    DATAGRAM_BYTES_MAX, DATAGRAMS_PER_SECOND, FRAME_OVERHEAD_BYTES, WORDS_BYTES_MAX,
    frame_bytes_max, queue_bytes_max,
};
use crate::sync::{Class, ConnId};

/// A connection both sides have agreed on.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnId,
    pub(super) device: DeviceId,
    /// The life of the peer's endpoint: another one after it has started again.
    pub(super) life: [u8; 16],
    pub(super) since: Instant,
    pub(super) is_pairing: bool,
    pub(super) connection: Connection,
    queues: [Queue; 3],
    /// Why this side ended it; the first reason counts.
    why: Mutex<Option<CloseReason>>,
    /// Whether its `Closed` has been told, or nothing of it ever will be.
    finished: watch::Sender<bool>,
}

/// What waits to be sent in one class.
#[derive(Debug)]
struct Queue {
    class: Class,
    sender: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// The other end of a queue.
#[derive(Debug)]
pub(super) struct QueueEnd {
    class: Class,
    frames: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// A link's two Control streams, and the ends of its queues.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) control_out: SendStream,
    pub(super) control_in: RecvStream,
    pub(super) queues: [QueueEnd; 3],
}

impl Link {
    pub(super) fn new(
        id: ConnId,
        device: DeviceId,
        life: [u8; 16],
        connection: Connection,
        is_pairing: bool,
    ) -> (Self, [QueueEnd; 3]) {
        let both = Class::ALL.map(queue);
        let [(control, control_end), (live, live_end), (bulk, bulk_end)] = both;
        let link = Self {
            id,
            device,
            life,
            since: Instant::now(),
            is_pairing,
            connection,
            queues: [control, live, bulk],
            why: Mutex::default(),
            finished: watch::Sender::new(false),
        };
        (link, [control_end, live_end, bulk_end])
    }

    /// Puts a frame into its queue.
    pub(super) fn send(&self, class: Class, frame: Vec<u8>) -> Result<(), SendError> {
        let (length, max) = (frame.len(), frame_bytes_max(class));
        if length > max {
            return Err(SendError::TooLong { length, max });
        }
        let queue = self.queues.iter().find(|queue| queue.class == class);
        let queue = queue.filter(|_| !self.is_closed()).ok_or(SendError::Closed)?;
        let more = length + FRAME_OVERHEAD_BYTES;
        let room = |waiting: usize| Some(waiting + more).filter(|it| *it <= queue_bytes_max(class));
        if queue.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            self.close(CloseReason::DoesNotRead);
            return Err(SendError::DoesNotRead);
        }
        queue.sender.send(frame).map_err(|_unsent| SendError::Closed)
    }

    /// Sends a datagram, or drops it: when there is no room the oldest make some.
    pub(super) fn datagram(&self, bytes: Vec<u8>) -> Result<(), SendError> {
        let (length, max) = (bytes.len(), DATAGRAM_BYTES_MAX);
        if length > max {
            return Err(SendError::TooLong { length, max });
        }
        match self.connection.send_datagram(bytes.into()) {
            Err(quinn::SendDatagramError::ConnectionLost(_)) => Err(SendError::Closed),
            // A path with small packets: a datagram is a hint, and may be lost.
            _ => Ok(()),
        }
    }

    /// Bytes that wait to be sent, of all classes.
    pub(super) fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.waiting.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.why().is_some() || self.connection.close_reason().is_some()
    }

    /// Ends it, at once.
    pub(super) fn close(&self, reason: CloseReason) {
        let farewell = farewell_of(&reason);
        let words = match &reason {
            CloseReason::Here(words) => cut(words).to_owned(),
            _ => String::new(),
        };
        {
            let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            if why.is_none() && self.connection.close_reason().is_none() {
                *why = Some(reason);
            }
        }
        self.connection.close(code(farewell), words.as_bytes());
    }

    /// Why it ended, now that it has.
    pub(super) fn reason(&self) -> CloseReason {
        let lost = self.connection.close_reason();
        let lost = || lost.map_or(CloseReason::Stopped, |error| reason_of(&error));
        self.why().unwrap_or_else(lost)
    }

    /// Nothing more is told of it.
    pub(super) fn finish(&self) {
        self.finished.send_replace(true);
    }

    /// Waits until nothing more is told of it.
    pub(super) async fn finished(&self) {
        // An error means that the sender is gone, and it is in `self`.
        drop(self.finished.subscribe().wait_for(|is_finished| *is_finished).await);
    }

    fn why(&self) -> Option<CloseReason> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn queue(class: Class) -> (Queue, QueueEnd) {
    let (sender, frames) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Queue { class, sender, waiting: Arc::clone(&waiting) }, QueueEnd { class, frames, waiting })
}

/// Carries frames until the connection ends; nothing is told of it afterwards but its `Closed`.
pub(super) async fn serve(link: &Arc<Link>, streams: Streams, events: &mpsc::Sender<NetEvent>) {
    let mut tasks: JoinSet<Result<(), CloseReason>> = JoinSet::new();
    let mut control_out = Some(streams.control_out);
    for queue in streams.queues {
        let stream = if queue.class == Class::Control { control_out.take() } else { None };
        tasks.spawn(write(link.connection.clone(), queue, stream));
    }
    let control = FrameReader::new(Class::Control, streams.control_in);
    tasks.spawn(read(link.id, control, events.clone()));
    tasks.spawn(datagrams(Arc::clone(link), events.clone()));
    let opened = Arc::new(Mutex::new(vec![Class::Control]));
    loop {
        tokio::select! {
            biased;
            _ = link.connection.closed() => break,
            ended = tasks.join_next() => match ended {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(reason))) => link.close(reason),
                Some(Err(error)) => link.close(CloseReason::Broke(error.to_string())),
                None => link.close(CloseReason::Stopped),
            },
            stream = link.connection.accept_uni() => {
                let Ok(stream) = stream else { continue };
                tasks.spawn(read_new(link.id, stream, Arc::clone(&opened), events.clone()));
            }
        }
    }
    tasks.shutdown().await;
}

/// Writes what waits in one queue. Its stream is opened when there is something to say.
async fn write(
    connection: Connection,
    mut queue: QueueEnd,
    mut stream: Option<SendStream>,
) -> Result<(), CloseReason> {
    while let Some(frame) = queue.frames.recv().await {
        let counted = frame.len() + FRAME_OVERHEAD_BYTES;
        let open = match &mut stream {
            Some(open) => open,
            None => match frames::open(&connection, queue.class).await {
                Ok(new) => stream.insert(new),
                Err(error) => return write_ended(&error),
            },
        };
        if let Err(error) = frames::write(open, frame).await {
            return write_ended(&error);
        }
        queue.waiting.fetch_sub(counted, Ordering::Relaxed);
    }
    Ok(())
}

fn write_ended(error: &quinn::WriteError) -> Result<(), CloseReason> {
    match error {
        quinn::WriteError::ConnectionLost(_) => Ok(()),
        // The peer has stopped a stream, which lasts as long as the connection.
        _ => Err(CloseReason::Malformed(FrameFault::StreamEnded)),
    }
}

/// Reads a stream whose class is not known yet.
async fn read_new(
    conn: ConnId,
    mut stream: RecvStream,
    opened: Arc<Mutex<Vec<Class>>>,
    events: mpsc::Sender<NetEvent>,
) -> Result<(), CloseReason> {
    let class = match frames::read_class(&mut stream).await {
        Ok(class) => class,
        Err(end) => return read_ended(end),
    };
    {
        let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.contains(&class) {
            return Err(CloseReason::Malformed(FrameFault::SecondStream(class)));
        }
        opened.push(class);
    }
    read(conn, FrameReader::new(class, stream), events).await
}

/// Reads the frames of one stream and passes them on. When those who take them are slow it waits,
/// and QUIC lets the peer send no more.
async fn read(
    conn: ConnId,
    mut reader: FrameReader,
    events: mpsc::Sender<NetEvent>,
) -> Result<(), CloseReason> {
    loop {
        let bytes = match reader.next().await {
            Ok(bytes) => bytes,
            Err(end) => return read_ended(end),
        };
        let event = NetEvent::Frame { conn, class: reader.class(), bytes };
        events.send(event).await.map_err(|_untold| CloseReason::Stopped)?;
    }
}

fn read_ended(end: ReadEnd) -> Result<(), CloseReason> {
    match end {
        ReadEnd::Gone => Ok(()),
        ReadEnd::Fault(fault) => Err(CloseReason::Malformed(fault)),
    }
}

/// Passes datagrams on while there is room; they are hints, and the next one says more.
async fn datagrams(link: Arc<Link>, events: mpsc::Sender<NetEvent>) -> Result<(), CloseReason> {
    let mut bucket = Bucket::full(DATAGRAMS_PER_SECOND, Instant::now());
    while let Ok(bytes) = link.connection.read_datagram().await {
        let is_fit = bytes.len() <= DATAGRAM_BYTES_MAX;
        if is_fit && bucket.take(DATAGRAMS_PER_SECOND, DATAGRAMS_PER_SECOND, Instant::now()) {
            let event = NetEvent::Datagram { conn: link.id, bytes: bytes.to_vec() };
            drop(events.try_send(event));
        }
    }
    Ok(())
}

/// Numbers of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Which.
    pub conn: ConnId,
    /// Whose.
    pub device: DeviceId,
    /// QUIC's estimate of a round trip.
    pub round_trip: Duration,
    /// Bytes of UDP payload sent.
    pub sent_bytes: u64,
    /// UDP packets sent.
    pub sent_packets: u64,
    /// QUIC acknowledgements in them.
    pub sent_acks: u64,
    /// Bytes of UDP payload received.
    pub received_bytes: u64,
    /// Bytes of frames that wait to be sent.
    pub waiting_bytes: usize,
}

impl ConnectionStats {
    pub(super) fn of(link: &Link) -> Self {
        let stats = link.connection.stats();
        Self {
            conn: link.id,
            device: link.device,
            round_trip: stats.path.rtt,
            sent_bytes: stats.udp_tx.bytes,
            sent_packets: stats.udp_tx.datagrams,
            sent_acks: stats.frame_tx.acks,
            received_bytes: stats.udp_rx.bytes,
            waiting_bytes: link.waiting(),
        }
    }
}

/// What a peer is told of a reason.
fn farewell_of(reason: &CloseReason) -> Farewell {
    match reason {
        CloseReason::Removed => Farewell::NoMember,
        CloseReason::Replaced => Farewell::Another,
        CloseReason::DoesNotRead => Farewell::DoesNotRead,
        CloseReason::Malformed(_) => Farewell::Malformed,
        CloseReason::PairingTooLong => Farewell::NotPairing,
        CloseReason::Here(_)
        | CloseReason::Stopped
        | CloseReason::Peer { .. }
        | CloseReason::Restarted
        | CloseReason::Silent
        | CloseReason::Broke(_) => Farewell::Done,
    }
}

pub(super) fn code(farewell: Farewell) -> VarInt {
    VarInt::from_u64(farewell.code()).unwrap_or_default()
}

/// Why QUIC says a connection is gone.
pub(super) fn reason_of(error: &ConnectionError) -> CloseReason {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let words = String::from_utf8_lossy(&close.reason);
            let words = cut(&words).chars().filter(|c| !c.is_control()).collect();
            let farewell = Farewell::from_code(close.error_code.into_inner());
            CloseReason::Peer { farewell, words }
        }
        ConnectionError::LocallyClosed => CloseReason::Stopped,
        ConnectionError::TimedOut => CloseReason::Silent,
        ConnectionError::Reset => CloseReason::Restarted,
        other => CloseReason::Broke(other.to_string()),
    }
}

/// As much of it as is sent and shown.
fn cut(words: &str) -> &str {
    words.get(..words.floor_char_boundary(WORDS_BYTES_MAX)).unwrap_or_default()
}
