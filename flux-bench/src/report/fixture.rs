//! A run as it might have been, for tests of what is made of runs.

use std::collections::BTreeMap;

use crate::watch::machine::{Environment, MachineUse};

use super::model::{
    Audit, Conclusion, Connections, Costs, Guarantee, Latencies, LoadKind, Messages, Percentiles, ProcessUse, Run, Settings,
    Throughput, Timeline, Tool,
};

/// Ten seconds at 50,000/s over 10 pairs, 2 ms each, noticed within 0.1 ms; not judged.
pub fn run() -> Run {
    let percentiles = |milliseconds: f64| {
        Some(Percentiles {
            count: 500_000,
            p50: milliseconds,
            p90: milliseconds,
            p99: milliseconds,
            p999: milliseconds,
            max: milliseconds,
            mean: milliseconds,
            spectrum: vec![],
        })
    };
    let process = |name: &str, pid, cores: f64| ProcessUse {
        name: name.to_owned(),
        pid: Some(pid),
        url: None,
        cpu_seconds: cores * 10.0,
        cores,
        resident_bytes: 20_000_000,
        resident_peak_bytes: 22_000_000,
        descriptors: Some(64),
    };
    Run {
        id: "20261124-190000-pair".to_owned(),
        started_at: "2026-11-24T19:00:00Z".to_owned(),
        tool: Tool::Mqtt,
        label: "flux".to_owned(),
        scenario: "pair".to_owned(),
        round: 1,
        result: Conclusion::Pass,
        settings: Settings {
            urls: vec!["mqtt://127.0.0.1:1883".to_owned()],
            protocol: "MQTT 3.1.1".to_owned(),
            connections: 20,
            publishers: Some(10),
            subscribers: Some(10),
            idle: Some(0),
            topics: Some(10),
            qos: Some(1),
            size_bytes: 256,
            load: LoadKind::Paced,
            messages_per_second: Some(50_000.0),
            connects_per_second: None,
            duration_seconds: 10.0,
            warmup_seconds: 1.0,
            inflight: Some(64),
            persistent: Some(false),
            seed: 42,
            workers: 2,
            options: BTreeMap::new(),
        },
        throughput: Throughput {
            deliveries_per_second: Some(50_000.0),
            messages_per_second: Some(50_000.0),
            deliveries_in_window: 500_000,
            messages_in_window: 500_000,
            window_seconds: 10.0,
            drain_seconds: 0.01,
            ..Default::default()
        },
        connections: Connections { opened: 20, seconds: 0.01, connects_per_second: 2_000.0, ..Default::default() },
        messages: Messages { due: 550_000, sent: 550_000, shed: 0, acknowledged: 550_000, owed: 550_000, delivered: 550_000 },
        latency_milliseconds: Latencies {
            response: percentiles(2.0),
            service: percentiles(1.9),
            acknowledgement: percentiles(1.5),
            generator_lag: percentiles(0.1),
            connect: None,
        },
        audit: Some(Audit {
            qos: 1,
            sent: 550_000,
            acknowledged: 550_000,
            owed: 550_000,
            delivered: 550_000,
            ..Default::default()
        }),
        guarantee: Some(Guarantee::ExactlyOnce),
        answers: vec![],
        servers: vec![process("flux-core", 100, 0.8)],
        generator: process("flux-bench", 101, 0.6),
        machine: MachineUse { busy: Some(0.7) },
        costs: Costs {
            server_microseconds_per_delivery: Some(16.0),
            generator_microseconds_per_delivery: Some(12.0),
            ..Default::default()
        },
        targets: vec![],
        violations: vec![],
        doubts: vec![],
        failures: vec![],
        timeline: Timeline::default(),
        environment: Environment {
            cpu: "A processor".to_owned(),
            cores: 2,
            memory_bytes: Some(16_000_000_000),
            kernel: "6.1.0".to_owned(),
            version: "0.1.0".to_owned(),
            optimised: true,
            command: vec!["flux-bench".to_owned(), "mqtt".to_owned(), "pair".to_owned()],
        },
    }
}
