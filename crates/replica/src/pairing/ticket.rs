//! What the new device is given: an invitation to be read by a camera or pasted, or a code to be
//! typed.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use pos_core::ids::{DeviceId, StoreId};
use thiserror::Error;

use super::Method;
use crate::limits;

/// Crockford's 32 symbols: no I, L, O and U. All are in a QR code's alphanumeric set.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What an invitation begins with: its version is part of it.
const PREFIX: &str = "TM1:";
/// Symbols of a typed code, the check symbol included.
const CODE_SYMBOLS: usize = 8;
/// Random bits of a typed code.
const CODE_BITS: u32 = 35;
/// Bytes of an invitation's check.
const CHECK_BYTES: usize = 4;

/// Why a text is neither an invitation nor a code. Whoever typed or read it tries again; nothing
/// was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TicketError {
    /// Of another length than a code has.
    #[error("a code has {CODE_SYMBOLS} letters and digits, this one has {0}")]
    CodeLength(usize),
    /// A character no code has.
    #[error("{0:?} is in no code: the letter U and signs are not used")]
    Symbol(char),
    /// The check symbol does not fit.
    #[error("the code has a slip in it: compare it with the screen of the manager's till")]
    Check,
    /// A QR code that is cut off, changed, or of another version.
    #[error("this QR code is not whole, or of another version of the program: read it again")]
    Invitation,
}

/// What lets a device ask for entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticket {
    /// Read by a camera, or pasted.
    Invitation(Invitation),
    /// Typed by a person.
    Code(TypedCode),
}

impl Ticket {
    /// Reads either of them.
    pub fn parse(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        let is_invitation = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("TM"))
            && text.contains(':');
        if is_invitation {
            text.parse().map(Self::Invitation)
        } else {
            text.parse().map(Self::Code)
        }
    }

    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Invitation(_) => Method::Invitation,
            Self::Code(_) => Method::Code,
        }
    }

    pub(super) fn secret(&self) -> Vec<u8> {
        match self {
            Self::Invitation(invitation) => invitation.secret.to_vec(),
            Self::Code(code) => code.0.to_le_bytes().to_vec(),
        }
    }
}

/// The QR code: where the manager's till is, which key it has, which store it lets into, and a
/// secret good for one entry. 128 bits, so nobody guesses it, not even offline.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The store.
    pub store: StoreId,
    /// The manager's device.
    pub manager: DeviceId,
    /// Random, good for one entry.
    pub secret: [u8; 16],
    /// Where the manager's till may be reached, at most [`limits::PAIRING_ADDRESSES_MAX`]; those
    /// beyond are left out.
    pub addresses: Vec<SocketAddr>,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("store", &self.store)
            .field("manager", &self.manager)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// The payload of the QR code: upper case letters, digits and a colon.
impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.bytes();
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        write!(f, "{PREFIX}{}", to_symbols(&bytes))
    }
}

impl Invitation {
    /// store 16 ‖ manager 32 ‖ secret 16 ‖ count u8 ‖ addresses, each 4 or 6, octets, port u16.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(self.store.as_bytes());
        bytes.extend_from_slice(self.manager.as_bytes());
        bytes.extend_from_slice(&self.secret);
        let addresses = || self.addresses.iter().take(limits::PAIRING_ADDRESSES_MAX);
        bytes.push(u8::try_from(addresses().count()).unwrap_or(0));
        for address in addresses() {
            match address.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(4);
                    bytes.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(6);
                    bytes.extend_from_slice(&ip.octets());
                }
            }
            bytes.extend_from_slice(&address.port().to_le_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (store, rest) = bytes.split_first_chunk::<16>()?;
        let (manager, rest) = rest.split_first_chunk::<32>()?;
        let (secret, rest) = rest.split_first_chunk::<16>()?;
        let (&count, mut rest) = rest.split_first()?;
        if usize::from(count) > limits::PAIRING_ADDRESSES_MAX {
            return None;
        }
        let mut addresses = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (&family, octets) = rest.split_first()?;
            let (ip, behind): (IpAddr, &[u8]) = match family {
                4 => octets
                    .split_first_chunk::<4>()
                    .map(|(ip, rest)| (Ipv4Addr::from(*ip).into(), rest))?,
                6 => octets
                    .split_first_chunk::<16>()
                    .map(|(ip, rest)| (Ipv6Addr::from(*ip).into(), rest))?,
                _ => return None,
            };
            let (port, behind) = behind.split_first_chunk::<2>()?;
            addresses.push(SocketAddr::new(ip, u16::from_le_bytes(*port)));
            rest = behind;
        }
        rest.is_empty().then(|| Self {
            store: StoreId::from_bytes(*store),
            manager: DeviceId::from_bytes(*manager),
            secret: *secret,
            addresses,
        })
    }
}

