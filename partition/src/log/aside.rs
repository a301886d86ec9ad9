//! What is done for one log aside from its writer: zeros ahead of its end, the next segment, and the rest of old ones.
//!
//! ```text
//!   <base>.log                                        segment.spare
//!   ┌───────────────────┬───────────────┬ ─ ─ ─ ┐     ┌────────────┬ ─ ─ ─ ─ ─
//!   │ batches           │ zeros, synced │          ─> │ zeros      │
//!   └───────────────────┴───────────────┴ ─ ─ ─ ┘     └────────────┴ ─ ─ ─ ─ ─
//!                       ^ writer        ^ filled: the sweeper writes only from here on
//! ```
//! Who writes where is settled by `filled`, which only moves up while a segment is active: the writer takes what it
//! needs by moving it, the sweeper writes a piece and moves it, each with the lock held. So the writer never waits
//! for a sync of the sweeper, and nothing that was written is ever zeroed. A sync of the sweeper that fails may have lost
//! what the writer wrote to the same file, so it stops the log as one of the writer's does; a spare is only given up.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::beside::RecoveryPoint;
use super::disk::{Disk, DiskFile, DiskLock, OpenMode};
use super::segment::segment_path;
use super::writer::Delays;
use crate::ids::{ByteSize, Offset};

/// The file in which the next segment is prepared. An opening removes it: nobody knows what of it was synced (H-05).
pub(crate) const SPARE: &str = "segment.spare";
/// Zeros are written, and synced, so many at a time: a sync of the writer that comes meanwhile waits for no more.
const PIECE: ByteSize = ByteSize::kib(256);
static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

/// What is done for one log aside from its writer.
#[derive(Debug)]
pub(crate) struct Aside {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// A copy of [`Work::filled`], to be read without the lock.
    filled: AtomicU64,
    /// A sync has failed, and why.
    failed: OnceLock<String>,
    work: Mutex<Work>,
}

#[derive(Debug)]
struct Work {
    /// The active segment.
    base: Offset,
    /// Where its zeros end.
    filled: ByteSize,
    /// Where they should end.
    goal: ByteSize,
    spare: Option<Spare>,
    spare_goal: ByteSize,
    /// Sealed segments, and where they end: what was set aside and not needed is given back.
    cuts: Vec<(Offset, ByteSize)>,
    /// Segments to be synced, and what is stored when they are.
    syncs: VecDeque<(Offset, RecoveryPoint)>,
    /// Files to be unlinked.
    doomed: VecDeque<PathBuf>,
    turn: Turn,
    /// The claim to the directory: it ends with the log, and not before the sweeper is done with it.
    lock: Option<DiskLock>,
    /// The file that was filled last.
    open: Option<(Target, Arc<dyn DiskFile>)>,
    report: AsideReport,
}

/// The file of the next segment.
#[derive(Clone, Copy, Debug)]
struct Spare {
    /// Zeros up to here are on disk.
    filled: ByteSize,
    /// Where an older segment's bytes end in it: it is fit for use when they are zeros (H-05).
    stale_to: ByteSize,
}

/// What the writer should know.
#[derive(Clone, Debug, Default)]
pub(crate) struct AsideReport {
    /// What kept the last zeros from being written.
    pub(crate) no_room: Option<String>,
    /// What is synced, as far as that was asked.
    pub(crate) synced: Option<RecoveryPoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Idle,
    /// The sweeper has this log on its list.
    Queued,
    /// The log was closed.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Active,
    Spare,
}

/// Whether the sweeper should come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    More,
    Nothing,
}

/// Who must be told of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Tell {
    Sweeper,
    Nobody,
}

/// A step that needs a sync, or none.
enum Step {
    Fill(Arc<dyn DiskFile>),
    /// Zeros that count when they are synced, and where they end.
    Prepare(Arc<dyn DiskFile>, ByteSize),
    Sync(Offset, RecoveryPoint),
    Unlink(PathBuf),
    Nothing,
}

