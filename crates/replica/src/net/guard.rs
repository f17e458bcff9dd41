//! The door: how many strangers may knock at once, and how often. Pure; the time is an argument.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use pos_core::ids::DeviceId;

use super::limits::{
    ADDRESSES_MAX, HANDSHAKES_OF_MEMBERS, NetLimits, REPORT_EVERY_MS, REPORTS_MAX,
};

/// So many of something at once, and so many in each second afterwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Thousandths of what may be taken now.
    thousandths: u64,
    since: Instant,
}

impl Bucket {
    pub(super) fn full(burst: u32, now: Instant) -> Self {
        Self { thousandths: u64::from(burst) * 1000, since: now }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, burst: u32, per_second: u32, now: Instant) -> bool {
        self.fill(burst, per_second, now);
        let left = self.thousandths.checked_sub(1000);
        self.thousandths = left.unwrap_or(self.thousandths);
        left.is_some()
    }

    fn fill(&mut self, burst: u32, per_second: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        // What is under a millisecond is not lost: the time moves only by what was counted.
        self.since += Duration::from_millis(milliseconds);
        let more = milliseconds.saturating_mul(u64::from(per_second));
        self.thousandths = self.thousandths.saturating_add(more).min(u64::from(burst) * 1000);
    }

    fn is_full(&mut self, burst: u32, per_second: u32, now: Instant) -> bool {
        self.fill(burst, per_second, now);
        self.thousandths >= u64::from(burst) * 1000
    }
}

/// What is done with a first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A handshake begins. [`Gate::done`] ends it.
    Accept,
    /// It must come again with proof that it receives at its address: costs no memory here.
    Prove,
    /// Not a word: an answer would be work, and a stranger's next try is no better for it.
    Ignore,
}

/// Who is knocking.
#[derive(Debug)]
pub(super) struct Gate {
    limits: NetLimits,
    open: usize,
    sources: BTreeMap<IpAddr, Source>,
    /// Where members were last seen.
    members: BTreeMap<DeviceId, IpAddr>,
}

#[derive(Debug)]
struct Source {
    open: usize,
    bucket: Bucket,
}

impl Gate {
    pub(super) fn new(limits: NetLimits) -> Self {
        Self { limits, open: 0, sources: BTreeMap::new(), members: BTreeMap::new() }
    }

    /// A first packet from `address`, which has proven that it receives there or not.
    pub(super) fn ask(&mut self, address: IpAddr, proven: bool, now: Instant) -> Answer {
        let limits = self.limits;
        // Before anything is remembered: an address nobody proved may be anybody's.
        if !proven && self.open >= limits.handshakes_before_proof {
            return Answer::Prove;
        }
        let is_members = self.members.values().any(|seen| *seen == address);
        let extra = if is_members { HANDSHAKES_OF_MEMBERS } else { 0 };
        let places = limits.handshakes.saturating_add(extra);
        if self.open >= places || !(is_members || self.has_room(address, now)) {
            return Answer::Ignore;
        }
        let (burst, rate) = (limits.address_burst, limits.address_per_second);
        let fresh = || Source { open: 0, bucket: Bucket::full(burst, now) };
        let source = self.sources.entry(address).or_insert_with(fresh);
        if source.open >= limits.handshakes_per_address || !source.bucket.take(burst, rate, now) {
            return Answer::Ignore;
        }
        source.open += 1;
        self.open += 1;
        Answer::Accept
    }

    /// A handshake from `address` has come to its end.
    pub(super) fn done(&mut self, address: IpAddr) {
        self.open = self.open.saturating_sub(1);
        if let Some(source) = self.sources.get_mut(&address) {
            source.open = source.open.saturating_sub(1);
        }
    }

    /// A member is at `address`: its next connections have places of their own.
    pub(super) fn seen(&mut self, device: DeviceId, address: IpAddr) {
        if self.members.len() < ADDRESSES_MAX || self.members.contains_key(&device) {
            self.members.insert(device, address);
        }
    }

    /// A device is no member any more.
    pub(super) fn forget(&mut self, device: DeviceId) {
        self.members.remove(&device);
    }

    /// Whether there is room to remember one more address, once those that owe nothing are gone.
    fn has_room(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.sources.len() < ADDRESSES_MAX || self.sources.contains_key(&address) {
            return true;
        }
        let (burst, rate) = (self.limits.address_burst, self.limits.address_per_second);
        self.sources.retain(|_, it| it.open > 0 || !it.bucket.is_full(burst, rate, now));
        self.sources.len() < ADDRESSES_MAX
    }
}

