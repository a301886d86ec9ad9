//! What the controllers have decided: who replicates a partition, who leads it, who is in sync.

mod reassignment;

use std::collections::BTreeMap;
use std::fmt;

use partition::ids::{Epoch, NodeId, Offset, PartitionId};
pub use reassignment::Reassignment;
use serde::{Deserialize, Serialize};

/// One life of a broker process: the metadata offset of its registration, so that a wiped broker cannot pass for the
/// old one (H-02). Kafka's broker epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub Offset);

/// How often a partition's state has changed; an ISR change names the version it is based on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The version after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("no run changes a partition 2^64 times"))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// What a partition is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionSpec {
    /// Which partition.
    pub id: PartitionId,
    /// Its replicas in assignment order: the first one in sync and alive is elected. While the partition is reassigned, its
    /// new assignment, and then who is still to go.
    pub replicas: Vec<NodeId>,
    /// How many must be in sync for a `Committed` append, and for the high watermark to move.
    pub min_isr: usize,
    /// Whom a commit waits for.
    pub commit: CommitRule,
}

/// Whom a commit waits for. It stands in the metadata log, so that whoever commits and whoever elects go by the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommitRule {
    /// Each member of the in-sync set; any of them may lead next.
    #[default]
    AllInSync,
    /// Any `min_isr` of its members (KIP-250, KIP-926's `acks=min.insync.replicas`). Who leads next has to be found by asking
    /// so many of them that one has whatever was committed (H-17).
    EnoughInSync,
}

/// Replicas, each with the life that is meant.
pub type Members = BTreeMap<NodeId, Incarnation>;

/// What the controllers have decided about a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionState {
    /// What it was created with; its replicas follow reassignments.
    pub spec: PartitionSpec,
    /// The reassignment that is under way.
    pub reassignment: Option<Reassignment>,
    /// Since which version a replica has been one, unless it has from the beginning. What one said as a replica before
    /// does not count, in the same life either (S-09).
    pub since: BTreeMap<NodeId, Version>,
    /// Who leads, if anybody can.
    pub leader: Option<NodeId>,
    /// Raised by each election, and when a leader is lost that nobody can follow.
    pub epoch: Epoch,
    /// Who is in sync, each with the life in which it is. Empty when nobody is, and others are eligible.
    pub in_sync: Members,
    /// Who left the in-sync set while it was short, and so has all that is committed: while it is short, nothing more is
    /// (KIP-966). Empty while the set is large enough.
    pub eligible: Members,
    /// Who left the two by an unclean end while the in-sync set was short, each in the last life known to be on the disk that
    /// has all that is committed. Empty while the set is large enough. Their logs are compared when nobody else can lead.
    ///
    /// By [`CommitRule::EnoughInSync`]: members on record in a former life, each in the one it has begun since on the same disk,
    /// which may have lost what was not synced. They are asked as well, but more have to be heard then.
    pub witnesses: Members,
    /// Who led last, while nobody can lead: by an older rule the last resort when nobody is in sync or eligible any more.
    pub last_leader: Option<(NodeId, Incarnation)>,
    /// How the leader was found.
    pub election: Election,
    /// Whether a leader that was elected uncleanly has yet to begin anew by itself; until then nobody joins it.
    pub recovery: Recovery,
    /// Whom unclean elections have passed over, each in the life in which it had all that was committed, until it is in
    /// sync again: what such a one has to cut is lost.
    pub passed_over: Members,
    /// Replicas are being asked what they have, to find a leader: by [`CommitRule::EnoughInSync`] the members, whenever nobody
    /// leads; else the witnesses.
    pub poll: Option<Poll>,
    /// Raised by each change.
    pub version: Version,
}

impl PartitionState {
    /// A partition about which nothing was decided yet.
    #[must_use]
    pub fn undecided(spec: PartitionSpec) -> Self {
        Self {
            spec,
            reassignment: None,
            since: BTreeMap::new(),
            leader: None,
            epoch: Epoch::ZERO,
            in_sync: Members::new(),
            eligible: Members::new(),
            witnesses: Members::new(),
            last_leader: None,
            election: Election::InSync,
            recovery: Recovery::Done,
            passed_over: Members::new(),
            poll: None,
            version: Version::default(),
        }
    }

    /// Since which version this node has been a replica.
    #[must_use]
    pub fn replica_since(&self, node: NodeId) -> Version {
        self.since.get(&node).copied().unwrap_or_default()
    }

    /// Who replicates it once no reassignment is under way any more, in assignment order.
    #[must_use]
    pub fn assignment(&self) -> &[NodeId] {
        self.reassignment.as_ref().map_or(&self.spec.replicas, |moves| &moves.target)
    }

    /// Who replicates it only until the reassignment is complete.
    pub fn removing(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.spec.replicas.iter().copied().filter(|node| !self.assignment().contains(node))
    }

    /// How many must be in sync: more than there are replicas cannot be asked (Kafka's `effectiveMinIsr`). No assignment, old
    /// or new, has fewer replicas than that, so it stays the same while a partition is reassigned; those on their way
    /// count like any other once they are in sync.
    #[must_use]
    pub fn min_isr(&self) -> usize {
        self.spec.min_isr.min(self.spec.replicas.len())
    }

    /// Whether this life of a replica is asked what it has.
    #[must_use]
    pub fn asks(&self, node: NodeId, life: Incarnation) -> bool {
        let is_in = |members: &Members| members.get(&node) == Some(&life);
        let asked =
            is_in(&self.witnesses) || self.spec.commit == CommitRule::EnoughInSync && is_in(&self.in_sync);
        self.poll.is_some() && asked
    }

    /// By [`CommitRule::EnoughInSync`], how many members have to say what they have before one is elected: any so many have
    /// one among them that belongs to the `min_isr` by which a record was committed. The dead are counted in the set.
    #[must_use]
    pub fn reports_needed(&self) -> usize {
        (self.in_sync.len() + 1).saturating_sub(self.min_isr())
    }
}

/// What replicas have said that they have, in an epoch that has no leader yet (H-17).
///
/// Whoever reads of it takes nothing from an older leader any more, and only then reports. So an older leader
/// has no longer enough who answer it, once enough have reported here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Poll {
    /// What each has said, in the life in which it is asked.
    pub reports: BTreeMap<NodeId, LogEnd>,
}

/// How a log ends: of two, the greater one has all that was committed in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogEnd {
    /// The epoch of its last record.
    pub last_epoch: Option<Epoch>,
    /// All below it is on disk, and there is nothing else.
    pub durable: Offset,
}

/// How a leader was found, from the safest way to the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Election {
    /// It was in sync (C14).
    InSync,
    /// It was eligible: it has all that is committed (KIP-966).
    Eligible,
    /// It led last, and its disk is the one it had; nobody else is known to have as much. Under `Synced` it lacks nothing.
    LastLeader,
    /// It was alive. What it lacks is lost.
    Unclean,
    /// Of enough replicas that said what they have, it had most (H-17, and KIP-966's second part).
    Polled,
}

/// Whether a leader that was elected uncleanly has begun anew (Kafka's `LeaderRecoveryState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Recovery {
    /// It has, or it need not.
    Done,
    /// It has not yet.
    Pending,
}
