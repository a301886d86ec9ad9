//! The record batch: Kafka's format v2, on disk, between replicas and from the client, without re-encoding.
//!
//! ```text
//!   0 base offset   i64 ┐ set by the leader,          43 producer id     i64  -1: none
//!   8 length        i32 │ outside the checksum        51 producer epoch  i16
//!  12 leader epoch  i32 │                             53 base sequence   i32
//!  16 magic          i8 │ always 2                    57 record count    i32
//!  17 crc32c        u32 ┘ of all from byte 21         61 records ...
//!  21 attributes    i16  see `Attributes`
//!  23 last delta    i32  record count - 1
//!  27 base time     i64  ms since 1970
//!  35 max time      i64
//! ```
//! All numbers are big-endian. Source: Kafka's `DefaultRecordBatch`, and its protocol guide, "Record Batch".
//!
//! A compressed batch is stored and relayed as it came; [`Batch::unpacked`] is for who looks into one.
//!
//! Left out: batches that a compaction thinned out, whose record count is less than their span of offsets.

mod attributes;
mod batches;
mod builder;
mod compression;
mod header;
mod reader;
mod varint;

use std::fmt;

use bytes::{Bytes, BytesMut};

pub use attributes::{Attributes, Compression, TimestampType};
pub use batches::Batches;
pub use builder::{BatchBuilder, ControlKind};
pub use compression::{Packing, UNPACKED_SIZE_MAX, UnpackError};
pub use header::BatchHeader;
pub use reader::{Header, Record, RecordError};

use crate::ids::{ByteSize, Epoch, Offset, ProducerEpoch, ProducerId, RecordCount, Sequence};

/// Bytes before the first record.
pub const HEADER_LENGTH: usize = 61;
/// Bytes that the length field does not count: base offset and the length itself.
pub const LENGTH_OVERHEAD: usize = 12;
/// The largest batch any part takes: bounds a frame, a read and a write buffer.
pub const BATCH_SIZE_MAX: ByteSize = ByteSize::mib(8);

const AT_LENGTH: usize = 8;
const AT_EPOCH: usize = 12;
const AT_MAGIC: usize = 16;
const AT_CRC: usize = 17;
const AT_ATTRIBUTES: usize = 21;
const AT_LAST_DELTA: usize = 23;
const AT_BASE_TIME: usize = 27;
const AT_MAX_TIME: usize = 35;
const AT_PRODUCER: usize = 43;
const AT_PRODUCER_EPOCH: usize = 51;
const AT_SEQUENCE: usize = 53;
const AT_COUNT: usize = 57;

const MAGIC: u8 = 2;

/// Why bytes are not a sound batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("{have} bytes of a batch that has {need}")]
    Short {
        /// Bytes there are.
        have: usize,
        /// Bytes there should be.
        need: usize,
    },
    /// The length field cannot be true.
    #[error("a length of {0}")]
    Length(i64),
    /// Not format v2.
    #[error("magic {0}, not 2")]
    Magic(u8),
    /// The checksum does not match.
    #[error("checksum {stored:08x}, but the bytes have {computed:08x}")]
    Checksum {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A header field that the checksum covers contradicts another: the sender is broken.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// Who sent a batch, and where it stands in what he sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer.
    pub id: ProducerId,
    /// Its instance.
    pub epoch: ProducerEpoch,
    /// The sequence of the first record.
    pub sequence: Sequence,
}

impl ProducerStamp {
    /// Into the header of a batch, whose checksum is then to be made anew.
    fn write(self, header: &mut [u8]) {
        let id = i64::try_from(self.id.0).expect("a producer id fits 63 bits");
        let epoch = i16::try_from(self.epoch.0).expect("a producer epoch fits 15 bits");
        let sequence = i32::try_from(self.sequence.0).expect("a sequence fits 31 bits");
        header[AT_PRODUCER..AT_PRODUCER + 8].copy_from_slice(&id.to_be_bytes());
        header[AT_PRODUCER_EPOCH..AT_PRODUCER_EPOCH + 2].copy_from_slice(&epoch.to_be_bytes());
        header[AT_SEQUENCE..AT_SEQUENCE + 4].copy_from_slice(&sequence.to_be_bytes());
    }
}

/// One sound record batch: its checksum was verified when this value was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
}

