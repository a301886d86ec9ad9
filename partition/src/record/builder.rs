//! Makes batches: of a client's records, or of a protocol's own.

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::Header;
use super::{
    AT_ATTRIBUTES, AT_BASE_TIME, AT_COUNT, AT_CRC, AT_EPOCH, AT_LAST_DELTA, AT_LENGTH, AT_MAGIC, AT_MAX_TIME,
    AT_PRODUCER, Attributes, Batch, Compression, HEADER_LENGTH, LENGTH_OVERHEAD, MAGIC, ProducerStamp,
    varint,
};
use crate::ids::{ByteSize, RecordCount};

/// What a control record is for; its number stands in the record's key, as in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// A leader's first entry: nothing but its epoch.
    Blank,
    /// A change of membership; the value says which.
    Membership,
    /// All below the offset in the value is given up.
    Trim,
}

/// Version 0 of a control record's key.
const CONTROL_KEY_VERSION: i16 = 0;

impl ControlKind {
    // Far above Kafka's own kinds (0 to 6), so that its tools show "unknown" and not a wrong reading.
    fn number(self) -> i16 {
        match self {
            Self::Blank => 1000,
            Self::Membership => 1001,
            Self::Trim => 1002,
        }
    }

    /// The kind that the key of a control record names.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let number = i16::from_be_bytes(key.get(2..4)?.try_into().ok()?);
        [Self::Blank, Self::Membership, Self::Trim].into_iter().find(|kind| kind.number() == number)
    }
}

/// Collects records, then makes one batch of them.
#[derive(Debug)]
pub struct BatchBuilder {
    bytes: BytesMut,
    count: u32,
    base_time_ms: i64,
    max_time_ms: i64,
    attributes: Attributes,
    producer: Option<ProducerStamp>,
}

impl BatchBuilder {
    /// An empty one; `now_ms` (milliseconds since 1970) stands on records that bring no time of their own.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        let mut bytes = BytesMut::with_capacity(ByteSize::kib(2).as_len());
        bytes.put_bytes(0, HEADER_LENGTH);
        Self {
            bytes,
            count: 0,
            base_time_ms: now_ms,
            max_time_ms: now_ms,
            attributes: Attributes::default(),
            producer: None,
        }
    }

    /// Stamps the batch, so that duplicates of it can be refused.
    #[must_use]
    pub fn stamped(mut self, stamp: ProducerStamp) -> Self {
        self.producer = Some(stamp);
        self
    }

    /// Marks the batch as part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.attributes = self.attributes.of_transaction();
        self
    }

    /// Adds a record that has only a value.
    pub fn push_value(&mut self, value: &[u8]) -> &mut Self {
        self.push(self.base_time_ms, None, Some(value), &[])
    }

    /// Adds a record with all it can have.
    pub fn push(
        &mut self,
        time_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> &mut Self {
        let time_delta = time_ms - self.base_time_ms;
        let offset_delta = i64::from(self.count);
        let mut length = 1 + varint::length(time_delta) + varint::length(offset_delta);
        length += nullable_length(key) + nullable_length(value) + varint::length(headers.len() as i64);
        for header in headers {
            length += nullable_length(Some(header.key.as_bytes())) + nullable_length(header.value.as_deref());
        }
        varint::put(&mut self.bytes, length as i64);
        self.bytes.put_i8(0);
        varint::put(&mut self.bytes, time_delta);
        varint::put(&mut self.bytes, offset_delta);
        put_nullable(&mut self.bytes, key);
        put_nullable(&mut self.bytes, value);
        varint::put(&mut self.bytes, headers.len() as i64);
        for header in headers {
            put_nullable(&mut self.bytes, Some(header.key.as_bytes()));
            put_nullable(&mut self.bytes, header.value.as_deref());
        }
        self.max_time_ms = self.max_time_ms.max(time_ms);
        self.count += 1;
        self
    }

    /// How many records were added.
    #[must_use]
    pub fn record_count(&self) -> RecordCount {
        RecordCount(self.count)
    }

    /// How large the batch is so far.
    #[must_use]
    pub fn size(&self) -> ByteSize {
        ByteSize::of(&self.bytes)
    }

    /// The finished batch, at offset 0 of epoch 0 until a leader places it.
    ///
    /// # Panics
    /// Without a record: there is no empty batch.
    #[must_use]
    pub fn build(self) -> Batch {
        self.finish()
    }

    /// The finished batch with its records in a compressed form that somebody else made: `pack` gets them as they are.
    ///
    /// # Panics
    /// Without a record: there is no empty batch.
    #[must_use]
    pub fn build_packed(mut self, compression: Compression, pack: impl FnOnce(&[u8]) -> Vec<u8>) -> Batch {
        let packed = pack(&self.bytes[HEADER_LENGTH..]);
        self.bytes.truncate(HEADER_LENGTH);
        self.bytes.put_slice(&packed);
        self.attributes = self.attributes.with_compression(compression);
        self.finish()
    }

    fn finish(mut self) -> Batch {
        assert!(self.count > 0, "a batch holds at least one record");
        let count = i32::try_from(self.count).expect("a batch of 2^31 records does not fit its size");
        let length = i32::try_from(self.bytes.len() - LENGTH_OVERHEAD).expect("a batch stays below 2 GiB");
        self.set(AT_LENGTH, &length.to_be_bytes());
        self.set(AT_EPOCH, &0_i32.to_be_bytes());
        self.set(AT_MAGIC, &[MAGIC]);
        self.set(AT_ATTRIBUTES, &self.attributes.0.to_be_bytes());
        self.set(AT_LAST_DELTA, &(count - 1).to_be_bytes());
        self.set(AT_BASE_TIME, &self.base_time_ms.to_be_bytes());
        self.set(AT_MAX_TIME, &self.max_time_ms.to_be_bytes());
        match self.producer {
            Some(stamp) => stamp.write(&mut self.bytes),
            // Minus one, in each of the three fields.
            None => self.set(AT_PRODUCER, &[0xff; AT_COUNT - AT_PRODUCER]),
        }
        self.set(AT_COUNT, &count.to_be_bytes());
        let crc = crc32c::crc32c(&self.bytes[AT_ATTRIBUTES..]);
        self.set(AT_CRC, &crc.to_be_bytes());
        Batch { bytes: self.bytes.freeze() }
    }

    /// A batch of one control record.
    #[must_use]
    pub fn control(now_ms: i64, kind: ControlKind, value: &[u8]) -> Batch {
        let mut key = [0; 4];
        key[..2].copy_from_slice(&CONTROL_KEY_VERSION.to_be_bytes());
        key[2..].copy_from_slice(&kind.number().to_be_bytes());
        let mut builder = Self::new(now_ms);
        builder.attributes = builder.attributes.of_control();
        builder.push(now_ms, Some(&key), Some(value), &[]);
        builder.build()
    }

    /// A batch of these values, in order, without stamp.
    #[must_use]
    pub fn of_values(now_ms: i64, values: &[Bytes]) -> Batch {
        let mut builder = Self::new(now_ms);
        for value in values {
            builder.push_value(value);
        }
        builder.build()
    }

    fn set(&mut self, at: usize, field: &[u8]) {
        self.bytes[at..at + field.len()].copy_from_slice(field);
    }
}

fn nullable_length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(varint::length(-1), |bytes| varint::length(bytes.len() as i64) + bytes.len())
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put(out, -1),
        Some(bytes) => {
            varint::put(out, bytes.len() as i64);
            out.put_slice(bytes);
        }
    }
}
