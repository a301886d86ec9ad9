//! Clusters in one process: on real files and sockets, and in virtual time.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::client::leader::LeaderClient;
use partition::client::remote::RemotePartition;
use partition::client::retry::RetryConfig;
use partition::cluster::Cluster;
use partition::ids::{NodeId, PartitionId};
use partition::log::LogConfig;
use partition::partition::Partition;
use partition::probe::Probe;
use partition::simulation::Simulation;
use partition::transport::Address;
use partition::transport::held_port::HeldPort;
use partition::transport::rpc::{Serving, serve};
use partition::world::World;

use crate::admin::Admin;
use crate::config::{Config, Reads, Timing};
use crate::node::Node;

/// Whoever asks the replicas, far from their numbers.
const CLIENT: NodeId = NodeId(1000);

/// What the replicas of a cluster have in common.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many voters.
    pub voters: u32,
    /// How their logs are kept.
    pub log: LogConfig,
    /// How soon a leader is missed.
    pub timing: Timing,
    /// How a leader proves that it leads.
    pub reads: Reads,
    /// How clients retry.
    pub retry: RetryConfig,
}

impl Plan {
    /// So many voters, and else the defaults.
    #[must_use]
    pub fn of(voters: u32) -> Self {
        Self {
            voters,
            log: LogConfig::default(),
            timing: Timing::default(),
            reads: Reads::default(),
            retry: RetryConfig::default(),
        }
    }
}

/// Voters of one partition, numbered from 1, and nodes that join them.
pub struct QuorumCluster {
    plan: Plan,
    ground: Ground,
    partition: PartitionId,
    /// The founders.
    voters: BTreeMap<NodeId, Address>,
    /// All nodes, those too that have joined.
    nodes: BTreeMap<NodeId, Address>,
    running: BTreeMap<NodeId, Running>,
    client: LeaderClient,
    replicas: BTreeMap<NodeId, RemotePartition>,
}

/// What the replicas stand on.
enum Ground {
    /// Virtual time.
    Simulated(Simulation),
    /// This machine. A crash ends a replica's tasks; what was written stays, as it does when a process is killed.
    Real { dir: PathBuf, worlds: BTreeMap<NodeId, World>, ports: BTreeMap<NodeId, HeldPort> },
}

/// A replica that runs.
struct Running {
    node: Node,
    serving: Serving,
}

impl QuorumCluster {
    /// Starts voters in virtual time.
    pub async fn simulated(simulation: &Simulation, plan: Plan) -> Self {
        let voters = ids(&plan).map(|node| (node, Address::simulated(node))).collect();
        let world = simulation.world(CLIENT);
        Self::start(plan, Ground::Simulated(simulation.clone()), voters, &world).await
    }

