//! A whole cluster in virtual time: the nodes that `compare node` runs, each in a world of the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::client::leader::LeaderClient;
use partition::client::remote::RemotePartition;
use partition::client::retry::RetryConfig;
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Fault, Nemesis};
use partition::ids::{NodeId, PartitionId};
use partition::partition::Partition;
use partition::probe::{Probe, Snapshot};
use partition::simulation::Simulation;
use partition::transport::Address;
use partition::transport::rpc::{Serving, serve};
use partition::world::World;

use super::mover::Mover;
use super::overseer::Overseer;
use super::scenario::Scenario;
use super::verdict::Finding;
use super::voters::Operator;
use crate::node::{DiskTerms, NodeError, Part, Place, Plan, Role, Scale, Tuning};
use crate::system::{Shape, System};

/// Controllers of an isr cluster: the smallest quorum that survives a loss.
const CONTROLLERS: u32 = 3;
/// Nodes that reassignments may make replicas in the course of a run.
const SPARES: u32 = 2;
/// The same for voters, whose numbers are not used again.
const SPARE_VOTERS: u32 = 4;
/// Where the numbers of controllers begin, less one: far enough from the replicas'.
const BEFORE_CONTROLLERS: u32 = 100;
/// Where the numbers of clients begin, less one.
pub(super) const BEFORE_CLIENTS: u32 = 1000;
/// The number of the client that asks on the simulator's own behalf.
const OBSERVER: NodeId = NodeId(2000);
/// How long a stop in order may take before the node is ended as it is, as an init system would.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How long a start may take: it waits for the disk alone.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A cluster in virtual time.
pub(super) struct VirtualCluster {
    simulation: Simulation,
    plan: Plan,
    tuning: Tuning,
    roles: BTreeMap<NodeId, Role>,
    running: BTreeMap<NodeId, Running>,
    observer: Observer,
    overseer: Overseer,
    /// Who are replicas, as far as it is settled.
    members: BTreeSet<NodeId>,
    /// Who changes that by majority; none where nobody does.
    operator: Option<Operator>,
    /// Who changes that of an in-sync set.
    mover: Option<Mover>,
}

/// A node that runs.
struct Running {
    part: Part,
    serving: Serving,
}

/// Asks on the simulator's own behalf, over connections of its own.
struct Observer {
    client: LeaderClient,
    replicas: BTreeMap<NodeId, RemotePartition>,
}

/// Why a node is not up.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("it cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    #[error("it has not started within {START_LIMIT:?}")]
    TooSlow,
}

/// The nodes that are the partition's replicas.
pub(super) fn replicas(shape: Shape) -> Vec<NodeId> {
    (1..=u32::try_from(shape.replicas.get()).expect("a handful")).map(NodeId).collect()
}

/// Whether the simulator can have this system move its partition to other replicas.
pub(super) fn is_movable(system: System) -> bool {
    match system {
        System::Isr | System::Quorum => true,
        // Whoever goes may be one of the few by whom something is committed, so such a partition is not moved.
        System::KOfIsr | System::FloorAll | System::FloorMajority => false,
    }
}

/// How many replicas more than at the beginning a reassignment may ask for.
pub(super) fn more_replicas(system: System) -> usize {
    match system {
        // From three to five, and back.
        System::Quorum => 2,
        System::Isr | System::KOfIsr | System::FloorAll | System::FloorMajority => 1,
    }
}

/// The nodes that may become replicas later.
pub(super) fn spares(shape: Shape) -> Vec<NodeId> {
    let replicas = u32::try_from(shape.replicas.get()).expect("a handful");
    let spares = match shape.system {
        system if !is_movable(system) => 0,
        System::Quorum => SPARE_VOTERS,
        System::Isr | System::KOfIsr | System::FloorAll | System::FloorMajority => SPARES,
    };
    (replicas + 1..=replicas + spares).map(NodeId).collect()
}

/// The nodes that are the system's controllers, if it has any.
pub(super) fn controllers(system: System) -> Vec<NodeId> {
    let count = match system {
        System::Isr | System::KOfIsr => CONTROLLERS,
        System::Quorum | System::FloorAll | System::FloorMajority => 0,
    };
    (1..=count).map(|number| NodeId(BEFORE_CONTROLLERS + number)).collect()
}

