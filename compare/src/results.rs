//! What a run found, as `results.json` holds it. Tables and sentences are made of these values, and of no others.

mod build;
mod cell;
mod csv;
mod file;
mod hgrm;
mod histogram;
mod knee;
mod matrix;
mod names;
mod per_ack;
mod predicted;
mod random;
mod timeline;
mod timestamp;
mod told_load;
mod tuning;

use serde::{Deserialize, Serialize};

pub use build::Circumstances;
pub use cell::{Cell, CellKey, Figures, InjectedCheck, Intervals, Latency, Load, Slip, Split};
pub use csv::table as table_of_cells;
pub use file::{Destination, UnwritableResults, can_be_written};
pub use hgrm::{file_name as hgrm_name, percentiles};
pub use knee::{Knee, KneeProbe};
pub use matrix::{Lost, MatrixExpected, MatrixFinding, MatrixMeasured, MatrixRow, Silences};
pub(crate) use names::acks as acks_by_name;
pub use names::{acks_name, acks_named, durability_name, durability_named};
pub use per_ack::PerAck;
pub use predicted::{AGREES, Agreement, DOMINATES, Prediction, Residual};
pub use random::{RandomFaults, RandomFinding};
pub use timeline::{Timeline, TimelineEvent, TimelineSeries};
pub use timestamp::{file_name_of, rfc3339, rfc3339_ms};
pub use tuning::{PausePoint, TuningPoint};

use crate::machine::Machine;
use crate::profile::Profile;
use crate::stats::{Comparison, Figure, Ratios, Verdict};
use crate::system::System;

/// Raised when a field changes its meaning; fields are added without.
pub const SCHEMA_VERSION: u32 = 1;

/// All that a run found, and under which circumstances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub commit: String,
    /// When it began, in RFC 3339.
    pub started: String,
    /// Repeats the order of blocks and what records hold.
    pub seed: u64,
    /// The command line.
    pub command: String,
    /// The workload that a file described.
    #[serde(default)]
    pub workload: Option<String>,
    /// `complete`, or why it ended early.
    pub ending: String,
    /// How many blocks each cell was to get, and how long each was to last.
    pub blocks: BlockPlan,
    /// Delays that were injected into some of the cells; each by its name.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// What was measured.
    pub cells: Vec<Cell>,
    /// Where a sweep of the load found knees.
    #[serde(default)]
    pub knees: Vec<Knee>,
    /// Cells of the same blocks against each other.
    pub comparisons: Vec<Pair>,
    /// What A against A' differed by.
    pub noise: Vec<Noise>,
    /// Clusters while nothing was asked of them.
    pub idle: Vec<IdleCluster>,
    /// What faults did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<MatrixRow>,
    /// Trials as time went on, with the faults on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timelines: Vec<Timeline>,
    /// What `replica.lag.time.max.ms` trades.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuning: Vec<TuningPoint>,
    /// What faults that seeds drew did to processes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub random: Vec<RandomFaults>,
}

/// How cells were measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockPlan {
    /// Blocks of each cell.
    pub count: usize,
    /// How long each sent.
    pub seconds: f64,
    /// How long each sent before it was counted.
    pub lead_in_seconds: f64,
}

/// One cell against another that was measured in the same blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Whose figures stand above the line.
    pub one: CellKey,
    /// Whose stand below it.
    pub other: CellKey,
    /// How many times the figures of `other` those of `one` are.
    #[serde(flatten)]
    pub ratios: Ratios,
}

/// What A and A' are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NullKind {
    /// Two clusters that do the same thing.
    Twins,
    /// The even blocks and the odd blocks of one cell.
    Halves,
}

/// A against A'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// What they are.
    pub kind: NullKind,
    /// A.
    pub one: CellKey,
    /// A'.
    pub other: CellKey,
    /// What they differed by.
    #[serde(flatten)]
    pub ratios: Ratios,
}

/// What a cluster takes that serves nobody.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdleCluster {
    /// Clusters of one group were up together.
    pub group: usize,
    /// What it runs.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// How many partitions it has.
    #[serde(default = "cell::one_partition")]
    pub partitions: u32,
    /// CPU seconds a second of all its processes; unknown when they share this one.
    pub cpu: Option<f64>,
    /// The part of it that its controllers take; none where there are none.
    #[serde(default)]
    pub controllers_cpu: Option<f64>,
    /// Syncs a second, its controllers' included.
    #[serde(default)]
    pub syncs_per_s: f64,
    /// Bytes of frames a second, its controllers' included.
    #[serde(default)]
    pub sent_bytes_per_s: f64,
}

impl Results {
    /// The comparison of two cells, if both were measured in the same blocks.
    #[must_use]
    pub fn pair(&self, one: impl Fn(&CellKey) -> bool, other: impl Fn(&CellKey) -> bool) -> Option<&Pair> {
        self.comparisons.iter().find(|pair| one(&pair.one) && other(&pair.other))
    }

    /// The share by which the same thing measured twice differed, at most, where it matters for these two cells:
    /// twins under the same load, and the halves of either cell.
    #[must_use]
    pub fn noise_of(&self, figure: Figure, one: &CellKey, other: &CellKey) -> f64 {
        let matters = |noise: &&Noise| match noise.kind {
            NullKind::Twins => [one, other].iter().any(|cell| cell.load.class() == noise.one.load.class()),
            NullKind::Halves => noise.one == *one || noise.one == *other,
        };
        let deviation = |noise: &Noise| noise.ratios.get(figure).deviation();
        self.noise.iter().filter(matters).map(deviation).fold(0.0, f64::max)
    }

    /// What a pair shows of one figure, the noise of its cells considered.
    #[must_use]
    pub fn verdict(&self, figure: Figure, pair: &Pair) -> (Comparison, Verdict) {
        let comparison = pair.ratios.get(figure);
        (comparison, comparison.verdict(self.noise_of(figure, &pair.one, &pair.other)))
    }
}

#[cfg(test)]
pub(crate) mod tests;
