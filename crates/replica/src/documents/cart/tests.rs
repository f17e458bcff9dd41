use std::collections::{BTreeMap, BTreeSet};

use pos_core::cart::{CartEdit, CartStatus};
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::gate_tests::{add_line, author, line_id, price};
use super::*;
use crate::documents::Outcome;

fn cart() -> CartDocument {
    CartDocument::open(CartId::from_bytes([9; 16]), 0).unwrap()
}

fn units(units: i64) -> Quantity {
    Quantity::from_units(units).unwrap()
}

fn held(cart: &CartDocument, number: u8) -> Quantity {
    cart.view().line(line_id(number)).unwrap().quantity
}

fn edit(cart: &mut CartDocument, device: u8, edit: &CartEdit) -> Vec<u8> {
    cart.apply_edit(&author(device), edit).unwrap().unwrap()
}

#[test]
fn the_operator_stands_for_unknown_until_the_opening_is_known() {
    let mut cart = cart();
    assert_eq!(cart.view().operator, nobody());
    let raw = cart.apply_open(&author(1), &OperatorId::new("mia").unwrap(), "table 4").unwrap();
    assert!(raw.is_some());
    let view = cart.view();
    assert_eq!((view.operator.as_str(), view.label.as_str()), ("mia", "table 4"));
    assert_eq!(view.status, CartStatus::Open);
}

#[test]
fn each_edit_shows_in_the_view() {
    let mut cart = cart();
    let customer = CustomerId::from_bytes([4; 16]);
    edit(&mut cart, 1, &add_line(1, 2));
    edit(&mut cart, 1, &CartEdit::AddQuantity { line: line_id(1), quantity: units(3) });
    edit(&mut cart, 2, &CartEdit::RemoveQuantity { line: line_id(1), quantity: units(1) });
    edit(&mut cart, 2, &CartEdit::Reprice { line: line_id(1), price: price("1.99") });
    edit(&mut cart, 1, &CartEdit::SetCustomer { customer: Some(customer) });
    edit(&mut cart, 1, &CartEdit::SetLabel { label: "bar".to_owned() });
    edit(&mut cart, 1, &CartEdit::SetStatus { status: CartStatus::Suspended });
    let view = cart.view();
    let line = view.line(line_id(1)).unwrap();
    assert_eq!((line.quantity, &line.price), (units(4), &price("1.99")));
    assert_eq!(view.customer, Some(customer));
    assert_eq!((view.label.as_str(), view.status), ("bar", CartStatus::Suspended));
    edit(&mut cart, 2, &CartEdit::SetCustomer { customer: None });
    assert_eq!(cart.view().customer, None);
    cart.document().verify().unwrap();
}

#[test]
fn edits_that_cannot_be_are_refused_and_leave_the_cart_alone() {
    let mut cart = cart();
    edit(&mut cart, 1, &add_line(1, 2));
    let heads = cart.heads();
    let refused = [
        (add_line(1, 1), CartEditError::LineExists(line_id(1))),
        (add_line(2, 0), CartEditError::NotPositive),
        (CartEdit::VoidLine { line: line_id(9) }, CartEditError::UnknownLine(line_id(9))),
        (
            CartEdit::RemoveQuantity { line: line_id(1), quantity: units(3) },
            CartEditError::NotThatMany { held: units(2) },
        ),
    ];
    for (edit, error) in refused {
        assert_eq!(cart.apply_edit(&author(1), &edit), Err(error));
    }
    let long = CartEdit::SetLabel { label: "x".repeat(257) };
    let too_long = cart.apply_edit(&author(1), &long);
    assert!(matches!(too_long, Err(CartEditError::Local(LocalError::Refused(_)))), "{too_long:?}");
    assert_eq!(cart.heads(), heads);
    edit(&mut cart, 1, &CartEdit::VoidLine { line: line_id(1) });
    let again = cart.apply_edit(&author(1), &CartEdit::VoidLine { line: line_id(1) });
    assert_eq!(again, Ok(None));
}

