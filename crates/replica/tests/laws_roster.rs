//! Who belongs to the store: two voices about managers, the recovery phrase, cuts, and the same end
//! whatever order records come in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;
#[expect(dead_code, reason = "only its generator is used")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use mesh::{
    FeedBytes, Forger, added, appoint, carry, carry_all, cuts_at, device_of, fresh, held_entries,
    id_of, offer, offer_all, sell, settle, store, summary,
};
use pos_core::money::Currency;
use proptest::prelude::*;
use replica::core::{
    Command, CommandError, Cut, DeviceInfo, HeldBack, Outcome, Pending, PendingChange, Role,
    RosterError, RosterRecord, Standing,
};
use replica::recovery::{self, RecoverError, RecoveryPhrase};
use shop::{Till, at, identity};
use support::Seeded;

fn change(till: &mut Till, ms: u64, record: RosterRecord) -> Result<Outcome, CommandError> {
    till.execute(at(ms), Command::ChangeRoster(record))
}

/// Shuts a device out with all that is held of it.
fn revoke(till: &mut Till, ms: u64, device: u8) -> Result<(), CommandError> {
    for record in till.replica().revocation(device_of(device))? {
        change(till, ms, record)?;
    }
    settle(till);
    Ok(())
}

fn extend(till: &mut Till, ms: u64, device: u8) -> Result<(), CommandError> {
    for record in till.replica().extension(device_of(device), None)? {
        change(till, ms, record)?;
    }
    settle(till);
    Ok(())
}

fn role(till: &Till, device: u8) -> Option<Role> {
    let roster = till.replica().roster();
    if roster.is_revoked(device_of(device)) { None } else { roster.role(device_of(device)) }
}

/// A store whose first `managers` devices are managers (the phrase has made them) and which has
/// two tills behind them; all have heard of all.
fn managed(managers: u8) -> Vec<Till> {
    let mut devices = store();
    for device in 2..=managers {
        appoint(&mut devices[0], u64::from(device), device);
    }
    let group = devices[0].replica().store_id().unwrap();
    for device in 4..=managers.max(4) {
        if device > managers {
            change(&mut devices[0], 9, added(device, Role::Till)).unwrap();
        }
        devices.push(fresh(identity(device, 1), group));
    }
    carry_all(&mut devices);
    devices
}

/// All that a roster comes to.
#[derive(Debug, PartialEq)]
struct Membership {
    devices: Vec<DeviceInfo>,
    pending: Vec<Pending>,
    members: BTreeSet<String>,
    cuts: BTreeMap<String, Option<u64>>,
    counted: Vec<String>,
}

fn membership(till: &Till) -> Membership {
    let roster = till.replica().roster();
    let feeds = till.replica().feeds().iter();
    Membership {
        devices: roster.devices(),
        pending: roster.pending(),
        members: roster.members().iter().map(ToString::to_string).collect(),
        cuts: feeds.map(|(feed, _)| (format!("{feed:?}"), roster.cut(*feed))).collect(),
        counted: roster
            .iter()
            .filter(|(id, _)| roster.counts(**id))
            .map(|(id, _)| id.to_string())
            .collect(),
    }
}

#[test]
fn one_manager_alone_makes_a_till_and_two_make_a_manager() {
    let mut devices = managed(2);
    change(&mut devices[0], 20, added(8, Role::Manager)).unwrap();
    assert_eq!(role(&devices[0], 8), Some(Role::Till), "one voice makes it a till");
    let waits = devices[0].replica().roster().pending();
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].device, waits[0].change), (device_of(8), PendingChange::MakeManager));
    // Saying it twice is still one voice.
    change(&mut devices[0], 21, added(8, Role::Manager)).unwrap();
    assert_eq!(role(&devices[0], 8), Some(Role::Till));
    carry_all(&mut devices);
    change(&mut devices[1], 22, added(8, Role::Manager)).unwrap();
    carry_all(&mut devices);
    for till in &devices {
        assert_eq!(role(till, 8), Some(Role::Manager));
        assert_eq!(till.replica().roster().pending(), vec![]);
    }
}

