use super::Protocol;
use super::payload::{Payload, Place};
use super::stamp::Stamp;

/// A PUBLISH frame encoded once. Sending copies it and patches the packet identifier and the stamp.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    frame: Box<[u8]>,
    /// Where the packet identifier is; none at QoS 0.
    packet_id_at: Option<usize>,
    payload_at: usize,
    place: Place,
}

impl PublishTemplate {
    /// `seed` decides the filler.
    pub fn new(protocol: Protocol, topic: &str, (qos, retain): (u8, bool), payload: &Payload, seed: u64) -> Self {
        let payload_bytes = payload.build(seed);
        let (mut frame, packet_id_at) = header(protocol, topic, (qos, retain), payload_bytes.len());
        let payload_at = frame.len();
        frame.extend_from_slice(&payload_bytes);
        Self { frame: frame.into_boxed_slice(), packet_id_at, payload_at, place: payload.place() }
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        self.frame.len()
    }

    /// Appends one message. `packet_id` is ignored at QoS 0.
    #[inline]
    pub fn append(&self, packet_id: u16, stamp: &Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        if let Some(at) = self.packet_id_at {
            frame[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        self.place.write(stamp, &mut frame[self.payload_at..]);
    }
}

/// A PUBLISH that removes what is retained on a topic (MQTT 5 §3.3.1.3).
pub fn clear_retained(protocol: Protocol, topic: &str) -> Vec<u8> {
    header(protocol, topic, (0, true), 0).0
}

/// Everything before the payload, and where the packet identifier is.
fn header(protocol: Protocol, topic: &str, (qos, retain): (u8, bool), payload_bytes: usize) -> (Vec<u8>, Option<usize>) {
    let packet_id_bytes = if qos > 0 { 2 } else { 0 };
    let property_bytes = usize::from(protocol == Protocol::V5);
    let remaining = 2 + topic.len() + packet_id_bytes + property_bytes + payload_bytes;
    let mut frame = Vec::with_capacity(remaining + 5);
    frame.push(0x30 | (qos << 1) | u8::from(retain));
    write_length(remaining, &mut frame);
    frame.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    frame.extend_from_slice(topic.as_bytes());
    let packet_id_at = (qos > 0).then_some(frame.len());
    frame.resize(frame.len() + packet_id_bytes + property_bytes, 0);
    (frame, packet_id_at)
}

/// MQTT's variable byte integer (MQTT 5 §1.5.5).
fn write_length(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        out.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rmqtt_codec::types::{Publish, QoS};
    use rmqtt_codec::{v3, v5};
    use tokio_util::codec::Decoder;

    use super::*;
    use crate::wire::stamp::STAMP_BYTES;

    fn decoded(protocol: Protocol, frames: &[u8]) -> Publish {
        let mut bytes = BytesMut::from(frames);
        let publish = match protocol {
            Protocol::V4 => match v3::Codec::new(0).decode(&mut bytes).unwrap().unwrap().0 {
                v3::Packet::Publish(publish) => *publish,
                other => panic!("{other:?}"),
            },
            Protocol::V5 => match v5::Codec::new(0, 0).decode(&mut bytes).unwrap().unwrap().0 {
                v5::Packet::Publish(publish) => *publish,
                other => panic!("{other:?}"),
            },
        };
        assert!(bytes.is_empty(), "the frame says how long it is");
        publish
    }

    #[test]
    fn a_patched_frame_is_what_an_independent_codec_reads() {
        for protocol in [Protocol::V4, Protocol::V5] {
            for qos in 0..=2u8 {
                // 100 fits one length byte, 256 needs two, 20,000 three.
                for size in [STAMP_BYTES, 100, 256, 20_000] {
                    let stamp = Stamp { run: 7, stream: 3, sequence: 99, intended: 1_000, sent: 2_000 };
                    let template = PublishTemplate::new(protocol, "flux-bench/7/3", (qos, qos == 2), &Payload::Filler(size), 42);
                    let mut out = vec![];
                    template.append(513, &stamp, &mut out);
                    assert_eq!(out.len(), template.frame_bytes());

                    let publish = decoded(protocol, &out);
                    assert_eq!(&*publish.topic, "flux-bench/7/3");
                    assert_eq!(publish.qos, QoS::try_from(qos).unwrap());
                    assert_eq!(publish.packet_id.map(|id| id.get()), (qos > 0).then_some(513));
                    assert_eq!((publish.payload.len(), publish.retain), (size, qos == 2));
                    assert_eq!(Stamp::read(&publish.payload), Some(stamp));
                }
            }
        }
    }

    #[test]
    fn an_empty_retained_message_clears_the_topic() {
        for protocol in [Protocol::V4, Protocol::V5] {
            let publish = decoded(protocol, &clear_retained(protocol, "a/b"));
            assert_eq!((&*publish.topic, publish.retain, publish.payload.len()), ("a/b", true, 0));
        }
    }
}
