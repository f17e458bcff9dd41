use std::time::Duration;

use pos_core::money::Currency;
use proptest::prelude::*;

use super::*;

struct OnDisk;
impl Flushed for OnDisk {}

fn id(number: u8) -> RecordId {
    RecordId::from_bytes([number; 32])
}

fn intent(number: u8, minor: i64) -> PaymentIntent {
    PaymentIntent::new(id(number), Money::from_minor(minor, Currency::GBP), &OnDisk)
}

fn with(script: impl IntoIterator<Item = Behaviour>) -> (SimulatedReader, TcpReader) {
    let simulated = SimulatedReader::start("127.0.0.1:0", script).unwrap();
    let patience =
        ReaderPatience { answer: Duration::from_secs(10), customer: Duration::from_secs(10) };
    let reader = TcpReader::new(simulated.address().to_string()).with_patience(patience);
    (simulated, reader)
}

fn start(attempt: &mut Attempt, reader: &mut TcpReader) -> Result<Phase, ReaderError> {
    attempt.start(reader, &mut |_| ()).unwrap().cloned()
}

#[test]
fn a_payment_is_approved_and_shows_what_the_customer_is_shown() {
    let (simulated, mut reader) = with([Behaviour::ApproveAfter(Duration::from_millis(30))]);
    let mut attempt = Attempt::new(intent(1, 630));
    let mut shown = Vec::new();
    let phase = attempt.start(&mut reader, &mut |text| shown.push(text.to_owned())).unwrap();
    let Ok(Phase::Approved(approval)) = phase else { panic!("{phase:?}") };
    assert_eq!((approval.code.as_str(), approval.last_digits.as_str()), ("000001", "0000"));
    assert_eq!(shown, ["Present card"]);
    assert!(!attempt.allows_other_tender());
    assert_eq!(attempt.ask(&mut reader), Err(AttemptError::Over));
    let charge = &simulated.charges()[&id(1)];
    assert_eq!((charge.amount, charge.currency.as_str(), charge.times), (630, "GBP", 1));
}

#[test]
fn a_declined_payment_may_be_paid_in_another_way() {
    let (simulated, mut reader) = with([Behaviour::Decline("not enough money".to_owned())]);
    let mut attempt = Attempt::new(intent(1, 630));
    let phase = start(&mut attempt, &mut reader);
    assert_eq!(phase, Ok(Phase::NotCharged("not enough money".to_owned())));
    assert!(attempt.allows_other_tender());
    assert!(!simulated.charges()[&id(1)].is_charged());
}

#[test]
fn a_lost_answer_is_neither_paid_nor_unpaid_until_the_reader_is_asked() {
    for behaviour in [Behaviour::LoseTheAnswer, Behaviour::TalkNonsense, Behaviour::AskLater(2)] {
        let (simulated, mut reader) = with([behaviour.clone()]);
        let mut attempt = Attempt::new(intent(1, 630));
        assert!(matches!(start(&mut attempt, &mut reader), Err(ReaderError::NoAnswer(_))));
        assert_eq!(attempt.phase(), &Phase::Unsure);
        assert!(!attempt.allows_other_tender());
        for _ in 0..3 {
            if attempt.phase() == &Phase::Unsure {
                attempt.ask(&mut reader).unwrap().unwrap();
            }
        }
        assert!(matches!(attempt.phase(), Phase::Approved(_)), "{behaviour:?}");
        assert_eq!(simulated.charges()[&id(1)].times, 1);
    }
}

#[test]
fn a_lost_message_may_be_sent_again_under_its_key() {
    let (simulated, mut reader) = with([Behaviour::LoseTheMessage]);
    let mut attempt = Attempt::new(intent(1, 630));
    assert!(start(&mut attempt, &mut reader).is_err());
    assert_eq!(attempt.ask(&mut reader).unwrap(), Ok(&Phase::Unsure), "it may still be under way");
    assert!(matches!(start(&mut attempt, &mut reader), Ok(Phase::Approved(_))));
    assert_eq!(simulated.charges()[&id(1)].times, 1);
}

