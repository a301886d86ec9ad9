//! A node, whoever hosts it: first bound to its port, then told its plan and started, then stopped or crashed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use partition::client::service::PartitionService;
use partition::ids::{ByteSize, NodeId};
use partition::log::LogError;
use partition::meta::MetaError;
use partition::partition::Partition;
use partition::transport::router::Router;
use partition::transport::rpc::{Serving, serve};
use partition::transport::tcp::TcpTransport;
use partition::transport::{Address, Channel, Listener, Transport};
use partition::world::{Random, World};
use serde::{Deserialize, Serialize};

use super::meter::{Metered, Sent};
use super::plan::{Plan, PlanError};
use super::real::node_world;
use super::role::Role;
use crate::floor::{FloorConfig, FloorEcho, FloorError, FloorLeader, FloorPeers};

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The port is taken, or is not ours to take.
    #[error("{0}")]
    Listen(io::Error),
    /// The directory cannot be used.
    #[error("data directory {path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// What it was told makes no cluster.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Its checkpoint store does not open.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// Its log does not open.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its floor does not start.
    #[error(transparent)]
    Floor(#[from] FloorError),
}

/// What a node has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTotals {
    /// Bytes of batches written.
    pub written: ByteSize,
    /// Calls to fdatasync for log data.
    pub syncs: u64,
    /// Bytes of frames sent.
    pub sent: ByteSize,
}

/// A node that has its port and awaits its plan.
#[derive(Debug)]
pub struct Bound {
    place: Place,
    sent: Sent,
    listener: Box<dyn Listener>,
}

/// Who a node is, and what it has.
#[derive(Debug)]
struct Place {
    node: NodeId,
    role: Role,
    dir: PathBuf,
    world: World,
}

impl Bound {
    /// Takes the port, and the directory.
    ///
    /// # Errors
    /// [`NodeError`], in one line for the user.
    pub async fn bind(
        node: NodeId,
        role: Role,
        listen: Address,
        dir: &Path,
        random: Random,
    ) -> Result<Self, NodeError> {
        let sent = Sent::default();
        let network = Metered::over(TcpTransport, sent.clone());
        let listener = network.listen(listen).await.map_err(NodeError::Listen)?;
        let directory = |source| NodeError::Directory { path: dir.display().to_string(), source };
        std::fs::create_dir_all(dir).map_err(directory)?;
        let world = node_world(dir, random, Arc::new(network))?;
        Ok(Self { place: Place { node, role, dir: dir.to_owned(), world }, sent, listener })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Address {
        self.listener.address()
    }

    /// Opens the log and answers.
    ///
    /// # Errors
    /// [`NodeError`]; the port is free again.
    pub async fn start(self, plan: &Plan) -> Result<HostedNode, NodeError> {
        let Self { place, sent, listener } = self;
        let (router, part) = place.start(plan).await?;
        let world = place.world;
        let serving = serve(&world, listener, Arc::new(router));
        Ok(HostedNode { world, sent, serving, part })
    }
}

impl Place {
    async fn start(&self, plan: &Plan) -> Result<(Router, Part), NodeError> {
        plan.check(self.node, self.role)?;
        match self.role {
            Role::FloorLeader => self.floor_leader(plan).await,
            Role::FloorEcho => self.floor_echo(plan).await,
            Role::Isr | Role::Quorum | Role::Controller => {
                Err(NodeError::Listen(io::Error::other("not there yet")))
            }
        }
    }

    async fn floor_leader(&self, plan: &Plan) -> Result<(Router, Part), NodeError> {
        let mut echoes = plan.replicas.clone();
        echoes.remove(&self.node);
        let peers = FloorPeers { echoes, copies: plan.copies };
        let leader = Arc::new(FloorLeader::open(&self.world, self.floor(plan), peers).await?);
        let door = PartitionService::new();
        door.add(plan.partition.clone(), Arc::clone(&leader) as Arc<dyn Partition>);
        Ok((Router::new().with(Channel::Client, Arc::new(door)), Part::FloorLeader(leader)))
    }

    async fn floor_echo(&self, plan: &Plan) -> Result<(Router, Part), NodeError> {
        let echo = Arc::new(FloorEcho::open(&self.world, self.floor(plan)).await?);
        let router = Router::new()
            .with(Channel::Replica, Arc::clone(&echo) as _)
            // Whoever asks it as a client learns that it serves no partition.
            .with(Channel::Client, Arc::new(PartitionService::new()));
        Ok((router, Part::FloorEcho(echo)))
    }

    fn floor(&self, plan: &Plan) -> FloorConfig {
        FloorConfig {
            node: self.node,
            partition: plan.partition.clone(),
            dir: self.dir.join(plan.partition.to_string()),
            log: plan.log(),
        }
    }
}

/// What runs on a node.
#[derive(Debug)]
enum Part {
    FloorLeader(Arc<FloorLeader>),
    FloorEcho(Arc<FloorEcho>),
}

/// A node that answers.
pub struct HostedNode {
    world: World,
    sent: Sent,
    serving: Serving,
    part: Part,
}

impl HostedNode {
    /// Resolves when it cannot go on, and with why.
    pub fn failure(&self) -> BoxFuture<'static, String> {
        match &self.part {
            Part::FloorLeader(leader) => leader.failure(),
            Part::FloorEcho(echo) => echo.failure(),
        }
    }

    /// What it has done.
    #[must_use]
    pub fn totals(&self) -> NodeTotals {
        let writers = self.world.writers.totals();
        NodeTotals { written: ByteSize(writers.bytes), syncs: writers.syncs, sent: self.sent.total() }
    }

    /// Ends it in order: answers what was asked, then closes its log.
    pub async fn stop(self) {
        self.serving.stop().await;
        self.world.tasks.crash();
    }

    /// Ends it where it stands.
    pub fn crash(self) {
        self.world.tasks.crash();
    }
}

impl fmt::Debug for HostedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.part, self.serving.address())
    }
}
