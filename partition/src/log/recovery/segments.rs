//! Opens a log's segments: those below the recovery point by their seals, the others by reading them.

use std::sync::Arc;

use super::{Failure, Recovery, Request, damaged, tidy_up};
use crate::ids::{ByteSize, Epoch, Offset, Ordinal};
use crate::log::beside::{self, Tail};
use crate::log::checkpoint::Checkpoint;
use crate::log::config::Durability;
use crate::log::disk::{DiskFile, OpenMode};
use crate::log::index::{First, SparseIndex, TimeEntry};
use crate::log::scan::{Scan, Stop};
use crate::log::segment::{Place, Segment, segment_path};
use crate::log::sidecars;
use crate::log::state::SegmentsAre;
use crate::record::Batch;

/// Segments are read in pieces of so much: a piece stays in the cache of a core while it is checked.
const CHUNK: ByteSize = ByteSize::kib(128);

/// A sealed segment that was not read: what its seal says of it.
struct Known {
    base: Offset,
    length: ByteSize,
    batches: u64,
    newest: Option<TimeEntry>,
}

/// Where to begin to read a segment.
struct From {
    segment: Place,
    /// All before it is known, and in the index.
    place: Place,
    index: SparseIndex,
}

impl From {
    fn beginning(base: Offset, ordinal: Ordinal) -> Self {
        let segment = Place { offset: base, ordinal, position: ByteSize::ZERO };
        Self { segment, place: segment, index: SparseIndex::new(base) }
    }
}

impl Recovery {
    /// Opens the segments that count, oldest first, and leaves them synced.
    pub(super) fn read_segments(&mut self) -> Result<Vec<Segment>, Failure> {
        let mut bases = tidy_up(&*self.request.disk, &self.request)?;
        if self.state.segments == SegmentsAre::Void {
            bases.clear();
        }
        // A trim that was cut short left segments that lie wholly below the log start.
        let dead = bases.windows(2).take_while(|pair| pair[1] <= self.state.start).count();
        bases.drain(..dead);
        let Some(first) = bases.first().copied() else { return Ok(Vec::new()) };
        if first > self.state.start {
            let what = format!("the first segment begins at {first}");
            return Err(damaged(self.state.start, what));
        }
        let resumed = match self.checkpoint.take() {
            Some(checkpoint) => self.resume(&bases, checkpoint)?,
            None => None,
        };
        let (mut segments, from) = match resumed {
            Some(resumed) => resumed,
            None => (Vec::new(), From::beginning(first, self.first_ordinal(first)?)),
        };
        self.read_on(&bases[segments.len()..], from, &mut segments)?;
        Ok(segments)
    }

    /// Opens what lies below the recovery point by seals alone, and takes over what was true there. `None` when they
    /// do not add up: then all is read.
    fn resume(
        &mut self,
        bases: &[Offset],
        checkpoint: Checkpoint,
    ) -> Result<Option<(Vec<Segment>, From)>, Failure> {
        let Ok(at) = bases.binary_search(&checkpoint.segment.offset) else { return Ok(None) };
        let mut known = Vec::new();
        for pair in bases[..=at].windows(2) {
            known.push(self.know(pair[0], pair[1])?);
        }
        let below: u64 = known.iter().map(|known| known.batches).sum();
        // The ordinal of the log start is synced: it lies where the seals say, or they are of other segments.
        let Some(first) = checkpoint.segment.ordinal.0.checked_sub(below) else { return Ok(None) };
        let start = self.state.start_ordinal.0;
        let misplaced = bases[0] == self.state.start && first != start;
        if first > start || misplaced || known.first().is_some_and(|known| first + known.batches < start) {
            return Ok(None);
        }
        let mut ordinal = Ordinal(first);
        let mut segments = Vec::new();
        for (known, next) in known.into_iter().zip(&bases[1..]) {
            let start = Place { offset: known.base, ordinal, position: ByteSize::ZERO };
            ordinal = Ordinal(ordinal.0 + known.batches);
            let end = Place { offset: *next, ordinal, position: known.length };
            segments.push(Segment::sealed(start, end, known.newest));
        }
        let from = self.take_over(checkpoint)?;
        Ok(Some((segments, from)))
    }