    /// Starts voters on the files in `dir`, which are made when they are not there, at free ports.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn on_sockets(dir: &Path, plan: Plan) -> io::Result<Self> {
        let held = |node| Ok((node, HeldPort::any()?));
        let ports = ids(&plan).map(held).collect::<io::Result<BTreeMap<_, _>>>()?;
        let voters = ports.iter().map(|(node, port)| (*node, port.address())).collect();
        let ground = Ground::Real { dir: dir.to_owned(), worlds: BTreeMap::new(), ports };
        Ok(Self::start(plan, ground, voters, &World::of_client()).await)
    }

    async fn start(plan: Plan, ground: Ground, voters: BTreeMap<NodeId, Address>, client: &World) -> Self {
        let partition = PartitionId::new("quorum", 0).expect("a legal name");
        let remote =
            |(node, at): (&NodeId, &Address)| (*node, RemotePartition::new(client, *at, partition.clone()));
        let mut cluster = Self {
            client: LeaderClient::new(client, &voters, &partition, plan.retry),
            replicas: voters.iter().map(remote).collect(),
            plan,
            ground,
            partition,
            nodes: voters.clone(),
            voters,
            running: BTreeMap::new(),
        };
        // The lowest calls the first election, and so comes last.
        for node in cluster.replicas().into_iter().rev() {
            cluster.run(node).await;
        }
        cluster
    }

    /// What a replica is configured with.
    #[must_use]
    pub fn config(&self, node: NodeId) -> Config {
        let base = match &self.ground {
            Ground::Simulated(_) => Path::new("/quorum"),
            Ground::Real { dir, .. } => dir,
        };
        Config {
            node,
            voters: self.voters.clone(),
            partition: self.partition.clone(),
            dir: base.join(node.to_string()),
            log: self.plan.log.clone(),
            timing: self.plan.timing,
            reads: self.plan.reads,
        }
    }

    fn world(&mut self, node: NodeId) -> World {
        let dir = self.config(node).dir;
        match &mut self.ground {
            Ground::Simulated(simulation) => simulation.world(node),
            Ground::Real { worlds, .. } => {
                let real = || {
                    let world = World::real(&dir.join("checkpoints"), NonZeroUsize::MIN);
                    world.unwrap_or_else(|error| panic!("{error}"))
                };
                worlds.entry(node).or_insert_with(real).clone()
            }
        }
    }

    /// The world of whoever asks.
    fn client_world(&self) -> World {
        match &self.ground {
            Ground::Simulated(simulation) => simulation.world(CLIENT),
            Ground::Real { .. } => World::of_client(),
        }
    }

    /// Starts a node that is none of the founders; an operator may add it now. Clients are told of it.
    ///
    /// # Panics
    /// When there is no free port, or it does not start.
    pub async fn join(&mut self, node: NodeId) -> Address {
        let address = match &mut self.ground {
            Ground::Simulated(_) => Address::simulated(node),
            Ground::Real { ports, .. } => {
                let port = HeldPort::any().unwrap_or_else(|error| panic!("no free port: {error}"));
                ports.entry(node).or_insert(port).address()
            }
        };
        self.nodes.insert(node, address);
        let world = self.client_world();
        self.client = LeaderClient::new(&world, &self.nodes, &self.partition, self.plan.retry);
        self.replicas.insert(node, RemotePartition::new(&world, address, self.partition.clone()));
        self.run(node).await;
        address
    }

    /// An operator, who knows of the founders.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(&self.client_world(), &self.voters, &self.partition)
    }

    async fn run(&mut self, id: NodeId) {
        let (world, config) = (self.world(id), self.config(id));
        let node = match self.voters.contains_key(&id) {
            true => Box::pin(Node::open(world.clone(), config)).await,
            false => Box::pin(Node::join(world.clone(), config)).await,
        };
        let node = node.unwrap_or_else(|error| panic!("node {id} does not start: {error}"));
        let listener = world.network.listen(self.nodes[&id]).await;
        let listener = listener.unwrap_or_else(|error| panic!("node {id} cannot listen: {error}"));
        let serving = serve(&world, listener, node.service());
        self.running.insert(id, Running { node, serving });
    }

    async fn end(&mut self, node: NodeId) {
        self.running.remove(&node);
        match &mut self.ground {
            Ground::Simulated(simulation) => _ = simulation.crash(node).await,
            Ground::Real { worlds, .. } => {
                let Some(world) = worlds.remove(&node) else { return };
                world.tasks.crash();
                world.tasks.ended().await;
                // What its writer has begun is no process of its own, as it would be after a kill: it is awaited.
                world.writers.run(|| ()).await;
            }
        }
    }

    /// For the end of a test.
    ///
    /// # Panics
    /// When a task of a replica that runs has panicked.
    pub fn check_no_task_panicked(&self) {
        if let Ground::Real { worlds, .. } = &self.ground {
            let panicked = |(node, world): (&NodeId, &World)| world.tasks.panics().any().then_some(*node);
            let panicked: Vec<NodeId> = worlds.iter().filter_map(panicked).collect();
            assert!(panicked.is_empty(), "a task panicked on {panicked:?}");
        }
    }

    /// What a replica is and has in its life of now, if it runs.
    #[must_use]
    pub fn probe(&self, node: NodeId) -> Option<Arc<dyn Probe>> {
        self.running.get(&node).map(|running| running.node.probe())
    }

    /// A replica without a network between, if it runs.
    #[must_use]
    pub fn local(&self, node: NodeId) -> Option<Arc<dyn Partition>> {
        self.running.get(&node).map(|running| running.node.partition())
    }
}

fn ids(plan: &Plan) -> impl Iterator<Item = NodeId> {
    (1..=plan.voters).map(NodeId)
}

impl Cluster for QuorumCluster {
    fn replicas(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn client(&self) -> Arc<dyn Partition> {
        Arc::new(self.client.clone())
    }

    fn replica(&self, node: NodeId) -> Arc<dyn Partition> {
        Arc::new(self.replicas[&node].clone())
    }

    fn crash(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.end(node).boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            if let Some(running) = self.running.remove(&node) {
                running.node.stop().await;
                running.serving.stop().await;
            }
            self.end(node).await;
        }
        .boxed()
    }

    fn restart(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.run(node).boxed()
    }

    fn pause(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        match &self.ground {
            Ground::Simulated(simulation) => simulation.pause(node),
            Ground::Real { worlds, .. } => worlds[&node].tasks.pause(),
        }
        future::ready(()).boxed()
    }

    fn resume(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        match &self.ground {
            Ground::Simulated(simulation) => simulation.resume(node),
            Ground::Real { worlds, .. } => worlds[&node].tasks.resume(),
        }
        future::ready(()).boxed()
    }

    fn wipe(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        let dir = self.config(node).dir;
        match &self.ground {
            Ground::Simulated(simulation) => simulation.wipe(node),
            Ground::Real { .. } => {
                std::fs::remove_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
            }
        }
        future::ready(()).boxed()
    }
}

impl fmt::Debug for QuorumCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuorumCluster({:?} running)", self.running.keys())
    }
}
