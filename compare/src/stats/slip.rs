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

/// Where lateness is held against latency: at the figures that a cell is quoted by.
const QUANTILES: [f64; 2] = [0.5, 0.99];

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
    /// In so many of its blocks it slipped: more than a tenth of that block's own latency, or not all of it sent.
    pub blocks: usize,
    /// The cell's figures are not the system's: all blocks together it was later than a tenth of the latency that is
    /// quoted, or something was not sent.
    pub is_void: bool,
}

impl Slipped {
    /// Of all blocks of one cell; none for a closed loop, which has no schedule to fall behind.
    #[must_use]
    pub fn of(blocks: &[Block]) -> Option<Self> {
        let (first, others) = blocks.split_first()?;
        let mut pooled = Pooled::of(first)?;
        let mut slipped = usize::from(pooled.has_slipped());
        for block in others {
            let one = Pooled::of(block)?;
            slipped += usize::from(one.has_slipped());
            pooled.add(&one);
        }
        let at = |quantile| pooled.lateness.value_at_quantile(quantile) as f64;
        Some(Self {
            p50: at(0.5),
            p99: at(0.99),
            max: pooled.lateness.max() as f64,
            unsent: pooled.unsent,
            blocks: slipped,
            is_void: pooled.has_slipped(),
        })
    }
}

/// What some blocks measured, as if they were one: as a cell's figures are made.
struct Pooled {
    latencies: Histogram<u64>,
    lateness: Histogram<u64>,
    unsent: u64,
}

impl Pooled {
    fn of(block: &Block) -> Option<Self> {
        let Slip { lateness, unsent } = block.slip.clone()?;
        Some(Self { latencies: block.latencies.clone(), lateness, unsent })
    }

    fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all histograms have the same bounds");
        self.lateness.add(&other.lateness).expect("all histograms have the same bounds");
        self.unsent += other.unsent;
    }

    /// Whether lateness is more than a tenth of the latency at one of the figures, or something was not sent at all.
    fn has_slipped(&self) -> bool {
        let exceeds = |quantile| {
            let late = self.lateness.value_at_quantile(quantile) as f64;
            late > SHARE_MAX * self.latencies.value_at_quantile(quantile) as f64
        };
        self.unsent > 0 || QUANTILES.into_iter().any(exceeds)
    }
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
        assert!(slipped.is_void, "what was not sent has no latency, so the figures lack it");
        assert_eq!(Slipped::of(&[block(&[5])]), None, "a closed loop has no schedule");
    }
    /// One late wake-up among a hundred blocks is told, and moves no figure; the same in each block moves all.
    #[test]
    fn a_cell_is_void_when_lateness_is_a_tenth_of_what_is_quoted_of_it() {
        let cell = |late: [u64; 3]| {
            let blocks = late.map(|late| open(1000, &[late; 100], 0));
            let slipped = Slipped::of(&blocks).unwrap();
            (slipped.blocks, slipped.is_void)
        };
        assert_eq!(cell([90, 90, 90]), (0, false));
        assert_eq!(cell([110, 110, 110]), (3, true));
        assert_eq!(cell([10, 10, 110]), (1, true), "a third of all is at the 99th percentile");
        let mut blocks = vec![open(1000, &[10; 100], 0); 99];
        let mut late = vec![10; 98];
        late.extend([500, 500]);
        blocks.push(open(1000, &late, 0));
        let slipped = Slipped::of(&blocks).unwrap();
        assert_eq!((slipped.blocks, slipped.is_void), (1, false), "two of ten thousand are in no figure");
    }
}
