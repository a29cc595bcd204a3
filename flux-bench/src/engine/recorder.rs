use crate::watch::process::Watched;
use crate::watch::servers::Servers;

use super::live::Totals;
use super::timeline::{LONGEST, SECOND, Second};

/// Cuts the running totals into seconds.
#[derive(Debug)]
pub struct Recorder {
    /// When the present second ends, ns.
    ends: u64,
    before: Totals,
    seconds: Vec<Second>,
}

impl Recorder {
    pub fn new(start: u64, totals: Totals, generator: &mut Watched, servers: &mut Servers) -> Self {
        // The first sample is what the second is measured from.
        generator.sample();
        servers.sample();
        Self { ends: start + SECOND, before: totals, seconds: vec![] }
    }

    /// Called often: a second ends with the first look after it.
    pub fn look(&mut self, now: u64, totals: &Totals, generator: &mut Watched, servers: &mut Servers) {
        while now >= self.ends {
            self.cut(totals, generator, servers);
        }
    }

    fn cut(&mut self, totals: &Totals, generator: &mut Watched, servers: &mut Servers) {
        let at = self.seconds.len();
        let before = std::mem::replace(&mut self.before, *totals);
        self.ends += SECOND;
        if at >= LONGEST {
            return;
        }
        self.seconds.push(Second {
            at: at as u64,
            due: totals.due - before.due,
            sent: totals.sent - before.sent,
            acknowledged: totals.acknowledged - before.acknowledged,
            delivered: totals.delivered - before.delivered,
            connections: totals.connected.saturating_sub(totals.lost),
            servers: servers.sample(),
            generator: generator.sample(),
            ..Default::default()
        });
    }

    /// All seconds, the last one cut short.
    pub fn finish(mut self, totals: &Totals, generator: &mut Watched, servers: &mut Servers) -> Vec<Second> {
        self.cut(totals, generator, servers);
        self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::process::Process;

    #[test]
    fn a_second_holds_what_happened_since_the_one_before() {
        let (mut generator, mut servers) = (Watched::new(Process::of(std::process::id())), Servers::default());
        let totals = |delivered| Totals { delivered, connected: 3, lost: 1, ..Default::default() };
        let mut recorder = Recorder::new(100, totals(10), &mut generator, &mut servers);
        recorder.look(SECOND + 99, &totals(15), &mut generator, &mut servers);
        recorder.look(SECOND + 100, &totals(20), &mut generator, &mut servers);
        // Nobody looked for a while: the second in between is empty, not left out.
        recorder.look(3 * SECOND + 100, &totals(50), &mut generator, &mut servers);
        let seconds = recorder.finish(&totals(51), &mut generator, &mut servers);
        let delivered: Vec<_> = seconds.iter().map(|second| (second.at, second.delivered, second.connections)).collect();
        assert_eq!(delivered, [(0, 10, 2), (1, 30, 2), (2, 0, 2), (3, 1, 2)]);
        assert!(seconds[0].generator.unwrap().resident > 0 && seconds[0].servers.is_empty());
    }
}
