//! What is checked once all agree: every promise that can be checked from what was seen.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{CartId, RecordId};
use pos_core::product::Sku;
use pos_core::transaction::SaleTransaction;
use replica::core::{Digest, Entry, EntryId, Exception, HeldBack, Moment};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::{FrameKind, Reads, Scanned, Stream};
use replica::verify::{Finding, verify};

use super::shop::Unmakeable;
use super::site::{Running, Site};
use super::witness::{Fact, Units, add, stock_of, units_of};
use super::world::World;

/// What one till makes of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    meaning: Digest,
    stock: Digest,
    kept_aside: Vec<(EntryId, HeldBack)>,
    exceptions: Vec<Exception>,
}

type Till = Node<MemoryStorage>;

fn meaning(node: &mut Till) -> Result<View, String> {
    let asked = node.query(|replica, disk| {
        let meaning = replica.meaning_digest(disk).map_err(|error| error.to_string())?;
        let exceptions = replica.exceptions(disk).map_err(|error| error.to_string())?;
        Ok::<_, String>((meaning, exceptions))
    });
    let (meaning, exceptions) = asked?;
    let stock = node.replica().stock_digest();
    let kept_aside = node.replica().held_back().map(|(id, reason)| (*id, reason.clone())).collect();
    Ok(View { meaning, stock, kept_aside, exceptions })
}

/// All transactions a till shows, by their receipts.
fn transactions(node: &mut Till) -> Result<BTreeMap<RecordId, SaleTransaction>, String> {
    let registers: Vec<_> =
        node.replica().books().registers().map(|(register, _)| register.clone()).collect();
    let mut all = BTreeMap::new();
    for register in registers {
        let last = node.replica().books().last_receipt(&register).unwrap_or(0);
        for counter in 1..=last {
            let found = node.query(|replica, disk| replica.by_receipt(disk, &register, counter));
            for recorded in found.map_err(|error| error.to_string())? {
                all.insert(recorded.id, recorded.transaction);
            }
        }
    }
    Ok(all)
}

/// Everything a disk holds, by entry.
fn entries(disk: &MemoryStorage, mut each: impl FnMut(Stream, &[u8])) {
    for stream in Stream::ALL {
        let mut next = 0;
        while next < disk.next_ordinal(stream) {
            let before = next;
            for item in disk.scan(stream, next, 1 << 20).unwrap_or_default() {
                match item {
                    Scanned::Frame(frame) => {
                        next = frame.ordinal + 1;
                        if frame.kind == FrameKind::Entry {
                            each(stream, &frame.payload);
                        }
                    }
                    Scanned::Damaged(damage) => next = damage.last + 1,
                }
            }
            if next == before {
                break;
            }
        }
    }
}

impl World {
    /// All checks of a store that has come to rest.
    pub(super) fn check_all(&mut self) -> Result<(), Unmakeable> {
        let core = self.core();
        if self.roster_is_gone(&core) {
            // They cannot agree, but each must still know its own disk.
            self.check_own_disks(&core);
            return Ok(());
        }
        let mut first: Option<(usize, View)> = None;
        for &site in &core {
            let Some(one) = self.sites.get_mut(site) else { continue };
            let rotten = one.is_rotten;
            let Some(Running { node, engine, .. }) = one.running_mut() else { continue };
            self.witness.stored(site, |feed, seq| engine.stored_on(feed, seq));
            let mine = match meaning(node) {
                Ok(mine) => mine,
                // What it holds of others is partly unreadable.
                Err(_) if rotten => continue,
                Err(error) => {
                    self.witness.complain("reads", format!("till {site}: {error}"));
                    continue;
                }
            };
            self.trace.absorb(&mine.meaning.to_bytes());
            match &first {
                _ if rotten => {}
                None => first = Some((site, mine)),
                Some((other, theirs)) if *theirs != mine => {
                    let what =
                        format!("tills {other} and {site} hold the same: {theirs:?}, {mine:?}");
                    self.witness.complain("one meaning", what.chars().take(3000).collect());
                }
                Some(_) => {}
            }
        }
        self.check_own_disks(&core);
        let Some((site, meaning)) = first else { return Ok(()) };
        self.check_books(site, &meaning)?;
        self.check_entries(&core);
        if self.config.reorder {
            self.check_orders(site, &meaning)?;
        }
        Ok(())
    }

