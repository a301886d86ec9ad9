//! Reads a log beside its writer.

use std::ops::Range;
use std::sync::Arc;

use super::epochs::EpochHistory;
use super::error::LogError;
use super::joined;
use super::scan::Scan;
use super::segment::{Place, segment_path};
use super::view::{Shared, View};
use crate::ids::{ByteSize, Generation, Offset, Ordinal};
use crate::record::{Batch, Batches};
use crate::world::Tasks;

/// Reads a log beside its writer; never blocks it.
#[derive(Clone, Debug)]
pub struct LogReader {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
}

/// What a read found without waiting for a disk.
#[derive(Debug)]
pub enum CacheRead {
    /// Whole batches from memory.
    Hit(Batches),
    /// It is on disk: ask [`LogReader::read`].
    Miss,
}

/// A read from one segment's file.
#[derive(Debug)]
struct FileRead {
    segment: Offset,
    /// Where to begin to walk.
    from: Place,
    wanted: Wanted,
    /// Nothing at or beyond this is asked of the file: it is in memory, or not wanted.
    until: Offset,
    max: ByteSize,
    start: Offset,
    epochs: Arc<EpochHistory>,
    generation: Generation,
}

/// The first batch that is wanted.
#[derive(Clone, Debug)]
enum Wanted {
    Holding(Offset),
    Ordinals(Range<Ordinal>),
}

/// A read from a file is planned again when the log was cut or trimmed meanwhile; so often that it must be luck.
const PLANS_MAX: usize = 8;
/// A file is read in pieces of at least this.
const CHUNK_MIN: ByteSize = ByteSize::kib(16);
/// A file is read in pieces of at most this.
const CHUNK_MAX: ByteSize = ByteSize::mib(1);

impl LogReader {
    /// Whole batches from memory: the one that holds `from`, and those after it that end at or before `until`, up to
    /// about `max_bytes` (at least one batch). Empty when there is none, as when `from` is `until`.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] below the log start or beyond its end.
    pub fn read_cached(
        &self,
        from: Offset,
        until: Offset,
        max_bytes: ByteSize,
    ) -> Result<CacheRead, LogError> {
        let view = self.shared.view();
        if from < view.start || from > view.end().offset {
            return Err(view.out_of_range(from));
        }
        if from >= until || from == view.end().offset {
            return Ok(CacheRead::Hit(Batches::default()));
        }
        let run = view.cache.run(from, until, max_bytes);
        Ok(run.map_or(CacheRead::Miss, |bytes| CacheRead::Hit(Batches::unverified(bytes))))
    }

    /// The same, from memory or from disk; each batch from disk is verified.
    ///
    /// # Errors
    /// [`LogError`]; damage is reported, never served.
    pub async fn read(&self, from: Offset, until: Offset, max_bytes: ByteSize) -> Result<Batches, LogError> {
        for _ in 0..PLANS_MAX {
            if let CacheRead::Hit(batches) = self.read_cached(from, until, max_bytes)? {
                return Ok(batches);
            }
            let plan = {
                let view = self.shared.view();
                let segment = view.segments.holding(from);
                let (base, place) = (segment.base(), segment.before_offset(from));
                plan(&view, base, place, Wanted::Holding(from), until, max_bytes)
            };
            if let Some(batches) = self.read_file(plan).await? {
                let bytes =
                    if let [single] = &batches[..] { single.bytes().clone() } else { joined(&batches) };
                return Ok(Batches::unverified(bytes));
            }
        }
        Err(LogError::Disk("the log was cut again and again while it was read".to_owned()))
    }

