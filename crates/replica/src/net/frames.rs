//! Frames on streams. One stream a class in each direction: its first byte names the class, then
//! come frames, each a length (u32, little-endian) and that many bytes. The stream lasts as long
//! as its connection.

use std::sync::Arc;

use quinn::{Connection, ReadExactError, RecvStream, SendStream, WriteError};
use tokio::sync::Semaphore;

use super::event::{FrameFault, Payload};
use super::limits::{FRAME_OVERHEAD_BYTES, RECEIVED_BYTES_MAX, frame_bytes_max};
use crate::sync::Class;

/// Bytes of a greeting: the life of its sender, and the life of the receiver it holds a
/// connection with.
pub(super) const GREETING_BYTES: usize = 32;

/// What names a class on the wire.
pub(super) const fn tag(class: Class) -> u8 {
    match class {
        Class::Control => 0,
        Class::Live => 1,
        Class::Bulk => 2,
    }
}

/// The class a byte names.
pub(super) fn class_of(tag_byte: u8) -> Result<Class, FrameFault> {
    let mut all = Class::ALL.into_iter();
    all.find(|class| tag(*class) == tag_byte).ok_or(FrameFault::NoSuchClass(tag_byte))
}

/// Which stream QUIC serves first: the higher.
const fn priority(class: Class) -> i32 {
    match class {
        Class::Control => 2,
        Class::Live => 1,
        Class::Bulk => 0,
    }
}

/// Why nothing more comes from a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadEnd {
    /// Its connection is gone.
    Gone,
    /// The peer broke the rules.
    Fault(FrameFault),
}

/// What the first four bytes of a frame say, compared with what its class allows.
pub(super) fn length_of(class: Class, header: [u8; 4]) -> Result<usize, FrameFault> {
    let length = u32::from_le_bytes(header);
    let max = frame_bytes_max(class);
    let too_long = FrameFault::TooLong { class, length: u64::from(length), max };
    usize::try_from(length).ok().filter(|length| *length <= max).ok_or(too_long)
}

/// Opens the stream of a class.
pub(super) async fn open(connection: &Connection, class: Class) -> Result<SendStream, WriteError> {
    let mut stream = connection.open_uni().await.map_err(WriteError::ConnectionLost)?;
    stream.set_priority(priority(class)).map_err(|_closed| WriteError::ClosedStream)?;
    stream.write_all(&[tag(class)]).await?;
    Ok(stream)
}

/// Writes one frame.
pub(super) async fn write(stream: &mut SendStream, frame: Vec<u8>) -> Result<(), WriteError> {
    // Its queue has compared the length with the class's limit, which fits.
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_le_bytes();
    stream.write_all_chunks(&mut [length.to_vec().into(), frame.into()]).await
}

/// A stream of frames that come in.
#[derive(Debug)]
pub(super) struct FrameReader {
    class: Class,
    stream: RecvStream,
    room: Arc<Semaphore>,
}

impl FrameReader {
    pub(super) fn new(class: Class, stream: RecvStream) -> Self {
        Self { class, stream, room: Arc::new(Semaphore::new(RECEIVED_BYTES_MAX)) }
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Reads the next frame. It waits for the frames before it to be dropped when those are too
    /// many bytes: what is not read the peer cannot go on sending.
    pub(super) async fn next(&mut self) -> Result<Payload, ReadEnd> {
        let mut header = [0; 4];
        exact(&mut self.stream, &mut header).await?;
        let length = length_of(self.class, header).map_err(ReadEnd::Fault)?;
        let counted = u32::try_from(length + FRAME_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(counted).await;
        let room = room.map_err(|_closed| ReadEnd::Gone)?;
        let mut bytes = vec![0; length];
        exact(&mut self.stream, &mut bytes).await?;
        Ok(Payload::new(bytes, room))
    }
}

/// The class of a stream that was just opened.
pub(super) async fn read_class(stream: &mut RecvStream) -> Result<Class, ReadEnd> {
    let mut first = [0];
    exact(stream, &mut first).await?;
    class_of(first[0]).map_err(ReadEnd::Fault)
}

/// Fills `bytes` from the stream.
pub(super) async fn exact(stream: &mut RecvStream, bytes: &mut [u8]) -> Result<(), ReadEnd> {
    match stream.read_exact(bytes).await {
        Ok(()) => Ok(()),
        Err(ReadExactError::ReadError(quinn::ReadError::ConnectionLost(_))) => Err(ReadEnd::Gone),
        // Finished, reset: a stream lasts as long as its connection.
        Err(_) => Err(ReadEnd::Fault(FrameFault::StreamEnded)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_over_the_limit_of_its_class_is_refused_before_anything_is_allocated() {
        for class in Class::ALL {
            let max = frame_bytes_max(class);
            let header = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
            assert_eq!(length_of(class, header(max)), Ok(max));
            for length in [max + 1, 2 << 30, u32::MAX as usize] {
                let refused = FrameFault::TooLong { class, length: length as u64, max };
                assert_eq!(length_of(class, header(length)), Err(refused));
            }
        }
    }

    #[test]
    fn every_class_has_a_byte_of_its_own_and_no_other_byte_is_a_class() {
        let classes: Vec<Class> = (0..=u8::MAX).filter_map(|byte| class_of(byte).ok()).collect();
        assert_eq!(classes, Class::ALL);
    }

    proptest! {
        #[test]
        fn no_length_is_believed_beyond_the_limit(header in any::<[u8; 4]>()) {
            for class in Class::ALL {
                if let Ok(length) = length_of(class, header) {
                    prop_assert!(length <= frame_bytes_max(class));
                }
            }
        }
    }
}
