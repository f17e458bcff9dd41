//! The witness: what cashiers and customers saw, and nothing else. It knows no entry, no feed, no
//! digest: answers of commands alone, and what happened to the machines.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::cart::CartView;
use pos_core::ids::{CartId, IdempotencyKey, RecordId, RegisterId};
use pos_core::product::{ProductKind, Sku};
use pos_core::report::ZReport;
use pos_core::store::StoreSettings;
use pos_core::transaction::{SaleTransaction, TenderKind};
use replica::core::{Completed, FeedId};

use super::arithmetic;
use super::limits::FLOOR_UNFLUSHED_MS;

/// Thousandths of a unit, by product.
pub(super) type Units = BTreeMap<Sku, i64>;

/// Where an own entry stands, to ask on how many devices it is stored.
pub(super) type Place = Option<(FeedId, u64)>;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Who noticed.
    pub checker: &'static str,
    /// What.
    pub what: String,
}

/// Something that was acknowledged, at a till.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) site: usize,
    pub(super) at: u64,
    pub(super) place: Place,
    /// On how many other devices the screen has said it is stored, at most.
    pub(super) stored_on: usize,
    pub(super) what: Fact,
}

/// What was acknowledged.
#[derive(Debug, Clone)]
pub(super) enum Fact {
    Sale { sale: Box<SaleTransaction>, number: String },
    Adjustment { moved: Units, key: IdempotencyKey },
    CashMove { shift: RecordId, drawer: i64 },
    Shift { float: i64 },
    Other,
}

/// A command that was sent and never answered: it may have been done.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) site: usize,
    pub(super) adjustment: Option<Units>,
}

/// The units of a cart, as cashiers saw them come and go.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenCart {
    pub(super) added: Units,
    pub(super) removed: Units,
    /// Who has edited it, and when last.
    pub(super) edited: BTreeMap<usize, u64>,
    /// Some of what was done to it may be gone: it was not flushed, or its till is lost.
    pub(super) dented: bool,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) seen: BTreeMap<RecordId, Seen>,
    pub(super) attempts: BTreeMap<String, Attempt>,
    pub(super) carts: BTreeMap<CartId, SeenCart>,
    /// Whose cart a remainder is.
    pub(super) root_of: BTreeMap<CartId, CartId>,
    /// What no surviving device was said to store, and what a revoked till wrote.
    pub(super) excused: BTreeSet<RecordId>,
    /// Card payments the reader has charged and not given back.
    pub(super) charged: BTreeMap<RecordId, i64>,
    pub(super) uncertain_shifts: BTreeSet<RecordId>,
    /// Registers whose tills were put back or copied: their numbers may come twice.
    pub(super) may_repeat: BTreeSet<RegisterId>,
    /// Registers of which receipts may be gone with their till.
    pub(super) may_lack: BTreeSet<RegisterId>,
    pub(super) violations: Vec<Violation>,
    /// Sales a customer may come back with.
    pub(super) receipts: Vec<RecordId>,
    /// Z reports seen.
    pub(super) reports: u64,
    last_number: BTreeMap<(usize, RegisterId), u64>,
    shut_out: BTreeMap<usize, u64>,
    lost_sites: BTreeSet<usize>,
    losses: usize,
    /// Copies that went bad on a disk, by what was acknowledged.
    bad_copies: BTreeMap<RecordId, usize>,
    pub(super) settings: Option<StoreSettings>,
}

/// Adds units to a sum.
pub(super) fn add(sum: &mut Units, sku: &Sku, thousandths: i64) {
    *sum.entry(sku.clone()).or_default() += thousandths;
}

/// What a cart holds.
pub(super) fn units_of(view: &CartView) -> Units {
    let mut units = Units::new();
    for line in view.live_lines() {
        add(&mut units, &line.product.sku, line.quantity.thousandths());
    }
    units
}

/// How a transaction moves stock.
pub(super) fn stock_of(sale: &SaleTransaction) -> Units {
    let mut units = Units::new();
    for item in sale.items.iter().filter(|item| item.product.kind == ProductKind::Stocked) {
        add(&mut units, &item.product.sku, -item.quantity.thousandths());
    }
    units
}

