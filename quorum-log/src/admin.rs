//! What an operator asks of a partition's voters: who they are, that others vote, that another leads.
//!
//! ```text
//!   voters {1 2 3}  ── change to {1 2 4} ──>  4 copies without a vote, until it has nearly all
//!                                             {1 2 3} and {1 2 4}: most of both must agree
//!                                             {1 2 4}: 3 may be switched off
//! ```
//! One change at a time; one that was cut short (its leader died) is finished by asking for it again. A number that has ever
//! voted is never given to another node, and not to the same one with an empty disk either: it has made promises that it
//! would not remember (R-08). So a dead or wiped voter is *replaced*, by a node with a number of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use partition::clock::Moment;
use partition::ids::{NodeId, PartitionId};
use partition::transport::rpc::{CallError, Peer};
use partition::transport::{Address, Channel, Request, codec};
use partition::world::World;
use serde::{Deserialize, Serialize};

use crate::message::{ReplicaReply, ReplicaRequest};

/// How long one node is asked who does not answer at all; a change that is under way answers when it is done.
const SILENCE: Duration = Duration::from_secs(1);
/// Between two rounds of asking all nodes, when nobody leads.
const PAUSE: Duration = Duration::from_millis(100);

/// Who belongs to a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Who votes: one set, or the old and the new one while a change is under way.
    pub voters: Vec<BTreeSet<NodeId>>,
    /// Where all members listen; those that are in no set of voters only copy.
    pub addresses: BTreeMap<NodeId, Address>,
}

impl Members {
    /// Who only copies.
    pub fn learners(&self) -> impl Iterator<Item = NodeId> + '_ {
        let votes = |node: &NodeId| self.voters.iter().any(|set| set.contains(node));
        self.addresses.keys().copied().filter(move |node| !votes(node))
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Operation {
    /// Who belongs to it?
    Members,
    /// These vote.
    Voters(BTreeMap<NodeId, Address>),
    /// This one copies.
    AddLearner(NodeId, Address),
    /// This one copies no more.
    RemoveLearner(NodeId),
    /// This one leads.
    HandOver(NodeId),
}

/// Why the members are not as an operator wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ChangeError {
    /// Somebody else leads.
    #[error("this replica does not lead: ask the leader")]
    NotLeader {
        /// Who does, if known, and where it listens.
        leader: Option<(NodeId, Address)>,
    },
    /// Another change is not done.
    #[error("another change is under way: wait until it is done")]
    UnderWay,
    /// An earlier leader has left a change half done.
    #[error("a change to the voters {towards:?} was begun and is not finished: ask for that one first")]
    Unfinished {
        /// Whom it makes voters.
        towards: BTreeSet<NodeId>,
    },
    /// The number was a voter's.
    #[error(
        "node {0} has voted before, and would not remember what it promised: give the new node a number of its own"
    )]
    HasVoted(NodeId),
    /// It is a member already, at another address.
    #[error("node {node} is a member at {address}: remove it first")]
    Elsewhere {
        /// Which node.
        node: NodeId,
        /// Where it is by now.
        address: Address,
    },
    /// It is none, or none that this can be asked of.
    #[error("node {0} is not a member that could do this")]
    NotAMember(NodeId),
    /// It votes.
    #[error("node {0} votes: change the voters instead")]
    Votes(NodeId),
    /// Nobody would vote, or too many, or too many have.
    #[error("between 1 and {most} nodes can vote, and {ever_most} over all time")]
    Count {
        /// At once.
        most: usize,
        /// Over all time.
        ever_most: usize,
    },
    /// Too few voters answer.
    #[error("too few voters answer: a change needs a majority")]
    NoQuorum,
    /// It takes longer. A new node may be catching up; it goes on doing so.
    #[error("not done in time, and perhaps later: ask again")]
    Timeout,
    /// The replica cannot go on.
    #[error("stopped: {0}")]
    Stopped(String),
    /// No node of those that are known answers.
    #[error("no node answers: {0}")]
    Unreachable(String),
}

/// An operator's client of one partition.
pub struct Admin {
    world: World,
    partition: PartitionId,
    nodes: Mutex<BTreeMap<NodeId, Peer>>,
}

impl Admin {
    /// A client that begins with these nodes; it learns of others from them.
    #[must_use]
    pub fn new(world: &World, nodes: &BTreeMap<NodeId, Address>, partition: &PartitionId) -> Self {
        let nodes = nodes.iter().map(|(node, address)| (*node, Peer::new(world, *address))).collect();
        Self { world: world.clone(), partition: partition.clone(), nodes: Mutex::new(nodes) }
    }

    /// Who belongs to the partition, by its leader's proven word.
    ///
    /// # Errors
    /// [`ChangeError`] when no leader answers in time.
    pub async fn members(&self, timeout: Duration) -> Result<Members, ChangeError> {
        self.ask(Operation::Members, timeout).await
    }

