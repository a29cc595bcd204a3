//! MQTT 5 §4.5 and §4.6: every owed message arrives, in order.

use crate::server::Server;
use crate::wire::{Connect, Publish};

#[tokio::test]
async fn mqtt5_4_5_0_1_a_message_is_added_to_every_session_that_matches() {
    let server = Server::start().await;
    let mut present = server.v5("present").await;
    present.subscribe("a/#", 1).await;
    let mut absent = server.client(Connect::v5("absent").durable()).await;
    absent.subscribe("+/b", 1).await;
    absent.disconnect().await;
    let mut other = server.v311("other").await;
    other.subscribe("a/b", 1).await;
    server.v5("publisher").await.publish(Publish::new("a/b", "to all").qos(1)).await;
    let mut absent = server.client(Connect::v5("absent").durable()).await;
    for client in [&mut present, &mut absent, &mut other] {
        assert_eq!(client.receive().await.text(), "to all");
    }
}

async fn in_order(qos: u8, connect: Connect) {
    let server = Server::start().await;
    let mut client = server.client(connect).await;
    client.subscribe("order/#", qos).await;
    let mut publisher = server.v5("publisher").await;
    let sending = async {
        for number in 0..300_u16 {
            publisher.send_publish(&Publish::new("order/t", number.to_string()).qos(qos).id(number + 1)).await;
            match qos {
                0 => {}
                1 => drop(publisher.puback().await),
                _ => {
                    publisher.pubrec().await;
                    publisher.send_ack(crate::wire::encode::PUBREL, number + 1).await;
                    publisher.pubcomp().await;
                }
            }
        }
    };
    let receiving = async {
        for number in 0..300 {
            assert_eq!(client.receive().await.text(), number.to_string());
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn mqtt5_4_6_0_5_qos_0_arrives_in_order() {
    in_order(0, Connect::v5("c")).await;
}

#[tokio::test]
async fn mqtt5_4_6_0_5_qos_1_arrives_in_order() {
    in_order(1, Connect::v5("c")).await;
}

#[tokio::test]
async fn mqtt5_4_6_0_5_qos_2_arrives_in_order() {
    in_order(2, Connect::v5("c")).await;
}

#[tokio::test]
async fn mqtt5_4_6_0_5_a_durable_session_gets_them_in_order() {
    in_order(1, Connect::v5("c").durable()).await;
}

#[tokio::test]
async fn mqtt5_4_6_0_6_a_queue_keeps_its_order_across_a_reconnect() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 1).await;
    for number in 0..10 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
    }
    for number in 0..5 {
        assert_eq!(client.take().await.text(), number.to_string(), "read, not acknowledged");
    }
    client.vanish().await;
    for number in 10..20 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
    }
    let mut again = server.client(Connect::v5("c").durable()).await;
    for number in 0..20 {
        assert_eq!(again.receive().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn acknowledgements_come_in_the_order_of_their_messages() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let version = crate::wire::Version::V5;
    let bytes: Vec<u8> = (1..=100).flat_map(|id| Publish::new("t", "").qos(1).id(id).encode(version)).collect();
    client.send(bytes).await;
    for id in 1..=100 {
        assert_eq!(client.puback().await.id, id);
    }
}
