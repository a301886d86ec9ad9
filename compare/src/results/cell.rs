//! One cell of a run: a setting, what it survives, what was measured.

use std::fmt;

use partition::log::Durability;
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::per_ack::PerAck;
use super::predicted::Prediction;
use super::{names, told_load};
use crate::model::Quantiles;
use crate::profile::NATURAL;
use crate::stats::{Interval, Ratios};
use crate::system::System;
use crate::workload::{self, Arrivals, Percent, Schedule};

/// Which cell of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellKey {
    /// What it runs.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// isr only.
    pub min_isr: Option<usize>,
    /// What counts as an answer.
    #[serde(with = "names::acks")]
    pub acks: Acks,
    /// What counts as stored.
    #[serde(with = "names::durability")]
    pub durability: Durability,
    /// How work arrives.
    #[serde(flatten)]
    pub load: Load,
    /// Delays that are injected.
    #[serde(default = "nothing_injected")]
    pub profile: String,
    /// Replicas that are slowed down.
    #[serde(default)]
    pub slow_replicas: usize,
    /// How many partitions share the load.
    #[serde(default = "one_partition")]
    pub partitions: u32,
}

/// What files say that were written when there was one.
pub(super) fn one_partition() -> u32 {
    1
}

/// What files say that were written before anything could be.
fn nothing_injected() -> String {
    NATURAL.to_owned()
}

/// How work arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "told_load::ToldLoad")]
pub enum Load {
    /// The next batch when one is answered.
    Closed {
        /// Batches at once.
        in_flight: u32,
    },
    /// By a schedule that waits for nobody; latencies count from when batches were due.
    Open {
        /// Records a second.
        rate: u32,
        /// How they scatter.
        arrivals: Arrivals,
        /// So many per cent of this system's own knee, if that is what the rate is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        knee_percent: Option<Percent>,
    },
}

impl Load {
    /// A closed loop with one batch in flight: no queue anywhere.
    pub const ONE: Self = Self::Closed { in_flight: 1 };

    /// What loads have in common that are compared: equal shares of each system's own knee are, at whatever rates.
    #[must_use]
    pub fn class(self) -> Self {
        match self {
            Self::Open { arrivals, knee_percent: Some(percent), .. } => {
                Self::Open { rate: 0, arrivals, knee_percent: Some(percent) }
            }
            own => own,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { in_flight } => write!(f, "{in_flight} in flight"),
            Self::Open { rate: 0, arrivals, knee_percent: Some(percent) } => {
                write!(f, "{} % of each one's knee ({arrivals})", percent.0)
            }
            Self::Open { rate, arrivals, knee_percent: None } => write!(f, "{rate} a second ({arrivals})"),
            Self::Open { rate, arrivals, knee_percent: Some(percent) } => {
                write!(f, "{rate} a second ({arrivals}), {} % of its knee", percent.0)
            }
        }
    }
}

