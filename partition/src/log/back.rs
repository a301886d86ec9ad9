//! The back of one log, owned by its writer: what to write where, when to roll, what to sync, what to report.
//!
//! Everything here happens in the order in which the front asked for it. Real and simulated writers run this same code;
//! only [`Pace`] differs, so that a simulated crash can come between any two steps.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::beside::{self, CleanShutdown, RecoveryPoint};
use super::config::Durability;
use super::disk::{Disk, DiskFile, OpenMode};
use super::epochs::EpochHistory;
use super::event::{LogEvent, LogEvents};
use super::order::{AppendJob, Cut, Order, Recall};
use super::producers::Producers;
use super::scan::Scan;
use super::segment::segment_path;
use super::state::{LogState, SegmentsAre, StateFile};
use super::writer::{Pace, Totals};
use crate::ids::{ByteSize, Generation, Offset};
use crate::meta::Checkpoints;

/// Space is set aside in steps: the first one, and the largest. Writing into zeros that are already on disk spares
/// fdatasync the journal (about 1.4 times faster); a log that takes little sets little aside.
const FIRST_STEP: ByteSize = ByteSize::kib(64);
const LARGEST_STEP: ByteSize = ByteSize::mib(1);
/// A write(2) is at most so large, or one batch.
const WRITE_MAX: ByteSize = ByteSize::mib(1);
/// So much may be synced before the recovery point follows: what a recovery must not find torn is known that closely.
const RECOVERY_POINT_EVERY: ByteSize = ByteSize::mib(4);

/// A look-up reads so much at a time.
const LOOK_UP_CHUNK: ByteSize = ByteSize::mib(1);

/// The extension of a segment that waits to be unlinked.
pub(crate) const DELETED: &str = "deleted";

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) base: Offset,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next batch goes.
    pub(crate) length: ByteSize,
}

/// One log's back.
#[derive(Debug)]
pub(crate) struct Back {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) dir: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: ByteSize,
    pub(crate) events: LogEvents,
    pub(crate) state_file: StateFile,
    pub(crate) state: LogState,
    pub(crate) active: Active,
    pub(crate) progress: Progress,
}

/// How far a log's back has come.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Where the zeros that were set aside end.
    allocated: ByteSize,
    step: ByteSize,
    /// Appends that are not written yet, one after another.
    buffer: Vec<u8>,
    /// What was taken last: reported when it is stored.
    taken: Offset,
    generation: Generation,
    told: Offset,
    /// Written since the last sync.
    unsynced: u64,
    /// Synced since the last recovery point.
    unmarked: u64,
    /// Sealed segments of a cached log: nobody has waited for their sync.
    unsynced_segments: Vec<Offset>,
    epochs: Option<Arc<EpochHistory>>,
    poisoned: bool,
}

impl Progress {
    /// That of a log that was just opened: all it has is synced.
    pub(crate) fn new(end: Offset, generation: Generation, length: ByteSize) -> Self {
        Self {
            allocated: length,
            step: FIRST_STEP,
            buffer: Vec::new(),
            taken: end,
            generation,
            told: end,
            unsynced: 0,
            unmarked: 0,
            unsynced_segments: Vec::new(),
            epochs: None,
            poisoned: false,
        }
    }
}

impl Back {
    /// Whether all that was taken is stored, or never will be.
    pub(crate) fn is_settled(&self) -> bool {
        self.progress.poisoned || self.progress.told == self.progress.taken
    }

    /// Takes a batch; [`Back::write`] and [`Back::store`] follow before the group ends.
    pub(crate) async fn take(&mut self, append: AppendJob, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned {
            return;
        }
        if self.progress.buffer.len() + append.bytes.len() > WRITE_MAX.as_len() {
            self.write(pace, totals).await;
        }
        self.progress.buffer.extend_from_slice(&append.bytes);
        self.progress.taken = append.to;
        self.progress.generation = append.generation;
    }

    /// Writes what was taken.
    pub(crate) async fn write(&mut self, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned || self.progress.buffer.is_empty() {
            return;
        }
        pace.write().await;
        let written = self.write_now(totals);
        self.poison_unless(written);
    }

    fn write_now(&mut self, totals: &Totals) -> io::Result<()> {
        let progress = &mut self.progress;
        let taken = progress.buffer.len() as u64;
        let end = self.active.length.0 + taken;
        if self.durability == Durability::Synced && end > progress.allocated.0 {
            let room = end.max(self.segment_bytes.0);
            let ahead = (end + progress.step.0).min(room);
            let zeros = usize::try_from(ahead - end).expect("a step fits memory");
            progress.buffer.resize(progress.buffer.len() + zeros, 0);
            progress.allocated = ByteSize(ahead);
            progress.step = ByteSize((progress.step.0 * 2).min(LARGEST_STEP.0));
        }
        self.active.file.write_at(&progress.buffer, self.active.length)?;
        progress.buffer.clear();
        progress.buffer.shrink_to(2 * WRITE_MAX.as_len());
        progress.unsynced += taken;
        self.active.length = ByteSize(end);
        totals.wrote(ByteSize(taken));
        Ok(())
    }

