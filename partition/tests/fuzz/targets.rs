//! What is tried with bytes from anywhere: no panic, and no answer that contradicts another. Used by the test beside it,
//! and by the cargo-fuzz targets in `fuzz/`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition::clock::Clock;
use partition::ids::{ByteSize, Epoch, Offset, Timestamp};
use partition::log::disk::{Disk, OpenMode, SimulatedDisk};
use partition::log::index::{OffsetIndex, OrdinalIndex, Seal, TimeIndex};
use partition::log::inspect::{Depth, LogReport, Request, inspect};
use partition::log::writer::{WriterDelays, Writers};
use partition::log::{Log, LogConfig, LogError};
use partition::meta::MemoryCheckpoints;
use partition::record::{Batch, BatchBuilder, BatchHeader, Batches};
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};

/// Longer inputs find nothing that shorter ones do not, and take longer.
const INPUT_MAX: usize = 64 * 1024;

/// A batch from a stranger. The first byte says what is mended, so that chance gets past the checksum.
pub(crate) fn batch(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes[..bytes.len().min(INPUT_MAX)].to_vec();
    if mode & 1 != 0 {
        mend(&mut bytes);
    }
    let bytes = Bytes::from(bytes);
    let parsed = Batch::parse(&bytes);
    let peeked = BatchHeader::peek(&bytes);
    let run = Batches::unverified(bytes.clone());
    assert!(run.iter().filter(Result::is_ok).count() <= bytes.len() / 61);
    drop(run.end());
    let Ok(batch) = parsed else { return };
    assert_eq!(peeked.as_ref(), Ok(&batch.header()), "the header alone says something else");
    assert_eq!(Batch::parse(batch.bytes()).as_ref(), Ok(&batch), "a batch is not what it was parsed from");
    assert_eq!(batch.next_offset(), batch.header().next_offset());
    let readable: Vec<_> = batch.records().collect();
    assert!(readable.len() <= batch.record_count().0 as usize);
    if let Ok(records) = batch.unpacked() {
        let unpacked: Vec<_> = records.collect();
        assert!(batch.is_compressed() || readable == unpacked, "two ways to read differ");
        for (record, offset) in unpacked.iter().flatten().zip(batch.base_offset().0..) {
            assert_eq!(record.offset, Offset(offset));
        }
    }
}

/// Makes length and checksum true, and gives the batch a sound magic.
fn mend(bytes: &mut [u8]) {
    if bytes.len() < 61 {
        return;
    }
    let length = i32::try_from(bytes.len() - 12).expect("inputs are short");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[16] = 2;
    let checksum = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
}

/// An index file of any of the three kinds: the first byte says which.
pub(crate) fn index(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    let bytes = bytes[..bytes.len().min(INPUT_MAX)].to_vec();
    let base = Offset(u64::from(*kind) << 32);
    match kind % 4 {
        0 => {
            let Ok(index) = OffsetIndex::of_file(base, bytes.clone()) else { return };
            assert_eq!(index.bytes(), bytes);
            let all: Vec<_> = index.iter().collect();
            assert!(
                all.windows(2).all(|pair| pair[0].last < pair[1].last && pair[0].position < pair[1].position)
            );
            for entry in all.iter().take(50) {
                let found = index.before(entry.last).and_then(|number| index.get(number));
                assert_eq!(found.as_ref(), Some(entry), "an entry is not found by its own offset");
            }
        }
        1 => {
            let Ok(index) = TimeIndex::of_file(base, bytes.clone()) else { return };
            assert_eq!(index.bytes(), bytes);
            let all: Vec<_> = index.iter().collect();
            assert!(all.windows(2).all(|pair| pair[0].time < pair[1].time && pair[0].last < pair[1].last));
            for entry in all.iter().take(50) {
                let before = index.before(entry.time);
                assert!(before.is_none_or(|before| before.time < entry.time));
            }
            assert_eq!(index.before(Timestamp(i64::MIN)), None);
        }
        2 => {
            let Ok(index) = OrdinalIndex::of_file(bytes.clone()) else { return };
            assert_eq!(index.bytes(), bytes);
            for number in 0..index.count().min(50) {
                let before = index.get(number).expect("there are so many");
                assert_eq!(index.before(before.into()), Some(number));
            }
        }
        _ => {
            if let Ok(seal) = Seal::decode(&bytes) {
                assert_eq!(seal.encoded(), bytes, "a seal is not what it was decoded from");
            }
        }
    }
}

