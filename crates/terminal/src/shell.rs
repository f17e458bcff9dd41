//! The world outside: clocks, random numbers, the environment, what the system says of a process.
//! Nothing else in this crate reads them.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use pos_core::business_date::{BusinessDate, DateError, WallTime};
use replica::core::{Identity, Moment};
use replica::device_key::{self, KeyError};
use replica::storage::Storage;

use crate::error::TerminalError;

/// Where time comes from.
pub trait Clock {
    /// Microseconds since the clock was started; never goes back.
    fn micros(&self) -> u64;
    /// What the wall clock shows.
    fn wall(&self) -> WallTime;

    /// Both, as the core wants them.
    fn moment(&self) -> Moment {
        Moment { monotonic_ms: self.micros() / 1000, wall: self.wall() }
    }
}

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts counting now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn wall(&self) -> WallTime {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        WallTime::from_millis(millis)
    }
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], TerminalError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| TerminalError::Random(error.to_string()))?;
    Ok(bytes)
}

/// The folder of the store: as given, or `TILLMESH_STORE`, or `tillmesh` in the platform's folder
/// for data.
pub fn store_folder(given: Option<PathBuf>) -> Result<PathBuf, TerminalError> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given
        .or_else(|| variable("TILLMESH_STORE"))
        .or_else(|| variable("XDG_DATA_HOME").map(|data| data.join("tillmesh")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share/tillmesh")))
        .ok_or(TerminalError::NoFolder)
}

/// Makes the device's key and keeps it; readable by its owner alone.
pub fn make_identity(storage: &mut impl Storage) -> Result<Identity, TerminalError> {
    let secret: [u8; 32] = random()?;
    device_key::keep(storage, &secret)?;
    Ok(Identity::new(secret, random()?))
}

/// The device's key with a nonce for this start of the process; `None` before one was made.
pub fn load_identity(
    folder: &Path,
    storage: &impl Storage,
) -> Result<Option<Identity>, TerminalError> {
    let secret = device_key::load(storage).map_err(|error| match error {
        KeyError::Damaged => TerminalError::Key { folder: folder.to_owned(), reason: "damaged" },
        KeyError::Disk(error) => error.into(),
    })?;
    secret.map(|secret| Ok(Identity::new(secret, random()?))).transpose()
}

/// The language that the environment asks for, as BCP 47 begins: `de-AT`. Empty where it asks for none.
pub fn environment_language() -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
    let named = named.unwrap_or_default();
    named.split(['.', '@']).next().unwrap_or_default().replace('_', "-")
}

/// Whether a person sits at the keyboard.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// One line of standard input, at most `limit` bytes; empty at its end.
pub fn read_line(limit: u64) -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(limit).read_line(&mut line)?;
    Ok(line)
}

/// The calendar day at a moment in a time zone.
pub fn local_day(at: WallTime, zone: &TimeZone) -> Result<BusinessDate, DateError> {
    let timestamp = jiff::Timestamp::from_millisecond(at.as_millis())
        .map_err(|error| DateError::NotAMoment(error.to_string()))?;
    BusinessDate::from_date(timestamp.to_zoned(zone.clone()).date())
}

/// Memory of this process in use, in KiB, where the system tells.
pub fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes this process has handed to the system in write calls so far, where the system tells. Not
/// what it counts as written to the disk: that counts whole pages for a few bytes.
pub fn written_bytes() -> Option<u64> {
    let io = fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("wchar:"))?.trim().parse().ok()
}

/// Bytes of the files in a folder and below it.
pub fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut sum = 0_u64;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let bytes = if kind.is_dir() {
            folder_bytes(&entry.path())?
        } else if kind.is_file() {
            entry.metadata()?.len()
        } else {
            0
        };
        sum = sum.saturating_add(bytes);
    }
    Ok(sum)
}

/// A panic inside the index's engine is caught and the index rebuilt: what it prints would only
/// frighten. All other panics print as always.
pub fn quiet_guarded_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !replica::store::is_guarding() {
            before(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_given_beats_all_others() {
        let given = store_folder(Some(PathBuf::from("shop"))).unwrap();
        assert_eq!(given, PathBuf::from("shop"));
    }

    #[test]
    fn the_day_is_the_stores_not_the_clocks() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let day = |text: &str| local_day(text.parse().unwrap(), &zone).unwrap().to_string();
        assert_eq!(day("2011-06-30T23:30:00Z"), "2011-07-01");
        assert_eq!(day("2010-12-31T23:30:00Z"), "2010-12-31");
    }

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let clock = SystemClock::start();
        let first = clock.micros();
        assert!(clock.micros() >= first);
        assert!(clock.wall().as_millis() > 1_600_000_000_000);
    }
}
