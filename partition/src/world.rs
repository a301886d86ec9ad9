//! All that is impure, passed in as one: clock, chance, tasks, disk, network, writers, checkpoints.
//!
//! Each node has a world of its own, so that a node can be crashed, skewed or starved alone.

mod tasks;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(crate) use tasks::panic_text;
pub use tasks::{Panics, Tasks};

use crate::clock::Clock;
use crate::ids::NodeId;
use crate::log::disk::{Disk, RealDisk, SimulatedDisk};
use crate::log::writer::{WriterDelays, Writers};
use crate::meta::{Checkpoints, MemoryCheckpoints, MetaError, SledCheckpoints};
use crate::transport::Transport;
use crate::transport::tcp::TcpTransport;

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

impl World {
    /// The real world: this machine's clock, chance, files and sockets, and so many writer threads. Checkpoints are
    /// kept in `checkpoints`.
    ///
    /// # Errors
    /// [`MetaError`] when that directory cannot be used, or another process uses it.
    pub fn real(checkpoints: &Path, writers: NonZeroUsize) -> Result<Self, MetaError> {
        Ok(Self {
            clock: Clock::real(),
            random: Random::real(),
            tasks: Tasks::default(),
            disk: Arc::new(RealDisk),
            network: Arc::new(TcpTransport),
            writers: Writers::threads(writers),
            checkpoints: Arc::new(SledCheckpoints::open(checkpoints)?),
        })
    }

    /// The real world of a client: it keeps nothing, so its files would be in memory. To be called inside a runtime.
    #[must_use]
    pub fn of_client() -> Self {
        let (clock, tasks) = (Clock::real(), Tasks::default());
        let no_delays = WriterDelays { write: Duration::ZERO, sync: Duration::ZERO };
        Self {
            random: Random::real(),
            disk: Arc::new(SimulatedDisk::default()),
            network: Arc::new(TcpTransport),
            writers: Writers::simulated(&clock, &tasks, no_delays),
            checkpoints: Arc::new(MemoryCheckpoints::default()),
            clock,
            tasks,
        }
    }
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

    /// Chance that this seed repeats for this node. Nodes of one seed draw apart: voters that drew alike would stand
    /// for election at the same moments, each for itself, for ever.
    #[must_use]
    pub fn of_node(seed: u64, node: NodeId) -> Self {
        let mut own = <StdRng as SeedableRng>::Seed::default();
        own[..8].copy_from_slice(&seed.to_le_bytes());
        own[8..12].copy_from_slice(&node.0.to_le_bytes());
        Self(Arc::new(Mutex::new(StdRng::from_seed(own))))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_one_seed_draw_apart_and_each_alike_again() {
        let first = |node| Random::of_node(3, NodeId(node)).seed();
        assert_ne!(first(1), first(2));
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), Random::of_node(4, NodeId(1)).seed(), "another seed, another chance");
    }
}
