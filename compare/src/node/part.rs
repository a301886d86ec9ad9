//! What runs on a node, by its role: how each is opened, stopped, and known to have failed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use isr_log::controller::active::{Controller, ControllerConfig};
use isr_log::controller::metadata_partition;
use isr_log::metadata::PartitionSpec;
use partition::client::leader::LeaderClient;
use partition::client::retry::RetryConfig;
use partition::client::service::PartitionService;
use partition::error::ReadError;
use partition::ids::NodeId;
use partition::log::LogConfig;
use partition::partition::Partition;
use partition::transport::router::Router;
use partition::transport::{Channel, SharedService};
use partition::world::World;

use super::hosted::NodeError;
use super::plan::Plan;
use super::role::Role;
use crate::floor::{FloorConfig, FloorEcho, FloorLeader, FloorPeers};

/// How often a replica is asked whether it still runs: a failed one should not go unnoticed for long.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);

/// Who a node is, and what it has.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) role: Role,
    pub(super) dir: PathBuf,
    pub(super) world: World,
}

/// What runs on a node.
#[derive(Debug)]
pub(super) enum Part {
    FloorLeader(Arc<FloorLeader>),
    FloorEcho(Arc<FloorEcho>),
    /// A replica by majority; that of the metadata partition on a controller.
    Quorum(Box<quorum_log::Node>),
    Isr {
        node: isr_log::Node,
        replica: Arc<dyn Partition>,
    },
}

impl Place {
    /// Starts what the role asks for, and says who answers requests.
    pub(super) async fn start(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        plan.check(self.node, self.role)?;
        match self.role {
            Role::FloorLeader => self.floor_leader(plan).await,
            Role::FloorEcho => self.floor_echo(plan).await,
            Role::Quorum => self.quorum(plan).await,
            Role::Isr => self.isr(plan).await,
            Role::Controller => self.controller(plan).await,
        }
    }

    async fn floor_leader(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        let mut echoes = plan.replicas.clone();
        echoes.remove(&self.node);
        let peers = FloorPeers { echoes, copies: plan.copies };
        let leader = Arc::new(FloorLeader::open(&self.world, self.floor(plan), peers).await?);
        let door = PartitionService::new();
        door.add(plan.partition.clone(), Arc::clone(&leader) as Arc<dyn Partition>);
        let router = Router::new().with(Channel::Client, Arc::new(door));
        Ok((Arc::new(router), Part::FloorLeader(leader)))
    }

    async fn floor_echo(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        let echo = Arc::new(FloorEcho::open(&self.world, self.floor(plan)).await?);
        let router = Router::new()
            .with(Channel::Replica, Arc::clone(&echo) as SharedService)
            // Whoever asks it as a client learns that it serves no partition.
            .with(Channel::Client, Arc::new(PartitionService::new()));
        Ok((Arc::new(router), Part::FloorEcho(echo)))
    }

    fn floor(&self, plan: &Plan) -> FloorConfig {
        FloorConfig {
            node: self.node,
            partition: plan.partition.clone(),
            dir: self.dir.join(plan.partition.to_string()),
            log: plan.log(),
        }
    }

    async fn quorum(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        let config = quorum_log::Config {
            node: self.node,
            voters: plan.replicas.clone(),
            partition: plan.partition.clone(),
            dir: self.dir.clone(),
            log: plan.log(),
            timing: quorum_log::Timing::default(),
        };
        let node = quorum_log::Node::open(self.world.clone(), config).await?;
        Ok((node.service(), Part::Quorum(Box::new(node))))
    }

    async fn isr(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        let (brokers, controllers) = (plan.replicas.clone(), plan.controllers.clone());
        let metadata =
            LeaderClient::new(&self.world, &controllers, &metadata_partition(), RetryConfig::default());
        let config = isr_log::Config::new(self.node, brokers, controllers, self.dir.clone());
        let config = isr_log::Config { log: plan.log(), ..config };
        let node = isr_log::Node::open(&self.world, config, Arc::new(metadata)).await?;
        let replica = node.partition(&plan.partition);
        Ok((node.service(), Part::Isr { node, replica }))
    }

    async fn controller(&self, plan: &Plan) -> Result<(SharedService, Part), NodeError> {
        let config = quorum_log::Config {
            node: self.node,
            voters: plan.controllers.clone(),
            partition: metadata_partition(),
            dir: self.dir.clone(),
            // Whatever the partition's durability: what the controllers have decided must not be forgotten (H-15).
            log: LogConfig::default(),
            timing: quorum_log::Timing::default(),
        };
        let node = quorum_log::Node::open(self.world.clone(), config).await?;
        let spec = PartitionSpec {
            id: plan.partition.clone(),
            replicas: plan.replicas.keys().copied().collect(),
            min_isr: plan.min_isr,
        };
        let config = ControllerConfig::new(self.node, vec![spec]);
        let controller =
            Controller::start(&self.world, config, node.partition()).map_err(NodeError::Controller)?;
        let router = Router::new()
            .with(Channel::Client, node.service())
            .with(Channel::Replica, node.service())
            .with(Channel::Controller, Arc::new(controller));
        Ok((Arc::new(router), Part::Quorum(Box::new(node))))
    }
}

impl Part {
    /// Resolves when it cannot go on, and with why.
    pub(super) fn failure(&self, world: &World) -> BoxFuture<'static, String> {
        match self {
            Self::FloorLeader(leader) => leader.failure(),
            Self::FloorEcho(echo) => echo.failure(),
            Self::Quorum(node) => ill_health(world.clone(), node.partition()).boxed(),
            Self::Isr { replica, .. } => ill_health(world.clone(), Arc::clone(replica)).boxed(),
        }
    }

    /// Stops it in order. A floor has nothing to put in order: its next life recovers its log.
    pub(super) async fn stop(&self) {
        match self {
            Self::FloorLeader(_) | Self::FloorEcho(_) => {}
            Self::Quorum(node) => node.stop().await,
            Self::Isr { node, .. } => node.stop().await,
        }
    }
}

/// Resolves when a replica says that it has stopped.
async fn ill_health(world: World, replica: Arc<dyn Partition>) -> String {
    loop {
        world.clock.sleep(HEALTH_INTERVAL).await;
        if let Err(ReadError::Stopped(why)) = replica.status().await {
            return why;
        }
    }
}
