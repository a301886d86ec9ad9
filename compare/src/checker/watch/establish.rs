//! Puts what is told at its offset, and finds what contradicts it there or beside it.

use partition::ids::Offset;

use super::fates::{Fates, Leaving, Memory};
use super::window::{Basis, Lying};
use super::{Late, Watch};
use crate::checker::anomaly::Anomaly;
use crate::history::{EventNumber, Outcome, Who};

impl Watch {
    /// Somebody tells what lies there.
    pub(super) fn establish(&mut self, offset: Offset, lying: Lying, who: Who) {
        let Some(slot) = self.window.slot(offset) else {
            self.figures.unjudged += 1;
            return;
        };
        let (before, basis, witness) = (slot.lying, slot.basis, slot.witness);
        let is_new = before == Lying::Unknown;
        if basis == Basis::Disputed || (before == lying && basis == Basis::Told) {
            return;
        }
        if before == lying {
            slot.basis = Basis::Told;
            self.settle_if_sent(lying, offset, who);
            return;
        }
        if is_new || basis == Basis::Implied {
            (slot.lying, slot.basis, slot.witness) = (lying, Basis::Told, Some(who));
        } else {
            slot.basis = Basis::Disputed;
        }
        if is_new {
            self.close_gaps(offset);
        } else {
            let anomaly =
                if basis == Basis::Implied { Anomaly::TornBatch } else { Anomaly::InconsistentOffsets };
            self.findings.add(anomaly, || {
                let (known, lying) = (words(&self.fates, before), words(&self.fates, lying));
                let witness = witness.map_or_else(String::new, |witness| format!(" by {witness}"));
                format!("offset {offset} holds {known}{witness}, and {lying} by {who}")
            });
        }
        if is_new || basis == Basis::Implied {
            self.exchange(before, lying);
        }
        self.settle_if_sent(lying, offset, who);
    }

    fn settle_if_sent(&mut self, lying: Lying, offset: Offset, who: Who) {
        match lying {
            Lying::Record { append, position } => self.settle(append, position, offset, who),
            Lying::Foreign(value) if self.fates.memory() == Memory::Complete => {
                self.findings.add(Anomaly::Phantom, || {
                    format!("value {value} at offset {offset} was seen by {who}; nobody sent it")
                });
            }
            Lying::Foreign(_) => self.figures.unjudged += 1,
            Lying::Unknown | Lying::Control => {}
        }
    }

    /// Keeps count of the offsets that hold an append's records.
    fn exchange(&mut self, before: Lying, after: Lying) {
        if let Lying::Record { append, .. } = after {
            self.fates.entered(append);
        }
        if let Lying::Record { append, .. } = before {
            self.fates.left(append, Leaving::Replaced);
        }
        for lying in self.window.take_forgotten() {
            if let Lying::Record { append, .. } = lying {
                self.fates.left(append, Leaving::Passed);
            }
        }
        self.filled.forget_below(self.window.floor());
    }

    fn close_gaps(&mut self, offset: Offset) {
        let findings = &mut self.findings;
        self.open_gaps.retain(|(from, to, anomaly, told)| {
            let holds_something = (*from..*to).contains(&offset);
            if holds_something {
                findings.add(*anomaly, || told.clone());
            }
            !holds_something
        });
    }

    /// A record lies where nobody had told of it before.
    fn settle(&mut self, event: EventNumber, position: u32, offset: Offset, who: Who) {
        let Some(fate) = self.fates.get(event) else { return };
        let (sender, append) = (fate.operation.who(), fate.append());
        let (value, count) = (append.values[position as usize], append.values.len());
        let (failed, doubled) = (append.outcome == Outcome::Failed, append.may_be_doubled());
        let known_base = fate.base;
        match self.fates.place(value, offset) {
            None if failed => self.findings.add(Anomaly::AbortedRead, || {
                format!("value {value} of {sender}, which failed for certain, was seen at {offset} by {who}")
            }),
            Some(before) if before != offset && doubled => self.figures.own_duplicates += 1,
            Some(before) if before != offset => self.findings.add(Anomaly::Duplicate, || {
                format!("value {value} of {sender} lies at {before} and at {offset} (told by {who})")
            }),
            None | Some(_) => {}
        }
        let base = offset.0.checked_sub(u64::from(position)).map(Offset);
        if base.is_none() {
            self.findings.add(Anomaly::TornBatch, || {
                format!(
                    "value {value} lies at {offset}, but its batch, that of {sender}, would begin before 0"
                )
            });
        }
        if let Some(base) = base.filter(|base| known_base != Some(*base)) {
            if let Some(fate) = self.fates.get_mut(event) {
                fate.base.get_or_insert(base);
            }
            // Where witnesses disagree, the order is not judged by what only one of them says.
            if self.window.peek(offset).is_none_or(|slot| slot.basis != Basis::Disputed) {
                self.judge_order(event, base, sender, Late::Sent);
            }
            if count > 1 && known_base.is_none() {
                self.complete(event, base, count, who);
            }
        }
    }

    /// A batch is in the log whole.
    fn complete(&mut self, event: EventNumber, base: Offset, count: usize, who: Who) {
        for (offset, position) in (base.0..).map(Offset).zip(0_u32..).take(count) {
            let lying = Lying::Record { append: event, position };
            let Some(slot) = self.window.slot(offset) else { continue };
            let (before, claim) = (slot.lying, slot.claim);
            if before == Lying::Unknown {
                (slot.lying, slot.basis, slot.witness) = (lying, Basis::Implied, Some(who));
                self.exchange(before, lying);
                self.close_gaps(offset);
            } else if before != lying && slot.basis != Basis::Disputed {
                self.findings.add(Anomaly::TornBatch, || {
                    let (here, other) = (words(&self.fates, lying), words(&self.fates, before));
                    format!("by {who}, offset {offset} must hold {here} of a batch, but it holds {other}")
                });
                continue;
            }
            if let Some(claim) = claim.filter(|_| position > 0) {
                self.add_torn_claim(offset, claim);
            }
        }
    }

    pub(super) fn add_torn_claim(&mut self, offset: Offset, claim: Who) {
        self.findings
            .add(Anomaly::TornBatch, || format!("{claim} was answered an end of {offset}, inside a batch"));
    }
}

fn words(fates: &Fates, lying: Lying) -> String {
    match lying {
        Lying::Unknown => "something unknown".to_owned(),
        Lying::Control => "one of the protocol's own records".to_owned(),
        Lying::Foreign(value) => format!("value {value}, which nobody sent"),
        Lying::Record { append, position } => {
            let value = fates.get(append).and_then(|fate| fate.append().values.get(position as usize));
            value.map_or_else(|| "a record forgotten since".to_owned(), |value| format!("value {value}"))
        }
    }
}
