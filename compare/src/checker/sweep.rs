//! One pass over the offsets: is there an order of moments at which they were filled that no client contradicts?
//!
//! Each offset `k` was filled at some moment `t(k)`, and `t(k - 1) <= t(k)`. The earliest moments that all lower bounds
//! allow are `t(k) = max(t(k - 1), the invocation of its append, the invocations of those told that the log ends at k)`.
//! If they break an upper bound, the return of one to whom `k` was filled, every other choice breaks it too.

use partition::ids::Offset;

use super::anomaly::Anomaly;
use super::evidence::{Bound, Content, Evidence, Slot, Why};
use super::report::Findings;
use super::sent::OpIndex;
use crate::history::Action;

/// Sweeps the log once.
pub(super) fn sweep(evidence: &Evidence<'_>, findings: &mut Findings) {
    let mut filled_after: Option<Bound> = None;
    let mut previous: Option<(Offset, &Slot)> = None;
    for (place, slot) in evidence.slots.iter().enumerate() {
        let offset = evidence.axis.offset(place);
        let before = previous.filter(|(before, _)| before.next() == offset).map(|(_, slot)| slot);
        let inside = before.is_some_and(|before| goes_on(evidence, before, slot));
        if let (true, Some(claim)) = (inside, slot.claim) {
            add_torn(evidence, offset, slot, claim, findings);
        }
        // All records of a batch are filled at one moment, so no length can end between them.
        let ended = slot.lower.filter(|_| !inside);
        filled_after = later(later(filled_after, ended), sent_at(evidence, slot));
        if let (Some(lower), Some(upper)) = (filled_after, slot.upper)
            && lower.event > upper.event
        {
            add_contradiction(evidence, offset, lower, upper, findings);
            // Go on as if it had been filled in time: one lie is one finding.
            filled_after = Some(Bound { event: upper.event, ..lower });
        }
        previous = Some((offset, slot));
    }
}

fn later(one: Option<Bound>, other: Option<Bound>) -> Option<Bound> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.event > one.event { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Not before it was sent.
fn sent_at(evidence: &Evidence<'_>, slot: &Slot) -> Option<Bound> {
    let Content::Record(ordinal) = slot.content else { return None };
    let by = evidence.sent.get(ordinal).append;
    Some(Bound { event: evidence.operation(by).invoked.number, by, why: Why::Seen })
}

/// Whether a slot holds what follows in the batch of the one before it.
fn goes_on(evidence: &Evidence<'_>, before: &Slot, slot: &Slot) -> bool {
    let (Content::Record(before), Content::Record(here)) = (before.content, slot.content) else {
        return false;
    };
    here.0 == before.0 + 1 && evidence.sent.get(before).append == evidence.sent.get(here).append
}

fn add_torn(evidence: &Evidence<'_>, offset: Offset, slot: &Slot, claim: OpIndex, findings: &mut Findings) {
    findings.add(Anomaly::TornBatch, || {
        let (told, what) = (evidence.operation(claim), evidence.words(slot.content));
        format!("{told} was answered an end of {offset}, where {what} goes on with its batch")
    });
}

fn add_contradiction(
    evidence: &Evidence<'_>,
    offset: Offset,
    lower: Bound,
    upper: Bound,
    findings: &mut Findings,
) {
    let (late, early) = (evidence.operation(lower.by), evidence.operation(upper.by));
    let told = match upper.why {
        Why::Acked => format!("{early} was acknowledged offset {offset}"),
        Why::Seen => format!("{early} was shown offset {offset}"),
        Why::Length => format!("{early} counted offset {offset}"),
        Why::LogStart => format!("{early} found the log to begin behind offset {offset}"),
    };
    let stale = !matches!(late.action, Action::Append(_));
    let anomaly = match upper.why {
        Why::LogStart => Anomaly::LogStartAhead,
        Why::Acked | Why::Seen if !stale => Anomaly::RealTimeOrder,
        Why::Acked | Why::Seen | Why::Length => Anomaly::StaleTail,
    };
    findings.add(anomaly, || {
        if stale {
            format!("{told}, and {late}, which began later, answered that the log ends there or before")
        } else {
            format!("{told}, but {late}, whose record lies there or before, began later")
        }
    });
}
