//! Who writes: a device's key, and the incarnation it writes under.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey};
use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};

use super::codec::{CodecError, Reader};
use super::entry::Lane;
use crate::simulation;

/// A device's signing key. Never printed.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key of a 32-byte secret, which the shell draws once and keeps.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&secret))
    }

    /// The public half: the device's identity.
    pub fn device(&self) -> DeviceId {
        DeviceId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// The secret half, for the certificate of the same key.
    #[cfg(feature = "net")]
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        simulation::stub_signature(self.device(), message).unwrap_or_else(|| {
            let signature: Signature = self.0.sign(message);
            signature.to_bytes()
        })
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.device())
    }
}

/// One life of a device's process. Drawn at every start, persisted with the first entry written
/// under it: a restored backup or a cloned disk image goes on under another nonce, so its entries
/// never take the place of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// Counts the lives this device knows of, from 1.
    pub counter: u32,
    /// Random.
    pub nonce: [u8; 8],
}

impl Incarnation {
    /// The 12 bytes a document's actor id is derived from, besides the device.
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let parts = self.counter.to_le_bytes().into_iter().chain(self.nonce);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        bytes
    }
}

/// One feed: what one device wrote in one life on one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId {
    /// Who.
    pub device: DeviceId,
    /// In which life.
    pub incarnation: Incarnation,
    /// On which lane.
    pub lane: Lane,
}

impl FeedId {
    /// Bytes of the form used in keys: device, counter (big-endian), nonce, lane.
    pub(crate) fn to_key(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(45);
        key.extend_from_slice(self.device.as_bytes());
        key.extend_from_slice(&self.incarnation.counter.to_be_bytes());
        key.extend_from_slice(&self.incarnation.nonce);
        key.push(self.lane.tag());
        key
    }

    pub(crate) fn from_key(key: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(key);
        let device = DeviceId::from_bytes(reader.array("feed device")?);
        let counter = u32::from_be_bytes(reader.array("feed incarnation")?);
        let nonce = reader.array("feed nonce")?;
        let lane = Lane::from_tag(reader.u8("feed lane")?)?;
        reader.end()?;
        Ok(Self { device, incarnation: Incarnation { counter, nonce }, lane })
    }
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device: String = self.device.to_string().chars().take(8).collect();
        write!(f, "{device}/{}/{}", self.incarnation.counter, self.lane.name())
    }
}

/// The id of the store a device founds with a random `nonce` and a recovery key. Only that device
/// can have founded it, and with that recovery key alone: the id is a hash over both keys.
pub fn store_id(founder: DeviceId, nonce: &[u8; 16], recovery: DeviceId) -> StoreId {
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh store v1");
    hasher.update(founder.as_bytes());
    hasher.update(nonce);
    hasher.update(recovery.as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    StoreId::from_bytes(id)
}
