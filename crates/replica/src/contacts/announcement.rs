//! What a till says about itself on the local network, and which of what it hears is its store's.
//!
//! An announcement is a hint and nothing more: whoever is dialled because of one has to prove its
//! key. It carries no name and no key. The store is blinded, so that somebody who notes down
//! announcements cannot tell a shop next month from the announcements of today without knowing
//! its id.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use std::collections::BTreeSet;

use pos_core::ids::{DeviceId, StoreId};
use thiserror::Error;

/// Version of the announcement, in its field `v`.
pub const ANNOUNCEMENT_VERSION: u8 = 1;

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The first 8 bytes of a device id: enough to guess which member announces itself, too little to
/// be proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint([u8; 8]);

/// A store's id, blinded for one week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindedStore([u8; 8]);

macro_rules! eight_hex_bytes {
    ($name:ident) => {
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
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let digit = |c: u8| c.is_ascii_digit() || matches!(c, b'a'..=b'f');
                if text.len() != 16 || !text.bytes().all(digit) {
                    return Err(NotHex);
                }
                let value = u64::from_str_radix(text, 16).map_err(|_not_hex| NotHex)?;
                Ok(Self(value.to_be_bytes()))
            }
        }
    };
}

eight_hex_bytes!(Hint);
eight_hex_bytes!(BlindedStore);

/// A text that is not 16 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not 16 hexadecimal digits in lower case")]
pub struct NotHex;

impl Hint {
    /// The hint of a device.
    pub fn of(device: DeviceId) -> Self {
        let head = device.as_bytes().first_chunk::<8>();
        Self(head.copied().unwrap_or_default())
    }

    /// The member this hints at. Of two with the same first 8 bytes, the lower id.
    pub fn among(self, members: &BTreeSet<DeviceId>) -> Option<DeviceId> {
        let mut lowest = [0; DeviceId::LEN];
        for (slot, byte) in lowest.iter_mut().zip(self.0) {
            *slot = byte;
        }
        let first = members.range(DeviceId::from_bytes(lowest)..).next().copied();
        first.filter(|device| Self::of(*device) == self)
    }
}

/// The week a wall clock is in: weeks of 604,800 seconds since 1970-01-01, a Thursday.
pub fn week(wall_ms: i64) -> i64 {
    wall_ms.div_euclid(WEEK_MS)
}

impl BlindedStore {
    /// The store's id in the given [`week`].
    pub fn in_week(store: StoreId, week: i64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh announced store v1");
        hasher.update(store.as_bytes());
        hasher.update(&week.to_le_bytes());
        let mut blinded = [0; 8];
        hasher.finalize_xof().fill(&mut blinded);
        Self(blinded)
    }
}

/// The text fields of an announcement (RFC 6763, section 6). The port and the addresses travel in
/// the SRV, A and AAAA records beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beacon {
    /// `s`: the store, blinded.
    pub store: BlindedStore,
    /// `d`: who announces itself, so it says.
    pub device: Hint,
}

/// Why text fields are no announcement of a till. Nobody's fault: the network is free to carry
/// anything. They are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BeaconError {
    /// Of another version; a till that announces itself so may still be met by other ways.
    #[error("announced in a version other than {ANNOUNCEMENT_VERSION}")]
    Version,
    /// A field is absent or has no meaning.
    #[error("field {0} is absent or malformed")]
    Field(&'static str),
}

impl Beacon {
    /// The fields as they are announced.
    pub fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("v", ANNOUNCEMENT_VERSION.to_string()),
            ("s", self.store.to_string()),
            ("d", self.device.to_string()),
        ]
    }

    /// Reads the fields, given a way to look one up. Fields of other names are for later versions.
    pub fn read<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Self, BeaconError> {
        if field("v").ok_or(BeaconError::Field("v"))? != ANNOUNCEMENT_VERSION.to_string() {
            return Err(BeaconError::Version);
        }
        let store = field("s").and_then(|text| text.parse().ok()).ok_or(BeaconError::Field("s"))?;
        let device =
            field("d").and_then(|text| text.parse().ok()).ok_or(BeaconError::Field("d"))?;
        Ok(Self { store, device })
    }
}

/// What was heard from one till: who it may be, and where it may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Who it says it is.
    pub device: Hint,
    /// Where it says it is.
    pub addresses: Vec<SocketAddr>,
    /// Its announcement is blinded for another week: its clock, or this till's, is wrong.
    pub clock_differs: bool,
}

/// Whose announcement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// This device's own, heard back.
    Own,
    /// Of this store.
    Ours,
    /// Of a member of this store whose clock is more than a week away from ours.
    OursByAnotherClock,
    /// Of another store.
    Foreign,
}

/// Tells the own store's announcements from those of others.
#[derive(Debug, Clone)]
pub struct Recogniser {
    store: StoreId,
    own: Hint,
    members: BTreeSet<Hint>,
}

impl Recogniser {
    /// For a device of a store.
    pub fn new(store: StoreId, device: DeviceId) -> Self {
        Self { store, own: Hint::of(device), members: BTreeSet::new() }
    }

    /// Says who belongs to the store. Tills whose clocks are wrong are recognised only by this.
    pub fn members_changed(&mut self, members: &BTreeSet<DeviceId>) {
        self.members = members.iter().copied().map(Hint::of).collect();
    }

