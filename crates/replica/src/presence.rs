//! Presence: "till 2 has this cart open". A hint for people, sent as datagrams that may be lost,
//! doubled or late. Never a lock: nobody is kept from a cart because somebody else looks at it.
//!
//! A device that has a cart open says so once a second, and at once when that changes; one that has
//! left its cart says so once and is silent. The table keeps the last word of every device; who has
//! not been heard for ten seconds is nowhere. Pure: times are
//! the caller's monotonic milliseconds, and only the receiver's own are ever compared.
//!
//! ```text
//! datagram, at most 200 bytes
//! +---------+--------+----------+---------+------+----------+---------+-------+
//! | version | device | run u64  | counter | cart | cart id  | text    | text  |
//! | 1       | 32     | LE       | u64 LE  | 0, 1 | 16, if 1 | len u8  | UTF-8 |
//! +---------+--------+----------+---------+------+----------+---------+-------+
//! ```
//!
//! *Run* tells the runs of a program apart, later ones higher, so that a till that was started
//! again is heard though it counts from one. The transport vouches for the device: a datagram is
//! taken only from the connection of the device it names.

use std::collections::BTreeMap;

use pos_core::ids::{CartId, DeviceId};
use thiserror::Error;

use crate::limits::{
    PRESENCE_BEAT_MS, PRESENCE_BYTES_MAX, PRESENCE_DEVICES_MAX, PRESENCE_EXPIRES_MS,
    PRESENCE_TEXT_BYTES_MAX,
};

/// Version of the datagram.
pub const PRESENCE_VERSION: u8 = 1;

/// Where a device says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The device.
    pub device: DeviceId,
    /// Which run of its program: the shell's, higher at each start.
    pub run: u64,
    /// Counts the words of the run.
    pub counter: u64,
    /// Where it is.
    pub place: Place,
}

/// What a device is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The cart that is on its screen, if one is.
    pub cart: Option<CartId>,
    /// Words for others: "till 2", "Ada". No control characters.
    pub text: String,
}

impl Place {
    /// A place; the text is cut to what a datagram holds and freed of control characters.
    pub fn new(cart: Option<CartId>, text: &str) -> Self {
        let mut text: String = text.chars().filter(|letter| !letter.is_control()).collect();
        text.truncate(text.floor_char_boundary(PRESENCE_TEXT_BYTES_MAX));
        Self { cart, text }
    }
}

/// Why a datagram is not taken. The sender's fault, or its version is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PresenceError {
    /// Longer than any may be.
    #[error("a presence datagram has at most {PRESENCE_BYTES_MAX} bytes, this one {0}")]
    TooLong(usize),
    /// Another version.
    #[error("presence of version {0} is not known here")]
    UnknownVersion(u8),
    /// It ends early, goes on, or holds what it may not.
    #[error("the presence datagram is malformed")]
    Malformed,
    /// It speaks for a device that did not send it.
    #[error("the presence datagram names another device than its sender")]
    NotTheSender,
}

impl Presence {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let place = Place::new(self.place.cart, &self.place.text);
        let mut out = vec![PRESENCE_VERSION];
        out.extend_from_slice(self.device.as_bytes());
        out.extend_from_slice(&self.run.to_le_bytes());
        out.extend_from_slice(&self.counter.to_le_bytes());
        match &place.cart {
            None => out.push(0),
            Some(cart) => {
                out.push(1);
                out.extend_from_slice(cart.as_bytes());
            }
        }
        out.push(u8::try_from(place.text.len()).unwrap_or(0));
        out.extend_from_slice(place.text.as_bytes());
        out
    }

    /// Reads a datagram. Every datagram has one reading, every reading one datagram.
    pub fn decode(bytes: &[u8]) -> Result<Self, PresenceError> {
        if bytes.len() > PRESENCE_BYTES_MAX {
            return Err(PresenceError::TooLong(bytes.len()));
        }
        match bytes.first() {
            Some(&PRESENCE_VERSION) => {}
            Some(&version) => return Err(PresenceError::UnknownVersion(version)),
            None => return Err(PresenceError::Malformed),
        }
        Self::read(bytes.get(1..).unwrap_or_default()).ok_or(PresenceError::Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (device, bytes) = bytes.split_first_chunk::<32>()?;
        let (run, bytes) = bytes.split_first_chunk::<8>()?;
        let (counter, bytes) = bytes.split_first_chunk::<8>()?;
        let (has_cart, bytes) = bytes.split_first()?;
        let (cart, bytes) = match has_cart {
            0 => (None, bytes),
            1 => {
                let (cart, bytes) = bytes.split_first_chunk::<16>()?;
                (Some(CartId::from_bytes(*cart)), bytes)
            }
            _ => return None,
        };
        let (length, text) = bytes.split_first()?;
        let text = core::str::from_utf8(text).ok()?;
        let fits = text.len() == usize::from(*length) && text.len() <= PRESENCE_TEXT_BYTES_MAX;
        if !fits || text.chars().any(char::is_control) {
            return None;
        }
        Some(Self {
            device: DeviceId::from_bytes(*device),
            run: u64::from_le_bytes(*run),
            counter: u64::from_le_bytes(*counter),
            place: Place { cart, text: text.to_owned() },
        })
    }
}