    /// Makes what was written count, and says so.
    pub(crate) async fn store(&mut self, pace: &Pace, totals: &Totals) {
        if self.is_settled() {
            return;
        }
        if self.durability == Durability::Synced {
            let synced = self.sync(pace, totals).await;
            self.poison_unless(synced);
        }
        if !self.progress.poisoned {
            self.progress.told = self.progress.taken;
            self.tell(LogEvent::Stored { generation: self.progress.generation, to: self.progress.taken });
        }
    }

    /// Does what can wait until the appends of a group were reported.
    pub(crate) fn tidy(&mut self) {
        if self.progress.poisoned {
            return;
        }
        if self.progress.unmarked >= RECOVERY_POINT_EVERY.0 {
            self.mark_recovery_point();
        }
        if let Some(epochs) = self.progress.epochs.take()
            && let Err(error) = beside::write_epochs(&*self.disk, &self.dir, &epochs)
        {
            // Nobody here reads it: the next opening makes it again.
            tracing::warn!(dir = %self.dir.display(), %error, "the leader epoch checkpoint was not written");
        }
    }

    /// Carries out an order, with all that was taken before it stored.
    pub(crate) async fn obey(&mut self, order: Order, pace: &Pace, totals: &Totals) {
        if self.progress.poisoned {
            if let Order::Close(done) = order {
                drop(done.send(Err("it failed before".to_owned())));
            }
            return;
        }
        let done = match order {
            Order::Roll(base) => self.roll(base, pace, totals).await,
            Order::Truncate(cut) => self.truncate(cut, pace, totals).await,
            Order::Trim { state, gone } => self.trim(state, &gone, pace).await,
            Order::Restart { state, gone } => self.restart(state, &gone, pace).await,
            Order::Epochs(epochs) => {
                self.progress.epochs = Some(epochs);
                Ok(())
            }
            Order::Close(done) => {
                let closed = self.close(pace, totals).await;
                drop(done.send(closed.as_ref().map_err(ToString::to_string).copied()));
                closed
            }
        };
        self.poison_unless(done);
    }

    async fn roll(&mut self, base: Offset, pace: &Pace, totals: &Totals) -> io::Result<()> {
        if self.durability == Durability::Synced {
            // A segment is whole before the next one exists: only the last one can be torn.
            if self.progress.unsynced > 0 {
                self.sync(pace, totals).await?;
            }
            self.mark_recovery_point();
        } else {
            // The writes of a whole segment should not all be left to the day when the log is closed.
            self.progress.unsynced_segments.push(self.active.base);
            let sealed = Arc::clone(&self.active.file);
            pace.aside(move || sealed.sync());
        }
        if self.progress.allocated > self.active.length {
            // At most one step of zeros. Not synced: a recovery finds the segment's end with them or without.
            self.active.file.set_length(self.active.length)?;
        }
        self.begin(base, pace).await
    }

    /// A new, empty active segment, whose name is durable.
    async fn begin(&mut self, base: Offset, pace: &Pace) -> io::Result<()> {
        let file = self.disk.open(&segment_path(&self.dir, base), OpenMode::OrNew)?;
        file.set_length(ByteSize::ZERO)?;
        pace.sync().await;
        file.sync()?;
        self.disk.sync_dir(&self.dir)?;
        self.active = Active { base, file, length: ByteSize::ZERO };
        self.progress.allocated = ByteSize::ZERO;
        self.progress.unsynced = 0;
        Ok(())
    }

    async fn truncate(&mut self, cut: Cut, pace: &Pace, totals: &Totals) -> io::Result<()> {
        self.store_state(cut.state, pace).await?;
        if !cut.gone.is_empty() {
            // Newest first, so that a crash between leaves a log without a hole.
            for base in &cut.gone {
                self.disk.remove(&segment_path(&self.dir, *base))?;
                pace.sync().await;
                self.disk.sync_dir(&self.dir)?;
            }
        }
        if cut.base != self.active.base {
            let file = self.disk.open(&segment_path(&self.dir, cut.base), OpenMode::Existing)?;
            self.active = Active { base: cut.base, file, length: cut.length };
        }
        // What is cut off is given back: the space is zeros when the file grows over it again (H-05).
        self.active.file.set_length(cut.length)?;
        self.active.length = cut.length;
        self.progress.allocated = cut.length;
        self.sync(pace, totals).await?;
        self.progress.generation = self.state.generation;
        self.progress.taken = cut.to;
        self.progress.told = cut.to;
        self.mark_recovery_point();
        if let Some(recall) = cut.recall {
            let found = self.look_up(&recall)?;
            drop(recall.found.send(found));
        }
        self.tell(LogEvent::Truncated { generation: self.state.generation, to: cut.to });
        Ok(())
    }

