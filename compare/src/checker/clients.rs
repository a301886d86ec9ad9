//! What each client alone can tell: whether its own appends and its own reading went forward, one after another.

use std::collections::BTreeMap;

use partition::ids::Offset;

use super::anomaly::Anomaly;
use crate::history::{ClientId, Gaps, Operation, Read, Seen, View};

/// Where each reader stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers {
    next: BTreeMap<ClientId, Offset>,
}

/// An answer that does not go on where the reader stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stumble {
    /// It shows `offset`, though the reader stood at `next`, behind it.
    Back { anomaly: Anomaly, next: Offset, offset: Offset },
    /// It passes over `from..to`; wrong if there was something.
    Gap { anomaly: Anomaly, from: Offset, to: Offset },
}

impl Readers {
    /// How many readers are followed: the others are only judged within one answer.
    const READERS_MAX: usize = 4096;

    /// Follows a client through one answer.
    pub(super) fn follow(&mut self, client: ClientId, read: &Read, seen: &Seen) -> Vec<Stumble> {
        let mut stumbles = Vec::new();
        if read.view == View::Uncommitted {
            return stumbles;
        }
        let stood = read.from.or_else(|| self.next.get(&client).copied());
        let mut next = stood.map(|stood| stood.max(seen.log_start));
        for (at, sighting) in seen.records.iter().enumerate() {
            let offset = sighting.offset;
            let (gap, back) = match at {
                0 => (Anomaly::PollSkip, Anomaly::NonmonotonicPoll),
                _ => (Anomaly::IntPollSkip, Anomaly::IntNonmonotonicPoll),
            };
            match next {
                Some(next) if offset < next => stumbles.push(Stumble::Back { anomaly: back, next, offset }),
                Some(next) if offset > next => {
                    stumbles.push(Stumble::Gap { anomaly: gap, from: next, to: offset });
                }
                _ => {}
            }
            next = Some(offset.next());
        }
        if let (View::Final, Some(end), Some(next)) = (read.view, seen.high_watermark, next)
            && next < end
        {
            stumbles.push(Stumble::Gap { anomaly: Anomaly::IntPollSkip, from: next, to: end });
        }
        if let Some(next) = next
            && (self.next.len() < Self::READERS_MAX || self.next.contains_key(&client))
        {
            self.next.insert(client, next);
        }
        stumbles
    }
}

impl Stumble {
    /// What it is called, if `holds_something` says of a gap that it was not empty.
    pub(super) fn judge(
        self,
        reader: &Operation,
        gaps: Gaps,
        holds_something: impl FnOnce(Offset, Offset) -> bool,
    ) -> Option<(Anomaly, String)> {
        match self {
            Self::Back { anomaly, next, offset } => {
                Some((anomaly, format!("{reader} stood at {next} and was shown offset {offset}")))
            }
            Self::Gap { anomaly, from, to } if gaps == Gaps::Never || holds_something(from, to) => {
                Some((anomaly, format!("{reader} was shown nothing from {from} up to {to}")))
            }
            Self::Gap { .. } => None,
        }
    }
}
