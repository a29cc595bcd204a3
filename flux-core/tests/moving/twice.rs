//! QoS 2 from other nodes, while the node dies that has the session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::kit::{Cluster, Receiver, count_up, number};
use crate::wire::{Connect, Publish};

const PUBLISHERS: usize = 4;

/// The first node has the session and dies under load; its client goes to the second. What was stored there already comes from the inbox of
/// the dead node once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_exactly_once_though_the_node_of_the_session_is_killed() {
    let mut cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("device").durable()).await;
    client.subscribe("count/+", 2).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut publishing = JoinSet::new();
    for index in 0..PUBLISHERS {
        let publisher = cluster.connect(1, Connect::v5(&format!("publisher-{index}"))).await;
        let counting = count_up(publisher, format!("count/{index}"), 2, stop.clone());
        publishing.spawn(async move { (index, counting.await) });
    }
    let (mut receiver, mut got) = (Receiver::default(), vec![Vec::new(); PUBLISHERS]);
    let note = |got: &mut Vec<Vec<u32>>, publish: &Publish| {
        let index: usize = publish.topic["count/".len()..].parse().expect("a publisher");
        got[index].push(number(publish));
    };
    for _ in 0..200 {
        note(&mut got, &receiver.receive(&mut client).await);
    }
    cluster.kill(0);
    client = cluster.connect(1, Connect::v5("device").durable()).await;
    for _ in 0..200 {
        note(&mut got, &receiver.receive(&mut client).await);
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = publishing.join_all().await;
    sent.sort_unstable();
    let sent: Vec<u32> = sent.into_iter().map(|(_, sent)| sent).collect();
    while got.iter().zip(&sent).any(|(got, sent)| !got.iter().any(|number| number + 1 == *sent)) {
        note(&mut got, &receiver.receive(&mut client).await);
    }
    for (index, (got, sent)) in got.iter().zip(&sent).enumerate() {
        assert_eq!(*got, Vec::from_iter(0..*sent), "publisher {index}");
    }
}
