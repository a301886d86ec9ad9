//! The noise floor: what a thing differs by from itself.

use super::bootstrap::{Replicates, Resamples};
use super::comparison::Comparison;
use super::series::{Block, Figure, Series};

/// A against A', for each figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Null {
    /// Median latency.
    pub p50: Comparison,
    /// 99th percentile.
    pub p99: Comparison,
    /// Records acknowledged in a second.
    pub ops_per_s: Comparison,
}

impl Null {
    /// Two cells that measured the same thing in the same blocks.
    #[must_use]
    pub fn of_twins(one: &Replicates, other: &Replicates) -> Option<Self> {
        let compare = |figure| Comparison::paired(figure, one, other);
        Some(Self {
            p50: compare(Figure::P50)?,
            p99: compare(Figure::P99)?,
            ops_per_s: compare(Figure::OpsPerS)?,
        })
    }

    /// The odd blocks of one cell against its even ones. `None` below four blocks: a half needs two.
    #[must_use]
    pub fn of_halves(blocks: &[Block], seed: u64) -> Option<Self> {
        let pairs = blocks.len() / 2;
        let resamples = Resamples::new(pairs, seed);
        let half = |first| Series::of(blocks[..pairs * 2].iter().skip(first).step_by(2));
        let (even, odd) = (resamples.replicate(&half(0))?, resamples.replicate(&half(1))?);
        Self::of_twins(&even, &odd)
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
    use super::super::series::tests::block;
    use super::*;

    #[test]
    fn halves_that_differ_show_by_how_much() {
        let blocks: Vec<Block> =
            [100, 110, 100, 110, 100, 110, 100, 110, 999].iter().map(|value| block(&[*value; 4])).collect();
        // The ninth has no partner, and is left out.
        let null = Null::of_halves(&blocks, 1).unwrap();
        assert!((null.p50.ratio - 100.0 / 110.0).abs() < 1e-9);
        assert!((null.get(Figure::OpsPerS).ratio - 1.0).abs() < 1e-9);
        assert!(Null::of_halves(&blocks[..3], 1).is_none());
    }
}
