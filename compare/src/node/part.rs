//! What runs on a node, by its role: how each is opened, stopped, and known to have failed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use isr_log::ReadProof;
use isr_log::controller::active::{Controller, ControllerConfig};
use isr_log::controller::lease::Leases;
use isr_log::controller::metadata_partition;
use isr_log::metadata::PartitionSpec;
use partition::client::leader::LeaderClient;
use partition::client::retry::RetryConfig;
use partition::client::service::PartitionService;
use partition::error::ReadError;
use partition::ids::{NodeId, PartitionId};
use partition::journeys::Journeys;
use partition::partition::Partition;
use partition::transport::router::Router;
use partition::transport::{Channel, SharedService};
use partition::world::World;
use quorum_log::Birth;
use quorum_log::host::Seat;

use super::hosted::NodeError;
use super::plan::Plan;
use super::role::Role;
use super::tuning::Tuning;
use crate::floor::{FloorConfig, FloorEcho, FloorLeader, FloorPeers};

/// How often a replica is asked whether it still runs: a failed one should not go unnoticed for long.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);

/// Who a node is, and what it has.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    pub(crate) role: Role,
    pub(crate) dir: PathBuf,
    pub(crate) world: World,
}

/// What runs on a node.
#[derive(Debug)]
pub(crate) enum Part {
    FloorLeader(Arc<FloorLeader>),
    FloorEcho(Arc<FloorEcho>),
    /// Replicas by majority.
    Quorum(Box<quorum_log::Host>),
    /// A controller, and its replica of the metadata partition, by majority as well.
    Controller {
        voter: Box<quorum_log::Node>,
        controller: Controller,
    },
    Isr {
        node: Arc<isr_log::Node>,
        replica: Arc<dyn Partition>,
    },
}

impl Place {
    /// Starts what the role asks for, and says who answers requests.
    pub(crate) async fn start(
        &self,
        plan: &Plan,
        tuning: &Tuning,
    ) -> Result<(SharedService, Part), NodeError> {
        plan.check(self.node, self.role)?;
        match self.role {
            Role::FloorLeader => self.floor_leader(plan, tuning).await,
            Role::FloorEcho => self.floor_echo(plan, tuning).await,
            Role::Quorum => self.quorum(plan, tuning).await,
            Role::Isr => self.isr(plan, tuning).await,
            Role::Controller => self.controller(plan, tuning).await,
        }
    }

    async fn floor_leader(&self, plan: &Plan, tuning: &Tuning) -> Result<(SharedService, Part), NodeError> {
        let mut echoes = plan.replicas.clone();
        echoes.remove(&self.node);
        let peers = FloorPeers { echoes, copies: plan.copies };
        let leader = Arc::new(FloorLeader::open(&self.world, self.floor(plan, tuning), peers).await?);
        let door = PartitionService::new();
        door.add(plan.partition.clone(), Arc::clone(&leader) as Arc<dyn Partition>);
        let router = Router::new().with(Channel::Client, Arc::new(door));
        Ok((Arc::new(router), Part::FloorLeader(leader)))
    }

    async fn floor_echo(&self, plan: &Plan, tuning: &Tuning) -> Result<(SharedService, Part), NodeError> {
        let echo = Arc::new(FloorEcho::open(&self.world, self.floor(plan, tuning)).await?);
        let router = Router::new()
            .with(Channel::Replica, Arc::clone(&echo) as SharedService)
            // Whoever asks it as a client learns that it serves no partition.
            .with(Channel::Client, Arc::new(PartitionService::new()));
        Ok((Arc::new(router), Part::FloorEcho(echo)))
    }

    fn floor(&self, plan: &Plan, tuning: &Tuning) -> FloorConfig {
        FloorConfig {
            node: self.node,
            partition: plan.partition.clone(),
            dir: self.dir.join(plan.partition.to_string()),
            log: tuning.log.clone(),
        }
    }

    async fn quorum(&self, plan: &Plan, tuning: &Tuning) -> Result<(SharedService, Part), NodeError> {
        let founder = plan.replicas.contains_key(&self.node);
        let seat = |(partition, turn): (PartitionId, Vec<NodeId>)| Seat {
            config: quorum_log::Config {
                node: self.node,
                voters: plan.replicas.clone(),
                partition,
                dir: self.dir.clone(),
                log: tuning.log.clone(),
                timing: plan.scale.timing(tuning.timing),
                reads: quorum_log::Reads::default(),
            },
            birth: match founder {
                true => Birth::Founder { first: *turn.first().expect("a partition has replicas") },
                false => Birth::Joiner,
            },
        };
        let (partitions, heartbeats) = (plan.partitions().map(seat), plan.scale.heartbeats());
        let broken = tuning.broken.quorum;
        let host =
            quorum_log::Host::open_mutated(&self.world, heartbeats, partitions.collect(), broken).await?;
        Ok((host.service(), Part::Quorum(Box::new(host))))
    }

