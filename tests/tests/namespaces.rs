//! Real QUIC between network namespaces, over a relay that makes the weather: loss, delay, order,
//! repeats, noise, cuts one way and both, another address in the middle of a session. Skipped, and
//! said so, where namespaces cannot be made.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use tests::namespaces::{FIRST, Lab, RELAY, Road};
use tests::store::{Member, agree, until};

const PRODUCTS: &str = "sku,name,price\nMUG,Mug,2.50\n";

struct Shop {
    // Before the namespaces they live in.
    first: Member,
    second: Member,
    road: Road,
    lab: Lab,
    sold: u64,
}

impl Shop {
    fn open(lab: Lab) -> Self {
        let first = Member::found().unwrap();
        std::fs::write(first.till().folder().join("products.csv"), PRODUCTS).unwrap();
        first.ask(["import", "products", "products.csv"]).unwrap();
        let second = first.let_in("Till 2").unwrap();
        let road = lab.relay(env!("CARGO_BIN_EXE_relay"), 7).unwrap();
        let mut shop = Self { first, second, road, lab, sold: 0 };
        let [a, _, _] = shop.lab.names().clone();
        let how = ["--listen", FIRST, "--no-discovery", "--only-peers"];
        shop.first.start_in(&a, &how).unwrap();
        shop
    }

    fn start_second(&mut self) {
        let [_, _, b] = self.lab.names().clone();
        let how = ["--listen", "10.99.2.2:7000", "--no-discovery", "--only-peers", "--peer", RELAY];
        self.second.start_in(&b, &how).unwrap();
    }

    fn sell(&mut self, on_first: u64, on_second: u64) {
        for (member, times) in [(&self.first, on_first), (&self.second, on_second)] {
            for _ in 0..times {
                member.ask(["sell", "MUG"]).unwrap();
                self.sold += 1;
            }
        }
    }

    fn weather(&mut self, weather: &str) {
        println!("{weather:?}; so far {}", self.road.tell(weather).unwrap());
    }

    fn connected(&self) -> bool {
        self.first.peers().unwrap() == 1 && self.second.peers().unwrap() == 1
    }

    /// Both have every sale, once.
    fn agrees(&self) {
        let count = |member: &Member| {
            member.ask(["report", "sales"]).unwrap()["sales"]["count"].as_u64().unwrap()
        };
        until("both have every sale", || {
            Ok(count(&self.first) == self.sold && count(&self.second) == self.sold)
        })
        .unwrap();
        agree(&[&self.first, &self.second]).unwrap();
    }
}

#[test]
fn tills_on_a_bad_road_come_to_the_same() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => {
            println!("skipped: no network namespaces here ({why})");
            return;
        }
    };
    match lab.has_netem() {
        Ok(()) => println!("netem: in this kernel, not used; the relay makes the weather"),
        Err(why) => println!("netem: not in this kernel ({why}); the relay makes the weather"),
    }
    let mut shop = Shop::open(lab);

    println!("== both sell apart, then meet over 300 ms and 30 % loss");
    shop.sell(8, 0);
    shop.weather("delay 150 jitter 40 loss 300");
    shop.start_second();
    shop.sell(0, 5);
    until("they have met", || Ok(shop.connected())).unwrap();
    shop.sell(2, 2);
    shop.agrees();

    println!("== repeats, noise, and datagrams that overtake each other");
    shop.weather("delay 10 jitter 60 duplicate 300 corrupt 50");
    shop.sell(5, 5);
    shop.agrees();

    println!("== the road is cut while the second till catches up");
    shop.second.stop().unwrap();
    shop.weather("");
    shop.sell(40, 0);
    shop.weather("delay 5");
    shop.start_second();
    shop.weather("cut-there cut-back");
    shop.sell(3, 3);
    std::thread::sleep(std::time::Duration::from_secs(4));
    shop.weather("delay 5");
    shop.agrees();

    println!("== the relay speaks from another port: a session goes on");
    until("they have met", || Ok(shop.connected())).unwrap();
    shop.weather("rebind");
    shop.sell(3, 3);
    shop.agrees();

    println!("== only one way is open, then both");
    shop.weather("cut-back");
    shop.sell(2, 2);
    std::thread::sleep(std::time::Duration::from_secs(2));
    shop.weather("delay 5");
    shop.agrees();

    println!("== packets of 1,280 bytes, the least that IPv6 allows");
    shop.second.stop().unwrap();
    shop.lab.set_mtu(1_280).unwrap();
    shop.sell(20, 0);
    shop.start_second();
    shop.agrees();
    shop.weather("");

    for member in [&shop.first, &shop.second] {
        assert_eq!(member.ask(["verify"]).unwrap()["passed"], true);
        let report = member.ask(["report", "sales"]).unwrap();
        assert_eq!(report["receipts_gapless"], true);
    }
    let Shop { first, second, road, .. } = &mut shop;
    second.stop().unwrap();
    first.stop().unwrap();
    println!("{}", road.tell("").unwrap());
}
