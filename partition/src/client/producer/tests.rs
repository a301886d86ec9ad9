//! The producer against a leader that does as it is told, in virtual time.

mod doubt;
mod fake;
mod random;

use futures_util::future::join_all;

use super::*;
use crate::error::Refusal;
use crate::ids::{NodeId, ProducerEpoch, ProducerId, RecordCount, Sequence};
use crate::partition::Acks;
use crate::record::Packing;
use crate::simulation::{self, Simulation};
use fake::{Fake, LATENCY, Manner};

const CLIENT: NodeId = NodeId(1000);
const SECOND: Duration = Duration::from_secs(1);

fn not_leader() -> Refusal {
    Refusal::NotLeader { leader: None }
}

/// One record a batch, at once.
fn one_by_one() -> ProducerConfig {
    ProducerConfig { linger: Duration::ZERO, batch_records: RecordCount(1), ..ProducerConfig::default() }
}

/// A producer for a leader with this script.
fn start(
    simulation: &Simulation,
    script: impl IntoIterator<Item = Manner>,
    config: &ProducerConfig,
) -> (Producer, Fake) {
    let world = simulation.world(CLIENT);
    let fake = Fake::new(&world, script);
    (Producer::start(&world, Arc::new(fake.clone()), config).unwrap(), fake)
}

fn submit(producer: &Producer, values: &[&'static str]) -> Vec<Receipt> {
    values.iter().map(|value| producer.try_send(NewRecord::of_value(*value)).unwrap()).collect()
}

async fn fates(receipts: Vec<Receipt>) -> Vec<Fate> {
    join_all(receipts).await
}

/// Each of these fates, as the offset or as whether it may appear.
fn told(fates: &[Fate]) -> Vec<Result<u64, &'static str>> {
    let text = |error: &SendError| if error.may_appear() { "unknown" } else { "not appended" };
    fates.iter().map(|fate| fate.as_ref().map(|there| there.offset().unwrap().0).map_err(text)).collect()
}

#[test]
fn records_that_come_together_go_together_and_each_is_told_its_offset() {
    simulation::run(1, async |simulation| {
        let (producer, fake) = start(&simulation, [], &ProducerConfig::default());
        let clock = simulation.clock();
        let started = clock.now();
        let first = submit(&producer, &["a", "b", "c"]);
        assert_eq!(told(&fates(first).await), [Ok(0), Ok(1), Ok(2)]);
        assert_eq!(clock.now().since(started), ProducerConfig::default().linger + LATENCY);
        assert_eq!(told(&fates(submit(&producer, &["d"])).await), [Ok(3)]);
        assert_eq!(fake.log().len(), 2);
        assert_eq!(fake.values(), ["a", "b", "c", "d"]);
    });
}

#[test]
fn a_full_batch_does_not_linger_and_no_batch_is_larger_than_asked() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { linger: SECOND, batch_records: RecordCount(2), ..Default::default() };
        let (producer, fake) = start(&simulation, [], &config);
        let clock = simulation.clock();
        submit(&producer, &["first"]);
        producer.flush().await;
        let started = clock.now();
        fates(submit(&producer, &["a", "b", "c", "d"])).await;
        assert_eq!(clock.now().since(started), LATENCY);
        assert_eq!(fake.log().iter().map(|batch| batch.record_count().0).collect::<Vec<_>>(), [1, 2, 2]);
        let config = ProducerConfig { linger: SECOND, batch_bytes: ByteSize(1000), ..Default::default() };
        let (producer, fake) = start(&simulation, [], &config);
        let record = |length| NewRecord::of_value(vec![b'x'; length]);
        let receipts = [400, 400, 400, 5000, 400].map(|length| producer.try_send(record(length)).unwrap());
        producer.flush().await;
        assert!(fates(receipts.into()).await.iter().all(Result::is_ok));
        let counts: Vec<_> = fake.log().iter().map(|batch| batch.record_count().0).collect();
        assert_eq!(counts, [2, 1, 1, 1], "what is larger goes alone");
    });
}

#[test]
fn while_no_more_may_leave_the_open_batch_grows() {
    simulation::run(1, async |simulation| {
        let config =
            ProducerConfig { linger: Duration::ZERO, in_flight: InFlight::ONE, ..Default::default() };
        let (producer, fake) = start(&simulation, [], &config);
        let first = producer.try_send(NewRecord::of_value("first")).unwrap();
        simulation.clock().sleep(LATENCY / 2).await;
        let more = submit(&producer, &["a", "b", "c"]);
        assert_eq!(told(&fates(more).await), [Ok(1), Ok(2), Ok(3)]);
        first.await.unwrap();
        assert_eq!(fake.log().len(), 2);
    });
}

