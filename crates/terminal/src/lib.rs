//! The till: what stands behind the command line `tillmesh`.
//!
//! [`run`] parses a command line, does what it says and answers with an exit code. Everything that
//! must not hide in the pure parts is in [`shell`]: the clock, random numbers, the environment.
//! [`till::Till`] is a node of `replica` with the shell around it; the commands and the replay drive
//! it with the same [`replica::core::Command`]s.

pub mod catalogue;
pub mod cli;
mod commands;
pub mod control;
pub mod counter;
pub mod countries;
pub mod csv_file;
pub mod error;
pub mod limits;
pub mod output;
pub mod pairing;
pub mod paper;
pub mod replay;
pub mod shell;
pub mod till;
pub mod window;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use error::TerminalError;
use output::Output;
use shell::SystemClock;

/// Runs one command line: program name first, as the operating system gives it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let clock = SystemClock::start();
    shell::quiet_guarded_panics();
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&typed) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors: clap knows their exit codes and where they go.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let mut output = Output::of(&cli);
    match ask_running(&cli, &typed) {
        Some(Ok(code)) => return ExitCode::from(code),
        Some(Err(error)) => {
            output.error(&TerminalError::Output(error));
            return ExitCode::FAILURE;
        }
        None => {}
    }
    let result = if cli.command.is_none() {
        open_window(&cli)
    } else {
        commands::dispatch(cli, &mut output, clock)
    };
    ExitCode::from(exit_code(&mut output, result))
}

/// Opens the window, until it is closed.
fn open_window(cli: &Cli) -> Result<(), TerminalError> {
    let folder = shell::store_folder(cli.store.clone())?;
    window::open(cli.window.counter_options(folder))
}

/// Has the till that runs in the folder answer, where one does.
fn ask_running(cli: &Cli, typed: &[OsString]) -> Option<std::io::Result<u8>> {
    if matches!(cli.command, None | Some(cli::Command::Run(_))) {
        return None;
    }
    let folder = shell::store_folder(cli.store.clone()).ok()?;
    let words = typed.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    control::ask(&folder, words.collect())
}

/// Says what went wrong, if something did; the code the process ends with.
pub(crate) fn exit_code(output: &mut Output, result: Result<(), TerminalError>) -> u8 {
    match result {
        Ok(()) => 0,
        // Whoever reads has closed the pipe and wants no more.
        Err(TerminalError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            output.error(&error);
            error.exit_code()
        }
    }
}
