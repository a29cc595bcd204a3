use crate::mqtt::packet::{Outgoing, Version};

use super::{ack, connack, disconnect, publish, subscribe};

/// Appends the packet to `out` in the form of `version`. Nothing is appended for what a version does not have: DISCONNECT and AUTH in version 3, and CONNACK
/// there when no return code fits. The caller keeps the limits: maximum packet size (for PUBLISH with [`super::publish_size`]) and
/// [`super::LARGEST_PACKET`].
pub fn encode(packet: &Outgoing<'_>, version: Version, out: &mut Vec<u8>) {
    match packet {
        Outgoing::ConnAck(packet) => connack::encode(packet, version, out),
        Outgoing::Publish(packet) => publish::encode(packet, version, out),
        Outgoing::PubAck(packet) => ack::encode(0x40, packet, version, out),
        Outgoing::PubRec(packet) => ack::encode(0x50, packet, version, out),
        Outgoing::PubRel(packet) => ack::encode(0x62, packet, version, out),
        Outgoing::PubComp(packet) => ack::encode(0x70, packet, version, out),
        Outgoing::SubAck { packet_id, reasons, reason_string } => {
            subscribe::encode_suback(*packet_id, reasons, reason_string.as_deref(), version, out);
        }
        Outgoing::UnsubAck { packet_id, reasons, reason_string } => {
            subscribe::encode_unsuback(*packet_id, reasons, reason_string.as_deref(), version, out);
        }
        Outgoing::PingResp => out.extend_from_slice(&[0xD0, 0]),
        Outgoing::Disconnect(packet) if version == Version::V5 => disconnect::encode_disconnect(packet, out),
        Outgoing::Auth(packet) if version == Version::V5 => disconnect::encode_auth(packet, out),
        Outgoing::Disconnect(_) | Outgoing::Auth(_) => {}
    }
}
