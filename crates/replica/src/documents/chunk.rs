//! A first look at the bytes of a change, before Automerge parses them.
//!
//! Automerge's columns are run-length encoded: ten bytes can claim 2^60 operations, and its parser
//! walks all of them. Deflated bytes inflate without a bound. Neither can be caught like a panic,
//! so both are refused here, by a reader that allocates nothing.

use sha2::{Digest, Sha256};

use super::gate::GateRefusal;
use super::id::ChangeHash;
use super::limits::{
    CHANGE_BYTES_MAX, CHANGE_COLUMNS_MAX, CHANGE_DEPS_MAX, CHANGE_OPS_MAX, CHANGE_PREDS_MAX,
    DOCUMENT_ACTORS_MAX,
};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHUNK_CHANGE: u8 = 1;
const CHUNK_DEFLATED_CHANGE: u8 = 2;
const ACTOR_BYTES: u64 = 16;
/// Column id 4, type integer: one action per operation.
const COLUMN_ACTION: u64 = 0x42;
/// Column id 7, type group: how many values each operation replaces.
const COLUMN_PRED_GROUP: u64 = 0x70;
const COLUMN_DEFLATED: u64 = 0x08;

/// Checks that `raw` is one plain change chunk whose parsing is bounded.
pub(super) fn check_bounds(raw: &[u8]) -> Result<(), GateRefusal> {
    if raw.len() > CHANGE_BYTES_MAX {
        return Err(GateRefusal::TooLarge { bytes: raw.len() });
    }
    let mut reader = Reader(raw);
    let malformed = GateRefusal::Malformed;
    if reader.take(4).ok_or(malformed.clone())? != MAGIC {
        return Err(malformed);
    }
    reader.take(4).ok_or(malformed.clone())?;
    match reader.byte() {
        Some(CHUNK_CHANGE) => {}
        Some(CHUNK_DEFLATED_CHANGE) => return Err(GateRefusal::Compressed),
        _ => return Err(malformed),
    }
    let length = reader.unsigned().ok_or(malformed.clone())?;
    if usize::try_from(length).ok() != Some(reader.0.len()) {
        return Err(malformed);
    }
    check_header(&mut reader)?;
    check_columns(&mut reader)
}

/// What a change is called, and what it builds on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeLinks {
    /// Its hash.
    pub hash: ChangeHash,
    /// The hashes of the changes it names as its direct past.
    pub deps: Vec<ChangeHash>,
    /// Its number among its author's changes of the document, from 1.
    pub seq: u64,
}

/// The links of a change, read from its first bytes alone: a hundred times faster than parsing
/// it. `None` when it is no plain change chunk, which no document takes. Nothing else is checked:
/// whether a document takes the change is for the gate to say.
pub fn links(raw: &[u8]) -> Option<ChangeLinks> {
    if raw.len() > CHANGE_BYTES_MAX {
        return None;
    }
    let mut reader = Reader(raw);
    let checksum = match (reader.take(4)?, reader.take(4)?) {
        (magic, checksum) if magic == MAGIC => checksum,
        _ => return None,
    };
    // Automerge's hash of a chunk: all of it but the magic and the checksum, which is its start.
    let hash: ChangeHash = Sha256::digest(reader.0).into();
    if reader.byte()? != CHUNK_CHANGE || !hash.starts_with(checksum) {
        return None;
    }
    let length = usize::try_from(reader.unsigned()?).ok()?;
    let count = usize::try_from(reader.unsigned()?).ok()?;
    if count > CHANGE_DEPS_MAX || length > raw.len() {
        return None;
    }
    let mut deps = Vec::with_capacity(count);
    for _dep in 0..count {
        deps.push(reader.take(32)?.try_into().ok()?);
    }
    reader.actor()?;
    let seq = reader.unsigned()?;
    Some(ChangeLinks { hash, deps, seq })
}

/// Everything between the chunk's length and its columns.
fn check_header(reader: &mut Reader<'_>) -> Result<(), GateRefusal> {
    let malformed = GateRefusal::Malformed;
    let deps = reader.unsigned().ok_or(malformed.clone())?;
    let deps = usize::try_from(deps).unwrap_or(usize::MAX);
    if deps > CHANGE_DEPS_MAX {
        return Err(GateRefusal::TooManyDeps);
    }
    reader.take(deps * 32).ok_or(malformed.clone())?;
    reader.actor().ok_or(malformed.clone())?;
    for _seq_and_start_op in 0..2 {
        reader.unsigned().ok_or(malformed.clone())?;
    }
    reader.signed().ok_or(malformed.clone())?;
    if reader.unsigned().ok_or(malformed.clone())? != 0 {
        return Err(GateRefusal::ExtraBytes);
    }
    let actors = reader.unsigned().ok_or(malformed.clone())?;
    // The past holds the authors and the genesis; the change's own author is not in the list.
    if actors > DOCUMENT_ACTORS_MAX as u64 {
        return Err(GateRefusal::TooManyActors);
    }
    for _actor in 0..actors {
        reader.actor().ok_or(malformed.clone())?;
    }
    Ok(())
}

