//! An entry taken apart without copying, for sending it without what its receiver can work out.

use pos_core::ids::{DeviceId, StoreId};

use super::{Entry, EntryId, FORMAT_VERSION, PREFIX_BYTES, commitment_of, count_u16, hash_header};
use crate::core::Lane;
use crate::core::codec::{CodecError, Reader};
use crate::core::identity::{FeedId, Incarnation};
use crate::limits;

/// An entry of this build's version, in place.
#[derive(Debug)]
pub(crate) struct WireHeader<'a> {
    pub(crate) store: StoreId,
    pub(crate) feed: FeedId,
    pub(crate) id: EntryId,
    pub(crate) seq: u64,
    pub(crate) previous: &'a [u8; 32],
    pub(crate) lamport: u64,
    pub(crate) wall: i64,
    /// Ids, one behind the other.
    pub(crate) roster_heads: &'a [u8],
    /// Ids, one behind the other.
    pub(crate) deps: &'a [u8],
    pub(crate) signature: &'a [u8; 64],
    pub(crate) ops: Vec<WireOp<'a>>,
}

/// One op and its body, in place.
#[derive(Debug)]
pub(crate) struct WireOp<'a> {
    pub(crate) kind: u16,
    pub(crate) class: u8,
    pub(crate) subject: &'a [u8],
    pub(crate) commitment: [u8; 32],
    /// Salt and content, unless it is erased.
    pub(crate) body: Option<(&'a [u8; 16], &'a [u8])>,
}

impl<'a> WireOp<'a> {
    /// An op with its body: the commitment is computed.
    pub(crate) fn of(
        kind: u16,
        class: u8,
        subject: &'a [u8],
        salt: &'a [u8; 16],
        body: &'a [u8],
    ) -> Self {
        let commitment = commitment_of(kind, salt, body);
        Self { kind, class, subject, commitment, body: Some((salt, body)) }
    }
}

impl Entry {
    /// Takes an entry apart, if [`WireHeader::encode`] makes the same bytes of its parts.
    pub(crate) fn for_wire(bytes: &[u8]) -> Option<WireHeader<'_>> {
        let mut reader = Reader::new(bytes);
        let header = reader.run(limits::HEADER_BYTES_MAX, "header").ok()?;
        let signature = reader.bytes_of("signature").ok()?;
        let mut of = Reader::new(header);
        let entry = prefix(&mut of, signature, hash_header(header)).ok()?;
        let (mut entry, ops) = entry?;
        for _ in 0..ops {
            let op = op(&mut of, &mut reader).ok()??;
            entry.ops.push(op);
        }
        (of.is_empty() && reader.is_empty()).then_some(entry)
    }
}

/// All before the ops, and how many of these there are; `None` for another version.
fn prefix<'a>(
    reader: &mut Reader<'a>,
    signature: &'a [u8; 64],
    id: EntryId,
) -> Result<Option<(WireHeader<'a>, u16)>, CodecError> {
    if reader.u8("version")? != FORMAT_VERSION {
        return Ok(None);
    }
    let lane = Lane::from_tag(reader.u8("lane")?)?;
    let [ops, heads, deps] = [reader.u16("ops")?, reader.u16("heads")?, reader.u16("deps")?];
    let store = StoreId::from_bytes(reader.array("group")?);
    let device = DeviceId::from_bytes(reader.array("device")?);
    let incarnation =
        Incarnation { counter: reader.u32("incarnation")?, nonce: reader.array("nonce")? };
    let entry = WireHeader {
        store,
        feed: FeedId { device, incarnation, lane },
        id,
        seq: reader.u64("seq")?,
        previous: reader.bytes_of("previous")?,
        lamport: reader.u64("lamport")?,
        wall: reader.i64("wall")?,
        roster_heads: reader.bytes(usize::from(heads) * 32, "roster heads")?,
        deps: reader.bytes(usize::from(deps) * 32, "deps")?,
        signature,
        ops: Vec::new(),
    };
    let fits = usize::from(heads) <= limits::ROSTER_HEADS_MAX
        && usize::from(deps) <= limits::DEPS_MAX
        && usize::from(ops) <= limits::OPS_PER_ENTRY_MAX;
    Ok(fits.then_some((entry, ops)))
}

