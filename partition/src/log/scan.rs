//! Walks the batches of a segment's file, and verifies each: checksum, place, epoch.

use bytes::{Buf, Bytes};

use super::disk::DiskFile;
use crate::ids::{ByteSize, Epoch, Offset};
use crate::record::{Batch, HEADER_LENGTH};

/// A walk through one file. It ends at the first thing that is not the batch that should be there.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    file: &'a dyn DiskFile,
    /// What was read and not yet walked over.
    window: Bytes,
    /// Where the window ends in the file.
    read_to: ByteSize,
    chunk: ByteSize,
    next_offset: Offset,
    epoch: Epoch,
}

/// Why a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The file ends after a batch.
    End,
    /// Zeros follow a batch: space that was set aside.
    Blank,
    /// Something else follows.
    Broken(String),
}

impl<'a> Scan<'a> {
    /// Begins at `position`, where the batch of `offset` should be; reads so much at a time.
    pub(crate) fn new(file: &'a dyn DiskFile, position: ByteSize, offset: Offset, chunk: ByteSize) -> Self {
        Self { file, window: Bytes::new(), read_to: position, chunk, next_offset: offset, epoch: Epoch::ZERO }
    }

    /// Where the next batch begins in the file.
    pub(crate) fn position(&self) -> ByteSize {
        ByteSize(self.read_to.0 - self.window.len() as u64)
    }

    /// The offset that the next batch should have.
    pub(crate) fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The next batch, or why there is none.
    pub(crate) fn next(&mut self) -> std::io::Result<Result<Batch, Stop>> {
        self.fill(HEADER_LENGTH)?;
        if self.window.is_empty() {
            return Ok(Err(Stop::End));
        }
        let header = &self.window[..self.window.len().min(HEADER_LENGTH)];
        if header.iter().all(|byte| *byte == 0) {
            return Ok(Err(Stop::Blank));
        }
        let length = match Batch::peek_length(&self.window) {
            Ok(length) => length,
            Err(error) => return Ok(Err(Stop::Broken(error.to_string()))),
        };
        self.fill(length)?;
        match Batch::parse(&self.window) {
            Err(error) => Ok(Err(Stop::Broken(error.to_string()))),
            Ok(batch) => Ok(self.take(batch)),
        }
    }

    fn take(&mut self, batch: Batch) -> Result<Batch, Stop> {
        if batch.base_offset() != self.next_offset {
            let found = batch.base_offset();
            return Err(Stop::Broken(format!("offset {found} where {} should be", self.next_offset)));
        }
        if batch.epoch() < self.epoch {
            return Err(Stop::Broken(format!("epoch {} after {}", batch.epoch(), self.epoch)));
        }
        self.window.advance(batch.bytes().len());
        self.next_offset = batch.next_offset();
        self.epoch = batch.epoch();
        Ok(batch)
    }

    /// Reads on until the window holds at least so much, or the file ends.
    fn fill(&mut self, least: usize) -> std::io::Result<()> {
        if self.window.len() >= least {
            return Ok(());
        }
        let left = self.window.len();
        let mut bytes = vec![0; least.max(self.chunk.as_len())];
        bytes[..left].copy_from_slice(&self.window);
        let count = self.file.read_at(&mut bytes[left..], self.read_to)?;
        bytes.truncate(left + count);
        self.read_to = ByteSize(self.read_to.0 + count as u64);
        self.window = Bytes::from(bytes);
        Ok(())
    }
}
