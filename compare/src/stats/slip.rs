//! How late an open loop's generator sent, and whether that is a part of the figures that counts.

use hdrhistogram::Histogram;

use super::series::Block;

/// How late a generator was in one block.
#[derive(Clone, Debug)]
pub struct Slip {
    /// From when a batch was due to when it was sent, in nanoseconds.
    pub lateness: Histogram<u64>,
    /// Records that were due in the block and not sent by its end.
    pub unsent: u64,
}

/// A generator has slipped when its lateness is more than this share of the latency that it is a part of.
const SHARE_MAX: f64 = 0.1;

/// How late a cell's generator was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slipped {
    /// Half of the batches were not later, in nanoseconds.
    pub p50: f64,
    /// 99 of 100 were not later.
    pub p99: f64,
    /// The latest.
    pub max: f64,
    /// Records that were not sent.
    pub unsent: u64,
    /// So many of its blocks slipped.
    pub blocks: usize,
}

impl Slipped {
    /// Of all blocks of one cell; none for a closed loop, which has no schedule to fall behind.
    #[must_use]
    pub fn of(blocks: &[Block]) -> Option<Self> {
        let mut pooled: Option<Histogram<u64>> = None;
        let (mut unsent, mut slipped) = (0, 0);
        for block in blocks {
            let slip = block.slip.as_ref()?;
            unsent += slip.unsent;
            slipped += usize::from(has_slipped(block, slip));
            match &mut pooled {
                Some(pooled) => pooled.add(&slip.lateness).expect("all histograms have the same bounds"),
                None => pooled = Some(slip.lateness.clone()),
            }
        }
        let pooled = pooled?;
        let at = |quantile| pooled.value_at_quantile(quantile) as f64;
        Some(Self { p50: at(0.5), p99: at(0.99), max: pooled.max() as f64, unsent, blocks: slipped })
    }
}

/// Whether the generator's lateness is more than a tenth of the block's latency, at the median or at the 99th
/// percentile, or something was not sent at all.
fn has_slipped(block: &Block, slip: &Slip) -> bool {
    let exceeds = |quantile| {
        let late = slip.lateness.value_at_quantile(quantile) as f64;
        late > SHARE_MAX * block.latencies.value_at_quantile(quantile) as f64
    };
    slip.unsent > 0 || exceeds(0.5) || exceeds(0.99)
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::block;
    use super::*;

    fn open(latency: u64, late: &[u64], unsent: u64) -> Block {
        let mut open = block(&vec![latency; 100]);
        let lateness = block(late).latencies;
        open.slip = Some(Slip { lateness, unsent });
        open
    }

    #[test]
    fn a_generator_has_slipped_when_it_is_a_tenth_of_the_latency() {
        let blocks = |late: &[u64], unsent| Slipped::of(&[open(1000, late, unsent)]).unwrap().blocks;
        assert_eq!(blocks(&[90; 100], 0), 0);
        assert_eq!(blocks(&[110; 100], 0), 1);
        assert_eq!(blocks(&[1], 5), 1, "what is not sent is never dropped in silence");
        let mut late = vec![10; 98];
        late.extend([500, 500]);
        assert_eq!(blocks(&late, 0), 1, "the tail counts for the tail");
    }

    #[test]
    fn a_cell_counts_the_blocks_that_slipped_and_what_was_not_sent() {
        let slipped = Slipped::of(&[open(1000, &[10], 0), open(1000, &[300], 7)]).unwrap();
        assert_eq!((slipped.blocks, slipped.unsent, slipped.max), (1, 7, 300.0));
        assert_eq!(Slipped::of(&[block(&[5])]), None, "a closed loop has no schedule");
    }
}
