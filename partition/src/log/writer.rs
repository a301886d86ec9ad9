//! The log's back: a small fixed pool of writers, each owning some logs; simulated writers are tasks that take virtual time.

use crate::clock::Clock;
use crate::world::Tasks;

/// A pool of writers. Each log is given to one of them when it is opened, and stays with it.
#[derive(Clone, Debug)]
pub struct Writers {
    _private: (),
}

/// How long a simulated writer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterDelays {
    /// Each write(2).
    pub write: std::time::Duration,
    /// Each fdatasync.
    pub sync: std::time::Duration,
}

/// What writers have done since they started: what a test counts against what n copies need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WriterTotals {
    /// Calls to fdatasync for log data.
    pub syncs: u64,
    /// Bytes of batches written.
    pub bytes: u64,
}

impl Writers {
    /// So many threads.
    #[must_use]
    pub fn threads(count: std::num::NonZeroUsize) -> Self {
        let _ = count;
        todo!()
    }

    /// One simulated writer.
    #[must_use]
    pub fn simulated(clock: &Clock, tasks: &Tasks, delays: WriterDelays) -> Self {
        let _ = (clock, tasks, delays);
        todo!()
    }

    /// What they have done.
    #[must_use]
    pub fn totals(&self) -> WriterTotals {
        todo!()
    }

    /// Runs `work` on a writer, after what was queued before it: for small synced files.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _ = work;
        todo!()
    }
}
