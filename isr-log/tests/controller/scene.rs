//! Controllers and brokers as nodes of a simulated run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use isr_log::controller::active::{Controller, ControllerConfig};
use isr_log::controller::broker::{AlterError, BrokerConfig, BrokerEvent, BrokerLink, EVENTS_MAX};
use isr_log::controller::command::{AlterInSync, Disk, LogReport};
use isr_log::controller::rejection::Rejection;
use isr_log::metadata::{CommitRule, Incarnation, LogEnd, PartitionSpec, PartitionState};
use partition::ids::{Epoch, NodeId, Offset, PartitionId};
use partition::simulation::Simulation;
use partition::transport::rpc;
use partition::transport::{Address, SharedService};
use partition::world::World;
use tokio::sync::mpsc;

use super::metadata::Metadata;

pub(crate) const SESSION: Duration = Duration::from_secs(3);
pub(crate) const FIRST: NodeId = NodeId(101);
pub(crate) const SECOND: NodeId = NodeId(102);
pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const C: NodeId = NodeId(3);

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) simulation: Simulation,
    pub(crate) metadata: Metadata,
    replicas: Vec<NodeId>,
}

/// A broker, as far as the controllers know one.
pub(crate) struct Broker {
    pub(crate) link: BrokerLink,
    pub(crate) life: Incarnation,
    pub(crate) state: Arc<PartitionState>,
    events: mpsc::Receiver<BrokerEvent>,
    simulation: Simulation,
}

impl Scene {
    /// Two controllers, of which the first one's replica leads the metadata partition.
    pub(crate) async fn new(simulation: &Simulation, replicas: &[NodeId]) -> Self {
        let metadata = Metadata::new(simulation.clock());
        metadata.moves_to(FIRST);
        let scene = Self { simulation: simulation.clone(), metadata, replicas: replicas.to_vec() };
        for node in [FIRST, SECOND] {
            scene.starts_controller(node).await;
        }
        scene
    }

    pub(crate) async fn starts_controller(&self, node: NodeId) {
        let spec = PartitionSpec {
            id: PartitionId::new("orders", 0).expect("a legal name"),
            replicas: self.replicas.clone(),
            min_isr: 1,
            commit: CommitRule::AllInSync,
        };
        let config = ControllerConfig { session: SESSION, ..ControllerConfig::new(node, vec![spec]) };
        let world = self.simulation.world(node);
        let controller =
            Controller::start(&world, config, self.metadata.seat(node)).expect("a possible partition");
        let listener = world.network.listen(Address::simulated(node)).await.expect("it starts");
        let service: SharedService = Arc::new(controller);
        rpc::serve(&world, listener, service);
    }

    /// Starts the link of a broker on that node, which does at once what it is told.
    pub(crate) fn links(
        &self,
        broker: NodeId,
        node: NodeId,
        disk: Disk,
    ) -> (BrokerLink, mpsc::Receiver<BrokerEvent>) {
        let (link, events) = self.only_links(broker, node, disk);
        let events = is_done_at_once(&self.simulation.world(node), &link, events);
        (link, events)
    }

    /// The same, and it is for the test to say what is done.
    pub(crate) fn only_links(
        &self,
        broker: NodeId,
        node: NodeId,
        disk: Disk,
    ) -> (BrokerLink, mpsc::Receiver<BrokerEvent>) {
        let controllers = [FIRST, SECOND].map(|node| (node, Address::simulated(node)));
        let config = BrokerConfig::new(broker, BTreeMap::from(controllers), disk);
        BrokerLink::start(&self.simulation.world(node), config, self.metadata.seat(node))
    }

    /// All brokers, in sync.
    pub(crate) async fn brokers(&self) -> BTreeMap<NodeId, Broker> {
        let links: Vec<_> =
            self.replicas.iter().map(|node| (*node, self.links(*node, *node, Disk::Fresh))).collect();
        let mut brokers = BTreeMap::new();
        for (node, (link, events)) in links {
            brokers.insert(node, self.joined(link, events).await);
        }
        brokers
    }

