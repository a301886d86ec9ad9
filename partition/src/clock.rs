//! The only door to time: the machine's, or a simulated run's, to the nanosecond and skewed per node.
//!
//! ```text
//!   Clock ── real ────> tokio's timers (a tick is a millisecond), and exact ones for what is injected
//!         └─ virtual ─> Timeline: one queue of timers for all nodes of a run; time stands still while any task can
//!                       run, then jumps to the next timer. Each node reads it through a skew of its own.
//! ```
//!
//! A real clock is the one that tokio reads, which stands still while the machine is suspended. What must not outlive a
//! suspension is timed by [`BootMoment`]s; there are no timers for those.

mod exact;
mod skew;
mod timeline;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryFutureExt;
use futures_util::future::{Either, MapErr};
use serde::{Deserialize, Serialize};

pub use exact::ExactTimer;
pub(crate) use timeline::{Timeline, VirtualClock};
pub use timeline::{Timer, Whose};

/// A moment on one node's monotonic clock: nanoseconds since that clock began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long this is after `earlier`; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A moment on one node's clock that goes on while the machine is suspended: nanoseconds since that clock began. For a
/// promise that others take for over after some time, whatever happens here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootMoment(pub u64);

impl BootMoment {
    /// The moment `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(Moment(self.0).after(span).0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// The timers did not give an answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

/// One node's clock.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Tokio's: the machine's time, or a paused runtime's.
    Tokio { origin: tokio::time::Instant, wall_origin_ms: i64, ticks: Ticks },
    /// A simulated run's.
    Virtual(VirtualClock),
}

/// Whose time it is that tokio tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ticks {
    /// The machine's.
    Machine,
    /// A paused runtime's.
    Paused,
}

/// Waits for a moment.
pub type Sleep = Either<tokio::time::Sleep, Timer>;

/// Waits for work, but not for long.
pub type Timeout<F> = Either<MapErr<tokio::time::Timeout<F>, ToElapsed>, Limited<F>>;

type ToElapsed = fn(tokio::time::error::Elapsed) -> Elapsed;

/// Where virtual wall clocks begin: 2026-01-01, so that simulated timestamps look like timestamps.
const VIRTUAL_WALL_ORIGIN_MS: i64 = 1_767_225_600_000;

impl Clock {
    /// The machine's clock, starting at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn real() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_origin_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        let origin = tokio::time::Instant::now();
        Self(Kind::Tokio { origin, wall_origin_ms, ticks: Ticks::Machine })
    }

    /// The clock of a paused tokio runtime, starting at zero now, for a test of one part; call it inside that runtime.
    /// Its timers tick each millisecond. A whole cluster's clocks come from [`crate::simulation`].
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn simulated() -> Self {
        let (origin, wall_origin_ms) = (tokio::time::Instant::now(), VIRTUAL_WALL_ORIGIN_MS);
        Self(Kind::Tokio { origin, wall_origin_ms, ticks: Ticks::Paused })
    }

    pub(crate) fn of(clock: VirtualClock) -> Self {
        Self(Kind::Virtual(clock))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Kind::Tokio { origin, .. } => Moment::default().after(origin.elapsed()),
            Kind::Virtual(clock) => clock.now(),
        }
    }

    /// Now, on the clock that counts suspension. A virtual clock counts all that passes, a node's pause included.
    #[must_use]
    pub fn boot_now(&self) -> BootMoment {
        match &self.0 {
            Kind::Tokio { ticks: Ticks::Machine, .. } => boot_clock(),
            Kind::Tokio { ticks: Ticks::Paused, .. } | Kind::Virtual(_) => BootMoment(self.now().0),
        }
    }

    /// Now, as milliseconds since 1970: for timestamps in records, never for a decision.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        match &self.0 {
            Kind::Tokio { origin, wall_origin_ms, .. } => {
                wall_origin_ms + i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX)
            }
            Kind::Virtual(clock) => VIRTUAL_WALL_ORIGIN_MS + clock.wall_ms(),
        }
    }

    /// Waits for so long.
    pub fn sleep(&self, span: Duration) -> Sleep {
        match &self.0 {
            Kind::Tokio { .. } => Either::Left(tokio::time::sleep(span)),
            Kind::Virtual(clock) => Either::Right(clock.timer(clock.now().after(span))),
        }
    }

    /// Waits for that moment.
    pub fn sleep_until(&self, moment: Moment) -> Sleep {
        match &self.0 {
            Kind::Tokio { origin, .. } => {
                Either::Left(tokio::time::sleep_until(*origin + Duration::from_nanos(moment.0)))
            }
            Kind::Virtual(clock) => Either::Right(clock.timer(moment)),
        }
    }

    /// A timer that is exact to some tens of microseconds, for what a millisecond is too coarse: delays that are
    /// injected, loads that are sent by a schedule. To be called inside a runtime.
    ///
    /// # Errors
    /// When the operating system gives no more timers.
    pub fn exact_timer(&self) -> io::Result<ExactTimer> {
        ExactTimer::new(self)
    }

    /// Blocks this thread until that moment, as exactly; for threads on which blocking is what they are for. Only the
    /// machine's time can be waited for so: in any other time nothing would pass meanwhile.
    ///
    /// # Errors
    /// When the operating system gives no more timers.
    pub fn block_until(&self, moment: Moment) -> io::Result<()> {
        match &self.0 {
            Kind::Tokio { ticks: Ticks::Machine, .. } => exact::block(moment.since(self.now())),
            Kind::Tokio { ticks: Ticks::Paused, .. } | Kind::Virtual(_) => {
                panic!("a thread cannot block until a moment of virtual time")
            }
        }
    }

    /// Waits for `work`, but no longer than `span`: resolves to [`Elapsed`] when it took longer.
    pub fn timeout<F: Future>(&self, span: Duration, work: F) -> Timeout<F> {
        match &self.0 {
            Kind::Tokio { .. } => {
                let elapsed: ToElapsed = |_| Elapsed;
                Either::Left(tokio::time::timeout(span, work).map_err(elapsed))
            }
            Kind::Virtual(clock) => {
                let timer = clock.timer(clock.now().after(span));
                Either::Right(Limited { work: Box::pin(work), timer })
            }
        }
    }

    /// The same as [`Clock::timeout`], until a moment.
    pub fn timeout_at<F: Future>(&self, moment: Moment, work: F) -> Timeout<F> {
        self.timeout(moment.since(self.now()), work)
    }
}

/// Linux stops its monotonic clock while it is suspended. Elsewhere that one goes on (macOS), or there is none beside it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

fn boot_clock() -> BootMoment {
    let now = rustix::time::clock_gettime(BOOT_CLOCK);
    let seconds = Duration::from_secs(u64::try_from(now.tv_sec).expect("it began at zero"));
    let nanos = Duration::from_nanos(u64::try_from(now.tv_nsec).expect("a part of a second"));
    BootMoment::default().after(seconds + nanos)
}

/// Work in virtual time that is given so long. What is done at the deadline is in time.
#[derive(Debug)]
pub struct Limited<F> {
    work: Pin<Box<F>>,
    timer: Timer,
}

impl<F: Future> Future for Limited<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(outcome) = self.work.as_mut().poll(cx) {
            return Poll::Ready(Ok(outcome));
        }
        Pin::new(&mut self.timer).poll(cx).map(|()| Err(Elapsed))
    }
}
