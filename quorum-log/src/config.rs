//! What a replica is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use openraft::raft::linearizable_read::LinearizerOption;
use openraft::{Config as RaftConfig, ReadPolicy, SnapshotPolicy, StepDownPolicy};
use partition::ids::{NodeId, PartitionId};
use partition::log::{Durability, LogConfig};
use partition::transport::Address;

use crate::mutant::{Mutant, Mutated};

/// One replica of one partition.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub node: NodeId,
    /// The founders, who voted first, and where they listen: the same on every node, and for good. Who votes later is for an
    /// operator to say; where a founder listens now may be said here anew.
    pub voters: BTreeMap<NodeId, Address>,
    /// Which partition.
    pub partition: PartitionId,
    /// This node's directory: the log goes to `<dir>/<partition>`, votes go to `<dir>/meta`.
    pub dir: PathBuf,
    /// How the log is kept.
    pub log: LogConfig,
    /// How soon a leader is missed.
    pub timing: Timing,
    /// How a leader proves that it leads, before it answers a linearizable read.
    pub reads: Reads,
}

/// How a leader proves that it leads, before it answers a linearizable read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Most voters confirm it, asked after the read has come. No clock is trusted.
    #[default]
    Index,
    /// Most voters confirmed it a while ago, and have promised to elect nobody for a while. No message, but a read is only
    /// right while no voter's clock runs more than a quarter faster than the leader's, and no leader's clock stands still
    /// while the others' run (a machine that is suspended). Where the lease has run out, most voters are asked.
    Lease,
}

/// The part of a lease that reads rely on: voters keep their promise for the whole of it, each by its own clock.
const LEASE_FOR_READS: (u32, u32) = (4, 5);

impl Reads {
    /// What openraft is asked for.
    pub(crate) fn linearizer(self, timing: Timing) -> LinearizerOption {
        match self {
            Self::Index => ReadPolicy::ReadIndex.into(),
            Self::Lease => {
                let (part, of) = LEASE_FOR_READS;
                LinearizerOption::new(Some(timing.election_max * part / of), true)
            }
        }
    }
}

/// When a leader speaks, and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often an idle leader speaks. Default: 300 ms.
    pub heartbeat: Duration,
    /// The shortest silence after which a follower stands for election. Default: 1 s.
    pub election_min: Duration,
    /// The longest such silence, and how long a leader's lease holds. Default: 2 s.
    pub election_max: Duration,
}

impl Default for Timing {
    /// Raft's paper asks that a silence be far longer than a round trip. A round trip here ends with a sync on a disk
    /// that others use too, which may take 100 ms now and then: so not the paper's 150 to 300 ms, but seconds.
    /// A follower that waits out the lease misses six heartbeats. openraft wakes five times in each heartbeat, on each replica,
    /// and these wakes (0.1 ms each, mostly cold caches) are nearly all that an idle partition costs.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(300),
            election_min: Duration::from_secs(1),
            election_max: Duration::from_secs(2),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A founder does not know itself.
    #[error("node {0} is not among the founders: start it as one that joins, and have an operator add it")]
    NotAFounder(NodeId),
    /// Who founded the partition does not join it.
    #[error(
        "node {0} is among the founders: start it as one; if it has lost its disk, give it a new number and have it join"
    )]
    NotAJoiner(NodeId),
    /// The times contradict each other.
    #[error("heartbeat < shortest election < longest election must hold: {0}")]
    Timing(String),
}

/// The most entries in one message; bytes bound it as well.
pub(crate) const ENTRIES_PER_MESSAGE: u64 = 4096;
/// The most client calls that openraft joins into one append: few enough that the first does not wait for the last. With
/// 64, 256 and 4096, and up to 512 calls in flight, three voters on two cores showed no difference beyond the noise.
const CALLS_PER_APPEND: u64 = 256;

