//! One trial as a time line: acknowledgements, how long they took, and what happened meanwhile.

use std::time::Duration;

use partition::clock::Moment;
use partition::ids::NodeId;

use crate::history::{Action, History, Outcome};

/// The resolution of a time line.
pub const STEP: Duration = Duration::from_millis(100);

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Moment,
    pub(super) what: String,
    pub(super) replica: Option<NodeId>,
}

/// One trial as a time line, from the beginning of its load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// What happened: when, what, and to which replica.
    pub events: Vec<(Duration, String, Option<NodeId>)>,
    /// Of each [`STEP`]: how many appends were acknowledged.
    pub acknowledged: Vec<u64>,
    /// Of each: the longest that one of those took; none where there were none.
    pub slowest: Vec<Option<Duration>>,
}

impl Story {
    /// What these events and this history tell, up to the end of the load.
    pub(super) fn of(begun: Moment, ends: Moment, events: &[Event], history: &History) -> Self {
        let steps = usize::try_from(ends.since(begun).as_nanos() / STEP.as_nanos()).expect("seconds");
        let (mut acknowledged, mut slowest) = (vec![0; steps], vec![None; steps]);
        for operation in history.operations() {
            let Action::Append(append) = &operation.action else { continue };
            let Some(returned) = operation.returned else { continue };
            if !matches!(append.outcome, Outcome::Acked { .. } | Outcome::Sent) || returned.at < begun {
                continue;
            }
            let step = returned.at.since(begun).as_nanos() / STEP.as_nanos();
            let step = usize::try_from(step).expect("seconds");
            if step < steps {
                acknowledged[step] += 1;
                slowest[step] = slowest[step].max(Some(returned.at.since(operation.invoked.at)));
            }
        }
        let mut events: Vec<_> = events
            .iter()
            .filter(|event| event.at >= begun && event.at <= ends)
            .map(|event| (event.at.since(begun), event.what.clone(), event.replica))
            .collect();
        events.sort();
        Self { events, acknowledged, slowest }
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::Offset;
    use partition::partition::Acks;

    use super::*;
    use crate::history::{Append, ClientId, Event as At, EventNumber, Operation, Sender, Value};

    #[test]
    fn acknowledgements_are_counted_where_they_came() {
        let at = |millis: u64| Moment::default().after(Duration::from_millis(millis));
        let operation = |number: u64, asked: u64, told: u64| {
            let values = vec![Value(number)];
            let outcome = Outcome::Acked { base: Offset(number), epoch: None };
            let append =
                Append { values, acks: Acks::Committed, sender: Sender::Plain, attempts: 1, outcome };
            Operation {
                client: ClientId(1),
                invoked: At { number: EventNumber(number * 2), at: at(asked) },
                returned: Some(At { number: EventNumber(number * 2 + 1), at: at(told) }),
                action: Action::Append(append),
            }
        };
        let history =
            History::new(vec![operation(0, 1000, 1010), operation(1, 1020, 1290), operation(2, 1295, 1299)])
                .unwrap();
        let events = [
            Event { at: at(1050), what: "kill".to_owned(), replica: Some(NodeId(2)) },
            Event { at: at(900), what: "before".to_owned(), replica: None },
        ];
        let story = Story::of(at(1000), at(1400), &events, &history);
        assert_eq!(story.acknowledged, [1, 0, 2, 0]);
        let millis = story.slowest.iter().map(|took| took.map(|took| took.as_millis()));
        assert_eq!(millis.collect::<Vec<_>>(), [Some(10), None, Some(270), None]);
        assert_eq!(story.events, [(Duration::from_millis(50), "kill".to_owned(), Some(NodeId(2)))]);
    }
}
