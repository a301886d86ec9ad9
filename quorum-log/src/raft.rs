//! The thin module that names openraft's types: what an entry, a vote and a log id are to it, in our own numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use openraft::Membership;
use openraft::entry::RaftPayload;
use openraft::type_config::alias::{CommittedLeaderIdOf, LogIdOf, StoredMembershipOf, VoteOf};
use openraft::vote::{RaftLeaderId, RaftVote};
use partition::ids::{Epoch, NodeId, Offset, Ordinal};
use partition::record::{Batch, BatchBuilder, ControlKind};
use partition::transport::{Address, codec};
use serde::{Deserialize, Serialize};

use crate::replica::Ticket;

openraft::declare_raft_types!(
    /// How openraft is set up here.
    pub(crate) Types:
        D = Proposal,
        R = LogStart,
        NodeId = u64,
        Node = Located,
        Term = u64,
        // One leader a term, as in Raft's paper: a record batch has room for the term alone (H-08).
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>,
        Payload = Payload,
        AsyncRuntime = crate::runtime::Runtime,
);

/// The running consensus of one replica.
pub(crate) type Raft = openraft::Raft<Types, crate::store::machine::Machine>;
/// A term and an index.
pub(crate) type LogId = LogIdOf<Types>;
/// Who may lead in which term, and whether a majority said so.
pub(crate) type Vote = VoteOf<Types>;
/// A log entry, as openraft handles it.
pub(crate) type Entry = openraft::Entry<CommittedLeaderIdOf<Types>, Payload>;
/// Who votes.
pub(crate) type Voters = Membership<u64, Located>;
/// Who votes, and which entry says so.
pub(crate) type StoredVoters = StoredMembershipOf<Types>;

/// Where a member listens: what a log says of it beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located(pub(crate) Address);

#[cfg(test)]
impl Default for Located {
    /// openraft's own suite of tests has members, but no network.
    fn default() -> Self {
        Self(Address::simulated(NodeId(0)))
    }
}

/// What a replica answers when it has applied an entry: its first offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogStart(pub(crate) Offset);

/// What is proposed to be the next entry.
#[derive(Debug)]
pub(crate) enum Proposal {
    /// A client's batch, which the leader places when it appends it.
    Records {
        /// The batch as the client sent it.
        batch: Batch,
        /// Whom to tell.
        ticket: Ticket,
    },
    /// Give up all below this offset, on every replica.
    Trim(Offset),
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records { batch, .. } => write!(f, "{batch:?}"),
            Self::Trim(to) => write!(f, "trim to {to}"),
        }
    }
}

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Payload {
    /// A new leader's first entry.
    Blank,
    /// A change of who votes.
    Membership(Voters),
    /// An entry on its way into the leader's log.
    Proposed(Proposal),
    /// An entry as it lies in a log: the batch carries its own offset and epoch.
    Placed(Batch),
}

impl RaftPayload for Payload {
    type D = Proposal;
    type NodeId = u64;
    type Node = Located;

    fn blank() -> Self {
        Self::Blank
    }

    fn with_normal(self, proposal: Proposal) -> Self {
        Self::Proposed(proposal)
    }

    fn with_membership(self, voters: Voters) -> Self {
        Self::Membership(voters)
    }

    fn get_membership(&self) -> Option<Voters> {
        match self {
            Self::Membership(voters) => Some(voters.clone()),
            Self::Placed(batch) => match Control::of_batch(batch)? {
                Control::Membership(voters) => Some(voters.into()),
                Control::Blank | Control::Trim(_) => None,
            },
            Self::Blank | Self::Proposed(_) => None,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("blank"),
            Self::Membership(voters) => write!(f, "{voters}"),
            Self::Proposed(proposal) => write!(f, "{proposal}"),
            Self::Placed(batch) => write!(f, "{batch:?}"),
        }
    }
}

/// One of the protocol's own entries: a control batch of one record, which takes one offset and is hidden from readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// A leader's first entry, or one that stands for a refused batch.
    Blank,
    /// Who votes from here on.
    Membership(VotersRecord),
    /// All below this offset is given up.
    Trim(Offset),
}

impl Control {
    /// As a batch, not placed yet.
    pub(crate) fn to_batch(&self, now_ms: i64) -> Batch {
        match self {
            Self::Blank => BatchBuilder::control(now_ms, ControlKind::Blank, &[]),
            Self::Membership(voters) => {
                BatchBuilder::control(now_ms, ControlKind::Membership, &codec::encode(voters))
            }
            Self::Trim(to) => BatchBuilder::control(now_ms, ControlKind::Trim, &to.0.to_be_bytes()),
        }
    }

