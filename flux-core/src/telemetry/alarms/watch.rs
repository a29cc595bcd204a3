//! Looks at figures now and then and raises or clears what follows from them. Pure: figures and `now` in, alarms out.

use std::time::Duration;

use super::board::Alarms;
use super::cause::Cause;
use crate::api::Severity;
use crate::telemetry::metrics::Metrics;
use crate::types::{DropReason, Timestamp};

/// An alarm about something that happens (drops) is cleared when it has not happened for so long.
const QUIET: Duration = Duration::from_secs(60);

/// An alarm about a limit is cleared this far below the share that raised it, so that it does not flicker.
const HYSTERESIS_PERCENT: u64 = 10;

/// What the figures are measured against.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: u64,
    pub retained_messages: u64,
    pub retained_bytes: u64,
    /// Share of a limit that raises its alarm, 1 to 100.
    pub percent: u8,
}

/// What [`Metrics`] does not hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub store_failed: bool,
    pub descriptors: Option<u64>,
    pub descriptor_limit: Option<u64>,
}

/// Ask it every second or so.
#[derive(Debug)]
pub struct Watch {
    limits: Limits,
    slow: Growth,
    queue_full: Growth,
    dropped: Growth,
}

impl Watch {
    pub fn new(limits: Limits) -> Self {
        Watch { limits, slow: Growth::default(), queue_full: Growth::default(), dropped: Growth::default() }
    }

    pub fn look(&mut self, now: Timestamp, metrics: &Metrics, figures: Figures, alarms: &Alarms) {
        let limits = self.limits;
        let limited = [
            (Cause::Connections, metrics.connections.get(), Some(limits.connections), "connections"),
            (Cause::Descriptors, figures.descriptors.unwrap_or(0), figures.descriptor_limit, "file descriptors"),
        ];
        for (cause, value, limit, what) in limited {
            let share = limit.map_or(0, |limit| percent(value, limit));
            let detail = || format!("{value} of {} {what}", limit.unwrap_or(0));
            self.limit(now, alarms, cause, share, detail);
        }
        let (messages, bytes) = (metrics.retained_messages.get(), metrics.retained_bytes.get());
        let share = percent(messages, limits.retained_messages).max(percent(bytes, limits.retained_bytes));
        let detail = || {
            format!("{messages} of {} messages, {bytes} of {} bytes retained", limits.retained_messages, limits.retained_bytes)
        };
        self.limit(now, alarms, Cause::RetainedMessages, share, detail);

        if figures.store_failed {
            if !alarms.is_raised(Cause::StoreFailed) {
                alarms.raise_at(now, Cause::StoreFailed, Severity::Critical, "the durable store cannot write".to_owned());
            }
        } else {
            alarms.clear_at(now, Cause::StoreFailed);
        }

        let dropped = |reason: DropReason| metrics.dropped.of(reason).get();
        let slow = dropped(DropReason::SlowSubscriber);
        self.slow.see(now, slow, alarms, Cause::SlowSubscribers, |more| format!("{more} messages lost by slow subscribers"));
        let full = dropped(DropReason::QueueFull) + metrics.refused_queue_full.get();
        self.queue_full.see(now, full, alarms, Cause::QueueFull, |more| {
            format!("{more} messages refused or dropped because a durable queue is full")
        });
        let others = dropped(DropReason::TooLarge) + dropped(DropReason::Expired);
        self.dropped.see(now, others, alarms, Cause::MessagesDropped, |more| {
            format!("{more} messages dropped, too large for their subscriber or expired")
        });
    }

    fn limit(&self, now: Timestamp, alarms: &Alarms, cause: Cause, share: u64, detail: impl Fn() -> String) {
        let raise_at = u64::from(self.limits.percent);
        let severity = if share >= 100 { Severity::Critical } else { Severity::Warning };
        let known = alarms.list().into_iter().find(|alarm| alarm.cause == cause);
        match known {
            None if share >= raise_at => alarms.raise_at(now, cause, severity, detail()),
            // Reaching the limit itself is news; staying above the mark is not.
            Some(alarm) if severity > alarm.severity => alarms.raise_at(now, cause, severity, detail()),
            Some(_) if share < raise_at.saturating_sub(HYSTERESIS_PERCENT).max(1) => {
                alarms.clear_at(now, cause);
            }
            _ => {}
        }
    }
}

