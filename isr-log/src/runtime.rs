//! The task that owns one replica: its log, and the state machine that decides about it.

mod act;
mod fetched;
mod noted;
mod pending;
mod reads;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use partition::clock::Moment;
use partition::error::{Doubt, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, PartitionId};
use partition::log::retention;
use partition::log::{Log, LogEvent, LogReader};
use partition::partition::Status;
use partition::probe::Snapshot;
use partition::record::Batches;
use partition::world::World;
use tokio::sync::mpsc;

use crate::controller::broker::BrokerLink;
use crate::message::FetchReply;
use crate::mutant::{Mutant, Mutated};
use crate::network::{Network, Outcome};
use crate::partition::{Answer, ClientCall, PeerCall};
use crate::probe::ReplicaWindow;
use crate::replica::{Commands, Event, FetchId, LogView, Replica};
use crate::store::Watermark;
use pending::Pending;
use reads::Reads;

/// Calls taken in one turn before they are acted on together: what came while the last turn ran, within reason.
const CALLS_PER_TURN: usize = 512;
/// How exactly timeouts of waiting clients are kept. One timer serves them all.
const TIMEOUT_STEP: std::time::Duration = std::time::Duration::from_millis(20);
/// How often the high watermark is kept on disk; Kafka does each 5 s. What is lost, the leader tells anew.
const WATERMARK_STEP: std::time::Duration = std::time::Duration::from_secs(1);
/// A task without anything to wait for looks up once in a while all the same.
const IDLE_STEP: std::time::Duration = std::time::Duration::from_secs(1);

/// What came with the fetch that was answered last.
type FetchOutcome = (Epoch, Outcome<(FetchReply, Batches)>);

/// One replica at work.
pub(crate) struct ReplicaTask {
    pub(crate) world: World,
    pub(crate) node: NodeId,
    pub(crate) partition: PartitionId,
    pub(crate) network: Network,
    pub(crate) link: BrokerLink,
    pub(crate) log: Log,
    pub(crate) reader: LogReader,
    pub(crate) watermark: Watermark,
    pub(crate) batch_bytes_max: ByteSize,
    pub(crate) replica: Replica,
    pub(crate) log_events: mpsc::UnboundedReceiver<LogEvent>,
    pub(crate) clients: mpsc::Receiver<ClientCall>,
    pub(crate) peers: mpsc::Receiver<PeerCall>,
    /// For answers of others, which come back as calls.
    pub(crate) own: mpsc::Sender<PeerCall>,
    /// Where to say that the disk has failed.
    pub(crate) failures: mpsc::Sender<ReplicaFailed>,
    /// How many records were committed once and had to be cut, in this life.
    pub(crate) lost: Arc<AtomicU64>,
    pub(crate) window: Arc<ReplicaWindow>,
    pub(crate) mutated: Mutated,
    pub(crate) state: TaskState,
}

/// A replica has stopped since its log cannot be trusted any more.
#[derive(Debug, thiserror::Error)]
#[error("the replica of {partition} has failed: {why}")]
pub(crate) struct ReplicaFailed {
    partition: PartitionId,
    why: String,
}

/// What the task has in hand.
#[derive(Default)]
pub(crate) struct TaskState {
    /// Events that commands have brought about.
    events: VecDeque<Event>,
    commands: Commands,
    /// The fetch that was sent to the leader.
    fetching: Option<BoxFuture<'static, FetchOutcome>>,
    /// What it brought.
    fetched: Option<(Epoch, Batches)>,
    /// Fetches of followers that are not answered yet.
    held: BTreeMap<FetchId, Answer<(FetchReply, Bytes)>>,
    next_fetch: u64,
    pending: Pending,
    reads: Reads,
    /// Where the log starts on all members, at least.
    trimmed_to: Offset,
    /// Acted on at the end of a turn, once for all calls of the turn.
    turn: Turn,
    kept_watermark: Offset,
    next_timeouts: Moment,
    next_watermark: Moment,
    next_retention: Moment,
    ending: Option<Ending>,
}

