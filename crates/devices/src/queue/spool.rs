//! The folder in which papers wait. One file a job; its name says how far the job is, and changes by
//! renaming, so that after any crash each job is in exactly one state:
//!
//! ```text
//! 00000042.waiting   no byte of it was sent
//! 00000042.printing  bytes may have been sent
//! 00000042.unsure    was `printing` when the program ended or the printer broke off
//! 00000042.printed   it is on paper
//! 00000042.settled   was `unsure`, and a person decided what becomes of it
//! ```
//!
//! Inside is JSON: `{"version":1,"job":{…}}`. A file that cannot be read is renamed to `.unreadable`
//! and never printed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::job::{Job, JobNumber};
use crate::limits::{JOB_BYTES_MAX, PRINTED_KEPT_MAX};

const VERSION: u32 = 1;

/// Why a queue cannot be opened.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Another program prints from this folder.
    #[error("another program uses this print queue: is the till started twice?")]
    InUse,
    /// The folder cannot be read or written.
    #[error("the folder of the print queue cannot be used ({0}): check the disk and its rights")]
    Folder(#[from] io::Error),
}

/// A file's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Printing,
    Unsure,
    Printed,
    Settled,
    Unreadable,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Printing,
        Self::Unsure,
        Self::Printed,
        Self::Settled,
        Self::Unreadable,
    ];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Printing => "printing",
            Self::Unsure => "unsure",
            Self::Printed => "printed",
            Self::Settled => "settled",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    job: Job,
}

/// What the folder held when it was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By number.
    pub(super) jobs: BTreeMap<JobNumber, (Stage, Job)>,
    /// Files that cannot be read and were set aside.
    pub(super) unreadable: Vec<PathBuf>,
}

/// The folder, held by one program at a time.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// Held as long as the queue is open.
    _lock: File,
}

