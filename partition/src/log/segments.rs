//! All segments of a log, oldest first; the last one is the active one, and there always is one (H-06).

use super::index::{SparseIndex, TimeEntry};
use super::segment::{Place, Sealed, Segment};
use crate::ids::{Offset, Ordinal};

/// All segments of a log. They follow each other without a gap.
#[derive(Debug)]
pub(crate) struct Segments {
    all: Vec<Segment>,
}

impl Segments {
    /// Those of a log; at least one.
    pub(crate) fn new(all: Vec<Segment>) -> Self {
        assert!(!all.is_empty(), "a log has an active segment");
        for pair in all.windows(2) {
            assert_eq!(pair[0].end().offset, pair[1].base(), "segments follow each other");
            assert_eq!(pair[0].end().ordinal, pair[1].start().ordinal, "ordinals follow each other");
        }
        Self { all }
    }

    /// The one that is appended to.
    pub(crate) fn active(&self) -> &Segment {
        &self.all[self.all.len() - 1]
    }

    /// The one that is appended to.
    pub(crate) fn active_mut(&mut self) -> &mut Segment {
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    /// Seals the active one, and begins another at its end. Returns that beginning, and what is to be sealed.
    pub(crate) fn roll(&mut self) -> (Place, Sealed) {
        let sealed = self.active_mut().seal();
        let end = self.active().end();
        self.all.push(Segment::new(end.offset, end.ordinal));
        (self.active().start(), sealed)
    }

    /// The segment in which this offset lies, or would be appended.
    pub(crate) fn holding(&self, offset: Offset) -> &Segment {
        let after = self.all.partition_point(|segment| segment.base() <= offset);
        &self.all[after.saturating_sub(1)]
    }

    /// The segment in which the batch of this ordinal lies, or would be appended.
    pub(crate) fn holding_ordinal(&self, ordinal: Ordinal) -> &Segment {
        let after = self.all.partition_point(|segment| segment.start().ordinal <= ordinal);
        &self.all[after.saturating_sub(1)]
    }

    /// Cuts the log at a place in the segment of that base, see [`Segment::cut`]; returns the bases of those that lay
    /// behind, newest first.
    pub(crate) fn cut(
        &mut self,
        base: Offset,
        end: Place,
        index: Option<SparseIndex>,
        newest: Option<TimeEntry>,
    ) -> Vec<Offset> {
        let kept = self.all.partition_point(|segment| segment.base() <= base);
        let gone = self.all.drain(kept..).rev().map(|segment| segment.base()).collect();
        assert_eq!(self.active().base(), base, "the cut lies in a segment that there is");
        self.active_mut().cut(end, index, newest);
        gone
    }

    /// Gives up those that lie wholly below `start`, but never the active one; returns their bases, oldest first.
    pub(crate) fn trim(&mut self, start: Offset) -> Vec<Offset> {
        let sealed = self.all.len() - 1;
        let gone = self.all[..sealed].partition_point(|segment| segment.end().offset <= start);
        self.all.drain(..gone).map(|segment| segment.base()).collect()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.all.iter()
    }
}
