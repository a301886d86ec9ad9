//! In-sync sets and elections: what becomes of one partition when a broker comes, goes or is proposed.

use std::collections::BTreeMap;

use partition::ids::NodeId;

use super::Brokers;
use crate::metadata::{Incarnation, PartitionState};

/// Who is in sync, each with the life in which it is.
pub(super) type InSync = BTreeMap<NodeId, Incarnation>;

/// What happened to a broker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// It registered: its former life is over.
    Reborn {
        /// The new life.
        life: Incarnation,
        /// The first life that used the disk it has now.
        disk_since: Incarnation,
    },
    /// It was silent for too long.
    Fenced,
    /// It was heard from again.
    Unfenced,
}

/// The in-sync set after that. A member that goes is removed, but never the last one: it alone is known to hold all
/// that is committed (Kafka without eligible leader replicas does the same). The last member is carried into its new life if
/// its disk is still the one it was in sync with. If not, its old life stays on record, and the partition stays
/// without a leader: nobody is known to have the data (H-02). Kafka would elect the empty disk here.
pub(super) fn after(in_sync: &InSync, node: NodeId, change: Change) -> InSync {
    let mut in_sync = in_sync.clone();
    let Some(member) = in_sync.get(&node).copied() else {
        return in_sync;
    };
    let is_last = in_sync.len() == 1;
    match change {
        Change::Unfenced => {}
        Change::Reborn { .. } | Change::Fenced if !is_last => {
            in_sync.remove(&node);
        }
        Change::Reborn { life, disk_since } if disk_since <= member => {
            in_sync.insert(node, life);
        }
        Change::Reborn { .. } | Change::Fenced => {}
    }
    in_sync
}

/// The partition with this in-sync set, and with the leader that follows from it; none when nothing changes.
/// A leader that is in sync and alive stays. Else the first in assignment order that is both is elected, in a new epoch
/// (C9: from the in-sync set only). That nobody can lead is a new epoch too: the old leader's has ended.
pub(super) fn settle(state: &PartitionState, in_sync: InSync, brokers: &Brokers) -> Option<PartitionState> {
    let may_lead = |node: &NodeId| in_sync.get(node).is_some_and(|life| brokers.is_alive_as(*node, *life));
    let stays = state.leader.filter(may_lead);
    let leader = stays.or_else(|| state.spec.replicas.iter().copied().find(may_lead));
    if leader == state.leader && in_sync == state.in_sync {
        return None;
    }
    let epoch = if leader == state.leader { state.epoch } else { state.epoch.next() };
    Some(PartitionState { leader, epoch, in_sync, version: state.version.next(), ..state.clone() })
}
