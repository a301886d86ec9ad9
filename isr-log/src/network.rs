//! Replicas' messages over connections: what a replica sends to others, and what it is sent.

mod fetcher;
pub(crate) mod sessions;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::ids::{NodeId, PartitionId};
use partition::record::Batches;
use partition::transport::rpc::Peer;
use partition::transport::{Address, Answer, Channel, Reply, Request, Service, codec};
use partition::world::World;

use crate::message::{Confirm, ConfirmReply, Fetch, FetchReply, ReplicaRequest, Report};
use crate::node::Registry;
use fetcher::Fetcher;
use sessions::{Sessions, take_reports};

/// What a fetch may take beyond the time it is parked: the way there and back, and a read from disk.
const FETCH_GRACE: Duration = Duration::from_secs(2);
/// How long a member has to confirm; the leader asks again anyhow.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// The other brokers, one connection each, shared by all partitions.
#[derive(Clone, Debug)]
pub(crate) struct Network(Arc<BTreeMap<NodeId, (Peer, Fetcher)>>);

/// What came of a request; the text says why nothing did.
pub(crate) type Outcome<T> = Result<T, String>;

impl Network {
    /// From this node to these brokers. A request for records may wait so long there.
    pub(crate) fn new(
        world: &World,
        node: NodeId,
        brokers: &BTreeMap<NodeId, Address>,
        wait: Duration,
    ) -> Self {
        let peers = brokers.iter().map(|(to, address)| {
            let peer = Peer::new(world, *address);
            let fetcher = Fetcher::start(world, node, peer.clone(), wait);
            (*to, (peer, fetcher))
        });
        Self(Arc::new(peers.collect()))
    }

    /// Sends a fetch now, with those of other partitions that are sent now; the batches it brings are not verified yet.
    pub(crate) fn fetch(
        &self,
        to: NodeId,
        partition: &PartitionId,
        fetch: Fetch,
    ) -> BoxFuture<'static, Outcome<(FetchReply, Batches)>> {
        match self.0.get(&to) {
            Some((_, fetcher)) => fetcher.fetch(partition, fetch),
            None => future::ready(Err(no_address(to))).boxed(),
        }
    }

    /// Sends a report now, likewise.
    pub(crate) fn report(&self, to: NodeId, partition: &PartitionId, report: Report) {
        if let Some((_, fetcher)) = self.0.get(&to) {
            fetcher.report(partition, report);
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
            Some((peer, _)) => {
                let called = peer.call(request(partition, message), timeout);
                called.map(|reply| reply.map_err(|error| error.to_string())).boxed()
            }
            None => future::ready(Err(no_address(to))).boxed(),
        }
    }
}

fn no_address(to: NodeId) -> String {
    format!("broker {to} has no address here")
}

/// A message that concerns many partitions: they are named in it.
fn shared(message: &ReplicaRequest) -> Request {
    static NAME: LazyLock<PartitionId> =
        LazyLock::new(|| PartitionId::new("__shared", 0).expect("a legal name"));
    request(&NAME, message)
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
    pub(crate) sessions: Sessions,
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
        match message {
            ReplicaRequest::Fetches(fetch) => self.sessions.take(&self.partitions, fetch),
            ReplicaRequest::Reports(reports) => {
                take_reports(&self.partitions, reports);
                future::ready(Answer::Silence).boxed()
            }
            ReplicaRequest::Confirm(confirm) => {
                let partition = self.partitions.get(&request.partition);
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
