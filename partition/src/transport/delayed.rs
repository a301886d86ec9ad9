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

use super::barred::Way;
use super::{Address, Link, Listener, Transport};
use crate::clock::{Clock, ExactTimer, Moment};
use crate::fault::{Felt, FeltCounter};
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
    to: BTreeMap<Address, Arc<Road>>,
    lateness: Lateness,
    felt: FeltCounter,
}

/// Both ways to an address.
#[derive(Debug)]
struct Road {
    is: WayTo,
    /// How many times as long it takes now.
    factor: AtomicU32,
    out: Longer,
    back: Longer,
    connections: AtomicU64,
}

/// How much longer frames of one way take now.
#[derive(Debug)]
struct Longer {
    nanos: AtomicU64,
    felt: FeltCounter,
}

impl Road {
    fn new(is: WayTo, felt: &FeltCounter) -> Self {
        let longer = || Longer { nanos: AtomicU64::new(0), felt: felt.clone() };
        let (out, back) = (longer(), longer());
        Self { is, factor: AtomicU32::new(1), out, back, connections: AtomicU64::new(0) }
    }

    fn longer(&self, way: Way) -> &Longer {
        match way {
            Way::Out => &self.out,
            Way::Back => &self.back,
        }
    }
}

impl Longer {
    fn set(&self, by: Duration) {
        self.nanos.store(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// For a frame that is sent now.
    fn now(&self) -> Duration {
        let nanos = self.nanos.load(Ordering::Relaxed);
        if nanos > 0 {
            self.felt.count();
        }
        Duration::from_nanos(nanos)
    }
}

impl Ways {
    /// Those to these addresses; others are near.
    #[must_use]
    pub fn new(to: BTreeMap<Address, WayTo>) -> Self {
        let felt = FeltCounter::default();
        let to = to.into_iter().map(|(address, is)| (address, Arc::new(Road::new(is, &felt)))).collect();
        Self(Arc::new(Known { to, lateness: Lateness::default(), felt }))
    }

    /// From now on frames to this address and back take so many times as long.
    pub fn slow(&self, to: Address, times: u32) {
        if let Some(road) = self.0.to.get(&to) {
            road.factor.store(times, Ordering::Relaxed);
        }
    }

    /// From now on frames on these ways take so much longer, and on no others.
    pub fn lengthen(&self, ways: &BTreeMap<(Address, Way), Duration>) {
        for (to, road) in &self.0.to {
            for way in [Way::Out, Way::Back] {
                road.longer(way).set(ways.get(&(*to, way)).copied().unwrap_or_default());
            }
        }
    }

    /// How many frames took longer than their ways usually take.
    #[must_use]
    pub fn felt(&self) -> Felt {
        self.0.felt.so_far()
    }

    /// How late frames were handed on, beyond what was drawn.
    #[must_use]
    pub fn lateness(&self) -> &Lateness {
        &self.0.lateness
    }
}

/// The delays of one direction of one connection.
#[derive(Debug)]
struct Delays {
    road: Arc<Road>,
    way: Way,
    random: StdRng,
    /// When the last frame was due: the next is not before it.
    last: Moment,
}

impl Delays {
    fn of(road: &Arc<Road>, connection: u64, way: Way) -> Self {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        seed[..8].copy_from_slice(&road.is.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&connection.to_le_bytes());
        seed[16] = match way {
            Way::Out => 1,
            Way::Back => 2,
        };
        Self { road: Arc::clone(road), way, random: StdRng::from_seed(seed), last: Moment::default() }
    }

    /// When what is sent now is due.
    fn due(&mut self, now: Moment) -> Moment {
        let drawn = self.road.is.one_way.draw(&mut self.random);
        let longer = self.road.longer(self.way).now();
        let due = now.after(drawn * self.road.factor.load(Ordering::Relaxed) + longer);
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
        let Some(road) = self.ways.0.to.get(&to) else { return inner };
        let connection = road.connections.fetch_add(1, Ordering::Relaxed);
        let out = Delays::of(road, connection, Way::Out);
        let back = Delays::of(road, connection, Way::Back);
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