    /// Has these nodes vote, and no others. Nodes that are new run already ([`Node::join`](crate::Node::join)); they get
    /// a copy first, without a vote. Nodes that vote no more may be switched off when this returns.
    ///
    /// # Errors
    /// [`ChangeError`]; when it is [`ChangeError::Timeout`], asking again goes on where it was.
    pub async fn change_voters(
        &self,
        voters: BTreeMap<NodeId, Address>,
        timeout: Duration,
    ) -> Result<Members, ChangeError> {
        self.ask(Operation::Voters(voters), timeout).await
    }

    /// Has a new node vote in the place of one that is dead, wiped, or to be rid of.
    ///
    /// # Errors
    /// [`ChangeError`]; when it is [`ChangeError::Timeout`], asking again goes on where it was.
    pub async fn replace(
        &self,
        old: NodeId,
        new: NodeId,
        at: Address,
        timeout: Duration,
    ) -> Result<Members, ChangeError> {
        let members = self.members(timeout).await?;
        let voting = members.voters.last().into_iter().flatten().filter(|node| **node != old);
        let mut voters: BTreeMap<NodeId, Address> =
            voting.map(|node| (*node, members.addresses[node])).collect();
        voters.insert(new, at);
        self.change_voters(voters, timeout).await
    }

    /// Has a node copy, without a vote: it delays nobody, and can be read from.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn add_learner(
        &self,
        node: NodeId,
        at: Address,
        timeout: Duration,
    ) -> Result<Members, ChangeError> {
        self.ask(Operation::AddLearner(node, at), timeout).await
    }

    /// Has a node that does not vote copy no more.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn remove_learner(&self, node: NodeId, timeout: Duration) -> Result<Members, ChangeError> {
        self.ask(Operation::RemoveLearner(node), timeout).await
    }

    /// Has another voter lead.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn hand_over(&self, to: NodeId, timeout: Duration) -> Result<Members, ChangeError> {
        self.ask(Operation::HandOver(to), timeout).await
    }

    /// Asks whoever leads. What was asked and not answered is asked again: each of these may be.
    async fn ask(&self, operation: Operation, timeout: Duration) -> Result<Members, ChangeError> {
        let deadline = self.world.clock.now().after(timeout);
        let mut nodes: Vec<NodeId> = Vec::new();
        let (mut last, mut lost) = (ChangeError::Timeout, false);
        while let Some(left) = self.left(deadline) {
            let Some(node) = nodes.pop() else {
                nodes = self.nodes().keys().rev().copied().collect();
                self.world.clock.sleep(PAUSE.min(left)).await;
                continue;
            };
            match self.ask_one(node, &operation, left).await {
                Ok(members) => return Ok(members),
                Err(ChangeError::NotLeader { leader }) => {
                    if let Some((leader, at)) = leader.filter(|(leader, _)| *leader != node) {
                        self.nodes().entry(leader).or_insert_with(|| Peer::new(&self.world, at));
                        nodes.push(leader);
                        self.world.clock.sleep(PAUSE.min(left) / 10).await;
                    }
                    last = ChangeError::NotLeader { leader: None };
                }
                Err(ChangeError::UnderWay) if lost => self.world.clock.sleep(PAUSE.min(left)).await,
                Err(error @ (ChangeError::Unreachable(_) | ChangeError::Stopped(_))) => {
                    (last, lost) = (error, true)
                }
                Err(error @ ChangeError::NoQuorum) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<NodeId, Peer>> {
        self.nodes.lock().expect("no holder panics")
    }

    fn left(&self, deadline: Moment) -> Option<Duration> {
        Some(deadline.since(self.world.clock.now())).filter(|left| !left.is_zero())
    }

    async fn ask_one(
        &self,
        node: NodeId,
        operation: &Operation,
        left: Duration,
    ) -> Result<Members, ChangeError> {
        let Some(peer) = self.nodes().get(&node).cloned() else {
            return Err(ChangeError::NotAMember(node));
        };
        // A node that is silent is not waited for; one that leads, and is at work, is.
        let asked = ReplicaRequest::Operate { operation: Operation::Members, timeout: SILENCE };
        let members = self.call(&peer, &asked, SILENCE.min(left)).await?;
        if *operation == Operation::Members {
            return Ok(members);
        }
        self.call(&peer, &ReplicaRequest::Operate { operation: operation.clone(), timeout: left }, left).await
    }

    async fn call(
        &self,
        peer: &Peer,
        request: &ReplicaRequest,
        timeout: Duration,
    ) -> Result<Members, ChangeError> {
        let request = Request {
            channel: Channel::Replica,
            partition: self.partition.clone(),
            message: codec::encode(request),
            body: Bytes::new(),
        };
        let unreachable = |why: String| ChangeError::Unreachable(why);
        let reply = peer.call(request, timeout).await.map_err(|error| match error {
            CallError::Timeout => unreachable("no answer in time".to_owned()),
            CallError::Unsent(why) | CallError::Lost(why) => unreachable(why),
        })?;
        match codec::decode(&reply.message).map_err(|error| unreachable(error.to_string()))? {
            ReplicaReply::Operated(outcome) => outcome,
            _ => Err(unreachable("it answered another question".to_owned())),
        }
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admin of {}", self.partition)
    }
}
