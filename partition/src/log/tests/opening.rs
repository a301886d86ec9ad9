//! What an opening takes from checkpoints, seals and indexes, and what it makes of it when they are stale, gone or wrong.

use bytes::Bytes;

use super::counting::{CountingDisk, Reads};
use super::*;
use crate::ids::{Ordinal, ProducerEpoch, ProducerId, RecordCount, Sequence};
use crate::log::checkpoint::Checkpoint;
use crate::log::disk::{Disk, DiskFile, OpenMode};
use crate::meta::Checkpoints;
use crate::record::ProducerStamp;

fn stamp(producer: u64, sequence: u32) -> ProducerStamp {
    ProducerStamp { id: ProducerId(producer), epoch: ProducerEpoch(0), sequence: Sequence(sequence) }
}

/// A record of this producer.
fn stamped(producer: u64, sequence: u32, value: &str) -> Batch {
    let mut builder = BatchBuilder::new(0).stamped(stamp(producer, sequence));
    builder.push_value(value.as_bytes());
    builder.build()
}

/// Six segments: 50 batches, of two producers by turns, in three epochs.
async fn filled() -> Bench {
    let mut bench = Bench::new(small()).await;
    for number in 0..50_u32 {
        let batch = stamped(u64::from(number % 2), number / 2, &format!("value {number}"));
        bench.log.append(&batch, Epoch(1 + number / 10)).unwrap();
    }
    bench.settle().await;
    bench
}

/// All that a log says about itself.
async fn account(bench: &Bench) -> impl PartialEq + std::fmt::Debug + use<> {
    let log = &bench.log;
    let mut ordinals = Vec::new();
    let have = log.ordinals();
    for ordinal in have.start.0..have.end.0 {
        let read = log.reader().read_ordinals(Ordinal(ordinal)..have.end, ByteSize(1)).await.unwrap();
        ordinals.push(read[0].base_offset());
    }
    let checks: Vec<_> = (0..60_u32)
        .map(|number| log.producers().check(stamp(u64::from(number % 3), number / 3), RecordCount(1)))
        .collect();
    (bench.contents().await, log.start()..log.end(), have, ordinals, log.epochs().clone(), checks)
}

fn key() -> String {
    Checkpoint::key(Path::new(DIR))
}

fn stored(bench: &Bench) -> Bytes {
    bench.checkpoints.get(&key()).expect("a recovery point was stored")
}

fn index_file(bench: &Bench, base: u64, ending: &str) -> Arc<dyn DiskFile> {
    let path = Path::new(DIR).join(format!("{base:020}.{ending}"));
    bench.disk.open(&path, OpenMode::Existing).unwrap()
}

/// The bases of sealed segments.
fn sealed(bench: &Bench) -> Vec<u64> {
    let names = bench.disk.list(Path::new(DIR)).unwrap();
    let bases = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    let mut bases: Vec<u64> = bases.collect();
    bases.pop();
    bases
}

