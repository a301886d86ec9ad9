//! One segment: where it begins and ends, and its index, or where that is to be found.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::index::{IndexMark, IndexPart, Seal, SparseIndex, Start, TimeEntry};
use crate::ids::{ByteSize, Offset, Ordinal, Timestamp};
use crate::record::Batch;

/// Where a batch begins: its offset, its ordinal, and its first byte in a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) ordinal: Ordinal,
    pub(crate) position: ByteSize,
}

/// One segment.
#[derive(Debug)]
pub(crate) struct Segment {
    start: Place,
    /// Where the next batch begins, or would.
    end: Place,
    index: Index,
    /// The newest time in its first batch, as far as that is known: what its age is counted from.
    began: Option<Timestamp>,
}

/// When a segment is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fullness {
    /// It would grow beyond this.
    pub(crate) bytes: ByteSize,
    /// It began so long before, by the times that batches bring: no clock is asked.
    pub(crate) age: Duration,
}

#[derive(Debug)]
enum Index {
    /// In memory, for the segment grows.
    Growing(SparseIndex, Written),
    /// In files; in memory too while those are being written.
    Sealed(Option<TimeEntry>, Weak<SparseIndex>),
}

/// How much of a growing index the writer was given.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    entries: u32,
    times: u32,
}

/// What the writer needs to seal a segment's index. Readers use it until he has.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) part: IndexPart,
    pub(crate) seal: Seal,
    #[expect(dead_code, reason = "held so that readers find it until the files are written")]
    index: Arc<SparseIndex>,
}

impl Segment {
    /// An empty one.
    pub(crate) fn new(base: Offset, ordinal: Ordinal) -> Self {
        let start = Place { offset: base, ordinal, position: ByteSize::ZERO };
        Self::growing(start, start, SparseIndex::new(base))
    }

    /// One that is appended to. No part of its index lies in files.
    pub(crate) fn growing(start: Place, end: Place, index: SparseIndex) -> Self {
        Self { start, end, index: Index::Growing(index, Written::default()), began: None }
    }

    /// One whose index lies in files.
    pub(crate) fn sealed(start: Place, end: Place, newest: Option<TimeEntry>) -> Self {
        Self { start, end, index: Index::Sealed(newest, Weak::new()), began: None }
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> Place {
        self.start
    }

    /// Where the next batch begins, or would.
    pub(crate) fn end(&self) -> Place {
        self.end
    }

    /// The offset that names it.
    pub(crate) fn base(&self) -> Offset {
        self.start.offset
    }

    /// Whether it is appended to, and its index in memory.
    pub(crate) fn is_growing(&self) -> bool {
        matches!(self.index, Index::Growing(..))
    }

    /// The newest time in it.
    pub(crate) fn newest(&self) -> Option<TimeEntry> {
        match &self.index {
            Index::Growing(index, _) => index.newest(),
            Index::Sealed(newest, _) => *newest,
        }
    }

    /// The index of a sealed one, while its files are being written.
    pub(crate) fn still_in_memory(&self) -> Option<Arc<SparseIndex>> {
        match &self.index {
            Index::Growing(..) => None,
            Index::Sealed(_, index) => index.upgrade(),
        }
    }

    /// Asks the index, if it is in memory.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&SparseIndex) -> T) -> Option<T> {
        match &self.index {
            Index::Growing(index, _) => Some(question(index)),
            Index::Sealed(_, index) => index.upgrade().map(|index| question(&index)),
        }
    }

    /// Where to begin to walk to the batch that holds `offset`, if the index is in memory.
    pub(crate) fn start_for(&self, offset: Offset) -> Option<Start> {
        self.ask(|index| index.start_for(offset))
    }

    /// Where to begin to walk to the batch of this ordinal, if the index is in memory.
    pub(crate) fn start_for_ordinal(&self, ordinal: Ordinal) -> Option<Start> {
        self.ask(|index| index.start_for_batch(ordinal.0.saturating_sub(self.start.ordinal.0)))
    }

    /// Its first batch has this as its newest time.
    pub(crate) fn began(&mut self, at: Timestamp) {
        self.began = Some(at);
    }

