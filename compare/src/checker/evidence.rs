//! Establishes what lay at each offset, and between which events it must have got there.

use partition::ids::Offset;

use super::anomaly::Anomaly;
use super::axis::Axis;
use super::batches;
use super::report::Findings;
use super::sent::{AtTheEnd, OpIndex, Ordinal, SentRecords, as_append, narrow};
use crate::history::{Action, Event, EventNumber, History, Operation, Outcome, Seen, Value, View};

/// What lies at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nobody told.
    Unknown,
    /// One of the protocol's own records.
    Control,
    /// A record that was sent.
    Record(Ordinal),
    /// A record that nobody sent.
    Foreign(Value),
}

/// Why something is a bound on when an offset was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It was acknowledged.
    Acked,
    /// It was shown to a reader.
    Seen,
    /// An answered length counts it, or ends before it.
    Length,
    /// The log start lies behind it.
    LogStart,
}

/// An event before or after which an offset was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) event: EventNumber,
    pub(super) by: OpIndex,
    pub(super) why: Why,
}

/// Whether witnesses agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    Undisputed,
    Disputed,
}

/// What is known of one offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) content: Content,
    /// Who told first.
    pub(super) witness: Option<OpIndex>,
    pub(super) agreement: Agreement,
    /// The earliest return of one to whom this was filled.
    pub(super) upper: Option<Bound>,
    /// The latest invocation of one who was told that the log ends here.
    pub(super) lower: Option<Bound>,
    /// One who was told that a committed prefix ends here.
    pub(super) claim: Option<OpIndex>,
}

/// The final read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) by: OpIndex,
    pub(super) invoked: EventNumber,
    pub(super) start: Offset,
    pub(super) end: Offset,
}

/// All that a history tells about its log.
#[derive(Debug)]
pub(super) struct Evidence<'h> {
    pub(super) history: &'h History,
    pub(super) sent: SentRecords,
    pub(super) axis: Axis,
    pub(super) slots: Vec<Slot>,
    pub(super) ending: Option<Ending>,
    /// Second copies that plain clients made themselves.
    pub(super) own_duplicates: u64,
}

const EMPTY: Slot = Slot {
    content: Content::Unknown,
    witness: None,
    agreement: Agreement::Undisputed,
    upper: None,
    lower: None,
    claim: None,
};

impl<'h> Evidence<'h> {
    /// Hears every witness; contradictions go to `findings`.
    pub(super) fn of(history: &'h History, findings: &mut Findings) -> Self {
        let operations = history.operations();
        let sent = SentRecords::of(operations);
        let axis =
            Axis::of(|visit| operations.iter().for_each(|operation| name_offsets(operation, &sent, visit)));
        let slots = vec![EMPTY; axis.len()];
        let mut evidence = Self { history, sent, axis, slots, ending: None, own_duplicates: 0 };
        for (index, operation) in operations.iter().enumerate() {
            if let Some(returned) = operation.returned {
                evidence.hear(OpIndex(narrow(index)), operation, returned, findings);
            }
        }
        if evidence.sent.has_batches() {
            batches::complete(&mut evidence, findings);
        }
        evidence
    }

