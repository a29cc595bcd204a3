use crate::audit::settle::{Audit, Class};
use crate::engine::timeline::{Second, Seconds, fill, known};
use crate::load::latency::Latency;
use crate::watch::machine::MachineUse;
use crate::watch::process::{ProcessSample, ProcessUse};

use super::orders::{Counts, Published, Received, Times};

/// What a run of a bus alone measured, not yet judged.
#[derive(Debug)]
pub struct Outcome {
    pub published: Published,
    pub audit: Audit,
    pub response: Latency,
    pub service: Latency,
    pub lag: Latency,
    /// ns of the window that was measured.
    pub window: u64,
    pub delivered_in_window: u64,
    /// ns from the end of sending to the last arrival.
    pub draining: u64,
    pub timeline: Vec<Second>,
    /// Over the window: publisher, subscriber (memory: both in one), Redis.
    pub servers: Vec<ProcessUse>,
    /// Those of which it is not known what they used, and why.
    pub unknown_servers: Vec<String>,
    pub generator: ProcessUse,
    pub machine: MachineUse,
}

/// What the watcher saw meanwhile.
pub struct Watch {
    /// What each used, or why that is not known.
    pub servers: Vec<Result<ProcessUse, String>>,
    pub generator: ProcessUse,
    pub machine: MachineUse,
    /// Of each second since the start.
    pub samples: Vec<Vec<Option<ProcessSample>>>,
}

pub fn outcome(times: Times, published: Published, far: Option<Received>, watch: Watch) -> Outcome {
    let all: Vec<&Received> = far.iter().chain(&published.near).collect();
    let sum = |of: fn(&Received) -> &Counts| {
        let mut latency = Latency::default();
        all.iter().flat_map(|received| of(received)).for_each(|(ns, count)| latency.record_many(*ns, *count));
        latency
    };
    let mut lag = Latency::default();
    published.lag.iter().for_each(|(ns, count)| lag.record_many(*ns, *count));
    let last = all.iter().map(|received| received.last).max().unwrap_or(0);
    let mut timeline = timeline(&published, &all, watch.samples);
    let (servers, unknown_servers) = known(&mut timeline, watch.servers);
    Outcome {
        audit: all.iter().map(|received| &received.audit).fold(Audit::default(), together),
        response: sum(|received| &received.response),
        service: sum(|received| &received.service),
        lag,
        window: times.to - times.from,
        delivered_in_window: all.iter().map(|received| received.delivered_in_window).sum(),
        draining: last.saturating_sub(times.to),
        timeline,
        servers,
        unknown_servers,
        generator: watch.generator,
        machine: watch.machine,
        published,
    }
}

fn timeline(published: &Published, all: &[&Received], mut samples: Vec<Vec<Option<ProcessSample>>>) -> Vec<Second> {
    let seconds = all.iter().map(|received| received.arrived.len()).chain([published.seconds.len()]).max().unwrap_or(0);
    samples.resize(seconds, vec![]);
    let mut timeline: Vec<Second> = samples
        .into_iter()
        .enumerate()
        .map(|(at, servers)| {
            let sent = published.seconds.get(at).copied().unwrap_or(0);
            let delivered = all.iter().filter_map(|received| received.arrived.get(at)).sum();
            Second { at: at as u64, due: sent, sent, acknowledged: sent, delivered, servers, ..Default::default() }
        })
        .collect();
    let recorded: Vec<Seconds> = all.iter().map(|received| Seconds::of_counts(received.seconds.clone())).collect();
    fill(&mut timeline, &recorded);
    timeline
}

/// Two audits as one.
fn together(mut one: Audit, other: &Audit) -> Audit {
    let mut classes = std::mem::take(&mut one.by_qos);
    for class in &other.by_qos {
        match classes.iter_mut().find(|known| known.qos == class.qos) {
            Some(known) => add(known, class),
            None => classes.push(class.clone()),
        }
    }
    let (unexpected, mut offences) = (one.unexpected + other.unexpected, one.first_offences);
    offences.extend(other.first_offences.iter().cloned());
    Audit { unexpected, first_offences: offences, ..Audit::of(classes) }
}

fn add(sum: &mut Class, class: &Class) {
    sum.sent += class.sent;
    sum.acknowledged += class.acknowledged;
    sum.owed += class.owed;
    sum.delivered += class.delivered;
    sum.lost += class.lost;
    sum.unresolved += class.unresolved;
    sum.recovered += class.recovered;
    sum.duplicated += class.duplicated;
    sum.reordered += class.reordered;
}
