//! A broker: registers, opens the partitions that the controllers give it, and runs a task for each.
//!
//! ```text
//!   clients ──> PartitionService ─┐                     ┌── link: decisions, in-sync proposals
//!                                 ├──> replica's task ──┤
//!  replicas ──> ReplicaService ───┘   (log + Replica)   └── network: fetches, reports, proofs
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use partition::client::service::PartitionService;
use partition::clock::{BootMoment, Moment};
use partition::ids::PartitionId;
use partition::journeys::Journeys;
use partition::log::{Durability, LogError};
use partition::meta::MetaError;
use partition::partition::Partition;
use partition::probe::Probe;
use partition::transport::router::Router;
use partition::transport::{Channel, SharedService};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, ReadProof};
use crate::controller::broker::{BrokerConfig, BrokerEvent, BrokerLink};
use crate::controller::lease::LeaseWish;
use crate::metadata::{Incarnation, PartitionState};
use crate::mutant::{Mutant, Mutated};
use crate::network::sessions::Sessions;
use crate::network::{Network, ReplicaService};
use crate::partition::{CLIENT_CALLS_MAX, NamedReplica, NotClosed, PEER_CALLS_MAX, PeerCall, ReplicaHandle};
use crate::probe::ReplicaWindow;
use crate::replica::Replica;
use crate::runtime::{ReplicaFailed, ReplicaTask, TaskState};
use crate::store::{Life, open_log, remove_log};

/// Why a broker could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory cannot be claimed: another process uses it, or the disk fails.
    #[error("the broker's directory cannot be used: {0}")]
    Claim(LogError),
    /// The file that names its last life cannot be read or written.
    #[error(transparent)]
    Meta(#[from] MetaError),
}

/// The replicas of this broker that are open.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    open: Mutex<BTreeMap<PartitionId, ReplicaHandle>>,
    windows: Mutex<BTreeMap<PartitionId, Arc<ReplicaWindow>>>,
}

impl Registry {
    pub(crate) fn get(&self, partition: &PartitionId) -> Option<ReplicaHandle> {
        self.lock().get(partition).cloned()
    }

    /// Another replica is open.
    pub(crate) fn put(&self, replica: ReplicaHandle) {
        self.lock().insert(replica.partition.clone(), replica);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PartitionId, ReplicaHandle>> {
        self.open.lock().expect("no holder panics")
    }

    /// Where a replica is shown, be it open yet or not.
    fn window(&self, partition: &PartitionId) -> Arc<ReplicaWindow> {
        let mut windows = self.windows.lock().expect("no holder panics");
        Arc::clone(windows.entry(partition.clone()).or_default())
    }
}

/// A broker that runs. Its tasks end with its world, or by [`Node::stop`].
#[derive(Debug)]
pub struct Node {
    world: World,
    clients: Arc<PartitionService>,
    partitions: Arc<Registry>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
}

impl Node {
    /// Opens what the broker remembers, and begins to register with the controllers. `metadata` is a client of the
    /// metadata partition. The caller binds the broker's address and serves [`Node::service`] there.
    ///
    /// # Errors
    /// [`OpenError`] when another process uses the broker's directory, or its own file cannot be read.
    pub async fn open(
        world: &World,
        config: Config,
        metadata: Arc<dyn Partition>,
    ) -> Result<Self, OpenError> {
        Self::open_mutated(world, config, metadata, Mutated::NOT).await
    }

