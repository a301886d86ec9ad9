//! Walks the batches of a segment's file, and verifies each: checksum, place, epoch.

use bytes::{Buf, Bytes};

use super::disk::DiskFile;
use super::index::First;
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
    /// What is read at a time after the first piece.
    then: ByteSize,
    expected: First,
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
    /// A sound batch of the right offset follows, of an older epoch than the one before it. No crash leaves that: an epoch
    /// lies outside the checksum, and one of the two was changed.
    Backwards(String),
}

impl<'a> Scan<'a> {
    /// Begins at `position`, where this batch should be; reads so much at a time.
    pub(crate) fn new(file: &'a dyn DiskFile, position: ByteSize, first: First, chunk: ByteSize) -> Self {
        let window = Bytes::new();
        Self { file, window, read_to: position, chunk, then: chunk, expected: first, epoch: Epoch::ZERO }
    }

    /// The same for who knows how much it takes: after the first piece, only what a batch still lacks is read.
    pub(crate) fn of_one_piece(
        file: &'a dyn DiskFile,
        position: ByteSize,
        first: First,
        piece: ByteSize,
    ) -> Self {
        Self { then: ByteSize::ZERO, ..Self::new(file, position, first, piece) }
    }

    /// Where the next batch begins in the file.
    pub(crate) fn position(&self) -> ByteSize {
        ByteSize(self.read_to.0 - self.window.len() as u64)
    }

    /// An offset that the next batch should hold: its first one, unless the walk just began.
    pub(crate) fn next_offset(&self) -> Offset {
        match self.expected {
            First::Base(base) => base,
            First::Last(last) => last,
        }
    }

    /// What was read and not yet walked over; batches are parts of it.
    pub(crate) fn window(&self) -> &Bytes {
        &self.window
    }

    /// How large the next batch is by its own account, or why there is none.
    pub(crate) fn peek(&mut self) -> std::io::Result<Result<ByteSize, Stop>> {
        self.fill(HEADER_LENGTH)?;
        if self.window.is_empty() {
            return Ok(Err(Stop::End));
        }
        let header = &self.window[..self.window.len().min(HEADER_LENGTH)];
        if header.iter().all(|byte| *byte == 0) {
            return Ok(Err(Stop::Blank));
        }
        let length = Batch::peek_length(&self.window).map_err(|error| Stop::Broken(error.to_string()));
        Ok(length.map(|length| ByteSize(length as u64)))
    }

    /// The next batch, or why there is none.
    pub(crate) fn next(&mut self) -> std::io::Result<Result<Batch, Stop>> {
        let length = match self.peek()? {
            Ok(length) => length,
            Err(stop) => return Ok(Err(stop)),
        };
        self.fill(length.as_len())?;
        match Batch::parse(&self.window) {
            Err(error) => Ok(Err(Stop::Broken(error.to_string()))),
            Ok(batch) => Ok(self.take(batch)),
        }
    }

    fn take(&mut self, batch: Batch) -> Result<Batch, Stop> {
        let (found, next) = (batch.base_offset(), batch.next_offset());
        match self.expected {
            First::Base(base) if found != base => {
                return Err(Stop::Broken(format!("offset {found} where {base} should be")));
            }
            First::Last(last) if next != last.next() => {
                return Err(Stop::Broken(format!(
                    "offsets {found} to {next} where those up to {last} should be"
                )));
            }
            First::Base(_) | First::Last(_) => {}
        }
        if batch.epoch() < self.epoch {
            return Err(Stop::Backwards(format!("epoch {} after {}", batch.epoch(), self.epoch)));
        }
        self.window.advance(batch.bytes().len());
        self.expected = First::Base(next);
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
        self.chunk = self.then;
        let count = self.file.read_at(&mut bytes[left..], self.read_to)?;
        bytes.truncate(left + count);
        self.read_to = ByteSize(self.read_to.0 + count as u64);
        self.window = Bytes::from(bytes);
        Ok(())
    }
}
