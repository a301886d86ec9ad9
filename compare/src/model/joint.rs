//! Predictions from sampled journeys: what each rule would have made of the very same batches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::Rule;

/// Latencies in microseconds; none where so many never came to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
}

/// One batch: its times to the copies, the leader's own first, and how many batches it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The time to each copy.
    pub times: Vec<Duration>,
    /// How much the way from the client and back adds, where that is known.
    pub client: Duration,
    /// How many batches it stands for.
    pub weight: f64,
}

/// What this rule would have taken; none of no samples.
#[must_use]
pub fn predict(samples: &[Sampled], rule: Rule) -> Option<Quantiles> {
    let mut latencies: Vec<(Duration, f64)> = samples
        .iter()
        .map(|sample| (rule.latency(&sample.times).saturating_add(sample.client), sample.weight))
        .collect();
    latencies.sort_unstable_by_key(|(latency, _)| *latency);
    let total: f64 = latencies.iter().map(|(_, weight)| weight).sum();
    let at = |share: f64| {
        let mut seen = 0.0;
        let reached = latencies.iter().find(|(_, weight)| {
            seen += weight;
            // Sums of weights are not exact.
            seen >= total * share * (1.0 - 1e-12)
        });
        let (latency, _) = reached?;
        (*latency < Duration::MAX).then_some(latency.as_secs_f64() * 1e6)
    };
    (!latencies.is_empty()).then(|| Quantiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(times: impl IntoIterator<Item = Vec<u64>>) -> Vec<Sampled> {
        let sample = |times: Vec<u64>| Sampled {
            times: times.into_iter().map(Duration::from_micros).collect(),
            client: Duration::ZERO,
            weight: 1.0,
        };
        times.into_iter().map(sample).collect()
    }

    #[test]
    fn what_strikes_all_copies_at_once_is_predicted_for_both_rules() {
        // Each copy is slow in one batch of ten. Apart, no majority is ever slow; together, it is as often as anybody.
        let apart =
            samples((0..30).map(|at| (0..3).map(|copy| if at % 10 == copy { 900 } else { 100 }).collect()));
        let together = samples((0..30).map(|at| vec![if at % 10 == 0 { 900 } else { 100 }; 3]));
        let p99 = |samples: &[Sampled], rule| predict(samples, rule).unwrap().p99.unwrap();
        assert_eq!((p99(&apart, Rule::AllInSync), p99(&apart, Rule::Copies(2))), (900.0, 100.0));
        assert_eq!((p99(&together, Rule::AllInSync), p99(&together, Rule::Copies(2))), (900.0, 900.0));
        assert_eq!(predict(&apart, Rule::AllInSync).unwrap().p50, Some(100.0), "slow in three of ten");
    }

    #[test]
    fn a_sample_counts_as_often_as_it_stands_for() {
        let mut samples = samples([vec![10], vec![50]]);
        samples[1].weight = 99.0;
        assert_eq!(predict(&samples, Rule::Leader).unwrap().p50, Some(50.0));
        samples[0].client = Duration::from_micros(100);
        assert_eq!(predict(&samples, Rule::Leader).unwrap().p999, Some(110.0));
    }

    #[test]
    fn a_copy_that_never_came_is_waited_for_by_those_who_need_it() {
        let mut samples = samples((0..10).map(|_| vec![10, 20, 30]));
        samples[0].times[2] = Duration::MAX;
        let all = predict(&samples, Rule::AllInSync).unwrap();
        assert_eq!((all.p50, all.p90, all.p99), (Some(30.0), Some(30.0), None));
        assert_eq!(predict(&samples, Rule::Copies(2)).unwrap().p99, Some(20.0));
        assert_eq!(predict(&[], Rule::Leader), None);
    }
}
