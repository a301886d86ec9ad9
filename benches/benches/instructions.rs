//! Counts the instructions of the log's hot paths under valgrind; `.ci/instructions` holds them against those of
//! `benches/instructions.txt`.
//!
//! Counts say nothing of the disk and little of the time; they show what an edit added to each append or read, which no
//! stopwatch on a shared machine does.

#![expect(missing_docs, reason = "gungraun's macros write modules and functions without any")]

use std::hint::black_box;

use benches::appends::batch;
use benches::counted::Node;
use bytes::Bytes;
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use partition::ids::{ByteSize, Epoch, Offset, ProducerEpoch, ProducerId, RecordCount, Sequence};
use partition::log::{Log, LogConfig, LogEvent, LogReader, Producers, SequenceCheck};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use tokio::sync::mpsc;

/// Records of a batch, each of 1 KiB.
const RECORDS: usize = 16;
/// Batches of one record that are appended together.
const GROUP: u64 = 64;
/// Batches of one record in the log that is opened or read.
const STORED: u64 = 2048;
const PRODUCERS: u64 = 100;
/// Too much for the bins of small blocks, and not so much that the allocator maps pages of their own for it.
const LARGE_REQUEST: usize = 96 << 10;

fn values() -> Vec<Bytes> {
    vec![Bytes::from(vec![b'x'; 1024]); RECORDS]
}

#[library_benchmark(setup = values)]
fn encode_a_batch(values: Vec<Bytes>) -> (Batch, Vec<Bytes>) {
    (BatchBuilder::of_values(0, &values), values)
}

fn bytes() -> Bytes {
    batch(RECORDS).bytes().clone()
}

#[library_benchmark(setup = bytes)]
fn check_a_batch(bytes: Bytes) -> Batch {
    Batch::parse(&bytes).expect("it is sound")
}

fn large_batch() -> Batch {
    batch(RECORDS)
}

#[library_benchmark(setup = large_batch)]
fn place_a_batch(batch: Batch) -> (Batch, Batch) {
    (batch.placed(Offset(7), Epoch(3)), batch)
}

#[library_benchmark(setup = large_batch)]
fn read_the_records_of_a_batch(batch: Batch) -> Batch {
    for record in batch.records() {
        black_box(record.expect("it is sound"));
    }
    batch
}

/// Lets the allocator sweep up what the set-up freed.
///
/// It puts that off to the first large request, which would be one of those counted: most of the count, and another with
/// each edit of the set-up's path.
fn swept<T>(ready: T) -> T {
    black_box(Vec::<u8>::with_capacity(LARGE_REQUEST));
    ready
}

/// A log that takes appends.
struct Appending {
    node: Node,
    log: Log,
    events: mpsc::UnboundedReceiver<LogEvent>,
    batch: Batch,
}

impl Appending {
    fn append(&mut self, batches: u64) {
        for _ in 0..batches {
            black_box(self.log.append(&self.batch, Epoch(1)).expect("the log takes it"));
        }
        while self.log.stored() < self.log.end() {
            let event = self.node.run(self.events.recv()).expect("the writer reports");
            self.log.observe(event);
        }
    }
}

fn appending(config: LogConfig) -> Appending {
    let node = Node::new();
    let (log, events) = node.open(config);
    let mut appending = Appending { node, log, events, batch: batch(1) };
    appending.append(GROUP);
    swept(appending)
}

fn warm() -> Appending {
    appending(LogConfig::default())
}

#[library_benchmark(setup = warm)]
fn append_one_until_it_is_stored(mut log: Appending) -> Appending {
    log.append(1);
    log
}

#[library_benchmark(setup = warm)]
fn append_a_group_until_it_is_stored(mut log: Appending) -> Appending {
    log.append(GROUP);
    log
}

/// Segments of which a few hold all, and next to nothing in memory.
fn cold() -> LogConfig {
    LogConfig { segment_bytes: ByteSize::mib(1), cache_bytes: ByteSize::kib(4), ..LogConfig::default() }
}

fn readable(config: LogConfig) -> (Appending, LogReader) {
    let mut log = appending(config);
    log.append(STORED);
    let reader = log.log.reader();
    swept((log, reader))
}

fn readable_from_files() -> (Appending, LogReader) {
    readable(cold())
}

fn read_before() -> (Appending, LogReader) {
    swept(read(readable(cold())))
}

fn readable_from_memory() -> (Appending, LogReader) {
    readable(LogConfig::default())
}

fn read((log, reader): (Appending, LogReader)) -> (Appending, LogReader) {
    let read = reader.read(Offset(STORED / 3), log.log.end(), ByteSize::kib(16));
    black_box(log.node.run(read).expect("it is sound"));
    (log, reader)
}

// The first read of a segment reads its index, too.
#[library_benchmark]
#[bench::of_a_sealed_segment(setup = readable_from_files)]
#[bench::of_the_same_again(setup = read_before)]
#[bench::of_the_cache(setup = readable_from_memory)]
fn read_16_kib(log: (Appending, LogReader)) -> (Appending, LogReader) {
    read(log)
}

fn crashed() -> Node {
    let mut log = appending(LogConfig::default());
    log.append(STORED);
    let Appending { node, log, .. } = log;
    let node = node.crashed();
    drop(log);
    swept(node)
}

#[library_benchmark(setup = crashed)]
fn recover_a_segment(node: Node) -> (Node, Log) {
    let (log, _) = node.open(LogConfig::default());
    assert_eq!(log.end().0, GROUP + STORED, "all of it is read again");
    (node, log)
}

fn sent(producer: u64, sequence: u32) -> Batch {
    let (id, epoch) = (ProducerId(producer), ProducerEpoch(0));
    let mut builder = BatchBuilder::new(0).stamped(ProducerStamp { id, epoch, sequence: Sequence(sequence) });
    builder.push_value(b"x");
    builder.build().placed(Offset(u64::from(sequence) * PRODUCERS + producer), Epoch(1))
}

fn known() -> (Producers, Vec<Batch>) {
    let mut producers = Producers::default();
    for sequence in 0..10 {
        for producer in 0..PRODUCERS {
            producers.note(&sent(producer, sequence));
        }
    }
    (producers, (0..PRODUCERS).map(|producer| sent(producer, 10)).collect())
}

// Once for each of a hundred.
#[library_benchmark(setup = known)]
fn check_and_note_what_producers_sent(
    (mut producers, batches): (Producers, Vec<Batch>),
) -> (Producers, Vec<Batch>) {
    for batch in &batches {
        let stamp = batch.producer().expect("it is stamped");
        assert_eq!(producers.check(stamp, RecordCount(1)), SequenceCheck::Next);
        producers.note(batch);
    }
    (producers, batches)
}

library_benchmark_group!(
    name = log,
    benchmarks = [
        encode_a_batch,
        check_a_batch,
        place_a_batch,
        read_the_records_of_a_batch,
        append_one_until_it_is_stored,
        append_a_group_until_it_is_stored,
        read_16_kib,
        recover_a_segment,
        check_and_note_what_producers_sent,
    ]
);

main!(
    // Copied bytes count as vector instructions, a few dozen bytes each, and not as one instruction each, as valgrind
    // counts the string instructions that the C library prefers for long copies.
    config = LibraryBenchmarkConfig::default()
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS")
        .tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = log
);
