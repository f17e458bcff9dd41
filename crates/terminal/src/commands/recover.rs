//! `tillmesh recover`: the recovery phrase makes this device a manager.

use std::path::Path;

use replica::core::{CommandError, DeviceName, Entry, Role, RosterError, RosterRecord};
use replica::recovery::{PHRASE_WORDS, RecoverError, RecoveryPhrase};
use replica::storage::{FrameKind, Reads, Scanned, Stream};
use replica::store::{FileStorage, Options};
use serde_json::json;

use super::{Context, devices, revoke};
use crate::cli::Recover;
use crate::error::TerminalError;
use crate::output::Unit;
use crate::shell;
use crate::till::Till;

/// Longest line with words of a phrase.
const PHRASE_LINE_BYTES_MAX: u64 = 1024;
/// Bytes of journal read at a time.
const READ_BYTES: usize = 1 << 20;
/// Entries handed over at a time: a window ends on a signature that vouches for all of it.
const WINDOW_ENTRIES: usize = 256;

pub(super) fn run(context: &mut Context<'_>, typed: &Recover) -> Result<(), TerminalError> {
    let name = DeviceName::new(&typed.name)
        .map_err(|error| TerminalError::Usage(format!("--name: {error}")))?;
    let phrase = read_phrase(context)?;
    let (mut till, fetched) = match &typed.from {
        Some(from) => fetch(context, from).map(|(till, fetched)| (till, Some(fetched)))?,
        None => (Till::open(&context.folder, context.clock)?, None),
    };
    context.finish_rebuild(&mut till);
    let result = recover(context, &mut till, typed, &name, &phrase, fetched);
    context.warn(&mut till);
    till.close();
    result
}

fn recover(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    typed: &Recover,
    name: &DeviceName,
    phrase: &RecoveryPhrase,
    fetched: Option<usize>,
) -> Result<(), TerminalError> {
    let records = records(till, typed, name, phrase)?;
    if records.is_empty() && fetched.is_none() {
        return Err(TerminalError::Nothing(
            "this device is a manager already: name others with --manager or --revoke".to_owned(),
        ));
    }
    till.act_for_recovery(phrase, &records)?;
    context.finish_rebuild(till);
    let replica = till.replica();
    let mut changed: Vec<String> =
        fetched.map(|new| format!("{new} entries fetched")).into_iter().collect();
    changed.extend(records.iter().filter_map(|record| said(till, record)));
    let answer = json!({
        "store": replica.store_id().map(|id| id.to_string()),
        "device": replica.device().to_string(),
        "role": replica.own_role(),
        "fetched_entries": fetched,
        "changed": changed,
    });
    context.output.answer(&answer, || changed.join("\n"))
}

/// What the phrase is to write.
fn records(
    till: &Till<FileStorage>,
    typed: &Recover,
    name: &DeviceName,
    phrase: &RecoveryPhrase,
) -> Result<Vec<RosterRecord>, TerminalError> {
    let replica = till.replica();
    // Another store's phrase is said before anything else.
    let store = replica.store_id().ok_or(RecoverError::NoStore)?;
    let recovery = replica.roster().recovery().ok_or(RecoverError::NoStore)?;
    if recovery != phrase.device() {
        return Err(RecoverError::OtherStore(store).into());
    }
    let refused = |error: RosterError| TerminalError::Command(CommandError::Roster(error));
    let own = replica.device();
    let mut records = Vec::new();
    if replica.roster().is_revoked(own) {
        return Err(refused(RosterError::Revoked(own)));
    }
    if replica.own_role() != Some(Role::Manager) {
        let known = replica.roster().device(own).map(|info| info.name);
        let name = known.unwrap_or_else(|| name.clone());
        records.push(RosterRecord::DeviceAdded { device: own, role: Role::Manager, name });
    }
    for device in &typed.manager {
        records.push(revoke::appointment(&devices::find(replica, device)?));
    }
    for device in &typed.revoke {
        let device = devices::find(replica, device)?.device;
        records.extend(replica.revocation(device).map_err(refused)?);
    }
    Ok(records)
}

