use std::time::Duration;

use crate::load::pace::Pace;

/// How many messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Open loop, messages per second over all publishers.
    Paced(f64),
    /// Open loop, from one rate evenly to another, which then stays.
    Ramp { from: f64, to: f64, over: Duration },
    /// As fast as the sockets (and at QoS 1 and 2 the window) take them.
    Unpaced,
}

impl Load {
    /// Its schedule between two times (ns); None when unpaced.
    pub fn pace(&self, start: u64, end: u64) -> Option<Pace> {
        match *self {
            Load::Paced(rate) => Some(Pace::new(start, end, rate)),
            Load::Ramp { from, to, over } => Some(Pace::ramp(start, end, (from, to), over.as_nanos() as u64)),
            Load::Unpaced => None,
        }
    }

    pub fn is_paced(&self) -> bool {
        *self != Load::Unpaced
    }

    /// Messages per second on average from `skipped` on for `duration`; None when unpaced.
    pub fn offered(&self, skipped: Duration, duration: Duration) -> Option<f64> {
        match *self {
            Load::Paced(rate) => Some(rate),
            Load::Unpaced => None,
            Load::Ramp { from, to, over } => {
                let over = over.as_secs_f64();
                let by = |at: f64| {
                    let within = at.min(over);
                    from * within + (to - from) / over * within * within / 2.0 + to * (at - within)
                };
                let (begin, length) = (skipped.as_secs_f64(), duration.as_secs_f64());
                Some((by(begin + length) - by(begin)) / length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_offers_its_mean_over_the_window() {
        let ramp = Load::Ramp { from: 1_000.0, to: 3_000.0, over: Duration::from_secs(10) };
        let offered = |skipped, duration| ramp.offered(Duration::from_secs(skipped), Duration::from_secs(duration)).unwrap();
        assert_eq!((offered(0, 10), offered(10, 5), offered(5, 5)), (2_000.0, 3_000.0, 2_500.0));
        assert_eq!(Load::Unpaced.offered(Duration::ZERO, Duration::from_secs(1)), None);
    }
}
