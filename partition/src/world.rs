//! All that is impure, passed in as one: clock, chance, tasks, disk, network, writers, checkpoints.
//!
//! Each node has a world of its own, so that a node can be crashed, skewed or starved alone.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::clock::Clock;
use crate::log::disk::Disk;
use crate::log::writer::Writers;
use crate::meta::Checkpoints;
use crate::transport::Transport;

/// What a node can do to the world, and learn from it.
#[derive(Clone, Debug)]
pub struct World {
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// Tasks, which end with the node.
    pub tasks: Tasks,
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Connections.
    pub network: Arc<dyn Transport>,
    /// The threads (or simulated threads) that write and sync logs.
    pub writers: Writers,
    /// What may be stale or gone.
    pub checkpoints: Arc<dyn Checkpoints>,
}

/// A node's source of chance: from the operating system, or from a seed.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl Random {
    /// Chance that no run repeats.
    #[must_use]
    pub fn real() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// Chance that this seed repeats.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Any number below `end`, which is at least 1.
    #[must_use]
    pub fn below(&self, end: u64) -> u64 {
        self.with(|random| random.random_range(0..end))
    }

    /// Any number: a seed for somebody else's generator.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.with(RngExt::random)
    }

    /// Uses the generator itself, for a distribution.
    pub fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.0.lock().expect("no draw panics"))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Spawns a node's tasks, and ends them all when the node crashes.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    tasks: tokio::task::JoinSet<()>,
    /// After a crash nothing is spawned any more.
    crashed: bool,
}

impl Tasks {
    /// Starts a task that ends with the node, if not before. Does nothing once the node has crashed.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.0.lock().expect("no holder panics");
        if running.crashed {
            return;
        }
        while let Some(ended) = running.tasks.try_join_next() {
            assert!(!ended.is_err_and(|error| error.is_panic()), "a task of this node panicked");
        }
        running.tasks.spawn(task);
    }

    /// Runs what blocks where it may block: off the runtime's own threads.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        #[expect(clippy::disallowed_methods, reason = "this is the door")]
        let done = tokio::task::spawn_blocking(work);
        done.await.expect("blocking work does not panic")
    }

    /// Ends every task where it stands, as a crash does.
    pub fn crash(&self) {
        let mut running = self.0.lock().expect("no holder panics");
        running.crashed = true;
        running.tasks.abort_all();
    }
}