impl Config {
    /// Checks what can be checked of a founder without the other nodes.
    pub(crate) fn check_founder(&self) -> Result<(), ConfigError> {
        if self.voters.contains_key(&self.node) { Ok(()) } else { Err(ConfigError::NotAFounder(self.node)) }
    }

    /// The same of one that joins.
    pub(crate) fn check_joiner(&self) -> Result<(), ConfigError> {
        if self.voters.contains_key(&self.node) { Err(ConfigError::NotAJoiner(self.node)) } else { Ok(()) }
    }

    /// How openraft is set up, and why where it is not its default.
    pub(crate) fn raft(&self, mutated: Mutated) -> Result<RaftConfig, ConfigError> {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let lease = millis(self.timing.election_max);
        let config = RaftConfig {
            cluster_name: self.partition.to_string(),
            heartbeat_interval: millis(self.timing.heartbeat),
            election_timeout_min: millis(self.timing.election_min),
            election_timeout_max: lease,
            max_payload_entries: ENTRIES_PER_MESSAGE,
            api_batch_capacity: CALLS_PER_APPEND,
            // Replication starts when an append has been handed to the writer, not a round of the loop later.
            broadcast_submitted_on_append: Some(true),
            // H-01: a leader's epoch ends with its process, for its own sync runs beside replication.
            enable_leader_restore: Some(mutated.breaks(Mutant::RestoreLeader)),
            // A node that was cut off and comes back does not depose a leader that is well.
            enable_pre_vote: Some(!mutated.breaks(Mutant::SkipPreVote)),
            // A leader that reaches one voter only falls silent for a while, so that another can be elected;
            // at least the lease and the longest election.
            quorum_loss_probe_interval: Some(2 * lease),
            // H-09: the log is the state. A snapshot is the place where it starts; only a trim moves that, at once.
            snapshot_policy: SnapshotPolicy::Never,
            replication_lag_threshold: u64::MAX,
            max_in_snapshot_log_to_keep: 0,
            purge_batch_size: 1,
            // A leader that is voted out hands over as soon as the others have heard of it.
            removed_leader_step_down: StepDownPolicy::After(millis(self.timing.heartbeat)),
            // A follower that lacks what it had acknowledged stays outside. Without syncs it may have forgotten, and
            // goes on: a promise that was never made is not broken.
            allow_log_reversion: Some(self.log.durability == Durability::Cached),
            ..RaftConfig::default()
        };
        config.validate().map_err(|error| ConfigError::Timing(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let voters = BTreeMap::from([(NodeId(1), Address::simulated(NodeId(1)))]);
        Config {
            node: NodeId(1),
            voters,
            partition: PartitionId::new("t", 0).unwrap(),
            dir: PathBuf::new(),
            log: LogConfig::default(),
            timing: Timing::default(),
            reads: Reads::default(),
        }
    }

    #[test]
    fn h01_no_leader_resumes_its_epoch_and_a_returning_node_asks_first() {
        let raft = config().raft(Mutated::NOT).unwrap();
        assert_eq!(raft.enable_leader_restore, Some(false));
        assert_eq!(raft.enable_pre_vote, Some(true));
        let probe = raft.quorum_loss_probe_interval.unwrap();
        assert!(probe >= 2 * raft.election_timeout_max, "a probe phase outlasts lease and election");
    }

    #[test]
    fn a_stranger_founds_nothing_and_a_founder_does_not_join_and_times_must_work() {
        let stranger = Config { node: NodeId(7), ..config() };
        assert_eq!(stranger.check_founder(), Err(ConfigError::NotAFounder(NodeId(7))));
        assert_eq!(stranger.check_joiner(), Ok(()));
        assert_eq!(config().check_joiner(), Err(ConfigError::NotAJoiner(NodeId(1))));
        let timing = Timing { heartbeat: Duration::from_secs(3), ..Timing::default() };
        assert!(Config { timing, ..config() }.raft(Mutated::NOT).is_err());
    }
}
