//! A run in virtual time: one thread, one seed, and a world for each node; the same seed gives the same bytes twice.
//!
//! ```text
//!        ┌────────── a step ──────────┐
//!   one timer goes off ─> its tasks run until none can ─> the checks look at all ─> the next timer
//!   (a frame arrives, a write or sync ends, a node's own timer)
//! ```
//!
//! Time stands still while anything can be done, then jumps to the next timer, to the nanosecond; tokio's own timers are
//! not there at all. [`attempt`] runs a seed to its end or to the first thing that is wrong: a check that found something
//! after a step, or a panic in any task.
//!
//! Nothing here measures performance. Left out: nodes that compute for longer than no time (a slow node is one that is
//! paused, or whose clock, disk or network is slow).

mod failure;
mod node;
mod pulse;
mod trace;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use crate::clock::{Clock, Moment, Timeline, Whose};
use crate::fault::{ClockFault, Fault, FeltCounter};
use crate::ids::NodeId;
use crate::log::writer::WriterDelays;
use crate::transport::memory::MemoryNetwork;
use crate::world::{Panics, Random, Tasks, World, panic_text};

use failure::Finding;
use node::{Leaves, Node};
use pulse::Pulse;
use trace::Trace;

pub use failure::Failure;
pub use node::Keeps;
pub(crate) use trace::Trace as RunTrace;
pub use trace::{Digest, Event, Tracing};

/// How long a simulated disk takes: a fast one's sync, as measured on the machines we use.
pub const WRITER_DELAYS: WriterDelays =
    WriterDelays { write: Duration::from_micros(5), sync: Duration::from_micros(80) };

/// No run needs more virtual time: one that does waits for something that will not come.
const VIRTUAL_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A simulated run. Clones speak of the same one.
#[derive(Clone)]
pub struct Simulation(Arc<Inner>);

struct Inner {
    seed: u64,
    timeline: Timeline,
    trace: Trace,
    clock: Clock,
    network: MemoryNetwork,
    felt: FeltCounter,
    panics: Panics,
    finding: Finding,
    checks: Mutex<Vec<Check>>,
    nodes: Mutex<BTreeMap<NodeId, Node>>,
    pulse: Pulse,
    /// The network's own tasks, which belong to no node.
    _deliveries: Tasks,
}

/// What has just happened, all that came of it included: no task can run until the next timer.
#[derive(Debug)]
pub struct Step<'a> {
    /// When.
    pub at: Moment,
    /// What; mostly one event.
    pub events: &'a [Event],
}

