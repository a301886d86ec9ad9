//! What the writer reports.

use tokio::sync::mpsc;

use crate::ids::{Generation, Offset};

/// What the writer reports, in order. An event of an older generation than the log's is about a tail that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// All below `to` is stored: synced, or written when that is what [`Durability`](super::Durability) asks.
    Stored {
        /// The generation in which it was appended.
        generation: Generation,
        /// The next offset that is not stored.
        to: Offset,
    },
    /// The cut is durable, and what is appended from now on comes after it. All below it is stored.
    Truncated {
        /// The new generation.
        generation: Generation,
        /// The new log end.
        to: Offset,
    },
    /// All below `to` is gone, and that is durable.
    Trimmed {
        /// The generation in which it was asked for.
        generation: Generation,
        /// The new log start.
        to: Offset,
    },
    /// The disk has no room. Appends are refused until it has; what was taken before is stored then.
    Full(String),
    /// There is room again.
    Roomy,
    /// The disk failed. The log is poisoned: nothing more is stored, and the replica must stop.
    Failed(String),
}

/// Where the writer's events go; they are sent from another thread.
pub type LogEvents = mpsc::UnboundedSender<LogEvent>;