/// What has been told of refusals, so that who knocks a thousand times is told once.
#[derive(Debug, Default)]
pub(super) struct Reports {
    told: BTreeMap<IpAddr, Instant>,
}

impl Reports {
    /// Whether a refusal of `address` is told.
    pub(super) fn tells(&mut self, address: IpAddr, now: Instant) -> bool {
        let every = Duration::from_millis(REPORT_EVERY_MS);
        self.told.retain(|_, at| now.saturating_duration_since(*at) < every);
        if self.told.len() >= REPORTS_MAX || self.told.contains_key(&address) {
            return false;
        }
        self.told.insert(address, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000_u32 + n).to_be_bytes())
    }

    fn gate() -> (Gate, Instant) {
        (Gate::new(NetLimits::default()), Instant::now())
    }

    fn accepted(gate: &mut Gate, from: u32, tries: u32, now: Instant) -> usize {
        let ask = |_| {
            let answer = gate.ask(address(from), true, now);
            if answer == Answer::Accept {
                gate.done(address(from));
            }
            answer == Answer::Accept
        };
        (0..tries).map(ask).filter(|accepted| *accepted).count()
    }

    #[test]
    fn one_address_gets_its_burst_and_then_its_rate_and_others_are_not_disturbed() {
        let (mut gate, now) = gate();
        let limits = NetLimits::default();
        assert_eq!(accepted(&mut gate, 1, 1000, now), limits.address_burst as usize);
        assert_eq!(accepted(&mut gate, 2, 1, now), 1);
        let later = now + Duration::from_secs(1);
        assert_eq!(accepted(&mut gate, 1, 1000, later), limits.address_per_second as usize);
    }

    #[test]
    fn one_address_holds_only_its_share_of_unfinished_handshakes() {
        let (mut gate, now) = gate();
        let share = NetLimits::default().handshakes_per_address;
        let open = (0..1000).filter(|_| gate.ask(address(1), true, now) == Answer::Accept).count();
        assert_eq!(open, share);
        assert_eq!(gate.ask(address(2), true, now), Answer::Accept);
        gate.done(address(1));
        assert_eq!(gate.ask(address(1), true, now), Answer::Accept);
    }

    #[test]
    fn under_load_an_address_must_be_proven_and_unproven_ones_cost_no_memory() {
        let (mut gate, now) = gate();
        let limits = NetLimits::default();
        let mut from = 0;
        while gate.open < limits.handshakes_before_proof {
            from += 1;
            assert_eq!(gate.ask(address(from), false, now), Answer::Accept);
        }
        let known = gate.sources.len();
        for spoofed in 1000..50_000 {
            assert_eq!(gate.ask(address(spoofed), false, now), Answer::Prove);
        }
        assert_eq!(gate.sources.len(), known);
        assert_eq!(gate.ask(address(999), true, now), Answer::Accept);
    }

    #[test]
    fn when_all_places_are_taken_members_still_have_theirs() {
        let (mut gate, now) = gate();
        let limits = NetLimits::default();
        gate.seen(DeviceId::from_bytes([7; 32]), address(70_000));
        for from in 0..u32::try_from(limits.handshakes).unwrap() {
            assert_eq!(gate.ask(address(from), true, now), Answer::Accept);
        }
        assert_eq!(gate.ask(address(60_000), true, now), Answer::Ignore);
        assert_eq!(gate.ask(address(70_000), true, now), Answer::Accept);
    }

    #[test]
    fn addresses_are_forgotten_before_there_are_too_many() {
        let (mut gate, now) = gate();
        for from in 0..10_000 {
            let later = now + Duration::from_millis(u64::from(from) * 50);
            assert_eq!(accepted(&mut gate, from, 1, later), 1, "{from}");
            assert!(gate.sources.len() <= ADDRESSES_MAX);
        }
    }

    #[test]
    fn who_is_refused_a_thousand_times_is_told_once_a_minute() {
        let mut reports = Reports::default();
        let now = Instant::now();
        let told = (0..1000).filter(|_| reports.tells(address(1), now)).count();
        assert_eq!(told, 1);
        assert!(reports.tells(address(1), now + Duration::from_millis(REPORT_EVERY_MS)));
        let told = (0..100_000).filter(|from| reports.tells(address(*from), now)).count();
        assert!(told <= REPORTS_MAX, "{told}");
    }
}
