//! What became of what was sent: counts, latencies, and how late it was sent.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::outlet::Unacknowledged;
use crate::stats::{Block, Slip};

/// Latencies are kept to 0.1 %, up to well above the time that an answer may take.
const DIGITS: u8 = 3;
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// What became of what one step of a loop sent.
pub(super) struct Answer {
    pub(super) records: u64,
    /// From when it was sent, or (in an open loop) from when it was to be sent.
    pub(super) took: Duration,
    pub(super) outcome: Result<(), Unacknowledged>,
}

/// What became of all of them.
pub(super) struct Tally {
    latencies: Histogram<u64>,
    acked: u64,
    failed: u64,
    unknown: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { latencies: histogram(), acked: 0, failed: 0, unknown: 0 }
    }
}

/// An empty histogram of latencies in nanoseconds.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    let most = u64::try_from(LATENCY_MAX.as_nanos()).expect("a minute fits");
    Histogram::new_with_max(most, DIGITS).expect("the bounds are sound")
}

/// Nanoseconds, as histograms hold them.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Tally {
    pub(super) fn count(&mut self, answer: &Answer) {
        match &answer.outcome {
            Ok(()) => {
                self.acked += answer.records;
                self.latencies.saturating_record(nanos(answer.took));
            }
            Err(Unacknowledged::NotAppended) => self.failed += answer.records,
            Err(Unacknowledged::Unknown) => self.unknown += answer.records,
        }
    }

    /// The latency that half of them did not exceed.
    pub(super) fn median(&self) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(0.5))
    }

    pub(super) fn block(self, elapsed: Duration, slip: Option<Slip>) -> Block {
        let Self { latencies, acked, failed, unknown } = self;
        Block { latencies, acked, failed, unknown, elapsed, slip }
    }
}
