//! One stream: its segments, and writing to the last of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::Options;
use crate::journal::disk::{Disk, DiskError, DiskFile};
use crate::journal::frame;
use crate::journal::recover::{self, Opened};
use crate::journal::segment::{
    SEGMENT_HEADER_BYTES, Segment, folder, open_closed, segment_header, segment_path,
};
use crate::limits::FRAME_BYTES_MAX;
use crate::simulation::{self, Canary, Mark};
use crate::storage::{FrameKind, Ordinal, Recovered, StorageError, Stream};

/// Closed segments kept open, per stream.
const OPEN_SEGMENTS_MAX: usize = 8;
/// Zeros are written ahead by this part of a segment: often enough to be cheap each time.
const ZEROS_AHEAD_PART: u64 = 32;
/// Name of the preallocated file that becomes the next segment.
pub(crate) const NEXT_NAME: &str = "next.seg";

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Current<F> {
    pub(crate) segment: Segment<F>,
    /// Length of its file.
    pub(crate) capacity: u64,
    /// A write that failed may have left bytes up to here; the next one covers them.
    pub(crate) stained: u64,
    /// Up to here zeros were written. Reserved blocks that were never written cost a flush more (the
    /// file system has to note that they now are), so zeros go ahead of the frames, in one write
    /// with every n-th of them.
    zeroed: u64,
    /// Whether room for the next segment was already asked for while appending.
    asked: bool,
}

impl<F> Current<F> {
    pub(crate) const fn new(segment: Segment<F>, capacity: u64) -> Self {
        let stained = segment.used;
        Self { segment, capacity, stained, zeroed: stained, asked: false }
    }

