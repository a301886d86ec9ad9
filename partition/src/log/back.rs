//! The back of one log, owned by its writer: what to write where, when to roll, what to sync, what to report.
//!
//! Everything here happens in the order in which the front asked for it. Real and simulated writers run this same code;
//! only [`Pace`] differs, so that a simulated crash can come between any two steps.

mod orders;
mod room;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::aside::Aside;
use super::beside::{self, RecoveryPoint};
use super::config::{Durability, LogConfig};
use super::disk::{Disk, DiskFile, DiskLock};
use super::epochs::EpochHistory;
use super::event::{LogEvent, LogEvents};
use super::marks::Marks;
use super::order::{AppendJob, Order};
use super::space::Space;
use super::state::{LogState, StateFile};
use super::writer::{Pace, Totals};
use crate::clock::Moment;
use crate::ids::{ByteSize, Generation, Offset};
use crate::meta::Checkpoints;

use room::Room;

/// A write(2) is at most so large, or one batch.
const WRITE_MAX: ByteSize = ByteSize::mib(1);

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) base: Offset,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next batch goes.
    pub(crate) length: ByteSize,
}

/// What a back begins with.
#[derive(Debug)]
pub(crate) struct BackParts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) dir: PathBuf,
    pub(crate) lock: DiskLock,
    pub(crate) config: LogConfig,
    pub(crate) events: LogEvents,
    pub(crate) state_file: StateFile,
    pub(crate) state: LogState,
    pub(crate) active: Active,
    /// The log end. All below it is synced.
    pub(crate) end: Offset,
}

/// One log's back.
#[derive(Debug)]
pub(crate) struct Back {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    config: LogConfig,
    events: LogEvents,
    state_file: StateFile,
    pub(crate) state: LogState,
    active: Active,
    aside: Arc<Aside>,
    space: Space,
    marks: Marks,
    progress: Progress,
    room: Room,
}

/// How far a log's back has come.
#[derive(Debug)]
struct Progress {
    /// Appends that are not written yet, one after another.
    buffer: Vec<u8>,
    /// What was taken last, what was written last, and what was reported as stored.
    taken: Offset,
    written: Offset,
    told: Offset,
    generation: Generation,
    /// Written since the last sync, and when the first of it was.
    unsynced: ByteSize,
    unsynced_since: Option<Moment>,
    /// Sealed segments of a cached log, and where each ends: not known to be synced.
    unsynced_segments: Vec<(Offset, Arc<dyn DiskFile>)>,
    marked: Option<RecoveryPoint>,
    epochs: Option<Arc<EpochHistory>>,
    poisoned: bool,
}

impl Progress {
    /// That of a log that was just opened: all it has is synced.
    fn new(end: Offset, generation: Generation) -> Self {
        Self {
            buffer: Vec::new(),
            taken: end,
            written: end,
            told: end,
            generation,
            unsynced: ByteSize::ZERO,
            unsynced_since: None,
            unsynced_segments: Vec::new(),
            marked: None,
            epochs: None,
            poisoned: false,
        }
    }
}

impl Back {
    /// That of a log that was just opened.
    pub(crate) fn new(parts: BackParts) -> Self {
        let BackParts { disk, checkpoints, dir, lock, config, .. } = parts;
        let BackParts { events, state_file, state, active, end, .. } = parts;
        let aside = Arc::new(Aside::new(Arc::clone(&disk), &dir, lock, (active.base, active.length)));
        let space = Space::new(Arc::clone(&aside), config.segment_bytes);
        let marks = Marks::new(Arc::clone(&disk), checkpoints, dir.clone());
        let progress = Progress::new(end, state.generation);
        let room = Room::default();
        Self { disk, dir, config, events, state_file, state, active, aside, space, marks, progress, room }
    }

    /// Whether all that was taken is stored, or cannot be now.
    pub(crate) fn is_settled(&self) -> bool {
        self.progress.poisoned || self.room.is_stuck() || self.progress.told == self.progress.taken
    }

    /// Takes a batch; [`Back::write`] and [`Back::store`] follow before the group ends.
    pub(crate) async fn take(&mut self, append: AppendJob, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned {
            return;
        }
        if self.room.is_stuck() {
            self.room.wait_with_append(append);
            return;
        }
        self.progress.buffer.extend_from_slice(&append.bytes);
        self.progress.taken = append.to;
        self.progress.generation = append.generation;
        if self.progress.buffer.len() >= WRITE_MAX.as_len() {
            self.write(pace, totals).await;
        }
    }

    /// Writes what was taken.
    pub(crate) async fn write(&mut self, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned || self.room.is_stuck() || self.progress.buffer.is_empty() {
            return;
        }
        pace.write().await;
        match self.write_now(pace, totals) {
            // A write that failed may be tried again, for what it should have written is still here.
            Err(error) if room::is_lack_of_room(&error) => self.room.stick(&error),
            written => self.poison_unless(written),
        }
    }

    fn write_now(&mut self, pace: &Pace, totals: &Totals) -> io::Result<()> {
        let taken = ByteSize::of(&self.progress.buffer);
        let end = ByteSize(self.active.length.0 + taken.0);
        if self.config.durability == Durability::Synced {
            self.write_with_padding(end)?;
        } else {
            self.active.file.write_at(&self.progress.buffer, self.active.length)?;
        }
        let progress = &mut self.progress;
        progress.buffer.clear();
        progress.buffer.shrink_to(2 * WRITE_MAX.as_len());
        progress.written = progress.taken;
        progress.unsynced.0 += taken.0;
        progress.unsynced_since.get_or_insert_with(|| pace.now());
        self.active.length = end;
        totals.wrote(taken);
        if self.config.durability == Durability::Synced {
            self.space.used(taken, end, pace);
        }
        Ok(())
    }

