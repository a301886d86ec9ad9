//! A partition's leader, wherever it is: remembers it, finds it, and repeats what is safe to repeat.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;

use super::remote::RemotePartition;
use super::retry::{self, Next, Pace, RetryConfig, Stamped};
use crate::clock::Moment;
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Epoch, NodeId, Offset, PartitionId};
use crate::partition::{Acks, Append, Appended, Fetched, Partition, Read, Role, Status, Tail};
use crate::transport::Address;
use crate::transport::rpc::Peer;
use crate::world::World;

/// How long the replicas have to say who leads: dead ones must not keep the live ones' word from us.
const ASK_TIME: Duration = Duration::from_millis(300);
/// A leader that has not committed anything for us for so long is doubted: one that was cut off from all others goes on to
/// take what nobody else has to confirm, and to show what was committed once. Kafka's `metadata.max.age.ms`: what such a
/// client risks it has chosen, and an idle one costs a question in five minutes.
const DOUBTED_AFTER: Duration = Duration::from_secs(300);

/// A client of one partition. While the leader is known, a call is one request and nothing else: no task, no copy.
#[derive(Clone)]
pub struct LeaderClient(Arc<Inner>);

struct Inner {
    world: World,
    partition: PartitionId,
    replicas: BTreeMap<NodeId, RemotePartition>,
    config: RetryConfig,
    known: Mutex<Known>,
    /// Held by whoever asks around, so that the others wait for his answer, in the order they came.
    asking: tokio::sync::Mutex<()>,
}

/// What is known about who leads.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    leader: Option<NodeId>,
    /// The newest epoch a leader was seen in.
    epoch: Epoch,
    /// How often its connection had been lost when it was found.
    losses: u64,
    /// When it was found, or doubted, or has committed something, last.
    believed: Moment,
    /// When the others were last asked about it while it stayed silent.
    asked: Moment,
}

/// Which replicas are asked who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    All,
    /// This one stays silent as it is.
    AllBut(NodeId),
}

impl Among {
    fn has(self, node: NodeId) -> bool {
        self != Self::AllBut(node)
    }
}

/// What the replicas said when they were asked who leads.
enum Heard {
    /// This one: it leads in a newer epoch than any known.
    NewLeader(NodeId, Epoch),
    /// The word of all that answered.
    All(Vec<Status>),
}

/// What became of an attempt.
enum Awaited<T> {
    /// It was answered, or its time ended.
    Answered(T),
    /// This node leads instead of the one that was asked.
    Replaced(NodeId),
}

type Attempt<T, E> = (NodeId, BoxFuture<'static, Result<T, E>>);

impl LeaderClient {
    /// A client of `partition`, whose replicas are at these addresses.
    #[must_use]
    pub fn new(
        world: &World,
        replicas: &BTreeMap<NodeId, Address>,
        partition: &PartitionId,
        config: RetryConfig,
    ) -> Self {
        let peers = replicas.iter().map(|(node, address)| (*node, Peer::new(world, *address))).collect();
        Self::over(world, &peers, partition, config)
    }

    /// A client of `partition`, whose replicas are behind these peers: clients of other partitions may share them.
    #[must_use]
    pub fn over(
        world: &World,
        replicas: &BTreeMap<NodeId, Peer>,
        partition: &PartitionId,
        config: RetryConfig,
    ) -> Self {
        let remote = |peer: &Peer| RemotePartition::over(peer.clone(), partition.clone());
        Self(Arc::new(Inner {
            world: world.clone(),
            partition: partition.clone(),
            replicas: replicas.iter().map(|(node, peer)| (*node, remote(peer))).collect(),
            config,
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }))
    }

    /// Repeats a request that changes nothing when it is made twice. A leader that is well may keep it for so long, unanswered.
    fn repeat<T: Send + 'static>(
        &self,
        time: Duration,
        kept: Duration,
        request: impl Fn(&RemotePartition) -> BoxFuture<'static, Result<T, ReadError>> + Send + Sync + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let inner = Arc::clone(&self.0);
        let pace = Pace::new(inner.config, inner.now().after(time + inner.config.patience));
        inner.doubt();
        let first = inner.leader().map(|(node, remote)| (node, request(remote)));
        inner.repeat(pace, kept, first, request).boxed()
    }
}

