//! The newest batches in memory: what readers ask for most, and all that is not stored yet.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::segment::Place;
use crate::ids::{ByteSize, Offset, Ordinal};
use crate::record::Batch;

/// A batch at the end of the log.
#[derive(Clone, Debug)]
pub(crate) struct CachedBatch {
    /// Where it lies in its segment.
    pub(crate) place: Place,
    /// The base of its segment.
    pub(crate) segment: Offset,
    /// The batch, placed.
    pub(crate) batch: Batch,
}

/// The newest batches of a log, oldest first, without a gap up to its end.
#[derive(Debug)]
pub(crate) struct TailCache {
    batches: VecDeque<CachedBatch>,
    /// How many of them, at the front, are stored: only those may go.
    stored: usize,
    bytes: u64,
    pending: u64,
    limit: ByteSize,
}

impl TailCache {
    /// An empty one that keeps about so much of what is stored.
    pub(crate) fn new(limit: ByteSize) -> Self {
        Self { batches: VecDeque::new(), stored: 0, bytes: 0, pending: 0, limit }
    }

    /// Bytes that wait for the writer.
    pub(crate) fn pending(&self) -> ByteSize {
        ByteSize(self.pending)
    }

    /// Where the oldest batch here begins; `None` when there is none.
    pub(crate) fn start(&self) -> Option<Offset> {
        self.batches.front().map(|first| first.place.offset)
    }

    /// Adds the batch at the log end.
    pub(crate) fn push(&mut self, batch: CachedBatch) {
        let size = batch.batch.size().0;
        self.bytes += size;
        self.pending += size;
        self.batches.push_back(batch);
    }

    /// All below `to` is stored: it may go when room is needed.
    pub(crate) fn stored(&mut self, to: Offset) {
        while let Some(next) = self.batches.get(self.stored) {
            if next.batch.next_offset() > to {
                break;
            }
            self.pending -= next.batch.size().0;
            self.stored += 1;
        }
        while self.bytes > self.limit.0 && self.stored > 0 {
            self.pop_front();
        }
    }

    /// Drops what lies at or beyond `end`.
    pub(crate) fn truncate(&mut self, end: Offset) {
        while self.batches.back().is_some_and(|last| last.place.offset >= end) {
            let Some(last) = self.batches.pop_back() else { break };
            self.bytes -= last.batch.size().0;
            if self.stored > self.batches.len() {
                self.stored = self.batches.len();
            } else {
                self.pending -= last.batch.size().0;
            }
        }
    }

    /// Drops stored batches that lie wholly below `start`.
    pub(crate) fn trim(&mut self, start: Offset) {
        while self.stored > 0 && self.batches.front().is_some_and(|first| first.batch.next_offset() <= start)
        {
            self.pop_front();
        }
    }

    /// The batches of this segment that begin at or beyond a place in its file.
    pub(crate) fn of_segment(&self, base: Offset, from: ByteSize) -> impl Iterator<Item = &CachedBatch> {
        let at = self.batches.partition_point(|found| (found.segment, found.place.position) < (base, from));
        self.batches.range(at..).take_while(move |found| found.segment == base)
    }

    /// Whole batches, from the one that holds `from` to those that end at or before `until`, up to about `max`;
    /// `None` when `from` is older than all here.
    pub(crate) fn run(&self, from: Offset, until: Offset, max: ByteSize) -> Option<Bytes> {
        let at = self.at(from)?;
        let below = |found: &&CachedBatch| found.batch.next_offset() <= until;
        let run = || self.batches.range(at..).take_while(below).map(|found| found.batch.bytes());
        let mut sizes = run().map(Bytes::len);
        let Some(mut length) = sizes.next() else { return Some(Bytes::new()) };
        let mut count = 1;
        while let Some(longer) = sizes.next().map(|size| length + size)
            && longer <= max.as_len()
        {
            length = longer;
            count += 1;
        }
        if count == 1 {
            return run().next().cloned();
        }
        // One copy costs less than the many pieces of memory that a frame would have to carry.
        let mut joined = BytesMut::with_capacity(length);
        run().take(count).for_each(|bytes| joined.extend_from_slice(bytes));
        Some(joined.freeze())
    }

    /// Batches by ordinal; `None` when `range.start` is older than all here.
    pub(crate) fn run_ordinals(&self, range: std::ops::Range<Ordinal>, max: ByteSize) -> Option<Vec<Batch>> {
        let first = self.batches.front()?.place.ordinal;
        let at = usize::try_from(range.start.0.checked_sub(first.0)?).ok()?;
        let count = usize::try_from(range.end.0.saturating_sub(range.start.0)).unwrap_or(usize::MAX);
        let from = at.min(self.batches.len());
        let mut rest = self.batches.range(from..).take(count).map(|found| &found.batch);
        Some(rest.next().map_or_else(Vec::new, |first| within(first, rest, max)))
    }

    fn at(&self, offset: Offset) -> Option<usize> {
        self.batches.partition_point(|found| found.place.offset <= offset).checked_sub(1)
    }

    fn pop_front(&mut self) {
        if let Some(first) = self.batches.pop_front() {
            self.bytes -= first.batch.size().0;
            self.stored -= 1;
        }
    }
}

/// The first one whatever its size, and those after it while they fit.
fn within<'a>(first: &Batch, rest: impl Iterator<Item = &'a Batch>, max: ByteSize) -> Vec<Batch> {
    let mut room = max.0.saturating_sub(first.size().0);
    let mut run = vec![first.clone()];
    for batch in rest {
        let Some(left) = room.checked_sub(batch.size().0) else { break };
        room = left;
        run.push(batch.clone());
    }
    run
}
