//! Opens a log: reads again what may not have been flushed, cuts what a crash tore, and refuses what a crash cannot
//! have done.
//!
//! ```text
//!    sealed, below the recovery point        the recovery point's segment           behind it
//!   ┌──────────────┐ ┌──────────────┐ ┌───────────────────┬───────────────┐ ┌──────────────┐
//!   │ lengths and  │ │ lengths and  │ │ its index, as it  │ each batch is │ │ each batch is│
//!   │ seal only    │ │ seal only    │ │ was marked there  │ read, checked │ │ read, checked│
//!   └──────────────┘ └──────────────┘ └───────────────────┴───────────────┘ └──────────────┘
//! ```
//!
//! What is cut is the tail that no sync had covered; what lies below the recovery point (C25), in a sealed segment of a
//! synced log, or in a log that was closed in order, cannot be torn: it is damage, and an error (H-03, H-04). Damage in
//! what is not read here is found by whoever reads it. Without a recovery point of this generation, all is read.

mod segments;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::aside::{DELETED, SPARE};
use super::back::{Active, Back, BackParts};
use super::beside::{self, CleanShutdown, EpochsRead, Tail};
use super::cache::TailCache;
use super::checkpoint::Checkpoint;
use super::config::{Durability, LogConfig};
use super::disk::{Disk, DiskFile, DiskLock, OpenMode};
use super::epochs::EpochHistory;
use super::error::LogError;
use super::event::LogEvents;
use super::producers::Producers;
use super::removal;
use super::segment::{Segment, segment_base, segment_path};
use super::segments::Segments;
use super::sidecars;
use super::state::{LogState, SegmentsAre, StateFile};
use super::view::View;
use crate::ids::{ByteSize, Epoch, Offset, Timestamp};
use crate::meta::Checkpoints;
use crate::record::{BatchHeader, HEADER_LENGTH};

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
    /// Names the log, if it is made.
    pub(crate) identity: u64,
}

/// An open log.
pub(crate) struct Recovered {
    pub(crate) view: View,
    pub(crate) back: Back,
    pub(crate) producers: Producers,
    pub(crate) opening: Opening,
}

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
    /// The recovery point, with what was true there.
    checkpoint: Option<Checkpoint>,
    /// Below this nothing can be torn.
    sound_below: Offset,
    /// How the log was kept when it was last open.
    kept: Durability,
    /// The epoch of the batch that was read last, visible or not.
    newest: Epoch,
    epochs: EpochHistory,
    /// What the checkpoint of the epochs says, which may lack the newest.
    witness: EpochHistory,
    producers: Producers,
    /// What a sync is worth for what the last life has left.
    tail: Tail,
}

impl Recovery {
    /// Reads what lies beside the segments, and claims the log for a new run.
    fn prepare(request: Request) -> Result<Self, Failure> {
        let Request { disk, dir, .. } = &request;
        disk.create_dir(dir)?;
        removal::resume(&**disk, dir)?;
        let (mut state_file, stored) = StateFile::open(&**disk, dir)?;
        let marker = CleanShutdown::take(&**disk, dir)?;
        let new = stored.is_none();
        if new && !tidy_up(&**disk, &request)?.is_empty() {
            let what = "there are segments, but no log-state file: not a log of ours, or damaged";
            return Err(damaged(Offset::ZERO, what.to_owned()));
        }
        let made = || LogState::new(request.config.durability, request.identity);
        let mut state = stored.unwrap_or_else(made);
        let clean = marker.filter(|marker| marker.run == state.run);
        let checkpoint = Checkpoint::load(&*request.checkpoints, dir, &state);
        // A synced log was stored up to its start before it was trimmed to it; a cached one need not have been.
        let trimmed = if state.durability == Durability::Synced { state.start } else { Offset::ZERO };
        let point = checkpoint.as_ref().map(Checkpoint::to);
        let sound_below = clean.map(|marker| marker.end).or(point).unwrap_or(trimmed);
        let opening = match (new, clean) {
            (true, _) => Opening::New,
            (false, Some(_)) => Opening::Clean,
            (false, None) => Opening::Unclean,
        };
        let witness = match beside::read_epochs(&**disk, dir)? {
            EpochsRead::Read(history) => history,
            EpochsRead::Missing | EpochsRead::Unreadable => EpochHistory::default(),
        };
        let tail = Tail::found(&**disk, dir)?;
        let kept = std::mem::replace(&mut state.durability, request.config.durability);
        state.run += 1;
        state_file.store(&state)?;
        Ok(Self {
            producers: state.producers.clone(),
            epochs: EpochHistory::default(),
            witness,
            newest: Epoch::ZERO,
            tail,
            request,
            state_file,
            state,
            opening,
            checkpoint,
            sound_below,
            kept,
        })
    }

