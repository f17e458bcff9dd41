//! The entry: one atomic, signed, hash-chained transaction of a feed.
//!
//! ```text
//! entry  = header length u32 | header | signature 64 | body of each op
//! header = version u8 | lane u8 | ops u16 | roster heads u16 | deps u16
//!        | group 16 | device 32 | incarnation u32 + nonce 8 | seq u64 | previous 32
//!        | lamport u64 | wall i64                                   (124 bytes, in every version)
//!        | roster head 32 … | dep 32 … | op …
//! op     = kind u16 | class u8 | subject length u8 | subject | commitment 32
//! body   = 0                                                        (erased or not received)
//!        | 1 | salt 16 | length u32 | bytes
//! ```
//!
//! All numbers are little-endian. The id of an entry is the hash of its header, the signature is
//! over the id, a commitment is the hash of salt, kind and body: so a body can go without the
//! chain breaking, and a signature vouches for all that came before it in its feed.

mod wire;

use core::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use pos_core::business_date::WallTime;
use pos_core::ids::{DeviceId, RecordId, StoreId};
use thiserror::Error;

use super::codec::{CodecError, Reader, count_u16};
use super::identity::{DeviceKey, FeedId, Incarnation};
use crate::limits;
use crate::simulation;

pub(crate) use wire::{WireHeader, WireOp};

/// The version of the layout above that this build writes.
pub const FORMAT_VERSION: u8 = 1;
/// Bytes at the start of a header whose layout no version changes.
const PREFIX_BYTES: usize = 124;

/// How an entry hangs together with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) id: EntryId,
    pub(crate) feed: FeedId,
    pub(crate) seq: u64,
    pub(crate) previous: EntryId,
}

/// The hash of an entry's header.
pub type EntryId = RecordId;

/// Which of a device's feeds an entry is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What lasts: sales, payments, shifts, stock, roster, price book.
    Ledger,
    /// What passes: open carts, published counters.
    Floor,
}

impl Lane {
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Ledger => 0,
            Self::Floor => 1,
        }
    }

    pub(crate) const fn from_tag(tag: u8) -> Result<Self, CodecError> {
        match tag {
            0 => Ok(Self::Ledger),
            1 => Ok(Self::Floor),
            found => Err(CodecError::Unknown { what: "lane", found: found as u64 }),
        }
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Floor => "floor",
        }
    }
}

/// What kind of content an op has, known even when its body is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpClass {
    /// An immutable fact without personal data: money, stock, rights, roster. Never erased.
    Fact,
    /// Personal data: may be erased by a signed erasure.
    Personal,
    /// A change of a document.
    Change,
}

impl OpClass {
    const fn tag(self) -> u8 {
        match self {
            Self::Fact => 0,
            Self::Personal => 1,
            Self::Change => 2,
        }
    }

    const fn from_tag(tag: u8) -> Result<Self, CodecError> {
        match tag {
            0 => Ok(Self::Fact),
            1 => Ok(Self::Personal),
            2 => Ok(Self::Change),
            found => Err(CodecError::Unknown { what: "op class", found: found as u64 }),
        }
    }
}

/// One operation as the header names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// What its body is (see `docs/wire-format.md` for the table).
    pub kind: u16,
    /// What sort of content that is.
    pub class: OpClass,
    /// What it is about (a document id, say); empty for most records.
    pub subject: Vec<u8>,
    /// Hash of salt, kind and body.
    pub commitment: [u8; 32],
}

/// The body of an op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Random to anybody without the device's secret, so that the commitment confirms no guess.
    pub salt: [u8; 16],
    /// The content.
    pub bytes: Vec<u8>,
}

/// The signed part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Layout version. Another than [`FORMAT_VERSION`]: verified, stored, relayed, not applied.
    pub version: u8,
    /// The store (or chain) the entry belongs to.
    pub group: StoreId,
    /// The feed it is in.
    pub feed: FeedId,
    /// Its place in the feed, from 1, without gaps.
    pub seq: u64,
    /// Hash of the header before it in the feed; zeros for the first.
    pub previous: EntryId,
    /// Lamport time: above that of everything its author had seen.
    pub lamport: u64,
    /// The author's clock. Shown and reported, never decides.
    pub wall: WallTime,
    /// The newest roster entries its author had seen.
    pub roster_heads: Vec<EntryId>,
    /// Entries this one needs to make sense.
    pub deps: Vec<EntryId>,
    /// What it does.
    pub ops: Vec<Op>,
}

/// A complete entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    header: Header,
    /// The header's bytes as signed: kept, because an unknown version cannot be written again.
    header_bytes: Vec<u8>,
    id: EntryId,
    signature: [u8; 64],
    bodies: Vec<Option<Body>>,
    /// What follows the signature in a version this build does not know, as it came.
    opaque: Vec<u8>,
}

