//! Entries of one width, as they lie in an index file, with a checksum that goes along.

use super::IndexError;

/// The bytes of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entries<const WIDTH: usize> {
    bytes: Vec<u8>,
    checksum: u32,
}

impl<const WIDTH: usize> Entries<WIDTH> {
    /// Those of a file. Each must come after the one before it, as `ascends` says.
    pub(super) fn of_file(
        bytes: Vec<u8>,
        ascends: impl Fn(&[u8; WIDTH], &[u8; WIDTH]) -> bool,
    ) -> Result<Self, IndexError> {
        let (whole, rest) = bytes.as_chunks::<WIDTH>();
        if !rest.is_empty() {
            return Err(IndexError::Length { length: bytes.len() });
        }
        if let Some(before) = whole.windows(2).position(|pair| !ascends(&pair[0], &pair[1])) {
            return Err(IndexError::Order { number: before + 1 });
        }
        let checksum = crc32c::crc32c(&bytes);
        Ok(Self { bytes, checksum })
    }

    pub(super) fn push(&mut self, entry: [u8; WIDTH]) {
        self.bytes.extend_from_slice(&entry);
        self.checksum = crc32c::crc32c_append(self.checksum, &entry);
    }

    pub(super) fn count(&self) -> usize {
        self.bytes.len() / WIDTH
    }

    pub(super) fn get(&self, number: usize) -> Option<[u8; WIDTH]> {
        self.bytes.as_chunks::<WIDTH>().0.get(number).copied()
    }

    /// How many come first for which `is_before` holds.
    pub(super) fn partition_point(&self, is_before: impl Fn(&[u8; WIDTH]) -> bool) -> usize {
        self.bytes.as_chunks::<WIDTH>().0.partition_point(is_before)
    }

    /// Keeps the first so many.
    pub(super) fn truncate(&mut self, count: usize) {
        if count < self.count() {
            self.bytes.truncate(count * WIDTH);
            self.checksum = crc32c::crc32c(&self.bytes);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// CRC32C of the bytes.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum
    }
}

/// The number that begins at `at`.
pub(super) fn field<const N: usize>(entry: &[u8], at: usize) -> [u8; N] {
    entry[at..at + N].try_into().expect("an entry is as wide as its fields")
}