    /// What a sealed segment holds: by its seal, or by reading it when that is missing or contradicts the file.
    fn know(&self, base: Offset, next: Offset) -> Result<Known, Failure> {
        let Request { disk, dir, config, .. } = &self.request;
        let file = disk.open(&segment_path(dir, base), OpenMode::Existing)?;
        if let Some(seal) = sidecars::seal_of(&**disk, dir, base)?
            && ends_at(&*file, seal.length)?
        {
            let (length, batches, newest) = (seal.length, seal.batches, seal.newest);
            return Ok(Known { base, length, batches, newest });
        }
        tracing::info!(dir = %dir.display(), %base, "the index of a segment is made again");
        let mut index = SparseIndex::new(base);
        let mut scan = Scan::new(&*file, ByteSize::ZERO, First::Base(base), CHUNK);
        let mut batches = 0;
        let stop = loop {
            let position = scan.position();
            match scan.next()? {
                Ok(batch) => index.push(&batch, position, batches, config.index_interval),
                Err(stop) => break stop,
            }
            batches += 1;
        };
        if scan.next_offset() != next {
            self.check_torn(scan.next_offset(), Some(next), &stop)?;
            let what = format!("the segment ends there, and the next one begins at {next}");
            return Err(damaged(scan.next_offset(), what));
        }
        let length = scan.position();
        self.cut(&*file, length, &stop)?;
        let seal = index.seal(length, batches);
        sidecars::write_sealed(&**disk, dir, &index.part(0, 0), &seal)?;
        Ok(Known { base, length, batches, newest: seal.newest })
    }

    /// Takes over what was true at the recovery point. Without the index that was marked there, the segment is read
    /// from its beginning, for the index alone.
    fn take_over(&mut self, checkpoint: Checkpoint) -> Result<From, Failure> {
        let Checkpoint { segment, end, index, epochs, producers, .. } = checkpoint;
        let Request { disk, dir, .. } = &self.request;
        self.newest = epochs.latest().unwrap_or(Epoch::ZERO);
        // Below the log start, its own snapshot is the newer one.
        if end.offset >= self.state.start {
            self.epochs = Arc::unwrap_or_clone(epochs);
            self.epochs.trim(self.state.start);
            self.producers = producers;
        }
        match sidecars::load_marked(&**disk, dir, segment.offset, &index)? {
            Ok(index) => Ok(From { segment, place: end, index }),
            Err(why) => {
                tracing::info!(dir = %dir.display(), base = %segment.offset, %why, "the index is made again");
                self.index_again(segment, end)
            }
        }
    }

    /// Reads a segment up to the recovery point, for its index.
    fn index_again(&self, segment: Place, end: Place) -> Result<From, Failure> {
        let Request { disk, dir, config, .. } = &self.request;
        let file = disk.open(&segment_path(dir, segment.offset), OpenMode::Existing)?;
        let mut index = SparseIndex::new(segment.offset);
        let mut scan = Scan::new(&*file, ByteSize::ZERO, First::Base(segment.offset), CHUNK);
        let mut place = segment;
        while place.position < end.position {
            match scan.next()? {
                Ok(batch) => {
                    let batches = place.ordinal.0 - segment.ordinal.0;
                    index.push(&batch, place.position, batches, config.index_interval);
                }
                Err(stop) => {
                    self.check_torn(place.offset, None, &stop)?;
                    return Err(damaged(place.offset, format!("{stop:?} below the recovery point")));
                }
            }
            let (offset, position) = (scan.next_offset(), scan.position());
            place = Place { offset, ordinal: place.ordinal.next(), position };
        }
        if place == end {
            return Ok(From { segment, place, index });
        }
        Err(damaged(place.offset, format!("the recovery point is at {}", end.offset)))
    }

