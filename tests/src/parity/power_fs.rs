//! A file system in memory, mounted with FUSE, whose power can be cut: the kernel hands each call on,
//! and [`Machine`] works out what a cut would leave. The page cache goes with the mount.
//!
//! Folders are safe as soon as they are made; everything else follows the rules of [`Machine`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyStatfs, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};
use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

use crate::crash::disk::{Event, Files};
use crate::crash::machine::Machine;
use crate::crash::storage::Map;

/// How long the kernel may believe what it was told: not at all.
const TTL: Duration = Duration::ZERO;
const BLOCK_BYTES: u32 = 512;
/// Blocks the file system says it has: 4 GB.
const BLOCKS: u64 = 8 << 20;
const ROOT: u64 = 1;
/// How often, and after what pause, a file system is unmounted again of which files are being closed: 10 s in all.
const BUSY_TRIES: u32 = 1_000;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Folder or file.
#[derive(Debug, Clone)]
enum Kind {
    Folder,
    File,
}

#[derive(Debug, Default)]
struct State {
    machine: Machine,
    /// Folders by number; the root is 1. Files have numbers of the same row.
    folders: BTreeMap<u64, String>,
    last: u64,
    /// Calls that change something until the power goes; `None`: it does not.
    left: Option<u64>,
    /// The disk as it was when it went.
    out: Option<Machine>,
}

/// The file system. Clones are the same one.
#[derive(Debug, Clone)]
pub struct PowerFs(Arc<Mutex<State>>);

impl Default for PowerFs {
    fn default() -> Self {
        Self::on(Files::default(), &[])
    }
}

