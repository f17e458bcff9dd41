//! Real hubs that real tills let in: their figures are the tills', whatever happens to the hub.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::Value;
use tests::head_office::Hub;
use tests::oracle::Expected;
use tests::sheet::Sheet;
use tests::store::{Member, until};
use tests::tillmesh::{Running, Till};

const MONTH: &str = "/api/v1/reports/sales/daily?from=2010-12-01&to=2010-12-31";

/// A till that has rung up its share of the sheet, and runs.
fn shop(sheet: &Sheet, share: &str) -> (Till, Running) {
    let till = Till::new().unwrap();
    sheet.write_file(&till.folder().join("sheet.csv")).unwrap();
    let replay = ["--store", "shop", "--json", "replay", "sheet.csv", "--share", share];
    till.run(replay).unwrap().succeeded().unwrap();
    let running = run(&till);
    (till, running)
}

fn run(till: &Till) -> Running {
    let words = ["--store", "shop", "--json", "--quiet", "run", "--loopback", "--no-discovery"];
    let mut running = till.start(words).unwrap();
    assert!(running.next_line().unwrap().unwrap().contains("running"));
    running.ignore_output();
    running
}

/// All stock, page by page.
fn stock(hub: &Hub) -> BTreeMap<String, i64> {
    let (mut held, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = hub.get(&format!("/api/v1/stock?limit=500{after}")).unwrap();
        for product in page["stock"].as_array().unwrap() {
            let sku = product["sku"].as_str().unwrap().to_owned();
            let on_hand = product["onHand"].as_str().unwrap().parse().unwrap();
            assert!(held.insert(sku, on_hand).is_none());
        }
        let Some(next) = page["next"].as_str() else { return held };
        // The SKUs of the file have letters, digits and blanks.
        after = format!("&after={}", next.replace(' ', "%20"));
    }
}

/// The figures of the hub and those of an oracle that reads the file alone.
fn assert_are_the_oracles(hub: &Hub, expected: &Expected) {
    let month = hub.get(MONTH).unwrap();
    let totals = &month["totals"][0];
    let wanted = &expected.totals;
    assert_eq!(totals["salesValue"]["amount"], wanted.value().to_string());
    assert_eq!(totals["total"]["amount"], wanted.total().to_string());
    for (name, sum) in [("sales", &wanted.sales), ("returns", &wanted.returns)] {
        assert_eq!(totals[name], sum.count, "{name}");
        assert_eq!(totals[format!("{name}Amount")]["amount"], sum.total.to_string(), "{name}");
    }
    assert_eq!(totals["adjustments"], wanted.adjustments.count);
    for (day, wanted) in &expected.days {
        let one = hub.get(&format!("/api/v1/reports/sales/daily?from={day}&to={day}")).unwrap();
        let amount = &one["totals"][0]["salesValue"]["amount"];
        assert_eq!(*amount, wanted.value().to_string(), "{day}");
    }
    let moved: BTreeMap<String, i64> = stock(hub);
    for (sku, wanted) in &expected.on_hand {
        assert_eq!(moved.get(sku).copied().unwrap_or(0), *wanted, "{sku}");
    }
    assert_eq!(hub.get("/api/v1/exceptions").unwrap()["exceptions"], Value::Array(Vec::new()));
}

fn without_lag(mut devices: Value) -> Value {
    for device in devices["devices"].as_array_mut().unwrap() {
        for passing in ["lagSeconds", "connected", "ahead"] {
            device.as_object_mut().unwrap().remove(passing);
        }
    }
    devices
}

/// All that the hub says of what was sold.
fn all(hub: &Hub) -> Vec<Value> {
    let mut all: Vec<Value> = [MONTH, "/api/v1/stores", "/api/v1/exceptions"]
        .iter()
        .map(|path| hub.get(path).unwrap())
        .collect();
    all.push(without_lag(hub.get("/api/v1/devices").unwrap()));
    let mut path = "/api/v1/stock?limit=1000".to_owned();
    loop {
        let page = hub.get(&path).unwrap();
        let next = page["next"].as_str().map(str::to_owned);
        all.push(page);
        let Some(next) = next else { return all };
        path = format!("/api/v1/stock?limit=1000&after={}", next.replace(' ', "%20"));
    }
}

