//! The roster as people see it: devices with names and roles, and what waits for a second voice.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;
use serde::Serialize;

use super::device_name::DeviceName;
use super::entry::EntryId;
use super::roster::{Role, Roster, RosterRecord};

/// A device of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its key.
    pub device: DeviceId,
    /// What it is called. Of several names, the one written in knowledge of the others.
    pub name: DeviceName,
    /// What it may do, or might before it was shut out.
    pub role: Role,
    /// It founded the store.
    pub founder: bool,
    /// It was shut out.
    pub revoked: bool,
}

/// What one manager wants and a second one has to say as well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    /// About whom.
    pub device: DeviceId,
    /// What.
    pub change: PendingChange,
    /// Who said so.
    pub voices: BTreeSet<DeviceId>,
}

/// What a [`Pending`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PendingChange {
    /// A till is to be a manager. Until then it is a till.
    MakeManager,
    /// A manager is to be shut out. Until then it stays one.
    RevokeManager,
}

impl Roster {
    /// All devices that were ever let in, by key. The recovery key is no device.
    pub fn devices(&self) -> Vec<DeviceInfo> {
        let mut names: BTreeMap<DeviceId, Vec<(EntryId, &DeviceName)>> = BTreeMap::new();
        let mut founder = None;
        for (id, entry) in self.counted() {
            match &entry.record {
                RosterRecord::Founded { name, .. } => {
                    founder = Some(entry.author);
                    names.entry(entry.author).or_default().push((id, name));
                }
                RosterRecord::DeviceAdded { device, name, .. } => {
                    names.entry(*device).or_default().push((id, name));
                }
                RosterRecord::DeviceRevoked { .. } => {}
            }
        }
        let known = names.into_iter().filter(|(device, _)| Some(*device) != self.recovery());
        known
            .filter_map(|(device, names)| {
                Some(DeviceInfo {
                    device,
                    name: self.newest(&names)?.clone(),
                    role: self.role(device)?,
                    founder: founder == Some(device),
                    revoked: self.is_revoked(device),
                })
            })
            .collect()
    }

    /// One device.
    pub fn device(&self, device: DeviceId) -> Option<DeviceInfo> {
        self.devices().into_iter().find(|info| info.device == device)
    }

    /// What waits for a second manager, or for the recovery phrase.
    pub fn pending(&self) -> Vec<Pending> {
        let mut pending: BTreeMap<(DeviceId, PendingChange), BTreeSet<DeviceId>> = BTreeMap::new();
        for (_, entry) in self.counted() {
            let (device, change) = match &entry.record {
                RosterRecord::DeviceAdded { device, role: Role::Manager, .. }
                    if !self.managers().contains(device) =>
                {
                    (*device, PendingChange::MakeManager)
                }
                RosterRecord::DeviceRevoked { device, .. }
                    if self.managers().contains(device) && Some(*device) != self.recovery() =>
                {
                    (*device, PendingChange::RevokeManager)
                }
                _ => continue,
            };
            if !self.is_revoked(device) {
                pending.entry((device, change)).or_default().insert(entry.author);
            }
        }
        let of = |((device, change), voices)| Pending { device, change, voices };
        pending.into_iter().map(of).collect()
    }

    /// The name no other one was written in knowledge of; of several, that of the highest id.
    fn newest<'a>(&self, names: &[(EntryId, &'a DeviceName)]) -> Option<&'a DeviceName> {
        let ids: BTreeSet<EntryId> = names.iter().map(|(id, _)| *id).collect();
        let mut superseded = BTreeSet::new();
        for (id, _) in names {
            let heads = self.heads_of(*id);
            let past = self.past(heads).unwrap_or_default();
            superseded.extend(past.intersection(&ids).copied());
        }
        let newest = names.iter().filter(|(id, _)| !superseded.contains(id)).max();
        newest.map(|(_, name)| *name)
    }
}
