//! What each producer sent last: refuses duplicates and gaps at the door (H-10).
//!
//! The table is a function of the log: every batch that is appended is noted, whoever placed it, and a truncation takes
//! back what it noted. A producer that nobody knows must begin with sequence 0; where the beginning of the log is missing
//! and no snapshot came with what is left, any sequence is taken for a beginning, as Kafka does.

mod table;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::ids::{Epoch, Offset, ProducerEpoch, RecordCount, Sequence};
use crate::partition::Placement;
use crate::record::ProducerStamp;

pub use table::Producers;

/// What the table says about a stamped batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceCheck {
    /// It is the next one.
    Next,
    /// It was appended before, here; `end` is the offset after it, which must be committed before a `Committed` reply.
    Duplicate {
        /// Where the first one lies.
        placement: Placement,
        /// The offset after it.
        end: Offset,
    },
    /// It must not be appended.
    Refused(Refusal),
}

/// Batches that are remembered per producer, at least: Kafka's number, and the most it lets a producer have in flight.
pub const BATCHES_KEPT: usize = 5;
/// Producers that are remembered; the one that was silent longest goes first. Bounds memory, and the snapshot's slot.
pub const PRODUCERS_MAX: usize = 4096;
/// So many batches at the end of the log can be taken back exactly: more than are ever in flight.
pub const UNDO_BATCHES: usize = 16_384;

/// One batch of a producer, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    producer_epoch: ProducerEpoch,
    first: Sequence,
    count: RecordCount,
    base: Offset,
    epoch: Epoch,
}

impl Entry {
    fn is(&self, stamp: ProducerStamp, count: RecordCount) -> bool {
        self.producer_epoch == stamp.epoch && self.first == stamp.sequence && self.count == count
    }

    fn duplicate(&self) -> SequenceCheck {
        let placement = Placement { base: self.base, epoch: self.epoch };
        SequenceCheck::Duplicate { placement, end: self.base.plus(self.count) }
    }
}

/// Sequences wrap at 2^31; what lies less than half of that behind is behind.
fn is_behind(sequence: Sequence, expected: Sequence) -> bool {
    const SEQUENCES: u32 = 1 << 31;
    let behind = expected.0.wrapping_sub(sequence.0) % SEQUENCES;
    behind > 0 && behind < SEQUENCES / 2
}

#[cfg(test)]
mod tests;