/// An op about to be written.
#[derive(Debug, Clone)]
pub struct OpDraft {
    /// What its body is.
    pub kind: u16,
    /// What sort of content that is.
    pub class: OpClass,
    /// What it is about.
    pub subject: Vec<u8>,
    /// The content.
    pub body: Vec<u8>,
}

/// An entry about to be signed.
#[derive(Debug)]
pub struct EntryDraft {
    /// The store.
    pub group: StoreId,
    /// The lane.
    pub lane: Lane,
    /// The life.
    pub incarnation: Incarnation,
    /// Place in the feed.
    pub seq: u64,
    /// The entry before it.
    pub previous: EntryId,
    /// Lamport time.
    pub lamport: u64,
    /// The clock.
    pub wall: WallTime,
    /// Newest roster entries.
    pub roster_heads: Vec<EntryId>,
    /// What it needs.
    pub deps: Vec<EntryId>,
    /// What it does.
    pub ops: Vec<OpDraft>,
}

/// The seed salts derive from: secret, so that nobody else can guess a salt.
#[derive(Clone)]
pub struct Sealed(pub(crate) [u8; 32]);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The layout is wrong.
    #[error("the entry is malformed: {0}")]
    Layout(#[from] CodecError),
    /// A body that is present does not match its commitment.
    #[error("body {0} is not the one that was signed")]
    BodyMismatch(usize),
    /// Records and changes in one entry.
    #[error("records and changes share one entry")]
    MixedOps,
    /// An entry without ops, or numbered 0.
    #[error("the entry is empty or has no number")]
    Empty,
}

/// Why a signature does not vouch for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The device id is not a public key.
    #[error("the author is not a valid key")]
    BadKey,
    /// The signature is not by that key over this entry: this copy is bad.
    #[error("the signature does not fit: this copy is bad")]
    BadSignature,
}

/// The id of an entry's `index`-th record: the entry's own for the first, so that a receipt can
/// print it.
pub fn record_id(entry: EntryId, index: usize) -> RecordId {
    if index == 0 {
        return entry;
    }
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh record v1");
    hasher.update(entry.as_bytes());
    hasher.update(&u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes());
    RecordId::from_bytes(*hasher.finalize().as_bytes())
}

impl Entry {
    /// Signs a draft. Salts derive from `seal` and the entry's place, so the core needs no
    /// randomness.
    pub fn sign(draft: EntryDraft, key: &DeviceKey, seal: &Sealed) -> Result<Self, CodecError> {
        let feed =
            FeedId { device: key.device(), incarnation: draft.incarnation, lane: draft.lane };
        let mut ops = Vec::with_capacity(draft.ops.len());
        let mut bodies = Vec::with_capacity(draft.ops.len());
        for (index, op) in draft.ops.into_iter().enumerate() {
            // What could not be read back must not be signed: a sale would be paid and then lost.
            check_count(op.body.len(), limits::BODY_BYTES_MAX, "body length")?;
            let body = Body { salt: salt(seal, feed, draft.seq, index), bytes: op.body };
            let commitment = commitment(op.kind, &body);
            ops.push(Op { kind: op.kind, class: op.class, subject: op.subject, commitment });
            bodies.push(Some(body));
        }
        let header = Header {
            version: FORMAT_VERSION,
            group: draft.group,
            feed,
            seq: draft.seq,
            previous: draft.previous,
            lamport: draft.lamport,
            wall: draft.wall,
            roster_heads: draft.roster_heads,
            deps: draft.deps,
            ops,
        };
        let header_bytes = header.encode()?;
        let id = hash_header(&header_bytes);
        let signature = key.sign(&signed_message(id));
        let entry = Self { header, header_bytes, id, signature, bodies, opaque: Vec::new() };
        let length = entry.encoded_len();
        if length > limits::ENTRY_BYTES_MAX {
            let limit = limits::ENTRY_BYTES_MAX;
            return Err(CodecError::OverLimit { what: "entry length", found: length, limit });
        }
        Ok(entry)
    }

    fn encoded_len(&self) -> usize {
        let body = |body: &Option<Body>| match body {
            None => 1,
            Some(body) => 1 + body.salt.len() + size_of::<u32>() + body.bytes.len(),
        };
        let bodies: usize = self.bodies.iter().map(body).sum();
        let fixed = size_of::<u32>() + self.signature.len() + self.opaque.len();
        self.header_bytes.len() + fixed + bodies
    }

