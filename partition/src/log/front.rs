//! The front: what a replica's own task sees of its log.

mod past;
mod push;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::claim::claim;
use super::config::LogConfig;
use super::epochs::EpochHistory;
use super::error::LogError;
use super::event::{LogEvent, LogEvents};
use super::order::{Cut, Order, Recall};
use super::producers::Producers;
use super::reader::LogReader;
use super::recovery::{self, Opening};
use super::state::LogState;
use super::view::{Located, Shared, View};
use super::writer::WriterOfLog;
use crate::ids::{ByteSize, Epoch, Generation, Offset, Ordinal};
use crate::partition::Placement;
use crate::record::Batch;
use crate::world::{Tasks, World};

const WRITER_GONE: &str = "its writer has stopped";

/// The log's front. Methods return at once; what they cause is reported as [`LogEvent`].
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    writer: WriterOfLog,
    tasks: Tasks,
    config: LogConfig,
    /// As it will be on disk once the writer has caught up.
    state: LogState,
    epochs: Arc<EpochHistory>,
    producers: Producers,
    /// Appended since the last recovery point.
    unmarked: ByteSize,
    /// What a truncation that was not reported yet looks up for the table.
    recalled: Option<oneshot::Receiver<Producers>>,
    end: Offset,
    stored: Offset,
    /// A crash leaves no lower start than this.
    durable_start: Offset,
    /// In which the log began anew last. What was reported of a start before that holds no more.
    restarted: Generation,
    opening: Opening,
    poisoned: Option<String>,
    /// Why the disk takes nothing at the moment.
    full: Option<String>,
}

impl Log {
    /// Opens the log in `dir`, or makes it; reads again what may not have been flushed, and cuts a torn tail.
    ///
    /// # Errors
    /// [`LogError`] when the disk fails or what lies below the recovery point is damaged.
    pub async fn open(
        world: &World,
        dir: &Path,
        config: LogConfig,
        events: LogEvents,
    ) -> Result<Self, LogError> {
        let lock = claim(world, dir).await?;
        let request = recovery::Request {
            lock,
            disk: Arc::clone(&world.disk),
            checkpoints: Arc::clone(&world.checkpoints),
            dir: dir.to_owned(),
            config: config.clone(),
            events,
            identity: world.random.seed(),
        };
        let recovered = if world.disk.is_instant() {
            recovery::recover(request)?
        } else {
            world.tasks.blocking(move || recovery::recover(request)).await?
        };
        let end = recovered.view.end().offset;
        let epochs = Arc::clone(&recovered.view.epochs);
        let state = recovered.back.state.clone();
        let shared =
            Shared::new(recovered.view, Arc::clone(&world.disk), dir.to_owned(), config.index_interval);
        Ok(Self {
            durable_start: state.start,
            restarted: state.generation,
            shared: Arc::new(shared),
            writer: world.writers.adopt(recovered.back),
            tasks: world.tasks.clone(),
            config,
            state,
            epochs,
            producers: recovered.producers,
            unmarked: ByteSize::ZERO,
            recalled: None,
            end,
            stored: end,
            opening: recovered.opening,
            poisoned: None,
            full: None,
        })
    }

    /// As leader: places the batch at the log end. It is readable at once, and stored when the event says so.
    ///
    /// # Errors
    /// [`LogError`]; nothing was appended.
    ///
    /// # Panics
    /// When `epoch` is older than the newest one in the log: no leader is.
    pub fn append(&mut self, batch: &Batch, epoch: Epoch) -> Result<Placement, LogError> {
        self.check_poisoned()?;
        self.check_space()?;
        self.append_agreed(batch, epoch)
    }

    /// The same for what cannot be refused any more: when the disk is full, it waits in memory for room.
    ///
    /// # Errors
    /// [`LogError`]; nothing was appended.
    ///
    /// # Panics
    /// When `epoch` is older than the newest one in the log: no leader is.
    pub fn append_agreed(&mut self, batch: &Batch, epoch: Epoch) -> Result<Placement, LogError> {
        self.check_poisoned()?;
        if batch.size() > self.config.batch_bytes_max {
            return Err(LogError::TooLarge(batch.size()));
        }
        self.check_room(batch.size())?;
        let placement = Placement { base: self.end, epoch };
        self.push(std::iter::once(batch.placed(self.end, epoch)));
        Ok(placement)
    }

    /// As follower: appends batches where they say they lie, which must be the log end (H-08). Returns the new end.
    /// Their size is no question here, nor is a full disk: a leader has taken them, so they wait in memory for room.
    ///
    /// # Errors
    /// [`LogError`]; nothing was appended.
    pub fn append_placed(&mut self, batches: &[Batch]) -> Result<Offset, LogError> {
        self.check_poisoned()?;
        let mut expected = self.end;
        let mut epoch = self.epochs.latest().unwrap_or(Epoch::ZERO);
        for batch in batches {
            if batch.base_offset() != expected || batch.epoch() < epoch {
                return Err(LogError::Gap { expected, found: batch.base_offset() });
            }
            (expected, epoch) = (batch.next_offset(), batch.epoch());
        }
        self.check_room(ByteSize(batches.iter().map(|batch| batch.size().0).sum()))?;
        self.push(batches.iter().cloned());
        Ok(self.end)
    }

