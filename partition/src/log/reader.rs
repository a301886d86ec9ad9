//! Reads a log beside its writer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::epochs::EpochHistory;
use super::error::LogError;
use super::index::{SparseIndex, Start};
use super::joined;
use super::opened::OpenSegment;
use super::scan::Scan;
use super::segment::{Place, Segment, segment_path};
use super::view::{Shared, View};
use crate::ids::{ByteSize, Generation, Offset, Ordinal, Timestamp};
use crate::record::{Batch, Batches, HEADER_LENGTH};
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
    segment: Place,
    end: Place,
    /// Where to begin to walk, if the index is in memory.
    from: Option<Start>,
    wanted: Wanted,
    /// Nothing at or beyond this is asked of the file: it is in memory, or not wanted.
    until: Offset,
    max: ByteSize,
    start: Offset,
    epochs: Arc<EpochHistory>,
    generation: Generation,
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Found {
    batches: Vec<Batch>,
    /// The window that all of them are parts of, from the first of them on.
    window: Bytes,
    length: usize,
}

impl Found {
    /// All of them in one piece: as they were read, without a copy.
    fn joined(self) -> Bytes {
        match &self.batches[..] {
            [single] => single.bytes().clone(),
            _ if self.length <= self.window.len() => self.window.slice(..self.length),
            several => joined(several),
        }
    }
}

/// The first batch that is wanted.
#[derive(Clone, Debug)]
enum Wanted {
    Holding(Offset),
    Ordinals(Range<Ordinal>),
}

