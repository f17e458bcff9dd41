//! A disk that fails when it is told to, around a real or a simulated one. Tests fail every call of
//! a script in turn with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::disk::{Disk, DiskError, DiskFile};

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Creating a file and reserving its blocks.
    Create,
    /// Opening a file.
    Open,
    /// Reading from a file.
    Read,
    /// Writing into a file.
    Write,
    /// Flushing a file.
    Sync,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Flushing a folder.
    SyncFolder,
}

impl Op {
    const fn changes_something(self) -> bool {
        !matches!(self, Self::Open | Self::Read)
    }
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `ENOSPC`; a write first writes this many bytes.
    Full {
        /// Bytes that are written all the same.
        written: usize,
    },
    /// `EIO`; a write first writes this many bytes.
    Broken {
        /// Bytes that are written all the same.
        written: usize,
    },
}

impl Failure {
    const fn written(self) -> usize {
        match self {
            Self::Full { written } | Self::Broken { written } => written,
        }
    }

    fn error(self, op: Op) -> DiskError {
        match self {
            Self::Full { .. } => DiskError::Full(format!("injected: no space left at {op:?}")),
            Self::Broken { .. } => DiskError::Failed(format!("injected: EIO at {op:?}")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    /// `None`: any call that changes something.
    op: Option<Op>,
    /// Matching calls that still succeed.
    skip: u64,
    failure: Failure,
}

#[derive(Debug, Default)]
struct Plan {
    rules: Vec<Rule>,
    calls: u64,
    syncs: u64,
    /// What was made to fail last.
    met: Option<Op>,
}

/// What is to fail. Clones share one plan.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

impl Faults {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of this kind fails, once.
    pub fn fail_next(&self, op: Op, failure: Failure) {
        self.plan().rules.push(Rule { op: Some(op), skip: 0, failure });
    }

    /// The call that changes something after `skip` others fails, once.
    pub fn fail_after(&self, skip: u64, failure: Failure) {
        self.plan().rules.push(Rule { op: None, skip, failure });
    }

    /// Nothing fails any more.
    pub fn clear(&self) {
        self.plan().rules.clear();
    }

    /// Failures that are still to come.
    pub fn waiting(&self) -> usize {
        self.plan().rules.len()
    }

    /// Calls that changed something, so far.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    /// Flushes of files that were asked for, so far.
    pub fn syncs(&self) -> u64 {
        self.plan().syncs
    }

    /// The kind of the call that was made to fail last.
    pub fn met(&self) -> Option<Op> {
        self.plan().met
    }

    fn meet(&self, op: Op) -> Option<Failure> {
        let mut plan = self.plan();
        plan.calls += u64::from(op.changes_something());
        plan.syncs += u64::from(op == Op::Sync);
        let mut failure = None;
        plan.rules.retain_mut(|rule| {
            let matches = rule.op.map_or(op.changes_something(), |wanted| wanted == op);
            if failure.is_some() || !matches {
                return true;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return true;
            }
            failure = Some(rule.failure);
            false
        });
        plan.met = failure.map(|_| op).or(plan.met);
        failure
    }

    fn check(&self, op: Op) -> Result<(), DiskError> {
        self.meet(op).map_or(Ok(()), |failure| Err(failure.error(op)))
    }
}

/// A disk with a plan of what is to fail.
#[derive(Debug, Clone)]
pub struct FaultyDisk<D> {
    inner: D,
    faults: Faults,
}

impl<D> FaultyDisk<D> {
    /// Nothing fails until `faults` says so.
    pub const fn new(inner: D, faults: Faults) -> Self {
        Self { inner, faults }
    }

    /// The disk inside.
    pub const fn inner(&self) -> &D {
        &self.inner
    }

    /// What is to fail.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// A file of a [`FaultyDisk`].
#[derive(Debug)]
pub struct FaultyFile<F> {
    inner: F,
    faults: Faults,
}

impl<D: Disk> Disk for FaultyDisk<D> {
    type File = FaultyFile<D::File>;

    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.inner.make_folder(folder)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskError> {
        self.inner.list(folder)
    }

    fn create(&self, path: &str, bytes: u64) -> Result<Self::File, DiskError> {
        self.faults.check(Op::Create)?;
        let inner = self.inner.create(path, bytes)?;
        Ok(FaultyFile { inner, faults: self.faults.clone() })
    }

    fn open(&self, path: &str) -> Result<Self::File, DiskError> {
        self.faults.check(Op::Open)?;
        let inner = self.inner.open(path)?;
        Ok(FaultyFile { inner, faults: self.faults.clone() })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.faults.check(Op::Rename)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.faults.check(Op::Remove)?;
        self.inner.remove(path)
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.faults.check(Op::SyncFolder)?;
        self.inner.sync_folder(folder)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.inner.free_bytes()
    }
}

impl<F: DiskFile> DiskFile for FaultyFile<F> {
    fn bytes(&self) -> Result<u64, DiskError> {
        self.inner.bytes()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.faults.check(Op::Read)?;
        self.inner.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let Some(failure) = self.faults.meet(Op::Write) else {
            return self.inner.write_at(offset, bytes);
        };
        let part = bytes.get(..failure.written().min(bytes.len())).unwrap_or_default();
        self.inner.write_at(offset, part)?;
        Err(failure.error(Op::Write))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.faults.check(Op::Sync)?;
        self.inner.sync()
    }
}