/// The last word of one device.
#[derive(Debug)]
struct Heard {
    run: u64,
    counter: u64,
    place: Place,
    at_ms: u64,
}

/// Who is where, as far as it was heard, and what this device says of itself.
#[derive(Debug)]
pub struct PresenceTable {
    me: DeviceId,
    run: u64,
    counter: u64,
    place: Place,
    /// When the next word is due; at once when it has changed.
    due_ms: u64,
    heard: BTreeMap<DeviceId, Heard>,
}

impl PresenceTable {
    /// An empty table of a device. `run` is higher at each start: the shell's wall clock will do,
    /// a life's counter as well.
    pub fn new(me: DeviceId, run: u64) -> Self {
        Self {
            me,
            run,
            counter: 0,
            place: Place::default(),
            due_ms: u64::MAX,
            heard: BTreeMap::new(),
        }
    }

    /// Where this device is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Says where this device is from now on; told to the others with the next
    /// [`PresenceTable::poll`].
    pub fn set_place(&mut self, place: &Place) {
        let place = Place::new(place.cart, &place.text);
        if self.place != place {
            self.place = place;
            self.due_ms = 0;
        }
    }

    /// The datagram that is due at `now_ms`, for every peer; `None` when none is.
    pub fn poll(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        if now_ms < self.due_ms {
            return None;
        }
        let pause = if self.place.cart.is_some() { PRESENCE_BEAT_MS } else { u64::MAX };
        self.due_ms = now_ms.saturating_add(pause);
        self.counter = self.counter.saturating_add(1);
        let (device, run, counter) = (self.me, self.run, self.counter);
        Some(Presence { device, run, counter, place: self.place.clone() }.encode())
    }

    /// When to poll again.
    pub const fn next_poll_ms(&self) -> u64 {
        self.due_ms
    }

    /// Takes in a datagram that `sender`'s connection brought. Says whether a screen that shows
    /// who is where has something new to show.
    pub fn hear(
        &mut self,
        now_ms: u64,
        sender: DeviceId,
        datagram: &[u8],
    ) -> Result<bool, PresenceError> {
        let word = Presence::decode(datagram)?;
        if word.device != sender {
            return Err(PresenceError::NotTheSender);
        }
        if sender == self.me {
            return Ok(false);
        }
        let before = self.heard.get(&sender);
        let older = |heard: &&Heard| (word.run, word.counter) <= (heard.run, heard.counter);
        // Old words are dropped even when the device has been silent since: they say where it was.
        if before.is_some_and(|heard| older(&heard)) {
            return Ok(false);
        }
        let news =
            before.is_none_or(|heard| heard.place != word.place || expired(heard.at_ms, now_ms));
        if before.is_none() {
            self.make_room(now_ms);
        }
        let Presence { run, counter, place, .. } = word;
        self.heard.insert(sender, Heard { run, counter, place, at_ms: now_ms });
        Ok(news)
    }

    /// The one who was heard longest ago goes when the table is full.
    fn make_room(&mut self, now_ms: u64) {
        if self.heard.len() < PRESENCE_DEVICES_MAX {
            return;
        }
        self.heard.retain(|_, heard| !expired(heard.at_ms, now_ms));
        while self.heard.len() >= PRESENCE_DEVICES_MAX {
            let oldest = self.heard.iter().min_by_key(|(device, heard)| (heard.at_ms, **device));
            let Some(oldest) = oldest.map(|(device, _)| *device) else { return };
            self.heard.remove(&oldest);
        }
    }

    /// The other devices that have a cart on their screen now, with their words, by device.
    pub fn who_is_on(&self, now_ms: u64, cart: CartId) -> Vec<(DeviceId, &str)> {
        let there = self.present(now_ms).filter(|(_, place)| place.cart == Some(cart));
        there.map(|(device, place)| (device, place.text.as_str())).collect()
    }

