//! Which roster records count: a pure function of the set of records held.
//!
//! Three steps, none of which knows an order of arrival:
//!
//! 1. Records are put in causal order: each behind those its entry names as roster heads.
//! 2. A record counts when its author was a manager as of what it names, and when it is not beyond
//!    a cut of its author that is in force.
//! 3. Revocations of managers come into force one after the other, the most senior decision
//!    first, and step 2 is done anew behind each: so two pairs of managers that revoke each other
//!    unseen end alike everywhere. The recovery key comes before everybody, then the founder, then
//!    by distance from the founder, then by id.
//!
//! A manager is made or unmade by two voices: records of two different managers, or one of the
//! recovery key. With one voice a new manager is a till; a revocation of a manager waits.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{DeviceId, StoreId};

use super::entry::EntryId;
use super::identity::{FeedId, store_id};
use super::roster::{Cut, Role, RosterEntry, RosterRecord};

/// Managers whose records it takes to make or unmake a manager.
pub const MANAGER_VOICES: usize = 2;

/// The last entry that counts of each feed that cuts of one revoked device name. Of a feed that
/// no cut names nothing counts.
pub(super) type Cuts = BTreeMap<FeedId, u64>;

/// All records held.
pub(super) type Records = BTreeMap<EntryId, RosterEntry>;

/// What the records come to.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// Records that count as their author's voice.
    pub(super) effective: BTreeSet<EntryId>,
    /// Devices that are shut out, and how far each of their feeds counts.
    pub(super) cuts: BTreeMap<DeviceId, Cuts>,
    /// The key of the recovery phrase, once the founding is held.
    pub(super) recovery: Option<DeviceId>,
    /// Devices that two voices made managers, those that are shut out by now included.
    pub(super) managers: BTreeSet<DeviceId>,
}

/// Place of a manager: the recovery key 0, the founder 1, and so on; then by id.
type Rank = (u32, DeviceId);

/// One device's say that another one is let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) device: DeviceId,
    pub(super) voice: DeviceId,
    pub(super) role: Role,
}

/// Weighs all records of the store `group`.
pub(super) fn weigh(records: &Records, group: StoreId) -> Weighed {
    let Some(history) = History::new(records, group) else { return Weighed::default() };
    let mut settled: BTreeMap<DeviceId, Cuts> = BTreeMap::new();
    loop {
        let counted = history.count(&settled);
        let ranks = history.ranks(&counted);
        match history.most_senior_decision(&counted, &ranks, &settled) {
            Some((device, cuts)) => {
                settled.insert(device, cuts);
            }
            None => return history.conclude(&counted, &ranks, settled),
        }
    }
}

/// What grants of one device come to.
pub(super) fn role_of(recovery: DeviceId, grants: impl Iterator<Item = Grant>) -> Option<Role> {
    let mut known = false;
    let mut voices = BTreeSet::new();
    for grant in grants {
        known = true;
        if grant.role == Role::Manager {
            voices.insert(grant.voice);
        }
    }
    let role = if enough(recovery, &voices) { Role::Manager } else { Role::Till };
    known.then_some(role)
}

/// Whether these voices decide about a manager.
fn enough(recovery: DeviceId, voices: &BTreeSet<DeviceId>) -> bool {
    voices.contains(&recovery) || voices.len() >= MANAGER_VOICES
}

/// Records of whoever may be a manager, each behind those it names.
struct History<'a> {
    group: StoreId,
    recovery: DeviceId,
    order: Vec<(EntryId, &'a RosterEntry)>,
    /// Of each record in `order`, which records it has in its past: one bit each.
    past: Vec<Bits>,
    /// Where in `order` a device is granted something.
    grants: BTreeMap<DeviceId, Vec<usize>>,
}

impl<'a> History<'a> {
    /// `None` when the founding is not held.
    fn new(records: &'a Records, group: StoreId) -> Option<Self> {
        let founding = |(_, entry): &(&EntryId, &RosterEntry)| entry.founds(group).is_some();
        let (_, founding) = records.iter().find(founding)?;
        let recovery = founding.founds(group)?;
        let possible = possible_managers(records, founding.author, recovery);
        let from =
            records.iter().filter(|(_, entry)| possible.contains(&entry.author)).map(|(id, _)| *id);
        let order: Vec<(EntryId, &RosterEntry)> = causal_order(records, from)
            .into_iter()
            .filter_map(|id| Some((id, records.get(&id)?)))
            .collect();
        let places: BTreeMap<EntryId, usize> =
            order.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
        let mut past: Vec<Bits> = Vec::with_capacity(order.len());
        let mut grants: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for (place, (_, entry)) in order.iter().enumerate() {
            let mut bits = Bits::default();
            for head in entry.heads.iter().filter_map(|head| places.get(head)) {
                bits.set(*head);
                if let Some(of_head) = past.get(*head) {
                    bits.add(of_head);
                }
            }
            past.push(bits);
            for grant in entry.grants() {
                grants.entry(grant.device).or_default().push(place);
            }
        }
        Some(Self { group, recovery, order, past, grants })
    }

