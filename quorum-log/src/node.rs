//! A running replica: opened, served, stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{InitializeError, RaftError};
use partition::client::service::PartitionService;
use partition::ids::{NodeId, Timestamp};
use partition::journeys::Journeys;
use partition::log::retention::{self, Retention};
use partition::log::{Log, LogEvent};
use partition::partition::Partition;
use partition::probe::Probe;
use partition::transport::{Answer, Channel, Request, Service, SharedService};
use partition::world::World;
use tokio::sync::mpsc;

use crate::config::{Config, ConfigError};
use crate::door::Leadership;
use crate::host::Heartbeats;
use crate::mutant::Mutated;
use crate::network::Network;
use crate::network::links::Links;
use crate::network::service::ReplicaService;
use crate::operator::Operator;
use crate::partition::QuorumPartition;
use crate::probe::VoterProbe;
use crate::raft::{Located, Raft, raft_node};
use crate::replica::Replica;
use crate::runtime::{Home, scoped};
use crate::store::{self, Store};

/// Why a replica could not be started.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files cannot be used.
    #[error("cannot open {partition} in {dir}: {why}")]
    Files {
        /// The partition.
        partition: String,
        /// The node's directory.
        dir: String,
        /// What is wrong.
        why: String,
    },
    /// openraft does not start.
    #[error("raft does not start: {0}")]
    Raft(String),
}

/// One replica of one partition.
pub struct Node {
    world: World,
    config: Config,
    replica: Arc<Replica>,
    raft: Raft,
    partition: Arc<QuorumPartition>,
    operator: Operator,
    service: Arc<NodeService>,
}

/// How a node came to be a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// It is one of those with which the partition began.
    Founder {
        /// Who of them calls the first election.
        first: NodeId,
    },
    /// It is added by an operator, later.
    Joiner,
}

/// Events of the log's writer that are taken at once: so many syncs never end in one turn.
const EVENTS_AT_ONCE: usize = 64;
/// How often it is noted how much was applied; what a restart does not find noted, it learns from the leader.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How often a new cluster's first voter asks: processes that are started together listen within so many milliseconds.
const FIRST_ELECTION_INTERVAL: Duration = Duration::from_millis(20);

impl Node {
    /// Opens this node's files (or makes them) and takes part in elections from now on. Whoever calls this serves
    /// [`Node::service`].
    ///
    /// # Errors
    /// [`OpenError`], with nothing left running.
    pub async fn open(world: World, config: Config) -> Result<Self, OpenError> {
        Self::open_mutated(world, config, Mutated::NOT).await
    }

    /// The same in a simulation, with a rule that is broken.
    ///
    /// # Errors
    /// [`OpenError`], with nothing left running.
    pub async fn open_mutated(world: World, config: Config, mutated: Mutated) -> Result<Self, OpenError> {
        config.check_founder()?;
        let first = config.voters.keys().next().copied().expect("this node is one of them");
        Self::start_alone(world, config, Birth::Founder { first }, mutated).await
    }

    /// One of many partitions of a host: over its connections.
    pub(crate) async fn open_hosted(
        world: World,
        config: Config,
        links: Links,
        birth: Birth,
        mutated: Mutated,
    ) -> Result<Self, OpenError> {
        match birth {
            Birth::Founder { .. } => config.check_founder()?,
            Birth::Joiner => config.check_joiner()?,
        }
        Self::start(world, config, links, birth, mutated).await
    }

    /// Opens the files of a node that is none of the founders (or makes them), and waits to be added by an operator
    /// ([`Admin`](crate::admin::Admin)), or goes on as what it was made. Its number was never used before.
    ///
    /// # Errors
    /// [`OpenError`], with nothing left running.
    pub async fn join(world: World, config: Config) -> Result<Self, OpenError> {
        Self::join_mutated(world, config, Mutated::NOT).await
    }

    /// The same in a simulation, with a rule that is broken.
    ///
    /// # Errors
    /// [`OpenError`], with nothing left running.
    pub async fn join_mutated(world: World, config: Config, mutated: Mutated) -> Result<Self, OpenError> {
        config.check_joiner()?;
        Self::start_alone(world, config, Birth::Joiner, mutated).await
    }

