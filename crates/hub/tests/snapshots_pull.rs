//! Pulling snapshots: only what changed comes over the wire, a pull that was cut goes on, and a server
//! that is not the hub gets nothing into the folder.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hub::embedded::Embedded;
use hub::snapshot::folder::FolderError;
use hub::snapshot::manifest::{SignedManifest, SnapshotKey};
use hub::snapshot::path::Hash;
use hub::snapshot::pull::{Pull, PullError, pull};
use hub::snapshot::serve::SnapshotService;
use hub::snapshot::take::take;
use hub::snapshot::verify::verify;

mod chain;

use chain::wire::{Wire, answer, fake, serve};
use chain::{Shop, cut, fill, key, shops};

/// A hub with some shops' rows.
struct Hub {
    rows: Arc<Embedded>,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Hub {
    fn new(shops: &[Shop]) -> Self {
        let rows = Arc::new(Embedded::new());
        fill(rows.as_ref(), shops);
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("snapshots");
        let service = SnapshotService::new(rows.clone(), key(), kept);
        Self { rows, address: serve(Arc::new(service)), _folder: folder }
    }
}

fn from(address: SocketAddr) -> Pull {
    Pull {
        url: format!("http://{address}"),
        token: None,
        signer: None,
        allow_older: false,
        allow_plain_http: false,
        pause: Duration::ZERO,
    }
}

fn assert_whole(folder: &Path) {
    let found: Vec<String> = verify(folder, Some(key().signer()))
        .unwrap()
        .findings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, [""; 0]);
}

fn manifest(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("manifest.json")).unwrap()
}

#[test]
fn the_second_pull_fetches_only_what_changed() {
    let mut shops = shops();
    // A chain with a past.
    for shop in &mut shops {
        for day in 1..=28 {
            shop.sell(&format!("2010-10-{day:02}"), 30);
        }
    }
    let hub = Hub::new(&shops);
    let wire = Wire::to(hub.address);
    let folder = tempfile::tempdir().unwrap();
    let office = folder.path().join("office");
    let first = pull(&from(wire.address), &office).unwrap();
    assert!(first.pinned);
    assert_eq!(first.kept, 0);
    let whole = wire.passed();
    assert_whole(&office);

    // Nothing new: not even the manifest comes.
    let before = wire.passed();
    let again = pull(&from(wire.address), &office).unwrap();
    assert_eq!((again.fetched, again.fetched_bytes, again.pinned), (0, 0, false));
    assert!(wire.passed() - before < 400, "{}", wire.passed() - before);

    shops[0].sell("2010-12-02", 2);
    fill(hub.rows.as_ref(), &shops[..1]);
    let before = wire.passed();
    let second = pull(&from(wire.address), &office).unwrap();
    let changed = ["items", "payments", "sales", "stock"];
    assert_eq!(second.fetched, changed.len());
    assert_eq!(second.kept + second.fetched, first.fetched);
    let files = second.manifest.manifest().files.iter();
    let manifest_bytes = u64::try_from(manifest(&office).len()).unwrap();
    let all: u64 = files.map(|file| file.bytes).sum();
    assert!(second.fetched_bytes * 10 < all, "{} of {all}", second.fetched_bytes);
    // On the wire: the manifest, those files, and the heads of five answers.
    let over = wire.passed() - before - manifest_bytes - second.fetched_bytes;
    assert!(over < 5 * 600, "{over}");
    assert!(whole > all);
    assert_whole(&office);
    assert_eq!(second.manifest.manifest().tables["sales"].rows, 3 * (20 + 28) + 1);
}

#[test]
fn a_pull_that_is_cut_anywhere_goes_on_and_ends_the_same() {
    let mut shops = shops();
    let hub = Hub::new(&shops);
    let wire = Wire::to(hub.address);
    let straight = tempfile::tempdir().unwrap();
    pull(&from(wire.address), straight.path()).unwrap();
    let whole = wire.passed();
    let cut_folder = tempfile::tempdir().unwrap();
    let mut breaks = 0;
    // Each try gets a little further than the manifest, so that many breaks fall into files.
    let step = u64::try_from(manifest(straight.path()).len()).unwrap() + whole / 60;
    loop {
        wire.break_after(step);
        match pull(&from(wire.address), cut_folder.path()) {
            Ok(_) => break,
            Err(PullError::BrokenOff { .. } | PullError::Http(_)) => breaks += 1,
            Err(error) => panic!("{error}"),
        }
        let nothing = verify(cut_folder.path(), None);
        assert!(matches!(nothing, Err(FolderError::NoSnapshot(_))), "half a snapshot counts");
        assert!(breaks < 1_000, "it does not get on");
    }
    assert!(breaks > 20, "{breaks}");
    assert_eq!(manifest(cut_folder.path()), manifest(straight.path()));
    assert_whole(cut_folder.path());

    // The same over a snapshot that is there: it stays until the new one is whole.
    shops[1].sell("2010-12-02", 5);
    fill(hub.rows.as_ref(), &shops[1..2]);
    let before = manifest(cut_folder.path());
    wire.break_after(step);
    pull(&from(wire.address), cut_folder.path()).unwrap_err();
    assert_eq!(manifest(cut_folder.path()), before);
    assert_whole(cut_folder.path());
    wire.mend();
    pull(&from(wire.address), cut_folder.path()).unwrap();
    assert_ne!(manifest(cut_folder.path()), before);
    assert_whole(cut_folder.path());
}

