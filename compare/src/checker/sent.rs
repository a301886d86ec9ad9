//! The records that clients sent, found by their value.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use partition::ids::Offset;

use crate::history::number::mix;
use crate::history::{Action, Append, Operation, Value};

/// The place of an operation in its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpIndex(pub(super) u32);

/// The place of a record in the order of sending. Those of one batch follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordinal(pub(super) u32);

/// A record that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// By which append.
    pub(super) append: OpIndex,
    /// Which record of its batch, from 0.
    pub(super) position: u32,
    /// Where it lies, by the first who told.
    pub(super) offset: Option<Offset>,
    /// Who was shown it first.
    pub(super) seen_by: Option<OpIndex>,
    /// Whether the final read holds it.
    pub(super) at_the_end: AtTheEnd,
}

/// Whether the final read holds a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTheEnd {
    Absent,
    Present,
}

/// A map from values by a cheap hash: its order is never looked at.
pub(super) type ByValue<T> = HashMap<Value, T, BuildHasherDefault<Mixer>>;

/// All records that were sent.
#[derive(Debug)]
pub(super) struct SentRecords {
    by_value: ByValue<Ordinal>,
    records: Vec<Sent>,
    /// The first record of each operation that is an append.
    first: Vec<Ordinal>,
    batches: Batches,
}

/// Whether any append has more than one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batches {
    AllSingle,
    Several,
}

impl SentRecords {
    /// The records of these operations.
    pub(super) fn of(operations: &[Operation]) -> Self {
        let appends = || operations.iter().filter_map(as_append);
        let count = appends().map(|append| append.values.len()).sum();
        let mut by_value = ByValue::with_capacity_and_hasher(count, BuildHasherDefault::default());
        let mut records = Vec::with_capacity(count);
        let mut first = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            first.push(Ordinal(narrow(records.len())));
            let Some(append) = as_append(operation) else { continue };
            for (position, value) in append.values.iter().enumerate() {
                by_value.insert(*value, Ordinal(narrow(records.len())));
                let (append, position) = (OpIndex(narrow(index)), narrow(position));
                let at_the_end = AtTheEnd::Absent;
                records.push(Sent { append, position, offset: None, seen_by: None, at_the_end });
            }
        }
        let several = appends().any(|append| append.values.len() > 1);
        let batches = if several { Batches::Several } else { Batches::AllSingle };
        Self { by_value, records, first, batches }
    }

    pub(super) fn find(&self, value: Value) -> Option<Ordinal> {
        self.by_value.get(&value).copied()
    }

    pub(super) fn get(&self, ordinal: Ordinal) -> &Sent {
        &self.records[ordinal.0 as usize]
    }

    pub(super) fn get_mut(&mut self, ordinal: Ordinal) -> &mut Sent {
        &mut self.records[ordinal.0 as usize]
    }

    /// How many records the batch of this one has, and which of them it is.
    pub(super) fn place_in_batch(&self, ordinal: Ordinal) -> (u32, u32) {
        let sent = self.get(ordinal);
        let (first, next) = (sent.append.0 as usize, sent.append.0 as usize + 1);
        let end = self.first.get(next).map_or_else(|| narrow(self.records.len()), |next| next.0);
        (end - self.first[first].0, sent.position)
    }

    /// How many records were sent.
    pub(super) fn count(&self) -> u32 {
        narrow(self.records.len())
    }

    /// The first record of an append.
    pub(super) fn first_of(&self, append: OpIndex) -> Ordinal {
        self.first[append.0 as usize]
    }

    /// Whether any append has more than one record.
    pub(super) fn has_batches(&self) -> bool {
        self.batches == Batches::Several
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.records.iter()
    }
}

pub(super) fn as_append(operation: &Operation) -> Option<&Append> {
    match &operation.action {
        Action::Append(append) => Some(append),
        Action::Tail(_) | Action::Read(_) | Action::Trim(_) => None,
    }
}

/// Indices are half as wide as pointers: the evidence of a million operations stays in the cache's reach.
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("no history of 2^32 operations or records fits in memory")
}

/// Hashes one number: values are unique, not hostile.
#[derive(Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number);
    }
}
