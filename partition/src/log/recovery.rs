//! Opens a log: reads its segments again, cuts what a crash tore, and refuses what a crash cannot have done.
//!
//! Every batch is read and verified, so that index, epochs, producers and ordinals are rebuilt from what is there. What
//! is cut is the tail that no sync had covered; what lies below the recovery point (C25), in a sealed segment of a
//! synced log, or in a log that was closed in order, cannot be torn: it is damage, and an error (H-03, H-04).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::aside::{DELETED, SPARE};
use super::back::{Active, Back, BackParts};
use super::beside::{self, CleanShutdown, RecoveryPoint};
use super::cache::TailCache;
use super::config::{Durability, LogConfig};
use super::disk::{Disk, DiskFile, DiskLock, OpenMode};
use super::epochs::EpochHistory;
use super::error::LogError;
use super::event::LogEvents;
use super::producers::Producers;
use super::scan::{Scan, Stop};
use super::segment::{Segment, segment_base, segment_path};
use super::segments::Segments;
use super::state::{LogState, SegmentsAre, StateFile};
use super::view::View;
use crate::ids::{ByteSize, Epoch, Offset, Ordinal};
use crate::meta::Checkpoints;

/// How a log was found when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// There was none.
    New,
    /// It had been closed in order: nothing can be missing.
    Clean,
    /// It had not: what was not synced may be missing.
    Unclean,
}

/// What to open.
pub(crate) struct Request {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) dir: PathBuf,
    pub(crate) lock: DiskLock,
    pub(crate) config: LogConfig,
    pub(crate) events: LogEvents,
}

/// An open log.
pub(crate) struct Recovered {
    pub(crate) view: View,
    pub(crate) back: Back,
    pub(crate) producers: Producers,
    pub(crate) opening: Opening,
}

/// Segments are read in pieces of so much.
const CHUNK: ByteSize = ByteSize::mib(1);

/// Opens the log, or makes it. Blocks while it reads.
pub(crate) fn recover(request: Request) -> Result<Recovered, LogError> {
    let place = request.dir.clone();
    Recovery::prepare(request).and_then(Recovery::run).map_err(|failure| match failure {
        Failure::Io(error) => LogError::disk(&place, &error),
        Failure::Log(error) => error,
    })
}

