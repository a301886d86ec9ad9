//! A run of whole batches in one piece of memory: what a read returns and a follower appends.

use bytes::{Buf, Bytes};

use super::{Batch, BatchError};
use crate::ids::Offset;

/// Whole batches, one after another, as they lie in the log.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    bytes: Bytes,
}

impl Batches {
    /// Takes bytes as batches; they are verified when iterated over.
    #[must_use]
    pub fn unverified(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Each batch, its checksum verified; ends after the first that is not sound.
    pub fn iter(&self) -> impl Iterator<Item = Result<Batch, BatchError>> + use<> {
        let mut rest = self.bytes.clone();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let batch = Batch::parse(&rest);
            match &batch {
                Ok(batch) => rest.advance(batch.bytes().len()),
                Err(_) => rest.clear(),
            }
            Some(batch)
        })
    }

    /// All of them, verified.
    ///
    /// # Errors
    /// The first [`BatchError`] there is.
    pub fn verified(&self) -> Result<Vec<Batch>, BatchError> {
        self.iter().collect()
    }

    /// The offset after the last batch, by the headers alone: for batches that come from a log of one's own.
    /// `None` when there is none.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes are not whole batches.
    pub fn end(&self) -> Result<Option<Offset>, BatchError> {
        let mut rest = &self.bytes[..];
        let mut end = None;
        while !rest.is_empty() {
            let length = Batch::peek_length(rest)?;
            let batch = rest.get(..length).ok_or(BatchError::Short { have: rest.len(), need: length })?;
            end = Some(Batch::peek_end(batch));
            rest = &rest[length..];
        }
        Ok(end)
    }

    /// The values of all client records from `from` on: control batches and what lies before are skipped.
    ///
    /// # Errors
    /// A text that says which batch or record is broken.
    pub fn values_from(&self, from: Offset) -> Result<Vec<(Offset, Bytes)>, String> {
        let mut values = Vec::new();
        for batch in self.iter() {
            let batch = batch.map_err(|error| error.to_string())?;
            if batch.is_control() {
                continue;
            }
            for record in batch.records() {
                let record = record.map_err(|error| error.to_string())?;
                if record.offset >= from {
                    values.push((record.offset, record.value.unwrap_or_default()));
                }
            }
        }
        Ok(values)
    }
}
