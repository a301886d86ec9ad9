//! What a producer promises, how long it waits, and how much it holds.

use std::time::Duration;

use crate::ids::{ByteSize, ProducerEpoch, ProducerId, RecordCount};
use crate::log::BATCHES_KEPT;
use crate::partition::Acks;
use crate::record::{BATCH_SIZE_MAX, Packing};

/// What a producer does about a batch whose outcome is not known (C1, C9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeats {
    /// Sends it again, stamped: the leader knows it again. Each record lies in the log once, in order.
    #[default]
    Once,
    /// The same, under an id that outlives this instance: an instance of a higher epoch fences those of lower ones. The
    /// epoch must never have been used before, for whatever it has sent would be taken for duplicates.
    OnceAs(ProducerId, ProducerEpoch),
    /// Sends it again, without a stamp: records may lie in the log twice (C9), and, with more than one batch in flight,
    /// out of order. Kafka's way before it had stamps.
    AtLeastOnce,
    /// Gives it up. What was certainly not appended is sent again, so with more than one batch in flight records may
    /// lie in the log out of order, but none twice.
    AtMostOnce,
}

/// How many batches are on their way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InFlight(usize);

impl InFlight {
    /// A leader knows the last so many batches of a producer again: of more, a repeated one might be a stranger to it.
    pub const MAX: Self = Self(BATCHES_KEPT);
    /// One after the other: in order without a stamp, at one round trip a batch.
    pub const ONE: Self = Self(1);

    /// So many.
    #[must_use]
    pub fn new(count: usize) -> Option<Self> {
        (1..=Self::MAX.0).contains(&count).then_some(Self(count))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

/// How a producer works. The defaults are Kafka's.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// When a record counts as delivered. With [`Acks::Nobody`] nothing is heard, so nothing is stamped or repeated but
    /// what could not even be sent. With [`Acks::Leader`] a delivered record may be lost with its leader (C8).
    pub acks: Acks,
    /// What is done about a batch in doubt.
    pub repeats: Repeats,
    /// How long the first record of a batch waits for others. Default: 5 ms (KIP-1030).
    pub linger: Duration,
    /// A batch is full at this size, before it is packed; a record that is larger goes alone. Default: 16 KiB.
    pub batch_bytes: ByteSize,
    /// A batch is full with so many records. Default: 4096.
    pub batch_records: RecordCount,
    /// How batches are packed.
    pub packing: Packing,
    /// How many batches are on their way at once.
    pub in_flight: InFlight,
    /// How long one attempt may take before the batch is taken to be in doubt. Default: 30 s.
    pub attempt: Duration,
    /// How long a record may take from the moment it has room in the buffer: linger, queue and all attempts (Kafka's
    /// `delivery.timeout.ms`). Default: 2 min.
    pub delivery: Duration,
    /// What all records that are not delivered yet may take together. Default: 32 MiB.
    pub buffer: ByteSize,
    /// How long a record waits for room in the buffer (Kafka's `max.block.ms`). Default: 1 min.
    pub room_wait: Duration,
    /// Wait before a batch is sent again; it doubles each time. Default: 5 ms.
    pub backoff_min: Duration,
    /// Longest such wait. Default: 100 ms.
    pub backoff_max: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::Committed,
            repeats: Repeats::Once,
            linger: Duration::from_millis(5),
            batch_bytes: ByteSize::kib(16),
            batch_records: RecordCount(4096),
            packing: Packing::Plain,
            in_flight: InFlight::MAX,
            attempt: Duration::from_secs(30),
            delivery: Duration::from_secs(120),
            buffer: ByteSize::mib(32),
            room_wait: Duration::from_secs(60),
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(100),
        }
    }
}

/// Why a producer cannot work as it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No batch could be made.
    #[error(
        "a batch of {records} records and {bytes} bytes: at least 1 of each, and at most {BATCH_SIZE_MAX} bytes"
    )]
    Batch {
        /// `batch_records`.
        records: RecordCount,
        /// `batch_bytes`.
        bytes: ByteSize,
    },
    /// The buffer could not hold what one batch can.
    #[error(
        "a buffer of {buffer} bytes for batches of {batch}: at least one batch, and at most {BUFFER_MAX}"
    )]
    Buffer {
        /// `buffer`.
        buffer: ByteSize,
        /// `batch_bytes`.
        batch: ByteSize,
    },
    /// Every record would be late before it is sent.
    #[error("delivery within {delivery:?}, of which {linger:?} linger: delivery must be longer")]
    Delivery {
        /// `delivery`.
        delivery: Duration,
        /// `linger`.
        linger: Duration,
    },
}

/// The largest buffer: its bytes are counted in 32 bits.
pub const BUFFER_MAX: ByteSize = ByteSize::mib(512);

impl ProducerConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { batch_records, batch_bytes, buffer, delivery, linger, .. } = *self;
        if batch_records.0 == 0 || batch_bytes.0 == 0 || batch_bytes > BATCH_SIZE_MAX {
            return Err(ConfigError::Batch { records: batch_records, bytes: batch_bytes });
        }
        if buffer < batch_bytes || buffer > BUFFER_MAX {
            return Err(ConfigError::Buffer { buffer, batch: batch_bytes });
        }
        if delivery <= linger {
            return Err(ConfigError::Delivery { delivery, linger });
        }
        Ok(())
    }
}