    /// The records that count while these cuts are in force, by place.
    fn count(&self, settled: &BTreeMap<DeviceId, Cuts>) -> Bits {
        let mut counted = Bits::default();
        for (place, ((_, entry), past)) in self.order.iter().zip(&self.past).enumerate() {
            let counts = match entry.record {
                RosterRecord::Founded { .. } => entry.founds(self.group).is_some(),
                RosterRecord::DeviceAdded { .. } | RosterRecord::DeviceRevoked { .. } => {
                    !beyond(settled, entry)
                        && self.role(entry.author, |at| past.has(at) && counted.has(at))
                            == Some(Role::Manager)
                }
            };
            if counts {
                counted.set(place);
            }
        }
        counted
    }

    /// What `device` is by those of its grants that `counts` says count.
    fn role(&self, device: DeviceId, counts: impl Fn(usize) -> bool) -> Option<Role> {
        let places = self.grants.get(&device).into_iter().flatten();
        let grants = places
            .filter(|place| counts(**place))
            .filter_map(|place| self.order.get(*place))
            .flat_map(|(_, entry)| entry.grants())
            .filter(|grant| grant.device == device);
        role_of(self.recovery, grants)
    }

    /// All managers with their rank: the distance from the founder of the second of the voices
    /// that made them, and one more.
    fn ranks(&self, counted: &Bits) -> BTreeMap<DeviceId, Rank> {
        let mut voices: BTreeMap<DeviceId, BTreeSet<DeviceId>> = BTreeMap::new();
        let mut ranks = BTreeMap::from([(self.recovery, (0, self.recovery))]);
        for (_, entry) in self.counted(counted) {
            if matches!(entry.record, RosterRecord::Founded { .. }) {
                ranks.insert(entry.author, (1, entry.author));
            }
            for grant in entry.grants().into_iter().filter(|grant| grant.role == Role::Manager) {
                voices.entry(grant.device).or_default().insert(grant.voice);
            }
        }
        loop {
            let before = ranks.clone();
            for (device, voices) in &voices {
                let mut of_voices: Vec<Rank> =
                    voices.iter().filter_map(|voice| ranks.get(voice).copied()).collect();
                of_voices.sort_unstable();
                let by_recovery = of_voices.first().is_some_and(|rank| rank.0 == 0);
                let second = of_voices.get(MANAGER_VOICES - 1).map(|rank| rank.0);
                // What the recovery key does stands as what the founder does.
                let Some(nearest) = by_recovery.then_some(1).or(second) else { continue };
                let rank = (nearest.max(1).saturating_add(1), *device);
                let known = ranks.entry(*device).or_insert(rank);
                *known = (*known).min(rank);
            }
            if ranks == before {
                return ranks;
            }
        }
    }

    /// The most senior revocation of a manager that is not in force yet, with its cuts.
    fn most_senior_decision(
        &self,
        counted: &Bits,
        ranks: &BTreeMap<DeviceId, Rank>,
        settled: &BTreeMap<DeviceId, Cuts>,
    ) -> Option<(DeviceId, Cuts)> {
        let mut voices: BTreeMap<DeviceId, BTreeSet<DeviceId>> = BTreeMap::new();
        for (author, device, _) in self.revocations(counted) {
            if device != self.recovery
                && ranks.contains_key(&device)
                && !settled.contains_key(&device)
            {
                voices.entry(device).or_default().insert(author);
            }
        }
        let decisions = voices.into_iter().filter(|(_, voices)| enough(self.recovery, voices));
        let (_, device) = decisions
            .map(|(device, voices)| {
                let mut seniority: Vec<Rank> =
                    voices.iter().filter_map(|voice| ranks.get(voice).copied()).collect();
                seniority.sort_unstable();
                seniority.truncate(MANAGER_VOICES);
                ((seniority, ranks.get(&device).copied()), device)
            })
            .min()?;
        Some((device, self.cuts_by_two(counted, device)))
    }

    /// The cuts of a manager: of each feed the highest that two voices name at least, or one of the
    /// recovery key. So nobody lets a revoked manager back in alone.
    fn cuts_by_two(&self, counted: &Bits, device: DeviceId) -> Cuts {
        let mut named: BTreeMap<FeedId, BTreeMap<DeviceId, u64>> = BTreeMap::new();
        for (author, _, cuts) in self.revocations(counted).filter(|(_, of, _)| *of == device) {
            for cut in cuts {
                let by_author = named.entry(cut.feed(device)).or_default();
                let highest = by_author.entry(author).or_default();
                *highest = (*highest).max(cut.seq);
            }
        }
        let mut cuts = Cuts::new();
        for (feed, by_author) in named {
            let alone = by_author.get(&self.recovery).copied().unwrap_or(0);
            let mut seqs: Vec<u64> = by_author.into_values().collect();
            seqs.sort_unstable_by(|a, b| b.cmp(a));
            let by_two = seqs.get(MANAGER_VOICES - 1).copied().unwrap_or(0);
            cuts.insert(feed, alone.max(by_two));
        }
        cuts
    }

