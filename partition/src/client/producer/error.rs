//! Why a record was not taken or not delivered, and whether it may still appear.

use crate::error::{AppendError, Doubt, Refusal};
use crate::ids::{ByteSize, ProducerEpoch};

/// Why a record was not taken: it is nowhere, and never will be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The buffer is full: wait for what is in it, or for the other end.
    #[error("no room in the buffer of {buffer} bytes: the partition takes less than is sent")]
    NoRoom {
        /// The whole buffer.
        buffer: ByteSize,
    },
    /// No batch takes it: split it.
    #[error("a record of {size} bytes, at most {limit} taken")]
    TooLarge {
        /// What it takes in a batch.
        size: ByteSize,
        /// The most that is taken.
        limit: ByteSize,
    },
    /// The producer was closed, or its node has stopped.
    #[error("this producer is closed")]
    Closed,
}

/// Why a record that was taken was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is in no log and never will be: sending it again makes no duplicate.
    #[error("not appended: {0}")]
    NotAppended(Failure),
    /// It may be in a log, or still appear. If the producer stamps, it appears at most once, in its place: before all
    /// that is delivered after this error was told.
    #[error("outcome unknown: {0}")]
    Unknown(Failure),
}

impl SendError {
    /// Whether the record may still appear to a reader.
    #[must_use]
    pub fn may_appear(&self) -> bool {
        match self {
            Self::NotAppended(_) => false,
            Self::Unknown(_) => true,
        }
    }

    /// What failed.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        match self {
            Self::NotAppended(failure) | Self::Unknown(failure) => failure,
        }
    }
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was not delivered in time.
    #[error("not delivered in time{}", after(last.as_ref()))]
    Late {
        /// What was heard last, if anything.
        last: Option<AppendError>,
    },
    /// The partition will not take the batch, however often it is sent.
    #[error("{0}")]
    Refused(Refusal),
    /// Nothing more was to be done about the doubt.
    #[error("{0}")]
    Doubtful(Doubt),
    /// A newer instance under the same id has taken over: this one is of no use any more.
    #[error("fenced by this producer's epoch {current}")]
    Fenced {
        /// The newer instance's epoch.
        current: ProducerEpoch,
    },
    /// The leader lacks what came before the record: that was acknowledged and then lost (C8), or failed itself. So the
    /// leader lacks the record too, but another one may have it.
    #[error("what came before it is not in the log")]
    Bereft,
    /// The leader has later batches of this producer and no longer knows this one. It was appended once, if the leader has
    /// not forgotten meanwhile how this producer began (H-10); where is not known, nor whether it is committed.
    #[error("what came after it is in the log, and it may be: where is no longer known")]
    Ancient,
    /// The producer's node has stopped.
    #[error("the producer has stopped")]
    Stopped,
}

fn after(last: Option<&AppendError>) -> String {
    last.map_or_else(String::new, |error| format!("; last heard: {error}"))
}
