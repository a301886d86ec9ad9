//! What the log adds to write and fdatasync: appends of 1 KiB until they are stored, one and 64 in flight.
//!
//! `bare` goes through the same hop (a thread and back) to a file of zeros, with a group commit of its own.

use std::time::Duration;

use benches::appends::{Appender, Load, batch, world};
use benches::bare::Bare;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use partition::clock::{Clock, Moment};
use partition::log::LogConfig;
use tokio::runtime::{Builder, Runtime};

const IN_FLIGHT: [u64; 2] = [1, 64];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn timed(runtime: &Runtime, work: impl Future<Output = ()>) -> Duration {
    let clock = Clock::real();
    runtime.block_on(work);
    clock.now().since(Moment::default())
}

fn appends(criterion: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a disk");
    let runtime = runtime();
    let batch = batch(1);
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(4));
    for in_flight in IN_FLIGHT {
        let path = dir.path().join(format!("log-{in_flight}"));
        let mut log = runtime.block_on(Appender::open(&world(), &path, LogConfig::default()));
        group.bench_function(BenchmarkId::new("log", in_flight), |bencher| {
            bencher.iter_custom(|appends| {
                timed(&runtime, log.append_all(&batch, Load { appends, in_flight }, |_| {}))
            });
        });
        let mut bare = Bare::start(&dir.path().join(format!("bare-{in_flight}")));
        group.bench_function(BenchmarkId::new("bare", in_flight), |bencher| {
            bencher.iter_custom(|appends| {
                timed(&runtime, bare.write_all(batch.bytes(), Load { appends, in_flight }))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, appends);
criterion_main!(benches);
