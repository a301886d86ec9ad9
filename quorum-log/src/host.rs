//! Replicas of many partitions on one node: one raft group each, over shared connections, writers and checkpoints.
//!
//! ```text
//!   node 1                                     node 2
//!   t-0 raft, log ─┐                       ┌─ t-0 raft, log
//!   t-1 raft, log ─┼── one connection ─────┼─ t-1 raft, log     entries and votes: a frame each, by partition
//!   t-2 raft, log ─┘   heartbeats gathered └─ t-2 raft, log     heartbeats: a frame for all, if so chosen
//!        └── one writer, one checkpoint store
//! ```
//! What grows with the number of partitions although nothing happens is each group's own clockwork: a tick, a heartbeat to
//! each follower and its answer. Gathering spares their frames, system calls and wake-ups, not the groups' own work.
//!
//! Left out: groups that fall silent together while nothing is written (quiescence, as in some databases), which would spare
//! that work too, and needs one more judge of who is alive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture, join_all};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use partition::client::service::PartitionService;
use partition::clock::Clock;
use partition::ids::PartitionId;
use partition::partition::Partition;
use partition::transport::{Answer, Channel, Reply, Request, Service, SharedService, codec};
use partition::world::World;

use crate::config::Config;
use crate::message::{AppendHead, AppendVerdict, ReplicaReply, ReplicaRequest};
use crate::mutant::Mutated;
use crate::network::links::Links;
use crate::network::service::ReplicaService;
use crate::node::{Birth, Node, OpenError};

/// Heartbeats in one message, and waiting for one. Each is some 60 bytes.
pub(crate) const BEATS_MAX: usize = 4096;
/// How long a group has to answer its heartbeat before the others' answers go without it: far less than a heartbeat's
/// interval, so that a group that hangs lets nobody else's leader be missed.
const ANSWER_WITHIN: Duration = Duration::from_millis(40);
/// Partitions opened at once: enough that the disk always has something to sync.
const OPENED_AT_ONCE: usize = 16;

/// What gathered heartbeats are addressed to, in place of a partition.
pub(crate) fn heartbeats() -> PartitionId {
    PartitionId::new("__heartbeats", 0).expect("a legal name")
}

/// How the heartbeats of one node's partitions go to another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heartbeats {
    /// Each in a frame of its own.
    #[default]
    Each,
    /// All that come within so long of the first, in one frame. A proof of leadership for a read by index waits as long. A small
    /// part of the heartbeat's interval.
    Gathered(Duration),
}

/// One partition of a host.
#[derive(Clone, Debug)]
pub struct Seat {
    /// How the replica is started.
    pub config: Config,
    /// Whether it is a founder; who calls the first election leads at first, if all goes well: leaders are to be spread
    /// over the nodes.
    pub birth: Birth,
}

/// Replicas of many partitions on one node.
pub struct Host {
    nodes: Arc<BTreeMap<PartitionId, Node>>,
    service: SharedService,
}

impl Host {
    /// Opens all of them. Whoever calls this serves [`Host::service`].
    ///
    /// # Errors
    /// [`OpenError`] of the first that does not open; then the node's tasks are to be ended.
    pub async fn open(
        world: &World,
        heartbeats: Heartbeats,
        partitions: Vec<Seat>,
    ) -> Result<Self, OpenError> {
        Self::open_mutated(world, heartbeats, partitions, Mutated::NOT).await
    }

    /// The same in a simulation, with a rule that is broken.
    ///
    /// # Errors
    /// [`OpenError`] of the first that does not open; then the node's tasks are to be ended.
    pub async fn open_mutated(
        world: &World,
        heartbeats: Heartbeats,
        partitions: Vec<Seat>,
        mutated: Mutated,
    ) -> Result<Self, OpenError> {
        let links = Links::new(world, heartbeats);
        let open = |Seat { config, birth }: Seat| {
            let (world, links, id) = (world.clone(), links.clone(), config.partition.clone());
            async move { Node::open_hosted(world, config, links, birth, mutated).await.map(|node| (id, node)) }
        };
        let opened = stream::iter(partitions.into_iter().map(open)).buffered(OPENED_AT_ONCE);
        let nodes: BTreeMap<PartitionId, Node> = opened.try_collect().await?;
        let clients = PartitionService::new();
        for (id, node) in &nodes {
            clients.add(id.clone(), node.partition());
        }
        let replicas = nodes.iter().map(|(id, node)| (id.clone(), node.replicas())).collect();
        let service = Arc::new(HostService { clock: world.clock.clone(), clients, replicas });
        Ok(Self { nodes: Arc::new(nodes), service })
    }

