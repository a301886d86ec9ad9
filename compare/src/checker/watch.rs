//! A verdict so far: judges operations as they return, and remembers the newest offsets only.
//!
//! Whatever [`check`](super::check) finds in the window, this finds too, on the same grounds but one operation at a time: what
//! would be put at an offset is compared with how far the log was filled when its append began. What lies below the window
//! is not judged, and counted as such. Without a final read it cannot tell what is lost, only what is contradicted.
//!
//! Left out: the figures of what was lost below committed, which need the whole history.

mod ending;
mod establish;
mod fates;
mod order;
mod window;

use partition::ids::Offset;

use super::anomaly::Anomaly;
use super::clients::{Readers, Stumble};
use super::evidence::{Why, end_of};
use super::log_start::LogStarts;
use super::report::{Figures, FinalRead, Findings, Report};
use crate::history::{
    Action, Append, EventNumber, Gaps, Operation, Outcome, Read, Retention, Seen, View, Who, Witness,
};
use fates::Fates;
use order::{Filled, Senders};
use window::{Basis, Lying, Window};

/// Judges what clients are told, in bounded memory.
#[derive(Debug)]
pub struct Watch {
    gaps: Gaps,
    window: Window,
    fates: Fates,
    filled: Filled,
    starts: LogStarts,
    readers: Readers,
    senders: Senders,
    /// Gaps in answers that may yet turn out to hold something.
    open_gaps: Vec<(Offset, Offset, Anomaly, String)>,
    findings: Findings,
    figures: Figures,
    final_read: FinalRead,
}

impl Watch {
    /// How many offsets are remembered, unless told: some seconds of a busy partition, a few dozen MiB.
    pub const WINDOW: usize = 1 << 16;
    /// How many gaps may be open: they are rare, and a gap that is not followed is only judged later than it could be.
    const OPEN_GAPS_MAX: usize = 64;

    /// A watch of a partition.
    #[must_use]
    pub fn new(retention: Retention, gaps: Gaps) -> Self {
        Self::with_window(retention, gaps, Self::WINDOW)
    }

    /// A watch that remembers so many offsets, and as many appends that nobody was told of yet.
    ///
    /// # Panics
    /// When that is less than 2.
    #[must_use]
    pub fn with_window(retention: Retention, gaps: Gaps, offsets: usize) -> Self {
        assert!(offsets >= 2, "a window holds at least two offsets");
        Self {
            gaps,
            window: Window::new(offsets),
            fates: Fates::new(offsets),
            filled: Filled::default(),
            starts: LogStarts::new(retention),
            readers: Readers::default(),
            senders: Senders::default(),
            open_gaps: Vec::new(),
            findings: Findings::default(),
            figures: Figures::default(),
            final_read: FinalRead::Missing,
        }
    }

