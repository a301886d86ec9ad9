//! What the controllers have decided: who replicates a partition, who leads it, who is in sync.

use std::collections::BTreeMap;
use std::fmt;

use partition::ids::{Epoch, NodeId, Offset, PartitionId};
use serde::{Deserialize, Serialize};

/// One life of a broker process: the metadata offset of its registration, so that a wiped broker cannot pass for the
/// old one (H-02). Kafka's broker epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub Offset);

/// How often a partition's state has changed; an ISR change names the version it is based on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The version after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("no run changes a partition 2^64 times"))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// What a partition was created with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionSpec {
    /// Which partition.
    pub id: PartitionId,
    /// Its replicas in assignment order: the first one in sync and alive is elected.
    pub replicas: Vec<NodeId>,
    /// How many must be in sync for a `Committed` append, and for the high watermark to move.
    pub min_isr: usize,
}

/// What the controllers have decided about a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// What it was created with.
    pub spec: PartitionSpec,
    /// Who leads, if anybody can.
    pub leader: Option<NodeId>,
    /// Raised by each election, and when a leader is lost that nobody can follow.
    pub epoch: Epoch,
    /// Who is in sync, each with the life in which it is.
    pub in_sync: BTreeMap<NodeId, Incarnation>,
    /// Raised by each change.
    pub version: Version,
}
