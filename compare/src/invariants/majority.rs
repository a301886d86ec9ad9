//! The invariants of a majority: what is committed is on most disks, and counted by the leader of its term.

use std::collections::BTreeSet;

use partition::ids::{NodeId, Offset};
use partition::partition::Role;
use partition::probe::{BatchMark, Electorate, Snapshot};

use super::commit::Ledger;
use super::name::{Breach, Invariant};
use super::sight::Sight;

/// What this replica committed as a leader.
pub(super) fn led(sights: &[Sight], leader: &Sight, ledger: &Ledger) -> Result<(), Breach> {
    let Some(now) = leader.leads() else { return Ok(()) };
    let Electorate::Voters(sets) = &now.electorate else { return Ok(()) };
    if now.acknowledged > now.high_watermark {
        let (told, high) = (now.acknowledged, now.high_watermark);
        let what = format!("leader {} has acknowledged to {told}, and committed to {high}", now.node);
        return Err(Breach::of(Invariant::AckRule, what));
    }
    let led_before = |before: &&Snapshot| before.role == Role::Leader && before.epoch == now.epoch;
    let Some(before) = leader.before.as_ref().filter(led_before) else { return Ok(()) };
    if now.high_watermark <= before.high_watermark {
        return Ok(());
    }
    let counted = sets.iter().try_for_each(|set| on_majority(sights, now, set));
    if counted.is_err() {
        // Who votes may have changed in this very step, after it was counted by those who did before.
        let Electorate::Voters(earlier) = &before.electorate else { return counted };
        earlier.iter().try_for_each(|set| on_majority(sights, now, set))?;
    }
    // A leader that was deposed may still tell its successor of what it had committed itself: that is not counted anew.
    let own = |last: &&BatchMark| last.epoch != now.epoch && !ledger.was_told(now.node, last);
    if let Some(last) = leader.log.ending_at(now.high_watermark).filter(own) {
        let what = format!("leader {} of epoch {} has committed up to {last:?}", now.node, now.epoch);
        return Err(Breach::of(Invariant::CommitOnlyOwnTerm, what));
    }
    Ok(())
}

fn on_majority(sights: &[Sight], leader: &Snapshot, set: &BTreeSet<NodeId>) -> Result<(), Breach> {
    let high = leader.high_watermark;
    let voters = || sights.iter().filter(|sight| set.contains(&sight.node));
    let holders = voters().filter(|sight| sight.holds_to() >= high).count();
    if holders * 2 > set.len() {
        return Ok(());
    }
    let have: Vec<(NodeId, Offset)> = voters().map(|sight| (sight.node, sight.holds_to())).collect();
    let what = format!("leader {} has committed to {high}; on disks there is {have:?}", leader.node);
    Err(Breach::of(Invariant::CommittedOnQuorum, what))
}

/// A linearizable read that began when `floor` was acknowledged reaches it.
pub(super) fn reaches(floor: Offset, tail: Offset) -> Result<(), Breach> {
    if tail >= floor {
        return Ok(());
    }
    let what = format!("a linearizable read ends at {tail}; {floor} was acknowledged when it began");
    Err(Breach::of(Invariant::ReadIndexBarrier, what))
}