/// What a transaction puts into the drawer.
pub(super) fn cash_of(sale: &SaleTransaction) -> i64 {
    let cash = sale.payments.iter().filter(|one| one.kind == TenderKind::Cash);
    cash.map(|one| one.tendered.minor() - one.change.minor()).sum()
}

impl Witness {
    /// Notes a broken promise.
    pub(super) fn complain(&mut self, checker: &'static str, what: String) {
        self.violations.push(Violation { checker, what });
    }

    /// A till has acknowledged something.
    pub(super) fn saw(&mut self, id: RecordId, site: usize, at: u64, place: Place, what: Fact) {
        self.seen.insert(id, Seen { site, at, place, stored_on: 0, what });
    }

    /// A till said "paid".
    pub(super) fn paid(
        &mut self,
        site: usize,
        at: u64,
        place: Place,
        key: &str,
        done: &Completed,
        repeated: bool,
    ) {
        self.attempts.remove(key);
        let Completed { id, number, transaction } = done;
        let shown = number.to_string();
        if let Some(Seen { what: Fact::Sale { sale, number }, .. }) = self.seen.get(id) {
            if **sale != *transaction || *number != shown {
                self.complain("sales unchanged", format!("{shown} was answered differently"));
            }
            return;
        }
        if let Some(settings) = &self.settings
            && let Some(fault) = arithmetic::fault(transaction, settings)
        {
            self.complain("money balances", format!("receipt {shown}: {fault}"));
        }
        let series = (site, transaction.register.clone());
        let last = self.last_number.get(&series).copied().unwrap_or(0);
        if transaction.receipt_counter <= last && !repeated {
            let register = &transaction.register;
            if !self.may_repeat.contains(register) {
                self.complain("numbers rise", format!("receipt {shown} after number {last}"));
            }
        }
        self.last_number.insert(series, transaction.receipt_counter);
        let sale = Box::new(transaction.clone());
        self.saw(*id, site, at, place, Fact::Sale { sale, number: shown });
    }

    /// A shift was closed with this report.
    pub(super) fn closed(&mut self, report: &ZReport) {
        let shift = report.figures.shift;
        let expected = self.drawer(shift, |_| true);
        let printed = report.figures.expected_cash.minor();
        let certain = !self.uncertain_shifts.contains(&shift)
            && !self.may_repeat.contains(&report.figures.register);
        if let Some(expected) = expected.filter(|_| certain)
            && expected != printed
        {
            let what = format!("Z {}: drawer {printed}, not {expected}", report.number);
            self.complain("drawer", what);
        }
        self.reports += 1;
    }

    /// What should be in the drawer of a shift, by the facts that `counts` lets in.
    pub(super) fn drawer(
        &self,
        shift: RecordId,
        counts: impl Fn(&RecordId) -> bool,
    ) -> Option<i64> {
        let Some(Seen { what: Fact::Shift { float }, .. }) = self.seen.get(&shift) else {
            return None;
        };
        let mut cash = *float;
        for (_, seen) in self.seen.iter().filter(|(id, _)| counts(id)) {
            match &seen.what {
                Fact::Sale { sale, .. } if sale.shift == shift => cash += cash_of(sale),
                Fact::CashMove { shift: of, drawer } if *of == shift => cash += drawer,
                _ => {}
            }
        }
        Some(cash)
    }

    /// A cart was edited: what it held before and holds now, as its till shows it.
    pub(super) fn edited(
        &mut self,
        site: usize,
        at: u64,
        cart: CartId,
        before: &Units,
        now: &Units,
    ) {
        let root = self.root(cart);
        let seen = self.carts.entry(root).or_default();
        seen.edited.insert(site, at);
        let skus: BTreeSet<&Sku> = before.keys().chain(now.keys()).collect();
        for sku in skus {
            let was = before.get(sku).copied().unwrap_or(0);
            let is = now.get(sku).copied().unwrap_or(0);
            if is > was {
                add(&mut seen.added, sku, is - was);
            } else {
                add(&mut seen.removed, sku, was - is);
            }
        }
    }

    /// The cart a cart or remainder comes from.
    pub(super) fn root(&self, cart: CartId) -> CartId {
        self.root_of.get(&cart).copied().unwrap_or(cart)
    }

    /// A till stopped without flushing its open carts.
    pub(super) fn stopped(&mut self, site: usize, now: u64) {
        for cart in self.carts.values_mut() {
            let last = cart.edited.get(&site).copied();
            cart.dented |= last.is_some_and(|at| at + FLOOR_UNFLUSHED_MS >= now);
        }
    }

