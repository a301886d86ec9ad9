//! The judge: is what clients were told possible for one log that keeps its promise?
//!
//! ```text
//!   sightings (acks, reads)        bounds                       one sweep over offsets
//!     offset 0  value 7      sent at event 2, acked at 9          t(0) =  2  <=  9
//!     offset 1  value 4      sent at event 5, seen at 30          t(1) =  5  <= 30
//!     offset 2  value 9      a tail of 2 asked at event 40        t(2) = 40  >  33: real time is broken
//!                            sent at event 1, acked at 33
//! ```
//! [`check`] is exact for what it is told and takes time in proportion to it: a log whose appends return offsets needs no
//! search for an order, since the offsets are the order. What remains is whether each offset can be given a moment at which it
//! was filled, ascending with the offsets, after its append was sent and before anybody was told of it. Only the event
//! numbers count, not the clock.
//!
//! * An acknowledged append lies at its offset for ever. One of unknown outcome may be there or not. One that failed for
//!   certain may not.
//! * Acknowledgements below committed prove nothing: such appends count as unknown, and what is lost of them is counted apart.
//!   Uncommitted reads prove nothing either.
//! * A committed read, a leader's or a follower's, shows what had been filled when it returned: it may lag, it may not lie. A
//!   linearizable one, and a tail, tell also where the log ended.
//! * The records of a batch are filled at one moment.
//! * The final read decides what is lost. Without one the verdict is at best [`Verdict::Unknown`].
//! * What lies below the log start is gone by right, if a trim asked for it or the history says that a policy does.
//!
//! [`Watch`] gives a verdict so far, in bounded memory. [`search`] is a second judge that tries all orders of a small history;
//! [`duel`] lets both judge random ones.
//!
//! Left out: transactions, consumer groups, and several partitions in one history.

mod anomaly;
mod axis;
mod batches;
mod clients;
pub mod duel;
mod evidence;
mod log_start;
mod losses;
mod report;
pub mod search;
mod sent;
mod sweep;
mod watch;

use std::collections::BTreeMap;

use partition::ids::Offset;

pub use anomaly::{Anomaly, Finding};
pub use report::{FINDINGS_KEPT, Figures, Report, Verdict};
pub use watch::Watch;

use crate::history::{Action, ClientId, History};
use clients::Readers;
use evidence::{Content, Evidence};
use log_start::LogStarts;
use report::{FinalRead, Findings};

/// Judges a history.
#[must_use]
pub fn check(history: &History) -> Report {
    let mut findings = Findings::default();
    let mut figures = Figures::default();
    let evidence = Evidence::of(history, &mut findings);
    sweep::sweep(&evidence, &mut findings);
    let starts = judge_log_start(history, &mut findings);
    judge_readers(&evidence, &mut findings);
    judge_senders(history, &mut findings);
    let final_read = match &evidence.ending {
        Some(ending) => {
            let returned = evidence.operation(ending.by).returned.expect("it was answered").number;
            let start = starts.lawful_part(ending.start, returned);
            losses::judge(&evidence, ending, start, &mut findings);
            FinalRead::Present
        }
        None => {
            losses::doubt(&evidence, largest_start(history), &mut findings);
            FinalRead::Missing
        }
    };
    losses::count(&evidence, &mut figures);
    count_operations(history, &mut figures);
    figures.own_duplicates = evidence.own_duplicates;
    findings.report(figures, final_read)
}

fn judge_log_start(history: &History, findings: &mut Findings) -> LogStarts {
    let mut starts = LogStarts::new(history.retention);
    for operation in history.operations() {
        starts.invoked(operation);
        starts.returned(operation);
    }
    for operation in history.operations() {
        if let Some((anomaly, told)) = starts.judge(operation) {
            findings.add(anomaly, || told);
        }
    }
    starts
}

fn judge_readers(evidence: &Evidence<'_>, findings: &mut Findings) {
    let mut filled = Vec::with_capacity(evidence.slots.len() + 1);
    filled.push(0_u32);
    for slot in &evidence.slots {
        let before = filled.last().expect("it begins with one");
        filled.push(before + u32::from(slot.content != Content::Unknown));
    }
    let mut readers = Readers::default();
    for operation in evidence.history.operations() {
        let Action::Read(read) = &operation.action else { continue };
        let Some(seen) = &read.seen else { continue };
        for stumble in readers.follow(operation.client, read, seen) {
            let holds_something = |from: Offset, to: Offset| {
                filled[evidence.axis.at_or_after(from)] < filled[evidence.axis.at_or_after(to)]
            };
            if let Some((anomaly, told)) = stumble.judge(operation, evidence.history.gaps, holds_something) {
                findings.add(anomaly, || told);
            }
        }
    }
}

/// A client's appends are made in the order of its calls, acknowledged ones at least.
fn judge_senders(history: &History, findings: &mut Findings) {
    let mut furthest: BTreeMap<ClientId, (Offset, usize)> = BTreeMap::new();
    for (index, operation) in history.operations().iter().enumerate() {
        let Action::Append(append) = &operation.action else { continue };
        let Some(base) = append.committed_at().filter(|_| !append.may_be_doubled()) else { continue };
        match furthest.get_mut(&operation.client) {
            Some((most, earlier)) if base < *most => {
                let earlier = &history.operations()[*earlier];
                findings.add(Anomaly::NonmonotonicSend, || {
                    format!("{earlier} was acknowledged at {most}, but {operation}, which it began later, at {base}")
                });
            }
            Some(most) => *most = (base, index),
            None => {
                furthest.insert(operation.client, (base, index));
            }
        }
    }
}

fn largest_start(history: &History) -> Offset {
    let starts = history.operations().iter().map(|operation| match &operation.action {
        Action::Read(read) => read.seen.as_ref().map_or(Offset::ZERO, |seen| seen.log_start),
        Action::Trim(trim) => trim.start.unwrap_or_default(),
        Action::Append(_) | Action::Tail(_) => Offset::ZERO,
    });
    starts.max().unwrap_or_default()
}

fn count_operations(history: &History, figures: &mut Figures) {
    for operation in history.operations() {
        match &operation.action {
            Action::Append(_) => figures.appends += 1,
            Action::Read(_) => figures.reads += u64::from(operation.is_answered()),
            Action::Tail(_) => figures.tails += u64::from(operation.is_answered()),
            Action::Trim(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
