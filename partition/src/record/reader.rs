//! Takes a batch apart into its records.

use bytes::Bytes;

use super::{Batch, HEADER_LENGTH, TimestampType, varint};
use crate::ids::Offset;

/// A header of a record: a key and, perhaps, a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: Option<Bytes>,
}

/// One record, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub offset: Offset,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// What it says; none marks a deletion.
    pub value: Option<Bytes>,
    /// Further headers, in order.
    pub headers: Vec<Header>,
}

/// Why a record of a sound batch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The batch is compressed; it is relayed as it came.
    #[error("a compressed batch")]
    Compressed,
    /// The checksum held, yet the bytes are not records: the sender is broken.
    #[error("record {index} of the batch at {base} is malformed")]
    Malformed {
        /// The batch.
        base: Offset,
        /// Which record of it, from 0.
        index: u32,
    },
}

/// The records of a batch that is not compressed.
pub(super) fn records(batch: &Batch) -> impl Iterator<Item = Result<Record, RecordError>> + use<> {
    let refused = batch.is_compressed().then_some(Err(RecordError::Compressed));
    let readable =
        if refused.is_some() { None } else { Some(records_in(batch, batch.bytes.slice(HEADER_LENGTH..))) };
    refused.into_iter().chain(readable.into_iter().flatten())
}

/// The records of a batch, out of the bytes that hold them; nothing may follow the last one.
pub(super) fn records_in(
    batch: &Batch,
    body: Bytes,
) -> impl Iterator<Item = Result<Record, RecordError>> + use<> {
    let batch = batch.clone();
    let count = batch.record_count().0;
    let mut at = 0;
    let mut index = 0;
    std::iter::from_fn(move || {
        if index == count {
            return None;
        }
        let record = take_record(&batch, &body, index, &mut at);
        let whole = index + 1 < count || at == body.len();
        let malformed = RecordError::Malformed { base: batch.base_offset(), index };
        index = if record.is_some() { index + 1 } else { count };
        Some(record.filter(|_| whole).ok_or(malformed))
    })
}

fn take_record(batch: &Batch, body: &Bytes, index: u32, at: &mut usize) -> Option<Record> {
    let mut cursor = Cursor { bytes: body, at: *at };
    let length = cursor.length()?;
    let end = cursor.at.checked_add(length)?;
    if end > body.len() {
        return None;
    }
    cursor.at += 1; // attributes, unused
    let time_delta = cursor.varint()?;
    let offset_delta = cursor.varint()?;
    if offset_delta != i64::from(index) {
        return None;
    }
    let key = cursor.nullable()?;
    let value = cursor.nullable()?;
    let mut headers = Vec::new();
    for _ in 0..cursor.length()? {
        let key = String::from_utf8(cursor.nullable()??.to_vec()).ok()?;
        headers.push(Header { key, value: cursor.nullable()? });
    }
    if cursor.at != end {
        return None;
    }
    *at = end;
    let offset = Offset(batch.base_offset().0.checked_add(u64::from(index))?);
    let created_ms = batch.base_timestamp_ms().checked_add(time_delta)?;
    let time_ms = match batch.attributes().timestamp_type() {
        TimestampType::Create => created_ms,
        TimestampType::Append => batch.max_timestamp_ms(),
    };
    Some(Record { offset, time_ms, key, value, headers })
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn varint(&mut self) -> Option<i64> {
        let mut rest = self.bytes.get(self.at..)?;
        let before = rest.len();
        let value = varint::take(&mut rest)?;
        self.at += before - rest.len();
        Some(value)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// `Some(None)` is a null; `None` means malformed.
    fn nullable(&mut self) -> Option<Option<Bytes>> {
        let length = self.varint()?;
        if length == -1 {
            return Some(None);
        }
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        if end > self.bytes.len() {
            return None;
        }
        let bytes = self.bytes.slice(self.at..end);
        self.at = end;
        Some(Some(bytes))
    }
}
