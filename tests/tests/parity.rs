//! Every disk keeps the same promises under power cuts: the one in memory that simulations run on, the
//! one the crash loop works its images out with, and the real one on a file system whose power is
//! cut.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use replica::conformance::{Bench, run_all};
use replica::journal::Options;
use tests::crash::disk::{Files, TracedDisk};
use tests::crash::machine::{Machine, MapKept};
use tests::crash::script;
use tests::crash::storage::{Map, TillDisk};
use tests::parity::{InMemory, OnFiles, Outlet, play};

/// Documents played.
const DOCUMENTS: usize = 60;

#[test]
fn the_disk_in_memory_loses_nothing_acknowledged_when_the_power_goes() {
    for seed in 1..=5 {
        let days = play(&mut InMemory, &script::documents(DOCUMENTS), seed).unwrap();
        println!("seed {seed}: {days:?}");
        assert!(days.cuts > 5, "{days:?}");
    }
}

#[test]
fn the_real_disk_loses_nothing_acknowledged_when_the_power_goes() {
    let mut outlet = match OnFiles::mount() {
        Ok(outlet) => outlet,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let days = play(&mut outlet, &script::documents(DOCUMENTS), 1).unwrap();
    println!("seed 1: {days:?}");
    assert!(days.cuts > 5 && days.verified > 0, "{days:?}");
}

#[test]
fn a_file_system_whose_power_goes_forgets_what_was_not_flushed_and_nothing_else() {
    let mut outlet = match OnFiles::mount() {
        Ok(outlet) => outlet,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let disk = outlet.open().unwrap();
    let folder = outlet.folder().unwrap();
    let write = |name: &str| std::fs::write(folder.join(name), name).unwrap();
    let flush = |name: &str| std::fs::File::open(folder.join(name)).unwrap().sync_all().unwrap();
    write("kept");
    flush("kept");
    flush(".");
    write("named-only");
    flush(".");
    write("forgotten");
    outlet.arm(&disk, 0);
    write("too-late");
    assert!(outlet.is_out(&disk));
    let disk = outlet.restore(disk, 0).unwrap();
    let folder = outlet.folder().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    assert_eq!(read("kept").as_deref(), Some("kept"));
    assert_eq!(read("named-only").as_deref(), Some(""), "a name without its content");
    assert_eq!((read("forgotten"), read("too-late")), (None, None));
    drop(disk);
}

/// The crash loop's own disk; at each restart another image.
struct Images {
    turn: u64,
    options: Options,
    /// What was safe when it was opened last.
    begun: (Files, Map),
}

impl Images {
    fn open(&mut self, files: Files, map: Map) -> Result<TillDisk<TracedDisk>, String> {
        self.begun = (files.clone(), map.clone());
        let disk = TracedDisk::on(files);
        let trace = disk.trace().clone();
        TillDisk::open(disk, self.options, map, trace).map_err(|error| error.to_string())
    }
}

impl Bench for Images {
    type Disk = TillDisk<TracedDisk>;

    fn empty(&mut self, segment_bytes: u64) -> Result<Self::Disk, String> {
        self.options = Options::new(segment_bytes, segment_bytes / 4);
        self.open(Files::default(), Map::new())
    }

    fn restart(&mut self, disk: Self::Disk) -> Result<Self::Disk, String> {
        self.turn += 1;
        let (files, map) = std::mem::take(&mut self.begun);
        let mut machine = Machine::on(files, map);
        for event in &disk.trace().take() {
            machine.apply(event);
        }
        let kept = [MapKept::Oldest, MapKept::Half, MapKept::All];
        let kept = kept[usize::try_from(self.turn % 3).unwrap()];
        self.open(machine.image(self.turn * 7), machine.map(kept))
    }
}

#[test]
fn the_disk_of_the_crash_loop_conforms_whatever_a_crash_leaves() {
    for turn in 0..40 {
        let (options, begun) = (Options::default(), <(Files, Map)>::default());
        let mut bench = Images { turn, options, begun };
        run_all(&mut bench).unwrap_or_else(|broken| panic!("turn {turn}: {broken}"));
    }
}
