#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
//! The program itself, its window on a virtual display, sells by mouse and keyboard. Needs `Xvfb` and
//! `xdotool`; says `skipped` where they are missing. What was sold is read back by the command line
//! afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often something is looked for before the test gives up: two minutes.
const LOOKS: u32 = 600;
const LOOK: Duration = Duration::from_millis(200);

/// Ends a process that the test has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn has(program: &str) -> bool {
    let asked = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// A display of its own; its number is chosen by the server.
fn display() -> (Running, String) {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
    (Running(server), format!(":{}", number.trim()))
}

struct Screen {
    display: String,
    window: String,
}

impl Screen {
    fn xdotool(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits for the window and gives it the keyboard: no window manager does.
    fn find(display: &str) -> Self {
        let mut screen = Self { display: display.to_owned(), window: String::new() };
        for _ in 0..LOOKS {
            let found = screen.xdotool(&["search", "--onlyvisible", "--name", "Tillmesh"]);
            if let Some(window) = found.lines().next() {
                window.clone_into(&mut screen.window);
                screen.xdotool(&["windowmove", window, "0", "0"]);
                screen.xdotool(&["windowsize", window, "1280", "800"]);
                screen.xdotool(&["windowfocus", "--sync", window]);
                return screen;
            }
            std::thread::sleep(LOOK);
        }
        panic!("the window did not come");
    }

    fn click(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
        std::thread::sleep(LOOK * 5);
        self.xdotool(&["click", "1"]);
        std::thread::sleep(LOOK);
    }

    /// As a scanner does: a key every few milliseconds, then Enter.
    fn scan(&self, code: &str) {
        self.xdotool(&["type", "--delay", "2", code]);
        self.xdotool(&["key", "Return"]);
        std::thread::sleep(LOOK);
    }

    fn key(&self, key: &str) {
        self.xdotool(&["key", key]);
        std::thread::sleep(LOOK);
    }
}

fn tillmesh(store: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tillmesh"))
        .arg("--store")
        .arg(store)
        .args(arguments)
        .output()
        .unwrap()
}

/// Receipts of the open shift and what they came to, as the command line says.
fn sold(store: &Path) -> Option<(u64, String)> {
    let output = tillmesh(store, &["--json", "report", "x"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let sales = find(&report, "sales")?;
    Some((sales["count"].as_u64()?, sales["value"].to_string()))
}

/// The first object of this name, wherever it is.
fn find<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a serde_json::Value> {
    match value {
        serde_json::Value::Object(fields) => {
            let held = fields.get(name).filter(|held| held.get("count").is_some());
            held.or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        serde_json::Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

#[test]
fn a_real_window_sells_by_mouse_and_keyboard() {
    for program in ["Xvfb", "xdotool"] {
        if !has(program) {
            println!("skipped: {program} is not installed");
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let founded = ["init", "--name", "Corner Shop", "--currency", "GBP", "--country", "GB"];
    let founded = tillmesh(&store, &[&founded[..], &["--time-zone", "Europe/London"]].concat());
    assert!(founded.status.success(), "{}", String::from_utf8_lossy(&founded.stderr));
    let products = folder.path().join("products.csv");
    std::fs::write(&products, "sku,name,price,gtin\nTEA,Tea,2.50,4006381333931\n").unwrap();
    let imported = tillmesh(&store, &["import", "products", products.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));

    let (_server, display) = display();
    let window = Command::new(env!("CARGO_BIN_EXE_tillmesh"))
        .arg("--store")
        .arg(&store)
        .env("DISPLAY", &display)
        .env_remove("WAYLAND_DISPLAY")
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("LANG", "C")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut window = Running(window);
    std::thread::sleep(LOOK);
    if let Some(status) = window.0.try_wait().unwrap() {
        let mut said = String::new();
        let mut errors = window.0.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut errors, &mut said).unwrap();
        assert!(said.contains("no window can be opened"), "{status}: {said}");
        println!("skipped: {}", said.trim());
        return;
    }
    let screen = Screen::find(&display);
    std::thread::sleep(LOOK * 20);
    // One by the scanner and one by a finger on its tile, paid by mouse: Pay, then Exact.
    screen.scan("4006381333931");
    std::thread::sleep(LOOK * 10);
    screen.click(110, 235);
    std::thread::sleep(LOOK * 10);
    screen.click(1050, 750);
    std::thread::sleep(LOOK * 10);
    screen.click(215, 300);
    until_sold(&store, 1);
    // The next one by keys alone.
    screen.scan("4006381333931");
    std::thread::sleep(LOOK * 10);
    screen.key("F10");
    std::thread::sleep(LOOK * 10);
    screen.key("Return");
    let amount = until_sold(&store, 2);
    assert!(amount.contains("7.50"), "{amount}");
}

/// Waits for so many receipts; what they came to.
fn until_sold(store: &Path, receipts: u64) -> String {
    for _ in 0..LOOKS {
        if let Some((_, amount)) = sold(store).filter(|(count, _)| *count == receipts) {
            return amount;
        }
        std::thread::sleep(LOOK);
    }
    panic!("{receipts} receipts did not come: {:?}", sold(store));
}
