//! What the hub answers over HTTP: every endpoint, every answer its description names.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../../replica/tests/mesh/mod.rs"]
mod mesh;
#[path = "../../replica/tests/shop/mod.rs"]
mod shop;
mod web;

use hub::store::Stores;
use hub::tokens::{Issuer, Scope, TokenError};
use pos_core::business_date::WallTime;
use serde_json::{Map, Value};
use web::{NOW_MS, Web};

/// How an answer is brought about.
struct Case {
    path: String,
    token: Option<String>,
}

/// A request that must be answered with `status` on the endpoint `path`, with good values for what
/// is in braces.
fn case(web: &Web, path: &str, status: u16) -> Case {
    let (scope, good, absent, bad) = match path {
        "/api/v1/transactions/{id}" => {
            (Scope::Transactions, web.sales[0].to_string(), "ab".repeat(32), "xyz".to_owned())
        }
        "/api/v1/products/{sku}" => {
            (Scope::Products, "a".to_owned(), "NOPE".to_owned(), "x".repeat(41))
        }
        "/api/v1/products" => (Scope::Products, String::new(), String::new(), "?limit=0".into()),
        "/api/v1/stock" => (Scope::Stock, String::new(), String::new(), "?limit=1001".into()),
        "/api/v1/reports/sales/daily" => {
            let bad = "?from=2010-12-02&to=2010-12-01";
            (Scope::Reports, "?from=2010-12-01".to_owned(), String::new(), bad.to_owned())
        }
        "/api/v1/stores" | "/api/v1/exceptions" => {
            (Scope::Reports, String::new(), String::new(), "?store=corner".to_owned())
        }
        "/api/v1/devices" => {
            (Scope::Devices, String::new(), String::new(), "?shop=corner".to_owned())
        }
        other => panic!("the endpoint {other} is new: say here how it is asked"),
    };
    let value = match status {
        404 => absent,
        422 => bad,
        200 | 401 | 403 => good,
        other => panic!("{path} says it answers {other}: say here how that comes about"),
    };
    let path = match path.split_once('{') {
        Some((before, _)) => format!("{before}{value}"),
        None => format!("{path}{value}"),
    };
    let others: Vec<Scope> = Scope::ALL.into_iter().filter(|one| *one != scope).collect();
    let token = match status {
        401 => None,
        403 => Some(web.token(&others, &Stores::All)),
        _ => Some(web.token(&[scope], &Stores::All)),
    };
    Case { path, token }
}

fn document(web: &Web) -> Value {
    let answer = web.get("/api/v1/openapi.json", &[]);
    assert_eq!((answer.status, &*answer.kind), (200, "application/json"));
    answer.json()
}

/// Every endpoint and what it says of itself.
fn endpoints(document: &Value) -> Vec<(&String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let methods: Vec<&String> = methods.as_object().unwrap().keys().collect();
        assert_eq!(methods, ["get"], "{path} only reads");
    }
    paths.iter().map(|(path, methods)| (path, &methods["get"])).collect()
}

fn schema_of<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(name.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// Whether a value is what a schema describes: nothing more, and nothing less.
fn assert_fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = schema_of(document, schema);
    if let Some(any) = schema["oneOf"].as_array() {
        let some = any.iter().find(|one| (one["type"] == "null") == value.is_null());
        return assert_fits(document, some.unwrap_or_else(|| panic!("{at}: {schema}")), value, at);
    }
    match value {
        Value::Object(fields) => {
            let none = Map::new();
            let known = schema["properties"].as_object().unwrap_or(&none);
            for (name, value) in fields {
                let schema =
                    known.get(name).unwrap_or_else(|| panic!("{at}.{name} is not described"));
                assert_fits(document, schema, value, &format!("{at}.{name}"));
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{at} lacks {name}");
            }
        }
        Value::Array(values) => {
            for value in values {
                assert_fits(document, &schema["items"], value, at);
            }
        }
        _ => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                _ => "null",
            };
            let said = &schema["type"];
            let among = said.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
            assert!(*said == kind || among, "{at} is {value}, described as {schema}");
        }
    }
}

