/// From a value to a place between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    /// From `low` to a round number at or above `high`.
    pub fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = step(high - low);
        Self { low, high: (high / step).ceil() * step, logarithmic: false }
    }

    /// Exactly from one to the other.
    pub fn span(low: f64, high: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, logarithmic: false }
    }

    /// Over all positive values; None without any.
    pub fn logarithmic(values: impl Iterator<Item = f64>) -> Option<Self> {
        let positive = values.filter(|value| *value > 0.0);
        let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if high == 0.0 {
            return None;
        }
        let (low, mut high) = (floor(low), ceil(high));
        if high <= low {
            high = low * 10.0;
        }
        Some(Self { low, high, logarithmic: true })
    }

    pub fn at(&self, value: f64) -> f64 {
        let place = match self.logarithmic {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// Where lines and labels go: six or seven at most.
    pub fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.high / self.low).log10();
            let digits: &[f64] = if decades <= 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let first = self.low.log10().floor() as i32;
            let last = self.high.log10().ceil() as i32;
            let all = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
            return all.filter(|tick| *tick >= self.low * 0.999 && *tick <= self.high * 1.001).collect();
        }
        let step = step(self.high - self.low);
        let from = (self.low / step).ceil() as i64;
        let to = (self.high / step * 1.000_001).floor() as i64;
        (from..=to).map(|tick| tick as f64 * step).collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that four to six make the range.
fn step(range: f64) -> f64 {
    let rough = range / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    match rough / power {
        share if share <= 1.0 => power,
        share if share <= 2.0 => 2.0 * power,
        share if share <= 5.0 => 5.0 * power,
        _ => 10.0 * power,
    }
}

fn floor(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().map(|digit| digit * power).find(|round| *round <= value).unwrap_or(power)
}

fn ceil(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|round| *round >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(Axis::linear(0.0, 53_000.0).ticks(), [0.0, 20_000.0, 40_000.0, 60_000.0]);
        assert_eq!(Axis::span(0.0, 10.0).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let ticks = Axis::logarithmic([0.3, 40.0].into_iter()).unwrap().ticks();
        assert!(ticks.len() <= 9 && (ticks[0] - 0.2).abs() < 1e-9, "{ticks:?}");
        assert_eq!(Axis::logarithmic([0.0].into_iter()), None);
    }

    #[test]
    fn places_are_between_the_ends() {
        let axis = Axis::logarithmic([1.0, 100.0].into_iter()).unwrap();
        assert_eq!([1.0, 10.0, 100.0, 1e9, 0.0].map(|value| (axis.at(value) * 10.0).round() / 10.0), [0.0, 0.5, 1.0, 1.0, 0.0]);
        assert_eq!(Axis::linear(0.0, 0.0).at(0.0), 0.0);
    }
}