    /// A broker that was started, once it is registered and told of the partition.
    pub(crate) async fn joined(&self, link: BrokerLink, events: mpsc::Receiver<BrokerEvent>) -> Broker {
        Broker::joined(&self.simulation, link, events).await
    }

    /// Lets so much time pass.
    pub(crate) async fn passes(&self, time: Duration) {
        self.simulation.clock().sleep(time).await;
    }
}

/// All that the broker is told, but for the places that it has to say that it has reached: it says so at once.
pub(crate) fn is_done_at_once(
    world: &World,
    link: &BrokerLink,
    mut events: mpsc::Receiver<BrokerEvent>,
) -> mpsc::Receiver<BrokerEvent> {
    let (told, hears) = mpsc::channel(EVENTS_MAX);
    let link = link.clone();
    world.tasks.spawn(async move {
        while let Some(event) = events.recv().await {
            if let BrokerEvent::Told(to) = event {
                link.handled(to);
            } else if told.send(event).await.is_err() {
                return;
            }
        }
    });
    hears
}

impl Broker {
    /// The broker, once it is registered and told of the partition.
    pub(crate) async fn joined(
        simulation: &Simulation,
        link: BrokerLink,
        mut events: mpsc::Receiver<BrokerEvent>,
    ) -> Self {
        let next = async {
            let Some(BrokerEvent::Registered(life)) = events.recv().await else {
                panic!("the first event is the registration");
            };
            let Some(BrokerEvent::Partition(state)) = events.recv().await else {
                panic!("then the partition follows");
            };
            (life, state)
        };
        let (life, state) = simulation.clock().timeout(PATIENCE, next).await.expect("a broker joins");
        Self { link, life, state, events, simulation: simulation.clone() }
    }

    /// Waits for an event.
    pub(crate) async fn hears(&mut self) -> Option<BrokerEvent> {
        let event = self.simulation.clock().timeout(PATIENCE, self.events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("heard nothing after {:?}", self.state));
        if let Some(BrokerEvent::Partition(state)) = &event {
            self.simulation.note(&format!("{} {:?} {}", state.spec.id, state.leader, state.epoch));
            self.state = Arc::clone(state);
        }
        event
    }

    /// Waits until the partition is so.
    pub(crate) async fn until(&mut self, so: impl Fn(&PartitionState) -> bool) {
        while !so(&self.state) {
            let event = self.hears().await;
            assert!(matches!(event, Some(BrokerEvent::Partition(_))), "{event:?}");
        }
    }

    /// Says that its log, all of the first epoch, is so long: as a replica does that is asked.
    pub(crate) fn reports(&self, broker: NodeId, durable: u64) {
        let end = LogEnd { last_epoch: Some(Epoch(1)), durable: Offset(durable) };
        let (partition, incarnation, epoch) = (self.state.spec.id.clone(), self.life, self.state.epoch);
        self.link.report_log(LogReport { partition, broker, incarnation, epoch, end });
    }

    /// Proposes this set until it counts, as a leader does: on the newest version it was told of.
    pub(crate) async fn alters(&mut self, members: &[NodeId]) {
        loop {
            let proposal = self.proposal(members);
            match self.link.alter_in_sync(proposal).await {
                Ok(()) => return,
                Err(AlterError::NotProposed(_) | AlterError::Unknown(_)) => {}
                // An earlier copy counted.
                Err(AlterError::Refused(Rejection::StaleVersion { .. })) => drop(self.hears().await),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether nothing has been told that was not heard.
    pub(crate) fn has_heard_all(&self) -> bool {
        self.events.is_empty()
    }

    /// The proposal of this set, as the leader would make it now.
    pub(crate) fn proposal(&self, members: &[NodeId]) -> AlterInSync {
        let member = |node: &NodeId| (*node, self.state.in_sync[node]);
        AlterInSync {
            partition: self.state.spec.id.clone(),
            leader: self.state.leader.expect("somebody leads"),
            epoch: self.state.epoch,
            version: self.state.version,
            in_sync: members.iter().map(member).collect(),
        }
    }
}