#[test]
fn a_message_that_arrives_after_it_was_given_up_charges_nothing() {
    let (simulated, mut reader) = with([Behaviour::ActLate(Duration::from_millis(200))]);
    let mut attempt = Attempt::new(intent(1, 630));
    assert!(start(&mut attempt, &mut reader).is_err());
    let cancelled = attempt.cancel(&mut reader).unwrap().cloned();
    assert_eq!(cancelled, Ok(Phase::NotCharged("cancelled".to_owned())));
    std::thread::sleep(Duration::from_millis(400));
    assert!(!simulated.charges()[&id(1)].is_charged());
}

#[test]
fn a_payment_of_the_life_before_is_asked_about_and_never_started_again() {
    let (_simulated, mut reader) = with([Behaviour::LoseTheAnswer]);
    assert!(start(&mut Attempt::new(intent(1, 630)), &mut reader).is_err());
    let mut attempt = Attempt::resumed(id(1));
    assert_eq!(attempt.start(&mut reader, &mut |_| ()), Err(AttemptError::OnlyAsk));
    assert!(matches!(attempt.ask(&mut reader).unwrap(), Ok(Phase::Approved(_))));
}

#[test]
fn an_unreachable_reader_has_charged_nothing_unless_it_was_asked_before() {
    let (simulated, mut reader) = with([Behaviour::LoseTheAnswer]);
    let mut unsure = Attempt::new(intent(1, 630));
    assert!(start(&mut unsure, &mut reader).is_err());
    drop(simulated);
    assert!(matches!(start(&mut unsure, &mut reader), Err(ReaderError::Unreachable(_))));
    assert_eq!(unsure.phase(), &Phase::Unsure);
    let mut fresh = Attempt::new(intent(2, 630));
    assert!(matches!(start(&mut fresh, &mut reader), Err(ReaderError::Unreachable(_))));
    assert_eq!(fresh.phase(), &Phase::NotAsked);
}

#[test]
fn one_key_is_one_amount() {
    let (simulated, mut reader) = with([]);
    assert!(start(&mut Attempt::new(intent(1, 630)), &mut reader).is_ok());
    let mut other = Attempt::new(intent(1, 631));
    assert!(matches!(start(&mut other, &mut reader), Err(ReaderError::Refused(_))));
    assert_eq!(simulated.charges()[&id(1)].amount, 630);
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        Just(Behaviour::Approve),
        Just(Behaviour::Decline("no".to_owned())),
        Just(Behaviour::LoseTheMessage),
        Just(Behaviour::LoseTheAnswer),
        Just(Behaviour::TalkNonsense),
        (0..4_u32).prop_map(Behaviour::AskLater),
        (0..20_u64).prop_map(|ms| Behaviour::ActLate(Duration::from_millis(ms))),
    ]
}

/// 0 starts, 1 asks, 2 gives up.
fn steps() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..3_u8, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_the_till_believes_is_what_the_reader_did(
        script in prop::collection::vec(behaviours(), 0..4),
        steps in steps(),
    ) {
        let (simulated, mut reader) = with(script);
        let mut attempt = Attempt::new(intent(1, 630));
        for step in steps {
            let _answer = match step {
                0 => attempt.start(&mut reader, &mut |_| ()).map(|answer| answer.is_ok()),
                1 => attempt.ask(&mut reader).map(|answer| answer.is_ok()),
                _ => attempt.cancel(&mut reader).map(|answer| answer.is_ok()),
            };
        }
        // Messages that are still under way arrive.
        std::thread::sleep(Duration::from_millis(60));
        let charges = simulated.charges();
        let times = charges.get(&id(1)).map_or(0, |charge| charge.times);
        prop_assert!(times <= 1);
        match attempt.phase() {
            Phase::Approved(_) => prop_assert_eq!(times, 1),
            Phase::NotAsked | Phase::NotCharged(_) => prop_assert_eq!(times, 0),
            Phase::Unsure => {}
        }
    }
}