/// Rounds down; a limit of nothing is not a limit that could be reached.
fn percent(value: u64, limit: u64) -> u64 {
    value.saturating_mul(100).checked_div(limit).unwrap_or(0)
}

/// Something that only grows, and should not.
#[derive(Debug, Default)]
struct Growth {
    total: u64,
    last: Timestamp,
}

impl Growth {
    fn see(&mut self, now: Timestamp, total: u64, alarms: &Alarms, cause: Cause, detail: impl Fn(u64) -> String) {
        let more = total.saturating_sub(self.total);
        if more > 0 {
            alarms.raise_at(now, cause, Severity::Warning, detail(more));
            (self.total, self.last) = (total, now);
        } else if now.since(self.last) >= QUIET {
            alarms.clear_at(now, cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { connections: 100, retained_messages: 1_000, retained_bytes: 1_000, percent: 80 };

    struct Story {
        watch: Watch,
        metrics: Metrics,
        alarms: Alarms,
        now: Timestamp,
    }

    impl Story {
        fn begin() -> Self {
            let (metrics, alarms) = (Metrics::default(), Alarms::new(10));
            Story { watch: Watch::new(LIMITS), metrics, alarms, now: Timestamp(1_000_000) }
        }

        fn after(&mut self, seconds: u64, figures: Figures) -> Vec<(Cause, Severity, u64)> {
            self.now = self.now.after(Duration::from_secs(seconds));
            self.watch.look(self.now, &self.metrics, figures, &self.alarms);
            self.alarms.list().iter().map(|alarm| (alarm.cause, alarm.severity, alarm.count)).collect()
        }

        fn connections(&mut self, count: u64) -> Vec<(Cause, Severity, u64)> {
            self.metrics.connections.set(count);
            self.after(1, Figures::default())
        }
    }

    #[test]
    fn a_limit_alarm_rises_at_its_share_and_falls_a_tenth_below() {
        let mut story = Story::begin();
        assert_eq!(story.connections(79), []);
        assert_eq!(story.connections(80), [(Cause::Connections, Severity::Warning, 1)]);
        assert_eq!(story.connections(75), [(Cause::Connections, Severity::Warning, 1)]);
        assert_eq!(story.connections(100), [(Cause::Connections, Severity::Critical, 2)]);
        assert_eq!(story.connections(70), [(Cause::Connections, Severity::Critical, 2)]);
        assert_eq!(story.connections(69), []);
        assert_eq!(story.alarms.history().len(), 1);
    }

    #[test]
    fn drops_raise_their_alarm_until_a_minute_is_quiet() {
        let mut story = Story::begin();
        story.metrics.dropped.of(DropReason::SlowSubscriber).add(5);
        assert_eq!(story.after(1, Figures::default()), [(Cause::SlowSubscribers, Severity::Warning, 1)]);
        assert_eq!(story.alarms.list()[0].detail, "5 messages lost by slow subscribers");
        assert_eq!(story.after(59, Figures::default()).len(), 1);
        assert_eq!(story.after(1, Figures::default()), []);
        story.metrics.refused_queue_full.add(1);
        assert_eq!(story.after(1, Figures::default()), [(Cause::QueueFull, Severity::Warning, 1)]);
    }

    #[test]
    fn a_failed_store_is_critical_until_it_writes_again() {
        let mut story = Story::begin();
        let failed = Figures { store_failed: true, ..Figures::default() };
        assert_eq!(story.after(1, failed), [(Cause::StoreFailed, Severity::Critical, 1)]);
        assert_eq!(story.after(1, failed), [(Cause::StoreFailed, Severity::Critical, 1)]);
        assert_eq!(story.after(1, Figures::default()), []);
    }

    #[test]
    fn descriptors_and_retained_messages_have_limits_too() {
        let mut story = Story::begin();
        story.metrics.retained_bytes.set(990);
        let figures = Figures { descriptors: Some(850), descriptor_limit: Some(1_000), ..Figures::default() };
        let raised: Vec<Cause> = story.after(1, figures).into_iter().map(|alarm| alarm.0).collect();
        assert_eq!(raised.len(), 2, "{raised:?}");
        assert!(raised.contains(&Cause::Descriptors) && raised.contains(&Cause::RetainedMessages));
    }
}
