//! The one that takes appends: writes each at once, pushes it at once, and counts who has it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use partition::clock::Moment;
use partition::error::{AppendError, Doubt, ReadError, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Ordinal};
use partition::journeys::{Journeys, Placed};
use partition::log::{Log, LogEvent, LogReader};
use partition::partition::{Acks, Append, Appended, Fetched, Isolation, Partition, Read, Role, Status, Tail};
use partition::transport::rpc::Peer;
use partition::world::World;
use tokio::sync::{Notify, mpsc, oneshot};

use super::errors::{read_error, refusal};
use super::link::{EchoLink, Flight};
use super::tally::{Copy, Tally};
use super::waiting::{Pending, Waiting};
use super::{FloorConfig, FloorError, FloorPeers};

/// A floor's leader, as the partition behind its node's client channel.
pub struct FloorLeader {
    shared: Arc<Shared>,
}

struct Shared {
    world: World,
    node: NodeId,
    replicas: Vec<NodeId>,
    /// That of this life: each start begins another, since what the last one left may differ from what it pushed.
    epoch: Epoch,
    reader: LogReader,
    batch_bytes_max: ByteSize,
    state: Mutex<State>,
    /// Wakes the task that pushes: an append came.
    work: Notify,
}

struct State {
    log: Log,
    tally: Tally,
    committed: Offset,
    waiting: Waiting,
    failure: Option<String>,
    on_failure: Vec<oneshot::Sender<String>>,
    journeys: Journeys,
}

impl FloorLeader {
    /// Opens the log and begins to push.
    ///
    /// # Errors
    /// [`FloorError`] when the log does not open, or so many copies cannot be.
    pub async fn open(world: &World, config: FloorConfig, peers: FloorPeers) -> Result<Self, FloorError> {
        let nodes = peers.echoes.len() + 1;
        if !(1..=nodes).contains(&peers.copies) {
            return Err(FloorError::Copies { nodes, copies: peers.copies });
        }
        let (events, arriving) = mpsc::unbounded_channel();
        let batch_bytes_max = config.log.batch_bytes_max;
        let log = Log::open(world, &config.dir, config.log, events).await?;
        let mut replicas = vec![config.node];
        replicas.extend(peers.echoes.keys());
        let links = peers.echoes.values().enumerate().map(|(place, address)| {
            EchoLink::new(world, place, Peer::new(world, *address), config.partition.clone())
        });
        let links: Vec<EchoLink> = links.collect();
        let mut tally = Tally::new(links.len(), peers.copies);
        tally.note(Copy::Leader, log.stored());
        let shared = Arc::new(Shared {
            world: world.clone(),
            node: config.node,
            replicas,
            epoch: log.epochs().latest().map_or(Epoch(1), Epoch::next),
            reader: log.reader(),
            batch_bytes_max,
            state: Mutex::new(State {
                log,
                committed: tally.reached(),
                tally,
                waiting: Waiting::default(),
                failure: None,
                on_failure: Vec::new(),
                journeys: Journeys::default(),
            }),
            work: Notify::new(),
        });
        world.tasks.spawn(run(Arc::clone(&shared), links, arriving));
        Ok(Self { shared })
    }

    /// How long batches take from here to each copy.
    #[must_use]
    pub fn journeys(&self) -> Journeys {
        self.shared.lock().journeys.clone()
    }

    /// Resolves when the log has failed, and with why.
    pub fn failure(&self) -> BoxFuture<'static, String> {
        let mut state = self.shared.lock();
        if let Some(why) = &state.failure {
            return future::ready(why.clone()).boxed();
        }
        let (tell, told) = oneshot::channel();
        state.on_failure.push(tell);
        async move {
            match told.await {
                Ok(why) => why,
                // The node ends in order; nothing has failed.
                Err(_) => future::pending().await,
            }
        }
        .boxed()
    }
}

/// Pushes what is new to every echo that has room, as the writer, the echoes and appends give occasion.
async fn run(shared: Arc<Shared>, mut links: Vec<EchoLink>, mut events: mpsc::UnboundedReceiver<LogEvent>) {
    let mut flights: FuturesUnordered<Flight> = FuturesUnordered::new();
    loop {
        if let Err(why) = shared.push(&mut links, &flights) {
            shared.lock().fail(&why);
            return;
        }
        let landed = tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => {
                    let now = shared.world.clock.now();
                    shared.lock().observe(event, now);
                    None
                }
                None => return,
            },
            Some(landed) = flights.next(), if !flights.is_empty() => Some(landed),
            () = shared.work.notified() => None,
        };
        let now = shared.world.clock.now();
        let mut state = shared.lock();
        while let Ok(event) = events.try_recv() {
            state.observe(event, now);
        }
        let ready = std::iter::from_fn(|| flights.next().now_or_never().flatten());
        for landed in landed.into_iter().chain(ready) {
            let place = landed.place;
            if let Some(stored) = links[place].land(landed) {
                state.tally.note(Copy::Echo(place), stored);
                // The leader is the first of the replicas.
                let echo = shared.replicas[place + 1];
                state.journeys.told(now, echo, |placed| placed.end <= stored);
            }
        }
        state.settle();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn push(&self, links: &mut [EchoLink], flights: &FuturesUnordered<Flight>) -> Result<(), String> {
        let end = self.lock().log.end();
        for link in links {
            while let Some(flight) = link.advance(&self.reader, end).map_err(|error| error.to_string())? {
                flights.push(flight);
            }
        }
        Ok(())
    }
}

