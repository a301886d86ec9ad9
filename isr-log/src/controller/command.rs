//! What a metadata record says: a command, and the controller epoch in which it was given.

use std::fmt;

use bytes::Bytes;
use partition::ids::{Epoch, NodeId, PartitionId};
use partition::transport::codec::{self, DecodeError};
use serde::{Deserialize, Serialize};

use super::image::Snapshot;
use super::lease::Leases;
use crate::metadata::{Incarnation, LogEnd, Members, PartitionSpec, Version};
use crate::rules::HistoricRules;

/// One controller's time in office, claimed by a record. Not a leader epoch: it fences controllers, not leaders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ControllerEpoch(pub u64);

impl ControllerEpoch {
    /// The epoch that the next claim must name.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("no run claims 2^64 times"))
    }
}

impl fmt::Display for ControllerEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// One metadata record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The epoch of the controller that wrote it; a claim carries the epoch that it claims.
    pub epoch: ControllerEpoch,
    /// What it asks for.
    pub command: Command,
}

impl Record {
    /// The record as a value of the metadata partition.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        codec::encode(self)
    }

    /// Reads a value of the metadata partition.
    ///
    /// # Errors
    /// [`DecodeError`] when this version of the program does not know such a record.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(value)
    }
}

/// What a controller asks for. New kinds go to the end: the encoding counts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// This controller takes office. Counts only when it names the epoch after the current one.
    Claim {
        /// The controller.
        node: NodeId,
    },
    /// Creates a partition, in sync on those of its replicas that are alive.
    CreatePartition(PartitionSpec),
    /// A broker process begins a life, which ends its former one. It begins fenced.
    Register(Registration),
    /// A broker was silent for too long.
    Fence {
        /// Which one.
        broker: NodeId,
        /// In which life: a later one is not meant.
        incarnation: Incarnation,
    },
    /// A fenced broker has been heard from, and has read that it was fenced.
    Unfence {
        /// Which one.
        broker: NodeId,
        /// In which life.
        incarnation: Incarnation,
    },
    /// A leader found followers too slow, or caught up again.
    AlterInSync(AlterInSync),
    /// A broker is going to stop: it hands over what it leads, and leaves every in-sync set (KIP-841).
    Leave {
        /// Which one.
        broker: NodeId,
        /// In which life.
        incarnation: Incarnation,
    },
    /// Makes the first of the assigned replicas lead again, if it is in sync.
    ElectPreferred(PartitionId),
    /// From here on these rules hold.
    SetRules(HistoricRules),
    /// All that the records before this one have decided. Counts only right behind the last of them (H-15).
    Snapshot(Box<Snapshot>),
    /// A partition is to be replicated by these; in place of a reassignment that is under way (KIP-455).
    Reassign(Reassign),
    /// The reassignment that is under way ends where it began.
    CancelReassignment(PartitionId),
    /// A member says what it has, so that a leader can be found.
    ReportLog(LogReport),
    /// From here on leases may be granted on these terms, or none any more (H-16).
    SetLeases(Leases),
}

/// An operator's wish to have a partition replicated elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassign {
    /// Which partition.
    pub partition: PartitionId,
    /// By whom, in assignment order.
    pub replicas: Vec<NodeId>,
}

/// What a member of an in-sync set has, said in an epoch without a leader: by then it takes nothing from an older one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// Of which partition.
    pub partition: PartitionId,
    /// Who says so.
    pub broker: NodeId,
    /// In which life: what it had in another one may be gone.
    pub incarnation: Incarnation,
    /// In which epoch it was asked.
    pub epoch: Epoch,
    /// How its log ends.
    pub end: LogEnd,
}

/// A broker process that begins a life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The broker.
    pub node: NodeId,
    /// The life it takes to be registered now: so that a late copy of a registration cannot end a newer life.
    pub replaces: Option<Incarnation>,
    /// What it found on its disk.
    pub disk: Disk,
}

/// What a broker's disk still holds of its former lives, as its synced incarnation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disk {
    /// No incarnation: the broker is new, or its disk was wiped (H-02).
    Fresh,
    /// The log of that life, which ended in a crash: all that was stored, if nothing worse than the process died.
    Crashed(Incarnation),
    /// The log of that life, which ended in order: the clean-shutdown marker names it (H-03).
    Clean(Incarnation),
    /// As [`Disk::Crashed`], of a broker that calls stored what is only written: a loss of power may have taken some of it.
    Unsynced(Incarnation),
}

impl Disk {
    /// The last life that the disk tells of.
    #[must_use]
    pub fn life(self) -> Option<Incarnation> {
        match self {
            Self::Fresh => None,
            Self::Crashed(life) | Self::Clean(life) | Self::Unsynced(life) => Some(life),
        }
    }
}

/// A leader's proposal of another in-sync set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterInSync {
    /// Which partition.
    pub partition: PartitionId,
    /// Who proposes: the leader.
    pub leader: NodeId,
    /// The epoch in which it leads.
    pub epoch: Epoch,
    /// The version it is based on.
    pub version: Version,
    /// The set it proposes, each with the life in which it caught up (S-08).
    pub in_sync: Members,
}