const DIR: &str = "/n1/orders-0";
/// So many batches are in a log that was closed.
const BATCHES: u32 = 8;

/// A batch of the log that was closed: the corpus has what became of it.
fn numbered(number: u32) -> Batch {
    let values = [Bytes::from(format!("value {number}")), Bytes::from_static(b"second")];
    BatchBuilder::of_values(1_700_000_000_000 + i64::from(number), &values)
}

/// A segment's file, put in place of the log's own. The first byte says how that was left: with bit 0, a few batches were
/// appended and it was closed in order; without, it was killed with nothing in it.
pub(crate) fn recovery(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(INPUT_MAX)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("virtual time needs nothing").block_on(recover(*mode, bytes));
}

async fn recover(mode: u8, bytes: &[u8]) {
    let (disk, checkpoints) = (SimulatedDisk::default(), MemoryCheckpoints::default());
    // A log of ours lies there, so that its state does.
    let mut log = open(&disk, &checkpoints).await.expect("an empty disk is sound");
    if mode & 1 != 0 {
        for number in 0..BATCHES {
            let epoch = Epoch(1 + number / 3);
            log.append(&numbered(number), epoch).expect("a simulated disk takes it");
        }
        log.close().await.expect("a simulated disk takes it");
    } else {
        drop(log);
    }
    let path = Path::new(DIR).join("00000000000000000000.log");
    let file = disk.open(&path, OpenMode::Existing).expect("the log made it");
    file.set_length(ByteSize::ZERO).expect("a simulated disk takes it");
    file.write_at(bytes, ByteSize::ZERO).expect("a simulated disk takes it");
    file.sync().expect("a simulated disk takes it");
    disk.crash();

    let shallow = look(&disk, &checkpoints, Depth::Headers);
    let deep = look(&disk, &checkpoints, Depth::Records);
    assert!(shallow.is_sound() || !deep.is_sound(), "a deeper look sees less");
    let opened = open(&disk, &checkpoints).await;
    let Ok(log) = opened else {
        assert!(!deep.is_sound(), "called sound, and refused: {opened:?}");
        return;
    };
    let first = match contents(&log).await {
        Ok(first) => first,
        // What lies below the recovery point is not read by an opening.
        Err(error) => return assert!(!deep.is_sound(), "called sound, and not served: {error}"),
    };
    assert!(bytes.starts_with(&first), "what is served was never written");
    if deep.is_sound() {
        assert_eq!(log.end(), deep.end, "the inspection expected another end");
    }
    let end = log.end();
    drop(log);
    disk.crash();
    let again = open(&disk, &checkpoints).await.expect("what was recovered once is sound");
    assert_eq!((again.end(), contents(&again).await), (end, Ok(first)), "a recovery is not what it was");
}

fn look(disk: &SimulatedDisk, checkpoints: &MemoryCheckpoints, depth: Depth) -> LogReport {
    let request = Request { disk, dir: Path::new(DIR), checkpoints: Some(checkpoints), depth };
    inspect(&request).expect("there is a log state")
}

async fn open(disk: &SimulatedDisk, checkpoints: &MemoryCheckpoints) -> Result<Log, LogError> {
    let (clock, tasks) = (Clock::simulated(), Tasks::default());
    let delays = WriterDelays { write: Duration::ZERO, sync: Duration::ZERO };
    let world = World {
        writers: Writers::simulated(&clock, &tasks, delays),
        clock,
        tasks,
        random: Random::seeded(1),
        disk: Arc::new(disk.clone()),
        network: Arc::new(TcpTransport),
        checkpoints: Arc::new(checkpoints.clone()),
    };
    // Nobody listens: what a log reports is no part of this.
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    Log::open(&world, Path::new(DIR), LogConfig::default(), events).await
}

async fn contents(log: &Log) -> Result<Vec<u8>, LogError> {
    let reader = log.reader();
    let mut from = log.start();
    let mut bytes = Vec::new();
    while from < log.end() {
        let batches = reader.read(from, log.end(), ByteSize::mib(1)).await?;
        bytes.extend_from_slice(batches.bytes());
        from = batches.end().expect("whole batches").expect("at least one");
    }
    Ok(bytes)
}