    fn conclude(
        &self,
        counted: &Bits,
        ranks: &BTreeMap<DeviceId, Rank>,
        settled: BTreeMap<DeviceId, Cuts>,
    ) -> Weighed {
        let mut cuts = settled;
        let tills = self.revocations(counted).filter(|(_, device, _)| !ranks.contains_key(device));
        for (_, device, named) in tills {
            let of_device = cuts.entry(device).or_default();
            for cut in named {
                let last = of_device.entry(cut.feed(device)).or_default();
                *last = (*last).max(cut.seq);
            }
        }
        Weighed {
            effective: self.counted(counted).map(|(id, _)| *id).collect(),
            cuts,
            recovery: Some(self.recovery),
            managers: ranks.keys().copied().collect(),
        }
    }

    fn counted(&self, counted: &Bits) -> impl Iterator<Item = &(EntryId, &'a RosterEntry)> {
        self.order.iter().enumerate().filter(|(place, _)| counted.has(*place)).map(|(_, it)| it)
    }

    /// Who says that which device is out, and with which cuts.
    fn revocations(&self, counted: &Bits) -> impl Iterator<Item = (DeviceId, DeviceId, &'a [Cut])> {
        self.counted(counted).filter_map(|(_, entry)| match &entry.record {
            RosterRecord::DeviceRevoked { device, cuts } => {
                Some((entry.author, *device, cuts.as_slice()))
            }
            RosterRecord::Founded { .. } | RosterRecord::DeviceAdded { .. } => None,
        })
    }
}

impl RosterEntry {
    /// The recovery key, if this record founds `group`.
    pub(super) fn founds(&self, group: StoreId) -> Option<DeviceId> {
        match &self.record {
            RosterRecord::Founded { nonce, recovery, .. } => {
                (store_id(self.author, nonce, *recovery) == group).then_some(*recovery)
            }
            RosterRecord::DeviceAdded { .. } | RosterRecord::DeviceRevoked { .. } => None,
        }
    }

    /// Whom the record lets in, and by whose voice. A founding speaks with the recovery key's.
    pub(super) fn grants(&self) -> Vec<Grant> {
        match &self.record {
            RosterRecord::Founded { recovery, .. } => [self.author, *recovery]
                .into_iter()
                .map(|device| Grant { device, voice: *recovery, role: Role::Manager })
                .collect(),
            RosterRecord::DeviceAdded { device, role, .. } => {
                vec![Grant { device: *device, voice: self.author, role: *role }]
            }
            RosterRecord::DeviceRevoked { .. } => Vec::new(),
        }
    }
}

impl Cut {
    /// The feed it is of.
    pub(super) fn feed(&self, device: DeviceId) -> FeedId {
        let lane = if self.floor { super::entry::Lane::Floor } else { super::entry::Lane::Ledger };
        FeedId { device, incarnation: self.incarnation, lane }
    }
}

fn beyond(settled: &BTreeMap<DeviceId, Cuts>, entry: &RosterEntry) -> bool {
    settled
        .get(&entry.author)
        .is_some_and(|cuts| entry.seq > cuts.get(&entry.feed()).copied().unwrap_or(0))
}

/// Whom anybody who may be a manager has called one: nobody else's records can count, however many
/// strangers write.
fn possible_managers(
    records: &Records,
    founder: DeviceId,
    recovery: DeviceId,
) -> BTreeSet<DeviceId> {
    let mut named: BTreeMap<DeviceId, BTreeSet<DeviceId>> = BTreeMap::new();
    for entry in records.values() {
        if let RosterRecord::DeviceAdded { device, role: Role::Manager, .. } = entry.record {
            named.entry(entry.author).or_default().insert(device);
        }
    }
    let mut possible = BTreeSet::new();
    let mut open = vec![founder, recovery];
    while let Some(device) = open.pop() {
        if possible.insert(device) {
            open.extend(named.get(&device).into_iter().flatten());
        }
    }
    possible
}

/// The records of `from` and all they name, each behind those it names. What names a record that
/// is not held is left out, with all that names it.
fn causal_order(records: &Records, from: impl Iterator<Item = EntryId>) -> Vec<EntryId> {
    let mut order = Vec::new();
    let mut opened: BTreeSet<EntryId> = BTreeSet::new();
    let mut whole: BTreeSet<EntryId> = BTreeSet::new();
    let mut open: Vec<(EntryId, bool)> = from.map(|id| (id, false)).collect();
    while let Some((id, heads_done)) = open.pop() {
        let Some(entry) = records.get(&id) else { continue };
        if heads_done {
            if entry.heads.iter().all(|head| whole.contains(head)) {
                whole.insert(id);
                order.push(id);
            }
        } else if opened.insert(id) {
            open.push((id, true));
            open.extend(entry.heads.iter().map(|head| (*head, false)));
        }
    }
    order
}

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, bit: usize) {
        let word = bit / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (bit % 64);
        }
    }

    fn has(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}
