//! The relay of [`tests::relay`] as a program, so that it can be started in a network namespace. Each
//! line of its standard input is the weather from then on, or `rebind`; it ends with its input.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

use std::io::BufRead;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use tests::relay::{Control, Relay, Weather};

/// Passes datagrams on, in any weather.
#[derive(Debug, Parser)]
#[command(name = "relay")]
struct Asked {
    /// Where it is dialled.
    #[arg(long)]
    listen: SocketAddr,
    /// Whom it dials.
    #[arg(long)]
    to: SocketAddr,
    /// Where every choice comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let relay = match Relay::new(asked.listen, asked.to, asked.seed) {
        Ok(relay) => relay,
        Err(error) => {
            eprintln!("{}: {error}", asked.listen);
            return ExitCode::FAILURE;
        }
    };
    println!("ready");
    let control = relay.control();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        listen(&control);
        stopped.store(true, Ordering::Relaxed);
    });
    match relay.run(&|| stop.load(Ordering::Relaxed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(control: &Control) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if line.trim() == "rebind" {
            control.rebind();
        } else {
            match Weather::parse(&line) {
                Ok(weather) => control.set(weather),
                Err(why) => eprintln!("{why}"),
            }
        }
        println!("{:?}", control.counts());
    }
}
