//! What a log's back keeps beside the segments, for the next opening: index files and the recovery point.
//!
//! Nothing here is synced, and nothing waits for it: what is lost costs the next opening time. So an error is worth a
//! warning, and no more.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::index::IndexPart;
use super::order::Mark;
use super::segment::Sealed;
use super::sidecars;
use crate::ids::{Generation, Offset};
use crate::meta::Checkpoints;

/// Recovery points that wait for their sync, at most; each holds a table of producers. Under `Synced` there is one; under
/// `Cached`, the newest gives way, so that one is left which the next flush covers.
const WAITING_MAX: usize = 4;

/// What waits to be written beside the segments.
#[derive(Debug)]
pub(crate) struct Marks {
    disk: Arc<dyn Disk>,
    checkpoints: Arc<dyn Checkpoints>,
    dir: PathBuf,
    waiting: VecDeque<Checkpoint>,
    unwritten: Vec<Unwritten>,
}

/// Entries of an index that are not in its files yet.
#[derive(Debug)]
enum Unwritten {
    Part(IndexPart),
    Seal(Sealed),
}

impl Unwritten {
    fn base(&self) -> Offset {
        match self {
            Self::Part(part) => part.base,
            Self::Seal(sealed) => sealed.part.base,
        }
    }

    fn write(&self, disk: &dyn Disk, dir: &std::path::Path) -> io::Result<()> {
        match self {
            Self::Part(part) => sidecars::write(disk, dir, part),
            Self::Seal(sealed) => sidecars::write_sealed(disk, dir, &sealed.part, &sealed.seal),
        }
    }
}

impl Marks {
    pub(crate) fn new(disk: Arc<dyn Disk>, checkpoints: Arc<dyn Checkpoints>, dir: PathBuf) -> Self {
        Self { disk, checkpoints, dir, waiting: VecDeque::new(), unwritten: Vec::new() }
    }

    /// A recovery point, once all below it is synced; and the index entries that belong to it.
    pub(crate) fn note(&mut self, mark: Option<Mark>) {
        let Some((checkpoint, part)) = mark.map(|mark| *mark) else { return };
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_back();
        }
        self.waiting.push_back(checkpoint);
        self.unwritten.push(Unwritten::Part(part));
    }

    /// A segment is complete.
    pub(crate) fn seal(&mut self, sealed: Sealed) {
        self.unwritten.push(Unwritten::Seal(sealed));
    }

    /// Forgets what waits for these segments, and removes their indexes. Whoever needs that to be durable syncs the
    /// directory.
    pub(crate) fn remove(&mut self, bases: &[Offset]) -> io::Result<()> {
        self.unwritten.retain(|unwritten| !bases.contains(&unwritten.base()));
        bases.iter().try_for_each(|base| sidecars::remove(&*self.disk, &self.dir, *base))
    }

    /// What waited is about a log that was cut; this is about what is left.
    pub(crate) fn begin_again(&mut self, mark: Option<Mark>) {
        self.waiting.clear();
        self.note(mark);
    }

    /// Whether a recovery point waits for its sync.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes what came to the indexes. To be called when all that was appended before is written.
    pub(crate) fn write(&mut self) {
        for unwritten in std::mem::take(&mut self.unwritten) {
            if let Err(error) = unwritten.write(&*self.disk, &self.dir) {
                tracing::warn!(dir = %self.dir.display(), %error, "the index of a segment was not written");
            }
        }
    }

    /// All below `to` is synced: the newest recovery point up to there is kept.
    pub(crate) fn reached(&mut self, to: Offset, generation: Generation) {
        self.write();
        let covered = self.waiting.partition_point(|waiting| waiting.to() <= to);
        let newest = self.waiting.drain(..covered).next_back();
        if let Some(newest) = newest.filter(|newest| newest.generation == generation) {
            self.checkpoints.put(&Checkpoint::key(&self.dir), newest.encoded());
        }
    }
}
