use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flux_core::redis::{Command, Copies, RedisKind, Reply, Script, Value};
use flux_core::testing::redis::{TestCluster, is_there};
use parking_lot::Mutex;

use crate::kit::{PATIENCE, connect, get, set, text, until_connected};

#[tokio::test]
async fn commands_find_their_primary_and_follow_a_slot_that_moves() {
    if !is_there() {
        return;
    }
    let cluster = TestCluster::start();
    // One seed is enough.
    let redis = connect(&cluster.servers[5].url()).await;
    assert_eq!(redis.kind(), RedisKind::Cluster);
    for key in 0..200 {
        redis.call(set(&format!("key{key}"), &key.to_string())).await.unwrap();
    }
    for key in 0..200 {
        assert_eq!(text(redis.call(get(&format!("key{key}"))).await), key.to_string());
    }
    assert_eq!(redis.figures().repeated.get(), 0, "nobody had to be sent on");

    let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for key in ["{a}", "{b}", "{c}", "{d}"] {
        assert_eq!(redis.call(Command::script(&add, &[key]).arg(2)).await.unwrap(), Value::Int(2));
    }
    assert!(redis.call(Command::new("MGET").key("a").key("b")).await.unwrap_err().to_string().contains("CROSSSLOT"));

    let from = cluster.primary_of("{moves}");
    let to = cluster.primary_of(["a", "b", "c"].into_iter().find(|key| cluster.primary_of(key) != from).unwrap());
    let slot = cluster.servers[from].cli(&["cluster", "keyslot", "{moves}"]);
    let id = |place: usize| cluster.servers[place].cli(&["cluster", "myid"]);
    let counted = |redis: &flux_core::redis::Redis| redis.call(Command::new("INCR").key("{moves}").timeout(PATIENCE));
    assert_eq!(counted(&redis).await.unwrap(), Value::Int(1));
    cluster.servers[to].cli(&["cluster", "setslot", &slot, "importing", &id(from)]);
    cluster.servers[from].cli(&["cluster", "setslot", &slot, "migrating", &id(to)]);
    let port = cluster.servers[to].port().to_string();
    let moved = cluster.servers[from].cli(&["migrate", "127.0.0.1", &port, "{moves}", "0", "5000"]);
    assert_eq!(moved, "OK");
    assert_eq!(counted(&redis).await.unwrap(), Value::Int(2), "ASK");
    for place in [to, from] {
        cluster.servers[place].cli(&["cluster", "setslot", &slot, "node", &id(to)]);
    }
    let answers: Vec<_> = (0..100).map(|_| counted(&redis)).collect();
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Value::Int(index as i64 + 3), "MOVED, in order");
    }
}

/// Writers with commands in flight while their primary dies and its replica takes over.
#[tokio::test(flavor = "multi_thread")]
async fn through_a_failover_every_command_is_answered_once_and_replicated_writes_are_kept() {
    if !is_there() {
        return;
    }
    let mut cluster = TestCluster::start();
    let redis = connect(&cluster.urls()).await;
    let (stop, sent, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let safe: Arc<Mutex<Vec<usize>>> = Arc::default();
    let writer = tokio::spawn({
        let (redis, stop, sent, answered, safe) = (redis.clone(), stop.clone(), sent.clone(), answered.clone(), safe.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let (answered, safe) = (answered.clone(), safe.clone());
                    let push = Command::new("RPUSH").key("{list}").arg(number).copies(Copies::Always(1)).timeout(PATIENCE);
                    redis.send(
                        push,
                        Reply::call(move |answer| {
                            answered.fetch_add(1, Ordering::Relaxed);
                            if answer.is_ok() {
                                safe.lock().push(number);
                            }
                        }),
                    );
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    });
    let safe_now = || safe.lock().len();
    let before = safe_now();
    until(|| safe_now() > before + 100).await;
    let dead = cluster.kill_primary_of("{list}");
    cluster.wait_for_failover("{list}", dead);
    // The new primary has no replica: what wants one is refused by then. Bring the old one back as its replica.
    cluster.servers[dead].restart();
    cluster.wait_until_well();
    let before = safe_now();
    until(|| safe_now() > before + 100).await;
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    until(|| answered.load(Ordering::Relaxed) == sent.load(Ordering::Relaxed)).await;
    until_connected(&redis).await;
    let Value::Array(list) = redis.call(Command::new("LRANGE").key("{list}").arg(0).arg(-1)).await.unwrap() else {
        panic!("a list")
    };
    let list: Vec<usize> = list.into_iter().map(|value| text(Ok(value)).parse().unwrap()).collect();
    assert!(list.is_sorted(), "in the order of sending");
    let lost: Vec<usize> = safe.lock().iter().copied().filter(|number| list.binary_search(number).is_err()).collect();
    assert!(lost.is_empty(), "confirmed by a replica and lost: {lost:?}");
}

async fn until(mut yes: impl FnMut() -> bool) {
    let waiting = async {
        while !yes() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes");
}
