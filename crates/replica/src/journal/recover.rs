//! Opening the last segment of a stream: what was being written when the till stopped.

use crate::journal::disk::{Disk, DiskError, DiskFile};
use crate::journal::log::Current;
use crate::journal::segment::{
    Header, SEGMENT_HEADER_BYTES, Segment, check_header, place, read_all, segment_path,
};
use crate::journal::walk::{End, Torn, walk};
use crate::storage::{Damage, Ordinal, Recovered, StorageError, Stream};

/// Most copies of torn tails that are kept under one name.
const COPIES_MAX: usize = 100;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The last segment, ready to be written to.
pub(crate) struct Opened<F> {
    pub(crate) current: Current<F>,
    pub(crate) recovered: Recovered,
    /// It ends with damage.
    pub(crate) tail_damaged: bool,
}

/// Opens the last segment: finds its end, keeps a torn tail aside and cuts it.
pub(crate) fn open_last<D: Disk>(
    disk: &D,
    stream: Stream,
    first: Ordinal,
) -> Result<Opened<D::File>, StorageError> {
    let file = disk.open(&segment_path(stream, first))?;
    let (bytes, unreadable) = read_all(&file)?;
    if let Header::Newer(version) = check_header(&bytes, stream, first) {
        return Err(StorageError::Io(format!(
            "{} is of format {version}: it was written by a newer version of this program, \
             which is needed to open it",
            segment_path(stream, first)
        )));
    }
    let found = walk(&bytes, SEGMENT_HEADER_BYTES, first, End::Open { unreadable });
    let mut recovered = Recovered::default();
    if let Some(torn) = &found.torn {
        let kept = keep_aside(disk, stream, torn, &bytes);
        wipe(&file, torn)?;
        recovered.torn = Some(Damage {
            stream,
            first: torn.first,
            last: torn.last,
            place: place(stream, first, torn.from as u64),
            reason: format!("an unfinished write was cut ({}); {kept}", torn.flaw),
        });
    }
    // Frames that only the page cache kept through a crash of the program are made durable before
    // anybody builds on them.
    file.sync()?;
    let capacity = bytes.len() as u64;
    let segment = Segment::walked(stream, first, file, &bytes, &found);
    recovered.damaged.clone_from(&segment.gaps);
    Ok(Opened {
        current: Current::new(segment, capacity),
        recovered,
        tail_damaged: found.tail_damaged,
    })
}

/// Copies a torn tail to a file of its own; says in words where.
fn keep_aside<D: Disk>(disk: &D, stream: Stream, torn: &Torn, bytes: &[u8]) -> String {
    let taken = disk.list(".").unwrap_or_default();
    let base = format!("torn-{}-{}", stream.name(), torn.first);
    let name = (1..=COPIES_MAX)
        .map(|copy| if copy == 1 { format!("{base}.bin") } else { format!("{base}.{copy}.bin") })
        .find(|name| taken.binary_search(name).is_err())
        .unwrap_or_else(|| format!("{base}.bin"));
    let tail = bytes.get(torn.from..torn.to).unwrap_or_default();
    match crate::journal::disk::replace(disk, ".", &name, tail) {
        Ok(()) => format!("its {} bytes are kept in {name}", tail.len()),
        Err(error) => format!("its {} bytes could not be kept: {error}", tail.len()),
    }
}

/// Zeros where a torn tail was.
fn wipe<F: DiskFile>(file: &F, torn: &Torn) -> Result<(), DiskError> {
    let mut at = torn.from;
    while at < torn.to {
        let part = ZEROS.get(..torn.to - at).unwrap_or(&ZEROS);
        file.write_at(at as u64, part)?;
        at += part.len();
    }
    Ok(())
}

/// Whether a part of a file is all zeros.
pub(crate) fn is_zero<F: DiskFile>(file: &F, from: u64, to: u64) -> Result<bool, DiskError> {
    let mut at = from;
    let mut block = vec![0; ZEROS.len()];
    while at < to {
        let count = file.read_at(at, &mut block)?;
        let read = block.get(..count).unwrap_or_default();
        if count == 0 || ZEROS.get(..count) != Some(read) {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}