    /// With zeros behind it when no space was set aside; without them when there is no room for any.
    fn write_with_padding(&mut self, end: ByteSize) -> io::Result<()> {
        let padding = self.space.padding(ByteSize::of(&self.progress.buffer), end);
        self.aside.take(ByteSize(end.0 + padding.0));
        let buffer = &mut self.progress.buffer;
        let taken = buffer.len();
        buffer.resize(taken + padding.as_len(), 0);
        let written = self.active.file.write_at(buffer, self.active.length);
        buffer.truncate(taken);
        match written {
            Err(error) if padding > ByteSize::ZERO && room::is_lack_of_room(&error) => {
                self.active.file.write_at(buffer, self.active.length)
            }
            written => written,
        }
    }

    /// Makes what was written count, and says so.
    pub(crate) async fn store(&mut self, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned || self.progress.told == self.progress.written {
            return;
        }
        if self.config.durability == Durability::Synced {
            let synced = self.sync(pace, totals).await;
            self.poison_unless(synced);
        }
        if !self.progress.poisoned {
            self.progress.told = self.progress.written;
            self.tell(LogEvent::Stored { generation: self.progress.generation, to: self.progress.told });
        }
    }

    /// Does what can wait until the appends of a group were reported.
    pub(crate) fn tidy(&mut self, pace: &Pace) {
        if self.progress.poisoned {
            return;
        }
        self.heed_aside();
        self.flush_if_due(pace);
        self.marks.write();
        if self.marks.is_waiting() {
            self.mark_recovery_point();
        }
        if let Some(epochs) = self.progress.epochs.take()
            && let Err(error) = beside::write_epochs(&*self.disk, &self.dir, &epochs)
        {
            // Nobody here reads it: the next opening makes it again.
            tracing::warn!(dir = %self.dir.display(), %error, "the leader epoch checkpoint was not written");
        }
    }

    /// Whether it should be looked after some time, though nobody asks anything of it.
    pub(crate) fn is_restless(&self) -> bool {
        let flushes = self.config.durability == Durability::Cached && self.config.flush_interval.is_some();
        !self.progress.poisoned
            && (self.room.is_short() || (flushes && self.progress.unsynced_since.is_some()))
    }

    /// Carries out an order, with all that was taken before it stored.
    pub(crate) async fn obey(&mut self, mut order: Order, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned {
            return order.answer(&Err(io::Error::other("it failed before")));
        }
        if self.room.is_stuck() && !self.may_overtake(&order) {
            return self.room.wait_with_order(order);
        }
        match self.carry_out(&mut order, pace, totals).await {
            Err(error) if room::is_lack_of_room(&error) && !matches!(order, Order::Close(_)) => {
                self.room.stick(&error);
                self.room.wait_again_with(order);
            }
            done => {
                order.answer(&done);
                self.poison_unless(done);
            }
        }
    }

    /// A cached log is flushed after so much, or so long, if at all; nobody waits for that.
    fn flush_if_due(&mut self, pace: &Pace) {
        let progress = &mut self.progress;
        let (Durability::Cached, Some(since)) = (self.config.durability, progress.unsynced_since) else {
            return;
        };
        let enough = self.config.flush_bytes.is_some_and(|enough| progress.unsynced >= enough);
        let late = self.config.flush_interval.is_some_and(|late| pace.now().since(since) >= late);
        if enough || late {
            (progress.unsynced, progress.unsynced_since) = (ByteSize::ZERO, None);
            let point = RecoveryPoint { generation: self.state.generation, to: progress.written };
            pace.tell(self.aside.sync(self.active.base, point), &self.aside);
        }
    }

    /// Takes note of what came of the work aside.
    fn heed_aside(&mut self) {
        if let Err(error) = self.aside.check_syncs() {
            return self.poison_unless(Err(error));
        }
        let report = self.aside.report();
        self.heed_room(report.no_room.as_deref());
        if self.config.durability == Durability::Cached
            && let Some(point) = report.synced.filter(|point| point.generation == self.state.generation)
            && self.progress.marked != Some(point)
        {
            self.progress.unsynced_segments.retain(|(end, _)| *end > point.to);
            self.mark(point);
        }
    }

    async fn sync(&mut self, pace: &Pace, totals: &Totals) -> io::Result<()> {
        pace.sync().await;
        self.active.file.sync().map_err(room::never_again)?;
        self.aside.check_syncs()?;
        totals.synced();
        self.progress.unsynced = ByteSize::ZERO;
        self.progress.unsynced_since = None;
        Ok(())
    }

    /// Under `Cached`, it moves when a flush is done: nobody else knows what is synced.
    fn mark_recovery_point(&mut self) {
        if self.progress.unsynced_segments.is_empty() && self.progress.unsynced_since.is_none() {
            self.mark(RecoveryPoint { generation: self.state.generation, to: self.progress.written });
        }
    }

    fn mark(&mut self, point: RecoveryPoint) {
        self.progress.marked = Some(point);
        self.marks.reached(point.to, point.generation);
    }

    fn tell(&self, event: LogEvent) {
        // Nobody listens any more when the replica is being stopped.
        drop(self.events.send(event));
    }

    /// After an error nobody knows what the disk kept, so nothing is tried again.
    fn poison_unless(&mut self, done: io::Result<()>) {
        let Err(error) = done else { return };
        self.progress.poisoned = true;
        if let Err(also) = beside::Tail::doubt(&*self.disk, &self.dir) {
            tracing::error!(dir = %self.dir.display(), %also, "a failed disk could not be noted: do not start this replica again");
        }
        self.tell(LogEvent::Failed(format!("{}: {error}", self.dir.display())));
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        // What was set aside is left to the next opening.
        self.aside.stop();
    }
}