#[test]
fn what_a_new_manager_wrote_before_the_second_voice_does_not_become_a_managers() {
    let mut devices = managed(2);
    change(&mut devices[0], 20, added(8, Role::Manager)).unwrap();
    let mut eighth = Forger::new(8, &devices[0]);
    let early = eighth.roster(&added(9, Role::Till));
    change(&mut devices[1], 22, added(8, Role::Manager)).unwrap();
    carry_all(&mut devices);
    eighth.roster_heads = devices[0].replica().roster().heads(device_of(8));
    let late = eighth.roster(&added(7, Role::Till));
    for till in &mut devices {
        offer(till, &[early.clone(), late.clone()]);
        settle(till);
        assert!(!till.replica().roster().counts(id_of(&early)));
        assert!(till.replica().roster().counts(id_of(&late)));
        assert_eq!((role(till, 9), role(till, 7)), (None, Some(Role::Till)));
    }
}

#[test]
fn one_manager_alone_shuts_out_a_till_but_no_manager() {
    let mut devices = managed(3);
    revoke(&mut devices[1], 30, 4).unwrap();
    assert_eq!(role(&devices[1], 4), None);
    revoke(&mut devices[1], 31, 1).unwrap();
    carry_all(&mut devices);
    for till in &devices {
        assert_eq!(role(till, 4), None, "a till is out at once");
        assert_eq!(role(till, 1), Some(Role::Manager), "the founder waits for a second voice");
        let waits = till.replica().roster().pending();
        assert_eq!(waits.len(), 1);
        assert_eq!(
            (waits[0].device, waits[0].change),
            (device_of(1), PendingChange::RevokeManager)
        );
        assert_eq!(waits[0].voices, BTreeSet::from([device_of(2)]));
    }
    revoke(&mut devices[2], 40, 1).unwrap();
    carry_all(&mut devices);
    for till in &devices {
        assert_eq!(role(till, 1), None);
        assert_eq!(till.replica().roster().pending(), vec![]);
    }
    let refused = change(&mut devices[0], 50, added(8, Role::Till)).unwrap_err();
    assert_eq!(refused, CommandError::NotAMember);
}

#[test]
fn naming_old_news_does_not_give_a_manager_a_second_voice() {
    let mut devices = store();
    appoint(&mut devices[0], 2, 2);
    // What the second manager names is from before the third was made one.
    let mut second = Forger::new(2, &devices[0]);
    appoint(&mut devices[0], 3, 3);
    let record = RosterRecord::DeviceRevoked { device: device_of(3), cuts: Vec::new() };
    let backdated = second.roster(&record);
    offer(&mut devices[0], &[backdated]);
    settle(&mut devices[0]);
    assert_eq!(role(&devices[0], 3), Some(Role::Manager));
    assert_eq!(devices[0].replica().roster().pending().len(), 1);
}

#[test]
fn the_phrase_makes_and_unmakes_managers_alone_and_outranks_them() {
    let mut devices = managed(3);
    let records = devices[0].replica().revocation(device_of(1)).unwrap();
    // Two managers shut out a third, and the phrase one of the two, unseen by each other.
    revoke(&mut devices[0], 30, 3).unwrap();
    revoke(&mut devices[1], 30, 3).unwrap();
    let mut tablet = fresh(identity(9, 1), devices[0].replica().store_id().unwrap());
    carry(&devices[2], &mut tablet);
    let mut all = vec![added(9, Role::Manager)];
    all.extend(records);
    let ids = recovery::act(&mut tablet, &shop::phrase(), [3; 8], at(31), &all).unwrap();
    assert_eq!(ids.len(), 2);
    settle(&mut tablet);
    assert_eq!(tablet.replica().own_role(), Some(Role::Manager));
    devices.push(tablet);
    carry_all(&mut devices);
    let expected = membership(&devices[0]);
    for till in &mut devices {
        assert_eq!(membership(till), expected);
        assert_eq!(role(till, 1), None, "the phrase says so");
        assert_eq!(role(till, 9), Some(Role::Manager));
        assert_eq!(role(till, 3), Some(Role::Manager), "one of the two voices came too late");
    }
    let phrase = shop::phrase().device();
    assert_eq!(devices[1].replica().roster().recovery(), Some(phrase));
    assert!(!devices[1].replica().roster().members().contains(&phrase));
    assert!(devices[1].replica().roster().admits(phrase), "it may fetch the store");
    assert_eq!(devices[1].replica().revocation(phrase), Err(RosterError::RecoveryKey));
}