    const fn left(&self) -> u64 {
        self.capacity.saturating_sub(self.segment.used)
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Log<D: Disk> {
    pub(crate) stream: Stream,
    options: Options,
    /// First ordinals of all segments, in order; the last is the current one's.
    pub(crate) firsts: Vec<Ordinal>,
    pub(crate) current: Option<Current<D::File>>,
    next_file: Option<(D::File, u64)>,
    pub(crate) next: Ordinal,
    /// Frames appended since the last flush.
    unflushed: u32,
    stopped: bool,
    recovered: Recovered,
    buffer: Vec<u8>,
    open: Mutex<BTreeMap<Ordinal, Arc<Segment<D::File>>>>,
}

/// A segment to read from.
pub(crate) enum Held<'a, F> {
    Current(&'a Segment<F>),
    Closed(Arc<Segment<F>>),
}

impl<F> Deref for Held<'_, F> {
    type Target = Segment<F>;

    fn deref(&self) -> &Segment<F> {
        match self {
            Self::Current(segment) => segment,
            Self::Closed(segment) => segment,
        }
    }
}

impl<D: Disk> Log<D> {
    /// Opens a stream, recovering the end of its last segment.
    pub(crate) fn open(disk: &D, stream: Stream, options: Options) -> Result<Self, StorageError> {
        let folder = folder(stream);
        disk.make_folder(&folder)?;
        let names = disk.list(&folder)?;
        let firsts: Vec<Ordinal> = names.iter().filter_map(|name| first_of(name)).collect();
        let mut log = Self {
            stream,
            options,
            next: 0,
            firsts,
            current: None,
            next_file: None,
            unflushed: 0,
            stopped: false,
            recovered: Recovered::default(),
            buffer: Vec::new(),
            open: Mutex::new(BTreeMap::new()),
        };
        if names.iter().any(|name| name == NEXT_NAME) {
            log.next_file = log.reuse_next(disk)?;
        }
        let mut tail_damaged = false;
        if let Some(first) = log.firsts.last().copied() {
            let Opened { current, recovered, tail_damaged: damaged } =
                recover::open_last(disk, stream, first)?;
            log.next = current.segment.next();
            log.current = Some(current);
            log.recovered = recovered;
            tail_damaged = damaged;
            // What only the page cache kept through a crash of the program is made durable now.
            disk.sync_folder(&folder)?;
        }
        // Nobody's first segment waits for the first sale, except that of the others' entries.
        // Behind damage at the end a new segment begins, so that the damage keeps its ordinals.
        let begins = log.current.is_none() && stream != Stream::Others;
        if begins || tail_damaged {
            match log.roll(disk, 0) {
                Ok(()) | Err(StorageError::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(log)
    }

    pub(crate) const fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    pub(crate) fn append(
        &mut self,
        disk: &D,
        ordinal: Ordinal,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        if self.stopped {
            return Err(StorageError::Stopped);
        }
        if payload.len() > FRAME_BYTES_MAX {
            let (bytes, limit) = (payload.len(), FRAME_BYTES_MAX);
            return Err(StorageError::TooLong { what: "an entry", bytes, limit });
        }
        if ordinal != self.next {
            let (stream, next) = (self.stream, self.next);
            let text = format!("{stream:?}: frame {ordinal} was to be written, {next} is next");
            return Err(StorageError::Io(text));
        }
        let size = frame::frame_bytes(payload.len()) as u64;
        if self.current.as_ref().is_none_or(|current| current.left() < size) {
            self.roll(disk, size)?;
        }
        self.write(ordinal, kind, payload)?;
        self.prepare_early(disk);
        Ok(())
    }

    fn write(
        &mut self,
        ordinal: Ordinal,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        let Some(current) = &mut self.current else {
            return Err(StorageError::Full(no_segment(self.stream)));
        };
        self.buffer.clear();
        frame::encode(&mut self.buffer, ordinal, kind, self.unflushed, payload);
        let size = self.buffer.len();
        let at = current.segment.used;
        let mut end = current.stained.max(at + size as u64);
        if end > current.zeroed {
            end = (end + current.capacity / ZEROS_AHEAD_PART).min(current.capacity);
        }
        self.buffer.resize(usize::try_from(end - at).unwrap_or(size), 0);
        if let Err(error) = current.segment.file.write_at(at, &self.buffer) {
            current.stained = current.stained.max(end);
            self.stopped |= !matches!(error, DiskError::Full(_));
            return Err(error.into());
        }
        self.buffer.truncate(size);
        let segment = &mut current.segment;
        segment.offsets.push(u32::try_from(at).unwrap_or(0));
        segment.used = at + size as u64;
        segment.used_crc = crc32c::crc32c_append(segment.used_crc, &self.buffer);
        current.stained = segment.used;
        current.zeroed = current.zeroed.max(end);
        self.next += 1;
        self.unflushed = self.unflushed.saturating_add(1);
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), StorageError> {
        if self.stopped {
            return Err(StorageError::Stopped);
        }
        if self.unflushed == 0 {
            return Ok(());
        }
        let Some(current) = &self.current else { return Ok(()) };
        if let Err(error) = current.segment.file.sync() {
            self.stopped = true;
            return Err(StorageError::FlushFailed(error.to_string()));
        }
        self.unflushed = 0;
        Ok(())
    }

    /// Whether there is room for new work; gets the next segment ready if it can.
    pub(crate) fn has_room(&mut self, disk: &D) -> bool {
        if self.stopped {
            return false;
        }
        if self.current.is_none() {
            drop(self.roll(disk, 0));
        }
        let half_used = |current: &Current<D::File>| current.left() < current.capacity / 2;
        if self.current.as_ref().is_some_and(half_used) {
            self.prepare(disk, 0);
        }
        let left = self.current.as_ref().map_or(0, Current::left);
        self.next_file.is_some() || left >= self.options.reserve_bytes
    }

    /// Whether frames of so many bytes in all find room, in the current segment or in the next one,
    /// which is got ready for them.
    pub(crate) fn fits(&mut self, disk: &D, bytes: u64) -> bool {
        if self.stopped || self.current.as_ref().is_some_and(|current| current.left() >= bytes) {
            return !self.stopped;
        }
        let need = bytes.saturating_add(SEGMENT_HEADER_BYTES as u64);
        if self.next_file.as_ref().is_some_and(|(_, ready)| *ready < need) {
            self.next_file = None;
        }
        self.prepare(disk, need);
        self.next_file.is_some()
    }

    /// Asks for the next segment once the current one is half used, once: appending must not pay
    /// for a full disk again and again. [`Self::has_room`] goes on asking.
    fn prepare_early(&mut self, disk: &D) {
        let Some(current) = &mut self.current else { return };
        if current.asked || current.left() >= current.capacity / 2 {
            return;
        }
        current.asked = true;
        self.prepare(disk, 0);
    }

    /// Gets the next segment ready; whether there is one.
    fn prepare(&mut self, disk: &D, need: u64) {
        if self.next_file.is_none() {
            self.next_file = self.allocate(disk, need).ok();
        }
    }

    /// A new file for the next segment: of the usual size, or of half of it, and so on.
    fn allocate(&self, disk: &D, need: u64) -> Result<(D::File, u64), DiskError> {
        let floor = self.options.segment_bytes.min(self.options.reserve_bytes * 2);
        let mut size = self.options.segment_bytes;
        let free = disk.free_bytes();
        // On a small disk one stream must not take what the others need.
        while size > floor && free.is_some_and(|free| size > free / 8) {
            size = (size / 2).max(floor);
        }
        loop {
            let want = size.max(need);
            // What others wrote can be fetched again: it never takes the last room for a sale.
            if self.stream == Stream::Others
                && free.is_some_and(|free| free < want + self.options.reserve_bytes)
            {
                return Err(DiskError::Full("room is kept for sales".to_owned()));
            }
            match disk.create(&self.next_path(), want) {
                Ok(file) => return Ok((file, want)),
                Err(DiskError::Full(_)) if size > floor => size = (size / 2).max(floor),
                Err(error) => return Err(error),
            }
        }
    }

    fn next_path(&self) -> String {
        format!("{}/{NEXT_NAME}", folder(self.stream))
    }

    /// A file that was got ready before the last stop.
    fn reuse_next(&self, disk: &D) -> Result<Option<(D::File, u64)>, StorageError> {
        let file = disk.open(&self.next_path())?;
        let bytes = file.bytes()?;
        let floor = self.options.segment_bytes.min(self.options.reserve_bytes * 2);
        // Nothing was ever written in it behind the header. That is checked all the same: what
        // stands there now would be taken for frames later.
        let is_empty =
            bytes >= floor && recover::is_zero(&file, SEGMENT_HEADER_BYTES as u64, bytes)?;
        if is_empty {
            return Ok(Some((file, bytes)));
        }
        disk.remove(&self.next_path())?;
        Ok(None)
    }

    /// Closes the current segment and begins the next, with room for `need` bytes of frames.
    fn roll(&mut self, disk: &D, need: u64) -> Result<(), StorageError> {
        self.flush()?;
        let need = need + SEGMENT_HEADER_BYTES as u64;
        if self.next_file.as_ref().is_some_and(|(_, bytes)| *bytes < need) {
            self.next_file = None;
        }
        let (file, capacity) = match self.next_file.take() {
            Some(ready) => ready,
            None => self.allocate(disk, need)?,
        };
        let result = self.begin(disk, file, capacity);
        // Anything but a full disk leaves it unknown which segment is the last: open again.
        self.stopped |= result.as_ref().is_err_and(|error| !matches!(error, DiskError::Full(_)));
        result.map_err(StorageError::from)
    }

    fn begin(&mut self, disk: &D, file: D::File, capacity: u64) -> Result<(), DiskError> {
        file.write_at(0, &segment_header(self.stream, self.next))?;
        file.sync()?;
        if let Some(current) = self.current.as_ref().filter(|c| !c.segment.offsets.is_empty()) {
            match current.segment.write_index(disk) {
                // It can be made again from the segment.
                Ok(()) | Err(DiskError::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        disk.rename(&self.next_path(), &segment_path(self.stream, self.next))?;
        simulation::reach(Mark::SegmentRolled);
        if !simulation::is(Canary::SkipFolderSync)
            && let Err(error) = disk.sync_folder(&folder(self.stream))
        {
            return Err(DiskError::Failed(error.to_string()));
        }
        let segment = Segment::empty(self.stream, self.next, file);
        if self.firsts.last() != Some(&self.next) {
            self.firsts.push(self.next);
        }
        if let Some(old) = self.current.replace(Current::new(segment, capacity))
            && !old.segment.offsets.is_empty()
        {
            self.keep_open(Arc::new(old.segment));
        }
        Ok(())
    }

    fn keep_open(&self, segment: Arc<Segment<D::File>>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_SEGMENTS_MAX {
            open.pop_first();
        }
        open.insert(segment.first, segment);
    }

    /// The segment with this index among all.
    pub(crate) fn segment(&self, disk: &D, index: usize) -> Result<Held<'_, D::File>, DiskError> {
        let missing = || DiskError::Missing(no_segment(self.stream));
        let first = self.firsts.get(index).copied().ok_or_else(missing)?;
        let Some(next) = self.firsts.get(index + 1).copied() else {
            return Ok(Held::Current(&self.current.as_ref().ok_or_else(missing)?.segment));
        };
        let held = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.get(&first).cloned()
        };
        if let Some(segment) = held {
            return Ok(Held::Closed(segment));
        }
        let segment = Arc::new(open_closed(disk, self.stream, first, next)?);
        self.keep_open(Arc::clone(&segment));
        Ok(Held::Closed(segment))
    }
}

fn no_segment(stream: Stream) -> String {
    format!("there is no segment for {}", stream.name())
}

/// First ordinal of a segment file, from its name.
fn first_of(name: &str) -> Option<Ordinal> {
    let digits = name.strip_suffix(".seg")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}
