//! What each command runs, step by step.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

use crate::steps::Report;
use crate::tidy;
use crate::tree::Tree;

/// Everything that must hold before a change lands.
pub(crate) fn test(tree: &Tree) -> ExitCode {
    let mut report = Report::new();
    quick(tree, &mut report);
    let binary = ["build", "--package", "terminal", "--bin", "tillmesh"];
    report.command("build tillmesh", &mut cargo(tree, &binary));
    let core = tidy::core_build::BUILD;
    report.command("compile the core alone", &mut cargo(tree, core));
    // `--no-fail-fast`: one failing suite must not hide the next.
    report.suite("tests", &mut cargo(tree, &["test", "--workspace", "--no-fail-fast"]));
    report.finish()
}

/// What is quick enough to run after every change.
pub(crate) fn lint(tree: &Tree) -> ExitCode {
    let mut report = Report::new();
    quick(tree, &mut report);
    report.finish()
}

fn quick(tree: &Tree, report: &mut Report) {
    report.command("format", &mut cargo(tree, &["fmt", "--all", "--check"]));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    report.command("clippy", &mut cargo(tree, &clippy));
    report.step("tidy", || tidy::run(tree));
}

/// Builds the till as a shop would run it and says where it is.
pub(crate) fn build_release(tree: &Tree) -> Result<PathBuf, String> {
    build_release_of(tree, "tillmesh", &["--package", "terminal", "--bin", "tillmesh"])
}

/// Builds a program for speed and says where it is; `what` selects it for cargo.
pub(crate) fn build_release_of(tree: &Tree, name: &str, what: &[&str]) -> Result<PathBuf, String> {
    build_of(tree, name, "release", what)
}

/// Builds a program by a profile of the workspace.
pub(crate) fn build_of(
    tree: &Tree,
    name: &str,
    profile: &str,
    what: &[&str],
) -> Result<PathBuf, String> {
    eprintln!("Building {name} (the first time takes a few minutes) …");
    let mut build = cargo(tree, &["build", "--profile", profile]);
    let status = build.args(what).status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{name} could not be built"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| tree.root().join("target"), |folder| tree.root().join(folder));
    Ok(target.join(profile).join(name))
}

/// Runs the till of a folder with `--json` and takes the last line of what it prints.
pub(crate) fn ask(tillmesh: &Path, folder: &Path, what: &[&str]) -> Result<Value, String> {
    let output = Command::new(tillmesh)
        .arg("--store")
        .arg(folder)
        .arg("--json")
        .args(what)
        .output()
        .map_err(|error| format!("{} did not start: {error}", tillmesh.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_default()).map_err(|error| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("tillmesh {} answered no JSON ({error}): {complaint}", what.join(" "))
    })
}

/// Says why a command failed.
pub(crate) fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

/// The cargo that runs us, in the root of the repository.
pub(crate) fn cargo(tree: &Tree, args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(tree.root());
    command
}
