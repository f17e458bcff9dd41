//! Finding the frames of a segment in its bytes, however altered they are. Pure: the same function
//! recovers the real disk and the simulated one.
//!
//! The rules, in the order they are applied:
//! 1. Frames follow each other; a slot of zeros with only zeros behind it is the end.
//! 2. Where no good frame with the expected ordinal stands, the next good one is searched (magic and
//!    checksum, at every 8th byte). The ordinal inside it tells how many were lost.
//! 3. Lost frames are *damage* when something proves they were flushed (`behind` of a later frame, a
//!    `Closed` frame, a closed segment) or when their bytes look whole but altered. Otherwise they
//!    are an unfinished write: a *torn* tail, that begins with the first of them.

use crate::journal::frame::{self, ALIGNMENT, Decoded, Flaw, HEADER_BYTES};
use crate::limits::FRAME_BYTES_MAX;
use crate::storage::{FrameKind, Ordinal};

/// Disks write whole sectors, so an unfinished write leaves whole sectors as they were: zeros.
const SECTOR_BYTES: usize = 512;
/// Most bytes that are checksummed while searching one segment for good frames, so that a payload
/// full of frame beginnings cannot keep a till from starting. What lies behind is reported as
/// damaged.
const SEARCH_BYTES_MAX: usize = 256 << 20;

/// What is known about the end of the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is the last one: writing went on until the till stopped. `unreadable` = the disk could not
    /// read parts of it, so nothing in it may be taken for an unfinished write.
    Open {
        /// Parts could not be read.
        unreadable: bool,
    },
    /// It was closed, and the next segment begins with this ordinal.
    Closed {
        /// First ordinal of the next segment.
        next: Ordinal,
    },
}

/// Where a good frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its number.
    pub ordinal: Ordinal,
    /// Byte of the segment it begins with.
    pub offset: usize,
    /// Its length with header and padding.
    pub bytes: usize,
}

/// Frames that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First of them.
    pub first: Ordinal,
    /// Last of them.
    pub last: Ordinal,
    /// Byte of the segment at which they should begin.
    pub offset: usize,
    /// What is there instead.
    pub flaw: Flaw,
}

/// The rest of an unfinished write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Ordinal it would have begun with.
    pub first: Ordinal,
    /// Ordinal it would have ended with, as far as can be seen.
    pub last: Ordinal,
    /// First byte.
    pub from: usize,
    /// Byte after the last one that is not zero.
    pub to: usize,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Good frames, in order.
    pub frames: Vec<Spot>,
    /// Lost frames, in order.
    pub gaps: Vec<Gap>,
    /// A torn tail.
    pub torn: Option<Torn>,
    /// Byte at which the next frame goes.
    pub end: usize,
    /// Number of the next frame.
    pub next: Ordinal,
    /// The last thing in the segment is damage, not a frame.
    pub tail_damaged: bool,
}

struct Walker<'a> {
    bytes: &'a [u8],
    used: usize,
    frames: Vec<Spot>,
    /// With each gap: whether its bytes look like something that was written completely.
    gaps: Vec<(Gap, bool)>,
    /// All frames before this one were flushed.
    proven: Ordinal,
    at: usize,
    next: Ordinal,
    budget: usize,
}

/// Finds the frames in `bytes` (a whole segment) from byte `start` on, the first of them `first`.
pub fn walk(bytes: &[u8], start: usize, first: Ordinal, end: End) -> Walk {
    let mut walker = Walker {
        bytes,
        used: used_end(bytes),
        frames: Vec::new(),
        gaps: Vec::new(),
        proven: first,
        at: start,
        next: first,
        budget: SEARCH_BYTES_MAX,
    };
    let limit = match end {
        End::Open { .. } => Ordinal::MAX,
        End::Closed { next } => next,
    };
    loop {
        let flaw = match walker.expected(limit) {
            Ok(frame) => {
                walker.push(&frame);
                continue;
            }
            Err(flaw) => flaw,
        };
        if walker.at >= walker.used {
            return walker.finish_clean(end, flaw);
        }
        match walker.search(limit) {
            Some((offset, frame)) => walker.skip_to(offset, &frame, flaw),
            None => return walker.finish_bad(end, flaw),
        }
    }
}

