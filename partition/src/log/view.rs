//! What the front and its readers share: what the log holds, and where.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::cache::TailCache;
use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::epochs::EpochHistory;
use super::error::LogError;
use super::index::{IndexPart, SparseIndex, Start, TimeEntry};
use super::opened::OpenSegments;
use super::producers::Producers;
use super::scan::Scan;
use super::segment::{Place, Segment, segment_path};
use super::segments::Segments;
use super::state::LogState;
use crate::ids::{ByteSize, Generation, Offset, Ordinal, Timestamp};
use crate::record::Batch;

/// One log, as its front and its readers see it.
#[derive(Debug)]
pub(crate) struct Shared {
    view: Mutex<View>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) index_interval: ByteSize,
    pub(crate) opened: OpenSegments,
}

/// What the log holds at one moment.
#[derive(Debug)]
pub(crate) struct View {
    /// The log start.
    pub(crate) start: Offset,
    /// The ordinal of the batch that holds it.
    pub(crate) start_ordinal: Ordinal,
    pub(crate) generation: Generation,
    pub(crate) segments: Segments,
    pub(crate) cache: TailCache,
    pub(crate) epochs: Arc<EpochHistory>,
}

/// Where a batch lies, and what a cut before it needs to know.
#[derive(Debug)]
pub(crate) struct Located {
    /// The segment.
    pub(crate) base: Offset,
    pub(crate) place: Place,
    /// The segment's index, when that lies in files.
    pub(crate) index: Option<Arc<SparseIndex>>,
    /// The newest time between the last entry before it and the batch.
    pub(crate) newest: Option<TimeEntry>,
}

impl View {
    /// A log that begins where its state says, and holds nothing.
    pub(crate) fn empty(state: &LogState, cache: ByteSize) -> Self {
        Self {
            start: state.start,
            start_ordinal: state.start_ordinal,
            generation: state.generation,
            segments: Segments::new(vec![Segment::new(state.start, state.start_ordinal)]),
            cache: TailCache::new(cache),
            epochs: Arc::default(),
        }
    }

    /// The log end.
    pub(crate) fn end(&self) -> Place {
        self.segments.active().end()
    }

    /// `OutOfRange`, for this offset.
    pub(crate) fn out_of_range(&self, asked: Offset) -> LogError {
        LogError::OutOfRange { asked, start: self.start, end: self.end().offset }
    }

    /// All from here on is in memory, and may not be in a file yet.
    pub(crate) fn cached_from(&self) -> Offset {
        self.cache.start().unwrap_or(self.end().offset)
    }

    /// What is true of the log at its end, and the index entries that belong to it.
    pub(crate) fn checkpoint(&mut self, identity: u64, producers: Producers) -> (Checkpoint, IndexPart) {
        let (generation, epochs) = (self.generation, Arc::clone(&self.epochs));
        let active = self.segments.active_mut();
        let (index, part) = active.mark();
        let (segment, end) = (active.start(), active.end());
        (Checkpoint { identity, generation, segment, end, index, epochs, producers }, part)
    }
}

impl Shared {
    pub(crate) fn new(view: View, disk: Arc<dyn Disk>, dir: PathBuf, index_interval: ByteSize) -> Self {
        Self { view: Mutex::new(view), disk, dir, index_interval, opened: OpenSegments::default() }
    }

    /// What the log holds now. Held for moments only: never across a wait or a disk.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("no holder panics")
    }

    /// Lets go of the files of segments that are gone, or were cut.
    pub(crate) fn close_files(&self, gone: &[Offset]) {
        self.opened.close(gone);
    }

    /// Where the batch that holds `offset` begins, and in which segment. Walks from the index entry before it, through
    /// a few KiB of a file when they are not in memory: trims and truncations ask this, which are rare.
    pub(crate) fn locate(&self, offset: Offset) -> Result<Located, LogError> {
        let (start, end, newest, grows, known, in_memory, generation) = {
            let view = self.view();
            let segment = view.segments.holding(offset);
            let (known, in_memory) = (segment.start_for(before(offset)), segment.still_in_memory());
            let (start, end, grows) = (segment.start(), segment.end(), segment.is_growing());
            (start, end, segment.newest(), grows, known, in_memory, view.generation)
        };
        let base = start.offset;
        let index = match (grows, in_memory) {
            (true, _) => None,
            (false, Some(index)) => Some(index),
            (false, None) => Some(self.opened.open(self, base, generation)?.index(self, start, end)?),
        };
        if offset == end.offset {
            return Ok(Located { base, place: end, index, newest });
        }
        let known = known.or_else(|| index.as_ref().map(|index| index.start_for(before(offset))));
        let from = known.expect("an index that is not in memory was read");
        let mut walk = Walk { wanted: offset, newest: None };
        let place = self.walk(&mut walk, start, end, from)?;
        Ok(Located { base, place, index, newest: walk.newest })
    }

    /// Through the file as far as it is not in memory, and on through the cache.
    fn walk(&self, walk: &mut Walk, segment: Place, end: Place, from: Start) -> Result<Place, LogError> {
        let cached =
            self.view().cache.of_segment(segment.offset, ByteSize::ZERO).next().map(|first| first.place);
        let file_end = cached.unwrap_or(end).position;
        let mut ordinal = Ordinal(segment.ordinal.0 + from.batches);
        if from.position < file_end {
            let failed =
                |error: std::io::Error| LogError::disk(&segment_path(&self.dir, segment.offset), &error);
            let generation = self.view().generation;
            let opened = self.opened.open(self, segment.offset, generation)?;
            let mut scan = Scan::new(&*opened.file, from.position, from.first, ByteSize::kib(16));
            while scan.position() < file_end {
                let (position, at) = (scan.position(), scan.next_offset());
                let batch = match scan.next().map_err(failed)? {
                    Ok(batch) => batch,
                    Err(stop) => return Err(LogError::Damaged { at, what: format!("{stop:?}") }),
                };
                if walk.ends_at(&batch) {
                    return Ok(Place { offset: batch.base_offset(), ordinal, position });
                }
                ordinal = ordinal.next();
            }
        }
        let view = self.view();
        let mut cached = view.cache.of_segment(segment.offset, from.position);
        let found = cached.find(|cached| walk.ends_at(&cached.batch));
        Ok(found.map_or(end, |found| found.place))
    }
}

/// A walk to a batch begins at an entry before it, since a cut there drops its own, and with that the newest time.
fn before(offset: Offset) -> Offset {
    Offset(offset.0.saturating_sub(1))
}

/// A walk to the batch that holds an offset.
#[derive(Debug)]
struct Walk {
    wanted: Offset,
    newest: Option<TimeEntry>,
}

impl Walk {
    /// Whether this is the batch; if not, notes its time.
    fn ends_at(&mut self, batch: &Batch) -> bool {
        if self.wanted < batch.next_offset() {
            return true;
        }
        let (time, last) = (Timestamp(batch.max_timestamp_ms()), Offset(batch.next_offset().0 - 1));
        if self.newest.is_none_or(|newest| time > newest.time) {
            self.newest = Some(TimeEntry { time, last });
        }
        false
    }
}
