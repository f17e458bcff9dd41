//! A segment file, its header and the index file a closed one gets. All numbers are little-endian.
//!
//! ```text
//! segment `<first ordinal, 20 digits>.seg`, preallocated:
//!  0          8         12       16              24        60      64
//! +----------+---------+--------+---------------+---------+-------+----------------+---------
//! | TMSEG001 | version | stream | first ordinal | zeros   |crc32c | frames ...     | zeros
//! |          | u32     | u32    | u64           | 36 bytes| u32   | (frame.rs)     |
//! +----------+---------+--------+---------------+---------+-------+----------------+---------
//!  crc32c covers bytes 0 to 60
//!
//! index `<first ordinal, 20 digits>.idx`, of a closed segment; it can be rebuilt from it:
//!  0          8               16      20      24       28     32               32+4n
//! +----------+---------------+-------+-------+--------+------+-----------------+-------+
//! | TMIDX001 | first ordinal | n     | used  | crc32c | zero | n offsets (u32),| crc32c|
//! |          | u64           | u32   | u32   | u32    | u32  | 0 = unreadable  | u32   |
//! +----------+---------------+-------+-------+--------+------+-----------------+-------+
//!  n ordinals from the first on; `used` bytes of the segment, their crc32c; the last crc32c covers
//!  all before it
//! ```

use crate::journal::disk::{Disk, DiskError, DiskFile, read_some, read_whole};
use crate::journal::frame::{self, HEADER_BYTES, u32_at, u64_at};
use crate::journal::walk::{End, Walk, walk};
use crate::storage::{Damage, Frame, Ordinal, Stream};

/// Bytes before the first frame.
pub const SEGMENT_HEADER_BYTES: usize = 64;
/// Longest segment, so that offsets fit in 32 bits with room to spare.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Version of the segment and frame layout.
pub const FORMAT_VERSION: u32 = 1;

const SEGMENT_MAGIC: &[u8; 8] = b"TMSEG001";
const INDEX_MAGIC: &[u8; 8] = b"TMIDX001";
const INDEX_HEADER_BYTES: usize = 32;
/// One offset for each frame of the longest segment.
const INDEX_BYTES_MAX: usize = 256 << 20;
/// What stands in for bytes the disk cannot read: never mistaken for space that was not written.
const UNREADABLE: u8 = 0xEE;

const fn stream_code(stream: Stream) -> u32 {
    match stream {
        Stream::OwnLedger => 1,
        Stream::OwnFloor => 2,
        Stream::Others => 3,
    }
}

/// Folder of a stream.
pub(crate) fn folder(stream: Stream) -> String {
    format!("journal/{}", stream.name())
}

/// Path of the segment file that begins with `first`.
pub(crate) fn segment_path(stream: Stream, first: Ordinal) -> String {
    format!("{}/{first:020}.seg", folder(stream))
}

fn index_name(first: Ordinal) -> String {
    format!("{first:020}.idx")
}

/// The first bytes of a segment.
pub(crate) fn segment_header(stream: Stream, first: Ordinal) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    header.extend_from_slice(SEGMENT_MAGIC);
    header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    header.extend_from_slice(&stream_code(stream).to_le_bytes());
    header.extend_from_slice(&first.to_le_bytes());
    header.resize(SEGMENT_HEADER_BYTES - 4, 0);
    let crc = crc32c::crc32c(&header);
    header.extend_from_slice(&crc.to_le_bytes());
    header
}

/// What the first bytes of a segment say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// What they should.
    Good,
    /// Something else. The frames stand for themselves, and the file's name gives the first ordinal,
    /// so nothing is lost.
    Altered,
    /// It was written by a version we do not know.
    Newer(u32),
}

pub(crate) fn check_header(bytes: &[u8], stream: Stream, first: Ordinal) -> Header {
    let bytes = bytes.get(..SEGMENT_HEADER_BYTES).unwrap_or(bytes);
    if bytes == segment_header(stream, first) {
        return Header::Good;
    }
    let covered = bytes.get(..SEGMENT_HEADER_BYTES - 4).unwrap_or_default();
    let is_whole = u32_at(bytes, SEGMENT_HEADER_BYTES - 4) == Some(crc32c::crc32c(covered));
    match u32_at(bytes, 8) {
        Some(version) if is_whole && version > FORMAT_VERSION => Header::Newer(version),
        _ => Header::Altered,
    }
}

/// A segment and where its frames are.
#[derive(Debug)]
pub(crate) struct Segment<F> {
    pub(crate) stream: Stream,
    pub(crate) first: Ordinal,
    pub(crate) file: F,
    /// Where frame `first + i` begins; 0 = it cannot be read.
    pub(crate) offsets: Vec<u32>,
    /// Byte after the last one in use.
    pub(crate) used: u64,
    /// crc32c of the bytes in use.
    pub(crate) used_crc: u32,
    /// Why frames with offset 0 cannot be read, as far as it is known.
    pub(crate) gaps: Vec<Damage>,
}

