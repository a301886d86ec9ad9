//! Holds the index files of a segment against its batches, in one walk of both.

use std::io;

use super::Request;
use super::report::{IndexReport, IndexState};
use crate::ids::{ByteSize, Offset, Timestamp};
use crate::log::disk::OpenMode;
use crate::log::index::{IndexError, OffsetIndex, OrdinalIndex, Seal, TimeIndex};
use crate::record::BatchHeader;

/// An index of more than this is none: Kafka's `segment.index.bytes` is 10 MiB.
const INDEX_BYTES_MAX: ByteSize = ByteSize::mib(64);
/// Bytes of an entry in `.ordinals`.
const ORDINAL_WIDTH: usize = 4;

/// The indexes of one segment, and how far its batches have confirmed them.
#[derive(Debug)]
pub(super) struct Indexes {
    stem: String,
    offsets: File<OffsetIndex>,
    times: File<TimeIndex>,
    ordinals: File<(OrdinalIndex, Option<Seal>)>,
    /// Batches that went by.
    batches: u64,
    newest: Timestamp,
    confirmed_offsets: usize,
    confirmed_times: usize,
    confirmed_ordinals: usize,
}

/// An index file.
#[derive(Debug)]
enum File<T> {
    Missing,
    NotOne(IndexError),
    Read(T),
}

impl<T> File<T> {
    fn of(bytes: Option<Vec<u8>>, decode: impl FnOnce(Vec<u8>) -> Result<T, IndexError>) -> Self {
        match bytes.map(decode) {
            None => Self::Missing,
            Some(Err(error)) => Self::NotOne(error),
            Some(Ok(index)) => Self::Read(index),
        }
    }

    fn get(&self) -> Option<&T> {
        if let Self::Read(index) = self { Some(index) } else { None }
    }
}

impl Indexes {
    pub(super) fn read(
        request: &Request<'_>,
        names: &[String],
        base: Offset,
        stem: &str,
    ) -> io::Result<Self> {
        let file = |extension| read(request, names, &format!("{stem}.{extension}"));
        Ok(Self {
            stem: stem.to_owned(),
            offsets: File::of(file(OffsetIndex::EXTENSION)?, |bytes| OffsetIndex::of_file(base, bytes)),
            times: File::of(file(TimeIndex::EXTENSION)?, |bytes| TimeIndex::of_file(base, bytes)),
            ordinals: File::of(file(OrdinalIndex::EXTENSION)?, ordinals_and_seal),
            batches: 0,
            newest: Timestamp(-1),
            confirmed_offsets: 0,
            confirmed_times: 0,
            confirmed_ordinals: 0,
        })
    }

    /// A batch goes by: the entries that mean it are confirmed if they say what it says.
    pub(super) fn batch(&mut self, position: ByteSize, header: &BatchHeader) {
        let last = Offset(header.next_offset().0 - 1);
        self.newest = self.newest.max(Timestamp(header.max_timestamp_ms));
        if let Some(index) = self.offsets.get()
            && let Some(entry) = index.get(self.confirmed_offsets)
            && (entry.position, entry.last) == (position, last)
        {
            let ordinal = self.ordinals.get().and_then(|(ordinals, _)| ordinals.get(self.confirmed_offsets));
            self.confirmed_ordinals += usize::from(ordinal.map(u64::from) == Some(self.batches));
            self.confirmed_offsets += 1;
        }
        if let Some(index) = self.times.get()
            && let Some(entry) = index.get(self.confirmed_times)
            && (entry.last, entry.time) == (last, self.newest)
        {
            self.confirmed_times += 1;
        }
        self.batches += 1;
    }

    /// What is to be said of them once all batches went by. `sealed`: they should be complete.
    pub(super) fn report(&self, sealed: Sealed) -> Vec<IndexReport> {
        let offsets = self.offsets.get().map(|index| (index.count(), self.confirmed_offsets));
        let times = self.times.get().map(|index| (index.count(), self.confirmed_times));
        let ordinals = self.ordinals.get().map(|(index, _)| (index.count(), self.confirmed_ordinals));
        let mut reports = vec![
            self.one(OffsetIndex::EXTENSION, &self.offsets, offsets, "leads to no batch", sealed),
            self.one(TimeIndex::EXTENSION, &self.times, times, "is not the newest time so far", sealed),
            self.one(OrdinalIndex::EXTENSION, &self.ordinals, ordinals, "counts wrongly", sealed),
        ];
        if let (Some(report), Some(what)) =
            (reports.last_mut().and_then(Option::as_mut), self.unsealed(sealed))
        {
            report.state = IndexState::Wrong(what);
        }
        reports.into_iter().flatten().collect()
    }

    fn one<T>(
        &self,
        extension: &str,
        file: &File<T>,
        counts: Option<(usize, usize)>,
        wrong: &str,
        sealed: Sealed,
    ) -> Option<IndexReport> {
        let (entries, confirmed) = counts.unwrap_or_default();
        let state = match file {
            // The active segment's may be kept in memory; an empty segment needs none.
            File::Missing if sealed == Sealed::NotYet || self.batches == 0 => return None,
            File::Missing => IndexState::Missing,
            File::NotOne(error) => IndexState::Wrong(error.to_string()),
            File::Read(_) if confirmed < entries => {
                IndexState::Wrong(format!("entry {confirmed} of {entries} {wrong}"))
            }
            File::Read(_) => IndexState::Sound,
        };
        Some(IndexReport { file: format!("{}.{extension}", self.stem), entries, state })
    }

    /// Why the seal is not the one of these batches and indexes; the active segment has none yet.
    fn unsealed(&self, sealed: Sealed) -> Option<String> {
        let (ordinals, seal) = self.ordinals.get()?;
        let Some(seal) = seal else {
            return (sealed == Sealed::Yes).then(|| "it ends without a seal".to_owned());
        };
        if seal.batches != self.batches {
            return Some(format!(
                "its seal counts {} batches, the segment has {}",
                seal.batches, self.batches
            ));
        }
        let (Some(offsets), Some(times)) = (self.offsets.get(), self.times.get()) else { return None };
        let matches = seal.matches(offsets, times, ordinals);
        (!matches).then(|| "its seal is not that of these indexes".to_owned())
    }
}

/// Whether a segment takes no more batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// Another one follows.
    Yes,
    /// It is the active one: what lies beside it may be behind.
    NotYet,
}

/// The seal, if there is one, begins where no entry can: nothing else tells it from entries.
fn ordinals_and_seal(mut bytes: Vec<u8>) -> Result<(OrdinalIndex, Option<Seal>), IndexError> {
    let entries = bytes.len().checked_sub(Seal::LENGTH.as_len());
    let seal = entries.and_then(|at| Seal::decode(&bytes[at..]).ok());
    if let (Some(at), Some(_)) = (entries, &seal) {
        bytes.truncate(at);
    }
    if !bytes.len().is_multiple_of(ORDINAL_WIDTH) {
        return Err(IndexError::Length { length: bytes.len() });
    }
    Ok((OrdinalIndex::of_file(bytes)?, seal))
}

fn read(request: &Request<'_>, names: &[String], name: &str) -> io::Result<Option<Vec<u8>>> {
    if !names.iter().any(|other| other == name) {
        return Ok(None);
    }
    let file = request.disk.open(&request.dir.join(name), OpenMode::Reading)?;
    let mut bytes = vec![0; file.length()?.min(INDEX_BYTES_MAX).as_len()];
    let there = file.read_at(&mut bytes, ByteSize::ZERO)?;
    bytes.truncate(there);
    Ok(Some(bytes))
}