#[test]
fn what_one_tablet_adds_while_another_voids_the_line_stays() {
    let (mut left, mut right) = (cart(), cart());
    let first = edit(&mut left, 1, &add_line(1, 5));
    right.apply_remote(&first, &author(1)).unwrap();
    let void = edit(&mut left, 1, &CartEdit::VoidLine { line: line_id(1) });
    let more = edit(&mut right, 2, &CartEdit::AddQuantity { line: line_id(1), quantity: units(2) });
    left.apply_remote(&more, &author(2)).unwrap();
    right.apply_remote(&void, &author(1)).unwrap();
    assert_eq!(held(&left, 1), units(2));
    assert_eq!(left.view(), right.view());
}

#[test]
fn both_tablets_lines_survive_a_void_of_the_same_line() {
    let (mut left, mut right) = (cart(), cart());
    let first = edit(&mut left, 1, &add_line(1, 5));
    right.apply_remote(&first, &author(1)).unwrap();
    let void = CartEdit::VoidLine { line: line_id(1) };
    let from_left = [edit(&mut left, 1, &void), edit(&mut left, 1, &add_line(2, 1))];
    let from_right = [edit(&mut right, 2, &void), edit(&mut right, 2, &add_line(3, 1))];
    for (mine, theirs) in from_left.iter().zip(&from_right) {
        right.apply_remote(mine, &author(1)).unwrap();
        left.apply_remote(theirs, &author(2)).unwrap();
    }
    assert_eq!(left.heads(), right.heads());
    let quantities = [1, 2, 3].map(|number| held(&left, number));
    assert_eq!(quantities, [Quantity::ZERO, units(1), units(1)]);
    assert_eq!(left.view().live_lines().count(), 2);
}

#[test]
fn a_voided_line_that_gets_more_units_holds_just_those() {
    let mut cart = cart();
    edit(&mut cart, 1, &add_line(1, 5));
    edit(&mut cart, 2, &CartEdit::VoidLine { line: line_id(1) });
    edit(&mut cart, 1, &CartEdit::AddQuantity { line: line_id(1), quantity: units(2) });
    assert_eq!(held(&cart, 1), units(2));
    edit(&mut cart, 3, &CartEdit::RemoveQuantity { line: line_id(1), quantity: units(1) });
    assert_eq!(held(&cart, 1), units(1));
}

#[test]
fn a_value_that_two_tablets_changed_can_be_confirmed_as_it_stands() {
    let (mut left, mut right) = (cart(), cart());
    let a = edit(&mut left, 1, &CartEdit::SetLabel { label: "a".to_owned() });
    let b = edit(&mut right, 2, &CartEdit::SetLabel { label: "b".to_owned() });
    left.apply_remote(&b, &author(2)).unwrap();
    right.apply_remote(&a, &author(1)).unwrap();
    let label = left.view().label;
    assert_eq!(label, right.view().label);
    let confirmed = edit(&mut left, 1, &CartEdit::SetLabel { label: label.clone() });
    right.apply_remote(&confirmed, &author(1)).unwrap();
    assert_eq!((left.view().label, right.view().label), (label.clone(), label));
    assert_eq!(left.heads(), right.heads());
}

#[test]
fn two_lines_under_one_id_both_count_and_neither_hides_the_other() {
    let (mut left, mut right) = (cart(), cart());
    let mine = edit(&mut left, 1, &add_line(1, 2));
    let theirs = edit(&mut right, 2, &add_line(1, 3));
    left.apply_remote(&theirs, &author(2)).unwrap();
    right.apply_remote(&mine, &author(1)).unwrap();
    assert_eq!(held(&left, 1), units(5));
    assert_eq!(left.view(), right.view());
    let void = edit(&mut left, 1, &CartEdit::VoidLine { line: line_id(1) });
    right.apply_remote(&void, &author(1)).unwrap();
    assert_eq!(held(&right, 1), Quantity::ZERO);
}

