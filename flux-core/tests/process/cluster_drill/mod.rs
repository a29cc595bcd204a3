//! The promise between nodes, put to the test: three nodes and one Redis, QoS 1 load, clients of others. Nodes are killed with -9, so is
//! Redis, so are primaries of a Cluster. What was acknowledged arrives at every durable subscriber. Nothing is configured but where Redis is;
//! beside it the same with sessions that stay on the disk of their node.

mod publisher;
mod report;
mod stage;
mod subscriber;
mod world;

use flux_core::testing::redis::{TestCluster, TestRedis, is_there};

use self::stage::NODES;
use self::world::{Sessions, World};
use crate::drill::dice::Dice;

/// How often each thing is killed.
const TIMES: usize = 5;

/// The node on which the durable subscribers are, or begin.
const SUBSCRIBERS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_ingress_of_the_subscribers_node_and_of_redis_loses_no_acknowledged_message() {
    if !is_there() {
        return;
    }
    let mut dice = Dice::announced();
    let mut redis = TestRedis::start();
    let mut world = World::start(&redis.url(), Sessions::WithTheirNode).await;
    for round in 0..TIMES {
        // Its publishers go to the other one, and come back in the round that follows.
        let ingress = round % 2;
        world.under_load(&mut dice).await;
        world.kill_and_restart_node(ingress, dice.below(1_000)).await;
        world.flows("the ingress node is back").await;

        world.under_load(&mut dice).await;
        world.kill_and_restart_node(SUBSCRIBERS, dice.below(1_000)).await;
        world.flows("the subscribers' node is back").await;

        kill_redis(&mut world, &mut redis, &mut dice).await;
    }
    settle_up(world, &dice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_a_clusters_primaries_loses_no_acknowledged_message() {
    if is_there() {
        kill_primaries(Sessions::WithTheirNode).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_a_clusters_primaries_loses_no_acknowledged_message_of_sessions_that_are_kept_there() {
    if is_there() {
        kill_primaries(Sessions::InRedis).await;
    }
}

async fn kill_primaries(sessions: Sessions) {
    let mut dice = Dice::announced();
    let mut redis = TestCluster::start();
    let mut world = World::start(&redis.urls(), sessions).await;
    // Who the members are and what they ask for; then where events wait for the subscribers' node.
    let keys: Vec<String> = (0..TIMES).map(|lane| if lane == 0 { bus_key() } else { inbox_key(lane - 1) }).collect();
    for key in &keys {
        world.under_load(&mut dice).await;
        let dead = redis.kill_primary_of(key);
        world.note_kill();
        tokio::task::block_in_place(|| redis.wait_for_failover(key, dead));
        world.flows("a replica has taken over").await;
        tokio::task::block_in_place(|| {
            redis.servers[dead].restart();
            redis.wait_until_well();
        });
        world.flows("the dead primary is back as a replica").await;
    }
    settle_up(world, &dice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_message_while_durable_sessions_follow_their_clients_to_other_nodes() {
    if !is_there() {
        return;
    }
    let mut dice = Dice::announced();
    let mut redis = TestRedis::start();
    let mut world = World::start(&redis.url(), Sessions::InRedis).await;
    for _ in 0..TIMES {
        // The subscribers are on the first that dies, go to the second, and come back when that dies; the third has publishers alone.
        // Dead for longer than a lease the survivors take over what a node had; for less it finds others at its work.
        for node in [SUBSCRIBERS, (SUBSCRIBERS + 1) % NODES, (SUBSCRIBERS + 2) % NODES] {
            world.under_load(&mut dice).await;
            world.kill_and_restart_node(node, dice.below(3_500)).await;
            world.flows("a node is back").await;
        }
        kill_redis(&mut world, &mut redis, &mut dice).await;
    }
    settle_up(world, &dice).await;
}

/// And starts it again, now sooner and now later than a node's lease ends.
async fn kill_redis(world: &mut World, redis: &mut TestRedis, dice: &mut Dice) {
    world.under_load(dice).await;
    world.note_kill();
    redis.kill();
    world.pause(dice.below(3_000)).await;
    tokio::task::block_in_place(|| redis.restart());
    world.flows("Redis is back").await;
}

/// Shows what was acknowledged and what arrived, and checks that nothing is missing.
async fn settle_up(world: World, dice: &Dice) {
    let report = world.end(dice.seed).await;
    println!("{report}");
    report.check();
}

/// In the slot of all that is about the cluster.
fn bus_key() -> String {
    "{bus}".to_owned()
}

fn inbox_key(lane: usize) -> String {
    format!("{{n{}/{lane}}}", SUBSCRIBERS + 1)
}
