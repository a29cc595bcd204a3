use super::model::{Conclusion, LoadKind, Run, Tool};

/// What kept a run from doing more, and what that suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    pub bounded_by: Option<String>,
    pub notes: Vec<String>,
    /// A command, and what it would show.
    pub next: String,
}

/// From here on nobody could have had more of a processor.
const FULL: f64 = 0.93;

pub fn of(run: &Run) -> Bounds {
    let mut notes = vec![];
    if run.latency_milliseconds.generator_lag.is_some() && full(run) {
        notes.push("the machine was full; latencies include the generator's own wait for a processor".to_owned());
    }
    if !run.environment.optimised {
        notes.push("this was a debug build of flux-bench; build with --release before believing a rate".to_owned());
    }
    let bounded = sends(run) && run.connections.recovery.is_none();
    Bounds { bounded_by: bounded.then(|| bounded_by(run)), notes, next: next(run) }
}

/// Connections that are only held move nothing that could be bounded.
pub(super) fn sends(run: &Run) -> bool {
    run.tool != Tool::Mqtt || run.settings.publishers.is_some_and(|publishers| publishers > 0)
}

fn bounded_by(run: &Run) -> String {
    let generator = run.generator.cores;
    let shares = match run.server_cores() {
        Some(server) => format!("server {server:.2} cores, generator {generator:.2}"),
        None => format!("generator {generator:.2} cores"),
    };
    let settings = &run.settings;
    let kept_up = run.messages.shed == 0 && run.throughput.messages_in_window > 0 && run.throughput.drain_seconds < 1.0;
    if settings.load == LoadKind::Paced && kept_up && !full(run) {
        return format!("the offered rate ({shares})");
    }
    if full(run) {
        return format!("the machine's processors ({shares})");
    }
    if generator > FULL * settings.workers as f64 {
        return format!("the generator's {} threads ({shares}); more --workers may show more", settings.workers);
    }
    if run.tool == Tool::Http && settings.load == LoadKind::Unpaced {
        let connections = settings.connections;
        return format!("waiting: {connections} connections with one request each, or the server's own limits ({shares})");
    }
    match settings.inflight {
        Some(window) if settings.qos.is_some_and(|qos| qos > 0) && settings.load == LoadKind::Unpaced => {
            format!("waiting: round trips with {window} messages unacknowledged, or the server's disk or own limits ({shares})")
        }
        _ => format!("the server, its disk or the network ({shares}, machine not full)"),
    }
}

/// No processor was left, so that everyone waited for one, the generator too.
fn full(run: &Run) -> bool {
    run.machine.busy.is_some_and(|busy| busy > FULL)
}

fn next(run: &Run) -> String {
    let command = format!("flux-bench {} {}", run.tool.name(), run.scenario);
    let settings = &run.settings;
    match (run.result, settings.messages_per_second) {
        (Conclusion::Invalid, Some(rate)) => format!("{command} --rate {}   a rate it can keep", (rate / 2.0).ceil()),
        (Conclusion::AuditBroken, _) => {
            format!(
                "flux-bench report {} --html --out run.html   the first messages that went wrong; the server's log may say why",
                run.id
            )
        }
        _ if !sends(run) => {
            format!("flux-bench mqtt pair --conns {}   traffic over as many connections", settings.connections)
        }
        _ if run.connections.recovery.is_some() => {
            format!("{command} --subs {}   a larger crowd", 2 * settings.subscribers.unwrap_or(1))
        }
        (_, Some(rate)) if run.scenario == "device" => format!("{command} --rate {}   a busier fleet", (rate * 2.0).ceil()),
        (_, Some(_)) => format!("{command} --rate max   how much it can take"),
        (_, None) => format!("{command} --rate 5000   how fast it answers when it is not full"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn bounded(change: impl FnOnce(&mut Run)) -> String {
        let mut run = fixture::run();
        change(&mut run);
        of(&run).bounded_by.expect("it sends")
    }

    #[test]
    fn it_says_whose_limit_was_met() {
        assert!(bounded(|_| {}).starts_with("the offered rate (server 0.80 cores"));
        assert!(bounded(|run| run.machine.busy = Some(0.99)).starts_with("the machine's processors"));
        let unpaced = |run: &mut Run| (run.settings.load, run.settings.messages_per_second) = (LoadKind::Unpaced, None);
        assert!(bounded(unpaced).starts_with("waiting: round trips with 64 messages"));
        let generator = |run: &mut Run| {
            unpaced(run);
            run.generator.cores = 1.95;
        };
        assert!(bounded(generator).starts_with("the generator's 2 threads"));
        let at_most_once = |run: &mut Run| {
            unpaced(run);
            run.settings.qos = Some(0);
        };
        assert!(bounded(at_most_once).starts_with("the server, its disk or the network"));
    }

    #[test]
    fn what_comes_next_is_a_command() {
        let mut run = fixture::run();
        assert!(of(&run).next.starts_with("flux-bench mqtt pair --rate max "));
        run.result = Conclusion::Invalid;
        assert!(of(&run).next.starts_with("flux-bench mqtt pair --rate 25000 "));
    }
}