impl<F: DiskFile> Segment<F> {
    /// A new one, with only its header.
    pub(crate) fn empty(stream: Stream, first: Ordinal, file: F) -> Self {
        let used_crc = crc32c::crc32c(&segment_header(stream, first));
        let used = SEGMENT_HEADER_BYTES as u64;
        Self { stream, first, file, offsets: Vec::new(), used, used_crc, gaps: Vec::new() }
    }

    /// What a walk over `bytes`, its content, found.
    pub(crate) fn walked(
        stream: Stream,
        first: Ordinal,
        file: F,
        bytes: &[u8],
        walk: &Walk,
    ) -> Self {
        let mut offsets = Vec::new();
        for spot in &walk.frames {
            offsets.resize(usize_of(spot.ordinal - first), 0);
            offsets.push(u32::try_from(spot.offset).unwrap_or(0));
        }
        offsets.resize(usize_of(walk.next - first), 0);
        let gaps = walk
            .gaps
            .iter()
            .map(|gap| Damage {
                stream,
                first: gap.first,
                last: gap.last,
                place: place(stream, first, gap.offset as u64),
                reason: gap.flaw.to_string(),
            })
            .collect();
        let used_crc = crc32c::crc32c(bytes.get(..walk.end).unwrap_or(bytes));
        Self { stream, first, file, offsets, used: walk.end as u64, used_crc, gaps }
    }

    /// Ordinal after the last one.
    pub(crate) fn next(&self) -> Ordinal {
        self.first.saturating_add(self.offsets.len() as u64)
    }

    /// Byte at which a frame begins, if it is known to be readable.
    pub(crate) fn offset_of(&self, ordinal: Ordinal) -> Option<u64> {
        let index = usize::try_from(ordinal.checked_sub(self.first)?).ok()?;
        self.offsets.get(index).filter(|offset| **offset != 0).map(|offset| u64::from(*offset))
    }

    /// Reads one frame.
    pub(crate) fn read(&self, ordinal: Ordinal, window: &mut Window) -> Result<Frame, Damage> {
        let Some(offset) = self.offset_of(ordinal) else {
            return Err(self.known_damage(ordinal));
        };
        self.read_at(ordinal, offset, window).map_err(|reason| Damage {
            stream: self.stream,
            first: ordinal,
            last: ordinal,
            place: place(self.stream, self.first, offset),
            reason,
        })
    }

    fn read_at(&self, ordinal: Ordinal, at: u64, window: &mut Window) -> Result<Frame, String> {
        let fail = |error: DiskError| format!("the disk cannot read it: {error}");
        let head = window.get(&self.file, at, HEADER_BYTES, self.used).map_err(fail)?;
        let size = frame::declared_bytes(head).map_err(|flaw| flaw.to_string())?;
        let bytes = window.get(&self.file, at, size, self.used).map_err(fail)?;
        let read = frame::decode(bytes).map_err(|flaw| flaw.to_string())?;
        if read.ordinal != ordinal {
            return Err(frame::Flaw::Misplaced(read.ordinal).to_string());
        }
        Ok(Frame { ordinal, kind: read.kind, payload: read.payload.to_vec() })
    }

    /// The run of unreadable frames `ordinal` is in.
    fn known_damage(&self, ordinal: Ordinal) -> Damage {
        if let Some(gap) = self.gaps.iter().find(|gap| gap.first <= ordinal && ordinal <= gap.last)
        {
            return gap.clone();
        }
        let bad = |at: &Ordinal| *at < self.next() && self.offset_of(*at).is_none();
        let first = (self.first..=ordinal).rev().take_while(bad).last().unwrap_or(ordinal);
        let last = (ordinal..self.next()).take_while(bad).last().unwrap_or(ordinal);
        let before = first.checked_sub(1).and_then(|before| self.offset_of(before));
        Damage {
            stream: self.stream,
            first,
            last,
            place: match before {
                Some(offset) => format!(
                    "{}, behind frame {}",
                    place(self.stream, self.first, offset),
                    first.saturating_sub(1)
                ),
                None => place(self.stream, self.first, SEGMENT_HEADER_BYTES as u64),
            },
            reason: "it could not be read when the segment was closed".to_owned(),
        }
    }

    /// The index file of a segment that is closed.
    pub(crate) fn index_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(INDEX_HEADER_BYTES + 4 * self.offsets.len() + 4);
        out.extend_from_slice(INDEX_MAGIC);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&u32_of(self.offsets.len() as u64).to_le_bytes());
        out.extend_from_slice(&u32_of(self.used).to_le_bytes());
        out.extend_from_slice(&self.used_crc.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Writes the index file.
    pub(crate) fn write_index<D: Disk>(&self, disk: &D) -> Result<(), DiskError> {
        let folder = folder(self.stream);
        crate::journal::disk::replace(disk, &folder, &index_name(self.first), &self.index_bytes())
    }
}

