//! What the log adds to write and fdatasync: appends of 1 KiB until they are stored, one and 64 in flight.
//!
//! `bare` goes through the same hop (a thread and back) to a file of zeros, with a group commit of its own.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use partition::clock::Clock;
use partition::ids::{ByteSize, Epoch};
use partition::log::disk::{Disk, OpenMode, RealDisk};
use partition::log::writer::Writers;
use partition::log::{Log, LogConfig};
use partition::meta::MemoryCheckpoints;
use partition::record::{Batch, BatchBuilder};
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const RECORD_BYTES: usize = 1024;
/// The bare file is written over from its start when it ends.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
const IN_FLIGHT: [u64; 2] = [1, 64];

fn batch() -> Batch {
    BatchBuilder::of_values(0, &[Bytes::from(vec![b'x'; RECORD_BYTES])])
}

fn world() -> World {
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

/// So many appends, so many of them in flight; how long they took.
async fn append_all(
    log: &mut Log,
    stored: &mut mpsc::UnboundedReceiver<partition::log::LogEvent>,
    load: Load,
) -> Duration {
    let clock = Clock::real();
    let batch = batch();
    let first = log.end().0;
    let mut sent = 0;
    while log.stored().0 < first + load.appends {
        while sent < load.appends && log.end().0 - log.stored().0 < load.in_flight {
            black_box(log.append(&batch, Epoch(1)).expect("the log takes it"));
            sent += 1;
        }
        log.observe(stored.recv().await.expect("the writer reports"));
    }
    clock.now().since(partition::clock::Moment::default())
}

#[derive(Clone, Copy)]
struct Load {
    appends: u64,
    in_flight: u64,
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A thread that writes and syncs what is queued, and says how much that was.
fn bare_writer(path: &Path) -> (std_mpsc::Sender<Bytes>, mpsc::UnboundedReceiver<u64>) {
    let file = RealDisk.open(path, OpenMode::New).expect("a file");
    file.write_at(&vec![0; usize::try_from(FILE_BYTES).expect("fits")], ByteSize::ZERO).expect("room");
    file.sync().expect("a sync");
    let (queue, jobs) = std_mpsc::channel::<Bytes>();
    let (events, stored) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut at = 0;
        let mut buffer = Vec::new();
        while let Ok(first) = jobs.recv() {
            buffer.clear();
            buffer.extend_from_slice(&first);
            let mut count = 1;
            while let Ok(next) = jobs.try_recv() {
                buffer.extend_from_slice(&next);
                count += 1;
            }
            if at + buffer.len() as u64 > FILE_BYTES {
                at = 0;
            }
            file.write_at(&buffer, ByteSize(at)).expect("a write");
            file.sync().expect("a sync");
            at += buffer.len() as u64;
            if events.send(count).is_err() {
                return;
            }
        }
    });
    (queue, stored)
}

async fn write_all(
    queue: &std_mpsc::Sender<Bytes>,
    stored: &mut mpsc::UnboundedReceiver<u64>,
    load: Load,
) -> Duration {
    let clock = Clock::real();
    let bytes = batch().bytes().clone();
    let (mut sent, mut done) = (0, 0);
    while done < load.appends {
        while sent < load.appends && sent - done < load.in_flight {
            queue.send(bytes.clone()).expect("the thread runs");
            sent += 1;
        }
        done += stored.recv().await.expect("the thread reports");
    }
    clock.now().since(partition::clock::Moment::default())
}

fn appends(criterion: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let runtime = runtime();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(4));
    for in_flight in IN_FLIGHT {
        let world = world();
        let (events, mut stored) = mpsc::unbounded_channel();
        let path = dir.path().join(format!("log-{in_flight}"));
        let mut log =
            runtime.block_on(Log::open(&world, &path, LogConfig::default(), events)).expect("a log");
        group.bench_function(BenchmarkId::new("log", in_flight), |bencher| {
            bencher.iter_custom(|appends| {
                runtime.block_on(append_all(&mut log, &mut stored, Load { appends, in_flight }))
            });
        });
        let (queue, mut stored) = bare_writer(&dir.path().join(format!("bare-{in_flight}")));
        group.bench_function(BenchmarkId::new("bare", in_flight), |bencher| {
            bencher.iter_custom(|appends| {
                runtime.block_on(write_all(&queue, &mut stored, Load { appends, in_flight }))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, appends);
criterion_main!(benches);