    /// The same in a simulation, with a rule that is broken.
    ///
    /// # Errors
    /// [`OpenError`] when another process uses the broker's directory, or its own file cannot be read.
    pub async fn open_mutated(
        world: &World,
        config: Config,
        metadata: Arc<dyn Partition>,
        mutated: Mutated,
    ) -> Result<Self, OpenError> {
        let life = Life::open(world, &config.dir).await?;
        if config.read_proof == ReadProof::Lease && config.lease_wish() == LeaseWish::None {
            tracing::warn!(
                "reads are proved by a round: an unclean election is allowed, and a lease promises nothing then"
            );
        }
        let link_config = BrokerConfig {
            node: config.node,
            controllers: config.controllers.clone(),
            disk: life.disk(config.log.durability, mutated),
            heartbeat: config.heartbeat,
            request_timeout: config.request_timeout,
            lease: config.lease_wish(),
        };
        let (link, decisions) = BrokerLink::start_mutated(world, link_config, metadata, mutated);
        let (stop, stops) = mpsc::channel(1);
        let clients = Arc::new(PartitionService::new());
        let partitions = Arc::new(Registry::default());
        let broker = Broker {
            world: world.clone(),
            network: Network::new(world, config.node, &config.brokers, config.fetch_wait),
            config,
            link,
            life,
            clients: Arc::clone(&clients),
            partitions: Arc::clone(&partitions),
            failures: mpsc::channel(1),
            lease: Tenure::default(),
            mutated,
        };
        world.tasks.spawn(broker.run(decisions, stops));
        Ok(Self { world: world.clone(), clients, partitions, stop })
    }

    /// What the broker answers: clients, and other replicas.
    #[must_use]
    pub fn service(&self) -> SharedService {
        let replicas = Arc::new(ReplicaService {
            partitions: Arc::clone(&self.partitions),
            sessions: Sessions::new(&self.world),
        });
        let clients: SharedService = Arc::clone(&self.clients) as SharedService;
        Arc::new(Router::new().with(Channel::Client, clients).with(Channel::Replica, replicas))
    }

    /// This broker's replica of a partition, as it is; it may not have one yet, or any more.
    #[must_use]
    pub fn partition(&self, partition: &PartitionId) -> Arc<dyn Partition> {
        let (partition, partitions) = (partition.clone(), Arc::clone(&self.partitions));
        Arc::new(NamedReplica { partition, partitions })
    }

    /// How many records of a partition this broker had to cut, in this life, that were committed once. Zero, unless an
    /// election was unclean or a disk has lost what it had stored.
    #[must_use]
    pub fn lost(&self, partition: &PartitionId) -> u64 {
        self.partitions.get(partition).map_or(0, |replica| replica.lost.load(Ordering::Relaxed))
    }

    /// What this broker's replica of a partition is and has, for a harness: it sees this life only.
    #[must_use]
    pub fn probe(&self, partition: &PartitionId) -> Arc<dyn Probe> {
        let window = self.partitions.window(partition);
        window.window.open();
        window
    }

    /// How long batches take from here to each copy, while this broker leads the partition.
    #[must_use]
    pub fn journeys(&self, partition: &PartitionId) -> Journeys {
        self.partitions.window(partition).journeys.clone()
    }

    /// Returns when the broker has ended, be it that it was stopped, that its disk failed, or that another process took
    /// its place. It answers nothing any more then.
    pub async fn ended(&self) {
        self.stop.closed().await;
    }

    /// Stops in order: hands over what it leads, closes all logs, then writes that this life has ended so.
    pub async fn stop(&self) {
        let (stopped, done) = oneshot::channel();
        if self.stop.send(stopped).await.is_ok() {
            // When the broker has failed before, there is nothing left to wait for.
            let _ = done.await;
        }
    }
}

/// What follows the controllers' decisions.
struct Broker {
    world: World,
    config: Config,
    link: BrokerLink,
    life: Life,
    network: Network,
    clients: Arc<PartitionService>,
    partitions: Arc<Registry>,
    /// Where replicas say that they have failed. One is enough to end the broker.
    failures: (mpsc::Sender<ReplicaFailed>, mpsc::Receiver<ReplicaFailed>),
    lease: Tenure,
    mutated: Mutated,
}

/// Why a broker ends before it is stopped. It then shows no sign of life any more, so that the controllers elect others:
/// a broker that lives and does not serve what it leads would be worse than a dead one.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("another process has registered as this broker")]
    Replaced,
    #[error("a metadata record cannot be read: {0}")]
    Metadata(String),
    #[error(transparent)]
    Meta(#[from] MetaError),
    #[error("the log of {0} cannot be opened, or removed: {1}")]
    Log(PartitionId, LogError),
    #[error("{0}")]
    Replica(ReplicaFailed),
}

/// A stop in order that is under way.
struct Leaving {
    /// When it stops without being let go.
    until: Moment,
    /// Who waits for it.
    stopped: oneshot::Sender<()>,
}

/// What the broker may answer alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tenure {
    /// Nothing: it has had no lease yet.
    #[default]
    Unleased,
    /// Reads where it leads, until then.
    Leased(BootMoment),
    /// Nothing any more: it leaves.
    GivenUp,
}

