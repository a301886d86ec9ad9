//! What is to be measured.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use partition::partition::Acks;

use super::conditions::Conditions;
use super::knee;
use crate::system::{Hosting, Shape};
use crate::workload::{Arrivals, Gathering, Keys, Load, Payload, Percent, Rate, Schedule, Span};

/// One cell: a cluster and a load on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The cluster.
    pub shape: Shape,
    /// What counts as an answer.
    pub acks: Acks,
    /// How work arrives.
    pub load: Load,
}

/// A cluster whose knee is to be found, and then measured at shares of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadSweep {
    /// The cluster.
    pub shape: Shape,
    /// What counts as an answer.
    pub acks: Acks,
    /// How batches scatter around their rate.
    pub arrivals: Arrivals,
    /// Per cent of the knee, each a cell.
    pub shares: &'static [u32],
}

impl LoadSweep {
    /// From a load that no system feels to one that it just holds.
    pub const SHARES: &'static [u32] = &[10, 25, 50, 75, 90, 95];

    /// Its cells, when it is known where the knee is.
    pub(super) fn cells(self, knee: Rate) -> impl Iterator<Item = Setting> {
        let Self { shape, acks, arrivals, shares } = self;
        shares.iter().map(move |share| {
            let percent = Percent(*share);
            let schedule = Schedule { rate: knee.share(percent), arrivals, of_knee: Some(percent) };
            Setting { shape, acks, load: Load::Open(schedule) }
        })
    }
}

/// Cells that are measured in the same blocks. Their clusters are up together.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The cells, in the order they are reported.
    pub cells: Vec<Setting>,
    /// Whose knees are found first; their cells follow the others.
    pub sweeps: Vec<LoadSweep>,
    /// What their clusters run under.
    pub conditions: Conditions,
}

impl Group {
    /// The clusters it needs: cells of one shape share one.
    #[must_use]
    pub fn shapes(&self) -> Vec<Shape> {
        let swept = self.sweeps.iter().map(|sweep| sweep.shape);
        let shapes: BTreeSet<Shape> = self.cells.iter().map(|cell| cell.shape).chain(swept).collect();
        shapes.into_iter().collect()
    }
}

/// How many clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producers(u32);

impl Producers {
    /// More only share one process's time.
    pub const MAX: u32 = 256;
    /// One connection.
    pub const ONE: Self = Self(1);

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Producers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = text.parse().ok().filter(|count| (1..=Self::MAX).contains(count));
        count.map(Self).ok_or_else(|| format!("producers must be 1 to {}, not {text:?}", Self::MAX))
    }
}

/// A whole measurement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One after the other.
    pub groups: Vec<Group>,
    /// How many blocks each cell gets.
    pub blocks: usize,
    /// How long each block sends.
    pub span: Span,
    /// What is sent before each block and not counted: connections, caches and idle pollers wake up.
    pub lead_in: Span,
    /// What it is called, where a file of the user's describes it.
    pub workload: Option<String>,
    /// What records hold.
    pub payload: Payload,
    /// How they come to be batches.
    pub gathering: Gathering,
    /// How many keys they have.
    pub keys: Keys,
    /// How many clients send, each through a connection of its own.
    pub producers: Producers,
    /// Decides the order of cells, what records hold, and which blocks the bootstrap draws.
    pub seed: u64,
    /// Where replicas run.
    pub hosting: Hosting,
}

impl Plan {
    /// Lead-in of a block, the warm-up that is dropped: a tenth of the block, at least enough for some hundred
    /// operations.
    #[must_use]
    pub fn lead_in_of(span: Span) -> Span {
        Span((span.0 / 10).max(Duration::from_millis(50)))
    }

    /// How many blocks there are in all.
    #[must_use]
    pub fn total_blocks(&self) -> usize {
        let swept = |group: &Group| group.sweeps.iter().map(|sweep| sweep.shares.len()).sum::<usize>();
        self.groups.iter().map(|group| group.cells.len() + swept(group)).sum::<usize>() * self.blocks
    }

    /// About how long it takes, not counting starts and ends of clusters.
    #[must_use]
    pub fn expected(&self) -> Duration {
        let sweeps: usize = self.groups.iter().map(|group| group.sweeps.len()).sum();
        let times = |count| u32::try_from(count).unwrap_or(u32::MAX);
        (self.span.0 + self.lead_in.0) * times(self.total_blocks()) + knee::EXPECTED * times(sweeps)
    }
}