    /// What a till that stands at a counter knows of its own disk.
    fn check_own_disks(&mut self, core: &[usize]) {
        for &site in core {
            let Some(one) = self.sites.get_mut(site) else { continue };
            if one.is_rotten || one.is_half_written {
                continue;
            }
            let Some(Running { node, .. }) = one.running_mut() else { continue };
            let report = node.query(|replica, disk| verify(replica, disk, &mut |_, _| {}));
            match report {
                Ok(report) => {
                    let bad = report.findings.iter().find(|finding| match finding {
                        Finding::Damaged { reason, .. } => {
                            !(reason.contains("unfinished") || reason.contains("torn"))
                        }
                        Finding::KeptAside { .. } | Finding::Exception { .. } => false,
                        Finding::Altered { .. }
                        | Finding::NotAnEntry { .. }
                        | Finding::ChainBroken { .. }
                        | Finding::BadSignature { .. }
                        | Finding::IndexDiffers { .. }
                        | Finding::StockDiffers { .. } => true,
                    });
                    if let Some(bad) = bad {
                        let is_stock = matches!(bad, Finding::StockDiffers { .. });
                        let checker = if is_stock { "published stock" } else { "verify" };
                        self.witness.complain(checker, format!("till {site}: {bad:?}"));
                    }
                }
                Err(error) => self.witness.complain("verify", format!("till {site}: {error}")),
            }
        }
    }

    fn check_books(&mut self, site: usize, meaning: &View) -> Result<(), Unmakeable> {
        let Some(one) = self.sites.get_mut(site) else { return Ok(()) };
        let Some(Running { node, .. }) = one.running_mut() else { return Ok(()) };
        let present = transactions(node)?;
        self.check_sales(&present, meaning);
        self.check_receipts(site, meaning);
        self.check_stock(site, &present);
        self.check_drawers(site, &present);
        self.check_cards(&present);
        self.check_carts(site, &present);
        self.check_exceptions(&present, meaning);
        Ok(())
    }

    /// No acknowledged sale is lost or changed; nothing is there that nobody rang up.
    fn check_sales(&mut self, present: &BTreeMap<RecordId, SaleTransaction>, meaning: &View) {
        let aside: BTreeSet<&EntryId> = meaning.kept_aside.iter().map(|(id, _)| id).collect();
        let mut wrong = Vec::new();
        for (id, seen) in &self.witness.seen {
            let Fact::Sale { sale, number } = &seen.what else { continue };
            match present.get(id) {
                Some(held) if *held == **sale => {}
                Some(_) => {
                    wrong.push(("sales unchanged", format!("receipt {number} is another one now")));
                }
                None if self.witness.is_excused(id) => {}
                None if aside.contains(id) => {
                    wrong.push(("sales counted", format!("receipt {number} is kept aside")));
                }
                None => {
                    let what = format!(
                        "receipt {number} of till {} was paid at {} s, on {} other tills, and is lost",
                        seen.site,
                        seen.at / 1000,
                        seen.stored_on
                    );
                    wrong.push(("no sale lost", what));
                }
            }
        }
        for (id, sale) in present {
            let key = sale.idempotency_key.as_ref().map(pos_core::ids::IdempotencyKey::as_str);
            let known = self.witness.seen.contains_key(id)
                || key.is_some_and(|key| self.witness.attempts.contains_key(key));
            if !known {
                let number = sale.receipt_counter;
                wrong.push((
                    "no sale invented",
                    format!("{}-{number} was never rung up", sale.register),
                ));
            }
        }
        for (checker, what) in wrong {
            self.witness.complain(checker, what);
        }
    }

    /// Receipt numbers have no gap and no double, but where a till was lost, put back or copied.
    fn check_receipts(&mut self, site: usize, meaning: &View) {
        let Some(one) = self.sites.get(site).and_then(Site::running) else { return };
        let mut wrong = Vec::new();
        for (register, _) in one.node.replica().books().registers() {
            let series = one.node.replica().books().gapless(register);
            if !series.gaps.is_empty() && !self.witness.may_lack.contains(register) {
                wrong.push(format!("{register} lacks {:?}", series.gaps));
            }
            if !series.duplicates.is_empty() && !self.witness.may_repeat.contains(register) {
                wrong.push(format!("{register} gave twice {:?}", series.duplicates));
            }
        }
        for exception in &meaning.exceptions {
            if let Exception::FeedForked { device, .. } = exception
                && !self.forked_devices.contains(device)
            {
                wrong.push(format!("{exception}"));
            }
        }
        for what in wrong {
            self.witness.complain("numbers", what);
        }
    }