impl Partition for LeaderClient {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let inner = Arc::clone(&self.0);
        let pace = Pace::new(inner.config, inner.now().after(append.timeout));
        inner.doubt();
        let known = match append.acks {
            Acks::Nobody => inner.leader_without_loss(),
            Acks::Leader | Acks::Committed => inner.leader(),
        };
        if let Some((node, remote)) = known {
            let first = (node, remote.append(inner.attempt(&append, append.timeout)));
            return inner.append(pace, append, Some(first)).boxed();
        }
        // The write is submitted now even if nobody polls the answer, so the search has a task of its own.
        let (done, outcome) = oneshot::channel();
        let searching = Arc::clone(&inner);
        inner.world.tasks.spawn(async move {
            let _ = done.send(searching.append(pace, append, None).await);
        });
        outcome.map(|outcome| outcome.unwrap_or_else(|_| Err(stopped()))).boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        self.repeat(read.wait, read.wait, move |remote| remote.read(read))
    }

    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        self.repeat(timeout, Duration::ZERO, move |remote| remote.tail(timeout))
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        self.repeat(timeout, Duration::ZERO, move |remote| remote.trim(to, timeout))
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        self.repeat(Duration::ZERO, Duration::ZERO, Partition::status)
    }
}

fn stopped() -> AppendError {
    Doubt::Stopped("this client has stopped".to_owned()).into()
}

impl Inner {
    fn now(&self) -> Moment {
        self.world.clock.now()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("no holder panics")
    }

    fn leader(&self) -> Option<(NodeId, &RemotePartition)> {
        let leader = self.known().leader?;
        Some((leader, self.replicas.get(&leader)?))
    }

    /// The leader, unless its connection was lost since it was found: it may have closed it to say that it does not
    /// lead, and a producer that awaits no reply has no other way to learn that (C7).
    fn leader_without_loss(&self) -> Option<(NodeId, &RemotePartition)> {
        let losses = self.known().losses;
        self.leader().filter(|(_, remote)| remote.losses() == losses)
    }

    /// The append as it is sent now: a stamped one may be sent again, so it does not wait all the time there is.
    fn attempt(&self, append: &Append, left: Duration) -> Append {
        let timeout = match stamped(append) {
            Stamped::Yes => left.min(self.config.attempt),
            Stamped::No => left,
        };
        Append { timeout, ..append.clone() }
    }

    /// Awaits the first attempt, and makes more as long as that is safe and of use.
    async fn append(
        self: Arc<Self>,
        mut pace: Pace,
        append: Append,
        mut attempt: Option<Attempt<Appended, AppendError>>,
    ) -> Result<Appended, AppendError> {
        let mut doubt = None;
        loop {
            let (node, error) = match attempt {
                Some((node, attempt)) => match self.awaited(node, Duration::ZERO, attempt).await {
                    Awaited::Answered(Ok(appended)) => {
                        if append.acks == Acks::Committed {
                            self.believe(node);
                        }
                        return Ok(appended);
                    }
                    Awaited::Answered(Err(error)) => (Some(node), error),
                    Awaited::Replaced(_) => (Some(node), Doubt::LeaderChanged.into()),
                },
                None => (None, Refusal::NotLeader { leader: None }.into()),
            };
            // What a failure says about the leader does not depend on whether this append may be sent again.
            self.learn(node, retry::after_append(&error, Stamped::Yes));
            let next = retry::after_append(&error, stamped(&append));
            let wait = pace.wait(next, self.now()).filter(|_| next != Next::GiveUp);
            // An attempt of unknown outcome may appear whatever later ones were told.
            let error = match (error, doubt.take()) {
                (AppendError::NotAppended(_), Some(earlier)) => AppendError::Unknown(earlier),
                (error, _) => error,
            };
            let Some(wait) = wait else { return Err(error) };
            if let AppendError::Unknown(newer) = error {
                doubt = Some(newer);
            }
            let next = self.next_node(next, node, wait, &pace).await;
            let left = pace.left(self.now());
            attempt = next.map(|(node, remote)| (node, remote.append(self.attempt(&append, left))));
        }
    }

