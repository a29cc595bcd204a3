//! Events and deliveries as bytes: compact, with a version, checked in every part when they are read back.
//!
//! Version 1 is frozen: `fixtures/durable/` holds a folder that every later version must read.

use std::sync::Arc;

use crate::types::bytes::{Reader, Truncated, put_block, put_length};
use crate::types::{ClientId, Delivery, Event, EventId, Properties, QoS, Subscription, Timestamp, TopicName};

const VERSION: u8 = 1;

const RETAIN: u8 = 1 << 2;
const EXPIRES: u8 = 1 << 3;
const IDENTIFIERS: u8 = 1 << 4;
const SHARED: u8 = 1 << 5;
const QOS: u8 = 0b11;

/// Bytes that are not what this or an earlier version has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("ends too early")]
    Truncated,
    #[error("has bytes after its end")]
    TooLong,
    #[error("is of version {0}, which this flux-core does not know")]
    Version(u8),
    #[error("has unknown flags")]
    Flags,
    #[error("has an invalid QoS")]
    QoS,
    #[error("has an invalid topic name")]
    Topic,
    #[error("has an invalid shared subscription")]
    Subscription,
    #[error("has text that is not UTF-8")]
    Text,
    #[error("has invalid properties")]
    Properties,
}

impl From<Truncated> for DecodeError {
    fn from(_: Truncated) -> Self {
        DecodeError::Truncated
    }
}

pub(super) fn encode_event(event: &Event, out: &mut Vec<u8>) {
    let expires = if event.expires_at.is_some() { EXPIRES } else { 0 };
    let retain = if event.retain { RETAIN } else { 0 };
    out.extend_from_slice(&[VERSION, event.qos as u8 | retain | expires]);
    out.extend_from_slice(&event.id.0.to_le_bytes());
    out.extend_from_slice(&event.time.0.to_le_bytes());
    if let Some(at) = event.expires_at {
        out.extend_from_slice(&at.0.to_le_bytes());
    }
    put_block(event.topic.as_str().as_bytes(), out);
    put_block(event.publisher.as_str().as_bytes(), out);
    put_block(event.properties.as_bytes(), out);
    put_block(&event.payload, out);
}

pub(super) fn decode_event(bytes: &[u8]) -> Result<Event, DecodeError> {
    let mut reader = Reader(bytes);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let flags = reader.u8()?;
    if flags & !(QOS | RETAIN | EXPIRES) != 0 {
        return Err(DecodeError::Flags);
    }
    let id = EventId(reader.u128()?);
    let time = Timestamp(reader.u64()?);
    let expires_at = if flags & EXPIRES != 0 { Some(Timestamp(reader.u64()?)) } else { None };
    let topic = TopicName::parse(text(reader.block()?)?).map_err(|_| DecodeError::Topic)?;
    let publisher = ClientId::new(text(reader.block()?)?);
    let properties = Properties::parse(reader.block()?).ok_or(DecodeError::Properties)?;
    let payload = reader.block()?.into();
    if !reader.rest().is_empty() {
        return Err(DecodeError::TooLong);
    }
    let (qos, retain) = (quality(flags)?, flags & RETAIN != 0);
    Ok(Event { id, topic, payload, qos, retain, properties, expires_at, publisher, time })
}

pub(super) fn encode_delivery(delivery: &Delivery, out: &mut Vec<u8>) {
    let retain = if delivery.retain { RETAIN } else { 0 };
    let identifiers = if delivery.identifiers.is_some() { IDENTIFIERS } else { 0 };
    let shared = if delivery.shared.is_some() { SHARED } else { 0 };
    out.extend_from_slice(&[VERSION, delivery.qos as u8 | retain | identifiers | shared]);
    if let Some(identifiers) = &delivery.identifiers {
        put_length(identifiers.len(), out);
        for identifier in identifiers.iter() {
            out.extend_from_slice(&identifier.to_le_bytes());
        }
    }
    if let Some(subscription) = &delivery.shared {
        put_block(subscription.to_string().as_bytes(), out);
    }
    encode_event(&delivery.event, out);
}

