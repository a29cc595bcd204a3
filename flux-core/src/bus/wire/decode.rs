use std::sync::Arc;

use super::{Audience, Double, EXPIRES, Message, QOS, RETAIN, Role, TIME, VERSION, field};
use crate::types::bytes::{Reader, Truncated};
use crate::types::{ClientId, Event, EventId, Properties, QoS, Subscription, Timestamp, TopicName};

/// Bytes that are no message of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("ends too early")]
    Truncated,
    #[error("is of version {0}, which this flux-core does not know (it knows {VERSION})")]
    Version(u8),
    #[error("has an invalid QoS")]
    QoS,
    #[error("has an invalid topic name")]
    Topic,
    #[error("names something that is no shared subscription")]
    Group,
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

/// A batch whose lengths do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the batch ends within a message")]
pub struct Damaged;

/// The messages of a batch, not looked into: one that is damaged does not hide the others.
pub fn split(batch: &[u8]) -> impl Iterator<Item = Result<&[u8], Damaged>> {
    let mut reader = Reader(batch);
    std::iter::from_fn(move || {
        if reader.rest().is_empty() {
            return None;
        }
        let message = reader.block();
        if message.is_err() {
            reader = Reader(&[]);
        }
        Some(message.map_err(|Truncated| Damaged))
    })
}

pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    let mut reader = Reader(bytes);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let event = event(&mut reader)?;
    let (audience, double) = fields(&mut reader)?;
    Ok(Message { event: Arc::new(event), audience, double })
}

fn event(reader: &mut Reader<'_>) -> Result<Event, DecodeError> {
    let flags = reader.u8()?;
    let id = EventId(reader.u128()?);
    let time = if flags & TIME != 0 { reader.u64()? } else { (id.0 >> 80) as u64 };
    let expires_at = if flags & EXPIRES != 0 { Some(Timestamp(reader.u64()?)) } else { None };
    let topic = TopicName::parse(text(reader.block()?)?).map_err(|_| DecodeError::Topic)?;
    let publisher = ClientId::new(text(reader.block()?)?);
    let properties = Properties::parse(reader.block()?).ok_or(DecodeError::Properties)?;
    let payload = reader.block()?.into();
    let qos = QoS::try_from(flags & QOS).map_err(|_| DecodeError::QoS)?;
    let retain = flags & RETAIN != 0;
    Ok(Event { id, topic, payload, qos, retain, properties, expires_at, publisher, time: Timestamp(time) })
}

fn fields(reader: &mut Reader<'_>) -> Result<(Audience, Option<Double>), DecodeError> {
    let (mut audience, mut double) = (Audience::default(), None);
    while !reader.rest().is_empty() {
        let (number, value) = (reader.length()?, reader.block()?);
        match number {
            field::GROUP => {
                let group = Subscription::parse(text(value)?).ok().filter(|group| group.group.is_some());
                audience.groups.push(Arc::new(group.ok_or(DecodeError::Group)?));
            }
            field::EVERYONE => audience.everyone = true,
            field::SESSION => audience.session = Some(ClientId::new(text(value)?)),
            field::DOUBLE => double = Some(self::double(value)?),
            field::REFUSED => audience.refused = true,
            field::HOPS => audience.hops = value.first().copied().unwrap_or_default(),
            // Of a later version: what it asks for beyond, this one cannot do.
            _ => {}
        }
    }
    audience.everyone |= audience.is_nobody();
    Ok((audience, double))
}

fn double(value: &[u8]) -> Result<Double, DecodeError> {
    let mut reader = Reader(value);
    let role = if reader.u8()? == Role::Candidate as u8 { Role::Candidate } else { Role::Current };
    Ok(Double { role, canary: reader.u64()?, sent: reader.u64()? })
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Text)
}
