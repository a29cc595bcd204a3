use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::Timestamp;

const DAY: u64 = 86_400_000;

/// A point in time as the API writes it: RFC 3339 in UTC with milliseconds, `2026-11-23T18:50:09.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "server", schema(value_type = String, format = DateTime, example = "2026-11-23T18:50:09.123Z"))]
pub struct Time(pub Timestamp);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time like 2026-11-23T18:50:09.123Z")]
pub struct InvalidTime;

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Time(timestamp)
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (year, month, day) = civil(millis / DAY);
        let (seconds, millis) = (millis % DAY / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let parse = || {
            let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
            let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
            let (year, month, day) = (date.next()??, date.next()??, date.next()??);
            let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
            let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
            let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
            let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
            let valid =
                year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
            let clock = (hour * 3600 + minute * 60 + second) * 1000 + millis;
            valid.then_some(Time(Timestamp(days(year, month, day)? * DAY + clock)))
        };
        parse().ok_or(InvalidTime)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_as_rfc_3339_and_read_back() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Time(Timestamp(millis)).to_string(), text);
            assert_eq!(text.parse(), Ok(Time(Timestamp(millis))));
        }
        assert_eq!("2026-01-01T00:00:00Z".parse(), Ok(Time(Timestamp(1_767_225_600_000))));
        for bad in
            ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "1969-12-31T23:59:59Z", "2026-01-01T25:00:00Z"]
        {
            assert_eq!(bad.parse::<Time>(), Err(InvalidTime), "{bad}");
        }
    }
}
