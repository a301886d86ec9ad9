//! A controller at work: follows the metadata partition, watches who leads it, appends, and answers brokers.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::error::{AppendError, Doubt, ReadError};
use partition::ids::{NodeId, Offset};
use partition::partition::{Acks, Append, Appended, Partition, Role};
use partition::probe::Window;
use partition::record::BatchBuilder;
use partition::transport::{Answer, Reply, Request, Service, codec};
use partition::world::World;
use tokio::sync::{mpsc, oneshot};

use super::broker::BrokerConfig;
use super::command::Record;
use super::follow::{Followed, follow};
use super::image;
use super::lease::Leases;
use super::message::{ControllerReply, ControllerRequest};
pub use super::office::Preference;
use super::office::{Asker, Effect, Event, Office, OfficeConfig, Seat};
use super::rejection::Rejection;
use crate::metadata::PartitionSpec;
use crate::mutant::Mutated;
use crate::probe::{ControllerProbe, ControllerSnapshot};
use crate::rules::{HistoricRules, UncleanElection};

/// Requests that wait for the controller's task, beside those that wait for a commit.
const REQUESTS_MAX: usize = 1024;
/// How often to ask the local replica whether it leads. That adds half of it to a takeover, which takes an election of a
/// second and more anyway; asked each 25 ms, an idle controller did little else.
const SEAT_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait for a commit before the outcome is called unknown: longer than an election of the metadata
/// partition's leader, shorter than a session.
const APPEND_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a barrier may take: whoever waits for a lease does not wait for longer.
const BARRIER_TIMEOUT: Duration = BrokerConfig::REQUEST_TIMEOUT;

/// How a controller is run.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// This controller.
    pub node: NodeId,
    /// The partitions to create, once.
    pub partitions: Vec<PartitionSpec>,
    /// How long a broker may be silent before it is fenced.
    pub session: Duration,
    /// Rules that Kafka once had: the same as the brokers'.
    pub historic: HistoricRules,
    /// When preferred leaders lead again. Default: on command.
    pub preference: Preference,
    /// A snapshot after so many offsets of the metadata log.
    pub snapshot_every: u64,
    /// Whether leaders get leases, to answer linearizable reads alone: where an unclean election is allowed none does.
    /// Default: they get none.
    pub leases: Leases,
}

/// Why a controller cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A partition that cannot be.
    #[error(transparent)]
    Partition(#[from] Rejection),
    /// Whoever is silent for a session is fenced, and no sooner than its lease has ended.
    #[error(
        "a lease of {length:?} holds a controller up for {hold:?}, which must be less than its session of {session:?}:          choose a shorter lease or a longer session"
    )]
    LeaseTooLong {
        /// How long the lease is.
        length: Duration,
        /// How long nobody who holds one can be deposed.
        hold: Duration,
        /// The session.
        session: Duration,
    },
}

impl ControllerConfig {
    /// Kafka waits 9 s (`broker.session.timeout.ms`), for clusters across zones and long collector pauses. We have no
    /// collector; 3 s still outlasts a stalled disk, and a dead leader costs a third of the time.
    pub const SESSION: Duration = Duration::from_secs(3);

    /// Bounds the log to some 100 KB beside a snapshot, and how long reading it takes to some milliseconds. Kafka counts bytes
    /// instead: 20 MiB (`metadata.log.max.record.bytes.between.snapshots`).
    pub const SNAPSHOT_EVERY: u64 = 1000;

    /// A controller with the default session and rules.
    #[must_use]
    pub fn new(node: NodeId, partitions: Vec<PartitionSpec>) -> Self {
        Self {
            node,
            partitions,
            session: Self::SESSION,
            historic: HistoricRules::default(),
            preference: Preference::OnCommand,
            snapshot_every: Self::SNAPSHOT_EVERY,
            leases: Leases::Off,
        }
    }

    fn check(&self) -> Result<(), StartError> {
        self.partitions.iter().try_for_each(image::verify)?;
        match self.leases {
            Leases::On(terms) if terms.hold() >= self.session => {
                let (length, hold, session) = (terms.length, terms.hold(), self.session);
                Err(StartError::LeaseTooLong { length, hold, session })
            }
            Leases::On(_) | Leases::Off => Ok(()),
        }
    }
}

