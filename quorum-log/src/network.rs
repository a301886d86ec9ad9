//! How a replica reaches the others: openraft's network, over our frames.

mod beats;
pub(crate) mod links;
pub(crate) mod pipeline;
pub(crate) mod service;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use openraft::base::BoxStream;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};

use openraft::OptionalSend;
use openraft::type_config::alias::SnapshotOf;
use partition::ids::{NodeId, Ordinal, PartitionId};
use partition::transport::rpc::CallError;
use partition::transport::{Address, Channel, Reply, Request, codec};

use crate::config::Config;
use crate::ledger::Memory;
use crate::message::{AppendHead, AppendVerdict, ReplicaReply, ReplicaRequest, pack_append};
use crate::raft::{Located, LogId, Place, Types, Vote, VoteRecord, node_of, raft_node};
use crate::replica::Replica;
use crate::store::kept::{Beginning, KeptVoters};
use links::{Link, Links};
use pipeline::Pipeline;

type Failure = RPCError<Types>;

/// Knows the other members. Each has one connection, which all of openraft's clients of that member share, and those of other
/// partitions too.
pub(crate) struct Network {
    links: Links,
    replica: Arc<Replica>,
    partition: PartitionId,
    /// Where this node was told that the founders are: that comes before what the log says, for an address may change.
    founders: BTreeMap<NodeId, Address>,
    patience: Duration,
}

impl Network {
    /// Of a replica, which hears what the others have stored.
    pub(crate) fn new(links: Links, config: &Config, replica: Arc<Replica>) -> Self {
        Self {
            links,
            replica,
            partition: config.partition.clone(),
            founders: config.voters.clone(),
            // A follower that has not answered for so long is about to look for another leader anyway. Shorter, and a
            // slow disk would be taken for a dead one.
            patience: config.timing.election_min,
        }
    }

    fn client(&self, target: u64, located: &Located, use_of: UseOf) -> Client {
        let to = node_of(target);
        let address = self.founders.get(&to).copied().unwrap_or(located.0);
        Client {
            replica: Arc::clone(&self.replica),
            to,
            partition: self.partition.clone(),
            link: self.links.to(address),
            patience: self.patience,
            use_of,
        }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, located: &Located) -> Client {
        self.client(target, located, UseOf::Entries)
    }

    async fn new_heartbeat_client(&mut self, target: u64, located: &Located) -> Client {
        self.client(target, located, UseOf::Heartbeats)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({:?})", self.founders.keys())
    }
}

/// What openraft sends by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UseOf {
    Entries,
    Heartbeats,
}

/// One other member.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    replica: Arc<Replica>,
    to: NodeId,
    partition: PartitionId,
    link: Link,
    patience: Duration,
    use_of: UseOf,
}