impl PowerFs {
    /// With these files, everything safe.
    fn on(files: Files, folders: &[String]) -> Self {
        let mut last = files.contents.keys().next_back().copied().unwrap_or(0).max(ROOT);
        let mut all = BTreeMap::from([(ROOT, String::new())]);
        for folder in folders.iter().filter(|folder| !folder.is_empty()) {
            last += 1;
            all.insert(last, folder.clone());
        }
        let machine = Machine::on(files, Map::new());
        let state = State { machine, folders: all, last, left: None, out: None };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power goes after so many calls that change something. Whoever writes on is not told, but
    /// nothing of it will be there.
    pub fn cut_after(&self, calls: u64) {
        let mut state = self.state();
        state.left = Some(calls);
        state.out = None;
    }

    /// Whether the power is gone.
    pub fn is_out(&self) -> bool {
        self.state().out.is_some()
    }

    /// What is left of it; `choice` says what survives that was not flushed.
    #[must_use]
    pub fn left(&self, choice: u64) -> Self {
        let state = self.state();
        let files = state.out.as_ref().unwrap_or(&state.machine).image(choice);
        let folders: Vec<String> = state.folders.values().cloned().collect();
        Self::on(files, &folders)
    }
}

impl State {
    /// A call that changes something.
    fn event(&mut self, event: &Event) {
        if self.out.is_none() {
            match &mut self.left {
                Some(0) => self.out = Some(self.machine.clone()),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        self.machine.apply(event);
    }

    fn path(&self, parent: INodeNo, name: &OsStr) -> Option<String> {
        let name = name.to_str()?;
        let folder = self.folders.get(&parent.0)?;
        Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
    }

    fn find(&self, path: &str) -> Option<(u64, Kind)> {
        if let Some(file) = self.machine.files().names.get(path) {
            return Some((*file, Kind::File));
        }
        let folder = self.folders.iter().find(|(_, folder)| *folder == path);
        folder.map(|(number, _)| (*number, Kind::Folder))
    }

    fn attributes(&self, number: u64) -> Option<FileAttr> {
        if self.folders.contains_key(&number) {
            return Some(attributes(number, 0, FileType::Directory));
        }
        let content = self.machine.files().contents.get(&number)?;
        Some(attributes(number, content.len() as u64, FileType::RegularFile))
    }

    /// What is in a folder: numbers and names, in order.
    fn inside(&self, folder: u64) -> Option<Vec<(u64, Kind, String)>> {
        let folder = self.folders.get(&folder)?;
        let name = |path: &str| {
            let rest = match path.strip_prefix(folder.as_str())? {
                rest if folder.is_empty() => rest,
                rest => rest.strip_prefix('/')?,
            };
            (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
        };
        let files = &self.machine.files().names;
        let files = files.iter().filter_map(|(path, file)| Some((*file, Kind::File, name(path)?)));
        let folders = self.folders.iter();
        let folders =
            folders.filter_map(|(number, path)| Some((*number, Kind::Folder, name(path)?)));
        Some(files.chain(folders).collect())
    }
}

fn attributes(number: u64, size: u64, kind: FileType) -> FileAttr {
    let long_ago = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(u64::from(BLOCK_BYTES)),
        atime: long_ago,
        mtime: long_ago,
        ctime: long_ago,
        crtime: long_ago,
        kind,
        perm: 0o700,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Filesystem for PowerFs {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = self.state();
        let found = state.path(parent, name).and_then(|path| state.find(&path));
        match found.and_then(|(number, _)| state.attributes(number)) {
            Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.state().attributes(ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = self.state();
        if let Some(size) = size {
            state.machine.resize(ino.0, at(size));
        }
        match state.attributes(ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let mut state = self.state();
        let Some(path) = state.path(parent, name) else { return reply.error(Errno::ENOENT) };
        if state.find(&path).is_some() {
            return reply.error(Errno::EEXIST);
        }
        state.last += 1;
        let number = state.last;
        state.folders.insert(number, path);
        reply.entry(&TTL, &attributes(number, 0, FileType::Directory), Generation(0));
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut state = self.state();
        let Some(path) = state.path(parent, name) else { return reply.error(Errno::ENOENT) };
        state.last += 1;
        let file = state.last;
        state.event(&Event::Create { file, path, bytes: 0 });
        let attributes = attributes(file, 0, FileType::RegularFile);
        reply.created(&TTL, &attributes, Generation(0), FileHandle(0), FopenFlags::empty());
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut state = self.state();
        match state.path(parent, name) {
            Some(path) if state.machine.files().names.contains_key(&path) => {
                state.event(&Event::Remove { path });
                reply.ok();
            }
            _ => reply.error(Errno::ENOENT),
        }
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut state = self.state();
        let found = state.path(parent, name).and_then(|path| state.find(&path));
        let Some((number, Kind::Folder)) = found else { return reply.error(Errno::ENOENT) };
        if state.inside(number).is_none_or(|inside| !inside.is_empty()) {
            return reply.error(Errno::ENOTEMPTY);
        }
        state.folders.remove(&number);
        reply.ok();
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut state = self.state();
        let paths = state.path(parent, name).zip(state.path(newparent, newname));
        let Some((from, to)) = paths else { return reply.error(Errno::ENOENT) };
        match state.find(&from) {
            Some((_, Kind::File)) => state.event(&Event::Rename { from, to }),
            Some((_, Kind::Folder)) => state.move_folder(&from, &to),
            None => return reply.error(Errno::ENOENT),
        }
        reply.ok();
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let state = self.state();
        let content = state.machine.files().contents.get(&ino.0);
        let Some(content) = content else { return reply.error(Errno::ENOENT) };
        let rest = content.get(at(offset).min(content.len())..).unwrap_or_default();
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        reply.data(rest.get(..wanted).unwrap_or_default());
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let bytes = data.to_vec();
        self.state().event(&Event::Write { file: ino.0, offset, bytes });
        reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX));
    }

    fn fallocate(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        self.state().event(&Event::Lengthen { file: ino.0, bytes: offset.saturating_add(length) });
        reply.ok();
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Closing a file flushes nothing.
        reply.ok();
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.state().event(&Event::Sync { file: ino.0 });
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        let mut state = self.state();
        let Some(folder) = state.folders.get(&ino.0).cloned() else {
            return reply.error(Errno::ENOENT);
        };
        let folder = if folder.is_empty() { ".".to_owned() } else { folder };
        state.event(&Event::SyncFolder { folder });
        reply.ok();
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let state = self.state();
        let Some(inside) = state.inside(ino.0) else { return reply.error(Errno::ENOENT) };
        for (place, (number, kind, name)) in (1_u64..).zip(inside) {
            let kind = match kind {
                Kind::Folder => FileType::Directory,
                Kind::File => FileType::RegularFile,
            };
            if place > offset && reply.add(INodeNo(number), place, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, 1 << 20, 1 << 20, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}

impl State {
    /// Gives a folder another name, with all in it: safe at once, as folders are.
    fn move_folder(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        for folder in self.folders.values_mut() {
            if folder == from {
                to.clone_into(folder);
            } else if let Some(rest) = folder.strip_prefix(&below) {
                *folder = format!("{to}/{rest}");
            }
        }
        let names: Vec<String> = self.machine.files().names.keys().cloned().collect();
        for old in names.iter().filter(|name| name.starts_with(&below)) {
            let rest = old.strip_prefix(&below).unwrap_or_default();
            let new = format!("{to}/{rest}");
            self.event(&Event::Rename { from: old.clone(), to: new });
        }
    }
}

/// A mounted [`PowerFs`]. Dropping it unmounts it.
#[derive(Debug)]
pub struct Mounted {
    power: PowerFs,
    // Before its folder: that can go only when nothing is mounted there.
    session: BackgroundSession,
    folder: TempDir,
}

impl Mounted {
    /// Mounts it in a new folder.
    ///
    /// # Errors
    /// Why it cannot be mounted here, in words.
    pub fn new(power: PowerFs) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("power".to_owned())];
        let session = fuser::spawn_mount(power.clone(), folder.path(), &config)
            .map_err(|error| format!("no FUSE file system can be mounted here: {error}"))?;
        Ok(Self { power, session, folder })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file system, to cut its power.
    pub const fn power(&self) -> &PowerFs {
        &self.power
    }

    /// Unmounts it. Threads of the map that was open in it may still be closing its files.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn unmount(self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            match unmount(self.folder.path(), UnmountFlags::empty()) {
                Ok(()) => return self.session.join(),
                Err(rustix::io::Errno::BUSY) if tries < BUSY_TRIES => tries += 1,
                // Without the right to unmount, the session asks the helper of FUSE for it.
                Err(_) => break,
            }
            std::thread::sleep(BUSY_PAUSE);
        }
        self.session.umount_and_join()
    }
}
