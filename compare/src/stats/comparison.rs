//! One cell against another: the ratio of a figure, its interval, and what may be said of it.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, Replicates, percentile_interval};
use super::series::Figure;

/// How many times the figure of one cell is that of another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The ratio of the figures.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first figure is the smaller one.
    Less,
    /// The interval spans 1.
    NoDifference,
    /// The interval does not span 1, but the same thing measured twice differed as much.
    WithinNoise,
    /// The first figure is the larger one.
    More,
}

impl Comparison {
    /// Cells measured in the same blocks: each draw takes the same blocks of both, so what struck both cancels.
    /// `None` when they were not measured in the same number of blocks.
    #[must_use]
    pub fn paired(figure: Figure, one: &Replicates, other: &Replicates) -> Option<Self> {
        if one.blocks != other.blocks {
            return None;
        }
        let draws =
            one.draws.iter().zip(&other.draws).map(|(one, other)| one.get(figure) / other.get(figure));
        let ratio = one.point.get(figure) / other.point.get(figure);
        Some(Self { ratio, interval: percentile_interval(draws.collect(), one.blocks) })
    }

    /// By which share the larger of the two exceeds the smaller: the same whichever stands above the line.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.ratio.max(1.0 / self.ratio) - 1.0
    }

    /// What it shows, where the same thing measured twice differed by the share `noise` (0.02 is 2 %).
    #[must_use]
    pub fn verdict(&self, noise: f64) -> Verdict {
        if self.interval.contains(1.0) {
            Verdict::NoDifference
        } else if self.deviation() <= noise {
            Verdict::WithinNoise
        } else if self.ratio < 1.0 {
            Verdict::Less
        } else {
            Verdict::More
        }
    }
}

/// Every figure of one cell against another's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Of the medians.
    pub p50: Comparison,
    /// Of the 99th percentiles.
    pub p99: Comparison,
    /// Of records a second.
    pub ops_per_s: Comparison,
}

impl Ratios {
    /// Cells measured in the same blocks; see [`Comparison::paired`].
    #[must_use]
    pub fn paired(one: &Replicates, other: &Replicates) -> Option<Self> {
        let compare = |figure| Comparison::paired(figure, one, other);
        Some(Self {
            p50: compare(Figure::P50)?,
            p99: compare(Figure::P99)?,
            ops_per_s: compare(Figure::OpsPerS)?,
        })
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Comparison {
        match figure {
            Figure::P50 => self.p50,
            Figure::P99 => self.p99,
            Figure::OpsPerS => self.ops_per_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap::Resamples;
    use super::super::series::{Block, Series, tests::block};
    use super::*;

    fn of(medians: [u64; 8]) -> Replicates {
        let blocks: Vec<Block> = medians.iter().map(|median| block(&[*median; 5])).collect();
        Resamples::new(8, 3).replicate(&Series::of(&blocks)).unwrap()
    }

    /// The machine doubles its pace half way; the second cell is 20 % slower all along.
    #[test]
    fn what_struck_both_cells_cancels_in_the_ratio() {
        let one = of([200, 200, 200, 200, 100, 100, 100, 100]);
        let other = of([240, 240, 240, 240, 120, 120, 120, 120]);
        let comparison = Comparison::paired(Figure::P50, &other, &one).unwrap();
        assert!((comparison.ratio - 1.2).abs() < 1e-9);
        assert!((comparison.interval.low - 1.2).abs() < 1e-9, "{comparison:?}");
        assert!((comparison.interval.high - 1.2).abs() < 1e-9, "{comparison:?}");
        assert_eq!(comparison.verdict(0.05), Verdict::More);
        assert_eq!(comparison.verdict(0.25), Verdict::WithinNoise);
        let reverse = Comparison::paired(Figure::P50, &one, &other).unwrap();
        assert!((reverse.deviation() - comparison.deviation()).abs() < 1e-9);
        assert_eq!(reverse.verdict(0.05), Verdict::Less);
    }

    #[test]
    fn scatter_larger_than_the_difference_is_no_difference() {
        let one = of([100, 140, 90, 120, 110, 150, 95, 130]);
        let other = of([130, 100, 120, 95, 140, 110, 125, 100]);
        let comparison = Comparison::paired(Figure::P50, &one, &other).unwrap();
        assert_eq!(comparison.verdict(0.0), Verdict::NoDifference, "{comparison:?}");
    }
}
