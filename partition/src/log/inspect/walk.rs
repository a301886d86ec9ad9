//! Walks a segment's file by the headers of its batches, and verifies the bytes where it is asked to.

use std::io;

use bytes::Bytes;

use crate::ids::{ByteSize, Epoch, Offset};
use crate::log::disk::DiskFile;
use crate::log::scan::Stop;
use crate::record::{Batch, BatchHeader, HEADER_LENGTH};

/// So much is read at a time, or one batch.
const WINDOW: usize = 64 * 1024;
/// Where a batch says its format, and which it says.
const AT_MAGIC: usize = 16;
const MAGIC: u8 = 2;
/// Behind damage, a sound batch is looked for in so many bytes.
const RESUME_WITHIN: u64 = 16 * 1024 * 1024;

/// A walk through one file. It ends at the first thing that is not the batch that should be there.
pub(super) struct Walk<'a> {
    file: &'a dyn DiskFile,
    length: ByteSize,
    window: Bytes,
    /// Where the window begins in the file.
    window_at: ByteSize,
    position: ByteSize,
    next_offset: Offset,
    epoch: Epoch,
}

impl<'a> Walk<'a> {
    /// Begins at the beginning of the segment of that base; the batch before it had this epoch.
    pub(super) fn new(file: &'a dyn DiskFile, base: Offset, epoch: Epoch) -> io::Result<Self> {
        Ok(Self {
            file,
            length: file.length()?,
            window: Bytes::new(),
            window_at: ByteSize::ZERO,
            position: ByteSize::ZERO,
            next_offset: base,
            epoch,
        })
    }

    /// How long the file was when the walk began.
    pub(super) fn length(&self) -> ByteSize {
        self.length
    }

    /// Where the next batch begins in the file.
    pub(super) fn position(&self) -> ByteSize {
        self.position
    }

    /// The offset that the next batch should have.
    pub(super) fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The next batch's header, its bytes unread.
    pub(super) fn header(&mut self) -> io::Result<Result<BatchHeader, Stop>> {
        let found = self.peek()?;
        Ok(found.and_then(|header| self.step(&header).map(|()| header)))
    }

    /// The next batch, every byte of it verified.
    pub(super) fn verified(&mut self) -> io::Result<Result<Batch, Stop>> {
        let header = match self.peek()? {
            Ok(header) => header,
            Err(stop) => return Ok(Err(stop)),
        };
        let bytes = self.bytes(header.size.as_len())?;
        match Batch::parse(&bytes) {
            Err(error) => Ok(Err(Stop::Broken(error.to_string()))),
            Ok(batch) => Ok(self.step(&header).map(|()| batch)),
        }
    }

    /// The batch before should have had this epoch: what follows is held against it.
    pub(super) fn correct_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    fn step(&mut self, header: &BatchHeader) -> Result<(), Stop> {
        if header.base_offset != self.next_offset {
            let (found, expected) = (header.base_offset, self.next_offset);
            return Err(Stop::Broken(format!("offset {found} where {expected} should be")));
        }
        if header.epoch < self.epoch {
            return Err(Stop::Backwards(format!("epoch {} after {}", header.epoch, self.epoch)));
        }
        self.position = ByteSize(self.position.0 + header.size.0);
        self.next_offset = header.next_offset();
        self.epoch = header.epoch;
        Ok(())
    }

    fn peek(&mut self) -> io::Result<Result<BatchHeader, Stop>> {
        let bytes = self.bytes(HEADER_LENGTH)?;
        if bytes.is_empty() {
            return Ok(Err(Stop::End));
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Err(Stop::Blank));
        }
        let broken = |what| Ok(Err(Stop::Broken(what)));
        let header = match BatchHeader::peek(&bytes) {
            Ok(header) => header,
            Err(error) => return broken(error.to_string()),
        };
        let left = self.length.0.saturating_sub(self.position.0);
        if header.size.0 > left {
            return broken(format!("{left} bytes of a batch that has {}", header.size));
        }
        Ok(Ok(header))
    }

    /// So many bytes from the position on, or what there is.
    fn bytes(&mut self, count: usize) -> io::Result<Bytes> {
        let skipped = usize::try_from(self.position.0 - self.window_at.0).unwrap_or(usize::MAX);
        let held = self.window.len().saturating_sub(skipped);
        if held < count {
            let mut bytes = vec![0; count.max(WINDOW)];
            let there = self.file.read_at(&mut bytes, self.position)?;
            bytes.truncate(there);
            (self.window, self.window_at) = (bytes.into(), self.position);
        }
        let from = usize::try_from(self.position.0 - self.window_at.0).unwrap_or(usize::MAX);
        let from = from.min(self.window.len());
        Ok(self.window.slice(from..self.window.len().min(from.saturating_add(count))))
    }

    /// The first byte behind the position that is not zero.
    pub(super) fn beyond_zeros(&self) -> io::Result<Option<ByteSize>> {
        let mut at = self.position;
        let mut bytes = vec![0; WINDOW];
        loop {
            let there = self.file.read_at(&mut bytes, at)?;
            if let Some(found) = bytes[..there].iter().position(|byte| *byte != 0) {
                return Ok(Some(ByteSize(at.0 + found as u64)));
            }
            if there < bytes.len() {
                return Ok(None);
            }
            at = ByteSize(at.0 + there as u64);
        }
    }

    /// Where a sound batch of a later offset begins behind the position, and its offset.
    pub(super) fn resumes(&self) -> io::Result<Option<(ByteSize, Offset)>> {
        let until = self.length.0.min(self.position.0 + RESUME_WITHIN);
        let mut bytes = vec![0; usize::try_from(until - self.position.0).unwrap_or(0)];
        let there = self.file.read_at(&mut bytes, self.position)?;
        bytes.truncate(there);
        let bytes = Bytes::from(bytes);
        for skip in 1..bytes.len().saturating_sub(HEADER_LENGTH - 1) {
            // Most places are told from a batch by one byte.
            if bytes[skip + AT_MAGIC] != MAGIC {
                continue;
            }
            let Ok(header) = BatchHeader::peek(&bytes[skip..]) else { continue };
            if header.base_offset < self.next_offset || header.size.as_len() > bytes.len() - skip {
                continue;
            }
            if Batch::parse(&bytes.slice(skip..)).is_ok() {
                return Ok(Some((ByteSize(self.position.0 + skip as u64), header.base_offset)));
            }
        }
        Ok(None)
    }
}
