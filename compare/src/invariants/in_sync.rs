//! The invariants of an in-sync set that is waited for as a whole: who is in it has what is committed, and nothing is acknowledged before.

use std::collections::BTreeSet;

use isr_log::metadata::{CommitRule, PartitionState, Version};
use partition::ids::NodeId;
use partition::partition::Role;
use partition::probe::{Change, Electorate, InSyncSet, Life, Snapshot, WaitsFor};

use super::commit::Ledger;
use super::name::{Breach, Invariant};
use super::sight::Sight;

/// What this replica did as a leader, alone and among the others.
pub(super) fn led(sights: &[Sight], leader: &Sight) -> Result<(), Breach> {
    let Some((now, set)) = leads(leader) else { return Ok(()) };
    let before = leader.before.as_ref();
    strict_minimum(before, now, set)?;
    acknowledged(sights, before, now, set)
}

/// All replicas beside what the controllers have decided.
pub(super) fn hold(sights: &[Sight], state: Option<&PartitionState>, ledger: &Ledger) -> Result<(), Breach> {
    let leaders = || sights.iter().filter_map(leads);
    for (leader, set) in leaders() {
        for member in living(sights, set.members.iter().copied()) {
            let let_go = member.was_let_go_after(Version(set.version));
            if member.log.agreed_to() < leader.high_watermark && !let_go {
                return Err(lacks(Invariant::WeakIsr, member, leader));
            }
        }
    }
    let state = state.filter(|state| state.spec.commit == CommitRule::AllInSync);
    let Some(state) = state else { return Ok(()) };
    let recorded = || state.in_sync.iter().map(|(node, life)| (*node, Life::from(*life)));
    for (leader, set) in leaders() {
        for member in living(sights, recorded()) {
            if member.log.end() < leader.high_watermark {
                return Err(lacks(Invariant::ValidHighWatermark, member, leader));
            }
            if member.log.agreed_to() < leader.high_watermark {
                return Err(lacks(Invariant::StrongIsr, member, leader));
            }
        }
        superset(leader, set, state)?;
    }
    let eligible = state.eligible.iter().map(|(node, life)| (*node, Life::from(*life)));
    let candidates = living(sights, recorded().chain(eligible)).filter(|sight| sight.now.is_some());
    for candidate in candidates {
        if candidate.log.agreed_to() < ledger.end() {
            let (node, has, end) = (candidate.node, candidate.log.agreed_to(), ledger.end());
            let what = format!("{node} may be elected with what is committed to {has}, of {end}: {state:?}");
            return Err(Breach::of(Invariant::LeaderCandidateCompleteness, what));
        }
    }
    Ok(())
}

/// A leader that waits for all in sync, and its set.
fn leads(sight: &Sight) -> Option<(&Snapshot, &InSyncSet)> {
    sight.leads_in_sync().filter(|(_, set)| set.waits == WaitsFor::All)
}

/// Those of whom something is known in the life that is meant.
fn living(sights: &[Sight], members: impl Iterator<Item = (NodeId, Life)>) -> impl Iterator<Item = &Sight> {
    members.filter_map(|(node, life)| {
        sights.iter().find(|sight| sight.node == node).filter(|sight| sight.lives_as(life))
    })
}

fn lacks(name: Invariant, member: &Sight, leader: &Snapshot) -> Breach {
    let what = format!(
        "{} is in sync and has what is committed to {} of a log to {}; leader {} of epoch {} has committed to {}",
        member.node,
        member.log.agreed_to(),
        member.log.end(),
        leader.node,
        leader.epoch,
        leader.high_watermark
    );
    Breach::of(name, what)
}

/// What the leader waits for is at least what the controllers elect from. Who waits for a former life of a candidate waits for
/// one that acknowledges nothing more: what it did, the candidate has, or it would not be one.
fn superset(leader: &Snapshot, set: &InSyncSet, state: &PartitionState) -> Result<(), Breach> {
    let on_record = state.leader == Some(leader.node) && state.epoch == leader.epoch;
    if !on_record || set.version > state.version.0 {
        return Ok(());
    }
    let maximal: BTreeSet<(NodeId, Life)> = set.maximal.iter().copied().collect();
    let waited_for = |node, life| maximal.range((node, Life(0))..=(node, life)).next().is_some();
    let candidates = state.in_sync.iter().chain(&state.eligible);
    let stranger = candidates
        .map(|(node, life)| (*node, Life::from(*life)))
        .find(|&(node, life)| !waited_for(node, life));
    let what = match stranger {
        Some((node, life)) if set.members.len() >= set.min => {
            format!(
                "the controllers may elect {node} in {life:?}, leader {} waits for {maximal:?}",
                leader.node
            )
        }
        _ if set.change == Change::None && maximal != set.members.iter().copied().collect() => {
            format!("leader {} has proposed nothing, and waits for {maximal:?}", leader.node)
        }
        _ => return Ok(()),
    };
    Err(Breach::of(Invariant::ReplicationQuorumSuperset, what))
}

/// The set as this leader saw it before, in the same epoch.
fn set_before<'a>(before: Option<&'a Snapshot>, now: &Snapshot) -> Option<&'a InSyncSet> {
    let before = before.filter(|before| before.role == Role::Leader && before.epoch == now.epoch)?;
    match &before.electorate {
        Electorate::InSync(set) => Some(set),
        Electorate::Unknown | Electorate::Voters(_) => None,
    }
}

/// Whether too few were in sync all the time between the two looks.
fn was_short(before: Option<&Snapshot>, now: &Snapshot, set: &InSyncSet) -> bool {
    let same = set_before(before, now).is_some_and(|old| old.version == set.version);
    same && set.members.len() < set.min
}

fn strict_minimum(before: Option<&Snapshot>, now: &Snapshot, set: &InSyncSet) -> Result<(), Breach> {
    let moved = before.is_some_and(|before| now.high_watermark > before.high_watermark);
    if moved && was_short(before, now, set) {
        let what = format!(
            "leader {} has moved its high watermark to {} with {} of {} in sync",
            now.node,
            now.high_watermark,
            set.members.len(),
            set.min
        );
        return Err(Breach::of(Invariant::StrictMinIsr, what));
    }
    Ok(())
}

/// Whoever may be in sync has stored what was just acknowledged.
fn acknowledged(
    sights: &[Sight],
    before: Option<&Snapshot>,
    now: &Snapshot,
    set: &InSyncSet,
) -> Result<(), Breach> {
    let told = now.acknowledged;
    if before.is_some_and(|before| told <= before.acknowledged) || told.0 == 0 {
        return Ok(());
    }
    let breach = |why: String| {
        let what = format!("leader {} has acknowledged to {told}, {why}", now.node);
        Err(Breach::of(Invariant::AckRule, what))
    };
    if was_short(before, now, set) {
        return breach(format!("with {} of {} in sync", set.members.len(), set.min));
    }
    match living(sights, set.maximal.iter().copied()).find(|member| member.last_stored < told) {
        Some(member) => breach(format!("and {} has stored to {}", member.node, member.last_stored)),
        None => Ok(()),
    }
}
