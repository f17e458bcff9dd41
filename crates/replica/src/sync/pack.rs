//! Entries on the wire: what the receiver can work out is not sent.
//!
//! An entry's header names its feed, its number, the entry before it and a hash of each body: all of
//! which a peer that holds the entry before it knows or can compute. The two ends of a connection
//! remember where each feed stands, and the exact bytes are made again on the other side, where they
//! are checked like any others. What does not fit (another version, an erased body) goes as it is.
//!
//! ```text
//! packed   = 0 | whole …                     (entries as they are)
//!          | 1 | opening | entry …           (a feed that was not sent on this connection yet)
//!          | 2 + place | entry …             (the feed that was opened at that place)
//! opening  = place | lane u8 | device 32 | incarnation u32 + nonce 8
//! entry    = 0 | length | bytes
//!          | flags u8 | [seq | previous 32] | lamport | wall | [heads | head 32 …] | deps | dep 32 …
//!            | signature 64 | ops | op …
//! op       = kind | class u8 | subject length u8 | subject | body mark u8 | body
//! body     = commitment 32                   (mark 0: erased or not received)
//!          | salt 16 | length | bytes        (mark 1)
//! ```
//!
//! Flags: 1 always, 2 the entry follows the one before it, 4 it names the same roster heads. All numbers
//! without a width are varints; `lamport` and `wall` are signed distances to the entry before.

use std::collections::BTreeMap;

use pos_core::ids::{DeviceId, StoreId};

use crate::core::{
    CodecError, Entry, EntryId, FeedId, Incarnation, Lane, Reader, WireHeader, WireOp,
};
use crate::limits;

const WHOLE: u8 = 0;
const PACKED: u8 = 1;
const FOLLOWS: u8 = 2;
const SAME_HEADS: u8 = 4;
const FLAGS: u8 = PACKED | FOLLOWS | SAME_HEADS;

const NO_FEED: u64 = 0;
const OPENS: u64 = 1;
const FIRST_PLACE: u64 = 2;

/// The end of a feed, as far as it went over a connection.
#[derive(Debug, Clone)]
struct Tail {
    id: [u8; 32],
    seq: u64,
    lamport: u64,
    wall: i64,
    roster_heads: Vec<u8>,
}

impl Tail {
    /// Of a feed of which nothing was sent.
    const START: Self = Self { id: [0; 32], seq: 0, lamport: 0, wall: 0, roster_heads: Vec::new() };

    /// Behind an entry.
    fn behind(entry: &WireHeader<'_>) -> Self {
        let short = entry.roster_heads.len() <= limits::PACKED_HEADS_KEPT * 32;
        Self {
            id: *entry.id.as_bytes(),
            seq: entry.seq,
            lamport: entry.lamport,
            wall: entry.wall,
            roster_heads: if short { entry.roster_heads.to_vec() } else { Vec::new() },
        }
    }
}

/// The sending end of a connection.
#[derive(Debug, Default)]
pub(super) struct Packer {
    feeds: BTreeMap<FeedId, (u64, Tail)>,
    opened: u64,
}

/// The receiving end of a connection.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    feeds: BTreeMap<u64, (FeedId, Tail)>,
}

/// Entries as they are, for whoever keeps no account of a connection.
pub(super) fn whole<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, NO_FEED);
    for entry in entries {
        put_whole(&mut out, entry);
    }
    out
}

impl Packer {
    /// Packs entries of a feed, which are to be unpacked in this order.
    pub(super) fn pack(&mut self, store: StoreId, feed: FeedId, entries: &[Vec<u8>]) -> Vec<u8> {
        let new = !self.feeds.contains_key(&feed);
        if new && self.opened >= limits::PACKED_FEEDS_MAX as u64 {
            return whole(entries.iter().map(Vec::as_slice));
        }
        let mut out = Vec::with_capacity(entries.iter().map(Vec::len).sum());
        let (place, tail) = self.feeds.entry(feed).or_insert((self.opened, Tail::START));
        if new {
            self.opened += 1;
            put(&mut out, OPENS);
            put(&mut out, *place);
            out.push(feed.lane.tag());
            out.extend_from_slice(feed.device.as_bytes());
            out.extend_from_slice(&feed.incarnation.counter.to_le_bytes());
            out.extend_from_slice(&feed.incarnation.nonce);
        } else {
            put(&mut out, FIRST_PLACE.saturating_add(*place));
        }
        for bytes in entries {
            match Entry::for_wire(bytes) {
                Some(entry) if entry.store == store && entry.feed == feed => {
                    pack(&mut out, tail, &entry);
                    *tail = Tail::behind(&entry);
                }
                _ => put_whole(&mut out, bytes),
            }
        }
        out
    }
}

