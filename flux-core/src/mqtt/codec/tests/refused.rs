//! One test per statement that a packet can break. Numbers are those of MQTT 5, or of MQTT 3.1.1 in tests whose name ends with `v3`.

use crate::mqtt::codec::*;
use crate::mqtt::packet::Version::{self, V5, V31, V311};
use crate::mqtt::reason::Reason::{self, MalformedPacket, PacketTooLarge, ProtocolError, TopicAliasInvalid};

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    assert!(body.len() < 128, "one byte of length");
    [&[first, body.len() as u8], &body[..]].concat()
}

/// CONNECT of 3.1.1 or 5 with these flags, properties and payload.
fn connect(version: Version, flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = [properties.len() as u8];
    let properties = if version == V5 { [&length, properties].concat() } else { Vec::new() };
    packet(0x10, &[&text("MQTT"), &[version as u8, flags, 0, 60], &properties, payload])
}

/// PUBLISH of version 5 at QoS 0 to `t` with these properties.
fn publish(properties: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text("t"), &[properties.len() as u8], properties, b"payload"])
}

fn refusal(frame: &[u8], version: Option<Version>) -> DecodeError {
    assert_eq!(frame_length(frame, LARGEST_PACKET), Ok(Some(frame.len())), "the test's own packet has the length it says");
    match version {
        Some(version) => decode(frame, version, &mut Vec::new()).expect_err("refused"),
        None => decode_connect(frame).expect_err("refused"),
    }
}

/// `name: packet, version => reason, words of the error`. CONNECT says its version itself.
macro_rules! refused {
    ($($name:ident: $frame:expr $(, $version:expr)? => $reason:expr, $words:literal;)*) => {$(
        #[test]
        fn $name() {
            #[allow(unused_mut, unused_assignments)]
            let mut version: Option<Version> = None;
            $(version = Some($version);)?
            let frame: Vec<u8> = $frame.to_vec();
            let error = refusal(&frame, version);
            let expected: Reason = $reason;
            assert_eq!(error.reason(), expected, "{error}");
            assert!(error.to_string().contains($words), "{error:?} says {error}");
        }
    )*};
}

