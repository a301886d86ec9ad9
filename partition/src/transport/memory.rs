//! Frames in memory, with seeded delays: the network of the simulation.
//!
//! All nodes of a run share one [`MemoryNetwork`]. What is sent gets an arrival time to the nanosecond, and one task
//! delivers in that order. Each delivery is an event of the run's trace.
//!
//! Connections are TCP's: what is sent on one arrives in order and once, or the connection ends. So a cut holds what is
//! sent until it is healed, a lost frame comes late (it is sent again), and what happens twice is a request whose reply
//! was lost with its connection. Two connections overtake each other as their delays have it.

mod ends;
mod pipe;
mod state;
mod troubles;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc};

use self::ends::{MemoryAccept, MemorySink, MemorySource};
use self::pipe::Ends;
use self::state::{At, State};
use self::troubles::{Fare, Way};
use super::{Address, Link, Listener, Transport};
use crate::clock::Clock;
use crate::fault::{FeltCounter, NetworkFault};
use crate::ids::NodeId;
use crate::simulation::RunTrace;
use crate::world::Tasks;

pub use crate::latency::Latency;

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
    /// A network whose delays this seed decides. `tasks` runs the deliveries; they belong to no node. How often its faults are felt is
    /// counted by `felt`.
    #[must_use]
    pub(crate) fn new(clock: &Clock, tasks: &Tasks, seed: u64, trace: &RunTrace, felt: FeltCounter) -> Self {
        let state = Mutex::new(State::new(seed, trace, felt));
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
        self.state().troubles().set_latency(latency);
    }

    /// Frames from one node to another take so long from now on.
    pub fn set_latency_between(&self, from: NodeId, to: NodeId, latency: Latency) {
        self.state().troubles().set_latency_between(Way { from, to }, latency);
    }

    /// Nothing arrives at `to` from `from` any more, until the cut is healed.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.fault(&NetworkFault::Cut { from, to });
    }

    /// Ends one cut.
    pub fn heal(&self, from: NodeId, to: NodeId) {
        self.fault(&NetworkFault::Heal { from, to });
    }

    /// Ends all that is wrong.
    pub fn heal_all(&self) {
        self.fault(&NetworkFault::HealAll);
    }

    /// Begins or ends a fault.
    pub fn fault(&self, fault: &NetworkFault) {
        self.change(|state, clock| state.fault(fault, clock.now()));
    }

    /// A node's machine loses its power: it falls silent, and its connections end only when it listens again.
    pub(crate) fn silence(&self, node: NodeId) {
        self.change(|state, _| state.silence(node));
    }

    /// Ends a node's connections and stops its listening, as the end of a process does: what it had sent still arrives,
    /// then the other side finds the connection closed.
    pub(crate) fn crash(&self, node: NodeId) {
        self.change(|state, clock| state.crash(node, clock.now()));
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
            let (id, address) = network.change(|state, clock| state.listen(node, at, accept, clock.now()))?;
            Ok(Box::new(MemoryAccept::new(&network, id, address, accepted)) as Box<dyn Listener>)
        })
    }
}

impl MemoryNetwork {
    /// Takes the time that a packet takes there, and waits while the way (or the way back) is cut.
    async fn travel(&self, from: NodeId, to: Address) {
        loop {
            let fare = {
                let mut state = self.state();
                match state.at(to) {
                    At::Listening(node) => state.packet(Way { from, to: node }, self.0.clock.now()),
                    At::Silent => None,
                    At::Nobody => return,
                }
            };
            match fare {
                Some(Fare::Arrives(took) | Fare::Never(took)) => return self.0.clock.sleep(took).await,
                None => self.0.clock.sleep(CONNECT_RETRY).await,
            }
        }
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

#[cfg(test)]
mod tests;