    /// With connections of its own, as the only partition of its process.
    fn start_alone(
        world: World,
        config: Config,
        birth: Birth,
        mutated: Mutated,
    ) -> impl Future<Output = Result<Self, OpenError>> {
        let links = Links::new(&world, Heartbeats::Each);
        Self::start(world, config, links, birth, mutated)
    }

    async fn start(
        world: World,
        config: Config,
        links: Links,
        birth: Birth,
        mutated: Mutated,
    ) -> Result<Self, OpenError> {
        let raft_config = Arc::new(config.raft(mutated)?);
        let (events, reported) = mpsc::unbounded_channel();
        let (trims, trimmed) = mpsc::unbounded_channel();
        let files = |error: std::io::Error| OpenError::Files {
            partition: config.partition.to_string(),
            dir: config.dir.display().to_string(),
            why: error.to_string(),
        };
        let Store { replica, log, machine } =
            store::open(&world, &config, mutated, events, trims).await.map_err(files)?;
        world.tasks.spawn(observe(world.clone(), config.clone(), Arc::clone(&replica), reported));

        let network = Network::new(links, &config, Arc::clone(&replica));
        let id = raft_node(config.node);
        let raft = scoped(&world, Raft::new(id, raft_config, network, log, machine)).await;
        let raft = raft.map_err(|error| OpenError::Raft(error.to_string()))?;
        world.tasks.spawn(follow_trims(raft.clone(), trimmed));
        world.tasks.spawn(watch_end(raft.clone(), Arc::clone(&replica)));
        if let Birth::Founder { first } = birth {
            let life = scoped(&world, initialize(&config, &raft)).await?;
            if life == Life::New && first == config.node {
                let (raft, replica) = (raft.clone(), Arc::clone(&replica));
                world.tasks.spawn(call_first_election(world.clone(), config.clone(), raft, replica));
            }
        }

        let home = Home::of(&world);
        let proof = config.reads.linearizer(config.timing);
        let partition = QuorumPartition::new(home.clone(), Arc::clone(&replica), raft.clone(), proof);
        let partition = Arc::new(partition);
        let operator = Operator::new(&world, Arc::clone(&replica), raft.clone(), config.timing.election_min);
        if config.log.retention != Retention::default() {
            world.tasks.spawn(retain(world.clone(), Arc::clone(&replica), Arc::clone(&partition)));
        }
        let clients = PartitionService::new();
        clients.add(config.partition.clone(), Arc::clone(&partition) as Arc<dyn Partition>);
        let service = Arc::new(NodeService {
            clients,
            replicas: Arc::new(ReplicaService::new(home, raft.clone(), operator.clone(), mutated)),
        });
        Ok(Self { world, config, replica, raft, partition, operator, service })
    }

    /// Answers clients and the other replicas.
    #[must_use]
    pub fn service(&self) -> SharedService {
        Arc::clone(&self.service) as SharedService
    }

    /// What answers the other replicas of this partition.
    pub(crate) fn replicas(&self) -> Arc<ReplicaService> {
        Arc::clone(&self.service.replicas)
    }

    /// This replica, without a network between.
    #[must_use]
    pub fn partition(&self) -> Arc<dyn Partition> {
        Arc::clone(&self.partition) as Arc<dyn Partition>
    }

    /// What this replica is and has, for a harness: it sees this life only.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn Probe> {
        Arc::new(VoterProbe { replica: Arc::clone(&self.replica), raft: self.raft.clone() })
    }

    /// How long batches take from here to each copy, while this replica leads.
    #[must_use]
    pub fn journeys(&self) -> Journeys {
        self.replica.journeys()
    }

    /// Stops in order: a leader hands over; then no more appends, then no more raft, then the log is closed. Whoever
    /// calls this goes on serving until it returns, for others may have to be told who leads now, and be voted for.
    pub async fn stop(&self) {
        const WHY: &str = "the node was stopped";
        if matches!(self.replica.leadership(), Leadership::Leads { .. }) {
            let deadline = self.world.clock.now().after(self.config.timing.election_min);
            scoped(&self.world, self.operator.clone().hand_over_to_anybody(deadline)).await;
        }
        self.replica.stop(WHY);
        // It fails when raft had ended before.
        let _ = scoped(&self.world, self.raft.shutdown()).await;
        store::checkpoint(&self.world, &self.config, &self.replica);
        if let Some(log) = self.replica.take_log()
            && let Err(error) = Log::close(log).await
        {
            tracing::warn!(%error, "the log was not closed; the next start recovers it");
        }
    }
}

