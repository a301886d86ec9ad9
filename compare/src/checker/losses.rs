//! What was promised and is not there at the end; and what was never promised, and is gone.

use partition::ids::Offset;
use partition::partition::Acks;

use super::anomaly::Anomaly;
use super::evidence::{Agreement, Bound, Content, Ending, Evidence, Slot, Why};
use super::report::{Figures, Findings};
use super::sent::{AtTheEnd, Sent, as_append};
use crate::history::{Append, EventNumber, Outcome};

/// Compares what clients were told with the final read. What lies below `start` was given up lawfully.
pub(super) fn judge(evidence: &Evidence<'_>, ending: &Ending, start: Offset, findings: &mut Findings) {
    let beyond = Beyond::of(evidence, ending);
    for sent in evidence.sent.iter().filter(|sent| sent.at_the_end == AtTheEnd::Absent) {
        let sender = evidence.operation(sent.append);
        let append = as_append(sender).expect("records are sent by appends");
        let promised = append.committed_at().map(|base| Offset(base.0 + u64::from(sent.position)));
        let Some(offset) = promised.or(sent.offset).filter(|offset| *offset >= start) else { continue };
        let acked = append.committed_at().and(sender.returned);
        let acked_before = acked.is_some_and(|returned| returned.number < ending.invoked);
        let missing_below = offset < ending.end;
        let value = append.values[sent.position as usize];
        if acked_before || (missing_below && acked.is_some()) {
            findings.add(Anomaly::LostWrite, || {
                let last = evidence.operation(ending.by);
                format!("value {value}, acknowledged at offset {offset} to {sender}, is not in {last}")
            });
        } else if missing_below || beyond.was_filled(evidence, offset) {
            findings.add(Anomaly::LostRead, || {
                let last = evidence.operation(ending.by);
                let told = sent.seen_by.or_else(|| beyond.witness(evidence, offset)).unwrap_or(sent.append);
                let told = evidence.operation(told);
                format!("value {value} of {sender}, shown at offset {offset} to {told}, is not in {last}")
            });
        }
    }
    for place in evidence.axis.at_or_after(ending.end)..evidence.slots.len() {
        judge_nameless(evidence, ending, evidence.axis.offset(place), &evidence.slots[place], findings);
    }
}

/// Beyond the end there may also be lengths that were answered, and records that no client sent.
fn judge_nameless(
    evidence: &Evidence<'_>,
    ending: &Ending,
    offset: Offset,
    slot: &Slot,
    findings: &mut Findings,
) {
    let named = matches!(slot.content, Content::Record(_)) && slot.agreement == Agreement::Undisputed;
    let Some(upper) = slot.upper.filter(|upper| upper.event < ending.invoked && !named) else { return };
    let (told, last) = (evidence.operation(upper.by), evidence.operation(ending.by));
    let anomaly = match upper.why {
        Why::Acked | Why::Seen => Anomaly::LostRead,
        Why::Length => Anomaly::StaleTail,
        Why::LogStart => Anomaly::LogStartAhead,
    };
    findings.add(anomaly, || {
        let what = evidence.words(slot.content);
        format!("{told} proves that offset {offset} held {what}, but {last} ends at {}", ending.end)
    });
}

/// By when what lies beyond the final read's end must have been filled: all below a filled offset is filled.
struct Beyond {
    first: usize,
    /// The earliest upper bound at this place or after it.
    filled: Vec<Option<Bound>>,
    invoked: EventNumber,
}

impl Beyond {
    fn of(evidence: &Evidence<'_>, ending: &Ending) -> Self {
        let first = evidence.axis.at_or_after(ending.end);
        let mut earliest: Option<Bound> = None;
        let mut filled: Vec<Option<Bound>> = Vec::with_capacity(evidence.slots.len() - first);
        for slot in evidence.slots[first..].iter().rev() {
            earliest = match (earliest, slot.upper) {
                (Some(known), Some(upper)) if upper.event > known.event => Some(known),
                (known, upper) => upper.or(known),
            };
            filled.push(earliest);
        }
        filled.reverse();
        Self { first, filled, invoked: ending.invoked }
    }

    fn bound(&self, evidence: &Evidence<'_>, offset: Offset) -> Option<Bound> {
        let place = evidence.axis.place(offset).checked_sub(self.first)?;
        self.filled[place].filter(|bound| bound.event < self.invoked)
    }

    fn was_filled(&self, evidence: &Evidence<'_>, offset: Offset) -> bool {
        self.bound(evidence, offset).is_some()
    }

    fn witness(&self, evidence: &Evidence<'_>, offset: Offset) -> Option<super::sent::OpIndex> {
        self.bound(evidence, offset).map(|bound| bound.by)
    }
}

/// Without a final read: what was acknowledged and never seen may be lost or not.
pub(super) fn doubt(evidence: &Evidence<'_>, start: Offset, findings: &mut Findings) {
    for sent in evidence.sent.iter() {
        let sender = evidence.operation(sent.append);
        let append = as_append(sender).expect("records are sent by appends");
        let unseen = append.committed_at().is_some() && sent.seen_by.is_none();
        if let Some(offset) = sent.offset.filter(|offset| unseen && *offset >= start) {
            findings.add(Anomaly::Unseen, || {
                let value = append.values[sent.position as usize];
                format!("value {value}, acknowledged at offset {offset} to {sender}, was shown to nobody")
            });
        }
    }
}

/// Counts records by what their clients were told, and by what became of them.
pub(super) fn count(evidence: &Evidence<'_>, figures: &mut Figures) {
    let start = evidence.ending.map(|ending| ending.start);
    for sent in evidence.sent.iter() {
        let append = as_append(evidence.operation(sent.append)).expect("records are sent by appends");
        let lost = start.is_some_and(|start| is_gone(sent, append, start));
        match (append.outcome, append.acks) {
            (Outcome::Acked { .. }, Acks::Committed) => figures.acked += 1,
            (Outcome::Acked { .. }, Acks::Leader | Acks::Nobody) => {
                figures.acked_by_leader += 1;
                figures.leader_lost += u64::from(lost);
            }
            (Outcome::Sent, _) => {
                figures.sent += 1;
                figures.sent_lost += u64::from(lost);
            }
            (Outcome::Failed, _) => figures.failed += 1,
            (Outcome::Unknown, _) => {
                figures.unknown += 1;
                figures.unknown_seen += u64::from(sent.seen_by.is_some());
            }
        }
        figures.at_the_end += u64::from(sent.at_the_end == AtTheEnd::Present);
    }
}

/// Not in the log at the end, and not trimmed. Where it is not known where it lay, only an untrimmed log can tell.
fn is_gone(sent: &Sent, append: &Append, start: Offset) -> bool {
    let claimed = match append.outcome {
        Outcome::Acked { base, .. } => Some(Offset(base.0 + u64::from(sent.position))),
        Outcome::Sent | Outcome::Failed | Outcome::Unknown => sent.offset,
    };
    sent.at_the_end == AtTheEnd::Absent && claimed.unwrap_or_default() >= start
}
