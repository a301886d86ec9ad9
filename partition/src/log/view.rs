//! What the front and its readers share: what the log holds, and where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::cache::TailCache;
use super::disk::{Disk, DiskFile, OpenMode};
use super::epochs::EpochHistory;
use super::error::LogError;
use super::scan::Scan;
use super::segment::{Place, Segment, segment_path};
use super::segments::Segments;
use super::state::LogState;
use crate::ids::{ByteSize, Generation, Offset, Ordinal};

/// Sealed segments that are kept open for readers, each: bounds file descriptors.
const OPEN_FILES_MAX: usize = 8;

/// One log, as its front and its readers see it.
#[derive(Debug)]
pub(crate) struct Shared {
    view: Mutex<View>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    files: Mutex<BTreeMap<Offset, Arc<dyn DiskFile>>>,
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
        self.segments.active().end
    }

    /// `OutOfRange`, for this offset.
    pub(crate) fn out_of_range(&self, asked: Offset) -> LogError {
        LogError::OutOfRange { asked, start: self.start, end: self.end().offset }
    }

    /// All from here on is in memory, and may not be in a file yet.
    pub(crate) fn cached_from(&self) -> Offset {
        self.cache.start().unwrap_or(self.end().offset)
    }
}

impl Shared {
    pub(crate) fn new(view: View, disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { view: Mutex::new(view), disk, dir, files: Mutex::default() }
    }

    /// What the log holds now. Held for moments only: never across a wait or a disk.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("no holder panics")
    }

    /// The file of a segment, open for reading.
    pub(crate) fn file(&self, base: Offset) -> std::io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files.lock().expect("no holder panics");
        if let Some(file) = files.get(&base) {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&segment_path(&self.dir, base), OpenMode::Existing)?;
        if files.len() == OPEN_FILES_MAX {
            files.pop_first();
        }
        files.insert(base, Arc::clone(&file));
        Ok(file)
    }

    /// Lets go of the files of segments that are gone.
    pub(crate) fn close_files(&self, gone: &[Offset]) {
        let mut files = self.files.lock().expect("no holder panics");
        for base in gone {
            files.remove(base);
        }
    }

    /// Where the batch that holds `offset` begins, and in which segment. Walks a few KiB of a file when it is not in
    /// memory: trims and deep truncations ask this, which are rare.
    pub(crate) fn locate(&self, offset: Offset) -> Result<(Offset, Place), LogError> {
        let (base, from, end) = {
            let view = self.view();
            if let Some(found) = view.cache.holding(offset) {
                return Ok((found.segment, found.place));
            }
            let segment = view.segments.holding(offset);
            (segment.base(), segment.before_offset(offset), segment.end)
        };
        if offset == end.offset || offset == from.offset {
            return Ok((base, if offset == end.offset { end } else { from }));
        }
        let failed = |error: std::io::Error| LogError::disk(&segment_path(&self.dir, base), &error);
        let file = self.file(base).map_err(failed)?;
        let mut scan = Scan::new(&*file, from.position, from.offset, ByteSize::kib(16));
        let mut ordinal = from.ordinal;
        loop {
            let place = Place { offset: scan.next_offset(), ordinal, position: scan.position() };
            match scan.next().map_err(failed)? {
                Ok(batch) if offset < batch.next_offset() => return Ok((base, place)),
                Ok(_) => ordinal = ordinal.next(),
                Err(stop) => {
                    return Err(LogError::Damaged { at: place.offset, what: format!("{stop:?}") });
                }
            }
        }
    }
}