/// What has happened in a turn.
#[derive(Default)]
struct Turn {
    appended: Happened,
    stored: Happened,
    trimmed: Happened,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Happened {
    Yes,
    #[default]
    No,
}

enum Ending {
    /// Somebody waits for the log to be closed.
    InOrder(Answer<()>),
    /// The log cannot be trusted any more.
    Failed(String),
}

impl ReplicaTask {
    /// Runs until it is stopped, or its disk fails.
    pub(crate) async fn run(mut self) {
        let mut wakes_at = self.wakes_at();
        let mut timer = Box::pin(self.world.clock.sleep_until(wakes_at));
        while self.state.ending.is_none() {
            tokio::select! {
                biased;
                Some(event) = self.log_events.recv() => self.logged(event),
                fetched = next(&mut self.state.fetching) => self.fetched(fetched),
                Some(call) = self.clients.recv() => self.client(call),
                Some(call) = self.peers.recv() => self.peer(call),
                // Due, however exactly the timer keeps time.
                () = &mut timer => wakes_at = Moment(0),
            }
            self.take_what_is_ready();
            // Not only when nothing else is ready: who appends without a pause must not keep a dead follower in the set.
            if wakes_at <= self.world.clock.now() {
                self.tick();
            }
            self.settle();
            self.window.window.show(|| self.snapshot());
            // A timer that fires too early costs less than one that is set anew for each call.
            let wanted = self.wakes_at();
            if wanted < wakes_at || wakes_at <= self.world.clock.now() {
                wakes_at = wanted;
                timer = Box::pin(self.world.clock.sleep_until(wakes_at));
            }
        }
        self.end().await;
    }

    /// What came while the last turn ran is taken together, so that one sync, one fetch and one step serve all of it.
    fn take_what_is_ready(&mut self) {
        while let Ok(event) = self.log_events.try_recv() {
            self.logged(event);
        }
        for _ in 0..CALLS_PER_TURN {
            let Ok(call) = self.clients.try_recv() else { break };
            self.client(call);
        }
        for _ in 0..CALLS_PER_TURN {
            let Ok(call) = self.peers.try_recv() else { break };
            self.peer(call);
        }
    }

    fn settle(&mut self) {
        let turn = std::mem::take(&mut self.state.turn);
        if turn.stored == Happened::Yes {
            self.state.pending.stored(self.log.stored());
            self.note_stored();
            self.step(Event::Stored);
        }
        if turn.appended == Happened::Yes {
            self.step(Event::Appended);
            self.serve_waiting_reads();
        }
        if turn.trimmed == Happened::Yes {
            self.step(Event::Trimmed);
        }
    }

    /// Lets the replica decide, and does what it decided, at once and in order.
    fn step(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            let log = LogView {
                start: self.log.start(),
                durable_start: self.log.durable_start(),
                end: self.log.end(),
                durable: self.log.stored().min(self.log.end()),
                epochs: self.log.epochs(),
            };
            self.replica.step(self.world.clock.now(), log, event, &mut self.state.commands);
            while let Some(command) = self.state.commands.pop_front() {
                self.carry_out(command);
            }
            next = self.state.events.pop_front();
        }
    }

    fn logged(&mut self, event: LogEvent) {
        match self.log.observe(event) {
            Some(LogEvent::Stored { .. } | LogEvent::Truncated { .. }) => {
                self.state.turn.stored = Happened::Yes;
            }
            Some(LogEvent::Trimmed { .. }) => self.state.turn.trimmed = Happened::Yes,
            Some(LogEvent::Failed(what)) => self.fail(what),
            // Appends are refused by the log itself.
            Some(LogEvent::Full(_) | LogEvent::Roomy) | None => {}
        }
    }

    fn fetched(&mut self, (epoch, outcome): FetchOutcome) {
        match outcome {
            Ok((reply, batches)) => {
                let bytes = ByteSize::of(batches.bytes());
                self.state.fetched = Some((epoch, batches));
                self.step(Event::Fetched(epoch, reply, bytes));
                self.state.fetched = None;
            }
            Err(error) => {
                tracing::debug!(partition = %self.partition, %error, "a fetch failed");
                self.step(Event::FetchFailed(epoch));
            }
        }
    }

    fn peer(&mut self, call: PeerCall) {
        match call {
            PeerCall::Fetch(fetch, answer) => {
                let id = FetchId(self.state.next_fetch);
                self.state.next_fetch += 1;
                self.state.held.insert(id, answer);
                let follower = fetch.report.node;
                // What this turn has appended goes with the answer.
                self.step(Event::Fetch(id, fetch));
                self.note_heard(follower);
            }
            PeerCall::Report(report) => {
                let follower = report.node;
                self.step(Event::Report(report));
                self.note_heard(follower);
            }
            PeerCall::Confirm(confirm, answer) => drop(answer.send(self.replica.confirm(confirm))),
            PeerCall::Confirmed(round, node, life) => self.step(Event::Confirmed(round, node, life)),
            PeerCall::Decided(state) => self.step(Event::Decided(state)),
            PeerCall::Proposed(proposal, outcome) => self.step(Event::Proposed(proposal, outcome)),
            PeerCall::Leased(until) => self.step(Event::Leased(Some(until))),
            PeerCall::GiveUpLease(answer) => {
                self.step(Event::Leased(None));
                let _ = answer.send(());
            }
            PeerCall::Unreadable(error) => self.unreadable(&error),
            PeerCall::Stop(answer) => {
                // What has failed does not end in order any more.
                self.state.ending.get_or_insert(Ending::InOrder(answer));
            }
        }
    }

