//! Reading and writing fixed little-endian layouts. Every read is bounded by the slice it reads
//! from: a length is compared with what is left before anything is allocated.

use thiserror::Error;

/// Why bytes do not have the expected layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The bytes end before the value does.
    #[error("{what} needs {wanted} more bytes, {left} are left")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Bytes it needs.
        wanted: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A length or count is over its limit.
    #[error("{what} is {found}, the limit is {limit}")]
    OverLimit {
        /// What is too large.
        what: &'static str,
        /// The value found.
        found: usize,
        /// Its limit.
        limit: usize,
    },
    /// A value that has no meaning.
    #[error("{what} {found} is unknown")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// The value found.
        found: u64,
    },
    /// Bytes behind the end.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
}

/// A cursor over a slice.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) fn bytes(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'a [u8], CodecError> {
        let (head, tail) = self.left.split_at_checked(count).ok_or(CodecError::Short {
            what,
            wanted: count,
            left: self.left.len(),
        })?;
        self.left = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], CodecError> {
        let (head, tail) = self.left.split_first_chunk::<N>().ok_or(CodecError::Short {
            what,
            wanted: N,
            left: self.left.len(),
        })?;
        self.left = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, CodecError> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64, CodecError> {
        self.array(what).map(i64::from_le_bytes)
    }

    /// A run of bytes with its length before it, at most `limit` long.
    pub(crate) fn run(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let found = usize::try_from(self.u32(what)?).unwrap_or(usize::MAX);
        if found > limit {
            return Err(CodecError::OverLimit { what, found, limit });
        }
        self.bytes(found, what)
    }

    /// [`Self::array`] in place.
    pub(crate) fn bytes_of<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<&'a [u8; N], CodecError> {
        let left = self.left.len();
        let short = CodecError::Short { what, wanted: N, left };
        let (head, tail) = self.left.split_first_chunk::<N>().ok_or(short)?;
        self.left = tail;
        Ok(head)
    }

    /// A number in LEB128, at most 64 bits.
    pub(crate) fn varint(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8(what)?;
            let part = u64::from(byte & 0x7F);
            if part.leading_zeros() < shift {
                break;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CodecError::Unknown { what, found: number })
    }

    /// A signed number: zigzag in LEB128.
    pub(crate) fn signed_varint(&mut self, what: &'static str) -> Result<i64, CodecError> {
        let number = self.varint(what)?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A count in LEB128, at most `limit`.
    pub(crate) fn varint_count(
        &mut self,
        limit: usize,
        what: &'static str,
    ) -> Result<usize, CodecError> {
        let found = usize::try_from(self.varint(what)?).unwrap_or(usize::MAX);
        if found > limit {
            return Err(CodecError::OverLimit { what, found, limit });
        }
        Ok(found)
    }

    /// A run of bytes with its length in LEB128 before it, at most `limit` long.
    pub(crate) fn varint_run(
        &mut self,
        limit: usize,
        what: &'static str,
    ) -> Result<&'a [u8], CodecError> {
        let length = self.varint_count(limit, what)?;
        self.bytes(length, what)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn end(self) -> Result<(), CodecError> {
        if self.left.is_empty() { Ok(()) } else { Err(CodecError::Trailing(self.left.len())) }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.left)
    }
}

/// `count` as the two-byte number the layouts use, or why it cannot be.
pub(crate) fn count_u16(count: usize, limit: usize, what: &'static str) -> Result<u16, CodecError> {
    let over = CodecError::OverLimit { what, found: count, limit };
    if count > limit {
        return Err(over);
    }
    u16::try_from(count).map_err(|_too_many| over)
}
