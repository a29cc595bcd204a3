/// An open-loop schedule: how many messages are due by when, whatever became of those before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// ns on the run's clock.
    start: u64,
    /// Messages are due before this time only.
    end: u64,
    shape: Shape,
}

/// Rates are in messages per ns, times in ns since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// ns between messages.
    Steady { interval: f64 },
    /// From one rate evenly to another, which then stays.
    Ramp { from: f64, to: f64, over: f64 },
}

impl Pace {
    /// `rate` in messages per second, above 0.
    pub fn new(start: u64, end: u64, rate: f64) -> Self {
        Self { start, end, shape: Shape::Steady { interval: 1e9 / rate } }
    }

    /// From one rate to another (messages per second, above 0) within `over` ns.
    pub fn ramp(start: u64, end: u64, (from, to): (f64, f64), over: u64) -> Self {
        Self { start, end, shape: Shape::Ramp { from: from / 1e9, to: to / 1e9, over: over as f64 } }
    }

    /// The same shape at a part of the rate.
    #[must_use]
    pub fn scaled(self, part: f64) -> Self {
        let shape = match self.shape {
            Shape::Steady { interval } => Shape::Steady { interval: interval / part },
            Shape::Ramp { from, to, over } => Shape::Ramp { from: from * part, to: to * part, over },
        };
        Self { shape, ..self }
    }

    /// The highest rate, messages per second.
    pub fn peak(&self) -> f64 {
        match self.shape {
            Shape::Steady { interval } => 1e9 / interval,
            Shape::Ramp { from, to, .. } => from.max(to) * 1e9,
        }
    }

    /// When message `index` is due; None when that is after the end.
    #[inline]
    pub fn due(&self, index: u64) -> Option<u64> {
        self.at(index as f64)
    }

    /// When the schedule stands at `position` messages; None when that is after the end.
    #[inline]
    pub fn at(&self, position: f64) -> Option<u64> {
        let since = match self.shape {
            Shape::Steady { interval } => position * interval,
            Shape::Ramp { from, to, over } => ramp(from, to, over, position),
        };
        let at = self.start + since.round() as u64;
        (at < self.end).then_some(at)
    }
}

/// When a rate that goes from one to another has brought `position` messages: the integral of the rate, inverted.
fn ramp(from: f64, to: f64, over: f64, position: f64) -> f64 {
    let within = (from + to) / 2.0 * over;
    if position >= within {
        return over + (position - within) / to;
    }
    let growth = (to - from) / over;
    // Of the two ways to write the root, the one that also holds when the rate does not grow.
    2.0 * position / (from + (from * from + 2.0 * growth * position).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn due_times_come_from_the_index_and_do_not_drift() {
        let pace = Pace::new(1_000, u64::MAX, 3.0);
        assert_eq!(pace.at(0.0), Some(1_000));
        assert_eq!(pace.at(1.0), Some(1_000 + 333_333_333));
        assert_eq!(pace.at(3_000_000.0), Some(1_000 + 1_000_000_000_000_000));
    }

    #[test]
    fn a_window_holds_rate_times_duration_messages() {
        let pace = Pace::new(0, 2 * S, 50_000.0);
        assert!(pace.at(99_999.0).is_some());
        assert_eq!(pace.at(100_000.0), None);
    }

    #[test]
    fn a_ramp_brings_as_many_messages_as_its_mean_rate_and_goes_on_at_its_last() {
        // From 1,000/s to 3,000/s in 10 s: 20,000 messages, then 3,000 each second.
        let pace = Pace::ramp(0, u64::MAX, (1_000.0, 3_000.0), 10 * S);
        let at = |position: f64| pace.at(position).unwrap() as f64 / S as f64;
        assert!((at(1.0) - 0.001).abs() < 1e-6);
        // After 5 s the rate is 2,000/s and 7,500 messages were due.
        assert!((at(7_500.0) - 5.0).abs() < 1e-6 && (at(7_501.0) - at(7_500.0) - 0.000_5).abs() < 1e-6);
        assert!((at(20_000.0) - 10.0).abs() < 1e-6 && (at(23_000.0) - 11.0).abs() < 1e-6);
        assert_eq!(pace.peak().round(), 3_000.0);
    }

    #[test]
    fn a_ramp_may_fall_or_stay_level() {
        let falling = Pace::ramp(0, u64::MAX, (3_000.0, 1_000.0), 10 * S);
        assert!((falling.at(20_000.0).unwrap() as f64 / S as f64 - 10.0).abs() < 1e-6);
        let level = Pace::ramp(0, u64::MAX, (1_000.0, 1_000.0), 10 * S);
        assert_eq!(level.at(5_000.0), Pace::new(0, u64::MAX, 1_000.0).at(5_000.0));
    }

    #[test]
    fn a_part_of_the_rate_has_the_same_shape() {
        let whole = Pace::ramp(0, u64::MAX, (1_000.0, 3_000.0), S);
        let (one, all) = (whole.scaled(0.01).at(10.0).unwrap(), whole.at(1_000.0).unwrap());
        assert!(one.abs_diff(all) <= 1, "{one} {all}");
    }
}
