//! Flips each bit of a batch on disk. The checksum begins at byte 21: what lies before it is held against the places, the
//! epochs and the lengths around it. Each flip is an error, or what no sync had vouched for is cut, or it is on the list.

use std::collections::BTreeMap;

use super::*;
use crate::log::checkpoint::Checkpoint;
use crate::log::disk::{Disk, OpenMode};
use crate::log::inspect::{Depth, Request, inspect};
use crate::log::segment::segment_path;
use crate::meta::Checkpoints;

/// A log on disk, to be copied as often as there are bits.
struct Original {
    disk: SimulatedDisk,
    checkpoints: MemoryCheckpoints,
    config: LogConfig,
    contents: Vec<(Offset, Epoch, String)>,
}

/// How the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Closed in order, its checkpoints kept.
    Closed,
    /// Killed when all was stored; the checkpoint store is gone, so nothing vouches for the active segment.
    Killed,
}

/// What became of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// An opening or a read is an error.
    Refused,
    /// An opening cut it, and all behind it.
    Cut,
    /// It is served.
    Unseen,
}

/// Nine batches of two records, three to a segment.
const EPOCHS: [u32; 9] = [1, 1, 4, 4, 4, 9, 9, 9, 9];
const VALUES: [&str; 2] = ["ten bytes!", ""];
/// The base of the active segment.
const ACTIVE: u64 = 12;

fn size() -> u64 {
    batch(&VALUES).size().0
}

async fn original(left: Left) -> Original {
    let segment_bytes = ByteSize(3 * size());
    let mut bench = Bench::new(LogConfig { segment_bytes, index_interval: ByteSize(100), ..small() }).await;
    for epoch in EPOCHS {
        bench.append(epoch, &VALUES);
    }
    bench.settle().await;
    let contents = bench.contents().await;
    let Bench { disk, checkpoints, world, config, log, .. } = bench;
    match left {
        Left::Closed => log.close().await.unwrap(),
        Left::Killed => {
            world.tasks.crash();
            checkpoints.clear();
        }
    }
    Original { disk, checkpoints, config, contents }
}

impl Original {
    fn copy(&self) -> (SimulatedDisk, MemoryCheckpoints) {
        let checkpoints = MemoryCheckpoints::default();
        let key = Checkpoint::key(Path::new(DIR));
        if let Some(checkpoint) = self.checkpoints.get(&key) {
            checkpoints.put(&key, checkpoint);
        }
        (self.disk.after_kill(), checkpoints)
    }

    /// What becomes of the log when this bit of the batch at this offset is flipped, and whether an inspection names it.
    async fn flip(&self, offset: u64, bit: u64) -> (Fate, bool) {
        let (disk, checkpoints) = self.copy();
        let base = offset - offset % 6;
        let at = ByteSize((offset - base) / 2 * size() + bit / 8);
        let file = disk.open(&segment_path(Path::new(DIR), Offset(base)), OpenMode::Existing).unwrap();
        let mut byte = [0];
        file.read_at(&mut byte, at).unwrap();
        file.write_at(&[byte[0] ^ (1 << (bit % 8))], at).unwrap();
        file.sync().unwrap();
        let dir = Path::new(DIR);
        let request = Request { disk: &disk, dir, checkpoints: Some(&checkpoints), depth: Depth::Records };
        let report = inspect(&request).unwrap();
        let named = !report.is_sound() || !report.cuts.is_empty();
        let Ok(bench) = Bench::open(disk, checkpoints, self.config.clone()).await else {
            return (Fate::Refused, named);
        };
        let reader = bench.log.reader();
        let mut from = bench.log.start();
        while from < bench.log.end() {
            match reader.read(from, bench.log.end(), ByteSize(1)).await {
                Err(_) => return (Fate::Refused, named),
                Ok(batches) => from = batches.end().unwrap().unwrap(),
            }
        }
        let found = bench.contents().await;
        let cut = found.len() < self.contents.len() && found[..] == self.contents[..found.len()];
        (if cut { Fate::Cut } else { Fate::Unseen }, named)
    }

    /// Flips each of these bits of a batch: how often each fate, in each field. An inspection must name what is not
    /// unseen.
    async fn fates(&self, offset: u64, bits: std::ops::Range<u64>) -> BTreeMap<(&'static str, Fate), usize> {
        let mut fates = BTreeMap::new();
        for bit in bits {
            let (_, field) = FIELDS.iter().rev().find(|(first, _)| bit / 8 >= *first).unwrap();
            let (fate, named) = self.flip(offset, bit).await;
            assert_eq!(named, fate != Fate::Unseen, "bit {bit} ({field}) of the batch at {offset}: {fate:?}");
            *fates.entry((*field, fate)).or_default() += 1;
        }
        fates
    }
}

/// What lies before the checksum, each field with its first byte, and all from there on.
const FIELDS: [(u64, &str); 5] =
    [(0, "base offset"), (8, "length"), (12, "epoch"), (16, "magic"), (17, "checksum and all it covers")];
/// The bits that no checksum covers, and its own.
const OUTSIDE: std::ops::Range<u64> = 0..21 * 8;

#[tokio::test(start_paused = true)]
async fn each_flip_in_a_log_that_was_closed_is_refused() {
    let original = original(Left::Closed).await;
    for offset in [2, 10, 12, 16] {
        // All bits of one, and of the others those that no checksum covers.
        let bits = if offset == 12 { 0..size() * 8 } else { OUTSIDE };
        let fates = original.fates(offset, bits).await;
        assert!(fates.keys().all(|(_, fate)| *fate == Fate::Refused), "batch at {offset}: {fates:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_flip_is_refused_or_cut_where_anything_can_tell() {
    let original = original(Left::Killed).await;
    // A sealed segment was synced before the next one began.
    for offset in [4, 10] {
        let fates = original.fates(offset, OUTSIDE).await;
        assert!(fates.keys().all(|(_, fate)| *fate == Fate::Refused), "batch at {offset}: {fates:?}");
    }
    // In the active one a crash may have torn what does not add up. It cannot have changed an epoch alone; only one with
    // its highest bit set is no epoch, and no batch.
    for offset in [ACTIVE, 14] {
        let fates = original.fates(offset, OUTSIDE).await;
        let (epochs, others): (Vec<_>, Vec<_>) =
            fates.into_iter().partition(|((field, _), _)| *field == "epoch");
        assert_eq!(epochs, [(("epoch", Fate::Refused), 31), (("epoch", Fate::Cut), 1)], "batch at {offset}");
        assert!(others.iter().all(|((_, fate), _)| *fate == Fate::Cut), "batch at {offset}: {others:?}");
    }
}

/// The list of what cannot be detected here, where other replicas tell: their epochs end elsewhere, and the batch is cut.
///
/// The epoch of the very last batch, raised, while nothing vouches for it: a new leader's first batch looks like that, before
/// the checkpoint of the epochs is written. And after a power cut that takes that file and the checkpoint store too, an epoch
/// that was changed to one that its neighbours allow. (9 has two bits set, and the highest bit
/// makes it no epoch: 32 - 3 bits.)
#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_is_the_raised_epoch_of_the_last_batch_after_a_crash() {
    let original = original(Left::Killed).await;
    let fates = original.fates(16, OUTSIDE).await;
    let unseen: Vec<_> = fates.iter().filter(|((_, fate), _)| *fate == Fate::Unseen).collect();
    assert_eq!(unseen, [(&("epoch", Fate::Unseen), &29)], "{fates:?}");
}
