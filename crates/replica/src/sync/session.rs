//! One connection to a peer: what it has, what it wants, and what is on the way to it.

use std::collections::{BTreeMap, BTreeSet};

use core::net::SocketAddr;

use pos_core::ids::DeviceId;

use super::Class;
use super::message::{FeedRow, Have, SummaryRow, Want};
use super::pack::{Packer, Unpacker};
use crate::core::{Cursor, FeedId};
use crate::limits;

/// A peer as a connection sees it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) device: DeviceId,
    pub(super) address: Option<SocketAddr>,
    /// Its hello has come and fits.
    pub(super) ready: bool,
    pub(super) software: String,
    /// What it holds of each device, where that was another thing than we hold when it said so.
    pub(super) theirs: BTreeMap<DeviceId, SummaryRow>,
    /// Its digest was another one, and it has not said yet what it holds.
    pub(super) awaits_summary: bool,
    /// Since when it holds more of a device than we do.
    pub(super) ahead_since: BTreeMap<DeviceId, u64>,
    /// The devices whose entries it wants from us.
    pub(super) serving: BTreeMap<DeviceId, Serving>,
    /// Rows of a want whose rest has not come.
    pub(super) rows: BTreeMap<DeviceId, Vec<FeedRow>>,
    /// Wants that came while the own index was made again.
    pub(super) postponed: Vec<Want>,
    pub(super) digest_due_ms: u64,
    pub(super) digests_sent: u64,
    /// What the peer was told of feeds, so that it need not be told again, and what it told.
    pub(super) packer: Packer,
    pub(super) unpacker: Unpacker,
    next_window: u64,
    in_flight: BTreeMap<u64, InFlight>,
    in_flight_bytes: usize,
    /// The class of a feed's windows on the way, and how many: their order must not change.
    lanes: BTreeMap<FeedId, (Class, usize)>,
}

/// A window that is not acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) feed: FeedId,
    pub(super) last: u64,
    bytes: usize,
}

/// The feeds of one device, on their way to a peer.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pub(super) standing: bool,
    /// Where each feed goes on; from its start where it is not named.
    pub(super) cursors: BTreeMap<FeedId, Cursor>,
    /// Feeds that may hold more than was sent.
    pub(super) lagging: BTreeSet<FeedId>,
}

impl Serving {
    /// Whether there is nothing to send until a feed grows.
    pub(super) fn is_idle(&self) -> bool {
        self.standing && self.lagging.is_empty()
    }
}

impl Session {
    pub(super) fn new(device: DeviceId, address: Option<SocketAddr>, now_ms: u64) -> Self {
        Self {
            device,
            address,
            ready: false,
            software: String::new(),
            theirs: BTreeMap::new(),
            awaits_summary: false,
            ahead_since: BTreeMap::new(),
            serving: BTreeMap::new(),
            rows: BTreeMap::new(),
            postponed: Vec::new(),
            digest_due_ms: now_ms,
            digests_sent: 0,
            packer: Packer::default(),
            unpacker: Unpacker::default(),
            next_window: 1,
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            lanes: BTreeMap::new(),
        }
    }

    /// Bytes of entries on the way.
    pub(super) const fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// Whether it asks for more devices, or names more feeds before its wants are complete, than
    /// any honest peer: both are kept in memory.
    pub(super) fn wants_too_much(&self) -> bool {
        let rows: usize = self.rows.values().map(Vec::len).sum();
        let postponed = self.postponed.iter().map(|want| match &want.have {
            Have::Digest(_) => 0,
            Have::Feeds { ends, .. } => ends.len(),
        });
        rows.saturating_add(postponed.sum()) > limits::WANT_ROWS_MAX
            || self.postponed.len() > limits::SUMMARY_DEVICES_MAX
            || self.rows.len() > limits::SUMMARY_DEVICES_MAX
            || self.serving.len() > limits::SUMMARY_DEVICES_MAX
    }

    /// The class a window of `feed` goes by: that of those on the way, so that none is overtaken.
    pub(super) fn class_for(&self, feed: &FeedId, otherwise: Class) -> Class {
        self.lanes.get(feed).map_or(otherwise, |(class, _)| *class)
    }

    /// Counts a window as on its way; gives it its id.
    pub(super) fn sent(&mut self, feed: FeedId, last: u64, bytes: usize, class: Class) -> u64 {
        let id = self.next_window;
        self.next_window = id.wrapping_add(1);
        self.in_flight.insert(id, InFlight { feed, last, bytes });
        self.in_flight_bytes = self.in_flight_bytes.saturating_add(bytes);
        self.lanes.entry(feed).or_insert((class, 0)).1 += 1;
        id
    }

    /// Takes a window off the way.
    pub(super) fn arrived(&mut self, id: u64) -> Option<InFlight> {
        let window = self.in_flight.remove(&id)?;
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(window.bytes);
        if let Some((_, count)) = self.lanes.get_mut(&window.feed) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.lanes.remove(&window.feed);
            }
        }
        Some(window)
    }

    /// Forgets the windows of a device that are on the way: they are asked for anew.
    pub(super) fn forget_windows_of(&mut self, device: DeviceId) {
        let ids: Vec<u64> = self
            .in_flight
            .iter()
            .filter(|(_, window)| window.feed.device == device)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.arrived(id);
        }
        self.packer.restart(device);
    }
}