#[test]
fn a_half_fetched_file_is_gone_on_with_and_a_wrong_half_begun_anew() {
    let hub = Hub::new(&shops());
    let wire = Wire::to(hub.address);
    let straight = tempfile::tempdir().unwrap();
    let first = pull(&from(wire.address), straight.path()).unwrap();
    let files = &first.manifest.manifest().files;
    let file = files.iter().max_by_key(|file| file.bytes).unwrap();
    let bytes = fs::read(file.path.below(straight.path())).unwrap();
    let half = bytes.len() / 2;
    for (begun, fetched) in [
        (bytes[..half].to_vec(), bytes.len() - half),
        (vec![7; half], bytes.len() - half + bytes.len()),
        // Longer than the file, and as long but other bytes.
        (vec![7; bytes.len() + 9], bytes.len()),
        (vec![7; bytes.len()], bytes.len()),
        (bytes.clone(), 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in contents(straight.path()) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::remove_file(file.path.below(folder.path())).unwrap();
        fs::create_dir_all(folder.path().join(".incoming")).unwrap();
        let name = format!(".incoming/{}.half", file.blake3);
        fs::write(folder.path().join(name), begun).unwrap();
        let pulled = pull(&from(wire.address), folder.path()).unwrap();
        assert_eq!(pulled.fetched_bytes, u64::try_from(fetched).unwrap());
        assert_whole(folder.path());
    }
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(folder).unwrap().to_owned();
                found.push((below, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn what_was_damaged_here_is_fetched_again() {
    let hub = Hub::new(&shops());
    let folder = tempfile::tempdir().unwrap();
    let first = pull(&from(hub.address), folder.path()).unwrap();
    let files = &first.manifest.manifest().files;
    fs::write(files[0].path.below(folder.path()), b"noise").unwrap();
    fs::remove_file(files[1].path.below(folder.path())).unwrap();
    // What a power cut left where files wait takes no whole file's place.
    fs::write(folder.path().join(format!(".incoming/{}", files[2].blake3)), b"noise").unwrap();
    let again = pull(&from(hub.address), folder.path()).unwrap();
    assert_eq!(again.fetched, 2);
    assert_whole(folder.path());
    // A damaged manifest of ours is no reason to be stuck either; the pin stays.
    fs::write(folder.path().join("manifest.json"), b"{}").unwrap();
    let again = pull(&from(hub.address), folder.path()).unwrap();
    assert_eq!((again.fetched, again.pinned), (0, false));
    assert_whole(folder.path());
}

/// A signed manifest and its files, as a server could hold them.
fn offered(folder: &Path, key: &SnapshotKey, shops: &[Shop]) -> (SignedManifest, Vec<u8>) {
    let manifest = take(&cut(shops), key, folder, false).unwrap().manifest;
    let bytes = manifest.encode().unwrap();
    (manifest, bytes)
}

/// A server that gives `manifest`, and files as `file` says.
fn hostile(
    manifest: Vec<u8>,
    file: impl Fn(&str, Option<u64>) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    fake(move |path, range| match path.strip_prefix("/api/v1/snapshots/files/") {
        Some(hash) => file(hash, range),
        None => answer("200 OK", "", &manifest),
    })
}

#[test]
fn what_a_hostile_server_sends_is_refused() {
    let made = tempfile::tempdir().unwrap();
    let (manifest, bytes) = offered(made.path(), &key(), &shops());
    let folder = tempfile::tempdir().unwrap();
    let office = folder.path().join("office");
    let refused = |address| {
        let refused = pull(&from(address), &office).unwrap_err();
        // Nothing counts, and nothing lies anywhere but where pulls wait.
        assert!(!office.join("manifest.json").exists());
        assert!(!office.join("sales").exists());
        let beside: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(beside.iter().eq([&office]), "{beside:?}");
        refused
    };
    // Bytes that were not signed, of the right length, and fewer, and none.
    let lengths = manifest.manifest().clone();
    let length = move |hash: &str| {
        let hash: Hash = hash.parse().unwrap();
        usize::try_from(lengths.file(&hash).unwrap().bytes).unwrap()
    };
    let of = length.clone();
    let wrong = hostile(bytes.clone(), move |hash, _| answer("200 OK", "", &vec![7; of(hash)]));
    assert!(matches!(refused(wrong), PullError::WrongBytes { .. }));
    let few = hostile(bytes.clone(), |_, _| answer("200 OK", "", b"PAR1"));
    assert!(matches!(refused(few), PullError::BrokenOff { .. }));
    // A body without an end.
    let endless = hostile(bytes.clone(), |_, _| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let chunk = [b"100000\r\n".to_vec(), vec![7; 1 << 20], b"\r\n".to_vec()].concat();
        [head, chunk].concat()
    });
    assert!(matches!(refused(endless), PullError::TooLong { .. }));
    // Another part than was asked for.
    let of = length.clone();
    let shifted = hostile(bytes.clone(), move |hash, from| {
        let body = vec![7; of(hash) / 2];
        if from.is_none() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", of(hash));
            return [head.as_bytes(), &body].concat();
        }
        answer("206 Partial Content", "Content-Range: bytes 3-9/10\r\n", &body)
    });
    assert!(matches!(refused(shifted), PullError::Http(_)));
    // It has none of them; it refuses; it sends elsewhere.
    let gone = hostile(bytes.clone(), |_, _| answer("404 Not Found", "", b""));
    assert!(matches!(refused(gone), PullError::Gone(_)));
    let why = br#"{"detail":"this token is for store 1 only"}"#;
    let forbidden = fake(|_, _| answer("403 Forbidden", "", why));
    assert!(refused(forbidden).to_string().contains("this token is for store 1 only"));
    let elsewhere =
        fake(|_, _| answer("302 Found", "Location: http://127.0.0.1:1/secret\r\n", b""));
    assert!(refused(elsewhere).to_string().contains("redirect"));
    // And the very same server with the right files gives them.
    let root = made.path().to_owned();
    let names = manifest.manifest().clone();
    let honest = hostile(bytes, move |hash, _| {
        let file = names.file(&hash.parse().unwrap()).unwrap();
        answer("200 OK", "", &fs::read(file.path.below(&root)).unwrap())
    });
    pull(&from(honest), &office).unwrap();
    assert_whole(&office);
}

#[test]
fn a_manifest_that_is_none_or_was_changed_is_refused() {
    let made = tempfile::tempdir().unwrap();
    let (_, bytes) = offered(made.path(), &key(), &shops());
    let folder = tempfile::tempdir().unwrap();
    let refused = |address| pull(&from(address), folder.path()).unwrap_err();
    for bad in [b"".to_vec(), b"hello".to_vec(), bytes[..bytes.len() / 2].to_vec()] {
        let server = hostile(bad, |_, _| Vec::new());
        assert!(matches!(refused(server), PullError::Manifest(_)));
    }
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (what, instead) in [
        ("sales/", "../../"),
        ("\"rows\":5", "\"rows\":6"),
        ("\"files\":[", "\"extra\":1,\"files\":["),
        ("{\"manifest\"", " {\"manifest\""),
    ] {
        let changed = text.replacen(what, instead, 1);
        assert_ne!(changed, text);
        let server = hostile(changed.into_bytes(), |_, _| Vec::new());
        assert!(matches!(refused(server), PullError::Manifest(_)));
    }
    assert!(!folder.path().join("manifest.json").exists());
}

#[test]
fn only_the_hub_of_the_first_pull_or_the_one_that_is_named_is_believed() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stranger = SnapshotKey::from_secret(&[8; 32]);
    let serve_folder = |folder: &Path, key: &SnapshotKey| {
        let (manifest, bytes) = offered(folder, key, &shops());
        let (names, root) = (manifest.manifest().clone(), folder.to_owned());
        hostile(bytes, move |hash, _| {
            let file = names.file(&hash.parse().unwrap()).unwrap();
            answer("200 OK", "", &fs::read(file.path.below(&root)).unwrap())
        })
    };
    let hub = serve_folder(ours.path(), &key());
    let other = serve_folder(theirs.path(), &stranger);
    let folder = tempfile::tempdir().unwrap();
    // Named, and not the one that answers.
    let named = Pull { signer: Some(stranger.signer()), ..from(hub) };
    let refused = pull(&named, folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Signer { .. }), "{refused}");
    assert!(!folder.path().join(".signer").exists());
    // The first pull decides; another one changes nothing, not even when the manifest is lost.
    assert!(pull(&from(hub), folder.path()).unwrap().pinned);
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
    let refused = pull(&from(other), folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Signer { .. }), "{refused}");
    pull(&from(hub), folder.path()).unwrap();
    // The owner says otherwise.
    let moved = Pull { signer: Some(stranger.signer()), ..from(other) };
    pull(&moved, folder.path()).unwrap();
    let refused = pull(&from(hub), folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Signer { .. }), "{refused}");
}

