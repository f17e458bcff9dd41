//! `tillmesh-hub snapshot` as it is typed, and killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hub::embedded::Embedded;
use hub::snapshot::folder::FolderError;
use hub::snapshot::serve::SnapshotService;
use hub::snapshot::verify::{Finding, verify};
use serde_json::Value;

mod chain;

use chain::wire::serve;
use chain::{Shop, fill, key, shops};

fn hub() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillmesh-hub"));
    command.env_remove("TILLMESH_TOKEN").env_remove("TILLMESH_HUB").env("HOME", "/nowhere");
    command
}

fn pulling(address: SocketAddr, office: &Path) -> Command {
    let mut command = hub();
    command.args(["snapshot", "pull", &format!("http://{address}")]).arg(office).arg("--json");
    command
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn serving(shops: &[Shop]) -> (SocketAddr, Arc<Embedded>, tempfile::TempDir) {
    let rows = Arc::new(Embedded::new());
    fill(rows.as_ref(), shops);
    let folder = tempfile::tempdir().unwrap();
    let service = SnapshotService::new(rows.clone(), key(), folder.path().join("snapshots"));
    (serve(Arc::new(service)), rows, folder)
}

#[test]
fn a_pull_killed_at_any_moment_leaves_a_whole_snapshot_or_none() {
    let mut shops = shops();
    let (address, rows, _kept) = serving(&shops);
    let folder = tempfile::tempdir().unwrap();
    let office = folder.path().join("office");
    let (mut before, mut during, mut after) = (0, 0, 0);
    for round in 0..40_u64 {
        // Every few rounds there is something new to fetch.
        if round.is_multiple_of(4) {
            shops[0].sell("2010-12-02", 2);
            fill(rows.as_ref(), &shops[..1]);
        }
        let mut pull = pulling(address, &office).spawn().unwrap();
        thread::sleep(Duration::from_millis(round * 2));
        pull.kill().unwrap();
        pull.wait().unwrap();
        match verify(&office, Some(key().signer())) {
            Err(FolderError::NoSnapshot(_)) => before += 1,
            Err(error) => panic!("{error}"),
            Ok(verified) if verified.findings.is_empty() => after += 1,
            // Files of two snapshots side by side: all that the manifest names is there.
            Ok(verified) => {
                let stray = |finding: &Finding| matches!(finding, Finding::Stray(_));
                assert!(verified.findings.iter().all(stray), "{:?}", verified.findings);
                during += 1;
            }
        }
    }
    println!("killed before the first snapshot {before}, between two {during}, else {after}");
    assert!(before + during + after == 40);
    let last = pulling(address, &office).output().unwrap();
    assert!(last.status.success(), "{:?}", words(&last));
    assert!(verify(&office, Some(key().signer())).unwrap().findings.is_empty());
    assert_eq!(fs::read_dir(office.join(".incoming")).unwrap().count(), 0);
}

#[test]
fn pull_and_verify_say_what_they_did_and_what_is_wrong() {
    let (address, _rows, _kept) = serving(&shops());
    let folder = tempfile::tempdir().unwrap();
    let office = folder.path().join("office");
    let pulled = pulling(address, &office).output().unwrap();
    let (out, err) = words(&pulled);
    assert!(pulled.status.success(), "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["tables"]["sales"]["sums"]["money"]["GBP"]["total"], "1500.00");
    assert_eq!(said["signer"], key().signer().to_string());
    assert_eq!(said["pinned"], true);

    let checked = hub().args(["snapshot", "verify"]).arg(&office).output().unwrap();
    let (out, err) = words(&checked);
    assert!(checked.status.success(), "{err}");
    assert!(out.contains("total 1500.00 GBP"), "{out}");
    assert!(out.contains(&format!("all of it is what {} signed", key().signer())), "{out}");

    let verified = verify(&office, None).unwrap();
    let file = &verified.manifest.manifest().files[0].path;
    fs::write(file.below(&office), b"noise").unwrap();
    let checked = hub().args(["snapshot", "verify"]).arg(&office).output().unwrap();
    let (out, err) = words(&checked);
    assert!(!checked.status.success());
    assert!(out.contains(file.as_str()), "{out}");
    assert!(err.contains("1 found wrong"), "{err}");

    let other = "ab".repeat(32);
    let checked = hub().args(["snapshot", "verify", "--signer", &other]).arg(&office).output();
    let (out, _) = words(&checked.unwrap());
    assert!(out.contains("another hub's"), "{out}");

    let nothing = hub().args(["snapshot", "verify"]).arg(folder.path()).output().unwrap();
    assert!(words(&nothing).1.contains("holds no snapshot"));
    let nothing = hub().args(["snapshot"]).output().unwrap();
    assert!(!nothing.status.success());
    let mut taking = hub();
    let taking = taking.arg("--hub").arg(&office).arg("snapshot").arg(folder.path().join("x"));
    let (_, err) = words(&taking.output().unwrap());
    assert!(err.contains("is no hub's folder"), "{err}");
    assert!(!folder.path().join("x").exists());
    let hub_folder = folder.path().join("hub");
    fs::create_dir_all(hub_folder.join("stores")).unwrap();
    let mut taking = hub();
    let taking = taking.arg("--hub").arg(&hub_folder).arg("snapshot").arg(&hub_folder);
    let (_, err) = words(&taking.output().unwrap());
    assert!(err.contains("a folder of its own"), "{err}");
}
