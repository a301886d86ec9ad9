//! What a log is asked beside appends: to roll, to be cut, trimmed, emptied or closed.
//!
//! An order that finds no room on the disk is carried out again from its beginning, so each may be begun twice.

use std::io;
use std::sync::Arc;

use super::{Active, Back, room};
use crate::ids::{ByteSize, Offset};
use crate::log::aside::{NextSegment, Recycle};
use crate::log::beside::{self, CleanShutdown, RecoveryPoint};
use crate::log::config::Durability;
use crate::log::disk::OpenMode;
use crate::log::epochs::EpochHistory;
use crate::log::event::LogEvent;
use crate::log::index::First;
use crate::log::order::{Cut, Mark, Order, Recall};
use crate::log::producers::Producers;
use crate::log::scan::Scan;
use crate::log::segment::{Sealed, segment_path};
use crate::log::state::{LogState, SegmentsAre};
use crate::log::writer::{Pace, Totals};

/// A look-up reads so much at a time.
const LOOK_UP_CHUNK: ByteSize = ByteSize::mib(1);
/// A tail up to this is zeroed in place, which takes no longer than an append and keeps the space; a longer one is cut.
const ZEROED_TAIL_MAX: ByteSize = ByteSize::mib(1);

impl Back {
    pub(super) async fn carry_out(
        &mut self,
        order: &mut Order,
        pace: &Pace,
        totals: &Totals,
    ) -> io::Result<()> {
        match order {
            Order::Roll(base, sealed) => self.roll(*base, sealed, pace, totals).await,
            Order::Truncate(cut) => self.truncate(cut, pace, totals).await,
            Order::Trim { state, gone } => self.trim(state, gone, pace).await,
            Order::Restart { state, gone, mark, epochs } => {
                self.restart(state, gone, mark, epochs, pace).await
            }
            Order::Mark(mark) => {
                self.marks.note(mark.take());
                Ok(())
            }
            Order::Epochs(epochs) => {
                self.progress.epochs = Some(Arc::clone(epochs));
                Ok(())
            }
            Order::Close(_) => self.close(pace, totals).await,
        }
    }

    async fn roll(&mut self, base: Offset, sealed: &Sealed, pace: &Pace, totals: &Totals) -> io::Result<()> {
        if self.config.durability == Durability::Synced {
            // A segment is whole before the next one exists: only the last one can be torn.
            if self.progress.unsynced > ByteSize::ZERO {
                self.sync(pace, totals).await?;
            }
            self.mark_recovery_point();
        }
        let next = self.aside.next_segment();
        if next == NextSegment::Missing {
            self.make_segment(base, pace).await?;
        }
        self.aside.roll(self.active.length, base, next)?;
        if next == NextSegment::Prepared {
            pace.sync().await;
            self.disk.sync_dir(&self.dir).map_err(room::never_again)?;
        }
        if self.config.durability == Durability::Cached {
            // The writes of a whole segment should not all be left to the day when the log is closed.
            let point = RecoveryPoint { generation: self.state.generation, to: base };
            pace.tell(self.aside.sync(self.active.base, point), &self.aside);
            self.progress.unsynced_segments.push((base, Arc::clone(&self.active.file)));
            (self.progress.unsynced, self.progress.unsynced_since) = (ByteSize::ZERO, None);
        }
        self.begin(base)?;
        self.marks.seal(sealed.clone());
        pace.tell(self.aside.call(), &self.aside);
        Ok(())
    }

    /// An empty segment, whose name is durable (H-06: before any other is removed).
    async fn make_segment(&mut self, base: Offset, pace: &Pace) -> io::Result<()> {
        let file = self.disk.open(&segment_path(&self.dir, base), OpenMode::OrNew)?;
        file.set_length(ByteSize::ZERO)?;
        pace.sync().await;
        file.sync().map_err(room::never_again)?;
        self.disk.sync_dir(&self.dir).map_err(room::never_again)
    }

    fn begin(&mut self, base: Offset) -> io::Result<()> {
        let file = self.disk.open(&segment_path(&self.dir, base), OpenMode::Existing)?;
        self.active = Active { base, file, length: ByteSize::ZERO };
        self.space.changed();
        Ok(())
    }

