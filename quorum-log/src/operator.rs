//! Does what an operator asks, as leader: one change of the members at a time, step by step.
//!
//! A change runs to its end as a task of the replica, whether or not whoever asked for it still listens. It ends early when
//! the replica stops leading; what was done by then stays (a node that copies, or two sets of voters that must both
//! agree), and asking the new leader for the same goes on from there.

mod change;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{
    ChangeMembershipError, ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::{ChangeMembers, ReadPolicy};
use partition::clock::Moment;
use partition::ids::NodeId;
use partition::transport::Address;
use partition::world::World;
use tokio::sync::oneshot;

use crate::admin::{ChangeError, Members, Operation};
use crate::raft::{Located, LogId, Raft, Types, node_of, raft_node};
use crate::replica::Replica;
use crate::runtime::Home;
use change::Change;

/// The replica's door for operators.
#[derive(Clone)]
pub(crate) struct Operator {
    world: World,
    replica: Arc<Replica>,
    raft: Raft,
    /// A new node has caught up when it got, within so long, all that was there when that began.
    round: Duration,
    /// Held while the members are changed (MaxOneReconfigurationAtATime).
    changing: Arc<tokio::sync::Mutex<()>>,
}

type Outcome = Result<Members, ChangeError>;

impl Operator {
    pub(crate) fn new(world: &World, replica: Arc<Replica>, raft: Raft, round: Duration) -> Self {
        Self { world: world.clone(), replica, raft, round, changing: Arc::default() }
    }

    /// Begins what is asked, and resolves with its outcome, or when the time is up.
    pub(crate) fn perform(&self, operation: Operation, timeout: Duration) -> BoxFuture<'static, Outcome> {
        let (done, outcome) = oneshot::channel();
        let (this, clock) = (self.clone(), self.world.clock.clone());
        let deadline = clock.now().after(timeout);
        let work = async move {
            // Whoever asked may have gone.
            let _ = done.send(this.run(operation, deadline).await);
        };
        self.world.tasks.spawn(Home::of(&self.world).scope(work));
        let outcome = async move {
            let ended = || ChangeError::Stopped("the replica is gone".to_owned());
            match clock.timeout(timeout, outcome).await {
                Ok(outcome) => outcome.unwrap_or_else(|_| Err(ended())),
                Err(_) => Err(ChangeError::Timeout),
            }
        };
        outcome.boxed()
    }

    async fn run(&self, operation: Operation, deadline: Moment) -> Outcome {
        self.prove_leadership().await?;
        match operation {
            Operation::Members => Ok(self.members()),
            Operation::HandOver(to) => self.hand_over(to, deadline).await,
            Operation::Voters(_) | Operation::AddLearner(..) | Operation::RemoveLearner(_) => {
                let _changing = self.changing.try_lock().map_err(|_| ChangeError::UnderWay)?;
                self.change(operation, deadline).await?;
                Ok(self.members())
            }
        }
    }

    async fn change(&self, operation: Operation, deadline: Moment) -> Result<(), ChangeError> {
        let (now, ever_voted) = (self.members(), self.ever_voted());
        match operation {
            Operation::Voters(wanted) => match change::to_voters(&now, &ever_voted, &wanted)? {
                Some(change) => self.change_voters(change, deadline).await,
                None => Ok(()),
            },
            Operation::AddLearner(node, address) => {
                change::to_learner(&now, &ever_voted, node, address)?;
                self.add_learner(node, address).await
            }
            Operation::RemoveLearner(node) => {
                if now.voters.iter().any(|set| set.contains(&node)) {
                    return Err(ChangeError::Votes(node));
                }
                let gone = ChangeMembers::RemoveNodes(BTreeSet::from([raft_node(node)]));
                self.told(self.raft.change_membership(gone, true)).await?;
                self.replica.forget(raft_node(node));
                Ok(())
            }
            Operation::Members | Operation::HandOver(_) => Ok(()),
        }
    }

