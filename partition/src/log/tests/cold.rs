//! How little of a large log is touched: 4 GiB in 16 segments, none of which is kept in memory or on a disk.
//!
//! A segment's bytes are made when they are read: base offsets lie outside a batch's checksum, so one batch is all.

use std::io;

use super::counting::{CountingDisk, Reads};
use super::*;
use crate::ids::{Generation, Ordinal};
use crate::log::checkpoint::Checkpoint;
use crate::log::disk::{Disk, DiskFile, DiskLock, OpenMode};
use crate::log::index::SparseIndex;
use crate::log::segment::{Place, Segment, segment_base, segment_path};
use crate::log::sidecars;
use crate::log::state::{LogState, StateFile};
use crate::meta::Checkpoints;

const SEGMENTS: u64 = 16;
const SEGMENT: ByteSize = ByteSize::mib(256);
/// Prime, so that batches and index entries do not fall into step.
const VALUE_BYTES: usize = 3001;

/// One batch, again and again.
#[derive(Debug)]
struct EndlessSegment {
    base: Offset,
    batch: Batch,
    batches: u64,
}

impl DiskFile for EndlessSegment {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        let size = self.batch.size().0;
        let count = self.length()?.0.saturating_sub(at.0).min(buffer.len() as u64);
        let mut filled = 0;
        while filled < count {
            let (number, inside) = ((at.0 + filled) / size, (at.0 + filled) % size);
            let batch = self.batch.placed(Offset(self.base.0 + number), Epoch(1));
            let piece = (size - inside).min(count - filled);
            let (from, to) = (ByteSize(inside).as_len(), ByteSize(inside + piece).as_len());
            let into = ByteSize(filled).as_len()..ByteSize(filled + piece).as_len();
            buffer[into].copy_from_slice(&batch.bytes()[from..to]);
            filled += piece;
        }
        Ok(ByteSize(count).as_len())
    }

    fn write_at(&self, _: &[u8], _: ByteSize) -> io::Result<()> {
        Err(io::Error::other("nobody writes to a sealed segment"))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_length(&self, _: ByteSize) -> io::Result<()> {
        Err(io::Error::other("nobody cuts a sealed segment"))
    }

    fn length(&self) -> io::Result<ByteSize> {
        Ok(ByteSize(self.batch.size().0 * self.batches))
    }
}

/// A disk on which sealed segments are endless ones; all else is as it is.
#[derive(Debug)]
struct EndlessDisk {
    disk: SimulatedDisk,
    batch: Batch,
    batches: u64,
}

impl Disk for EndlessDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let base = path.file_name().and_then(|name| segment_base(name.to_str()?));
        match base {
            Some(base) if base.0 < SEGMENTS * self.batches => {
                let (batch, batches) = (self.batch.clone(), self.batches);
                Ok(Arc::new(EndlessSegment { base, batch, batches }))
            }
            _ => self.disk.open(path, mode),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.disk.lock(path)
    }

    fn is_instant(&self) -> bool {
        true
    }
}

/// The log, closed, with its recovery point at its end.
fn large_log(interval: ByteSize) -> (EndlessDisk, MemoryCheckpoints) {
    let (disk, checkpoints) = (SimulatedDisk::default(), MemoryCheckpoints::default());
    let dir = Path::new(DIR);
    let batch = batch(&["v".repeat(VALUE_BYTES).as_str()]);
    let batches = SEGMENT.0 / batch.size().0;
    let length = ByteSize(batches * batch.size().0);
    let (mut state_file, _) = StateFile::open(&disk, dir).unwrap();
    let state = LogState::new(Durability::Synced, 7);
    state_file.store(&state).unwrap();
    // All segments have the same index, for it is relative.
    let mut index = SparseIndex::new(Offset::ZERO);
    for number in 0..batches {
        let position = ByteSize(number * batch.size().0);
        index.push(&batch.placed(Offset(number), Epoch(1)), position, number, interval);
    }
    let seal = index.seal(length, batches);
    for number in 0..=SEGMENTS {
        let base = Offset(number * batches);
        disk.open(&segment_path(dir, base), OpenMode::New).unwrap();
        if number < SEGMENTS {
            let mut part = index.part(0, 0);
            part.base = base;
            sidecars::write_sealed(&disk, dir, &part, &seal).unwrap();
        }
    }
    let end = Place {
        offset: Offset(SEGMENTS * batches),
        ordinal: Ordinal(SEGMENTS * batches),
        position: ByteSize::ZERO,
    };
    let (mark, _) = Segment::new(end.offset, end.ordinal).mark();
    let mut epochs = EpochHistory::default();
    epochs.assign(Epoch(1), Offset::ZERO);
    let checkpoint = Checkpoint {
        identity: state.identity,
        generation: Generation::ZERO,
        segment: end,
        end,
        index: mark,
        epochs: Arc::new(epochs),
        producers: Producers::default(),
    };
    checkpoints.put(&Checkpoint::key(dir), checkpoint.encoded());
    (EndlessDisk { disk, batch, batches }, checkpoints)
}

#[tokio::test(start_paused = true)]
async fn c24_a_cold_read_in_4_gib_touches_one_index_and_an_interval_plus_a_batch() {
    let config = LogConfig::default();
    let (disk, checkpoints) = large_log(config.index_interval);
    let size = disk.batch.size();
    let reads = Reads::default();
    let mut world = world(&disk.disk);
    world.checkpoints = Arc::new(checkpoints);
    world.disk = Arc::new(CountingDisk { disk: Arc::new(disk), reads: reads.clone() });
    let (events, _) = mpsc::unbounded_channel();
    let log = Log::open(&world, Path::new(DIR), config.clone(), events).await.unwrap();
    assert!(log.end().0 * size.0 > (4 << 30) - SEGMENT.0, "the log is smaller than it should be");

    let opening = reads.take();
    let segments: u64 = opening.iter().filter(|(name, _)| name.ends_with(".log")).map(|(_, read)| read).sum();
    assert_eq!(segments, 0, "an opening read segments below the recovery point");
    let indexes: u64 = opening.values().sum();
    assert!(indexes < 16 * 1024, "an opening read {indexes} bytes to find seals and state");

    let reader = log.reader();
    for step in 0..60 {
        let wanted = Offset(log.end().0 / 61 * (step * 37 % 60) + step);
        let batches = reader.read(wanted, log.end(), ByteSize(1)).await.unwrap();
        assert_eq!(batches.iter().next().unwrap().unwrap().base_offset(), wanted);
        let (bytes, indexes) = reads.take_sums();
        assert!(bytes.0 <= config.index_interval.0 + size.0, "{bytes} bytes of the segment for one batch");
        assert!(indexes <= 1, "{indexes} indexes for one batch");
    }
    // Where an index is in memory, only the segment is read.
    let again = Offset(log.end().0 / 2);
    reader.read(again, log.end(), ByteSize(1)).await.unwrap();
    reads.take();
    let by_ordinal = reader.read_ordinals(Ordinal(again.0)..Ordinal(again.0 + 1), ByteSize(1)).await.unwrap();
    assert_eq!(by_ordinal[0].base_offset(), again);
    let (bytes, indexes) = reads.take_sums();
    assert!(bytes.0 <= config.index_interval.0 + size.0 && indexes == 0, "{bytes} bytes, {indexes} indexes");
}