    /// What a batch from a log means to the protocol; `None` for a client's records.
    pub(crate) fn of_batch(batch: &Batch) -> Option<Self> {
        if !batch.is_control() {
            return None;
        }
        let record = batch.records().next()?.ok()?;
        let value = record.value.unwrap_or_default();
        match ControlKind::of_key(&record.key?)? {
            ControlKind::Blank => Some(Self::Blank),
            ControlKind::Membership => codec::decode(&value).ok().map(Self::Membership),
            ControlKind::Trim => {
                let to = value.as_ref().try_into().ok()?;
                Some(Self::Trim(Offset(u64::from_be_bytes(to))))
            }
        }
    }
}

/// Who votes, as it is written: one set, or two while a change is under way; and where all members listen, those too that
/// only copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VotersRecord {
    sets: Vec<BTreeSet<u64>>,
    members: BTreeMap<u64, Address>,
}

impl VotersRecord {
    /// Most of each of these must agree.
    pub(crate) fn sets(&self) -> &[BTreeSet<u64>] {
        &self.sets
    }

    /// Where all members listen.
    pub(crate) fn members(&self) -> &BTreeMap<u64, Address> {
        &self.members
    }

    /// All who vote here.
    pub(crate) fn voters(&self) -> impl Iterator<Item = u64> + '_ {
        self.sets.iter().flatten().copied()
    }
}

impl From<&Voters> for VotersRecord {
    fn from(voters: &Voters) -> Self {
        let members = voters.nodes().map(|(node, Located(address))| (*node, *address)).collect();
        Self { sets: voters.get_joint_config().clone(), members }
    }
}

impl From<VotersRecord> for Voters {
    fn from(record: VotersRecord) -> Self {
        let members = record.members.into_iter().map(|(node, address)| (node, Located(address)));
        let members: BTreeMap<u64, Located> = members.collect();
        Self::new(record.sets, members).expect("a record is written of what openraft holds for sound")
    }
}

/// A log id, as it is written and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The entry's epoch.
    pub(crate) epoch: Epoch,
    /// The entry's index.
    pub(crate) ordinal: Ordinal,
}

impl From<LogId> for Place {
    fn from(id: LogId) -> Self {
        Self { epoch: epoch_of(id.leader_id.term), ordinal: Ordinal(id.index) }
    }
}

impl From<Place> for LogId {
    fn from(place: Place) -> Self {
        log_id(place.epoch, place.ordinal)
    }
}

/// A vote, as it is written and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteRecord {
    /// The epoch.
    pub(crate) epoch: Epoch,
    /// For whom.
    pub(crate) node: u64,
    /// Whether a majority granted it.
    pub(crate) elected: bool,
}

impl From<Vote> for VoteRecord {
    fn from(vote: Vote) -> Self {
        let leader = vote.leader_id();
        Self { epoch: epoch_of(leader.term()), node: *leader.node_id(), elected: vote.is_committed() }
    }
}

impl From<VoteRecord> for Vote {
    fn from(record: VoteRecord) -> Self {
        let leader = RaftLeaderId::new(u64::from(record.epoch.0), record.node);
        Self::from_leader_id(leader, record.elected)
    }
}

/// The log id of the entry with this epoch and index.
pub(crate) fn log_id(epoch: Epoch, ordinal: Ordinal) -> LogId {
    LogId::new(leader(epoch), ordinal.0)
}

/// The leader of an epoch, as far as a log id names it.
pub(crate) fn leader(epoch: Epoch) -> CommittedLeaderIdOf<Types> {
    // The node is not part of it: there is one leader a term.
    let leader: openraft::impls::leader_id_std::LeaderId<u64, u64> = RaftLeaderId::new(u64::from(epoch.0), 0);
    leader.to_committed()
}

/// Raft's term as an epoch; it fits, for a term is spent by an election and 2^31 of them take a lifetime.
pub(crate) fn epoch_of(term: u64) -> Epoch {
    Epoch(u32::try_from(term).expect("terms stay below 2^31"))
}

/// A node as openraft knows it.
pub(crate) fn raft_node(node: NodeId) -> u64 {
    u64::from(node.0)
}

/// A node as we know it.
pub(crate) fn node_of(raft_node: u64) -> NodeId {
    NodeId(u32::try_from(raft_node).expect("every id that openraft has was one of ours"))
}
