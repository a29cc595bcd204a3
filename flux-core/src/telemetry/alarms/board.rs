use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

use super::cause::Cause;
use crate::api::Severity;
use crate::types::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub cause: Cause,
    /// The worst it was raised with.
    pub severity: Severity,
    /// The latest.
    pub detail: String,
    pub since: Timestamp,
    /// When it was raised last.
    pub last: Timestamp,
    /// How often it was raised, 1 and more.
    pub count: u64,
    /// `None` while it is active.
    pub cleared: Option<Timestamp>,
}

/// The alarms of this node.
#[derive(Debug)]
pub struct Alarms {
    board: Mutex<Board>,
    remembered: usize,
}

#[derive(Debug, Default)]
struct Board {
    active: BTreeMap<Cause, Alarm>,
    /// Newest first.
    cleared: VecDeque<Alarm>,
}

impl Alarms {
    /// `remembered`: how many cleared alarms [`Alarms::history`] goes back.
    pub fn new(remembered: usize) -> Self {
        Alarms { board: Mutex::default(), remembered }
    }

    /// Raises the alarm, or counts a repetition of an active one.
    pub fn raise(&self, cause: Cause, severity: Severity, detail: impl Into<String>) {
        self.raise_at(Timestamp::now(), cause, severity, detail.into());
    }

    pub(super) fn raise_at(&self, now: Timestamp, cause: Cause, severity: Severity, detail: String) {
        let mut board = self.board.lock();
        if let Some(alarm) = board.active.get_mut(&cause) {
            alarm.severity = alarm.severity.max(severity);
            alarm.detail = detail;
            alarm.last = now;
            alarm.count += 1;
            return;
        }
        match severity {
            Severity::Info => tracing::info!(alarm = cause.as_str(), detail, hint = cause.hint(), "alarm raised"),
            Severity::Warning => tracing::warn!(alarm = cause.as_str(), detail, hint = cause.hint(), "alarm raised"),
            Severity::Critical => tracing::error!(alarm = cause.as_str(), detail, hint = cause.hint(), "alarm raised"),
        }
        board.active.insert(cause, Alarm { cause, severity, detail, since: now, last: now, count: 1, cleared: None });
    }

    /// `false` when it was not raised.
    pub fn clear(&self, cause: Cause) -> bool {
        self.clear_at(Timestamp::now(), cause)
    }

    pub(super) fn clear_at(&self, now: Timestamp, cause: Cause) -> bool {
        let mut board = self.board.lock();
        let Some(mut alarm) = board.active.remove(&cause) else { return false };
        alarm.cleared = Some(now);
        tracing::info!(alarm = cause.as_str(), count = alarm.count, seconds = now.since(alarm.since).as_secs(), "alarm cleared");
        board.cleared.push_front(alarm);
        board.cleared.truncate(self.remembered);
        true
    }

    pub fn is_raised(&self, cause: Cause) -> bool {
        self.board.lock().active.contains_key(&cause)
    }

    /// Those that are active, the worst first, then the oldest.
    pub fn list(&self) -> Vec<Alarm> {
        let mut active: Vec<Alarm> = self.board.lock().active.values().cloned().collect();
        active.sort_by_key(|alarm| (std::cmp::Reverse(alarm.severity), alarm.since));
        active
    }

    /// Those that were cleared, newest first.
    pub fn history(&self) -> Vec<Alarm> {
        self.board.lock().cleared.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Timestamp = Timestamp(1_000);
    const LATE: Timestamp = Timestamp(5_000);

    #[test]
    fn an_alarm_is_raised_once_counts_repetitions_and_is_cleared_once() {
        let alarms = Alarms::new(10);
        alarms.raise_at(EARLY, Cause::Descriptors, Severity::Warning, "800 of 1000".into());
        alarms.raise_at(LATE, Cause::Descriptors, Severity::Critical, "990 of 1000".into());
        alarms.raise_at(LATE, Cause::Descriptors, Severity::Warning, "900 of 1000".into());
        let [alarm] = &alarms.list()[..] else { panic!("one alarm") };
        assert_eq!((alarm.since, alarm.last, alarm.count), (EARLY, LATE, 3));
        assert_eq!((alarm.severity, alarm.detail.as_str()), (Severity::Critical, "900 of 1000"));

        assert!(alarms.clear_at(LATE, Cause::Descriptors));
        assert!(!alarms.clear_at(LATE, Cause::Descriptors));
        assert!(alarms.list().is_empty());
        assert_eq!(alarms.history()[0].cleared, Some(LATE));
    }

    #[test]
    fn the_worst_stands_first_and_the_history_is_bounded() {
        let alarms = Alarms::new(2);
        alarms.raise_at(EARLY, Cause::SlowSubscribers, Severity::Warning, String::new());
        alarms.raise_at(LATE, Cause::StoreFailed, Severity::Critical, String::new());
        assert_eq!(
            alarms.list().iter().map(|alarm| alarm.cause).collect::<Vec<_>>(),
            [Cause::StoreFailed, Cause::SlowSubscribers]
        );
        for cause in [Cause::SlowSubscribers, Cause::StoreFailed, Cause::Connections] {
            alarms.raise(cause, Severity::Info, "");
            alarms.clear(cause);
        }
        let history: Vec<Cause> = alarms.history().iter().map(|alarm| alarm.cause).collect();
        assert_eq!(history, [Cause::Connections, Cause::StoreFailed]);
    }
}