#[test]
fn an_older_snapshot_is_taken_only_when_told_so() {
    let mut more = shops();
    more[0].sell("2010-12-02", 1);
    let hub = Hub::new(&more);
    let folder = tempfile::tempdir().unwrap();
    pull(&from(hub.address), folder.path()).unwrap();
    let before = manifest(folder.path());
    // The hub was set up anew and has not heard of everything yet.
    let emptied = Hub::new(&shops());
    let refused = pull(&from(emptied.address), folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Older { .. }), "{refused}");
    assert_eq!(manifest(folder.path()), before);
    let told = Pull { allow_older: true, ..from(emptied.address) };
    pull(&told, folder.path()).unwrap();
    assert_whole(folder.path());
    assert_ne!(manifest(folder.path()), before);
}

#[test]
fn a_token_is_not_sent_in_clear_over_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let what = |url: &str| Pull {
        url: url.to_owned(),
        token: Some("secret".to_owned()),
        ..from("127.0.0.1:1".parse().unwrap())
    };
    let refused = pull(&what("http://hub.example"), folder.path()).unwrap_err();
    assert!(refused.to_string().contains("--allow-plain-http"), "{refused}");
    for url in ["", "hub.example", "ftp://hub.example", "https://", "file:///etc/passwd"] {
        let refused = pull(&what(url), folder.path()).unwrap_err();
        assert!(refused.to_string().contains("https://hub.example"), "{refused}");
    }
}