fn check_columns(reader: &mut Reader<'_>) -> Result<(), GateRefusal> {
    let malformed = GateRefusal::Malformed;
    let count = reader.unsigned().ok_or(malformed.clone())?;
    if count > CHANGE_COLUMNS_MAX {
        return Err(malformed);
    }
    let mut table = Reader(reader.0);
    for _column in 0..count {
        let spec = reader.unsigned().ok_or(malformed.clone())?;
        reader.unsigned().ok_or(malformed.clone())?;
        if spec & COLUMN_DEFLATED != 0 {
            return Err(GateRefusal::Compressed);
        }
    }
    let mut operations = 0;
    for _column in 0..count {
        let spec = table.unsigned().ok_or(malformed.clone())?;
        let length = table.unsigned().ok_or(malformed.clone())?;
        let length = usize::try_from(length).ok().ok_or(malformed.clone())?;
        let data = reader.take(length).ok_or(malformed.clone())?;
        if spec == COLUMN_ACTION {
            operations = run_total(data, false, CHANGE_OPS_MAX)?;
        } else if spec == COLUMN_PRED_GROUP {
            run_total(data, true, CHANGE_PREDS_MAX)?;
        }
    }
    if !reader.0.is_empty() {
        return Err(GateRefusal::ExtraBytes);
    }
    if operations == 0 {
        return Err(GateRefusal::NoOperations);
    }
    Ok(())
}

/// The number of values of a run-length encoded column, or with `weighed` their sum; refused above
/// `max`.
fn run_total(data: &[u8], weighed: bool, max: u64) -> Result<u64, GateRefusal> {
    let mut reader = Reader(data);
    let mut total: u64 = 0;
    let weight = |value: u64| if weighed { value } else { 1 };
    while !reader.0.is_empty() {
        let run = reader.signed().ok_or(GateRefusal::Malformed)?;
        // A run of nulls has no meaning in these two columns.
        if run == 0 {
            return Err(GateRefusal::Malformed);
        }
        if run > 0 {
            let value = reader.unsigned().ok_or(GateRefusal::Malformed)?;
            total = total.saturating_add(run.unsigned_abs().saturating_mul(weight(value)));
            if run.unsigned_abs() > CHANGE_OPS_MAX {
                return Err(GateRefusal::TooManyOperations);
            }
        } else {
            for _value in 0..run.unsigned_abs() {
                let value = reader.unsigned().ok_or(GateRefusal::Malformed)?;
                total = total.saturating_add(weight(value));
            }
        }
        if total > max {
            return Err(GateRefusal::TooManyOperations);
        }
    }
    Ok(total)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        let (head, tail) = self.0.split_first()?;
        self.0 = tail;
        Some(*head)
    }

    fn actor(&mut self) -> Option<&'a [u8]> {
        if self.unsigned()? != ACTOR_BYTES {
            return None;
        }
        self.take(16)
    }

    /// An unsigned LEB128 number of at most 64 bits.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value: u64 = 0;
        for index in 0..10_u32 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return None;
            }
            value |= bits << (index * 7);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed LEB128 number of at most 64 bits.
    fn signed(&mut self) -> Option<i64> {
        let mut value: i64 = 0;
        for index in 0..10_u32 {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << (index * 7);
            if byte & 0x80 == 0 {
                let width = (index + 1) * 7;
                if width < 64 && byte & 0x40 != 0 {
                    value |= -1 << width;
                }
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_that_claim_2_to_the_60_operations_are_refused() {
        let run_of_2_pow_60 = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x01];
        assert_eq!(Reader(&run_of_2_pow_60).signed(), Some(1 << 60));
        let refusal = run_total(&run_of_2_pow_60, false, CHANGE_OPS_MAX);
        assert_eq!(refusal, Err(GateRefusal::TooManyOperations));
    }

    #[test]
    fn a_group_that_claims_a_billion_replaced_values_is_refused() {
        // One literal of 2^30.
        let group = [0x7f, 0x80, 0x80, 0x80, 0x80, 0x04];
        let refusal = run_total(&group, true, CHANGE_PREDS_MAX);
        assert_eq!(refusal, Err(GateRefusal::TooManyOperations));
    }

    #[test]
    fn leb128_numbers_read_as_in_the_dwarf_standard() {
        // DWARF 5, figures C.2 and C.3.
        for (bytes, value) in [(&[0x02][..], 2), (&[0x7f], 127), (&[0x80, 0x01], 128)] {
            assert_eq!(Reader(bytes).unsigned(), Some(value));
        }
        for (bytes, value) in [(&[0x7e][..], -2), (&[0xff, 0x00], 127), (&[0x80, 0x7f], -128)] {
            assert_eq!(Reader(bytes).signed(), Some(value));
        }
        assert_eq!(Reader(&[0x80; 11]).unsigned(), None);
        assert_eq!(Reader(&[0x80]).signed(), None);
    }
}