#[test]
fn every_endpoint_answers_what_its_description_names() {
    let web = Web::start();
    let document = document(&web);
    let endpoints = endpoints(&document);
    assert!(endpoints.len() >= 8, "{}", endpoints.len());
    for (path, endpoint) in endpoints {
        let responses = endpoint["responses"].as_object().unwrap();
        let mut needed = vec!["200", "401", "403", "422"];
        if path.contains('{') {
            needed.push("404");
        }
        for status in needed {
            assert!(responses.contains_key(status), "{path} does not describe {status}");
        }
        for (status, response) in responses {
            let case = case(&web, path, status.parse().unwrap());
            let answer = match &case.token {
                Some(token) => web.get_with(&case.path, token),
                None => web.get(&case.path, &[]),
            };
            assert_eq!(answer.status.to_string(), *status, "{}: {}", case.path, answer.text);
            let (kind, described) = response["content"].as_object().unwrap().iter().next().unwrap();
            assert_eq!(answer.kind, *kind, "{}", case.path);
            assert_fits(&document, &described["schema"], &answer.json(), &case.path);
            if status != "200" {
                assert_eq!(answer.json()["status"], answer.status);
                assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
            }
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
}

#[test]
fn no_token_but_a_good_one_opens_an_endpoint() {
    let web = Web::start();
    let (now, all) = (WallTime::from_millis(NOW_MS), Scope::ALL.into_iter().collect());
    let issue = |secret: u8, from: i64| {
        let from = WallTime::from_millis(from);
        let issuer = Issuer::new(&[secret; 32]);
        issuer.issue("a test", &all, &Stores::All, (from, 1), [1; 16]).unwrap()
    };
    let good = issue(7, NOW_MS);
    let parts: Vec<&str> = good.split('.').collect();
    let altered = {
        let other = web.token(&[Scope::Stock], &Stores::All);
        let payload = other.split('.').nth(1).unwrap().to_owned();
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    // {"alg":"none","typ":"JWT"}, with and without a signature.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let bad = [
        issue(8, NOW_MS),
        issue(7, NOW_MS - 86_400_000),
        altered,
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        good[..good.len() - 1].to_owned(),
        "x".repeat(9_000),
        "tillmesh".to_owned(),
    ];
    for (path, _) in endpoints(&document(&web)) {
        let path = case(&web, path, 200).path;
        assert_eq!(web.get_with(&path, &good).status, 200, "{path}");
        for token in &bad {
            let answer = web.get_with(&path, token);
            assert_eq!(answer.status, 401, "{path} with {token}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        }
        let answer = web.get(&path, &[("Authorization", "Basic aGVhZDpvZmZpY2U=")]);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        // The cookie is for pages: what other sites make a browser send opens no endpoint.
        assert_eq!(web.get(&path, &[("Cookie", &format!("tillmesh_token={good}"))]).status, 401);
    }
    // To the second: good until its last one, not in the one it ends.
    let issuer = Issuer::new(&[7; 32]);
    let ends = WallTime::from_millis(NOW_MS + 86_400_000);
    assert!(issuer.check(&good, now).is_ok());
    assert!(issuer.check(&good, WallTime::from_millis(ends.as_millis() - 1_000)).is_ok());
    assert_eq!(issuer.check(&good, ends), Err(TokenError::Ended));
}

#[test]
fn a_token_of_one_store_reads_no_other() {
    let web = Web::start();
    let [own, other] = web.stores;
    let token = web.token(&Scope::ALL, &Stores::Only([own].into()));
    for (path, endpoint) in endpoints(&document(&web)) {
        let path = case(&web, path, 200).path;
        let answer = web.get_with(&path, &token);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.contains(&other.to_string()), "{path}: {}", answer.text);
        let parameters = endpoint["parameters"].as_array().unwrap();
        if parameters.iter().any(|one| one["name"] == "store") {
            let joint = if path.contains('?') { '&' } else { '?' };
            let of = |store| web.get_with(&format!("{path}{joint}store={store}"), &token).status;
            assert_eq!((of(own), of(other)), (200, 403), "{path}");
        }
    }
    let sale = |id| web.get_with(&format!("/api/v1/transactions/{id}"), &token).status;
    assert_eq!((sale(web.sales[0]), sale(web.sales[1])), (200, 404));
    // Sold only there: unknown here.
    assert_eq!(web.get_with("/api/v1/products/71053", &token).status, 404);
    let page = web.get_with("/today", &token);
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("71053"), "{}", page.text);
}

#[test]
fn pages_of_a_list_join_to_the_whole_list() {
    let web = Web::start();
    let token = web.token_for_all();
    let whole = web.get_with("/api/v1/stock", &token).json();
    assert_eq!(whole["next"], Value::Null);
    let whole = whole["stock"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 3);
    let (mut joined, mut path) = (Vec::new(), "/api/v1/stock?limit=1".to_owned());
    loop {
        let page = web.get_with(&path, &token).json();
        joined.extend(page["stock"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/stock?limit=1&after={next}");
    }
    assert_eq!(joined, whole);
}

#[test]
fn a_sale_is_told_as_it_was_paid() {
    let web = Web::start();
    let path = format!("/api/v1/transactions/{}", web.sales[1]);
    let sale = web.get_with(&path, &web.token_for_all()).json();
    assert_eq!(sale["transactionId"], web.sales[1].to_string());
    assert_eq!(sale["storeId"], web.stores[1].to_string());
    assert_eq!(sale["total"]["amount"], "8.49");
    assert_eq!(sale["payments"][0]["tendered"]["amount"], "10.00");
    assert_eq!(sale["payments"][0]["change"]["amount"], "1.51");
    assert_eq!(sale["items"][0]["quantity"], "2");
    assert_eq!(sale["items"][0]["gross"]["amount"], "5.10");
    let day = web.get_with("/api/v1/reports/sales/daily", &web.token_for_all()).json();
    assert_eq!(day["from"], "2010-12-01");
    assert_eq!(day["days"].as_array().unwrap().len(), 2);
    assert_eq!(day["totals"][0]["salesValue"]["amount"], "12.49");
    assert_eq!(day["totals"][0]["sales"], 3);
}

#[test]
fn the_page_of_the_day_asks_for_a_token_and_escapes_what_it_shows() {
    let web = Web::start();
    let asked = web.get("/today", &[]);
    assert_eq!(asked.status, 401);
    assert!(asked.text.contains("<form method=\"post\" action=\"/login\">"));
    assert_eq!(web.post_form("/login", &[("token", "guess")]).status, 401);
    let token = web.token_for_all();
    let entered = web.post_form("/login", &[("token", &token)]);
    assert_eq!(entered.status, 303);
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let page = web.get("/today", &[("Cookie", cookie)]);
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script"), "it works without, and shows none of a product's name");
    assert!(page.text.contains("&lt;script&gt;alert"), "{}", page.text);
    for said in ["2010-12-01", "Corner shop (", ", by the hour", "12.49 GBP", "Till 1", "23 h ago"]
    {
        assert!(page.text.contains(said), "{said} is not on the page: {}", page.text);
    }
    assert_eq!(web.get("/today?date=2010-12-02", &[("Cookie", cookie)]).status, 200);
    assert_eq!(web.get("/today?date=tomorrow", &[("Cookie", cookie)]).status, 422);
    let reports = web.token(&[Scope::Reports], &Stores::All);
    assert_eq!(web.get_with("/today", &reports).status, 403);
}

#[test]
fn what_is_not_there_and_what_is_not_get_are_problems_too() {
    let web = Web::start();
    let answer = web.get("/api/v2/stores", &[]);
    assert_eq!((answer.status, &*answer.kind), (404, "application/problem+json"));
    let answer = web.post_form("/api/v1/products", &[]);
    assert_eq!((answer.status, &*answer.kind), (405, "application/problem+json"));
    let answer = web.get_with("/api/v1/products/%ff", &web.token_for_all());
    assert_eq!((answer.status, &*answer.kind), (422, "application/problem+json"));
}