    async fn truncate(&mut self, cut: &mut Cut, pace: &Pace, totals: &Totals) -> io::Result<()> {
        self.store_state(&cut.state, pace).await?;
        if cut.base != self.active.base {
            // The segment grows again: a seal that came back after a crash would cut it short. Durable with the next.
            self.marks.remove(&[cut.base])?;
        }
        // Newest first, so that a crash between leaves a log without a hole.
        for base in &cut.gone {
            self.remove_segment(*base)?;
            self.marks.remove(&[*base])?;
            pace.sync().await;
            self.disk.sync_dir(&self.dir).map_err(room::never_again)?;
        }
        // What is cut off must not be found behind what is written over it (H-05).
        let tail = self.active.length.0.saturating_sub(cut.length.0);
        let keeps_space = self.config.durability == Durability::Synced;
        if keeps_space && cut.base == self.active.base && tail <= ZEROED_TAIL_MAX.0 {
            let zeros = vec![0; ByteSize(tail).as_len()];
            self.active.file.write_at(&zeros, cut.length)?;
        } else {
            self.aside.reopened(cut.base, cut.length, &cut.gone);
            let file = self.disk.open(&segment_path(&self.dir, cut.base), OpenMode::Existing)?;
            file.set_length(cut.length)?;
            self.active = Active { base: cut.base, file, length: cut.length };
        }
        self.active.length = cut.length;
        self.space.changed();
        self.sync(pace, totals).await?;
        self.progress.unsynced_segments.retain(|(end, _)| *end <= cut.base);
        self.keep_epochs(&cut.epochs, pace).await?;
        self.marks.begin_again(cut.mark.take());
        self.go_on_at(&cut.state, cut.to);
        if let Some(recall) = cut.recall.take() {
            let found = self.look_up(&recall)?;
            drop(recall.found.send(found));
        }
        self.tell(LogEvent::Truncated { generation: self.state.generation, to: cut.to });
        Ok(())
    }

    /// An opening holds batches against this file: an epoch that was cut off must not come back to contradict those that
    /// are appended from now on.
    async fn keep_epochs(&mut self, epochs: &EpochHistory, pace: &Pace) -> io::Result<()> {
        self.progress.epochs = None;
        pace.sync().await;
        beside::keep_epochs(&*self.disk, &self.dir, epochs)
    }

    /// The log end is here now, and all below it is synced.
    fn go_on_at(&mut self, state: &LogState, end: Offset) {
        self.progress.generation = state.generation;
        self.progress.taken = end;
        self.progress.written = end;
        self.progress.told = end;
        self.mark_recovery_point();
    }

    /// Reads segments, newest first, until something is known of each producer that was asked for.
    fn look_up(&self, recall: &Recall) -> io::Result<Producers> {
        let mut found = Producers::default();
        for base in &recall.segments {
            let file = self.disk.open(&segment_path(&self.dir, *base), OpenMode::Existing)?;
            let mut scan = Scan::new(&*file, ByteSize::ZERO, First::Base(*base), LOOK_UP_CHUNK);
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

    async fn trim(&mut self, state: &LogState, gone: &[Offset], pace: &Pace) -> io::Result<()> {
        let (generation, to) = (state.generation, state.start);
        self.store_state(state, pace).await?;
        self.tell(LogEvent::Trimmed { generation, to });
        let recycle = match self.config.durability {
            Durability::Synced => Recycle::Yes,
            Durability::Cached => Recycle::No,
        };
        pace.tell(self.aside.free(gone, recycle)?, &self.aside);
        self.marks.remove(gone)?;
        self.space.changed();
        Ok(())
    }

    async fn restart(
        &mut self,
        state: &LogState,
        gone: &[Offset],
        mark: &mut Option<Mark>,
        epochs: &EpochHistory,
        pace: &Pace,
    ) -> io::Result<()> {
        let (generation, to) = (state.generation, state.start);
        self.store_state(&LogState { segments: SegmentsAre::Void, ..state.clone() }, pace).await?;
        self.aside.reopened(to, ByteSize::ZERO, gone);
        for base in gone.iter().filter(|base| **base != to) {
            self.remove_segment(*base)?;
        }
        self.marks.remove(gone)?;
        self.make_segment(to, pace).await?;
        self.begin(to)?;
        self.keep_epochs(epochs, pace).await?;
        self.store_state(state, pace).await?;
        (self.progress.unsynced, self.progress.unsynced_since) = (ByteSize::ZERO, None);
        self.progress.unsynced_segments.clear();
        self.marks.begin_again(mark.take());
        self.go_on_at(state, to);
        self.tell(LogEvent::Truncated { generation, to });
        self.tell(LogEvent::Trimmed { generation, to });
        Ok(())
    }

    async fn close(&mut self, pace: &Pace, totals: &Totals) -> io::Result<()> {
        if self.room.is_stuck() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "there was no room for what was appended",
            ));
        }
        self.aside.end()?;
        for (_, sealed) in std::mem::take(&mut self.progress.unsynced_segments) {
            match sealed.sync() {
                // It was trimmed away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        self.active.file.set_length(self.active.length)?;
        self.sync(pace, totals).await?;
        self.mark_recovery_point();
        self.tidy(pace);
        pace.sync().await;
        CleanShutdown { run: self.state.run, end: self.progress.taken }.write(&*self.disk, &self.dir)?;
        // Whatever comes after the marker would make it a lie.
        self.progress.poisoned = true;
        self.aside.unlock();
        Ok(())
    }

    async fn store_state(&mut self, state: &LogState, pace: &Pace) -> io::Result<()> {
        pace.sync().await;
        self.state_file.store(state)?;
        self.state = state.clone();
        Ok(())
    }

    fn remove_segment(&self, base: Offset) -> io::Result<()> {
        match self.disk.remove(&segment_path(&self.dir, base)) {
            // The order was begun before.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