    pub(super) fn operation(&self, index: OpIndex) -> &'h Operation {
        &self.history.operations()[index.0 as usize]
    }

    /// The append that sent a record.
    pub(super) fn append_of(&self, ordinal: Ordinal) -> &'h crate::history::Append {
        as_append(self.operation(self.sent.get(ordinal).append)).expect("records are sent by appends")
    }

    /// The value of a record that was sent.
    pub(super) fn value_of(&self, ordinal: Ordinal) -> Value {
        self.append_of(ordinal).values[self.sent.get(ordinal).position as usize]
    }

    fn hear(&mut self, by: OpIndex, operation: &Operation, returned: Event, findings: &mut Findings) {
        let until = |why| Bound { event: returned.number, by, why };
        match &operation.action {
            Action::Append(append) => {
                let Some(base) = append.committed_at() else { return };
                let first = self.sent.first_of(by);
                for (offset, ordinal) in (base.0..).map(Offset).zip(first.0..).take(append.values.len()) {
                    self.establish(offset, Content::Record(Ordinal(ordinal)), by, findings);
                    self.filled(offset, until(Why::Acked));
                }
            }
            Action::Tail(tail) => {
                if let Some(length) = tail.length {
                    self.ended_at(length, operation.invoked.number, until(Why::Length));
                }
            }
            Action::Read(read) => {
                if let Some(seen) = read.seen.as_ref().filter(|_| read.view != View::Uncommitted) {
                    self.hear_read(by, operation, seen, read.view, findings);
                    self.filled_below(seen.log_start, until(Why::LogStart));
                }
            }
            Action::Trim(trim) => {
                self.filled_below(trim.start.unwrap_or_default(), until(Why::LogStart));
            }
        }
    }

    fn hear_read(
        &mut self,
        by: OpIndex,
        operation: &Operation,
        seen: &Seen,
        view: View,
        findings: &mut Findings,
    ) {
        let returned = operation.returned.expect("only answers are heard").number;
        for sighting in &seen.records {
            let content = match sighting.value {
                None => Content::Control,
                Some(value) => self.sent.find(value).map_or(Content::Foreign(value), Content::Record),
            };
            self.establish(sighting.offset, content, by, findings);
            if let Content::Record(ordinal) = content {
                let sent = self.sent.get_mut(ordinal);
                sent.seen_by.get_or_insert(by);
                if view == View::Final {
                    sent.at_the_end = AtTheEnd::Present;
                }
            }
        }
        let last = seen.records.iter().map(|sighting| sighting.offset).max();
        if let Some(last) = last {
            self.filled(last, Bound { event: returned, by, why: Why::Seen });
        }
        if let (Some(last), Some(end)) = (last, seen.high_watermark)
            && last >= end
            && view != View::Final
        {
            findings.add(Anomaly::StaleTail, || {
                format!("{operation} was shown offset {last} beside an end of what is committed of {end}")
            });
        }
        let length = Bound { event: returned, by, why: Why::Length };
        match (view, seen.high_watermark) {
            (View::Linearizable, Some(end)) => self.ended_at(end, operation.invoked.number, length),
            // One that knows only where its log begins ends there: a trim may have put that inside a batch.
            (View::Committed | View::Follower, Some(end)) if end == seen.log_start => {}
            (View::Committed | View::Follower, Some(end)) => self.reached(end, length),
            (View::Final, end) => {
                let end = end_of(seen, end);
                self.reached(end, length);
                let invoked = operation.invoked.number;
                self.ending = Some(Ending { by, invoked, start: seen.log_start, end });
            }
            (View::Linearizable | View::Committed | View::Follower | View::Uncommitted, _) => {}
        }
    }

    /// Somebody tells what lies there.
    fn establish(&mut self, offset: Offset, content: Content, by: OpIndex, findings: &mut Findings) {
        let place = self.axis.place(offset);
        let slot = &mut self.slots[place];
        match (slot.content, slot.agreement) {
            (Content::Unknown, _) => {
                slot.content = content;
                slot.witness = Some(by);
            }
            (known, _) if known == content => return,
            (_, Agreement::Disputed) => return,
            (known, Agreement::Undisputed) => {
                slot.agreement = Agreement::Disputed;
                let before = slot.witness.expect("what is known was told by somebody");
                findings.add(Anomaly::InconsistentOffsets, || {
                    let (known, content) = (self.words(known), self.words(content));
                    let (before, by) = (self.operation(before), self.operation(by));
                    format!("offset {offset} holds {known} by {before}, and {content} by {by}")
                });
            }
        }
        match content {
            Content::Record(ordinal) => self.settle(ordinal, offset, by, findings),
            Content::Foreign(value) => findings.add(Anomaly::Phantom, || {
                format!("value {value} at offset {offset} was seen by {}; nobody sent it", self.operation(by))
            }),
            Content::Unknown | Content::Control => {}
        }
    }

    /// A record lies where nobody had told of it before.
    fn settle(&mut self, ordinal: Ordinal, offset: Offset, by: OpIndex, findings: &mut Findings) {
        let append = self.append_of(ordinal);
        let sent = self.sent.get_mut(ordinal);
        let before = *sent.offset.get_or_insert(offset);
        let words = |evidence: &Self| {
            let sender = evidence.operation(evidence.sent.get(ordinal).append);
            (evidence.value_of(ordinal), sender, evidence.operation(by))
        };
        if append.outcome == Outcome::Failed && before == offset {
            findings.add(Anomaly::AbortedRead, || {
                let (value, sender, by) = words(self);
                format!("value {value} of {sender}, which failed for certain, was seen at {offset} by {by}")
            });
        }
        if before != offset && append.may_be_doubled() {
            self.own_duplicates += 1;
        } else if before != offset {
            findings.add(Anomaly::Duplicate, || {
                let (value, sender, by) = words(self);
                format!("value {value} of {sender} lies at {before} and at {offset} (told by {by})")
            });
        }
    }

    /// By then this offset was filled.
    fn filled(&mut self, offset: Offset, bound: Bound) {
        let place = self.axis.place(offset);
        let upper = &mut self.slots[place].upper;
        if upper.is_none_or(|known| bound.event < known.event) {
            *upper = Some(bound);
        }
    }

    /// By then all below this offset was filled.
    fn filled_below(&mut self, end: Offset, bound: Bound) {
        if let Some(last) = end.0.checked_sub(1) {
            self.filled(Offset(last), bound);
        }
    }

    /// A committed prefix ended here.
    fn reached(&mut self, end: Offset, bound: Bound) {
        let place = self.axis.place(end);
        self.slots[place].claim.get_or_insert(bound.by);
        self.filled_below(end, bound);
    }

    /// The log ended here, at some moment after `invoked`.
    fn ended_at(&mut self, end: Offset, invoked: EventNumber, bound: Bound) {
        self.reached(end, bound);
        let place = self.axis.place(end);
        let lower = &mut self.slots[place].lower;
        if lower.is_none_or(|known| invoked > known.event) {
            *lower = Some(Bound { event: invoked, ..bound });
        }
    }

    pub(super) fn words(&self, content: Content) -> String {
        match content {
            Content::Unknown => "something unknown".to_owned(),
            Content::Control => "one of the protocol's own records".to_owned(),
            Content::Record(ordinal) => format!("value {}", self.value_of(ordinal)),
            Content::Foreign(value) => format!("value {value}, which nobody sent"),
        }
    }
}

