//! How much of the past the log would give up.

use super::Log;
use crate::ids::{Offset, Timestamp};
use crate::log::retention::{Retained, Retention};

impl Log {
    /// What log start its retention would have at this time, if a later one than now: whole segments, never beyond what
    /// is committed (H-06: the active one stays). A leader trims there, and its followers do as it did.
    #[must_use]
    pub fn retention_due(&self, now: Timestamp, committed: Offset) -> Option<Offset> {
        let retention = self.config.retention;
        if retention == Retention::default() {
            return None;
        }
        let view = self.shared.view();
        let segments: Vec<_> = view
            .segments
            .iter()
            .map(|segment| Retained {
                end: segment.end().offset,
                bytes: segment.end().position,
                newest: segment.newest().map(|newest| newest.time),
            })
            .collect();
        retention.due(&segments, now, committed).filter(|due| *due > view.start)
    }
}
