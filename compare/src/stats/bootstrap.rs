//! The bootstrap over blocks: draw as many blocks as there were, with repetition, and see how the figures scatter.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::series::{Figure, Figures, Series};

/// How often blocks are drawn anew: enough for the 0.5 % tails that few blocks ask for.
pub const DRAWS: usize = 2000;

/// An interval that covers the true figure in about 95 of 100 runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 2]", from = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// How often each block is taken, in each of [`DRAWS`] draws. Cells measured in the same blocks use the same draws:
/// a slow moment that struck both then cancels in their ratio.
#[derive(Clone, Debug)]
pub struct Resamples {
    blocks: usize,
    draws: Vec<Vec<u32>>,
}

impl Resamples {
    /// Draws for so many blocks, the same for the same seed.
    #[must_use]
    pub fn new(blocks: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let draw = |_| {
            let mut times = vec![0; blocks];
            for _ in 0..blocks {
                times[random.random_range(0..blocks)] += 1;
            }
            times
        };
        Self { blocks, draws: (0..DRAWS).map(draw).collect() }
    }

    /// The figures of a cell in each draw. `None` when a figure or the interval cannot be told: fewer than two
    /// blocks, another number of blocks, or a block in which nothing was acknowledged.
    #[must_use]
    pub fn replicate(&self, series: &Series) -> Option<Replicates> {
        if series.blocks() != self.blocks || self.blocks < 2 {
            return None;
        }
        let draws = self.draws.iter().map(|times| series.figures_of(times)).collect::<Option<_>>()?;
        Some(Replicates { blocks: self.blocks, point: series.figures()?, draws })
    }
}

/// A cell's figures, as measured and in each draw.
#[derive(Clone, Debug)]
pub struct Replicates {
    pub(super) blocks: usize,
    /// As measured.
    pub point: Figures,
    pub(super) draws: Vec<Figures>,
}

impl Replicates {
    /// The interval of one figure.
    #[must_use]
    pub fn interval(&self, figure: Figure) -> Interval {
        percentile_interval(self.draws.iter().map(|draw| draw.get(figure)).collect(), self.blocks)
    }

    /// Half the interval's width, or its farther end, as a share of the figure: the `±` of a table.
    #[must_use]
    pub fn margin(&self, figure: Figure) -> f64 {
        let (point, interval) = (self.point.get(figure), self.interval(figure));
        (interval.high - point).max(point - interval.low) / point
    }
}

/// The expanded percentile interval. The plain one is too narrow when blocks are few, as a variance that divides
/// by n and a normal quantile would be; this one takes the tails that Student's t asks for (Hesterberg 2015, "What
/// Teachers Should Know About the Bootstrap", section 4.2).
pub(super) fn percentile_interval(mut draws: Vec<f64>, blocks: usize) -> Interval {
    draws.sort_by(f64::total_cmp);
    let tail = normal_cdf(-(blocks as f64 / (blocks as f64 - 1.0)).sqrt() * student_t(blocks - 1));
    let last = draws.len() - 1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= tail <= 0.025")]
    let skipped = (tail * last as f64).floor() as usize;
    Interval { low: draws[skipped], high: draws[last - skipped] }
}

/// The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom; beyond them, by its expansion.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    const NORMAL: f64 = 1.959_964;
    let expanded = || NORMAL + (NORMAL.powi(3) + NORMAL) / (4.0 * freedom as f64);
    TABLE.get(freedom.wrapping_sub(1)).copied().unwrap_or_else(expanded)
}

/// The standard normal distribution, by Abramowitz and Stegun's 26.2.17 (error below 1e-7).
fn normal_cdf(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] =
        [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let tail = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial;
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::super::series::{Block, tests::block};
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let blocks: Vec<Block> = (1..=8).map(|i| block(&[i * 10, i * 20])).collect();
        let series = Series::of(&blocks);
        let interval =
            |seed| Resamples::new(8, seed).replicate(&series).map(|all| all.interval(Figure::P50)).unwrap();
        assert_eq!(interval(1), interval(1));
        assert_ne!(Resamples::new(8, 1).draws, Resamples::new(8, 2).draws);
    }

    #[test]
    fn the_tails_are_those_of_students_t() {
        assert!((normal_cdf(-1.959_964) - 0.025).abs() < 1e-6);
        assert!((normal_cdf(1.0) - 0.841_345).abs() < 1e-6);
        assert!((student_t(31) - 2.0395).abs() < 0.004);
        // Eight blocks: sqrt(8/7) x 2.365 = 2.528 deviations, a tail of 0.573 %: the 11th of 2,000 from either end.
        let draws = (0..2000).map(f64::from).collect();
        assert_eq!(percentile_interval(draws, 8), Interval { low: 11.0, high: 1988.0 });
        // Two blocks: nothing may be cut off.
        assert_eq!(percentile_interval(vec![3.0, 1.0, 2.0], 2), Interval { low: 1.0, high: 3.0 });
    }

    #[test]
    fn too_few_blocks_or_an_empty_one_give_no_interval() {
        let full = block(&[1, 2, 3]);
        assert!(Resamples::new(1, 0).replicate(&Series::of([&full])).is_none());
        assert!(Resamples::new(3, 0).replicate(&Series::of([&full, &full])).is_none());
        assert!(Resamples::new(2, 0).replicate(&Series::of([&full, &block(&[])])).is_none());
    }

    /// Blocks whose common luck dwarfs what operations differ by, as on a busy machine: an interval over single
    /// samples would cover the truth in a few of a hundred runs.
    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        const TRIALS: u64 = 200;
        let mut random = StdRng::seed_from_u64(7);
        let mut covered = 0;
        for trial in 0..TRIALS {
            let blocks: Vec<Block> = (0..8)
                .map(|_| {
                    // The sum of twelve uniforms is nearly normal around 6.
                    let luck: f64 = (0..12).map(|_| random.random::<f64>()).sum();
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2,200")]
                    let latencies: Vec<u64> =
                        (0..21).map(|i| (500.0 + 100.0 * luck) as u64 + i * 10).collect();
                    block(&latencies)
                })
                .collect();
            let interval =
                Resamples::new(8, trial).replicate(&Series::of(&blocks)).unwrap().interval(Figure::P50);
            covered += u64::from(interval.contains(500.0 + 600.0 + 100.0));
        }
        assert!((175..=199).contains(&covered), "{covered} of {TRIALS} intervals covered the truth");
    }
}