    /// Cuts all from `to` on; `to` must be a batch boundary (the start of a batch, or the end), or the log start, wherever that
    /// lies: then nothing is left. Raises the generation, syncs it, and only then touches the files; durable before any later
    /// append (H-04, H-05). Epochs and producers roll back.
    ///
    /// # Errors
    /// [`LogError`]; nothing was cut.
    pub fn truncate(&mut self, to: Offset) -> Result<(), LogError> {
        self.check_poisoned()?;
        if to < self.start() || to > self.end {
            return Err(self.out_of_range(to));
        }
        let Located { base, place, index, newest } = self.shared.locate(to)?;
        if place.offset != to {
            // A trim may lie inside a batch, and a cut there leaves nothing of it.
            if to == self.start() {
                let (ordinal, producers) = (self.state.start_ordinal, self.state.producers.clone());
                return self.restart_with(to, ordinal, producers);
            }
            return Err(LogError::Gap { expected: place.offset, found: to });
        }
        let index = index.map(Arc::unwrap_or_clone);
        self.state.generation = self.state.generation.next();
        let epochs = Arc::make_mut(&mut self.epochs);
        epochs.truncate(to);
        if let (Some(epoch), None) = (self.state.epoch_before, epochs.latest()) {
            epochs.assign(epoch, self.state.start);
        }
        self.producers.truncate(to);
        self.end = to;
        self.stored = self.stored.min(to);
        let (gone, left) = {
            let mut view = self.shared.view();
            view.generation = self.state.generation;
            view.epochs = Arc::clone(&self.epochs);
            view.cache.truncate(to);
            let gone = view.segments.cut(base, place, index, newest);
            (gone, view.segments.iter().rev().map(|segment| segment.base()).collect())
        };
        self.shared.close_files(&gone);
        self.shared.close_files(&[base]);
        let (state, recall) = (self.state.clone(), self.recall(left));
        let (mark, length, epochs) = (self.mark(), place.position, Arc::clone(&self.epochs));
        self.order(Order::Truncate(Cut { state, to, base, length, gone, mark, epochs, recall }))
    }

    /// Gives up all below `to`, which need not be a batch boundary. The log start moves now; whole segments are deleted
    /// by and by. Below the log start there is nothing to give up, and nothing is reported.
    ///
    /// # Errors
    /// [`LogError`] beyond the log end.
    pub fn trim(&mut self, to: Offset) -> Result<(), LogError> {
        self.check_poisoned()?;
        if to > self.end {
            return Err(self.out_of_range(to));
        }
        if to <= self.start() {
            return Ok(());
        }
        let place = self.shared.locate(to)?.place;
        self.state.start = to;
        self.state.start_ordinal = place.ordinal;
        self.state.epoch_before = self.epochs.epoch_at(Offset(to.0 - 1));
        // The batch that holds `to` is still in the log, and is noted again when that is opened.
        self.state.producers = self.producers.as_of(place.offset);
        Arc::make_mut(&mut self.epochs).trim(to);
        let gone = {
            let mut view = self.shared.view();
            view.start = to;
            view.start_ordinal = place.ordinal;
            view.epochs = Arc::clone(&self.epochs);
            view.cache.trim(to);
            view.segments.trim(to)
        };
        self.shared.close_files(&gone);
        self.order(Order::Trim { state: self.state.clone(), gone })?;
        self.order(Order::Epochs(Arc::clone(&self.epochs)))
    }

    /// Empties the log and starts it again at this place: for a follower that is below the leader's log start.
    /// What producers sent before is not known then, see [`Producers::partial`].
    /// Reported as `Truncated` and `Trimmed`.
    ///
    /// # Errors
    /// [`LogError`]; nothing was changed.
    pub fn restart_at(&mut self, start: Offset, ordinal: Ordinal) -> Result<(), LogError> {
        self.restart_with(start, ordinal, Producers::partial())
    }

    /// The same, with what producers had sent before that place.
    ///
    /// # Errors
    /// [`LogError`]; nothing was changed.
    pub fn restart_with(
        &mut self,
        start: Offset,
        ordinal: Ordinal,
        producers: Producers,
    ) -> Result<(), LogError> {
        self.check_poisoned()?;
        self.state.generation = self.state.generation.next();
        self.state.start = start;
        self.state.start_ordinal = ordinal;
        self.state.epoch_before = None;
        self.state.producers = producers.clone();
        self.producers = producers;
        self.recalled = None;
        self.epochs = Arc::default();
        self.end = start;
        self.stored = start;
        self.durable_start = self.durable_start.min(start);
        self.restarted = self.state.generation;
        let gone: Vec<_> = {
            let mut view = self.shared.view();
            let gone = view.segments.iter().map(|segment| segment.base()).collect();
            *view = View::empty(&self.state, self.config.cache_bytes);
            gone
        };
        self.shared.close_files(&gone);
        let mark = self.mark();
        let (state, epochs) = (self.state.clone(), Arc::clone(&self.epochs));
        self.order(Order::Restart { state, gone, mark, epochs })
    }

