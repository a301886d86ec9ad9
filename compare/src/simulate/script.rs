//! Steps that follow what the cluster shows, and not the clock: a sequence that was written down once, such as S-01.

use std::time::Duration;

use partition::cluster::Cluster;
use partition::error::ReadError;
use partition::fault::{Fault, Nemesis, ProcessFault};
use partition::ids::{ByteSize, NodeId};
use partition::partition::{Isolation, Partition, Read, Role};
use partition::probe::{Electorate, InSyncSet, Life, Snapshot};

use super::cluster::VirtualCluster;

/// How often it is looked whether a step's time has come: more often than anything changes that one waits for.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// How much a replica is asked for at once.
const READ_BYTES: ByteSize = ByteSize::kib(64);
/// A step whose time has not come so long after the one before is not taken any more, nor is any later one: the longest wait
/// is for a session and an election.
const WITHIN: Duration = Duration::from_secs(6);

/// What happens, once this is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When its time has come.
    pub once: Once,
    /// What then happens, in order.
    pub then: Vec<Deed>,
}

/// What happens in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A fault.
    Commit(Fault),
    /// Whoever leads is killed.
    KillLeader,
    /// Whoever is down is started again, with what its disk has kept.
    StartAgain,
    /// This replica is asked for all that is committed, from its first record on.
    ReadThrough(NodeId),
}

impl Deed {
    /// The fault that it is, where it is one.
    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Commit(fault) => Some(fault),
            Self::KillLeader | Self::StartAgain | Self::ReadThrough(_) => None,
        }
    }
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// So long since the step before.
    Passed(Duration),
    /// Somebody leads.
    Led,
    /// This replica leads, in the newest epoch of all that lead.
    Leads(NodeId),
    /// This replica follows whoever leads: it has read so, and has done what it does first.
    Follows(NodeId),
    /// This replica has stored all that its leader has committed, and has not heard of some of that.
    Unaware(NodeId),
    /// These are in sync, or are the voters, in their leader's view.
    InSync(Vec<NodeId>),
    /// The leader has asked that this one be in sync, and has not been told that it is.
    Proposes(NodeId),
}

impl Once {
    fn is_so(&self, waited: Duration, seen: &[Snapshot]) -> bool {
        let leader = leader(seen);
        match self {
            Self::Passed(time) => waited >= *time,
            Self::Led => leader.is_some(),
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
                Electorate::Voters(sets) => matches!(&sets[..], [voters] if voters.iter().eq(nodes)),
                Electorate::Unknown => false,
            }),
            Self::Proposes(node) => leader.is_some_and(|leader| match &leader.electorate {
                Electorate::InSync(InSyncSet { members, proposed: Some(proposed), .. }) => {
                    let has = |set: &[(NodeId, Life)]| set.iter().any(|(member, _)| member == node);
                    has(proposed) && !has(members)
                }
                Electorate::InSync(_) | Electorate::Voters(_) | Electorate::Unknown => false,
            }),
        }
    }
}

/// Who leads, in the newest epoch of all that say so.
fn leader(seen: &[Snapshot]) -> Option<&Snapshot> {
    seen.iter().filter(|one| one.role == Role::Leader).max_by_key(|one| one.epoch)
}

/// What came of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// Steps whose time has come.
    pub(super) steps: usize,
    /// Reads of a damaged log that were refused.
    pub(super) damage_refused: u64,
}

/// Takes the steps one after the other, up to the first whose time does not come.
pub(super) async fn play(steps: &[Step], cluster: &mut VirtualCluster, nemesis: &mut Nemesis) -> Played {
    let clock = cluster.simulation().clock().clone();
    let mut played = Played::default();
    for step in steps {
        let begun = clock.now();
        while !step.once.is_so(clock.now().since(begun), &cluster.seen()) {
            if clock.now().since(begun) >= WITHIN {
                cluster.simulation().note(&format!("script: never {:?}", step.once));
                return played;
            }
            clock.sleep(LOOK_INTERVAL).await;
        }
        for deed in &step.then {
            played.damage_refused += perform(deed, cluster, nemesis).await;
        }
        played.steps += 1;
    }
    played
}

/// Does it; how many reads of a damaged log were refused in it.
async fn perform(deed: &Deed, cluster: &mut VirtualCluster, nemesis: &mut Nemesis) -> u64 {
    match deed {
        Deed::Commit(fault) => cluster.suffers(nemesis, fault).await,
        Deed::KillLeader => {
            if let Some(node) = leader(&cluster.seen()).map(|leader| leader.node) {
                cluster.suffers(nemesis, &Fault::Process { node, fault: ProcessFault::Kill }).await;
            }
        }
        Deed::StartAgain => {
            for node in nemesis.down().clone() {
                cluster.suffers(nemesis, &Fault::Process { node, fault: ProcessFault::Restart }).await;
            }
        }
        Deed::ReadThrough(node) => return read_through(&*cluster.replica(*node)).await,
    }
    0
}

/// Reads all that is committed, from its first record on, up to the first refusal: one, if it is of damage.
async fn read_through(replica: &dyn Partition) -> u64 {
    let Ok(status) = replica.status().await else { return 0 };
    let mut from = status.log_start;
    while from < status.high_watermark {
        let (max_bytes, isolation, wait) = (READ_BYTES, Isolation::Committed, Duration::ZERO);
        match replica.read(Read { from, max_bytes, isolation, wait }).await {
            Ok(fetched) => match fetched.batches.end() {
                Ok(Some(end)) if end > from => from = end,
                _ => return 0,
            },
            Err(ReadError::Damaged { .. }) => return 1,
            Err(_) => return 0,
        }
    }
    0
}