impl Aside {
    /// For a log whose active segment has this base and this length.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        lock: DiskLock,
        (base, length): (Offset, ByteSize),
    ) -> Self {
        let work = Work {
            base,
            filled: length,
            goal: length,
            spare: None,
            spare_goal: ByteSize::ZERO,
            cuts: Vec::new(),
            syncs: VecDeque::new(),
            doomed: VecDeque::new(),
            turn: Turn::Idle,
            lock: Some(lock),
            open: None,
            report: AsideReport::default(),
        };
        Self {
            disk,
            dir: dir.to_owned(),
            filled: AtomicU64::new(length.0),
            failed: OnceLock::new(),
            work: Mutex::new(work),
        }
    }

    /// The zeros, or what the writer took of them, end here.
    pub(crate) fn filled(&self) -> ByteSize {
        ByteSize(self.filled.load(Ordering::Acquire))
    }

    /// The writer takes what lies below `end`; the sweeper writes nothing there any more.
    pub(crate) fn take(&self, end: ByteSize) {
        if self.filled() < end {
            self.set_filled(&mut self.work(), end);
        }
    }

    /// Asks for zeros up to here in the active segment, and so many in the next one. `None` while the sweeper writes:
    /// ask again.
    pub(crate) fn want(&self, goal: ByteSize, spare_goal: ByteSize) -> Option<Tell> {
        let mut work = self.work.try_lock().ok()?;
        work.goal = goal;
        work.spare_goal = spare_goal.max(work.spare_goal);
        if !work.has_to_fill() {
            work.report.no_room = None;
        }
        Some(work.call())
    }

    /// Whether the next segment can begin with a file that was prepared.
    pub(crate) fn next_segment(&self) -> NextSegment {
        let fit = |spare: &Spare| spare.filled >= spare.stale_to && spare.filled > ByteSize::ZERO;
        if self.work().spare.as_ref().is_some_and(fit) { NextSegment::Prepared } else { NextSegment::Missing }
    }

    /// The active segment was sealed at this length, and the one at `base` follows. One that was prepared gets its name,
    /// which is not durable yet.
    pub(crate) fn roll(&self, sealed_at: ByteSize, base: Offset, next: NextSegment) -> io::Result<()> {
        let mut work = self.work();
        let filled = match next {
            NextSegment::Missing => {
                work.open = work.open.take().filter(|(target, _)| *target == Target::Spare);
                ByteSize::ZERO
            }
            NextSegment::Prepared => {
                self.disk.rename(&self.dir.join(SPARE), &segment_path(&self.dir, base))?;
                work.spare_goal = ByteSize::ZERO;
                let open = work.open.take().filter(|(target, _)| *target == Target::Spare);
                work.open = open.map(|(_, file)| (Target::Active, file));
                work.spare.take().expect("a prepared segment stays until it is used").filled
            }
        };
        if work.filled > sealed_at {
            let sealed = (work.base, sealed_at);
            work.cuts.push(sealed);
        }
        self.begin(&mut work, base, filled);
        Ok(())
    }

    /// Another segment is active now, or the same one after a cut; these are gone.
    pub(crate) fn reopened(&self, base: Offset, length: ByteSize, gone: &[Offset]) {
        let mut work = self.work();
        work.cuts.retain(|(cut, _)| *cut != base && !gone.contains(cut));
        work.open = work.open.take().filter(|(target, _)| *target == Target::Spare);
        self.begin(&mut work, base, length);
    }

    /// What lies wholly below the log start: its space is used again for the next segment, or freed.
    pub(crate) fn free(&self, gone: &[Offset], recycle: Recycle) -> io::Result<Tell> {
        let mut work = self.work();
        work.cuts.retain(|(cut, _)| !gone.contains(cut));
        for base in gone {
            let path = segment_path(&self.dir, *base);
            if recycle == Recycle::Yes && work.spare.is_none() {
                let spare = self.dir.join(SPARE);
                self.disk.rename(&path, &spare)?;
                let stale_to = self.disk.open(&spare, OpenMode::Existing)?.length()?;
                work.spare = Some(Spare { filled: ByteSize::ZERO, stale_to });
            } else {
                // Unlinking a large file takes tens of milliseconds: a new name is enough for now.
                let doomed = path.with_extension(DELETED);
                self.disk.rename(&path, &doomed)?;
                work.doomed.push_back(doomed);
            }
        }
        Ok(work.call())
    }

    /// Asks for a sync of this segment; with it, all below the point is synced.
    pub(crate) fn sync(&self, segment: Offset, point: RecoveryPoint) -> Tell {
        let mut work = self.work();
        work.syncs.push_back((segment, point));
        work.call()
    }

    /// What there is to do, now that the active segment is another one.
    pub(crate) fn call(&self) -> Tell {
        self.work().call()
    }

    /// Whether all syncs have succeeded. After one that failed nobody knows what of the log's files the disk kept, even
    /// when the writer's own sync succeeds.
    ///
    /// # Errors
    /// That of the first one that failed.
    pub(crate) fn check_syncs(&self) -> io::Result<()> {
        self.failed.get().map_or(Ok(()), |why| Err(io::Error::other(why.clone())))
    }

    /// How it went so far.
    pub(crate) fn report(&self) -> AsideReport {
        self.work().report.clone()
    }

    /// How much of an older segment the spare still holds.
    pub(crate) fn stale(&self) -> ByteSize {
        self.work().spare.map_or(ByteSize::ZERO, |spare| spare.stale_to)
    }

    /// Nothing more is done for this log.
    pub(crate) fn stop(&self) {
        self.work().turn = Turn::Over;
    }

    /// The log is being closed: sealed segments end where they were sealed, nothing more is prepared.
    pub(crate) fn end(&self) -> io::Result<()> {
        let mut work = self.work();
        work.turn = Turn::Over;
        for (base, length) in std::mem::take(&mut work.cuts) {
            self.cut(base, length)?;
        }
        if work.spare.take().is_some() {
            self.disk.remove(&self.dir.join(SPARE))?;
        }
        Ok(())
    }

    /// Another may open the log from now on.
    pub(crate) fn unlock(&self) {
        self.work().lock = None;
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("no holder panics")
    }

    fn begin(&self, work: &mut Work, base: Offset, filled: ByteSize) {
        work.base = base;
        work.goal = filled;
        self.set_filled(work, filled);
    }

    fn set_filled(&self, work: &mut Work, filled: ByteSize) {
        work.filled = filled;
        self.filled.store(filled.0, Ordering::Release);
    }

    fn cut(&self, base: Offset, length: ByteSize) -> io::Result<()> {
        self.disk.open(&segment_path(&self.dir, base), OpenMode::Existing)?.set_length(length)
    }

    /// Takes one step of what is to be done.
    pub(crate) async fn step(&self, delays: &Delays) -> Left {
        delays.write().await;
        let step = self.next();
        match step {
            Ok(Step::Nothing) => return Left::Nothing,
            Ok(Step::Fill(file)) => {
                delays.sync().await;
                let synced = self.heard(file.sync());
                self.prepared(synced);
            }
            Ok(Step::Prepare(file, to)) => {
                delays.sync().await;
                self.prepared_spare(&file, to, file.sync());
            }
            Ok(Step::Sync(segment, point)) => {
                delays.sync().await;
                if self.heard(self.sync_segment(segment)).is_ok() {
                    self.work().report.synced = Some(point);
                }
            }
            Ok(Step::Unlink(path)) => {
                delays.sync().await;
                if let Err(error) = self.disk.remove(&path) {
                    // The next opening of the log frees what could not be freed now.
                    tracing::warn!(path = %path.display(), %error, "space of a log was not freed");
                }
            }
            Err(error) => self.prepared(Err(error)),
        }
        Left::More
    }

    /// Writes the next piece, or says what is to be done without the lock.
    fn next(&self) -> io::Result<Step> {
        let mut work = self.work();
        if work.turn == Turn::Over {
            return Ok(Step::Nothing);
        }
        if let Some((segment, point)) = work.syncs.pop_front() {
            return Ok(Step::Sync(segment, point));
        }
        if work.filled < work.goal {
            let file = self.file(&mut work, Target::Active)?;
            let to = write_zeros(&*file, work.filled, work.goal)?;
            self.set_filled(&mut work, to);
            return Ok(Step::Fill(file));
        }
        let spare = work.spare.unwrap_or(Spare { filled: ByteSize::ZERO, stale_to: ByteSize::ZERO });
        if spare.filled < work.spare_goal {
            let file = self.file(&mut work, Target::Spare)?;
            work.spare = Some(spare);
            let to = write_zeros(&*file, spare.filled, work.spare_goal)?;
            return Ok(Step::Prepare(file, to));
        }
        if let Some((base, length)) = work.cuts.pop() {
            self.cut(base, length)?;
        }
        if let Some(path) = work.doomed.pop_front() {
            return Ok(Step::Unlink(path));
        }
        work.turn = Turn::Idle;
        Ok(Step::Nothing)
    }

    fn file(&self, work: &mut Work, target: Target) -> io::Result<Arc<dyn DiskFile>> {
        if let Some((open, file)) = &work.open
            && *open == target
        {
            return Ok(Arc::clone(file));
        }
        let file = match target {
            Target::Active => self.disk.open(&segment_path(&self.dir, work.base), OpenMode::Existing)?,
            Target::Spare => self.disk.open(&self.dir.join(SPARE), OpenMode::OrNew)?,
        };
        work.open = Some((target, Arc::clone(&file)));
        Ok(file)
    }

    /// A piece of the next segment was written and synced, or not: then nobody knows what the disk kept of all that was
    /// zeroed (H-05), and the file is given up. But when the segment has begun meanwhile, the writer may have written to it.
    fn prepared_spare(&self, file: &Arc<dyn DiskFile>, to: ByteSize, mut done: io::Result<()>) {
        let mut work = self.work();
        let is_open = matches!(&work.open, Some((Target::Spare, open)) if Arc::ptr_eq(open, file));
        match (work.spare.as_mut().filter(|_| is_open), &done) {
            (Some(spare), Ok(())) => spare.filled = to,
            (Some(_), Err(_)) => {
                (work.spare, work.open) = (None, None);
                if let Err(error) = self.disk.remove(&self.dir.join(SPARE)) {
                    tracing::warn!(dir = %self.dir.display(), %error, "a file that is given up was not removed");
                }
            }
            (None, _) => done = self.heard(done),
        }
        drop(work);
        self.prepared(done);
    }

    /// A piece was written and synced, or not. Without it the writer grows the file itself, so only a lack of room is
    /// worth a report; but what failed is not tried again before the writer asks for it anew.
    fn prepared(&self, done: io::Result<()>) {
        let mut work = self.work();
        match done {
            Ok(()) => work.report.no_room = None,
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "no space was set aside for a log");
                work.goal = work.filled;
                work.spare_goal = ByteSize::ZERO;
                if error.kind() == io::ErrorKind::StorageFull {
                    work.report.no_room = Some(error.to_string());
                }
            }
        }
    }

    fn sync_segment(&self, base: Offset) -> io::Result<()> {
        match self.disk.open(&segment_path(&self.dir, base), OpenMode::Existing) {
            // It was trimmed away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => file?.sync(),
        }
    }

    /// Takes note of a sync that failed: the kernel may have given up more of the file than was to be synced here.
    fn heard(&self, synced: io::Result<()>) -> io::Result<()> {
        // A file that was removed meanwhile, by a trim or the end of the log, holds nothing that counts.
        if let Err(error) = &synced
            && error.kind() != io::ErrorKind::NotFound
        {
            let _ = self.failed.set(error.to_string());
        }
        synced.and_then(|()| self.check_syncs())
    }
}