/// A controller, as the service that brokers ask. Cheap to clone; it ends with the node's tasks, or with its last clone.
#[derive(Clone)]
pub struct Controller {
    node: NodeId,
    requests: mpsc::Sender<Asked>,
    window: Window<ControllerSnapshot>,
}

struct Asked {
    request: ControllerRequest,
    answer: oneshot::Sender<ControllerReply>,
}

impl Controller {
    /// Starts a controller over `metadata`: the *local* replica's handle of the metadata partition, so that whoever leads that
    /// partition is in office. The partition must be `Synced` and never trimmed by age or size (H-15).
    ///
    /// # Errors
    /// [`StartError`] for a partition that cannot be, or leases that outlast a session.
    pub fn start(
        world: &World,
        config: ControllerConfig,
        metadata: Arc<dyn Partition>,
    ) -> Result<Self, StartError> {
        Self::start_mutated(world, config, metadata, Mutated::NOT)
    }

    /// The same in a simulation, with a rule that is broken: the same one as in the brokers, who apply the same records.
    ///
    /// # Errors
    /// [`StartError`] for a partition that cannot be, or leases that outlast a session.
    pub fn start_mutated(
        world: &World,
        config: ControllerConfig,
        metadata: Arc<dyn Partition>,
        mutated: Mutated,
    ) -> Result<Self, StartError> {
        config.check()?;
        if config.leases != Leases::Off && config.historic.unclean == UncleanElection::Allowed {
            tracing::warn!(
                "no leases: an unclean election is allowed, and a lease promises nothing then (H-16)"
            );
        }
        let ControllerConfig { node, partitions, session, historic, preference, snapshot_every, leases } =
            config;
        let config = OfficeConfig { node, partitions, session, historic, preference, snapshot_every, leases };
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let window = Window::default();
        let clerk = Clerk {
            node,
            window: window.clone(),
            world: world.clone(),
            office: Office::mutated(config, mutated),
            append: None,
            barrier: None,
            trim: None,
            askers: BTreeMap::new(),
            asked: 0,
            metadata,
            mutated,
        };
        world.tasks.spawn(clerk.run(inbox));
        Ok(Self { node, requests, window })
    }

    /// What this controller is and knows, for a harness: it sees this life only.
    #[must_use]
    pub fn probe(&self) -> ControllerProbe {
        ControllerProbe::through(&self.window)
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Controller({})", self.node)
    }
}

impl Service for Controller {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        let request = match codec::decode(&request.message) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "a broker that cannot be understood");
                return future::ready(Answer::Close).boxed();
            }
        };
        let (answer, reply) = oneshot::channel();
        let sent = self.requests.try_send(Asked { request, answer });
        async move {
            let reply = match sent {
                Err(mpsc::error::TrySendError::Full(_)) => ControllerReply::Busy,
                Err(mpsc::error::TrySendError::Closed(_)) => ControllerReply::NotActive { hint: None },
                // Whoever takes a request and drops it may have carried it out (H-14).
                Ok(()) => reply.await.unwrap_or(ControllerReply::Unknown),
            };
            Answer::Reply(Reply { message: codec::encode(&reply), body: Bytes::new() })
        }
        .boxed()
    }
}

/// The controller's task: turns what happens into events, and effects into deeds.
struct Clerk {
    node: NodeId,
    window: Window<ControllerSnapshot>,
    world: World,
    office: Office,
    metadata: Arc<dyn Partition>,
    append: Option<BoxFuture<'static, Result<Offset, AppendError>>>,
    trim: Option<BoxFuture<'static, Result<Offset, ReadError>>>,
    barrier: Option<BoxFuture<'static, Result<Offset, ReadError>>>,
    askers: BTreeMap<Asker, oneshot::Sender<ControllerReply>>,
    asked: u64,
    mutated: Mutated,
}

