//! A transport that holds frames for a while: links as long as a profile says, between processes on one machine.
//!
//! ```text
//!   caller                                         called
//!   feed ── held, out ──> inner connection ──────> stream       Held at the caller's end, both ways: only it knows
//!   next <─ held, back ── inner connection <────── sink         whom it talks to. A listener is used as it is.
//! ```
//! Each frame is handed on no sooner than a drawn time after it was sent, and never before the frame ahead of it: a
//! connection is TCP's, so one late frame delays those behind it. A handshake takes a round trip. Bandwidth is not
//! modelled, nor loss. What a process holds ends with it: a killed caller takes along what was still on its way.
//! Draws are seeded for each connection and direction, so the n-th frame of a connection is as late in each run.

mod lateness;
mod sink;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Address, Link, Listener, Transport};
use crate::clock::{Clock, ExactTimer, Moment};
use crate::ids::ByteSize;
use crate::latency::Latency;
use crate::world::Tasks;

pub use lateness::Lateness;

/// What one direction of a connection may hold: as much as callers let wait for one peer. Then what is sent waits, and
/// what comes is not read.
const HELD_BYTES_MAX: ByteSize = ByteSize::mib(64);

/// How long frames take to one address, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayTo {
    /// Of each frame, in either direction.
    pub one_way: Latency,
    /// Decides the draws.
    pub seed: u64,
}

/// The ways of one node. Clones share what changes.
#[derive(Clone, Debug)]
pub struct Ways(Arc<Known>);

#[derive(Debug)]
struct Known {
    to: BTreeMap<Address, Arc<Way>>,
    lateness: Lateness,
}

#[derive(Debug)]
struct Way {
    is: WayTo,
    /// How many times as long it takes now.
    factor: AtomicU32,
    /// And how much longer, in nanoseconds.
    longer: AtomicU64,
    connections: AtomicU64,
}

impl Ways {
    /// Those to these addresses; others are near.
    #[must_use]
    pub fn new(to: BTreeMap<Address, WayTo>) -> Self {
        let way = |is| {
            let (factor, longer, connections) = (AtomicU32::new(1), AtomicU64::new(0), AtomicU64::new(0));
            Arc::new(Way { is, factor, longer, connections })
        };
        let to = to.into_iter().map(|(address, is)| (address, way(is))).collect();
        Self(Arc::new(Known { to, lateness: Lateness::default() }))
    }

    /// From now on frames to this address and back take so many times as long.
    pub fn slow(&self, to: Address, times: u32) {
        if let Some(way) = self.0.to.get(&to) {
            way.factor.store(times, Ordering::Relaxed);
        }
    }

    /// From now on frames to this address and back take so much longer; none ends it.
    pub fn lengthen(&self, to: Address, by: Duration) {
        if let Some(way) = self.0.to.get(&to) {
            way.longer.store(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How late frames were handed on, beyond what was drawn.
    #[must_use]
    pub fn lateness(&self) -> &Lateness {
        &self.0.lateness
    }
}

/// The two directions of a connection.
#[derive(Clone, Copy, Debug)]
enum Direction {
    Out = 1,
    Back = 2,
}

/// The delays of one direction of one connection.
#[derive(Debug)]
struct Delays {
    way: Arc<Way>,
    random: StdRng,
    /// When the last frame was due: the next is not before it.
    last: Moment,
}

impl Delays {
    fn of(way: &Arc<Way>, connection: u64, direction: Direction) -> Self {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        seed[..8].copy_from_slice(&way.is.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&connection.to_le_bytes());
        seed[16] = direction as u8;
        Self { way: Arc::clone(way), random: StdRng::from_seed(seed), last: Moment::default() }
    }

    /// When what is sent now is due.
    fn due(&mut self, now: Moment) -> Moment {
        let drawn = self.way.is.one_way.draw(&mut self.random);
        let longer = Duration::from_nanos(self.way.longer.load(Ordering::Relaxed));
        let due = now.after(drawn * self.way.factor.load(Ordering::Relaxed) + longer);
        self.last = self.last.max(due);
        self.last
    }
}

/// A transport with longer ways.
#[derive(Debug)]
pub struct DelayedTransport {
    inner: Arc<dyn Transport>,
    ways: Ways,
    clock: Clock,
    /// Runs what hands frames on.
    tasks: Tasks,
}

impl DelayedTransport {
    /// Holds what goes over `inner`.
    #[must_use]
    pub fn over(inner: Arc<dyn Transport>, ways: Ways, clock: &Clock, tasks: &Tasks) -> Self {
        Self { inner, ways, clock: clock.clone(), tasks: tasks.clone() }
    }
}

impl Transport for DelayedTransport {
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>> {
        let inner = self.inner.connect(to);
        let Some(way) = self.ways.0.to.get(&to) else { return inner };
        let connection = way.connections.fetch_add(1, Ordering::Relaxed);
        let out = Delays::of(way, connection, Direction::Out);
        let back = Delays::of(way, connection, Direction::Back);
        let (clock, tasks, ways) = (self.clock.clone(), self.tasks.clone(), self.ways.clone());
        async move { Joining { out, back, clock, tasks, ways }.join(inner).await }.boxed()
    }

    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        self.inner.listen(at)
    }
}

/// A connection that is being made.
struct Joining {
    out: Delays,
    back: Delays,
    clock: Clock,
    tasks: Tasks,
    ways: Ways,
}

impl Joining {
    async fn join(mut self, inner: BoxFuture<'static, io::Result<Link>>) -> io::Result<Link> {
        let (mut going, mut coming) = (self.timer()?, self.timer()?);
        let there = self.out.due(self.clock.now());
        going.wait_until(there).await;
        let Link { sink, stream } = inner.await?;
        let here = self.back.due(self.clock.now());
        coming.wait_until(here).await;
        let Self { out, back, clock, tasks, ways } = self;
        Ok(Link {
            sink: sink::delayed(sink, out, going, &clock, &tasks, &ways),
            stream: stream::delayed(stream, back, coming, &clock, &ways),
        })
    }

    fn timer(&self) -> io::Result<ExactTimer> {
        self.clock.exact_timer()
    }
}

#[cfg(test)]
mod tests;
