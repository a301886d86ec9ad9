//! A batch is in the log whole: who was shown one of its records has told where the others lie.

use partition::ids::Offset;

use super::anomaly::Anomaly;
use super::evidence::{Agreement, Content, Evidence};
use super::report::Findings;
use super::sent::{OpIndex, Ordinal, SentRecords};
use crate::history::Seen;

/// Puts the records of a batch beside the one that was told of, and finds what lies there instead.
pub(super) fn complete(evidence: &mut Evidence<'_>, findings: &mut Findings) {
    let mut done: Option<(OpIndex, Option<Offset>)> = None;
    for ordinal in (0..evidence.sent.count()).map(Ordinal) {
        let sent = *evidence.sent.get(ordinal);
        let Some(offset) = sent.offset else { continue };
        let (count, position) = evidence.sent.place_in_batch(ordinal);
        let base = offset.0.checked_sub(u64::from(position)).map(Offset);
        if count == 1 || done.replace((sent.append, base)) == Some((sent.append, base)) {
            continue;
        }
        match base {
            Some(base) => complete_from(evidence, ordinal, base, findings),
            None => add_torn(evidence, ordinal, Offset::ZERO, findings),
        }
    }
}

fn complete_from(evidence: &mut Evidence<'_>, known: Ordinal, base: Offset, findings: &mut Findings) {
    let sent = *evidence.sent.get(known);
    let (count, _) = evidence.sent.place_in_batch(known);
    let first = evidence.sent.first_of(sent.append);
    for index in 0..count {
        let offset = Offset(base.0 + u64::from(index));
        let place = evidence.axis.place(offset);
        let sibling = Content::Record(Ordinal(first.0 + index));
        let slot = &mut evidence.slots[place];
        if slot.content == Content::Unknown {
            slot.content = sibling;
            slot.witness = sent.seen_by.or(Some(sent.append));
        } else if slot.content != sibling && slot.agreement == Agreement::Undisputed {
            add_torn(evidence, known, offset, findings);
        }
    }
}

fn add_torn(evidence: &Evidence<'_>, known: Ordinal, torn_at: Offset, findings: &mut Findings) {
    findings.add(Anomaly::TornBatch, || {
        let sent = evidence.sent.get(known);
        let (offset, batch) = (sent.offset.unwrap_or_default(), evidence.operation(sent.append));
        let what = evidence.words(Content::Record(known));
        let there = evidence.words(evidence.slots[evidence.axis.place(torn_at)].content);
        format!("{what} lies at {offset}, but its batch, that of {batch}, is torn by {there} at {torn_at}")
    });
}

/// The offsets of whole batches of which a read shows any record: once for each batch, if it shows them in order.
pub(super) fn name_offsets(seen: &Seen, sent: &SentRecords, visit: &mut dyn FnMut(Offset)) {
    let mut before: Option<Ordinal> = None;
    for sighting in &seen.records {
        let ordinal = sighting.value.and_then(|value| sent.find(value));
        if let Some(ordinal) = ordinal {
            let (count, position) = sent.place_in_batch(ordinal);
            let is_next = position > 0 && before.is_some_and(|before| before.0 + 1 == ordinal.0);
            if count > 1 && !is_next {
                let base = sighting.offset.0.saturating_sub(u64::from(position));
                (base..base + u64::from(count)).for_each(|offset| visit(Offset(offset)));
            }
        }
        before = ordinal;
    }
}
