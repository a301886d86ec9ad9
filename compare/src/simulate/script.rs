//! Steps that follow what the cluster shows, and not the clock: a sequence that was written down once, such as S-01.

use std::time::Duration;

use partition::fault::{Fault, Nemesis};
use partition::ids::NodeId;
use partition::partition::Role;
use partition::probe::{Electorate, Snapshot};

use super::cluster::VirtualCluster;

/// How often it is looked whether a step's time has come: more often than anything changes that one waits for.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// A step whose time has not come so long after the one before is not taken any more, nor is any later one: the longest wait
/// is for a session and an election.
const WITHIN: Duration = Duration::from_secs(6);

/// Faults, once this is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When its time has come.
    pub once: Once,
    /// What then happens, in order.
    pub then: Vec<Fault>,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// So long since the step before.
    Passed(Duration),
    /// This replica leads, in the newest epoch of all that lead.
    Leads(NodeId),
    /// This replica follows whoever leads: it has read so, and has done what it does first.
    Follows(NodeId),
    /// This replica has stored all that its leader has committed, and has not heard of some of that.
    Unaware(NodeId),
    /// These are in sync, in their leader's view.
    InSync(Vec<NodeId>),
}

impl Once {
    fn is_so(&self, waited: Duration, seen: &[Snapshot]) -> bool {
        let leader = seen.iter().filter(|one| one.role == Role::Leader).max_by_key(|one| one.epoch);
        match self {
            Self::Passed(time) => waited >= *time,
            Self::Leads(node) => leader.is_some_and(|leader| leader.node == *node),
            Self::Follows(node) => leader.is_some_and(|leader| {
                let follows = |one: &Snapshot| {
                    one.node == *node && one.role == Role::Follower && one.epoch == leader.epoch
                };
                seen.iter().any(follows)
            }),
            Self::Unaware(node) => leader.is_some_and(|leader| {
                let unaware = |one: &Snapshot| {
                    let (known, committed) = (one.high_watermark, leader.high_watermark);
                    one.node == *node && one.stored >= committed && known < committed
                };
                seen.iter().any(unaware)
            }),
            Self::InSync(nodes) => leader.is_some_and(|leader| match &leader.electorate {
                Electorate::InSync(set) => set.members.iter().map(|(node, _)| node).eq(nodes),
                Electorate::Voters(_) | Electorate::Unknown => false,
            }),
        }
    }
}

/// Takes the steps one after the other; whether all of them were taken.
pub(super) async fn play(steps: &[Step], cluster: &mut VirtualCluster, nemesis: &mut Nemesis) -> bool {
    let clock = cluster.simulation().clock().clone();
    for step in steps {
        let begun = clock.now();
        while !step.once.is_so(clock.now().since(begun), &cluster.seen()) {
            if clock.now().since(begun) >= WITHIN {
                cluster.simulation().note(&format!("script: never {:?}", step.once));
                return false;
            }
            clock.sleep(LOOK_INTERVAL).await;
        }
        for fault in &step.then {
            cluster.suffers(nemesis, fault).await;
        }
    }
    true
}
