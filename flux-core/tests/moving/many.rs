//! A node dies that has very many sessions: the others take all of them over, a bounded number at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::kit::{Cluster, all_that_waits, gets_all, number, publish, until};
use crate::wire::encode::Filter;
use crate::wire::{Client, Connect};

/// Clients that connect at the same time, so that the crowd is there soon.
const TOGETHER: usize = 64;

/// Commands of one survivor that may wait for Redis while nothing is published: far fewer than there are sessions.
const COMMANDS: f64 = 1_500.0;

fn name(index: usize) -> String {
    format!("client-{index}")
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(name).collect()
}

/// So many durable sessions at the first node, all of which want `all` and each something of its own. All are offline but the clients
/// that this gives.
async fn crowd(cluster: &Cluster, count: usize) -> Vec<Client> {
    let mut coming = JoinSet::new();
    for first in 0..TOGETHER {
        let address = cluster.address(0);
        coming.spawn(async move {
            let mut last = None;
            for index in (first..count).step_by(TOGETHER) {
                let mut client = Client::connect(address, Connect::v5(&name(index)).durable()).await;
                let filters = [Filter::new("all", 1), Filter::new(&format!("own/{index}"), 1)];
                assert_eq!(client.subscribe_with(&filters, &[]).await.codes, [1, 1]);
                last = Some(client);
            }
            last
        });
    }
    coming.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_sessions_of_a_killed_node_go_on_elsewhere_and_miss_nothing() {
    const SESSIONS: usize = 3_000;
    let mut cluster = Cluster::of(3).await;
    let online = crowd(&cluster, SESSIONS).await;
    let clients = names(SESSIONS);
    // Each of these gets one of its own as well.
    let sample: Vec<usize> = (0..SESSIONS).step_by(SESSIONS / 30).collect();
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publish(&mut publisher, "all", 0).await;
    cluster.until_read("n1").await;
    cluster.kill(0);
    drop(online);
    // For these it has no time.
    for message in 1..3 {
        publish(&mut publisher, "all", message).await;
    }
    for index in &sample {
        publish(&mut publisher, &format!("own/{index}"), 3).await;
    }
    let begun = until(|| cluster.kept(&clients).iter().any(|kept| kept.node != "n1")).await;
    assert!(begun, "the survivors begin to take over");

    // Who comes now is served: most others are still to be taken over.
    let early = [1, SESSIONS / 2, SESSIONS - 1].map(name);
    for (place, id) in early.iter().enumerate() {
        let mut client = cluster.connect(1 + place % 2, Connect::v5(id).durable()).await;
        assert!(client.connack.session_present, "{id}");
        assert_eq!(number(&client.take().await), 0, "{id}: what was in its queue, which stays there");
    }
    publish(&mut publisher, "all", 3).await;
    cluster.until_forgotten("n1").await;
    publish(&mut publisher, "all", 4).await;

    let owed = |index| 5 + usize::from(sample.contains(&index));
    let all_there = until(|| cluster.kept(&clients).iter().enumerate().all(|(index, kept)| kept.queued >= owed(index))).await;
    assert!(all_there, "every queue has what it is owed");
    for (index, kept) in cluster.kept(&clients).into_iter().enumerate() {
        assert_eq!(kept.queued, owed(index), "{} on {}", name(index), kept.node);
        assert_ne!(kept.node, "n1", "{}", name(index));
    }
    for (place, index) in sample.into_iter().enumerate() {
        let mut client = cluster.connect(1 + place % 2, Connect::v5(&name(index)).durable()).await;
        assert!(client.connack.session_present, "{}", name(index));
        let all = all_that_waits(&mut client).await;
        let got = |topic: &str| all.iter().filter(|publish| publish.topic == topic).map(number).collect::<Vec<_>>();
        assert_eq!((got("all"), got(&format!("own/{index}"))), (vec![0, 1, 2, 3, 4], vec![3]), "{}", name(index));
    }
}

/// Another session is with nobody, as one is that its adopter has not come to yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_a_killed_node_gets_everything_before_the_other_sessions_of_that_node_are_taken_over() {
    let mut cluster = Cluster::of(2).await;
    let online = crowd(&cluster, 2).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    cluster.kill(0);
    drop(online);
    let nobodys = format!("flux:moving:{{{}}}:session", name(1));
    cluster.redis.cli(&["HSET", &nobodys, "o", "nobody", "s", "n1"]);
    for message in 0..3 {
        publish(&mut publisher, "all", message).await;
    }
    let mut client = cluster.connect(1, Connect::v5(&name(0)).durable()).await;
    // Behind what lies in the inbox of the dead.
    publish(&mut publisher, "all", 3).await;
    gets_all(&mut client, 4).await;
    client.has_nothing_more().await;

    // Now its turn has come.
    cluster.redis.cli(&["HDEL", &nobodys, "s"]);
    cluster.redis.cli(&["HSET", &nobodys, "o", "n1"]);
    let mut other = cluster.connect(1, Connect::v5(&name(1)).durable()).await;
    assert!(other.connack.session_present);
    gets_all(&mut other, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_has_a_bounded_number_of_commands_under_way_while_it_takes_over_thousands_of_sessions() {
    const SESSIONS: usize = 3_000;
    let mut cluster = Cluster::of(2).await;
    let online = crowd(&cluster, SESSIONS).await;
    cluster.kill(0);
    drop(online);
    let (http, over) = (cluster.http(1), Arc::new(AtomicBool::new(false)));
    let mut watching = JoinSet::new();
    watching.spawn({
        let over = over.clone();
        async move {
            let mut most = 0.0_f64;
            while !over.load(Ordering::Relaxed) {
                most = most.max(waiting(&http).await);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            most
        }
    });
    cluster.until_forgotten("n1").await;
    over.store(true, Ordering::Relaxed);
    let most = watching.join_next().await.expect("it watches").expect("it ends");
    assert!(cluster.kept(&names(SESSIONS)).iter().all(|kept| kept.node == "n2"), "all are taken over");
    assert!(most <= COMMANDS, "{most} commands waited for Redis");
    // And what it has taken over leads to it.
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publish(&mut publisher, "all", 0).await;
    let mut client = cluster.connect(1, Connect::v5(&name(SESSIONS - 1)).durable()).await;
    gets_all(&mut client, 1).await;
}

/// Commands of this node that Redis has not answered.
async fn waiting(http: &str) -> f64 {
    let mut stream = TcpStream::connect(http).await.expect("HTTP listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).await.expect("it answers");
    let line = page.lines().find_map(|line| line.strip_prefix("flux_redis_waiting "));
    line.and_then(|value| value.parse::<f64>().ok()).expect("it tells")
}
