//! What replicas say to each other: fetches and acknowledgements (followers pull, C15), and proofs of leadership.

pub mod shared;

use std::cmp::Ordering;
use std::time::Duration;

use partition::ids::{ByteSize, Epoch, NodeId, Offset, PartitionId};
use partition::log::epochs::EpochEnd;
use serde::{Deserialize, Serialize};

use crate::metadata::{Incarnation, Version};
use shared::SharedFetch;

/// What one replica asks of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaRequest {
    /// A broker's followers ask another broker's leaders for records.
    Fetches(SharedFetch),
    /// They tell what they have, without asking for more. It has no reply.
    Reports(Vec<(PartitionId, Report)>),
    /// A leader asks a member of its in-sync set whether it still leads.
    Confirm(Confirm),
}

/// Counts what one follower has fetched of one leader's epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FetchNumber(pub u64);

impl FetchNumber {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a follower has. It stands in each fetch, and goes alone when a sync ends while a fetch is parked (H-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Report {
    /// Who reports.
    pub node: NodeId,
    /// In which of its lives (H-02).
    pub incarnation: Incarnation,
    /// Since when it has been a replica, as it has read: a log of an earlier time is gone (S-09).
    pub since: Version,
    /// In the epoch of which leader; another leader does not count it (S-04).
    pub epoch: Epoch,
    /// The fetch that it stands in, or that was sent last before it. One of an earlier fetch, which an old connection
    /// brings late, may speak of records that were cut since.
    pub fetch: FetchNumber,
    /// All below it is on its disk, to its promise of durability.
    pub durable_to: Offset,
    /// Its first offset, as it is on its disk, so that a trim is known to have arrived for good.
    pub log_start: Offset,
}

/// Asks for records, and says that all before them has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fetch {
    /// What the follower has.
    pub report: Report,
    /// Its log end: the first record it lacks.
    pub fetch_from: Offset,
    /// The epoch of its last record: the leader sees by it where the two logs part.
    pub last_epoch: Option<Epoch>,
    /// About how much to send.
    pub max_bytes: ByteSize,
    /// How long the leader may park it.
    pub max_wait: Duration,
}

/// The leader's answer to a fetch; the records themselves lie beside it as raw batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FetchReply {
    /// Here are records, or none: the wait ended, or there is other news.
    Records(News),
    /// The follower's last epoch ends here in the leader's log: cut, and fetch again.
    Diverged(EpochEnd),
    /// What the follower asks for is gone, or nothing of its log is the leader's: empty it, and start it again here.
    StartAt(Offset),
    /// Not now, or never.
    Refused(FetchRefusal),
}

/// What a leader tells with each reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct News {
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Its log start, which followers adopt.
    pub log_start: Offset,
}

/// Why a fetch is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum FetchRefusal {
    /// The follower is behind: it has missed an election.
    #[error("fenced: the epoch is {current}")]
    Fenced {
        /// The epoch here.
        current: Epoch,
    },
    /// This node is behind: it has not read of that epoch yet.
    #[error("the epoch here is only {current}")]
    UnknownEpoch {
        /// The epoch here.
        current: Epoch,
    },
    /// This node does not lead in that epoch.
    #[error("this replica does not lead")]
    NotLeader,
    /// The follower has been replaced by a later life of its own.
    #[error("a later life of this broker has fetched")]
    StaleIncarnation,
    /// The follower has no copy of this partition, or has been given one anew, by what this node has read.
    #[error("not a replica")]
    NotAReplica,
    /// A later fetch of the same follower took this one's place.
    #[error("a later fetch took its place")]
    Superseded,
    /// This node has no such partition, or it has failed.
    #[error("no such partition here")]
    NoSuchPartition,
}

impl FetchRefusal {
    /// What a replica that does not lead in its epoch says to a fetch of that one.
    pub(crate) fn by_a_replica_in(current: Epoch, asked: Epoch) -> Self {
        match asked.cmp(&current) {
            Ordering::Greater => Self::UnknownEpoch { current },
            Ordering::Less => Self::Fenced { current },
            Ordering::Equal => Self::NotLeader,
        }
    }
}

/// Asks whether the asker still leads: sent after the read that needs to know began (H-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// Who asks.
    pub leader: NodeId,
    /// In which epoch.
    pub epoch: Epoch,
}

/// The answer to [`Confirm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfirmReply {
    /// This life of this replica follows the asker in that epoch, and knows of no later one.
    Follows(Incarnation),
    /// It does not.
    Refused,
}
