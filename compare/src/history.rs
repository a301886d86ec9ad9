//! What clients asked and were told, in the order in which it happened: the evidence that a run is judged by.
//!
//! ```text
//!   clients ──► Recorder ──► Recording ──► History ──► the checker      one verdict at the end
//!                  │                          └──────► JSON, Jepsen EDN
//!                  └───────► any other Witness                         a verdict so far, in bounded memory
//! ```
//! Events are numbered as they are recorded, and judged by that number: two events of one virtual moment still have an
//! order, and a tie would hide a violation. An operation that never returned may still take effect.
//!
//! Left out: what happens inside replicas. That is judged by the invariants of a simulated run.

mod edn;
mod json;
pub(crate) mod number;
mod operation;
mod recorder;
mod recording;

use std::collections::HashSet;

use partition::ids::Offset;
use serde::{Deserialize, Serialize};

pub use json::NotAHistory;
pub use number::{ClientId, Event, EventNumber, Value};
pub use operation::{
    Action, Append, Operation, Outcome, Read, Seen, Sender, Sighting, Tail, Trim, View, Who,
};
pub use recorder::{AppendCall, ReadCall, Recorder, TailCall, TrimCall, Unreadable, Witness};
pub use recording::Recording;

/// What may raise the log start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Trims of the history, and nothing else.
    #[default]
    Trims,
    /// A limit of size or age as well: any committed record may go.
    Policy,
}

/// What it means when a read passes over an offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gaps {
    /// Reads report each offset, the protocol's own records among them: a gap is a lost record.
    #[default]
    Never,
    /// The client library hides the protocol's own records, as Kafka's do: a gap proves nothing by itself.
    Allowed,
}

/// All operations of one run on one partition, in the order of their invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
    /// What may raise the log start.
    pub retention: Retention,
    /// What a gap means.
    pub gaps: Gaps,
}

/// Why operations are no history that could be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Without an order of events there is no verdict.
    #[error("event {0} occurs twice; number events in the order in which they happened")]
    EventTwice(EventNumber),
    /// Time runs one way.
    #[error("the operation invoked at event {invoked} returned at event {returned}, which is not later")]
    ReturnedFirst {
        /// When it began.
        invoked: EventNumber,
        /// When it ended.
        returned: EventNumber,
    },
    /// A client that was told something has returned.
    #[error("the operation at event {0} has an answer, but no event at which it returned")]
    AnswerWithoutReturn(EventNumber),
    /// Values identify records.
    #[error("value {0} is sent by two appends; each record needs a value of its own")]
    ValueTwice(Value),
    /// No batch is empty.
    #[error("the append at event {0} has no values")]
    EmptyAppend(EventNumber),
    /// There is one end.
    #[error("events {first} and {second} are both final reads; mark the last one only")]
    FinalTwice {
        /// The one.
        first: EventNumber,
        /// The other.
        second: EventNumber,
    },
    /// Beyond what a log can reach.
    #[error("the operation at event {event} names offset {offset}; the largest is {most}", most = History::OFFSET_MAX)]
    OffsetTooLarge {
        /// Which operation.
        event: EventNumber,
        /// What it names.
        offset: Offset,
    },
}

impl History {
    /// The largest offset: a batch more still fits 63 bits, Kafka's width of an offset.
    pub const OFFSET_MAX: Offset = Offset(1 << 62);

    /// These operations as a history, sorted by their invocation.
    ///
    /// # Errors
    /// [`HistoryError`] when they cannot be judged.
    pub fn new(mut operations: Vec<Operation>) -> Result<Self, HistoryError> {
        operations.sort_by_key(|operation| operation.invoked.number);
        refuse_bad_events(&operations)?;
        let mut values = HashSet::new();
        let mut last: Option<EventNumber> = None;
        for operation in &operations {
            let event = operation.invoked.number;
            if let Some(offset) = operation.largest_offset().filter(|offset| *offset > Self::OFFSET_MAX) {
                return Err(HistoryError::OffsetTooLarge { event, offset });
            }
            if operation.returned.is_none() && operation.is_answered() {
                return Err(HistoryError::AnswerWithoutReturn(event));
            }
            match &operation.action {
                Action::Append(append) if append.values.is_empty() => {
                    return Err(HistoryError::EmptyAppend(event));
                }
                Action::Append(append) => {
                    if let Some(twice) = append.values.iter().find(|value| !values.insert(**value)) {
                        return Err(HistoryError::ValueTwice(*twice));
                    }
                }
                Action::Read(Read { view: View::Final, .. }) => {
                    if let Some(first) = last.replace(event) {
                        return Err(HistoryError::FinalTwice { first, second: event });
                    }
                }
                Action::Read(_) | Action::Tail(_) | Action::Trim(_) => {}
            }
        }
        Ok(Self { operations, retention: Retention::default(), gaps: Gaps::default() })
    }

    /// Tells a witness all of it, event by event, as a recorder would have.
    pub fn replay(&self, witness: &mut impl Witness) {
        let mut events = Vec::with_capacity(self.operations.len() * 2);
        for operation in &self.operations {
            events.push((operation.invoked.number, operation));
            events.extend(operation.returned.map(|returned| (returned.number, operation)));
        }
        events.sort_unstable_by_key(|(number, _)| *number);
        for (number, operation) in events {
            if number != operation.invoked.number {
                witness.returned(operation.clone());
                continue;
            }
            let question = operation.question();
            witness.invoked(&question);
            if let Action::Append(append) = &operation.action {
                (1..append.attempts).for_each(|_| witness.sent_again(number));
            }
        }
    }

    /// The operations, in the order of their invocation.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

fn refuse_bad_events(operations: &[Operation]) -> Result<(), HistoryError> {
    let mut numbers = Vec::with_capacity(operations.len() * 2);
    for operation in operations {
        let invoked = operation.invoked.number;
        numbers.push(invoked);
        if let Some(returned) = operation.returned {
            if returned.number < invoked {
                return Err(HistoryError::ReturnedFirst { invoked, returned: returned.number });
            }
            numbers.push(returned.number);
        }
    }
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(HistoryError::EventTwice(pair[0])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
