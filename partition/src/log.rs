//! The segmented log under both protocols: Kafka's files, one writer, group commit.
//!
//! A log has a front and a back. The front ([`Log`], used by the replica's own task) assigns places, answers reads of
//! what was appended lately from memory, and never blocks. The back ([`writer`]) is a thread that writes what is queued,
//! syncs once, and reports by [`LogEvent`].

pub mod disk;
pub mod epochs;
pub mod producers;
pub mod writer;

use std::path::Path;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::ids::{ByteSize, Epoch, Generation, Offset, Ordinal};
use crate::partition::Placement;
use crate::record::{Batch, BatchError, Batches};
use crate::world::World;

pub use epochs::EpochHistory;
pub use producers::{Producers, SequenceCheck};

/// What an acknowledgement stands for on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Durability {
    /// fdatasync has returned: survives a power cut.
    Synced,
    /// write(2) has returned: survives the process, not the machine.
    Cached,
}

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What [`LogEvent::Stored`] stands for. Default: `Synced`.
    pub durability: Durability,
    /// A segment is sealed before it would grow beyond this. Default: 256 MiB.
    pub segment_bytes: ByteSize,
    /// One index entry each so many bytes. Default: 4 KiB, as Kafka's `index.interval.bytes`.
    pub index_interval: ByteSize,
    /// The largest batch taken. Default: 1 MiB, as Kafka's `message.max.bytes`.
    pub batch_bytes_max: ByteSize,
    /// Appends are refused while more than this waits for the writer. Default: 64 MiB.
    pub pending_bytes_max: ByteSize,
    /// How much of the newest log stays in memory for readers. Default: 32 MiB.
    pub cache_bytes: ByteSize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Synced,
            segment_bytes: ByteSize::mib(256),
            index_interval: ByteSize::kib(4),
            batch_bytes_max: ByteSize::mib(1),
            pending_bytes_max: ByteSize::mib(64),
            cache_bytes: ByteSize::mib(32),
        }
    }
}

/// What the writer reports, in order. An event of an older generation than the log's is about a tail that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// All below `to` is stored: synced, or written when that is what [`Durability`] asks.
    Stored {
        /// The generation in which it was appended.
        generation: Generation,
        /// The next offset that is not stored.
        to: Offset,
    },
    /// The cut is durable, and what is appended from now on comes after it.
    Truncated {
        /// The new generation.
        generation: Generation,
        /// The new log end.
        to: Offset,
    },
    /// All below `to` is gone, and that is durable.
    Trimmed {
        /// The new log start.
        to: Offset,
    },
    /// The disk failed. The log is poisoned: nothing more is stored, and the replica must stop.
    Failed(String),
}

/// Where the writer's events go; they are sent from another thread.
pub type LogEvents = mpsc::UnboundedSender<LogEvent>;

/// Why a log does not take an append.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It failed before, or was closed.
    #[error("the log is poisoned: {0}")]
    Poisoned(String),
    /// Too much waits for the writer.
    #[error("too much waits to be written")]
    Overloaded,
    /// A batch larger than the configuration takes.
    #[error("a batch of {0} bytes is too large")]
    TooLarge(ByteSize),
    /// Placed batches do not follow the log end, or go back in epochs.
    #[error("expected a batch at {expected}, got one at {found}")]
    Gap {
        /// The log end.
        expected: Offset,
        /// The base offset it carried.
        found: Offset,
    },
    /// Bytes that are not sound batches.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The offset lies outside the log.
    #[error("{asked} is outside {start}..={end}")]
    OutOfRange {
        /// What was asked.
        asked: Offset,
        /// The log start.
        start: Offset,
        /// The log end.
        end: Offset,
    },
    /// The file system refused.
    #[error("{0}")]
    Disk(String),
    /// What is stored there is not what was written.
    #[error("damaged at {at}: {what}")]
    Damaged {
        /// The offset where it begins.
        at: Offset,
        /// What is wrong.
        what: String,
    },
}

/// The log's front. Methods return at once; what they cause is reported as [`LogEvent`].
#[derive(Debug)]
pub struct Log {
    _private: (),
}

impl Log {
    /// Opens the log in `dir`, or makes it; reads again what may not have been flushed, and cuts a torn tail.
    ///
    /// # Errors
    /// [`LogError`] when the disk fails or what lies below the recovery point is damaged.
    pub async fn open(
        world: &World,
        dir: &Path,
        config: LogConfig,
        events: LogEvents,
    ) -> Result<Self, LogError> {
        let _ = (world, dir, config, events);
        todo!()
    }

    /// As leader: places the batch at the log end. It is readable at once, and stored when the event says so.
    ///
    /// # Errors
    /// [`LogError`]; nothing was appended.
    pub fn append(&mut self, batch: &Batch, epoch: Epoch) -> Result<Placement, LogError> {
        let _ = (batch, epoch);
        todo!()
    }