impl Batch {
    /// The batch at the start of `bytes`, and no more than that batch.
    ///
    /// # Errors
    /// [`BatchError`] when they do not start with a sound batch.
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        let length = Self::peek_length(bytes)?;
        if bytes.len() < length {
            return Err(BatchError::Short { have: bytes.len(), need: length });
        }
        let batch = Self { bytes: bytes.slice(..length) };
        batch.verify()?;
        Ok(batch)
    }

    /// How long the batch is that starts here, by its own account; at least a header's worth of bytes is needed.
    ///
    /// # Errors
    /// [`BatchError`] when too little is there to tell, or what is there cannot be a batch.
    pub fn peek_length(bytes: &[u8]) -> Result<usize, BatchError> {
        if bytes.len() < HEADER_LENGTH {
            return Err(BatchError::Short { have: bytes.len(), need: HEADER_LENGTH });
        }
        let stored = i32::from_be_bytes(array(bytes, AT_LENGTH));
        let length =
            usize::try_from(stored).map_err(|_| BatchError::Length(stored.into()))? + LENGTH_OVERHEAD;
        if length < HEADER_LENGTH || length > BATCH_SIZE_MAX.as_len() {
            return Err(BatchError::Length(stored.into()));
        }
        if bytes[AT_MAGIC] != MAGIC {
            return Err(BatchError::Magic(bytes[AT_MAGIC]));
        }
        Ok(length)
    }

    /// The offset after the batch whose header begins here, unverified.
    fn peek_end(header: &[u8]) -> Offset {
        let base = i64::from_be_bytes(array(header, 0)).unsigned_abs();
        let count = i32::from_be_bytes(array(header, AT_COUNT)).unsigned_abs();
        Offset(base).plus(RecordCount(count))
    }

    fn verify(&self) -> Result<(), BatchError> {
        let stored = u32::from_be_bytes(array(&self.bytes, AT_CRC));
        let computed = crc32c::crc32c(&self.bytes[AT_ATTRIBUTES..]);
        if stored != computed {
            return Err(BatchError::Checksum { stored, computed });
        }
        header::check(&self.bytes)
    }

    /// The whole batch, as on disk and on the wire.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> ByteSize {
        ByteSize::of(&self.bytes)
    }

    /// The offset of the first record; 0 before a leader placed it.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(self.base_offset_field().unsigned_abs())
    }

    /// The offset after its last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.base_offset().plus(self.record_count())
    }

    /// The epoch of the leader that placed it; 0 before.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.i32_at(AT_EPOCH).unsigned_abs())
    }

    /// How many records it holds: at least 1.
    #[must_use]
    pub fn record_count(&self) -> RecordCount {
        RecordCount(self.i32_at(AT_COUNT).unsigned_abs())
    }

    /// The largest timestamp in it: milliseconds since 1970.
    #[must_use]
    pub fn max_timestamp_ms(&self) -> i64 {
        self.i64_at(AT_MAX_TIME)
    }

    /// Who sent it, if he wants his duplicates refused.
    #[must_use]
    pub fn producer(&self) -> Option<ProducerStamp> {
        let id = u64::try_from(self.i64_at(AT_PRODUCER)).ok()?;
        let epoch = u16::try_from(i16::from_be_bytes(array(&self.bytes, AT_PRODUCER_EPOCH))).ok()?;
        let sequence = u32::try_from(self.i32_at(AT_SEQUENCE)).ok()?;
        Some(ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(epoch), sequence: Sequence(sequence) })
    }

    /// Whether it holds the protocol's own records, which readers skip.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes().is_control()
    }

    /// Whether its records are compressed; they are then stored and relayed as they came.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.attributes().compression() != Compression::None
    }

    /// All that its header says.
    #[must_use]
    pub fn header(&self) -> BatchHeader {
        BatchHeader::peek(&self.bytes).expect("it was checked when this value was made")
    }

    /// What its attributes say.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes(u16::from_be_bytes(array(&self.bytes, AT_ATTRIBUTES)))
    }

    /// The checksum in its header, which was found true.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        u32::from_be_bytes(array(&self.bytes, AT_CRC))
    }

    /// Its records, decoded one by one; those of a compressed batch are an error.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, RecordError>> + use<> {
        reader::records(self)
    }

    /// Its records, unpacked first when they are compressed: for who looks into a batch, not for who relays it.
    ///
    /// # Errors
    /// [`UnpackError`] when they are not what the attributes say, or take too much room.
    pub fn unpacked(&self) -> Result<impl Iterator<Item = Result<Record, RecordError>> + use<>, UnpackError> {
        let packed = self.bytes.slice(HEADER_LENGTH..);
        let body = compression::unpack(self.attributes().compression(), &packed)?;
        Ok(reader::records_in(self, body))
    }

    /// The same batch with the leader's time on each record, as a topic with `LogAppendTime` keeps it.
    #[must_use]
    pub fn with_append_time(&self, now_ms: i64) -> Self {
        let mut bytes = BytesMut::from(&self.bytes[..]);
        let attributes = self.attributes().with_append_time();
        bytes[AT_ATTRIBUTES..AT_ATTRIBUTES + 2].copy_from_slice(&attributes.0.to_be_bytes());
        bytes[AT_MAX_TIME..AT_MAX_TIME + 8].copy_from_slice(&now_ms.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[AT_ATTRIBUTES..]);
        bytes[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_be_bytes());
        Self { bytes: bytes.freeze() }
    }

    /// The same batch with another stamp: for a producer that begins a new epoch with what an older one did not append.
    #[must_use]
    pub fn stamped_anew(&self, stamp: ProducerStamp) -> Self {
        let mut bytes = BytesMut::from(&self.bytes[..]);
        stamp.write(&mut bytes);
        let crc = crc32c::crc32c(&bytes[AT_ATTRIBUTES..]);
        bytes[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_be_bytes());
        Self { bytes: bytes.freeze() }
    }

    /// The same batch at a place of its own: base offset and epoch lie outside the checksum.
    #[must_use]
    pub fn placed(&self, base: Offset, epoch: Epoch) -> Self {
        let mut bytes = BytesMut::from(&self.bytes[..]);
        let base = i64::try_from(base.0).expect("an offset fits 63 bits");
        let epoch = i32::try_from(epoch.0).expect("an epoch fits 31 bits");
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes[AT_EPOCH..AT_EPOCH + 4].copy_from_slice(&epoch.to_be_bytes());
        Self { bytes: bytes.freeze() }
    }

    fn base_offset_field(&self) -> i64 {
        self.i64_at(0)
    }

    /// What the timestamps of its records are counted from; the delete horizon where the attributes say so.
    #[must_use]
    pub fn base_timestamp_ms(&self) -> i64 {
        self.i64_at(AT_BASE_TIME)
    }

    fn i32_at(&self, at: usize) -> i32 {
        i32::from_be_bytes(array(&self.bytes, at))
    }

    fn i64_at(&self, at: usize) -> i64 {
        i64::from_be_bytes(array(&self.bytes, at))
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_control() { "control batch" } else { "batch" };
        write!(f, "{kind} {}..{} e{}", self.base_offset(), self.next_offset(), self.epoch())
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the length was checked when the batch was made")
}

#[cfg(test)]
mod tests;