    /// Reads segments from here on, each batch; drops those that follow a torn one.
    fn read_on(&mut self, bases: &[Offset], from: From, segments: &mut Vec<Segment>) -> Result<(), Failure> {
        let mut from = from;
        for (at, base) in bases.iter().copied().enumerate() {
            let next = bases.get(at + 1).copied();
            let (start, end, index) = self.read_segment(from, next)?;
            if next == Some(end.offset) {
                segments.push(self.sealed(start, end, index)?);
                from = From::beginning(end.offset, end.ordinal);
                continue;
            }
            if next.is_some() {
                self.drop_segments(&bases[at + 1..])?;
            }
            self.unseal(base)?;
            segments.push(Segment::growing(start, end, index));
            break;
        }
        Ok(())
    }

    /// The ordinal of the first batch in the first segment, counted back from that of the log start.
    fn first_ordinal(&self, base: Offset) -> Result<Ordinal, Failure> {
        let mut below = 0;
        if base < self.state.start {
            let file = self.request.disk.open(&segment_path(&self.request.dir, base), OpenMode::Existing)?;
            let mut scan = Scan::new(&*file, ByteSize::ZERO, First::Base(base), CHUNK);
            while let Ok(batch) = scan.next()?
                && batch.next_offset() <= self.state.start
            {
                below += 1;
            }
        }
        let first = self.state.start_ordinal.0.checked_sub(below);
        first.map(Ordinal).ok_or_else(|| {
            let what =
                format!("{below} batches lie below the log start, {} at most", self.state.start_ordinal);
            damaged(base, what)
        })
    }

    /// Reads a segment from a place on, cuts it behind its last batch, and syncs it.
    fn read_segment(
        &mut self,
        from: From,
        next: Option<Offset>,
    ) -> Result<(Place, Place, SparseIndex), Failure> {
        let From { segment, place, mut index } = from;
        let path = segment_path(&self.request.dir, segment.offset);
        let file = self.request.disk.open(&path, OpenMode::Existing)?;
        let length = file.length()?;
        if length < place.position {
            let what = format!(
                "{} has {length} bytes, but {} were synced up to offset {}; restore this replica from another one",
                path.display(),
                place.position,
                place.offset,
            );
            return Err(damaged(segment.offset, what));
        }
        let mut scan = Scan::new(&*file, place.position, First::Base(place.offset), CHUNK);
        let mut end = place;
        let stop = loop {
            let batch = match scan.next()? {
                Ok(batch) if batch.epoch() < self.newest => {
                    break Stop::Backwards(format!("epoch {} after {}", batch.epoch(), self.newest));
                }
                Ok(batch) => batch,
                Err(stop) => break stop,
            };
            let batches = end.ordinal.0 - segment.ordinal.0;
            index.push(&batch, end.position, batches, self.request.config.index_interval);
            let position = ByteSize(end.position.0 + batch.size().0);
            end = Place { offset: batch.next_offset(), ordinal: end.ordinal.next(), position };
            self.newest = batch.epoch();
            if batch.next_offset() > self.state.start {
                self.check_epoch(&batch)?;
                self.epochs.assign(batch.epoch(), batch.base_offset().max(self.state.start));
                self.producers.note(&batch);
            }
        };
        if next != Some(end.offset) {
            self.check_torn(end.offset, next, &stop)?;
        }
        if self.tail == Tail::Doubtful {
            write_again(&*file, place.position, end.position)?;
        }
        self.cut(&*file, end.position, &stop)?;
        Ok((segment, end, index))
    }

    /// The epoch lies outside the checksum. No crash tears it alone: where it contradicts the checkpoint of the epochs,
    /// one of the two was changed.
    fn check_epoch(&self, batch: &Batch) -> Result<(), Failure> {
        let at = batch.base_offset().max(self.state.start);
        match self.witness.expects(at, self.state.start) {
            Some(expected) if !expected.admits(batch.epoch()) => {
                let what = format!(
                    "epoch {}, but {} says {expected:?}; compare with another replica: either that file or the batch was \
                     changed; remove the file if that is wrong, else restore this replica from another one",
                    batch.epoch(),
                    beside::EPOCHS_FILE,
                );
                Err(damaged(at, what))
            }
            _ => Ok(()),
        }
    }