    /// The entry's bytes, as stored and sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        let length = u32::try_from(self.header_bytes.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.header_bytes);
        out.extend_from_slice(&self.signature);
        for body in &self.bodies {
            match body {
                None => out.push(0),
                Some(body) => {
                    out.push(1);
                    out.extend_from_slice(&body.salt);
                    let length = u32::try_from(body.bytes.len()).unwrap_or(u32::MAX);
                    out.extend_from_slice(&length.to_le_bytes());
                    out.extend_from_slice(&body.bytes);
                }
            }
        }
        out.extend_from_slice(&self.opaque);
        out
    }

    /// Its id, its place and the entry before it, read from what no version changes.
    pub(crate) fn links(bytes: &[u8]) -> Result<Links, CodecError> {
        let header = Reader::new(bytes).run(limits::HEADER_BYTES_MAX, "header")?;
        let mut reader = Reader::new(header);
        reader.u8("version")?;
        let lane = Lane::from_tag(reader.u8("lane")?)?;
        reader.bytes(6, "counts")?;
        reader.bytes(16, "group")?;
        let device = DeviceId::from_bytes(reader.array("device")?);
        let incarnation =
            Incarnation { counter: reader.u32("incarnation")?, nonce: reader.array("nonce")? };
        Ok(Links {
            id: hash_header(header),
            feed: FeedId { device, incarnation, lane },
            seq: reader.u64("seq")?,
            previous: EntryId::from_bytes(reader.array("previous")?),
        })
    }

    /// Reads an entry. Bodies are compared with their commitments; the signature is not checked
    /// here (see [`Entry::verify`]).
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::ENTRY_BYTES_MAX {
            let limit = limits::ENTRY_BYTES_MAX;
            let what = "entry length";
            return Err(CodecError::OverLimit { what, found: bytes.len(), limit }.into());
        }
        let mut reader = Reader::new(bytes);
        let header_bytes = reader.run(limits::HEADER_BYTES_MAX, "header")?.to_vec();
        let header = Header::decode(&header_bytes)?;
        let signature = reader.array("signature")?;
        let mut bodies = Vec::new();
        let mut opaque = Vec::new();
        if header.version == FORMAT_VERSION {
            for (index, op) in header.ops.iter().enumerate() {
                bodies.push(decode_body(&mut reader, op, index)?);
            }
            reader.end()?;
        } else {
            opaque = reader.rest().to_vec();
        }
        let id = hash_header(&header_bytes);
        Ok(Self { header, header_bytes, id, signature, bodies, opaque })
    }

    /// Whether the author's signature fits (`verify_strict`: every replica agrees).
    pub fn verify(&self) -> Result<(), SignatureError> {
        let device = self.header.feed.device;
        let message = signed_message(self.id);
        if let Some(fits) = simulation::stub_fits(device, &message, &self.signature) {
            return if fits { Ok(()) } else { Err(SignatureError::BadSignature) };
        }
        let key = VerifyingKey::from_bytes(device.as_bytes())
            .map_err(|_not_a_key| SignatureError::BadKey)?;
        key.verify_strict(&message, &Signature::from_bytes(&self.signature))
            .map_err(|_does_not_fit| SignatureError::BadSignature)
    }

    /// The entry's id.
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The signed part.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The bodies, one an op; `None` where it is erased or was not received.
    pub fn bodies(&self) -> &[Option<Body>] {
        &self.bodies
    }

    /// Each op with its record id and body.
    pub fn ops(&self) -> impl Iterator<Item = (RecordId, &Op, Option<&[u8]>)> {
        self.header.ops.iter().zip(&self.bodies).enumerate().map(|(index, (op, body))| {
            (record_id(self.id, index), op, body.as_ref().map(|body| body.bytes.as_slice()))
        })
    }
}

