//! What a log keeps through crashes, cuts and trims, and what it says about it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::disk::SimulatedDisk;
use super::writer::{WriterDelays, Writers};
use super::*;
use crate::clock::Clock;
use crate::ids::{ByteSize, Epoch, Offset};
use crate::meta::MemoryCheckpoints;
use crate::record::BatchBuilder;
use crate::transport::{Address, Link, Listener, Transport};
use crate::world::{Random, Tasks, World};

mod cold;
mod counting;
mod crashes;
mod faults;
mod flips;
mod flushing;
mod looking;
mod model;
mod opening;
mod past;
mod recovery;
mod recycling;
mod removal;
mod space;
mod writing;

#[derive(Debug)]
struct NoNetwork;

impl Transport for NoNetwork {
    fn connect(&self, _: Address) -> BoxFuture<'static, std::io::Result<Link>> {
        Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
    }

    fn listen(&self, _: Address) -> BoxFuture<'static, std::io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
    }
}

pub(crate) const WRITE: Duration = Duration::from_micros(10);
pub(crate) const SYNC: Duration = Duration::from_micros(90);

/// A node's world on this disk; its writer takes virtual time.
pub(crate) fn world(disk: &SimulatedDisk) -> World {
    let (clock, tasks) = (Clock::simulated(), Tasks::default());
    let delays = WriterDelays { write: WRITE, sync: SYNC };
    let writers = Writers::simulated_on(&clock, &tasks, delays, disk.slowness());
    World {
        clock,
        random: Random::seeded(1),
        tasks,
        disk: Arc::new(disk.clone()),
        network: Arc::new(NoNetwork),
        writers,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
    }
}

/// A log on a simulated disk, with the node around it.
pub(crate) struct Bench {
    pub(crate) disk: SimulatedDisk,
    pub(crate) checkpoints: MemoryCheckpoints,
    pub(crate) world: World,
    pub(crate) config: LogConfig,
    pub(crate) log: Log,
    pub(crate) events: mpsc::UnboundedReceiver<LogEvent>,
}

pub(crate) const DIR: &str = "/n1/orders-0";

impl Bench {
    pub(crate) async fn new(config: LogConfig) -> Self {
        let (disk, checkpoints) = (SimulatedDisk::default(), MemoryCheckpoints::default());
        Self::open(disk, checkpoints, config).await.unwrap()
    }

    pub(crate) async fn open(
        disk: SimulatedDisk,
        checkpoints: MemoryCheckpoints,
        config: LogConfig,
    ) -> Result<Self, LogError> {
        let mut world = world(&disk);
        world.checkpoints = Arc::new(checkpoints.clone());
        let (sender, events) = mpsc::unbounded_channel();
        let log = Log::open(&world, Path::new(DIR), config.clone(), sender).await?;
        Ok(Self { disk, checkpoints, world, config, log, events })
    }

    /// Cuts the power, and opens the log again.
    pub(crate) async fn crash(self) -> Result<Self, LogError> {
        self.world.tasks.crash();
        self.disk.crash();
        Self::open(self.disk, self.checkpoints, self.config).await
    }

    /// Closes the log in order, and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        self.log.close().await.unwrap();
        Self::open(self.disk, self.checkpoints, self.config).await.unwrap()
    }

    /// The next event that is not stale.
    pub(crate) async fn event(&mut self) -> LogEvent {
        loop {
            let event = self.events.recv().await.expect("the log has a writer");
            if let Some(event) = self.log.observe(event) {
                return event;
            }
        }
    }

    /// Waits until all that was appended is stored.
    pub(crate) async fn settle(&mut self) {
        while self.log.stored() < self.log.end() {
            self.event().await;
        }
    }

    /// All the values in the log, each with its offset and epoch.
    pub(crate) async fn contents(&self) -> Vec<(Offset, Epoch, String)> {
        let reader = self.log.reader();
        let mut from = self.log.start();
        let mut all = Vec::new();
        while from < self.log.end() {
            let batches = reader.read(from, self.log.end(), ByteSize(600)).await.unwrap();
            for batch in batches.iter() {
                let batch = batch.unwrap();
                for record in batch.records() {
                    let record = record.unwrap();
                    if record.offset >= from {
                        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                        all.push((record.offset, batch.epoch(), value));
                    }
                }
                from = batch.next_offset();
            }
        }
        all
    }

    pub(crate) fn append(&mut self, epoch: u32, values: &[&str]) -> Offset {
        self.log.append(&batch(values), Epoch(epoch)).unwrap().base
    }
}

pub(crate) fn batch(values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.push_value(value.as_bytes());
    }
    builder.build()
}

/// Small enough that a few batches fill a segment, and reads leave the cache.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: ByteSize(700),
        index_interval: ByteSize(150),
        cache_bytes: ByteSize(400),
        ..LogConfig::default()
    }
}
