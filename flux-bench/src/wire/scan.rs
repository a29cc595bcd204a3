/// What stands at the beginning of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    Frame(Frame<'a>),
    /// The frame is not complete yet.
    Incomplete,
    /// The length is longer than four bytes (MQTT 5 §1.5.5): the stream cannot be followed further.
    Malformed,
}

/// One control packet, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type and flags.
    pub first: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
    /// The packet from its first byte.
    pub whole: &'a [u8],
}

/// A PUBLISH, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    pub qos: u8,
    pub topic: &'a [u8],
    /// 0 at QoS 0.
    pub packet_id: u16,
    pub payload: &'a [u8],
}

pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;
pub const DISCONNECT: u8 = 0xe0;

impl Frame<'_> {
    /// The packet's type in the upper four bits, flags cleared.
    pub fn kind(&self) -> u8 {
        self.first & 0xf0
    }

    /// The packet identifier of PUBACK, PUBREC, PUBREL, PUBCOMP, and the reason code (0, success, when left out).
    pub fn acknowledgement(&self) -> Option<(u16, u8)> {
        let id = self.body.first_chunk::<2>()?;
        Some((u16::from_be_bytes(*id), self.body.get(2).copied().unwrap_or(0)))
    }
}

/// The first frame of `bytes`.
#[inline]
pub fn frame(bytes: &[u8]) -> Scan<'_> {
    let Some(&first) = bytes.first() else { return Scan::Incomplete };
    let Some((length, length_bytes)) = (match variable_length(&bytes[1..]) {
        Length::Value(value, used) => Some((value, used)),
        Length::Incomplete => None,
        Length::Malformed => return Scan::Malformed,
    }) else {
        return Scan::Incomplete;
    };
    let body_at = 1 + length_bytes;
    match bytes.get(..body_at + length) {
        Some(whole) => Scan::Frame(Frame { first, body: &whole[body_at..], whole }),
        None => Scan::Incomplete,
    }
}

/// Reads a PUBLISH; `properties` says whether it has them (MQTT 5). None when it is malformed.
#[inline]
pub fn publish(first: u8, body: &[u8], properties: bool) -> Option<Publish<'_>> {
    let qos = (first >> 1) & 3;
    let topic_bytes = usize::from(u16::from_be_bytes(*body.first_chunk::<2>()?));
    let topic = body.get(2..2 + topic_bytes)?;
    let mut rest = &body[2 + topic_bytes..];
    let mut packet_id = 0;
    if qos > 0 {
        packet_id = u16::from_be_bytes(*rest.first_chunk::<2>()?);
        rest = &rest[2..];
    }
    if properties {
        let Length::Value(length, used) = variable_length(rest) else { return None };
        rest = rest.get(used + length..)?;
    }
    Some(Publish { qos, topic, packet_id, payload: rest })
}

enum Length {
    Value(usize, usize),
    Incomplete,
    Malformed,
}

#[inline]
fn variable_length(bytes: &[u8]) -> Length {
    let mut value = 0;
    for position in 0..4 {
        let Some(&byte) = bytes.get(position) else { return Length::Incomplete };
        value |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Length::Value(value, position + 1);
        }
    }
    Length::Malformed
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rmqtt_codec::types::QoS;
    use rmqtt_codec::v5;
    use tokio_util::codec::Encoder;

    use super::*;

    fn encoded(properties: v5::PublishProperties) -> BytesMut {
        let mut out = BytesMut::new();
        let publish = rmqtt_codec::types::Publish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: "a/b".into(),
            packet_id: 5.try_into().ok(),
            payload: vec![9u8; 300].into(),
            properties: Some(properties),
        };
        v5::Codec::new(0, 0).encode(v5::Packet::Publish(Box::new(publish)), &mut out).unwrap();
        out
    }

    #[test]
    fn a_publish_with_properties_is_read_in_place() {
        let properties = v5::PublishProperties {
            subscription_ids: vec![4.try_into().unwrap()],
            user_properties: vec![("key".into(), "value".into())],
            ..Default::default()
        };
        let bytes = encoded(properties);
        let Scan::Frame(frame) = frame(&bytes) else { panic!("a whole frame was given") };
        assert_eq!(frame.whole.len(), bytes.len());
        let publish = publish(frame.first, frame.body, true).unwrap();
        assert_eq!((publish.qos, publish.packet_id, publish.topic), (1, 5, &b"a/b"[..]));
        assert_eq!(publish.payload, [9u8; 300]);
    }

    #[test]
    fn every_prefix_of_a_frame_is_incomplete() {
        let bytes = encoded(Default::default());
        for end in 0..bytes.len() {
            assert_eq!(frame(&bytes[..end]), Scan::Incomplete, "{end} bytes");
        }
    }

    #[test]
    fn a_length_of_five_bytes_is_malformed() {
        assert_eq!(frame(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), Scan::Malformed);
    }

    #[test]
    fn a_publish_that_ends_early_is_refused() {
        assert_eq!(publish(0x32, &[0, 9, b'a'], false), None);
        assert_eq!(publish(0x32, &[0, 1, b'a', 0], false), None);
        assert_eq!(publish(0x30, &[0, 1, b'a', 9, 0], true), None);
    }
}
