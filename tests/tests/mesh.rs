//! Real tills of one store, each a process: cut off from each other, together again, found by
//! multicast, shut out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::Value;
use tests::store::{Member, agree, until};

const PRODUCTS: &str = "sku,name,price\nMUG,Mug,2.50\nTEA,Tea,1.20\nCAKE,Cake,3.00\nJAM,Jam,4.00\n";
/// It reaches nobody and nobody reaches it.
const ALONE: [&str; 2] = ["--no-discovery", "--only-peers"];

/// A founder with products, running alone.
fn founder() -> Member {
    let mut member = Member::found().unwrap();
    std::fs::write(member.till().folder().join("products.csv"), PRODUCTS).unwrap();
    member.ask(["import", "products", "products.csv"]).unwrap();
    member.start(&ALONE).unwrap();
    member
}

fn sell(member: &Member, item: &str, times: usize) {
    for _ in 0..times {
        member.ask(["sell", item]).unwrap();
    }
}

/// Starts all of them, each told where those before it are, and waits until all have met.
fn start_together(members: &mut [&mut Member]) {
    let mut addresses: Vec<String> = Vec::new();
    for member in members.iter_mut() {
        member.stop().unwrap();
        let mut how = vec!["--no-discovery"];
        for address in &addresses {
            how.extend(["--peer", address]);
        }
        member.start(&how).unwrap();
        addresses.push(member.address());
    }
    for member in members.iter() {
        until("all have met", || Ok(member.peers()? == members.len() - 1)).unwrap();
    }
}

fn on_hand(member: &Member, sku: &str) -> String {
    member.ask(["stock", sku]).unwrap()["stock"][0]["onHand"].as_str().unwrap().to_owned()
}

fn sales(member: &Member) -> (u64, Value) {
    let report = member.ask(["report", "sales"]).unwrap();
    (report["sales"]["count"].as_u64().unwrap(), report["total"].clone())
}

/// Puts a line into a cart and leaves it unpaid: a penny is too little.
fn add_unpaid(member: &Member, words: &[&str]) {
    let words = ["sell"].into_iter().chain(words.iter().copied()).chain(["--cash", "0.01"]);
    let run = member.run(words).unwrap();
    assert_eq!(run.status.code(), Some(1), "{run:?}");
}

fn assert_sound(member: &Member) {
    assert_eq!(member.ask(["verify"]).unwrap()["passed"], true);
    let status = member.ask(["status"]).unwrap();
    let stock = &status["stock_counters"];
    assert_eq!(stock["compared"], true, "{stock}");
    for what in ["left_out", "differences"] {
        assert_eq!(stock[what], Value::Array(Vec::new()), "{stock}");
    }
    assert_eq!(status["kept_aside"], 0, "{status}");
    let shown = member.till().run(["--store", "shop", "status"]).unwrap().succeeded().unwrap();
    assert!(shown.stdout.contains("agree with the books"), "{}", shown.stdout);
}

#[test]
fn tills_that_were_apart_come_to_the_same_stock_customer_and_cart() {
    let mut first = founder();
    let ada = first.ask(["customer", "add", "--name", "Ada"]).unwrap();
    let ada = ada["customer"].as_str().unwrap().to_owned();
    add_unpaid(&first, &["JAM", "--label", "table 4"]);
    let cart = first.ask(["carts"]).unwrap()["carts"][0]["cart"].as_str().unwrap().to_owned();
    let mut second = first.let_in("Till 2").unwrap();
    let mut third = first.let_in("Till 3").unwrap();
    first.stop().unwrap();
    second.start(&ALONE).unwrap();
    third.start(&ALONE).unwrap();

    sell(&second, "MUG", 30);
    sell(&third, "MUG", 40);
    second.ask(["customer", "edit", &ada, "--phone", "020 7946 0958"]).unwrap();
    third.ask(["customer", "edit", &ada, "--email", "ada@example.com"]).unwrap();
    add_unpaid(&second, &["--cart", &cart, "TEA"]);
    add_unpaid(&third, &["--cart", &cart, "CAKE"]);
    assert_eq!((on_hand(&second, "MUG"), on_hand(&third, "MUG")), ("-30".into(), "-40".into()));
    assert_eq!((second.peers().unwrap(), third.peers().unwrap()), (0, 0), "nobody has met");

    start_together(&mut [&mut first, &mut second, &mut third]);
    agree(&[&first, &second, &third]).unwrap();
    for member in [&first, &second, &third] {
        assert_eq!(on_hand(member, "MUG"), "-70");
        assert_eq!(sales(member), (70, sales(&first).1));
        let customer = member.ask(["customer", "show", &ada]).unwrap();
        assert_eq!(customer["phone"], "020 7946 0958");
        assert_eq!(customer["email"], "ada@example.com");
        let carts = member.ask(["carts"]).unwrap();
        assert_eq!(carts["carts"].as_array().unwrap().len(), 1, "{carts}");
        assert_eq!(
            (&carts["carts"][0]["lines"], &carts["carts"][0]["cart"]),
            (&3.into(), &cart.clone().into())
        );
        assert_sound(member);
    }
    // Paid once, by a till that put nothing in it, with what all three put in it.
    first.ask(["sell", "--cart", &cart]).unwrap();
    agree(&[&first, &second, &third]).unwrap();
    for member in [&first, &second, &third] {
        for sku in ["JAM", "TEA", "CAKE"] {
            assert_eq!(on_hand(member, sku), "-1", "{sku}");
        }
        assert_eq!(member.ask(["carts"]).unwrap()["carts"], Value::Array(Vec::new()));
        assert_sound(member);
    }
}

