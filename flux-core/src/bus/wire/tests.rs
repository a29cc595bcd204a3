use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::faulty::seed;
use super::*;
use crate::types::properties::Property;
use crate::types::{EventId, Properties, QoS, Timestamp, TopicName};

fn group(text: &str) -> Arc<Subscription> {
    Arc::new(Subscription::parse(text).expect("valid subscription"))
}

fn plain() -> Message {
    let event = Event {
        id: EventId((1_800_000_000_000 << 80) | (7 << 48) | 1),
        topic: TopicName::parse("plant/line-1/temperature").expect("valid topic"),
        payload: (*b"21.5").into(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::NONE,
        expires_at: None,
        publisher: ClientId::new("sensor-1"),
        time: Timestamp(1_800_000_000_000),
    };
    Message { event: Arc::new(event), audience: Audience::everyone(), double: None }
}

fn full() -> Message {
    let properties = [Property::ContentType("text/plain"), Property::User("key", "value"), Property::CorrelationData(&[0, 255])];
    let event = Event {
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: Properties::from_properties(properties).expect("short values"),
        expires_at: Some(Timestamp(1_800_000_060_000)),
        time: Timestamp(1_799_999_999_999),
        payload: vec![0xa5; 300].into(),
        ..(*plain().event).clone()
    };
    let audience = Audience {
        everyone: true,
        groups: vec![group("$share/workers/plant/#"), group("$share/others/plant/+/temperature")],
        session: Some(ClientId::new("panel-9")),
        hops: 2,
        refused: false,
    };
    Message { event: Arc::new(event), audience, double: None }
}

fn for_one(audience: Audience) -> Message {
    Message { audience, ..plain() }
}

/// What version 1 has written, by the name of its file.
fn version_1() -> [(&'static str, Message); 7] {
    let empty = Event { payload: Box::default(), publisher: ClientId::new(""), ..(*plain().event).clone() };
    [
        ("plain", plain()),
        ("full", full()),
        ("empty", Message { event: Arc::new(empty), audience: Audience::everyone(), double: None }),
        ("group", for_one(Audience::group(group("$share/workers/plant/#")))),
        (
            "candidate",
            Message { double: Some(Double { role: Role::Candidate, canary: 7, sent: 1_800_000_000_000_123 }), ..plain() },
        ),
        ("refused", for_one(Audience { refused: true, ..Audience::everyone() })),
        ("session", for_one(Audience { session: Some(ClientId::new("panel-9")), ..Audience::default() })),
    ]
}

fn batch(messages: &[Message]) -> Vec<u8> {
    let mut batch = Vec::new();
    for message in messages {
        put_message(&EncodedEvent::new(&message.event), &message.audience, message.double, &mut batch);
    }
    batch
}

fn read(batch: &[u8]) -> Vec<Message> {
    split(batch).map(|bytes| decode(bytes.expect("whole")).expect("valid")).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bus/v1")
}

fn hex(bytes: &[u8]) -> String {
    let lines: Vec<String> =
        bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).collect();
    lines.join("\n") + "\n"
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")).collect()
}

/// Written once by `FLUX_WRITE_FIXTURES=1`, and not again: a layout that changes gets a new number and a new folder.
#[test]
fn what_version_1_has_sent_is_read() {
    for (name, message) in version_1() {
        let path = folder().join(name).with_extension("hex");
        if std::env::var_os("FLUX_WRITE_FIXTURES").is_some() && !path.exists() {
            fs::write(&path, hex(&batch(std::slice::from_ref(&message)))).expect("fixtures can be written");
        }
        let written = from_hex(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        assert_eq!(read(&written), std::slice::from_ref(&message), "{name}");
        assert_eq!(hex(&batch(&[message])), hex(&written), "{name} is still written like this: older nodes read it");
    }
}

#[test]
fn a_batch_gives_back_its_messages_in_order() {
    let messages: Vec<Message> = version_1().map(|(_, message)| message).into();
    assert_eq!(read(&batch(&messages)), messages);
    assert_eq!(read(&[]), []);
}

#[test]
fn for_everyone_takes_no_byte_but_the_length() {
    let event = plain().event;
    assert_eq!(batch(&[plain()]).len(), EncodedEvent::new(&event).as_bytes().len() + 1);
    // Version, flags, id, three lengths and the payload's: all else is text that the event consists of.
    let text = event.topic.as_str().len() + event.publisher.as_str().len() + event.payload.len();
    assert_eq!(EncodedEvent::new(&event).as_bytes().len(), text + 2 + 16 + 4);
}

/// A later version may say more behind the event and in the free flags.
#[test]
fn what_a_later_version_adds_is_passed_over() {
    for (name, message) in version_1() {
        let mut bytes = Vec::new();
        put_message(&EncodedEvent::new(&message.event), &message.audience, message.double, &mut bytes);
        let mut bytes = split(&bytes).next().expect("one message").expect("whole").to_vec();
        bytes[1] |= 0b1100_0000;
        bytes.extend_from_slice(&[99, 3, 1, 2, 3]);
        bytes.extend_from_slice(&[0x80, 0x01, 0]);
        assert_eq!(decode(&bytes), Ok(message), "{name}");
    }
}

#[test]
fn a_fence_is_no_message_and_a_message_is_no_fence() {
    let mut batch = Vec::new();
    put_fence(7, "n1", &mut batch);
    put_message(&EncodedEvent::new(&plain().event), &Audience::everyone(), None, &mut batch);
    let parts: Vec<&[u8]> = split(&batch).map(|part| part.expect("whole")).collect();
    assert_eq!(Fence::decode(parts[0]), Some(Fence { number: 7, node: "n1" }));
    assert_eq!(decode(parts[0]), Err(DecodeError::Version(0xfe)), "an older node reads on");
    assert_eq!((Fence::decode(parts[1]), decode(parts[1])), (None, Ok(plain())));
    assert_eq!([&[0xfe][..], &[], &[0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 255]].map(Fence::decode), [None; 3]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let bytes = EncodedEvent::new(&plain().event).as_bytes().to_vec();
    let changed = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        decode(&bytes).expect_err("it is damaged")
    };
    assert_eq!(changed(0, 9).to_string(), "is of version 9, which this flux-core does not know (it knows 1)");
    assert_eq!(changed(1, 3), DecodeError::QoS);
    assert_eq!(changed(18, 0), DecodeError::Topic);
    assert_eq!(changed(19, 0xff), DecodeError::Text);
    assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(DecodeError::Truncated));
    let not_shared = [&bytes[..], &[field::GROUP as u8, 1, b'a']].concat();
    assert_eq!(decode(&not_shared), Err(DecodeError::Group));
    let cut = split(&[5, 1, 2]).collect::<Vec<_>>();
    assert_eq!(cut, [Err(Damaged)], "and nothing is made up behind it");
}

/// Damage of every kind is told or reads as something else; it never panics, and what is read can be written.
#[test]
fn damaged_batches_are_survived() {
    let mut random = StdRng::seed_from_u64(seed());
    let whole = batch(&version_1().map(|(_, message)| message));
    assert_eq!(invariants::check(&whole), version_1().len());
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[at] = random.random(),
                1 => bytes.truncate(at + 1),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.random()),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        invariants::check(&bytes);
    }
}
