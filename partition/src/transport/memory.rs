//! Frames in memory, with seeded delays: the network of the simulation.
//!
//! All nodes of a run share one [`MemoryNetwork`]. What is sent gets an arrival time to the nanosecond; one task delivers
//! in the order of arrival, so that the timer's coarse ticks (a millisecond) do not decide who comes first. Each delivery
//! is a line of the trace: two runs of one seed have the same lines.

mod ends;
mod state;
mod trace;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc};

use self::ends::{MemoryAccept, MemorySink, MemorySource};
use self::state::{Ends, State, Way};
use super::{Address, Link, Listener, Transport};
use crate::clock::Clock;
use crate::ids::NodeId;
use crate::world::Tasks;

/// How long a frame takes: any time between the two, each as likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Latency {
    /// A data centre's: 50 to 150 microseconds.
    fn default() -> Self {
        Self { least: Duration::from_micros(50), most: Duration::from_micros(150) }
    }
}

/// A connection attempt over a cut is repeated so often, as TCP repeats its SYN.
const CONNECT_RETRY: Duration = Duration::from_millis(200);
/// Connections that wait to be accepted: as the real listener's backlog.
const BACKLOG: usize = 1024;

/// The network between the nodes of one simulated run.
#[derive(Clone)]
pub struct MemoryNetwork(Arc<Shared>);

pub(super) struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// Something is to be delivered earlier than anything before.
    sooner: Notify,
}

impl MemoryNetwork {
    /// A network whose delays this seed decides. `tasks` runs the deliveries; they belong to no node.
    #[must_use]
    pub fn new(clock: &Clock, tasks: &Tasks, seed: u64) -> Self {
        let state = Mutex::new(State::new(seed));
        let network = Self(Arc::new(Shared { clock: clock.clone(), state, sooner: Notify::new() }));
        tasks.spawn(network.clone().deliver());
        network
    }

    /// The network as `node` sees it.
    #[must_use]
    pub fn transport(&self, node: NodeId) -> Arc<dyn Transport> {
        Arc::new(MemoryTransport { network: self.clone(), node })
    }

    /// Every frame from now on takes so long, unless its way has a latency of its own.
    pub fn set_latency(&self, latency: Latency) {
        self.state().set_latency(latency);
    }

    /// Frames from one node to another take so long from now on.
    pub fn set_latency_between(&self, from: NodeId, to: NodeId, latency: Latency) {
        self.state().set_latency_between(Way { from, to }, latency);
    }

    /// Nothing arrives at `to` from `from` any more, until the cut is healed. What is sent waits, as TCP would repeat it.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.change(|state, clock| {
            state.note(clock.now(), format_args!("cut {from}>{to}"));
            state.cut(Way { from, to });
        });
    }

    /// Ends one cut.
    pub fn heal(&self, from: NodeId, to: NodeId) {
        self.change(|state, clock| {
            state.note(clock.now(), format_args!("heal {from}>{to}"));
            state.heal(Way { from, to }, clock.now());
        });
    }

    /// Ends all cuts.
    pub fn heal_all(&self) {
        let cuts = self.state().cuts();
        for way in cuts {
            self.heal(way.from, way.to);
        }
    }

    /// Ends a node's connections and stops its listening, as the end of a process does: what it had sent still arrives,
    /// then the other side finds the connection closed.
    pub fn crash(&self, node: NodeId) {
        self.change(|state, clock| {
            state.note(clock.now(), format_args!("crash {node}"));
            state.crash(node, clock.now());
        });
    }

    /// Adds a line to the trace: what a node or a client saw.
    pub fn note(&self, text: &str) {
        self.state().note(self.0.clock.now(), format_args!("{text}"));
    }

    /// What has happened so far, a line each.
    #[must_use]
    pub fn trace(&self) -> String {
        self.state().trace().to_owned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder panics")
    }

    /// Changes the state, and has the deliveries looked at again if something is due sooner now.
    fn change<T>(&self, change: impl FnOnce(&mut State, &Clock) -> T) -> T {
        let mut state = self.state();
        let before = state.next_due();
        let outcome = change(&mut state, &self.0.clock);
        if state.next_due().is_some_and(|due| before.is_none_or(|before| due < before)) {
            self.0.sooner.notify_one();
        }
        outcome
    }

    async fn deliver(self) {
        loop {
            let due = self.state().next_due();
            tokio::select! { biased;
                () = self.0.sooner.notified() => {}
                () = async { match due {
                    Some(due) => self.0.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                } } => {
                    let now = self.0.clock.now();
                    self.state().deliver_until(now);
                }
            }
        }
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryNetwork")
    }
}

/// One node's door to the network.
#[derive(Clone, Debug)]
struct MemoryTransport {
    network: MemoryNetwork,
    node: NodeId,
}

impl Transport for MemoryTransport {
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>> {
        let Self { network, node } = self.clone();
        Box::pin(async move {
            network.travel(node, to).await;
            let (near, far, accept) = network.change(|state, clock| state.connect(node, to, clock.now()))?;
            let link = |ends: Ends| Link {
                sink: Box::new(MemorySink::new(&network, ends.out)),
                stream: Box::new(MemorySource::new(&network, ends.into)),
            };
            let near = link(near);
            accept.try_send(link(far)).map_err(|_| refused("its backlog is full"))?;
            network.travel(node, to).await;
            Ok(near)
        })
    }

    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let Self { network, node } = self.clone();
        Box::pin(async move {
            let (accept, accepted) = mpsc::channel(BACKLOG);
            let (id, address) = network.state().listen(node, at, accept)?;
            Ok(Box::new(MemoryAccept::new(&network, id, address, accepted)) as Box<dyn Listener>)
        })
    }
}

impl MemoryNetwork {
    /// Takes the time that a packet takes there, and waits while the way (or the way back) is cut.
    async fn travel(&self, from: NodeId, to: Address) {
        loop {
            let (latency, open) = {
                let mut state = self.state();
                let Some(node) = state.node_at(to) else { return };
                let (there, back) = (Way { from, to: node }, Way { from: node, to: from });
                (state.draw(there), !state.is_cut(there) && !state.is_cut(back))
            };
            if open {
                return self.0.clock.sleep(latency).await;
            }
            self.0.clock.sleep(CONNECT_RETRY).await;
        }
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

#[cfg(test)]
mod tests;
