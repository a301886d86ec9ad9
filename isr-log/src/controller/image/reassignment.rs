//! Reassignment: a partition gets other replicas, and none is let go that is still needed (KIP-455).
//!
//! It begins with a record of its own, and ends in the atom that puts the last of the target into the in-sync set. Until
//! then the replicas are the target and, behind it, all who are still to go; of these nobody leaves who holds what is
//! committed, also when another reassignment takes the place of the first. So what is committed never depends on how
//! often an operator changes his mind.

use std::sync::Arc;

use partition::ids::{NodeId, PartitionId};

use super::membership::{self, Sets, Settling};
use super::{Applied, Brokers, Image, REPLICAS_MAX, verify};
use crate::controller::command::Reassign;
use crate::controller::rejection::Rejection;
use crate::metadata::{CommitRule, PartitionSpec, PartitionState, Reassignment, Recovery};
use crate::mutant::Mutant;

impl Image {
    /// Begins a reassignment, in place of one that is under way.
    pub(super) fn reassign(&mut self, wish: &Reassign) -> Result<Applied, Rejection> {
        let Reassign { partition: id, replicas: target } = wish;
        let settling = self.settling();
        let missing = || Rejection::NoSuchPartition(id.clone());
        let state = self.partitions.get_mut(id).ok_or_else(missing)?;
        if state.spec.commit == CommitRule::EnoughInSync {
            // Whoever goes may be one of the few by whom something is committed.
            let why = format!("{id} commits by enough of its in-sync set, and such a one is not moved");
            return Err(Rejection::Impossible(why));
        }
        verify(&PartitionSpec { replicas: target.clone(), ..state.spec.clone() })?;
        if let Some(stranger) = target.iter().find(|node| self.brokers.get(**node).is_none()) {
            return Err(Rejection::Impossible(format!("broker {stranger} has never registered")));
        }
        if state.assignment() == target {
            return Err(Rejection::AssignedAlready(id.clone()));
        }
        let former = state.reassignment.as_ref().map_or(&state.spec.replicas, |moves| &moves.former).clone();
        let stays =
            |node: &NodeId| !target.contains(node) && (former.contains(node) || holds_all(state, *node));
        let removing: Vec<NodeId> = state.spec.replicas.iter().copied().filter(stays).collect();
        let count = target.len() + removing.len();
        if count > REPLICAS_MAX {
            let why = format!(
                "{count} replicas until it is complete, not 1 to {REPLICAS_MAX}: move it in two steps"
            );
            return Err(Rejection::Impossible(why));
        }
        let mut moving = PartitionState::clone(state);
        moving.version = state.version.next();
        let added = target.iter().filter(|node| !state.spec.replicas.contains(node));
        moving.since.extend(added.map(|node| (*node, moving.version)));
        let replicas = target.iter().copied().chain(removing).collect();
        moving.reassignment = Some(Reassignment { target: target.clone(), former });
        let moving = replicated_by(moving, replicas, &self.brokers, settling);
        *state = Arc::new(completed(moving, &self.brokers, settling));
        Ok(Applied { partitions: vec![id.clone()] })
    }

    /// Ends a reassignment where it began. That is refused when those who were added are needed: then another reassignment,
    /// which lets nobody go before it is complete, is the way back.
    pub(super) fn cancel_reassignment(&mut self, id: &PartitionId) -> Result<Applied, Rejection> {
        let settling = self.settling();
        let missing = || Rejection::NoSuchPartition(id.clone());
        let state = self.partitions.get_mut(id).ok_or_else(missing)?;
        let Some(Reassignment { former, .. }) = state.reassignment.clone() else {
            return Err(Rejection::NotReassigning(id.clone()));
        };
        let leaves = |node: &NodeId| !former.contains(node) && holds_all(state, *node);
        let (left, needed) =
            (former.iter().filter(|node| state.in_sync.contains_key(node)).count(), state.min_isr());
        if left < needed && state.spec.replicas.iter().any(leaves) {
            return Err(Rejection::Needed { left, needed });
        }
        let mut back = PartitionState::clone(state);
        back.version = state.version.next();
        back.reassignment = None;
        *state = Arc::new(replicated_by(back, former, &self.brokers, settling));
        Ok(Applied { partitions: vec![id.clone()] })
    }
}

/// The partition with its reassignment complete, if all of the target are in sync: who is not in it goes in the same atom. A
/// leader that stays goes on; else the first of the target leads in a new epoch.
pub(super) fn completed(mut state: PartitionState, brokers: &Brokers, settling: Settling) -> PartitionState {
    let Some(Reassignment { target, .. }) = state.reassignment.clone() else {
        return state;
    };
    if settling.mutated.breaks(Mutant::CompleteAtOnce) {
        state.in_sync.extend(target.iter().filter_map(|node| Some((*node, brokers.alive(*node)?))));
    }
    let in_sync = target.iter().all(|node| state.in_sync.contains_key(node));
    // One who has yet to begin anew after an unclean election, or who is in sync by name only, takes nobody's place.
    if !in_sync || state.leader.is_none() || state.recovery == Recovery::Pending {
        return state;
    }
    replicated_by(PartitionState { reassignment: None, ..state }, target, brokers, settling)
}

/// The partition with these replicas, and no trace of others.
fn replicated_by(
    mut state: PartitionState,
    replicas: Vec<NodeId>,
    brokers: &Brokers,
    settling: Settling,
) -> PartitionState {
    let sets = Sets::among(&state, &replicas);
    state.since.retain(|node, _| replicas.contains(node));
    state.passed_over.retain(|node, _| replicas.contains(node));
    state.spec.replicas = replicas;
    let version = state.version;
    let settled = membership::settle(&state, sets, brokers, settling).unwrap_or(state);
    // All of it is one change.
    PartitionState { version, ..settled }
}

/// Whether this replica holds all that is committed, or may be the only one that does.
fn holds_all(state: &PartitionState, node: NodeId) -> bool {
    let last = state.last_leader.is_some_and(|(last, _)| last == node);
    let members = [&state.in_sync, &state.eligible, &state.witnesses];
    members.into_iter().any(|members| members.contains_key(&node)) || last
}
