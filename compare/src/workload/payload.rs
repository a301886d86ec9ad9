//! Where records come from: numbered and filled with noise, or the lines of the user's own file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use partition::client::producer::NewRecord;
use partition::ids::{ByteSize, RecordCount};
use partition::record::{BATCH_SIZE_MAX, Batch, BatchBuilder};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How records are batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    record: ByteSize,
    records: RecordCount,
}

/// Why a workload cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A record must hold the number that makes it unique.
    #[error("--record-bytes must be {least} to {most}, not {found}", least = BatchShape::RECORD_MIN, most = BatchShape::RECORD_MAX)]
    RecordSize {
        /// What was asked.
        found: u64,
    },
    /// No batch is empty.
    #[error("--batch-records must be at least 1")]
    NoRecords,
    /// No partition takes such a batch.
    #[error(
        "a batch of {records} records of {record} bytes is over {BATCH_SIZE_MAX} bytes; lower --batch-records or --record-bytes"
    )]
    BatchSize {
        /// Records in it.
        records: RecordCount,
        /// Bytes of the largest of them.
        record: ByteSize,
    },
    /// The user's file cannot be read.
    #[error("cannot read the records file {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user's file has no line.
    #[error("the records file {0} has no line that is not empty; each line becomes a record")]
    Empty(PathBuf),
}

impl BatchShape {
    /// Seed and number, eight bytes each.
    const RECORD_MIN: u64 = 16;
    /// Kafka's own default limit of a message.
    const RECORD_MAX: u64 = 1024 * 1024;
    /// What a record and a batch need besides the value, at most.
    const OVERHEAD: u64 = 64;

    /// Batches of so many records of so many bytes.
    ///
    /// # Errors
    /// [`PayloadError`] when records could not be unique, or no partition takes such a batch.
    pub fn new(record: ByteSize, records: RecordCount) -> Result<Self, PayloadError> {
        if !(Self::RECORD_MIN..=Self::RECORD_MAX).contains(&record.0) {
            return Err(PayloadError::RecordSize { found: record.0 });
        }
        Self::bounded(record, records)
    }

    fn bounded(record: ByteSize, records: RecordCount) -> Result<Self, PayloadError> {
        if records == RecordCount::ZERO {
            return Err(PayloadError::NoRecords);
        }
        let batch = (record.0 + Self::OVERHEAD).saturating_mul(u64::from(records.0)) + Self::OVERHEAD;
        if batch > BATCH_SIZE_MAX.0 {
            return Err(PayloadError::BatchSize { records, record });
        }
        Ok(Self { record, records })
    }

    /// Bytes of a record's value; of the user's lines, the mean.
    #[must_use]
    pub fn record(&self) -> ByteSize {
        self.record
    }

    /// Records in a batch.
    #[must_use]
    pub fn records(&self) -> RecordCount {
        self.records
    }
}

/// What records hold.
#[derive(Clone)]
pub enum Payload {
    /// The seed and a number, so that each is unique, then bytes without pattern.
    Numbered(BatchShape),
    /// These lines, over and over.
    Lines(Arc<[Bytes]>, BatchShape),
}

impl Payload {
    /// The lines of a file as records, without their line ends. Empty lines are left out.
    ///
    /// # Errors
    /// [`PayloadError`] when the file cannot be read, has no line, or lines too long.
    pub fn of_lines(path: &Path, records: RecordCount) -> Result<Self, PayloadError> {
        let text = std::fs::read(path)
            .map_err(|source| PayloadError::Unreadable { path: path.to_owned(), source })?;
        let lines: Arc<[Bytes]> = Bytes::from(text)
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty())
            .map(Bytes::copy_from_slice)
            .collect();
        let longest =
            lines.iter().map(Bytes::len).max().ok_or_else(|| PayloadError::Empty(path.to_owned()))?;
        BatchShape::bounded(ByteSize(longest as u64), records)?;
        let mean = lines.iter().map(|line| line.len() as u64).sum::<u64>() / lines.len() as u64;
        Ok(Self::Lines(lines, BatchShape { record: ByteSize(mean), records }))
    }

    /// The same, each record a batch of its own.
    #[must_use]
    pub fn one_by_one(self) -> Self {
        let alone = |shape| BatchShape { records: RecordCount(1), ..shape };
        match self {
            Self::Numbered(shape) => Self::Numbered(alone(shape)),
            Self::Lines(lines, shape) => Self::Lines(lines, alone(shape)),
        }
    }

    /// How its records are batched.
    #[must_use]
    pub fn shape(&self) -> BatchShape {
        match self {
            Self::Numbered(shape) | Self::Lines(_, shape) => *shape,
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(shape) => write!(f, "{} bytes", shape.record),
            Self::Lines(lines, _) => write!(f, "{} lines", lines.len()),
        }
    }
}

/// How many keys records have, which they take in turn; none when 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub u64);