impl<'a> Walker<'a> {
    fn decode_at(&self, at: usize) -> Result<Decoded<'a>, Flaw> {
        frame::decode(self.bytes.get(at..).unwrap_or_default())
    }

    fn expected(&self, limit: Ordinal) -> Result<Decoded<'a>, Flaw> {
        let frame = self.decode_at(self.at)?;
        if frame.ordinal != self.next || frame.ordinal >= limit {
            return Err(Flaw::Misplaced(frame.ordinal));
        }
        Ok(frame)
    }

    fn push(&mut self, frame: &Decoded<'_>) {
        self.frames.push(Spot { ordinal: frame.ordinal, offset: self.at, bytes: frame.bytes });
        self.proven = self.proven.max(proof(frame));
        self.at += frame.bytes;
        self.next = frame.ordinal.saturating_add(1);
    }

    /// A good frame with the expected ordinal or a later one, at or behind the current place.
    fn search(&mut self, limit: Ordinal) -> Option<(usize, Decoded<'a>)> {
        // The likeliest case first: one frame is altered, its length is not.
        let head = self.bytes.get(self.at..).unwrap_or_default();
        if let Ok(size) = frame::declared_bytes(head)
            && let Ok(frame) = self.decode_at(self.at + size)
            && Some(frame.ordinal) == self.next.checked_add(1)
            && frame.ordinal < limit
        {
            return Some((self.at + size, frame));
        }
        let mut at = self.at;
        while at < self.used {
            if self.bytes.get(at..).is_some_and(|rest| rest.starts_with(&frame::MAGIC)) {
                let size = self.bytes.get(at..).and_then(|rest| frame::declared_bytes(rest).ok());
                self.budget = self.budget.checked_sub(size.unwrap_or(ALIGNMENT))?;
                if let Ok(frame) = self.decode_at(at)
                    && frame.ordinal < limit
                    && self.is_plausible(at, frame.ordinal)
                {
                    return Some((at, frame));
                }
            }
            at += ALIGNMENT;
        }
        None
    }

    /// A lost frame took some bytes, so only so many can have stood between.
    fn is_plausible(&self, at: usize, ordinal: Ordinal) -> bool {
        let room = (at - self.at) / ALIGNMENT + 1;
        ordinal.checked_sub(self.next).is_some_and(|lost| lost <= room as u64)
    }

    fn skip_to(&mut self, offset: usize, frame: &Decoded<'_>, flaw: Flaw) {
        if frame.ordinal > self.next {
            let gap = Gap { first: self.next, last: frame.ordinal - 1, offset: self.at, flaw };
            let whole = !has_unwritten_sector(self.bytes, self.at, offset);
            self.gaps.push((gap, whole));
        }
        self.at = offset;
        self.push(frame);
    }

    fn finish_clean(mut self, end: End, flaw: Flaw) -> Walk {
        let damaged = self.close_gap(end, flaw);
        let at = self.at;
        self.cut(end, at, damaged)
    }

    /// Nothing good follows, and the rest is not zeros.
    fn finish_bad(mut self, end: End, flaw: Flaw) -> Walk {
        let used = self.used.next_multiple_of(ALIGNMENT).min(self.bytes.len());
        let End::Open { unreadable } = end else {
            let damaged = self.close_gap(end, flaw);
            return self.cut(end, used, damaged);
        };
        let exhausted = self.budget < FRAME_BYTES_MAX;
        let closed = self.next <= self.proven && !self.frames.is_empty();
        let whole = whole_but_altered(self.bytes, self.at, self.used);
        let (lost, to) = match whole {
            Some((lost, to)) => (lost, to),
            None => (1, used),
        };
        let gap = Gap { first: self.next, last: self.next + lost - 1, offset: self.at, flaw };
        let is_damage = whole.is_some() || closed || unreadable || exhausted;
        self.next = gap.last + 1;
        self.gaps.push((gap, is_damage));
        self.cut(end, to.max(used), true)
    }

    /// In a closed segment frames up to the next segment's first must be there.
    fn close_gap(&mut self, end: End, flaw: Flaw) -> bool {
        let End::Closed { next } = end else { return false };
        // More than could ever have stood here is missing for another reason: a lost file.
        let room = (self.bytes.len() / ALIGNMENT) as u64;
        if self.next >= next || next - self.next > room {
            return false;
        }
        self.gaps.push((Gap { first: self.next, last: next - 1, offset: self.at, flaw }, true));
        self.next = next;
        true
    }

    /// Decides where an unfinished write begins, if there is one.
    fn cut(mut self, end: End, used: usize, tail_damaged: bool) -> Walk {
        let proven = self.proven;
        let may_cut = matches!(end, End::Open { unreadable: false });
        let first_torn =
            self.gaps.iter().position(|(gap, whole)| may_cut && !whole && gap.first >= proven);
        let mut torn = None;
        let mut walk_end = used.max(self.at);
        let mut next = self.next;
        let mut tail_damaged = tail_damaged;
        if let Some(index) = first_torn {
            let cut = self.gaps.split_off(index);
            if let Some((gap, _)) = cut.into_iter().next() {
                self.frames.retain(|spot| spot.ordinal < gap.first);
                torn = Some(Torn {
                    first: gap.first,
                    last: next.saturating_sub(1).max(gap.first),
                    from: gap.offset,
                    to: self.used.max(gap.offset),
                    flaw: gap.flaw,
                });
                next = gap.first;
                walk_end = gap.offset;
                tail_damaged = false;
            }
        }
        let gaps = self.gaps.into_iter().map(|(gap, _)| gap).collect();
        Walk { frames: self.frames, gaps, torn, end: walk_end, next, tail_damaged }
    }
}

