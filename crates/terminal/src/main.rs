//! `tillmesh`: the till's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::run(std::env::args_os())
}
