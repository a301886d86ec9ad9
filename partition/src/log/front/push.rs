//! How batches enter a log: into the table of producers, the index, the cache, and the writer's queue.

use std::sync::Arc;

use super::{Log, WRITER_GONE};
use crate::ids::ByteSize;
use crate::log::cache::CachedBatch;
use crate::log::order::{AppendJob, Mark, Order};
use crate::log::producers::Producers;
use crate::log::segment::Fullness;
use crate::log::view::View;
use crate::record::Batch;

/// The recovery point follows so much behind the log end: what a recovery reads again.
const MARK_EVERY: ByteSize = ByteSize::mib(4);
/// So many bytes are appended for each producer that a recovery point has to name (about a hundred bytes each): it should
/// not cost more than a small part of what it saves.
const MARK_EVERY_PER_PRODUCER: u64 = 4096;

fn mark_every(producers: &Producers) -> ByteSize {
    MARK_EVERY.max(ByteSize(producers.count() as u64 * MARK_EVERY_PER_PRODUCER))
}

impl Log {
    /// Appends batches that are placed: notes them, indexes them, and hands them to the writer.
    pub(super) fn push(&mut self, batches: impl Iterator<Item = Batch>) {
        let shared = Arc::clone(&self.shared);
        let full = Fullness { bytes: self.config.segment_bytes, age: self.config.segment_age };
        let mut view = shared.view();
        for batch in batches {
            if view.segments.active().is_full_for(&batch, full) {
                let (start, sealed) = view.segments.roll();
                self.writer.order(Order::Roll(start.offset, sealed));
                self.mark_in(&mut view);
            }
            if self.epochs.latest() != Some(batch.epoch()) {
                Arc::make_mut(&mut self.epochs).assign(batch.epoch(), batch.base_offset());
                view.epochs = Arc::clone(&self.epochs);
                self.writer.order(Order::Epochs(Arc::clone(&self.epochs)));
            }
            self.producers.note(&batch);
            self.end = batch.next_offset();
            self.unmarked.0 += batch.size().0;
            let segment = view.segments.active_mut();
            let (place, base) = (segment.end(), segment.base());
            segment.push(&batch, self.config.index_interval);
            let (bytes, generation) = (batch.bytes().clone(), self.state.generation);
            view.cache.push(CachedBatch { place, segment: base, batch });
            if !self.writer.append(AppendJob { bytes, to: self.end, generation }) {
                self.poisoned = Some(WRITER_GONE.to_owned());
            }
            if self.unmarked >= mark_every(&self.producers) {
                self.mark_in(&mut view);
            }
        }
    }

    /// The recovery point is here, once this is synced.
    fn mark_in(&mut self, view: &mut View) {
        // While producers are being looked up, what is known of them is not all there is.
        if self.recalled.is_none() {
            self.unmarked = ByteSize::ZERO;
            let mark = view.checkpoint(self.state.identity, self.producers.snapshot());
            self.writer.order(Order::Mark(Some(Box::new(mark))));
        }
    }

    /// What is true of the log at its end, unless some of it is not known yet.
    pub(super) fn mark(&mut self) -> Option<Mark> {
        self.unmarked = ByteSize::ZERO;
        let mark = || self.shared.view().checkpoint(self.state.identity, self.producers.snapshot());
        self.recalled.is_none().then(mark).map(Box::new)
    }
}
