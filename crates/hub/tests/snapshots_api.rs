//! Who may have a snapshot over HTTP: nobody without a token, nobody with one for other things, and
//! nobody whose token is for some of the stores.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use hub::embedded::Embedded;
use hub::http::{App, api, router};
use hub::peer::Links;
use hub::snapshot::api::endpoints;
use hub::snapshot::pull::{Pull, PullError, pull};
use hub::snapshot::serve::SnapshotService;
use hub::snapshot::verify::verify;
use hub::store::Stores;
use hub::tokens::{Issuer, Scope};
use pos_core::business_date::WallTime;
use utoipa_axum::router::OpenApiRouter;

mod chain;

use chain::wire::run;
use chain::{fill, key, shops, store_id};

const NOW: i64 = 1_800_000_000_000;

struct Hub {
    address: SocketAddr,
    tokens: Arc<Issuer>,
    _folder: tempfile::TempDir,
}

impl Hub {
    fn new() -> Self {
        let rows = Arc::new(Embedded::new());
        fill(rows.as_ref(), &shops());
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("snapshots");
        let snapshots = Arc::new(SnapshotService::new(rows.clone(), key(), kept));
        let tokens = Arc::new(Issuer::new(&[5; 32]));
        let clock = || WallTime::from_millis(NOW);
        let app = App { rows, links: Links::default(), tokens: Arc::clone(&tokens), clock };
        let address = run(router(app, endpoints(snapshots)));
        Self { address, tokens, _folder: folder }
    }

    fn token(&self, scopes: &[Scope], stores: &Stores) -> String {
        let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
        let life = (WallTime::from_millis(NOW), 1);
        self.tokens.issue("head office", &scopes, stores, life, [0; 16]).unwrap()
    }

    /// Status, content type and body.
    fn ask(&self, path: &str, token: Option<&str>) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{token}\r\n")
            .unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        (status, kind.unwrap_or_default().to_owned(), body.to_owned())
    }
}

#[test]
fn a_snapshot_is_given_to_a_token_for_snapshots_of_all_stores_and_to_no_other() {
    let hub = Hub::new();
    let some = |numbers: &[u8]| Stores::Only(numbers.iter().copied().map(store_id).collect());
    let whole = hub.token(&[Scope::Snapshots], &Stores::All);
    let (status, kind, manifest) = hub.ask("/api/v1/snapshots/latest", Some(&whole));
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let hash = manifest["manifest"]["files"][0]["blake3"].as_str().unwrap();
    let file = format!("/api/v1/snapshots/files/{hash}");
    assert_eq!(hub.ask(&file, Some(&whole)).0, 200);

    let others: Vec<Scope> =
        Scope::ALL.into_iter().filter(|scope| *scope != Scope::Snapshots).collect();
    let elsewhere = Issuer::new(&[6; 32])
        .issue(
            "nobody",
            &BTreeSet::from([Scope::Snapshots]),
            &Stores::All,
            (WallTime::from_millis(NOW), 1),
            [0; 16],
        )
        .unwrap();
    for path in ["/api/v1/snapshots/latest", file.as_str()] {
        for (token, expected) in [
            (None, 401),
            (Some("nonsense".to_owned()), 401),
            (Some(elsewhere.clone()), 401),
            (Some(hub.token(&others, &Stores::All)), 403),
            (Some(hub.token(&[Scope::Snapshots], &some(&[1]))), 403),
            // All stores there are, and not those that join later.
            (Some(hub.token(&[Scope::Snapshots], &some(&[1, 2, 3]))), 403),
        ] {
            let (status, kind, body) = hub.ask(path, token.as_deref());
            assert_eq!(status, expected, "{path}: {body}");
            assert_eq!(kind, "application/problem+json");
            assert!(!body.contains("PAR1") && !body.contains("signature"), "{body}");
        }
    }
    let unknown = format!("/api/v1/snapshots/files/{}", "0".repeat(64));
    assert_eq!(hub.ask(&unknown, Some(&whole)).0, 404);
    assert_eq!(hub.ask("/api/v1/snapshots/files/x", Some(&whole)).0, 422);
    assert_eq!(hub.ask("/api/v1/snapshots/files/%ff", Some(&whole)).0, 422);
}

#[test]
fn a_pull_with_a_token_fetches_and_one_without_says_why_not() {
    let hub = Hub::new();
    let folder = tempfile::tempdir().unwrap();
    let what = |token: Option<String>| Pull {
        url: format!("http://{}/", hub.address),
        token,
        signer: Some(key().signer()),
        allow_older: false,
        allow_plain_http: false,
        pause: Duration::ZERO,
    };
    let refused = pull(&what(None), folder.path()).unwrap_err();
    assert!(matches!(refused, PullError::Http(_)), "{refused}");
    assert!(refused.to_string().contains("401"), "{refused}");
    let store = Stores::Only(BTreeSet::from([store_id(1)]));
    let narrow = hub.token(&[Scope::Snapshots], &store);
    let refused = pull(&what(Some(narrow)), folder.path()).unwrap_err();
    assert!(refused.to_string().contains("--all-stores"), "{refused}");
    pull(&what(Some(hub.token(&[Scope::Snapshots], &Stores::All))), folder.path()).unwrap();
    assert!(verify(folder.path(), Some(key().signer())).unwrap().findings.is_empty());
}

#[test]
fn the_endpoints_describe_themselves() {
    let rows = Arc::new(Embedded::new());
    let folder = tempfile::tempdir().unwrap();
    let service = SnapshotService::new(rows, key(), folder.path().join("snapshots"));
    let (_, with) = api(endpoints(Arc::new(service)));
    let (_, without) = api(OpenApiRouter::new());
    let new: Vec<&String> =
        with.paths.paths.keys().filter(|path| !without.paths.paths.contains_key(*path)).collect();
    assert_eq!(new, ["/api/v1/snapshots/files/{blake3}", "/api/v1/snapshots/latest"]);
}
