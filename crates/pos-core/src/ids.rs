//! Identifiers. Each is a type of its own, so that a cart id can never stand where a customer id
//! is meant. None is drawn here: ids derive from entries or are passed in (see `replica`).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text or byte string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// The hexadecimal text has the wrong length or a character that is not hexadecimal.
    #[error("an id of this kind is {expected} hexadecimal characters; this is {found:?}")]
    NotHex {
        /// Characters a well-formed id has.
        expected: usize,
        /// The text that was given.
        found: String,
    },
    /// A name that is empty, too long, or holds characters outside the allowed set.
    #[error(
        "{found:?} is not a valid {what}: use 1 to {max} letters, digits, '-', '_', '.' or '/'"
    )]
    BadName {
        /// Which kind of name this is.
        what: &'static str,
        /// Longest allowed name, in characters.
        max: usize,
        /// The text that was given.
        found: String,
    },
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps bytes that already are such an id.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self).ok_or_else(|| IdError::NotHex {
                    expected: $len * 2,
                    found: text.chars().take(80).collect(),
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    let (head, tail) = self.0.split_at($len / 2);
                    (Half::<{ $len / 2 }>(head), Half::<{ $len / 2 }>(tail)).serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    let halves = <[[u8; $len / 2]; 2]>::deserialize(deserializer)?;
                    let mut bytes = [0; $len];
                    for (slot, byte) in bytes.iter_mut().zip(halves.iter().flatten()) {
                        *slot = *byte;
                    }
                    Ok(Self(bytes))
                }
            }
        }
    };
}

/// A fixed-length run of raw bytes: serde knows arrays up to 32 elements as tuples, so a run is
/// written byte by byte without a length before it.
struct Half<'a, const N: usize>(&'a [u8]);

impl<const N: usize> Serialize for Half<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(N)?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).ok()?;
        *slot = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

byte_id!(
    /// A store: the group whose tills share carts, sales and stock.
    StoreId, 16
);
byte_id!(
    /// A device (till, hub, back office): its ed25519 public key.
    DeviceId, 32
);
byte_id!(
    /// One record in a feed: the hash of its entry and of its place in it. What other records and
    /// the outside world call the transaction, the adjustment, the shift.
    RecordId, 32
);
byte_id!(
    /// A cart: the document a sale is rung up in, before it is paid.
    CartId, 16
);
byte_id!(
    /// A line of a cart or of a sale. The first 8 bytes are the Lamport time of the entry that
    /// added it (big-endian), the rest tells authors apart: ids sort in the order lines were added.
    LineId, 16
);
byte_id!(
    /// A customer: random, so that nothing personal follows from it.
    CustomerId, 16
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Longest allowed name, in characters.
            pub const MAX_LEN: usize = $max;

            /// Checks and wraps a name.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                let name = name.into();
                let allowed = |c: char| c.is_alphanumeric() || "-_./".contains(c);
                let length = name.chars().count();
                if length == 0 || length > $max || !name.chars().all(allowed) {
                    return Err(IdError::BadName {
                        what: $what,
                        max: $max,
                        found: name.chars().take(80).collect(),
                    });
                }
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(name: &str) -> Result<Self, IdError> {
                Self::new(name)
            }
        }
    };
}

name_id!(
    /// A register: the numbered selling point whose receipts are gapless. It outlives the tablet
    /// that serves it.
    RegisterId, "register name", 16
);
name_id!(
    /// The person at the till.
    OperatorId, "operator name", 32
);
name_id!(
    /// Names one command for ever: sent again, it is answered with what it did the first time.
    IdempotencyKey, "idempotency key", 64
);
