//! The invariants of an in-sync set of which any k suffice for a commit (H-17).

use std::collections::BTreeSet;

use isr_log::metadata::{CommitRule, PartitionState};
use partition::ids::{NodeId, Offset};
use partition::partition::Role;
use partition::probe::{InSyncSet, Life, Snapshot, WaitsFor};

use super::commit::Ledger;
use super::name::{Breach, Invariant};
use super::sight::Sight;

/// What this replica did as a leader.
pub(super) fn led(sights: &[Sight], leader: &Sight) -> Result<(), Breach> {
    let Some((now, set)) = leads(leader) else { return Ok(()) };
    let led_before = |before: &&Snapshot| before.role == Role::Leader && before.epoch == now.epoch;
    let Some(before) = leader.before.as_ref().filter(led_before) else { return Ok(()) };
    if now.acknowledged > before.acknowledged {
        let told = now.acknowledged;
        for members in possible(set) {
            let lack = lacking(sights, members, |sight| sight.last_stored < told);
            if lack.len() + set.min > members.len() {
                let what = format!("leader {} has acknowledged to {told}, which {lack:?} lack", now.node);
                return Err(Breach::of(Invariant::AckRule, what));
            }
        }
    }
    let last = leader.log.ending_at(now.high_watermark).filter(|last| last.epoch != now.epoch);
    match last.filter(|_| now.high_watermark > before.high_watermark) {
        Some(last) => {
            let what = format!("leader {} of epoch {} has committed up to {last:?}", now.node, now.epoch);
            Err(Breach::of(Invariant::CommitOnlyOwnTerm, what))
        }
        None => Ok(()),
    }
}

/// All replicas beside what the controllers have decided: whoever may be asked when the next leader is to be found.
pub(super) fn hold(sights: &[Sight], state: Option<&PartitionState>, ledger: &Ledger) -> Result<(), Breach> {
    for (leader, set) in sights.iter().filter_map(leads) {
        for members in possible(set) {
            enough(sights, members, set.min, leader.high_watermark)?;
        }
    }
    let Some(state) = state.filter(|state| state.spec.commit == CommitRule::EnoughInSync) else {
        return Ok(());
    };
    let recorded: Vec<_> = state.in_sync.iter().map(|(node, life)| (*node, Life::from(*life))).collect();
    enough(sights, &recorded, state.min_isr(), ledger.end())?;
    sights.iter().filter_map(leads).try_for_each(|(leader, set)| known(leader, set, state))
}

/// A leader that waits for so many in sync as suffice, and its set.
fn leads(sight: &Sight) -> Option<(&Snapshot, &InSyncSet)> {
    sight.leads_in_sync().filter(|(_, set)| set.waits == WaitsFor::Enough)
}

/// The sets of which one is on record, as the leader sees it.
fn possible(set: &InSyncSet) -> impl Iterator<Item = &Vec<(NodeId, Life)>> {
    [&set.members].into_iter().chain(&set.proposed)
}

/// Any so many as have to be asked for a leader have one among them who has all to there.
fn enough(sights: &[Sight], members: &[(NodeId, Life)], k: usize, end: Offset) -> Result<(), Breach> {
    let lack = lacking(sights, members, |sight| sight.holds_to() < end);
    if lack.len() + k <= members.len() {
        return Ok(());
    }
    let what =
        format!("of {members:?} these lack what is committed to {end}, where {k} must have it: {lack:?}");
    Err(Breach::of(Invariant::CommittedOnEnough, what))
}

/// Those of the members, in the lives that are meant, who lack something. Of another life nothing is known.
fn lacking(sights: &[Sight], members: &[(NodeId, Life)], lacks: impl Fn(&Sight) -> bool) -> Vec<NodeId> {
    let lacks = |(node, life): &&(NodeId, Life)| {
        sights.iter().any(|sight| sight.node == *node && sight.lives_as(*life) && lacks(sight))
    };
    members.iter().filter(lacks).map(|(node, _)| *node).collect()
}

/// The set on record is one of those that its leader counts with. Lives may be newer there.
fn known(leader: &Snapshot, set: &InSyncSet, state: &PartitionState) -> Result<(), Breach> {
    let on_record = state.leader == Some(leader.node) && state.epoch == leader.epoch;
    if !on_record || set.version > state.version.0 {
        return Ok(());
    }
    let recorded: BTreeSet<NodeId> = state.in_sync.keys().copied().collect();
    let nodes =
        |members: &Vec<(NodeId, Life)>| members.iter().map(|(node, _)| *node).collect::<BTreeSet<_>>();
    if possible(set).any(|members| nodes(members) == recorded) {
        return Ok(());
    }
    let what = format!("{recorded:?} are on record, leader {} counts with {set:?}", leader.node);
    Err(Breach::of(Invariant::ReplicationQuorumSuperset, what))
}
