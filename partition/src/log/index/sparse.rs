//! The three indexes of one segment together, as they grow with it.

use serde::{Deserialize, Serialize};

use super::{Added, OffsetEntry, OffsetIndex, OrdinalIndex, Seal, TimeEntry, TimeIndex};
use crate::ids::{ByteSize, Offset, Timestamp};
use crate::record::Batch;

/// The index of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseIndex {
    offsets: OffsetIndex,
    times: TimeIndex,
    ordinals: OrdinalIndex,
    /// The newest time in the segment, also where no entry says it yet.
    newest: Option<TimeEntry>,
}

/// Where a walk through a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The first byte.
    pub position: ByteSize,
    /// How many batches of the segment lie before it.
    pub batches: u64,
    /// Which batch must begin there.
    pub first: First,
}

/// What is known of the batch at which a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Its base offset.
    Base(Offset),
    /// The offset of its last record.
    Last(Offset),
}

/// What an index looked like at one moment: says later whether its files still hold that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMark {
    pub(crate) entries: u32,
    pub(crate) times: u32,
    /// CRC32C of so many entries of `.index`, of `.timeindex`, and of `.ordinals`.
    pub(crate) checksums: [u32; 3],
    pub(crate) newest: Option<TimeEntry>,
}

/// Entries that follow each other, as they are to lie in the three files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexPart {
    pub(crate) base: Offset,
    /// For each file its ending, where the bytes go, and the bytes.
    pub(crate) pieces: [(&'static str, ByteSize, Vec<u8>); 3],
}

impl SparseIndex {
    /// That of an empty segment which begins at `base`.
    #[must_use]
    pub fn new(base: Offset) -> Self {
        Self {
            offsets: OffsetIndex::new(base),
            times: TimeIndex::new(base),
            ordinals: OrdinalIndex::default(),
            newest: None,
        }
    }

    /// One that was read from files.
    pub(crate) fn of_parts(
        offsets: OffsetIndex,
        times: TimeIndex,
        ordinals: OrdinalIndex,
        newest: Option<TimeEntry>,
    ) -> Self {
        Self { offsets, times, ordinals, newest }
    }

    /// The offset of the segment's first record.
    #[must_use]
    pub fn base(&self) -> Offset {
        self.offsets.base()
    }

    /// Takes in the batch that begins at `position`, behind `batches` others. It becomes an entry when the last one lies
    /// `interval` bytes or more before it, so that a walk from an entry ends before it has gone that far.
    pub fn push(&mut self, batch: &Batch, position: ByteSize, batches: u64, interval: ByteSize) {
        let last = Offset(batch.next_offset().0 - 1);
        let indexed = self.offsets.get(self.offsets.count().wrapping_sub(1));
        let due = indexed.map_or(ByteSize::ZERO, |entry| entry.position).0 + interval.0.max(1);
        self.note_time(TimeEntry { time: Timestamp(batch.max_timestamp_ms()), last });
        if position.0 >= due
            && let Ok(before) = u32::try_from(batches)
            && self.offsets.push(OffsetEntry { last, position }) == Added::Yes
        {
            self.ordinals.push(before);
            if let Some(newest) = self.newest {
                self.times.push(newest);
            }
        }
    }

    fn note_time(&mut self, entry: TimeEntry) {
        let newer = self.newest.is_none_or(|newest| entry.time > newest.time);
        if newer && entry.time >= Timestamp::ZERO {
            self.newest = Some(entry);
        }
    }

    /// Where to begin to walk to the batch that holds `offset`.
    #[must_use]
    pub fn start_for(&self, offset: Offset) -> Start {
        self.start(self.offsets.before(offset))
    }

    /// Where to begin to walk to the batch that has so many of the segment's before it.
    #[must_use]
    pub fn start_for_batch(&self, batches: u64) -> Start {
        self.start(self.ordinals.before(batches))
    }

    fn start(&self, number: Option<usize>) -> Start {
        let entry = number.and_then(|number| self.offsets.get(number).zip(self.ordinals.get(number)));
        match entry {
            None => Start { position: ByteSize::ZERO, batches: 0, first: First::Base(self.base()) },
            Some((OffsetEntry { last, position }, batches)) => {
                Start { position, batches: batches.into(), first: First::Last(last) }
            }
        }
    }

    /// The newest time in the segment.
    #[must_use]
    pub fn newest(&self) -> Option<TimeEntry> {
        self.newest
    }

    /// Up to which offset all records are older than `time`, as far as entries say it.
    #[must_use]
    pub fn older_than(&self, time: Timestamp) -> Option<Offset> {
        self.times.before(time).map(|entry| entry.last)
    }

    /// Drops what lies at or beyond a place. `newest` is the newest time between the last entry before that and the place.
    pub fn cut(&mut self, position: ByteSize, end: Offset, newest: Option<TimeEntry>) {
        let kept = self.offsets.cut(position);
        self.ordinals.truncate(kept);
        self.times.cut(end);
        self.newest = self.times.last();
        if let Some(newest) = newest {
            self.note_time(newest);
        }
    }

    /// What it looks like now.
    pub(crate) fn mark(&self) -> IndexMark {
        let count = |count| u32::try_from(count).expect("an index of 32-bit positions has fewer entries");
        IndexMark {
            entries: count(self.offsets.count()),
            times: count(self.times.count()),
            checksums: [self.offsets.checksum(), self.times.checksum(), self.ordinals.checksum()],
            newest: self.newest,
        }
    }

    /// What came after so many entries, and so many of the times.
    pub(crate) fn part(&self, entries: u32, times: u32) -> IndexPart {
        let piece = |ending, bytes: &[u8], count: u32, width: usize| {
            let at = width * count as usize;
            (ending, ByteSize(at as u64), bytes.get(at..).unwrap_or_default().to_vec())
        };
        IndexPart {
            base: self.base(),
            pieces: [
                piece(OffsetIndex::EXTENSION, self.offsets.bytes(), entries, OffsetIndex::WIDTH),
                piece(TimeIndex::EXTENSION, self.times.bytes(), times, TimeIndex::WIDTH),
                piece(OrdinalIndex::EXTENSION, self.ordinals.bytes(), entries, OrdinalIndex::WIDTH),
            ],
        }
    }

    /// Ends the index of a segment that is complete: its newest time becomes the last entry, as Kafka's does.
    #[must_use]
    pub fn seal(&mut self, length: ByteSize, batches: u64) -> Seal {
        if let Some(newest) = self.newest {
            self.times.push(newest);
        }
        Seal {
            length,
            batches,
            newest: self.newest,
            offsets: self.offsets.checksum(),
            times: self.times.checksum(),
            ordinals: self.ordinals.checksum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;
    use crate::record::BatchBuilder;

    const INTERVAL: ByteSize = ByteSize(256);

    /// A segment from offset 100 with batches of two records, whose times go up and down; and where each begins.
    fn segment() -> (SparseIndex, Vec<(Batch, ByteSize)>) {
        let mut index = SparseIndex::new(Offset(100));
        let mut batches = Vec::new();
        let mut position = ByteSize::ZERO;
        for number in 0..50_u64 {
            let mut builder = BatchBuilder::new(1000 + 10 * i64::try_from(number ^ 1).unwrap());
            builder.push_value(b"first").push_value(b"second");
            let batch = builder.build().placed(Offset(100 + 2 * number), Epoch(1));
            index.push(&batch, position, number, INTERVAL);
            let size = batch.size();
            batches.push((batch, position));
            position = ByteSize(position.0 + size.0);
        }
        (index, batches)
    }

    #[test]
    fn a_walk_begins_less_than_an_interval_before_what_it_is_after() {
        let (index, batches) = segment();
        for (number, (batch, position)) in batches.iter().enumerate() {
            let starts = [
                index.start_for(batch.base_offset()),
                index.start_for(Offset(batch.next_offset().0 - 1)),
                index.start_for_batch(number as u64),
            ];
            for start in starts {
                assert!(start.position <= *position, "batch {number}: {start:?}");
                let far = INTERVAL.0 + batch.size().0;
                assert!(position.0 - start.position.0 < far, "batch {number}: {start:?}");
                let found = &batches[usize::try_from(start.batches).unwrap()];
                assert_eq!(found.1, start.position);
                let agrees = match start.first {
                    First::Base(base) => found.0.base_offset() == base,
                    First::Last(last) => found.0.next_offset() == Offset(last.0 + 1),
                };
                assert!(agrees, "batch {number}: {start:?}");
            }
        }
    }

    #[test]
    fn all_up_to_where_a_look_up_by_time_begins_is_older() {
        let (index, batches) = segment();
        for time in (990..1510).map(Timestamp) {
            let from = index.older_than(time).map_or(Offset(100), Offset::next);
            let first = batches.iter().find(|(batch, _)| Timestamp(batch.max_timestamp_ms()) >= time);
            assert!(first.is_none_or(|(batch, _)| from <= batch.base_offset()), "{time}");
        }
    }

    #[test]
    fn a_cut_index_is_that_of_the_shorter_segment() {
        let (whole, batches) = segment();
        for kept in 0..50 {
            let mut shorter = SparseIndex::new(Offset(100));
            for (number, (batch, position)) in batches[..kept].iter().enumerate() {
                shorter.push(batch, *position, number as u64, INTERVAL);
            }
            let (end, position) = (batches[kept].0.base_offset(), batches[kept].1);
            let since = whole.start_for(Offset(end.0.saturating_sub(1))).position;
            let walked = batches[..kept].iter().filter(|(_, at)| *at >= since);
            let newest = walked
                .map(|(batch, _)| TimeEntry {
                    time: Timestamp(batch.max_timestamp_ms()),
                    last: Offset(batch.next_offset().0 - 1),
                })
                .reduce(|a, b| if b.time > a.time { b } else { a });
            let mut cut = whole.clone();
            cut.cut(position, end, newest);
            // A time that was indexed later, though noted earlier, may stay.
            let said = |index: &SparseIndex| (index.offsets.clone(), index.ordinals.clone(), index.newest);
            assert_eq!(said(&cut), said(&shorter), "{kept} batches kept");
            assert!(cut.times.last().is_none_or(|last| last.last < end), "{kept} batches kept");
        }
    }
}
