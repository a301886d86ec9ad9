//! What each producer sent last: refuses duplicates and gaps at the door (H-10).

use crate::ids::{Offset, RecordCount};
use crate::partition::Placement;
use crate::record::ProducerStamp;

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
    Refused(crate::error::Refusal),
}

/// What each producer sent last, for the whole log up to its end; rolls back with a truncation.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    _private: (),
}

impl Producers {
    /// What to do about a batch with this stamp and so many records.
    #[must_use]
    pub fn check(&self, stamp: ProducerStamp, count: RecordCount) -> SequenceCheck {
        let _ = (stamp, count);
        todo!()
    }
}
