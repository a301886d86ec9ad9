//! The attributes of a batch: sixteen bits under the checksum that say how to read the rest.

/// How the records of a batch are compressed. The header never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They are not.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy: one raw block, or the blocks of Java's `SnappyOutputStream`.
    Snappy,
    /// LZ4, in its frame format.
    Lz4,
    /// Zstandard (RFC 8878).
    Zstd,
    /// A number that Kafka has not given out: 5 to 7.
    Unknown(u8),
}

impl Compression {
    /// Its name, as Kafka's tools print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What stands in the attributes for it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
            Self::Unknown(number) => number,
        }
    }
}

/// Whose clock the timestamps of a batch are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's: each record has its own.
    Create,
    /// The leader's: the batch's largest timestamp counts for each record.
    Append,
}

/// The attributes of a batch.
///
/// ```text
///   bit  0-2  compression        4  transactional        6    delete horizon
///          3  timestamp type     5  control              7..  unused
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub(super) u16);

const COMPRESSION_BITS: u16 = 0b111;
const APPEND_TIME_BIT: u16 = 1 << 3;
const TRANSACTIONAL_BIT: u16 = 1 << 4;
const CONTROL_BIT: u16 = 1 << 5;
const DELETE_HORIZON_BIT: u16 = 1 << 6;

impl Attributes {
    /// How the records are compressed.
    #[must_use]
    pub fn compression(self) -> Compression {
        match u8::try_from(self.0 & COMPRESSION_BITS).expect("three bits") {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            number => Compression::Unknown(number),
        }
    }

    /// Whose clock the timestamps are from.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & APPEND_TIME_BIT == 0 { TimestampType::Create } else { TimestampType::Append }
    }

    /// Whether it belongs to a transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL_BIT != 0
    }

    /// Whether it holds a protocol's own records.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & CONTROL_BIT != 0
    }

    /// Whether the base timestamp says when its tombstones may go (a compacted batch of Kafka's).
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON_BIT != 0
    }

    pub(super) fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !COMPRESSION_BITS | u16::from(compression.number()) & COMPRESSION_BITS)
    }

    pub(super) fn with_append_time(self) -> Self {
        Self(self.0 | APPEND_TIME_BIT)
    }

    pub(super) fn of_transaction(self) -> Self {
        Self(self.0 | TRANSACTIONAL_BIT)
    }

    pub(super) fn of_control(self) -> Self {
        Self(self.0 | CONTROL_BIT)
    }
}
