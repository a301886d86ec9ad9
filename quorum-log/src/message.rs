//! What replicas say to each other. Our own words: openraft's types change from one alpha to the next.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};
use partition::ids::{Ordinal, PartitionId};
use partition::record::{Batch, BatchError};
use partition::transport::codec::{self, DecodeError};
use serde::{Deserialize, Serialize};

use crate::admin::{ChangeError, Members, Operation};
use crate::raft::{Entry, LogId, Payload, Place, Types, VoteRecord, log_id};
use crate::store::kept::{Beginning, KeptVoters};

/// What one replica asks of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ReplicaRequest {
    /// Take these entries, whose batches are the frame's body; or hear that I lead.
    Append(AppendHead),
    /// Vote for me.
    Vote(Candidacy),
    /// Would you?
    PreVote(Candidacy),
    /// Begin your log here: mine starts beyond the end of yours.
    Begin {
        /// Who says so.
        vote: VoteRecord,
        /// Where, and what was before.
        beginning: Beginning,
        /// Who votes.
        voters: Option<KeptVoters>,
    },
    /// Take over from me.
    TakeOver {
        /// Who leads.
        from: VoteRecord,
        /// Who is to.
        to: u64,
        /// The last entry it must have.
        last: Option<Place>,
    },
    /// An operator asks, not a replica.
    Operate {
        /// For what.
        operation: Operation,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// I lead all of these, and have nothing new: the heartbeats of many partitions of one node to another.
    Heartbeats(Vec<(PartitionId, AppendHead)>),
}

/// The answer, of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReplicaReply {
    /// To [`ReplicaRequest::Append`].
    Append(AppendVerdict),
    /// To [`ReplicaRequest::Vote`] and [`ReplicaRequest::PreVote`].
    Vote(Ballot),
    /// To [`ReplicaRequest::Begin`]: who leads, as far as it knows.
    Begin(VoteRecord),
    /// To [`ReplicaRequest::TakeOver`]: heard.
    TakeOver,
    /// To [`ReplicaRequest::Operate`]: who belongs to the partition now.
    Operated(Result<Members, ChangeError>),
    /// To [`ReplicaRequest::Heartbeats`], in their order; nothing for those that have none in time, or are not here.
    Heartbeats(Vec<Option<AppendVerdict>>),
    /// To any: the replica cannot go on.
    Stopped(String),
}

/// What precedes the batches of a leader's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppendHead {
    vote: VoteRecord,
    /// The entry before the first one.
    prev: Option<Place>,
    /// The last entry that is committed.
    committed: Option<Place>,
}

impl AppendHead {
    /// What is said before the entries of this message.
    pub(crate) fn of(request: &AppendEntriesRequest<Types>) -> Self {
        Self {
            vote: request.vote.into(),
            prev: request.prev_log_id.map(Place::from),
            committed: request.leader_commit.map(Place::from),
        }
    }
}

/// What a follower made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AppendVerdict {
    /// All of it is stored.
    Stored,
    /// The entry before the first one is another here.
    Conflict,
    /// There is a newer leader, or a candidate.
    HigherVote(VoteRecord),
}

/// Who wants to be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Candidacy {
    vote: VoteRecord,
    last: Option<Place>,
    /// The leader itself has asked for it.
    transfer: bool,
}

/// A vote, given or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ballot {
    vote: VoteRecord,
    granted: bool,
    last: Option<Place>,
}

/// Why a leader's message is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// It is none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A batch was damaged on the way.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// It concerns many partitions, and came to one.
    #[error("heartbeats of many partitions were sent to one")]
    Misled,
    /// A placed entry was expected.
    #[error("an entry that was never appended")]
    Unplaced,
}

/// A leader's entries as a message and its body: the batches as they lie in the log, one after another.
pub(crate) fn pack_append(request: AppendEntriesRequest<Types>) -> Result<(Bytes, Bytes), MessageError> {
    let head = AppendHead::of(&request);
    let mut batches = request.entries.into_iter().map(|entry| match entry.payload {
        Payload::Placed(batch) => Ok(batch),
        Payload::Blank | Payload::Membership(_) | Payload::Proposed(_) => Err(MessageError::Unplaced),
    });
    let message = codec::encode(&ReplicaRequest::Append(head));
    let Some(first) = batches.next().transpose()? else {
        return Ok((message, Bytes::new()));
    };
    let Some(second) = batches.next().transpose()? else {
        return Ok((message, first.bytes().clone()));
    };
    let mut body = BytesMut::with_capacity(first.bytes().len() * (2 + batches.size_hint().0));
    body.extend_from_slice(first.bytes());
    body.extend_from_slice(second.bytes());
    for batch in batches {
        body.extend_from_slice(batch?.bytes());
    }
    Ok((message, body.freeze()))
}

/// The same, as openraft wants it; each batch is verified.
pub(crate) fn unpack_append(
    head: AppendHead,
    mut body: Bytes,
) -> Result<AppendEntriesRequest<Types>, MessageError> {
    let mut next = head.prev.map_or(Ordinal::ZERO, |prev| prev.ordinal.next());
    let mut entries = Vec::new();
    while body.has_remaining() {
        let batch = Batch::parse(&body)?;
        body.advance(batch.bytes().len());
        entries.push(Entry { log_id: log_id(batch.epoch(), next), payload: Payload::Placed(batch) });
        next = next.next();
    }
    Ok(AppendEntriesRequest {
        vote: head.vote.into(),
        prev_log_id: head.prev.map(LogId::from),
        leader_commit: head.committed.map(LogId::from),
        entries,
    })
}

impl From<AppendEntriesResponse<Types>> for AppendVerdict {
    fn from(response: AppendEntriesResponse<Types>) -> Self {
        match response {
            AppendEntriesResponse::Success => Self::Stored,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote(vote.into()),
            // A server never answers so.
            AppendEntriesResponse::Conflict | AppendEntriesResponse::PartialSuccess(_) => Self::Conflict,
        }
    }
}

impl From<VoteRequest<Types>> for Candidacy {
    fn from(request: VoteRequest<Types>) -> Self {
        Self {
            vote: request.vote.into(),
            last: request.last_log_id.map(Place::from),
            transfer: request.leadership_transfer,
        }
    }
}

impl From<Candidacy> for VoteRequest<Types> {
    fn from(candidacy: Candidacy) -> Self {
        let mut request = Self::new(candidacy.vote.into(), candidacy.last.map(LogId::from));
        request.leadership_transfer = candidacy.transfer;
        request
    }
}

impl From<VoteResponse<Types>> for Ballot {
    fn from(response: VoteResponse<Types>) -> Self {
        Self {
            vote: response.vote.into(),
            granted: response.vote_granted,
            last: response.last_log_id.map(Place::from),
        }
    }
}

impl From<Ballot> for VoteResponse<Types> {
    fn from(ballot: Ballot) -> Self {
        Self {
            vote: ballot.vote.into(),
            vote_granted: ballot.granted,
            last_log_id: ballot.last.map(LogId::from),
        }
    }
}
