//! Who belongs to a store, from the command line: the recovery phrase, devices, revocations.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use tests::tillmesh::{Run, Till};

fn json(run: Run) -> Value {
    run.succeeded().unwrap().json().unwrap()
}

/// Founds a store in `shop` and gives its phrase.
fn founded(till: &Till) -> String {
    let init = json(till.run(["--store", "shop", "--json", "init", "--name", "Corner"]).unwrap());
    let phrase = init["recovery_phrase"].as_str().unwrap().to_owned();
    assert_eq!(phrase.split(' ').count(), 12);
    phrase
}

#[test]
fn the_phrase_is_shown_once_and_is_nowhere_in_the_folder() {
    let till = Till::new().unwrap();
    let shown = till.run(["--store", "shop", "init"]).unwrap().succeeded().unwrap().stdout;
    let words: Vec<&str> = shown
        .lines()
        .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        .flat_map(str::split_whitespace)
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    assert_eq!(words.len(), 12, "{shown}");
    let again = till.run(["--store", "shop", "init"]).unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(!again.stdout.contains(words[0]) && !again.stderr.contains("RECOVERY"), "{again:?}");
    let phrase = words.join(" ");
    for file in ["files/device.key", "journal/ledger/00000000000000000000.seg"] {
        let bytes = std::fs::read(till.folder().join("shop").join(file)).unwrap();
        let found = bytes.windows(phrase.len()).any(|window| window == phrase.as_bytes());
        assert!(!found, "{file}");
    }
}

#[test]
fn a_new_tablet_with_the_phrase_and_a_copy_takes_over_and_shuts_the_lost_till_out() {
    let till = Till::new().unwrap();
    let phrase = founded(&till);
    std::fs::write(till.folder().join("products.csv"), "sku,name,price\nTEA,Tea,2.50\n").unwrap();
    let import = ["--store", "shop", "import", "products", "products.csv"];
    till.run(import).unwrap().succeeded().unwrap();
    till.run(["--store", "shop", "sell", "TEA"]).unwrap().succeeded().unwrap();
    let sales =
        |store: &str| json(till.run(["--store", store, "--json", "report", "sales"]).unwrap());
    let before = sales("shop");
    let take_over =
        ["--store", "tablet", "--json", "recover", "--from", "shop", "--name", "Tablet"];
    let take_over = || take_over.into_iter().chain(["--revoke", "Till 1"]);
    let wrong = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";
    let refused = till.run_with_input(take_over(), wrong).unwrap();
    assert_eq!(refused.json().unwrap()["error"]["kind"], "recover");
    let refused = till.run_with_input(take_over(), "twelve words are not these").unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let recovered = json(till.run_with_input(take_over(), &phrase.replace(' ', "\n")).unwrap());
    assert_eq!(recovered["role"], "manager");
    assert_eq!(sales("tablet")["total"], before["total"], "what the lost till sold still counts");
    let listed = json(till.run(["--store", "tablet", "--json", "devices"]).unwrap());
    let devices = listed["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert_eq!(device["role"], "manager");
        let lost = device["name"] == "Till 1";
        assert_eq!((&device["revoked"], &device["founder"]), (&lost.into(), &lost.into()));
        assert_eq!(device["this_device"], !lost);
    }
    // The lost till has not heard of it and sells on; its copy comes to light later.
    till.run(["--store", "shop", "sell", "TEA"]).unwrap().succeeded().unwrap();
    let late = ["--store", "tablet", "--json", "recover", "--from", "shop"];
    let fetched = json(till.run_with_input(late, &phrase).unwrap());
    assert!(fetched["fetched_entries"].as_u64().unwrap() > 0, "{fetched}");
    let nothing = till.run_with_input(["--store", "tablet", "--json", "recover"], &phrase).unwrap();
    assert_eq!(nothing.json().unwrap()["error"]["kind"], "nothing", "{nothing:?}");
    assert_eq!(sales("tablet")["total"], before["total"], "it is in no total");
    let listed = json(till.run(["--store", "tablet", "--json", "devices"]).unwrap());
    let kept = listed["kept_aside"].as_array().unwrap();
    let sum: u64 = kept.iter().map(|feed| feed["sales"].as_u64().unwrap()).sum();
    assert_eq!(sum, 1, "{listed}");
    let text = till.run(["--store", "tablet", "devices"]).unwrap().succeeded().unwrap().stdout;
    assert!(text.contains("SHUT OUT") && text.contains("1 sales (2.50 GBP)"), "{text}");
}

#[test]
fn a_revocation_asks_first_and_one_managers_word_about_a_manager_waits() {
    let till = Till::new().unwrap();
    let phrase = founded(&till);
    let join = ["--store", "tablet", "--json", "recover", "--from", "shop", "--name", "Tablet"];
    json(till.run_with_input(join, &phrase).unwrap());
    let ask = till.run(["--store", "tablet", "revoke", "Till 1"]).unwrap();
    assert_eq!(ask.status.code(), Some(2));
    assert!(ask.stderr.contains("will be shut out"), "{}", ask.stderr);
    let said =
        json(till.run(["--store", "tablet", "--json", "revoke", "till 1", "--yes"]).unwrap());
    assert_eq!((&said["revoked"], &said["pending"]), (&false.into(), &true.into()));
    let listed = json(till.run(["--store", "tablet", "--json", "devices"]).unwrap());
    assert_eq!(listed["pending"][0]["change"], "revokeManager");
    let text = till.run(["--store", "tablet", "devices"]).unwrap().succeeded().unwrap().stdout;
    assert!(text.contains("a second manager has to"), "{text}");
    let unknown = till.run(["--store", "tablet", "revoke", "Till 9", "--yes"]).unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(unknown.stderr.contains("tillmesh devices"), "{}", unknown.stderr);
}
