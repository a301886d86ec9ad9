//! How many partitions a cluster has, and how its nodes go about so many.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use partition::ids::{ByteSize, NodeId, PartitionId};
use partition::log::LogConfig;
use quorum_log::Timing;
use serde::{Deserialize, Serialize};

/// What one node's logs may keep in memory for readers, all together; one alone takes no more than its default.
const CACHES: ByteSize = ByteSize::mib(256);
/// What may wait for one node's writer, all together.
const PENDING: ByteSize = ByteSize::mib(1024);
/// The least that one log needs of each: its largest batch, and one more that comes meanwhile.
const SHARE_MIN: ByteSize = ByteSize::mib(2);
/// As many raft groups beat at the usual pace. On two cores a hundred idle ones of three replicas took 0.2 of a core, and a thousand
/// would take more than both; beyond this number all beat more rarely. Databases with a group for each range do the same.
const AT_USUAL_PACE: u32 = 250;
/// How long heartbeats are gathered at the usual pace: an eighth of their interval.
const GATHERED_WITHIN: Duration = Duration::from_millis(25);

/// How many partitions a cluster has: 1 to [`Partitions::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Partitions(u32);

/// Why a number is none of partitions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partitions must be 1 to {max}, not {0:?}", max = Partitions::MAX)]
pub struct NotPartitions(String);

impl Partitions {
    /// More would need more files (seven for each on a node) than most systems let a process have: 20,000.
    pub const MAX: u32 = 2000;
    /// One partition.
    pub const ONE: Self = Self(1);

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Partitions {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u32> for Partitions {
    type Error = NotPartitions;

    fn try_from(count: u32) -> Result<Self, NotPartitions> {
        if (1..=Self::MAX).contains(&count) { Ok(Self(count)) } else { Err(NotPartitions(count.to_string())) }
    }
}

impl From<Partitions> for u32 {
    fn from(partitions: Partitions) -> Self {
        partitions.0
    }
}

impl FromStr for Partitions {
    type Err = NotPartitions;

    fn from_str(text: &str) -> Result<Self, NotPartitions> {
        let wrong = || NotPartitions(text.to_owned());
        text.parse::<u32>().map_err(|_| wrong())?.try_into().map_err(|_| wrong())
    }
}

impl fmt::Display for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a majority's heartbeats go from node to node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heartbeats {
    /// A frame for each partition's.
    #[default]
    Each,
    /// Those of all partitions to one node in a frame.
    Gathered,
}

impl FromStr for Heartbeats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "each" => Ok(Self::Each),
            "gathered" => Ok(Self::Gathered),
            _ => Err(format!("{text:?} is none of each, gathered")),
        }
    }
}

/// How many partitions a cluster has, and how its nodes go about so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scale {
    /// How many.
    pub partitions: Partitions,
    /// quorum only: how heartbeats go.
    pub heartbeats: Heartbeats,
}

impl Scale {
    /// The partitions, the first of which is given.
    pub fn ids(self, first: &PartitionId) -> impl Iterator<Item = PartitionId> + use<> {
        let first = first.clone();
        (0..self.partitions.0).map(move |number| {
            let number = first.number().saturating_add(number);
            PartitionId::new(first.topic(), number).expect("the topic was legal before")
        })
    }

    /// Each partition is first led by another node, in turn: what is to lead comes first.
    #[must_use]
    pub fn in_turn(number: usize, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut nodes = nodes.to_vec();
        let turn = number.checked_rem(nodes.len()).unwrap_or(0);
        nodes.rotate_left(turn);
        nodes
    }

    /// A log of this cluster: what one would keep in memory is shared by all.
    pub(crate) fn log(self, one: LogConfig) -> LogConfig {
        let share = |all: ByteSize, one: ByteSize| {
            let share = ByteSize(all.0 / u64::from(self.partitions.0));
            share.max(SHARE_MIN).min(one)
        };
        LogConfig {
            cache_bytes: share(CACHES, one.cache_bytes),
            pending_bytes_max: share(PENDING, one.pending_bytes_max),
            ..one
        }
    }

    /// How often raft groups beat, and when they miss a leader.
    pub(crate) fn timing(self, one: Timing) -> Timing {
        let slower = self.slower();
        let Timing { heartbeat, election_min, election_max } = one;
        Timing {
            heartbeat: heartbeat * slower,
            election_min: election_min * slower,
            election_max: election_max * slower,
        }
    }

    /// How heartbeats go, as the nodes are told.
    pub(crate) fn heartbeats(self) -> quorum_log::host::Heartbeats {
        match self.heartbeats {
            Heartbeats::Each => quorum_log::host::Heartbeats::Each,
            Heartbeats::Gathered => quorum_log::host::Heartbeats::Gathered(GATHERED_WITHIN * self.slower()),
        }
    }

    fn slower(self) -> u32 {
        self.partitions.0.div_ceil(AT_USUAL_PACE)
    }

    /// How much longer what takes a while for one partition may take for all of them.
    #[must_use]
    pub fn patience(self, one: Duration) -> Duration {
        /// Files made and synced, elections recorded: on a busy disk, and three nodes share it.
        const FOR_EACH_MORE: Duration = Duration::from_millis(200);
        one + FOR_EACH_MORE * (self.partitions.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(partitions: u32) -> Scale {
        Scale { partitions: partitions.try_into().unwrap(), ..Scale::default() }
    }

    #[test]
    fn leaders_are_spread_evenly_over_the_nodes() {
        let nodes = [1, 2, 3].map(NodeId);
        let first = |number| Scale::in_turn(number, &nodes)[0];
        let led = |node| (0..1000).filter(|number| first(*number) == NodeId(node)).count();
        assert_eq!([led(1), led(2), led(3)], [334, 333, 333]);
        assert_eq!(Scale::in_turn(4, &nodes), [2, 3, 1].map(NodeId));
    }

    #[test]
    fn memory_does_not_grow_with_the_partitions_beyond_their_least_share() {
        let one = LogConfig::default();
        assert_eq!(scale(1).log(one.clone()), one, "a lone partition is kept as ever");
        let thousand = scale(1000).log(one.clone());
        assert_eq!((thousand.cache_bytes, thousand.pending_bytes_max), (SHARE_MIN, SHARE_MIN));
        assert!(scale(10).log(one).cache_bytes < ByteSize::mib(26));
    }

    #[test]
    fn beyond_some_number_of_groups_they_beat_more_rarely_and_gather_longer() {
        let usual = Timing::default();
        assert_eq!(scale(250).timing(usual), usual);
        let thousand = Scale { heartbeats: Heartbeats::Gathered, ..scale(1000) };
        assert_eq!(thousand.timing(usual).heartbeat, usual.heartbeat * 4);
        assert_eq!(thousand.timing(usual).election_max, usual.election_max * 4);
        assert_eq!(thousand.heartbeats(), quorum_log::host::Heartbeats::Gathered(GATHERED_WITHIN * 4));
    }

    #[test]
    fn partitions_are_numbered_from_the_first_on_and_counted_within_reason() {
        let first: PartitionId = "t-7".parse().unwrap();
        let ids: Vec<String> = scale(3).ids(&first).map(|id| id.to_string()).collect();
        assert_eq!(ids, ["t-7", "t-8", "t-9"]);
        for wrong in ["0", "2001", "-1", "x", ""] {
            assert!(wrong.parse::<Partitions>().is_err(), "{wrong:?}");
        }
    }
}