/// The next op of a header and its body; `None` where the body is not what was committed to.
fn op<'a>(
    header: &mut Reader<'a>,
    bodies: &mut Reader<'a>,
) -> Result<Option<WireOp<'a>>, CodecError> {
    let kind = header.u16("op kind")?;
    let class = header.u8("op class")?;
    let length = usize::from(header.u8("subject length")?);
    let subject = header.bytes(length, "op subject")?;
    let commitment = header.array("commitment")?;
    let body = match bodies.u8("body mark")? {
        0 => None,
        1 => {
            let salt = bodies.bytes_of("salt")?;
            Some((salt, bodies.run(limits::BODY_BYTES_MAX, "body")?))
        }
        _ => return Ok(None),
    };
    let fits = body.is_none_or(|(salt, body)| commitment_of(kind, salt, body) == commitment);
    Ok(fits.then_some(WireOp { kind, class, subject, commitment, body }))
}

impl WireHeader<'_> {
    /// The entry's bytes, and its id. What the parts say is not judged here.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, EntryId), CodecError> {
        let heads = self.roster_heads.len() / 32;
        let deps = self.deps.len() / 32;
        let subjects: usize = self.ops.iter().map(|op| op.subject.len() + 36).sum();
        let length = PREFIX_BYTES + self.roster_heads.len() + self.deps.len() + subjects;
        let bodies: usize =
            self.ops.iter().map(|op| op.body.map_or(1, |(_, body)| body.len() + 21)).sum();
        let over = CodecError::OverLimit {
            what: "header",
            found: length,
            limit: limits::HEADER_BYTES_MAX,
        };
        if length > limits::HEADER_BYTES_MAX {
            return Err(over);
        }
        let mut out = Vec::with_capacity(4 + length + 64 + bodies);
        out.extend_from_slice(&u32::try_from(length).map_err(|_too_long| over)?.to_le_bytes());
        out.extend_from_slice(&[FORMAT_VERSION, self.feed.lane.tag()]);
        for (count, limit, what) in [
            (self.ops.len(), limits::OPS_PER_ENTRY_MAX, "op count"),
            (heads, limits::ROSTER_HEADS_MAX, "roster head count"),
            (deps, limits::DEPS_MAX, "dep count"),
        ] {
            out.extend_from_slice(&count_u16(count, limit, what)?.to_le_bytes());
        }
        out.extend_from_slice(self.store.as_bytes());
        out.extend_from_slice(self.feed.device.as_bytes());
        out.extend_from_slice(&self.feed.incarnation.counter.to_le_bytes());
        out.extend_from_slice(&self.feed.incarnation.nonce);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(self.previous);
        out.extend_from_slice(&self.lamport.to_le_bytes());
        out.extend_from_slice(&self.wall.to_le_bytes());
        out.extend_from_slice(self.roster_heads);
        out.extend_from_slice(self.deps);
        for op in &self.ops {
            out.extend_from_slice(&op.kind.to_le_bytes());
            out.push(op.class);
            out.push(u8::try_from(op.subject.len()).map_err(|_too_long| over)?);
            out.extend_from_slice(op.subject);
            out.extend_from_slice(&op.commitment);
        }
        let id = hash_header(out.get(4..).unwrap_or_default());
        out.extend_from_slice(self.signature);
        for op in &self.ops {
            match op.body {
                None => out.push(0),
                Some((salt, body)) => {
                    out.push(1);
                    out.extend_from_slice(salt);
                    let length = u32::try_from(body.len()).map_err(|_too_long| over)?;
                    out.extend_from_slice(&length.to_le_bytes());
                    out.extend_from_slice(body);
                }
            }
        }
        Ok((out, id))
    }
}
