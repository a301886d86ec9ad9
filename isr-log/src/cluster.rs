//! A whole cluster in one process: brokers, one controller over a metadata partition of one replica, and a client.
//!
//! For tests. A real cluster runs three controllers over a replicated metadata partition; nothing here differs for a
//! broker, which sees a client of that partition either way.

mod ground;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use partition::client::leader::LeaderClient;
use partition::client::remote::RemotePartition;
use partition::client::retry::RetryConfig;
use partition::client::service::PartitionService;
use partition::cluster::Cluster;
use partition::ids::{NodeId, PartitionId};
use partition::log::LogConfig;
use partition::partition::Partition;
use partition::probe::Probe;
use partition::solo::Solo;
use partition::transport::router::Router;
use partition::transport::rpc::{Serving, serve};
use partition::transport::{Address, Channel, SharedService};
use partition::world::World;

pub use ground::Ground;

use crate::config::{Config, ReadProof};
use crate::controller::active::{Controller, ControllerConfig};
use crate::controller::admin::Admin;
use crate::controller::broker::AlterError;
use crate::controller::lease::Leases;
use crate::controller::metadata_partition;
use crate::metadata::{CommitRule, PartitionSpec};
use crate::mutant::Mutated;
use crate::node::Node;
use crate::probe::ControllerProbe;
use crate::replica::CatchUpRate;
use crate::rules::HistoricRules;

/// The one controller, far enough from the brokers' numbers.
pub const CONTROLLER: NodeId = NodeId(100);
/// Whoever asks.
pub const CLIENT: NodeId = NodeId(1000);

/// What a cluster is to be.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many replicas.
    pub replicas: u32,
    /// How many brokers there are beside them.
    pub spares: u32,
    /// How many must be in sync. Default: two, or one of one.
    pub min_isr: usize,
    /// Whom a commit waits for. Default: all in sync.
    pub commit: CommitRule,
    /// How long a broker may be silent. Default: short, so that a test of a crash is.
    pub session: Duration,
    /// How long a follower may lag.
    pub lag_max: Duration,
    /// How fast a follower may catch up.
    pub catch_up_rate: Option<CatchUpRate>,
    /// Whether linearizable reads are proved by lease.
    pub leases: Leases,
    /// How logs are kept.
    pub log: LogConfig,
    /// Rules that Kafka once had, for brokers and controllers alike.
    pub historic: HistoricRules,
    /// A rule that is broken in all nodes, in a simulation.
    pub mutated: Mutated,
}

impl Shape {
    /// A cluster of so many replicas.
    #[must_use]
    pub fn of(replicas: u32) -> Self {
        Self {
            replicas,
            spares: 0,
            min_isr: usize::try_from(replicas.min(2)).expect("one or two"),
            commit: CommitRule::default(),
            session: Duration::from_millis(600),
            lag_max: Duration::from_secs(1),
            catch_up_rate: None,
            leases: Leases::Off,
            log: LogConfig::default(),
            historic: HistoricRules::default(),
            mutated: Mutated::NOT,
        }
    }
}

/// A cluster of brokers, replicating one partition.
#[derive(Debug)]
pub struct IsrCluster {
    ground: Ground,
    shape: Shape,
    spec: PartitionSpec,
    addresses: BTreeMap<NodeId, Address>,
    controller: Running<Controller>,
    brokers: BTreeMap<NodeId, Running<Node>>,
    client: LeaderClient,
    replicas: BTreeMap<NodeId, RemotePartition>,
}

/// A node that runs, and answers.
#[derive(Debug)]
struct Running<T> {
    node: T,
    serving: Serving,
}

impl IsrCluster {
    /// Starts a cluster on this ground. It has a leader a little later.
    pub async fn start(ground: Ground, shape: Shape) -> Self {
        let nodes: Vec<NodeId> = (1..=shape.replicas + shape.spares).map(NodeId).collect();
        let id = PartitionId::new("isr", 0).expect("a legal name");
        let replicas = (1..=shape.replicas).map(NodeId).collect();
        let spec = PartitionSpec { id, replicas, min_isr: shape.min_isr, commit: shape.commit };
        let mut addresses = BTreeMap::new();
        for node in nodes.iter().copied().chain([CONTROLLER]) {
            addresses.insert(node, ground.address(node));
        }
        let controller = start_controller(&ground, &shape, &spec, addresses[&CONTROLLER]).await;
        let world = ground.world(CLIENT);
        let brokers: BTreeMap<NodeId, Address> = nodes.iter().map(|node| (*node, addresses[node])).collect();
        let remote = |(node, address): (&NodeId, &Address)| {
            (*node, RemotePartition::new(&world, *address, spec.id.clone()))
        };
        let mut cluster = Self {
            client: LeaderClient::new(&world, &brokers, &spec.id, RetryConfig::default()),
            replicas: brokers.iter().map(remote).collect(),
            brokers: BTreeMap::new(),
            ground,
            shape,
            spec,
            addresses,
            controller,
        };
        for node in nodes {
            cluster.start_broker(node).await;
        }
        cluster
    }

    async fn start_broker(&mut self, node: NodeId) {
        let world = self.ground.world(node);
        let brokers = self.replicas.keys().map(|node| (*node, self.addresses[node])).collect();
        let controllers = BTreeMap::from([(CONTROLLER, self.addresses[&CONTROLLER])]);
        let metadata = LeaderClient::new(&world, &controllers, &metadata_partition(), RetryConfig::default());
        let config = Config {
            log: self.shape.log.clone(),
            lag_max: self.shape.lag_max,
            catch_up_rate: self.shape.catch_up_rate,
            heartbeat: self.shape.session / 5,
            read_proof: match self.shape.leases {
                Leases::Off => ReadProof::Round,
                Leases::On(_) => ReadProof::Lease,
            },
            historic: self.shape.historic,
            ..Config::new(node, brokers, controllers, self.ground.dir(node))
        };
        let opened = Node::open_mutated(&world, config, Arc::new(metadata), self.shape.mutated).await;
        let opened = opened.unwrap_or_else(|error| panic!("broker {node} does not open: {error}"));
        let serving = listen(&world, self.addresses[&node], opened.service()).await;
        self.brokers.insert(node, Running { node: opened, serving });
    }