impl From<workload::Load> for Load {
    fn from(load: workload::Load) -> Self {
        match load {
            workload::Load::Closed(in_flight) => Self::Closed { in_flight: in_flight.get() },
            workload::Load::Open(Schedule { rate, arrivals, of_knee }) => {
                Self::Open { rate: rate.get(), arrivals, knee_percent: of_knee }
            }
        }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What it runs.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// isr only: how many must be in sync.
    pub min_isr: Option<usize>,
    /// k-of-isr only.
    pub k: Option<usize>,
    /// So many copies may be destroyed and no acknowledged record is lost. A floor promises nothing.
    pub f_d: Option<usize>,
    /// So many replicas may be down while writes go on.
    pub f_a: Option<usize>,
    /// What counts as an answer.
    #[serde(with = "names::acks")]
    pub acks: Acks,
    /// What counts as stored.
    #[serde(with = "names::durability")]
    pub durability: Durability,
    /// How work arrives.
    pub load: Load,
    /// Bytes of a record's value.
    pub record_bytes: u64,
    /// Records of a batch; the most of them where they linger.
    pub batch_records: u32,
    /// How long the first record of a batch waits for others; with 0 batches are made beforehand.
    pub linger_ms: u64,
    /// Distinct keys; without any, records have none.
    pub keys: u64,
    /// Clients.
    pub producers: u32,
    /// Partitions.
    pub partitions: u32,
    /// Delays that are injected.
    pub profile: String,
    /// Replicas that are slowed down.
    pub slow_replicas: usize,
    /// Which replica hangs in each block, and how long; none where none does.
    #[serde(default)]
    pub hang: Option<String>,
    /// In so many blocks the replica that hung was not in sync again in time; the block after one lacks it.
    #[serde(default)]
    pub lacking_blocks: usize,
    /// Whether what was injected is what was asked for; none where nothing was.
    #[serde(default)]
    pub injected: Option<InjectedCheck>,
    /// Whether each replica is a process of its own.
    pub processes: bool,
    /// Whether its nodes ran elsewhere, started by somebody else (`--hosts`): what they consumed is not known.
    #[serde(default)]
    pub elsewhere: bool,
    /// Blocks that were measured.
    pub blocks: usize,
    /// Records acknowledged.
    pub acked: u64,
    /// Records certainly not appended.
    pub failed: u64,
    /// Records whose outcome is not known.
    pub unknown: u64,
    /// All blocks together.
    pub seconds: f64,
    /// Whether an open loop's generator was so late that the figures are not the system's; a closed loop has no schedule
    /// to fall behind.
    pub slipped: bool,
    /// How late an open loop's generator was; none of a closed loop.
    #[serde(default)]
    pub slip: Option<Slip>,
    /// Why it was not measured, or not to its end.
    pub error: Option<String>,
    /// Figures; none when nothing was acknowledged.
    #[serde(flatten)]
    pub figures: Option<Figures>,
    /// What its rule was predicted to take, from the times to its copies; none where nobody is waited for.
    #[serde(default)]
    pub predicted_us: Option<Quantiles>,
    /// What other rules were predicted to take, and what is left over.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// The same figures against those of its floor.
    pub against_floor: Option<Ratios>,
    /// CPU time.
    pub cpu_seconds: Split<f64>,
    /// Resident memory after the last block.
    pub rss_bytes: Split<u64>,
    /// Bytes of batches written to logs.
    pub written_bytes: Split<u64>,
    /// Bytes of frames sent.
    pub sent_bytes: Split<u64>,
    /// Calls to fdatasync for log data.
    pub syncs: Split<u64>,
    /// All that for each acknowledged byte or record; none where nothing was acknowledged.
    #[serde(default)]
    pub per_ack: Option<PerAck>,
}

/// What a cell's acknowledged records give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Records acknowledged in a second.
    pub ops_per_s: f64,
    /// Megabytes (1e6) of record values acknowledged in a second.
    pub mb_per_s: f64,
    /// From submission to acknowledgement.
    pub latency_us: Latency,
    /// 95 % intervals; none when there are fewer than two blocks.
    pub interval: Option<Intervals>,
    /// All latencies, in nanoseconds: an HdrHistogram of format V2 in base64.
    pub histogram: String,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// 95 % intervals of figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the median, in microseconds.
    pub p50: Interval,
    /// Of the 99th percentile, in microseconds.
    pub p99: Interval,
    /// Of records a second.
    pub ops_per_s: Interval,
}

/// How late an open loop's generator sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slip {
    /// Half of the batches were not later than this, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 were not.
    pub p99_us: f64,
    /// The latest.
    pub max_us: f64,
    /// Blocks in which that was more than a tenth of the latency.
    pub blocks: usize,
    /// Records that were due and never sent.
    pub unsent: u64,
}

/// Whether delays were as long as they were drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InjectedCheck {
    /// Frames that were held, by nodes and the client.
    pub frames: u64,
    /// How late they were handed on, on average: what timers add to each delay.
    pub late_us: f64,
    /// Syncs that were made to last.
    pub syncs: u64,
    /// Of them, those for which the real disk took longer than was drawn.
    pub overrun: u64,
}

/// A quantity, by who consumed it. `None` where it could not be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Split<T> {
    /// The replicas.
    pub replicas: Option<T>,
    /// isr only: the controllers.
    pub controllers: Option<T>,
    /// The client.
    pub client: Option<T>,
}

impl Cell {
    /// Which cell this is.
    #[must_use]
    pub fn key(&self) -> CellKey {
        CellKey {
            system: self.system,
            replicas: self.replicas,
            min_isr: self.min_isr,
            acks: self.acks,
            durability: self.durability,
            load: self.load,
            profile: self.profile.clone(),
            slow_replicas: self.slow_replicas,
            partitions: self.partitions,
        }
    }

    /// Whether all that was sent was acknowledged, on time, by whole clusters, in all blocks.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.error.is_none()
            && self.failed == 0
            && self.unknown == 0
            && self.figures.is_some()
            && !self.slipped
            && self.lacking_blocks == 0
    }
}
