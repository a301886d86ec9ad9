//! A cluster that runs: made by [`launch`](super::launch), measured through clients of its own, ended by dropping it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use partition::client::leader::LeaderClient;
use partition::client::remote::RemotePartition;
use partition::client::retry::RetryConfig;
use partition::ids::{NodeId, PartitionId};
use partition::journeys::Journeyed;
use partition::partition::Partition;
use partition::transport::Address;
use partition::transport::rpc::Peer;
use partition::world::{Tasks, World};

use super::casualty::Casualties;
use super::cuts::Cut;
use super::error::LaunchError;
use super::host::Host;
use super::power::Power;
use super::shape::Shape;
use super::sites::Sites;
use super::usage::{Consumed, Usage};
use crate::node::{Delays, Injected, Plan, Role};

/// A running cluster. Dropping it leaves nothing running.
pub struct Running {
    pub(super) shape: Shape,
    pub(super) plan: Plan,
    pub(super) hosts: Vec<Host>,
    pub(super) sites: Sites,
    pub(super) power: Power,
    pub(super) casualties: Casualties,
    /// For what the cluster itself asks of its nodes.
    pub(super) world: World,
    /// What waits for nodes to end.
    pub(super) tasks: Tasks,
    /// What its clients inject into themselves.
    pub(super) delays: Option<Delays>,
    /// The cuts that are in force, where nodes bar their own ways.
    pub(super) cuts: BTreeSet<Cut>,
}

/// How many sets of connections the clients of a cluster share: one connection to each replica in each set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// All share one.
    One,
    /// So many, in turn.
    Sets(u32),
}

impl Connections {
    fn sets(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Sets(count) => count.max(1),
        }
    }
}

impl Running {
    /// What runs.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where the replicas listen.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<NodeId, Address> {
        &self.plan.replicas
    }

    /// The nodes that are processes, by name (`isr-3/n2`), and their process numbers.
    #[must_use]
    pub fn processes(&self) -> BTreeMap<String, u32> {
        let number = |host: &Host| Some((host.identity().name.clone(), host.process()?));
        self.hosts.iter().filter_map(number).collect()
    }

    /// A new client with connections of its own; it finds the leader.
    #[must_use]
    pub fn connect(&self, world: &World) -> Arc<dyn Partition> {
        let Plan { replicas, partition, .. } = &self.plan;
        let mut world = world.clone();
        if let Some(delays) = &self.delays {
            delays.put_into(&mut world);
        }
        Arc::new(LeaderClient::new(&world, replicas, partition, RetryConfig::default()))
    }

    /// A client for each partition, over so many sets of connections that they share.
    #[must_use]
    pub fn connect_all(&self, world: &World, connections: Connections) -> Vec<Arc<dyn Partition>> {
        let mut world = world.clone();
        if let Some(delays) = &self.delays {
            delays.put_into(&mut world);
        }
        let peers = |_| -> BTreeMap<NodeId, Peer> {
            self.plan.replicas.iter().map(|(node, at)| (*node, Peer::new(&world, *at))).collect()
        };
        let sets: Vec<BTreeMap<NodeId, Peer>> = (0..connections.sets()).map(peers).collect();
        let partitions: Vec<_> = self.plan.scale.ids(&self.plan.partition).collect();
        let clients = partitions.len().max(sets.len());
        let of = |(peers, id): (&BTreeMap<NodeId, Peer>, &PartitionId)| -> Arc<dyn Partition> {
            Arc::new(LeaderClient::over(&world, peers, id, RetryConfig::default()))
        };
        sets.iter().cycle().zip(partitions.iter().cycle()).take(clients).map(of).collect()
    }

    /// One replica, asked as it is, over a connection of its own.
    #[must_use]
    pub fn connect_to(&self, world: &World, node: NodeId) -> Arc<dyn Partition> {
        let address = self.plan.replicas.get(&node).expect("a replica of this cluster");
        Arc::new(RemotePartition::new(world, *address, self.plan.partition.clone()))
    }

    /// The controllers' own partition, through a client that finds its leader: the active controller.
    #[must_use]
    pub fn connect_to_controllers(&self, world: &World) -> Arc<dyn Partition> {
        let metadata = isr_log::controller::metadata_partition();
        Arc::new(LeaderClient::new(world, &self.plan.controllers, &metadata, RetryConfig::default()))
    }

    /// What it has consumed so far. A node that is down has consumed nothing.
    ///
    /// # Errors
    /// [`LaunchError::ChildDied`] when a node is gone, [`LaunchError::TooSlow`] when it does not answer.
    pub async fn usage(&mut self) -> Result<Usage, LaunchError> {
        self.casualties.check()?;
        let roles: Vec<Role> = self.hosts.iter().map(|host| host.identity().role).collect();
        let consumed = join_all(self.hosts.iter_mut().map(Host::usage)).await;
        let consumed: Vec<Consumed> = consumed.into_iter().collect::<Result<_, _>>()?;
        let of = |wanted: fn(Role) -> bool| {
            let nodes = roles.iter().zip(&consumed).filter(|(role, _)| wanted(**role));
            Consumed::sum(nodes.map(|(_, consumed)| *consumed))
        };
        Ok(Usage {
            replicas: of(|role| role != Role::Controller),
            controllers: of(|role| role == Role::Controller),
        })
    }

    /// What batches took to each copy since this was asked last, by who led.
    ///
    /// # Errors
    /// [`LaunchError::ChildDied`] when a node is gone, [`LaunchError::TooSlow`] when it does not answer.
    pub async fn journeys(&mut self) -> Result<Vec<(NodeId, Journeyed)>, LaunchError> {
        self.casualties.check()?;
        let replicas = self.hosts.iter_mut().filter(|host| host.identity().role != Role::Controller);
        let asked = replicas.map(|host| async {
            let node = host.identity().node;
            host.journeys().await.map(|journeyed| (node, journeyed))
        });
        let all: Vec<_> = join_all(asked).await.into_iter().collect::<Result<_, _>>()?;
        Ok(all.into_iter().filter(|(_, journeyed)| journeyed.seen > 0).collect())
    }

    /// The delays that its clients have injected so far.
    #[must_use]
    pub fn injected_by_clients(&self) -> Injected {
        self.delays.as_ref().map(Delays::so_far).unwrap_or_default()
    }

    /// Resolves when a node dies that nobody ended; until then it waits. Select on it beside a measurement.
    pub fn casualty(&self) -> BoxFuture<'static, LaunchError> {
        self.casualties.watch()
    }

    /// Stops all nodes in order, and waits until they are gone.
    ///
    /// # Errors
    /// [`LaunchError`] when one had died before, or had to be killed.
    pub async fn shutdown(mut self) -> Result<(), LaunchError> {
        // Replicas first: a replica that has lost its controllers has no orderly way to go.
        let (controllers, replicas): (Vec<&mut Host>, Vec<&mut Host>) =
            self.hosts.iter_mut().partition(|host| host.identity().role == Role::Controller);
        let mut stopped = join_all(replicas.into_iter().map(Host::stop)).await;
        stopped.extend(join_all(controllers.into_iter().map(Host::stop)).await);
        self.casualties.check()?;
        stopped.into_iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.hosts.clear();
        self.tasks.crash();
        self.world.tasks.crash();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running {}", self.shape)
    }
}
