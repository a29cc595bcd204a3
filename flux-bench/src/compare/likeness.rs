use crate::report::model::Run;

/// What keeps these two runs from being compared: settings and machines must agree. Empty when nothing does. The version of flux-bench
/// and the kernel may differ, as they do between one week and the next.
pub fn differences(a: &Run, b: &Run) -> Vec<String> {
    let (one, other) = (&a.settings, &b.settings);
    let whole = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    let rate = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value}/s"));
    let options = |run: &Run| {
        // Another bus is what comparing is for.
        let options =
            run.settings.options.iter().filter(|(flag, _)| *flag != "bus").map(|(flag, value)| format!("--{flag} {value}"));
        options.collect::<Vec<_>>().join(" ")
    };
    let machine = |run: &Run| format!("{} × {}", run.environment.cores, run.environment.cpu);
    let build = |run: &Run| if run.environment.optimised { "release" } else { "debug" }.to_owned();
    [
        ("hardware", machine(a), machine(b)),
        ("flux-bench's build", build(a), build(b)),
        ("tool", a.tool.name().to_owned(), b.tool.name().to_owned()),
        ("scenario", a.scenario.clone(), b.scenario.clone()),
        ("protocol", one.protocol.clone(), other.protocol.clone()),
        ("QoS", whole(one.qos.map(u64::from)), whole(other.qos.map(u64::from))),
        ("payload", format!("{} B", one.size_bytes), format!("{} B", other.size_bytes)),
        ("load", one.load.name().to_owned(), other.load.name().to_owned()),
        ("offered rate", rate(one.messages_per_second), rate(other.messages_per_second)),
        ("connections", one.connections.to_string(), other.connections.to_string()),
        ("publishers", whole(one.publishers), whole(other.publishers)),
        ("subscribers", whole(one.subscribers), whole(other.subscribers)),
        ("topics", whole(one.topics), whole(other.topics)),
        ("window", whole(one.inflight), whole(other.inflight)),
        ("options", options(a), options(b)),
    ]
    .into_iter()
    .filter(|(_, one, other)| one != other)
    .map(|(what, one, other)| format!("{what}: {one} and {other}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn other_hardware_payload_or_qos_is_another_measurement() {
        let run = fixture::run();
        assert_eq!(differences(&run, &run), Vec::<String>::new());
        let mut other = fixture::run();
        other.environment.cores = 64;
        other.settings.size_bytes = 1_024;
        other.settings.qos = Some(0);
        assert_eq!(
            differences(&run, &other),
            ["hardware: 2 × A processor and 64 × A processor", "QoS: 1 and 0", "payload: 256 B and 1024 B"]
        );
    }

    #[test]
    fn another_server_or_version_is_what_comparing_is_for() {
        let mut other = fixture::run();
        other.label = "mosquitto".to_owned();
        other.environment.version = "9.9.9".to_owned();
        other.environment.kernel = "7.0".to_owned();
        assert_eq!(differences(&fixture::run(), &other), Vec::<String>::new());
    }
}
