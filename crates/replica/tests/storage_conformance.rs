//! The simulated disk and the real one keep the same promises.

use replica::conformance::{self, Bench};
use replica::journal;
use replica::memory::{Crash, Keep, MemoryStorage};

struct MemoryBench {
    crash: Crash,
}

fn options(segment_bytes: u64) -> journal::Options {
    journal::Options::new(segment_bytes, segment_bytes / 4)
}

impl Bench for MemoryBench {
    type Disk = MemoryStorage;

    fn empty(&mut self, segment_bytes: u64) -> Result<MemoryStorage, String> {
        MemoryStorage::new(options(segment_bytes)).map_err(|error| error.to_string())
    }

    fn restart(&mut self, mut disk: MemoryStorage) -> Result<MemoryStorage, String> {
        disk.crash(self.crash).map_err(|error| error.to_string())?;
        Ok(disk)
    }
}

#[test]
fn the_simulated_disk_conforms_whatever_a_crash_leaves() {
    let keeps = [
        Keep::Nothing,
        Keep::Everything,
        Keep::Bytes(100),
        Keep::Bytes(700),
        Keep::Sectors(0x5555_5555_5555_5555),
        Keep::Sectors(0xAAAA_AAAA_AAAA_AAAA),
        Keep::Sectors(0xDEAD_BEEF_1234_5678),
    ];
    for files in keeps {
        for map_batches in [0, 1, usize::MAX] {
            let mut bench = MemoryBench { crash: Crash { files, map_batches } };
            conformance::run_all(&mut bench).unwrap_or_else(|broken| panic!("{files:?}: {broken}"));
        }
    }
}

#[cfg(feature = "store")]
mod real {
    use replica::conformance::{self, Bench};
    use replica::store::{FileStorage, Options};
    use tempfile::TempDir;

    struct FileBench {
        folder: TempDir,
        options: Options,
    }

    fn open(bench: &FileBench) -> Result<FileStorage, String> {
        FileStorage::open(bench.folder.path(), bench.options).map_err(|error| error.to_string())
    }

    impl Bench for FileBench {
        type Disk = FileStorage;

        fn empty(&mut self, segment_bytes: u64) -> Result<FileStorage, String> {
            self.folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            self.options.journal = super::options(segment_bytes);
            open(self)
        }

        fn restart(&mut self, disk: FileStorage) -> Result<FileStorage, String> {
            drop(disk);
            open(self)
        }
    }

    #[test]
    fn the_real_disk_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = FileBench { folder, options: Options::default() };
        conformance::run_all(&mut bench).unwrap();
    }
}