    /// The verdict so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.findings.report(self.figures, self.final_read)
    }

    /// How many things are remembered: offsets, appends, values, and steps of the order. Bounded by a small multiple
    /// of the window.
    #[must_use]
    pub fn held(&self) -> usize {
        self.window.len() + self.fates.len() + self.filled.len() + self.senders.len() + self.open_gaps.len()
    }

    fn hear_append(&mut self, operation: &Operation, append: &Append, returned: EventNumber) {
        let who = operation.who();
        self.count(append);
        let Some(fate) = self.fates.returned(operation) else {
            self.figures.unjudged += append.values.len() as u64;
            return;
        };
        if append.outcome == Outcome::Failed && fate.base.is_some() {
            let base = fate.base.unwrap_or_default();
            self.findings.add(Anomaly::AbortedRead, || {
                format!("{who} failed for certain, but its record was seen at {base}")
            });
        }
        let Some(base) = append.committed_at() else { return };
        let event = operation.invoked.number;
        let mut last = base;
        for (offset, position) in (base.0..).map(Offset).zip(0_u32..).take(append.values.len()) {
            self.establish(offset, Lying::Record { append: event, position }, who);
            last = offset;
        }
        self.filled.add(returned, last, who, Why::Acked);
        if append.may_be_doubled() {
            return;
        }
        if let Some(reversed) = self.senders.acked(operation, base) {
            self.findings.add(Anomaly::NonmonotonicSend, || {
                let ((most, earlier), (base, later)) = (reversed.earlier, reversed.later);
                format!("{earlier} was acknowledged at {most}, but {later}, which it began later, at {base}")
            });
        }
    }

    fn count(&mut self, append: &Append) {
        let records = append.values.len() as u64;
        let figures = &mut self.figures;
        figures.appends += 1;
        match append.outcome {
            Outcome::Acked { .. } if append.committed_at().is_some() => figures.acked += records,
            Outcome::Acked { .. } => figures.acked_by_leader += records,
            Outcome::Sent => figures.sent += records,
            Outcome::Failed => figures.failed += records,
            Outcome::Unknown => figures.unknown += records,
        }
    }

    fn hear_read(&mut self, operation: &Operation, read: &Read, seen: &Seen, returned: EventNumber) {
        self.figures.reads += 1;
        if read.view == View::Uncommitted {
            return;
        }
        let who = operation.who();
        for sighting in &seen.records {
            let lying = match sighting.value {
                None => Lying::Control,
                Some(value) => self.fates.find(value).map_or(Lying::Foreign(value), |known| Lying::Record {
                    append: known.append,
                    position: known.position,
                }),
            };
            self.establish(sighting.offset, lying, who);
        }
        let last = seen.records.iter().map(|sighting| sighting.offset).max();
        if let Some(last) = last {
            self.filled.add(returned, last, who, Why::Seen);
        }
        let invoked = operation.invoked.number;
        match (read.view, seen.high_watermark) {
            (View::Final, end) => self.hear_final(operation, seen, end_of(seen, end), returned),
            (_, Some(end)) => {
                if let Some(last) = last.filter(|last| *last >= end) {
                    self.findings.add(Anomaly::StaleTail, || {
                        format!("{who} was shown offset {last} beside an end of what is committed of {end}")
                    });
                }
                let proved = read.view == View::Linearizable;
                // One that knows only where its log begins ends there: a trim may have put that inside a batch.
                if proved || end != seen.log_start {
                    self.reached(end, who, returned);
                }
                if proved {
                    self.ended_at(end, who, invoked);
                }
            }
            (_, None) => {}
        }
        self.filled_below(seen.log_start, returned, who, Why::LogStart);
        self.follow(operation, read, seen);
    }

    fn follow(&mut self, operation: &Operation, read: &Read, seen: &Seen) {
        for stumble in self.readers.follow(operation.client, read, seen) {
            let window = &self.window;
            if let Some((anomaly, told)) =
                stumble.judge(operation, self.gaps, |from, to| window.holds_something(from, to))
            {
                self.findings.add(anomaly, || told);
            } else if let Stumble::Gap { anomaly, from, to } = stumble
                && self.open_gaps.len() < Self::OPEN_GAPS_MAX
            {
                let told = format!("{operation} was shown nothing from {from} up to {to}");
                self.open_gaps.push((from, to, anomaly, told));
            }
        }
    }

    /// A committed prefix ended here.
    fn reached(&mut self, end: Offset, who: Who, returned: EventNumber) {
        if let Some(slot) = self.window.slot(end) {
            slot.claim.get_or_insert(who);
            if matches!(slot.lying, Lying::Record { position: 1.., .. }) && slot.basis != Basis::Disputed {
                self.add_torn_claim(end, who);
            }
        }
        self.filled_below(end, returned, who, Why::Length);
    }

    fn filled_below(&mut self, end: Offset, returned: EventNumber, who: Who, why: Why) {
        if let Some(last) = end.0.checked_sub(1) {
            self.filled.add(returned, Offset(last), who, why);
        }
    }

    /// The log ended here, at some moment after `invoked`.
    fn ended_at(&mut self, end: Offset, who: Who, invoked: EventNumber) {
        let inside = self.window.peek(end).map(|slot| slot.lying);
        if !matches!(inside, Some(Lying::Record { position: 1.., .. })) {
            self.judge_order(invoked, end, who, Late::Asked);
        }
    }

    /// Whether `offset` was still free when somebody began who says so.
    fn judge_order(&mut self, began: EventNumber, offset: Offset, who: Who, late: Late) {
        let Some(step) = self.filled.before(began).filter(|step| step.offset >= offset) else { return };
        let (filled, early) = (step.offset, step.who);
        let told = match step.why {
            Why::Acked => format!("{early} was acknowledged offset {filled}"),
            Why::Seen => format!("{early} was shown offset {filled}"),
            Why::Length => format!("{early} counted offset {filled}"),
            Why::LogStart => format!("{early} found the log to begin behind offset {filled}"),
        };
        let (anomaly, rest) = match (late, step.why) {
            (Late::Sent, Why::Acked | Why::Seen) => (Anomaly::RealTimeOrder, "its record lies at"),
            (Late::Sent, Why::Length) => (Anomaly::StaleTail, "its record lies at"),
            (Late::Sent, Why::LogStart) => (Anomaly::LogStartAhead, "its record lies at"),
            (Late::Asked, Why::LogStart) => (Anomaly::LogStartAhead, "was answered an end of"),
            (Late::Asked, _) => (Anomaly::StaleTail, "was answered an end of"),
        };
        self.findings.add(anomaly, || format!("{told}, but {who} began later, and {rest} {offset}"));
    }
}

/// Who says that an offset was still free when it began.
#[derive(Clone, Copy, Debug)]
enum Late {
    /// Its record came to lie there.
    Sent,
    /// It was answered that the log ends there.
    Asked,
}

impl Witness for Watch {
    fn invoked(&mut self, operation: &Operation) {
        self.fates.invoked(operation);
        self.starts.invoked(operation);
    }

    fn sent_again(&mut self, invoked: EventNumber) {
        self.fates.sent_again(invoked);
    }

    fn returned(&mut self, operation: Operation) {
        let Some(returned) = operation.returned.map(|event| event.number) else { return };
        self.starts.returned(&operation);
        if let Some((anomaly, told)) = self.starts.judge(&operation) {
            self.findings.add(anomaly, || told);
        }
        match &operation.action {
            Action::Append(append) => self.hear_append(&operation, append, returned),
            Action::Tail(tail) => {
                if let Some(length) = tail.length {
                    self.figures.tails += 1;
                    self.reached(length, operation.who(), returned);
                    self.ended_at(length, operation.who(), operation.invoked.number);
                }
            }
            Action::Read(read) => {
                if let Some(seen) = &read.seen {
                    self.hear_read(&operation, read, seen, returned);
                }
            }
            Action::Trim(trim) => {
                let start = trim.start.unwrap_or_default();
                self.filled_below(start, returned, operation.who(), Why::LogStart);
            }
        }
    }
}

#[cfg(test)]
mod tests;