    /// The screen of a till says on how many other devices things are stored.
    pub(super) fn stored(&mut self, site: usize, on: impl Fn(&FeedId, u64) -> usize) {
        for seen in self.seen.values_mut().filter(|seen| seen.site == site) {
            if let Some((feed, seq)) = &seen.place {
                seen.stored_on = seen.stored_on.max(on(feed, *seq));
            }
        }
    }

    /// What a disk held since `since` is lost with it. What was said to be stored on more other
    /// devices than were lost so far has to be there all the same.
    pub(super) fn lost(&mut self, site: usize, since: u64, register: &RegisterId) {
        self.lost_sites.insert(site);
        let before = self.losses;
        self.losses += 1;
        let lost = &self.lost_sites;
        let excused: Vec<RecordId> = self
            .seen
            .iter()
            .filter(|(id, seen)| {
                let bad = self.bad_copies.get(id).copied().unwrap_or(0);
                lost.contains(&seen.site) && seen.stored_on <= before.saturating_add(bad)
            })
            .filter(|(_, seen)| seen.site != site || seen.at >= since)
            .map(|(id, _)| *id)
            .collect();
        for id in &excused {
            if let Some(Seen { what: Fact::Sale { sale, .. }, .. }) = self.seen.get(id) {
                self.may_lack.insert(sale.register.clone());
            }
        }
        self.may_lack.insert(register.clone());
        self.excused.extend(excused);
        for cart in self.carts.values_mut() {
            cart.dented |= cart.edited.get(&site).is_some_and(|at| *at >= since);
        }
    }

    /// A copy of something that was acknowledged went bad: it counts like a copy that was lost.
    pub(super) fn went_bad(&mut self, id: RecordId) {
        let bad = self.bad_copies.entry(id).or_default();
        *bad += 1;
        let gone = self.losses.saturating_add(*bad);
        let Some(seen) = self.seen.get(&id) else { return };
        if self.lost_sites.contains(&seen.site) && seen.stored_on < gone {
            self.excuse(id);
        }
    }

    /// A till is shut out, and with it the copies that it has of what others wrote.
    fn copies_shut_out(&mut self) {
        self.losses += 1;
        let gone = |id: &RecordId, seen: &Seen| {
            let bad = self.bad_copies.get(id).copied().unwrap_or(0);
            self.lost_sites.contains(&seen.site) && seen.stored_on < self.losses.saturating_add(bad)
        };
        let all = self.seen.iter().filter(|(id, seen)| gone(id, seen));
        let ids: Vec<RecordId> = all.map(|(id, _)| *id).collect();
        for id in ids {
            self.excuse(id);
        }
    }

    fn excuse(&mut self, id: RecordId) {
        if let Some(Seen { what: Fact::Sale { sale, .. }, .. }) = self.seen.get(&id) {
            self.may_lack.insert(sale.register.clone());
        }
        self.excused.insert(id);
    }

    /// A till is shut out: what it writes from now on need not count, and what it has written and
    /// not passed on neither.
    pub(super) fn shut_out(
        &mut self,
        site: usize,
        now: u64,
        register: &RegisterId,
        kept: impl Fn(&RecordId) -> bool,
    ) {
        let of_site = self.seen.iter().filter(|(id, seen)| seen.site == site && !kept(id));
        let excused: Vec<RecordId> = of_site.map(|(id, _)| *id).collect();
        self.excused.extend(excused);
        self.shut_out.insert(site, now);
        self.copies_shut_out();
        self.may_lack.insert(register.clone());
        for cart in self.carts.values_mut() {
            cart.dented |= cart.edited.contains_key(&site);
        }
    }

    /// Whether something that was acknowledged need not be there.
    pub(super) fn is_excused(&self, id: &RecordId) -> bool {
        let after = |seen: &Seen| self.shut_out.get(&seen.site).is_some_and(|at| seen.at >= *at);
        self.excused.contains(id) || self.seen.get(id).is_some_and(after)
    }

    /// Whether a till was shut out: its edits of carts may be kept aside.
    pub(super) fn is_shut_out(&self, site: usize) -> bool {
        self.shut_out.contains_key(&site)
    }
}
