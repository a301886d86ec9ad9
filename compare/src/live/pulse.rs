//! What appends came to: of the second that runs, and in all.

use std::time::Duration;

use hdrhistogram::Histogram;

use partition::clock::Moment;

use super::seen::Second;

/// Upper bounds of the buckets that Prometheus is told of, in microseconds: from a sync of a quick disk to a failover.
pub(super) const BUCKETS_US: [u64; 14] = [
    250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 125_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];
/// Nothing takes longer: a delivery is given up before.
const LONGEST_US: u64 = 60_000_000;

/// How an append ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Acked(Duration),
    Failed,
    Unknown,
}

/// What appends came to since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) acked: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    /// Acknowledged within each of [`BUCKETS_US`], each counted in one.
    pub(super) buckets: [u64; BUCKETS_US.len()],
    /// How long all acknowledged took together.
    pub(super) spent: Duration,
}

/// The longest time without an acknowledgement since it was asked to be measured.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    last: Option<Moment>,
    longest: Duration,
}

/// Counts.
#[derive(Debug)]
pub(super) struct Pulse {
    totals: Totals,
    second: Second,
    latencies: Histogram<u64>,
    silence: Silence,
}

impl Default for Pulse {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order");
        Self { totals: Totals::default(), second: Second::default(), latencies, silence: Silence::default() }
    }
}

impl Pulse {
    pub(super) fn count(&mut self, ended: Ended, now: Moment) {
        match ended {
            Ended::Acked(took) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.latencies.saturating_record(micros.max(1));
                if let Some(at) = BUCKETS_US.iter().position(|most| micros <= *most) {
                    self.totals.buckets[at] += 1;
                }
                self.silence.longest = self.silence(now);
                self.silence.last = Some(now);
                self.totals.spent += took;
                self.totals.acked += 1;
                self.second.acked += 1;
            }
            Ended::Failed => {
                self.totals.failed += 1;
                self.second.failed += 1;
            }
            Ended::Unknown => {
                self.totals.unknown += 1;
                self.second.unknown += 1;
            }
        }
    }

    /// From now on the longest silence is measured anew.
    pub(super) fn listen(&mut self, now: Moment) {
        self.silence = Silence { last: Some(now), longest: Duration::ZERO };
    }

    /// The longest time without an acknowledgement, the one that lasts among them.
    pub(super) fn silence(&self, now: Moment) -> Duration {
        let lasts = self.silence.last.map_or(Duration::ZERO, |last| now.since(last));
        self.silence.longest.max(lasts)
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The second that ends now; the next one begins.
    pub(super) fn second(&mut self, at_ms: i64, waiting: u64) -> Second {
        let at = |quantile| {
            let micros = Duration::from_micros(self.latencies.value_at_quantile(quantile));
            (!self.latencies.is_empty()).then_some(micros.as_secs_f64() * 1e3)
        };
        let (p50_ms, p99_ms) = (at(0.5), at(0.99));
        self.latencies.reset();
        Second { at_ms, waiting, p50_ms, p99_ms, ..std::mem::take(&mut self.second) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_ended_in_it_and_totals_hold_all() {
        let mut pulse = Pulse::default();
        for millis in [1, 3, 300] {
            pulse.count(Ended::Acked(Duration::from_millis(millis)), Moment(0));
        }
        pulse.count(Ended::Failed, Moment(0));
        let first = pulse.second(1000, 7);
        assert_eq!((first.acked, first.failed, first.unknown, first.waiting), (3, 1, 0, 7));
        assert!(first.p50_ms.is_some_and(|p50| (p50 - 3.0).abs() < 0.1));
        pulse.count(Ended::Unknown, Moment(0));
        let second = pulse.second(2000, 0);
        assert_eq!((second.acked, second.unknown, second.p50_ms), (0, 1, None));
        let totals = pulse.totals();
        assert_eq!((totals.acked, totals.failed, totals.unknown), (3, 1, 1));
        assert_eq!(totals.buckets.iter().sum::<u64>(), 3);
    }

    #[test]
    fn the_longest_silence_is_between_two_acknowledgements_or_the_one_that_lasts() {
        let mut pulse = Pulse::default();
        let at = |millis| Moment(0).after(Duration::from_millis(millis));
        pulse.listen(at(0));
        for millis in [10, 20, 520, 530] {
            pulse.count(Ended::Acked(Duration::from_millis(1)), at(millis));
        }
        assert_eq!(pulse.silence(at(600)), Duration::from_millis(500));
        assert_eq!(pulse.silence(at(1530)), Duration::from_secs(1));
        pulse.listen(at(2000));
        assert_eq!(pulse.silence(at(2001)), Duration::from_millis(1));
    }
}