    /// Whether the hint is that of a member.
    pub fn is_member(&self, device: Hint) -> bool {
        self.members.contains(&device)
    }

    /// What this device announces in the given [`week`].
    pub fn beacon(&self, week: i64) -> Beacon {
        Beacon { store: BlindedStore::in_week(self.store, week), device: self.own }
    }

    /// Whose announcement this is. The last, this and the next week count, since no two clocks
    /// change week at once.
    pub fn recognise(&self, beacon: &Beacon, week: i64) -> Recognised {
        let near = [0, -1, 1].map(|weeks| week.saturating_add(weeks));
        let ours = near.iter().any(|week| BlindedStore::in_week(self.store, *week) == beacon.store);
        match (beacon.device == self.own, ours) {
            (true, _) => Recognised::Own,
            (false, true) => Recognised::Ours,
            (false, false) if self.is_member(beacon.device) => Recognised::OursByAnotherClock,
            (false, false) => Recognised::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreId = StoreId::from_bytes([0xAA; 16]);
    const OTHER: StoreId = StoreId::from_bytes([0xBB; 16]);

    fn device(first: u8) -> DeviceId {
        DeviceId::from_bytes([first; 32])
    }

    #[test]
    fn weeks_begin_on_thursdays_before_and_after_1970() {
        assert_eq!([0, WEEK_MS - 1, WEEK_MS].map(week), [0, 0, 1]);
        assert_eq!([-1, -WEEK_MS, -WEEK_MS - 1].map(week), [-1, -1, -2]);
        assert_eq!(week(1_291_190_400_000), 2134, "2010-12-01");
    }

    #[test]
    fn the_blinded_store_is_the_hash_the_document_of_the_formats_describes() {
        let vectors = [(STORE, 0, VECTORS[0]), (STORE, 2134, VECTORS[1]), (STORE, -1, VECTORS[2])];
        for (store, week, expected) in vectors {
            assert_eq!(BlindedStore::in_week(store, week).to_string(), expected, "week {week}");
        }
    }

    /// Computed once with another implementation of BLAKE3, written from its specification.
    const VECTORS: [&str; 3] = ["ea7072cd38721ee2", "6881fbe9315449ed", "196dff9b9b5b9867"];

    #[test]
    fn a_beacon_reads_back_and_nothing_else_does() {
        let beacon = Recogniser::new(STORE, device(7)).beacon(2134);
        let fields = beacon.fields();
        let look = |fields: &[(&'static str, String)], name: &str| {
            fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.clone())
        };
        let read = |fields: &[(&'static str, String)]| {
            let texts: Vec<_> = ["v", "s", "d"].map(|name| look(fields, name)).into();
            Beacon::read(|name| {
                let place = ["v", "s", "d"].iter().position(|field| *field == name)?;
                texts.get(place)?.as_deref()
            })
        };
        assert_eq!(read(&fields), Ok(beacon));
        for (place, name) in ["v", "s", "d"].iter().enumerate() {
            let mut without = fields.to_vec();
            without.remove(place);
            assert_eq!(read(&without), Err(BeaconError::Field(name)));
            for wrong in ["", "2", "0707070707070707 ", "+707070707070707", "0707070707070G07"] {
                let mut spoilt = fields.clone();
                wrong.clone_into(&mut spoilt[place].1);
                assert!(read(&spoilt).is_err(), "{name}={wrong:?}");
            }
        }
    }

    #[test]
    fn clocks_a_week_apart_recognise_each_other_and_two_stores_never_do() {
        let ours = Recogniser::new(STORE, device(1));
        let peer = Recogniser::new(STORE, device(2));
        let foreign = Recogniser::new(OTHER, device(3));
        for (off, expected) in [
            (-2, Recognised::Foreign),
            (-1, Recognised::Ours),
            (0, Recognised::Ours),
            (1, Recognised::Ours),
            (2, Recognised::Foreign),
        ] {
            assert_eq!(ours.recognise(&peer.beacon(100 + off), 100), expected, "{off} weeks");
            assert_eq!(ours.recognise(&foreign.beacon(100 + off), 100), Recognised::Foreign);
        }
        assert_eq!(ours.recognise(&ours.beacon(100), 100), Recognised::Own);
    }

    #[test]
    fn a_member_whose_clock_is_years_away_is_recognised_all_the_same() {
        let mut ours = Recogniser::new(STORE, device(1));
        let lost = Recogniser::new(STORE, device(2)).beacon(0);
        assert_eq!(ours.recognise(&lost, 2900), Recognised::Foreign);
        ours.members_changed(&BTreeSet::from([device(1), device(2)]));
        assert_eq!(ours.recognise(&lost, 2900), Recognised::OursByAnotherClock);
        assert_eq!(ours.recognise(&lost, i64::MAX), Recognised::OursByAnotherClock);
    }

    #[test]
    fn a_hint_finds_its_member_and_no_neighbour() {
        let members = BTreeSet::from([device(1), device(3)]);
        assert_eq!(Hint::of(device(1)).among(&members), Some(device(1)));
        assert_eq!(Hint::of(device(3)).among(&members), Some(device(3)));
        assert_eq!(Hint::of(device(2)).among(&members), None);
        assert_eq!(Hint::of(device(4)).among(&members), None);
    }
}