/// Whether a log had its first entry before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Continued,
}

/// Every voter writes the same first entry, so that any majority can elect a leader; a log that has one is left alone.
async fn initialize(config: &Config, raft: &Raft) -> Result<Life, OpenError> {
    let voters = config.voters.iter().map(|(node, address)| (raft_node(*node), Located(*address)));
    let voters: BTreeMap<u64, Located> = voters.collect();
    match raft.initialize(voters).await {
        Ok(()) => Ok(Life::New),
        Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(Life::Continued),
        Err(error) => Err(OpenError::Raft(error.to_string())),
    }
}

/// On a new cluster nobody needs to be missed first: one voter (the lowest, of a single partition) asks for votes as soon
/// as others can hear it. It only asks whether it would be elected, until it would; so asking too early costs nothing.
async fn call_first_election(world: World, config: Config, raft: Raft, replica: Arc<Replica>) {
    let give_up = world.clock.now().after(config.timing.election_max);
    while world.clock.now() < give_up && replica.vote().is_none() {
        if raft.trigger().elect(true).await.is_err() {
            return;
        }
        world.clock.sleep(FIRST_ELECTION_INTERVAL).await;
    }
}

/// Takes what the log's writer reports, until the log is closed.
async fn observe(
    world: World,
    config: Config,
    replica: Arc<Replica>,
    mut reported: mpsc::UnboundedReceiver<LogEvent>,
) {
    let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
    let mut noted = world.clock.now();
    while reported.recv_many(&mut events, EVENTS_AT_ONCE).await > 0 {
        for event in events.drain(..) {
            replica.observe(event);
        }
        let now = world.clock.now();
        if now.since(noted) >= CHECKPOINT_INTERVAL {
            store::checkpoint(&world, &config, &replica);
            noted = now;
        }
    }
}

/// How long a trim may take that retention asks for: the next look asks again.
const TRIM_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// As leader, proposes to give up what need not be kept, as far as it is committed.
async fn retain(world: World, replica: Arc<Replica>, partition: Arc<QuorumPartition>) {
    loop {
        world.clock.sleep(retention::CHECK_INTERVAL).await;
        let (now, Ok(extent)) = (Timestamp(world.clock.wall_ms()), replica.extent()) else { return };
        let Ok(due) = replica.with_log(|log| log.retention_due(now, extent.high)) else { return };
        // Followers are told so, and wait for their leader's trim.
        if let Some(to) = due
            && let Err(error) = partition.trim(to, TRIM_TIME).await
        {
            tracing::debug!(%to, %error, "not trimmed here");
        }
    }
}

/// Has raft give up what lies before a new log start.
async fn follow_trims(raft: Raft, mut trimmed: mpsc::UnboundedReceiver<()>) {
    while trimmed.recv().await.is_some() {
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
    }
}

/// When raft ends by itself, the replica has ended.
async fn watch_end(raft: Raft, replica: Arc<Replica>) {
    let mut metrics = raft.server_metrics();
    while metrics.changed().await.is_ok() {}
    replica.stop("raft has ended");
}

/// Clients and replicas on one listener.
#[derive(Debug)]
struct NodeService {
    clients: PartitionService,
    replicas: Arc<ReplicaService>,
}

impl Service for NodeService {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        match request.channel {
            Channel::Client => self.clients.call(request),
            Channel::Replica => self.replicas.call(request),
            Channel::Controller => future::ready(Answer::Close).boxed(),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} of {})", self.config.node, self.config.partition)
    }
}