    /// Whether something a till acknowledged is on the books of a healed store.
    fn counts(
        &self,
        id: &RecordId,
        present: &BTreeMap<RecordId, SaleTransaction>,
        site: usize,
    ) -> bool {
        if !self.witness.is_excused(id) || present.contains_key(id) {
            return true;
        }
        let Some(one) = self.sites.get(site).and_then(Site::running) else { return false };
        let node = &one.node;
        let held = node.replica().entry(node.storage(), *id);
        let aside = node.replica().held_back().any(|(other, _)| other == id);
        held.is_ok_and(|held| held.is_some()) && !aside
    }

    /// Stock is what was delivered less what was sold, by what was acknowledged.
    fn check_stock(&mut self, site: usize, present: &BTreeMap<RecordId, SaleTransaction>) {
        let mut expected = Units::new();
        for sale in present.values() {
            for (sku, moved) in stock_of(sale) {
                add(&mut expected, &sku, moved);
            }
        }
        let mut keys = BTreeSet::new();
        for (id, seen) in &self.witness.seen {
            let Fact::Adjustment { moved, key } = &seen.what else { continue };
            if self.counts(id, present, site) && keys.insert(key.clone()) {
                for (sku, moved) in moved {
                    add(&mut expected, sku, *moved);
                }
            }
        }
        let Some(one) = self.sites.get(site).and_then(Site::running) else { return };
        let replica = one.node.replica();
        for (key, attempt) in &self.witness.attempts {
            let Some(moved) = &attempt.adjustment else { continue };
            let Ok(key) = pos_core::ids::IdempotencyKey::new(key.clone()) else { continue };
            let done = replica.answered(one.node.storage(), &key);
            if done.is_ok_and(|done| done.is_some()) && keys.insert(key) {
                for (sku, moved) in moved {
                    add(&mut expected, sku, *moved);
                }
            }
        }
        let on_hand = replica.books().all_on_hand();
        let shown: Units = on_hand.map(|(sku, held)| (sku.clone(), held.thousandths())).collect();
        let skus: BTreeSet<&Sku> = expected.keys().chain(shown.keys()).collect();
        let of = |units: &Units, sku: &Sku| units.get(sku).copied().unwrap_or(0);
        let wrong: Vec<String> = skus
            .into_iter()
            .filter(|sku| of(&expected, sku) != of(&shown, sku))
            .map(|sku| format!("{sku}: {} on hand, not {}", of(&shown, sku), of(&expected, sku)))
            .collect();
        if !wrong.is_empty() {
            self.witness.complain("stock", wrong.join(", "));
        }
    }

    /// What should be in each drawer follows from what was acknowledged.
    fn check_drawers(&mut self, site: usize, present: &BTreeMap<RecordId, SaleTransaction>) {
        let shifts: Vec<RecordId> = self
            .witness
            .seen
            .iter()
            .filter(|(id, seen)| {
                matches!(seen.what, Fact::Shift { .. })
                    && !self.witness.uncertain_shifts.contains(id)
            })
            .map(|(id, _)| *id)
            .collect();
        // What was never answered may have been done all the same.
        let unanswered: BTreeSet<usize> =
            self.witness.attempts.values().map(|attempt| attempt.site).collect();
        let mut wrong = Vec::new();
        for shift in shifts {
            let of_site = self.witness.seen.get(&shift).map(|seen| seen.site);
            if of_site.is_some_and(|site| unanswered.contains(&site))
                || !self.counts(&shift, present, site)
            {
                continue;
            }
            let expected = self.witness.drawer(shift, |id| self.counts(id, present, site));
            let Some(one) = self.sites.get(site).and_then(Site::running) else { return };
            let shown = one.node.replica().books().x_report(shift);
            match (expected, shown) {
                (Some(expected), Ok(shown)) if shown.expected_cash.minor() != expected => {
                    let shown = shown.expected_cash.minor();
                    wrong.push(format!("shift {shift}: {shown} in the drawer, not {expected}"));
                }
                (Some(_), Err(error)) => {
                    let seen = self.witness.seen.get(&shift);
                    let seen = seen.map(|seen| (seen.site, seen.at, seen.stored_on, &seen.place));
                    wrong.push(format!("shift {shift}, {seen:?}: {error}"));
                }
                _ => {}
            }
        }
        for what in wrong {
            self.witness.complain("drawer", what);
        }
    }

