//! A leader whose partition is reassigned: followers come and go, and appends under way do not notice.

use partition::ids::{NodeId, Offset};

use super::{Leader, Progress, Step};
use crate::message::{FetchRefusal, FetchReply};
use crate::metadata::PartitionState;
use crate::replica::{Command, Replica, Role};

impl Replica {
    /// As leader: below which offset this follower has everything on its disk, by what it said that counts.
    pub(crate) fn heard_of(&self, follower: NodeId) -> Option<Offset> {
        match &self.role {
            Role::Leader(leader) => Some(leader.followers.get(&follower)?.heard()?.durable),
            Role::Idle | Role::Follower(_) | Role::Polled(_) => None,
        }
    }
}

impl Leader {
    /// Takes on who is a replica now, and lets go of who is none any more. Who has been removed and added again since the last
    /// state that was read is a newcomer, in whatever life: its log is another one (S-09).
    pub(super) fn take_on(&mut self, step: &mut Step<'_>, state: &PartitionState) {
        let stays = |node, progress: &Progress| {
            state.spec.replicas.contains(&node) && progress.since() == state.replica_since(node)
        };
        self.followers.retain(|node, progress| {
            if stays(*node, progress) {
                return true;
            }
            if let Some(parked) = progress.parked {
                step.put(Command::Answer(parked.id, FetchReply::Refused(FetchRefusal::NotAReplica)));
            }
            false
        });
        for node in state.spec.replicas.iter().filter(|node| **node != self.node) {
            let newcomer = || Progress::of(state.replica_since(*node), None);
            self.followers.entry(*node).or_insert_with(newcomer);
        }
    }
}
