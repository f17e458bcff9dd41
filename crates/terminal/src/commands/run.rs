//! `tillmesh run`: a till that stays on, shares with the others and answers commands typed elsewhere.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use replica::net::mesh::News;
use replica::store::FileStorage;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Context, work};
use crate::cli::{Cli, Command, Run};
use crate::control::{Control, Request};
use crate::error::TerminalError;
use crate::output::Output;
use crate::shell::SystemClock;
use crate::till::{MeshSetup, Till};

/// Longest wait before the loop looks whether it is to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

pub(super) fn run(context: &mut Context<'_>, typed: &Run) -> Result<(), TerminalError> {
    context.must_not_run("it runs already")?;
    let setup = setup(typed)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut till = Till::open(&context.folder, context.clock)?;
    if let [from, seconds] = typed.cut_off.as_slice() {
        let now = till.micros() / 1000;
        let from = now.saturating_add(from.saturating_mul(1000));
        till.cut_off_between(from, from.saturating_add(seconds.saturating_mul(1000)));
    }
    let result = serve(context, &mut till, setup, &stop);
    context.warn(&mut till);
    till.close();
    result
}

/// An address as it is typed.
pub(crate) fn address(text: &str) -> Result<SocketAddr, TerminalError> {
    text.parse().map_err(|_not_an_address| {
        TerminalError::Usage(format!("{text:?} is not an address: write it like 192.168.1.20:7878"))
    })
}

fn setup(typed: &Run) -> Result<MeshSetup, TerminalError> {
    Ok(MeshSetup {
        bind: address(&typed.listen)?,
        configured: typed.peer.iter().map(|text| address(text)).collect::<Result<_, _>>()?,
        discover: !typed.no_discovery,
        loopback: typed.loopback,
        learn: !typed.only_peers,
        trusted: BTreeSet::new(),
    })
}

fn serve(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    setup: MeshSetup,
    stop: &AtomicBool,
) -> Result<(), TerminalError> {
    till.share(setup)?;
    let Some((address, nudger)) = till.mesh().map(|mesh| (mesh.address(), mesh.nudger())) else {
        return Ok(());
    };
    let control = Control::listen(&context.folder, move || nudger.nudge())?;
    let device = till.replica().device();
    let ready = till.ready_micros() / 1000;
    let said = json!({"running": {
        "device": device.to_string(), "address": address.to_string(), "ready_ms": ready,
    }});
    let name = till.settings().map_or_else(|_| "a store".to_owned(), |store| store.name.clone());
    context.output.answer(&said, || {
        format!("A till of {name} is running on {address}. Type commands in another window; Ctrl-C stops it.")
    })?;
    while !stop.load(Ordering::SeqCst) {
        while let Some(request) = control.next() {
            carry_out(context, till, request, false);
        }
        till.wait(LONGEST_WAIT);
        tell_news(context, till)?;
        context.warn(till);
    }
    Ok(())
}

/// Carries out a command that was typed elsewhere, for a till that a person works at.
pub(crate) fn answer_request(
    folder: &Path,
    clock: SystemClock,
    till: &mut Till<FileStorage>,
    request: Request,
) {
    let mut silent = Output::silent();
    let context = Context {
        folder: folder.to_owned(),
        clock,
        output: &mut silent,
        till: None,
        here: PathBuf::new(),
        answers: None,
    };
    carry_out(&context, till, request, true);
}

/// Carries out a command that was typed elsewhere. Where a person works at the till, `at_window`,
/// nothing is done that would make it wait for somebody.
fn carry_out(
    context: &Context<'_>,
    till: &mut Till<FileStorage>,
    request: Request,
    at_window: bool,
) {
    let typed = std::iter::once("tillmesh".to_owned()).chain(request.arguments.iter().cloned());
    let code = match Cli::try_parse_from(typed) {
        Err(error) => {
            if let Ok(mut listener) = request.listener() {
                // Whoever asked may have gone.
                drop(listener.said(error.to_string().trim_end(), error.use_stderr()));
            }
            u8::try_from(error.exit_code()).unwrap_or(2)
        }
        Ok(cli) => match request.listener() {
            Ok(listener) => {
                let mut output = Output::heard_by(&cli, listener);
                let result = match cli.command {
                    Some(Command::Pair(_)) if at_window => Err(TerminalError::Usage(
                        "this till's window is open: let the new device in there".to_owned(),
                    )),
                    Some(command) => answer(context, till, &request, command, &mut output),
                    None => Err(TerminalError::Usage("this till runs already".to_owned())),
                };
                crate::exit_code(&mut output, result)
            }
            Err(_gone) => 1,
        },
    };
    request.exit(code);
}

fn answer(
    context: &Context<'_>,
    till: &mut Till<FileStorage>,
    request: &Request,
    command: Command,
    output: &mut Output,
) -> Result<(), TerminalError> {
    let (folder, here) = (context.folder.clone(), request.folder.clone());
    let answers = match &command {
        Command::Pair(_) => Some(request.answers()?),
        _ => None,
    };
    let clock = context.clock;
    let mut context = Context { folder, clock, output, till: Some(till), here, answers };
    work(&mut context, command)
}

fn tell_news(context: &mut Context<'_>, till: &mut Till<FileStorage>) -> io::Result<()> {
    let Some(mesh) = till.mesh() else { return Ok(()) };
    for news in mesh.take_news().collect::<Vec<_>>() {
        let (value, text) = match news {
            News::Up { device, address } => (
                json!({"up": {"device": device.to_string(), "address": address.to_string()}}),
                format!("till {} at {address} is connected", short(&device.to_string())),
            ),
            News::Down { device, reason } => (
                json!({"down": {"device": device.to_string(), "reason": reason}}),
                format!("till {} is gone: {reason}", short(&device.to_string())),
            ),
            News::Refused { who, reason } => (
                json!({"refused": {"who": who, "reason": reason}}),
                format!("{who} was turned away: {reason}"),
            ),
            News::Discovery(Ok(())) => {
                (json!({"discovery": "works"}), "other tills are looked for".to_owned())
            }
            News::Discovery(Err(reason)) => (
                json!({"discovery": reason}),
                format!("other tills cannot be looked for here: {reason}"),
            ),
        };
        if context.output.is_json() {
            context.output.json_line(&value).map_err(io::Error::other)?;
        } else {
            context.output.note(&text);
        }
    }
    Ok(())
}

/// Enough of a device's id to tell it from the others of a store.
fn short(device: &str) -> String {
    device.chars().take(8).collect()
}
