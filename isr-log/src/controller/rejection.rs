//! Why a metadata record does not count.

use partition::ids::{Epoch, NodeId, Offset, PartitionId};
use serde::{Deserialize, Serialize};

use super::command::ControllerEpoch;
use crate::metadata::{Incarnation, Version};

/// Why a record does not count. It never will: a rejected record stays rejected wherever the log is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// The controller that wrote it had been deposed, or claimed an epoch that was taken (H-13).
    #[error("controller epoch {found}, but {current} is in office")]
    StaleController {
        /// The epoch in office.
        current: ControllerEpoch,
        /// The record's.
        found: ControllerEpoch,
    },
    /// The registration took another life to be registered.
    #[error("registered as {current:?} already")]
    Superseded {
        /// What is registered: name that, and try again.
        current: Option<Incarnation>,
    },
    /// A broker that was never seen before, beyond the limit.
    #[error("{limit} brokers have registered; no more are taken")]
    TooManyBrokers {
        /// The limit.
        limit: usize,
    },
    /// No such broker, or not in that life.
    #[error("broker {broker} does not live as {incarnation}")]
    NotThatLife {
        /// Which broker.
        broker: NodeId,
        /// The life it was said to be in.
        incarnation: Incarnation,
    },
    /// It is fenced, or alive, as asked for.
    #[error("broker {0} is so already")]
    NothingToDo(NodeId),
    /// A partition is created once.
    #[error("partition {0} exists")]
    Exists(PartitionId),
    /// What a partition is asked to be makes no sense.
    #[error("not a possible partition: {0}")]
    Impossible(String),
    /// Too few of its replicas are alive to create it.
    #[error("{alive} of its replicas are alive, {needed} needed")]
    TooFewAlive {
        /// Replicas that are alive.
        alive: usize,
        /// How many must be.
        needed: usize,
    },
    /// No such partition.
    #[error("no partition {0}")]
    NoSuchPartition(PartitionId),
    /// The proposer does not lead, or not in that epoch.
    #[error("leader {leader:?} in epoch {epoch}")]
    NotLeader {
        /// Who leads.
        leader: Option<NodeId>,
        /// In which epoch.
        epoch: Epoch,
    },
    /// Based on another version: the partition has changed since, perhaps by an earlier copy of this very proposal.
    #[error("at {current}")]
    StaleVersion {
        /// The version now.
        current: Version,
    },
    /// The proposed set lacks the leader.
    #[error("an in-sync set without its leader")]
    WithoutLeader,
    /// A proposed member is no replica, is fenced or leaving, or lives another life (S-08).
    #[error("broker {0} may not be in sync")]
    Ineligible(NodeId),
    /// Its leader was elected uncleanly, and has to propose itself alone first.
    #[error("its leader has not begun anew yet")]
    Recovering,
    /// The preferred leader is not in sync, or not alive.
    #[error("broker {0} may not lead")]
    MayNotLead(NodeId),
    /// By [`CommitRule::EnoughInSync`], fewer members than a commit needs would be left on record.
    ///
    /// [`CommitRule::EnoughInSync`]: crate::metadata::CommitRule::EnoughInSync
    #[error("an in-sync set of {found}, where a commit needs {needed}")]
    TooSmall {
        /// How many were proposed.
        found: usize,
        /// How many a commit needs.
        needed: usize,
    },
    /// Too few others are alive to find who leads after this broker: it leads on until it ends.
    #[error("too few others are alive to find another leader of {0}")]
    NoSuccessor(PartitionId),
    /// Nobody is asked what he has, or not in that epoch, or not that life of him.
    #[error("broker {0} is not asked what it has")]
    NotAsked(NodeId),
    /// A partition beyond the limit.
    #[error("there are {limit} partitions; no more are taken")]
    TooManyPartitions {
        /// The limit.
        limit: usize,
    },
    /// A snapshot that does not stand right behind what it is a snapshot of (H-15).
    #[error("a snapshot as of {as_of}, at {at}")]
    Misplaced {
        /// The last record it takes into account.
        as_of: Offset,
        /// Where it lies.
        at: Offset,
    },
    /// The partition is assigned so, or on its way there.
    #[error("partition {0} is assigned so already")]
    AssignedAlready(PartitionId),
    /// There is no reassignment to cancel: it is complete, or never was.
    #[error("partition {0} is not being reassigned")]
    NotReassigning(PartitionId),
    /// To cancel would remove replicas that hold what is committed, while too few others do.
    #[error(
        "without the replicas that were added {left} would be in sync, of at least {needed}: wait until more of the former \
         ones are, or reassign to others"
    )]
    Needed {
        /// How many would be left in sync.
        left: usize,
        /// How many must be.
        needed: usize,
    },
}
