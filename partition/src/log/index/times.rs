//! `.timeindex`: from where on records are newer than a time.

use super::IndexError;
use super::entries::{Entries, field};
use crate::ids::{Offset, Timestamp};

const WIDTH: usize = 12;

/// The newest time up to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimeEntry {
    /// No record up to `last` is newer.
    pub time: Timestamp,
    /// The last offset of the batch that holds the record of that time.
    pub last: Offset,
}

/// A segment's time index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeIndex {
    base: Offset,
    entries: Entries<WIDTH>,
}

impl TimeIndex {
    /// The ending of its file's name.
    pub const EXTENSION: &str = "timeindex";
    /// How many bytes an entry has.
    pub const WIDTH: usize = WIDTH;

    /// An empty one, of the segment that begins at `base`.
    #[must_use]
    pub fn new(base: Offset) -> Self {
        Self { base, entries: Entries::default() }
    }

    /// That of a file.
    ///
    /// # Errors
    /// [`IndexError`] when it does not end with an entry, or does not ascend.
    pub fn of_file(base: Offset, bytes: Vec<u8>) -> Result<Self, IndexError> {
        let ascends = |a: &[u8; WIDTH], b: &[u8; WIDTH]| relative(a) < relative(b) && time(a) < time(b);
        let entries = Entries::of_file(bytes, ascends)?;
        let negative = entries.get(0).is_some_and(|first| relative(&first) < 0);
        if negative { Err(IndexError::Order { number: 0 }) } else { Ok(Self { base, entries }) }
    }

    /// Adds the newest time so far, unless the last entry says it already, or 32 bits cannot hold its place.
    pub fn push(&mut self, entry: TimeEntry) {
        let known = self.last().is_some_and(|last| entry.time <= last.time || entry.last <= last.last);
        let Ok(relative) = i32::try_from(entry.last.since(self.base)) else { return };
        // Kafka's value for a batch without times.
        if known || entry.time < Timestamp::ZERO {
            return;
        }
        let mut bytes = [0; WIDTH];
        bytes[..8].copy_from_slice(&entry.time.0.to_be_bytes());
        bytes[8..].copy_from_slice(&relative.to_be_bytes());
        self.entries.push(bytes);
    }

    /// The entry of this number, from 0.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<TimeEntry> {
        self.entries.get(number).map(|entry| self.decode(&entry))
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<TimeEntry> {
        self.get(self.count().checked_sub(1)?)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = TimeEntry> {
        (0..self.count()).filter_map(|number| self.get(number))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.count()
    }

    /// Up to where all records are older than `time`: the last such entry.
    #[must_use]
    pub fn before(&self, time: Timestamp) -> Option<TimeEntry> {
        let after = self.entries.partition_point(|entry| self.decode(entry).time < time);
        self.get(after.checked_sub(1)?)
    }

    /// Drops the entries of batches that end beyond `end`.
    pub fn cut(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|entry| self.decode(entry).last < end);
        self.entries.truncate(kept);
    }

    /// As they lie in the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// CRC32C of [`TimeIndex::bytes`].
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.entries.checksum()
    }

    fn decode(&self, entry: &[u8; WIDTH]) -> TimeEntry {
        let last = Offset(self.base.0 + u64::from(relative(entry).unsigned_abs()));
        TimeEntry { time: time(entry), last }
    }
}

fn time(entry: &[u8; WIDTH]) -> Timestamp {
    Timestamp(i64::from_be_bytes(field(entry, 0)))
}

fn relative(entry: &[u8; WIDTH]) -> i32 {
    i32::from_be_bytes(field(entry, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: i64, last: u64) -> TimeEntry {
        TimeEntry { time: Timestamp(time), last: Offset(last) }
    }

    fn index() -> TimeIndex {
        let mut index = TimeIndex::new(Offset(50));
        for (time, last) in [(-1, 51), (1000, 52), (1000, 55), (2000, 57), (2000, 60), (3000, 61)] {
            index.push(entry(time, last));
        }
        index
    }

    #[test]
    fn its_bytes_are_kafkas_and_only_a_newer_time_is_an_entry() {
        let entries: Vec<_> = index().iter().collect();
        assert_eq!(entries, [entry(1000, 52), entry(2000, 57), entry(3000, 61)]);
        assert_eq!(index().bytes()[..12], [0, 0, 0, 0, 0, 0, 3, 0xE8, 0, 0, 0, 2]);
        assert_eq!(TimeIndex::of_file(Offset(50), index().bytes().to_vec()), Ok(index()));
    }

    #[test]
    fn all_up_to_the_entry_before_a_time_is_older() {
        let before = [999, 1000, 1001, 3000, 3001].map(|time| index().before(Timestamp(time)));
        let expected = [None, None, Some(entry(1000, 52)), Some(entry(2000, 57)), Some(entry(3000, 61))];
        assert_eq!(before, expected);
    }

    #[test]
    fn what_is_cut_off_is_no_longer_indexed() {
        let mut cut = index();
        cut.cut(Offset(61));
        assert_eq!(cut.last(), Some(entry(2000, 57)));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let twice = [index().bytes(), index().bytes()].concat();
        assert_eq!(TimeIndex::of_file(Offset(50), twice), Err(IndexError::Order { number: 3 }));
        let short = index().bytes()[..13].to_vec();
        assert_eq!(TimeIndex::of_file(Offset(50), short), Err(IndexError::Length { length: 13 }));
    }
}
