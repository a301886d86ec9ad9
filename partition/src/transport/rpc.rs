//! Requests and replies over one connection: many in flight, answered in any order.
//!
//! ```text
//!   Peer::call ──> queue ──> driver task ══ connection ══> connection task ──> Service::call
//!     future  <── by correlation number ──┘            └── answers as they come, flushed together
//! ```
//! Each side has one task per connection, which owns both halves: a round trip is two task switches and the system
//! calls, and whatever is ready together is sent together.

mod driver;
mod peer;
mod serve;
mod share;

use serde::{Deserialize, Serialize};

pub use peer::Peer;
pub use serve::{Serving, serve};

use super::Channel;
use crate::ids::PartitionId;

/// Why a call has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was never sent, so it was not carried out.
    #[error("not sent: {0}")]
    Unsent(String),
    /// It was sent, perhaps, and may have been carried out.
    #[error("no reply: {0}")]
    Lost(String),
    /// The deadline passed; it may have been carried out.
    #[error("no reply in time")]
    Timeout,
}

/// Ties a reply to its request. Numbers are not used twice on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Correlation(u64);

/// What precedes a request's message in the head of its frame.
#[derive(Debug, Serialize, Deserialize)]
struct RequestEnvelope {
    correlation: Correlation,
    channel: Channel,
    partition: PartitionId,
}

/// What precedes a reply's message in the head of its frame.
#[derive(Debug, Serialize, Deserialize)]
struct ReplyEnvelope {
    correlation: Correlation,
}

#[cfg(test)]
mod tests;
