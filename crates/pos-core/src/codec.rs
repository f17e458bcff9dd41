//! Bytes of records and rows: postcard, one encoding for one value.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not the value they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodecError {
    /// No value has these bytes.
    Malformed(postcard::Error),
    /// Bytes after the value.
    Trailing(usize),
    /// The value has other bytes: an over-long integer, a SKU in lower case, a map out of order.
    NotCanonical,
}

#[expect(
    clippy::expect_used,
    reason = "postcard fails on a full buffer and on sequences of unknown length: a Vec is never \
              the one, and no type here serialises the other"
)]
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a value of known length encodes into a growing buffer")
}

/// Reads one value, to the last byte.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(CodecError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(CodecError::Trailing(rest.len())) }
}

/// Reads bytes that [`encode`] wrote, and no others. `W` is what is written for an `R` that was
/// read.
pub(crate) fn decode_canonical<R: DeserializeOwned, W: Serialize, E: From<CodecError>>(
    bytes: &[u8],
    check: impl FnOnce(R) -> Result<W, E>,
) -> Result<W, E> {
    let value = check(decode(bytes)?)?;
    if encode(&value) == bytes { Ok(value) } else { Err(CodecError::NotCanonical.into()) }
}
