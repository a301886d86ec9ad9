//! One batch of commands between its append and the moment it was read back.

use std::collections::BTreeMap;

use partition::ids::Offset;

use super::{Item, Rejection};

/// A batch under way. Reading back may overtake the append's own answer, so outcomes are kept until both are there.
#[derive(Debug)]
pub(super) struct Flight {
    items: Vec<Item>,
    base: Option<Offset>,
    outcomes: BTreeMap<Offset, Result<(), Rejection>>,
}

/// What became of one command.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) item: Item,
    pub(super) at: Offset,
    /// None when it was never read: a snapshot has taken its place.
    pub(super) outcome: Option<Result<(), Rejection>>,
}

impl Flight {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self { items, base: None, outcomes: BTreeMap::new() }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// The append was answered: the batch lies here.
    pub(super) fn placed(&mut self, base: Offset) {
        self.base = Some(base);
    }

    /// A record was read and applied; whether it is one of ours is not known before [`Flight::placed`].
    pub(super) fn saw(&mut self, at: Offset, outcome: Result<(), Rejection>) {
        if self.base.is_none_or(|base| at >= base) {
            self.outcomes.insert(at, outcome);
        }
    }

    /// Whether it was placed and all of it was applied.
    pub(super) fn has_landed(&self, applied_to: Offset) -> bool {
        self.base.is_some_and(|base| applied_to.0 >= base.0 + self.items.len() as u64)
    }

    /// What became of each command.
    ///
    /// # Panics
    /// Before it has landed.
    pub(super) fn landings(mut self) -> impl Iterator<Item = Landing> {
        let base = self.base.expect("it has landed");
        self.items.into_iter().zip(base.0..).map(move |(item, at)| {
            let at = Offset(at);
            Landing { item, at, outcome: self.outcomes.remove(&at) }
        })
    }
}