refused! {
    // Data types, §1.5
    mqtt_1_5_4_1_text_that_is_not_utf_8_is_refused: b"\x30\x05\x00\x02\xC3\x28\x00", V5 => MalformedPacket, "not UTF-8";
    mqtt_1_5_4_1_a_surrogate_is_refused: b"\x30\x06\x00\x03\xED\xA0\x80\x00", V5 => MalformedPacket, "not UTF-8";
    mqtt_1_5_3_1_a_surrogate_is_refused_v3: b"\x30\x05\x00\x03\xED\xA0\x80", V311 => MalformedPacket, "not UTF-8";
    mqtt_1_5_4_2_the_null_character_is_refused: b"\x30\x06\x00\x03a\0b\x00", V5 => MalformedPacket, "U+0000";
    mqtt_1_5_3_2_the_null_character_is_refused_v3: b"\x30\x05\x00\x03a\0b", V311 => MalformedPacket, "U+0000";
    mqtt_1_5_4_2_the_null_character_in_a_client_identifier_is_refused: connect(V5, 2, &[], &text("a\0")) => MalformedPacket, "U+0000";
    mqtt_1_5_5_1_a_long_form_of_the_remaining_length_is_refused: b"\xC0\x80\x00", V5 => MalformedPacket, "shortest form";
    mqtt_1_5_5_1_a_long_form_of_the_property_length_is_refused: b"\x30\x05\x00\x01t\x80\x00", V5 => MalformedPacket, "shortest form";
    mqtt_1_5_5_1_a_long_form_of_the_length_of_connect_is_refused:
        b"\x10\x8E\x00\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01c" => MalformedPacket, "shortest form";

    // Fixed header and packet identifier, §2.1, §2.2.1
    type_0_is_refused: [0x00, 0], V5 => MalformedPacket, "reserved";
    mqtt_2_1_3_1_flags_of_puback_are_refused: [0x41, 2, 0, 1], V5 => MalformedPacket, "reserved flags";
    mqtt_2_1_3_1_flags_of_pingreq_are_refused: [0xC1, 0], V311 => MalformedPacket, "reserved flags";
    mqtt_2_1_3_1_flags_of_connect_are_refused: [0x11, 0] => MalformedPacket, "reserved flags";
    mqtt_3_6_1_1_flags_of_pubrel_are_demanded: [0x60, 2, 0, 1], V311 => MalformedPacket, "reserved flags";
    mqtt_3_6_1_1_dup_of_pubrel_is_refused_after_31: [0x6A, 2, 0, 1], V311 => MalformedPacket, "reserved flags";
    mqtt_3_8_1_1_flags_of_subscribe_are_demanded: b"\x80\x06\x00\x01\x00\x01a\x00", V311 => MalformedPacket, "reserved flags";
    mqtt_3_10_1_1_flags_of_unsubscribe_are_demanded: b"\xA0\x05\x00\x01\x00\x01a", V311 => MalformedPacket, "reserved flags";
    mqtt_3_14_1_1_flags_of_disconnect_are_refused: [0xE4, 0], V5 => MalformedPacket, "reserved flags";
    mqtt_3_15_1_1_flags_of_auth_are_refused: [0xF1, 0], V5 => MalformedPacket, "reserved flags";
    mqtt_2_2_1_3_packet_identifier_0_is_refused_in_publish: b"\x32\x06\x00\x01t\x00\x00\x00", V5 => ProtocolError, "identifier 0";
    mqtt_2_3_1_1_packet_identifier_0_is_refused_in_publish_v3: b"\x34\x05\x00\x01t\x00\x00", V311 => ProtocolError, "identifier 0";
    mqtt_2_2_1_3_packet_identifier_0_is_refused_in_subscribe: b"\x82\x07\x00\x00\x00\x00\x01a\x00", V5 => ProtocolError, "identifier 0";
    mqtt_2_2_1_3_packet_identifier_0_is_refused_in_unsubscribe: b"\xA2\x06\x00\x00\x00\x00\x01a", V5 => ProtocolError, "identifier 0";
    packet_identifier_0_is_refused_in_puback: [0x40, 2, 0, 0], V5 => ProtocolError, "identifier 0";
    bytes_after_an_acknowledgement_are_refused_v3: [0x40, 3, 0, 1, 0], V311 => MalformedPacket, "after its end";
    bytes_after_an_acknowledgement_are_refused: [0x40, 5, 0, 1, 0, 0, 9], V5 => MalformedPacket, "after its end";
    connack_from_a_client_is_refused: [0x20, 2, 0, 0], V311 => ProtocolError, "only a server";
    suback_from_a_client_is_refused: [0x90, 3, 0, 1, 0], V311 => ProtocolError, "only a server";
    unsuback_from_a_client_is_refused: [0xB0, 2, 0, 1], V311 => ProtocolError, "only a server";
    pingresp_from_a_client_is_refused: [0xD0, 0], V5 => ProtocolError, "only a server";
    a_ping_with_a_body_is_refused: [0xC0, 1, 0], V5 => MalformedPacket, "after its end";
    a_ping_with_a_body_is_refused_v3: [0xC0, 1, 0], V31 => MalformedPacket, "after its end";

    // CONNECT, §3.1
    mqtt_3_1_0_1_another_first_packet_is_refused: [0xC0, 0] => ProtocolError, "not CONNECT";
    mqtt_3_1_0_2_a_second_connect_is_refused: connect(V5, 2, &[], &text("c")), V5 => ProtocolError, "second CONNECT";
    mqtt_3_1_2_1_an_unknown_protocol_name_is_refused: packet(0x10, &[&text("MQTX"), &[5, 2, 0, 60, 0, 0, 0]]) => ProtocolError, "protocol name";
    mqtt_3_1_2_2_an_unknown_level_is_told_apart:
        packet(0x10, &[&text("MQTT"), &[6, 2, 0, 60, 0, 0, 0]]) => Reason::UnsupportedProtocolVersion, "level 6 of MQTT";
    mqtt_3_1_2_2_the_level_of_31_goes_with_its_name:
        packet(0x10, &[&text("MQTT"), &[3, 2, 0, 60, 0, 0]]) => Reason::UnsupportedProtocolVersion, "level 3 of MQTT";
    mqtt_3_1_2_3_the_reserved_connect_flag_is_refused: connect(V5, 3, &[], &text("c")) => MalformedPacket, "reserved connect flag";
    mqtt_3_1_2_3_the_reserved_connect_flag_is_refused_v3: connect(V311, 3, &[], &text("c")) => MalformedPacket, "reserved connect flag";
    mqtt_3_1_2_9_a_will_flag_without_a_will_is_refused: connect(V311, 0b0000_0110, &[], &text("c")) => MalformedPacket, "will topic";
    mqtt_3_1_2_11_will_qos_without_a_will_is_refused: connect(V5, 0b0000_1010, &[], &text("c")) => MalformedPacket, "without a will";
    mqtt_3_1_2_13_will_qos_without_a_will_is_refused_v3: connect(V311, 0b0001_0010, &[], &text("c")) => MalformedPacket, "without a will";
    mqtt_3_1_2_12_will_qos_3_is_refused:
        connect(V5, 0b0001_1110, &[], &[text("c"), vec![0], text("w"), text("")].concat()) => MalformedPacket, "will QoS 3";
    mqtt_3_1_2_14_will_qos_3_is_refused_v3:
        connect(V311, 0b0001_1110, &[], &[text("c"), text("w"), text("")].concat()) => MalformedPacket, "will QoS 3";
    mqtt_3_1_2_13_will_retain_without_a_will_is_refused: connect(V5, 0b0010_0010, &[], &text("c")) => MalformedPacket, "without a will";
    mqtt_3_1_2_16_a_user_name_without_its_flag_is_refused:
        connect(V5, 2, &[], &[text("c"), text("user")].concat()) => MalformedPacket, "after its end";
    mqtt_3_1_2_17_a_user_name_flag_without_user_name_is_refused: connect(V5, 0x82, &[], &text("c")) => MalformedPacket, "user name";
    mqtt_3_1_2_19_a_password_flag_without_password_is_refused: connect(V5, 0x42, &[], &text("c")) => MalformedPacket, "password";
    mqtt_3_1_2_22_a_password_without_user_name_is_refused_v3:
        connect(V311, 0x42, &[], &[text("c"), text("secret")].concat()) => MalformedPacket, "password without a user name";
    mqtt_3_1_3_1_bytes_after_the_payload_are_refused_v3: connect(V311, 2, &[], &[text("c"), vec![1]].concat()) => MalformedPacket, "after its end";
    mqtt_3_1_3_3_a_connect_without_client_identifier_is_refused: connect(V5, 2, &[], &[]) => MalformedPacket, "client identifier";
    receive_maximum_0_is_refused: connect(V5, 2, &[0x21, 0, 0], &text("c")) => ProtocolError, "receive maximum 0";
    maximum_packet_size_0_is_refused: connect(V5, 2, &[0x27, 0, 0, 0, 0], &text("c")) => ProtocolError, "maximum packet size 0";
    request_response_information_2_is_refused: connect(V5, 2, &[0x19, 2], &text("c")) => ProtocolError, "request response";
    request_problem_information_2_is_refused: connect(V5, 2, &[0x17, 2], &text("c")) => ProtocolError, "request problem";
    authentication_data_without_method_is_refused: connect(V5, 2, &[0x16, 0, 1, 9], &text("c")) => ProtocolError, "without an authentication method";
    the_same_property_twice_is_refused: connect(V5, 2, &[0x21, 0, 1, 0x21, 0, 1], &text("c")) => ProtocolError, "twice";
    a_property_of_another_packet_is_refused: connect(V5, 2, &[0x23, 0, 1], &text("c")) => MalformedPacket, "does not belong";
    an_unknown_property_is_refused: connect(V5, 2, &[0x7E, 0], &text("c")) => MalformedPacket, "does not belong";
    a_property_identifier_of_two_bytes_is_refused: connect(V5, 2, &[0x91, 0x00, 0, 0, 0, 0], &text("c")) => MalformedPacket, "does not belong";
    a_property_that_ends_after_its_section_is_refused: connect(V5, 2, &[0x21, 0], &text("c")) => MalformedPacket, "receive maximum cut off";
    properties_that_end_after_the_packet_are_refused: b"\x10\x0B\x00\x04MQTT\x05\x02\x00\x3C\x05" => MalformedPacket, "after the packet";
    a_topic_alias_in_a_will_is_refused:
        connect(V5, 6, &[], &[text("c"), vec![3, 0x23, 0, 1], text("w"), text("")].concat()) => MalformedPacket, "does not belong";
    a_payload_format_of_2_in_a_will_is_refused:
        connect(V5, 6, &[], &[text("c"), vec![2, 0x01, 2], text("w"), text("")].concat()) => ProtocolError, "payload format";

    // PUBLISH, §3.3
    mqtt_3_3_1_2_dup_with_qos_0_is_refused: b"\x38\x04\x00\x01t\x00", V5 => MalformedPacket, "DUP";
    mqtt_3_3_1_2_dup_with_qos_0_is_refused_v3: b"\x38\x03\x00\x01t", V311 => MalformedPacket, "DUP";
    mqtt_3_3_1_4_qos_3_is_refused: b"\x36\x06\x00\x01t\x00\x01\x00", V5 => MalformedPacket, "QoS 3";
    mqtt_3_3_1_4_qos_3_is_refused_v3: b"\x36\x05\x00\x01t\x00\x01", V311 => MalformedPacket, "QoS 3";
    mqtt_2_2_2_1_a_missing_property_length_is_refused: b"\x30\x03\x00\x01t", V5 => MalformedPacket, "property length";
    mqtt_3_3_2_1_a_topic_cut_off_is_refused: b"\x30\x03\x00\x05t", V311 => MalformedPacket, "topic name cut off";
    mqtt_4_7_3_1_an_empty_topic_is_refused_v3: b"\x30\x03\x00\x00!", V311 => ProtocolError, "neither a topic name";
    an_empty_topic_without_alias_is_refused: b"\x30\x03\x00\x00\x00", V5 => ProtocolError, "nor a topic alias";
    mqtt_3_3_2_8_topic_alias_0_is_refused: publish(&[0x23, 0, 0]), V5 => TopicAliasInvalid, "alias 0";
    topic_alias_twice_is_refused: publish(&[0x23, 0, 1, 0x23, 0, 1]), V5 => ProtocolError, "twice";
    message_expiry_twice_is_refused: publish(&[2, 0, 0, 0, 1, 2, 0, 0, 0, 1]), V5 => ProtocolError, "twice";
    content_type_twice_is_refused: publish(&[3, 0, 0, 3, 0, 0]), V5 => ProtocolError, "twice";
    correlation_data_twice_is_refused: publish(&[9, 0, 0, 9, 0, 0]), V5 => ProtocolError, "twice";
    payload_format_2_is_refused: publish(&[1, 2]), V5 => ProtocolError, "payload format";
    mqtt_3_3_2_13_a_response_topic_that_is_not_utf_8_is_refused: publish(&[8, 0, 1, 0xFF]), V5 => MalformedPacket, "UTF-8";
    mqtt_3_3_2_14_a_response_topic_with_wildcard_is_refused: publish(b"\x08\x00\x03a/#"), V5 => ProtocolError, "wildcard";
    mqtt_4_7_3_1_an_empty_response_topic_is_refused: publish(&[8, 0, 0]), V5 => ProtocolError, "empty response topic";
    mqtt_3_3_2_19_a_content_type_that_is_not_utf_8_is_refused: publish(&[3, 0, 1, 0xFF]), V5 => MalformedPacket, "UTF-8";
    a_user_property_cut_off_is_refused: publish(&[0x26, 0, 1, b'k']), V5 => MalformedPacket, "user property";
    mqtt_3_3_4_6_a_subscription_identifier_from_a_client_is_refused: publish(&[0x0B, 1]), V5 => ProtocolError, "subscription identifier";
    a_will_delay_in_publish_is_refused: publish(&[0x18, 0, 0, 0, 1]), V5 => MalformedPacket, "does not belong";

    // Acknowledgements, §3.4 to §3.7
    mqtt_3_4_2_1_a_reason_of_another_packet_is_refused_in_puback: [0x40, 3, 0, 1, 0x92], V5 => ProtocolError, "reason code";
    mqtt_3_5_2_1_an_unknown_reason_is_refused_in_pubrec: [0x50, 3, 0, 1, 0x55], V5 => ProtocolError, "reason code";
    mqtt_3_6_2_1_a_reason_of_another_packet_is_refused_in_pubrel: [0x62, 3, 0, 1, 0x10], V5 => ProtocolError, "reason code";
    mqtt_3_7_2_1_a_reason_of_another_packet_is_refused_in_pubcomp: [0x70, 3, 0, 1, 0x80], V5 => ProtocolError, "reason code";
    reason_string_twice_is_refused: [0x40, 10, 0, 1, 0, 6, 0x1F, 0, 0, 0x1F, 0, 0], V5 => ProtocolError, "twice";
    a_property_of_another_packet_is_refused_in_puback: [0x40, 6, 0, 1, 0, 2, 1, 0], V5 => MalformedPacket, "does not belong";

    // SUBSCRIBE and UNSUBSCRIBE, §3.8, §3.10
    mqtt_3_8_3_2_a_subscribe_without_filter_is_refused: [0x82, 3, 0, 1, 0], V5 => ProtocolError, "no topic filter";
    mqtt_3_8_3_3_a_subscribe_without_filter_is_refused_v3: [0x82, 2, 0, 1], V311 => ProtocolError, "no topic filter";
    mqtt_3_8_3_1_a_filter_that_is_not_utf_8_is_refused: b"\x82\x07\x00\x01\x00\x00\x01\xFF\x00", V5 => MalformedPacket, "UTF-8";
    mqtt_3_8_3_5_reserved_bits_of_the_options_are_refused: b"\x82\x07\x00\x01\x00\x00\x01a\x40", V5 => MalformedPacket, "reserved bits";
    mqtt_3_8_3_4_reserved_bits_of_the_options_are_refused_v3: b"\x82\x06\x00\x01\x00\x01a\x04", V311 => MalformedPacket, "reserved bits";
    mqtt_3_8_3_4_no_local_on_a_shared_subscription_is_refused:
        packet(0x82, &[&[0, 1, 0], &text("$share/g/a"), &[0b0100]]), V5 => ProtocolError, "no local";
    qos_3_is_refused_in_subscribe: b"\x82\x07\x00\x01\x00\x00\x01a\x03", V5 => MalformedPacket, "QoS 3";
    qos_3_is_refused_in_subscribe_v3: b"\x82\x06\x00\x01\x00\x01a\x03", V311 => MalformedPacket, "QoS 3";
    retain_handling_3_is_refused: b"\x82\x07\x00\x01\x00\x00\x01a\x30", V5 => ProtocolError, "retain handling 3";
    a_filter_without_options_is_refused: b"\x82\x06\x00\x01\x00\x00\x01a", V5 => MalformedPacket, "no subscription options";
    subscription_identifier_0_is_refused: b"\x82\x09\x00\x01\x02\x0B\x00\x00\x01a\x00", V5 => ProtocolError, "identifier 0";
    subscription_identifier_twice_is_refused: b"\x82\x0B\x00\x01\x04\x0B\x01\x0B\x02\x00\x01a\x00", V5 => ProtocolError, "twice";
    subscription_identifier_in_unsubscribe_is_refused: b"\xA2\x08\x00\x01\x02\x0B\x01\x00\x01a", V5 => MalformedPacket, "does not belong";
    mqtt_3_10_3_2_an_unsubscribe_without_filter_is_refused: [0xA2, 3, 0, 1, 0], V5 => ProtocolError, "no topic filter";
    mqtt_3_10_3_2_an_unsubscribe_without_filter_is_refused_v3: [0xA2, 2, 0, 1], V311 => ProtocolError, "no topic filter";

    // DISCONNECT and AUTH, §3.14, §3.15
    a_disconnect_with_a_body_is_refused_v3: [0xE0, 1, 0], V311 => MalformedPacket, "after its end";
    mqtt_3_14_2_1_a_reason_only_a_server_has_is_refused: [0xE0, 1, 0x8B], V5 => ProtocolError, "reason code";
    a_server_reference_from_a_client_is_refused: b"\xE0\x06\x00\x04\x1C\x00\x01b", V5 => ProtocolError, "server reference";
    session_expiry_twice_is_refused: [0xE0, 12, 0, 10, 0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1], V5 => ProtocolError, "twice";
    bytes_after_the_properties_of_disconnect_are_refused: [0xE0, 3, 0, 0, 0], V5 => MalformedPacket, "after its end";
    auth_in_version_3_is_refused: [0xF0, 0], V311 => MalformedPacket, "reserved";
    mqtt_3_15_2_1_success_in_auth_from_a_client_is_refused: b"\xF0\x06\x00\x04\x15\x00\x01m", V5 => ProtocolError, "reason code";
    an_empty_auth_from_a_client_is_refused: [0xF0, 0], V5 => ProtocolError, "for the server";
    auth_without_method_is_refused: [0xF0, 2, 0x18, 0], V5 => ProtocolError, "no authentication method";
    auth_with_data_and_no_method_is_refused: [0xF0, 6, 0x18, 4, 0x16, 0, 1, 9], V5 => ProtocolError, "no authentication method";
}

#[test]
fn a_remaining_length_of_five_bytes_is_refused() {
    let error = frame_length(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], LARGEST_PACKET).expect_err("too long");
    assert_eq!(error.reason(), MalformedPacket);
}

#[test]
fn a_packet_above_the_maximum_is_refused_before_it_has_arrived() {
    let error = frame_length(&[0x30, 0xFF, 0xFF, 0x7F], 1024).expect_err("too large");
    assert_eq!(error.reason(), PacketTooLarge);
    assert_eq!(error.to_string(), "a packet of 2097155 bytes, but the maximum packet size here is 1024");
}

#[test]
fn bytes_that_are_not_one_packet_are_refused() {
    for frame in [&b""[..], b"\xC0", b"\xC0\x01", b"\xC0\x00\x00", b"\xC0\xFF\xFF\xFF\xFF"] {
        assert_eq!(decode(frame, V5, &mut Vec::new()).expect_err("not one packet").reason(), MalformedPacket);
        assert_eq!(decode_connect(frame).expect_err("not one packet").reason(), MalformedPacket);
    }
}

#[test]
fn version_3_may_write_a_length_in_a_longer_form() {
    assert!(decode(&[0xC0, 0x80, 0x00], V311, &mut Vec::new()).is_ok());
}