/// Makes one batch after another. No record of one source equals another one's, unless the user's lines do.
#[derive(Debug)]
pub struct Source {
    payload: Payload,
    seed: u64,
    number: u64,
    keys: Keys,
    noise: Bytes,
}

impl Source {
    /// A source whose records carry `seed`.
    #[must_use]
    pub fn new(payload: Payload, seed: u64) -> Self {
        let mut noise = vec![0; payload.shape().record.as_len()];
        StdRng::seed_from_u64(seed).fill_bytes(&mut noise);
        Self { payload, seed, number: 0, keys: Keys::default(), noise: noise.into() }
    }

    /// The same, whose records have so many keys.
    #[must_use]
    pub fn keyed(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// How records are batched.
    #[must_use]
    pub fn shape(&self) -> BatchShape {
        self.payload.shape()
    }

    /// The next batch; `now_ms` stands on its records.
    pub fn batch(&mut self, now_ms: i64) -> Batch {
        let mut builder = BatchBuilder::new(now_ms);
        for _ in 0..self.payload.shape().records.0 {
            let (key, value) = self.next();
            builder.push(now_ms, key.as_ref().map(<[u8; 8]>::as_slice), Some(&value), &[]);
        }
        builder.build()
    }

    /// The next record alone; `now_ms` stands on it.
    pub fn record(&mut self, now_ms: i64) -> NewRecord {
        let (key, value) = self.next();
        let key = key.map(|key| Bytes::copy_from_slice(&key));
        NewRecord { key, value: Some(value), time_ms: Some(now_ms), headers: Vec::new() }
    }

    /// The next record's key, if it has one, and its value.
    fn next(&mut self) -> (Option<[u8; 8]>, Bytes) {
        let number = self.number;
        self.number += 1;
        let key = (self.keys.0 > 0).then(|| (number % self.keys.0).to_be_bytes());
        let value = match &self.payload {
            Payload::Numbered(shape) => {
                let mut value = BytesMut::with_capacity(shape.record.as_len());
                value.put_u64(self.seed);
                value.put_u64(number);
                value.put_slice(&self.noise[value.len()..]);
                value.freeze()
            }
            Payload::Lines(lines, _) => {
                let index = usize::try_from(number % lines.len() as u64).expect("below a length");
                lines[index].clone()
            }
        };
        (key, value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn values(batch: &Batch) -> Vec<Bytes> {
        batch.records().map(|record| record.unwrap().value.unwrap()).collect()
    }

    #[test]
    fn each_record_is_unique_and_as_long_as_asked() {
        let shape = BatchShape::new(ByteSize(100), RecordCount(3)).unwrap();
        let (mut one, mut other) =
            (Source::new(Payload::Numbered(shape), 1), Source::new(Payload::Numbered(shape), 2));
        let all: Vec<Bytes> =
            (0..10).flat_map(|_| [values(&one.batch(0)), values(&other.batch(0))].concat()).collect();
        assert!(all.iter().all(|value| value.len() == 100));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60);
    }

    #[test]
    fn keys_are_taken_in_turn_by_batches_and_by_single_records() {
        let shape = BatchShape::new(ByteSize(64), RecordCount(2)).unwrap();
        let mut source = Source::new(Payload::Numbered(shape), 1).keyed(Keys(3));
        let mut keys: Vec<Bytes> =
            source.batch(0).records().map(|record| record.unwrap().key.unwrap()).collect();
        keys.extend((0..2).map(|_| source.record(0).key.unwrap()));
        let numbers: Vec<u64> =
            keys.iter().map(|key| u64::from_be_bytes(key.as_ref().try_into().unwrap())).collect();
        assert_eq!(numbers, [0, 1, 2, 0]);
        assert_eq!(Source::new(Payload::Numbered(shape), 1).record(0).key, None);
    }

    #[test]
    fn lines_of_a_file_come_in_order_and_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\r\n\ntwo\nthree").unwrap();
        let mut source = Source::new(Payload::of_lines(file.path(), RecordCount(2)).unwrap(), 0);
        let sent = [source.batch(0), source.batch(0)].map(|batch| values(&batch)).concat();
        assert_eq!(sent, ["one", "two", "three", "one"]);
    }

    #[test]
    fn what_no_partition_takes_is_refused() {
        let refused = |record, records| BatchShape::new(ByteSize(record), RecordCount(records)).is_err();
        assert!(refused(15, 1) && refused(1024 * 1024 + 1, 1) && refused(1024, 0) && refused(1024 * 1024, 8));
        assert!(!refused(16, 1) && !refused(1024, 1000));
        let empty = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(empty.path(), "\n\r\n").unwrap();
        let error = Payload::of_lines(empty.path(), RecordCount(1)).unwrap_err().to_string();
        assert!(error.contains("no line"), "{error}");
        assert!(Payload::of_lines(Path::new("/no/such/file"), RecordCount(1)).is_err());
    }
}
