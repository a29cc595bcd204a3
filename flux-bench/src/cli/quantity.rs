use std::time::Duration;

/// A rate: messages or connections per second, or as many as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    PerSecond(f64),
    Max,
}

/// A rate, or one that changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offered {
    Steady(Rate),
    /// Messages per second, evenly from one to the other, which then stays.
    Ramp {
        from: f64,
        to: f64,
        over: Duration,
    },
}

/// What [`rate`] reads, or "1k..50k/60s".
pub fn offered(text: &str) -> Result<Offered, String> {
    let Some((from, rest)) = text.split_once("..") else { return rate(text).map(Offered::Steady) };
    const FORM: &str = "a rate that changes is FROM..TO/TIME: 1k..50k/60s";
    let (to, over) = rest.split_once('/').ok_or(FORM)?;
    let over = humantime::parse_duration(over).map_err(|error| format!("{FORM} ({error})"))?;
    match (rate(from)?, rate(to)?) {
        (Rate::PerSecond(from), Rate::PerSecond(to)) if !over.is_zero() => Ok(Offered::Ramp { from, to, over }),
        _ => Err(FORM.to_owned()),
    }
}

/// "50000", "50k", "50k/s", "1.5M/s" or "max".
pub fn rate(text: &str) -> Result<Rate, String> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    let number = text.strip_suffix("/s").unwrap_or(text);
    match scaled(number, 1_000.0) {
        Some(value) if value > 0.0 => Ok(Rate::PerSecond(value)),
        _ => Err("a rate is a number above 0 per second (5000, 50k/s, 1.5M/s) or max".to_owned()),
    }
}

/// "256", "4k", "1M": bytes, in steps of 1,024.
pub fn bytes(text: &str) -> Result<usize, String> {
    let number = text.strip_suffix('B').unwrap_or(text);
    match scaled(number, 1_024.0) {
        Some(value) if value >= 1.0 && value.fract() == 0.0 => Ok(value as usize),
        _ => Err("a size is a number of bytes (256, 4k, 1M)".to_owned()),
    }
}

/// "10000", "10k": how many.
pub fn count(text: &str) -> Result<usize, String> {
    match scaled(text, 1_000.0) {
        Some(value) if value >= 0.0 && value.fract() == 0.0 => Ok(value as usize),
        _ => Err("a count is a whole number (100, 10k)".to_owned()),
    }
}

fn scaled(text: &str, step: f64) -> Option<f64> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, step),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, step * step),
            None => (text, 1.0),
        },
    };
    let value: f64 = digits.replace('_', "").parse().ok()?;
    value.is_finite().then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_people_write_them() {
        assert_eq!(rate("50k/s"), Ok(Rate::PerSecond(50_000.0)));
        assert_eq!(rate("1.5M"), Ok(Rate::PerSecond(1_500_000.0)));
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(bytes("4k"), Ok(4_096));
        assert_eq!(count("10k"), Ok(10_000));
    }

    #[test]
    fn a_rate_may_change() {
        let over = Duration::from_secs(60);
        assert_eq!(offered("1k..50k/60s"), Ok(Offered::Ramp { from: 1_000.0, to: 50_000.0, over }));
        assert_eq!(offered("max"), Ok(Offered::Steady(Rate::Max)));
        for text in ["1k..50k", "1k..max/60s", "1k..2k/0s", "0..5/1s"] {
            assert!(offered(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "0", "-5", "fast", "5/m", "inf", "NaN"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(bytes("0").is_err() && bytes("1.5").is_err() && count("2.5").is_err());
    }
}
