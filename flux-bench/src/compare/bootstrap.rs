/// Resamples of each kind: the ends of an interval of 95 % are then themselves exact to about half a percent of probability.
const RESAMPLES: usize = 10_000;

/// The ratio of two medians, and the interval that holds it with 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
}

/// The median of `b` by the median of `a`, with a percentile bootstrap; None where the median of `a` is nothing.
pub fn ratio_of_medians(a: &[f64], b: &[f64]) -> Option<Ratio> {
    let (first, second) = (median(a)?, median(b)?);
    if first == 0.0 {
        return None;
    }
    let mut draw = Draw::new();
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let below = draw.median(a);
            (below != 0.0).then(|| draw.median(b) / below)
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios.get(((ratios.len() as f64 * share) as usize).min(ratios.len().saturating_sub(1))).copied();
    Some(Ratio { ratio: second / first, low: at(0.025)?, high: at(0.975)? })
}

/// How far two sets of runs of the same server are apart, as a share of the smaller: 95 % of pairs drawn from `runs` differ by less.
/// None of fewer than two runs, which say nothing of the next.
pub fn noise(runs: &[f64]) -> Option<f64> {
    if runs.len() < 2 {
        return None;
    }
    let mut draw = Draw::new();
    let mut differences: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let (one, other) = (draw.median(runs), draw.median(runs));
            (one != 0.0 && other != 0.0).then(|| apart(other / one))
        })
        .collect();
    differences.sort_by(f64::total_cmp);
    differences.get((differences.len() as f64 * 0.95) as usize).copied()
}

/// A ratio as a share of the smaller, so that half as much is as far away as twice as much.
pub fn apart(ratio: f64) -> f64 {
    ratio.max(1.0 / ratio) - 1.0
}

pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// SplitMix64 from a fixed seed: the same runs give the same interval.
struct Draw {
    state: u64,
    drawn: Vec<f64>,
}

impl Draw {
    fn new() -> Self {
        Self { state: 42, drawn: vec![] }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Of as many values as there are, drawn with replacement; `values` is not empty.
    fn median(&mut self, values: &[f64]) -> f64 {
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.clear();
        for _ in 0..values.len() {
            drawn.push(values[(self.next() % values.len() as u64) as usize]);
        }
        let found = median(&drawn).unwrap_or(0.0);
        self.drawn = drawn;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_interval_holds_the_ratio_and_is_narrow_where_runs_agree() {
        let found = ratio_of_medians(&[100.0, 101.0, 99.0, 100.5, 99.5], &[80.0, 81.0, 79.0, 80.5, 79.5]).unwrap();
        assert!((found.ratio - 0.8).abs() < 1e-12 && found.low < 0.8 && found.high > 0.8, "{found:?}");
        assert!(found.low > 0.77 && found.high < 0.83, "{found:?}");
        let wide = ratio_of_medians(&[100.0, 50.0, 150.0, 70.0, 130.0], &[80.0, 40.0, 120.0, 60.0, 100.0]).unwrap();
        assert!(wide.low < 0.6 && wide.high > 1.1, "{wide:?}");
        // One value each: nothing to draw from but itself.
        assert_eq!(ratio_of_medians(&[2.0], &[3.0]), Some(Ratio { ratio: 1.5, low: 1.5, high: 1.5 }));
        assert_eq!(ratio_of_medians(&[0.0], &[3.0]), None);
    }

    #[test]
    fn noise_is_how_far_equal_runs_are_apart() {
        assert_eq!(noise(&[100.0; 5]), Some(0.0));
        assert_eq!(noise(&[100.0]), None);
        assert_eq!((apart(2.0), apart(0.5)), (1.0, 1.0));
        let found = noise(&[95.0, 100.0, 105.0, 98.0, 102.0]).unwrap();
        assert!((0.04..0.11).contains(&found), "{found}");
    }

    #[test]
    fn the_same_runs_give_the_same_answer() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(ratio_of_medians(&a, &b), ratio_of_medians(&a, &b));
    }
}