impl Spool {
    /// Opens the folder and settles what the end of the last program left: what was being printed
    /// then is unsure now.
    pub(super) fn open(folder: &Path) -> Result<(Self, Found), SpoolError> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SpoolError::InUse),
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let spool = Self { folder: folder.to_owned(), _lock: lock };
        let mut found = Found::default();
        for (number, stage) in spool.files()? {
            spool.take_up(number, stage, &mut found)?;
        }
        spool.forget_old(&mut found)?;
        Ok((spool, found))
    }

    /// A job that waits from now on, on disk when this returns.
    pub(super) fn put(&self, number: JobNumber, job: &Job) -> io::Result<()> {
        let written = Written { version: VERSION, job: job.clone() };
        let bytes = serde_json::to_vec(&written).map_err(io::Error::other)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > JOB_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "the paper is too long"));
        }
        let temporary = self.folder.join(format!("{number:08}.tmp"));
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(number, Stage::Waiting))?;
        self.sync_folder()
    }

    /// Moves a job to another stage, on disk when this returns.
    pub(super) fn advance(&self, number: JobNumber, from: Stage, to: Stage) -> io::Result<()> {
        fs::rename(self.path(number, from), self.path(number, to))?;
        self.sync_folder()
    }

    /// Removes a job.
    pub(super) fn remove(&self, number: JobNumber, stage: Stage) -> io::Result<()> {
        fs::remove_file(self.path(number, stage))?;
        self.sync_folder()
    }

    /// The job of a number.
    pub(super) fn read(&self, number: JobNumber, stage: Stage) -> io::Result<Job> {
        let mut bytes = Vec::new();
        File::open(self.path(number, stage))?.take(JOB_BYTES_MAX).read_to_end(&mut bytes)?;
        let written: Written = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        if written.version != VERSION {
            return Err(io::Error::new(ErrorKind::Unsupported, "written by a newer version"));
        }
        Ok(written.job)
    }

    fn take_up(
        &self,
        number: JobNumber,
        stage: Stage,
        found: &mut Found,
    ) -> Result<(), SpoolError> {
        if stage == Stage::Unreadable {
            return Ok(());
        }
        let Ok(job) = self.read(number, stage) else {
            self.advance(number, stage, Stage::Unreadable)?;
            found.unreadable.push(self.path(number, Stage::Unreadable));
            return Ok(());
        };
        let stage = if stage == Stage::Printing {
            self.advance(number, Stage::Printing, Stage::Unsure)?;
            Stage::Unsure
        } else {
            stage
        };
        found.jobs.insert(number, (stage, job));
        Ok(())
    }

    /// Of what is over, the last ones are kept: their keys must not be printed again.
    fn forget_old(&self, found: &mut Found) -> io::Result<()> {
        let over = |stage: Stage| matches!(stage, Stage::Printed | Stage::Settled);
        let done: Vec<(JobNumber, Stage)> = found
            .jobs
            .iter()
            .filter_map(|(&number, &(stage, _))| over(stage).then_some((number, stage)))
            .collect();
        for &(number, stage) in done.iter().rev().skip(PRINTED_KEPT_MAX) {
            self.remove(number, stage)?;
            found.jobs.remove(&number);
        }
        Ok(())
    }

    fn files(&self) -> io::Result<BTreeMap<JobNumber, Stage>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let suffix = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            let number =
                path.file_stem().and_then(OsStr::to_str).and_then(|stem| stem.parse().ok());
            if suffix == "tmp" {
                // A paper that was never in line: whoever wanted it was not told that it is.
                fs::remove_file(&path)?;
            } else if let (Some(number), Some(stage)) =
                (number, Stage::ALL.into_iter().find(|stage| stage.suffix() == suffix))
            {
                files.insert(number, stage);
            }
        }
        Ok(files)
    }

    fn path(&self, number: JobNumber, stage: Stage) -> PathBuf {
        self.folder.join(format!("{number:08}.{}", stage.suffix()))
    }

    fn sync_folder(&self) -> io::Result<()> {
        // Windows has no such call for folders; its renames are in order.
        if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(title: &str) -> Job {
        Job::note(title, vec!["line".to_owned()])
    }

    #[test]
    fn what_was_being_printed_is_unsure_after_a_crash_and_the_rest_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, found) = Spool::open(folder.path()).unwrap();
        assert!(found.jobs.is_empty());
        for number in 1..=3 {
            spool.put(number, &job(&format!("job {number}"))).unwrap();
        }
        spool.advance(1, Stage::Waiting, Stage::Printing).unwrap();
        spool.advance(1, Stage::Printing, Stage::Printed).unwrap();
        spool.advance(2, Stage::Waiting, Stage::Printing).unwrap();
        fs::write(folder.path().join("00000009.tmp"), b"{\"version").unwrap();
        drop(spool);
        for _ in 0..2 {
            let (_spool, found) = Spool::open(folder.path()).unwrap();
            let stages: Vec<Stage> = found.jobs.values().map(|(stage, _)| *stage).collect();
            assert_eq!(stages, [Stage::Printed, Stage::Unsure, Stage::Waiting]);
            assert_eq!(found.jobs[&3].1, job("job 3"));
        }
        assert!(!folder.path().join("00000009.tmp").exists());
    }

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Spool::open(folder.path()).unwrap();
        assert!(matches!(Spool::open(folder.path()), Err(SpoolError::InUse)));
        drop(first);
        assert!(Spool::open(folder.path()).is_ok());
    }

    #[test]
    fn noise_and_newer_versions_are_set_aside_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("00000001.waiting"), [0, 1, 2]).unwrap();
        let newer =
            r#"{"version":2,"job":{"key":"k","title":"t","original":true,"paper":{"note":[]}}}"#;
        fs::write(folder.path().join("00000002.waiting"), newer).unwrap();
        let (_spool, found) = Spool::open(folder.path()).unwrap();
        assert_eq!((found.jobs.len(), found.unreadable.len()), (0, 2));
        assert!(folder.path().join("00000002.unreadable").exists());
    }

    #[test]
    fn of_printed_papers_the_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(folder.path()).unwrap();
        let count = u64::try_from(PRINTED_KEPT_MAX).unwrap() + 3;
        for number in 1..=count {
            let written = Written { version: VERSION, job: job("x") };
            fs::write(spool.path(number, Stage::Printed), serde_json::to_vec(&written).unwrap())
                .unwrap();
        }
        drop(spool);
        let (_spool, found) = Spool::open(folder.path()).unwrap();
        assert_eq!(found.jobs.len(), PRINTED_KEPT_MAX);
        assert_eq!(found.jobs.first_key_value().map(|(&number, _)| number), Some(4));
    }
}
