//! A device of the store that lies: whatever it sends, the connection to it is closed for a reason
//! that names it or nothing comes of it; the other tills stay in step.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use pos_core::business_date::BusinessDate;
use pos_core::ids::{DeviceId, StoreId};
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use replica::core::{
    Command, Entry, EntryId, HeldBack, Incarnation, OpClass, OpDraft, Outcome, Role,
};
use replica::documents::CustomerEdit;
use replica::limits;
use replica::sync::{
    Class, CloseReason, ConnId, FeedRow, FrameError, Have, Hello, Message, PROTOCOL_VERSION,
    StoredRow, SummaryRow, Total, Want, Window,
};

use mesh::{Forger, Summary, added, device_of, id_of, sell, settle, store};
use shop::at;
use wires::World;

/// The liar's device.
const LIAR: u8 = 4;
/// The peer it is connected to.
const VICTIM: usize = 0;

/// Three honest tills, and a fourth member of the store that the test plays.
struct Scene {
    world: World,
    conn: ConnId,
    forger: Forger,
    next_window: u64,
}

impl Scene {
    /// The liar is connected and has said nothing.
    fn silent() -> Self {
        let mut tills = store();
        let record = added(LIAR, Role::Till);
        tills[0].execute(at(9), Command::ChangeRoster(record)).unwrap();
        let mut world = World::new(tills, 7);
        world.connect_all();
        world.run(1000);
        world.act(1, |till, ms| sell(till, ms, 2));
        world.run(1000);
        let forger = Forger::new(LIAR, &world.peers[VICTIM].till);
        let conn = world.connect_by_hand(VICTIM, device_of(LIAR));
        Self { world, conn, forger, next_window: 1 }
    }

    /// The liar has introduced itself.
    fn greeted() -> Self {
        let mut scene = Self::silent();
        let hello = scene.hello();
        scene.say(&Message::Hello(hello));
        assert!(scene.is_connected());
        scene
    }

    fn hello(&self) -> Hello {
        let replica = self.world.peers[VICTIM].till.replica();
        Hello {
            oldest: PROTOCOL_VERSION,
            newest: PROTOCOL_VERSION,
            store: replica.store_id().unwrap(),
            held: replica.held_digest().to_bytes(),
            software: "liar 6.6.6".to_owned(),
        }
    }

    fn is_connected(&self) -> bool {
        self.world.links.contains_key(&self.conn)
    }

    fn raw(&mut self, class: Class, frame: &[u8]) {
        self.world.inject(self.conn, class, frame);
    }

    fn say(&mut self, message: &Message) {
        let class =
            if matches!(message, Message::Window(_)) { Class::Bulk } else { Class::Control };
        self.raw(class, &message.encode());
    }

    fn offer(&mut self, entries: &[Vec<u8>]) {
        let id = self.next_window;
        self.next_window += 1;
        let entries = entries.iter().map(Vec::as_slice);
        self.say(&Message::Window(Window::whole(id, entries)));
    }

    /// What the victim has said to the liar.
    fn heard(&self) -> Vec<Message> {
        let ours = self.world.to_us.iter().filter(|(conn, ..)| *conn == self.conn);
        ours.map(|(_, class, frame)| Message::decode(*class, frame).unwrap().unwrap()).collect()
    }

    /// Why the victim has hung up; nobody else has.
    fn reason(&self) -> CloseReason {
        assert!(!self.is_connected(), "still connected");
        let [(VICTIM, reason)] = self.world.closed.as_slice() else {
            panic!("{:?}", self.world.closed)
        };
        reason.clone()
    }

    /// The honest tills sell, hear of each other and agree.
    fn others_go_on(&mut self) -> Summary {
        let before = self.world.sales(VICTIM);
        for peer in 0..3 {
            let device = u8::try_from(peer + 1).unwrap();
            self.world.act(peer, |till, ms| sell(till, ms, device));
        }
        // Sales arrive as soon as they are made, whatever the liar claims to have.
        self.world.run(250);
        for peer in 0..3 {
            assert_eq!(self.world.sales(peer), before + 3, "peer {peer}");
        }
        self.world.run(12_000);
        let agreed = self.world.agreed();
        assert_eq!(self.world.links.values().filter(|(_, b)| *b < 3).count(), 3, "all linked");
        agreed
    }