    fn tick(&mut self) {
        let now = self.world.clock.now();
        self.step(Event::Tick);
        if self.state.next_timeouts <= now {
            self.state.next_timeouts = now.after(TIMEOUT_STEP);
            if self.mutated.breaks(Mutant::CallUnknownRefused) {
                self.state.pending.refuse_late(now, &Refusal::Overloaded);
            }
            self.state.pending.expire(now);
            for late in self.state.reads.expire(now) {
                self.answer_empty(late);
            }
        }
        let high_watermark = self.replica.high_watermark();
        if self.state.next_watermark <= now && high_watermark != self.state.kept_watermark {
            self.state.next_watermark = now.after(WATERMARK_STEP);
            self.keep_watermark();
        }
        if self.state.next_retention <= now {
            self.state.next_retention = now.after(retention::CHECK_INTERVAL);
            self.retain();
        }
    }

    fn keep_watermark(&mut self) {
        let high_watermark = self.replica.high_watermark();
        self.state.kept_watermark = high_watermark;
        self.watermark.keep(self.log.generation(), high_watermark);
    }

    fn wakes_at(&self) -> Moment {
        let now = self.world.clock.now();
        let waits = !self.state.pending.is_empty() || !self.state.reads.is_empty();
        let timeouts = waits.then(|| self.state.next_timeouts.max(now.after(TIMEOUT_STEP)));
        let watermark = (self.replica.high_watermark() != self.state.kept_watermark)
            .then_some(self.state.next_watermark.max(now.after(TIMEOUT_STEP)));
        let wakes = [self.replica.wakes_at(), timeouts, watermark];
        wakes.into_iter().flatten().fold(now.after(IDLE_STEP), Moment::min)
    }

    /// How this replica sees the partition.
    fn status(&self) -> Status {
        let decided = self.replica.decided();
        Status {
            node: self.node,
            role: self.replica.role(),
            leader: self.replica.leader(),
            epoch: decided.map_or(Epoch::ZERO, |state| state.epoch),
            log_start: self.log.durable_start(),
            high_watermark: self.replica.high_watermark(),
            stored: self.log.stored(),
            log_end: self.log.end(),
            replicas: decided.map_or_else(Vec::new, |state| state.spec.replicas.clone()),
            members: decided.map_or_else(Vec::new, |state| state.in_sync.keys().copied().collect()),
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            node: self.node,
            life: Some(self.replica.life().into()),
            role: self.replica.role(),
            epoch: self.replica.decided().map_or(Epoch::ZERO, |state| state.epoch),
            vote: None,
            generation: self.log.generation(),
            log_start: self.log.start(),
            first: self.log.ordinals().start,
            high_watermark: self.replica.high_watermark(),
            stored: self.log.stored(),
            log_end: self.log.end(),
            entries: None,
            acknowledged: self.state.pending.acknowledged(),
            epochs: self.log.epochs_now(),
            electorate: self.replica.electorate(),
        }
    }

    /// The log has failed: nothing it says can be trusted, so the replica stops (no retry after a failed sync).
    fn fail(&mut self, what: String) {
        // Whoever waits for the log to be closed learns that it is not.
        if !matches!(self.state.ending, Some(Ending::Failed(_))) {
            self.state.ending = Some(Ending::Failed(what));
        }
    }

    async fn end(mut self) {
        self.window.window.close();
        self.keep_watermark();
        let why = match &self.state.ending {
            Some(Ending::Failed(what)) => what.clone(),
            Some(Ending::InOrder(_)) | None => "it was told to".to_owned(),
        };
        self.state.pending.fail(&Doubt::Stopped(why.clone()));
        match self.state.ending.take() {
            Some(Ending::InOrder(stopped)) => match self.log.close().await {
                Ok(()) => drop(stopped.send(())),
                Err(error) => {
                    tracing::error!(partition = %self.partition, %error, "the log could not be closed");
                }
            },
            Some(Ending::Failed(_)) | None => {
                // One report is enough: the broker ends by it.
                let _ = self.failures.try_send(ReplicaFailed { partition: self.partition, why });
            }
        }
    }
}

/// The next answer, if there is a fetch; else never.
async fn next(fetching: &mut Option<BoxFuture<'static, FetchOutcome>>) -> FetchOutcome {
    match fetching {
        Some(answer) => {
            let outcome = answer.await;
            *fetching = None;
            outcome
        }
        None => std::future::pending().await,
    }
}
