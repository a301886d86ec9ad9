//! What became of each append that may still be told of: in the window, or nowhere yet.

use std::collections::{BTreeMap, BTreeSet};

use partition::ids::Offset;

use crate::checker::sent::{ByValue, as_append, narrow};
use crate::history::{Append, EventNumber, Operation, Value};

/// An append, as far as it is known.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) operation: Operation,
    /// Where its batch begins, by the first who told.
    pub(super) base: Option<Offset>,
    /// How many offsets of the window hold its records.
    slots: usize,
}

/// A value, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) append: EventNumber,
    pub(super) position: u32,
    /// Where it lies, by the first who told.
    pub(super) offset: Option<Offset>,
}

/// The appends that may still be told of.
#[derive(Debug)]
pub(super) struct Fates {
    limit: usize,
    appends: BTreeMap<EventNumber, Fate>,
    values: ByValue<Known>,
    /// Those of which nothing lies in the window.
    elsewhere: BTreeSet<EventNumber>,
    /// Whether a value that is not known may yet have been sent.
    memory: Memory,
}

/// Whether a value that is not known was certainly never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Complete,
    Lost,
}

impl Fate {
    pub(super) fn append(&self) -> &Append {
        as_append(&self.operation).expect("only appends have fates")
    }
}

impl Fates {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            appends: BTreeMap::new(),
            values: ByValue::default(),
            elsewhere: BTreeSet::new(),
            memory: Memory::Complete,
        }
    }

    pub(super) fn invoked(&mut self, operation: &Operation) {
        let Some(append) = as_append(operation) else { return };
        let event = operation.invoked.number;
        for (position, value) in append.values.iter().enumerate() {
            self.values.insert(*value, Known { append: event, position: narrow(position), offset: None });
        }
        self.appends.insert(event, Fate { operation: operation.clone(), base: None, slots: 0 });
        self.elsewhere.insert(event);
        if self.elsewhere.len() > self.limit {
            let oldest = self.elsewhere.first().copied().expect("it is over its limit");
            self.memory = Memory::Lost;
            self.forget(oldest);
        }
    }

    pub(super) fn sent_again(&mut self, event: EventNumber) {
        if let Some(fate) = self.appends.get_mut(&event)
            && let crate::history::Action::Append(append) = &mut fate.operation.action
        {
            append.attempts += 1;
        }
    }

    /// Its outcome is known; whether the append is.
    pub(super) fn returned(&mut self, operation: &Operation) -> Option<&mut Fate> {
        let fate = self.appends.get_mut(&operation.invoked.number)?;
        fate.operation = operation.clone();
        Some(fate)
    }

    pub(super) fn get(&self, append: EventNumber) -> Option<&Fate> {
        self.appends.get(&append)
    }

    pub(super) fn get_mut(&mut self, append: EventNumber) -> Option<&mut Fate> {
        self.appends.get_mut(&append)
    }

    pub(super) fn find(&self, value: Value) -> Option<Known> {
        self.values.get(&value).copied()
    }

    /// Says where a value lies, and returns where it was said to lie before.
    pub(super) fn place(&mut self, value: Value, offset: Offset) -> Option<Offset> {
        let known = self.values.get_mut(&value)?;
        let before = known.offset;
        known.offset.get_or_insert(offset);
        before
    }

    /// An offset of the window holds one of its records.
    pub(super) fn entered(&mut self, append: EventNumber) {
        if let Some(fate) = self.appends.get_mut(&append) {
            fate.slots += 1;
            self.elsewhere.remove(&append);
        }
    }

    /// An offset of the window does so no longer, since another record does or the window has moved on.
    pub(super) fn left(&mut self, append: EventNumber, why: Leaving) {
        let Some(fate) = self.appends.get_mut(&append) else { return };
        fate.slots = fate.slots.saturating_sub(1);
        if fate.slots > 0 {
            return;
        }
        if why == Leaving::Replaced {
            self.elsewhere.insert(append);
            return;
        }
        if fate.append().may_be_doubled() {
            self.memory = Memory::Lost;
        }
        self.forget(append);
    }

    fn forget(&mut self, append: EventNumber) {
        self.elsewhere.remove(&append);
        if let Some(fate) = self.appends.remove(&append) {
            for value in &fate.append().values {
                self.values.remove(value);
            }
        }
    }

    pub(super) fn memory(&self) -> Memory {
        self.memory
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Fate> {
        self.appends.values()
    }

    /// Appends and values that are held.
    pub(super) fn len(&self) -> usize {
        self.appends.len() + self.values.len()
    }
}

/// Why an offset of the window holds a record no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Somebody told of another one there.
    Replaced,
    /// The window moved on.
    Passed,
}
