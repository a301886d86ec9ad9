//! The table itself.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{BATCHES_KEPT, Entry, PRODUCERS_MAX, SequenceCheck, UNDO_BATCHES, is_behind};
use crate::error::Refusal;
use crate::ids::{Offset, ProducerId, RecordCount, Sequence};
use crate::record::{Batch, ProducerStamp};

/// What each producer sent last, for the whole log up to its end; rolls back with a truncation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producers {
    producers: BTreeMap<ProducerId, Producer>,
    /// Whose batches came last, oldest first: what has entered here can be taken back exactly.
    recent: VecDeque<(Offset, ProducerId)>,
    memory: Memory,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Producer {
    /// Oldest first; empty when a truncation took back all that was known.
    entries: VecDeque<Entry>,
    /// Whether there were older ones.
    pruned: Pruned,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Pruned {
    #[default]
    Nothing,
    Older,
}

/// Whether a producer that is not in the table never sent anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Memory {
    #[default]
    Whole,
    /// Some were forgotten, or the log does not begin at its beginning.
    Partial,
}

impl Producers {
    /// A table for a log whose beginning is not known.
    #[must_use]
    pub fn partial() -> Self {
        Self { memory: Memory::Partial, ..Self::default() }
    }

    /// What to do about a batch with this stamp and so many records.
    #[must_use]
    pub fn check(&self, stamp: ProducerStamp, count: RecordCount) -> SequenceCheck {
        let beginning = |expected| match stamp.sequence == expected {
            true => SequenceCheck::Next,
            false => SequenceCheck::Refused(Refusal::OutOfOrder {
                producer: stamp.id,
                expected,
                found: stamp.sequence,
            }),
        };
        let Some(producer) = self.producers.get(&stamp.id) else {
            return match self.memory {
                Memory::Whole => beginning(Sequence::ZERO),
                Memory::Partial => SequenceCheck::Next,
            };
        };
        // All that was known of it was taken back, and what lies before is being looked up in the log.
        let Some(last) = producer.entries.back() else {
            return SequenceCheck::Refused(Refusal::Overloaded);
        };
        if stamp.epoch < last.producer_epoch {
            let current = last.producer_epoch;
            return SequenceCheck::Refused(Refusal::FencedProducer { producer: stamp.id, current });
        }
        if stamp.epoch > last.producer_epoch {
            return beginning(Sequence::ZERO);
        }
        if let Some(entry) = producer.entries.iter().rev().find(|entry| entry.is(stamp, count)) {
            return entry.duplicate();
        }
        let expected = last.first.plus(last.count);
        if is_behind(stamp.sequence, expected) {
            return SequenceCheck::Refused(Refusal::AncientDuplicate {
                producer: stamp.id,
                found: stamp.sequence,
            });
        }
        beginning(expected)
    }

    /// Notes a batch that was appended at the log end. What the log holds is true: it is not checked again.
    pub fn note(&mut self, batch: &Batch) {
        let Some(stamp) = batch.producer().filter(|_| !batch.is_control()) else { return };
        if !self.producers.contains_key(&stamp.id) && self.producers.len() == PRODUCERS_MAX {
            self.expire_the_oldest();
        }
        let base = batch.base_offset();
        let producer = self.producers.entry(stamp.id).or_default();
        producer.entries.push_back(Entry {
            producer_epoch: stamp.epoch,
            first: stamp.sequence,
            count: batch.record_count(),
            base,
            epoch: batch.epoch(),
        });
        self.recent.push_back((base, stamp.id));
        if self.recent.len() > UNDO_BATCHES {
            self.forget_how_to_undo_one();
        }
    }

    /// Takes back all that was noted at or beyond `end`. A deep cut may leave some to be looked up.
    pub fn truncate(&mut self, end: Offset) {
        while self.recent.back().is_some_and(|(base, _)| *base >= end) {
            self.recent.pop_back();
        }
        for producer in self.producers.values_mut() {
            while producer.entries.back().is_some_and(|entry| entry.base >= end) {
                producer.entries.pop_back();
            }
        }
        self.producers.retain(|_, producer| !producer.entries.is_empty() || producer.pruned == Pruned::Older);
    }

