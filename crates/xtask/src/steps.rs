//! Runs steps one after the other, shows each with its duration, and sums up.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use comfy_table::{Table, presets};

/// The steps run so far.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    tests: Tests,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    failure: Option<String>,
    millis: u128,
}

impl Report {
    pub(crate) const fn new() -> Self {
        Self { rows: Vec::new(), tests: Tests::new() }
    }

    /// Runs one step. Its error says what to mend.
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let started = Instant::now();
        let failure = run().err();
        let millis = started.elapsed().as_millis();
        match &failure {
            None => println!("== {name}: ok, {}", seconds(millis)),
            Some(why) => println!("{why}\n== {name}: FAILED, {}", seconds(millis)),
        }
        self.rows.push(Row { name, failure, millis });
    }

    /// Runs a command as a step; it fails where the command does.
    pub(crate) fn command(&mut self, name: &'static str, command: &mut Command) {
        self.step(name, || ended_well(command.status(), command));
    }

    /// Runs `cargo test` as a step, its output passed on as it comes and its tests counted.
    pub(crate) fn suite(&mut self, name: &'static str, command: &mut Command) {
        let mut tests = Tests::new();
        self.step(name, || {
            let mut child = command
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| format!("{} did not start: {error}", line_of(command)))?;
            if let Some(stdout) = child.stdout.take() {
                pass_on(BufReader::new(stdout), &mut tests)
                    .map_err(|error| format!("the tests' output broke off: {error}"))?;
            }
            ended_well(child.wait(), command)?;
            if tests.passed == 0 {
                return Err("no test ran".to_owned());
            }
            Ok(())
        });
        self.tests.add(tests);
    }

    /// Prints the table of steps and, last, `N passed, N failed`.
    pub(crate) fn finish(self) -> ExitCode {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for row in &self.rows {
            let outcome = if row.failure.is_none() { "ok" } else { "FAILED" };
            table.add_row([row.name.to_owned(), outcome.to_owned(), seconds(row.millis)]);
        }
        println!("\n{table}");
        for name in &self.tests.failures {
            println!("failed: {name}");
        }
        let (passed, failed) = self.sum();
        println!("{passed} passed, {failed} failed");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Tests and steps together. A step of tests that failed is not counted beside its failed
    /// tests, but a step that failed without one (it did not compile, say) is.
    fn sum(&self) -> (u64, u64) {
        let mut passed = self.tests.passed;
        let mut failed_steps = 0;
        for row in &self.rows {
            match &row.failure {
                None => passed += 1,
                Some(_) => failed_steps += 1,
            }
        }
        let explained = u64::from(self.tests.failed > 0).min(failed_steps);
        (passed, self.tests.failed + failed_steps - explained)
    }
}

fn seconds(millis: u128) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn ended_well(
    status: std::io::Result<std::process::ExitStatus>,
    command: &Command,
) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", line_of(command))),
        Err(error) => Err(format!("{} did not run: {error}", line_of(command))),
    }
}

fn pass_on(mut from: impl BufRead, tests: &mut Tests) -> std::io::Result<()> {
    let mut line = Vec::new();
    let mut out = std::io::stdout();
    // Bytes, not text: a test may print anything.
    while from.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        out.flush()?;
        tests.read_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// What the test runner reported, over all of its binaries.
#[derive(Debug, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tests {
    const fn new() -> Self {
        Self { passed: 0, failed: 0, failures: Vec::new() }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }

    fn read_line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            for part in result.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(what), None) = (words.next(), words.next(), words.next())
                else {
                    continue;
                };
                let number = number.parse::<u64>().unwrap_or(0);
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    _ => {}
                }
            }
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| {
            let (name, outcome) = rest.rsplit_once(" ... ")?;
            outcome.starts_with("FAILED").then_some(name)
        }) {
            self.failures.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Tests {
        let mut tests = Tests::new();
        for line in lines {
            tests.read_line(line);
        }
        tests
    }

    fn row(failure: Option<&str>) -> Row {
        Row { name: "x", failure: failure.map(str::to_owned), millis: 0 }
    }

    #[test]
    fn results_of_all_binaries_are_added_and_failures_named() {
        let tests = read(&[
            "running 3 tests",
            "test money::tests::a ... ok",
            "test money::tests::b ... FAILED",
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; \
             finished in 4.30s",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished \
             in 0.00s",
        ]);
        let failures = vec!["money::tests::b".to_owned()];
        assert_eq!(tests, Tests { passed: 15, failed: 1, failures });
    }

    #[test]
    fn a_failed_test_and_its_step_count_once() {
        let tests = read(&["test result: FAILED. 5 passed; 2 failed; 0 ignored"]);
        let report = Report { rows: vec![row(None), row(Some("exit 101"))], tests };
        assert_eq!(report.sum(), (6, 2));
    }

    #[test]
    fn a_step_that_fails_without_a_test_counts_as_one_failure() {
        let report = Report { rows: vec![row(None), row(Some("exit 1"))], tests: Tests::new() };
        assert_eq!(report.sum(), (1, 1));
        let tests = read(&["test result: FAILED. 5 passed; 2 failed; 0 ignored"]);
        let report = Report { rows: vec![row(Some("format")), row(Some("tests"))], tests };
        assert_eq!(report.sum(), (5, 3));
    }

    #[test]
    fn a_suite_in_which_no_test_ran_has_failed() {
        let mut report = Report::new();
        report.suite("empty", Command::new("cargo").arg("--version"));
        assert_eq!(report.sum(), (0, 1));
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let mut report = Report::new();
        let mut command = Command::new("cargo");
        report.command("nonsense", command.arg("--no-such-flag").stderr(Stdio::null()));
        let failure = report.rows[0].failure.clone().unwrap();
        assert!(failure.starts_with("cargo --no-such-flag ended with"), "{failure}");
    }
}
