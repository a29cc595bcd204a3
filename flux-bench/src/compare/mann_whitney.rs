/// Up to so many of both together the distribution of U is counted exactly; beyond, the normal approximation is as good.
const EXACT: usize = 40;

/// Mann-Whitney U (Wilcoxon's rank sum): the two-sided probability that two samples of one distribution are at least so far apart.
/// Exact where both are small and no value occurs twice, otherwise by the normal approximation with corrections for ties and for
/// continuity. 1 when either is empty.
pub fn probability(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let (u, ties) = u_and_ties(a, b);
    let (m, n) = (a.len(), b.len());
    if ties.is_empty() && m + n <= EXACT { exact(u, m, n) } else { approximate(u, m as f64, n as f64, &ties) }
}

/// The least probability that so many runs can show; more runs are needed where that is not small enough.
pub fn least_probability(m: usize, n: usize) -> f64 {
    let ways = (1..=n.min(m)).fold(1.0, |ways, k| ways * (m + n + 1 - k) as f64 / k as f64);
    (2.0 / ways).min(1.0)
}

/// The smaller U, and the size of each group of equal values.
fn u_and_ties(a: &[f64], b: &[f64]) -> (f64, Vec<f64>) {
    let mut all: Vec<(f64, bool)> = a.iter().map(|value| (*value, true)).chain(b.iter().map(|value| (*value, false))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut rank_sum, mut ties, mut from) = (0.0, vec![], 0);
    while from < all.len() {
        let to = from + all[from..].iter().take_while(|value| value.0 == all[from].0).count();
        // Ranks count from 1; equal values share the mean of theirs.
        let rank = (from + 1 + to) as f64 / 2.0;
        rank_sum += rank * all[from..to].iter().filter(|value| value.1).count() as f64;
        if to - from > 1 {
            ties.push((to - from) as f64);
        }
        from = to;
    }
    let (m, n) = (a.len() as f64, b.len() as f64);
    let u = rank_sum - m * (m + 1.0) / 2.0;
    (u.min(m * n - u), ties)
}

/// Counts the orders of m and n values by their U: those of m-1 and n where the largest is of the first, and of m and n-1.
fn exact(u: f64, m: usize, n: usize) -> f64 {
    let most = m * n;
    let mut ways = vec![vec![0.0_f64; most + 1]; n + 1];
    ways.iter_mut().for_each(|ways| ways[0] = 1.0);
    for _ in 0..m {
        let mut next = vec![vec![0.0; most + 1]; n + 1];
        next[0][0] = 1.0;
        for second in 1..=n {
            for value in 0..=most {
                let first_is_largest = if value >= second { ways[second][value - second] } else { 0.0 };
                next[second][value] = first_is_largest + next[second - 1][value];
            }
        }
        ways = next;
    }
    let counts = &ways[n];
    let as_far: f64 = counts.iter().take(u as usize + 1).sum();
    (2.0 * as_far / counts.iter().sum::<f64>()).min(1.0)
}

fn approximate(u: f64, m: f64, n: f64, ties: &[f64]) -> f64 {
    let all = m + n;
    let tied: f64 = ties.iter().map(|size| size.powi(3) - size).sum();
    let variance = m * n / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = (m * n / 2.0 - u - 0.5).max(0.0) / variance.sqrt();
    complementary_error(distance / std::f64::consts::SQRT_2).min(1.0)
}

/// erfc(x) for x ≥ 0 within 1.5e-7 (Abramowitz and Stegun, 7.1.26).
fn complementary_error(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    polynomial * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() < tolerance, "{got} for {want}");
    }

    /// Known answers of the textbook's tables, and of R's wilcox.test and SciPy's mannwhitneyu.
    #[test]
    fn exact_probabilities_are_those_of_the_tables() {
        // Wholly apart: 2 of all 252 (5 and 5), 2 of 70 (4 and 4), 2 of 20 (3 and 3) orders.
        near(probability(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]), 2.0 / 252.0, 1e-12);
        near(probability(&[5.0, 6.0, 7.0, 8.0], &[1.0, 2.0, 3.0, 4.0]), 2.0 / 70.0, 1e-12);
        near(probability(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.1, 1e-12);
        // The critical values for 0.05, two-sided: 3 for 5 and 6, 5 for 6 and 6.
        near(exact(3.0, 5, 6), 0.030_303, 1e-6);
        near(exact(5.0, 6, 6), 0.041_126, 1e-6);
        near(probability(&[1.0, 3.0, 5.0], &[2.0, 4.0, 6.0]), 0.7, 1e-12);
    }

    #[test]
    fn ties_and_many_values_are_approximated() {
        // scipy.stats.mannwhitneyu([1, 2, 2, 3], [2, 3, 4, 5], method="asymptotic"): 0.1367
        near(probability(&[1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 4.0, 5.0]), 0.1367, 5e-3);
        near(probability(&[1.0; 5], &[1.0; 5]), 1.0, 1e-12);
        let (low, high): (Vec<f64>, Vec<f64>) =
            ((0..30).map(f64::from).collect(), (15..45).map(|v| f64::from(v) + 0.5).collect());
        assert!(probability(&low, &high) < 1e-4);
    }

    #[test]
    fn exact_and_approximate_agree_where_they_meet() {
        let a: Vec<f64> = (0..20).map(|value| f64::from(value) * 1.1).collect();
        let b: Vec<f64> = (0..20).map(|value| f64::from(value) * 1.07 + 3.03).collect();
        let (u, ties) = u_and_ties(&a, &b);
        assert!(ties.is_empty());
        near(exact(u, 20, 20), approximate(u, 20.0, 20.0, &[]), 5e-3);
    }

    #[test]
    fn so_few_runs_can_show_so_much() {
        near(least_probability(3, 3), 0.1, 1e-12);
        near(least_probability(4, 4), 2.0 / 70.0, 1e-12);
        near(least_probability(1, 5), 1.0 / 3.0, 1e-12);
        near(least_probability(1, 1), 1.0, 1e-12);
    }

    #[test]
    fn the_error_function_is_as_the_tables_have_it() {
        near(complementary_error(0.0), 1.0, 1e-6);
        near(complementary_error(1.0), 0.157_299, 1e-6);
        near(complementary_error(2.0), 0.004_678, 1e-6);
    }
}