impl Clerk {
    async fn run(mut self, mut inbox: mpsc::Receiver<Asked>) {
        let mut records = follow(&self.world, Arc::clone(&self.metadata), self.mutated);
        let mut seats = watch_seat(&self.world, Arc::clone(&self.metadata));
        loop {
            let look_at = self.office.look_at();
            let clock = self.world.clock.clone();
            let event = tokio::select! {
                biased;
                followed = records.recv() => match followed {
                    Some(Followed::Records { records, to }) => Event::Read { records, to },
                    Some(Followed::Failed(error)) => {
                        tracing::error!(%error, "this controller stops");
                        return;
                    }
                    None => return,
                },
                // Before the clock: heartbeats that wait are heard before anybody is found silent.
                asked = inbox.recv() => match asked {
                    Some(asked) => self.admit(asked),
                    None => return,
                },
                appended = poll(&mut self.append) => {
                    self.append = None;
                    Event::Appended(appended)
                }
                to = poll(&mut self.barrier) => {
                    self.barrier = None;
                    Event::Barrier(to)
                }
                trimmed = poll(&mut self.trim) => {
                    self.trim = None;
                    Event::Trimmed(trimmed)
                }
                seat = seats.recv() => match seat {
                    Some(seat) => Event::Seat(seat),
                    None => return,
                },
                () = async move {
                    match look_at {
                        Some(moment) => clock.sleep_until(moment).await,
                        None => pending().await,
                    }
                } => Event::Look,
            };
            for effect in self.office.step(self.world.clock.now(), event) {
                self.carry_out(effect);
            }
            self.window.show(|| {
                let image = Arc::new(self.office.image().clone());
                ControllerSnapshot { node: self.node, active: self.office.active(), image }
            });
        }
    }

    fn admit(&mut self, asked: Asked) -> Event {
        let asker = Asker(self.asked);
        self.asked += 1;
        self.askers.insert(asker, asked.answer);
        Event::Asked(asker, asked.request)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(records) => self.append = Some(self.submit(&records)),
            Effect::Trim(to) => self.trim = Some(self.metadata.trim(to, APPEND_TIMEOUT)),
            Effect::Barrier => {
                let tail = self.metadata.tail(BARRIER_TIMEOUT);
                self.barrier = Some(tail.map(|tail| tail.map(|tail| tail.offset)).boxed());
            }
            Effect::Answer(asker, reply) => {
                let answer = self.askers.remove(&asker).expect("each is answered once");
                // One who has gone away does not hear it.
                let _ = answer.send(reply);
            }
        }
    }

    fn submit(&self, records: &[Record]) -> BoxFuture<'static, Result<Offset, AppendError>> {
        let values: Vec<Bytes> = records.iter().map(Record::encode).collect();
        let batch = BatchBuilder::of_values(self.world.clock.wall_ms(), &values);
        let append = Append { batch, acks: Acks::Committed, timeout: APPEND_TIMEOUT };
        let appended = self.metadata.append(append);
        appended
            .map(|outcome| match outcome? {
                Appended::Placed(placement) => Ok(placement.base),
                Appended::Unplaced => Err(Doubt::Timeout.into()),
            })
            .boxed()
    }
}

async fn poll<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    match under_way {
        Some(under_way) => under_way.await,
        None => pending().await,
    }
}

/// Asks the replica again and again whether it leads, and tells when that has changed.
fn watch_seat(world: &World, metadata: Arc<dyn Partition>) -> mpsc::Receiver<Seat> {
    let (out, seats) = mpsc::channel(1);
    let clock = world.clock.clone();
    world.tasks.spawn(async move {
        let mut known = Seat::Elsewhere(None);
        loop {
            let seat = match metadata.status().await {
                Ok(status) if status.role == Role::Leader => Seat::Leads,
                Ok(status) => Seat::Elsewhere(status.leader.filter(|leader| *leader != status.node)),
                Err(_) => Seat::Elsewhere(None),
            };
            if seat != known && out.send(seat).await.is_err() || out.is_closed() {
                return;
            }
            known = seat;
            clock.sleep(SEAT_INTERVAL).await;
        }
    });
    seats
}
