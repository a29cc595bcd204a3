use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flux_core::redis::{Command, Copies, RedisError, RedisKind, Reply, Script, Value};
use flux_core::testing::redis::{TestRedis, is_there};

use crate::kit::{PATIENCE, connect, get, set, text, until_connected, until_reconnected};

#[tokio::test]
async fn commands_are_answered_in_order_many_to_a_round_trip() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let redis = connect(&server.url()).await;
    assert_eq!(redis.kind(), RedisKind::Single);
    let answers: Vec<_> = (0..5_000).map(|_| redis.call(Command::new("INCR").key("n"))).collect();
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Value::Int(index as i64 + 1));
    }
    let figures = redis.figures();
    assert_eq!((figures.commands.get(), figures.waiting.get(), figures.waiting_bytes.get()), (5_000, 0, 0));
    assert!(figures.batches.get() <= 500, "{} round trips", figures.batches.get());
    assert!(figures.round_trip.read().count() >= 5_000);

    let wrong = redis.call(Command::new("LPUSH").key("n").arg(1)).await.unwrap_err();
    assert_eq!(wrong.code(), Some("WRONGTYPE"));
    assert!(!wrong.may_have_happened());
    let large = vec![7; 5 * 1024 * 1024];
    redis.call(Command::new("SET").key("large").bytes(&large)).await.unwrap();
    assert_eq!(redis.call(get("large")).await.unwrap(), Value::BulkString(large));
}

#[tokio::test]
async fn a_restart_is_survived_and_what_is_repeatable_is_repeated() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    redis.call(set("a", "1")).await.unwrap();
    server.kill();
    // In the queue while there is no server.
    let waiting = redis.call(get("a").timeout(PATIENCE));
    let mut state = redis.state();
    state.wait_for(|state| !state.is_connected()).await.unwrap();
    assert!(state.borrow().error.as_ref().unwrap().contains("localhost"), "it says where: {:?}", state.borrow().error);
    let given_up = redis.call(get("a").timeout(Duration::from_millis(10))).await.unwrap_err();
    assert!(matches!(&given_up, RedisError::Unavailable(_)), "{given_up}");
    server.restart();
    assert_eq!(text(waiting.await), "1");
    until_connected(&redis).await;
    assert_eq!(redis.figures().disconnected.get(), 1);
}

/// What waited for the connection is the first that is sent over it, before anything is known of the server's replicas.
#[tokio::test]
async fn replicas_that_are_not_there_are_not_waited_for() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    for number in ["1", "2", "3"] {
        let write = || set("a", number).copies(Copies::WherePossible(1)).repeatable().timeout(PATIENCE);
        assert_eq!(redis.call(write()).await.unwrap(), Value::Okay);
        server.kill();
        let waiting: Vec<_> = (0..10).map(|_| redis.call(write())).collect();
        server.restart();
        for answer in waiting {
            assert_eq!(answer.await, Ok(Value::Okay));
        }
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_left_and_what_is_in_flight_is_told() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let mut settings = crate::kit::settings(&server.url());
    settings.command_timeout = Duration::from_millis(500);
    let redis = flux_core::redis::Redis::connect(settings, &flux_core::lifecycle::Tasks::default()).await.unwrap();
    server.freeze();
    let unknown = redis.call(Command::new("INCR").key("n").timeout(PATIENCE)).await.unwrap_err();
    assert!(unknown.may_have_happened(), "{unknown}");
    let repeated = redis.call(get("n").timeout(PATIENCE));
    server.thaw();
    assert_eq!(text(repeated.await), "1", "the frozen server had taken it");
}

#[tokio::test]
async fn every_command_is_answered_once_through_ten_kills() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    let (answered, good) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut sent = 0;
    for round in 0..10 {
        for _ in 0..2_000 {
            sent += 1;
            let (answered, good) = (answered.clone(), good.clone());
            redis.send(
                Command::new("RPUSH").key("list").arg(sent).timeout(PATIENCE),
                Reply::call(move |answer| {
                    answered.fetch_add(1, Ordering::Relaxed);
                    good.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
                }),
            );
        }
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        server.kill();
        server.restart();
        until_connected(&redis).await;
    }
    redis.call(Command::new("PING").timeout(PATIENCE)).await.unwrap();
    assert_eq!(answered.load(Ordering::Relaxed), sent);
    assert_eq!(redis.figures().waiting.get(), 0);
    let Value::Array(list) = redis.call(Command::new("LRANGE").key("list").arg(0).arg(-1)).await.unwrap() else {
        panic!("a list")
    };
    let list: Vec<usize> = list.into_iter().map(|value| text(Ok(value)).parse().unwrap()).collect();
    assert!(list.len() >= good.load(Ordering::Relaxed), "what was answered with success is there");
    assert!(list.is_sorted(), "in the order of sending");
}

#[tokio::test]
async fn too_many_commands_are_refused_and_none_is_forgotten() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    server.kill();
    let limit = flux_core::types::limits::REDIS_QUEUE_COMMANDS;
    let answers: Vec<_> = (0..limit + 10).map(|_| redis.call(Command::new("INCR").key("n").timeout(PATIENCE))).collect();
    assert_eq!(redis.figures().full.get(), 10);
    redis.close();
    let mut full = 0;
    for answer in answers {
        full += usize::from(matches!(answer.await, Err(RedisError::Full { .. })));
    }
    assert_eq!((full, redis.figures().waiting.get()), (10, 0));
    assert!(matches!(redis.call(get("n")).await, Err(RedisError::Closed)));
}

#[tokio::test]
async fn scripts_are_loaded_when_they_are_needed_also_after_a_restart() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let run = |by: i64| redis.call(Command::script(&add, &["sum"]).arg(by).timeout(PATIENCE));
    // The first finds no script, and those behind it in the same round trip neither: they still run in order.
    let runs: Vec<_> = (1..=100).map(run).collect();
    let mut sum = 0;
    for (index, ran) in runs.into_iter().enumerate() {
        sum += index as i64 + 1;
        assert_eq!(ran.await.unwrap(), Value::Int(sum));
    }
    server.restart();
    until_reconnected(&redis).await;
    assert_eq!(run(1).await.unwrap(), Value::Int(sum + 1));
    assert_eq!(server.cli(&["script", "exists", add.hash()]), "1");

    let broken = Script::new("return redis.call('LPUSH', KEYS[1], 1)");
    let error = redis.call(Command::script(&broken, &["sum"])).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
}

#[tokio::test]
async fn a_reader_blocks_without_holding_anybody_up_and_comes_back() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    let mut reader = redis.reader("stream");
    let read = Command::new("XREAD").arg("BLOCK").arg(30_000).arg("STREAMS").key("stream").arg("0");
    let block = Duration::from_secs(30);
    let (entry, ()) = tokio::join!(reader.call(&read, block), async {
        redis.call(Command::new("XADD").key("stream").arg("*").arg("field").arg("value")).await.unwrap();
    });
    assert!(format!("{:?}", entry.unwrap()).contains("field"), "the entry");
    server.restart();
    until_connected(&redis).await;
    let again = async {
        loop {
            if let Ok(value) = reader.call(&read, block).await {
                return value;
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await.expect("it reads again");
    assert!(format!("{again:?}").contains("field"), "{again:?}");
}