    /// As follower: appends batches where they say they lie, which must be the log end (H-08). Returns the new end.
    ///
    /// # Errors
    /// [`LogError`]; nothing was appended.
    pub fn append_placed(&mut self, batches: &[Batch]) -> Result<Offset, LogError> {
        let _ = batches;
        todo!()
    }

    /// Cuts all from `to` on; `to` must be a batch boundary (the start of a batch, or the end). Raises the generation,
    /// syncs it, and only then touches the files; durable before any later append (H-04, H-05). Epochs and producers roll back.
    ///
    /// # Errors
    /// [`LogError`]; nothing was cut.
    pub fn truncate(&mut self, to: Offset) -> Result<(), LogError> {
        let _ = to;
        todo!()
    }

    /// Gives up all below `to`. The log start moves now; whole segments are deleted by and by.
    ///
    /// # Errors
    /// [`LogError`] beyond the log end.
    pub fn trim(&mut self, to: Offset) -> Result<(), LogError> {
        let _ = to;
        todo!()
    }

    /// Empties the log and starts it again at this place: for a follower that is below the leader's log start.
    ///
    /// # Errors
    /// [`LogError`]; nothing was changed.
    pub fn restart_at(&mut self, start: Offset, ordinal: Ordinal) -> Result<(), LogError> {
        let _ = (start, ordinal);
        todo!()
    }

    /// Takes an event into account; call it with each event, in order. Returns it back unless it is stale.
    pub fn observe(&mut self, event: LogEvent) -> Option<LogEvent> {
        Some(event)
    }

    /// The first offset there is.
    #[must_use]
    pub fn start(&self) -> Offset {
        todo!()
    }

    /// The next offset (LEO).
    #[must_use]
    pub fn end(&self) -> Offset {
        todo!()
    }

    /// All below it is stored (see [`LogEvent::Stored`]).
    #[must_use]
    pub fn stored(&self) -> Offset {
        todo!()
    }

    /// The truncation generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        todo!()
    }

    /// Ordinals of the batches there are: the first, and the next.
    #[must_use]
    pub fn ordinals(&self) -> std::ops::Range<Ordinal> {
        todo!()
    }

    /// Which epoch began where.
    #[must_use]
    pub fn epochs(&self) -> &EpochHistory {
        todo!()
    }

    /// What each producer sent last, up to the log end.
    #[must_use]
    pub fn producers(&self) -> &Producers {
        todo!()
    }

    /// A handle for readers, which may be used on any task.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        todo!()
    }

    /// Flushes, writes the clean-shutdown marker and the checkpoints.
    ///
    /// # Errors
    /// [`LogError`] when that could not be made durable; the next open recovers as after a crash.
    pub async fn close(self) -> Result<(), LogError> {
        todo!()
    }
}

/// Reads a log beside its writer; never blocks it.
#[derive(Clone, Debug)]
pub struct LogReader {
    _private: (),
}

/// What a read found without waiting for a disk.
#[derive(Debug)]
pub enum CacheRead {
    /// Whole batches from memory.
    Hit(Batches),
    /// It is on disk: ask [`LogReader::read`].
    Miss,
}

impl LogReader {
    /// Whole batches from memory: the one that holds `from`, and those after it below `until`, up to about `max_bytes`
    /// (at least one batch). Empty when `from` is `until`.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] below the log start or beyond its end.
    pub fn read_cached(
        &self,
        from: Offset,
        until: Offset,
        max_bytes: ByteSize,
    ) -> Result<CacheRead, LogError> {
        let _ = (from, until, max_bytes);
        todo!()
    }

    /// The same, from memory or from disk; each batch from disk is verified.
    ///
    /// # Errors
    /// [`LogError`]; damage is reported, never served.
    pub async fn read(&self, from: Offset, until: Offset, max_bytes: ByteSize) -> Result<Batches, LogError> {
        let _ = (from, until, max_bytes);
        todo!()
    }

    /// Batches by ordinal: `range.start` and those after it, up to about `max_bytes` (at least one).
    ///
    /// # Errors
    /// [`LogError`]; an ordinal below the first is `OutOfRange` by the offset of the log start.
    pub async fn read_ordinals(
        &self,
        range: std::ops::Range<Ordinal>,
        max_bytes: ByteSize,
    ) -> Result<Vec<Batch>, LogError> {
        let _ = (range, max_bytes);
        todo!()
    }
}

/// Bytes of several batches, copied together.
#[must_use]
pub fn joined(batches: &[Batch]) -> Bytes {
    let mut bytes = bytes::BytesMut::with_capacity(batches.iter().map(|batch| batch.bytes().len()).sum());
    for batch in batches {
        bytes.extend_from_slice(batch.bytes());
    }
    bytes.freeze()
}
