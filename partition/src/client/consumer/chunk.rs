//! What one read brought, taken apart record by record.

use std::fmt;

use super::ConsumedRecord;
use crate::error::ReadError;
use crate::ids::{Epoch, Offset};
use crate::record::{Batch, BatchError, Batches, Record, RecordError};

/// The batches of one read. At most one of them is unpacked at a time.
pub(super) struct Chunk {
    batches: Box<dyn Iterator<Item = Result<Batch, BatchError>> + Send + Sync>,
    open: Option<Open>,
}

struct Open {
    records: Box<dyn Iterator<Item = Result<Record, RecordError>> + Send + Sync>,
    epoch: Epoch,
    end: Offset,
}

impl Chunk {
    pub(super) fn empty() -> Self {
        Self::of(&Batches::default())
    }

    pub(super) fn of(batches: &Batches) -> Self {
        Self { batches: Box::new(batches.iter()), open: None }
    }

    /// The next client record at or after `position`, which moves behind it; or behind all there is.
    pub(super) fn next(&mut self, position: &mut Offset) -> Result<Option<ConsumedRecord>, ReadError> {
        loop {
            let damaged =
                |at: Offset, what: &dyn fmt::Display| ReadError::Damaged { at, what: what.to_string() };
            if let Some(open) = &mut self.open {
                match open.records.next() {
                    // The batch may begin before what was asked for.
                    Some(Ok(record)) if record.offset < *position => {}
                    Some(Ok(record)) => {
                        *position = record.offset.next();
                        return Ok(Some(ConsumedRecord { epoch: open.epoch, record }));
                    }
                    Some(Err(error)) => return Err(damaged(*position, &error)),
                    None => {
                        *position = open.end.max(*position);
                        self.open = None;
                    }
                }
                continue;
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|error| damaged(*position, &error))?;
            if batch.base_offset() > *position {
                return Err(damaged(*position, &format_args!("{batch:?} lies behind a hole")));
            }
            let (epoch, end) = (batch.epoch(), batch.next_offset());
            if batch.is_control() {
                *position = end.max(*position);
            } else {
                let records = batch.unpacked().map_err(|error| damaged(*position, &error))?;
                self.open = Some(Open { records: Box::new(records), epoch, end });
            }
        }
    }
}
