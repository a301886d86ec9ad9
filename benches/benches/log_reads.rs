//! Prints how long logs take to open after a crash, and how fast they are read from the page cache.
//!
//! `cargo bench -p benches --bench log_reads -- --large` does it with logs of 1 and 8 GiB (9 GiB of disk, and as much
//! memory for the page cache, or the larger one is read from the disk); without `--large`, of 256 MiB and 1 GiB.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use benches::appends::{Appender, Load, batch, world};
use benches::verdict::{Limit, median, say};
use partition::clock::{Clock, Moment};
use partition::ids::ByteSize;
use partition::log::{Log, LogConfig};
use partition::meta::MemoryCheckpoints;
use partition::world::World;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const RECORDS: usize = 16;
const READ: ByteSize = ByteSize::mib(1);

/// How much there is to do.
struct Sizes {
    small: ByteSize,
    large: ByteSize,
    /// Behind the recovery point.
    unflushed: ByteSize,
    rounds: usize,
}

impl Sizes {
    fn asked() -> Self {
        let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
        let of = |small, large, unflushed, rounds| Self {
            small: ByteSize::mib(small),
            large: ByteSize::mib(large),
            unflushed: ByteSize::mib(unflushed),
            rounds,
        };
        match (asked("--bench"), asked("--large")) {
            (true, true) => of(1024, 8192, 64, 9),
            (true, false) => of(256, 1024, 64, 9),
            // `cargo test` runs benches to see that they start.
            (false, _) => of(4, 8, 2, 1),
        }
    }
}

fn main() {
    let sizes = Sizes::asked();
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bench = Bench { runtime };
    let small = bench.build(&dir.path().join("small"), sizes.small, sizes.unflushed);
    let large = bench.build(&dir.path().join("large"), sizes.large, sizes.unflushed);
    bench.openings(&small, &large, &sizes);
    bench.recovery(&small, &sizes);
    bench.reading(&small, &sizes);
}

struct Bench {
    runtime: Runtime,
}

/// A log that was not closed.
struct Crashed {
    dir: PathBuf,
    /// As they were when the recovery point was last stored.
    checkpoints: MemoryCheckpoints,
    bytes: ByteSize,
}

impl Bench {
    /// A log of so much, of which this much lies behind the recovery point.
    fn build(&self, dir: &Path, flushed: ByteSize, unflushed: ByteSize) -> Crashed {
        let batch = batch(RECORDS);
        let load = |bytes: ByteSize| Load { appends: bytes.0 / batch.size().0, in_flight: 256 };
        let kept = MemoryCheckpoints::default();
        let world = with(&kept);
        self.runtime.block_on(async {
            let mut log = Appender::open(&world, dir, LogConfig::default()).await;
            log.append_all(&batch, load(flushed), |_| {}).await;
            log.log.close().await.expect("it is closed");
            let checkpoints = kept.copied();
            let mut log = Appender::open(&world, dir, LogConfig::default()).await;
            log.append_all(&batch, load(unflushed), |_| {}).await;
            Crashed { dir: dir.to_owned(), checkpoints, bytes: ByteSize(flushed.0 + unflushed.0) }
        })
    }

    /// Opens it as it was when it crashed; how long that took.
    fn open(&self, log: &Crashed, checkpoints: &MemoryCheckpoints) -> (Duration, Log, World) {
        let world = with(&checkpoints.copied());
        let clock = Clock::real();
        let (events, _) = mpsc::unbounded_channel();
        let open = Log::open(&world, &log.dir, LogConfig::default(), events);
        let opened = self.runtime.block_on(open).expect("it opens");
        (clock.now().since(Moment::default()), opened, world)
    }

    fn openings(&self, small: &Crashed, large: &Crashed, sizes: &Sizes) {
        let took = |log: &Crashed| self.open(log, &log.checkpoints).0.as_secs_f64() * 1e3;
        took(small);
        took(large);
        let rounds: Vec<_> = (0..sizes.rounds).map(|_| (took(small), took(large))).collect();
        let (after_small, after_large) =
            (median(rounds.iter().map(|round| round.0)), median(rounds.iter().map(|round| round.1)));
        println!(
            "opening with {} MiB unflushed: {after_small:.1} ms after {} MiB, {after_large:.1} ms after {} MiB",
            mib(sizes.unflushed),
            mib(sizes.small),
            mib(sizes.large)
        );
        say("  ratio", median(rounds.iter().map(|round| round.1 / round.0)), "x", Limit::AtMost(1.2));
    }

    /// Without a recovery point, all is read.
    fn recovery(&self, log: &Crashed, sizes: &Sizes) {
        let nothing = MemoryCheckpoints::default();
        let rate = |_| log.bytes.0 as f64 / self.open(log, &nothing).0.as_secs_f64() / 1e9;
        println!("opening without a recovery point: all of {} MiB is read and checked", mib(log.bytes));
        say("  rate", median((0..sizes.rounds).map(rate)), "GB/s", Limit::AtLeast(1.0));
    }

    fn reading(&self, log: &Crashed, sizes: &Sizes) {
        let (_, opened, _world) = self.open(log, &log.checkpoints);
        let reader = opened.reader();
        let rate = |_| {
            let clock = Clock::real();
            let bytes = self.runtime.block_on(async {
                let (mut from, mut bytes) = (opened.start(), 0);
                while from < opened.end() {
                    let batches = reader.read(from, opened.end(), READ).await.expect("it is sound");
                    bytes += batches.bytes().len();
                    from = batches.end().expect("whole batches").expect("there is one");
                }
                bytes
            });
            bytes as f64 / clock.now().since(Moment::default()).as_secs_f64() / 1e9
        };
        println!(
            "reading {} MiB in sequence from the page cache, {} MiB at a time",
            mib(log.bytes),
            mib(READ)
        );
        say("  rate", median((0..sizes.rounds).map(rate)), "GB/s", Limit::AtLeast(2.0));
    }
}

fn with(checkpoints: &MemoryCheckpoints) -> World {
    World { checkpoints: Arc::new(checkpoints.clone()), ..world() }
}

fn mib(bytes: ByteSize) -> u64 {
    bytes.0 >> 20
}
