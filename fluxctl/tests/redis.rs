//! What the doctor says about the Redis of a server: a real one, set up well, set up badly, and gone.

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::{Redis, Server, Tool};

/// The rows about Redis: check, and status.
fn rows(tool: &Tool) -> BTreeMap<String, String> {
    let found = tool.run("doctor -o json").json();
    let word = |row: &serde_json::Value, name: &str| row[name].as_str().expect("a word").to_owned();
    let rows = found["items"].as_array().expect("a list").iter().map(|row| (word(row, "check"), word(row, "status")));
    rows.filter(|(check, _)| check.starts_with("redis")).collect()
}

fn are(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter().map(|(check, status)| ((*check).to_owned(), (*status).to_owned())).collect()
}

fn start(redis: &Redis, flags: &[&str]) -> (Server, Tool) {
    let url = redis.url();
    let server = Server::start_with(&[&["--node-id", "n1", "--bus", "hybrid", "--redis-url", &url], flags].concat());
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

#[test]
fn a_redis_that_is_set_up_well_is_a_row_for_each_setting_and_one_that_is_gone_is_critical() {
    if !Redis::is_there() {
        return;
    }
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (_server, tool) = start(&redis, &[]);
    let well = ["redis", "redis_maxmemory_policy", "redis_appendonly", "redis_appendfsync", "redis_replicas"];
    assert_eq!(rows(&tool), are(&well.map(|check| (check, "ok"))));
    let table = tool.ok("doctor --columns check,detail --no-headers");
    let port = redis.url().rsplit(':').next().expect("a port").to_owned();
    let row = table.lines().find(|line| line.starts_with("redis ")).expect("a row");
    assert!(row.contains("single") && row.contains(&port) && row.contains("p99"), "{row}");

    redis.kill();
    assert_eq!(rows(&tool), are(&[("redis", "critical")]));
    assert_eq!(tool.run("doctor").code, Some(6));
}

#[test]
fn each_setting_that_breaks_the_promise_is_a_row_with_what_to_set() {
    if !Redis::is_there() {
        return;
    }
    let redis = Redis::with(&["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let (_server, tool) = start(&redis, &["--set", "durability.ack=replicated"]);
    let expected = [
        ("redis", "ok"),
        ("redis_maxmemory_policy", "critical"),
        ("redis_appendonly", "warning"),
        ("redis_replicas", "critical"),
    ];
    assert_eq!(rows(&tool), are(&expected));
    let said = tool.run("doctor");
    assert_eq!(said.code, Some(6));
    let advice: Vec<&str> = said.out.lines().filter(|line| line.starts_with("! redis")).collect();
    for set in ["maxmemory-policy noeviction", "CONFIG SET appendonly yes", "durability.ack to auto"] {
        assert!(advice.iter().any(|line| line.contains(set)), "{set}: {}", said.out);
    }

    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "no"]);
    let (_server, tool) = start(&redis, &[]);
    assert_eq!(rows(&tool)["redis_appendfsync"], "warning");
    assert_eq!(tool.ok("doctor --columns check,status --no-headers").matches("redis").count(), 5, "a warning is no failure");
}

#[test]
fn the_status_says_that_the_bus_is_cut_off_when_redis_is_gone() {
    if !Redis::is_there() {
        return;
    }
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (_server, tool) = start(&redis, &[]);
    let well = tool.run("cluster status -o table");
    assert_eq!(well.code, Some(0), "{}", well.out);
    assert!(well.out.contains("BUS hybrid ok") && well.out.contains("in Redis"), "{}", well.out);

    redis.kill();
    // It notices within a heartbeat, and the alarm follows.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut gone = tool.run("cluster status -o table");
    while !(gone.out.contains("CUT OFF") && gone.code == Some(6)) {
        assert!(Instant::now() < deadline, "{:?}: {}", gone.code, gone.out);
        gone = tool.run("cluster status -o table");
    }
    assert!(gone.out.contains("UNHEALTHY") && gone.out.contains("hint: start Redis"), "{}", gone.out);
}

#[test]
fn a_server_without_redis_has_no_row_about_it() {
    let server = Server::start();
    assert_eq!(rows(&Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http())), are(&[]));
}