    /// Producers that sent something, but none of it is known any more since a cut was deeper than [`UNDO_BATCHES`]:
    /// their last batches must be looked up in the log, and [recalled](Producers::recall).
    pub(crate) fn forgotten(&self) -> Vec<ProducerId> {
        let empty = self.producers.iter().filter(|(_, producer)| producer.entries.is_empty());
        empty.map(|(id, _)| *id).collect()
    }

    /// Takes in what was looked up for those who were forgotten; what was noted meanwhile comes after it.
    pub(crate) fn recall(&mut self, looked_up: &Self) {
        for (id, found) in &looked_up.producers {
            if let Some(producer) = self.producers.get_mut(id) {
                let newer = std::mem::take(&mut producer.entries);
                producer.entries = found.entries.iter().copied().chain(newer).collect();
            }
        }
        // Whoever was not found had sent nothing below the cut.
        self.producers.retain(|_, producer| !producer.entries.is_empty());
    }

    /// Notes only what these producers sent, for a recall.
    pub(crate) fn note_if(&mut self, batch: &Batch, wanted: &[ProducerId]) {
        if batch.producer().is_some_and(|stamp| wanted.binary_search(&stamp.id).is_ok()) {
            self.note(batch);
        }
    }

    /// Adds those of these producers that are not in this table, from an older part of the log.
    pub(crate) fn add_older(&mut self, older: &Self, wanted: &[ProducerId]) {
        for id in wanted {
            if let (Some(producer), false) = (older.producers.get(id), self.producers.contains_key(id)) {
                self.producers.insert(*id, producer.clone());
            }
        }
    }

    /// Whether something is known of all of these.
    pub(crate) fn knows(&self, wanted: &[ProducerId]) -> bool {
        wanted.iter().all(|id| self.producers.contains_key(id))
    }

    /// The table as it is now, without what only taking back a batch needs.
    #[must_use]
    pub(crate) fn snapshot(&self) -> Self {
        let known = self.producers.iter().filter(|(_, producer)| !producer.entries.is_empty());
        let last = |producer: &Producer| {
            let surplus = producer.entries.len().saturating_sub(BATCHES_KEPT);
            let pruned = if surplus > 0 { Pruned::Older } else { producer.pruned };
            Producer { entries: producer.entries.iter().skip(surplus).copied().collect(), pruned }
        };
        let producers: BTreeMap<_, _> = known.map(|(id, producer)| (*id, last(producer))).collect();
        let forgotten = producers.len() < self.producers.len();
        let memory = if forgotten { Memory::Partial } else { self.memory };
        Self { producers, recent: VecDeque::new(), memory }
    }

    /// How many producers it knows.
    pub(crate) fn count(&self) -> usize {
        self.producers.len()
    }

    /// The table as of `start`, as far as it is known: what a log that begins there is read on top of.
    #[must_use]
    pub fn as_of(&self, start: Offset) -> Self {
        let mut before = self.clone();
        before.recent.clear();
        before.truncate(start);
        for producer in before.producers.values_mut() {
            let surplus = producer.entries.len().saturating_sub(BATCHES_KEPT);
            if surplus > 0 {
                producer.entries.drain(..surplus);
                producer.pruned = Pruned::Older;
            }
        }
        let all = before.producers.len();
        before.producers.retain(|_, producer| !producer.entries.is_empty());
        if before.producers.len() < all {
            before.memory = Memory::Partial;
        }
        before
    }

    fn forget_how_to_undo_one(&mut self) {
        let Some((base, id)) = self.recent.pop_front() else { return };
        let Some(producer) = self.producers.get_mut(&id) else { return };
        // The entry itself stays while it is among the last few.
        while producer.entries.len() > BATCHES_KEPT && producer.entries[0].base <= base {
            producer.entries.pop_front();
            producer.pruned = Pruned::Older;
        }
    }

    fn expire_the_oldest(&mut self) {
        let last = |producer: &Producer| producer.entries.back().map(|entry| entry.base);
        let oldest = self.producers.iter().min_by_key(|(_, producer)| last(producer)).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.producers.remove(&oldest);
            self.memory = Memory::Partial;
        }
    }
}