/// First ordinal this frame does not prove flushed.
fn proof(frame: &Decoded<'_>) -> Ordinal {
    if frame.kind == FrameKind::Closed {
        return frame.ordinal.saturating_add(1);
    }
    if frame.behind == frame::BEHIND_MAX {
        return 0;
    }
    frame.ordinal.saturating_sub(u64::from(frame.behind))
}

/// Byte after the last one that is not zero.
pub(crate) fn used_end(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut end = bytes.len();
    for chunk in bytes.rchunks(ZEROS.len()) {
        if ZEROS.get(..chunk.len()) != Some(chunk) {
            let last = chunk.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            return end - chunk.len() + last;
        }
        end -= chunk.len();
    }
    0
}

/// Whether the part of some sector that lies in `from..to`, or the last word, is all zeros.
fn has_unwritten_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut at = from;
    let last_word = bytes.get(to.saturating_sub(ALIGNMENT).max(from)..to).unwrap_or_default();
    if last_word.iter().all(|byte| *byte == 0) {
        return true;
    }
    while at < to {
        let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(to);
        match bytes.get(at..next) {
            Some(part) if part.iter().any(|byte| *byte != 0) => at = next,
            _ => return true,
        }
    }
    false
}

/// Whether the bytes from `at` to `used` are frames that were written completely and altered later:
/// how many, and where they end.
fn whole_but_altered(bytes: &[u8], at: usize, used: usize) -> Option<(u64, usize)> {
    let mut from = at;
    let mut count = 0;
    while from < used {
        from = one_whole_but_altered(bytes, from, used)?;
        count += 1;
    }
    (count > 0).then_some((count, from))
}

fn one_whole_but_altered(bytes: &[u8], at: usize, used: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    if let Ok(size) = frame::declared_bytes(rest)
        && size <= rest.len()
    {
        // Only its beginning is altered, or none of its sectors is missing.
        let stated = frame::u32_at(rest, 4);
        if rest.get(8..size).map(crc32c::crc32c) == stated
            || !has_unwritten_sector(bytes, at, at + size)
        {
            return Some(at + size);
        }
    }
    // Only its length is altered: with the true one, which must reach the last written byte, the
    // checksum is right.
    let written = used.saturating_sub(at);
    let shortest = written.saturating_sub(HEADER_BYTES);
    let shortest = shortest.saturating_sub(ALIGNMENT);
    (shortest..=shortest + 64).find_map(|length| {
        let size = frame::frame_bytes(length);
        let tail = rest.get(12..size)?;
        if length > FRAME_BYTES_MAX || size < written {
            return None;
        }
        let head = crc32c::crc32c(&u32::try_from(length).ok()?.to_le_bytes());
        (Some(crc32c::crc32c_append(head, tail)) == frame::u32_at(rest, 4)).then_some(at + size)
    })
}