    /// Whether the batch belongs into the next one: this one would grow too large, or beyond what Kafka's indexes can
    /// say, or it is so old that retention by time would wait for it.
    pub(crate) fn is_full_for(&self, batch: &Batch, limit: Fullness) -> bool {
        let sayable = u64::from(i32::MAX.unsigned_abs());
        let too_long = self.end.position.0 + batch.size().0 > limit.bytes.0.min(sayable);
        let too_many = batch.next_offset().since(self.base()) > sayable;
        let age = i64::try_from(limit.age.as_millis()).unwrap_or(i64::MAX);
        let too_old = self.began.is_some_and(|began| batch.max_timestamp_ms().saturating_sub(began.0) > age);
        self.end.position > ByteSize::ZERO && (too_long || too_many || too_old)
    }

    /// Adds a batch at its end, and an index entry when one is due.
    pub(crate) fn push(&mut self, batch: &Batch, interval: ByteSize) {
        let batches = self.end.ordinal.0 - self.start.ordinal.0;
        let Index::Growing(index, _) = &mut self.index else {
            unreachable!("a sealed segment does not grow")
        };
        index.push(batch, self.end.position, batches, interval);
        // A batch without a time says nothing of an age.
        if self.began.is_none() || self.end.position == ByteSize::ZERO {
            self.began = Some(Timestamp(batch.max_timestamp_ms())).filter(|time| time.0 >= 0);
        }
        self.end = Place {
            offset: batch.next_offset(),
            ordinal: self.end.ordinal.next(),
            position: ByteSize(self.end.position.0 + batch.size().0),
        };
    }

    /// What the index looks like, and what came to it since the last time.
    pub(crate) fn mark(&mut self) -> (IndexMark, IndexPart) {
        let Index::Growing(index, written) = &mut self.index else {
            unreachable!("a sealed segment is not marked")
        };
        let mark = index.mark();
        let part = index.part(written.entries, written.times);
        *written = Written { entries: mark.entries, times: mark.times };
        (mark, part)
    }

    /// Ends it: from now on its index lies in files, which the writer completes with this.
    pub(crate) fn seal(&mut self) -> Sealed {
        let (length, batches) = (self.end.position, self.end.ordinal.0 - self.start.ordinal.0);
        let Index::Growing(index, written) = &mut self.index else {
            unreachable!("a segment is sealed once")
        };
        let seal = index.seal(length, batches);
        let part = index.part(written.entries, written.times);
        let index = Arc::new(std::mem::replace(index, SparseIndex::new(self.start.offset)));
        self.index = Index::Sealed(seal.newest, Arc::downgrade(&index));
        Sealed { part, seal, index }
    }

    /// Cuts it to end at a place in it: it grows from there. `index` is its own, if that lies in files; `newest` the newest
    /// time between the last entry before the place and the place.
    pub(crate) fn cut(&mut self, end: Place, index: Option<SparseIndex>, newest: Option<TimeEntry>) {
        match (&mut self.index, index) {
            (Index::Growing(index, written), _) => {
                index.cut(end.position, end.offset, newest);
                let mark = index.mark();
                written.entries = written.entries.min(mark.entries);
                written.times = written.times.min(mark.times);
            }
            (Index::Sealed(..), Some(mut index)) => {
                index.cut(end.position, end.offset, newest);
                self.index = Index::Growing(index, Written::default());
            }
            (Index::Sealed(..), None) => unreachable!("whoever cuts a sealed segment has read its index"),
        }
        self.end = end;
    }
}

/// Digits in a segment's name: those of the largest `u64`.
const NAME_DIGITS: usize = 20;

/// The file of the segment that begins at `base`.
pub(crate) fn segment_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:0width$}.log", base.0, width = NAME_DIGITS))
}

/// The base offset in a segment's file name; `None` when the name is not a segment's.
pub(crate) fn segment_base(name: &str) -> Option<Offset> {
    base_of(name, "log")
}

/// The base offset in the name of a file with this ending that belongs to a segment.
pub(crate) fn base_of(name: &str, ending: &str) -> Option<Offset> {
    let digits = name.strip_suffix(ending)?.strip_suffix('.')?;
    let legal = digits.len() == NAME_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    legal.then(|| digits.parse().ok()).flatten().map(Offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_have_names_of_segments() {
        let path = segment_path(Path::new("d"), Offset(42));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "00000000000000000042.log");
        assert_eq!(segment_base(name), Some(Offset(42)));
        for other in ["42.log", "0000000000000000004x.log", "00000000000000000042.index", "log-state"] {
            assert_eq!(segment_base(other), None);
        }
    }
}