impl Client {
    /// Sends now, and resolves with the reply.
    fn send(
        &self,
        message: Bytes,
        body: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Reply, CallError>> {
        let partition = self.partition.clone();
        self.link.peer().call(Request { channel: Channel::Replica, partition, message, body }, timeout)
    }

    async fn ask(&self, request: &ReplicaRequest, option: RPCOption) -> Result<ReplicaReply, Failure> {
        let ttl = option.soft_ttl();
        let reply = self.send(codec::encode(request), Bytes::new(), ttl).await;
        self.read(reply, RPCTypes::Vote, ttl)
    }

    fn read(
        &self,
        reply: Result<Reply, CallError>,
        action: RPCTypes,
        timeout: Duration,
    ) -> Result<ReplicaReply, Failure> {
        let reply = reply.map_err(|error| match error {
            CallError::Unsent(_) => Unreachable::new(&error).into(),
            CallError::Lost(_) => NetworkError::new(&error).into(),
            CallError::Timeout => {
                let (id, target) = (raft_node(self.replica.node), raft_node(self.to));
                Failure::Timeout(Timeout { action, id, target, timeout })
            }
        })?;
        match codec::decode(&reply.message).map_err(|error| NetworkError::new(&error))? {
            ReplicaReply::Stopped(why) => Err(Unreachable::from_string(why).into()),
            answer => Ok(answer),
        }
    }

    fn wrong(&self) -> Failure {
        NetworkError::from_string(format!("node {} answered something else than it was asked", self.to))
            .into()
    }

    async fn election(
        &self,
        request: &ReplicaRequest,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        match self.ask(request, option).await? {
            ReplicaReply::Vote(ballot) => Ok(ballot.into()),
            _ => Err(self.wrong()),
        }
    }

    /// Notes what the follower has by its own word. One that lacks what it had acknowledged came back with another disk, and
    /// is treated as if it were not there: who brought it up to date would let it vote for leaders that lack as much as it
    /// has forgotten.
    fn judged(
        &self,
        term: VoteRecord,
        prev: Option<LogId>,
        last: Option<LogId>,
        verdict: AppendVerdict,
    ) -> Result<AppendVerdict, Failure> {
        let to = raft_node(self.to);
        match (verdict, prev, last) {
            (AppendVerdict::Stored, _, Some(last)) => self.replica.stored_by(term, to, Ordinal(last.index)),
            (AppendVerdict::Conflict, Some(prev), _)
                if self.replica.lacked_by(term, to, Ordinal(prev.index)) == Memory::Lost =>
            {
                tracing::error!(node = %self.to, "it lost what it had acknowledged: replace it, under a new number");
                return Err(Unreachable::from_string("it came back without what it had acknowledged").into());
            }
            _ => {}
        }
        Ok(verdict)
    }

    /// Sends entries now, and resolves with what the follower made of them.
    fn send_entries(&self, request: AppendEntriesRequest<Types>) -> pipeline::Sent {
        let (vote, prev) = (VoteRecord::from(request.vote), request.prev_log_id);
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        let gathered = (self.use_of == UseOf::Heartbeats && request.entries.is_empty())
            .then(|| self.link.beat(&self.partition, AppendHead::of(&request)))
            .flatten();
        if let Some(beat) = gathered {
            let client = self.clone();
            let verdict = Box::pin(async move { client.judged(vote, prev, last, beat.await?) });
            return pipeline::Sent { bytes: 0, verdict, prev, last };
        }
        let (message, body) = match pack_append(request) {
            Ok(packed) => packed,
            Err(error) => {
                let failed = Failure::from(NetworkError::new(&error));
                return pipeline::Sent {
                    bytes: 0,
                    verdict: Box::pin(std::future::ready(Err(failed))),
                    prev,
                    last,
                };
            }
        };
        let bytes = body.len();
        let reply = self.send(message, body, self.patience);
        let client = self.clone();
        let verdict = Box::pin(async move {
            match client.read(reply.await, RPCTypes::AppendEntries, client.patience)? {
                ReplicaReply::Append(verdict) => client.judged(vote, prev, last, verdict),
                _ => Err(client.wrong()),
            }
        });
        pipeline::Sent { bytes, verdict, prev, last }
    }
}

impl RaftNetworkV2<Types> for Client {
    type SnapshotData = Beginning;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, Failure> {
        Ok(match self.send_entries(rpc).verdict.await? {
            AppendVerdict::Stored => AppendEntriesResponse::Success,
            AppendVerdict::Conflict => AppendEntriesResponse::Conflict,
            AppendVerdict::HigherVote(vote) => AppendEntriesResponse::HigherVote(vote.into()),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Types>, Failure>>, Failure>>
    where
        S: futures_util::Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let (client, clock) = (self.clone(), self.replica.clock.clone());
        let stream: BoxStream<'s, _> =
            Box::pin(Pipeline::new(clock, move |request| client.send_entries(request), input));
        Box::pin(std::future::ready(Ok(stream)))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        self.election(&ReplicaRequest::Vote(rpc.into()), option).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        self.election(&ReplicaRequest::PreVote(rpc.into()), option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<Types, Beginning>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let voters = KeptVoters::of(&snapshot.meta.last_membership);
        let (term, before) = (VoteRecord::from(vote), snapshot.meta.last_log_id);
        let request = ReplicaRequest::Begin { vote: vote.into(), beginning: snapshot.snapshot, voters };
        match self.ask(&request, option).await? {
            ReplicaReply::Begin(heard) => {
                if let Some(before) = before.filter(|_| heard == term) {
                    self.replica.stored_by(term, raft_node(self.to), Ordinal(before.index));
                }
                Ok(SnapshotResponse::new(heard.into()))
            }
            _ => Err(self.wrong().into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, Failure> {
        let last = request.last_log_id().copied().map(Place::from);
        let from = (*request.from_leader()).into();
        let request = ReplicaRequest::TakeOver { from, to: *request.to_node_id(), last };
        match self.ask(&request, option).await? {
            ReplicaReply::TakeOver => Ok(Ok(())),
            _ => Err(self.wrong()),
        }
    }
}