    /// Every charge of a card is in one sale at most, and no sale has one that never was.
    fn check_cards(&mut self, present: &BTreeMap<RecordId, SaleTransaction>) {
        let mut used: BTreeMap<RecordId, u32> = BTreeMap::new();
        for payment in present.values().flat_map(|sale| &sale.payments) {
            if let Some(id) = payment.payment_id {
                *used.entry(id).or_default() += 1;
                if self.witness.charged.get(&id) != Some(&payment.tendered.minor()) {
                    let what = format!("payment {id} was not charged {}", payment.tendered);
                    self.witness.complain("cards", what);
                }
            }
        }
        for (id, times) in used.into_iter().filter(|(_, times)| *times > 1) {
            self.witness.complain("cards", format!("payment {id} is in {times} sales"));
        }
    }

    /// Every unit put into a cart is paid, or left, or was taken off by somebody who saw it; and a
    /// paid cart is closed for ever.
    fn check_carts(&mut self, site: usize, present: &BTreeMap<RecordId, SaleTransaction>) {
        let Some(one) = self.sites.get_mut(site) else { return };
        let Some(Running { node, .. }) = one.running_mut() else { return };
        let mut left: BTreeMap<CartId, Units> = BTreeMap::new();
        let Ok(open) = node.query(|replica, disk| replica.open_carts(disk)) else { return };
        let paid: BTreeSet<CartId> = present.values().map(|sale| sale.cart).collect();
        let mut wrong = Vec::new();
        for view in open {
            if paid.contains(&view.id) {
                wrong.push(("paid is closed", format!("cart {} is open again", view.id)));
            }
            let of = node.query(|replica, disk| replica.remainder(disk, view.id)).ok().flatten();
            let root = of.map_or(view.id, |remainder| remainder.of);
            let root = self.witness.root(root);
            for (sku, units) in units_of(&view) {
                add(left.entry(root).or_default(), &sku, units);
            }
        }
        for sale in present.values() {
            let root = self.witness.root(sale.cart);
            for item in sale.items.iter().filter(|item| item.returns.is_none()) {
                let units = item.quantity.thousandths().abs();
                add(left.entry(root).or_default(), &item.product.sku, units);
            }
        }
        for (cart, seen) in self.witness.carts.iter().filter(|(_, seen)| !seen.dented) {
            if seen.edited.keys().any(|site| self.witness.is_shut_out(*site)) {
                continue;
            }
            for (sku, added) in &seen.added {
                let removed = seen.removed.get(sku).copied().unwrap_or(0);
                let found = left.get(cart).and_then(|left| left.get(sku)).copied().unwrap_or(0);
                if found + removed < *added {
                    let what = format!(
                        "cart {cart}, {sku}: {added} added, {removed} taken off, {found} paid or left"
                    );
                    wrong.push(("units", what));
                }
            }
        }
        for (checker, what) in wrong {
            self.witness.complain(checker, what);
        }
    }