    /// One frame that ends the connection.
    fn closed_by(mut self, class: Class, frame: &[u8]) -> CloseReason {
        self.raw(class, frame);
        let reason = self.reason();
        self.others_go_on();
        reason
    }

    /// One window that ends the connection, and of which nothing is kept.
    fn refused(mut self, entries: &[Vec<u8>]) -> String {
        let held = self.world.peers[VICTIM].till.replica().held_digest();
        self.offer(entries);
        assert_eq!(self.world.peers[VICTIM].till.replica().held_digest(), held);
        let CloseReason::Entries(reason) = self.reason() else { panic!("{:?}", self.reason()) };
        self.others_go_on();
        reason
    }

    fn held(&self, peer: usize) -> u64 {
        self.world.peers[peer].till.replica().held_of(device_of(LIAR)).entries
    }

    fn honest_entry(&mut self) -> Vec<u8> {
        self.forger.record(Vec::new(), &adjustment())
    }
}

fn adjustment() -> Record {
    Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: Sku::new("A").unwrap(),
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(5).unwrap(),
            description: String::new(),
        }],
        reason: "found".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1).unwrap(),
        idempotency_key: None,
        wall_time: at(0).wall,
    })
}

/// A window frame by hand; `claimed` 0: not compressed.
fn window_frame(claimed: usize, body: &[u8]) -> Vec<u8> {
    [&[8, 1][..], &varint(claimed), body].concat()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 0x7F {
        out.push(u8::try_from(number & 0x7F).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
    out
}

fn frame_error(reason: CloseReason) -> FrameError {
    let CloseReason::Frame(error) = reason else { panic!("{reason:?}") };
    error
}

#[test]
fn frames_that_are_none_end_the_connection_before_and_after_the_hello() {
    for scene in [Scene::silent, Scene::greeted] {
        let error = |class, frame: &[u8]| frame_error(scene().closed_by(class, frame));
        assert_eq!(error(Class::Control, &[]), FrameError::Empty);
        assert_eq!(error(Class::Control, &[3, 0xff, 0xff, 0xff]), FrameError::Malformed(3));
        assert_eq!(error(Class::Control, &[77, 1, 2, 3]), FrameError::UnknownType(77));
        assert_eq!(
            error(Class::Live, &Message::Digest([1; 16]).encode()),
            FrameError::WrongClass(2)
        );
    }
    // An entry of a feed that was never opened on this connection.
    let unopened = frame_error(Scene::greeted().closed_by(Class::Bulk, &window_frame(0, &[9, 1])));
    assert_eq!(unopened, replica::core::CodecError::Unknown { what: "feed", found: 1 }.into());
}

#[test]
fn a_summary_that_claims_more_rows_than_it_has_is_refused_without_the_memory_for_them() {
    let mut frame = vec![3];
    frame.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    let reason = Scene::greeted().closed_by(Class::Control, &frame);
    assert_eq!(frame_error(reason), FrameError::Malformed(3));
}

#[test]
fn what_a_newer_version_may_say_is_passed_over() {
    let mut scene = Scene::greeted();
    scene.raw(Class::Control, &[128, 1, 2, 3]);
    scene.raw(Class::Bulk, &[255]);
    assert!(scene.is_connected());
    scene.others_go_on();
    assert!(scene.is_connected());
}

#[test]
fn nothing_is_heard_before_a_hello_and_no_second_one() {
    let device = device_of(2);
    for message in [
        Message::Digest([0; 16]),
        Message::Summary(Vec::new()),
        Message::Want(Want { device, standing: true, have: Have::Digest([0; 16]) }),
        Message::Window(Window::whole(1, [[1_u8].as_slice()])),
        Message::Ack(vec![1]),
    ] {
        let mut scene = Scene::silent();
        scene.say(&message);
        assert_eq!(scene.reason(), CloseReason::Protocol("no hello"));
        scene.others_go_on();
    }
    let mut scene = Scene::greeted();
    let again = scene.hello();
    scene.say(&Message::Hello(again));
    assert_eq!(scene.reason(), CloseReason::Protocol("a second hello"));
    scene.others_go_on();
}

#[test]
fn another_store_and_versions_that_do_not_overlap_are_told_so() {
    let mut scene = Scene::silent();
    let hello = Hello { store: StoreId::from_bytes([0xee; 16]), ..scene.hello() };
    scene.say(&Message::Hello(hello));
    assert_eq!(scene.reason(), CloseReason::OtherStore);
    scene.others_go_on();
    for (oldest, newest) in [(9, 9), (0, 0), (2, 1), (u16::MAX, 0)] {
        let mut scene = Scene::silent();
        let hello = Hello { oldest, newest, ..scene.hello() };
        scene.say(&Message::Hello(hello));
        let reason = scene.reason();
        assert_eq!(reason, CloseReason::Version { oldest, newest });
        assert!(reason.to_string().contains("update the older one"), "{reason}");
        scene.others_go_on();
    }
    // A newer one that still speaks ours is welcome.
    let mut scene = Scene::silent();
    let hello = Hello { newest: 9, ..scene.hello() };
    scene.say(&Message::Hello(hello));
    assert!(scene.is_connected());
}

#[test]
fn a_long_name_of_the_software_is_cut_short() {
    let mut scene = Scene::silent();
    let hello = Hello { software: "é".repeat(20_000), ..scene.hello() };
    scene.say(&Message::Hello(hello));
    let engine = &scene.world.peers[VICTIM].engine;
    let shown = engine.peers().map(|peer| peer.software.chars().count()).max();
    assert_eq!(shown, Some(limits::SOFTWARE_CHARS_MAX));
}

#[test]
fn entries_that_do_not_chain_are_refused_whole() {
    let mut scene = Scene::greeted();
    let [first, _, third] = [(); 3].map(|()| scene.honest_entry());
    let reason = scene.refused(&[first, third]);
    assert!(reason.contains("does not follow"), "{reason}");
    // Two feeds in one window.
    let mut scene = Scene::greeted();
    let first = scene.honest_entry();
    let other = Forger::new(3, &scene.world.peers[VICTIM].till).record(Vec::new(), &adjustment());
    let reason = scene.refused(&[first, other]);
    assert!(reason.contains("does not follow"), "{reason}");
}

#[test]
fn a_window_on_top_of_entries_nobody_has_is_asked_for_from_the_start_and_not_kept() {
    let mut scene = Scene::greeted();
    scene.honest_entry();
    let second = scene.honest_entry();
    scene.world.to_us.clear();
    scene.offer(&[second]);
    assert!(scene.is_connected());
    assert_eq!(scene.held(VICTIM), 0);
    let asked = |message: &Message| matches!(message, Message::Want(Want { device, .. }) if *device == device_of(LIAR));
    assert!(scene.heard().iter().any(asked), "{:?}", scene.heard());
    scene.others_go_on();
}

#[test]
fn a_window_whose_last_signature_does_not_fit_is_refused_whole() {
    for of_last in [true, false] {
        let mut scene = Scene::greeted();
        let [mut first, mut second] = [(); 2].map(|()| scene.honest_entry());
        let entry = if of_last { &mut second } else { &mut first };
        let header = u32::from_le_bytes(*entry.first_chunk().unwrap()) as usize;
        entry[4 + header + 10] ^= 1;
        if of_last {
            let reason = scene.refused(&[first, second]);
            assert!(reason.contains("signature"), "{reason}");
        } else {
            // The last one vouches for those before it, by their hashes; a signature inside that
            // is broken is stored as it came.
            scene.offer(&[first, second]);
            scene.others_go_on();
        }
    }
}

#[test]
fn a_window_with_a_flipped_byte_anywhere_brings_nothing() {
    let mut scene = Scene::greeted();
    let entry = scene.honest_entry();
    for byte in 0..entry.len() {
        let mut altered = entry.clone();
        altered[byte] ^= 0x40;
        scene.offer(&[altered]);
        assert_eq!(scene.held(VICTIM), 0, "byte {byte}");
        if !scene.is_connected() {
            scene.conn = scene.world.connect_by_hand(VICTIM, device_of(LIAR));
            let hello = scene.hello();
            scene.say(&Message::Hello(hello));
        }
    }
    scene.offer(&[entry]);
    assert_eq!(scene.held(VICTIM), 1, "as it was written it is taken");
    scene.others_go_on();
}

#[test]
fn a_window_with_a_body_left_out_is_refused() {
    let mut scene = Scene::greeted();
    let entry = scene.honest_entry();
    let header = u32::from_le_bytes(*entry.first_chunk().unwrap()) as usize;
    let mut withheld = entry[..4 + header + 64].to_vec();
    withheld.push(0);
    assert!(Entry::decode(&withheld).unwrap().bodies().iter().any(Option::is_none));
    let reason = scene.refused(&[withheld]);
    assert!(reason.contains("without its content"), "{reason}");
}

#[test]
fn windows_over_their_limits_and_bombs_end_the_connection() {
    let zeros = vec![0; 64 << 20];
    let bomb = zstd::bulk::compress(&zeros, 3).unwrap();
    assert!(bomb.len() < limits::WINDOW_BYTES_MAX);
    let most = limits::WINDOW_BYTES_MAX;
    let error = |frame: &[u8]| frame_error(Scene::greeted().closed_by(Class::Bulk, frame));
    assert_eq!(error(&window_frame(most, &bomb)), FrameError::Compression);
    assert!(matches!(error(&window_frame(most + 1, &bomb)), FrameError::Window(_)));
    assert_eq!(error(&window_frame(100, b"no zstd at all")), FrameError::Compression);
    // No feed, and more empty entries than a window may have; an entry longer than any.
    let empties = vec![0; 1 + 2 * (limits::WINDOW_ENTRIES_MAX + 1)];
    assert!(matches!(error(&window_frame(0, &empties)), FrameError::Window(_)));
    let long = [&[0, 0][..], &varint(limits::ENTRY_BYTES_MAX + 1)].concat();
    assert!(matches!(error(&window_frame(0, &long)), FrameError::Window(_)));
    // No entry, and an empty one.
    assert!(Scene::greeted().refused(&[]).contains("this one has 0"));
    Scene::greeted().refused(&[Vec::new()]);
}

#[test]
fn entries_of_another_store_are_refused() {
    let mut scene = Scene::greeted();
    scene.forger.group = StoreId::from_bytes([0xee; 16]);
    let entry = scene.honest_entry();
    let reason = scene.refused(&[entry]);
    assert!(reason.contains("another store"), "{reason}");
}

#[test]
fn forged_changes_of_documents_change_nothing_and_all_agree() {
    let mut scene = Scene::greeted();
    let create = Command::CreateCustomer(vec![CustomerEdit::SetName("Ada".to_owned())]);
    let outcome = scene.world.act(1, |till, ms| till.execute(at(ms), create).unwrap());
    let Outcome::CustomerSaved(ada) = outcome else { panic!("{outcome:?}") };
    let ada = ada.into_inner().id;
    scene.world.run(1500);
    // Every change an honest till has written, under the liar's name; and with a byte changed.
    let mut changes: Vec<OpDraft> = Vec::new();
    for bytes in mesh::held_entries(&scene.world.peers[1].till).values().flatten() {
        let entry = Entry::decode(bytes).unwrap();
        for (op, body) in entry.header().ops.iter().zip(entry.bodies()) {
            if op.kind == 10 {
                let (subject, body) = (op.subject.clone(), body.clone().unwrap().bytes);
                changes.push(OpDraft { kind: 10, class: op.class, subject, body });
            }
        }
    }
    assert!(changes.len() >= 4, "a cart, stock and a customer");
    assert!(changes.iter().any(|change| change.class == OpClass::Personal));
    let stock = scene.world.peers[VICTIM].till.replica().stock_digest();
    for change in changes {
        let middle = change.body.len() / 2;
        let mut altered = change.clone();
        altered.body[middle] ^= 1;
        let garbage = OpDraft { body: vec![0x85; 90], ..change.clone() };
        let empty = OpDraft { body: Vec::new(), ..change.clone() };
        let unnamed = OpDraft { subject: vec![9; 7], ..change.clone() };
        for forged in [change, altered, garbage, empty, unnamed] {
            let entry = scene.forger.sign(Vec::new(), vec![forged]);
            scene.offer(&[entry]);
            assert!(scene.is_connected(), "{:?}", scene.world.closed);
        }
    }
    assert_eq!(scene.world.peers[VICTIM].till.replica().stock_digest(), stock);
    scene.others_go_on();
    assert!(scene.is_connected());
    for peer in 0..3 {
        assert_eq!(scene.held(peer), scene.forger.seq, "stored and passed on");
        let till = &mut scene.world.peers[peer].till;
        let seen = till.query(|replica, disk| replica.customer(disk, ada)).unwrap();
        assert_eq!(seen.name, "Ada");
    }
    // The customer can still be edited, on any till.
    let edits = vec![CustomerEdit::SetPhone("112".to_owned())];
    let edit = Command::EditCustomer { customer: ada, edits };
    scene.world.act(2, |till, ms| till.execute(at(ms), edit).unwrap());
    scene.others_go_on();
}

#[test]
fn windows_of_an_earlier_session_are_known_and_double_nothing() {
    let mut scene = Scene::greeted();
    let entries = [(); 3].map(|()| scene.honest_entry());
    scene.offer(&entries);
    let first = scene.others_go_on();
    assert_eq!(scene.held(1), 3);
    let conn = scene.conn;
    scene.world.hang_up(conn);
    scene.conn = scene.world.connect_by_hand(VICTIM, device_of(LIAR));
    let hello = scene.hello();
    scene.say(&Message::Hello(hello));
    let held = scene.world.peers[VICTIM].till.replica().held_digest();
    for window in [&entries[..], &entries[..1], &entries[1..], &entries[..]] {
        scene.offer(window);
    }
    assert!(scene.is_connected());
    assert_eq!(scene.world.peers[VICTIM].till.replica().held_digest(), held);
    let acknowledged = scene.heard().iter().filter(|m| matches!(m, Message::Ack(_))).count();
    assert_eq!(acknowledged, 4, "each is acknowledged, so that an honest sender goes on");
    let second = scene.others_go_on();
    assert_eq!(first.kept_aside, second.kept_aside);
    assert_eq!(scene.held(1), 3);
}

#[test]
fn entries_of_another_device_that_were_altered_on_the_way_are_refused() {
    let mut scene = Scene::greeted();
    let victim = mesh::held_entries(&scene.world.peers[1].till);
    let entries = victim.iter().find(|(feed, _)| feed.device == device_of(2)).unwrap().1.clone();
    let mut altered = entries.clone();
    let last = altered.last_mut().unwrap();
    let end = last.len() - 1;
    last[end] ^= 1;
    scene.offer(&entries);
    assert!(scene.is_connected(), "known entries from whomever");
    let reason = scene.refused(&altered);
    assert!(reason.contains("entry"), "{reason}");
}

#[test]
fn acknowledgements_of_windows_never_sent_count_for_nothing() {
    let mut scene = Scene::greeted();
    scene.say(&Message::Ack((0..5_000).chain([u64::MAX]).collect()));
    assert!(scene.is_connected());
    let till = &scene.world.peers[VICTIM].till;
    let own = till.replica().own_end(replica::core::Lane::Ledger).unwrap();
    assert!(scene.world.peers[VICTIM].engine.stored_on(&own.0, own.1) <= 2);
    scene.others_go_on();
}

#[test]
fn nobody_says_of_strangers_or_of_feeds_that_are_not_that_they_store_something() {
    let mut scene = Scene::greeted();
    let replica = scene.world.peers[VICTIM].till.replica();
    let (own, seq) = replica.own_end(replica::core::Lane::Ledger).unwrap();
    let before = scene.world.peers[VICTIM].engine.stored_on(&own, seq);
    let by = |n: u32| {
        let mut id = [0xcc; 32];
        id[..4].copy_from_slice(&n.to_le_bytes());
        DeviceId::from_bytes(id)
    };
    for frame in 0..40 {
        let row = |n: u32| StoredRow {
            by: by(frame * 400 + n),
            incarnation: own.incarnation,
            floor: false,
            seq: u64::MAX,
        };
        scene.say(&Message::Stored((0..400).map(row).collect()));
    }
    assert!(scene.is_connected());
    assert_eq!(scene.world.peers[VICTIM].engine.stored_on(&own, seq), before, "of strangers");
    let nonce = Incarnation { counter: 9, nonce: [9; 8] };
    let row = StoredRow { by: device_of(3), incarnation: nonce, floor: false, seq: 1 };
    scene.say(&Message::Stored(vec![row]));
    let ghost = replica::core::FeedId { incarnation: nonce, ..own };
    assert_eq!(scene.world.peers[VICTIM].engine.stored_on(&ghost, 1), 0);
    // What is to be known of honest ones still gets in.
    scene.others_go_on();
    let replica = scene.world.peers[VICTIM].till.replica();
    let (own, seq) = replica.own_end(replica::core::Lane::Ledger).unwrap();
    assert_eq!(scene.world.peers[VICTIM].engine.stored_on(&own, seq), 2);
}

fn rows(n: usize) -> Vec<FeedRow> {
    let row = |n: usize| FeedRow {
        incarnation: Incarnation { counter: u32::try_from(n).unwrap(), nonce: [1; 8] },
        floor: false,
        seq: 1,
        head: EntryId::from_bytes([7; 32]),
    };
    (0..n).map(row).collect()
}

#[test]
fn a_want_without_an_end_ends_the_connection() {
    // Of one device, and of ever more of them.
    for devices in [false, true] {
        let mut scene = Scene::greeted();
        let mut said = 0_usize;
        while scene.is_connected() {
            let ends = rows(limits::ROWS_PER_FRAME);
            said += 1;
            assert!(said * limits::ROWS_PER_FRAME <= 2 * limits::WANT_ROWS_MAX, "no end");
            let mut id = [0xcc; 32];
            if devices {
                id[..8].copy_from_slice(&said.to_le_bytes());
            }
            let device = DeviceId::from_bytes(id);
            let have = Have::Feeds { ends, more: true };
            scene.say(&Message::Want(Want { device, standing: true, have }));
        }
        assert_eq!(scene.reason(), CloseReason::Protocol("a want without an end"));
        scene.others_go_on();
    }
}

#[test]
fn wants_of_devices_that_are_not_end_the_connection() {
    let mut scene = Scene::greeted();
    let mut said = 0_usize;
    while scene.is_connected() {
        said += 1;
        assert!(said <= 2 * limits::SUMMARY_DEVICES_MAX, "no end");
        let mut id = [0xcc; 32];
        id[..8].copy_from_slice(&said.to_le_bytes());
        let device = DeviceId::from_bytes(id);
        let nothing = scene.world.peers[VICTIM].till.replica().held_of(device).digest.to_bytes();
        let have = Have::Digest(nothing);
        scene.say(&Message::Want(Want { device, standing: true, have }));
    }
    assert_eq!(scene.reason(), CloseReason::Protocol("a want without an end"));
    scene.others_go_on();
}

#[test]
fn who_claims_entries_it_does_not_have_is_asked_and_brings_nothing() {
    let mut scene = Scene::greeted();
    let claims = |device| SummaryRow { device, entries: 1 << 60, digest: [0x66; 16] };
    let rows = (1..=LIAR).map(|device| claims(device_of(device))).collect();
    scene.say(&Message::Digest([0x66; 16]));
    scene.say(&Message::Summary(rows));
    scene.say(&Message::Total(Total { device: device_of(LIAR), entries: u64::MAX }));
    for _ in 0..3 {
        scene.others_go_on();
    }
    assert!(scene.is_connected());
    let wanted = |message: &Message| matches!(message, Message::Want(Want { device, .. }) if *device == device_of(2));
    assert!(scene.heard().iter().any(wanted), "it was asked");
}

#[test]
fn a_liar_who_claims_all_is_no_hindrance_to_a_till_that_a_relay_serves() {
    let mut scene = Scene::greeted();
    // The victim reaches the third till over the second only; the liar says it has everything.
    scene.world.cut(VICTIM, 2);
    let claims = |device| SummaryRow { device, entries: 1 << 60, digest: [0x66; 16] };
    let rows: Vec<SummaryRow> = (1..=LIAR).map(|device| claims(device_of(device))).collect();
    scene.say(&Message::Summary(rows));
    scene.world.run(1000);
    scene.world.act(2, |till, ms| sell(till, ms, 3));
    scene.world.run(60_000);
    scene.world.agreed();
    assert!(scene.world.closed.is_empty(), "{:?}", scene.world.closed);
}

#[test]
fn made_up_devices_in_a_summary_do_not_push_real_ones_out() {
    let mut scene = Scene::greeted();
    scene.world.cut(VICTIM, 1);
    scene.world.cut(VICTIM, 2);
    for frame in 0..20_u32 {
        let row = |n: u32| {
            let mut id = [0; 32];
            id[28..].copy_from_slice(&(frame * 400 + n + 1).to_le_bytes());
            SummaryRow { device: DeviceId::from_bytes(id), entries: 1, digest: [1; 16] }
        };
        scene.say(&Message::Summary((0..400).map(row).collect()));
    }
    scene.world.act(1, |till, ms| sell(till, ms, 2));
    scene.world.act(2, |till, ms| sell(till, ms, 3));
    scene.world.connect(VICTIM, 1);
    scene.world.connect(VICTIM, 2);
    scene.world.run(500);
    scene.others_go_on();
}

#[test]
fn entries_of_a_format_nobody_knows_yet_are_stored_passed_on_and_not_applied() {
    let mut scene = Scene::greeted();
    let newer = of_newer_version(&mut scene.forger);
    let after = scene.honest_entry();
    scene.offer(&[newer.clone(), after]);
    assert!(scene.is_connected(), "{:?}", scene.world.closed);
    let agreed = scene.others_go_on();
    assert_eq!(agreed.kept_aside, [(id_of(&newer), HeldBack::UnknownFormat(9))]);
    for peer in 0..3 {
        assert_eq!(scene.held(peer), 2);
        settle(&mut scene.world.peers[peer].till);
    }
}

/// An entry in a version nobody knows yet.
fn of_newer_version(forger: &mut Forger) -> Vec<u8> {
    let bytes = forger.record(Vec::new(), &adjustment());
    let length = u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header = bytes[4..4 + length].to_vec();
    header[0] = 9;
    header.extend_from_slice(b"what version 9 has besides");
    let mut hasher = blake3::Hasher::new_derive_key("tillmesh entry v1");
    hasher.update(&header);
    let id = *hasher.finalize().as_bytes();
    forger.previous = EntryId::from_bytes(id);
    let message = [b"tillmesh entry signature v1".as_slice(), &id].concat();
    let key = ed25519_dalek::SigningKey::from_bytes(&[LIAR; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, &message).to_bytes();
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [&length, header.as_slice(), &signature, b"a body of version 9"].concat()
}

#[test]
fn strangers_entries_from_a_member_are_kept_aside_by_all() {
    let mut scene = Scene::greeted();
    let mut stranger = Forger::new(66, &scene.world.peers[VICTIM].till);
    let entry = stranger.record(Vec::new(), &adjustment());
    scene.offer(std::slice::from_ref(&entry));
    assert!(scene.is_connected());
    let agreed = scene.others_go_on();
    assert_eq!(agreed.kept_aside, [(id_of(&entry), HeldBack::NotAMember)]);
}
