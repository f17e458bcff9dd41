//! A hub's HTTP on a port of its own, with two stores in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use hub::embedded::Embedded;
use hub::http::{self, App};
use hub::peer::Links;
use hub::projector::Projector;
use hub::store::{HubStore, Stores};
use hub::tokens::{Issuer, Scope};
use pos_core::business_date::WallTime;
use pos_core::ids::{RecordId, StoreId};
use replica::node::Node;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::mesh;
use crate::shop::{self, Till, identity};

/// A day after the sales.
pub(crate) const NOW_MS: i64 = 1_291_276_400_000;

fn now() -> WallTime {
    WallTime::from_millis(NOW_MS)
}

pub(crate) struct Web {
    base: String,
    agent: ureq::Agent,
    pub(crate) issuer: Issuer,
    pub(crate) stores: [StoreId; 2],
    /// A sale of each.
    pub(crate) sales: [RecordId; 2],
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) headers: ureq::http::HeaderMap,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Web {
    pub(crate) fn start() -> Self {
        let rows: Arc<dyn HubStore> = Arc::new(Embedded::new());
        let mut one = mesh::store();
        mesh::rename(&mut one[0], 8, "A", "<script>alert('mug')</script>");
        let first = mesh::sell(&mut one[0], 10, 1);
        mesh::sell(&mut one[0], 3_600_000, 1);
        let mut other = [Node::start(identity(9, 1), shop::disk()).unwrap()];
        shop::found(&mut other[0]);
        let second = shop::sell(&mut other[0], 10, None);
        let stores = [project(&mut one[0], &*rows), project(&mut other[0], &*rows)];
        let issuer = Issuer::new(&[7; 32]);
        let tokens = Arc::new(Issuer::new(&[7; 32]));
        let app = App { rows, links: Links::default(), tokens, clock: now };
        let router = http::router(app, OpenApiRouter::new());
        let (sender, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = http::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                http::serve(listener, router, std::future::pending()).await.unwrap();
            });
        });
        let agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let sales = [first.id, second.id];
        let base = format!("http://{}", address.recv().unwrap());
        Self { base, agent: agent.into(), issuer, stores, sales }
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call().unwrap())
    }

    pub(crate) fn get_with(&self, path: &str, token: &str) -> Answer {
        self.get(path, &[("Authorization", &format!("Bearer {token}"))])
    }

    pub(crate) fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base));
        answer(request.send_form(form.iter().copied()).unwrap())
    }

    pub(crate) fn token(&self, scopes: &[Scope], stores: &Stores) -> String {
        let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
        self.issuer.issue("a test", &scopes, stores, (now(), 1), [1; 16]).unwrap()
    }

    pub(crate) fn token_for_all(&self) -> String {
        self.token(&Scope::ALL, &Stores::All)
    }
}

fn project(till: &mut Till, rows: &dyn HubStore) -> StoreId {
    let store = till.replica().store_id().unwrap();
    let change = Projector::new(store).changes(till, u64::MAX).unwrap().unwrap();
    rows.apply(change).unwrap();
    store
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let headers = response.headers().clone();
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let text = response.body_mut().read_to_string().unwrap();
    Answer { status: response.status().as_u16(), kind, text, headers }
}