impl Work {
    fn has_to_fill(&self) -> bool {
        let spare = self.spare.map_or(ByteSize::ZERO, |spare| spare.filled);
        self.filled < self.goal || spare < self.spare_goal
    }

    fn call(&mut self) -> Tell {
        let rest = !self.cuts.is_empty() || !self.syncs.is_empty() || !self.doomed.is_empty();
        if self.turn == Turn::Idle && (self.has_to_fill() || rest) {
            self.turn = Turn::Queued;
            return Tell::Sweeper;
        }
        Tell::Nobody
    }
}

/// One piece at most, up to a multiple of a page; returns where it ends.
fn write_zeros(file: &dyn DiskFile, from: ByteSize, goal: ByteSize) -> io::Result<ByteSize> {
    const PAGE: u64 = 4096;
    let aligned = (from.0 + PIECE.0) / PAGE * PAGE;
    let to = ByteSize(aligned.min(goal.0));
    let count = ByteSize(to.0 - from.0).as_len();
    file.write_at(&ZEROS[..count], from)?;
    Ok(to)
}

/// What the next segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextSegment {
    /// A file of zeros.
    Prepared,
    /// Nothing: a file must be made.
    Missing,
}

/// Whether space that was freed may become the next segment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recycle {
    Yes,
    No,
}

/// The extension of a segment that waits to be unlinked.
pub(crate) const DELETED: &str = "deleted";

#[cfg(test)]
mod tests;
