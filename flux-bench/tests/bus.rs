//! The comparison of buses: it starts what it needs, measures every bus with the same load, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

mod keep;
#[allow(dead_code, reason = "only the path of the server's program and Redis are needed")]
mod support;

use std::path::Path;
use std::process::Output;

use keep::Bench;
use serde_json::Value;
use support::Redis;

fn bus(bench: &Bench, arguments: &str) -> Output {
    bench.command(&format!("bus {arguments}")).env("FLUX_BENCH_CORE", support::binary()).output().unwrap()
}

/// The runs of a document; a machine that is busy may have made the measurement doubtful (6), nothing else.
fn runs(output: &Output) -> Vec<Value> {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 6)), "{:?}: {told}", output.status);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!(document["kind"], "BenchRun");
    document["items"].as_array().unwrap().clone()
}

/// The first run of each label.
fn first<'a>(runs: &'a [Value], label: &str) -> &'a Value {
    runs.iter().find(|run| run["label"] == label).unwrap_or_else(|| panic!("no run of {label} in {runs:#?}"))
}

fn nothing_went_wrong(run: &Value) {
    let audit = &run["audit"];
    for count in ["lost", "duplicated", "reordered", "unexpected"] {
        assert_eq!(audit[count], 0, "{count} of {}: {audit}", run["label"]);
    }
    assert!(audit["delivered"].as_u64().unwrap() > 100, "{}: {audit}", run["label"]);
}

#[test]
fn every_bus_carries_the_same_load_between_nodes_and_nothing_of_them_stays() {
    if !Redis::is_there() {
        return;
    }
    let bench = Bench::new();
    let output = bus(&bench, "all --pairs 5 --rate 1k --duration 1s --warmup 200ms -o json");
    let runs = runs(&output);
    for (label, nodes) in [("memory", 1), ("pubsub", 2), ("streams", 2), ("hybrid", 2), ("hybrid 80% local", 2)] {
        let run = first(&runs, label);
        nothing_went_wrong(run);
        assert_eq!((&run["tool"], &run["settings"]["options"]["nodes"]), (&"bus".into(), &nodes.to_string().into()), "{label}");
        let servers: Vec<&str> =
            run["servers"].as_array().unwrap().iter().map(|server| server["name"].as_str().unwrap()).collect();
        let wanted: &[&str] = if nodes == 1 { &["n1"] } else { &["n1", "n2", "redis"] };
        assert_eq!(servers, wanted, "{label}");
        let commands = run["costs"]["redisCommandsPerMessage"].as_f64();
        assert_eq!(commands.is_some(), nodes > 1, "{label}");
        assert!(commands.is_none_or(|commands| commands > 0.0), "{label}");
        for server in run["servers"].as_array().unwrap() {
            let pid = server["pid"].as_u64().unwrap();
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{label}: {} still runs", server["name"]);
        }
    }
    let cost = |label| first(&runs, label)["costs"]["redisCommandsPerMessage"].as_f64().unwrap();
    assert!(cost("hybrid 80% local") < cost("hybrid"), "what stays on its node costs Redis nothing");
    assert_eq!(bench.ok("runs list -o csv --columns tool --no-headers"), "bus\n", "one document of all of them was kept");
    let buses = "all,\"memory, pubsub, streams, hybrid, hybrid 80% local\"\n";
    assert_eq!(bench.ok("runs list -o csv --columns scenario,servers --no-headers"), buses);
    assert!(bench.ok("runs show latest").contains("hybrid 80% local"));
    assert!(bench.ok("report latest --html").contains("hybrid 80% local"));
}

#[test]
fn the_buses_alone_carry_events_from_one_process_to_another() {
    if !Redis::is_there() {
        return;
    }
    let bench = Bench::new();
    let made = runs(&bus(&bench, "all --in-process --rate 2k --duration 1s --warmup 200ms --no-save -o json"));
    for label in ["memory", "pubsub", "streams", "hybrid", "hybrid 80% local"] {
        let run = first(&made, label);
        nothing_went_wrong(run);
        assert_eq!(run["audit"]["sent"], 2_400, "{label}: as the schedule says, warm-up included");
        assert_eq!(run["settings"]["options"]["in-process"], "yes");
    }
    assert_eq!(first(&made, "memory")["servers"].as_array().unwrap().len(), 1);
    assert_eq!(first(&made, "streams")["servers"].as_array().unwrap().len(), 3);

    let unpaced = runs(&bus(&bench, "memory --in-process --duration 500ms --warmup 0s --no-save -o json"));
    let (full, half) = (first(&unpaced, "memory max"), first(&unpaced, "memory"));
    assert!(
        half["settings"]["messagesPerSecond"].as_f64().unwrap() <= full["throughput"]["deliveriesPerSecond"].as_f64().unwrap()
    );
    nothing_went_wrong(full);
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let bench = Bench::new();
    let without = |arguments: &str, core: &Path, path: &str| {
        let output = bench.command(&format!("bus {arguments}")).env("FLUX_BENCH_CORE", core).env("PATH", path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = without("pubsub --quick", support::binary(), "/nowhere");
    assert!(told.contains("redis-server is not installed") && told.contains("apt-get install redis-server"), "{told}");
    let told = without("memory --quick", Path::new("/nowhere/flux-core"), "/nowhere");
    assert!(told.contains("/nowhere/flux-core is no file") && told.contains("--core"), "{told}");
    let told = without("streams --quick --redis-url redis://127.0.0.1:1", support::binary(), "/nowhere");
    assert!(told.contains("redis://127.0.0.1:1 cannot be used"), "{told}");
    let told = without("streams --in-process --redis-url redis://:secret@127.0.0.1:1", support::binary(), "/nowhere");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn a_redis_that_stays_is_left_as_it_was() {
    if !Redis::is_there() {
        return;
    }
    // Somebody else has started it.
    let redis = Redis::with(&[]);
    let bench = Bench::new();
    for arguments in ["streams --pairs 2", "streams --in-process"] {
        let line = format!("{arguments} --rate 500 --duration 1s --warmup 0s --no-save -o json --redis-url {}", redis.url());
        let made = runs(&bus(&bench, &line));
        nothing_went_wrong(first(&made, "streams"));
        assert_eq!(redis.ask("DBSIZE"), ":0", "{arguments}");
    }
}