fn said(till: &Till<FileStorage>, record: &RosterRecord) -> Option<String> {
    let replica = till.replica();
    match record {
        RosterRecord::DeviceAdded { device, .. } => {
            Some(format!("{} is a manager now", devices::called(replica, *device)))
        }
        RosterRecord::DeviceRevoked { device, .. } => {
            Some(format!("{} is shut out", devices::called(replica, *device)))
        }
        RosterRecord::Founded { .. } => None,
    }
}

/// The twelve words, from one line or several.
fn read_phrase(context: &Context<'_>) -> Result<RecoveryPhrase, TerminalError> {
    if shell::is_interactive() {
        context.output.ask("The twelve words of the recovery phrase: ")?;
    }
    let mut text = String::new();
    while text.split_whitespace().count() < PHRASE_WORDS {
        let line = shell::read_line(PHRASE_LINE_BYTES_MAX)?;
        if line.is_empty() {
            break;
        }
        text.push_str(&line);
        text.push(' ');
    }
    Ok(RecoveryPhrase::parse(&text)?)
}

/// A till with a key of its own that holds all that another folder holds, and how many entries were
/// new to it.
fn fetch(context: &Context<'_>, from: &Path) -> Result<(Till<FileStorage>, usize), TerminalError> {
    if !from.join("journal").is_dir() {
        return Err(TerminalError::NoStore(from.to_owned()));
    }
    let source = FileStorage::open(from, Options::default())?;
    let mut till = match Till::open_any(&context.folder, context.clock)? {
        Some(till) => till,
        None => Till::make(&context.folder, context.clock)?,
    };
    till.finish_rebuild(|_, _| {});
    let total = Stream::ALL.iter().map(|stream| source.next_ordinal(*stream)).sum();
    let mut progress = context.output.progress(total, "Fetching", Unit::Things);
    let (mut done, mut new) = (0, 0);
    for stream in Stream::ALL {
        new += copy(&source, stream, &mut till, |read| progress.at(done + read))?;
        done += source.next_ordinal(stream);
    }
    progress.finish();
    Ok((till, new))
}

/// Takes in one stream of another till, window by window. What cannot be read is left out: another
/// till of the store may have it.
fn copy(
    source: &FileStorage,
    stream: Stream,
    till: &mut Till<FileStorage>,
    mut progress: impl FnMut(u64),
) -> Result<usize, TerminalError> {
    let mut window: Vec<(Entry, Vec<u8>)> = Vec::new();
    let (mut next, mut new) = (0, 0);
    while next < source.next_ordinal(stream) {
        let scanned = source.scan(stream, next, READ_BYTES)?;
        let before = next;
        for item in scanned {
            let frame = match item {
                Scanned::Damaged(damage) => {
                    next = damage.last.saturating_add(1);
                    continue;
                }
                Scanned::Frame(frame) => frame,
            };
            next = frame.ordinal.saturating_add(1);
            if frame.kind != FrameKind::Entry {
                continue;
            }
            let Ok(entry) = Entry::decode(&frame.payload) else { continue };
            let follows = window.last().is_some_and(|(last, _)| {
                last.header().feed == entry.header().feed && last.id() == entry.header().previous
            });
            if !follows || window.len() >= WINDOW_ENTRIES {
                new += hand_over(till, &mut window)?;
            }
            window.push((entry, frame.payload));
        }
        progress(next);
        if next == before {
            break;
        }
    }
    Ok(new + hand_over(till, &mut window)?)
}

fn hand_over(
    till: &mut Till<FileStorage>,
    window: &mut Vec<(Entry, Vec<u8>)>,
) -> Result<usize, TerminalError> {
    let window = core::mem::take(window);
    let Some((first, _)) = window.first() else { return Ok(0) };
    if till.replica().store_id().is_none() {
        till.node().join(first.header().group)?;
    }
    let bytes: Vec<&[u8]> = window.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let at = till.moment();
    let ingested = till.node().ingest(at, &bytes).map_err(RecoverError::from)?;
    till.finish_rebuild(|_, _| {});
    Ok(ingested.new)
}
