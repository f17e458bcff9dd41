//! Who may connect: the roster's devices, shared between the core that knows them and the
//! connections that ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use pos_core::ids::DeviceId;
use tokio::sync::watch;

/// The devices that may connect. A handle: clones share one set. Whoever follows the roster keeps
/// it true; a device that is taken out is cut off at once.
#[derive(Debug, Clone)]
pub struct Members(Arc<watch::Sender<BTreeSet<DeviceId>>>);

impl Members {
    /// A set of these devices.
    pub fn new(devices: impl IntoIterator<Item = DeviceId>) -> Self {
        Self(Arc::new(watch::Sender::new(devices.into_iter().collect())))
    }

    /// Replaces all of them.
    pub fn replace(&self, devices: impl IntoIterator<Item = DeviceId>) {
        let devices = devices.into_iter().collect();
        self.0.send_if_modified(|set| {
            let differs = *set != devices;
            *set = devices;
            differs
        });
    }

    /// Adds one.
    pub fn insert(&self, device: DeviceId) {
        self.0.send_if_modified(|set| set.insert(device));
    }

    /// Takes one out: its connections are closed.
    pub fn remove(&self, device: DeviceId) {
        self.0.send_if_modified(|set| set.remove(&device));
    }

    /// Whether a device is among them.
    pub fn contains(&self, device: DeviceId) -> bool {
        self.0.borrow().contains(&device)
    }

    /// Tells when the set has changed.
    pub(super) fn changes(&self) -> watch::Receiver<BTreeSet<DeviceId>> {
        self.0.subscribe()
    }
}
