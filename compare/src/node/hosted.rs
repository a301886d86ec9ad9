//! A node, whoever hosts it: first bound to its port, then told its plan and started, then stopped or crashed.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use partition::clock::Clock;
use partition::fault::{DiskFault, Felt};
use partition::ids::{ByteSize, NodeId};
use partition::journeys::Journeyed;
use partition::log::LogError;
use partition::log::disk::{Disk, DiskTroubles, RealDisk};

use partition::meta::MetaError;
use partition::transport::barred::{BarredTransport, Barrier, Barriers};
use partition::transport::rpc::{Serving, serve};
use partition::transport::tcp::TcpTransport;
use partition::transport::{Address, Listener, Transport};
use partition::world::{Random, World};
use serde::{Deserialize, Serialize};

use super::disk::DiskReins;
use super::injected::{Delays, Injected, LongerWay, Sender, Slowdown};
use super::meter::{Metered, Sent};
use super::part::{Part, Place};
use super::plan::{Plan, PlanError};
use super::real::node_world;
use super::role::Role;
use super::tuning::Tuning;
use crate::floor::FloorError;

/// How long an earlier life of the node in this process may hold its checkpoint store: its writer thread closes the
/// log by and by, and only then is the store's lock free.
const RELEASE_LIMIT: Duration = Duration::from_secs(2);
/// How often the lock is tried.
const RELEASE_POLL: Duration = Duration::from_millis(10);

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
    /// Its replica by majority does not start.
    #[error(transparent)]
    Quorum(#[from] quorum_log::OpenError),
    /// Its replica by in-sync set does not start.
    #[error(transparent)]
    Isr(#[from] isr_log::OpenError),
    /// Its controller does not start.
    #[error("the controller: {0}")]
    Controller(isr_log::controller::active::StartError),
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
    /// Delays injected.
    #[serde(default)]
    pub injected: Injected,
}

/// A node that has its port and awaits its plan.
#[derive(Debug)]
pub struct Bound {
    place: Place,
    sent: Sent,
    barriers: Barriers,
    listener: Box<dyn Listener>,
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
        let barriers = Barriers::default();
        let network = Metered::over(TcpTransport, sent.clone());
        let network = BarredTransport::over(Arc::new(network), barriers.clone());
        let listener = network.listen(listen).await.map_err(NodeError::Listen)?;
        let directory = |source| NodeError::Directory { path: dir.display().to_string(), source };
        // Durably: what will be synced in it is worth nothing without its name.
        RealDisk.create_dir(dir).map_err(directory)?;
        let world = world_of(dir, &random, Arc::new(network)).await?;
        Ok(Self { place: Place { node, role, dir: dir.to_owned(), world }, sent, barriers, listener })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Address {
        self.listener.address()
    }

    /// Bars these ways to other nodes, and no others, before the first of them is gone.
    pub fn bar(&self, barred: &BTreeSet<Barrier>) {
        self.barriers.set(barred);
    }

    /// Opens the log and answers.
    ///
    /// # Errors
    /// [`NodeError`]; the port is free again.
    pub async fn start(self, plan: &Plan) -> Result<HostedNode, NodeError> {
        let Self { mut place, sent, barriers, listener } = self;
        let delays = Delays::of(Sender::Node(place.role, place.node), plan, &place.world.clock);
        if let Some(delays) = &delays {
            delays.put_into(&mut place.world);
        }
        let disk = plan.disk.put_into(&mut place.world);
        let (service, part) = place.start(plan, &Tuning::of(plan)).await?;
        let (world, node, plan) = (place.world, place.node, plan.clone());
        let serving = serve(&world, listener, service);
        Ok(HostedNode { world, node, plan, sent, barriers, delays, disk, serving, part })
    }
}

/// The node's world, once its earlier life has let go of the files.
async fn world_of(dir: &Path, random: &Random, network: Arc<dyn Transport>) -> Result<World, MetaError> {
    let clock = Clock::real();
    let deadline = clock.now().after(RELEASE_LIMIT);
    loop {
        match node_world(dir, random.clone(), Arc::clone(&network)) {
            Err(_) if clock.now() < deadline => clock.sleep(RELEASE_POLL).await,
            opened => return opened,
        }
    }
}

/// A node that answers.
pub struct HostedNode {
    world: World,
    node: NodeId,
    plan: Plan,
    sent: Sent,
    barriers: Barriers,
    delays: Option<Delays>,
    disk: DiskReins,
    serving: Serving,
    part: Part,
}

impl HostedNode {
    /// Resolves when it cannot go on, and with why.
    pub fn failure(&self) -> BoxFuture<'static, String> {
        let (failure, panics) = (self.part.failure(&self.world), self.world.tasks.panics().clone());
        Box::pin(async move {
            tokio::select! {
                biased;
                why = failure => why,
                () = panics.wait() => "a task of this node panicked".to_owned(),
            }
        })
    }

    /// What it has done.
    #[must_use]
    pub fn totals(&self) -> NodeTotals {
        let writers = self.world.writers.totals();
        let injected = self.delays.as_ref().map(Delays::so_far).unwrap_or_default();
        NodeTotals {
            written: ByteSize(writers.bytes),
            syncs: writers.syncs,
            sent: self.sent.total(),
            injected,
        }
    }

    /// How long batches took from here to each copy since this was asked last; the first time it begins to watch.
    #[must_use]
    pub fn journeys(&self) -> Journeyed {
        let Some(journeys) = self.part.journeys(&self.plan.partition) else { return Journeyed::default() };
        let others = self.plan.replicas.keys().copied().filter(|replica| *replica != self.node);
        journeys.look(&others.collect(), self.world.random.seed())
    }

    /// Slows its links to some replicas.
    pub fn slow(&self, down: &Slowdown) {
        if let Some(delays) = &self.delays {
            delays.slow(down);
        }
    }

    /// Makes these ways to other nodes longer, and no others.
    pub fn lengthen(&self, longer: &[LongerWay]) {
        if let Some(delays) = &self.delays {
            delays.lengthen(longer);
        }
    }

    /// Bars these ways to other nodes, and no others.
    pub fn bar(&self, barred: &BTreeSet<Barrier>) {
        self.barriers.set(barred);
    }

    /// Has its disk commit a fault, or end it.
    ///
    /// # Errors
    /// In words, when its disk cannot do this on demand.
    pub fn trouble(&self, fault: &DiskFault) -> Result<(), String> {
        let troubles = self.disk.troubles.as_ref().ok_or("the plan put nothing over its disk")?;
        troubles.commit(fault).map_err(|error| error.to_string())
    }

    /// Has its disk forget nothing from now on, if it is one that forgets.
    ///
    /// # Errors
    /// In words, when the disk below does not take what it had not been given.
    pub fn keep(&self) -> Result<(), String> {
        let kept = self.disk.forgetful.as_ref().map_or(Ok(()), |disk| disk.keep());
        kept.map_err(|error| error.to_string())
    }

    /// How often barriers stood in its way, its frames took longer, and its disk failed or kept it waiting.
    #[must_use]
    pub fn felt(&self) -> Felt {
        let by_disk = self.disk.troubles.as_ref().map(DiskTroubles::felt).unwrap_or_default();
        let by_delays = self.delays.as_ref().map(Delays::felt).unwrap_or_default();
        self.barriers.felt() + by_disk + by_delays
    }

    /// Ends it in order: closes its log, then tells those who asked how that ended for them.
    pub async fn stop(self) {
        self.part.stop().await;
        self.serving.stop().await;
        self.world.tasks.crash();
        self.world.tasks.ended().await;
    }

    /// Ends it where it stands. Its port and files are free when this returns.
    pub async fn crash(self) {
        self.world.tasks.crash();
        self.world.tasks.ended().await;
    }

    /// Ends it where it stands, but by and by.
    pub fn abandon(self) {
        self.world.tasks.crash();
    }

    /// Holds its tasks where they stand.
    pub fn pause(&self) {
        self.world.tasks.pause();
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.world.tasks.resume();
    }
}

impl fmt::Debug for HostedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.part, self.serving.address())
    }
}
