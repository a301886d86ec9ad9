//! What a log's front asks of its back: appends, and orders that are carried out between them.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::epochs::EpochHistory;
use super::index::IndexPart;
use super::producers::Producers;
use super::segment::Sealed;
use super::state::LogState;
use crate::ids::{ByteSize, Generation, Offset, ProducerId};

/// A batch to be written at the end of the active segment.
#[derive(Debug)]
pub(crate) struct AppendJob {
    pub(crate) bytes: Bytes,
    /// The offset after it.
    pub(crate) to: Offset,
    pub(crate) generation: Generation,
}

/// What is done with all before it written and synced.
#[derive(Debug)]
pub(crate) enum Order {
    /// Seals the active segment; another begins here.
    Roll(Offset, Sealed),
    /// Stores the state with its new generation, then cuts.
    Truncate(Cut),
    /// Stores the state with its new start, then removes these segments, oldest first.
    Trim { state: LogState, gone: Vec<Offset> },
    /// Empties the log; it begins again at the state's start.
    Restart { state: LogState, gone: Vec<Offset>, mark: Option<Mark>, epochs: Arc<EpochHistory> },
    /// What is true of the log here. Nothing waits for this.
    Mark(Option<Mark>),
    /// The epochs changed. Nothing waits for this, and it waits for nothing.
    Epochs(Arc<EpochHistory>),
    /// Flushes all, leaves the clean-shutdown marker.
    Close(oneshot::Sender<Result<(), String>>),
}

impl Order {
    /// Tells who waits for it how it went.
    pub(crate) fn answer(self, done: &io::Result<()>) {
        if let Self::Close(waiting) = self {
            drop(waiting.send(done.as_ref().map_err(ToString::to_string).copied()));
        }
    }
}

/// A recovery point, for when it is synced; and the index entries that belong to it.
pub(crate) type Mark = Box<(Checkpoint, IndexPart)>;

/// Where a truncation cuts.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) state: LogState,
    /// The new log end.
    pub(crate) to: Offset,
    /// The segment that becomes the active one, and its new length.
    pub(crate) base: Offset,
    pub(crate) length: ByteSize,
    /// Segments behind it, newest first.
    pub(crate) gone: Vec<Offset>,
    /// What is true of the log then.
    pub(crate) mark: Option<Mark>,
    /// The epochs that are left.
    pub(crate) epochs: Arc<EpochHistory>,
    /// Whose batches must be looked up in what is left.
    pub(crate) recall: Option<Recall>,
}

/// Producers whose last batches are not known any more.
#[derive(Debug)]
pub(crate) struct Recall {
    /// Ascending.
    pub(crate) producers: Vec<ProducerId>,
    /// The segments that are left, newest first.
    pub(crate) segments: Vec<Offset>,
    /// Sent before the truncation is reported.
    pub(crate) found: oneshot::Sender<Producers>,
}
