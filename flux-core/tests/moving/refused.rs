//! A store that refuses for a while what a session is owed.

use crate::kit::{Cluster, gets_all, publish};
use crate::wire::{Client, Connect};

async fn publish_all(publisher: &mut Client, messages: std::ops::Range<u32>) {
    for message in messages {
        publish(publisher, "readings", message).await;
    }
}

/// Its publisher is on another node and hears only that they are in the inbox. They must not come behind what is stored at once later, and
/// not one by one either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_refuses_for_a_while_is_stored_once_it_does_not_and_in_order() {
    let cluster = Cluster::of(2).await;
    let mut client = cluster.connect(1, Connect::v5("z-device").durable()).await;
    client.subscribe("readings", 1).await;
    let mut publisher = cluster.connect(0, Connect::v5("publisher")).await;
    publish_all(&mut publisher, 0..10).await;
    // As when there is no memory left, or no primary: nothing can be written for this client.
    cluster.redis.cli(&["ACL", "SETUSER", "default", "resetkeys", "~flux:moving:{[^z]*"]);
    publish_all(&mut publisher, 10..400).await;
    cluster.redis.cli(&["ACL", "SETUSER", "default", "allkeys"]);
    publish_all(&mut publisher, 400..600).await;
    gets_all(&mut client, 600).await;
}