    /// What nothing can forbid is shown as one exception.
    fn check_exceptions(&mut self, present: &BTreeMap<RecordId, SaleTransaction>, meaning: &View) {
        let mut payers: BTreeMap<CartId, usize> = BTreeMap::new();
        for sale in present.values() {
            *payers.entry(sale.cart).or_default() += 1;
        }
        let shown: BTreeMap<CartId, usize> = meaning
            .exceptions
            .iter()
            .filter_map(|exception| match exception {
                Exception::CartPaidTwice { cart, times } => Some((*cart, *times)),
                _ => None,
            })
            .collect();
        payers.retain(|_, times| *times > 1);
        if payers != shown {
            let what = format!("carts paid twice: {payers:?}, shown: {shown:?}");
            self.witness.complain("exceptions", what);
        }
        for exception in &meaning.exceptions {
            let (Exception::OutgrewItsSeal { device, .. } | Exception::SealedTwice { device, .. }) =
                exception
            else {
                continue;
            };
            let of_device = self.sites.iter().find(|one| one.device == *device);
            // Nobody has put that till back, or copied it: what others have of it was never safe there.
            if of_device.is_some_and(|one| !self.witness.may_repeat.contains(&one.register)) {
                self.witness.complain("exceptions", format!("without a cause: {exception}"));
            }
        }
        let ids: BTreeSet<[u8; 16]> = meaning.exceptions.iter().map(Exception::id).collect();
        if ids.len() != meaning.exceptions.len() {
            self.witness.complain("exceptions", "two exceptions bear one id".to_owned());
        }
    }

    /// What is held of a till is what that till wrote, byte for byte.
    fn check_entries(&mut self, core: &[usize]) {
        let mut written: BTreeMap<EntryId, [u8; 32]> = BTreeMap::new();
        let mut wrong = Vec::new();
        for own in [true, false] {
            for &site in core {
                let Some(one) = self.sites.get(site) else { continue };
                let Some(running) = one.running() else { continue };
                entries(running.node.storage(), |stream, bytes| {
                    if (stream != Stream::Others) != own {
                        return;
                    }
                    let Ok(entry) = Entry::decode(bytes) else { return };
                    let hash = *blake3::hash(bytes).as_bytes();
                    let first = written.entry(entry.id()).or_insert(hash);
                    let blank = entry.bodies().iter().any(Option::is_none);
                    if *first != hash || blank {
                        wrong.push(format!("till {site} holds another {}", entry.id()));
                    }
                });
            }
        }
        if let Some(what) = wrong.into_iter().next() {
            self.witness.complain("entries unchanged", what);
        }
    }

    /// The same entries in other orders come to the same.
    fn check_orders(&mut self, site: usize, expected: &View) -> Result<(), Unmakeable> {
        let Some(one) = self.sites.get(site).and_then(Site::running) else { return Ok(()) };
        let store = one.node.replica().store_id().ok_or("no store")?;
        let mut feeds: BTreeMap<_, BTreeMap<u64, Vec<u8>>> = BTreeMap::new();
        let mut forks: Vec<Vec<Vec<u8>>> = Vec::new();
        entries(one.node.storage(), |_, bytes| {
            if let Ok(entry) = Entry::decode(bytes) {
                let feed = feeds.entry(entry.header().feed).or_default();
                let other = feed.insert(entry.header().seq, bytes.to_vec());
                forks.extend(other.filter(|other| other != bytes).map(|other| vec![other]));
            }
        });
        let wall = pos_core::business_date::WallTime::from_millis(0);
        let at = Moment { monotonic_ms: 1_000, wall };
        let disk = MemoryStorage::new(self.options()).map_err(|error| error.to_string())?;
        let identity = replica::core::Identity::new(self.draws.ids.bytes(), [1; 8]);
        let mut node = Node::start(identity, disk).map_err(|error| error.to_string())?;
        node.join(store).map_err(|error| error.to_string())?;
        let mut left: Vec<Vec<Vec<u8>>> =
            feeds.into_values().map(|feed| feed.into_values().collect()).chain(forks).collect();
        while !left.is_empty() {
            let index = self.draws.workload.index(left.len());
            let Some(feed) = left.get_mut(index) else { break };
            let count = 1 + self.draws.workload.index(feed.len().min(64));
            let window: Vec<Vec<u8>> = feed.drain(..count.min(feed.len())).collect();
            let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
            while node.rebuild_step(at) {}
            if let Err(error) = node.ingest(at, &window) {
                self.witness.complain("any order", format!("refused: {error}"));
                return Ok(());
            }
            left.retain(|feed| !feed.is_empty());
        }
        while node.rebuild_step(at) {}
        let found = meaning(&mut node)?;
        if found != *expected {
            let what = format!("in another order it comes to {found:?}, not {expected:?}");
            self.witness.complain("any order", what.chars().take(3000).collect());
        }
        Ok(())
    }
}