impl State {
    fn observe(&mut self, event: LogEvent, now: Moment) {
        if let Some(LogEvent::Failed(why)) = self.log.observe(event) {
            self.fail(&why);
        }
        self.tally.note(Copy::Leader, self.log.stored());
        self.journeys.own(now, self.log.stored());
    }

    fn settle(&mut self) {
        self.committed = self.committed.max(self.tally.reached());
        self.waiting.settle(self.log.stored(), self.committed);
    }

    fn fail(&mut self, why: &str) {
        self.failure = Some(why.to_owned());
        self.waiting.fail(why);
        for tell in self.on_failure.drain(..) {
            let _ = tell.send(why.to_owned());
        }
    }
}

impl Partition for FloorLeader {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let handed_in = self.shared.world.clock.now();
        let mut state = self.shared.lock();
        if let Some(why) = &state.failure {
            let stopped = Refusal::Stopped(why.clone());
            return future::ready(Err(AppendError::NotAppended(stopped))).boxed();
        }
        let placement = match state.log.append(&append.batch, self.shared.epoch) {
            Ok(placement) => placement,
            Err(error) => {
                return future::ready(Err(AppendError::NotAppended(refusal(
                    error,
                    self.shared.batch_bytes_max,
                ))))
                .boxed();
            }
        };
        self.shared.work.notify_one();
        let end = placement.base.plus(append.batch.record_count());
        let entry = Ordinal(state.log.ordinals().end.0.saturating_sub(1));
        state.journeys.placed(handed_in, Placed { end, entry });
        let (reply, replied) = oneshot::channel();
        match append.acks {
            Acks::Nobody => return future::ready(Ok(Appended::Unplaced)).boxed(),
            Acks::Leader => state.waiting.for_leader.push_back(Pending { end, reply }),
            Acks::Committed => state.waiting.for_copies.push_back(Pending { end, reply }),
        }
        let clock = self.shared.world.clock.clone();
        async move {
            match clock.timeout(append.timeout, replied).await {
                Ok(Ok(Ok(()))) => Ok(Appended::Placed(placement)),
                Ok(Ok(Err(doubt))) => Err(AppendError::Unknown(doubt)),
                Ok(Err(_)) => Err(AppendError::Unknown(Doubt::Stopped("the leader ended".to_owned()))),
                Err(_) => Err(AppendError::Unknown(Doubt::Timeout)),
            }
        }
        .boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        let shared = Arc::clone(&self.shared);
        async move {
            let deadline = shared.world.clock.now().after(read.wait);
            loop {
                let (start, committed, until, arrival) = {
                    let mut state = shared.lock();
                    let until = match read.isolation {
                        Isolation::Uncommitted => state.log.end(),
                        Isolation::Committed | Isolation::Linearizable => state.committed,
                    };
                    let arrival = state.waiting.for_data(until);
                    (state.log.start(), state.committed, until, arrival)
                };
                if read.from < start || read.from > until {
                    return Err(ReadError::OutOfRange { asked: read.from, start, end: until });
                }
                let left = deadline.since(shared.world.clock.now());
                if read.from < until {
                    let batches = shared.reader.read(read.from, until, read.max_bytes).await;
                    let batches = batches.map_err(|error| read_error(read.from, error))?;
                    return Ok(Fetched { batches, log_start: start, high_watermark: committed });
                }
                if left.is_zero() || shared.world.clock.timeout(left, arrival).await.is_err() {
                    return Ok(Fetched::empty(start, committed));
                }
            }
        }
        .boxed()
    }

    fn tail(&self, _timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let tail = Tail { offset: self.shared.lock().committed, epoch: self.shared.epoch };
        future::ready(Ok(tail)).boxed()
    }

    /// Trims the leader's copy; echoes keep theirs, for nobody reads them.
    fn trim(&self, to: Offset, _timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        let mut state = self.shared.lock();
        let (start, end) = (state.log.start(), state.committed);
        let trimmed = if to > end {
            Err(ReadError::OutOfRange { asked: to, start, end })
        } else if to <= start {
            Ok(start)
        } else {
            state.log.trim(to).map(|()| to).map_err(|error| read_error(to, error))
        };
        future::ready(trimmed).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        let state = self.shared.lock();
        let status = Status {
            node: self.shared.node,
            role: Role::Leader,
            leader: Some(self.shared.node),
            epoch: self.shared.epoch,
            log_start: state.log.start(),
            high_watermark: state.committed,
            stored: state.log.stored(),
            log_end: state.log.end(),
            replicas: self.shared.replicas.clone(),
            members: self.shared.replicas.clone(),
        };
        future::ready(Ok(status)).boxed()
    }
}

impl fmt::Debug for FloorLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FloorLeader {} of {}", self.shared.node, self.shared.replicas.len())
    }
}
