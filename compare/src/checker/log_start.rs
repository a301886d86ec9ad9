//! Where the log may begin: not behind what anybody asked to trim, nor before what was trimmed already.

use std::collections::BTreeMap;

use partition::ids::Offset;

use super::anomaly::Anomaly;
use crate::history::{Action, EventNumber, Operation, Retention, View};

/// How many log starts are remembered: a history that runs for ever has no end of them. The newest matter.
const STARTS_MAX: usize = 4096;

/// What is known of the log start.
#[derive(Clone, Debug)]
pub(super) struct LogStarts {
    retention: Retention,
    /// Each offset that was asked for, and when first.
    asked: BTreeMap<Offset, EventNumber>,
    /// Each log start that holds for all who ask later, and since when.
    proved: BTreeMap<Offset, EventNumber>,
}

impl LogStarts {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, asked: BTreeMap::new(), proved: BTreeMap::new() }
    }

    /// A trim is asked for.
    pub(super) fn invoked(&mut self, operation: &Operation) {
        if let Action::Trim(trim) = &operation.action {
            remember(&mut self.asked, trim.to, operation.invoked.number);
        }
    }

    /// A log start was told.
    pub(super) fn returned(&mut self, operation: &Operation) {
        let Some(returned) = operation.returned else { return };
        let start = match &operation.action {
            Action::Trim(trim) => trim.start,
            Action::Read(read) if is_current(read.view) => read.seen.as_ref().map(|seen| seen.log_start),
            Action::Read(_) | Action::Append(_) | Action::Tail(_) => None,
        };
        if let Some(start) = start.filter(|start| *start > Offset::ZERO) {
            remember(&mut self.proved, start, returned.number);
        }
    }

    /// Whether what an operation was told contradicts the others. The limit on the history's length is the only
    /// reason for silence: a start that has been forgotten is not held against anybody.
    pub(super) fn judge(&self, operation: &Operation) -> Option<(Anomaly, String)> {
        let (start, must_be_current) = match &operation.action {
            Action::Trim(trim) => (trim.start?, true),
            Action::Read(read) if read.view != View::Uncommitted => {
                (read.seen.as_ref()?.log_start, is_current(read.view))
            }
            Action::Read(_) | Action::Append(_) | Action::Tail(_) => return None,
        };
        let returned = operation.returned?.number;
        if !self.is_lawful(start, returned) {
            let most = self.asked.keys().next_back().copied().unwrap_or_default();
            let told = format!(
                "{operation} found the log to begin at {start}, but no trim asked for more than {most}"
            );
            return Some((Anomaly::LogStartAhead, told));
        }
        if let Some(end) = committed_end(operation).filter(|end| *end < start) {
            let told = format!(
                "{operation} found the log to begin at {start}, behind the end of what is committed, {end}"
            );
            return Some((Anomaly::LogStartAhead, told));
        }
        let newer = |(_, since): &(&Offset, &EventNumber)| **since < operation.invoked.number;
        let newer = must_be_current.then(|| self.proved.range(start.next()..).find(newer)).flatten();
        newer.map(|(newer, since)| {
            let told =
                format!("{operation} found the log to begin at {start}; event {since} proved {newer} before");
            (Anomaly::LogStartBehind, told)
        })
    }

    /// The part of a final read's log start that somebody asked for.
    pub(super) fn lawful_part(&self, start: Offset, returned: EventNumber) -> Offset {
        if self.is_lawful(start, returned) {
            return start;
        }
        let asked = self.asked.iter().filter(|(_, since)| **since < returned);
        asked.map(|(offset, _)| *offset).max().unwrap_or_default()
    }

    fn is_lawful(&self, start: Offset, returned: EventNumber) -> bool {
        self.retention == Retention::Policy
            || start == Offset::ZERO
            || self.asked.range(start..).any(|(_, since)| *since < returned)
    }
}

fn committed_end(operation: &Operation) -> Option<Offset> {
    match &operation.action {
        Action::Read(read) => read.seen.as_ref()?.high_watermark,
        Action::Append(_) | Action::Tail(_) | Action::Trim(_) => None,
    }
}

/// Whether a read of this view may not lag.
fn is_current(view: View) -> bool {
    matches!(view, View::Linearizable | View::Final)
}

fn remember(starts: &mut BTreeMap<Offset, EventNumber>, start: Offset, since: EventNumber) {
    let known = starts.entry(start).or_insert(since);
    *known = (*known).min(since);
    if starts.len() > STARTS_MAX {
        starts.pop_first();
    }
}