    /// A segment that was read and is complete.
    fn sealed(&self, start: Place, end: Place, mut index: SparseIndex) -> Result<Segment, Failure> {
        let Request { disk, dir, .. } = &self.request;
        let seal = index.seal(end.position, end.ordinal.0 - start.ordinal.0);
        sidecars::write_sealed(&**disk, dir, &index.part(0, 0), &seal)?;
        Ok(Segment::sealed(start, end, seal.newest))
    }

    /// The segment grows from now on: a seal that comes back after a crash would cut it short.
    fn unseal(&self, base: Offset) -> Result<(), Failure> {
        let Request { disk, dir, .. } = &self.request;
        if sidecars::seal_of(&**disk, dir, base)?.is_some() {
            sidecars::remove(&**disk, dir, base)?;
            disk.sync_dir(dir)?;
        }
        Ok(())
    }

    /// Whether a crash may have torn the log here.
    fn check_torn(&self, at: Offset, next: Option<Offset>, stop: &Stop) -> Result<(), Failure> {
        let why = if at < self.sound_below {
            format!("all below {} had been synced", self.sound_below)
        } else if next.is_some() && self.kept == Durability::Synced {
            "a segment is synced before the next one begins".to_owned()
        } else if matches!(stop, Stop::Backwards(_)) {
            "no crash leaves that".to_owned()
        } else {
            return Ok(());
        };
        let what = match stop {
            Stop::End => "the file ends",
            Stop::Blank => "zeros follow",
            Stop::Broken(what) | Stop::Backwards(what) => what,
        };
        Err(damaged(at, format!("{what}, though {why}; restore this replica from another one")))
    }

    /// Nothing may be left behind the last batch: it could be taken for a batch later (H-05).
    fn cut(&self, file: &dyn DiskFile, length: ByteSize, stop: &Stop) -> Result<(), Failure> {
        if file.length()? != length {
            if let Stop::Broken(what) = stop {
                tracing::warn!(dir = %self.request.dir.display(), %length, what, "cut a torn tail");
            }
            file.set_length(length)?;
        }
        // What was found may have been in memory only, and counts as stored from now on.
        file.sync()?;
        Ok(())
    }

    fn drop_segments(&self, bases: &[Offset]) -> Result<(), Failure> {
        let Request { disk, dir, .. } = &self.request;
        for base in bases.iter().rev() {
            tracing::warn!(dir = %dir.display(), %base, "dropped a segment that follows a torn one");
            self.remove_segment(*base)?;
            disk.sync_dir(dir)?;
        }
        Ok(())
    }
}

/// Whether a sealed segment's batches can end here: its file does, or zeros follow, which are given back.
fn ends_at(file: &dyn DiskFile, length: ByteSize) -> std::io::Result<bool> {
    let there = file.length()?;
    if there == length {
        return Ok(true);
    }
    // Of what follows, whether it is blank is all that counts.
    let mut scan = Scan::new(file, length, First::Base(Offset::ZERO), ByteSize::kib(4));
    let blank = there > length && scan.peek()? == Err(Stop::Blank);
    if blank {
        file.set_length(length)?;
    }
    Ok(blank)
}

/// Gives the kernel the same bytes again, so that the next sync writes them.
fn write_again(file: &dyn DiskFile, from: ByteSize, to: ByteSize) -> std::io::Result<()> {
    let mut at = from;
    while at < to {
        let mut bytes = vec![0; ByteSize((to.0 - at.0).min(CHUNK.0)).as_len()];
        let there = file.read_at(&mut bytes, at)?;
        assert_eq!(there, bytes.len(), "what was just verified is there");
        file.write_at(&bytes, at)?;
        at = ByteSize(at.0 + bytes.len() as u64);
    }
    Ok(())
}
