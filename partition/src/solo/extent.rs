//! How far the log reaches, as the replica's task publishes it for readers.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::error::ReadError;
use crate::ids::Offset;
use crate::log::Log;

/// The three offsets that readers go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visible {
    pub(super) start: Offset,
    pub(super) high: Offset,
    pub(super) end: Offset,
}

impl Visible {
    fn of(log: &Log) -> Self {
        Self { start: log.start(), high: log.stored(), end: log.end() }
    }
}

/// The extent now, and a wake-up when it moves.
pub(super) struct Extents {
    now: Mutex<Result<Visible, String>>,
    moved: Arc<Notify>,
}

impl Extents {
    pub(super) fn new(log: &Log) -> Self {
        Self { now: Mutex::new(Ok(Visible::of(log))), moved: Arc::default() }
    }

    /// The extent, unless the replica has stopped.
    pub(super) fn now(&self) -> Result<Visible, ReadError> {
        self.lock().clone().map_err(ReadError::Stopped)
    }

    /// Resolves at the next move after this call.
    pub(super) fn moved(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.moved).notified_owned()
    }

    pub(super) fn publish(&self, log: &Log) {
        let visible = Visible::of(log);
        let mut now = self.lock();
        if now.as_ref() != Ok(&visible) {
            *now = Ok(visible);
            drop(now);
            self.moved.notify_waiters();
        }
    }

    pub(super) fn stopped(&self, why: &str) {
        *self.lock() = Err(why.to_owned());
        self.moved.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Result<Visible, String>> {
        self.now.lock().expect("no holder panics")
    }
}
