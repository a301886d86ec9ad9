//! A transport whose ways can be barred while it runs: cuts between processes on one machine.
//!
//! ```text
//!   caller                                          called
//!   flush ── Way::Out barred: waits ──────────────> stream      Barred at the caller's end, each way for itself: only it
//!   next <── Way::Back barred: holds what came ──── sink        knows whom it talks to. A listener is used as it is.
//! ```
//! It is a network that loses every frame for a while, seen through TCP: a connection stays up and what was sent arrives
//! when the cut has ended, unless somebody loses patience before; a new connection waits as long. Whoever is to be cut off
//! from a node bars its own connections to it, and the node bars its connections to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::fault::{Felt, FeltCounter};

use super::{Address, Frame, FrameSink, FrameStream, Link, Listener, Transport};

/// A direction of the connections that a node made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the caller.
    Out,
    /// To the caller.
    Back,
}

/// A way that is barred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Barrier {
    /// Where those who are called listen.
    pub at: Address,
    /// Which way.
    pub way: Way,
}

/// The barriers of one node. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Barriers {
    gates: Arc<Mutex<BTreeMap<Barrier, Arc<Gate>>>>,
    felt: FeltCounter,
}

impl Barriers {
    /// From now on these ways are barred, and no others.
    pub fn set(&self, barred: &BTreeSet<Barrier>) {
        barred.iter().for_each(|barrier| self.gate(*barrier).shut());
        let gates = self.gates.lock().expect("no holder panics");
        let open = gates.iter().filter(|(barrier, _)| !barred.contains(barrier));
        open.for_each(|(_, gate)| gate.open());
    }

    fn gate(&self, barrier: Barrier) -> Arc<Gate> {
        let mut gates = self.gates.lock().expect("no holder panics");
        let felt = || Gate { felt: self.felt.clone(), ..Gate::default() };
        Arc::clone(gates.entry(barrier).or_insert_with(|| Arc::new(felt())))
    }

    /// How many frames and connections had to wait at one.
    #[must_use]
    pub fn felt(&self) -> Felt {
        self.felt.so_far()
    }
}

/// One way, barred or not.
#[derive(Debug, Default)]
struct Gate {
    shut: AtomicBool,
    opened: Notify,
    felt: FeltCounter,
}

impl Gate {
    fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    fn is_shut(&self) -> bool {
        self.shut.load(Ordering::SeqCst)
    }

    /// Resolves when it is open. Safe to cancel.
    async fn passed(&self) {
        if self.is_shut() {
            self.felt.count();
        }
        while self.is_shut() {
            let mut opened = pin!(self.opened.notified());
            opened.as_mut().enable();
            if self.is_shut() {
                opened.await;
            }
        }
    }
}

/// A transport with barriers.
#[derive(Debug)]
pub struct BarredTransport {
    inner: Arc<dyn Transport>,
    barriers: Barriers,
}

impl BarredTransport {
    /// Bars ways of `inner`.
    #[must_use]
    pub fn over(inner: Arc<dyn Transport>, barriers: Barriers) -> Self {
        Self { inner, barriers }
    }
}

impl Transport for BarredTransport {
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>> {
        let gate = |way| self.barriers.gate(Barrier { at: to, way });
        let (out, back, inner) = (gate(Way::Out), gate(Way::Back), Arc::clone(&self.inner));
        async move {
            out.passed().await;
            back.passed().await;
            let Link { sink, stream } = inner.connect(to).await?;
            let sink = Box::new(BarredSink { inner: sink, gate: out });
            let stream = Box::new(BarredStream { inner: stream, gate: back, came: None });
            Ok(Link { sink, stream })
        }
        .boxed()
    }

    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        self.inner.listen(at)
    }
}

#[derive(Debug)]
struct BarredSink {
    inner: Box<dyn FrameSink>,
    gate: Arc<Gate>,
}

impl FrameSink for BarredSink {
    fn feed(&mut self, frame: Frame) {
        self.inner.feed(frame);
    }

    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>> {
        async move {
            self.gate.passed().await;
            self.inner.flush().await
        }
        .boxed()
    }
}

#[derive(Debug)]
struct BarredStream {
    inner: Box<dyn FrameStream>,
    gate: Arc<Gate>,
    /// What arrived at a barrier: a frame, or the end.
    came: Option<io::Result<Option<Frame>>>,
}

impl FrameStream for BarredStream {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Option<Frame>>> {
        async move {
            if self.came.is_none() {
                self.came = Some(self.inner.next().await);
            }
            self.gate.passed().await;
            self.came.take().expect("it came")
        }
        .boxed()
    }

    fn ready(&mut self) -> io::Result<Option<Frame>> {
        match self.came.take() {
            came if self.gate.is_shut() => {
                self.came = came;
                Ok(None)
            }
            // An end in order is for `next` to tell: here it would say that nothing has arrived.
            Some(Ok(None)) => {
                self.came = Some(Ok(None));
                Ok(None)
            }
            Some(came) => came,
            None => self.inner.ready(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::ids::NodeId;
    use crate::simulation::{self, Simulation};

    const SHORT: Duration = Duration::from_millis(500);

    fn frame(text: &'static str) -> Frame {
        Frame { head: Bytes::from_static(text.as_bytes()), body: Bytes::new() }
    }

    async fn arrives(simulation: &Simulation, stream: &mut Box<dyn FrameStream>) -> Option<Bytes> {
        let arrived = simulation.clock().timeout(SHORT, async { stream.next().await }).await;
        arrived.ok().map(|frame| frame.unwrap().unwrap().head)
    }

    #[test]
    fn each_way_is_barred_for_itself_and_what_was_sent_arrives_when_it_opens() {
        simulation::run(5, async |simulation| {
            let (near, far) = (NodeId(1), Address::simulated(NodeId(2)));
            let barriers = Barriers::default();
            let world = simulation.world(near);
            let network = BarredTransport::over(Arc::clone(&world.network), barriers.clone());
            let mut listener = simulation.world(NodeId(2)).network.listen(far).await.unwrap();
            let mut near = network.connect(far).await.unwrap();
            let mut far_end = listener.accept().await.unwrap();

            let out = Barrier { at: far, way: Way::Out };
            barriers.set(&BTreeSet::from([out]));
            assert_eq!(barriers.felt(), Felt(0), "nobody has met it");
            near.sink.feed(frame("asked"));
            assert!(simulation.clock().timeout(SHORT, async { near.sink.flush().await }).await.is_err());
            far_end.sink.feed(frame("told"));
            far_end.sink.flush().await.unwrap();
            assert_eq!(arrives(&simulation, &mut near.stream).await.as_deref(), Some(&b"told"[..]));

            assert_eq!(barriers.felt(), Felt(1));
            barriers.set(&BTreeSet::from([Barrier { way: Way::Back, ..out }]));
            near.sink.flush().await.unwrap();
            assert_eq!(arrives(&simulation, &mut far_end.stream).await.as_deref(), Some(&b"asked"[..]));
            far_end.sink.feed(frame("answered"));
            far_end.sink.flush().await.unwrap();
            assert_eq!(arrives(&simulation, &mut near.stream).await, None);
            assert!(near.stream.ready().unwrap().is_none());
            let connecting = simulation.clock().timeout(SHORT, network.connect(far));
            assert!(connecting.await.is_err(), "a new connection hears nothing either");

            barriers.set(&BTreeSet::new());
            assert_eq!(arrives(&simulation, &mut near.stream).await.as_deref(), Some(&b"answered"[..]));
        });
    }
}