    /// Answers clients and the other replicas of all partitions.
    #[must_use]
    pub fn service(&self) -> SharedService {
        Arc::clone(&self.service)
    }

    /// The replicas, by partition.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<PartitionId, Node> {
        &self.nodes
    }

    /// One replica, without a network between.
    #[must_use]
    pub fn partition(&self, id: &PartitionId) -> Option<Arc<dyn Partition>> {
        self.nodes.get(id).map(Node::partition)
    }

    /// Stops all of them in order, at the same time.
    pub async fn stop(&self) {
        join_all(self.nodes.values().map(Node::stop)).await;
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({:?})", self.nodes.keys())
    }
}

/// Clients and replicas of all partitions on one listener.
#[derive(Debug)]
struct HostService {
    clock: Clock,
    clients: PartitionService,
    replicas: BTreeMap<PartitionId, Arc<ReplicaService>>,
}

impl HostService {
    fn to_replicas(&self, request: Request) -> BoxFuture<'static, Answer> {
        if let Some(replica) = self.replicas.get(&request.partition) {
            return replica.call(request);
        }
        match codec::decode(&request.message) {
            Ok(ReplicaRequest::Heartbeats(beats)) if beats.len() <= BEATS_MAX => self.heartbeats(beats),
            Ok(ReplicaRequest::Heartbeats(_)) | Err(_) => {
                tracing::warn!("a replica's message for no partition that cannot be understood");
                future::ready(Answer::Close).boxed()
            }
            Ok(_) => {
                let why = format!("{} is not here", request.partition);
                future::ready(answer(&ReplicaReply::Stopped(why))).boxed()
            }
        }
    }

    /// Hands all to their groups, in this order and at once.
    fn heartbeats(&self, beats: Vec<(PartitionId, AppendHead)>) -> BoxFuture<'static, Answer> {
        let taken = beats.into_iter().map(|(id, head)| match self.replicas.get(&id) {
            Some(replica) => replica.heartbeat(head),
            None => future::ready(None).boxed(),
        });
        let taken: Vec<_> = taken.collect();
        let within = self.clock.sleep(ANSWER_WITHIN);
        async move { answer(&ReplicaReply::Heartbeats(in_time(taken, within).await)) }.boxed()
    }
}

/// The verdicts that come before `within` ends, in the order of the beats.
async fn in_time(
    taken: Vec<BoxFuture<'static, Option<AppendVerdict>>>,
    within: impl Future<Output = ()>,
) -> Vec<Option<AppendVerdict>> {
    let mut verdicts = vec![None; taken.len()];
    let numbered = taken.into_iter().enumerate().map(|(at, taken)| taken.map(move |verdict| (at, verdict)));
    let mut under_way: stream::FuturesUnordered<_> = numbered.collect();
    let mut within = std::pin::pin!(within);
    loop {
        tokio::select! {
            biased;
            next = under_way.next() => match next {
                Some((at, verdict)) => verdicts[at] = verdict,
                None => return verdicts,
            },
            () = &mut within => return verdicts,
        }
    }
}

fn answer(reply: &ReplicaReply) -> Answer {
    Answer::Reply(Reply { message: codec::encode(reply), body: bytes::Bytes::new() })
}

impl Service for HostService {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        match request.channel {
            Channel::Client => self.clients.call(request),
            Channel::Replica => self.to_replicas(request),
            Channel::Controller => future::ready(Answer::Close).boxed(),
        }
    }
}