impl VirtualCluster {
    /// Starts all nodes of a cluster of this shape, those too that are no replicas yet.
    pub(super) async fn start(
        simulation: &Simulation,
        scenario: &Scenario,
        tuning: Tuning,
    ) -> Result<Self, StartError> {
        let shape = scenario.shape;
        let addresses = |nodes: Vec<NodeId>| -> BTreeMap<NodeId, Address> {
            nodes.into_iter().map(|node| (node, Address::simulated(node))).collect()
        };
        let plan = Plan {
            partition: PartitionId::new("simulated", 0).expect("letters make a legal topic"),
            replicas: addresses(replicas(shape)),
            spares: addresses(scenario.spares()),
            controllers: addresses(controllers(shape.system)),
            min_isr: shape.min_isr.get(),
            commit: shape.commit_rule(),
            copies: shape.copies_awaited(),
            durability: shape.durability,
            injected: None,
            scale: Scale::default(),
            times: None,
            disk: DiskTerms::Plain,
            segment: None,
        };
        let replica = if shape.system.is_in_sync() { Role::Isr } else { Role::Quorum };
        let controllers = plan.controllers.keys().map(|node| (*node, Role::Controller));
        let roles: BTreeMap<NodeId, Role> =
            controllers.chain(plan.everybody().into_keys().map(|node| (node, replica))).collect();
        let observer = Observer::of(&simulation.world(OBSERVER), &plan);
        let overseer = Overseer::of(simulation, scenario, &plan);
        let moves = |role| replica == role && !plan.spares.is_empty();
        let mut cluster = Self {
            members: plan.replicas.keys().copied().collect(),
            operator: moves(Role::Quorum).then(|| Operator::of(simulation, &plan)),
            mover: moves(Role::Isr).then(|| Mover::of(simulation, &plan)),
            simulation: simulation.clone(),
            plan,
            tuning,
            roles,
            running: BTreeMap::new(),
            observer,
            overseer,
        };
        // The lowest of voters calls their first election, and so comes last.
        for node in cluster.nodes().into_iter().rev() {
            cluster.start_node(node).await?;
        }
        Ok(cluster)
    }

    /// All replicas and controllers.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.roles.keys().copied().collect()
    }

    /// The simulation it runs in.
    pub(super) fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// A client of its own kind, which finds the leader.
    pub(super) fn connect(&self, world: &World) -> Arc<dyn Partition> {
        let partition = &self.plan.partition;
        Arc::new(LeaderClient::new(world, &self.plan.everybody(), partition, RetryConfig::default()))
    }

    /// One replica, asked as it is.
    pub(super) fn connect_to(&self, world: &World, node: NodeId) -> Arc<dyn Partition> {
        Arc::new(RemotePartition::new(world, self.plan.replicas[&node], self.plan.partition.clone()))
    }

    async fn start_node(&mut self, node: NodeId) -> Result<(), StartError> {
        self.simulation.note(&format!("start {node}"));
        let world = self.simulation.world(node);
        let place = Place { node, role: self.roles[&node], dir: PathBuf::from("/data"), world };
        let start = async {
            let (service, part) = place.start(&self.plan, &self.tuning).await?;
            let address = Address::simulated(node);
            let listener = place.world.network.listen(address).await?;
            Ok::<_, StartError>(Running { part, serving: serve(&place.world, listener, service) })
        };
        let started = place.world.clock.timeout(START_LIMIT, start).await;
        match started.unwrap_or(Err(StartError::TooSlow)) {
            Ok(running) => {
                self.overseer.started(node, &running.part, &self.plan);
                self.running.insert(node, running);
                Ok(())
            }
            Err(error) => {
                self.simulation.note(&format!("start {node} failed: {error}"));
                self.end(node).await;
                Err(error)
            }
        }
    }

    async fn end(&mut self, node: NodeId) {
        self.running.remove(&node);
        let keeps = self.simulation.crash(node).await;
        self.overseer.ended(node, keeps, &self.plan);
    }

    /// After all faults: no change of the replicas is half done any more.
    pub(super) async fn settle(&mut self) -> Result<(), Finding> {
        if let Some(operator) = &self.operator {
            self.members = operator.settle().await?;
        }
        if let Some(mover) = &self.mover {
            self.members = mover.settle(&self.observer.client, &self.overseer).await?;
        }
        Ok(())
    }

    /// What batches took to each copy since this was asked last, of each replica that has seen any.
    #[cfg(test)]
    pub(super) fn journeys(&self) -> Vec<partition::journeys::Journeyed> {
        let of = |(node, running): (&NodeId, &Running)| {
            let others = self.plan.replicas.keys().copied().filter(|replica| replica != node);
            Some(running.part.journeys(&self.plan.partition)?.look(&others.collect(), 1))
        };
        self.running.iter().filter_map(of).filter(|seen| seen.seen > 0).collect()
    }

    /// What watches it.
    pub(super) fn overseer(&self) -> &Overseer {
        &self.overseer
    }

    /// A look at each replica that runs.
    pub(super) fn probes(&self) -> Vec<Arc<dyn Probe>> {
        let look = |running: &Running| match &running.part {
            Part::Isr { node, .. } => Some(node.probe(&self.plan.partition)),
            Part::Quorum(host) => Some(host.nodes().get(&self.plan.partition)?.probe()),
            Part::Controller { .. } | Part::FloorLeader(_) | Part::FloorEcho(_) => None,
        };
        self.running.values().filter_map(look).collect()
    }

    /// What each replica that runs is and has.
    pub(super) fn seen(&self) -> Vec<Snapshot> {
        self.probes().iter().filter_map(|probe| probe.snapshot()).collect()
    }

    /// A fault is committed; the watch is told of what no replica can know.
    pub(super) async fn suffers(&mut self, nemesis: &mut Nemesis, fault: &Fault) {
        if let Fault::Disk { node, fault: DiskFault::FlipBit { .. } } = fault {
            self.overseer.damaged(*node, &self.plan);
        }
        nemesis.commit(self, fault).await;
    }

    /// Nodes that serve nothing: they did not start, or their disks failed, or another process took their place.
    pub(super) fn not_serving(&self) -> Vec<NodeId> {
        let serves = |node: &NodeId| self.running.get(node).is_some_and(|running| !running.part.has_ended());
        self.roles.keys().copied().filter(|node| !serves(node)).collect()
    }
}

