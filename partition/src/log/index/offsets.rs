//! `.index`: where the batch of an offset begins.

use super::IndexError;
use super::entries::{Entries, field};
use crate::ids::{ByteSize, Offset};

const WIDTH: usize = 8;

/// Where one batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The offset of its last record: Kafka's choice, so that a look-up begins at or before the batch it is after.
    pub last: Offset,
    /// Its first byte in the segment's file.
    pub position: ByteSize,
}

/// A segment's offset index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetIndex {
    base: Offset,
    entries: Entries<WIDTH>,
}

impl OffsetIndex {
    /// The ending of its file's name.
    pub const EXTENSION: &str = "index";
    /// How many bytes an entry has.
    pub const WIDTH: usize = WIDTH;

    /// The offset of the segment's first record.
    #[must_use]
    pub fn base(&self) -> Offset {
        self.base
    }

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
        let ascends =
            |a: &[u8; WIDTH], b: &[u8; WIDTH]| relative(a) < relative(b) && position(a) < position(b);
        let entries = Entries::of_file(bytes, ascends)?;
        let negative = entries.get(0).is_some_and(|first| relative(&first) < 0 || position(&first) < 0);
        if negative { Err(IndexError::Order { number: 0 }) } else { Ok(Self { base, entries }) }
    }

    /// Adds an entry; leaves out one that 32 bits cannot hold, which only makes the walk from the one before longer.
    /// Says whether it was added.
    pub fn push(&mut self, entry: OffsetEntry) -> Added {
        let relative = i32::try_from(entry.last.since(self.base));
        let position = i32::try_from(entry.position.0);
        let (Ok(relative), Ok(position)) = (relative, position) else { return Added::No };
        let mut bytes = [0; WIDTH];
        bytes[..4].copy_from_slice(&relative.to_be_bytes());
        bytes[4..].copy_from_slice(&position.to_be_bytes());
        self.entries.push(bytes);
        Added::Yes
    }

    /// The entry of this number, from 0.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<OffsetEntry> {
        self.entries.get(number).map(|entry| self.decode(&entry))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = OffsetEntry> {
        (0..self.count()).filter_map(|number| self.get(number))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.count()
    }

    /// The number of the last entry whose batch ends at or before `offset`; `None`: begin at the segment's beginning.
    #[must_use]
    pub fn before(&self, offset: Offset) -> Option<usize> {
        let after = self.entries.partition_point(|entry| self.decode(entry).last <= offset);
        after.checked_sub(1)
    }

    /// Drops the entries of batches that begin at or beyond `end`. Returns how many are left.
    pub fn cut(&mut self, end: ByteSize) -> usize {
        let kept = self.entries.partition_point(|entry| self.decode(entry).position < end);
        self.entries.truncate(kept);
        kept
    }

    /// As they lie in the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// CRC32C of [`OffsetIndex::bytes`].
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.entries.checksum()
    }

    fn decode(&self, entry: &[u8; WIDTH]) -> OffsetEntry {
        OffsetEntry {
            last: Offset(self.base.0 + u64::from(relative(entry).unsigned_abs())),
            position: ByteSize(position(entry).unsigned_abs().into()),
        }
    }
}

/// Whether an entry found room in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It did.
    Yes,
    /// It is beyond what the format can say.
    No,
}

fn relative(entry: &[u8; WIDTH]) -> i32 {
    i32::from_be_bytes(field(entry, 0))
}

fn position(entry: &[u8; WIDTH]) -> i32 {
    i32::from_be_bytes(field(entry, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(last: u64, position: u64) -> OffsetEntry {
        OffsetEntry { last: Offset(last), position: ByteSize(position) }
    }

    fn index() -> OffsetIndex {
        let mut index = OffsetIndex::new(Offset(1000));
        for (last, position) in [(1002, 4096), (1005, 8300), (1009, 12_400)] {
            assert_eq!(index.push(entry(last, position)), Added::Yes);
        }
        index
    }

    #[test]
    fn its_bytes_are_kafkas() {
        assert_eq!(index().bytes()[..16], [0, 0, 0, 2, 0, 0, 0x10, 0, 0, 0, 0, 5, 0, 0, 0x20, 0x6C]);
        let read = OffsetIndex::of_file(Offset(1000), index().bytes().to_vec()).unwrap();
        assert_eq!(read, index());
        assert_eq!(read.get(1), Some(entry(1005, 8300)));
    }

    #[test]
    fn a_look_up_begins_at_or_before_what_it_is_after() {
        let before = [1000, 1001, 1002, 1004, 1005, 2000].map(|offset| index().before(Offset(offset)));
        assert_eq!(before, [None, None, Some(0), Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn what_is_cut_off_is_no_longer_indexed() {
        let mut cut = index();
        assert_eq!(cut.cut(ByteSize(8300)), 1);
        assert_eq!(cut.iter().collect::<Vec<_>>(), [entry(1002, 4096)]);
        assert_eq!(cut.checksum(), crc32c::crc32c(cut.bytes()));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let bytes = index().bytes().to_vec();
        let of_file = |bytes: &[u8]| OffsetIndex::of_file(Offset(1000), bytes.to_vec());
        assert_eq!(of_file(&bytes[..23]), Err(IndexError::Length { length: 23 }));
        assert_eq!(of_file(&[&bytes[..8], &[0; 8]].concat()), Err(IndexError::Order { number: 1 }));
        assert_eq!(of_file(&[0xFF; 8]), Err(IndexError::Order { number: 0 }));
    }

    #[test]
    fn an_entry_beyond_32_bits_is_left_out() {
        let mut index = index();
        assert_eq!(index.push(entry(1000 + (1 << 31), 20_000)), Added::No);
        assert_eq!(index.count(), 3);
    }
}
