//! The messages: one a frame, postcard, in one spelling only.

use core::net::SocketAddr;

use pos_core::ids::StoreId;
use serde::{Deserialize, Serialize};

use super::{Method, Refusal};
use crate::core::DeviceName;
use crate::limits;

/// A message of the pairing protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// The new device: how it knows of the window, a proof of that for this connection, a commitment
    /// to its nonce, and what it would like to be called.
    Hello { method: Method, proof: [u8; 32], commitment: [u8; 32], name: DeviceName },
    /// The manager's till: its commitment.
    Commit { commitment: [u8; 32] },
    /// Either side: its nonce.
    Reveal { nonce: [u8; 32] },
    /// The new device: the words are the same, or it knows whom it speaks with.
    Ready,
    /// The manager's till: the device is in. Where it belongs, and where others may be met.
    Welcome { store: StoreId, addresses: Vec<SocketAddr> },
    /// Either side: it is over, and why.
    Stop { reason: Refusal },
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// `None` for what is too long, no message, or one in another spelling.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > limits::PAIRING_FRAME_BYTES_MAX {
            return None;
        }
        let message: Self = postcard::from_bytes(bytes).ok()?;
        let within = match &message {
            Self::Welcome { addresses, .. } => addresses.len() <= limits::PAIRING_ADDRESSES_MAX,
            _ => true,
        };
        (within && message.encode() == bytes).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_loose_or_followed_by_something_is_no_message() {
        let addresses: Vec<SocketAddr> = vec!["192.168.1.7:4711".parse().unwrap(); 8];
        let welcome = Message::Welcome { store: StoreId::from_bytes([1; 16]), addresses };
        assert_eq!(Message::decode(&welcome.encode()), Some(welcome.clone()));
        let mut longer = welcome.encode();
        longer.push(0);
        assert_eq!(Message::decode(&longer), None);
        assert_eq!(Message::decode(&vec![0; limits::PAIRING_FRAME_BYTES_MAX + 1]), None);
        // `Ready`, its number written with one byte too many.
        assert_eq!(Message::decode(&Message::Ready.encode()), Some(Message::Ready));
        assert_eq!(Message::decode(&[0x83, 0x00]), None);
        assert_eq!(Message::decode(&[]), None);
        let Message::Welcome { store, mut addresses } = welcome else { return };
        addresses.push("[2001:db8::1]:1".parse().unwrap());
        assert_eq!(Message::decode(&Message::Welcome { store, addresses }.encode()), None);
        let claims_many = [&[4_u8][..], &[1; 16], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert_eq!(Message::decode(&claims_many), None);
    }
}