    async fn change_voters(&self, change: Change, deadline: Moment) -> Result<(), ChangeError> {
        let Change { learners, voters } = change;
        for (node, address) in &learners {
            self.add_learner(*node, *address).await?;
        }
        for node in learners.keys() {
            self.await_copy(*node, deadline).await?;
        }
        let voters: BTreeSet<u64> = voters.into_iter().map(raft_node).collect();
        // Most of the old and of the new must agree first; then the new alone.
        self.told(self.raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), false)).await
    }

    async fn add_learner(&self, node: NodeId, address: Address) -> Result<(), ChangeError> {
        self.told(self.raft.add_learner(raft_node(node), Located(address), false)).await
    }

    /// Waits until a node has nearly all: it got within one round what was there at its beginning, so that what it lacks
    /// then is what came in that time. A voter that lacks more would stop commits for as long as it lacks it.
    async fn await_copy(&self, node: NodeId, deadline: Moment) -> Result<(), ChangeError> {
        let clock = &self.world.clock;
        let mut metrics = self.raft.metrics();
        loop {
            let (began, goal) = (clock.now(), metrics.borrow_watched().last_log_index);
            loop {
                let copied = {
                    let now = metrics.borrow_watched();
                    let replication = now.replication.as_ref().ok_or_else(|| self.not_leader())?;
                    let matched = replication.get(&raft_node(node)).and_then(Option::as_ref);
                    matched.map(|entry| entry.index) >= goal
                };
                if copied {
                    break;
                }
                let left = deadline.since(clock.now());
                if left.is_zero() {
                    return Err(ChangeError::Timeout);
                }
                match clock.timeout(left, metrics.changed()).await {
                    Ok(Ok(())) | Err(_) => {}
                    Ok(Err(_)) => return Err(ChangeError::Stopped("raft has ended".to_owned())),
                }
            }
            if clock.now().since(began) < self.round {
                return Ok(());
            }
        }
    }

    /// Has another voter lead: it is told so when it has all that this leader has.
    async fn hand_over(&self, to: NodeId, deadline: Moment) -> Outcome {
        let now = self.members();
        if !now.voters.iter().all(|set| set.contains(&to)) {
            return Err(ChangeError::NotAMember(to));
        }
        if to == self.replica.node {
            return Ok(now);
        }
        let stopped = |error: openraft::errors::Fatal<Types>| ChangeError::Stopped(error.to_string());
        self.raft.trigger().transfer_leader(raft_node(to)).await.map_err(stopped)?;
        self.await_leader(deadline, |leader| leader == raft_node(to)).await?;
        Ok(now)
    }

    /// Has whichever voter has most lead, if there is another; returns when this replica follows, or the time is up.
    pub(crate) async fn hand_over_to_anybody(self, deadline: Moment) {
        let this = raft_node(self.replica.node);
        let next = {
            let metrics = self.raft.metrics();
            let now = metrics.borrow_watched();
            let voters: BTreeSet<u64> = now.membership_config.membership().voter_ids().collect();
            let heard = |node: &u64| now.heartbeat.as_ref().and_then(|heard| *heard.get(node)?);
            let copies = now.replication.iter().flatten();
            let candidates = copies.filter(|(node, _)| **node != this && voters.contains(node));
            // Of those that have as much, the one that was heard of last.
            let fit = |(node, matched): &(&u64, &Option<LogId>)| {
                (matched.map(|entry| entry.index), heard(node).map(|at| *at))
            };
            candidates.max_by_key(fit).map(|(node, _)| *node)
        };
        let Some(next) = next else { return };
        if self.raft.trigger().transfer_leader(next).await.is_ok() {
            let _ = self.await_leader(deadline, |leader| leader != this).await;
        }
    }

    async fn await_leader(&self, deadline: Moment, is: impl Fn(u64) -> bool) -> Result<(), ChangeError> {
        let clock = &self.world.clock;
        let mut metrics = self.raft.server_metrics();
        while !metrics.borrow_watched().current_leader.is_some_and(&is) {
            let left = deadline.since(clock.now());
            match clock.timeout(left, metrics.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(ChangeError::Stopped("raft has ended".to_owned())),
                Err(_) => return Err(ChangeError::Timeout),
            }
        }
        Ok(())
    }

    /// Returns when this replica has proved that it leads, and has applied all that was committed before.
    async fn prove_leadership(&self) -> Result<(), ChangeError> {
        let read =
            self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await.map_err(|error| match error {
                RaftError::Fatal(fatal) => ChangeError::Stopped(fatal.to_string()),
                RaftError::APIError(LinearizableReadError::ForwardToLeader(to)) => forward(&to),
                RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => ChangeError::NoQuorum,
            })?;
        let ready = read.await_ready(&self.raft).await;
        ready.map(drop).map_err(|fatal| ChangeError::Stopped(fatal.to_string()))
    }

    async fn told<T>(
        &self,
        change: impl Future<Output = Result<T, RaftError<Types, ClientWriteError<Types>>>>,
    ) -> Result<(), ChangeError> {
        change.await.map(drop).map_err(|error| match error {
            RaftError::Fatal(fatal) => ChangeError::Stopped(fatal.to_string()),
            RaftError::APIError(
                ClientWriteError::ForwardToLeader(to) | ClientWriteError::LogEntryDiscarded(to),
            ) => forward(&to),
            RaftError::APIError(ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::InProgress(_),
            )) => ChangeError::UnderWay,
            RaftError::APIError(other) => ChangeError::Stopped(other.to_string()),
        })
    }

    fn members(&self) -> Members {
        let (sets, addresses) = self.replica.members();
        let nodes = |set: BTreeSet<u64>| set.into_iter().map(node_of).collect();
        let addresses: BTreeMap<NodeId, Address> =
            addresses.into_iter().map(|(node, address)| (node_of(node), address)).collect();
        Members { voters: sets.into_iter().map(nodes).collect(), addresses }
    }

    fn ever_voted(&self) -> BTreeSet<NodeId> {
        self.replica.ever_voted().into_iter().map(node_of).collect()
    }

    fn not_leader(&self) -> ChangeError {
        let metrics = self.raft.server_metrics();
        let leader = metrics.borrow_watched().current_leader;
        let addresses = self.replica.members().1;
        let known = leader.and_then(|node| Some((node_of(node), *addresses.get(&node)?)));
        ChangeError::NotLeader { leader: known }
    }
}

fn forward(to: &ForwardToLeader<Types>) -> ChangeError {
    let leader = to.leader_id.zip(to.leader_node).map(|(node, Located(address))| (node_of(node), address));
    ChangeError::NotLeader { leader }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({})", self.replica.node)
    }
}
