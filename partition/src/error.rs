//! What went wrong, and what it says about the write: certainly not appended, or unknown.

use serde::{Deserialize, Serialize};

use crate::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};

/// Why an append was not acknowledged. When in doubt it is [`AppendError::Unknown`] (H-11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AppendError {
    /// The write is in no log and never will be: sending it again cannot make a duplicate.
    #[error("not appended: {0}")]
    NotAppended(#[from] Refusal),
    /// The write may be in a log, and may still be committed later. Only a producer id makes a retry safe.
    #[error("outcome unknown: {0}")]
    Unknown(#[from] Doubt),
}

impl AppendError {
    /// Whether the write may still appear to a reader.
    #[must_use]
    pub fn may_appear(&self) -> bool {
        match self {
            Self::NotAppended(_) => false,
            Self::Unknown(_) => true,
        }
    }
}

/// Why a write was turned away before anything was appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Somebody else leads: go there.
    #[error("this replica does not lead{}", leader_hint(*leader))]
    NotLeader {
        /// Who does, if known.
        leader: Option<NodeId>,
    },
    /// Too few replicas are in sync to take a write that asks for all of them (C10): wait, then retry.
    #[error("{in_sync} in-sync replicas, {min_isr} needed")]
    NotEnoughReplicas {
        /// In-sync replicas, the leader counted.
        in_sync: usize,
        /// What the partition asks for.
        min_isr: usize,
    },
    /// A batch before this one is missing: send that first.
    #[error("producer {producer}: expected sequence {expected}, got {found}")]
    OutOfOrder {
        /// Whose batch.
        producer: ProducerId,
        /// The sequence that would have been next.
        expected: Sequence,
        /// The sequence it carried.
        found: Sequence,
    },
    /// A newer instance of this producer has taken over: stop.
    #[error("producer {producer} was fenced by its epoch {current}")]
    FencedProducer {
        /// Whose batch.
        producer: ProducerId,
        /// The newer epoch.
        current: ProducerEpoch,
    },
    /// A duplicate so old that its offset is no longer kept: it was appended once, and is not again.
    #[error("producer {producer}: sequence {found} was appended long ago")]
    AncientDuplicate {
        /// Whose batch.
        producer: ProducerId,
        /// The sequence it carried.
        found: Sequence,
    },
    /// The batch is larger than the partition takes: split it.
    #[error("batch of {size} bytes, at most {limit} taken")]
    TooLarge {
        /// Its size.
        size: ByteSize,
        /// The most that is taken.
        limit: ByteSize,
    },
    /// The bytes are not a sound record batch: the sender is broken, or the network is.
    #[error("not a sound batch: {0}")]
    Corrupt(String),
    /// Queues are full: slow down, then retry.
    #[error("too much is waiting to be written; slow down")]
    Overloaded,
    /// The disk has no room: appends are refused until there is some, reads go on.
    #[error("no space left on the disk")]
    NoSpace,
    /// Nobody answered, and nothing was sent.
    #[error("could not be reached: {0}")]
    Unreachable(String),
    /// The node has no such partition.
    #[error("no such partition here")]
    NoSuchPartition,
    /// The replica is shutting down or has failed.
    #[error("this replica has stopped: {0}")]
    Stopped(String),
}

/// Why the outcome of a write that was sent or appended is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Doubt {
    /// It is in the leader's log, but the in-sync set shrank below the minimum before it was committed.
    #[error("appended, then too few replicas stayed in sync")]
    NotEnoughReplicasAfterAppend,
    /// The leader that took it no longer leads.
    #[error("the leader changed before it was committed")]
    LeaderChanged,
    /// The deadline passed first.
    #[error("no acknowledgement before the deadline")]
    Timeout,
    /// The connection closed after it was sent.
    #[error("the connection was lost: {0}")]
    Disconnected(String),
    /// The replica stopped with the write in hand.
    #[error("the replica stopped: {0}")]
    Stopped(String),
}

/// Why a read, a tail or a trim was not answered. None of them changes records, so any may be retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// Somebody else leads: go there.
    #[error("this replica does not lead{}", leader_hint(*leader))]
    NotLeader {
        /// Who does, if known.
        leader: Option<NodeId>,
    },
    /// Below the log start (trimmed), or beyond what may be seen.
    #[error("offset {asked} is outside {start}..={end}")]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The first offset there is.
        start: Offset,
        /// The next offset to be visible.
        end: Offset,
    },
    /// A new leader does not know yet how much is committed, or a follower does not have what its leader may have: retry soon.
    #[error("this replica does not know yet what is committed there")]
    NotAvailable,
    /// The deadline passed first.
    #[error("no answer before the deadline")]
    Timeout,
    /// The log is damaged there; another replica may have it whole.
    #[error("damaged at {at}: {what}")]
    Damaged {
        /// Where.
        at: Offset,
        /// How.
        what: String,
    },
    /// Nobody answered.
    #[error("could not be reached: {0}")]
    Unreachable(String),
    /// The node has no such partition.
    #[error("no such partition here")]
    NoSuchPartition,
    /// The replica is shutting down or has failed.
    #[error("this replica has stopped: {0}")]
    Stopped(String),
}

fn leader_hint(leader: Option<NodeId>) -> String {
    leader.map_or_else(|| "; no leader is known".to_owned(), |node| format!("; node {node} does"))
}
