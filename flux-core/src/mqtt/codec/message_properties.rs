use std::ops::Range;

use super::error::DecodeError;
use super::property::{PropertyReader, id};

/// The properties of an application message as a client sends it: those of this hop one by one, those that travel end to end in one piece.
pub(super) struct MessageProperties<'a> {
    /// 0: absent.
    pub topic_alias: u16,
    pub message_expiry: Option<u32>,
    pub will_delay: u32,
    pub end_to_end: &'a [u8],
}

/// PUBLISH and a will share their properties but for one each (MQTT 5 §3.3.2.3, §3.1.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Publish,
    Will,
}

impl<'a> MessageProperties<'a> {
    /// `scratch` is written only when a property of the hop stands between end-to-end ones.
    pub(super) fn read(
        mut properties: PropertyReader<'a>,
        carrier: Carrier,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Self, DecodeError> {
        let mut read = MessageProperties { topic_alias: 0, message_expiry: None, will_delay: 0, end_to_end: &[] };
        let section = properties.values.rest();
        let mut run = Run { section, range: 0..0, scratch, spilled: false };
        loop {
            let start = section.len() - properties.values.remaining();
            let Some(identifier) = properties.next()? else { break };
            let values = &mut properties.values;
            match identifier {
                id::MESSAGE_EXPIRY => read.message_expiry = Some(values.four_bytes("message expiry cut off")?),
                id::TOPIC_ALIAS if carrier == Carrier::Publish => {
                    read.topic_alias = values.two_bytes("topic alias cut off")?;
                    if read.topic_alias == 0 {
                        return Err(DecodeError::TopicAlias);
                    }
                }
                id::WILL_DELAY if carrier == Carrier::Will => read.will_delay = values.four_bytes("will delay cut off")?,
                id::SUBSCRIPTION_IDENTIFIER if carrier == Carrier::Publish => {
                    return Err(values.protocol_error("a subscription identifier from a client"));
                }
                _ => {
                    check_end_to_end(&mut properties, identifier)?;
                    run.extend(start..section.len() - properties.values.remaining());
                }
            }
        }
        read.end_to_end = run.bytes();
        Ok(read)
    }
}

/// Reads past the value of a property that travels end to end.
fn check_end_to_end(properties: &mut PropertyReader<'_>, identifier: u8) -> Result<(), DecodeError> {
    let values = &mut properties.values;
    match identifier {
        id::PAYLOAD_FORMAT => values.flag("a payload format that is neither 0 nor 1").map(drop),
        id::CONTENT_TYPE => values.text("content type cut off").map(drop),
        id::RESPONSE_TOPIC => {
            let topic = values.text("response topic cut off")?;
            if topic.is_empty() {
                return Err(values.protocol_error("an empty response topic"));
            }
            if topic.contains(['+', '#']) {
                return Err(values.protocol_error("a response topic with a wildcard"));
            }
            Ok(())
        }
        id::CORRELATION_DATA => values.binary("correlation data cut off").map(drop),
        id::USER_PROPERTY => properties.user_property().map(drop),
        _ => Err(properties.foreign()),
    }
}

/// The end-to-end properties found so far: a range of the section while they are neighbours, a copy after that.
struct Run<'a> {
    section: &'a [u8],
    range: Range<usize>,
    scratch: &'a mut Vec<u8>,
    spilled: bool,
}

impl<'a> Run<'a> {
    fn extend(&mut self, property: Range<usize>) {
        if self.spilled {
            self.scratch.extend_from_slice(&self.section[property]);
        } else if self.range.is_empty() {
            self.range = property;
        } else if self.range.end == property.start {
            self.range.end = property.end;
        } else {
            self.scratch.clear();
            self.scratch.extend_from_slice(&self.section[self.range.clone()]);
            self.scratch.extend_from_slice(&self.section[property]);
            self.spilled = true;
        }
    }

    fn bytes(self) -> &'a [u8] {
        if self.spilled { self.scratch } else { &self.section[self.range] }
    }
}
