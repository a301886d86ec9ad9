//! The k-th of copies that are independent and not alike, each known by its quantiles: exact, and quick enough for a page.

use std::time::Duration;

/// The chances at which a curve is known. Close together where tails are, for all of n look far into them.
pub const CHANCES: [f64; 27] = [
    0.001, 0.01, 0.03, 0.07, 0.12, 0.18, 0.25, 0.32, 0.39, 0.46, 0.53, 0.6, 0.67, 0.74, 0.8, 0.85, 0.89,
    0.92, 0.945, 0.965, 0.98, 0.988, 0.993, 0.996, 0.998, 0.999, 0.9995,
];
/// As often as the range is halved: to less than a nanosecond in any time that is waited for.
const HALVINGS: usize = 50;

/// How a time scatters: whole microseconds that it does not exceed with each of [`CHANCES`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Curve(Vec<u64>);

impl Curve {
    /// That of these draws.
    #[must_use]
    pub fn of(mut draws: Vec<Duration>) -> Self {
        draws.sort_unstable();
        let last = draws.len().saturating_sub(1);
        let at = |chance: &f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count is a count"
            )]
            let index = (chance * draws.len() as f64) as usize;
            let micros = draws.get(index.min(last)).copied().unwrap_or_default().as_micros();
            u64::try_from(micros).unwrap_or(u64::MAX)
        };
        Self(CHANCES.iter().map(at).collect())
    }

    /// Its quantiles, in microseconds.
    #[must_use]
    pub fn quantiles(&self) -> &[u64] {
        &self.0
    }

    /// The chance that a time is not above this: straight between the quantiles, nothing below the first, and certain from
    /// the last on.
    #[must_use]
    pub fn below(&self, us: f64) -> f64 {
        let above = self.0.iter().position(|quantile| *quantile as f64 > us);
        let Some(above) = above else { return 1.0 };
        let Some(below) = above.checked_sub(1) else { return 0.0 };
        let (low, high) = (self.0[below] as f64, self.0[above] as f64);
        CHANCES[below] + (CHANCES[above] - CHANCES[below]) * (us - low) / (high - low)
    }

    fn most(&self) -> f64 {
        self.0.last().map_or(0.0, |last| *last as f64)
    }
}

/// The time, in microseconds, that the k-th quickest of these copies does not exceed with this chance. Nothing is waited for
/// when k is 0.
#[must_use]
pub fn quantile(copies: &[&Curve], k: usize, chance: f64) -> f64 {
    if k == 0 || copies.is_empty() {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, copies.iter().map(|copy| copy.most()).fold(0.0, f64::max));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        let below: Vec<f64> = copies.iter().map(|copy| copy.below(middle)).collect();
        if at_least(&below, k) < chance { low = middle } else { high = middle }
    }
    high
}

/// The chance that k or more happen, each with a chance of its own.
fn at_least(chances: &[f64], k: usize) -> f64 {
    let mut exactly = vec![1.0];
    for chance in chances {
        let mut next = vec![0.0; exactly.len() + 1];
        for (count, so_far) in exactly.iter().enumerate() {
            next[count] += so_far * (1.0 - chance);
            next[count + 1] += so_far * chance;
        }
        exactly = next;
    }
    exactly.iter().skip(k).sum()
}

#[cfg(test)]
mod tests {
    use super::super::order;
    use super::*;

    /// An exponential time of mean 1 s, by its own formula.
    fn exponential() -> Curve {
        let micros = |chance: &f64| Duration::from_secs_f64(-(1.0 - chance).ln());
        Curve(CHANCES.iter().map(|chance| u64::try_from(micros(chance).as_micros()).unwrap()).collect())
    }

    #[test]
    fn copies_that_are_alike_agree_with_the_closed_form() {
        let curve = exponential();
        for (n, k) in [(1, 1), (2, 2), (3, 2), (5, 3), (7, 7)] {
            for p in [0.5, 0.99] {
                let (found, exact) =
                    (quantile(&vec![&curve; n], k, p) / 1e6, order::exponential_quantile(n, k, p));
                assert!((found / exact - 1.0).abs() < 0.02, "{k} of {n} at {p}: {found} against {exact}");
            }
        }
    }

    #[test]
    fn one_slow_copy_is_waited_for_by_those_who_need_it() {
        let (quick, slow) = (Curve(vec![10; CHANCES.len()]), Curve(vec![1000; CHANCES.len()]));
        let copies = [&quick, &slow, &quick];
        let waited = [1, 2, 3].map(|k| quantile(&copies, k, 0.5).round());
        assert_eq!(waited, [10.0, 10.0, 1000.0]);
        assert_eq!((quantile(&copies, 0, 0.5), quantile(&[], 1, 0.5)), (0.0, 0.0));
    }

    #[test]
    fn a_curve_has_the_quantiles_of_its_draws() {
        let curve = Curve::of((0..10_000).map(Duration::from_micros).collect());
        assert!(
            (curve.below(5_000.0) - 0.5).abs() < 1e-3
                && curve.below(99_999.0) == 1.0
                && curve.below(1.0) == 0.0
        );
    }
}
