//! Segments that readers have open: a file, and the index once it was needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::disk::{DiskFile, OpenMode};
use super::error::LogError;
use super::index::{First, SparseIndex};
use super::scan::{Scan, Stop};
use super::segment::{Place, segment_path};
use super::sidecars;
use super::view::Shared;
use crate::ids::{ByteSize, Generation, Offset};

/// Segments that are kept open for readers, of each log: bounds file descriptors, and the memory of indexes (0.8 MiB
/// for a segment of 256 MiB).
const OPEN_MAX: usize = 8;
/// An index is made again from pieces of so much.
const CHUNK: ByteSize = ByteSize::mib(1);

/// Segments that are open, by their bases.
#[derive(Debug, Default)]
pub(crate) struct OpenSegments(Mutex<BTreeMap<Offset, Arc<OpenSegment>>>);

/// A segment that is open.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) file: Arc<dyn DiskFile>,
    index: OnceLock<Arc<SparseIndex>>,
}

impl OpenSegments {
    /// The segment that begins at `base`, as it was in this generation.
    pub(crate) fn open(
        &self,
        log: &Shared,
        base: Offset,
        generation: Generation,
    ) -> Result<Arc<OpenSegment>, LogError> {
        if let Some(found) = self.all().get(&base) {
            return Ok(Arc::clone(found));
        }
        let path = segment_path(&log.dir, base);
        let file = log.disk.open(&path, OpenMode::Existing).map_err(|error| LogError::disk(&path, &error))?;
        let opened = Arc::new(OpenSegment { file, index: OnceLock::new() });
        // A truncation raises the generation first, and closes what it cut after that: nothing stale stays here.
        let view = log.view();
        if view.generation == generation {
            let mut all = self.all();
            if all.len() == OPEN_MAX {
                all.pop_first();
            }
            all.insert(base, Arc::clone(&opened));
        }
        Ok(opened)
    }

    /// Lets go of these.
    pub(crate) fn close(&self, gone: &[Offset]) {
        let mut all = self.all();
        for base in gone {
            all.remove(base);
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<Offset, Arc<OpenSegment>>> {
        self.0.lock().expect("no holder panics")
    }
}

impl OpenSegment {
    /// The index of a segment that is sealed: read when it is asked for first, made again when it does not add up.
    pub(crate) fn index(&self, log: &Shared, start: Place, end: Place) -> Result<Arc<SparseIndex>, LogError> {
        if let Some(index) = self.index.get() {
            return Ok(Arc::clone(index));
        }
        let base = start.offset;
        let failed = |error: std::io::Error| LogError::disk(&segment_path(&log.dir, base), &error);
        let loaded = sidecars::load_sealed(&*log.disk, &log.dir, base).map_err(failed)?;
        let sealed = (end.position, end.ordinal.0 - start.ordinal.0);
        let index = match loaded {
            Ok((index, seal)) if (seal.length, seal.batches) == sealed => index,
            wrong => {
                let why =
                    wrong.map_or_else(|error| error.to_string(), |_| "it is of another segment".to_owned());
                tracing::warn!(dir = %log.dir.display(), %base, why, "the index of a segment is made again");
                self.rebuild(log, start, end)?
            }
        };
        Ok(Arc::clone(self.index.get_or_init(|| Arc::new(index))))
    }

    /// Makes the index again, and takes that for the one to be used from now on.
    pub(crate) fn rebuild(&self, log: &Shared, start: Place, end: Place) -> Result<SparseIndex, LogError> {
        rebuild(&*self.file, start, end, log.index_interval).map_err(|failure| match failure {
            Failure::Io(error) => LogError::disk(&segment_path(&log.dir, start.offset), &error),
            Failure::Damaged(at, what) => LogError::Damaged { at, what },
        })
    }
}

/// Why an index cannot be made again.
#[derive(Debug)]
enum Failure {
    Io(std::io::Error),
    Damaged(Offset, String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn rebuild(
    file: &dyn DiskFile,
    start: Place,
    end: Place,
    interval: ByteSize,
) -> Result<SparseIndex, Failure> {
    let mut index = SparseIndex::new(start.offset);
    let mut scan = Scan::new(file, ByteSize::ZERO, First::Base(start.offset), CHUNK);
    let mut batches = 0;
    while scan.position() < end.position {
        let (position, at) = (scan.position(), scan.next_offset());
        match scan.next()? {
            Ok(batch) => index.push(&batch, position, batches, interval),
            Err(Stop::End | Stop::Blank) => {
                return Err(Failure::Damaged(at, "batches are missing".to_owned()));
            }
            Err(Stop::Broken(what) | Stop::Backwards(what)) => return Err(Failure::Damaged(at, what)),
        }
        batches += 1;
    }
    if scan.next_offset() == end.offset {
        Ok(index)
    } else {
        let what = format!("the segment holds offsets up to {}, not {}", scan.next_offset(), end.offset);
        Err(Failure::Damaged(start.offset, what))
    }
}
