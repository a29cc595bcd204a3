use std::fmt;

/// Identifiers of the properties an application message carries end to end (MQTT 5 §2.2.2.2).
pub mod id {
    pub const PAYLOAD_FORMAT: u8 = 0x01;
    pub const CONTENT_TYPE: u8 = 0x03;
    pub const RESPONSE_TOPIC: u8 = 0x08;
    pub const CORRELATION_DATA: u8 = 0x09;
    pub const USER_PROPERTY: u8 = 0x26;
}

/// The properties that a publisher sends and every subscriber receives unaltered and in order (payload format, content type,
/// response topic, correlation data, user properties), kept as they stand on the wire: forwarding them is one copy.
///
/// Topic alias, message expiry and subscription identifiers are not among them: they belong to one hop.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Properties(Option<Box<[u8]>>);

/// One property, borrowed from [`Properties`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property<'a> {
    /// 1: the payload is UTF-8 text; 0: bytes.
    PayloadFormat(u8),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    User(&'a str, &'a str),
}

impl Properties {
    pub const NONE: Properties = Properties(None);

    /// `bytes` are whole, valid properties of the five kinds above: the codec or the store has checked them.
    pub fn from_wire(bytes: &[u8]) -> Self {
        Properties((!bytes.is_empty()).then(|| bytes.into()))
    }

    /// The same for bytes that nobody has checked: `None` unless they are whole, valid properties of the five kinds.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = Property::decode(rest)?;
        }
        Some(Properties::from_wire(bytes))
    }

    pub fn from_properties<'a>(properties: impl IntoIterator<Item = Property<'a>>) -> Result<Self, PropertyTooLong> {
        let mut bytes = Vec::new();
        for property in properties {
            property.encode(&mut bytes)?;
        }
        Ok(Properties::from_wire(&bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn iter(&self) -> impl Iterator<Item = Property<'_>> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            let (property, after) = Property::decode(rest)?;
            rest = after;
            Some(property)
        })
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// A text or binary value is longer than its two-byte length can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a property value is longer than 65,535 bytes")]
pub struct PropertyTooLong;

impl<'a> Property<'a> {
    fn encode(self, out: &mut Vec<u8>) -> Result<(), PropertyTooLong> {
        fn block(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), PropertyTooLong> {
            let length = u16::try_from(bytes.len()).map_err(|_| PropertyTooLong)?;
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
            Ok(())
        }
        match self {
            Property::PayloadFormat(format) => {
                out.extend_from_slice(&[id::PAYLOAD_FORMAT, format]);
                Ok(())
            }
            Property::ContentType(text) => {
                out.push(id::CONTENT_TYPE);
                block(out, text.as_bytes())
            }
            Property::ResponseTopic(text) => {
                out.push(id::RESPONSE_TOPIC);
                block(out, text.as_bytes())
            }
            Property::CorrelationData(data) => {
                out.push(id::CORRELATION_DATA);
                block(out, data)
            }
            Property::User(name, value) => {
                out.push(id::USER_PROPERTY);
                block(out, name.as_bytes())?;
                block(out, value.as_bytes())
            }
        }
    }

    /// The first property of `bytes` and what follows it; `None` at the end or where the bytes are not what they should be.
    fn decode(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        fn block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        }
        fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
            let (bytes, rest) = block(bytes)?;
            Some((std::str::from_utf8(bytes).ok()?, rest))
        }
        let (&kind, rest) = bytes.split_first()?;
        Some(match kind {
            id::PAYLOAD_FORMAT => {
                let (&format, rest) = rest.split_first()?;
                (Property::PayloadFormat(format), rest)
            }
            id::CONTENT_TYPE => text(rest).map(|(value, rest)| (Property::ContentType(value), rest))?,
            id::RESPONSE_TOPIC => text(rest).map(|(value, rest)| (Property::ResponseTopic(value), rest))?,
            id::CORRELATION_DATA => block(rest).map(|(value, rest)| (Property::CorrelationData(value), rest))?,
            id::USER_PROPERTY => {
                let (name, rest) = text(rest)?;
                let (value, rest) = text(rest)?;
                (Property::User(name, value), rest)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_as_they_went_in_and_in_order() {
        let all = [
            Property::User("a", "1"),
            Property::PayloadFormat(1),
            Property::ContentType("application/json"),
            Property::ResponseTopic("reply/here"),
            Property::CorrelationData(&[0, 255]),
            Property::User("a", "2"),
        ];
        let properties = Properties::from_properties(all).expect("short values");
        assert_eq!(properties.iter().collect::<Vec<_>>(), all);
        assert_eq!(Properties::from_properties([]), Ok(Properties::NONE));
        assert_eq!(Properties::parse(properties.as_bytes()), Some(properties.clone()));
        let cut = &properties.as_bytes()[..properties.as_bytes().len() - 1];
        assert_eq!(Properties::parse(cut), None, "a property that is cut short is not one");
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        let long = "x".repeat(65_536);
        assert_eq!(Properties::from_properties([Property::ContentType(&long)]), Err(PropertyTooLong));
    }
}
