//! All that was ever committed anywhere: what two replicas take for committed is the same, for ever.

use std::collections::BTreeMap;

use partition::ids::{NodeId, Offset, Ordinal};
use partition::probe::BatchMark;

use super::name::{Breach, Invariant};
use super::sight::Sight;

/// All that was ever committed anywhere.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    committed: BTreeMap<Offset, Confirmed>,
    applied: BTreeMap<Ordinal, (NodeId, BatchMark)>,
    end: Offset,
}

#[derive(Debug)]
struct Confirmed {
    mark: BatchMark,
    /// Who took it for committed first.
    by: NodeId,
}

impl Ledger {
    /// How far anybody ever took anything for committed.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Whether this very batch was committed.
    pub(super) fn has(&self, mark: &BatchMark) -> bool {
        self.committed.get(&mark.base).is_some_and(|confirmed| confirmed.mark == *mark)
    }

    /// Whether somebody else took this very batch for committed first.
    pub(super) fn was_told(&self, node: NodeId, mark: &BatchMark) -> bool {
        self.committed
            .get(&mark.base)
            .is_some_and(|confirmed| confirmed.mark == *mark && confirmed.by != node)
    }

    /// A replica takes this batch for committed.
    fn confirm(&mut self, by: NodeId, mark: BatchMark) -> Result<(), (NodeId, BatchMark)> {
        let confirmed = self.committed.entry(mark.base).or_insert(Confirmed { mark, by });
        if confirmed.mark != mark {
            return Err((confirmed.by, confirmed.mark));
        }
        self.end = self.end.max(mark.end);
        Ok(())
    }
}

/// What a replica takes for committed is what all others did, and do.
pub(super) fn confirm<'a>(
    ledger: &mut Ledger,
    sight: &mut Sight,
    mut others: impl Iterator<Item = &'a Sight>,
) -> Result<(), Breach> {
    let Some(now) = &sight.now else { return Ok(()) };
    let high = now.high_watermark;
    for mark in sight.log.from(sight.confirmed_to) {
        if mark.end > high {
            break;
        }
        if let Err((by, other)) = ledger.confirm(now.node, *mark) {
            let what = format!("{} takes {mark:?} for committed, {by} took {other:?}", now.node);
            let holds =
                |sight: &&Sight| sight.log.at(other.base) == Some(&other) && sight.high() >= other.end;
            let name = match others.find(holds) {
                Some(_) => Invariant::CommittedPrefixConsistent,
                None => Invariant::CommittedImmutable,
            };
            return Err(Breach::of(name, what));
        }
        sight.confirmed_to = mark.end;
    }
    Ok(())
}

/// What a replica has applied is what all others have, entry by entry.
pub(super) fn apply(ledger: &mut Ledger, sight: &mut Sight) -> Result<(), Breach> {
    let Some(now) = &sight.now else { return Ok(()) };
    let Some(entries) = now.entries else { return Ok(()) };
    sight.applied_to = sight.applied_to.max(sight.log.first());
    while sight.applied_to < entries.applied {
        let Some(mark) = sight.log.entry(sight.applied_to) else { break };
        let (by, other) = ledger.applied.entry(sight.applied_to).or_insert((now.node, *mark));
        if other != mark {
            let what = format!("{} applied {mark:?} as entry {}, {by} {other:?}", now.node, sight.applied_to);
            return Err(Breach::of(Invariant::StateMachineSafety, what));
        }
        sight.applied_to = sight.applied_to.next();
    }
    Ok(())
}