/// Whether the controllers have let this broker go.
enum Gone {
    Yes,
    NotYet,
}

impl Broker {
    async fn run(
        mut self,
        mut decisions: mpsc::Receiver<BrokerEvent>,
        mut stops: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        let mut incarnation = None;
        let mut leaving: Option<Leaving> = None;
        let stopped = loop {
            let clock = self.world.clock.clone();
            let until = leaving.as_ref().map(|leaving| leaving.until);
            let outcome = tokio::select! {
                biased;
                stop = stops.recv(), if leaving.is_none() => match (stop, incarnation) {
                    // What it leads is handed over first, and nobody waits for it any more: no session has to end for that.
                    (Some(stopped), Some(life)) => {
                        // The controllers do not wait for the lease of one who leaves.
                        self.give_up_lease().await;
                        self.link.leave(life);
                        let until = self.world.clock.now().after(self.config.request_timeout);
                        leaving = Some(Leaving { until, stopped });
                        Ok(Gone::NotYet)
                    }
                    (stop, _) => break stop,
                },
                Some(failed) = self.failures.1.recv() => Err(Ended::Replica(failed)),
                event = decisions.recv() => {
                    let Some(event) = event else { break None };
                    self.decided(event, &mut incarnation).await
                }
                // Without a controller there is nobody to hand over to. It stops all the same, and is fenced later.
                () = async move {
                    match until {
                        Some(until) => clock.sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                } => Ok(Gone::Yes),
            };
            match outcome {
                Ok(Gone::NotYet) => {}
                Ok(Gone::Yes) => {
                    if let Some(leaving) = leaving {
                        break Some(leaving.stopped);
                    }
                }
                Err(ended) => {
                    tracing::error!(node = %self.config.node, %ended, "the broker ends");
                    break None;
                }
            }
        };
        let closed = self.close_all().await;
        if stopped.is_some() {
            self.end_life(closed).await;
        }
        // Whoever waits may open the directory.
        drop(self);
        if let Some(stopped) = stopped {
            let _ = stopped.send(());
        }
    }

    async fn decided(
        &mut self,
        event: BrokerEvent,
        incarnation: &mut Option<Incarnation>,
    ) -> Result<Gone, Ended> {
        match event {
            BrokerEvent::Registered(life) => {
                // Durable before this life appends anything (H-03), and before it says that it is in sync (H-02).
                self.life.begin(life).await?;
                *incarnation = Some(life);
                Ok(Gone::NotYet)
            }
            BrokerEvent::Partition(state) => {
                let life = incarnation.expect("a broker is registered before it is told of partitions");
                self.partition(state, life).await?;
                Ok(Gone::NotYet)
            }
            BrokerEvent::NotAReplica(state) => {
                self.remove(state).await?;
                Ok(Gone::NotYet)
            }
            BrokerEvent::Leased(until) => {
                self.leased(until).await;
                Ok(Gone::NotYet)
            }
            BrokerEvent::Told(to) => {
                // Only now may it lead: its life is on its disk, and what it has is open.
                self.link.handled(to);
                Ok(Gone::NotYet)
            }
            BrokerEvent::Left => Ok(Gone::Yes),
            BrokerEvent::Replaced => Err(Ended::Replaced),
            BrokerEvent::Failed(what) => Err(Ended::Metadata(what)),
        }
    }

    /// Hands a decision to the replica it is about; opens the replica when it is the first.
    async fn partition(&mut self, state: Arc<PartitionState>, life: Incarnation) -> Result<(), Ended> {
        let id = state.spec.id.clone();
        let replica = match self.partitions.get(&id) {
            Some(replica) => replica,
            None => self.open(&id, life).await.map_err(|error| Ended::Log(id, error))?,
        };
        // A replica that has failed takes no more decisions.
        let _ = replica.peers.send(PeerCall::Decided(state)).await;
        Ok(())
    }

    async fn open(&mut self, id: &PartitionId, life: Incarnation) -> Result<ReplicaHandle, LogError> {
        let (events, log_events) = mpsc::unbounded_channel();
        let mut config = self.config.log.clone();
        if self.mutated.breaks(Mutant::SkipSync) {
            config.durability = Durability::Cached;
        }
        let batch_bytes_max = config.batch_bytes_max;
        let (log, watermark, high_watermark) =
            open_log(&self.world, &self.config.dir, id, config, events).await?;
        let (clients, client_calls) = mpsc::channel(CLIENT_CALLS_MAX);
        let (peers, peer_calls) = mpsc::channel(PEER_CALLS_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let task = ReplicaTask {
            world: self.world.clone(),
            node: self.config.node,
            partition: id.clone(),
            network: self.network.clone(),
            link: self.link.clone(),
            reader: log.reader(),
            log,
            watermark,
            batch_bytes_max,
            replica: Replica::new(self.config.node, life, self.config.rules(self.mutated), high_watermark),
            log_events,
            clients: client_calls,
            peers: peer_calls,
            own: peers.clone(),
            failures: self.failures.0.clone(),
            mutated: self.mutated,
            lost: Arc::clone(&lost),
            window: self.partitions.window(id),
            state: TaskState::default(),
        };
        task.window.opened(task.reader.clone());
        self.world.tasks.spawn(task.run());
        let (partition, clock) = (id.clone(), self.world.clock.clone());
        let handle = ReplicaHandle { partition, clock, clients, peers, lost };
        if let Tenure::Leased(until) = self.lease {
            let _ = handle.peers.send(PeerCall::Leased(until)).await;
        }
        self.partitions.put(handle.clone());
        self.clients.add(id.clone(), Arc::new(handle.clone()));
        Ok(handle)
    }

    /// Closes a replica that this broker is not to have, and removes its log. Whoever asks for it is told that it is not here.
    async fn remove(&mut self, state: Arc<PartitionState>) -> Result<(), Ended> {
        let id = state.spec.id.clone();
        self.clients.remove(&id);
        let open = self.partitions.lock().remove(&id);
        if let Some(replica) = open {
            // Who waits there is told that another one leads.
            let _ = replica.peers.send(PeerCall::Decided(state)).await;
            if let Err(not_closed) = replica.close().await {
                tracing::warn!(%not_closed, "it is removed all the same");
            }
        }
        let removed = remove_log(&self.world, &self.config.dir, &id).await;
        removed.map_err(|error| Ended::Log(id, error))
    }

    async fn leased(&mut self, until: BootMoment) {
        if self.lease == Tenure::GivenUp {
            return;
        }
        self.lease = Tenure::Leased(until);
        for replica in self.replicas() {
            let _ = replica.peers.send(PeerCall::Leased(until)).await;
        }
    }

    /// No read is answered by a lease any more when this returns, nor later.
    async fn give_up_lease(&mut self) {
        self.lease = Tenure::GivenUp;
        for replica in self.replicas() {
            let (given_up, done) = oneshot::channel();
            if replica.peers.send(PeerCall::GiveUpLease(given_up)).await.is_ok() {
                // One that has ended answers no reads either.
                let _ = done.await;
            }
        }
    }

    fn replicas(&self) -> Vec<ReplicaHandle> {
        self.partitions.lock().values().cloned().collect()
    }

    /// Closes all of them; says so if one could not be closed.
    async fn close_all(&mut self) -> Result<(), NotClosed> {
        let replicas = std::mem::take(&mut *self.partitions.lock());
        let mut all = Ok(());
        for (id, replica) in replicas {
            self.clients.remove(&id);
            all = all.and(replica.close().await);
        }
        all
    }

    /// Writes that this life has ended in order, if all its logs are closed: else its disk lacks what it had called stored,
    /// which is a crash (H-03).
    async fn end_life(&mut self, closed: Result<(), NotClosed>) {
        if let Err(not_closed) = closed {
            tracing::error!(node = %self.config.node, %not_closed, "this life ends as a crash does");
        } else if let Err(error) = self.life.end().await {
            tracing::error!(node = %self.config.node, %error, "the end of this life was not recorded");
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broker {}", self.config.node)
    }
}
