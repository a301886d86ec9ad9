//! What a broker keeps on disk beside its logs: which life it is in, and how much was committed.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use partition::ids::{Generation, Offset, PartitionId};
use partition::log::disk::DiskLock;
use partition::log::{self, Durability, Log, LogConfig, LogError, LogEvents};
use partition::meta::{Checkpoints, MetaError, TwoSlotFile};
use partition::transport::codec;
use partition::world::World;
use serde::{Deserialize, Serialize};

use crate::controller::command::Disk;
use crate::metadata::Incarnation;
use crate::mutant::{Mutant, Mutated};
use crate::node::OpenError;

/// The file that says which life of the broker wrote this disk last.
const LIFE_FILE: &str = "broker";

/// Which life of the broker wrote this disk last, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LifeRecord {
    incarnation: Incarnation,
    end: End,
}

/// How a life ended, as far as its disk tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    /// It has not, or it crashed: written before anything else that this life writes (H-03).
    NotYet,
    /// In order: all logs were closed before this was written.
    Clean,
}

/// Which life of the broker wrote this disk last: a synced file.
#[derive(Debug)]
pub(crate) struct Life {
    file: TwoSlotFile<LifeRecord>,
    /// The life that began in this process. None began before it was registered.
    begun: Option<Incarnation>,
    /// No other process writes to this broker's disk as long as this one may: not when it is replaced, nor while it ends.
    _claim: DiskLock,
}

impl Life {
    /// Claims the broker's directory, and opens the file, or makes it.
    pub(crate) async fn open(world: &World, dir: &Path) -> Result<Self, OpenError> {
        let claim = log::claim(world, dir).await.map_err(OpenError::Claim)?;
        let file = TwoSlotFile::open(world, &dir.join("meta").join(LIFE_FILE)).await?;
        Ok(Self { file, begun: None, _claim: claim })
    }

    /// What the disk holds, as the controllers are told.
    pub(crate) fn disk(&self, durability: Durability, mutated: Mutated) -> Disk {
        let crashes_show = !mutated.breaks(Mutant::CrashLooksClean);
        match self.file.get() {
            None => Disk::Fresh,
            Some(LifeRecord { incarnation, end: End::NotYet }) if crashes_show => match durability {
                Durability::Synced => Disk::Crashed(*incarnation),
                Durability::Cached => Disk::Unsynced(*incarnation),
            },
            Some(LifeRecord { incarnation, .. }) => Disk::Clean(*incarnation),
        }
    }

    /// A life begins: durable when this returns, and before it appends anything.
    pub(crate) async fn begin(&mut self, incarnation: Incarnation) -> Result<(), MetaError> {
        self.file.store(LifeRecord { incarnation, end: End::NotYet }).await?;
        self.begun = Some(incarnation);
        Ok(())
    }

    /// The life that began here has ended in order; its logs are closed. How an earlier one ended stays as it is: a process
    /// that is stopped before it is registered has opened no log, so a crash is not made good by it (H-03).
    pub(crate) async fn end(&mut self) -> Result<(), MetaError> {
        match self.begun {
            Some(incarnation) => self.file.store(LifeRecord { incarnation, end: End::Clean }).await,
            None => Ok(()),
        }
    }
}

/// Opens a partition's log, and finds the high watermark that was kept for it.
pub(crate) async fn open_log(
    world: &World,
    dir: &Path,
    partition: &PartitionId,
    config: LogConfig,
    events: LogEvents,
) -> Result<(Log, Watermark, Offset), LogError> {
    let log = Log::open(world, &dir.join(partition.to_string()), config, events).await?;
    let watermark = Watermark::of(world, partition);
    let kept = watermark.load(log.generation()).unwrap_or(log.start());
    let high_watermark = kept.clamp(log.start(), log.end());
    Ok((log, watermark, high_watermark))
}

/// Removes a partition's log, if there is one. Until the next one is opened nothing of it is believed.
pub(crate) async fn remove_log(world: &World, dir: &Path, partition: &PartitionId) -> Result<(), LogError> {
    Watermark::of(world, partition).forget();
    log::remove(world, &dir.join(partition.to_string())).await
}

/// A partition's high watermark on disk. It may be stale, so it names the truncation generation it is of (H-04).
#[derive(Debug)]
pub(crate) struct Watermark {
    checkpoints: Arc<dyn Checkpoints>,
    key: String,
}

impl Watermark {
    fn of(world: &World, partition: &PartitionId) -> Self {
        Self { checkpoints: Arc::clone(&world.checkpoints), key: format!("{partition}/high-watermark") }
    }

    /// Keeps none. Should that not reach the disk, the old one is clamped to the next log's end; what a leader gave that log up
    /// to there was committed then.
    fn forget(&self) {
        if self.checkpoints.get(&self.key).is_some() {
            self.checkpoints.put(&self.key, Bytes::new());
        }
    }

    fn load(&self, generation: Generation) -> Option<Offset> {
        let bytes = self.checkpoints.get(&self.key)?;
        let (of, high_watermark) = codec::decode::<(Generation, Offset)>(&bytes).ok()?;
        (of == generation).then_some(high_watermark)
    }

    /// Keeps it, some time soon.
    pub(crate) fn keep(&self, generation: Generation, high_watermark: Offset) {
        self.checkpoints.put(&self.key, codec::encode(&(generation, high_watermark)));
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;
    use partition::simulation;

    use super::*;

    #[test]
    fn a_brokers_directory_is_used_once_and_free_when_its_process_ends() {
        simulation::run(1, |simulation| async move {
            let node = NodeId(1);
            let (world, dir) = (simulation.world(node), Path::new("/n1"));
            let first = Life::open(&world, dir).await.expect("nobody uses it");
            // Its logs have claims of their own.
            let log = log::claim(&world, &dir.join("orders-0")).await.expect("nobody has opened it");
            let second = Life::open(&world, dir).await;
            assert!(matches!(&second, Err(OpenError::Claim(_))), "{second:?}");
            drop((first, log));
            let again = Life::open(&world, dir).await.expect("it was let go");
            simulation.crash(node).await;
            Life::open(&simulation.world(node), dir).await.expect("whoever held it is dead");
            drop(again);
        });
    }
}
