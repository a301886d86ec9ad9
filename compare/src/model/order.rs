//! Closed forms for followers that are alike and independent, with a leader whose own disk takes no time.

use super::majority;

/// The binomial coefficient.
#[must_use]
pub fn choose(n: usize, k: usize) -> f64 {
    (0..k.min(n)).map(|i| (n - i) as f64 / (k - i) as f64).product::<f64>() * f64::from(u8::from(k <= n))
}

/// The chance that exactly `k` of `n` happen, each with chance `p`.
#[must_use]
pub fn exactly(n: usize, k: usize, p: f64) -> f64 {
    let power = |base: f64, times: usize| (0..times).map(|_| base).product::<f64>();
    if k > n { 0.0 } else { choose(n, k) * power(p, k) * power(1.0 - p, n - k) }
}

/// The chance that `k` or more of `n` happen, each with chance `p`.
#[must_use]
pub fn at_least(n: usize, k: usize, p: f64) -> f64 {
    (k..=n).map(|j| exactly(n, j, p)).sum()
}

/// The chance that the k-th smallest of `n` is not above what one of them does not exceed with chance `below`.
#[must_use]
pub fn cdf(n: usize, k: usize, below: f64) -> f64 {
    at_least(n, k, below)
}

/// Which quantile of one is the p-quantile of the k-th smallest of `n`: p99 of the slower of two is the p99.5 of each.
#[must_use]
pub fn quantile_of_one(n: usize, k: usize, p: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // As often as a double can be halved.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if cdf(n, k, middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The mean of the k-th smallest of `n` exponential times of mean 1.
#[must_use]
pub fn exponential_mean(n: usize, k: usize) -> f64 {
    (n - k + 1..=n).map(|i| 1.0 / i as f64).sum()
}

/// The p-quantile of the k-th smallest of `n` exponential times of mean 1.
#[must_use]
pub fn exponential_quantile(n: usize, k: usize, p: f64) -> f64 {
    -(1.0 - quantile_of_one(n, k, p)).ln()
}

/// The chance that all in sync are slow to answer, where each of `members - 1` followers is slow with chance `slow`.
#[must_use]
pub fn all_slow(members: usize, slow: f64) -> f64 {
    at_least(members - 1, 1, slow)
}

/// The chance that a majority of `replicas` is slow to answer, its leader never.
#[must_use]
pub fn majority_slow(replicas: usize, slow: f64) -> f64 {
    at_least(replicas - 1, replicas - majority(replicas) + 1, slow)
}

/// By how much a majority thins a power tail: followers with the exponent a give it one of a times this.
#[must_use]
pub fn majority_tail(replicas: usize) -> usize {
    replicas - majority(replicas) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, share: f64) {
        assert!((value / expected - 1.0).abs() < share, "{value} is not {expected}");
    }

    /// A row: n, mean of a majority and of all, p99 of both, p99.9 of both, chance that either is slow where one in 100 is.
    const ROWS: [(usize, [f64; 8]); 5] = [
        (2, [1.000, 1.000, 4.61, 4.61, 6.91, 6.91, 1.0e-2, 1.0e-2]),
        (3, [0.500, 1.500, 2.30, 5.30, 3.45, 7.60, 1.0e-4, 1.99e-2]),
        (4, [0.833, 1.833, 2.83, 5.70, 4.00, 8.01, 3.0e-4, 2.97e-2]),
        (5, [0.583, 2.083, 1.96, 5.99, 2.75, 8.29, 4.0e-6, 3.94e-2]),
        (7, [0.617, 2.450, 1.75, 6.39, 2.37, 8.70, 1.5e-7, 5.85e-2]),
    ];

    #[test]
    fn exponential_followers_give_the_known_table() {
        for (n, [mean, mean_all, p99, p99_all, p999, p999_all, slow, slow_all]) in ROWS {
            let (others, needed) = (n - 1, majority(n) - 1);
            near(exponential_mean(others, needed), mean, 0.001);
            near(exponential_mean(others, others), mean_all, 0.001);
            near(exponential_quantile(others, needed, 0.99), p99, 0.005);
            near(exponential_quantile(others, others, 0.99), p99_all, 0.005);
            near(exponential_quantile(others, needed, 0.999), p999, 0.005);
            near(exponential_quantile(others, others, 0.999), p999_all, 0.005);
            near(majority_slow(n, 0.01), slow, 0.03);
            near(all_slow(n, 0.01), slow_all, 0.01);
        }
    }

    #[test]
    fn all_in_sync_look_further_into_their_followers_tails() {
        near(quantile_of_one(2, 2, 0.99), 0.995, 1e-4);
        near(quantile_of_one(4, 4, 0.99), 0.9975, 1e-4);
    }

    #[test]
    fn a_majority_thins_the_tail() {
        assert_eq!([2, 3, 4, 5, 7].map(majority_tail), [1, 2, 2, 3, 4]);
    }

    #[test]
    fn chances_add_up() {
        near((0..=7).map(|k| exactly(7, k, 0.3)).sum(), 1.0, 1e-12);
        assert_eq!((choose(5, 2), choose(5, 0), choose(2, 5)), (10.0, 1.0, 0.0));
    }
}
