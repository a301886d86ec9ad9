//! The index of a segment: what lies where in its file, sparsely, in Kafka's two formats and one of ours.
//!
//! ```text
//!   <base>.index      8 bytes an entry    last offset of a batch - base  i32, where the batch begins  i32
//!   <base>.timeindex 12 bytes an entry    newest time so far  i64, last offset of that batch - base  i32
//!   <base>.ordinals   4 bytes an entry    ordinal of the batch in the entry of `.index` - that of the first one  u32,
//!                    and when the segment is sealed, a [`Seal`] at the end
//! ```
//! All numbers are big-endian, all entries ascend. Source of the two: Kafka's `OffsetIndex`, `TimeIndex`, `LogSegment`.
//! An index holds nothing that the batches do not say: one that is missing, short, or contradicted by them is made again.

mod entries;
mod offsets;
mod ordinals;
mod sparse;
mod times;

pub use offsets::{Added, OffsetEntry, OffsetIndex};
pub use ordinals::{OrdinalIndex, Seal};
pub(crate) use sparse::IndexPart;
pub use sparse::{First, IndexMark, SparseIndex, Start};
pub use times::{TimeEntry, TimeIndex};

/// Why a file is not an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It ends inside an entry, or without what should follow.
    #[error("{length} bytes, which is no whole number of entries")]
    Length {
        /// How many bytes there are.
        length: usize,
    },
    /// An entry does not lie behind the one before it.
    #[error("entry {number} does not ascend")]
    Order {
        /// Which one, from 0.
        number: usize,
    },
    /// The checksum does not match.
    #[error("checksum {stored:08x}, but the bytes have {computed:08x}")]
    Checksum {
        /// In the file.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
}