enum Failure {
    Io(io::Error),
    Log(LogError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Recovery {
    request: Request,
    state_file: StateFile,
    state: LogState,
    opening: Opening,
    /// Below this nothing can be torn.
    sound_below: Offset,
    /// How the log was kept when it was last open.
    kept: Durability,
    /// The epoch of the batch that was read last, visible or not.
    newest: Epoch,
    epochs: EpochHistory,
    producers: Producers,
}

impl Recovery {
    /// Reads what lies beside the segments, and claims the log for a new run.
    fn prepare(request: Request) -> Result<Self, Failure> {
        let Request { disk, dir, .. } = &request;
        disk.create_dir(dir)?;
        let (mut state_file, stored) = StateFile::open(&**disk, dir)?;
        let marker = CleanShutdown::take(&**disk, dir)?;
        let new = stored.is_none();
        if new && !bases(&**disk, &request)?.is_empty() {
            let what = "there are segments, but no log-state file: not a log of ours, or damaged";
            return Err(damaged(Offset::ZERO, what.to_owned()));
        }
        let mut state = stored.unwrap_or_else(|| LogState::new(request.config.durability));
        let clean = marker.filter(|marker| marker.run == state.run);
        let checkpoint = request.checkpoints.get(&RecoveryPoint::key(dir));
        let point = RecoveryPoint::of_checkpoint(checkpoint.as_ref(), state.generation);
        // A synced log was stored up to its start before it was trimmed to it; a cached one need not have been.
        let trimmed = if state.durability == Durability::Synced { state.start } else { Offset::ZERO };
        let sound_below = clean.map(|marker| marker.end).or(point).unwrap_or(trimmed);
        let opening = match (new, clean) {
            (true, _) => Opening::New,
            (false, Some(_)) => Opening::Clean,
            (false, None) => Opening::Unclean,
        };
        let kept = std::mem::replace(&mut state.durability, request.config.durability);
        state.run += 1;
        state_file.store(&state)?;
        let epochs = EpochHistory::default();
        let producers = state.producers.clone();
        let newest = Epoch::ZERO;
        Ok(Self { request, state_file, state, opening, sound_below, kept, newest, epochs, producers })
    }

    fn run(mut self) -> Result<Recovered, Failure> {
        let mut segments = self.read_segments()?;
        let end = segments.last().map_or(self.state.start, |segment| segment.end.offset);
        if segments.is_empty() || end < self.state.start {
            segments = vec![self.begin_anew()?];
        }
        if let (Some(epoch), None) = (self.state.epoch_before, self.epochs.latest()) {
            self.epochs.assign(epoch, self.state.start);
        }
        let segments = Segments::new(segments);
        let end = segments.active().end;
        let Request { disk, checkpoints, dir, lock, config, events } = self.request;
        let file = disk.open(&segment_path(&dir, segments.active().base()), OpenMode::Existing)?;
        beside::write_epochs(&*disk, &dir, &self.epochs)?;
        let generation = self.state.generation;
        checkpoints.put(&RecoveryPoint::key(&dir), RecoveryPoint { generation, to: end.offset }.encoded());
        let view = View {
            start: self.state.start,
            start_ordinal: self.state.start_ordinal,
            generation,
            cache: TailCache::new(config.cache_bytes),
            epochs: Arc::new(self.epochs),
            segments,
        };
        let back = Back::new(BackParts {
            active: Active { base: view.segments.active().base(), file, length: end.position },
            end: end.offset,
            config,
            state: self.state,
            state_file: self.state_file,
            disk,
            checkpoints,
            dir,
            lock,
            events,
        });
        Ok(Recovered { view, back, producers: self.producers, opening: self.opening })
    }

    /// Reads the segments that count, oldest first, and leaves them synced.
    fn read_segments(&mut self) -> Result<Vec<Segment>, Failure> {
        let mut bases = bases(&*self.request.disk, &self.request)?;
        if self.state.segments == SegmentsAre::Void {
            bases.clear();
        }
        // A trim that was cut short left segments that lie wholly below the log start.
        let dead = bases.windows(2).take_while(|pair| pair[1] <= self.state.start).count();
        bases.drain(..dead);
        let Some(first) = bases.first().copied() else { return Ok(Vec::new()) };
        let mut ordinal = self.first_ordinal(first)?;
        if first > self.state.start {
            let what = format!("the first segment begins at {first}");
            return Err(damaged(self.state.start, what));
        }
        let mut segments: Vec<Segment> = Vec::new();
        for (at, base) in bases.iter().copied().enumerate() {
            let next = bases.get(at + 1).copied();
            let segment = self.read_segment(base, ordinal, next)?;
            let end = segment.end;
            segments.push(segment);
            if next.is_some_and(|next| next != end.offset) {
                self.drop_segments(&bases[at + 1..])?;
                break;
            }
            ordinal = end.ordinal;
        }
        Ok(segments)
    }

    /// The ordinal of the first batch in the first segment, counted back from that of the log start.
    fn first_ordinal(&self, base: Offset) -> Result<Ordinal, Failure> {
        let mut below = 0;
        if base < self.state.start {
            let file = self.request.disk.open(&segment_path(&self.request.dir, base), OpenMode::Existing)?;
            let mut scan = Scan::new(&*file, ByteSize::ZERO, base, CHUNK);
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

    /// Reads a segment, cuts it behind its last batch, and syncs it.
    fn read_segment(
        &mut self,
        base: Offset,
        ordinal: Ordinal,
        next: Option<Offset>,
    ) -> Result<Segment, Failure> {
        let path = segment_path(&self.request.dir, base);
        let file = self.request.disk.open(&path, OpenMode::Existing)?;
        let mut segment = Segment::new(base, ordinal);
        let mut scan = Scan::new(&*file, ByteSize::ZERO, base, CHUNK);
        let stop = loop {
            let batch = match scan.next()? {
                Ok(batch) if batch.epoch() < self.newest => {
                    break Stop::Broken(format!("epoch {} after {}", batch.epoch(), self.newest));
                }
                Ok(batch) => batch,
                Err(stop) => break stop,
            };
            segment.push(batch.next_offset(), batch.size(), self.request.config.index_interval);
            self.newest = batch.epoch();
            if batch.next_offset() > self.state.start {
                self.epochs.assign(batch.epoch(), batch.base_offset().max(self.state.start));
                self.producers.note(&batch);
            }
        };
        let end = segment.end;
        if next != Some(end.offset) {
            self.check_torn(end.offset, next, &stop)?;
        }
        self.cut(&*file, end.position, &stop)?;
        Ok(segment)
    }

    /// Whether a crash may have torn the log here.
    fn check_torn(&self, at: Offset, next: Option<Offset>, stop: &Stop) -> Result<(), Failure> {
        let why = if at < self.sound_below {
            format!("all below {} had been synced", self.sound_below)
        } else if next.is_some() && self.kept == Durability::Synced {
            "a segment is synced before the next one begins".to_owned()
        } else {
            return Ok(());
        };
        let what = match stop {
            Stop::End => "the file ends",
            Stop::Blank => "zeros follow",
            Stop::Broken(what) => what,
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
            disk.remove(&segment_path(dir, *base))?;
            disk.sync_dir(dir)?;
        }
        Ok(())
    }

    /// Makes an empty segment at the log start, and only then removes what is void.
    fn begin_anew(&mut self) -> Result<Segment, Failure> {
        let start = self.state.start;
        self.state.segments = SegmentsAre::Void;
        self.state_file.store(&self.state)?;
        let old = bases(&*self.request.disk, &self.request)?;
        let Request { disk, dir, .. } = &self.request;
        let file = disk.open(&segment_path(dir, start), OpenMode::OrNew)?;
        file.set_length(ByteSize::ZERO)?;
        file.sync()?;
        disk.sync_dir(dir)?;
        for base in old.into_iter().filter(|base| *base != start) {
            disk.remove(&segment_path(dir, base))?;
        }
        disk.sync_dir(dir)?;
        self.state.segments = SegmentsAre::Valid;
        self.state_file.store(&self.state)?;
        self.epochs = EpochHistory::default();
        self.producers = self.state.producers.clone();
        Ok(Segment::new(start, self.state.start_ordinal))
    }
}

/// The bases of the segments there are, ascending. Unlinks what only waited for that.
fn bases(disk: &dyn Disk, request: &Request) -> Result<Vec<Offset>, Failure> {
    let mut bases = Vec::new();
    for name in disk.list(&request.dir)? {
        if name.ends_with(&format!(".{DELETED}")) || name == SPARE {
            disk.remove(&request.dir.join(&name))?;
        }
        bases.extend(segment_base(&name));
    }
    Ok(bases)
}

fn damaged(at: Offset, what: String) -> Failure {
    Failure::Log(LogError::Damaged { at, what })
}
