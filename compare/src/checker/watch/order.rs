//! What the order of events forbids: by when the log was filled how far, and what each client was told in which order.

use std::collections::{BTreeMap, VecDeque};

use partition::ids::Offset;

use crate::checker::evidence::Why;
use crate::history::{ClientId, EventNumber, Operation, Who};

/// By this event all up to this offset was filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    event: EventNumber,
    pub(super) offset: Offset,
    pub(super) who: Who,
    pub(super) why: Why,
}

/// By which event the log was filled how far: both ascend.
#[derive(Debug, Default)]
pub(super) struct Filled {
    steps: VecDeque<Step>,
}

impl Filled {
    /// Somebody was told at `event`, the latest so far, that all up to `offset` was filled.
    pub(super) fn add(&mut self, event: EventNumber, offset: Offset, who: Who, why: Why) {
        if self.steps.back().is_none_or(|last| last.offset < offset) {
            self.steps.push_back(Step { event, offset, who, why });
        }
    }

    /// How far it was filled before an event.
    pub(super) fn before(&self, event: EventNumber) -> Option<&Step> {
        let after = self.steps.partition_point(|step| step.event < event);
        after.checked_sub(1).and_then(|last| self.steps.get(last))
    }

    /// Nobody asks about offsets below `floor` any more.
    pub(super) fn forget_below(&mut self, floor: Offset) {
        while self.steps.front().is_some_and(|step| step.offset < floor) {
            self.steps.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }
}

/// Where the latest appends of each client were acknowledged.
#[derive(Debug, Default)]
pub(super) struct Senders {
    acked: BTreeMap<ClientId, BTreeMap<EventNumber, (Offset, Who)>>,
}

/// Two appends of one client: the one that it began earlier lies later.
#[derive(Debug)]
pub(super) struct Reversed {
    pub(super) earlier: (Offset, Who),
    pub(super) later: (Offset, Who),
}

impl Senders {
    /// How many clients are followed; those beyond are not.
    const CLIENTS_MAX: usize = 1024;
    /// How many appends of each: more than any client has in flight.
    const APPENDS_MAX: usize = 256;

    /// An append was acknowledged there.
    pub(super) fn acked(&mut self, operation: &Operation, base: Offset) -> Option<Reversed> {
        if self.acked.len() >= Self::CLIENTS_MAX && !self.acked.contains_key(&operation.client) {
            return None;
        }
        let own = self.acked.entry(operation.client).or_default();
        let (event, here) = (operation.invoked.number, (base, operation.who()));
        let earlier = own.range(..event).next_back().map(|(_, known)| *known);
        let later = own.range(event..).next().map(|(_, known)| *known);
        own.insert(event, here);
        if own.len() > Self::APPENDS_MAX {
            own.pop_first();
        }
        match (earlier, later) {
            (Some(earlier), _) if earlier.0 > base => Some(Reversed { earlier, later: here }),
            (_, Some(later)) if later.0 < base => Some(Reversed { earlier: here, later }),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.acked.values().map(BTreeMap::len).sum()
    }
}