#[test]
fn another_stores_phrase_and_an_empty_tablet_can_do_nothing() {
    let mut devices = store();
    let other = RecoveryPhrase::from_entropy([1; 16]);
    let refused = recovery::act(&mut devices[0], &other, [1; 8], at(9), &[]).unwrap_err();
    assert!(matches!(refused, RecoverError::OtherStore(_)), "{refused}");
    let group = devices[0].replica().store_id().unwrap();
    let mut empty = fresh(identity(9, 1), group);
    let refused = recovery::act(&mut empty, &shop::phrase(), [1; 8], at(9), &[]).unwrap_err();
    assert!(matches!(refused, RecoverError::NoStore), "{refused}");
}

#[test]
fn the_phrase_may_be_used_again_and_each_time_lives_a_life_of_its_own() {
    let mut devices = store();
    for (n, device) in [4, 5, 6].into_iter().enumerate() {
        appoint(&mut devices[n % 3], 20 + n as u64, device);
        carry_all(&mut devices);
    }
    for till in &mut devices {
        assert!([4, 5, 6].into_iter().all(|device| role(till, device) == Some(Role::Manager)));
        assert_eq!(till.query(|replica, disk| replica.exceptions(disk)).unwrap(), vec![]);
        assert_eq!(till.replica().held_back().count(), 0);
    }
}

#[test]
fn not_even_the_founder_can_name_another_recovery_key() {
    let mut devices = store();
    let mut thief = Forger::new(1, &devices[0]);
    thief.roster_heads = Vec::new();
    let own = RecoveryPhrase::from_entropy([5; 16]);
    let record =
        RosterRecord::Founded { nonce: [9; 16], recovery: own.device(), name: shop::name("Mine") };
    let bytes = thief.roster(&record);
    offer(&mut devices[1], std::slice::from_ref(&bytes));
    settle(&mut devices[1]);
    assert!(!devices[1].replica().roster().counts(id_of(&bytes)));
    assert_eq!(devices[1].replica().roster().recovery(), Some(shop::phrase().device()));
}

#[test]
fn two_pairs_of_managers_that_shut_each_other_out_unseen_end_alike_everywhere() {
    let mut devices = managed(5);
    // 1 and 2 shut out 4; 3 and 4 shut out 1. Ranks: the founder first, the others by their ids.
    for (till, device) in [(0, 4), (1, 4), (2, 1), (3, 1)] {
        revoke(&mut devices[till], 30, device).unwrap();
    }
    // Both pairs work on, unseen.
    let of_first = change(&mut devices[0], 40, added(7, Role::Till));
    let of_fourth = change(&mut devices[3], 40, added(8, Role::Till));
    assert!(of_first.is_ok() && of_fourth.is_ok());
    carry_all(&mut devices);
    let expected = membership(&devices[0]);
    for till in &devices {
        assert_eq!(membership(till), expected);
    }
    assert_eq!(role(&devices[2], 4), None, "the founder's pair is the more senior one");
    assert_eq!(role(&devices[2], 1), Some(Role::Manager));
    assert_eq!((role(&devices[2], 7), role(&devices[2], 8)), (Some(Role::Till), None));
    let waits = devices[2].replica().roster().pending();
    assert_eq!(waits.len(), 1, "the third's voice about the founder waits for another: {waits:?}");
    sell(&mut devices[0], 60, 1);
    let cart = Command::OpenCart { label: String::new(), operator: shop::operator() };
    assert_eq!(devices[3].execute(at(61), cart).unwrap_err(), CommandError::NotAMember);
}

#[test]
fn no_manager_alone_lets_a_revoked_manager_back_in() {
    let mut devices = managed(3);
    // The device to be shut out writes on, cut off from the others.
    let seen = held_entries(&devices[0]);
    change(&mut devices[2], 20, added(8, Role::Till)).unwrap();
    for n in [0, 1] {
        let cuts = cuts_at(&seen, 3, |_, held| held);
        change(&mut devices[n], 30, RosterRecord::DeviceRevoked { device: device_of(3), cuts })
            .unwrap();
    }
    carry_all(&mut devices);
    assert_eq!(role(&devices[0], 8), None);
    // One manager moves the cut to the end of time; it stays where two have put it.
    let (feed, _) =
        devices[0].replica().feeds().iter().find(|(feed, _)| feed.device == device_of(3)).unwrap();
    let (incarnation, head) = (feed.incarnation, id_of(&held_entries(&devices[0])[feed][0]));
    let cuts = vec![Cut { incarnation, floor: false, seq: u64::MAX, head }];
    change(&mut devices[1], 40, RosterRecord::DeviceRevoked { device: device_of(3), cuts })
        .unwrap();
    carry_all(&mut devices);
    assert_eq!(role(&devices[0], 8), None);
    // A second one agrees, up to what it holds: now what was written until then counts.
    extend(&mut devices[0], 50, 3).unwrap();
    carry_all(&mut devices);
    assert_eq!(role(&devices[0], 8), Some(Role::Till));
    assert_eq!(role(&devices[0], 3), None, "the device itself stays out");
}

