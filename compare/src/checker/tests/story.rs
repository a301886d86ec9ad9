//! Writes a history down as a few lines: who, from which event to which, what.

use partition::clock::Moment;
use partition::ids::{Epoch, Offset};
use partition::partition::Acks;

use crate::checker::{Anomaly, Report, Watch, check};
use crate::history::{
    Action, Append, ClientId, Event, EventNumber, Gaps, History, Operation, Outcome, Read, Retention, Seen,
    Sender, Sighting, Tail, Trim, Value, View,
};

/// From one event to another.
type Span = std::ops::Range<u64>;

/// Operations, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    operations: Vec<Operation>,
    retention: Retention,
    gaps: Gaps,
}

/// One's own word for [`Outcome::Acked`].
pub(crate) fn at(base: u64) -> Outcome {
    Outcome::Acked { base: Offset(base), epoch: Some(Epoch(1)) }
}

/// Records from an offset on.
pub(crate) fn records(from: u64, values: &[u64]) -> Vec<Sighting> {
    let sighting =
        |(offset, value): (u64, &u64)| Sighting { offset: Offset(offset), value: Some(Value(*value)) };
    (from..).zip(values).map(sighting).collect()
}

impl Story {
    pub(crate) fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    pub(crate) fn with_gaps(self, gaps: Gaps) -> Self {
        Self { gaps, ..self }
    }

    pub(crate) fn operation(mut self, client: u32, span: Span, action: Action) -> Self {
        let event = |number| Event { number: EventNumber(number), at: Moment(number) };
        let returned = Some(event(span.end));
        self.operations.push(Operation {
            client: ClientId(client),
            invoked: event(span.start),
            returned,
            action,
        });
        self
    }

    /// An append as it is mostly: idempotent, for committed, once.
    pub(crate) fn append(self, client: u32, span: Span, values: &[u64], outcome: Outcome) -> Self {
        self.append_as(client, span, values, outcome, Acks::Committed, Sender::Idempotent, 1)
    }

    #[expect(clippy::too_many_arguments, reason = "a test says all of it in one line")]
    pub(crate) fn append_as(
        self,
        client: u32,
        span: Span,
        values: &[u64],
        outcome: Outcome,
        acks: Acks,
        sender: Sender,
        attempts: u32,
    ) -> Self {
        let values = values.iter().copied().map(Value).collect();
        self.operation(client, span, Action::Append(Append { values, acks, sender, attempts, outcome }))
    }

    pub(crate) fn tail(self, client: u32, span: Span, length: u64) -> Self {
        self.operation(client, span, Action::Tail(Tail { length: Some(Offset(length)) }))
    }

    /// A read from where the client stood.
    pub(crate) fn poll(self, client: u32, span: Span, view: View, seen: Vec<Sighting>) -> Self {
        self.read_from(client, span, view, None, Seen { records: seen, ..Seen::default() })
    }

    /// A read of these values from an offset.
    pub(crate) fn read(self, client: u32, span: Span, view: View, from: u64, values: &[u64]) -> Self {
        let seen = Seen { records: records(from, values), ..Seen::default() };
        self.read_from(client, span, view, Some(from), seen)
    }

    pub(crate) fn read_from(
        self,
        client: u32,
        span: Span,
        view: View,
        from: Option<u64>,
        seen: Seen,
    ) -> Self {
        self.operation(client, span, Action::Read(Read { from: from.map(Offset), view, seen: Some(seen) }))
    }

    pub(crate) fn trim(self, client: u32, span: Span, to: u64, start: Option<u64>) -> Self {
        self.operation(client, span, Action::Trim(Trim { to: Offset(to), start: start.map(Offset) }))
    }

    /// The final read, of all from 0 on.
    pub(crate) fn ends_with(self, values: &[u64]) -> Self {
        self.ends_from(0, values)
    }

    /// The final read of a log that begins at `start`.
    pub(crate) fn ends_from(self, start: u64, values: &[u64]) -> Self {
        let seen = Seen { records: records(start, values), log_start: Offset(start), high_watermark: None };
        self.read_from(99, 1_000..1_001, View::Final, Some(start), seen)
    }

    pub(crate) fn history(self) -> History {
        let mut history = History::new(self.operations).unwrap();
        history.retention = self.retention;
        history.gaps = self.gaps;
        history
    }

    pub(crate) fn judged(self) -> Report {
        check(&self.history())
    }

    /// What a watch says at the end of it.
    pub(crate) fn watched(self) -> Report {
        let history = self.history();
        let mut watch = Watch::new(history.retention, history.gaps);
        history.replay(&mut watch);
        watch.report()
    }

    /// Checks that exactly these were found, and that the first is told in these words.
    pub(crate) fn shows(self, anomalies: &[Anomaly], words: &str) {
        let report = self.clone().judged();
        let watched = self.watched();
        assert!(report.violations().eq(watched.violations()), "the judge:\n{report}\nthe watch:\n{watched}");
        let found: Vec<Anomaly> = report.counts.keys().copied().collect();
        assert_eq!(found, anomalies, "{report}");
        let finding = report.findings.iter().find(|finding| finding.anomaly == anomalies[0]).unwrap();
        assert_eq!(finding.shown_by, words);
    }
}
