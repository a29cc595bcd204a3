use std::time::Duration;

use crate::types::Timestamp;
use jiff::tz::TimeZone;

/// `10021` → `10,021`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `1,200 events`.
pub fn quantity(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A latency, to a hundredth.
pub fn milliseconds(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1_000.0)
}

/// Whole numbers from 10 up, one decimal below: what a reader can compare at a glance.
pub fn rate(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "-".to_owned();
    }
    if value >= 10.0 || value == 0.0 { count(value.round() as u64) } else { format!("{value:.1}") }
}

/// Powers of 1,000, three significant digits: `212MB`, `1.5GB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1_000 {
        return format!("{value}B");
    }
    let mut scaled = value as f64 / 1_000.0;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    if scaled >= 9.95 { format!("{scaled:.0}{}", UNITS[unit]) } else { format!("{scaled:.1}{}", UNITS[unit]) }
}

/// The two largest units: `6d 02h`, `5m 09s`; below a minute one.
pub fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0 => format!("{}ms", duration.subsec_millis()),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m {:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// RFC 3339 in UTC with milliseconds: what programs read.
pub fn utc_time(time: Timestamp) -> String {
    zoned(time, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// In the reader's own time zone, by a `strftime` pattern.
pub fn local_time(time: Timestamp, pattern: &str) -> String {
    zoned(time, TimeZone::system(), pattern)
}

fn zoned(time: Timestamp, zone: TimeZone, pattern: &str) -> String {
    let instant = i64::try_from(time.as_millis()).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    match instant {
        Some(instant) => instant.to_zoned_datetime(zone).strftime(pattern).to_string(),
        // Beyond year 9999: a number is better than nothing.
        None => time.as_millis().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (10_021, "10,021"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn one_thing_is_not_things() {
        assert_eq!((quantity(1, "event"), quantity(1_200, "event")), ("1 event".to_owned(), "1,200 events".to_owned()));
    }

    #[test]
    fn rates_below_ten_keep_a_decimal() {
        for (value, text) in [(0.0, "0"), (0.25, "0.2"), (9.94, "9.9"), (16_702.4, "16,702"), (f64::NAN, "-")] {
            assert_eq!(rate(value), text);
        }
    }

    #[test]
    fn bytes_never_need_four_digits() {
        let cases = [(0, "0B"), (999, "999B"), (1_500, "1.5kB"), (212_400_000, "212MB"), (999_600, "1.0MB"), (u64::MAX, "18EB")];
        for (value, text) in cases {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn ages_show_their_two_largest_units() {
        let cases = [(42, "42s"), (309, "5m 09s"), (7_500, "2h 05m"), (525_600, "6d 02h")];
        for (seconds, text) in cases {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
        assert_eq!(age(Duration::from_millis(350)), "350ms");
    }

    #[test]
    fn times_for_programs_are_utc() {
        assert_eq!(utc_time(Timestamp(1_770_818_602_123)), "2026-02-11T14:03:22.123Z");
        assert_eq!(utc_time(Timestamp(u64::MAX)), u64::MAX.to_string());
    }
}
