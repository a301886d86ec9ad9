//! The only door to time: real, or virtual when the tokio runtime is paused; skewed per node in simulation.

use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

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
pub struct Clock {
    origin: tokio::time::Instant,
    wall_origin_ms: i64,
}

/// Where virtual wall clocks begin: 2026-01-01, so that simulated timestamps look like timestamps.
const VIRTUAL_WALL_ORIGIN_MS: i64 = 1_767_225_600_000;

impl Clock {
    /// The machine's clock, starting at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn real() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_origin_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self { origin: tokio::time::Instant::now(), wall_origin_ms }
    }

    /// The virtual clock of a paused tokio runtime, starting at zero now; call it inside that runtime.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn simulated() -> Self {
        Self { origin: tokio::time::Instant::now(), wall_origin_ms: VIRTUAL_WALL_ORIGIN_MS }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::default().after(self.origin.elapsed())
    }

    /// Now, as milliseconds since 1970: for timestamps in records, never for a decision.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.wall_origin_ms + i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Waits for so long.
    pub fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send + use<> {
        tokio::time::sleep(span)
    }

    /// Waits for that moment.
    pub fn sleep_until(&self, moment: Moment) -> impl Future<Output = ()> + Send + use<> {
        tokio::time::sleep_until(self.origin + Duration::from_nanos(moment.0))
    }

    /// Waits for `work`, but no longer than `span`.
    ///
    /// # Errors
    /// [`Elapsed`] when `work` took longer.
    pub async fn timeout<F: Future>(&self, span: Duration, work: F) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(span, work).await.map_err(|_| Elapsed)
    }
}