#[test]
fn a_line_that_cannot_be_read_is_counted_and_the_rest_is_shown() {
    let mut cart = cart();
    edit(&mut cart, 1, &add_line(1, 2));
    let lines = cart.lines_map();
    let noise = cart.document.local_change(&author(2), |transaction| {
        let line = transaction.put_object(&lines, line_id(2).to_string(), ObjType::Map)?;
        transaction.put(&line, LINE_PRODUCT, vec![0xff; 40])?;
        transaction.put(&line, LINE_PRICE, vec![0xff; 3])
    });
    assert!(noise.unwrap().is_some());
    assert_eq!(cart.unreadable_lines(), 1);
    assert_eq!(cart.view().lines.len(), 1);
    let void = cart.apply_edit(&author(1), &CartEdit::VoidLine { line: line_id(2) });
    assert_eq!(void, Err(CartEditError::UnknownLine(line_id(2))));
}

const TABLETS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    AddLine(i64),
    AddQuantity(Index, i64),
    RemoveQuantity(Index, i64),
    Void(Index),
    Reprice(Index, u8),
    Label(u8),
    Receive(Index),
}

fn step() -> impl Strategy<Value = Step> {
    let amount = 1_i64..6;
    prop_oneof![
        3 => amount.clone().prop_map(Step::AddLine),
        4 => (any::<Index>(), amount.clone()).prop_map(|(line, n)| Step::AddQuantity(line, n)),
        3 => (any::<Index>(), amount).prop_map(|(line, n)| Step::RemoveQuantity(line, n)),
        2 => any::<Index>().prop_map(Step::Void),
        1 => (any::<Index>(), 1_u8..9).prop_map(|(line, p)| Step::Reprice(line, p)),
        1 => any::<u8>().prop_map(Step::Label),
        8 => any::<Index>().prop_map(Step::Receive),
    ]
}

/// One addition, told apart by the tablet and how many additions to the line it made before.
#[derive(Debug)]
struct Addition {
    tablet: usize,
    units: i64,
    hash: ChangeHash,
}

/// What happened to one line, told from outside: who added, who removed, which additions each void
/// had seen. It knows nothing of cells and levels.
#[derive(Debug, Default)]
struct LineStory {
    additions: Vec<Addition>,
    removed: i64,
    voided: BTreeSet<ChangeHash>,
}

/// Three tablets and a network that delays, reorders and repeats.
struct Floor {
    carts: Vec<CartDocument>,
    inboxes: Vec<Vec<(usize, Vec<u8>)>>,
    stories: BTreeMap<u8, LineStory>,
}

impl Floor {
    fn new() -> Self {
        let carts = (0..TABLETS).map(|_tablet| cart()).collect();
        Self { carts, inboxes: vec![Vec::new(); TABLETS], stories: BTreeMap::new() }
    }

    fn send(&mut self, from: usize, raw: &[u8]) -> ChangeHash {
        for (to, inbox) in self.inboxes.iter_mut().enumerate() {
            if to != from {
                inbox.push((from, raw.to_vec()));
            }
        }
        automerge::Change::from_bytes(raw.to_vec()).unwrap().hash().0
    }

    fn receive(&mut self, tablet: usize, which: Index, keep: bool) {
        if self.inboxes[tablet].is_empty() {
            return;
        }
        let at = which.index(self.inboxes[tablet].len());
        let (from, raw) = self.inboxes[tablet][at].clone();
        if !keep {
            self.inboxes[tablet].swap_remove(at);
        }
        let before: Vec<LineId> = ids(&self.carts[tablet]);
        let by = author(u8::try_from(from).unwrap());
        let applied = self.carts[tablet].apply_remote(&raw, &by).unwrap();
        assert!(applied.released.iter().all(|released| released.result.is_ok()));
        let after = ids(&self.carts[tablet]);
        assert!(before.iter().all(|id| after.contains(id)), "a line disappeared");
    }