    /// All other devices that were heard of late, by device.
    pub fn present(&self, now_ms: u64) -> impl Iterator<Item = (DeviceId, &Place)> {
        let live = self.heard.iter().filter(move |(_, heard)| !expired(heard.at_ms, now_ms));
        live.map(|(device, heard)| (*device, &heard.place))
    }

    /// A device has left for good: its connection is closed in order, or it was revoked.
    pub fn forget(&mut self, device: DeviceId) {
        self.heard.remove(&device);
    }
}

const fn expired(at_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) >= PRESENCE_EXPIRES_MS
}

const _: () = assert!(1 + 32 + 8 + 8 + 1 + 16 + 1 + PRESENCE_TEXT_BYTES_MAX <= PRESENCE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ME: DeviceId = DeviceId::from_bytes([1; 32]);
    const CART: CartId = CartId::from_bytes([7; 16]);

    fn device(number: u16) -> DeviceId {
        let mut bytes = [2; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(bytes)
    }

    fn word(number: u16, run: u64, counter: u64, cart: Option<CartId>) -> Vec<u8> {
        let place = Place::new(cart, "till 2");
        Presence { device: device(number), run, counter, place }.encode()
    }

    #[test]
    fn the_datagram_is_these_bytes() {
        let on_cart = Presence {
            device: DeviceId::from_bytes([0xd0; 32]),
            run: 3,
            counter: 258,
            place: Place::new(Some(CartId::from_bytes([0xca; 16])), "till 2"),
        };
        let mut expected = vec![1];
        expected.extend([0xd0; 32]);
        expected.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([2, 1, 0, 0, 0, 0, 0, 0]);
        expected.push(1);
        expected.extend([0xca; 16]);
        expected.extend([6, b't', b'i', b'l', b'l', b' ', b'2']);
        assert_eq!(on_cart.encode(), expected);
        assert_eq!(Presence::decode(&expected), Ok(on_cart.clone()));

        let nowhere = Presence { place: Place::default(), ..on_cart };
        let mut expected = expected[..49].to_vec();
        expected.extend([0, 0]);
        assert_eq!(nowhere.encode(), expected);
        assert_eq!(Presence::decode(&expected), Ok(nowhere));
    }

    #[test]
    fn what_is_no_datagram_is_refused() {
        let good = word(1, 1, 1, Some(CART));
        assert!(good.len() <= PRESENCE_BYTES_MAX);
        for cut in 0..good.len() {
            let error = Presence::decode(&good[..cut]).unwrap_err();
            assert_eq!(error, PresenceError::Malformed, "cut at {cut}");
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(Presence::decode(&longer), Err(PresenceError::Malformed));
        let huge = vec![1; PRESENCE_BYTES_MAX + 1];
        assert_eq!(Presence::decode(&huge), Err(PresenceError::TooLong(PRESENCE_BYTES_MAX + 1)));
        let mut newer = good.clone();
        newer[0] = 2;
        assert_eq!(Presence::decode(&newer), Err(PresenceError::UnknownVersion(2)));
        let mut escape = good;
        *escape.last_mut().unwrap() = 0x1b;
        assert_eq!(Presence::decode(&escape), Err(PresenceError::Malformed));
    }

    #[test]
    fn a_text_of_any_length_and_kind_fits() {
        let place = Place::new(Some(CART), &"\u{1f600}\u{7}\n".repeat(100));
        let word = Presence { device: ME, run: u64::MAX, counter: u64::MAX, place };
        assert!(word.encode().len() <= PRESENCE_BYTES_MAX);
        assert_eq!(Presence::decode(&word.encode()), Ok(word));
    }

    #[test]
    fn the_last_word_holds_and_late_ones_change_nothing() {
        let mut table = PresenceTable::new(ME, 1);
        assert_eq!(table.hear(0, device(1), &word(1, 1, 5, Some(CART))), Ok(true));
        assert_eq!(table.hear(1, device(1), &word(1, 1, 6, Some(CART))), Ok(false));
        assert_eq!(table.hear(2, device(1), &word(1, 1, 4, None)), Ok(false));
        assert_eq!(table.who_is_on(2, CART), [(device(1), "till 2")]);
        assert_eq!(table.hear(3, device(1), &word(1, 2, 1, None)), Ok(true), "started again");
        assert_eq!(table.who_is_on(3, CART), []);
        assert_eq!(table.hear(4, device(1), &word(1, 1, 9, Some(CART))), Ok(false));
        assert_eq!(table.who_is_on(4, CART), []);
    }

    #[test]
    fn who_is_silent_for_ten_seconds_is_nowhere() {
        let mut table = PresenceTable::new(ME, 1);
        table.hear(500, device(1), &word(1, 1, 1, Some(CART))).unwrap();
        assert_eq!(table.who_is_on(500 + PRESENCE_EXPIRES_MS - 1, CART).len(), 1);
        assert_eq!(table.who_is_on(500 + PRESENCE_EXPIRES_MS, CART).len(), 0);
        // Nor does an old datagram bring it back; a new one does, and is news.
        assert_eq!(table.hear(20_000, device(1), &word(1, 1, 1, Some(CART))), Ok(false));
        assert_eq!(table.who_is_on(20_000, CART).len(), 0);
        assert_eq!(table.hear(20_001, device(1), &word(1, 1, 2, Some(CART))), Ok(true));
        assert_eq!(table.who_is_on(20_001, CART).len(), 1);
    }

    #[test]
    fn nobody_speaks_for_another_or_to_itself() {
        let mut table = PresenceTable::new(ME, 1);
        let lie = table.hear(0, device(2), &word(1, 1, 1, Some(CART)));
        assert_eq!(lie, Err(PresenceError::NotTheSender));
        let place = Place::new(Some(CART), "me");
        let own = Presence { device: ME, run: 1, counter: 9, place }.encode();
        assert_eq!(table.hear(0, ME, &own), Ok(false));
        assert_eq!(table.present(0).count(), 0);
    }

    #[test]
    fn a_device_beats_once_a_second_and_at_once_when_it_moves() {
        let mut table = PresenceTable::new(ME, 1);
        assert!(table.poll(0).is_none(), "it has no cart");
        table.set_place(&Place::new(Some(CartId::from_bytes([8; 16])), "till 1"));
        assert!(table.poll(0).is_some());
        assert!(table.poll(PRESENCE_BEAT_MS - 1).is_none());
        assert!(table.poll(PRESENCE_BEAT_MS).is_some());
        table.set_place(&Place::new(Some(CART), "till 1"));
        let moved = Presence::decode(&table.poll(PRESENCE_BEAT_MS + 1).unwrap()).unwrap();
        assert_eq!((moved.counter, moved.place.cart), (3, Some(CART)));
        table.set_place(&Place::new(Some(CART), "till 1"));
        assert!(table.poll(PRESENCE_BEAT_MS + 2).is_none(), "it has not moved");
        assert_eq!(table.next_poll_ms(), 2 * PRESENCE_BEAT_MS + 1);
        table.set_place(&Place::default());
        let left = Presence::decode(&table.poll(PRESENCE_BEAT_MS + 3).unwrap()).unwrap();
        assert_eq!((left.counter, left.place.cart), (4, None));
        assert!(table.poll(u64::MAX - 1).is_none(), "it has left, and has said so");
    }

    #[test]
    fn a_crowd_does_not_grow_the_table_and_the_newest_are_kept() {
        let mut table = PresenceTable::new(ME, 1);
        for number in 0..1000 {
            table.hear(u64::from(number), device(number), &word(number, 1, 1, Some(CART))).unwrap();
        }
        let on_cart = table.who_is_on(1000, CART);
        assert_eq!(on_cart.len(), PRESENCE_DEVICES_MAX);
        assert!(on_cart.iter().any(|(id, _)| *id == device(999)));
        table.forget(device(999));
        assert_eq!(table.present(1000).count(), PRESENCE_DEVICES_MAX - 1);
    }

    proptest! {
        #[test]
        fn no_noise_stops_the_reader_and_what_is_read_is_what_was_written(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..=PRESENCE_BYTES_MAX + 2),
            versioned: bool,
        ) {
            if let (true, Some(first)) = (versioned, bytes.first_mut()) {
                *first = PRESENCE_VERSION;
            }
            if let Ok(word) = Presence::decode(&bytes) {
                prop_assert_eq!(word.encode(), bytes);
            }
        }

        #[test]
        fn any_order_and_repetition_of_words_leaves_the_last_one(
            words in proptest::collection::vec((1_u64..4, 1_u64..6), 1..30)
        ) {
            let mut table = PresenceTable::new(ME, 1);
            let cart_of = |run: u64, counter: u64| CartId::from_bytes([u8::try_from(run * 10 + counter).unwrap(); 16]);
            for (at, (run, counter)) in (0..).zip(&words) {
                let datagram = word(1, *run, *counter, Some(cart_of(*run, *counter)));
                table.hear(at, device(1), &datagram).unwrap();
            }
            let (run, counter) = words.iter().max().unwrap();
            prop_assert_eq!(table.who_is_on(30, cart_of(*run, *counter)).len(), 1);
        }
    }
}