    async fn isr(&self, plan: &Plan, tuning: &Tuning) -> Result<(SharedService, Part), NodeError> {
        let (brokers, controllers) = (plan.everybody(), plan.controllers.clone());
        let metadata =
            LeaderClient::new(&self.world, &controllers, &metadata_partition(), RetryConfig::default());
        let config = isr_log::Config::new(self.node, brokers, controllers, self.dir.clone());
        let Tuning { heartbeat, lag_max, fetch_bytes, historic, broken, .. } = *tuning;
        let read_proof = match tuning.leases {
            Leases::Off => ReadProof::Round,
            Leases::On(_) => ReadProof::Lease,
        };
        let (log, fetch_bytes_max) = (tuning.log.clone(), fetch_bytes);
        let config =
            isr_log::Config { log, heartbeat, lag_max, fetch_bytes_max, read_proof, historic, ..config };
        let node = isr_log::Node::open_mutated(&self.world, config, Arc::new(metadata), broken.isr).await?;
        let replica = node.partition(&plan.partition);
        Ok((node.service(), Part::Isr { node: Arc::new(node), replica }))
    }

    async fn controller(&self, plan: &Plan, tuning: &Tuning) -> Result<(SharedService, Part), NodeError> {
        let config = quorum_log::Config {
            node: self.node,
            voters: plan.controllers.clone(),
            partition: metadata_partition(),
            dir: self.dir.clone(),
            log: tuning.metadata_log.clone(),
            timing: tuning.timing,
            reads: quorum_log::Reads::default(),
        };
        let node = quorum_log::Node::open(self.world.clone(), config).await?;
        let (min_isr, commit) = (plan.min_isr, plan.commit);
        let specs = plan.partitions().map(|(id, replicas)| PartitionSpec { id, replicas, min_isr, commit });
        let Tuning { session, leases, preference, historic, .. } = *tuning;
        let config = ControllerConfig::new(self.node, specs.collect());
        let config = ControllerConfig { session, leases, preference, historic, ..config };
        let controller = Controller::start_mutated(&self.world, config, node.partition(), tuning.broken.isr);
        let controller = controller.map_err(NodeError::Controller)?;
        let router = Router::new()
            .with(Channel::Client, node.service())
            .with(Channel::Replica, node.service())
            .with(Channel::Controller, Arc::new(controller.clone()));
        Ok((Arc::new(router), Part::Controller { voter: Box::new(node), controller }))
    }
}

impl Part {
    /// Resolves when it cannot go on, and with why.
    pub(crate) fn failure(&self, world: &World) -> BoxFuture<'static, String> {
        match self {
            Self::FloorLeader(leader) => leader.failure(),
            Self::FloorEcho(echo) => echo.failure(),
            Self::Quorum(host) => ill_health(world.clone(), partitions_of(host)).boxed(),
            Self::Controller { voter, .. } => ill_health(world.clone(), vec![voter.partition()]).boxed(),
            // A broker ends with the first of its logs that fails, be it open by then or not.
            Self::Isr { node, replica, .. } => {
                let (node, ill) = (Arc::clone(node), ill_health(world.clone(), vec![Arc::clone(replica)]));
                async move {
                    tokio::select! {
                        biased;
                        why = ill => why,
                        () = node.ended() => "the broker has ended".to_owned(),
                    }
                }
                .boxed()
            }
        }
    }

    /// Whether a replica or controller serves nothing any more, although nobody has stopped it: its disk has failed, or
    /// another process took its place.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::FloorLeader(_) | Self::FloorEcho(_) => false,
            Self::Quorum(host) => partitions_of(host).iter().any(has_stopped),
            Self::Controller { voter, .. } => has_stopped(&voter.partition()),
            Self::Isr { node, .. } => node.ended().now_or_never().is_some(),
        }
    }

    /// How long batches take from here to each copy, where it is a replica that may lead.
    pub(crate) fn journeys(&self, partition: &PartitionId) -> Option<Journeys> {
        match self {
            Self::FloorLeader(leader) => Some(leader.journeys()),
            Self::Quorum(host) => Some(host.nodes().get(partition)?.journeys()),
            Self::Isr { node, .. } => Some(node.journeys(partition)),
            Self::FloorEcho(_) | Self::Controller { .. } => None,
        }
    }

    /// Stops it in order. A floor has nothing to put in order: its next life recovers its log.
    pub(crate) async fn stop(&self) {
        match self {
            Self::FloorLeader(_) | Self::FloorEcho(_) => {}
            Self::Quorum(host) => host.stop().await,
            Self::Controller { voter, .. } => voter.stop().await,
            Self::Isr { node, .. } => node.stop().await,
        }
    }
}

fn partitions_of(host: &quorum_log::Host) -> Vec<Arc<dyn Partition>> {
    host.nodes().values().map(quorum_log::Node::partition).collect()
}

fn has_stopped(replica: &Arc<dyn Partition>) -> bool {
    matches!(replica.status().now_or_never(), Some(Err(ReadError::Stopped(_))))
}

/// Resolves when one of these replicas says that it has stopped.
async fn ill_health(world: World, replicas: Vec<Arc<dyn Partition>>) -> String {
    loop {
        world.clock.sleep(HEALTH_INTERVAL).await;
        for replica in &replicas {
            if let Err(ReadError::Stopped(why)) = replica.status().await {
                return why;
            }
        }
    }
}