    /// A line this tablet sees.
    fn pick(&self, tablet: usize, which: Index) -> Option<(u8, Quantity)> {
        let view = self.carts[tablet].view();
        (!view.lines.is_empty()).then(|| {
            let line = which.get(&view.lines);
            (line.id.as_bytes()[7], line.quantity)
        })
    }

    fn edit(&mut self, tablet: usize, edit: &CartEdit) -> Option<ChangeHash> {
        let by = author(u8::try_from(tablet).unwrap());
        let raw = self.carts[tablet].apply_edit(&by, edit).unwrap()?;
        Some(self.send(tablet, &raw))
    }

    fn step(&mut self, tablet: usize, step: &Step) {
        match *step {
            Step::AddLine(n) => {
                let number = u8::try_from(self.stories.len() + 1).unwrap();
                let hash = self.edit(tablet, &add_line(number, n)).unwrap();
                let story = self.stories.entry(number).or_default();
                story.additions.push(Addition { tablet, units: n, hash });
            }
            Step::Receive(which) => self.receive(tablet, which, which.index(10) == 0),
            Step::Label(n) => {
                self.edit(tablet, &CartEdit::SetLabel { label: format!("table {n}") });
            }
            Step::AddQuantity(which, n) => {
                let Some((number, held_before)) = self.pick(tablet, which) else { return };
                let more = CartEdit::AddQuantity { line: line_id(number), quantity: units(n) };
                let hash = self.edit(tablet, &more).unwrap();
                let story = self.stories.get_mut(&number).unwrap();
                story.additions.push(Addition { tablet, units: n, hash });
                let after = held(&self.carts[tablet], number);
                assert_eq!(after, held_before.checked_add(units(n)).unwrap(), "an addition counts");
            }
            Step::RemoveQuantity(which, n) => {
                let Some((number, held_before)) = self.pick(tablet, which) else { return };
                if held_before < units(n) {
                    return;
                }
                let less = CartEdit::RemoveQuantity { line: line_id(number), quantity: units(n) };
                self.edit(tablet, &less).unwrap();
                self.stories.get_mut(&number).unwrap().removed += n;
                let after = held(&self.carts[tablet], number);
                assert_eq!(after, held_before.checked_sub(units(n)).unwrap(), "a removal counts");
            }
            Step::Void(which) => {
                let Some((number, _held)) = self.pick(tablet, which) else { return };
                if self.edit(tablet, &CartEdit::VoidLine { line: line_id(number) }).is_some() {
                    let document = self.carts[tablet].document();
                    let story = self.stories.get_mut(&number).unwrap();
                    let seen = story.additions.iter().map(|addition| addition.hash);
                    story.voided.extend(seen.filter(|hash| document.contains(hash)));
                }
                assert_eq!(held(&self.carts[tablet], number), Quantity::ZERO);
            }
            Step::Reprice(which, n) => {
                let Some((number, _held)) = self.pick(tablet, which) else { return };
                let price = price(&format!("{n}.00"));
                self.edit(tablet, &CartEdit::Reprice { line: line_id(number), price });
            }
        }
    }

    /// The partition heals: everything arrives, in an order of its own at each tablet.
    fn settle(&mut self, order: &[Index]) {
        for tablet in 0..TABLETS {
            let mut order = order.iter().cycle();
            while !self.inboxes[tablet].is_empty() {
                self.receive(tablet, *order.next().unwrap(), false);
            }
            assert_eq!(self.carts[tablet].document().parked_count(), 0);
        }
    }
}

fn ids(cart: &CartDocument) -> Vec<LineId> {
    cart.view().lines.iter().map(|line| line.id).collect()
}

fn assert_converged(floor: &Floor) {
    for cart in &floor.carts {
        assert_eq!(cart.heads(), floor.carts[0].heads());
        assert_eq!(cart.view(), floor.carts[0].view());
        assert_eq!(cart.unreadable_lines(), 0);
    }
    floor.carts[0].document().verify().unwrap();
}

