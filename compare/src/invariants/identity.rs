//! A batch is known by its epoch and its offset: one leader placed it once, after one certain batch.

use std::collections::BTreeMap;

use partition::ids::{Epoch, NodeId, Offset};
use partition::probe::BatchMark;

use super::name::{Breach, Invariant};
use super::sight::Sight;

/// All batches that were ever seen in any log.
///
/// If each has one content and one predecessor, then by induction two logs that share a batch share all before it.
#[derive(Debug, Default)]
pub(super) struct Identities {
    seen: BTreeMap<(Epoch, Offset), Identity>,
    leaders: BTreeMap<Epoch, Reign>,
}

#[derive(Clone, Copy, Debug)]
struct Identity {
    mark: BatchMark,
    before: Before,
    by: NodeId,
}

/// What lies before a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: the log begins with it.
    Nothing,
    /// That batch.
    Batch(Epoch, Offset),
    /// It was given up.
    Unknown,
}

/// Who led an epoch, in which of its starts.
type Reign = (NodeId, u32);

impl Identities {
    /// How many epochs had a leader.
    pub(super) fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// A replica's log has new batches, from the one that begins at `from` on.
    pub(super) fn note(&mut self, sight: &Sight, from: Offset) -> Result<(), Breach> {
        let node = sight.node;
        let new = sight.log.from(from);
        let mut before = match sight.log.ending_at(new.first().map_or(from, |first| first.base)) {
            Some(last) => Before::Batch(last.epoch, last.base),
            None if new.first().is_some_and(|first| first.base == Offset::ZERO) => Before::Nothing,
            None => Before::Unknown,
        };
        for mark in new {
            let identity = Identity { mark: *mark, before, by: node };
            let known = self.seen.entry((mark.epoch, mark.base)).or_insert(identity);
            if known.mark != *mark {
                let what = format!("{node} has {mark:?}, {} had {:?}", known.by, known.mark);
                return Err(Breach::of(Invariant::LogMatching, what));
            }
            match (known.before, before) {
                (Before::Unknown, _) => known.before = before,
                (_, Before::Unknown) => {}
                (theirs, ours) if theirs == ours => {}
                (theirs, ours) => {
                    let what = format!("{node} has {mark:?} after {ours:?}, {} after {theirs:?}", known.by);
                    return Err(Breach::of(Invariant::LogMatching, what));
                }
            }
            before = Before::Batch(mark.epoch, mark.base);
        }
        Ok(())
    }

    /// The newest epoch that had a leader.
    pub(super) fn newest(&self) -> Option<Epoch> {
        self.leaders.keys().next_back().copied()
    }

    /// A replica leads in this epoch.
    pub(super) fn led(&mut self, epoch: Epoch, reign: Reign) -> Result<(), Breach> {
        let known = self.leaders.entry(epoch).or_insert(reign);
        if *known == reign {
            return Ok(());
        }
        let ((node, start), (other, earlier)) = (reign, *known);
        let what =
            format!("epoch {epoch} is led by {node} (start {start}), and was by {other} (start {earlier})");
        Err(Breach::of(Invariant::ElectionSafety, what))
    }
}