/// What an index file says.
struct Index {
    offsets: Vec<u32>,
    used: u64,
    used_crc: u32,
}

/// Reads an index, if it is good and covers exactly the frames from `first` up to `next`.
fn parse_index(bytes: &[u8], first: Ordinal, next: Ordinal) -> Option<Index> {
    let count = u32_at(bytes, 16)?;
    let body = bytes.get(..bytes.len().checked_sub(4)?)?;
    let is_good = body.starts_with(INDEX_MAGIC)
        && u32_at(bytes, body.len()) == Some(crc32c::crc32c(body))
        && u64_at(bytes, 8) == Some(first)
        && first.checked_add(u64::from(count)) == Some(next)
        && body.len() == INDEX_HEADER_BYTES + 4 * count as usize;
    if !is_good {
        return None;
    }
    let offsets = body.get(INDEX_HEADER_BYTES..)?.chunks_exact(4);
    Some(Index {
        offsets: offsets.filter_map(|offset| u32_at(offset, 0)).collect(),
        used: u64::from(u32_at(bytes, 20)?),
        used_crc: u32_at(bytes, 24)?,
    })
}

/// Opens a closed segment: with its index, or by walking through it (and writing the index again).
pub(crate) fn open_closed<D: Disk>(
    disk: &D,
    stream: Stream,
    first: Ordinal,
    next: Ordinal,
) -> Result<Segment<D::File>, DiskError> {
    let file = disk.open(&segment_path(stream, first))?;
    let index = disk
        .open(&format!("{}/{}", folder(stream), index_name(first)))
        .and_then(|index| read_whole(&index, INDEX_BYTES_MAX));
    if let Ok(Some(bytes)) = index
        && let Some(index) = parse_index(&bytes, first, next)
    {
        let Index { offsets, used, used_crc } = index;
        return Ok(Segment { stream, first, file, offsets, used, used_crc, gaps: Vec::new() });
    }
    let (bytes, _) = read_all(&file)?;
    let found = walk(&bytes, SEGMENT_HEADER_BYTES, first, End::Closed { next });
    let segment = Segment::walked(stream, first, file, &bytes, &found);
    // It only saves time: when it cannot be written it is made again next time.
    drop(segment.write_index(disk));
    Ok(segment)
}

/// Reads a whole segment. Parts the disk cannot read are filled in; the second value says so.
pub(crate) fn read_all<F: DiskFile>(file: &F) -> Result<(Vec<u8>, bool), DiskError> {
    const BLOCK_BYTES: usize = 4096;
    let bytes = file.bytes()?;
    let too_long = || DiskError::Failed(format!("a segment of {bytes} bytes is too long"));
    if bytes > SEGMENT_BYTES_MAX {
        return Err(too_long());
    }
    let mut all = vec![0; usize::try_from(bytes).map_err(|_too_long| too_long())?];
    if file.read_at(0, &mut all).is_ok() {
        return Ok((all, false));
    }
    let mut at = 0;
    for block in all.chunks_mut(BLOCK_BYTES) {
        if file.read_at(at, block).is_err() {
            block.fill(UNREADABLE);
        }
        at += block.len() as u64;
    }
    Ok((all, true))
}

/// Segment and byte, for a person.
pub(crate) fn place(stream: Stream, first: Ordinal, offset: u64) -> String {
    format!("{} at byte {offset}", segment_path(stream, first))
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn u32_of(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads ahead, so that reading frame after frame asks the disk seldom.
#[derive(Debug)]
pub(crate) struct Window {
    start: u64,
    bytes: Vec<u8>,
    ahead: usize,
}

impl Window {
    /// Reads at least `ahead` bytes at once.
    pub(crate) const fn new(ahead: usize) -> Self {
        Self { start: 0, bytes: Vec::new(), ahead }
    }

    /// Forgets what was read: the next read is from another file.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// `bytes` bytes at `at`; fewer where the file ends. Reads ahead only up to `used`.
    fn get<F: DiskFile>(
        &mut self,
        file: &F,
        at: u64,
        bytes: usize,
        used: u64,
    ) -> Result<&[u8], DiskError> {
        let held = at.checked_sub(self.start).map(usize_of);
        if let Some(from) = held
            && self.bytes.get(from..).is_some_and(|rest| rest.len() >= bytes)
        {
            return Ok(self.bytes.get(from..from + bytes).unwrap_or_default());
        }
        let ahead = self.ahead.min(usize_of(used.saturating_sub(at)));
        let wide = if ahead > bytes { read_some(file, at, ahead).ok() } else { None };
        self.bytes = match wide {
            Some(wide) => wide,
            // A place that cannot be read must not hide its neighbours.
            None => read_some(file, at, bytes)?,
        };
        self.start = at;
        let end = bytes.min(self.bytes.len());
        Ok(self.bytes.get(..end).unwrap_or_default())
    }
}