#[test]
fn a_till_says_which_cart_it_has_open_until_it_is_paid() {
    let mut first = founder();
    let mut second = first.let_in("Till 2").unwrap();
    start_together(&mut [&mut first, &mut second]);
    add_unpaid(&first, &["JAM"]);
    let device = first.ask(["status"]).unwrap()["device"].clone();
    let seen = |wanted: &dyn Fn(&Value) -> bool| {
        for _ in 0..200 {
            let carts = second.ask(["carts"]).unwrap()["carts"].clone();
            if wanted(&carts) {
                return carts;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{}", second.ask(["carts"]).unwrap());
    };
    let open = seen(&|carts| carts[0]["open_on"].as_array().is_some_and(|on| !on.is_empty()));
    assert_eq!(open[0]["open_on"][0]["device"], device);
    let own = first.ask(["carts"]).unwrap();
    assert_eq!(own["carts"][0]["open_on"], Value::Array(Vec::new()), "it does not tell itself");
    // Another one opens, and a suspended one is open nowhere: the hint follows.
    let cart = open[0]["cart"].as_str().unwrap().to_owned();
    first.ask(["sell", "--cart", &cart]).unwrap();
    seen(&|carts| carts.as_array().is_some_and(Vec::is_empty));
}

#[test]
fn tills_find_each_other_by_multicast() {
    let mut first = Member::found().unwrap();
    std::fs::write(first.till().folder().join("products.csv"), PRODUCTS).unwrap();
    first.ask(["import", "products", "products.csv"]).unwrap();
    first.start(&[]).unwrap();
    let mut second = first.let_in("Till 2").unwrap();
    second.start(&[]).unwrap();
    for member in [&first, &second] {
        until("they have found each other", || Ok(member.peers()? == 1)).unwrap();
        sell(member, "TEA", 2);
    }
    agree(&[&first, &second]).unwrap();
    assert_eq!(on_hand(&first, "TEA"), "-4");
    assert_sound(&second);
}

#[test]
fn a_till_that_is_killed_while_it_shares_comes_back_and_agrees() {
    let mut first = founder();
    let mut second = first.let_in("Till 2").unwrap();
    start_together(&mut [&mut first, &mut second]);
    sell(&second, "MUG", 3);
    second.kill().unwrap();
    sell(&first, "MUG", 4);
    second.start(&["--no-discovery", "--peer", &first.address()]).unwrap();
    sell(&second, "MUG", 1);
    agree(&[&first, &second]).unwrap();
    for member in [&first, &second] {
        assert_eq!(on_hand(member, "MUG"), "-8");
        assert_sound(member);
    }
}

#[test]
fn a_till_that_is_shut_out_is_cut_off_at_once_and_hears_that_it_is() {
    let mut first = founder();
    let mut second = first.let_in("Till 2").unwrap();
    let mut third = first.let_in("Till 3").unwrap();
    start_together(&mut [&mut first, &mut second, &mut third]);
    sell(&third, "MUG", 2);
    agree(&[&first, &second, &third]).unwrap();
    let revoked = first.ask(["revoke", "Till 3", "--yes"]).unwrap();
    assert_eq!((&revoked["revoked"], &revoked["pending"]), (&true.into(), &false.into()));
    for member in [&first, &second] {
        until("the third till is cut off", || Ok(member.peers()? == 1)).unwrap();
    }
    until("the third till is alone", || Ok(third.peers()? == 0)).unwrap();
    // It may have been told before it was cut off, and then says so; what it sells is its own affair.
    let sold = third.run(["sell", "MUG"]).unwrap();
    let told = sold.json().unwrap()["error"]["message"].as_str().map(str::to_owned);
    assert!(
        sold.status.success() || told.is_some_and(|why| why.contains("not part of the store")),
        "{sold:?}"
    );
    sell(&second, "MUG", 1);
    agree(&[&first, &second]).unwrap();
    for member in [&first, &second] {
        assert_eq!((sales(member).0, on_hand(member, "MUG")), (3, "-3".to_owned()));
        assert_eq!(member.peers().unwrap(), 1);
        assert_sound(member);
    }
}

#[test]
fn a_till_that_was_away_when_it_was_shut_out_sells_for_itself_and_is_let_in_nowhere() {
    let mut first = founder();
    let mut second = first.let_in("Till 2").unwrap();
    let mut third = first.let_in("Till 3").unwrap();
    start_together(&mut [&mut first, &mut second]);
    third.start(&ALONE).unwrap();
    sell(&third, "MUG", 3);
    first.ask(["revoke", "Till 3", "--yes"]).unwrap();
    sell(&second, "MUG", 1);
    agree(&[&first, &second]).unwrap();
    third.stop().unwrap();
    let peers = [first.address(), second.address()];
    third.start(&["--no-discovery", "--peer", &peers[0], "--peer", &peers[1]]).unwrap();
    sell(&third, "MUG", 1);
    sell(&second, "MUG", 1);
    agree(&[&first, &second]).unwrap();
    for member in [&first, &second] {
        assert_eq!((sales(member).0, on_hand(member, "MUG")), (2, "-2".to_owned()));
        assert_eq!(member.peers().unwrap(), 1);
        assert_sound(member);
    }
    assert_eq!((sales(&third).0, third.peers().unwrap()), (4, 0), "what it sold for itself");
}