impl Cluster for VirtualCluster {
    /// By now: a move that nobody knows the outcome of may be made late (H-14).
    fn replicas(&self) -> Vec<NodeId> {
        let decided = self.mover.as_ref().and_then(|_| self.overseer.assigned());
        decided.as_ref().unwrap_or(&self.members).iter().copied().collect()
    }

    fn client(&self) -> Arc<dyn Partition> {
        Arc::new(self.observer.client.clone())
    }

    fn replica(&self, node: NodeId) -> Arc<dyn Partition> {
        Arc::new(self.observer.replicas[&node].clone())
    }

    fn crash(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.end(node).boxed()
    }

    fn stop(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move {
            if let Some(Running { part, serving }) = self.running.remove(&node) {
                let stop = async {
                    part.stop().await;
                    serving.stop().await;
                };
                if self.simulation.clock().timeout(STOP_LIMIT, stop).await.is_ok() {
                    self.simulation.crash(node).await;
                    self.overseer.stopped(node, &self.plan);
                    return;
                }
            }
            // It ends where it stands.
            self.end(node).await;
        }
        .boxed()
    }

    /// One that does not start is down; the trace says why.
    fn restart(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        async move { drop(self.start_node(node).await) }.boxed()
    }

    fn pause(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.pause(node);
        future::ready(()).boxed()
    }

    fn resume(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.resume(node);
        future::ready(()).boxed()
    }

    fn wipe(&mut self, node: NodeId) -> BoxFuture<'_, ()> {
        self.simulation.wipe(node);
        self.overseer.wiped(node, &self.plan);
        future::ready(()).boxed()
    }

    fn reassign(&mut self, replicas: Vec<NodeId>) -> BoxFuture<'_, ()> {
        if let Some(operator) = &mut self.operator {
            operator.reassign(&replicas);
        }
        if let Some(mover) = &self.mover {
            mover.reassign(replicas);
        }
        future::ready(()).boxed()
    }

    fn cancel_reassignment(&mut self) -> BoxFuture<'_, ()> {
        if let Some(mover) = &self.mover {
            mover.cancel();
        }
        future::ready(()).boxed()
    }
}

impl Observer {
    fn of(world: &World, plan: &Plan) -> Self {
        let remote = |(node, address): (&NodeId, &Address)| {
            (*node, RemotePartition::new(world, *address, plan.partition.clone()))
        };
        let nodes = plan.everybody();
        let client = LeaderClient::new(world, &nodes, &plan.partition, RetryConfig::default());
        Self { client, replicas: nodes.iter().map(remote).collect() }
    }
}

impl fmt::Debug for VirtualCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualCluster({:?} up)", self.running.keys())
    }
}
