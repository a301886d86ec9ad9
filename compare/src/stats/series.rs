//! One cell's blocks, and the figures of any choice of them.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::slip::Slip;

/// What one block measured.
#[derive(Clone, Debug)]
pub struct Block {
    /// Time from submission (in an open loop: from when it was due) to acknowledgement, in nanoseconds.
    pub latencies: Histogram<u64>,
    /// Records acknowledged.
    pub acked: u64,
    /// Records that were certainly not appended.
    pub failed: u64,
    /// Records whose outcome is not known.
    pub unknown: u64,
    /// From the first submission to the last answer.
    pub elapsed: Duration,
    /// How late it was sent; none for a closed loop.
    pub slip: Option<Slip>,
}

/// A figure that a comparison is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Median latency.
    P50,
    /// The latency that one operation in a hundred exceeds.
    P99,
    /// Records acknowledged in a second.
    OpsPerS,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::P50, Self::P99, Self::OpsPerS];
}

/// The figures of some blocks together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Median latency in nanoseconds.
    pub p50: f64,
    /// 99th percentile in nanoseconds.
    pub p99: f64,
    /// Records acknowledged in a second.
    pub ops_per_s: f64,
}

impl Figures {
    /// One of them.
    #[must_use]
    pub fn get(&self, figure: Figure) -> f64 {
        match figure {
            Figure::P50 => self.p50,
            Figure::P99 => self.p99,
            Figure::OpsPerS => self.ops_per_s,
        }
    }
}

/// A cell's blocks in a form from which the figures of any choice of blocks follow quickly.
#[derive(Clone, Debug)]
pub struct Series {
    /// Distinct latencies of all blocks, ascending.
    values: Vec<u64>,
    /// For each block, how many operations had each value.
    counts: Vec<Vec<u64>>,
    acked: Vec<u64>,
    seconds: Vec<f64>,
}

impl Series {
    /// The blocks, in the order they were measured.
    #[must_use]
    pub fn of<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Self {
        let mut columns: BTreeMap<u64, Vec<(usize, u64)>> = BTreeMap::new();
        let (mut acked, mut seconds) = (Vec::new(), Vec::new());
        for (index, block) in blocks.into_iter().enumerate() {
            for bucket in block.latencies.iter_recorded() {
                columns.entry(bucket.value_iterated_to()).or_default().push((index, bucket.count_at_value()));
            }
            acked.push(block.acked);
            seconds.push(block.elapsed.as_secs_f64());
        }
        let mut counts = vec![vec![0; columns.len()]; acked.len()];
        for (column, cells) in columns.values().enumerate() {
            for (block, count) in cells {
                counts[*block][column] = *count;
            }
        }
        Self { values: columns.into_keys().collect(), counts, acked, seconds }
    }

    /// How many blocks there are.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.acked.len()
    }

    /// The figures of all blocks, each taken once. `None` when nothing was acknowledged.
    #[must_use]
    pub fn figures(&self) -> Option<Figures> {
        self.figures_of(&vec![1; self.blocks()])
    }

    /// The figures when block `i` is taken `times[i]` times. `None` when nothing was acknowledged in those.
    #[must_use]
    pub fn figures_of(&self, times: &[u32]) -> Option<Figures> {
        assert_eq!(times.len(), self.blocks(), "one weight a block");
        let drawn = || times.iter().enumerate().filter(|(_, times)| **times > 0);
        let mut pooled = vec![0_u64; self.values.len()];
        let (mut acked, mut seconds) = (0.0, 0.0);
        for (block, times) in drawn() {
            for (sum, count) in pooled.iter_mut().zip(&self.counts[block]) {
                *sum += count * u64::from(*times);
            }
            acked += self.acked[block] as f64 * f64::from(*times);
            seconds += self.seconds[block] * f64::from(*times);
        }
        let total: u64 = pooled.iter().sum();
        if total == 0 || seconds <= 0.0 {
            return None;
        }
        let (p50, p99) = (self.quantile(&pooled, total, 50), self.quantile(&pooled, total, 99));
        Some(Figures { p50, p99, ops_per_s: acked / seconds })
    }

    /// The smallest latency that at least `percent` of all operations did not exceed.
    fn quantile(&self, pooled: &[u64], total: u64, percent: u64) -> f64 {
        let rank = (total * percent).div_ceil(100);
        let mut seen = 0;
        for (value, count) in self.values.iter().zip(pooled) {
            seen += count;
            if seen >= rank {
                return *value as f64;
            }
        }
        unreachable!("the rank is at most the total")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A block with these latencies (ns; below 2,000 they are kept exactly) that took one second.
    pub(in crate::stats) fn block(latencies: &[u64]) -> Block {
        let mut histogram = Histogram::new(3).unwrap();
        for latency in latencies {
            histogram.record(*latency).unwrap();
        }
        let acked = latencies.len() as u64;
        Block {
            latencies: histogram,
            acked,
            failed: 0,
            unknown: 0,
            elapsed: Duration::from_secs(1),
            slip: None,
        }
    }

    #[test]
    fn figures_are_those_of_the_pooled_samples() {
        let blocks = [block(&[10, 20, 30, 40]), block(&[50, 60, 70, 80])];
        let series = Series::of(&blocks);
        // Sorted 10..80: the 4th of 8 is the median, the 8th of 8 the p99; 8 operations in 2 s.
        assert_eq!(series.figures(), Some(Figures { p50: 40.0, p99: 80.0, ops_per_s: 4.0 }));
        // The second block twice: 10 20 30 40 50 50 60 60 70 70 80 80, median the 6th.
        assert_eq!(series.figures_of(&[1, 2]), Some(Figures { p50: 50.0, p99: 80.0, ops_per_s: 4.0 }));
        // The first alone.
        assert_eq!(series.figures_of(&[2, 0]), Some(Figures { p50: 20.0, p99: 40.0, ops_per_s: 4.0 }));
    }

    #[test]
    fn a_stall_is_in_the_tail_and_in_the_throughput() {
        let mut stalled = block(&[10; 99]);
        stalled.latencies.record(1_000).unwrap();
        stalled.acked = 100;
        stalled.elapsed = Duration::from_secs(4);
        let figures = Series::of([&stalled, &stalled]).figures().unwrap();
        assert_eq!((figures.p99, figures.ops_per_s), (10.0, 25.0));
        stalled.latencies.record(1_000).unwrap();
        assert_eq!(Series::of([&stalled]).figures().unwrap().p99, 1_000.0);
    }

    #[test]
    fn blocks_without_an_acknowledgement_have_no_figures() {
        assert_eq!(Series::of([&block(&[])]).figures(), None);
        let series = Series::of(&[block(&[]), block(&[7])]);
        assert_eq!(series.figures_of(&[2, 0]), None);
        assert_eq!(series.figures().unwrap().p50, 7.0);
    }
}
