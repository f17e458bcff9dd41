//! One frame of a journal stream, as bytes. All numbers are little-endian.
//!
//! ```text
//!  0       4       8      12   13        16              24
//! +-------+-------+-------+----+---------+---------------+---------+---------+
//! | magic | crc32c| length|kind| behind  | ordinal       | payload | padding |
//! | TMF1  | u32   | u32   | u8 | u24     | u64           | length  | 0 to 7  |
//! +-------+-------+-------+----+---------+---------------+---------+---------+
//!          crc32c covers ->|<-------------- everything to here ------------>|
//! ```
//!
//! * `length` is that of the payload; padding (zeros) makes the frame a multiple of 8 bytes, so that
//!   a reader that lost its way finds the next frame by looking at every 8th byte.
//! * `kind`: 1 entry, 2 resume, 3 closed.
//! * `behind`: how many frames directly before this one were not confirmed by a flush yet when it was
//!   written (2^24 - 1 stands for more). It proves that all earlier ones were, which tells an
//!   unfinished write (nobody was told it happened) from damage to something acknowledged.

use thiserror::Error;

use crate::limits::FRAME_BYTES_MAX;
use crate::storage::{FrameKind, Ordinal};

/// First bytes of a frame.
pub const MAGIC: [u8; 4] = *b"TMF1";
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 24;
/// Frames begin at multiples of this.
pub const ALIGNMENT: usize = 8;
/// Largest `behind`.
pub const BEHIND_MAX: u32 = (1 << 24) - 1;

/// Bytes a frame takes on disk, for a payload of this length.
pub const fn frame_bytes(payload: usize) -> usize {
    (HEADER_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// Why bytes are not a good frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Nothing was written here, or it was lost.
    #[error("zeros where a frame should begin")]
    Zeros,
    /// The file ends before the frame does.
    #[error("the file ends inside the frame")]
    Cut,
    /// It does not begin like a frame.
    #[error("no frame begins here")]
    NotAFrame,
    /// Its length is over the limit, so it is not believed.
    #[error("a length of {0} bytes is over the limit")]
    TooLong(usize),
    /// Its bytes are not those that were written.
    #[error("the checksum does not match")]
    Checksum,
    /// Its kind is none we know.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// It is a good frame, but not the one that belongs here.
    #[error("frame {0} stands in its place")]
    Misplaced(Ordinal),
}

/// A good frame inside a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its number.
    pub ordinal: Ordinal,
    /// What it holds.
    pub kind: FrameKind,
    /// Frames directly before it that were not flushed when it was written.
    pub behind: u32,
    /// What was put in.
    pub payload: &'a [u8],
    /// Bytes it takes, with header and padding.
    pub bytes: usize,
}

const fn kind_code(kind: FrameKind) -> u8 {
    match kind {
        FrameKind::Entry => 1,
        FrameKind::Resume => 2,
        FrameKind::Closed => 3,
    }
}

const fn kind_of(code: u8) -> Option<FrameKind> {
    match code {
        1 => Some(FrameKind::Entry),
        2 => Some(FrameKind::Resume),
        3 => Some(FrameKind::Closed),
        _ => None,
    }
}

/// The `N` bytes at `at`, if the slice is that long.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// The little-endian number at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// The little-endian number at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Appends a frame to `out`. The payload must be within [`FRAME_BYTES_MAX`]: the caller checked.
pub fn encode(out: &mut Vec<u8>, ordinal: Ordinal, kind: FrameKind, behind: u32, payload: &[u8]) {
    debug_assert!(payload.len() <= FRAME_BYTES_MAX, "checked by the caller");
    // Within the limit, so the length fits.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let [b0, b1, b2, _] = behind.min(BEHIND_MAX).to_le_bytes();
    let mut head = [0_u8; 16];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&[kind_code(kind), b0, b1, b2]);
    head[8..].copy_from_slice(&ordinal.to_le_bytes());
    let padding = &[0_u8; ALIGNMENT][..frame_bytes(payload.len()) - HEADER_BYTES - payload.len()];
    let mut crc = crc32c::crc32c(&head);
    crc = crc32c::crc32c_append(crc, payload);
    crc = crc32c::crc32c_append(crc, padding);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.extend_from_slice(padding);
}

/// How long the frame says it is, header and padding included. `bytes` begins with its header.
pub fn declared_bytes(bytes: &[u8]) -> Result<usize, Flaw> {
    let length = u32_at(bytes, 8).ok_or(Flaw::Cut)? as usize;
    if length > FRAME_BYTES_MAX {
        return Err(Flaw::TooLong(length));
    }
    Ok(frame_bytes(length))
}

