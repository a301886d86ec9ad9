//! How a replica reaches the others: openraft's network, over our frames.

pub(crate) mod pipeline;
pub(crate) mod service;

use std::collections::BTreeMap;
use std::future::Future;
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
use partition::ids::{NodeId, PartitionId};
use partition::transport::rpc::{CallError, Peer};
use partition::transport::{Channel, Reply, Request, codec};
use partition::world::World;

use crate::config::Config;
use crate::message::{AppendVerdict, ReplicaReply, ReplicaRequest, pack_append};
use crate::raft::{Place, Types, Vote, raft_node};
use crate::store::kept::{Beginning, Kept};
use pipeline::Pipeline;

type Failure = RPCError<Types>;

/// Knows the other voters. Each has one connection, which all of openraft's clients of that voter share.
#[derive(Debug)]
pub(crate) struct Network {
    clients: BTreeMap<u64, Client>,
}

impl Network {
    /// The other voters of this configuration; connections are made when first needed.
    pub(crate) fn new(world: &World, config: &Config) -> Self {
        let others = config.voters.iter().filter(|(node, _)| **node != config.node);
        let clients = others.map(|(node, address)| {
            let client = Client {
                from: config.node,
                to: *node,
                partition: config.partition.clone(),
                peer: Peer::new(world, *address),
                // A follower that has not answered for so long is about to look for another leader anyway. Shorter, and
                // a slow disk would be taken for a dead one.
                patience: config.timing.election_min,
            };
            (raft_node(*node), client)
        });
        Self { clients: clients.collect() }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, _node: &()) -> Client {
        self.clients.get(&target).cloned().expect("openraft's members are the voters of the configuration")
    }
}

/// One other voter.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    from: NodeId,
    to: NodeId,
    partition: PartitionId,
    peer: Peer,
    patience: Duration,
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
        self.peer.call(Request { channel: Channel::Replica, partition, message, body }, timeout)
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
                let (id, target) = (raft_node(self.from), raft_node(self.to));
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

    /// Sends entries now, and resolves with what the follower made of them.
    fn send_entries(&self, request: AppendEntriesRequest<Types>) -> pipeline::Sent {
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
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
                ReplicaReply::Append(verdict) => Ok(verdict),
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
        let stream: BoxStream<'s, _> = Box::pin(Pipeline::new(self.clone(), input));
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
        let mut kept = Kept::default();
        kept.set_voters(&snapshot.meta.last_membership);
        let request =
            ReplicaRequest::Begin { vote: vote.into(), beginning: snapshot.snapshot, voters: kept.voters };
        match self.ask(&request, option).await? {
            ReplicaReply::Begin(vote) => Ok(SnapshotResponse::new(vote.into())),
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
