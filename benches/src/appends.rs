//! A log under load: so many appends, so many of them in flight.

use std::collections::VecDeque;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition::clock::{Clock, Moment};
use partition::ids::Epoch;
use partition::log::disk::RealDisk;
use partition::log::writer::Writers;
use partition::log::{Log, LogConfig, LogEvent};
use partition::meta::MemoryCheckpoints;
use partition::record::{Batch, BatchBuilder};
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};
use tokio::sync::mpsc;

const RECORD_BYTES: usize = 1024;

/// How much is appended, and how much of it is in flight.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Batches.
    pub appends: u64,
    /// How many are not stored yet, at most.
    pub in_flight: u64,
}

/// A batch of so many records of 1 KiB.
#[must_use]
pub fn batch(records: usize) -> Batch {
    BatchBuilder::of_values(0, &vec![Bytes::from(vec![b'x'; RECORD_BYTES]); records])
}

/// A node without a network, with one writer.
#[must_use]
pub fn world() -> World {
    World {
        clock: Clock::real(),
        random: Random::real(),
        tasks: Tasks::default(),
        disk: Arc::new(RealDisk),
        network: Arc::new(TcpTransport),
        writers: Writers::threads(NonZeroUsize::MIN),
        checkpoints: Arc::new(MemoryCheckpoints::default()),
    }
}

/// A log that is appended to.
#[derive(Debug)]
pub struct Appender {
    /// The log.
    pub log: Log,
    stored: mpsc::UnboundedReceiver<LogEvent>,
    clock: Clock,
}

impl Appender {
    /// Opens the log in this directory.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(world: &World, dir: &Path, config: LogConfig) -> Self {
        let (events, stored) = mpsc::unbounded_channel();
        let log = Log::open(world, dir, config, events).await.expect("a log");
        Self { log, stored, clock: world.clock.clone() }
    }

    /// Appends the batch again and again; tells of each append how long it took until it was stored.
    ///
    /// # Panics
    /// When the log fails.
    pub async fn append_all(&mut self, batch: &Batch, load: Load, mut took: impl FnMut(Duration)) {
        let mut waiting: VecDeque<(u64, Moment)> = VecDeque::new();
        let mut sent = 0;
        while sent < load.appends || !waiting.is_empty() {
            while sent < load.appends && (waiting.len() as u64) < load.in_flight {
                let now = self.clock.now();
                black_box(self.log.append(batch, Epoch(1)).expect("the log takes it"));
                waiting.push_back((self.log.end().0, now));
                sent += 1;
            }
            self.log.observe(self.stored.recv().await.expect("the writer reports"));
            let (stored, now) = (self.log.stored().0, self.clock.now());
            while let Some((_, since)) = waiting.pop_front_if(|(end, _)| *end <= stored) {
                took(now.since(since));
            }
        }
    }
}
