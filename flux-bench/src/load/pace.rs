/// An open-loop schedule: message `i` is due at `start + i / rate`, whatever became of those before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// ns on the run's clock.
    start: u64,
    /// Messages are due before this time only.
    end: u64,
    /// ns between messages.
    interval: f64,
}

impl Pace {
    /// `rate` in messages per second, above 0.
    pub fn new(start: u64, end: u64, rate: f64) -> Self {
        Self { start, end, interval: 1e9 / rate }
    }

    /// When message `index` is due; None when that is after the end.
    #[inline]
    pub fn due(&self, index: u64) -> Option<u64> {
        let at = self.start + (index as f64 * self.interval).round() as u64;
        (at < self.end).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_come_from_the_index_and_do_not_drift() {
        let pace = Pace::new(1_000, u64::MAX, 3.0);
        assert_eq!(pace.due(0), Some(1_000));
        assert_eq!(pace.due(1), Some(1_000 + 333_333_333));
        assert_eq!(pace.due(3_000_000), Some(1_000 + 1_000_000_000_000_000));
    }

    #[test]
    fn a_window_holds_rate_times_duration_messages() {
        let pace = Pace::new(0, 2_000_000_000, 50_000.0);
        assert!(pace.due(99_999).is_some());
        assert_eq!(pace.due(100_000), None);
    }
}
