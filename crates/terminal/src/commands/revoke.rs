//! `tillmesh revoke` and `tillmesh appoint`: what managers decide about devices.

use replica::core::{Command, DeviceInfo, Lane, Pending, Role, RosterRecord};
use replica::storage::Storage;
use replica::store::FileStorage;
use serde_json::json;

use super::{Context, devices};
use crate::cli::{Appoint, Revoke};
use crate::error::TerminalError;
use crate::shell;
use crate::till::Till;

/// Longest answer to a question.
const ANSWER_BYTES_MAX: u64 = 64;

pub(super) fn run(context: &mut Context<'_>, typed: &Revoke) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let info = devices::find(till.replica(), &typed.device)?;
        if typed.accept {
            accept(context, till, &info)
        } else {
            revoke(context, till, &info, typed)
        }
    })
}

fn revoke(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    info: &DeviceInfo,
    typed: &Revoke,
) -> Result<(), TerminalError> {
    let records =
        till.replica().revocation(info.device).map_err(replica::core::CommandError::from)?;
    let told = cuts_text(till, info, &records);
    if !typed.yes {
        context.output.note(&told);
        if !agreed(context, "Shut it out? Type yes: ")? {
            return Err(TerminalError::Nothing("nothing was done".to_owned()));
        }
    }
    write(context, till, records)?;
    let replica = till.replica();
    let revoked = replica.roster().is_revoked(info.device);
    let waits = pending_of(till, info);
    let answer = json!({
        "device": info.device.to_string(),
        "name": info.name.as_str(),
        "revoked": revoked,
        "pending": waits.is_some(),
    });
    let line = match waits {
        Some(pending) => devices::waits(replica, &pending),
        None => format!(
            "{} is shut out. Every device that hears of it refuses what it writes from now on.",
            devices::called(replica, info.device)
        ),
    };
    context.output.answer(&answer, || line)
}

fn accept(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    info: &DeviceInfo,
) -> Result<(), TerminalError> {
    let records =
        till.replica().extension(info.device, None).map_err(replica::core::CommandError::from)?;
    let of_device = |till: &mut Till<FileStorage>| -> Result<u64, TerminalError> {
        let kept = devices::kept_aside(till)?;
        let of_device = kept.iter().filter(|kept| kept.feed.device == info.device);
        Ok(of_device.map(|kept| kept.entries).sum())
    };
    let before = of_device(till)?;
    write(context, till, records)?;
    let left = of_device(till)?;
    let answer = json!({
        "device": info.device.to_string(),
        "name": info.name.as_str(),
        "accepted_entries": before.saturating_sub(left),
        "kept_aside": left,
    });
    context.output.answer(&answer, || {
        let accepted = before.saturating_sub(left);
        let mut line = format!("{accepted} entries of {} count now; it stays shut out.", info.name);
        if left > 0 {
            line.push_str(
                " The rest waits for a second manager to say the same: what a manager wrote takes two.",
            );
        }
        line
    })
}

pub(super) fn appoint(context: &mut Context<'_>, typed: &Appoint) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let info = devices::find(till.replica(), &typed.device)?;
        if info.role == Role::Manager && !info.revoked {
            return Err(TerminalError::Nothing(format!("{} is a manager already", info.name)));
        }
        write(context, till, vec![appointment(&info)])?;
        let replica = till.replica();
        let waits = pending_of(till, &info);
        let answer = json!({
            "device": info.device.to_string(),
            "name": info.name.as_str(),
            "manager": waits.is_none(),
            "pending": waits.is_some(),
        });
        let line = match waits {
            Some(pending) => devices::waits(replica, &pending),
            None => format!("{} is a manager now", devices::called(replica, info.device)),
        };
        context.output.answer(&answer, || line)
    })
}

/// The record that speaks for a device as a manager.
pub(super) fn appointment(info: &DeviceInfo) -> RosterRecord {
    RosterRecord::DeviceAdded { device: info.device, role: Role::Manager, name: info.name.clone() }
}

fn write(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    records: Vec<RosterRecord>,
) -> Result<(), TerminalError> {
    for record in records {
        till.execute(Command::ChangeRoster(record))?;
    }
    // What counted may count no more: the figures are made again.
    context.finish_rebuild(till);
    Ok(())
}

fn pending_of<S: Storage>(till: &Till<S>, info: &DeviceInfo) -> Option<Pending> {
    till.replica().roster().pending().into_iter().find(|one| one.device == info.device)
}

/// What a revocation cuts, in words, before it is written.
fn cuts_text<S: Storage>(till: &Till<S>, info: &DeviceInfo, records: &[RosterRecord]) -> String {
    let replica = till.replica();
    let (mut lives, mut last) = (0_usize, 0);
    for record in records {
        let RosterRecord::DeviceRevoked { cuts, .. } = record else { continue };
        for cut in cuts.iter().filter(|cut| !cut.floor) {
            lives += 1;
            last = last.max(cut.incarnation.counter);
        }
    }
    let live = replica.feeds().iter().filter(|(feed, _)| {
        feed.device == info.device && feed.lane == Lane::Ledger && feed.incarnation.counter == last
    });
    let reached = live.map(|(_, state)| state.reached()).max().unwrap_or(0);
    let own = if info.device == replica.device() { " THIS IS THE DEVICE YOU ARE AT." } else { "" };
    let two = if info.role == Role::Manager {
        " It is a manager: your word waits for a second manager's, or for the recovery phrase."
    } else {
        ""
    };
    format!(
        "{} will be shut out.{own}{two}\nWhat it wrote up to its last entry held here goes on \
         counting ({lives} starts of its program, the last up to entry {reached} of its ledger). \
         What turns up later is kept aside, in no total, until a manager accepts it. Sales it has \
         made and not passed on yet are among that: fetch them first if the device is in your hands.",
        devices::called(replica, info.device)
    )
}

fn agreed(context: &Context<'_>, question: &str) -> Result<bool, TerminalError> {
    if context.output.is_json() || !shell::is_interactive() {
        return Err(TerminalError::Usage("nobody is here to ask: say --yes".to_owned()));
    }
    context.output.ask(question)?;
    Ok(shell::read_line(ANSWER_BYTES_MAX)?.trim().eq_ignore_ascii_case("yes"))
}