/// Reads the frame `bytes` begins with. Nothing is allocated.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, Flaw> {
    let head = array::<HEADER_BYTES>(bytes, 0).ok_or(Flaw::Cut)?;
    if head == [0; HEADER_BYTES] {
        return Err(Flaw::Zeros);
    }
    if !head.starts_with(&MAGIC) {
        return Err(Flaw::NotAFrame);
    }
    let size = declared_bytes(bytes)?;
    let body = bytes.get(8..size).ok_or(Flaw::Cut)?;
    if u32_at(bytes, 4) != Some(crc32c::crc32c(body)) {
        return Err(Flaw::Checksum);
    }
    let length = u32_at(bytes, 8).ok_or(Flaw::Cut)? as usize;
    let [code, b0, b1, b2] = array(bytes, 12).ok_or(Flaw::Cut)?;
    Ok(Decoded {
        ordinal: u64_at(bytes, 16).ok_or(Flaw::Cut)?,
        kind: kind_of(code).ok_or(Flaw::Kind(code))?,
        behind: u32::from_le_bytes([b0, b1, b2, 0]),
        payload: bytes.get(HEADER_BYTES..HEADER_BYTES + length).ok_or(Flaw::Cut)?,
        bytes: size,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(ordinal: Ordinal, kind: FrameKind, behind: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, ordinal, kind, behind, payload);
        out
    }

    /// CRC-32C, bit by bit (reflected polynomial 0x82F63B78, RFC 3720 appendix B.4), so that the
    /// bytes below do not rest on the library that wrote them.
    fn slow_crc32c(bytes: &[u8]) -> u32 {
        let mut crc = !0_u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0x82F6_3B78 & (0_u32.wrapping_sub(crc & 1)));
            }
        }
        !crc
    }

    #[test]
    fn the_bytes_of_a_frame_are_those_of_the_drawing() {
        assert_eq!(slow_crc32c(b"123456789"), 0xE306_9283, "check value of CRC-32C");
        let frame = one(0x0102_0304_0506_0708, FrameKind::Resume, 0x000A_0B0C, b"till 4");
        let rest: [u8; 24] = [
            6, 0, 0, 0, // length
            2, 0x0C, 0x0B, 0x0A, // kind, behind
            8, 7, 6, 5, 4, 3, 2, 1, // ordinal
            b't', b'i', b'l', b'l', b' ', b'4', 0, 0, // payload, padding
        ];
        let crc = slow_crc32c(&rest);
        assert_eq!(crc, GOLDEN_CRC, "the layout changed: raise the format version");
        assert_eq!(frame[..4], *b"TMF1");
        assert_eq!(frame[4..8], crc.to_le_bytes());
        assert_eq!(frame[8..], rest);
    }

    /// Of the frame above, kept so that a change of the layout is noticed.
    const GOLDEN_CRC: u32 = 2_649_849_442;

    #[test]
    fn a_length_over_the_limit_is_refused_before_the_payload_is_looked_at() {
        let mut frame = one(1, FrameKind::Entry, 0, b"x");
        frame[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&frame), Err(Flaw::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn a_slot_of_zeros_is_the_end_not_a_bad_frame() {
        assert_eq!(decode(&[0; 64]), Err(Flaw::Zeros));
        assert_eq!(decode(&[0; 23]), Err(Flaw::Cut));
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(
            ordinal: u64, behind in 0..=BEHIND_MAX, payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let frame = one(ordinal, FrameKind::Entry, behind, &payload);
            prop_assert_eq!(frame.len() % ALIGNMENT, 0);
            let read = decode(&frame).unwrap();
            prop_assert_eq!(read.ordinal, ordinal);
            prop_assert_eq!(read.behind, behind);
            prop_assert_eq!(read.payload, &payload[..]);
            prop_assert_eq!(read.bytes, frame.len());
        }

        #[test]
        fn no_single_flipped_bit_goes_unnoticed(
            payload in prop::collection::vec(any::<u8>(), 0..60), place: prop::sample::Index,
        ) {
            let mut frame = one(7, FrameKind::Entry, 0, &payload);
            let bit = place.index(frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&frame).is_err());
        }

        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).map_or(0, |frame| frame.bytes) <= bytes.len());
        }
    }
}