fn assert_stories(floor: &Floor) {
    let view = floor.carts[0].view();
    assert_eq!(view.lines.len(), floor.stories.len(), "no line is lost");
    for (number, story) in &floor.stories {
        let held = view.line(line_id(*number)).unwrap().quantity;
        let unseen =
            story.additions.iter().filter(|addition| !story.voided.contains(&addition.hash));
        let unseen: i64 = unseen.map(|addition| addition.units).sum();
        let adders: BTreeSet<usize> = story.additions.iter().map(|add| add.tablet).collect();
        // A void takes what it saw and nothing else; a removal takes at most its number.
        assert!(held <= units(unseen), "{held} of {story:?}");
        assert!(held >= units((unseen - story.removed).max(0)), "{held} of {story:?}");
        // Exact where removals cannot have overlapped: none at all, or one adder whose first units
        // cover them all.
        let covered = story.removed <= story.additions[0].units;
        if story.removed == 0 || (adders.len() == 1 && story.voided.is_empty() && covered) {
            assert_eq!(held, units(unseen - story.removed), "{story:?}");
        }
    }
}

/// With everything known everywhere, each edit does exactly what it says.
fn assert_exact_afterwards(floor: &mut Floor, order: &[Index]) {
    let lines: Vec<u8> = floor.stories.keys().copied().collect();
    for (turn, number) in lines.into_iter().enumerate() {
        let (tablet, line) = (turn % TABLETS, line_id(number));
        let before = held(&floor.carts[0], number);
        floor.edit(tablet, &CartEdit::AddQuantity { line, quantity: units(3) });
        floor.settle(order);
        assert_eq!(held(&floor.carts[0], number), before.checked_add(units(3)).unwrap());
        let other = (tablet + 1) % TABLETS;
        floor.edit(other, &CartEdit::RemoveQuantity { line, quantity: units(2) });
        floor.settle(order);
        assert_eq!(held(&floor.carts[0], number), before.checked_add(units(1)).unwrap());
        floor.edit((tablet + 2) % TABLETS, &CartEdit::VoidLine { line });
        floor.settle(order);
        assert_eq!(held(&floor.carts[0], number), Quantity::ZERO);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn concurrent_edits_on_three_tablets_converge_and_lose_nothing(
        steps in prop::collection::vec((0..TABLETS, step()), 1..60),
        order in prop::collection::vec(any::<Index>(), 8),
    ) {
        let mut floor = Floor::new();
        for (tablet, step) in steps {
            floor.step(tablet, &step);
        }
        floor.settle(&order);
        assert_converged(&floor);
        assert_stories(&floor);
        assert_exact_afterwards(&mut floor, &order);
        assert_converged(&floor);
    }

    #[test]
    fn any_order_of_arrival_gives_the_same_cart(
        steps in prop::collection::vec((0..TABLETS, step()), 1..30),
        order in prop::collection::vec(any::<Index>(), 8),
    ) {
        let mut floor = Floor::new();
        for (tablet, step) in steps {
            floor.step(tablet, &step);
        }
        floor.settle(&order);
        let source = &floor.carts[0];
        let mut changes: Vec<Vec<u8>> = source.document().raw_changes().map(<[u8]>::to_vec).collect();
        let mut newcomer = cart();
        let mut picks = order.iter().cycle();
        while !changes.is_empty() {
            let raw = changes.swap_remove(picks.next().unwrap().index(changes.len()));
            let actor = automerge::Change::from_bytes(raw.clone()).unwrap().actor_id().clone();
            let tablets = 0..u8::try_from(TABLETS).unwrap();
            let by = tablets.map(author).find(|by| by.actor().as_bytes() == actor.to_bytes()).unwrap();
            let outcome = newcomer.apply_remote(&raw, &by).unwrap().outcome;
            prop_assert!(outcome != Outcome::Known);
        }
        prop_assert_eq!(newcomer.heads(), source.heads());
        prop_assert_eq!(newcomer.view(), source.view());
        prop_assert_eq!(newcomer.document().parked_count(), 0);
    }
}
