//! What clients and replicas say to each other on [`Channel::Client`](crate::transport::Channel::Client).
//!
//! The batch of an append, and the batches of a read, travel beside the message as the frame's body.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{AppendError, ReadError};
use crate::ids::Offset;
use crate::partition::{Acks, Appended, FetchedHead, Read, Status, Tail};

/// What a client asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClientRequest {
    /// Append the batch in the body.
    Append {
        /// When to answer.
        acks: Acks,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Read.
    Read(Read),
    /// Where the log ends, proved current.
    Tail {
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Give up all below an offset.
    Trim {
        /// The first offset that stays.
        to: Offset,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// How the replica sees the partition.
    Status,
}

/// What it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClientReply {
    /// To an append.
    Appended(Result<Appended, AppendError>),
    /// To a read; the batches are in the body.
    Fetched(Result<FetchedHead, ReadError>),
    /// To a tail.
    Tail(Result<Tail, ReadError>),
    /// To a trim.
    Trimmed(Result<Offset, ReadError>),
    /// To a status.
    Status(Result<Status, ReadError>),
}
