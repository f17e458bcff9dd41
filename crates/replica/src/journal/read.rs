//! Reading a stream: one frame, page by page, or all of it to verify it.

use crate::journal::disk::DiskFile;
use crate::journal::disk::{Disk, DiskError};
use crate::journal::frame::HEADER_BYTES;
use crate::journal::log::Log;
use crate::journal::segment::{
    Header, SEGMENT_HEADER_BYTES, Segment, Window, check_header, read_all, segment_path,
};
use crate::storage::{Damage, Frame, Ordinal, Scanned, StorageError, Stream};

/// Read at once while scanning.
const SCAN_AHEAD_BYTES: usize = 256 << 10;
/// Read at once for a single frame: most fit.
const READ_AHEAD_BYTES: usize = 4 << 10;
/// Read at once while verifying.
const VERIFY_PAGE_BYTES: usize = 1 << 20;
/// What a report of damage counts for in a page, so that a page of nothing but damage ends too.
const DAMAGE_BYTES: usize = 256;

/// Where a frame is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its segment file, relative to the till's folder.
    pub file: String,
    /// Its first byte.
    pub offset: u64,
    /// Its length with header and padding.
    pub bytes: u64,
}

/// What verifying a stream found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The stream.
    pub stream: Stream,
    /// Segment files.
    pub segments: usize,
    /// Good frames.
    pub frames: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Frames that are lost.
    pub damaged: Vec<Damage>,
    /// What else is altered, in words: no frame is lost by it.
    pub altered: Vec<String>,
}

impl StreamReport {
    /// Whether every byte is as it was written.
    pub const fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.altered.is_empty()
    }
}

/// A page of a scan.
struct Page {
    found: Vec<Scanned>,
    spent: usize,
    bytes: usize,
}

impl Page {
    /// Whether the page is full before something of this size.
    fn is_full_for(&self, bytes: usize) -> bool {
        !self.found.is_empty() && self.spent.saturating_add(bytes) > self.bytes
    }

    fn push(&mut self, scanned: Scanned, bytes: usize) {
        self.spent = self.spent.saturating_add(bytes);
        self.found.push(scanned);
    }
}

impl<D: Disk> Log<D> {
    /// Index of the segment a frame is in.
    fn locate(&self, ordinal: Ordinal) -> Option<usize> {
        self.firsts.partition_point(|first| *first <= ordinal).checked_sub(1)
    }

    /// First ordinal behind a segment.
    fn end_of(&self, index: usize) -> Ordinal {
        self.firsts.get(index + 1).copied().unwrap_or(self.next)
    }

    fn lost(&self, first: Ordinal, last: Ordinal, segment: Ordinal, reason: String) -> Damage {
        let place = segment_path(self.stream, segment);
        Damage { stream: self.stream, first, last, place, reason }
    }

    fn unreadable(&self, index: usize, first: Ordinal, error: &DiskError) -> Damage {
        let reason = format!("the segment cannot be opened: {error}");
        self.lost(first, self.end_of(index) - 1, first, reason)
    }

    /// Frames for which there is no segment file any more.
    fn missing(&self, index: Option<usize>, from: Ordinal) -> Damage {
        let end = match index {
            Some(index) => self.end_of(index),
            None => self.firsts.first().copied().unwrap_or(self.next),
        };
        self.lost(from, end.saturating_sub(1), from, "its segment file is missing".to_owned())
    }