#[test]
fn two_stores_of_the_sample_come_to_the_file_s_figures_through_kills_and_a_new_hub() {
    let sheet = Sheet::december().unwrap();
    let expected = Expected::of(&sheet);
    assert_eq!(expected.totals.value().to_string(), "748957.02");
    let (one, mut runs_one) = shop(&sheet, "1/2");
    let (other, mut runs_other) = shop(&sheet, "2/2");
    let mut hub = Hub::new().unwrap();
    hub.join(&one, "shop").unwrap();
    hub.serve(&[]).unwrap();
    // The second store comes in while the hub serves.
    hub.join(&other, "shop").unwrap();
    until("the hub has both stores", || {
        let month = hub.get(MONTH)?;
        Ok(month["totals"][0]["salesValue"]["amount"] == "748957.02")
    })
    .unwrap();
    assert_are_the_oracles(&hub, &expected);
    let before = all(&hub);

    // What is sold now is there at once; killed, the hub comes back with all of it.
    hub.kill().unwrap();
    hub.serve(&[]).unwrap();
    assert_eq!(all(&hub), before);
    one.run(["--store", "shop", "sell", "POST@1.00"]).unwrap().succeeded().unwrap();
    hub.kill().unwrap();
    hub.serve(&[]).unwrap();
    until("the new sale is there", || Ok(all(&hub) != before)).unwrap();
    until("the stores' devices are connected", || {
        let devices = hub.get("/api/v1/devices")?;
        let devices = devices["devices"].as_array().unwrap().clone();
        Ok(devices.iter().filter(|device| device["connected"] == true).count() == 2)
    })
    .unwrap();
    hub.stop().unwrap();
    runs_one.stop().unwrap();
    runs_other.stop().unwrap();
    let told = hub.report().unwrap();

    // Deleted, and refilled from the stores.
    let mut again = Hub::new().unwrap();
    let folders = [one.folder().join("shop"), other.folder().join("shop")];
    again.run(["take".as_ref(), folders[0].as_os_str(), folders[1].as_os_str()]).unwrap();
    for (had, has) in told["stores"]
        .as_array()
        .unwrap()
        .iter()
        .zip(again.report().unwrap()["stores"].as_array().unwrap())
    {
        for figure in ["storeId", "sales", "returns", "salesValue", "exceptions"] {
            assert_eq!(had[figure], has[figure]);
        }
    }
    again.serve(&[]).unwrap();
    hub.serve(&[]).unwrap();
    assert_eq!(hub.get(MONTH).unwrap(), again.get(MONTH).unwrap());
    assert_eq!(stock(&hub), stock(&again));
}

#[test]
fn two_hubs_that_saw_half_of_the_stores_agree_after_they_exchange_entries() {
    let sheet = Sheet::december().unwrap().first_invoices(40);
    let shares = ["1/2", "2/2"].map(|share| {
        let (till, mut running) = shop(&sheet, share);
        running.stop().unwrap();
        till
    });
    let hubs = shares.each_ref().map(|till| {
        let hub = Hub::new().unwrap();
        hub.run(["take".as_ref(), till.folder().join("shop").as_os_str()]).unwrap();
        hub
    });
    let halves = hubs.each_ref().map(|hub| hub.report().unwrap());
    assert_ne!(halves[0], halves[1]);
    hubs[0].run(["take".as_ref(), hubs[1].folder().as_os_str()]).unwrap();
    hubs[1].run(["take".as_ref(), hubs[0].folder().as_os_str()]).unwrap();
    let both = hubs.each_ref().map(|hub| hub.report().unwrap());
    assert_eq!(both[0], both[1], "digests of what is held and of what it means, and all figures");
    assert_eq!(both[0]["stores"].as_array().unwrap().len(), 2);
    // Once more changes nothing.
    hubs[0].run(["take".as_ref(), hubs[1].folder().as_os_str()]).unwrap();
    assert_eq!(hubs[0].report().unwrap(), both[0]);
}

#[test]
fn a_hub_gets_from_another_hub_what_its_store_s_till_does_not_give_it_any_more() {
    let mut till = Member::found().unwrap();
    let products = till.till().folder().join("products.csv");
    std::fs::write(products, "sku,name,price\nMUG,Mug,2.50\n").unwrap();
    till.ask(["import", "products", "products.csv"]).unwrap();
    till.start(&["--no-discovery"]).unwrap();
    let (mut first, mut second) = (Hub::new().unwrap(), Hub::new().unwrap());
    first.join(till.till(), "shop").unwrap();
    second.join(till.till(), "shop").unwrap();
    first.serve(&[]).unwrap();
    till.ask(["sell", "MUG"]).unwrap();
    let sales = |hub: &Hub| -> Result<Value, _> {
        Ok(hub.get("/api/v1/reports/sales/daily")?["totals"][0]["sales"].clone())
    };
    until("the first hub has the sale", || Ok(sales(&first)? == 1)).unwrap();
    till.kill().unwrap();
    let store = first.get("/api/v1/stores").unwrap()["stores"][0]["storeId"].clone();
    let address = first.address(store.as_str().unwrap()).unwrap();
    second.serve(&["--peer", &address]).unwrap();
    until("the second hub has the sale", || Ok(sales(&second)? == 1)).unwrap();
    assert_eq!(first.get(MONTH).unwrap(), second.get(MONTH).unwrap());
    first.stop().unwrap();
    second.stop().unwrap();
    let reports = [first.report().unwrap(), second.report().unwrap()];
    assert_eq!(reports[0]["stores"][0]["heldDigest"], reports[1]["stores"][0]["heldDigest"]);
    assert_eq!(reports[0], reports[1]);
}
