//! Clusters of one: on real files and sockets, and in virtual time.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Solo;
use crate::client::leader::LeaderClient;
use crate::client::remote::RemotePartition;
use crate::client::retry::RetryConfig;
use crate::client::service::PartitionService;
use crate::cluster::Cluster;
use crate::ids::{NodeId, PartitionId};
use crate::log::LogConfig;
use crate::partition::Partition;
use crate::simulation::Simulation;
use crate::transport::Address;
use crate::transport::held_port::HeldPort;
use crate::transport::rpc::{Serving, serve};
use crate::world::World;

/// The one replica.
const NODE: NodeId = NodeId(1);
/// Whoever asks it, far enough from the replicas' numbers.
const CLIENT: NodeId = NodeId(1000);

/// A replica that runs, and serves clients.
#[derive(Debug)]
struct Running {
    solo: Solo,
    serving: Serving,
}

impl Running {
    async fn start(world: &World, dir: &Path, at: Address, id: &PartitionId) -> Self {
        let config = LogConfig::default();
        let solo = Solo::start(world, NODE, &dir.join(id.to_string()), config).await;
        let solo = solo.unwrap_or_else(|error| panic!("the replica does not start: {error}"));
        let service = PartitionService::new();
        service.add(id.clone(), Arc::new(solo.clone()));
        let listener = world.network.listen(at).await;
        let listener = listener.unwrap_or_else(|error| panic!("{error}"));
        Self { solo, serving: serve(world, listener, Arc::new(service)) }
    }

    async fn stop(self) {
        self.serving.stop().await;
        self.solo.stop().await;
    }
}

fn id() -> PartitionId {
    PartitionId::new("solo", 0).expect("a legal name")
}

/// How clients reach the replica.
#[derive(Debug)]
struct Door {
    client: LeaderClient,
    replica: RemotePartition,
}

impl Door {
    fn new(world: &World, address: Address) -> Self {
        let replicas = BTreeMap::from([(NODE, address)]);
        Self {
            client: LeaderClient::new(world, &replicas, &id(), RetryConfig::default()),
            replica: RemotePartition::new(world, address, id()),
        }
    }
}

/// One replica in virtual time.
#[derive(Debug)]
pub struct SimulatedSolo {
    simulation: Simulation,
    running: Option<Running>,
    door: Door,
}

impl SimulatedSolo {
    /// Starts it.
    pub async fn start(simulation: &Simulation) -> Self {
        let address = Address::simulated(NODE);
        let door = Door::new(&simulation.world(CLIENT), address);
        let running = Running::start(&simulation.world(NODE), Path::new("/solo"), address, &id()).await;
        Self { simulation: simulation.clone(), running: Some(running), door }
    }
}

impl Cluster for SimulatedSolo {
    fn replicas(&self) -> Vec<NodeId> {
        vec![NODE]
    }

    fn client(&self) -> Arc<dyn Partition> {
        Arc::new(self.door.client.clone())
    }

    fn replica(&self, _node: NodeId) -> Arc<dyn Partition> {
        Arc::new(self.door.replica.clone())
    }

    fn crash(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.running = None;
        async move { _ = self.simulation.crash(NODE).await }.boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            if let Some(running) = self.running.take() {
                running.stop().await;
            }
            self.crash(node).await;
        }
        .boxed()
    }

    fn restart(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            let world = self.simulation.world(NODE);
            let address = Address::simulated(NODE);
            self.running = Some(Running::start(&world, Path::new("/solo"), address, &id()).await);
        }
        .boxed()
    }

    fn pause(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.pause(NODE);
        std::future::ready(()).boxed()
    }

    fn resume(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.resume(NODE);
        std::future::ready(()).boxed()
    }

    fn wipe(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.wipe(NODE);
        std::future::ready(()).boxed()
    }
}

/// One replica on real files and sockets, in this process. A crash ends its tasks; what was written stays, as it does
/// when a process is killed.
pub struct SocketSolo {
    dir: PathBuf,
    world: World,
    port: HeldPort,
    running: Option<Running>,
    door: Door,
}

impl SocketSolo {
    /// Starts it on the files in `dir`, at any free port.
    pub async fn start(dir: &Path) -> Self {
        let world = Self::world(dir);
        let port = HeldPort::any().unwrap_or_else(|error| panic!("no free port: {error}"));
        let running = Running::start(&world, dir, port.address(), &id()).await;
        let door = Door::new(&World::of_client(), port.address());
        Self { dir: dir.to_owned(), world, port, running: Some(running), door }
    }

    /// Fails the test that a panic in a task would otherwise let pass.
    ///
    /// # Panics
    /// When any task of the replica did.
    pub fn check_no_task_panicked(&self) {
        assert!(!self.world.tasks.panics().any(), "a task of the replica panicked");
    }

    fn world(dir: &Path) -> World {
        World::real(&dir.join("meta"), NonZeroUsize::MIN).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Cluster for SocketSolo {
    fn replicas(&self) -> Vec<NodeId> {
        vec![NODE]
    }

    fn client(&self) -> Arc<dyn Partition> {
        Arc::new(self.door.client.clone())
    }

    fn replica(&self, _node: NodeId) -> Arc<dyn Partition> {
        Arc::new(self.door.replica.clone())
    }

    fn crash(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            self.running = None;
            self.world.tasks.crash();
            self.world.tasks.ended().await;
            // What its writer has begun is no process of its own, as it would be after a kill: it is awaited.
            self.world.writers.run(|| ()).await;
            // Nothing of the old world may hold the checkpoint store when it is opened again.
            self.world = World::of_client();
        }
        .boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            if let Some(running) = self.running.take() {
                running.stop().await;
            }
            self.crash(node).await;
        }
        .boxed()
    }

    fn restart(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            self.world = Self::world(&self.dir);
            self.running = Some(Running::start(&self.world, &self.dir, self.port.address(), &id()).await);
        }
        .boxed()
    }

    fn pause(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.world.tasks.pause();
        std::future::ready(()).boxed()
    }

    fn resume(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        self.world.tasks.resume();
        std::future::ready(()).boxed()
    }

    fn wipe(&mut self, _node: NodeId) -> BoxFuture<'_, ()> {
        std::fs::remove_dir_all(&self.dir).unwrap_or_else(|error| panic!("{}: {error}", self.dir.display()));
        std::future::ready(()).boxed()
    }
}

impl fmt::Debug for SocketSolo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketSolo({})", self.dir.display())
    }
}
