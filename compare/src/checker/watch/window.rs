//! The newest offsets of a log, and what was told of each. Older ones are forgotten as newer ones come.

use std::collections::VecDeque;

use partition::ids::Offset;

use crate::history::{EventNumber, Value, Who};

/// What lies at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lying {
    /// Nobody told.
    Unknown,
    /// One of the protocol's own records.
    Control,
    /// A record of the append that was invoked then.
    Record { append: EventNumber, position: u32 },
    /// A record that nobody sent.
    Foreign(Value),
}

/// On what it rests that something lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// A witness told.
    Told,
    /// A witness told of another record of its batch.
    Implied,
    /// Witnesses tell different things.
    Disputed,
}

/// What is known of one offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) lying: Lying,
    pub(super) basis: Basis,
    pub(super) witness: Option<Who>,
    /// One who was told that a committed prefix ends here.
    pub(super) claim: Option<Who>,
}

const EMPTY: Slot = Slot { lying: Lying::Unknown, basis: Basis::Implied, witness: None, claim: None };

/// The newest offsets.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    floor: Offset,
    slots: VecDeque<Slot>,
    /// What was forgotten and has not been taken yet.
    forgotten: Vec<Lying>,
}

impl Window {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, floor: Offset::ZERO, slots: VecDeque::new(), forgotten: Vec::new() }
    }

    /// What is known of an offset; the window moves up to it. None when it is too old.
    pub(super) fn slot(&mut self, offset: Offset) -> Option<&mut Slot> {
        let end = Offset(self.floor.0 + self.slots.len() as u64);
        if self.slots.is_empty() || offset.since(end) >= self.limit as u64 {
            // It begins, or leaps: half of the window stays for what is told out of order.
            self.forgotten.extend(self.slots.drain(..).map(|slot| slot.lying));
            self.floor = Offset(offset.0.saturating_sub(self.limit as u64 / 2));
        }
        let place = usize::try_from(offset.0.checked_sub(self.floor.0)?).expect("a leap was dealt with");
        while self.slots.len() <= place {
            self.slots.push_back(EMPTY);
        }
        let old = self.slots.len().saturating_sub(self.limit);
        self.forgotten.extend(self.slots.drain(..old).map(|slot| slot.lying));
        self.floor = Offset(self.floor.0 + old as u64);
        self.slots.get_mut(place - old)
    }

    /// What is known of an offset, wherever the window is.
    pub(super) fn peek(&self, offset: Offset) -> Option<&Slot> {
        let place = usize::try_from(offset.0.checked_sub(self.floor.0)?).ok()?;
        self.slots.get(place)
    }

    /// Takes what was forgotten since this was called last.
    pub(super) fn take_forgotten(&mut self) -> Vec<Lying> {
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn holds_something(&self, from: Offset, to: Offset) -> bool {
        (from.max(self.floor).0..to.0)
            .map_while(|offset| self.peek(Offset(offset)))
            .any(|slot| slot.lying != Lying::Unknown)
    }

    /// All from an offset on.
    pub(super) fn from(&self, offset: Offset) -> impl Iterator<Item = (Offset, &Slot)> {
        let skipped = usize::try_from(offset.since(self.floor)).unwrap_or(usize::MAX);
        (self.floor.0..).map(Offset).zip(&self.slots).skip(skipped)
    }

    pub(super) fn floor(&self) -> Offset {
        self.floor
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_up_and_forgets_what_it_leaves() {
        let mut window = Window::new(4);
        for offset in 0..10 {
            window.slot(Offset(offset)).unwrap().lying = Lying::Foreign(Value(offset));
        }
        assert_eq!(window.len(), 4);
        assert!(window.slot(Offset(5)).is_none() && window.peek(Offset(5)).is_none());
        assert_eq!(window.peek(Offset(9)).unwrap().lying, Lying::Foreign(Value(9)));
        let forgotten: Vec<Lying> = (0..6).map(|value| Lying::Foreign(Value(value))).collect();
        assert_eq!(window.take_forgotten(), forgotten);
    }

    #[test]
    fn a_leap_forgets_all_and_leaves_room_below() {
        let mut window = Window::new(4);
        window.slot(Offset(1)).unwrap();
        window.slot(Offset(1 << 60)).unwrap();
        assert!(window.slot(Offset((1 << 60) - 2)).is_some());
        assert!(window.slot(Offset(1)).is_none());
        assert!(window.len() <= 4);
    }
}
