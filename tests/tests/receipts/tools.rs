//! Programs of others: zbar reads codes off pictures, python-escpos and receiptline print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use devices::printer::{Fonts, Profile};
use devices::virtual_printer::{Effect, Interpreter, Lexer, Printout, png};

/// A folder that is kept between runs, so that tools are fetched once.
fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or_default();
        let program = command.get_program().to_string_lossy().into_owned();
        Err(format!("{program} failed: {last}"))
    }
}

/// What zbar reads in a picture: lines like `QR-Code:TM1:…`, sorted; the error says why it cannot be
/// asked.
pub(crate) fn zbar(paper: &Printout) -> Result<Vec<String>, String> {
    if run(Command::new("zbarimg").arg("--version")).is_err() {
        let install = ["install", "-y", "--no-install-recommends", "zbar-tools"];
        run(Command::new("apt-get").args(["update", "-qq"]))?;
        run(Command::new("apt-get").args(install))?;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.png");
    fs::write(&path, png(&paper.picture).unwrap()).unwrap();
    let output = run(Command::new("zbarimg").arg("-q").arg(&path))?;
    let mut codes: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    codes.sort();
    Ok(codes)
}

/// What a printer makes of a stream of bytes.
pub(crate) fn printed(bytes: &[u8], profile: Profile) -> Printout {
    let mut printer = Interpreter::new(profile, Fonts::new().unwrap());
    for command in Lexer::default().read(bytes) {
        if let Some(Effect::Printed(paper)) = printer.run(command) {
            return *paper;
        }
    }
    printer.tear_off()
}

/// What a script of python-escpos prints on `d`.
pub(crate) fn python_escpos(script: &str) -> Result<Vec<u8>, String> {
    let folder = kept("python-escpos");
    let python = folder.join("bin/python");
    if run(Command::new(&python).args(["-c", "import escpos.printer"])).is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "-q", "python-escpos==3.1"]))?;
    }
    let script = format!(
        "from escpos.printer import Dummy\nd = Dummy(profile='TM-T88V')\n{script}\n\
         import sys\nsys.stdout.flush()\nsys.stdout.buffer.write(b'BYTES' + d.output)"
    );
    let output = run(Command::new(&python).args(["-c", &script]))?.stdout;
    let begin = output.windows(5).position(|window| window == b"BYTES");
    let begin = begin.ok_or("python-escpos printed nothing")? + 5;
    Ok(output[begin..].to_vec())
}

/// What receiptline makes of its markdown.
pub(crate) fn receiptline(markdown: &str, columns: usize) -> Result<Vec<u8>, String> {
    let folder = kept("receiptline");
    if !folder.join("node_modules/receiptline").exists() {
        fs::write(folder.join("package.json"), "{\"private\":true}").unwrap();
        let install = ["install", "--no-audit", "--no-fund", "receiptline@4.0.4"];
        run(Command::new("npm").args(install).current_dir(&folder))?;
    }
    let script = "const { transform } = require('receiptline');\
        const [text, cpl] = process.argv.slice(1);\
        const options = { cpl: Number(cpl), encoding: 'cp437', command: 'escpos' };\
        process.stdout.write(Buffer.from(transform(text, options), 'latin1'));";
    let mut node = Command::new("node");
    node.args(["-e", script, markdown, &columns.to_string()]).current_dir(&folder);
    Ok(run(&mut node)?.stdout)
}
