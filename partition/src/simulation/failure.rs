//! Why a run failed: what a check found after a step, or a task that panicked.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::Digest;
use crate::clock::Moment;

/// A run that failed. The seed repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The run's seed.
    pub seed: u64,
    /// The virtual time at which it failed.
    pub at: Moment,
    /// What was found.
    pub why: String,
    /// What happened until then, if the run kept its text.
    pub trace: String,
    /// What happened until then, in one number.
    pub digest: Digest,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (seed {}, at {} s)", self.why, self.seed, self.at)
    }
}

impl std::error::Error for Failure {}

/// What checks found: the first finding counts, and ends the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Finding(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    first: Mutex<Option<String>>,
    found: Notify,
}

impl Finding {
    pub(super) fn note(&self, why: String) {
        self.first().get_or_insert(why);
        self.0.found.notify_waiters();
    }

    pub(super) fn get(&self) -> Option<String> {
        self.first().clone()
    }

    /// Resolves when there is one.
    pub(super) async fn wait(&self) {
        let mut found = std::pin::pin!(self.0.found.notified());
        found.as_mut().enable();
        if self.get().is_none() {
            found.await;
        }
    }

    fn first(&self) -> MutexGuard<'_, Option<String>> {
        self.0.first.lock().expect("no holder panics")
    }
}