#[test]
fn two_pulls_into_one_folder_at_once_are_one_and_a_refusal() {
    let hub = Hub::new(&shops());
    let folder = tempfile::tempdir().unwrap();
    pull(&from(hub.address), folder.path()).unwrap();
    let held = fs::File::open(folder.path().join(".lock")).unwrap();
    held.lock().unwrap();
    let refused = pull(&from(hub.address), folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Folder(FolderError::Busy(_))), "{refused}");
    drop(held);
    pull(&from(hub.address), folder.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_in_the_folder_leads_nowhere() {
    let hub = Hub::new(&shops());
    let folder = tempfile::tempdir().unwrap();
    let (office, outside) = (folder.path().join("office"), folder.path().join("outside"));
    fs::create_dir_all(&office).unwrap();
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, office.join("sales")).unwrap();
    let refused = pull(&from(hub.address), &office).unwrap_err();
    assert!(matches!(refused, PullError::Folder(FolderError::Link(_))), "{refused}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_file_is_given_whole_in_part_or_not_at_all() {
    use std::io::{Read, Write};
    let hub = Hub::new(&shops());
    let folder = tempfile::tempdir().unwrap();
    let pulled = pull(&from(hub.address), folder.path()).unwrap();
    let file = &pulled.manifest.manifest().files[0];
    let bytes = fs::read(file.path.below(folder.path())).unwrap();
    let ask = |path: &str, headers: &str| {
        let mut stream = std::net::TcpStream::connect(hub.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{headers}\r\n")
            .unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(said[..end].to_vec()).unwrap().to_lowercase();
        (head, said[end + 4..].to_vec())
    };
    let path = format!("/api/v1/snapshots/files/{}", file.blake3);
    let (head, body) = ask(&path, "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("accept-ranges: bytes"), "{head}");
    assert_eq!(body, bytes);
    let (head, body) = ask(&path, "Range: bytes=100-199\r\n");
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert_eq!(body, bytes[100..200]);
    let (head, _) = ask(&path, "Range: bytes=99999999-\r\n");
    assert!(head.starts_with("http/1.1 416"), "{head}");
    for (path, status) in [
        (format!("/api/v1/snapshots/files/{}", "0".repeat(64)), "404"),
        ("/api/v1/snapshots/files/..%2F..%2Fmanifest.json".to_owned(), "422"),
        ("/api/v1/snapshots/files/manifest.json".to_owned(), "422"),
    ] {
        let (head, body) = ask(&path, "");
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{path}: {head}");
        assert!(head.contains("application/problem+json"), "{head}");
        assert!(!String::from_utf8(body).unwrap().contains("tmp"));
    }
}