#[test]
fn a_record_keeps_its_key_time_and_headers_however_it_is_packed() {
    simulation::run(1, async |simulation| {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Snappy, Packing::Lz4, Packing::Zstd] {
            let config = ProducerConfig { packing, ..Default::default() };
            let (producer, fake) = start(&simulation, [], &config);
            let headers = vec![crate::record::Header { key: "h".to_owned(), value: None }];
            let record = NewRecord {
                key: Some("key".into()),
                value: Some("value".repeat(50).into()),
                time_ms: Some(12_345),
                headers,
            };
            producer.try_send(record.clone()).unwrap().await.unwrap();
            let batch = fake.log().remove(0);
            assert_eq!(batch.attributes().compression(), packing.compression());
            assert_eq!(batch.max_timestamp_ms(), 12_345);
            let there = batch.unpacked().unwrap().next().unwrap().unwrap();
            let found = NewRecord {
                key: there.key,
                value: there.value,
                time_ms: Some(there.time_ms),
                headers: there.headers,
            };
            assert_eq!(found, record);
        }
    });
}

#[test]
fn a_full_buffer_makes_the_caller_wait_or_tells_it() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig {
            batch_bytes: ByteSize(100),
            buffer: ByteSize(200),
            room_wait: SECOND,
            ..one_by_one()
        };
        let (producer, fake) = start(&simulation, [], &config);
        fake.behaves([], Manner::Refuses(not_leader()));
        let record = || NewRecord::of_value(vec![b'x'; 36]);
        let held = [producer.send(record()).await.unwrap(), producer.send(record()).await.unwrap()];
        let full = SubmitError::NoRoom { buffer: ByteSize(200) };
        assert_eq!(producer.try_send(record()).unwrap_err(), full);
        let started = simulation.clock().now();
        assert_eq!(producer.send(record()).await.unwrap_err(), full);
        assert_eq!(simulation.clock().now().since(started), SECOND);
        let (waited, ()) = futures_util::join!(producer.send(record()), async {
            fake.behaves([], Manner::Takes);
        });
        assert_eq!(told(&fates(held.into()).await), [Ok(0), Ok(1)]);
        assert_eq!(told(&[waited.unwrap().await]), [Ok(2)]);
        let size = NewRecord::of_value(vec![0; 200]).size();
        let too_large = SubmitError::TooLarge { size, limit: ByteSize(200) };
        assert_eq!(producer.try_send(NewRecord::of_value(vec![0; 200])).unwrap_err(), too_large);
    });
}

#[test]
fn a_flush_lets_nothing_linger_and_a_closed_or_dropped_producer_delivers_what_it_has() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { linger: SECOND * 10, ..Default::default() };
        let (producer, fake) = start(&simulation, [Manner::LosesAnswer], &config);
        let started = simulation.clock().now();
        let receipts = submit(&producer, &["a"]);
        producer.flush().await;
        assert_eq!(told(&fates(receipts).await), [Ok(0)]);
        submit(&producer, &["b"]);
        producer.close().await;
        assert_eq!(fake.values(), ["a", "b"]);
        let (producer, fake) = start(&simulation, [], &config);
        let receipts = submit(&producer, &["c"]);
        drop(producer);
        assert_eq!(told(&fates(receipts).await), [Ok(0)]);
        assert_eq!(fake.values(), ["c"]);
        assert!(simulation.clock().now().since(started) < SECOND);
    });
}

#[test]
fn a_stopped_node_leaves_records_in_doubt_and_takes_no_more() {
    simulation::run(1, async |simulation| {
        let (producer, _fake) = start(&simulation, [], &ProducerConfig::default());
        let receipts = submit(&producer, &["a"]);
        simulation.crash(CLIENT).await;
        assert_eq!(fates(receipts).await, [Err(SendError::Unknown(Failure::Stopped))]);
        assert_eq!(producer.try_send(NewRecord::of_value("b")).unwrap_err(), SubmitError::Closed);
        producer.close().await;
    });
}

#[test]
fn a_producer_that_could_not_work_is_refused() {
    simulation::run(1, async |simulation| {
        let world = simulation.world(CLIENT);
        let fake: Arc<dyn Partition> = Arc::new(Fake::new(&world, []));
        let none = ProducerConfig { batch_records: RecordCount(0), ..Default::default() };
        let small = ProducerConfig { buffer: ByteSize(1), ..Default::default() };
        let late = ProducerConfig { delivery: Duration::ZERO, ..Default::default() };
        for config in [none, small, late] {
            assert!(Producer::start(&world, Arc::clone(&fake), &config).is_err(), "{config:?}");
        }
        assert_eq!((InFlight::new(0), InFlight::new(6)), (None, None));
    });
}
