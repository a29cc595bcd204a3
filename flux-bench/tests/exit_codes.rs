//! Every exit code that flux-bench promises is reached, each for its reason; those of loss and of too few samples stand in mqtt.rs as well.
#![allow(clippy::unwrap_used)]

mod keep;

use std::process::{Command, Stdio};

use flux_bench::selftest::faults::Faults;
use keep::{Bench, Toy, document, varied, write};

const STEADY: [f64; 5] = [1.0, 1.01, 0.99, 1.02, 0.98];

#[test]
fn a_run_ends_with_what_it_found() {
    let (bench, toy) = (Bench::new(), Toy::start(Faults::default()));
    let url = format!("--url mqtt://{} --warmup 0s --no-save", toy.address);
    let lossy = Toy::start(Faults { drop_every: Some(10), ..Default::default() });
    for (code, line) in [
        (0, format!("mqtt conns --conns 20 --duration 100ms {url}")),
        (1, "mqtt --url mqtt://127.0.0.1:1 --no-save".to_owned()),
        (2, format!("mqtt --size 3 {url}")),
        (2, "mqtt --no-such-flag".to_owned()),
        (2, "targets explain nothing.at_all".to_owned()),
        (2, "report latest".to_owned()),
        (3, format!("mqtt conns --conns 20 --duration 100ms --slo connections>1000 --check {url}")),
        (0, format!("mqtt conns --conns 20 --duration 100ms --slo connections>1000 {url}")),
        (4, format!("mqtt --rate max --duration 500ms --pubs 2 --url mqtt://{} --no-save", lossy.address)),
        (6, format!("mqtt --rate 100 --pubs 1 --duration 500ms {url}")),
    ] {
        let output = bench.run(&line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    }
}

#[test]
fn an_interrupted_run_exits_with_130_and_is_kept() {
    let (bench, toy) = (Bench::new(), Toy::start(Faults::default()));
    let line = format!("mqtt --rate 1k --pubs 1 --warmup 0s --duration 10m --url mqtt://{} -o name", toy.address);
    let child = bench.command(&line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while toy.books.committed().forwarded < 100 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(bench.ok("runs list -o csv --columns result --no-headers"), "INTERRUPTED\n");
    assert!(bench.ok("report latest --html").contains("INTERRUPTED"));
}

#[test]
fn what_is_worse_exits_with_5_and_what_is_not_alike_is_refused() {
    let bench = Bench::new();
    let made = document(&Toy::start(Faults::default()));
    let at = |name: &str| bench.home.path().join(name);
    write(&varied(&made, "flux", &STEADY), &at("before.json"), "a");
    write(&varied(&made, "flux", &STEADY.map(|factor| factor * 0.7)), &at("slower.json"), "b");
    write(&varied(&made, "flux", &STEADY.map(|factor| factor * 1.3)), &at("faster.json"), "c");
    let mut other = varied(&made, "flux", &STEADY);
    other["items"].as_array_mut().unwrap().iter_mut().for_each(|run| run["settings"]["sizeBytes"] = 1_024.into());
    write(&other, &at("larger.json"), "d");

    assert_eq!(bench.code("compare before.json slower.json"), Some(5));
    assert_eq!(bench.code("compare before.json faster.json"), Some(0));
    assert_eq!(bench.code("compare before.json before.json"), Some(0));
    let refused = bench.run("compare before.json larger.json");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("payload: 256 B and 1024 B") && said.contains("--force"), "{said}");
    assert_eq!(bench.code("compare before.json larger.json --force"), Some(0));
}

#[test]
fn a_run_that_is_worse_than_the_one_before_fails_a_check() {
    let (bench, toy) = (Bench::new(), Toy::start(Faults::default()));
    // A thousand times as fast as this machine can be.
    write(&varied(&document(&toy), "flux", &STEADY.map(|factor| factor * 1_000.0)), &bench.home.path().join("before.json"), "a");
    let again = format!("mqtt --rate max --warmup 0s --duration 300ms --pubs 2 --runs 4 --url mqtt://{}", toy.address);
    let output = bench.run(&format!("{again} --against before.json --check --force"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("SIDE BY SIDE  median of 4") && said.contains("RESULT  REGRESSION of rate"), "{said}");
    assert_eq!(bench.code(&format!("{again} --against nothing.json")), Some(2), "before anything runs");
}
