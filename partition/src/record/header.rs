//! The header of a batch alone: 61 bytes that say what the rest is, for a walk that skips the records.

use super::{
    AT_ATTRIBUTES, AT_BASE_TIME, AT_COUNT, AT_CRC, AT_EPOCH, AT_LAST_DELTA, AT_MAX_TIME, AT_PRODUCER,
    AT_PRODUCER_EPOCH, AT_SEQUENCE, Attributes, Batch, BatchError, array,
};
use crate::ids::{ByteSize, Epoch, Offset, ProducerEpoch, ProducerId, RecordCount, Sequence};

/// What a batch's header says. Its checksum was compared only if it came from a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// All of the batch, header included.
    pub size: ByteSize,
    /// The epoch of the leader that placed it.
    pub epoch: Epoch,
    /// CRC32C of all from byte 21.
    pub checksum: u32,
    /// How to read the rest.
    pub attributes: Attributes,
    /// At least 1.
    pub record_count: RecordCount,
    /// What its records' times are counted from: milliseconds since 1970.
    pub base_timestamp_ms: i64,
    /// The newest of them.
    pub max_timestamp_ms: i64,
    /// Who sent it, if he said so.
    pub producer_id: Option<ProducerId>,
    /// The producer's instance.
    pub producer_epoch: Option<ProducerEpoch>,
    /// Where its first record stands in what the producer sent; a marker of a transaction has none.
    pub base_sequence: Option<Sequence>,
}

impl BatchHeader {
    /// The header at the start of `bytes`, which cannot tell whether the checksum holds.
    ///
    /// # Errors
    /// [`BatchError`] when too little is there, or its fields contradict each other.
    pub fn peek(bytes: &[u8]) -> Result<Self, BatchError> {
        let length = Batch::peek_length(bytes)?;
        check(bytes)?;
        let i64_at = |at| i64::from_be_bytes(array(bytes, at));
        let i32_at = |at| i32::from_be_bytes(array(bytes, at));
        Ok(Self {
            base_offset: Offset(i64_at(0).unsigned_abs()),
            size: ByteSize(length as u64),
            epoch: Epoch(i32_at(AT_EPOCH).unsigned_abs()),
            checksum: u32::from_be_bytes(array(bytes, AT_CRC)),
            attributes: Attributes(u16::from_be_bytes(array(bytes, AT_ATTRIBUTES))),
            record_count: RecordCount(i32_at(AT_COUNT).unsigned_abs()),
            base_timestamp_ms: i64_at(AT_BASE_TIME),
            max_timestamp_ms: i64_at(AT_MAX_TIME),
            producer_id: u64::try_from(i64_at(AT_PRODUCER)).ok().map(ProducerId),
            producer_epoch: u16::try_from(i16::from_be_bytes(array(bytes, AT_PRODUCER_EPOCH)))
                .ok()
                .map(ProducerEpoch),
            base_sequence: u32::try_from(i32_at(AT_SEQUENCE)).ok().map(Sequence),
        })
    }

    /// The offset after its last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.base_offset.plus(self.record_count)
    }
}

/// Whether the fields agree with each other. The checksum covers most of them: where they do not, the sender is broken.
pub(super) fn check(header: &[u8]) -> Result<(), BatchError> {
    let i64_at = |at| i64::from_be_bytes(array(header, at));
    let i32_at = |at| i32::from_be_bytes(array(header, at));
    let count = i32_at(AT_COUNT);
    if count < 1 {
        return Err(BatchError::Contradiction("a batch without records"));
    }
    if i32_at(AT_LAST_DELTA) != count - 1 {
        return Err(BatchError::Contradiction("last offset delta and record count disagree"));
    }
    if i64_at(0) < 0 || i32_at(AT_EPOCH) < 0 {
        return Err(BatchError::Contradiction("a negative base offset or epoch"));
    }
    if i64_at(0).checked_add(count.into()).is_none() {
        return Err(BatchError::Contradiction("offsets beyond 63 bits"));
    }
    let stamped = i64_at(AT_PRODUCER) >= 0;
    let control = Attributes(u16::from_be_bytes(array(header, AT_ATTRIBUTES))).is_control();
    let epoch = i16::from_be_bytes(array(header, AT_PRODUCER_EPOCH));
    if stamped && (i32_at(AT_SEQUENCE) < 0 || epoch < 0) && !control {
        return Err(BatchError::Contradiction("a producer id without epoch or sequence"));
    }
    Ok(())
}
