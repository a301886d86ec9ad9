//! The second judge: tries every order of a small history's operations on a model of the log (Wing and Gong 1993).
//!
//! It takes exponential time and shares nothing with the checker, which is its use: where the two disagree, one is wrong.
//! It knows appends, tails and reads; of trims and policies only that a final read may begin late.

use std::collections::BTreeSet;

use partition::ids::Offset;
use partition::partition::Acks;

use crate::history::{Action, Append, History, Operation, Outcome, Read, Seen, Sighting, Value, View};

/// The largest history that is searched: each step is a bit.
pub const STEPS_MAX: usize = 64;

/// What lies at an offset of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Value(Value),
    Control,
    /// Below the final read's log start or beyond its end, where nobody need have seen what it was.
    Unseen,
}

/// One operation on the model.
#[derive(Debug)]
struct Step<'h> {
    /// It takes effect after this event.
    from: u64,
    /// And before this one; never, if it need not take effect.
    until: Option<u64>,
    effect: Effect<'h>,
}

#[derive(Debug)]
enum Effect<'h> {
    /// These values are appended, there if that was told.
    Append(&'h [Value], Option<Offset>),
    /// The log ends exactly there.
    End(Offset),
    /// The log holds these, and ends exactly there if that was told.
    Show { seen: &'h Seen, end: Option<Offset>, view: View },
    /// No log could have said so.
    Never,
    /// This is appended, whenever its turn comes.
    Nameless(Nameless),
}

/// What no client appended, and where.
type Nameless = (Offset, Cell);

/// Whether some order of the operations explains every answer. `None` when the history is larger than
/// [`STEPS_MAX`], or its shape is not known here.
#[must_use]
pub fn is_possible(history: &History) -> Option<bool> {
    let mut steps = Vec::new();
    for operation in history.operations() {
        let (from, until) = (operation.invoked.number.0, operation.returned.map(|event| event.number.0));
        match &operation.action {
            Action::Append(append) => steps.extend(append_step(append, from, until)),
            Action::Tail(tail) => {
                let end = tail.length.map(Effect::End);
                steps.extend(end.map(|effect| Step { from, until, effect }));
            }
            Action::Read(read) => {
                if let Some(seen) = &read.seen {
                    add_read_steps(operation, read, seen, &mut steps)?;
                }
            }
            Action::Trim(_) => return None,
        }
    }
    let most = steps.iter().filter_map(|step| step.effect.reaches()).max().unwrap_or_default();
    let nameless: BTreeSet<Nameless> = steps.iter().flat_map(|step| step.effect.needs(most)).collect();
    steps.extend(nameless.into_iter().map(|it| Step { from: 0, until: None, effect: Effect::Nameless(it) }));
    (steps.len() <= STEPS_MAX).then(|| Search { steps: &steps }.extend(0, &mut Vec::new()))
}

fn append_step(append: &Append, from: u64, until: Option<u64>) -> Option<Step<'_>> {
    let (until, base) = match (append.outcome, append.acks) {
        (Outcome::Failed, _) => return None,
        (Outcome::Acked { base, .. }, Acks::Committed) => (until, Some(base)),
        _ => (None, None),
    };
    Some(Step { from, until, effect: Effect::Append(&append.values, base) })
}

fn add_read_steps<'h>(
    operation: &Operation,
    read: &Read,
    seen: &'h Seen,
    steps: &mut Vec<Step<'h>>,
) -> Option<()> {
    if read.view == View::Uncommitted {
        return Some(());
    }
    if seen.log_start > Offset::ZERO && read.view != View::Final {
        return None;
    }
    let until = operation.returned.map(|event| event.number.0);
    // Who may lag may have been shown the past.
    let may_lag = matches!(read.view, View::Committed | View::Follower);
    let from = if may_lag { 0 } else { operation.invoked.number.0 };
    let end = match read.view {
        View::Final => {
            Some(seen.end().unwrap_or(seen.log_start).max(seen.high_watermark.unwrap_or_default()))
        }
        _ => seen.high_watermark,
    };
    let first = read.from.unwrap_or_default().max(seen.log_start);
    let begins_late = seen.high_watermark.is_some_and(|end| end < seen.log_start);
    if begins_late || !ascends_from(first, &seen.records) {
        steps.push(Step { from, until, effect: Effect::Never });
        return Some(());
    }
    if read.view == View::Final && end.is_some_and(|end| first.0 + (seen.records.len() as u64) < end.0) {
        steps.push(Step { from, until, effect: Effect::Never });
    }
    steps.push(Step { from, until, effect: Effect::Show { seen, end, view: read.view } });
    Some(())
}

fn ascends_from(first: Offset, records: &[Sighting]) -> bool {
    records.iter().zip(first.0..).all(|(record, offset)| record.offset.0 == offset)
}

struct Search<'a, 'h> {
    steps: &'a [Step<'h>],
}

impl Search<'_, '_> {
    /// Whether what is not in `done` can still follow a log of these cells.
    fn extend(&self, done: u64, log: &mut Vec<Cell>) -> bool {
        let open = || self.steps.iter().enumerate().filter(move |(index, _)| done & (1 << index) == 0);
        let Some(deadline) = open().filter_map(|(_, step)| step.until).min() else {
            return true; // Nobody who was answered is left.
        };
        for (index, step) in open().filter(|(_, step)| step.from < deadline) {
            let before = log.len();
            if step.effect.apply(log) {
                if self.extend(done | (1 << index), log) {
                    return true;
                }
                log.truncate(before);
            }
        }
        false
    }
}

impl Effect<'_> {
    /// Takes effect, if it can now.
    fn apply(&self, log: &mut Vec<Cell>) -> bool {
        let length = Offset(log.len() as u64);
        match self {
            Self::Append(values, base) => {
                let fits = base.is_none_or(|base| base == length);
                if fits {
                    log.extend(values.iter().map(|value| Cell::Value(*value)));
                }
                fits
            }
            Self::End(end) => *end == length,
            Self::Never => false,
            Self::Show { seen, end, .. } => {
                end.is_none_or(|end| end == length) && seen.records.iter().all(|record| shows(log, record))
            }
            Self::Nameless((offset, cell)) => {
                let fits = *offset == length;
                if fits {
                    log.push(*cell);
                }
                fits
            }
        }
    }

    /// What nobody appended and this was shown, or was too late to be shown.
    fn needs(&self, most: Offset) -> Vec<Nameless> {
        let Self::Show { seen, end, view } = self else { return Vec::new() };
        let beyond = end.filter(|_| *view == View::Final).map_or(most.0, |end| end.0)..most.0;
        let control = seen.records.iter().filter(|record| record.value.is_none());
        let control = control.map(|record| (record.offset, Cell::Control));
        let unseen = (0..seen.log_start.0).chain(beyond).map(|offset| (Offset(offset), Cell::Unseen));
        control.chain(unseen).collect()
    }

    /// The furthest offset that it speaks of.
    fn reaches(&self) -> Option<Offset> {
        match self {
            Self::Append(_, base) => *base,
            Self::End(end) => Some(*end),
            Self::Show { seen, end, .. } => seen.end().max(*end),
            Self::Never | Self::Nameless(_) => None,
        }
    }
}

fn shows(log: &[Cell], record: &Sighting) -> bool {
    let cell = usize::try_from(record.offset.0).ok().and_then(|place| log.get(place));
    match (cell, record.value) {
        (Some(Cell::Value(known)), Some(value)) => *known == value,
        (Some(Cell::Control), None) => true,
        _ => false,
    }
}
