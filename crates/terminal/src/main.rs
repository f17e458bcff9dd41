//! `tillmesh`: the till's command line.

use std::process::ExitCode;

/// Documents allocate and free small blocks all day: the system's allocator took a fifth of a
/// till's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    terminal::run(std::env::args_os())
}
