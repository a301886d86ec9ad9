//! The segmented log under both protocols: Kafka's files, one writer, group commit.
//!
//! A log has a front and a back. The front ([`Log`], used by the replica's own task) assigns places, answers reads of
//! what was appended lately from memory, and never blocks. The back is owned by one of the [`writer`]s, which writes
//! what is queued, syncs once, and reports by [`LogEvent`].
//!
//! ```text
//!       replica's task                          a writer (thread, or task in virtual time)
//!   ┌──────────────────────┐  batches, orders  ┌───────────────────────────────────────┐
//!   │ Log (front)          │ ────────────────> │ Back: takes what is queued, then      │
//!   │  end, epochs,        │                   │  one write, one fdatasync,            │──> <base>.log
//!   │  producers, ordinals │ <──────────────── │  one event for all of it              │──> log-state
//!   └─────────┬────────────┘     LogEvent      └───────────────────────────────────────┘
//!       Shared: tail cache, segments, index
//!   ┌─────────┴────────────┐  what is no longer in the cache
//!   │ LogReader, any task  │ <─────────────────────────────── <base>.log, where it may block
//!   └──────────────────────┘
//! ```
//!
//! On disk, in the partition's directory:
//!
//! | file | holds | made durable |
//! |---|---|---|
//! | `<base offset, 20 digits>.log` | record batches, then zeros that were set aside | before `Stored` |
//! | `<base>.index`, `.timeindex` | Kafka's sparse indexes: the position of an offset, the newest time up to one | not: made again from the batches |
//! | `<base>.ordinals` | ours: how many batches lie before an indexed one, and the [`Seal`](index::Seal) of a complete segment | not: made again |
//! | `log-state` | truncation generation, log start, its ordinal, what producers sent before it; two slots | before a cut or a trim |
//! | `leader-epoch-checkpoint` | the epochs, as Kafka writes them: no checksum covers a batch's epoch, so an opening compares | when epochs are cut off |
//! | `segment.spare` | zeros for the next segment, an older one's space if there was any (H-05) | before it is used; an opening removes it |
//! | `being-removed` | nothing: what lies beside it is of a log that is being removed | before anything is removed |
//! | `.lock` | nothing: who has the log open holds a lock on it | - |
//! | `clean-shutdown` | which run was closed in order, and where it ended | at close; its removal before the first append |
//! | checkpoint store | the recovery point, and what was true there: generation, ordinal, epochs, producers | not: may be stale |
//!
//! An opening reads what lies behind the recovery point, and of what lies before it only the seals. A segment's indexes
//! are written as it grows, by the writer, each time after it has reported what it stored; so a process that was killed
//! finds its way to within 4 MiB of its end, and one whose machine lost power reads one segment from its beginning. Raft's
//! ordinals lie beside the segment they count, relative to it: they go with it, can be made again from it alone, and add
//! up from the log start, whose ordinal is synced.
//!
//! Whoever keeps a position of this log elsewhere keeps the generation with it, discards another one's (H-04), and after
//! an opening takes no position beyond the log end for true (H-07).
//!
//! Beside the writers of a node runs one sweeper, for what no append should wait for: it sets zeros aside ahead of a log's
//! end and prepares the next segment, as much as the log uses; it cuts, syncs and unlinks old segments. The writer
//! depends on none of it: where no space was set aside, it grows the file itself. A disk that is full makes the log refuse
//! appends ([`LogError::NoSpace`]); what was taken before waits in memory until there is room. An error of a sync, of any
//! kind, is the end: [`LogEvent::Failed`]. What need not be kept any more is [`retention`]'s to say, and a leader's to trim.
//!
//! Left out: compaction.

mod aside;
mod back;
mod beside;
mod cache;
mod checkpoint;
mod claim;
mod config;
pub mod disk;
pub mod epochs;
mod error;
mod event;
mod front;
pub mod index;
pub mod inspect;
mod marks;
mod opened;
mod order;
pub mod producers;
mod reader;
mod recovery;
mod removal;
pub mod retention;
mod scan;
mod segment;
mod segments;
mod sidecars;
mod space;
mod state;
mod view;
pub mod writer;

use bytes::{Bytes, BytesMut};

use crate::record::Batch;

pub use claim::claim;
pub use config::{Durability, LogConfig};
pub use epochs::EpochHistory;
pub use error::LogError;
pub use event::{LogEvent, LogEvents};
pub use front::Log;
pub use producers::{BATCHES_KEPT, Producers, SequenceCheck};
pub use reader::{CacheRead, LogReader};
pub use recovery::Opening;
pub use removal::remove;

/// Bytes of several batches, copied together.
#[must_use]
pub fn joined(batches: &[Batch]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(batches.iter().map(|batch| batch.bytes().len()).sum());
    for batch in batches {
        bytes.extend_from_slice(batch.bytes());
    }
    bytes.freeze()
}

#[cfg(test)]
pub(crate) mod tests;