type Check = Box<dyn FnMut(&Step<'_>) -> Result<(), String> + Send>;

/// Runs `body` in virtual time, to its end, and keeps the trace as text.
///
/// # Panics
/// When `body` does, or a task of any node has, or a check found something, or the run has no end.
pub fn run<T, F: Future<Output = T>>(seed: u64, body: impl FnOnce(Simulation) -> F) -> T {
    match execute(seed, Tracing::Text, body) {
        Ok(outcome) => outcome,
        Err(failure) => panic!("{failure}"),
    }
}

/// Runs `body` in virtual time, to its end or to the first thing that is wrong.
///
/// # Errors
/// [`Failure`] when a check found something, or `body` or a task of any node panicked, or the run has no end.
pub fn attempt<T, F: Future<Output = T>>(
    seed: u64,
    tracing: Tracing,
    body: impl FnOnce(Simulation) -> F,
) -> Result<T, Failure> {
    let mut seen = None;
    let body = |simulation: Simulation| {
        seen = Some(simulation.clone());
        body(simulation)
    };
    match panic::catch_unwind(AssertUnwindSafe(|| execute(seed, tracing, body))) {
        Ok(outcome) => outcome,
        Err(panic) => match seen {
            Some(simulation) => Err(simulation.failure(panic_text(&*panic))),
            None => panic::resume_unwind(panic),
        },
    }
}

fn execute<T, F: Future<Output = T>>(
    seed: u64,
    tracing: Tracing,
    body: impl FnOnce(Simulation) -> F,
) -> Result<T, Failure> {
    let timeline = Timeline::default();
    let trace = Trace::new(tracing);
    let stage = Arc::new(OnceLock::<Weak<Inner>>::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park({
            let stage = Arc::clone(&stage);
            // Called when no task can run. What is woken here is run before it is called again.
            move || {
                if let Some(run) = stage.get().and_then(Weak::upgrade) {
                    Simulation(run).step();
                }
            }
        })
        .build()
        .expect("a runtime without I/O needs nothing that could be missing");
    runtime.block_on(async {
        let simulation = Simulation::new(seed, timeline, trace);
        stage.set(Arc::downgrade(&simulation.0)).expect("it is set once");
        let inner = Arc::clone(&simulation.0);
        let body = Box::pin(body(simulation.clone()));
        let outcome = tokio::select! { biased;
            () = inner.finding.wait() => None,
            () = inner.panics.wait() => None,
            outcome = inner.clock.timeout(VIRTUAL_TIME_MAX, body) => Some(outcome),
        };
        let found = inner.finding.get().or_else(|| inner.panics.said());
        match (outcome, found) {
            (Some(Ok(outcome)), None) => Ok(outcome),
            (Some(Err(_)), None) => {
                Err(simulation.failure("the run waits for something that will not come".to_owned()))
            }
            (_, found) => Err(simulation.failure(found.expect("one of the three has ended"))),
        }
    })
}

impl Simulation {
    fn new(seed: u64, timeline: Timeline, trace: Trace) -> Self {
        let panics = Panics::in_virtual_time();
        let deliveries = Tasks::watched_by(&panics);
        let clock = Clock::of(timeline.clock(Whose::Network));
        let felt = FeltCounter::default();
        let network =
            MemoryNetwork::new(&clock, &deliveries, Random::seeded(seed).seed(), &trace, felt.clone());
        Self(Arc::new(Inner {
            seed,
            clock: Clock::of(timeline.clock(Whose::Run)),
            timeline,
            trace,
            network,
            felt,
            panics,
            finding: Finding::default(),
            checks: Mutex::default(),
            nodes: Mutex::default(),
            pulse: Pulse::started(&deliveries),
            _deliveries: deliveries,
        }))
    }

    /// What all chance in this run comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// True time, which no fault skews.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The network between the nodes.
    #[must_use]
    pub fn network(&self) -> &MemoryNetwork {
        &self.0.network
    }

    /// Has `check` look after each step: whenever something has happened (a frame arrived, a write or sync ended, a timer
    /// went off, a fault was committed) and all that came of it is done. What it finds ends the run.
    pub fn on_step(&self, check: impl FnMut(&Step<'_>) -> Result<(), String> + Send + 'static) {
        self.0.checks.lock().expect("no holder panics").push(Box::new(check));
    }

    /// Ends the run: something is wrong.
    pub fn fail(&self, why: impl Into<String>) {
        self.0.finding.note(why.into());
    }

    /// The world of a node (a replica, a controller, a client) as it is now: a new node has an empty disk.
    #[must_use]
    pub fn world(&self, node: NodeId) -> World {
        self.node(node, |node| node.world())
    }

    /// Ends a node without warning: tasks and connections end, and its disk keeps what [`Simulation::keeps`] said, by
    /// default what was synced. Its next world, for a restart, has the same disk.
    /// Says what the disk has kept.
    pub async fn crash(&self, id: NodeId) -> Keeps {
        let world = self.world(id);
        world.tasks.crash();
        match self.node(id, |node| node.leaves()) {
            Leaves::Closing => self.0.network.crash(id),
            Leaves::Silently => self.0.network.silence(id),
        }
        world.tasks.ended().await;
        let keeps = self.node(id, |node| node.crash(self));
        self.event(Event::Crashed { node: id, keeps });
        keeps
    }

    /// What a node's disk keeps at its next crash.
    pub fn keeps(&self, node: NodeId, keeps: Keeps) {
        self.node(node, |node| node.set_keeps(keeps));
    }

    /// At its next crash, a node falls silent as a machine without power does: nobody learns that it is gone, but by its
    /// saying nothing, until it listens again. Otherwise its connections are closed, as a machine does for a process.
    pub fn falls_silent(&self, node: NodeId) {
        self.node(node, Node::set_silent);
    }

    /// Holds a node still: its tasks do not move, its connections stay.
    pub fn pause(&self, id: NodeId) {
        self.note(&format!("pause {id}"));
        self.world(id).tasks.pause();
    }

    /// Lets a paused node go on.
    pub fn resume(&self, id: NodeId) {
        self.note(&format!("resume {id}"));
        self.world(id).tasks.resume();
    }

    /// Gives a node that is down an empty disk.
    pub fn wipe(&self, id: NodeId) {
        self.note(&format!("wipe {id}"));
        self.node(id, Node::wipe);
    }

    /// Commits a fault of the network, of a disk or of a clock, or ends it. A fault of a process is only noted: a
    /// [`Nemesis`](crate::fault::Nemesis) has the cluster commit it.
    pub fn fault(&self, fault: &Fault) {
        if !matches!(fault, Fault::Network(_)) {
            self.event(Event::Fault(fault.clone()));
        }
        match fault {
            Fault::Network(fault) => self.0.network.fault(fault),
            Fault::Disk { node, fault } => self.node(*node, |node| node.disk_fault(fault)),
            Fault::Clock { node, fault } => self.0.timeline.skew(*node, |skew, now| match *fault {
                ClockFault::Ahead { by } => skew.ahead(now, by),
                ClockFault::Behind { by } => skew.behind(now, by),
                ClockFault::Drift { permille } => skew.at_speed(now, permille),
                ClockFault::Steady => skew.steady(now),
            }),
            Fault::Process { .. } | Fault::Membership(_) => {}
        }
    }

    /// How often faults of the network and of disks were felt: it goes on counting.
    #[must_use]
    pub fn felt(&self) -> &FeltCounter {
        &self.0.felt
    }

    /// Adds a line to the trace.
    pub fn note(&self, text: &str) {
        self.event(Event::Note(text.to_owned()));
    }

    /// What has happened so far, a line for each event but timers; empty when the run keeps no text.
    #[must_use]
    pub fn trace(&self) -> String {
        self.0.trace.text()
    }

    /// What has happened so far, timers included, in one number: two runs of one seed have the same.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.trace.digest()
    }

    fn event(&self, event: Event) {
        self.0.trace.event(self.0.timeline.now(), event);
    }

    /// Nothing can be done any more at this moment: looks at what there is, and goes on to the next.
    fn step(&self) {
        self.0.panics.time_passes();
        let events = self.0.trace.take_step();
        let at = self.0.timeline.now();
        let step = Step { at, events: &events };
        // A check may ask the simulation anything, so the checks are not locked meanwhile.
        let mut checks = std::mem::take(&mut *self.checks());
        let found = checks.iter_mut().find_map(|check| check(&step).err());
        let mut now = self.checks();
        checks.append(&mut now);
        *now = checks;
        drop(now);
        match found {
            Some(why) => self.fail(why),
            None => {
                self.0.pulse.beat();
                if let Some(whose) = self.0.timeline.advance() {
                    self.event(Event::Timer(whose));
                }
            }
        }
    }

    fn checks(&self) -> MutexGuard<'_, Vec<Check>> {
        self.0.checks.lock().expect("no holder panics")
    }

    fn failure(&self, why: String) -> Failure {
        let at = self.0.timeline.now();
        Failure { seed: self.0.seed, at, why, trace: self.trace(), digest: self.digest() }
    }

    fn node<T>(&self, id: NodeId, with: impl FnOnce(&mut Node) -> T) -> T {
        let mut nodes = self.0.nodes.lock().expect("no holder panics");
        with(nodes.entry(id).or_insert_with(|| Node::new(self, id)))
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Simulation(seed {})", self.0.seed)
    }
}

#[cfg(test)]
mod tests;
