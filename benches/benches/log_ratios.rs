//! Prints what the log costs as ratios to the same writes without it, each with its limit. Blocks of both sides take
//! turns, and the median of their ratios counts: that is what noise moves least.

use std::path::Path;
use std::time::Duration;

use benches::appends::{Appender, Load, batch, world};
use benches::bare::{Bare, Hopless};
use benches::verdict::{Limit, median, say};
use partition::clock::{Clock, Moment};
use partition::ids::{ByteSize, Offset};
use partition::log::LogConfig;
use partition::record::Batch;
use tokio::runtime::{Builder, Runtime};

const BLOCKS: usize = 15;
/// So much is kept when a log is trimmed: the rest becomes the segments to come.
const KEPT_SEGMENTS: u64 = 2;

fn main() {
    // `cargo test` runs benches to see that they start: a block of each side will do.
    let blocks = if std::env::args().any(|arg| arg == "--bench") { BLOCKS } else { 1 };
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bench = Bench { dir: dir.path(), runtime, blocks };
    bench.one_in_flight();
    bench.large_batches();
    bench.rolls();
}

struct Bench<'a> {
    dir: &'a Path,
    runtime: Runtime,
    blocks: usize,
}

/// One block of each side.
struct Pair {
    log: Duration,
    bare: Duration,
}

impl Bench<'_> {
    fn pairs(&self, name: &str, batch: &Batch, load: Load) -> Vec<Pair> {
        let path = self.dir.join(name);
        let world = world();
        let mut log = self.runtime.block_on(Appender::open(&world, &path, LogConfig::default()));
        let mut bare = Bare::start(&path.with_extension("bare"));
        let warm_up = Load { appends: load.appends / 4, ..load };
        self.timed(log.append_all(batch, warm_up, |_| {}));
        self.timed(bare.write_all(batch.bytes(), warm_up));
        let pair = |_| Pair {
            log: self.timed(log.append_all(batch, load, |_| {})),
            bare: self.timed(bare.write_all(batch.bytes(), load)),
        };
        (0..self.blocks).map(pair).collect()
    }

    fn timed(&self, work: impl Future<Output = ()>) -> Duration {
        let clock = Clock::real();
        self.runtime.block_on(work);
        clock.now().since(Moment::default())
    }

    fn one_in_flight(&self) {
        let load = Load { appends: 1000, in_flight: 1 };
        let pairs = self.pairs("one", &batch(1), load);
        let us = |took: Duration| took.as_secs_f64() * 1e6 / load.appends as f64;
        let ratio = median(pairs.iter().map(|pair| us(pair.log) / us(pair.bare)));
        let above = median(pairs.iter().map(|pair| us(pair.log) - us(pair.bare)));
        let (log, bare) =
            (median(pairs.iter().map(|pair| us(pair.log))), median(pairs.iter().map(|pair| us(pair.bare))));
        println!("append of 1 KiB, 1 in flight: {log:.0} us, bare write and sync {bare:.0} us");
        say("  ratio", ratio, "x", Limit::AtMost(1.3));
        say("  above the bare one", above, "us", Limit::AtMost(40.0));
        let (batch, hopless) = (batch(1), Hopless::start(&self.dir.join("hopless")));
        let alone = (0..self.blocks)
            .map(|_| us(self.timed(async { hopless.write_all(batch.bytes(), load.appends) })));
        println!("  the same write and sync without the hop to a thread: {:.0} us", median(alone));
    }

    fn large_batches(&self) {
        let batch = batch(256);
        let load = Load { appends: 200, in_flight: 8 };
        let pairs = self.pairs("large", &batch, load);
        let rate = |took: Duration| (load.appends * batch.size().0) as f64 / took.as_secs_f64() / 1e6;
        let (log, bare) = (
            median(pairs.iter().map(|pair| rate(pair.log))),
            median(pairs.iter().map(|pair| rate(pair.bare))),
        );
        println!("batches of 256 records, 8 in flight: {log:.0} MB/s, bare group commit {bare:.0} MB/s");
        let ratio = median(pairs.iter().map(|pair| rate(pair.log) / rate(pair.bare)));
        say("  ratio", ratio, "x", Limit::AtLeast(0.8));
    }

    /// Two logs in turns: one whose segments are so small that it rolls, and is trimmed, about once a second, and one
    /// that does neither.
    fn rolls(&self) {
        let batch = batch(1);
        let load = Load { appends: 40_000, in_flight: 64 };
        let small = LogConfig { segment_bytes: ByteSize::mib(32), ..LogConfig::default() };
        let large = LogConfig { segment_bytes: ByteSize::mib(4096), ..LogConfig::default() };
        let world = world();
        let mut rolling =
            self.runtime.block_on(Appender::open(&world, &self.dir.join("rolling"), small.clone()));
        let mut steady = self.runtime.block_on(Appender::open(&world, &self.dir.join("steady"), large));
        let kept = KEPT_SEGMENTS * small.segment_bytes.0 / batch.size().0;
        let mut rounds = Vec::new();
        for _ in 0..self.blocks {
            let start = rolling.log.end().0.saturating_sub(kept);
            rolling.log.trim(Offset(start)).expect("the log takes it");
            rounds.push((self.tail(&mut rolling, &batch, load), self.tail(&mut steady, &batch, load)));
        }
        let (with, without) =
            (median(rounds.iter().map(|round| round.0)), median(rounds.iter().map(|round| round.1)));
        println!(
            "p99.9 of appends, 64 in flight: {with:.2} ms with a roll and a trim a second, {without:.2} ms without"
        );
        say("  ratio", median(rounds.iter().map(|round| round.0 / round.1)), "x", Limit::AtMost(2.0));
    }

    /// The p99.9 in milliseconds.
    fn tail(&self, log: &mut Appender, batch: &Batch, load: Load) -> f64 {
        let mut all = Vec::new();
        self.runtime.block_on(log.append_all(batch, load, |took| all.push(took)));
        all.sort_unstable();
        all[all.len() - 1 - all.len() / 1000].as_secs_f64() * 1e3
    }
}
