//! What a replica keeps on disk, and what it begins with when it is opened again.
//!
//! ```text
//!   <dir>/<partition>/             the log: entries, and with them terms and indexes
//!   <dir>/meta/<partition>.vote    the last vote, two slots, synced
//!   <dir>/meta/<partition>.kept    where the log starts and who votes, two slots, synced
//!   checkpoint (sled)              how much was applied: may be stale or gone, and is never believed beyond the log
//! ```

pub(crate) mod kept;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod reader;

use std::io;
use std::sync::Arc;

use partition::ids::{ByteSize, Epoch, Generation, Offset, Ordinal};
use partition::log::{Durability, Log, LogConfig, LogError, LogEvents};
use partition::meta::TwoSlotFile;
use partition::transport::codec;
use partition::world::World;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::config::Config;
use crate::door::Door;
use crate::mutant::{Mutant, Mutated};
use crate::raft::{Control, LogId, VoteRecord, log_id};
use crate::replica::electorates::Electorates;
use crate::replica::{Beginning, Replica};
use kept::{Kept, KeptVoters};
use log::LogStore;
use machine::Machine;
use reader::READ_BYTES;

/// A replica's parts, opened.
pub(crate) struct Store {
    pub(crate) replica: Arc<Replica>,
    pub(crate) log: LogStore,
    pub(crate) machine: Machine,
}

/// Of what the log's writer may have waiting, the share that the door lets clients fill; the rest is for what a leader
/// sends, which cannot be refused.
pub(crate) fn door_share(log: &LogConfig) -> ByteSize {
    ByteSize(log.pending_bytes_max.0 / 2)
}

/// Opens a replica's files, or makes them.
///
/// # Errors
/// What cannot be read, and where.
pub(crate) async fn open(
    world: &World,
    config: &Config,
    mutated: Mutated,
    events: LogEvents,
    trims: mpsc::UnboundedSender<()>,
) -> io::Result<Store> {
    let meta = config.dir.join("meta");
    let vote_path = meta.join(format!("{}.vote", config.partition));
    let votes: TwoSlotFile<VoteRecord> =
        TwoSlotFile::open(world, &vote_path).await.map_err(io::Error::other)?;
    let kept_path = meta.join(format!("{}.kept", config.partition));
    let kept: TwoSlotFile<Kept> = TwoSlotFile::open(world, &kept_path).await.map_err(io::Error::other)?;
    let log_dir = config.dir.join(config.partition.to_string());
    let mut log_config = config.log.clone();
    if mutated.breaks(Mutant::SkipSync) {
        log_config.durability = Durability::Cached;
    }
    let mut log = Log::open(world, &log_dir, log_config, events).await.map_err(io::Error::other)?;

    let now = kept.get().cloned().unwrap_or_default();
    if let Some(start) = &now.start {
        start.impose(&mut log).await.map_err(io::Error::other)?;
    }
    let known = Applied::recover(world, config, &log, &now).await.map_err(io::Error::other)?;
    let electorates = electorates(&log, &now, known.next).await.map_err(io::Error::other)?;
    let begin = Beginning {
        committed: known.next,
        high: known.end,
        vote: votes.get().map(|record| (*record).into()),
        applied: known.last(),
        trimmed: now.start.as_ref().map_or(Offset::ZERO, |start| start.first),
        log,
        mutated,
        ever_voted: now.ever_voted.clone(),
        electorates,
        durability: config.log.durability,
    };
    let share = door_share(&config.log);
    let door = Door::new(config.log.batch_bytes_max, share);
    let replica = Arc::new(Replica::new(config.node, world.clock.clone(), door, begin));
    let purged = now.start.as_ref().and_then(|start| start.before).map(LogId::from);
    let log = LogStore::new(Arc::clone(&replica), votes, purged, share);
    let machine = Machine::new(Arc::clone(&replica), kept, known.last(), trims);
    Ok(Store { replica, log, machine })
}

/// Who votes, by what is kept and by what the log says beyond what is known to be applied.
async fn electorates(log: &Log, kept: &Kept, applied: Ordinal) -> Result<Electorates, LogError> {
    let mut electorates = Electorates::default();
    if let Some((entry, voters)) = kept.voters.as_ref().map(KeptVoters::entry) {
        electorates.appended(entry, voters);
    }
    let (mut next, end) = (applied, log.ordinals().end);
    while next < end {
        for batch in log.reader().read_ordinals(next..end, READ_BYTES).await? {
            if let Some(Control::Membership(voters)) = Control::of_batch(&batch) {
                electorates.truncated(next);
                electorates.appended(next, voters);
            }
            next = next.next();
        }
    }
    Ok(electorates)
}

/// How much is known to be applied: what the checkpoint says, as far as the log bears it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Applied {
    /// The truncation generation in which this was so (H-04).
    generation: Generation,
    /// The entry after the last one that was applied,
    next: Ordinal,
    /// where the last one ends,
    end: Offset,
    /// and its epoch; none when nothing was.
    epoch: Option<Epoch>,
}

impl Applied {
    fn last(&self) -> Option<LogId> {
        Some(log_id(self.epoch?, Ordinal(self.next.0.checked_sub(1)?)))
    }

    fn key(config: &Config) -> String {
        format!("quorum/{}/{}/applied", config.node, config.partition)
    }

    /// A majority may commit, and this replica apply, what its own disk loses after all: nothing is believed beyond
    /// the recovered log (H-07). Nor below its start, where all was applied once.
    async fn recover(world: &World, config: &Config, log: &Log, kept: &Kept) -> Result<Self, LogError> {
        let start = kept.start.as_ref();
        let floor = Self {
            generation: log.generation(),
            next: log.ordinals().start,
            end: start.map_or(log.start(), |start| start.base),
            epoch: start.and_then(|start| start.before).map(|before| before.epoch),
        };
        let stored = world.checkpoints.get(&Self::key(config));
        let Some(checkpoint) = stored.and_then(|bytes| codec::decode::<Self>(&bytes).ok()) else {
            return Ok(floor);
        };
        let current = checkpoint.generation == log.generation();
        if !current || checkpoint.next <= floor.next {
            return Ok(floor);
        }
        // What it says of its last entry must be so in this very log.
        let last = Ordinal(checkpoint.next.0 - 1);
        let read = log.reader().read_ordinals(last..checkpoint.next, ByteSize::ZERO).await?;
        let agrees = read.first().is_some_and(|batch| {
            batch.next_offset() == checkpoint.end && Some(batch.epoch()) == checkpoint.epoch
        });
        Ok(if agrees { checkpoint } else { floor })
    }
}

/// Notes how much was applied, for the next start.
pub(crate) fn checkpoint(world: &World, config: &Config, replica: &Replica) {
    let Some(last) = replica.last_applied() else { return };
    let last_place = crate::raft::Place::from(last);
    let end = replica.with_watermark(|watermark| watermark.end_of(last_place.ordinal));
    let (Some(end), Ok(generation)) = (end, replica.with_log(Log::generation)) else { return };
    let applied = Applied { generation, next: last_place.ordinal.next(), end, epoch: Some(last_place.epoch) };
    world.checkpoints.put(&Applied::key(config), codec::encode(&applied));
}

#[cfg(test)]
mod failing;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
