//! The promise: what a replicated log does for its clients, whatever the protocol under it.
//!
//! ```text
//!            trimmed            committed              appended, may be lost
//!   0 ........|-----------------------------------|~~~~~~~~~~~~~~~~~~~~~~~~~|
//!         log start                           high watermark          log end
//!                     readers see up to here ──┘
//! ```
//! All three are exclusive ends: the next offset, not the last.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{AppendError, ReadError};
use crate::ids::{ByteSize, Epoch, NodeId, Offset};
use crate::record::{Batch, Batches};

/// When an append is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acks {
    /// Never: the batch is on its way, and that is all that is known (C7).
    Nobody,
    /// When the leader's own log holds it (C8).
    Leader,
    /// When it is committed: the protocol promises it (C9).
    Committed,
}

/// What a read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Isolation {
    /// All this replica has, up to its log end; it may be lost later. For replication and inspection (C18).
    Uncommitted,
    /// What is committed, as far as this replica knows.
    Committed,
    /// All that was acknowledged before the read began, from a replica that has proved that it leads.
    Linearizable,
}

/// A request to append one batch.
#[derive(Clone, Debug)]
pub struct Append {
    /// What to append. Its producer id and sequence, if it has them, make a retry safe.
    pub batch: Batch,
    /// When to answer.
    pub acks: Acks,
    /// How long the answer may take; then it is `Unknown`.
    pub timeout: Duration,
}

/// The answer to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appended {
    /// Nobody was asked (`Acks::Nobody`), so nothing is known.
    Unplaced,
    /// The batch lies here; a duplicate is answered with where the first one lies.
    Placed(Placement),
}

impl Appended {
    /// Where the batch lies, if that was asked.
    #[must_use]
    pub fn placement(self) -> Option<Placement> {
        match self {
            Self::Unplaced => None,
            Self::Placed(placement) => Some(placement),
        }
    }
}

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The offset of its first record.
    pub base: Offset,
    /// The epoch of the leader that placed it.
    pub epoch: Epoch,
}

/// A request to read.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Read {
    /// The first offset wanted.
    pub from: Offset,
    /// About how much: at least one batch is returned if there is one, however large.
    pub max_bytes: ByteSize,
    /// What may be returned.
    pub isolation: Isolation,
    /// How long to wait for data when there is none; zero answers at once.
    pub wait: Duration,
}

/// The answer to a read. Empty when there was nothing before the wait ended.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Whole batches; the first may begin before `from`, and control batches are among them.
    pub batches: Batches,
    /// The first offset there is.
    pub log_start: Offset,
    /// The replica's high watermark.
    pub high_watermark: Offset,
}

/// The end of what is committed, proved current, and the epoch in which it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// The next offset.
    pub offset: Offset,
    /// The epoch of the leader that answered.
    pub epoch: Epoch,
}

/// What a replica is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It takes appends.
    Leader,
    /// It copies from the leader.
    Follower,
    /// It asks for votes (majority only).
    Candidate,
    /// It knows of no leader, or is not a replica.
    Idle,
}

/// How one replica sees the partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who answers.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Whom it takes for the leader.
    pub leader: Option<NodeId>,
    /// The epoch it is in.
    pub epoch: Epoch,
    /// Its first offset.
    pub log_start: Offset,
    /// What it knows to be committed.
    pub high_watermark: Offset,
    /// What its log holds to its promise of durability: synced, or written when that is all that was asked.
    pub stored: Offset,
    /// Its next offset (LEO).
    pub log_end: Offset,
    /// All replicas, in assignment order.
    pub replicas: Vec<NodeId>,
    /// Those whose copy counts: the in-sync set, or the voters.
    pub members: Vec<NodeId>,
}

/// A replicated log. One value speaks for one replica, or (a client) for whichever leads.
///
/// A write is submitted when the method is *called*, not when its future is first polled: the order of calls is the
/// order of appends. Dropping the future does not take the write back.
pub trait Partition: Send + Sync + fmt::Debug + 'static {
    /// Appends one batch.
    ///
    /// # Errors
    /// [`AppendError`] says whether the write may still appear.
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>>;

    /// Reads whole batches, waiting for data if there is none yet.
    ///
    /// # Errors
    /// [`ReadError`]; a read may be repeated.
    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>>;

    /// The end of what is committed: not before anything that was acknowledged before the call.
    ///
    /// # Errors
    /// [`ReadError`]; it may be repeated.
    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>>;

    /// Gives up all below `to`, on every replica, and returns the new log start. Not beyond the high watermark.
    ///
    /// # Errors
    /// [`ReadError`]; it may be repeated.
    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>>;

    /// How this replica sees the partition now; no proof that it is right.
    ///
    /// # Errors
    /// [`ReadError`] when the replica cannot be reached or has stopped.
    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>>;
}

/// What a read or a trim carries when bytes lie outside it: the head of [`Fetched`] on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedHead {
    /// See [`Fetched::log_start`].
    pub log_start: Offset,
    /// See [`Fetched::high_watermark`].
    pub high_watermark: Offset,
}

impl Fetched {
    /// An empty answer.
    #[must_use]
    pub fn empty(log_start: Offset, high_watermark: Offset) -> Self {
        Self { batches: Batches::default(), log_start, high_watermark }
    }

    /// The bytes of the batches, as they lie in the log.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.batches.bytes()
    }
}
