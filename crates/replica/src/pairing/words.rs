//! What both sides hash: proofs of the ticket, commitments, and the words both screens show.

use core::fmt;

use bip39::Language;
use pos_core::ids::DeviceId;

use super::Method;

/// Words of a short authentication string.
pub const WORDS: usize = 4;
/// Bits of one word: the list has 2,048.
const WORD_BITS: usize = 11;

/// One connection between two devices, as TLS vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) joiner: DeviceId,
    pub(super) manager: DeviceId,
    pub(super) exporter: [u8; 32],
}

/// Who commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Joiner,
    Manager,
}

impl Channel {
    fn add_to(&self, hasher: &mut blake3::Hasher) {
        hasher.update(self.joiner.as_bytes());
        hasher.update(self.manager.as_bytes());
        hasher.update(&self.exporter);
    }

    /// Proof of knowing a ticket's secret, good on this connection alone.
    pub(super) fn proof(&self, method: Method, secret: &[u8]) -> blake3::Hash {
        let mut material = vec![method_tag(method)];
        material.extend_from_slice(secret);
        let key = blake3::derive_key("tillmesh pairing secret v1", &material);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        self.add_to(&mut hasher);
        hasher.finalize()
    }

    /// Commitment to a nonce: binding, and hiding because a nonce is 256 random bits.
    pub(super) fn commitment(&self, side: Side, nonce: &[u8; 32]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh pairing commitment v1");
        hasher.update(&[match side {
            Side::Joiner => 0,
            Side::Manager => 1,
        }]);
        self.add_to(&mut hasher);
        hasher.update(nonce);
        hasher.finalize()
    }

    /// The words both screens show.
    pub(super) fn words(&self, method: Method, joiner: &[u8; 32], manager: &[u8; 32]) -> Words {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh pairing words v1");
        hasher.update(&[method_tag(method)]);
        self.add_to(&mut hasher);
        hasher.update(joiner);
        hasher.update(manager);
        let mut bits = [0; 8];
        hasher.finalize_xof().fill(&mut bits);
        let bits = u64::from_le_bytes(bits);
        let list = Language::English.word_list();
        let word = |place: usize| {
            let index = (bits >> (place * WORD_BITS)) & ((1 << WORD_BITS) - 1);
            usize::try_from(index).ok().and_then(|index| list.get(index)).copied().unwrap_or("")
        };
        Words(core::array::from_fn(word))
    }
}

const fn method_tag(method: Method) -> u8 {
    match method {
        Method::Invitation => 0,
        Method::Code => 1,
    }
}

/// The short authentication string: four words of BIP-39's list, 44 bits. Two screens that show
/// the same words are the two ends of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words([&'static str; WORDS]);

impl Words {
    /// The words.
    pub const fn all(&self) -> &[&'static str; WORDS] {
        &self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