impl Packer {
    /// Opens the feeds of a device anew: windows that are sent from here on may overtake those on the
    /// way, and must not lean on them.
    pub(super) fn restart(&mut self, device: DeviceId) {
        self.feeds.retain(|feed, _| feed.device != device);
    }
}

impl Unpacker {
    /// The entries of a window, in order: what [`Packer::pack`] was given.
    pub(super) fn unpack(
        &mut self,
        store: StoreId,
        packed: &[u8],
    ) -> Result<Vec<Vec<u8>>, CodecError> {
        let mut reader = Reader::new(packed);
        let place = match reader.varint("feed")? {
            NO_FEED => None,
            OPENS => Some(self.open(&mut reader)?),
            place => Some(place - FIRST_PLACE),
        };
        let mut entries = Vec::new();
        let mut bytes = 0_usize;
        while !reader.is_empty() {
            if entries.len() >= limits::WINDOW_ENTRIES_MAX {
                let (found, limit) = (entries.len() + 1, limits::WINDOW_ENTRIES_MAX);
                return Err(CodecError::OverLimit { what: "window entries", found, limit });
            }
            let entry = match reader.u8("entry flags")? {
                WHOLE => reader.varint_run(limits::ENTRY_BYTES_MAX, "entry")?.to_vec(),
                flags => {
                    let known = place.and_then(|place| self.feeds.get_mut(&place));
                    let unknown = CodecError::Unknown { what: "feed", found: u64::from(flags) };
                    let (feed, tail) = known.ok_or(unknown)?;
                    unpack(&mut reader, flags, store, *feed, tail)?
                }
            };
            bytes = bytes.saturating_add(entry.len());
            if bytes > limits::WINDOW_BYTES_MAX {
                let limit = limits::WINDOW_BYTES_MAX;
                return Err(CodecError::OverLimit { what: "window length", found: bytes, limit });
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Windows of different feeds may overtake each other: an opening says its place.
    fn open(&mut self, reader: &mut Reader<'_>) -> Result<u64, CodecError> {
        let last = limits::PACKED_FEEDS_MAX - 1;
        let place = reader.varint_count(last, "feeds of a connection")? as u64;
        let lane = Lane::from_tag(reader.u8("lane")?)?;
        let device = DeviceId::from_bytes(reader.array("device")?);
        let incarnation =
            Incarnation { counter: reader.u32("incarnation")?, nonce: reader.array("nonce")? };
        let feed = FeedId { device, incarnation, lane };
        match self.feeds.insert(place, (feed, Tail::START)) {
            None => Ok(place),
            Some(_) => Err(CodecError::Unknown { what: "feed opened twice, at", found: place }),
        }
    }
}

fn pack(out: &mut Vec<u8>, tail: &Tail, entry: &WireHeader<'_>) {
    let follows = tail.seq.checked_add(1) == Some(entry.seq) && tail.id == *entry.previous;
    let same_heads = tail.roster_heads == entry.roster_heads;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(PACKED | flag(follows, FOLLOWS) | flag(same_heads, SAME_HEADS));
    if !follows {
        put(out, entry.seq);
        out.extend_from_slice(entry.previous);
    }
    put_signed(out, entry.lamport.wrapping_sub(tail.lamport).cast_signed());
    put_signed(out, entry.wall.wrapping_sub(tail.wall));
    if !same_heads {
        put_ids(out, entry.roster_heads);
    }
    put_ids(out, entry.deps);
    out.extend_from_slice(entry.signature);
    put(out, u64::try_from(entry.ops.len()).unwrap_or(u64::MAX));
    for op in &entry.ops {
        put(out, u64::from(op.kind));
        out.push(op.class);
        out.push(u8::try_from(op.subject.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(op.subject);
        match op.body {
            None => {
                out.push(0);
                out.extend_from_slice(&op.commitment);
            }
            Some((salt, body)) => {
                out.push(1);
                out.extend_from_slice(salt);
                put(out, u64::try_from(body.len()).unwrap_or(u64::MAX));
                out.extend_from_slice(body);
            }
        }
    }
}

/// Reads an entry and makes its bytes again.
fn unpack(
    reader: &mut Reader<'_>,
    flags: u8,
    store: StoreId,
    feed: FeedId,
    tail: &mut Tail,
) -> Result<Vec<u8>, CodecError> {
    if flags & PACKED == 0 || flags & !FLAGS != 0 {
        return Err(CodecError::Unknown { what: "entry flags", found: u64::from(flags) });
    }
    let previous;
    let (seq, previous) = if flags & FOLLOWS == 0 {
        let seq = reader.varint("seq")?;
        previous = reader.array("previous")?;
        (seq, &previous)
    } else {
        (tail.seq.wrapping_add(1), &tail.id)
    };
    let lamport = tail.lamport.wrapping_add(reader.signed_varint("lamport")?.cast_unsigned());
    let wall = tail.wall.wrapping_add(reader.signed_varint("wall")?);
    let roster_heads = if flags & SAME_HEADS == 0 {
        ids(reader, limits::ROSTER_HEADS_MAX, "roster heads")?
    } else {
        tail.roster_heads.as_slice()
    };
    let deps = ids(reader, limits::DEPS_MAX, "deps")?;
    let signature = &reader.array("signature")?;
    let count = reader.varint_count(limits::OPS_PER_ENTRY_MAX, "op count")?;
    let mut ops = Vec::new();
    for _ in 0..count {
        ops.push(unpack_op(reader)?);
    }
    let id = EntryId::from_bytes([0; 32]);
    let mut entry = WireHeader {
        store,
        feed,
        id,
        seq,
        previous,
        lamport,
        wall,
        roster_heads,
        deps,
        signature,
        ops,
    };
    let (bytes, id) = entry.encode()?;
    entry.id = id;
    let behind = Tail::behind(&entry);
    *tail = behind;
    Ok(bytes)
}

fn unpack_op<'a>(reader: &mut Reader<'a>) -> Result<WireOp<'a>, CodecError> {
    let found = reader.varint("op kind")?;
    let kind = u16::try_from(found)
        .map_err(|_too_large| CodecError::Unknown { what: "op kind", found })?;
    let class = reader.u8("op class")?;
    let length = usize::from(reader.u8("subject length")?);
    let subject = reader.bytes(length, "op subject")?;
    match reader.u8("body mark")? {
        0 => {
            Ok(WireOp { kind, class, subject, commitment: reader.array("commitment")?, body: None })
        }
        1 => {
            let salt = reader.bytes_of("salt")?;
            let body = reader.varint_run(limits::BODY_BYTES_MAX, "body")?;
            Ok(WireOp::of(kind, class, subject, salt, body))
        }
        found => Err(CodecError::Unknown { what: "body mark", found: u64::from(found) }),
    }
}

/// Ids with their count before them: their bytes.
fn ids<'a>(
    reader: &mut Reader<'a>,
    limit: usize,
    what: &'static str,
) -> Result<&'a [u8], CodecError> {
    let count = reader.varint_count(limit, what)?;
    reader.bytes(count.saturating_mul(32), what)
}

fn put_ids(out: &mut Vec<u8>, ids: &[u8]) {
    put(out, u64::try_from(ids.len() / 32).unwrap_or(u64::MAX));
    out.extend_from_slice(ids);
}

fn put_whole(out: &mut Vec<u8>, entry: &[u8]) {
    out.push(WHOLE);
    put(out, u64::try_from(entry.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(entry);
}

/// A number in LEB128.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A signed number: the sign last, so that short distances are short.
fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

#[cfg(test)]
mod tests;
