use super::Protocol;
use super::stamp::{STAMP_BYTES, Stamp};

/// A PUBLISH frame encoded once. Sending copies it and patches the packet identifier and the stamp.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    frame: Box<[u8]>,
    /// Where the packet identifier is; none at QoS 0.
    packet_id_at: Option<usize>,
    stamp_at: usize,
}

impl PublishTemplate {
    /// `size` is the payload's, at least [`STAMP_BYTES`]; `seed` decides the filler, which does not compress.
    pub fn new(protocol: Protocol, topic: &str, qos: u8, size: usize, seed: u64) -> Self {
        assert!(size >= STAMP_BYTES, "the command line admits no smaller payload");
        let packet_id_bytes = if qos > 0 { 2 } else { 0 };
        let property_bytes = usize::from(protocol == Protocol::V5);
        let remaining = 2 + topic.len() + packet_id_bytes + property_bytes + size;

        let mut frame = Vec::with_capacity(remaining + 5);
        frame.push(0x30 | (qos << 1));
        write_length(remaining, &mut frame);
        frame.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        frame.extend_from_slice(topic.as_bytes());
        let packet_id_at = (qos > 0).then_some(frame.len());
        frame.resize(frame.len() + packet_id_bytes + property_bytes, 0);
        let stamp_at = frame.len();
        frame.extend(filler(seed).take(size));
        Self { frame: frame.into_boxed_slice(), packet_id_at, stamp_at }
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        self.frame.len()
    }

    /// Appends one message. `packet_id` is ignored at QoS 0.
    pub fn append(&self, packet_id: u16, stamp: &Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        if let Some(at) = self.packet_id_at {
            frame[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        stamp.write(&mut frame[self.stamp_at..]);
    }
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

/// xorshift64*: cheap, seeded, and good enough not to compress.
fn filler(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rmqtt_codec::types::{Publish, QoS};
    use rmqtt_codec::{v3, v5};
    use tokio_util::codec::Decoder;

    use super::*;

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
                    let template = PublishTemplate::new(protocol, "flux-bench/7/3", qos, size, 42);
                    let mut out = vec![];
                    template.append(513, &stamp, &mut out);
                    assert_eq!(out.len(), template.frame_bytes());

                    let publish = decoded(protocol, &out);
                    assert_eq!(&*publish.topic, "flux-bench/7/3");
                    assert_eq!(publish.qos, QoS::try_from(qos).unwrap());
                    assert_eq!(publish.packet_id.map(|id| id.get()), (qos > 0).then_some(513));
                    assert_eq!(publish.payload.len(), size);
                    assert_eq!(Stamp::read(&publish.payload), Some(stamp));
                }
            }
        }
    }
}
