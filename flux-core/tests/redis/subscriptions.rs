use flux_core::testing::redis::{TestCluster, TestRedis, is_there};

use crate::kit::{Ear, PATIENCE, connect};

#[tokio::test]
async fn a_subscription_hears_in_order_and_tells_of_a_gap_after_a_restart() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    let ear = Ear::default();
    let subscription = redis.subscribe(vec!["one".to_owned(), "two".to_owned()], ear.hear());
    subscription.confirmed().await.unwrap();
    for (channel, text) in [("one", "a"), ("two", "b"), ("three", "unheard"), ("one", "c")] {
        redis.call(redis.publish(channel, text.as_bytes())).await.unwrap();
    }
    assert_eq!(ear.until("c").await, ["a", "b", "c"]);
    server.restart();
    ear.until("(gap)").await;
    assert!(subscription.is_confirmed());
    redis.call(redis.publish("two", b"d").repeatable().timeout(PATIENCE)).await.unwrap();
    assert_eq!(ear.until("d").await, ["a", "b", "c", "(gap)", "d"]);
    drop(subscription);
    let gone = async {
        while server.cli(&["pubsub", "numsub", "one"]) != "one\n0" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it unsubscribes when it is dropped");
}

#[tokio::test]
async fn on_a_cluster_a_subscription_follows_its_slot_to_the_new_primary() {
    if !is_there() {
        return;
    }
    let mut cluster = TestCluster::start();
    let redis = connect(&cluster.urls()).await;
    let ear = Ear::default();
    let subscription = redis.subscribe(vec!["{n1}:events".to_owned()], ear.hear());
    subscription.confirmed().await.unwrap();
    redis.call(redis.publish("{n1}:events", b"before")).await.unwrap();
    ear.until("before").await;
    let dead = cluster.kill_primary_of("{n1}:events");
    ear.until("(gap)").await;
    cluster.wait_for_failover("{n1}:events", dead);
    redis.call(redis.publish("{n1}:events", b"after").repeatable().timeout(PATIENCE)).await.unwrap();
    assert_eq!(ear.until("after").await.last().map(String::as_str), Some("after"));
}
