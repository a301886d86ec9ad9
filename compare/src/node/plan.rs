//! What all nodes of one cluster are told alike: who takes part, and on which terms.

use std::collections::BTreeMap;
use std::time::Duration;

use isr_log::metadata::CommitRule;
use partition::ids::{ByteSize, NodeId, PartitionId};
use partition::log::{Durability, LogConfig};
use partition::transport::Address;
use serde::{Deserialize, Serialize};

use super::disk::DiskTerms;
use super::injected::Injection;
use super::scale::Scale;

/// The cluster, as each of its nodes is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The partition they replicate; the first of them, when there are many.
    pub partition: PartitionId,
    /// The replicas in assignment order of their ids, and where they listen.
    pub replicas: BTreeMap<NodeId, Address>,
    /// Nodes that may be made replicas later, and where they listen.
    #[serde(default)]
    pub spares: BTreeMap<NodeId, Address>,
    /// isr only: the controllers.
    pub controllers: BTreeMap<NodeId, Address>,
    /// isr only: how many must be in sync.
    pub min_isr: usize,
    /// isr only: whom a commit waits for.
    pub commit: CommitRule,
    /// Floors only: how many copies an acknowledgement waits for.
    pub copies: usize,
    /// What counts as stored. The controllers' own log is always synced (H-15).
    pub durability: Durability,
    /// Delays that every node injects into itself; without any, nothing is in the way.
    #[serde(default)]
    pub injected: Option<Injection>,
    /// How many partitions there are.
    #[serde(default)]
    pub scale: Scale,
    /// How soon a silent node is missed, where it is not to be as soon as by the systems' own defaults.
    #[serde(default)]
    pub times: Option<Times>,
    /// What stands between its nodes and their files.
    #[serde(default)]
    pub disk: DiskTerms,
    /// How large segments of logs are, where they are not to be as large as by default.
    #[serde(default)]
    pub segment: Option<ByteSize>,
}

/// How soon silent nodes are missed, the same of both systems as far as they have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// isr: how long a broker may be silent before it is fenced.
    pub session: Duration,
    /// isr: how often it shows that it is alive.
    pub heartbeat: Duration,
    /// isr: how long a follower may lag before it leaves the in-sync set.
    pub lag_max: Duration,
    /// Voters: how often a leader shows that it is alive.
    pub beat: Duration,
    /// Voters: one that hears nothing calls an election after so long, at the earliest.
    pub election_min: Duration,
    /// At the latest.
    pub election_max: Duration,
}

impl Times {
    /// So that each is missed after about a second: short enough for many trials, longer than a busy machine makes a process
    /// wait. A voter calls an election when its leader's lease (`election_max`) and then its own timeout have passed.
    pub const A_SECOND: Self = Self {
        session: Duration::from_secs(1),
        heartbeat: Duration::from_millis(200),
        lag_max: Duration::from_secs(1),
        beat: Duration::from_millis(100),
        election_min: Duration::from_millis(300),
        election_max: Duration::from_millis(600),
    };
}

/// Why a plan cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The node is not in it.
    #[error("node {node} is not among the {what}: {known:?}")]
    Stranger {
        /// Who.
        node: NodeId,
        /// Replicas, or controllers.
        what: &'static str,
        /// Who is.
        known: Vec<NodeId>,
    },
    /// A number does not fit the others.
    #[error("{what} must be 1 to {max}, not {found}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What it was.
        found: usize,
        /// The most it can be.
        max: usize,
    },
    /// An in-sync set without controllers.
    #[error("an isr replica needs controllers")]
    NoControllers,
}

impl Plan {
    /// All who are replicas, or may become some.
    #[must_use]
    pub fn everybody(&self) -> BTreeMap<NodeId, Address> {
        self.replicas.iter().chain(&self.spares).map(|(node, address)| (*node, *address)).collect()
    }

    /// Checks what one node can check.
    ///
    /// # Errors
    /// Why not, in one line for the user.
    pub fn check(&self, node: NodeId, role: super::Role) -> Result<(), PlanError> {
        use super::Role;
        let (what, among) = match role {
            Role::Controller => ("controllers", &self.controllers),
            Role::Isr | Role::Quorum | Role::FloorLeader | Role::FloorEcho => ("replicas", &self.replicas),
        };
        let may_join = matches!(role, Role::Isr | Role::Quorum) && self.spares.contains_key(&node);
        if !among.contains_key(&node) && !may_join {
            return Err(PlanError::Stranger { node, what, known: among.keys().copied().collect() });
        }
        let number = |what, found: usize| {
            let max = self.replicas.len();
            if (1..=max).contains(&found) { Ok(()) } else { Err(PlanError::Number { what, found, max }) }
        };
        match role {
            Role::Isr => {
                number("min-isr", self.min_isr)?;
                if self.controllers.is_empty() { Err(PlanError::NoControllers) } else { Ok(()) }
            }
            Role::FloorLeader => number("copies", self.copies),
            Role::Quorum | Role::Controller | Role::FloorEcho => Ok(()),
        }
    }

    /// How each partition's log is kept.
    #[must_use]
    pub fn log(&self) -> LogConfig {
        let defaults = LogConfig::default();
        let segment_bytes = self.segment.unwrap_or(defaults.segment_bytes);
        self.scale.log(LogConfig { durability: self.durability, segment_bytes, ..defaults })
    }

    /// Each partition, and its replicas: who is to lead it at first comes first.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionId, Vec<NodeId>)> + use<> {
        let replicas: Vec<NodeId> = self.replicas.keys().copied().collect();
        let turns = move |(number, id)| (id, Scale::in_turn(number, &replicas));
        self.scale.ids(&self.partition).enumerate().map(turns)
    }
}
