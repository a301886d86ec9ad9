//! How late frames were handed on, beyond what was drawn: the error of the timers, measured where it matters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counted by any number of connections.
#[derive(Debug, Default)]
pub struct Lateness {
    frames: AtomicU64,
    nanos: AtomicU64,
}

impl Lateness {
    pub(super) fn count(&self, by: Duration) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many frames were held.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// How late all of them were together.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}