    /// The segment with a frame in it, or why it cannot be read.
    fn find(
        &self,
        disk: &D,
        ordinal: Ordinal,
    ) -> Result<crate::journal::log::Held<'_, D::File>, Damage> {
        let Some(index) = self.locate(ordinal) else { return Err(self.missing(None, 0)) };
        let first = self.firsts.get(index).copied().unwrap_or_default();
        let segment =
            self.segment(disk, index).map_err(|error| self.unreadable(index, first, &error))?;
        if ordinal >= segment.next() {
            return Err(self.missing(Some(index), segment.next()));
        }
        Ok(segment)
    }

    pub(crate) fn read(&self, disk: &D, ordinal: Ordinal) -> Result<Frame, StorageError> {
        if ordinal >= self.next {
            return Err(StorageError::NoSuchFrame { stream: self.stream, ordinal });
        }
        self.find(disk, ordinal)
            .and_then(|segment| segment.read(ordinal, &mut Window::new(READ_AHEAD_BYTES)))
            .map_err(StorageError::Damaged)
    }

    pub(crate) fn scan(&self, disk: &D, from: Ordinal, bytes: usize) -> Vec<Scanned> {
        let mut page = Page { found: Vec::new(), spent: 0, bytes };
        let ahead = bytes.saturating_add(HEADER_BYTES).clamp(READ_AHEAD_BYTES, SCAN_AHEAD_BYTES);
        let mut window = Window::new(ahead);
        let mut at = from;
        while at < self.next {
            let behind = match self.find(disk, at) {
                Ok(segment) => {
                    window.clear();
                    scan_segment(&segment, at, &mut window, &mut page)
                }
                Err(_) if page.is_full_for(DAMAGE_BYTES) => None,
                Err(damage) => {
                    let behind = damage.last + 1;
                    page.push(Scanned::Damaged(damage), DAMAGE_BYTES);
                    Some(behind)
                }
            };
            match behind {
                Some(behind) => at = behind,
                None => break,
            }
        }
        page.found
    }

    pub(crate) fn used_bytes(&self, disk: &D) -> u64 {
        self.segments(disk).iter().map(|(_, used)| used).sum()
    }

    pub(crate) fn segments(&self, disk: &D) -> Vec<(String, u64)> {
        (0..self.firsts.len())
            .filter_map(|index| self.segment(disk, index).ok())
            .map(|segment| (segment_path(self.stream, segment.first), segment.used))
            .collect()
    }

    pub(crate) fn place_of(&self, disk: &D, ordinal: Ordinal) -> Option<Place> {
        let frame = self.read(disk, ordinal).ok()?;
        let segment = self.find(disk, ordinal).ok()?;
        Some(Place {
            file: segment_path(self.stream, segment.first),
            offset: segment.offset_of(ordinal)?,
            bytes: crate::journal::frame::frame_bytes(frame.payload.len()) as u64,
        })
    }

    pub(crate) fn verify(&self, disk: &D) -> StreamReport {
        let mut report = StreamReport {
            stream: self.stream,
            segments: self.firsts.len(),
            frames: 0,
            bytes: self.used_bytes(disk),
            damaged: Vec::new(),
            altered: Vec::new(),
        };
        let mut from = 0;
        while from < self.next {
            for scanned in self.scan(disk, from, VERIFY_PAGE_BYTES) {
                match scanned {
                    Scanned::Frame(frame) => {
                        report.frames += 1;
                        from = frame.ordinal + 1;
                    }
                    Scanned::Damaged(damage) => {
                        from = damage.last + 1;
                        report.damaged.push(damage);
                    }
                }
            }
        }
        for index in 0..self.firsts.len() {
            if let Ok(segment) = self.segment(disk, index) {
                report.altered.extend(self.altered(&segment, &report.damaged));
            }
        }
        report
    }

    /// What is wrong with a segment beside its frames.
    fn altered(&self, segment: &Segment<D::File>, damaged: &[Damage]) -> Option<String> {
        let name = segment_path(self.stream, segment.first);
        let (bytes, _) = read_all(&segment.file).ok()?;
        if check_header(&bytes, self.stream, segment.first) != Header::Good {
            let first = segment.first;
            return Some(format!(
                "{name}: its first {SEGMENT_HEADER_BYTES} bytes, before entry {first}, are \
                 altered; no entry is lost"
            ));
        }
        let used = usize::try_from(segment.used).ok()?;
        let is_same = bytes.get(..used).map(crc32c::crc32c) == Some(segment.used_crc);
        let is_explained = damaged
            .iter()
            .any(|damage| damage.first < segment.next() && damage.last >= segment.first);
        (!is_same && !is_explained)
            .then(|| format!("{name}: bytes between its entries are altered; no entry is lost"))
    }
}

/// Reads on in one segment. The next ordinal, or `None` if the page is full.
fn scan_segment<F: DiskFile>(
    segment: &Segment<F>,
    from: Ordinal,
    window: &mut Window,
    page: &mut Page,
) -> Option<Ordinal> {
    let mut at = from;
    while at < segment.next() {
        match segment.read(at, window) {
            Ok(frame) => {
                let bytes = frame.payload.len();
                if page.is_full_for(bytes) {
                    return None;
                }
                at += 1;
                page.push(Scanned::Frame(frame), bytes);
            }
            Err(_) if page.is_full_for(DAMAGE_BYTES) => return None,
            Err(damage) => {
                at = damage.last + 1;
                page.push(Scanned::Damaged(damage), DAMAGE_BYTES);
            }
        }
    }
    Some(at)
}