    /// The controller's node goes the way a broker may: to see what the brokers do meanwhile.
    pub async fn crash_controller(&mut self) {
        self.ground.crash(CONTROLLER).await;
    }

    /// Starts the controller again, on the metadata it had.
    pub async fn restart_controller(&mut self) {
        let at = self.addresses[&CONTROLLER];
        self.controller = start_controller(&self.ground, &self.shape, &self.spec, at).await;
    }

    /// What a replica is and has in its life of now, if it runs.
    #[must_use]
    pub fn probe(&self, node: NodeId) -> Option<Arc<dyn Probe>> {
        self.brokers.get(&node).map(|running| running.node.probe(&self.spec.id))
    }

    /// What the controller is and knows, in its life of now.
    #[must_use]
    pub fn controller_probe(&self) -> ControllerProbe {
        self.controller.node.probe()
    }

    /// Lets the first of the replicas lead again, as an operator would.
    ///
    /// # Errors
    /// [`AlterError`] when it may not lead, or does already.
    pub async fn elect_preferred(&self) -> Result<(), AlterError> {
        self.admin().elect_preferred(&self.spec.id).await
    }

    /// Has the partition replicated by these brokers, as an operator would; returns when that has begun.
    ///
    /// # Errors
    /// [`AlterError`] when it cannot be so.
    pub async fn reassign(&self, replicas: &[NodeId]) -> Result<(), AlterError> {
        self.admin().reassign(&self.spec.id, replicas.to_vec()).await
    }

    /// Ends a reassignment where it began.
    ///
    /// # Errors
    /// [`AlterError`] when there is none, or those who were added are needed.
    pub async fn cancel_reassignment(&self) -> Result<(), AlterError> {
        self.admin().cancel_reassignment(&self.spec.id).await
    }

    fn admin(&self) -> Admin {
        let controllers = BTreeMap::from([(CONTROLLER, self.addresses[&CONTROLLER])]);
        Admin::new(&self.ground.world(CLIENT), &controllers)
    }

    /// The files of the partition's log on this broker's disk; none at all when it has no directory for them.
    #[must_use]
    pub fn files(&self, node: NodeId) -> Option<Vec<String>> {
        let dir = self.ground.dir(node).join(self.spec.id.to_string());
        self.ground.world(node).disk.list(&dir).ok()
    }

    /// How many records this broker has had to cut, in this life, that were committed once; zero when it is down.
    #[must_use]
    pub fn lost(&self, node: NodeId) -> u64 {
        self.brokers.get(&node).map_or(0, |broker| broker.node.lost(&self.spec.id))
    }

    /// What the nodes stand on.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.ground
    }
}

async fn start_controller(
    ground: &Ground,
    shape: &Shape,
    spec: &PartitionSpec,
    at: Address,
) -> Running<Controller> {
    let world = ground.world(CONTROLLER);
    let id = metadata_partition();
    let dir = ground.dir(CONTROLLER).join(id.to_string());
    let metadata = Solo::start(&world, CONTROLLER, &dir, LogConfig::default()).await;
    let metadata = metadata.unwrap_or_else(|error| panic!("the metadata partition does not start: {error}"));
    let config = ControllerConfig {
        session: shape.session,
        leases: shape.leases,
        historic: shape.historic,
        ..ControllerConfig::new(CONTROLLER, vec![spec.clone()])
    };
    let local: Arc<dyn Partition> = Arc::new(metadata);
    let controller = Controller::start_mutated(&world, config, Arc::clone(&local), shape.mutated);
    let controller = controller.unwrap_or_else(|error| panic!("the controller does not start: {error}"));
    let clients = PartitionService::new();
    clients.add(id, local);
    let router = Router::new()
        .with(Channel::Client, Arc::new(clients))
        .with(Channel::Controller, Arc::new(controller.clone()));
    Running { node: controller, serving: listen(&world, at, Arc::new(router)).await }
}

async fn listen(world: &World, at: Address, service: SharedService) -> Serving {
    let listener = world.network.listen(at).await.unwrap_or_else(|error| panic!("{error}"));
    serve(world, listener, service)
}

impl Cluster for IsrCluster {
    fn replicas(&self) -> Vec<NodeId> {
        self.spec.replicas.clone()
    }

    fn client(&self) -> Arc<dyn Partition> {
        Arc::new(self.client.clone())
    }

    fn replica(&self, node: NodeId) -> Arc<dyn Partition> {
        Arc::new(self.replicas[&node].clone())
    }

    fn crash(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.brokers.remove(&node);
        async move { self.ground.crash(node).await }.boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            if let Some(Running { node, serving }) = self.brokers.remove(&node) {
                node.stop().await;
                serving.stop().await;
            }
            self.ground.crash(node).await;
        }
        .boxed()
    }

    fn restart(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.start_broker(node).boxed()
    }

    fn pause(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.ground.pause(node);
        std::future::ready(()).boxed()
    }

    fn resume(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.ground.resume(node);
        std::future::ready(()).boxed()
    }

    fn wipe(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.ground.wipe(node);
        std::future::ready(()).boxed()
    }
}