    async fn repeat<T>(
        self: Arc<Self>,
        mut pace: Pace,
        kept: Duration,
        mut attempt: Option<Attempt<T, ReadError>>,
        request: impl Fn(&RemotePartition) -> BoxFuture<'static, Result<T, ReadError>> + Send + Sync,
    ) -> Result<T, ReadError> {
        loop {
            let (node, error) = match attempt {
                Some((node, attempt)) => match self.awaited(node, kept, attempt).await {
                    Awaited::Answered(Ok(answer)) => return Ok(answer),
                    Awaited::Answered(Err(error)) => (Some(node), error),
                    Awaited::Replaced(leader) => (Some(node), ReadError::NotLeader { leader: Some(leader) }),
                },
                None => (None, ReadError::NotLeader { leader: None }),
            };
            let next = retry::after_read(&error);
            self.learn(node, next);
            let wait = pace.wait(next, self.now()).filter(|_| next != Next::GiveUp);
            let Some(wait) = wait else { return Err(error) };
            attempt =
                self.next_node(next, node, wait, &pace).await.map(|(node, remote)| (node, request(remote)));
        }
    }

    /// Awaits an attempt at `node`, unless another turns out to lead: a leader that stands still, or is cut off from us, cannot
    /// say itself that it was replaced, and its silence would be ours for as long as an attempt may take. What it keeps because it
    /// was asked to wait for more is no silence.
    async fn awaited<T, E>(
        &self,
        node: NodeId,
        kept: Duration,
        mut attempt: BoxFuture<'static, Result<T, E>>,
    ) -> Awaited<Result<T, E>> {
        let mut silence = kept + self.config.doubt;
        loop {
            if let Ok(answer) = self.world.clock.timeout(silence, &mut attempt).await {
                return Awaited::Answered(answer);
            }
            silence = self.config.doubt;
            tokio::select! {
                biased;
                answer = &mut attempt => return Awaited::Answered(answer),
                replaced = self.replacement(node) => if let Some(leader) = replaced {
                    self.withdraw(node).await;
                    return match attempt.now_or_never() {
                        Some(answer) => Awaited::Answered(answer),
                        None => Awaited::Replaced(leader),
                    };
                },
            }
        }
    }

    /// Takes back what waits for a connection to `node`: nobody need be in doubt about what was never sent.
    async fn withdraw(&self, node: NodeId) {
        if let Some(remote) = self.replicas.get(&node) {
            remote.withdraw().await;
        }
    }

    /// Who leads instead of this silent node, by his own word: what a follower says of an older leader tells nothing of a silent
    /// one. Whoever asks does it for all that wait, however many they are: no sooner than a doubt after the last one did.
    async fn replacement(&self, silent: NodeId) -> Option<NodeId> {
        let _asking = self.asking.lock().await;
        if self.known().asked.after(self.config.doubt) <= self.now() {
            let epoch = self.known().epoch;
            if let Heard::NewLeader(leader, epoch) = self.hear(Among::AllBut(silent), epoch).await {
                self.believe_newer(leader, epoch);
            }
            self.known().asked = self.now();
        }
        self.known().leader.filter(|leader| *leader != silent)
    }

    /// Takes a failure at `node` into account.
    fn learn(&self, node: Option<NodeId>, next: Next) {
        let mut known = self.known();
        // Somebody else may have found a newer leader since.
        if node.is_none() || known.leader != node {
            return;
        }
        match next {
            Next::GiveUp | Next::SameAgain => {}
            Next::AskAround => known.leader = None,
            Next::GoTo(leader) => match self.replicas.get(&leader) {
                Some(remote) => {
                    known.leader = Some(leader);
                    known.losses = remote.losses();
                    known.believed = self.now();
                }
                None => known.leader = None,
            },
        }
    }

    /// It leads: others have confirmed it just now.
    fn believe(&self, node: NodeId) {
        let mut known = self.known();
        if known.leader == Some(node) {
            known.believed = self.now();
        }
    }

