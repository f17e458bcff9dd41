//! A receipt printer, and a card reader, for those who have none at hand.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use devices::payment::{Behaviour, SimulatedReader};
use devices::printer::{Fonts, Profile};
use devices::virtual_printer::{Printout, Setup, VirtualPrinter, png};

const HELP: &str = "\
Every paper that is cut off becomes two files in DIR: paper-0001.png, as it would look, and
paper-0001.txt, its lines of text and what its codes say.

Point a till at it, or try it by hand:
  printf 'Hello\\n\\035VB\\000' | nc -N 127.0.0.1 9100

While it runs, type:
  paper out | paper low | paper in     the roll
  paper ends 500                       the roll ends after 500 rows of dots (62 mm)
  cover open | cover shut
  pause | resume                       its button
  unplug | plug                        its power
  latency 8000                         prints 8 s after it was sent
  drop 500                             breaks the connection after 500 bytes, once
  mute on|off, garbage on|off          answers nothing, or nonsense
  tear                                 tears off what was not cut
  card decline | card lose | card late | card approve   what the next card does
  quit";

/// A receipt printer made of code: takes ESC/POS on a socket and draws it.
#[derive(Debug, Parser)]
#[command(name = "virtual_printer", after_help = HELP)]
struct Cli {
    /// Where tills find it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    listen: String,
    /// Where the pictures go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which printer it plays: epson-80, epson-42, epson-58, generic-80, generic-58, silent-80
    #[arg(long, value_name = "NAME", default_value = "epson-80")]
    profile: String,
    /// A font for letters DejaVu lacks (TrueType, OpenType)
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
    /// Plays a card reader too, at this address
    #[arg(long, value_name = "ADDRESS")]
    card_reader: Option<String>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "virtual_printer: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> io::Result<()> {
    let profile = Profile::by_name(&cli.profile).ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name).collect();
        io::Error::other(format!("no printer is called {:?}: {}", cli.profile, names.join(", ")))
    })?;
    let mut fonts = Fonts::new().map_err(io::Error::other)?;
    if let Some(path) = &cli.font {
        fonts.add(fs::read(path)?).map_err(io::Error::other)?;
    }
    fs::create_dir_all(&cli.out)?;
    let printer = VirtualPrinter::start(&cli.listen, profile, fonts, Setup::default())?;
    let reader = match &cli.card_reader {
        Some(address) => Some(SimulatedReader::start(address, [])?),
        None => None,
    };
    let mut output = io::stdout();
    writeln!(output, "{} listens on {}", profile.name, printer.address())?;
    if let Some(reader) = &reader {
        writeln!(output, "card reader listens on {}", reader.address())?;
    }
    std::thread::scope(|scope| {
        let saver = scope.spawn(|| save_all(&printer, &cli.out));
        for line in io::stdin().lock().lines() {
            let line = line?;
            let words: Vec<&str> = line.split_whitespace().collect();
            if words == ["quit"] {
                std::process::exit(0);
            }
            if words == ["tear"] {
                save(&cli.out, "torn", &printer.tear_off())?;
            } else if !obey(&words, &printer, reader.as_ref()) && !words.is_empty() {
                writeln!(io::stdout(), "not understood: see --help")?;
            }
        }
        // Started without a keyboard: goes on until it is stopped.
        saver.join().unwrap_or_else(|_panicked| Err(io::Error::other("the saving thread failed")))
    })
}

/// Saves every paper as it comes.
fn save_all(printer: &VirtualPrinter, folder: &Path) -> io::Result<()> {
    const LONG: Duration = Duration::from_hours(1);
    let mut saved = 0;
    loop {
        printer.wait_until(LONG, |papers, _| papers.len() > saved);
        for paper in printer.printed_since(saved) {
            saved += 1;
            save(folder, &format!("paper-{saved:04}"), &paper)?;
        }
    }
}

fn save(folder: &Path, name: &str, paper: &Printout) -> io::Result<()> {
    let picture = png(&paper.picture).map_err(io::Error::other)?;
    let path = folder.join(format!("{name}.png"));
    fs::write(&path, picture)?;
    let mut text = paper.text.join("\n");
    for code in &paper.barcodes {
        text.push_str("\n[bar code] ");
        text.push_str(code);
    }
    for code in &paper.qr_codes {
        text.push_str("\n[QR code] ");
        text.push_str(&String::from_utf8_lossy(code));
    }
    text.push('\n');
    fs::write(folder.join(format!("{name}.txt")), text)?;
    writeln!(io::stdout(), "{}", path.display())
}

/// Carries out what was typed; `false` when it is not understood.
fn obey(words: &[&str], printer: &VirtualPrinter, reader: Option<&SimulatedReader>) -> bool {
    let number = |text: &str| text.parse::<usize>().ok();
    match *words {
        ["paper", "out"] => printer.change(|faults| faults.paper_out = true),
        ["paper", "low"] => printer.change(|faults| faults.paper_low = true),
        ["paper", "in"] => printer.change(|faults| {
            (faults.paper_out, faults.paper_low, faults.paper_ends_after) = (false, false, None);
        }),
        ["paper", "ends", rows] => match number(rows) {
            Some(rows) => printer.change(|faults| faults.paper_ends_after = Some(rows)),
            None => return false,
        },
        ["cover", "open"] => printer.change(|faults| faults.cover_open = true),
        ["cover", "shut"] => printer.change(|faults| faults.cover_open = false),
        ["pause"] => printer.change(|faults| faults.offline = true),
        ["resume"] => printer.change(|faults| faults.offline = false),
        ["unplug"] => printer.change(|faults| faults.unplugged = true),
        ["plug"] => printer.change(|faults| faults.unplugged = false),
        ["latency", ms] => match ms.parse() {
            Ok(ms) => printer.change(|faults| faults.latency = Duration::from_millis(ms)),
            Err(_) => return false,
        },
        ["drop", bytes] => match number(bytes) {
            Some(bytes) => printer.change(|faults| faults.drop_after = Some(bytes)),
            None => return false,
        },
        ["mute", on @ ("on" | "off")] => printer.change(|faults| faults.mute = on == "on"),
        ["garbage", on @ ("on" | "off")] => printer.change(|faults| faults.garbage = on == "on"),
        ["card", what] => return card(what, reader),
        _ => return false,
    }
    true
}

fn card(what: &str, reader: Option<&SimulatedReader>) -> bool {
    let behaviour = match what {
        "approve" => Behaviour::Approve,
        "decline" => Behaviour::Decline("declined by the bank".to_owned()),
        "lose" => Behaviour::LoseTheAnswer,
        "late" => Behaviour::AskLater(2),
        _ => return false,
    };
    reader.map(|reader| reader.then(behaviour)).is_some()
}