impl Header {
    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let ops = count_u16(self.ops.len(), limits::OPS_PER_ENTRY_MAX, "op count")?;
        let heads =
            count_u16(self.roster_heads.len(), limits::ROSTER_HEADS_MAX, "roster head count")?;
        let deps = count_u16(self.deps.len(), limits::DEPS_MAX, "dep count")?;
        let mut out = Vec::with_capacity(PREFIX_BYTES + 64);
        out.push(self.version);
        out.push(self.feed.lane.tag());
        out.extend_from_slice(&ops.to_le_bytes());
        out.extend_from_slice(&heads.to_le_bytes());
        out.extend_from_slice(&deps.to_le_bytes());
        out.extend_from_slice(self.group.as_bytes());
        out.extend_from_slice(self.feed.device.as_bytes());
        out.extend_from_slice(&self.feed.incarnation.counter.to_le_bytes());
        out.extend_from_slice(&self.feed.incarnation.nonce);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(self.previous.as_bytes());
        out.extend_from_slice(&self.lamport.to_le_bytes());
        out.extend_from_slice(&self.wall.as_millis().to_le_bytes());
        for id in self.roster_heads.iter().chain(&self.deps) {
            out.extend_from_slice(id.as_bytes());
        }
        for op in &self.ops {
            let limit = limits::SUBJECT_BYTES_MAX;
            let over = CodecError::OverLimit { what: "op subject", found: op.subject.len(), limit };
            if op.subject.len() > limit {
                return Err(over);
            }
            out.extend_from_slice(&op.kind.to_le_bytes());
            out.push(op.class.tag());
            out.push(u8::try_from(op.subject.len()).map_err(|_too_long| over)?);
            out.extend_from_slice(&op.subject);
            out.extend_from_slice(&op.commitment);
        }
        Ok(out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8("version")?;
        let lane = Lane::from_tag(reader.u8("lane")?)?;
        let counts = [reader.u16("op count")?, reader.u16("head count")?, reader.u16("dep count")?];
        let [ops, heads, deps] = counts.map(usize::from);
        let group = StoreId::from_bytes(reader.array("group")?);
        let device = DeviceId::from_bytes(reader.array("device")?);
        let incarnation =
            Incarnation { counter: reader.u32("incarnation")?, nonce: reader.array("nonce")? };
        let mut header = Self {
            version,
            group,
            feed: FeedId { device, incarnation, lane },
            seq: reader.u64("seq")?,
            previous: EntryId::from_bytes(reader.array("previous")?),
            lamport: reader.u64("lamport")?,
            wall: WallTime::from_millis(reader.i64("wall")?),
            roster_heads: Vec::new(),
            deps: Vec::new(),
            ops: Vec::new(),
        };
        if version != FORMAT_VERSION {
            return Ok(header);
        }
        check_count(ops, limits::OPS_PER_ENTRY_MAX, "op count")?;
        check_count(heads, limits::ROSTER_HEADS_MAX, "roster head count")?;
        check_count(deps, limits::DEPS_MAX, "dep count")?;
        if ops == 0 || header.seq == 0 {
            return Err(DecodeError::Empty);
        }
        for _ in 0..heads {
            header.roster_heads.push(EntryId::from_bytes(reader.array("roster head")?));
        }
        for _ in 0..deps {
            header.deps.push(EntryId::from_bytes(reader.array("dep")?));
        }
        for _ in 0..ops {
            header.ops.push(decode_op(&mut reader)?);
        }
        reader.end()?;
        let changes = header.ops.iter().filter(|op| op.class == OpClass::Change).count();
        if changes != 0 && changes != header.ops.len() {
            return Err(DecodeError::MixedOps);
        }
        Ok(header)
    }
}

fn check_count(found: usize, limit: usize, what: &'static str) -> Result<(), CodecError> {
    if found > limit { Err(CodecError::OverLimit { what, found, limit }) } else { Ok(()) }
}

fn decode_op(reader: &mut Reader<'_>) -> Result<Op, CodecError> {
    let kind = reader.u16("op kind")?;
    let class = OpClass::from_tag(reader.u8("op class")?)?;
    let length = usize::from(reader.u8("subject length")?);
    check_count(length, limits::SUBJECT_BYTES_MAX, "op subject")?;
    let subject = reader.bytes(length, "op subject")?.to_vec();
    Ok(Op { kind, class, subject, commitment: reader.array("commitment")? })
}

fn decode_body(
    reader: &mut Reader<'_>,
    op: &Op,
    index: usize,
) -> Result<Option<Body>, DecodeError> {
    match reader.u8("body mark")? {
        0 => Ok(None),
        1 => {
            let salt = reader.array("salt")?;
            let bytes = reader.run(limits::BODY_BYTES_MAX, "body")?.to_vec();
            let body = Body { salt, bytes };
            if commitment(op.kind, &body) == op.commitment {
                Ok(Some(body))
            } else {
                Err(DecodeError::BodyMismatch(index))
            }
        }
        found => Err(CodecError::Unknown { what: "body mark", found: u64::from(found) }.into()),
    }
}

fn hash_header(header_bytes: &[u8]) -> EntryId {
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh entry v1");
    hasher.update(header_bytes);
    EntryId::from_bytes(*hasher.finalize().as_bytes())
}

fn commitment(kind: u16, body: &Body) -> [u8; 32] {
    commitment_of(kind, &body.salt, &body.bytes)
}

fn commitment_of(kind: u16, salt: &[u8; 16], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh body v1");
    hasher.update(salt);
    hasher.update(&kind.to_le_bytes());
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

fn salt(seal: &Sealed, feed: FeedId, seq: u64, index: usize) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(&seal.0);
    hasher.update(&feed.to_key());
    hasher.update(&seq.to_le_bytes());
    hasher.update(&u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes());
    let mut salt = [0; 16];
    hasher.finalize_xof().fill(&mut salt);
    salt
}

fn signed_message(id: EntryId) -> Vec<u8> {
    let mut message = b"tillmesh entry signature v1".to_vec();
    message.extend_from_slice(id.as_bytes());
    message
}
