//! What is different for a leader where enough of the in-sync set suffice, and not all of it is waited for (H-17).

use std::collections::BTreeSet;

use partition::ids::{NodeId, Offset};

use super::Leader;
use crate::metadata::{CommitRule, Incarnation, Members};
use crate::replica::in_sync::InSync;
use crate::replica::progress::Progress;
use crate::replica::proof::Enough;
use crate::replica::{BEGIN_RETRY, Command, Step, watermark};

/// Whether the leader and these prove that it still leads: so many, in the recorded set and in the proposed one, that any who
/// could have elected another have one of them among them.
pub(super) fn confirm(
    leader: NodeId,
    in_sync: &InSync,
    confirmed: &BTreeSet<(NodeId, Incarnation)>,
) -> Enough {
    let counts = |set: &Members| {
        let confirms = |node: NodeId, life: Incarnation| node == leader || confirmed.contains(&(node, life));
        set.iter().filter(|(node, life)| confirms(**node, **life)).count() >= in_sync.min()
    };
    if in_sync.possible().all(|set| counts(&set)) { Enough::Yes } else { Enough::No }
}

impl Leader {
    /// Where enough in sync suffice, nobody waits for a joiner, so it may be some steps behind when it joins: who had a record
    /// before is still in the set. But where it takes the place of a former life of its own, whose disk is gone, enough
    /// must have what may be committed without that one.
    pub(super) fn may_join(&self, step: &Step<'_>, node: NodeId) -> bool {
        let progress = &self.followers[&node];
        let Some(heard) = progress.heard() else { return false };
        let caught_up = heard.durable >= *step.high_watermark
            || progress.is_caught_up(step.now, step.log.end, step.rules.lag_max);
        let replaces = self.in_sync.members().contains_key(&node);
        let held = !replaces || self.is_held(step, &self.in_sync.with((node, heard.incarnation)));
        heard.durable >= self.start && caught_up && held
    }

    /// Whether so many of these have all that may be committed by now as a commit needs.
    fn is_held(&self, step: &Step<'_>, members: &Members) -> bool {
        let durable = |node: NodeId, life: Incarnation| {
            if node == self.node {
                return step.log.durable;
            }
            let heard = self.followers.get(&node).and_then(Progress::heard);
            heard.filter(|heard| heard.incarnation == life).map_or(Offset::ZERO, |heard| heard.durable)
        };
        // What older epochs have committed lies below this epoch's start, be it known here or not.
        let committed = self.start.max(*step.high_watermark);
        watermark::on_enough(members, self.in_sync.min(), durable) >= committed
    }

    /// Where enough in sync suffice, a new leader appends a batch of its own at once: older ones are committed with it.
    pub(super) fn begin_epoch(&mut self, step: &mut Step<'_>) {
        if self.in_sync.rule() == CommitRule::EnoughInSync && step.log.end == self.start {
            self.begins_at = Some(step.now.after(BEGIN_RETRY));
            step.put(Command::BeginEpoch(self.epoch));
        }
    }

    /// Those of these members, the most backward first, without whom enough of the set still have all that may be committed.
    pub(super) fn dispensable(&self, step: &Step<'_>, lagging: BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let durable = |node: &NodeId| {
            self.followers.get(node).and_then(Progress::heard).map_or(Offset::ZERO, |heard| heard.durable)
        };
        let mut lagging: Vec<NodeId> = lagging.into_iter().collect();
        lagging.sort_by_key(durable);
        let mut leavers = BTreeSet::new();
        for node in lagging {
            leavers.insert(node);
            if !self.is_held(step, &self.in_sync.without(&leavers)) {
                leavers.remove(&node);
            }
        }
        leavers
    }
}
