//! MQTT 5 §3.1.2.5 to §3.1.2.7 and §3.1.3.2: wills.

use std::time::Duration;

use crate::connect::refused;
use crate::server::Server;
use crate::wire::{Client, Connect, Property, Publish, Version};

async fn watcher(server: &Server) -> Client {
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("will/#", 2).await;
    watcher
}

#[tokio::test]
async fn mqtt5_3_1_2_7_a_will_is_kept_for_when_the_connection_breaks() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    server.client(Connect::v5("c").will(Publish::new("will/c", "gone").qos(1))).await.vanish().await;
    assert_eq!(watcher.receive().await.text(), "gone");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_a_will_waits_for_its_delay() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let will = Publish::new("will/c", "late").property(Property::WillDelay(2));
    server.client(Connect::v5("c").durable().will(will)).await.vanish().await;
    watcher.stays_silent(Duration::from_millis(1_000)).await;
    assert_eq!(watcher.receive().await.text(), "late");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_a_will_goes_out_when_the_session_ends_before_its_delay() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let will = Publish::new("will/c", "with the session").property(Property::WillDelay(3600));
    server.client(Connect::v5("c").property(Property::SessionExpiry(1)).will(will)).await.vanish().await;
    assert_eq!(watcher.receive().await.text(), "with the session");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_a_will_goes_out_when_a_clean_start_ends_the_session() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let will = Publish::new("will/c", "ended by clean start").property(Property::WillDelay(3600));
    server.client(Connect::v5("c").property(Property::SessionExpiry(3600)).will(will)).await.vanish().await;
    let _fresh = server.v5("c").await;
    assert_eq!(watcher.receive().await.text(), "ended by clean start");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_disconnect_0x04_publishes_the_will() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let client = server.client(Connect::v5("c").will(Publish::new("will/c", "please"))).await;
    client.disconnect_with(0x04, &[]).await;
    assert_eq!(watcher.receive().await.text(), "please");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_a_protocol_error_publishes_the_will() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let mut client = server.client(Connect::v5("c").will(Publish::new("will/c", "malformed"))).await;
    client.send([0x00, 0x00]).await;
    client.closed().await;
    assert_eq!(watcher.receive().await.text(), "malformed");
}

#[tokio::test]
async fn mqtt5_3_1_2_8_a_take_over_publishes_a_will_without_delay() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    let _first = server.client(Connect::v5("c").durable().will(Publish::new("will/c", "taken over"))).await;
    let _second = server.client(Connect::v5("c").durable()).await;
    assert_eq!(watcher.receive().await.text(), "taken over");
}

#[tokio::test]
async fn mqtt5_3_1_2_9_a_will_flag_without_will_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").encode_with_flags(0x06)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_9_a_will_is_published_with_its_qos_and_properties() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    for qos in 0..=2 {
        let properties = [
            Property::PayloadFormat(1),
            Property::ContentType("text/plain".to_owned()),
            Property::ResponseTopic("answers".to_owned()),
            Property::CorrelationData(vec![0, 1, 255]),
            Property::user("k", "v"),
        ];
        let will = properties.iter().cloned().fold(Publish::new("will/c", "w").qos(qos), Publish::property);
        server.client(Connect::v5("c").will(will)).await.vanish().await;
        let message = watcher.receive().await;
        assert_eq!((message.qos, message.text()), (qos, "w"));
        assert!(properties.iter().all(|property| message.properties.contains(property)), "{:?}", message.properties);
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_10_a_will_is_published_once() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    server.client(Connect::v5("c").durable().will(Publish::new("will/c", "once"))).await.vanish().await;
    assert_eq!(watcher.receive().await.text(), "once");
    server.client(Connect::v5("c").durable()).await.vanish().await;
    watcher.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_1_2_11_will_qos_without_will_is_refused() {
    let server = Server::start().await;
    for flags in [0x0A, 0x12] {
        let code = refused(&server, Version::V5, Connect::v5("c").encode_with_flags(flags)).await;
        assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_12_will_qos_3_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").will(Publish::new("w", "").qos(3)).encode()).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_13_will_retain_without_will_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").encode_with_flags(0x22)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_14_a_will_without_retain_is_not_retained() {
    let server = Server::start().await;
    let mut first = watcher(&server).await;
    server.client(Connect::v5("c").will(Publish::new("will/c", "passing").qos(1))).await.vanish().await;
    assert!(!first.receive().await.retain);
    let mut later = server.v5("later").await;
    later.subscribe("will/#", 1).await;
    later.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_1_2_15_a_will_with_retain_is_retained() {
    let server = Server::start().await;
    let mut first = watcher(&server).await;
    server.client(Connect::v5("c").will(Publish::new("will/c", "lasting").qos(1).retain())).await.vanish().await;
    assert_eq!(first.receive().await.text(), "lasting");
    let mut later = server.v5("later").await;
    later.subscribe("will/#", 1).await;
    let message = later.receive().await;
    assert_eq!((message.text(), message.retain), ("lasting", true));
}

#[tokio::test]
async fn mqtt5_3_14_4_3_a_normal_disconnect_discards_the_will() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    server.client(Connect::v5("c").will(Publish::new("will/c", "never"))).await.disconnect().await;
    watcher.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt311_3_1_2_10_a_normal_disconnect_discards_the_will() {
    let server = Server::start().await;
    let mut watcher = watcher(&server).await;
    server.client(Connect::v311("c").will(Publish::new("will/c", "never"))).await.disconnect().await;
    server.client(Connect::v311("c").will(Publish::new("will/c", "broken"))).await.vanish().await;
    assert_eq!(watcher.receive().await.text(), "broken");
}
