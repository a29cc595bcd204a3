use serde::Serialize;

use crate::load::latency::{Buckets, Latency, Percentiles};
use crate::watch::process::{ProcessSample, ProcessUse};

/// Seconds that are remembered one by one: a day. A longer run goes on, its timeline ends.
pub const LONGEST: usize = 86_400;

/// One second of a run, warm-up and draining included. The last one may be shorter.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Seconds since sending (or holding) began, at this second's start.
    pub at: u64,
    /// Messages that became due.
    pub due: u64,
    pub sent: u64,
    pub acknowledged: u64,
    /// Different messages that arrived.
    pub delivered: u64,
    /// Connections open at its end.
    pub connections: u64,
    /// Of the messages that arrived in this second and were due in the window: from when they were due or, when unpaced, from
    /// when they were sent. None when there was none.
    pub latency: Option<Percentiles>,
    /// The same latencies for a heat map: how many fell into which bucket, ascending. See [`Buckets`].
    pub heat: Vec<(u16, u64)>,
    /// The server's processes, in the outcome's order; None for one that was not heard of.
    pub servers: Vec<Option<ProcessSample>>,
    pub generator: Option<ProcessSample>,
}

/// The latencies that one worker saw, second by second: recorded into one histogram that is folded up when a second ends, so
/// that memory is a list of counts per second and the hot path pays for one comparison.
#[derive(Debug, Default)]
pub struct Seconds {
    /// When the present second ends, ns; 0 before sending begins.
    ends: u64,
    present: Latency,
    past: Vec<Vec<(u64, u64)>>,
}

pub const SECOND: u64 = 1_000_000_000;

impl Seconds {
    pub fn begin(&mut self, start: u64) {
        self.ends = start + SECOND;
    }

    /// What was recorded in each second (ns, how often), to be sent to another process.
    pub fn into_counts(self) -> Vec<Vec<(u64, u64)>> {
        self.past
    }

    /// The other way round.
    pub fn of_counts(past: Vec<Vec<(u64, u64)>>) -> Self {
        Self { past, ..Self::default() }
    }

    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.present.record(ns);
    }

    /// Ends the seconds that are over and adds their latencies to `total`. Called before `record` with the same `now`.
    #[inline]
    pub fn roll(&mut self, now: u64, total: &mut Latency) {
        if now >= self.ends && self.ends != 0 {
            self.fold(now, total);
        }
    }

    #[cold]
    fn fold(&mut self, now: u64, total: &mut Latency) {
        while now >= self.ends {
            self.close(total);
            self.ends += SECOND;
        }
    }

    /// Ends the present second, whether it is over or not.
    pub fn close(&mut self, total: &mut Latency) {
        total.merge(&self.present);
        if self.past.len() < LONGEST {
            self.past.push(self.present.counts());
        }
        self.present.clear();
    }
}

/// The servers of which it is known what they used, and for the others why not. Seconds keep only the former's samples.
pub fn known(timeline: &mut [Second], used: Vec<Result<ProcessUse, String>>) -> (Vec<ProcessUse>, Vec<String>) {
    for second in timeline {
        let mut known = used.iter().map(Result::is_ok);
        second.servers.retain(|_| known.next().unwrap_or(false));
    }
    let (mut servers, mut failures) = (vec![], vec![]);
    for one in used {
        match one {
            Ok(server) => servers.push(server),
            Err(failure) => failures.push(failure),
        }
    }
    (servers, failures)
}

/// Adds what the workers measured to what the watcher counted.
pub fn fill<'a>(timeline: &mut [Second], workers: impl IntoIterator<Item = &'a Seconds> + Clone) {
    // A second at a time: all of a long run's histograms at once would be large.
    for (at, second) in timeline.iter_mut().enumerate() {
        let mut latency = Latency::default();
        for worker in workers.clone() {
            for (ns, count) in worker.past.get(at).into_iter().flatten() {
                latency.record_many(*ns, *count);
            }
        }
        let found = latency.percentiles();
        second.latency = (found.count > 0).then_some(found);
        second.heat = Buckets::of(&latency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn each_latency_is_in_the_second_it_arrived_in_and_once_in_the_total() {
        let (mut seconds, mut total) = (Seconds::default(), Latency::default());
        seconds.begin(500 * MS);
        for (now, ns) in [(600 * MS, MS), (1_499 * MS, 3 * MS), (1_500 * MS, 5 * MS), (3_600 * MS, 7 * MS)] {
            seconds.roll(now, &mut total);
            seconds.record(ns);
        }
        seconds.close(&mut total);
        assert_eq!(total.percentiles().count, 4);
        let mut timeline = vec![Second::default(); 5];
        fill(&mut timeline, [&seconds]);
        let counts: Vec<u64> = timeline.iter().map(|second| second.latency.map_or(0, |found| found.count)).collect();
        assert_eq!(counts, [2, 1, 0, 1, 0]);
        assert!((timeline[0].latency.unwrap().max - 3.0).abs() < 0.01);
    }

    #[test]
    fn a_server_of_which_nothing_is_known_has_no_place_in_the_timeline() {
        let sample = |cores| Some(ProcessSample { cores, resident: 1 });
        let mut timeline = vec![Second { servers: vec![sample(1.0), sample(2.0), None], ..Default::default() }];
        let used = |name: &str| Ok(ProcessUse { name: name.to_owned(), ..Default::default() });
        let (servers, failures) = known(&mut timeline, vec![used("a"), Err("b is gone".to_owned()), used("c")]);
        assert_eq!(servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!((failures, &timeline[0].servers), (vec!["b is gone".to_owned()], &vec![sample(1.0), None]));
    }

    #[test]
    fn workers_are_merged_second_by_second() {
        let worker = |ns: u64| {
            let (mut seconds, mut total) = (Seconds::default(), Latency::default());
            seconds.begin(0);
            seconds.roll(1, &mut total);
            seconds.record(ns);
            seconds.close(&mut total);
            seconds
        };
        let mut timeline = vec![Second::default()];
        fill(&mut timeline, [&worker(MS), &worker(9 * MS)]);
        let found = timeline[0].latency.unwrap();
        assert_eq!(found.count, 2);
        assert!(found.max > 8.9 && found.p50 < 1.1);
        assert_eq!(timeline[0].heat.iter().map(|(_, count)| count).sum::<u64>(), 2);
    }
}