    fn run(mut self) -> Result<Recovered, Failure> {
        let mut segments = self.read_segments()?;
        let end = segments.last().map_or(self.state.start, |segment| segment.end().offset);
        if segments.is_empty() || end < self.state.start {
            segments = vec![self.begin_anew()?];
        }
        if let (Some(epoch), None) = (self.state.epoch_before, self.epochs.latest()) {
            self.epochs.assign(epoch, self.state.start);
        }
        let mut segments = Segments::new(segments);
        let end = segments.active().end();
        let Request { disk, checkpoints, dir, lock, config, events, .. } = self.request;
        let file = disk.open(&segment_path(&dir, segments.active().base()), OpenMode::Existing)?;
        if let Some(began) = first_time(&*file, end.position)? {
            segments.active_mut().began(began);
        }
        // Durable before the first append: what it said of a tail that is gone would contradict that.
        beside::keep_epochs(&*disk, &dir, &self.epochs)?;
        self.tail.mend(&*disk, &dir)?;
        let generation = self.state.generation;
        let mut view = View {
            start: self.state.start,
            start_ordinal: self.state.start_ordinal,
            generation,
            cache: TailCache::new(config.cache_bytes),
            epochs: Arc::new(self.epochs),
            segments,
        };
        let (checkpoint, part) = view.checkpoint(self.state.identity, self.producers.snapshot());
        sidecars::write(&*disk, &dir, &part)?;
        checkpoints.put(&Checkpoint::key(&dir), checkpoint.encoded());
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

    /// Makes an empty segment at the log start, and only then removes what is void.
    fn begin_anew(&mut self) -> Result<Segment, Failure> {
        let start = self.state.start;
        self.state.segments = SegmentsAre::Void;
        let old = tidy_up(&*self.request.disk, &self.request)?;
        if !old.is_empty() {
            // What is kept elsewhere about the old ones is not about what comes now (H-04).
            self.state.generation = self.state.generation.next();
        }
        self.state_file.store(&self.state)?;
        let Request { disk, dir, .. } = &self.request;
        sidecars::remove(&**disk, dir, start)?;
        let file = disk.open(&segment_path(dir, start), OpenMode::OrNew)?;
        file.set_length(ByteSize::ZERO)?;
        file.sync()?;
        disk.sync_dir(dir)?;
        for base in old.into_iter().filter(|base| *base != start) {
            self.remove_segment(base)?;
        }
        self.request.disk.sync_dir(&self.request.dir)?;
        self.state.segments = SegmentsAre::Valid;
        self.state_file.store(&self.state)?;
        self.epochs = EpochHistory::default();
        self.producers = self.state.producers.clone();
        Ok(Segment::new(start, self.state.start_ordinal))
    }

    fn remove_segment(&self, base: Offset) -> Result<(), Failure> {
        let Request { disk, dir, .. } = &self.request;
        disk.remove(&segment_path(dir, base))?;
        sidecars::remove(&**disk, dir, base)?;
        Ok(())
    }
}

/// The bases of the segments there are, ascending. Unlinks what only waited for that, and indexes without a segment.
fn tidy_up(disk: &dyn Disk, request: &Request) -> Result<Vec<Offset>, Failure> {
    let names = disk.list(&request.dir)?;
    let bases: Vec<_> = names.iter().filter_map(|name| segment_base(name)).collect();
    for name in &names {
        let orphan = sidecars::beside(name).is_some_and(|base| bases.binary_search(&base).is_err());
        if orphan || name.ends_with(&format!(".{DELETED}")) || name == SPARE {
            disk.remove(&request.dir.join(name))?;
        }
    }
    Ok(bases)
}

/// The newest time in the first batch of a segment that ends here.
fn first_time(file: &dyn DiskFile, end: ByteSize) -> io::Result<Option<Timestamp>> {
    if end == ByteSize::ZERO {
        return Ok(None);
    }
    let mut header = [0; HEADER_LENGTH];
    let there = file.read_at(&mut header, ByteSize::ZERO)?;
    let first = BatchHeader::peek(&header[..there]).ok();
    Ok(first.map(|first| Timestamp(first.max_timestamp_ms)).filter(|time| time.0 >= 0))
}

fn damaged(at: Offset, what: String) -> Failure {
    Failure::Log(LogError::Damaged { at, what })
}
