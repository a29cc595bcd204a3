//! Valid packets with broken bytes: nothing panics, and what still decodes keeps every promise.

use super::random::Random;
use crate::mqtt::codec::invariants;

const PACKETS: usize = 300_000;

/// One of each kind a client sends, with as many fields as fit.
const VALID: [&[u8]; 18] = [
    b"\x10\x32\x00\x04MQTT\x05\xCE\x00\x0A\x05\x11\x00\x00\x00\x0A\x00\x01c\
        \x05\x18\x00\x00\x00\x07\x00\x01w\x00\x05gone!\x00\x05alice\x00\x06secret",
    b"\x10\x3D\x00\x04MQTT\x05\x06\x00\x0A\x1E\x21\x00\x05\x27\x00\x00\x40\x00\x22\x00\x03\x19\x01\x17\x00\x15\x00\x01m\x16\x00\x01d\
        \x26\x00\x01k\x00\x01v\x00\x00\x0B\x01\x01\x02\x00\x00\x00\x09\x08\x00\x01r\x00\x01w\x00\x01!",
    b"\x10\x14\x00\x04MQTT\x04\xC2\x00\x3C\x00\x01c\x00\x02me\x00\x01p",
    b"\x10\x14\x00\x06MQIsdp\x03\x06\x00\x3C\x00\x01c\x00\x01w\x00\x00",
    b"\x32\x0D\x00\x03a/b\x00\x0A\x00hello",
    b"\x3B\x0C\x00\x03a/b\x00\x0Ahello",
    b"\x30\x1A\x00\x01t\x15\x23\x00\x07\x01\x01\x26\x00\x01k\x00\x01v\x02\x00\x00\x00\x3C\x03\x00\x01j!",
    b"\x34\x12\x00\x01t\x00\x01\x0C\x08\x00\x01r\x02\x00\x00\x00\x01\x09\x00\x00",
    b"\x40\x02\x00\x01",
    b"\x50\x0A\x00\x01\x10\x06\x1F\x00\x03why",
    b"\x62\x03\x00\x01\x92",
    b"\x70\x0B\x00\x01\x00\x07\x26\x00\x01k\x00\x01v",
    b"\x82\x17\x00\x0A\x0A\x0B\x80\x01\x26\x00\x01k\x00\x01v\x00\x03a/b\x29\x00\x01c\x1E",
    b"\x82\x0E\x00\x0A\x00\x03a/b\x01\x00\x03c/d\x02",
    b"\xA2\x0D\x00\x0A\x00\x00\x03a/b\x00\x03c/d",
    b"\xC0\x00",
    b"\xE0\x07\x04\x05\x11\x00\x00\x00\x05",
    b"\xF0\x0A\x18\x08\x15\x00\x01m\x16\x00\x01d",
];

#[test]
fn broken_packets_are_refused_and_the_rest_keeps_every_promise() {
    let mut random = Random::new();
    let mut packets = 0;
    for _ in 0..PACKETS {
        let mut bytes = random.one_of(&VALID).to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut random, &mut bytes);
        }
        // Otherwise most would fail at their length and nothing behind it would be tried.
        if let Some(length) = bytes.len().checked_sub(2).filter(|&length| length < 128 && random.below(4) != 0) {
            bytes[1] = length as u8;
        }
        packets += invariants::check(&bytes);
    }
    assert!(packets > PACKETS / 20, "some of them are still packets: {packets}");
    assert!(packets < PACKETS * 2, "some of them are not: {packets}");
}

#[test]
fn random_bytes_are_refused_and_the_rest_keeps_every_promise() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let mut bytes: Vec<u8> = (0..2 + random.below(40)).map(|_| random.byte()).collect();
        bytes[1] = bytes.len() as u8 - 2;
        invariants::check(&bytes);
    }
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let position = random.below(bytes.len().max(1));
    let Some(&byte) = bytes.get(position) else { return bytes.push(random.byte()) };
    match random.below(7) {
        0 => bytes[position] = byte ^ 1 << random.below(8),
        1 => bytes[position] = random.byte(),
        2 => bytes[position] = random.one_of(&[0, 1, 2, 0x7F, 0x80, 0xFF]),
        3 => bytes.insert(position, random.byte()),
        4 => drop(bytes.remove(position)),
        5 => bytes.truncate(position + 1),
        _ => {
            let piece = bytes[position..(position + random.below(12)).min(bytes.len())].to_vec();
            let target = random.below(bytes.len());
            bytes.splice(target..target, piece);
        }
    }
}

#[test]
fn the_valid_packets_are_packets() {
    for bytes in VALID {
        assert!(invariants::check(bytes) > 0, "{bytes:02X?}");
    }
}