    /// Reads segments, newest first, until something is known of each producer that was asked for.
    fn look_up(&self, recall: &Recall) -> io::Result<Producers> {
        let mut found = Producers::default();
        for base in &recall.segments {
            let file = self.disk.open(&segment_path(&self.dir, *base), OpenMode::Existing)?;
            let mut scan = Scan::new(&*file, ByteSize::ZERO, *base, LOOK_UP_CHUNK);
            let mut here = Producers::default();
            while let Ok(batch) = scan.next()? {
                here.note_if(&batch, &recall.producers);
            }
            found.add_older(&here, &recall.producers);
            if found.knows(&recall.producers) {
                return Ok(found);
            }
        }
        found.add_older(&self.state.producers, &recall.producers);
        Ok(found)
    }

    async fn trim(&mut self, state: LogState, gone: &[Offset], pace: &Pace) -> io::Result<()> {
        let to = state.start;
        self.store_state(state, pace).await?;
        self.tell(LogEvent::Trimmed { to });
        self.remove_aside(gone, pace)
    }

    async fn restart(&mut self, state: LogState, gone: &[Offset], pace: &Pace) -> io::Result<()> {
        let (generation, to) = (state.generation, state.start);
        self.store_state(LogState { segments: SegmentsAre::Void, ..state.clone() }, pace).await?;
        for base in gone.iter().filter(|base| **base != to) {
            self.disk.remove(&segment_path(&self.dir, *base))?;
        }
        self.begin(to, pace).await?;
        self.store_state(state, pace).await?;
        self.progress.generation = generation;
        self.progress.taken = to;
        self.progress.told = to;
        self.mark_recovery_point();
        self.tell(LogEvent::Truncated { generation, to });
        self.tell(LogEvent::Trimmed { to });
        Ok(())
    }

    async fn close(&mut self, pace: &Pace, totals: &Totals) -> io::Result<()> {
        for base in std::mem::take(&mut self.progress.unsynced_segments) {
            match self.disk.open(&segment_path(&self.dir, base), OpenMode::Existing) {
                // It was trimmed away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                sealed => sealed?.sync()?,
            }
        }
        self.active.file.set_length(self.active.length)?;
        self.sync(pace, totals).await?;
        self.mark_recovery_point();
        self.tidy();
        pace.sync().await;
        CleanShutdown { run: self.state.run, end: self.progress.taken }.write(&*self.disk, &self.dir)?;
        // Whatever comes after the marker would make it a lie.
        self.progress.poisoned = true;
        Ok(())
    }

    async fn store_state(&mut self, state: LogState, pace: &Pace) -> io::Result<()> {
        pace.sync().await;
        self.state_file.store(&state)?;
        self.state = state;
        Ok(())
    }

    async fn sync(&mut self, pace: &Pace, totals: &Totals) -> io::Result<()> {
        pace.sync().await;
        self.active.file.sync()?;
        totals.synced();
        self.progress.unmarked += self.progress.unsynced;
        self.progress.unsynced = 0;
        Ok(())
    }

    /// Unlinking a large file takes tens of milliseconds, which no append should wait for: a new name is enough here.
    fn remove_aside(&self, gone: &[Offset], pace: &Pace) -> io::Result<()> {
        let mut deleted = Vec::new();
        for base in gone {
            let path = segment_path(&self.dir, *base);
            deleted.push(path.with_extension(DELETED));
            self.disk.rename(&path, &path.with_extension(DELETED))?;
        }
        let disk = Arc::clone(&self.disk);
        pace.aside(move || deleted.iter().try_for_each(|path| disk.remove(path)));
        Ok(())
    }

    /// Under `Cached`, it stays where it was until the log is closed: nobody knows what is synced.
    fn mark_recovery_point(&mut self) {
        self.progress.unmarked = 0;
        if !self.progress.unsynced_segments.is_empty() {
            return;
        }
        let point = RecoveryPoint { generation: self.state.generation, to: self.progress.taken };
        self.checkpoints.put(&RecoveryPoint::key(&self.dir), point.encoded());
    }

    fn tell(&self, event: LogEvent) {
        // Nobody listens any more when the replica is being stopped.
        drop(self.events.send(event));
    }

    /// After an error nobody knows what the disk kept, so nothing is tried again.
    fn poison_unless(&mut self, done: io::Result<()>) {
        let Err(error) = done else { return };
        self.progress.poisoned = true;
        let room =
            if error.kind() == io::ErrorKind::StorageFull { "no space left on the disk: " } else { "" };
        self.tell(LogEvent::Failed(format!("{}: {room}{error}", self.dir.display())));
    }
}