    /// Batches by ordinal from memory; `None` when they are on disk: ask [`LogReader::read_ordinals`].
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] below the first ordinal.
    pub fn read_ordinals_cached(
        &self,
        range: Range<Ordinal>,
        max_bytes: ByteSize,
    ) -> Result<Option<Vec<Batch>>, LogError> {
        let view = self.shared.view();
        if range.start < view.start_ordinal {
            // The asked offset is not known: the one before the start stands for it.
            return Err(view.out_of_range(Offset(view.start.0.saturating_sub(1))));
        }
        if range.is_empty() || range.start >= view.end().ordinal {
            return Ok(Some(Vec::new()));
        }
        Ok(view.cache.run_ordinals(range, max_bytes))
    }

    /// Batches by ordinal: `range.start` and those after it, up to about `max_bytes` (at least one).
    ///
    /// # Errors
    /// [`LogError`]; an ordinal below the first is `OutOfRange` by the offset of the log start.
    pub async fn read_ordinals(
        &self,
        range: Range<Ordinal>,
        max_bytes: ByteSize,
    ) -> Result<Vec<Batch>, LogError> {
        for _ in 0..PLANS_MAX {
            if let Some(batches) = self.read_ordinals_cached(range.clone(), max_bytes)? {
                return Ok(batches);
            }
            let plan = {
                let view = self.shared.view();
                let segment = view.segments.holding_ordinal(range.start);
                let (base, place) = (segment.base(), segment.before_ordinal(range.start));
                let end = view.end().offset;
                plan(&view, base, place, Wanted::Ordinals(range.clone()), end, max_bytes)
            };
            if let Some(batches) = self.read_file(plan).await? {
                return Ok(batches);
            }
        }
        Err(LogError::Disk("the log was cut again and again while it was read".to_owned()))
    }

    /// Carries out a plan where it may block; `None` when the log changed under it.
    async fn read_file(&self, plan: FileRead) -> Result<Option<Vec<Batch>>, LogError> {
        let (generation, start) = (plan.generation, plan.start);
        let shared = Arc::clone(&self.shared);
        let read = if self.shared.disk.is_instant() {
            plan.carry_out(&shared)
        } else {
            self.tasks.blocking(move || plan.carry_out(&shared)).await
        };
        let view = self.shared.view();
        let changed = view.generation != generation || view.start != start;
        if changed { Ok(None) } else { read.map(Some) }
    }
}

fn plan(view: &View, segment: Offset, from: Place, wanted: Wanted, until: Offset, max: ByteSize) -> FileRead {
    FileRead {
        segment,
        from,
        wanted,
        until: until.min(view.cached_from()),
        max,
        start: view.start,
        epochs: Arc::clone(&view.epochs),
        generation: view.generation,
    }
}

impl FileRead {
    fn carry_out(self, shared: &Shared) -> Result<Vec<Batch>, LogError> {
        let failed = |error: std::io::Error| LogError::disk(&segment_path(&shared.dir, self.segment), &error);
        let file = shared.file(self.segment).map_err(failed)?;
        let chunk = ByteSize(self.max.0.clamp(CHUNK_MIN.0, CHUNK_MAX.0));
        let mut scan = Scan::new(&*file, self.from.position, self.from.offset, chunk);
        let mut ordinal = self.from.ordinal;
        let mut found = Vec::new();
        let mut room = self.max.0;
        while scan.next_offset() < self.until {
            let at = scan.next_offset();
            let batch = match scan.next().map_err(failed)? {
                Ok(batch) => batch,
                // The rest lies in the next segment, which another read asks for.
                Err(_) if !found.is_empty() => break,
                Err(stop) => return Err(LogError::Damaged { at, what: format!("{stop:?}") }),
            };
            let expected = self.epochs.epoch_at(batch.base_offset().max(self.start));
            if batch.next_offset() > self.start && expected != Some(batch.epoch()) {
                let what = format!("epoch {} where {expected:?} was appended", batch.epoch());
                return Err(LogError::Damaged { at, what });
            }
            let (wanted, ended) = match &self.wanted {
                Wanted::Holding(offset) => (batch.next_offset() > *offset, batch.next_offset() > self.until),
                Wanted::Ordinals(range) => (ordinal >= range.start, ordinal >= range.end),
            };
            ordinal = ordinal.next();
            if ended {
                break;
            }
            if wanted {
                let size = batch.size().0;
                if size > room && !found.is_empty() {
                    break;
                }
                room = room.saturating_sub(size);
                found.push(batch);
            }
        }
        Ok(found)
    }
}
