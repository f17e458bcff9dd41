//! Laws of the address book and the dialler, over made-up networks.

mod dialling;
mod words;

use core::net::SocketAddr;
use std::collections::BTreeSet;

use pos_core::ids::DeviceId;

use super::announcement::{Announcement, Hint};

/// A device whose id begins with `number`.
fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn devices(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<DeviceId> {
    numbers.into_iter().map(device).collect()
}

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 4433))
}

fn announced(number: u8, addresses: &[SocketAddr]) -> Announcement {
    Announcement {
        device: Hint::of(device(number)),
        addresses: addresses.to_vec(),
        clock_differs: false,
    }
}