#[tokio::test(start_paused = true)]
async fn h04_a_log_is_right_when_the_checkpoint_store_is_gone() {
    let bench = filled().await;
    let before = account(&bench).await;
    bench.checkpoints.clear();
    let bench = bench.crash().await.unwrap();
    assert_eq!(account(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn h04_a_log_is_right_when_the_checkpoint_store_is_an_old_copy() {
    let bench = filled().await;
    let mut bench = bench.reopen().await;
    let old = stored(&bench);
    for number in 25..40_u32 {
        bench.log.append(&stamped(1, number, "later"), Epoch(5)).unwrap();
    }
    bench.settle().await;
    let before = account(&bench).await;
    bench.checkpoints.put(&key(), old);
    let bench = bench.crash().await.unwrap();
    assert_eq!(account(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn h04_a_log_that_was_cut_and_regrown_is_right_when_the_checkpoint_store_is_an_old_copy() {
    let mut bench = filled().await.reopen().await;
    let old = stored(&bench);
    bench.log.truncate(Offset(8)).unwrap();
    // Of the same size as what was cut, so that every place that the old copy names exists again.
    for number in 4..40_u32 {
        bench.log.append(&stamped(2, number, &format!("other {number}")), Epoch(6)).unwrap();
    }
    bench.settle().await;
    let before = account(&bench).await;
    let gone = bench.log.producers().check(stamp(0, 20), RecordCount(1));
    assert!(!matches!(gone, SequenceCheck::Duplicate { .. }), "{gone:?}");
    bench.checkpoints.put(&key(), old);
    let bench = bench.crash().await.unwrap();
    assert_eq!(account(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn h02_the_recovery_point_of_another_log_in_the_same_place_is_discarded() {
    let bench = filled().await.reopen().await;
    let other = stored(&bench);
    bench.disk.wipe();
    let mut world = world(&bench.disk);
    world.random = Random::seeded(2);
    world.checkpoints = Arc::new(bench.checkpoints.clone());
    let (sender, events) = mpsc::unbounded_channel();
    let log = Log::open(&world, Path::new(DIR), bench.config.clone(), sender).await.unwrap();
    let Bench { disk, checkpoints, config, .. } = bench;
    let mut bench = Bench { disk, checkpoints, world, config, log, events };
    for number in 0..30_u32 {
        bench.log.append(&stamped(2, number, &format!("value {number}")), Epoch(3)).unwrap();
    }
    bench.settle().await;
    let before = account(&bench).await;
    bench.checkpoints.put(&key(), other);
    let bench = bench.crash().await.unwrap();
    assert_eq!(account(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn c25_an_opening_reads_only_what_lies_behind_the_recovery_point() {
    let mut bench = filled().await.reopen().await;
    let mut behind = 0;
    for number in 25..28_u32 {
        let batch = stamped(0, number, "behind the recovery point");
        behind += batch.size().0;
        bench.log.append(&batch, Epoch(6)).unwrap();
    }
    bench.settle().await;
    let before = account(&bench).await;
    bench.world.tasks.crash();
    bench.disk.crash();
    let reads = Reads::default();
    let mut world = world(&bench.disk);
    world.checkpoints = Arc::new(bench.checkpoints.clone());
    world.disk = Arc::new(CountingDisk { disk: Arc::new(bench.disk.clone()), reads: reads.clone() });
    let (events, received) = mpsc::unbounded_channel();
    bench.log = Log::open(&world, Path::new(DIR), bench.config.clone(), events).await.unwrap();
    bench.events = received;
    let (bytes, _) = reads.take_sums();
    assert!(bytes.0 >= behind && bytes.0 <= behind + 64 * 1024, "{bytes} bytes for {behind}");
    assert_eq!(account(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn indexes_that_are_gone_short_or_flipped_are_made_again() {
    for ending in ["index", "timeindex", "ordinals"] {
        for harm in [Harm::Gone, Harm::Short, Harm::Flipped, Harm::Foreign] {
            let bench = filled().await.reopen().await;
            let before = account(&bench).await;
            let bases = sealed(&bench);
            assert!(bases.len() > 3, "{bases:?}");
            for base in &bases {
                harm.does(&bench, *base, ending);
            }
            let bench = bench.reopen().await;
            assert_eq!(account(&bench).await, before, "{ending} {harm:?}");
        }
    }
}

/// What happens to an index file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Gone,
    Short,
    Flipped,
    /// It is that of another segment.
    Foreign,
}

impl Harm {
    fn does(self, bench: &Bench, base: u64, ending: &str) {
        let path = Path::new(DIR).join(format!("{base:020}.{ending}"));
        let file = bench.disk.open(&path, OpenMode::Existing).unwrap();
        let length = file.length().unwrap();
        match self {
            Self::Gone => bench.disk.remove(&path).unwrap(),
            Self::Short => file.set_length(ByteSize(length.0 / 2)).unwrap(),
            Self::Flipped => {
                let mut byte = [0];
                file.read_at(&mut byte, ByteSize(length.0 / 2)).unwrap();
                file.write_at(&[byte[0] ^ 0x10], ByteSize(length.0 / 2)).unwrap();
            }
            Self::Foreign => {
                let other = index_file(bench, sealed(bench)[0], ending);
                let mut bytes = vec![0; other.length().unwrap().as_len()];
                other.read_at(&mut bytes, ByteSize::ZERO).unwrap();
                file.set_length(ByteSize::of(&bytes)).unwrap();
                file.write_at(&bytes, ByteSize::ZERO).unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_segment_that_lost_its_end_is_an_error() {
    let bench = filled().await.reopen().await;
    let base = sealed(&bench)[1];
    let file = index_file(&bench, base, "log");
    file.set_length(ByteSize(file.length().unwrap().0 - 20)).unwrap();
    file.sync().unwrap();
    let opened = bench.crash().await.map(|bench| bench.log.end());
    assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn indexes_of_segments_that_are_gone_are_removed() {
    let mut bench = filled().await;
    let bases = sealed(&bench);
    bench.log.trim(Offset(bases[2])).unwrap();
    bench.event().await;
    bench.log.truncate(Offset(bases[3])).unwrap();
    bench.event().await;
    let orphan = Path::new(DIR).join("00000000000000000999.index");
    bench.disk.open(&orphan, OpenMode::New).unwrap();
    let bench = bench.reopen().await;
    let names = bench.disk.list(Path::new(DIR)).unwrap();
    let logs: Vec<_> = names.iter().filter_map(|name| name.strip_suffix(".log")).collect();
    for name in &names {
        if let Some((stem, "index" | "timeindex" | "ordinals")) = name.split_once('.') {
            assert!(logs.contains(&stem), "{name} has no segment");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn h07_nothing_that_was_kept_lies_beyond_the_recovered_log() {
    // A cached log: the machine lost what the recovery point did not cover, and the epochs that began there.
    let config = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    bench.log.append(&stamped(0, 0, "kept"), Epoch(1)).unwrap();
    bench.settle().await;
    let mut bench = bench.reopen().await;
    for number in 1..20_u32 {
        bench.log.append(&stamped(0, number, "lost"), Epoch(2)).unwrap();
    }
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    let log = &bench.log;
    assert_eq!((log.end(), log.stored()), (Offset(1), Offset(1)));
    assert_eq!(log.ordinals(), Ordinal(0)..Ordinal(1));
    assert_eq!(log.epochs().latest(), Some(Epoch(1)));
    assert_eq!(log.producers().check(stamp(0, 1), RecordCount(1)), SequenceCheck::Next);
}
