use super::*;

fn window(entries: &[Vec<u8>]) -> Message {
    Message::Window(Window::whole(7, entries.iter().map(Vec::as_slice)))
}

fn all() -> Vec<Message> {
    let device = DeviceId::from_bytes([3; 32]);
    let incarnation = Incarnation { counter: 2, nonce: [9; 8] };
    let head = EntryId::from_bytes([4; 32]);
    let ends = vec![FeedRow { incarnation, floor: true, seq: 300, head }];
    vec![
        Message::Hello(Hello {
            oldest: 1,
            newest: 2,
            store: StoreId::from_bytes([5; 16]),
            held: [6; 16],
            software: "tillmesh 0.1.0".to_owned(),
        }),
        Message::Digest([1; 16]),
        Message::Summary(vec![SummaryRow { device, entries: 12, digest: [2; 16] }]),
        Message::Want(Want { device, standing: true, have: Have::Digest([8; 16]) }),
        Message::Want(Want { device, standing: false, have: Have::Feeds { ends, more: false } }),
        Message::Differs(device),
        Message::Enough(device),
        Message::Total(Total { device, entries: 12 }),
        Message::Ack(vec![1, 2, 300]),
        Message::Stored(vec![StoredRow { by: device, incarnation, floor: false, seq: 4 }]),
        Message::Peers(vec![(device, vec!["10.0.0.7:7878".parse().unwrap()])]),
    ]
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn every_frame_is_read_back() {
    for message in all() {
        let bytes = message.encode();
        assert_eq!(Message::decode(Class::Control, &bytes), Ok(Some(message)));
    }
    for entries in [vec![vec![1, 2, 3], vec![]], vec![vec![7; 100_000]; 3]] {
        let bytes = window(&entries).encode();
        assert_eq!(Message::decode(Class::Bulk, &bytes), Ok(Some(window(&entries))));
    }
}

#[test]
fn every_frame_keeps_its_bytes() {
    let first = |message: &Message| hex(&message.encode());
    let bytes: Vec<String> = all().iter().map(first).collect();
    let device = "03".repeat(32);
    let hash16 = |byte: &str| byte.repeat(16);
    let software = hex(b"tillmesh 0.1.0");
    assert_eq!(
        bytes,
        [
            format!("010102{}{}0e{software}", hash16("05"), hash16("06")),
            format!("02{}", hash16("01")),
            format!("0301{device}0c{}", hash16("02")),
            format!("04{device}0100{}", hash16("08")),
            format!("04{device}00010102{}01ac02{}00", "09".repeat(8), "04".repeat(32)),
            format!("05{device}"),
            format!("06{device}"),
            format!("07{device}0c"),
            "09030102ac02".to_owned(),
            format!("0a01{device}02{}0004", "09".repeat(8)),
            format!("0b01{device}01000a000007{}", "c63d"),
        ]
    );
    assert_eq!(hex(&window(&[vec![1, 2], vec![3]]).encode()), "0807000000020102000103");
}

#[test]
fn what_says_more_than_it_has_is_refused_before_memory_is_taken() {
    let too_long = [8, 7, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(Message::decode(Class::Live, &too_long), Err(FrameError::Window(_))));
    // A bomb: little that unpacks to more than it says.
    let zeros = zstd::bulk::compress(&vec![0; 8 << 20], 3).unwrap();
    let bomb = [&[8, 7, 0xe8, 0x07][..], &zeros].concat();
    assert_eq!(Message::decode(Class::Bulk, &bomb), Err(FrameError::Compression));
}

#[test]
fn frames_of_a_newer_version_are_passed_over_and_nonsense_is_not() {
    assert_eq!(Message::decode(Class::Control, &[200, 1, 2]), Ok(None));
    assert_eq!(Message::decode(Class::Control, &[99]), Err(FrameError::UnknownType(99)));
    assert_eq!(Message::decode(Class::Control, &[]), Err(FrameError::Empty));
    let mut long = Message::Digest([0; 16]).encode();
    long.push(0);
    assert_eq!(Message::decode(Class::Control, &long), Err(FrameError::Malformed(2)));
    let on_control = window(&[]).encode();
    assert_eq!(Message::decode(Class::Control, &on_control), Err(FrameError::WrongClass(8)));
    let on_bulk = Message::Digest([0; 16]).encode();
    assert_eq!(Message::decode(Class::Bulk, &on_bulk), Err(FrameError::WrongClass(2)));
}
