//! Replicas' messages over connections: what a replica sends to others, and what it is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::ids::{NodeId, PartitionId};
use partition::record::Batches;
use partition::transport::rpc::Peer;
use partition::transport::{Address, Answer, Channel, Reply, Request, Service, codec};
use partition::world::World;

use crate::message::{Confirm, ConfirmReply, Fetch, FetchRefusal, FetchReply, ReplicaRequest, Report};
use crate::node::Registry;

/// What a fetch may take beyond the time it is parked: the way there and back, and a read from disk.
const FETCH_GRACE: Duration = Duration::from_secs(2);
/// How long a member has to confirm; the leader asks again anyhow.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// The other brokers, one connection each, shared by all partitions.
#[derive(Clone, Debug)]
pub(crate) struct Network(Arc<BTreeMap<NodeId, Peer>>);

/// What came of a request; the text says why nothing did.
pub(crate) type Outcome<T> = Result<T, String>;

impl Network {
    pub(crate) fn new(world: &World, brokers: &BTreeMap<NodeId, Address>) -> Self {
        let peers = brokers.iter().map(|(node, address)| (*node, Peer::new(world, *address)));
        Self(Arc::new(peers.collect()))
    }

    /// Sends a fetch now; the batches it brings are not verified yet.
    pub(crate) fn fetch(
        &self,
        to: NodeId,
        partition: &PartitionId,
        fetch: Fetch,
    ) -> BoxFuture<'static, Outcome<(FetchReply, Batches)>> {
        let called = self.call(to, partition, &ReplicaRequest::Fetch(fetch), fetch.max_wait + FETCH_GRACE);
        let parse = |reply: Outcome<Reply>| {
            let reply = reply?;
            let answer = codec::decode::<FetchReply>(&reply.message).map_err(|error| error.to_string())?;
            Ok((answer, Batches::unverified(reply.body)))
        };
        called.map(parse).boxed()
    }

    /// Sends a report now. If it is lost, so is the connection, and the fetch after that says the same.
    pub(crate) fn report(&self, to: NodeId, partition: &PartitionId, report: Report) {
        if let Some(peer) = self.0.get(&to)
            && let Err(error) = peer.send(request(partition, &ReplicaRequest::Report(report)))
        {
            tracing::debug!(%partition, %to, %error, "a report was not sent");
        }
    }

    /// Asks a member whether it still follows.
    pub(crate) fn confirm(
        &self,
        to: NodeId,
        partition: &PartitionId,
        confirm: Confirm,
    ) -> BoxFuture<'static, Outcome<ConfirmReply>> {
        let called = self.call(to, partition, &ReplicaRequest::Confirm(confirm), CONFIRM_TIMEOUT);
        let parse = |reply: Outcome<Reply>| codec::decode(&reply?.message).map_err(|error| error.to_string());
        called.map(parse).boxed()
    }

    fn call(
        &self,
        to: NodeId,
        partition: &PartitionId,
        message: &ReplicaRequest,
        timeout: Duration,
    ) -> BoxFuture<'static, Outcome<Reply>> {
        match self.0.get(&to) {
            Some(peer) => {
                let called = peer.call(request(partition, message), timeout);
                called.map(|reply| reply.map_err(|error| error.to_string())).boxed()
            }
            None => future::ready(Err(format!("broker {to} has no address here"))).boxed(),
        }
    }
}

fn request(partition: &PartitionId, message: &ReplicaRequest) -> Request {
    Request {
        channel: Channel::Replica,
        partition: partition.clone(),
        message: codec::encode(message),
        body: Bytes::new(),
    }
}

/// The door of a broker for other replicas.
pub(crate) struct ReplicaService {
    pub(crate) partitions: Arc<Registry>,
}

impl Service for ReplicaService {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        let message = match codec::decode::<ReplicaRequest>(&request.message) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "a replica that cannot be understood");
                return future::ready(Answer::Close).boxed();
            }
        };
        let partition = self.partitions.get(&request.partition);
        match message {
            ReplicaRequest::Fetch(fetch) => {
                let held = partition.map(|partition| partition.fetch(fetch));
                async move {
                    let (reply, body) = match held {
                        Some(held) => held.await,
                        None => (FetchReply::Refused(FetchRefusal::NoSuchPartition), Bytes::new()),
                    };
                    Answer::Reply(Reply { message: codec::encode(&reply), body })
                }
                .boxed()
            }
            ReplicaRequest::Report(report) => {
                if let Some(partition) = partition {
                    partition.report(report);
                }
                future::ready(Answer::Silence).boxed()
            }
            ReplicaRequest::Confirm(confirm) => {
                let asked = partition.map(|partition| partition.confirm(confirm));
                async move {
                    let reply = match asked {
                        Some(asked) => asked.await,
                        None => ConfirmReply::Refused,
                    };
                    Answer::Reply(Reply { message: codec::encode(&reply), body: Bytes::new() })
                }
                .boxed()
            }
        }
    }
}

impl fmt::Debug for ReplicaService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplicaService")
    }
}
