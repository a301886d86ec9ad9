//! A type for every number that crosses a function boundary.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Where counting begins.
            pub const ZERO: Self = Self(0);

            /// The one after this; panics at the end of the range, which no run reaches.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.checked_add(1).expect(concat!(stringify!($name), " ran out")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number! {
    /// A replica, controller or echo: one process, one disk.
    NodeId(u32)
}
number! {
    /// Kafka's leader epoch, Raft's term. At most `i32::MAX`, its width in a record batch.
    Epoch(u32)
}
number! {
    /// The place of a record in its partition, counting from 0.
    Offset(u64)
}
number! {
    /// How many records.
    RecordCount(u32)
}
number! {
    /// How many bytes.
    ByteSize(u64)
}
number! {
    /// The place of a *batch* in its partition, counting from 0 since the partition began. Raft's index.
    Ordinal(u64)
}
number! {
    /// A producer that wants its duplicates refused. At most `i64::MAX`, its width in a record batch.
    ProducerId(u64)
}
number! {
    /// Fences an older instance of the same producer. At most `i16::MAX`.
    ProducerEpoch(u16)
}
number! {
    /// The place of a record in what its producer sent. At most `i32::MAX`, then it wraps to 0.
    Sequence(u32)
}
number! {
    /// CRC-32C of a record batch: over what its producer made, not over where a leader placed it.
    Checksum(u32)
}
number! {
    /// Raised, and synced, before each truncation: a checkpoint of another generation is discarded (H-04).
    Generation(u64)
}

number! {
    /// A record's time: milliseconds since 1970. Negative: it has none.
    Timestamp(i64)
}

impl Offset {
    /// The offset `count` records later.
    #[must_use]
    pub fn plus(self, count: RecordCount) -> Self {
        Self(self.0 + u64::from(count.0))
    }

    /// How many records lie from `earlier` up to this; 0 when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Offset) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Ordinal {
    /// The ordinal `count` batches later.
    #[must_use]
    pub fn plus(self, count: usize) -> Self {
        Self(self.0 + count as u64)
    }
}

impl ByteSize {
    /// So many KiB.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * 1024)
    }

    /// So many MiB.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * 1024 * 1024)
    }

    /// The size of something in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.len() as u64)
    }

    /// As a length in memory; saturates on a narrow machine.
    #[must_use]
    pub fn as_len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Sequence {
    /// The sequence `count` records later, wrapping from `i32::MAX` to 0 as Kafka's does.
    #[must_use]
    pub fn plus(self, count: RecordCount) -> Self {
        const SEQUENCES: u64 = 1 << 31;
        let sum = (u64::from(self.0) + u64::from(count.0)) % SEQUENCES;
        Self(u32::try_from(sum).expect("less than 2^31"))
    }
}

/// One replicated log: a topic and the number of the partition in it. Shown, and stored, as `topic-number`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct PartitionId {
    topic: Arc<str>,
    number: u32,
}

/// A partition's name as it comes in: it names a directory only once it was checked.
#[derive(Deserialize)]
struct Unchecked {
    topic: Arc<str>,
    number: u32,
}

impl TryFrom<Unchecked> for PartitionId {
    type Error = NotAPartition;

    fn try_from(id: Unchecked) -> Result<Self, NotAPartition> {
        Self::new(&id.topic, id.number)
    }
}

/// Why a text does not name a partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a partition: {0:?} (a topic of letters, digits, `.`, `_` and `-`, then `-` and a number)")]
pub struct NotAPartition(String);

impl PartitionId {
    /// Longest topic name; Kafka's limit, so that a directory name stays below 255 bytes.
    pub const TOPIC_LENGTH_MAX: usize = 249;

    /// The partition of this topic and number.
    ///
    /// # Errors
    /// When the topic is empty, too long, or could not be a directory name.
    pub fn new(topic: &str, number: u32) -> Result<Self, NotAPartition> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let dots = topic == "." || topic == "..";
        if topic.is_empty() || topic.len() > Self::TOPIC_LENGTH_MAX || dots || !topic.chars().all(legal) {
            return Err(NotAPartition(format!("{topic}-{number}")));
        }
        Ok(Self { topic: topic.into(), number })
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition's number in its topic.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.number)
    }
}

impl std::str::FromStr for PartitionId {
    type Err = NotAPartition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAPartition(text.to_owned());
        let (topic, number) = text.rsplit_once('-').ok_or_else(wrong)?;
        Self::new(topic, number.parse().map_err(|_| wrong())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_reads_back_from_its_name() {
        let id: PartitionId = "orders-eu-7".parse().unwrap();
        assert_eq!((id.topic(), id.number()), ("orders-eu", 7));
        assert_eq!(id.to_string(), "orders-eu-7");
        for wrong in ["", "orders", "-1", "a/b-1", "..-1", "orders-x"] {
            assert!(wrong.parse::<PartitionId>().is_err(), "{wrong:?} was taken for a partition");
        }
    }

    #[test]
    fn a_name_that_could_leave_its_directory_is_refused_at_the_edge() {
        let evil = PartitionId { topic: "../../etc".into(), number: 0 };
        let bytes = crate::transport::codec::encode(&evil);
        assert!(crate::transport::codec::decode::<PartitionId>(&bytes).is_err());
    }

    #[test]
    fn sequences_wrap_as_kafkas_do() {
        assert_eq!(Sequence(2_147_483_647).plus(RecordCount(1)), Sequence(0));
        assert_eq!(Sequence(2_147_483_646).plus(RecordCount(3)), Sequence(1));
    }
}
