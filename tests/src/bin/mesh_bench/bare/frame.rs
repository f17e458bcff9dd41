//! Two bytes of length, big-endian, then the body, which begins with the number of the change. An
//! answer is that number alone.

use quinn::RecvStream;

use crate::contestant::Fault;

const NUMBER: usize = 8;

/// The smallest body that is not an answer.
pub(super) const SMALLEST_PAYLOAD: usize = NUMBER + 1;

/// The frame of a change with a body of `payload` bytes.
pub(super) fn change(sequence: u64, payload: usize) -> Result<Vec<u8>, Fault> {
    let mut frame = u16::try_from(payload)?.to_be_bytes().to_vec();
    frame.extend(sequence.to_be_bytes());
    frame.resize(payload.saturating_add(2), 0x5A);
    Ok(frame)
}

/// The frame of an answer.
pub(super) fn answer(sequence: u64) -> [u8; 2 + NUMBER] {
    let mut frame = [0; 2 + NUMBER];
    let [_, length, number @ ..] = &mut frame;
    *length = 8;
    *number = sequence.to_be_bytes();
    frame
}

/// Reads one frame into `body` and says the number of its change.
pub(super) async fn read(from: &mut RecvStream, body: &mut Vec<u8>) -> Result<u64, Fault> {
    let mut length = [0; 2];
    from.read_exact(&mut length).await?;
    body.resize(usize::from(u16::from_be_bytes(length)), 0);
    from.read_exact(body).await?;
    let number = body.first_chunk::<NUMBER>().ok_or("a frame without a number")?;
    Ok(u64::from_be_bytes(*number))
}
