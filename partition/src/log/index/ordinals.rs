//! `.ordinals`: how many batches lie before each entry of `.index`, and the seal of a segment that is complete.
//!
//! Raft's index counts batches, which neither of Kafka's indexes tells. Ordinals count from the segment's first batch,
//! so that this file, like the other two, says nothing but what its segment holds: it goes when the segment goes, and can
//! be made again from it alone. A log's ordinals follow by adding up, from the log start, whose ordinal is synced.

use bytes::{Buf, BufMut};

use super::entries::{Entries, field};
use super::{IndexError, OffsetIndex, TimeEntry, TimeIndex};
use crate::ids::{ByteSize, Offset, Timestamp};

const WIDTH: usize = 4;
/// Length, batches, newest time and its place, three checksums.
const SEAL_LENGTH: usize = 8 + 8 + 8 + 8 + 4 + 4 + 4;

/// How many batches lie before each indexed one, in its segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrdinalIndex {
    entries: Entries<WIDTH>,
}

impl OrdinalIndex {
    /// The ending of its file's name.
    pub const EXTENSION: &str = "ordinals";
    /// How many bytes an entry has.
    pub const WIDTH: usize = WIDTH;

    /// That of a file, without its seal.
    ///
    /// # Errors
    /// [`IndexError`] when it does not end with an entry, or does not ascend.
    pub fn of_file(bytes: Vec<u8>) -> Result<Self, IndexError> {
        let ascends = |a: &[u8; WIDTH], b: &[u8; WIDTH]| a < b;
        Ok(Self { entries: Entries::of_file(bytes, ascends)? })
    }

    /// Adds an entry: so many batches lie before it.
    pub fn push(&mut self, before: u32) {
        self.entries.push(before.to_be_bytes());
    }

    /// How many batches lie before the one in this entry.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<u32> {
        self.entries.get(number).map(u32::from_be_bytes)
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.count()
    }

    /// The number of the last entry with at most so many batches before it.
    #[must_use]
    pub fn before(&self, batches: u64) -> Option<usize> {
        let after = self.entries.partition_point(|entry| u64::from(u32::from_be_bytes(*entry)) <= batches);
        after.checked_sub(1)
    }

    /// Keeps the first so many entries.
    pub fn truncate(&mut self, count: usize) {
        self.entries.truncate(count);
    }

    /// As they lie in the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// CRC32C of [`OrdinalIndex::bytes`].
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.entries.checksum()
    }
}

/// What a sealed segment holds: enough to open it without reading it, and to know its index when one sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// How long the segment's file is.
    pub length: ByteSize,
    /// How many batches it holds.
    pub batches: u64,
    /// Its newest time, if its batches carry times.
    pub newest: Option<TimeEntry>,
    /// CRC32C of all of `.index`.
    pub offsets: u32,
    /// CRC32C of all of `.timeindex`.
    pub times: u32,
    /// CRC32C of the entries of `.ordinals`.
    pub ordinals: u32,
}

impl Seal {
    /// How long it is, at the end of `.ordinals`.
    pub const LENGTH: ByteSize = ByteSize(SEAL_LENGTH as u64 + 4);

    /// As it lies in the file, with a checksum of its own.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEAL_LENGTH + 4);
        bytes.put_u64(self.length.0);
        bytes.put_u64(self.batches);
        bytes.put_i64(self.newest.map_or(-1, |newest| newest.time.0));
        bytes.put_u64(self.newest.map_or(0, |newest| newest.last.0));
        bytes.put_u32(self.offsets);
        bytes.put_u32(self.times);
        bytes.put_u32(self.ordinals);
        let checksum = crc32c::crc32c(&bytes);
        bytes.put_u32(checksum);
        bytes
    }

    /// The seal in the last [`Seal::LENGTH`] bytes of `.ordinals`.
    ///
    /// # Errors
    /// [`IndexError`] when there is none: the segment was not sealed, or the file is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        if bytes.len() != SEAL_LENGTH + 4 {
            return Err(IndexError::Length { length: bytes.len() });
        }
        let (mut rest, checksum) = bytes.split_at(SEAL_LENGTH);
        let (stored, computed) = (u32::from_be_bytes(field(checksum, 0)), crc32c::crc32c(rest));
        if stored != computed {
            return Err(IndexError::Checksum { stored, computed });
        }
        let (length, batches) = (ByteSize(rest.get_u64()), rest.get_u64());
        let (time, last) = (Timestamp(rest.get_i64()), Offset(rest.get_u64()));
        let newest = (time >= Timestamp::ZERO).then_some(TimeEntry { time, last });
        let (offsets, times, ordinals) = (rest.get_u32(), rest.get_u32(), rest.get_u32());
        Ok(Self { length, batches, newest, offsets, times, ordinals })
    }

    /// Whether these three are the index that was sealed.
    #[must_use]
    pub fn matches(&self, offsets: &OffsetIndex, times: &TimeIndex, ordinals: &OrdinalIndex) -> bool {
        let sealed = (self.offsets, self.times, self.ordinals);
        sealed == (offsets.checksum(), times.checksum(), ordinals.checksum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_reads_back_and_one_flipped_bit_breaks_it() {
        let newest = Some(TimeEntry { time: Timestamp(1_700_000_000_000), last: Offset(77) });
        let (length, batches) = (ByteSize(4000), 12);
        let seal = Seal { length, batches, newest, offsets: 1, times: 2, ordinals: 3 };
        let bytes = seal.encoded();
        assert_eq!(ByteSize::of(&bytes), Seal::LENGTH);
        assert_eq!(Seal::decode(&bytes), Ok(seal));
        let untimed = Seal { newest: None, ..seal };
        assert_eq!(Seal::decode(&untimed.encoded()), Ok(untimed));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Seal::decode(&flipped), Err(IndexError::Checksum { .. })), "bit {bit}");
        }
    }

    #[test]
    fn a_look_up_finds_the_entry_at_or_before_a_batch() {
        let mut index = OrdinalIndex::default();
        for before in [3, 7, 20] {
            index.push(before);
        }
        assert_eq!(
            [2, 3, 6, 7, 100].map(|batches| index.before(batches)),
            [None, Some(0), Some(0), Some(1), Some(2)]
        );
        assert_eq!(OrdinalIndex::of_file(index.bytes().to_vec()), Ok(index));
    }
}
