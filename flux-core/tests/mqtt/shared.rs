//! MQTT 5 §4.8.2: shared subscriptions.

use std::time::Duration;

use crate::server::Server;
use crate::wire::encode::{self, PUBACK, PUBREC};
use crate::wire::{Client, Connect, Filter, Publish, Version};

#[tokio::test]
async fn mqtt5_4_8_2_1_a_share_has_a_name() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    for filter in ["$share//t", "$share/", "$share"] {
        let code = client.subscribe_with(&[Filter::new(filter, 1)], &[]).await.codes[0];
        assert!(code == 0x8F || filter == "$share", "{filter} was answered with 0x{code:02X}");
    }
}

#[tokio::test]
async fn mqtt5_4_8_2_2_a_share_name_is_plain_and_followed_by_a_filter() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    for filter in ["$share/g+/t", "$share/#/t", "$share/g#/t", "$share/g", "$share/g/"] {
        assert_eq!(client.subscribe_with(&[Filter::new(filter, 1)], &[]).await.codes, [0x8F], "{filter}");
    }
}

#[tokio::test]
async fn mqtt5_4_8_2_3_each_member_gets_its_granted_qos() {
    let server = Server::start().await;
    let mut low = server.v5("low").await;
    low.subscribe("$share/low/t", 0).await;
    let mut high = server.v5("high").await;
    high.subscribe("$share/high/t", 2).await;
    let mut publisher = server.v5("publisher").await;
    publisher.publish(Publish::new("t", "").qos(2)).await;
    assert_eq!(low.receive().await.qos, 0);
    assert_eq!(high.receive().await.qos, 2);
}

/// Two durable members and a QoS 2 message that one of them holds half way: (the one that holds it, the other, the message).
async fn half_way(server: &Server) -> (Client, Client, Publish) {
    let mut members = Vec::new();
    for id in ["one", "two"] {
        let mut member = server.client(Connect::v5(id).durable()).await;
        member.subscribe("$share/g/t", 2).await;
        members.push(member);
    }
    server.v5("publisher").await.publish(Publish::new("t", "half way").qos(2)).await;
    let (mut second, mut first) = (members.pop().expect("two"), members.pop().expect("one"));
    let message = match first.next_within(Duration::from_millis(500)).await {
        Some(Some(crate::wire::Packet::Publish(message))) => message,
        _ => {
            std::mem::swap(&mut first, &mut second);
            first.take().await
        }
    };
    (first, second, message)
}

#[tokio::test]
async fn mqtt5_4_8_2_4_a_qos_2_delivery_is_completed_to_the_same_member() {
    let server = Server::start().await;
    let (mut holder, mut other, message) = half_way(&server).await;
    let id = holder.client_id.clone();
    holder.send_ack(PUBREC, message.id).await;
    holder.pubrel().await;
    holder.vanish().await;
    let mut again = server.client(Connect::v5(&id).durable()).await;
    assert_eq!(again.pubrel().await.id, message.id);
    other.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_8_2_5_a_qos_2_delivery_that_was_begun_goes_to_nobody_else() {
    let server = Server::start().await;
    let (mut holder, mut other, message) = half_way(&server).await;
    holder.send_ack(PUBREC, message.id).await;
    holder.pubrel().await;
    holder.disconnect_with(0, &[crate::wire::Property::SessionExpiry(0)]).await;
    other.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_8_2_6_a_refused_message_goes_to_nobody_else() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut members = [server.v5("one").await, server.v5("two").await];
    for member in &mut members {
        member.subscribe("$share/g/t", 1).await;
    }
    publisher.publish(Publish::new("t", "refused").qos(1)).await;
    let [one, two] = &mut members;
    let message = tokio::select! {
        message = one.take() => { one.send(encode::ack(PUBACK, message.id, 0x83)).await; message }
        message = two.take() => { two.send(encode::ack(PUBACK, message.id, 0x83)).await; message }
    };
    assert_eq!(message.text(), "refused");
    for member in &mut members {
        member.ping().await;
        member.has_nothing_more().await;
    }
}

#[tokio::test]
async fn each_message_goes_to_one_member_and_all_members_work() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut members = Vec::new();
    for id in ["one", "two", "three"] {
        let mut member = server.v5(id).await;
        member.subscribe("$share/g/work/#", 1).await;
        members.push(member);
    }
    let mut outside = server.v5("outside").await;
    outside.subscribe("work/#", 1).await;
    for number in 0..90 {
        publisher.publish(Publish::new("work/t", number.to_string()).qos(1)).await;
        assert_eq!(outside.receive().await.text(), number.to_string(), "others get everything");
    }
    let mut shares = Vec::new();
    for member in &mut members {
        member.subscribe("marker", 1).await;
    }
    publisher.publish(Publish::new("marker", "").qos(1)).await;
    for member in &mut members {
        let mut share = 0;
        while member.receive().await.topic != "marker" {
            share += 1;
        }
        shares.push(share);
    }
    assert_eq!(shares.iter().sum::<u32>(), 90, "{shares:?}");
    assert!(shares.iter().all(|share| *share >= 10), "fairly: {shares:?}");
}

#[tokio::test]
async fn an_absent_member_is_passed_over_while_another_is_present() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut absent = server.client(Connect::v5("absent").durable()).await;
    absent.subscribe("$share/g/t", 1).await;
    let mut present = server.v5("present").await;
    present.subscribe("$share/g/t", 1).await;
    absent.disconnect().await;
    for number in 0..10 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
        assert_eq!(present.receive().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn when_all_members_are_absent_the_messages_wait() {
    let server = Server::start().await;
    for id in ["one", "two"] {
        let mut member = server.client(Connect::v5(id).durable()).await;
        member.subscribe("$share/g/t", 1).await;
        member.disconnect().await;
    }
    let mut publisher = server.v5("publisher").await;
    for number in 0..10 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
    }
    let mut received = Vec::new();
    let mut members = [server.client(Connect::v5("one").durable()).await, server.client(Connect::v5("two").durable()).await];
    while received.len() < 10 {
        let [one, two] = &mut members;
        let message = tokio::select! { message = one.take() => message, message = two.take() => message };
        received.push(message.text().parse::<u32>().expect("a number"));
    }
    received.sort_unstable();
    assert_eq!(received, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_member_that_leaves_for_good_leaves_its_unacknowledged_messages_to_the_others() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut leaving = server.v5("leaving").await;
    leaving.subscribe("$share/g/t", 1).await;
    for number in 0..5 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
        assert_eq!(leaving.take().await.text(), number.to_string());
    }
    let mut staying = server.v5("staying").await;
    staying.subscribe("$share/g/t", 1).await;
    leaving.vanish().await;
    for number in 0..5 {
        assert_eq!(staying.receive().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn a_subscription_and_a_share_of_one_client_are_two_subscriptions() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 1).await;
    client.subscribe("$share/g/t", 1).await;
    client.publish(Publish::new("t", "").qos(1)).await;
    assert_eq!(client.receive().await.topic, "t");
    assert_eq!(client.receive().await.topic, "t");
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt311_clients_may_share_too() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address(), Connect { version: Version::V311, ..Connect::v311("c") }).await;
    client.subscribe("$share/g/t", 1).await;
    client.publish(Publish::new("t", "x").qos(1)).await;
    assert_eq!(client.receive().await.text(), "x");
}
