//! One file of the log: where it begins, how long it is, and a sparse index of what lies where in it.
//!
//! The index is in memory, rebuilt when the log is opened. Kafka's `.index` and `.timeindex` files belong beside the
//! `.log` file here.

use std::path::{Path, PathBuf};

use crate::ids::{ByteSize, Offset, Ordinal};

/// Where a batch begins: its offset, its ordinal, and its first byte in a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) ordinal: Ordinal,
    pub(crate) position: ByteSize,
}

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Where the next batch begins.
    pub(crate) end: Place,
    /// Ascending; the first entry is the segment's own beginning.
    index: Vec<Place>,
}

impl Segment {
    /// An empty one.
    pub(crate) fn new(base: Offset, ordinal: Ordinal) -> Self {
        let start = Place { offset: base, ordinal, position: ByteSize::ZERO };
        Self { end: start, index: vec![start] }
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> Place {
        self.index[0]
    }

    /// The offset that names it.
    pub(crate) fn base(&self) -> Offset {
        self.start().offset
    }

    /// Adds a batch at its end, and an index entry when the last one is `interval` bytes back.
    pub(crate) fn push(&mut self, next_offset: Offset, size: ByteSize, interval: ByteSize) {
        let last = self.index[self.index.len() - 1];
        if self.end.position.0 >= last.position.0 + interval.0.max(1) {
            self.index.push(self.end);
        }
        self.end = Place {
            offset: next_offset,
            ordinal: self.end.ordinal.next(),
            position: ByteSize(self.end.position.0 + size.0),
        };
    }

    /// The last indexed place at or before this offset, which is not below the segment's base.
    pub(crate) fn before_offset(&self, offset: Offset) -> Place {
        let after = self.index.partition_point(|place| place.offset <= offset);
        self.index[after.saturating_sub(1)]
    }

    /// The last indexed place at or before this ordinal, which is not below the segment's first.
    pub(crate) fn before_ordinal(&self, ordinal: Ordinal) -> Place {
        let after = self.index.partition_point(|place| place.ordinal <= ordinal);
        self.index[after.saturating_sub(1)]
    }

    /// Cuts it to end at a place in it.
    pub(crate) fn cut(&mut self, end: Place) {
        self.index.retain(|place| place.position < end.position || place.position == ByteSize::ZERO);
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
    let digits = name.strip_suffix(".log")?;
    let legal = digits.len() == NAME_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    legal.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_leads_to_a_place_at_or_before_what_is_looked_for() {
        let mut segment = Segment::new(Offset(100), Ordinal(40));
        for batch in 0..50_u64 {
            segment.push(Offset(100 + 3 * (batch + 1)), ByteSize(70), ByteSize(256));
        }
        assert_eq!(
            segment.end,
            Place { offset: Offset(250), ordinal: Ordinal(90), position: ByteSize(3500) }
        );
        for batch in 0..50_u64 {
            let exact = Place {
                offset: Offset(100 + 3 * batch),
                ordinal: Ordinal(40 + batch),
                position: ByteSize(70 * batch),
            };
            for found in [segment.before_offset(exact.offset), segment.before_ordinal(exact.ordinal)] {
                let ahead = exact.position.0 - found.position.0;
                assert!(ahead < 256 + 70, "{ahead} bytes to walk to batch {batch}");
                assert_eq!(found.offset.0 - 100, 3 * (found.ordinal.0 - 40));
            }
        }
    }

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