pub(super) fn decode_delivery(bytes: &[u8]) -> Result<Delivery, DecodeError> {
    let mut reader = Reader(bytes);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let flags = reader.u8()?;
    if flags & !(QOS | RETAIN | IDENTIFIERS | SHARED) != 0 {
        return Err(DecodeError::Flags);
    }
    let identifiers = if flags & IDENTIFIERS != 0 {
        let count = reader.length()?;
        let bytes = reader.take(count.checked_mul(4).ok_or(DecodeError::Truncated)?)?;
        let (identifiers, _) = bytes.as_chunks::<4>();
        Some(identifiers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    } else {
        None
    };
    let shared = if flags & SHARED != 0 {
        let subscription = Subscription::parse(text(reader.block()?)?).map_err(|_| DecodeError::Subscription)?;
        Some(Arc::new(subscription))
    } else {
        None
    };
    let event = Arc::new(decode_event(reader.rest())?);
    Ok(Delivery { event, qos: quality(flags)?, retain: flags & RETAIN != 0, identifiers, shared })
}

fn quality(flags: u8) -> Result<QoS, DecodeError> {
    QoS::try_from(flags & QOS).map_err(|_| DecodeError::QoS)
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Text)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};

    use super::*;
    use crate::types::properties::Property;

    fn random_delivery(random: &mut impl Rng) -> Delivery {
        let text = |random: &mut dyn Rng, most: usize| -> String {
            let length = random.random_range(1..=most);
            (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
        };
        let user = (text(random, 20), text(random, 300));
        let properties = [Property::PayloadFormat(1), Property::User(&user.0, &user.1)];
        let some = random.random_range(0..=properties.len());
        let mut payload = vec![0; random.random_range(0..2_000)];
        random.fill_bytes(&mut payload);
        let event = Event {
            id: EventId(random.random()),
            topic: TopicName::parse(&text(random, 200)).expect("letters"),
            payload: payload.into(),
            qos: QoS::try_from(random.random_range(0..3)).expect("valid"),
            retain: random.random(),
            properties: Properties::from_properties(properties.into_iter().take(some)).expect("short"),
            expires_at: random.random::<bool>().then(|| Timestamp(random.random())),
            publisher: ClientId::new(text(random, 30)),
            time: Timestamp(random.random()),
        };
        let identifiers = random.random::<bool>().then(|| (0..random.random_range(1..5)).map(|_| random.random()).collect());
        let qos = QoS::try_from(random.random_range(0..3)).expect("valid");
        let shared = random.random::<bool>().then(|| Arc::new(Subscription::parse("$share/group/a/+/#").expect("valid")));
        Delivery { event: Arc::new(event), qos, retain: random.random(), identifiers, shared }
    }

    fn assert_same(a: &Delivery, b: &Delivery) {
        assert_eq!(a.event, b.event);
        assert_eq!((a.qos, a.retain, &a.identifiers, &a.shared), (b.qos, b.retain, &b.identifiers, &b.shared));
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let mut random = SmallRng::seed_from_u64(7);
        for _ in 0..500 {
            let delivery = random_delivery(&mut random);
            let mut bytes = Vec::new();
            encode_delivery(&delivery, &mut bytes);
            assert_same(&decode_delivery(&bytes).expect("what was encoded"), &delivery);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_value_and_never_a_panic() {
        let mut random = SmallRng::seed_from_u64(8);
        for _ in 0..2_000 {
            let mut bytes = Vec::new();
            encode_delivery(&random_delivery(&mut random), &mut bytes);
            let cut = random.random_range(0..bytes.len());
            assert!(decode_delivery(&bytes[..cut]).is_err(), "cut at {cut} of {}", bytes.len());
            for _ in 0..4 {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            let _ = decode_delivery(&bytes);
        }
    }

    #[test]
    fn an_unknown_version_is_named() {
        let mut bytes = Vec::new();
        encode_delivery(&random_delivery(&mut SmallRng::seed_from_u64(9)), &mut bytes);
        bytes[0] = 9;
        assert_eq!(decode_delivery(&bytes).err(), Some(DecodeError::Version(9)));
    }
}