    /// Takes an event into account; call it with each event, in order. Returns it back unless it is stale.
    pub fn observe(&mut self, event: LogEvent) -> Option<LogEvent> {
        match &event {
            LogEvent::Stored { generation, to } | LogEvent::Truncated { generation, to } => {
                if *generation != self.state.generation {
                    return None;
                }
                if matches!(event, LogEvent::Truncated { .. })
                    && let Some(found) = self.recalled.take().and_then(|mut found| found.try_recv().ok())
                {
                    self.producers.recall(&found);
                    let mark = self.mark();
                    self.writer.order(Order::Mark(mark));
                }
                self.stored = *to;
                self.shared.view().cache.stored(*to);
            }
            LogEvent::Trimmed { generation, to } => {
                if *generation < self.restarted {
                    return None;
                }
                self.durable_start = *to;
            }
            LogEvent::Full(why) => {
                tracing::warn!(%why, "the disk has no room for a log: appends are refused");
                self.full = Some(why.clone());
            }
            LogEvent::Roomy => self.full = None,
            LogEvent::Failed(why) => self.poisoned = Some(why.clone()),
        }
        Some(event)
    }

    /// Whether there is room on the disk for more, as far as is known: a leader asks before it takes an append upon
    /// itself that it could not refuse later.
    ///
    /// # Errors
    /// [`LogError::NoSpace`].
    pub fn check_space(&self) -> Result<(), LogError> {
        self.full.as_ref().map_or(Ok(()), |why| Err(LogError::NoSpace(why.clone())))
    }

    /// The first offset there is.
    #[must_use]
    pub fn start(&self) -> Offset {
        self.state.start
    }

    /// The first offset there is even after a crash: the start follows a trim at once, this one when it is on disk.
    #[must_use]
    pub fn durable_start(&self) -> Offset {
        self.durable_start
    }

    /// The next offset (LEO).
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }

    /// All below it is stored (see [`LogEvent::Stored`]).
    #[must_use]
    pub fn stored(&self) -> Offset {
        self.stored
    }

    /// The truncation generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.state.generation
    }

    /// Ordinals of the batches there are: the first, and the next.
    #[must_use]
    pub fn ordinals(&self) -> Range<Ordinal> {
        self.state.start_ordinal..self.shared.view().end().ordinal
    }

    /// Which epoch began where.
    #[must_use]
    pub fn epochs(&self) -> &EpochHistory {
        &self.epochs
    }

    /// The same, to be kept.
    #[must_use]
    pub fn epochs_now(&self) -> Arc<EpochHistory> {
        Arc::clone(&self.epochs)
    }

    /// What each producer sent last, up to the log end.
    #[must_use]
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// What each producer had sent before the log start, as far as it is known.
    #[must_use]
    pub fn producers_at_start(&self) -> &Producers {
        &self.state.producers
    }

    /// How the log was found when it was opened.
    #[must_use]
    pub fn opening(&self) -> Opening {
        self.opening
    }

    /// A handle for readers, which may be used on any task.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader { shared: Arc::clone(&self.shared), tasks: self.tasks.clone() }
    }

    /// Flushes, writes the clean-shutdown marker and the checkpoints.
    ///
    /// # Errors
    /// [`LogError`] when that could not be made durable; the next open recovers as after a crash.
    pub async fn close(mut self) -> Result<(), LogError> {
        self.check_poisoned()?;
        let mark = self.mark();
        self.order(Order::Mark(mark))?;
        let (reply, done) = oneshot::channel();
        self.order(Order::Close(reply))?;
        let gone = || LogError::Poisoned(WRITER_GONE.to_owned());
        done.await.map_err(|_| gone())?.map_err(LogError::Disk)
    }

    /// Asks for the producers of whom a deep truncation left nothing known.
    fn recall(&mut self, segments: Vec<Offset>) -> Option<Recall> {
        let producers = self.producers.forgotten();
        if producers.is_empty() {
            return None;
        }
        let (found, recalled) = oneshot::channel();
        self.recalled = Some(recalled);
        Some(Recall { producers, segments, found })
    }

    fn order(&mut self, order: Order) -> Result<(), LogError> {
        if !self.writer.order(order) {
            self.poisoned = Some(WRITER_GONE.to_owned());
        }
        self.check_poisoned()
    }

    fn check_poisoned(&self) -> Result<(), LogError> {
        self.poisoned.as_ref().map_or(Ok(()), |why| Err(LogError::Poisoned(why.clone())))
    }

    fn check_room(&self, size: ByteSize) -> Result<(), LogError> {
        let pending = self.shared.view().cache.pending();
        // Alone, a batch is taken whatever its size.
        let full = pending > ByteSize::ZERO && pending.0 + size.0 > self.config.pending_bytes_max.0;
        if full { Err(LogError::Overloaded) } else { Ok(()) }
    }

    fn out_of_range(&self, asked: Offset) -> LogError {
        LogError::OutOfRange { asked, start: self.start(), end: self.end }
    }
}