impl FromStr for Invitation {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let symbols = text.trim().strip_prefix(PREFIX).ok_or(TicketError::Invitation)?;
        let bytes = from_symbols(symbols).ok_or(TicketError::Invitation)?;
        let (content, found) =
            bytes.split_last_chunk::<CHECK_BYTES>().ok_or(TicketError::Invitation)?;
        if check(content) != *found {
            return Err(TicketError::Invitation);
        }
        Self::read(content).ok_or(TicketError::Invitation)
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh invitation check v1");
    hasher.update(bytes);
    let mut check = [0; CHECK_BYTES];
    hasher.finalize_xof().fill(&mut check);
    check
}

/// Bytes as symbols of 5 bits, the first bit of the first byte first.
fn to_symbols(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(symbol((buffer >> bits) & 31));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(symbol((buffer << (5 - bits)) & 31));
    }
    text
}

/// `None` for a symbol that is none, and for bits behind the last byte.
fn from_symbols(text: &str) -> Option<Vec<u8>> {
    let longest = (65 + limits::PAIRING_ADDRESSES_MAX * 19 + CHECK_BYTES) * 8 / 5 + 1;
    if text.len() > longest {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = SYMBOLS.iter().position(|symbol| *symbol == byte)?;
        buffer = (buffer << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
        buffer &= (1 << bits) - 1;
    }
    (bits < 5 && buffer == 0).then_some(bytes)
}

fn symbol(value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or(0);
    SYMBOLS.get(index).copied().map_or('0', char::from)
}

/// A code a person types: `7K3M-9QXD`. Seven symbols are random, 35 bits; the eighth finds slips
/// of the finger before anything is sent. 35 bits are enough against guessing at the till, where
/// five wrong tries close the window (one chance in about seven billion), and nothing against
/// guessing offline: whoever is in the middle of a connection can work the code out from its
/// proof. So the code opens the door to the comparison of words and proves nothing by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypedCode(u64);

impl TypedCode {
    /// The code of 5 random bytes, of which 35 bits are used.
    pub const fn from_random(random: [u8; 5]) -> Self {
        let mut bits = [0; 8];
        if let Some(low) = bits.first_chunk_mut::<5>() {
            *low = random;
        }
        Self(u64::from_le_bytes(bits) & ((1 << CODE_BITS) - 1))
    }

    fn values(self) -> [u32; CODE_SYMBOLS - 1] {
        core::array::from_fn(|place| {
            u32::try_from((self.0 >> (5 * (CODE_SYMBOLS - 2 - place))) & 31).unwrap_or(0)
        })
    }
}

impl fmt::Display for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values();
        let all = values.iter().copied().chain([check_symbol(&values)]);
        for (place, value) in all.enumerate() {
            if place == CODE_SYMBOLS / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", symbol(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}

/// In any case, with or without blanks and hyphens; O reads as 0, I and L as 1.
impl FromStr for TypedCode {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let mut values = Vec::with_capacity(CODE_SYMBOLS);
        let typed = text.chars().filter(|it| !it.is_whitespace() && *it != '-');
        for character in typed {
            let meant = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = SYMBOLS.iter().position(|symbol| char::from(*symbol) == meant);
            let value = value.and_then(|value| u32::try_from(value).ok());
            values.push(value.ok_or(TicketError::Symbol(character))?);
            if values.len() > 2 * CODE_SYMBOLS {
                break;
            }
        }
        let Some((last, code)) = values.split_last().filter(|_| values.len() == CODE_SYMBOLS)
        else {
            return Err(TicketError::CodeLength(values.len()));
        };
        if check_symbol(code) != *last {
            return Err(TicketError::Check);
        }
        Ok(Self(code.iter().fold(0, |sum, value| (sum << 5) | u64::from(*value))))
    }
}

/// Luhn's check, modulo 32: finds every wrong symbol and nearly every swapped pair.
fn check_symbol(values: &[u32]) -> u32 {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(place, value)| if place % 2 == 0 { value * 2 / 32 + value * 2 % 32 } else { *value })
        .sum();
    (32 - sum % 32) % 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            store: StoreId::from_bytes([0xaa; 16]),
            manager: DeviceId::from_bytes([0xbb; 32]),
            secret: [0xcc; 16],
            addresses: vec![
                "192.168.1.7:4711".parse().unwrap(),
                "[2001:db8::7]:4711".parse().unwrap(),
            ],
        }
    }

    #[test]
    fn an_invitation_keeps_its_text() {
        let text = invitation().to_string();
        assert_eq!(text, INVITATION);
        assert_eq!(Ticket::parse(&format!(" {text}\n")), Ok(Ticket::Invitation(invitation())));
    }

    const INVITATION: &str = concat!(
        "TM1:NANANANANANANANANANANANANAXVQEXVQEXVQEXVQEXVQEXVQEXVQEXVQEXVQEXVQEXVQEXV",
        "QEXVQK6CSK6CSK6CSK6CSK6CSK6CSK020K0AG087CW90C8011PW0000000000000000001V72BHE1231"
    );

    #[test]
    fn an_invitation_in_another_spelling_is_refused() {
        let text = invitation().to_string();
        for at in 4..text.len() {
            let mut other = text.clone();
            let with = if text.as_bytes()[at] == b'7' { "8" } else { "7" };
            other.replace_range(at..=at, with);
            assert_eq!(Ticket::parse(&other), Err(TicketError::Invitation), "at {at}");
            assert_eq!(Ticket::parse(&text[..at]), Err(TicketError::Invitation), "cut at {at}");
        }
        for other in [text.replace("TM1", "TM2"), text.to_lowercase(), format!("{text}0")] {
            assert_eq!(Ticket::parse(&other), Err(TicketError::Invitation), "{other}");
        }
        let long = format!("TM1:{}", "0".repeat(100_000));
        assert_eq!(Ticket::parse(&long), Err(TicketError::Invitation));
    }

    #[test]
    fn bytes_become_symbols_and_back() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(from_symbols(&to_symbols(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn a_typed_code_keeps_its_text_and_forgives_the_typist() {
        let code = TypedCode::from_random([0x01, 0x23, 0x45, 0x67, 0xff]);
        assert_eq!(code.to_string(), CODE);
        assert_eq!(Ticket::parse(CODE), Ok(Ticket::Code(code)));
        assert_eq!(CODE.to_lowercase().replace('-', " ").parse(), Ok(code));
        let zero = TypedCode::from_random([0; 5]);
        assert_eq!(zero.to_string(), "0000-0000");
        assert_eq!("ooooOOOO".parse(), Ok(zero));
        assert_eq!("000-000".parse::<TypedCode>(), Err(TicketError::CodeLength(6)));
        assert_eq!("0000-000U".parse::<TypedCode>(), Err(TicketError::Symbol('U')));
    }

    const CODE: &str = "XKMA-8R1N";

    #[test]
    fn every_single_slip_in_a_typed_code_is_found() {
        let text = TypedCode::from_random([0x9b, 0x23, 0xe5, 0x67, 0x02]).to_string();
        for at in (0..text.len()).filter(|at| text.as_bytes()[*at] != b'-') {
            for symbol in SYMBOLS.iter().filter(|symbol| **symbol != text.as_bytes()[at]) {
                let mut slip = text.clone().into_bytes();
                slip[at] = *symbol;
                let slip = String::from_utf8(slip).unwrap();
                assert_eq!(slip.parse::<TypedCode>(), Err(TicketError::Check), "{slip}");
            }
        }
    }
}
