//! The addresses that worked, from one run of the till to the next.

use core::net::SocketAddr;

use pos_core::ids::DeviceId;
use serde::{Deserialize, Serialize};

use super::address::is_local_only;
use super::book::{Claim, Unit};
use super::{Contacts, usable};
use crate::limits::{CONTACTS_MAX, PROVEN_ADDRESSES_MAX, SAVED_CONTACTS_BYTES_MAX};

/// Version of the file of saved addresses, its first byte.
pub const FORMAT_VERSION: u8 = 1;

/// One device in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    device: DeviceId,
    /// The last that worked first.
    addresses: Vec<SocketAddr>,
}

impl Contacts {
    /// The addresses that worked, to be kept in a small file. Link-local addresses are left out:
    /// the number of their interface may be another after a restart.
    pub fn saved(&self) -> Vec<u8> {
        let row = |(unit, contact): (&Unit, &super::Contact)| {
            let device = unit.device()?;
            let mut addresses = contact.proven();
            addresses.retain(|address| address.ip().is_loopback() || !is_local_only(*address));
            addresses.truncate(PROVEN_ADDRESSES_MAX);
            (!addresses.is_empty()).then_some(Saved { device, addresses })
        };
        let rows: Vec<Saved> = self.book.iter().filter_map(row).collect();
        let mut bytes = vec![FORMAT_VERSION];
        bytes.extend(postcard::to_stdvec(&rows).unwrap_or_default());
        bytes
    }

    /// Grows whenever [`Self::saved`] gives something new that is worth a write to the disk.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes up what [`Self::saved`] gave in an earlier run, and answers how many addresses it was.
    /// Bytes of another version or damaged ones are passed over: the file only saves time.
    pub fn restore(&mut self, now_ms: u64, bytes: &[u8]) -> usize {
        let Some(rows) = read(bytes) else { return 0 };
        let mut restored = 0;
        for Saved { device, addresses } in rows.into_iter().take(CONTACTS_MAX) {
            if device == self.own || !(self.members.is_empty() || self.members.contains(&device)) {
                continue;
            }
            let addresses: Vec<_> = addresses.into_iter().filter_map(usable).collect();
            // The last of the row first, so that the first gets the highest rank.
            for address in addresses.into_iter().take(PROVEN_ADDRESSES_MAX).rev() {
                let unit = Unit::Device(device);
                if self.admit(unit, address, Claim::Sure, now_ms).is_none() {
                    continue;
                }
                self.rank = self.rank.saturating_add(1);
                let rank = self.rank;
                if let Some(contact) = self.book.get_mut(&unit) {
                    contact.prove(address, rank);
                }
                restored += 1;
            }
        }
        restored
    }
}

fn read(bytes: &[u8]) -> Option<Vec<Saved>> {
    let (version, rows) = bytes.split_first()?;
    if *version != FORMAT_VERSION || bytes.len() > SAVED_CONTACTS_BYTES_MAX {
        return None;
    }
    // A count over what the bytes can hold costs nothing: serde reserves a bounded amount ahead.
    match postcard::take_from_bytes::<Vec<Saved>>(rows) {
        Ok((rows, [])) => Some(rows),
        Ok(_) | Err(_) => None,
    }
}