/// Where a final read ends: all that is committed, though the last of it may be hidden.
pub(super) fn end_of(seen: &Seen, high_watermark: Option<Offset>) -> Offset {
    seen.end().unwrap_or(seen.log_start).max(high_watermark.unwrap_or_default())
}

/// Every offset that [`Evidence::hear`] will ask for.
fn name_offsets(operation: &Operation, sent: &SentRecords, visit: &mut dyn FnMut(Offset)) {
    let mut end = |end: Offset| {
        visit(end);
        visit(Offset(end.0.saturating_sub(1)));
    };
    match &operation.action {
        Action::Append(append) => {
            if let Some(base) = append.committed_at() {
                (base.0..).take(append.values.len()).for_each(|offset| visit(Offset(offset)));
            }
        }
        Action::Tail(tail) => tail.length.into_iter().for_each(end),
        Action::Read(read) => {
            if let Some(seen) = read.seen.as_ref().filter(|_| read.view != View::Uncommitted) {
                end(seen.log_start);
                seen.high_watermark.into_iter().for_each(&mut end);
                end(end_of(seen, None));
                seen.records.iter().for_each(|sighting| visit(sighting.offset));
                if sent.has_batches() {
                    batches::name_offsets(seen, sent, visit);
                }
            }
        }
        Action::Trim(trim) => trim.start.into_iter().for_each(end),
    }
}
