//! The noise floor: what a thing differs by from itself.

use super::bootstrap::Resamples;
use super::comparison::Ratios;
use super::series::{Block, Series};

/// The even blocks of one cell against its odd ones. `None` below four blocks: a half needs two.
#[must_use]
pub fn halves(blocks: &[Block], seed: u64) -> Option<Ratios> {
    let pairs = blocks.len() / 2;
    let resamples = Resamples::new(pairs, seed);
    let half = |first| Series::of(blocks[..pairs * 2].iter().skip(first).step_by(2));
    let (even, odd) = (resamples.replicate(&half(0))?, resamples.replicate(&half(1))?);
    Ratios::paired(&even, &odd)
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
        let ratios = halves(&blocks, 1).unwrap();
        assert!((ratios.p50.ratio - 100.0 / 110.0).abs() < 1e-9);
        assert!((ratios.ops_per_s.ratio - 1.0).abs() < 1e-9);
        assert!(halves(&blocks[..3], 1).is_none());
    }
}
