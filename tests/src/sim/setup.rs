//! How a store comes to be: founded at one till, the others let in one by one.

use std::collections::BTreeSet;

use pos_core::ids::StoreId;
use pos_core::record::Record;
use replica::core::{Command, CommandError, DeviceKey, Outcome, Role, RosterRecord};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::recovery;
use replica::sync::Engine;

use super::cashier::Cashier;
use super::clock::Clock;
use super::config::Fault;
use super::shop::{self, Unmakeable};
use super::site::{Power, Running, Site};
use super::world::{Event, World};

impl World {
    /// Founds the store and lets all others join it, some at once and some later.
    pub(super) fn open_store(&mut self) -> Result<(), Unmakeable> {
        for till in 0..self.config.tills {
            self.add_site(till)?;
        }
        self.found()?;
        let late = self.config.has(Fault::LateJoins);
        for site in 1..self.sites.len() {
            let span = if late { self.config.time_ms / 2 } else { 60_000 };
            let after = 2_000 + self.draws.workload.below(span);
            self.later(after, Event::Enrol { site });
        }
        for fault in Fault::ALL {
            if self.config.has(*fault) {
                self.schedule(*fault);
            }
        }
        self.shape_network();
        Ok(())
    }

    fn add_site(&mut self, till: usize) -> Result<(), Unmakeable> {
        let secret = self.draws.ids.bytes();
        let register = shop::register(till)?;
        let draw = self.draws.workload.child(&format!("till {till}"));
        let pace = self.config.pace_ms;
        let cashier = Cashier::new(draw, register.clone(), shop::operator(till)?, till, pace);
        let clock = if self.config.has(Fault::Clocks) {
            Clock::skewed(&mut self.draws.faults)
        } else {
            Clock::default()
        };
        self.sites.push(Site {
            secret,
            device: DeviceKey::from_secret(secret).device(),
            register,
            power: Power::Gone,
            clock,
            cashier,
            timer_ms: None,
            trusted: BTreeSet::new(),
            backup: None,
            off_ms: None,
            revoked: false,
            is_copy: false,
            is_rotten: false,
            is_half_written: false,
            failed_starts: 0,
            starts: 0,
            restarting: false,
            rebuilding: false,
        });
        Ok(())
    }

    fn fresh_node(&mut self, site: usize) -> Result<Node<MemoryStorage>, Unmakeable> {
        let disk = MemoryStorage::new(self.options()).map_err(|error| error.to_string())?;
        let nonce = self.draws.ids.bytes();
        let one = self.sites.get(site).ok_or("no such till")?;
        Node::start(one.identity(nonce), disk).map_err(|error| error.to_string())
    }

    fn switch_on(
        &mut self,
        site: usize,
        node: Node<MemoryStorage>,
        trusted: BTreeSet<pos_core::ids::DeviceId>,
    ) {
        let now = self.now;
        if let Some(one) = self.sites.get_mut(site) {
            one.trusted.clone_from(&trusted);
            let engine = Engine::new(one.device, trusted);
            one.power = Power::On(Box::new(Running { node, engine, boot: now }));
            one.starts += 1;
        }
        self.settle(site);
        self.dial_all(site);
        let first = 1_000 + self.draws.workload.below(5_000);
        self.later(first, Event::Step { site });
    }

    fn found(&mut self) -> Result<(), Unmakeable> {
        let mut node = self.fresh_node(0)?;
        let one = self.sites.first().ok_or("no till")?;
        let (at, register) = (one.moment(0), one.register.clone());
        let found = Command::FoundStore {
            nonce: self.draws.ids.bytes(),
            recovery: self.phrase.device(),
            name: shop::device_name(0)?,
            settings: Box::new(self.shop.settings.clone()),
            register,
        };
        node.execute(at, found).map_err(|error| error.to_string())?;
        let catalogue = Command::EditProducts(self.shop.catalogue());
        node.execute(at, catalogue).map_err(|error| error.to_string())?;
        self.switch_on(0, node, BTreeSet::new());
        Ok(())
    }

    /// A manager's till lets a till in: if none is there that can, later.
    pub(super) fn enrol(&mut self, site: usize) {
        if self.healed || !self.sites.get(site).is_some_and(|one| matches!(one.power, Power::Gone))
        {
            return;
        }
        let manager = (0..self.sites.len()).find(|manager| self.can_manage(*manager));
        let enrolled = manager.map(|manager| self.let_in(manager, site));
        match enrolled {
            Some(Ok(())) => {}
            Some(Err(_)) | None => self.later(30_000, Event::Enrol { site }),
        }
    }

    /// Whether a till is there that may change the roster.
    pub(super) fn can_manage(&self, site: usize) -> bool {
        let Some(one) = self.sites.get(site).filter(|one| !one.revoked && !one.is_copy) else {
            return false;
        };
        one.running().is_some_and(|running| {
            let replica = running.node.replica();
            replica.own_role() == Some(Role::Manager)
                && replica.stopped().is_none()
                && replica.rebuilding().is_none()
        })
    }

    fn let_in(&mut self, manager: usize, site: usize) -> Result<(), Unmakeable> {
        let one = self.sites.get(site).ok_or("no such till")?;
        let (device, register) = (one.device, one.register.clone());
        let name = shop::device_name(site)?;
        let role = Role::Till;
        let added = RosterRecord::DeviceAdded { device, role, name: name.clone() };
        let assigned = Box::new(Record::RegisterAssigned { register, device });
        let phrase = self.phrase.clone();
        // The second till becomes a manager's, by the recovery phrase.
        let promote = (site == 1).then(|| self.draws.ids.bytes::<8>());
        let done = self.with(manager, |running, at| {
            let Running { node, .. } = running;
            match node.execute(at, Command::ChangeRoster(added)) {
                Ok(_) | Err(CommandError::Roster(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
            let assigned = node.execute(at, Command::Record(assigned));
            if let Some(nonce) = promote {
                let record = RosterRecord::DeviceAdded { device, role: Role::Manager, name };
                let acted = recovery::act(node, &phrase, nonce, at, &[record]);
                acted.map_err(|error| error.to_string())?;
            }
            let store = node.replica().store_id().ok_or("no store")?;
            match assigned {
                Ok(Outcome::Recorded(_)) => Ok((store, node.replica().device())),
                Ok(_) => Err("the register was not assigned".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        let (store, by): (StoreId, _) = done.ok_or("the manager's till is off")??;
        let mut node = self.fresh_node(site)?;
        node.join(store).map_err(|error| error.to_string())?;
        self.store = Some(store);
        self.note(format_args!("till {manager} lets till {site} in"));
        self.switch_on(site, node, BTreeSet::from([by]));
        Ok(())
    }
}