#[test]
fn a_revoked_tills_later_sales_are_kept_aside_when_they_come_through_a_relay_and_count_when_accepted()
 {
    let mut devices = store();
    sell(&mut devices[2], 20, 3);
    carry_all(&mut devices);
    let stock = devices[0].replica().stock_digest();
    revoke(&mut devices[0], 30, 3).unwrap();
    // The till has not heard of it, sells on, and hands its entries to a till that has not either.
    sell(&mut devices[2], 40, 3);
    sell(&mut devices[2], 41, 3);
    let late = held_entries(&devices[2]);
    offer_all(&mut devices[1], &late);
    let relayed: FeedBytes = held_entries(&devices[1]);
    offer_all(&mut devices[0], &relayed);
    let manager = &mut devices[0];
    assert_eq!(manager.replica().stock_digest(), stock, "they change no total");
    let kept = manager.query(|replica, disk| replica.kept_aside(disk)).unwrap();
    let sales: u64 = kept.iter().map(|feed| feed.sales).sum();
    let value: i128 = kept.iter().filter_map(|feed| feed.sales_value.get(&Currency::GBP)).sum();
    assert_eq!((sales, value), (2, 400));
    assert!(kept.iter().all(|feed| feed.feed.device == device_of(3) && feed.reached > feed.cut));
    assert_eq!(kept.iter().map(|feed| feed.transactions.len()).sum::<usize>(), 2);
    carry_all(&mut devices);
    for till in &mut devices {
        assert_eq!(till.replica().stock_digest(), stock, "at no device");
    }
    // The manager looks at them: real money. The till stays out.
    extend(&mut devices[0], 50, 3).unwrap();
    carry_all(&mut devices);
    let expected = summary(&mut devices[0]);
    for till in &mut devices {
        assert_eq!(summary(till), expected);
        assert_ne!(till.replica().stock_digest(), stock);
        assert_eq!(role(till, 3), None);
        let kept = till.query(|replica, disk| replica.kept_aside(disk)).unwrap();
        assert!(kept.iter().all(|feed| feed.sales == 0), "{kept:?}");
    }
    let again = devices[1].replica().revocation(device_of(3)).unwrap_err();
    assert_eq!(again, RosterError::Revoked(device_of(3)));
    let never = devices[0].replica().extension(device_of(2), None).unwrap_err();
    assert_eq!(never, RosterError::NotRevoked(device_of(2)));
    let nobody = devices[0].replica().revocation(device_of(77)).unwrap_err();
    assert_eq!(nobody, RosterError::UnknownDevice(device_of(77)));
}

#[test]
fn a_device_is_called_by_the_name_written_last() {
    let mut devices = store();
    let name = |till: &Till| till.replica().roster().device(device_of(2)).unwrap().name;
    assert_eq!(name(&devices[1]), shop::name("Till 2"));
    for text in ["Terrace", "Bar", "Window"] {
        let record = RosterRecord::DeviceAdded {
            device: device_of(2),
            role: Role::Till,
            name: shop::name(text),
        };
        change(&mut devices[0], 30, record).unwrap();
    }
    carry_all(&mut devices);
    assert_eq!(name(&devices[1]), shop::name("Window"));
    let founder = devices[1].replica().roster().device(device_of(1)).unwrap();
    assert!(
        founder.founder && founder.role == Role::Manager && founder.name == shop::name("Till 1")
    );
}

/// One thing a manager, or somebody who would be one, does.
#[derive(Debug, Clone)]
struct Act {
    by: usize,
    what: u8,
    whom: u8,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..5_usize, 0..10_u8, 1..8_u8).prop_map(|(by, what, whom)| Act { by, what, whom });
    prop::collection::vec(act, 4..24)
}