    /// Asks the replicas whether the leader still leads, once in a while, and beside what is asked of it meanwhile.
    fn doubt(self: &Arc<Self>) {
        let now = self.now();
        {
            let mut known = self.known();
            if known.leader.is_none() || now < known.believed.after(DOUBTED_AFTER) {
                return;
            }
            known.believed = now;
        }
        let doubting = Arc::clone(self);
        self.world.tasks.spawn(async move {
            let _asking = doubting.asking.lock().await;
            // He whom a hint has led to, deposed, could be the first to say that he leads in an epoch that is new to us.
            if let Some((leader, epoch)) = doubting.ask(Epoch(u32::MAX)).await {
                doubting.believe_newer(leader, epoch);
            }
        });
    }

    /// It leads, unless a leader of a newer epoch is known by now.
    fn believe_newer(&self, leader: NodeId, epoch: Epoch) {
        let Some(remote) = self.replicas.get(&leader) else { return };
        let (losses, believed) = (remote.losses(), self.now());
        let mut known = self.known();
        if epoch >= known.epoch {
            *known = Known { leader: Some(leader), epoch, losses, believed, ..*known };
        }
    }

    /// Waits, and says where the next attempt goes, if anybody leads.
    async fn next_node(
        &self,
        next: Next,
        before: Option<NodeId>,
        wait: Duration,
        pace: &Pace,
    ) -> Option<(NodeId, &RemotePartition)> {
        self.pause(wait).await;
        let hinted = match next {
            Next::GoTo(node) => Some(node),
            Next::SameAgain => before,
            Next::AskAround | Next::GiveUp => None,
        };
        if let Some((node, remote)) = hinted.and_then(|node| Some((node, self.replicas.get(&node)?))) {
            if let Next::GoTo(_) = next {
                remote.hurry();
            }
            return Some((node, remote));
        }
        let left = pace.left(self.now());
        self.world.clock.timeout(left, self.find()).await.unwrap_or(None)
    }

    /// Between half the wait and all of it: clients that lost the same leader do not return together.
    async fn pause(&self, wait: Duration) {
        if !wait.is_zero() {
            let half = u64::try_from(wait.as_micros() / 2).unwrap_or(u64::MAX);
            let jittered = Duration::from_micros(half + self.world.random.below(half + 1));
            self.world.clock.sleep(jittered).await;
        }
    }

    /// Asks the replicas who leads, or waits for whoever is asking already.
    async fn find(&self) -> Option<(NodeId, &RemotePartition)> {
        let _asking = self.asking.lock().await;
        if let Some(found) = self.leader() {
            return Some(found);
        }
        self.look().await
    }

    async fn look(&self) -> Option<(NodeId, &RemotePartition)> {
        let epoch = self.known().epoch;
        let (leader, epoch) = self.ask(epoch).await?;
        let remote = self.replicas.get(&leader)?;
        let (losses, believed) = (remote.losses(), self.now());
        let mut known = self.known();
        *known = Known { leader: Some(leader), epoch, losses, believed, ..*known };
        Some((leader, remote))
    }

    /// Who leads: the first that says so in a newer epoch than this, or else whom the newest epoch names.
    async fn ask(&self, known: Epoch) -> Option<(NodeId, Epoch)> {
        match self.hear(Among::All, known).await {
            Heard::NewLeader(leader, epoch) => Some((leader, epoch)),
            Heard::All(statuses) => retry::who_leads(&statuses),
        }
    }

    /// The word of these replicas, or of the first that leads in a newer epoch than this: no older leader can contradict it.
    async fn hear(&self, among: Among, known: Epoch) -> Heard {
        let asked = self.replicas.iter().filter(|(node, _)| among.has(**node));
        let asked = asked.map(|(_, remote)| {
            let answer = remote.status();
            let clock = self.world.clock.clone();
            async move { clock.timeout(ASK_TIME, answer).await }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        let mut heard = Vec::with_capacity(self.replicas.len());
        while let Some(answer) = answers.next().await {
            let Ok(Ok(status)) = answer else { continue };
            if status.role == Role::Leader && status.epoch > known {
                return Heard::NewLeader(status.node, status.epoch);
            }
            heard.push(status);
        }
        Heard::All(heard)
    }
}

fn stamped(append: &Append) -> Stamped {
    match append.batch.producer() {
        Some(_) => Stamped::Yes,
        None => Stamped::No,
    }
}

impl fmt::Debug for LeaderClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client of {}", self.0.partition)
    }
}