/// A read from a file is planned again when the log was cut or trimmed meanwhile; so often that it must be luck.
const PLANS_MAX: usize = 8;
/// One read takes no more from a file, unless a single batch is larger: bounds memory for readers that ask for much.
const READ_MAX: ByteSize = ByteSize::mib(4);
/// A look-up by time reads so much at a time.
const LOOK_UP_READ: ByteSize = ByteSize::kib(64);

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
        in_memory(&self.shared.view(), from, until, max_bytes)
    }

    /// The same, from memory or from disk; each batch from disk is verified.
    ///
    /// # Errors
    /// [`LogError`]; damage is reported, never served.
    pub async fn read(&self, from: Offset, until: Offset, max_bytes: ByteSize) -> Result<Batches, LogError> {
        for _ in 0..PLANS_MAX {
            let generation = self.shared.view().generation;
            if let Some(batches) = self.read_of(generation, from, until, max_bytes).await? {
                return Ok(batches);
            }
        }
        Err(changing())
    }

    /// The same of the log as it was in this generation; `None` when it was cut since, even if something lies there again: who
    /// answers for one leader's log must not give out another's.
    ///
    /// # Errors
    /// [`LogError`]; damage is reported, never served.
    pub async fn read_of(
        &self,
        generation: Generation,
        from: Offset,
        until: Offset,
        max_bytes: ByteSize,
    ) -> Result<Option<Batches>, LogError> {
        for _ in 0..PLANS_MAX {
            let plan = {
                let view = self.shared.view();
                if view.generation != generation {
                    return Ok(None);
                }
                if let CacheRead::Hit(batches) = in_memory(&view, from, until, max_bytes)? {
                    return Ok(Some(batches));
                }
                let segment = view.segments.holding(from);
                plan(&view, segment, segment.start_for(from), Wanted::Holding(from), until, max_bytes)
            };
            if let Some(found) = self.read_file(plan).await? {
                return Ok(Some(Batches::unverified(found.joined())));
            }
        }
        Err(changing())
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
                let (from, end) = (segment.start_for_ordinal(range.start), view.end().offset);
                plan(&view, segment, from, Wanted::Ordinals(range.clone()), end, max_bytes)
            };
            if let Some(found) = self.read_file(plan).await? {
                return Ok(found.batches);
            }
        }
        Err(changing())
    }

    /// The offset of the first record that is as new as `time` or newer; `None` when there is none. A compressed batch
    /// is not unpacked for this: its first offset is the answer.
    ///
    /// # Errors
    /// [`LogError`]; damage is reported, never passed over.
    pub async fn first_since(&self, time: Timestamp) -> Result<Option<Offset>, LogError> {
        let mut below = Offset::ZERO;
        while let Some(range) = self.segment_since(time, below).await? {
            below = range.end;
            let mut from = range.start;
            while from < range.end {
                let batches = self.read(from, range.end, LOOK_UP_READ).await?;
                for batch in batches.iter() {
                    let batch = batch?;
                    if let Some(found) = first_record_since(&batch, time, from) {
                        return Ok(Some(found));
                    }
                    from = batch.next_offset();
                }
                if batches.is_empty() {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Which part of the first segment that has records as new as this, and does not lie below, they must lie in.
    async fn segment_since(&self, time: Timestamp, below: Offset) -> Result<Option<Range<Offset>>, LogError> {
        let (start, end, known, log_start, generation) = {
            let view = self.shared.view();
            let new = |segment: &&Segment| segment.newest().is_some_and(|newest| newest.time >= time);
            let found = view.segments.iter().filter(|segment| segment.base() >= below).find(new);
            let Some(segment) = found else { return Ok(None) };
            let known = segment.ask(|index| index.older_than(time));
            (segment.start(), segment.end(), known, view.start, view.generation)
        };
        let older = match known {
            Some(older) => older,
            None => {
                let shared = Arc::clone(&self.shared);
                let look_up = move || {
                    let opened = shared.opened.open(&shared, start.offset, generation)?;
                    Ok::<_, LogError>(opened.index(&shared, start, end)?.older_than(time))
                };
                self.where_it_may_block(look_up).await?
            }
        };
        let from = older.map_or(start.offset, Offset::next).max(log_start);
        Ok(Some(from..end.offset.max(from)))
    }

    /// Carries out a plan where it may block; `None` when the log changed under it.
    async fn read_file(&self, plan: FileRead) -> Result<Option<Found>, LogError> {
        let (generation, start) = (plan.generation, plan.start);
        let shared = Arc::clone(&self.shared);
        let read = self.where_it_may_block(move || plan.carry_out(&shared)).await;
        let view = self.shared.view();
        let changed = view.generation != generation || view.start != start;
        if changed { Ok(None) } else { read.map(Some) }
    }

    async fn where_it_may_block<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if self.shared.disk.is_instant() { work() } else { self.tasks.blocking(work).await }
    }
}

/// What a look into memory finds.
fn in_memory(view: &View, from: Offset, until: Offset, max_bytes: ByteSize) -> Result<CacheRead, LogError> {
    if from < view.start || from > view.end().offset {
        return Err(view.out_of_range(from));
    }
    if from >= until || from == view.end().offset {
        return Ok(CacheRead::Hit(Batches::default()));
    }
    let run = view.cache.run(from, until, max_bytes);
    Ok(run.map_or(CacheRead::Miss, |bytes| CacheRead::Hit(Batches::unverified(bytes))))
}

fn changing() -> LogError {
    LogError::Disk("the log was cut again and again while it was read".to_owned())
}

/// The first record in a batch, from `from` on, that is as new as this.
fn first_record_since(batch: &Batch, time: Timestamp, from: Offset) -> Option<Offset> {
    if batch.is_control() || Timestamp(batch.max_timestamp_ms()) < time {
        return None;
    }
    if batch.is_compressed() {
        return Some(batch.base_offset().max(from));
    }
    let mut records = batch.records().filter_map(Result::ok);
    records.find(|record| record.time_ms >= time.0 && record.offset >= from).map(|record| record.offset)
}

fn plan(
    view: &View,
    segment: &Segment,
    from: Option<Start>,
    wanted: Wanted,
    until: Offset,
    max: ByteSize,
) -> FileRead {
    FileRead {
        segment: segment.start(),
        end: segment.end(),
        from,
        wanted,
        until: until.min(view.cached_from()),
        max: max.min(READ_MAX),
        start: view.start,
        epochs: Arc::clone(&view.epochs),
        generation: view.generation,
    }
}

impl FileRead {
    fn carry_out(self, shared: &Shared) -> Result<Found, LogError> {
        let opened = shared.opened.open(shared, self.segment.offset, self.generation)?;
        let from = match self.from {
            Some(from) => from,
            None => self.start_in(&*opened.index(shared, self.segment, self.end)?),
        };
        match self.walk(shared, &opened, from) {
            // Either the segment is damaged there, or the index led astray: the segment's beginning tells.
            Err(Astray::AtOnce(_)) if from.position > ByteSize::ZERO => {
                let beginning = SparseIndex::new(self.segment.offset).start_for(self.segment.offset);
                self.walk(shared, &opened, beginning).map_err(Astray::error)
            }
            walked => walked.map_err(Astray::error),
        }
    }

    fn start_in(&self, index: &SparseIndex) -> Start {
        match &self.wanted {
            Wanted::Holding(offset) => index.start_for(*offset),
            Wanted::Ordinals(range) => index.start_for_batch(range.start.0 - self.segment.ordinal.0),
        }
    }

    fn walk(&self, shared: &Shared, opened: &OpenSegment, from: Start) -> Result<Found, Astray> {
        let failed = |error: std::io::Error| {
            Astray::OnTheWay(LogError::disk(&segment_path(&shared.dir, self.segment.offset), &error))
        };
        // The first wanted batch begins less than an interval from here, so all that fit are in one piece.
        let piece = ByteSize(shared.index_interval.0 + self.max.0);
        let mut scan = Scan::of_one_piece(&*opened.file, from.position, from.first, piece);
        let mut ordinal = Ordinal(self.segment.ordinal.0 + from.batches);
        let mut found = Found::default();
        let mut room = self.max;
        while scan.next_offset() < self.until {
            let (at, position) = (scan.next_offset(), scan.position());
            let damaged = |what| {
                let error = LogError::Damaged { at, what };
                if position == from.position { Astray::AtOnce(error) } else { Astray::OnTheWay(error) }
            };
            let some = !found.batches.is_empty();
            if some && room.0 < HEADER_LENGTH as u64 {
                break;
            }
            let size = match scan.peek().map_err(failed)? {
                Ok(size) if some && size > room => break,
                Ok(size) => size,
                // The rest lies in the next segment, which another read asks for.
                Err(_) if some => break,
                Err(stop) => return Err(damaged(format!("{stop:?}"))),
            };
            let window = scan.window().clone();
            let batch = match scan.next().map_err(failed)? {
                Ok(batch) => batch,
                Err(_) if some => break,
                Err(stop) => return Err(damaged(format!("{stop:?}"))),
            };
            self.check_epoch(&batch).map_err(damaged)?;
            let (wanted, ended) = match &self.wanted {
                Wanted::Holding(offset) => (batch.next_offset() > *offset, batch.next_offset() > self.until),
                Wanted::Ordinals(range) => (ordinal >= range.start, ordinal >= range.end),
            };
            ordinal = ordinal.next();
            if ended {
                break;
            }
            if wanted {
                if !some {
                    found.window = window;
                }
                room = ByteSize(room.0.saturating_sub(size.0));
                found.length += size.as_len();
                found.batches.push(batch);
            }
        }
        Ok(found)
    }

    /// A leader's epoch lies outside the checksum: it must be the one that was appended there.
    fn check_epoch(&self, batch: &Batch) -> Result<(), String> {
        let expected = self.epochs.epoch_at(batch.base_offset().max(self.start));
        if batch.next_offset() > self.start && expected != Some(batch.epoch()) {
            return Err(format!("epoch {} where {expected:?} was appended", batch.epoch()));
        }
        Ok(())
    }
}

/// Why a walk did not come to what is wanted.
#[derive(Debug)]
enum Astray {
    /// What lies where it began is not what should.
    AtOnce(LogError),
    /// It began well.
    OnTheWay(LogError),
}

impl Astray {
    fn error(self) -> LogError {
        match self {
            Self::AtOnce(error) | Self::OnTheWay(error) => error,
        }
    }
}