/// Plays acts on five devices, three of them managers; what is refused is part of it.
fn play(acts: &[Act]) -> Vec<Till> {
    let mut devices = managed(3);
    devices.push(fresh(identity(5, 1), devices[0].replica().store_id().unwrap()));
    carry_all(&mut devices);
    for (n, act) in acts.iter().enumerate() {
        let ms = 100 + n as u64;
        let till = &mut devices[act.by];
        match act.what {
            0 | 1 => drop(change(till, ms, added(act.whom, Role::Till))),
            2 | 3 => drop(change(till, ms, added(act.whom, Role::Manager))),
            4 | 5 => drop(revoke(till, ms, act.whom)),
            6 => drop(extend(till, ms, act.whom)),
            7 if act.whom == 7 => {
                let record = [added(u8::try_from(act.by + 1).unwrap(), Role::Manager)];
                let nonce = [u8::try_from(n).unwrap() + 1; 8];
                drop(recovery::act(till, &shop::phrase(), nonce, at(ms), &record));
            }
            _ => {
                let to = usize::from(act.whom) % devices.len();
                if to != act.by {
                    let entries = held_entries(&devices[act.by]);
                    offer_all(&mut devices[to], &entries);
                }
            }
        }
    }
    devices
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_roster_records_comes_to_the_same_members(acts in acts(), seed: u64) {
        let mut devices = play(&acts);
        let group = devices[0].replica().store_id().unwrap();
        let feeds = carry_all(&mut devices);
        let expected = (membership(&devices[0]), summary(&mut devices[0]));
        for till in &mut devices {
            prop_assert_eq!(&(membership(till), summary(till)), &expected);
        }
        // One entry at a time, in any order, with gaps that fill later.
        let mut entries: Vec<Vec<u8>> = feeds.into_values().flatten().collect();
        let mut random = Seeded(seed >> 1);
        for last in (1..entries.len()).rev() {
            entries.swap(last, usize::try_from(random.below(last as u64 + 1)).unwrap());
        }
        let mut newcomer = fresh(identity(9, 1), group);
        for entry in &entries {
            offer(&mut newcomer, std::slice::from_ref(entry));
        }
        settle(&mut newcomer);
        prop_assert_eq!(&(membership(&newcomer), summary(&mut newcomer)), &expected);
    }

    #[test]
    fn a_manager_is_made_or_unmade_by_two_voices_or_the_phrase_and_nothing_else(acts in acts()) {
        let mut devices = play(&acts);
        carry_all(&mut devices);
        let roster = devices[0].replica().roster();
        let phrase = shop::phrase().device();
        for device in (1..8).map(device_of) {
            let said = |wanted: PendingChange| -> BTreeSet<_> {
                let about = roster.iter().filter(|(id, _)| roster.counts(**id)).filter(|(_, entry)| {
                    match &entry.record {
                        RosterRecord::DeviceAdded { device: it, role: Role::Manager, .. } => {
                            wanted == PendingChange::MakeManager && *it == device
                        }
                        RosterRecord::DeviceRevoked { device: it, .. } => {
                            wanted == PendingChange::RevokeManager && *it == device
                        }
                        _ => false,
                    }
                });
                about.map(|(_, entry)| entry.author).collect()
            };
            let enough = |voices: &BTreeSet<_>| voices.len() >= 2 || voices.contains(&phrase);
            let made = device == device_of(1) || enough(&said(PendingChange::MakeManager));
            prop_assert_eq!(roster.role(device) == Some(Role::Manager), made);
            let unmade = said(PendingChange::RevokeManager);
            if made && !roster.is_revoked(device) {
                prop_assert!(!enough(&unmade), "{unmade:?}");
            }
            let waits = roster.pending().into_iter().any(|one| one.device == device);
            let one_voice = !made && !said(PendingChange::MakeManager).is_empty()
                || made && !unmade.is_empty();
            prop_assert_eq!(waits, one_voice && !roster.is_revoked(device));
        }
        let heads = roster.heads(phrase);
        prop_assert_eq!(roster.standing(phrase, &heads), Standing::Member(Role::Manager));
        for (_, reason) in devices[0].replica().held_back() {
            let known = matches!(
                reason,
                HeldBack::BeyondCut(_) | HeldBack::NotAMember | HeldBack::NotAllowed(_)
            );
            prop_assert!(known, "{reason:?}");
        }
    }
}
