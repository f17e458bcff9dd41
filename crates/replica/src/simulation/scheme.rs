//! Signatures: ed25519, or in a simulation a hash keyed with the signer's public key. Nobody there
//! computes it but who signs, so it fails where a signature would, at a hundredth of the cost.

use pos_core::ids::DeviceId;

/// How entries are signed.
#[cfg(feature = "simulation")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// As in what ships.
    Ed25519,
    /// By a keyed hash.
    KeyedHash,
}

#[cfg(feature = "simulation")]
thread_local! {
    static SCHEME: core::cell::Cell<Scheme> = const { core::cell::Cell::new(Scheme::Ed25519) };
}

/// Signs and verifies in this thread by `scheme` from now on.
#[cfg(feature = "simulation")]
pub fn sign_by(scheme: Scheme) {
    SCHEME.with(|now| now.set(scheme));
}

/// The signature of the keyed hash; `None` where ed25519 is to be used.
#[cfg(feature = "simulation")]
pub(crate) fn stub_signature(device: DeviceId, message: &[u8]) -> Option<[u8; 64]> {
    if SCHEME.with(core::cell::Cell::get) == Scheme::Ed25519 {
        return None;
    }
    let mut signature = [0; 64];
    let mut hasher = blake3::Hasher::new_keyed(device.as_bytes());
    hasher.update(message).finalize_xof().fill(&mut signature);
    Some(signature)
}

/// The signature of the keyed hash: none, in what ships.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn stub_signature(_device: DeviceId, _message: &[u8]) -> Option<[u8; 64]> {
    None
}

/// Whether a signature fits by the keyed hash; `None` where ed25519 has to say.
pub(crate) fn stub_fits(device: DeviceId, message: &[u8], signature: &[u8; 64]) -> Option<bool> {
    stub_signature(device, message).map(|expected| expected == *signature)
}
