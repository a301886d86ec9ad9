//! The consumer before replicas that do as they are told, in virtual time.

mod shelf;

use futures_util::future;
use proptest::prelude::*;

use super::*;
use crate::ids::{ByteSize, NodeId, RecordCount};
use crate::record::Packing;
use crate::simulation::{self, Simulation};
use crate::world::World;
use shelf::Shelf;

const CLIENT: NodeId = NodeId(1000);
const SECOND: Duration = Duration::from_secs(1);

fn shelf(simulation: &Simulation) -> (World, Shelf) {
    let world = simulation.world(CLIENT);
    let shelf = Shelf::new(&world);
    (world, shelf)
}

fn consumer(world: &World, shelf: &Shelf, config: ConsumerConfig) -> Consumer {
    Consumer::new(&world.clock, Arc::new(shelf.clone()), config)
}

/// The offsets of the next so many records.
async fn offsets(consumer: &mut Consumer, count: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    while offsets.len() < count {
        match consumer.next().await.unwrap() {
            Polled::Record(ConsumedRecord { record, .. }) => {
                assert_eq!(record.value.as_deref(), Some(format!("v{}", record.offset).as_bytes()));
                offsets.push(record.offset.0);
            }
            skipped @ Polled::Skipped { .. } => panic!("{skipped:?}"),
        }
    }
    offsets
}

fn at(offset: u64) -> ConsumerConfig {
    ConsumerConfig { start: Start::At(Offset(offset)), ..ConsumerConfig::default() }
}

#[test]
fn it_begins_inside_a_batch_skips_control_batches_and_unpacks_what_is_packed() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        shelf.add(4, Packing::Plain);
        shelf.add_control();
        shelf.add(3, Packing::Lz4);
        shelf.add_control();
        shelf.add(1, Packing::Gzip);
        let mut consumer = consumer(&world, &shelf, at(2));
        assert_eq!(offsets(&mut consumer, 6).await, [2, 3, 5, 6, 7, 9]);
        assert_eq!(consumer.position(), Some(Offset(10)));
        shelf.add_control();
        shelf.add(1, Packing::Zstd);
        assert_eq!(offsets(&mut consumer, 1).await, [11]);
    });
}

#[test]
fn the_next_read_is_on_its_way_while_records_are_worked_on_and_no_more_than_that() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        for _ in 0..10 {
            shelf.add(2, Packing::Plain);
        }
        let config = ConsumerConfig { fetch: ByteSize(1), ..at(0) };
        let mut consumer = consumer(&world, &shelf, config);
        let clock = simulation.clock();
        assert_eq!(offsets(&mut consumer, 1).await, [0]);
        clock.sleep(SECOND).await;
        assert_eq!(shelf.reads_from(), [0, 2], "one read of at least a batch, and one ahead");
        let started = clock.now();
        assert_eq!(offsets(&mut consumer, 2).await, [1, 2]);
        assert_eq!(clock.now(), started, "it was there already");
        assert_eq!(shelf.reads_from(), [0, 2, 4]);
    });
}

#[test]
fn latest_is_the_end_when_the_consumer_was_made() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        shelf.add(3, Packing::Plain);
        let config = ConsumerConfig { start: Start::Latest, ..ConsumerConfig::default() };
        let mut consumer = consumer(&world, &shelf, config);
        shelf.add(2, Packing::Plain);
        assert_eq!(offsets(&mut consumer, 2).await, [3, 4]);
    });
}

#[test]
fn what_is_trimmed_is_an_error_or_a_gap_or_nothing_that_anybody_missed() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        for _ in 0..5 {
            shelf.add(2, Packing::Plain);
        }
        let little =
            |trimmed, start| ConsumerConfig { fetch: ByteSize(1), trimmed, start, ..Default::default() };
        let mut failing = consumer(&world, &shelf, little(Trimmed::Fail, Start::Earliest));
        let mut going_on = consumer(&world, &shelf, little(Trimmed::GoOn, Start::Earliest));
        assert_eq!(offsets(&mut failing, 1).await, [0]);
        assert_eq!(offsets(&mut going_on, 1).await, [0]);
        simulation.clock().sleep(SECOND).await;
        shelf.trim(Offset(7));
        // What had been fetched is still returned.
        assert_eq!(offsets(&mut failing, 3).await, [1, 2, 3]);
        assert_eq!(offsets(&mut going_on, 3).await, [1, 2, 3]);
        let trimmed = ConsumeError::Trimmed { position: Offset(4), start: Offset(7) };
        assert_eq!(failing.next().await, Err(trimmed.clone()));
        assert_eq!(failing.next().await, Err(trimmed), "it stays an error until somebody decides");
        failing.seek(Offset(8));
        assert_eq!(offsets(&mut failing, 2).await, [8, 9]);
        let skipped = Polled::Skipped { from: Offset(4), to: Offset(7) };
        assert_eq!(going_on.next().await, Ok(skipped));
        assert_eq!(offsets(&mut going_on, 3).await, [7, 8, 9]);
        let mut earliest = consumer(&world, &shelf, little(Trimmed::Fail, Start::Earliest));
        assert_eq!(offsets(&mut earliest, 3).await, [7, 8, 9]);
    });
}

#[test]
fn c16_s15_a_new_leader_that_does_not_know_yet_what_is_committed_is_waited_for() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        shelf.add(5, Packing::Plain);
        let mut consumer = consumer(&world, &shelf, at(0));
        assert_eq!(offsets(&mut consumer, 5).await, [0, 1, 2, 3, 4]);
        // The next leader has all of it, and knows of less.
        shelf.add(1, Packing::Plain);
        shelf.knows(Offset(3));
        let (more, ()) = future::join(offsets(&mut consumer, 1), async {
            simulation.clock().sleep(SECOND).await;
            shelf.fails([ReadError::NotAvailable, ReadError::NotLeader { leader: None }]);
            shelf.knows(Offset(6));
        })
        .await;
        assert_eq!(more, [5]);
    });
}

#[test]
fn who_is_not_served_is_told_and_goes_on_where_it_was() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        shelf.add(2, Packing::Plain);
        let config = ConsumerConfig { patience: SECOND, ..at(0) };
        let mut consumer = consumer(&world, &shelf, config);
        assert_eq!(offsets(&mut consumer, 2).await, [0, 1]);
        shelf.knows(Offset(0));
        let last = ReadError::OutOfRange { asked: Offset(2), start: Offset(0), end: Offset(0) };
        let started = simulation.clock().now();
        let unserved = ConsumeError::Unserved { patience: SECOND, last };
        assert_eq!(consumer.next().await, Err(unserved));
        assert!(simulation.clock().now().since(started) < SECOND * 2);
        shelf.add(1, Packing::Plain);
        assert_eq!(offsets(&mut consumer, 1).await, [2]);
    });
}

#[test]
fn a_dropped_wait_loses_nothing() {
    simulation::run(1, async |simulation| {
        let (world, shelf) = shelf(&simulation);
        let mut consumer = consumer(&world, &shelf, at(0));
        let clock = simulation.clock();
        for number in 0..20 {
            shelf.add(1, Packing::Plain);
            let mut seen = Vec::new();
            while seen.is_empty() {
                let waited = clock.timeout(Duration::from_micros(700), offsets(&mut consumer, 1)).await;
                seen = waited.unwrap_or_default();
            }
            assert_eq!(seen, [number]);
        }
    });
}

#[test]
fn damage_is_never_returned_and_read_again_elsewhere() {
    simulation::run(1, async |simulation| {
        let (world, leader) = shelf(&simulation);
        let (_, replica) = shelf(&simulation);
        for shelf in [&leader, &replica] {
            shelf.add(2, Packing::Plain);
            shelf.add(2, Packing::Plain);
        }
        replica.damage_last();
        let source = Source::Replica(Arc::new(replica.clone()));
        let mut consumer = consumer(&world, &leader, ConsumerConfig { source, ..at(0) });
        assert_eq!(offsets(&mut consumer, 4).await, [0, 1, 2, 3]);
        assert_eq!(leader.reads_from(), [2, 4]);
    });
}

/// KIP-392.
#[test]
fn c15_c18_a_chosen_replica_serves_what_it_knows_to_be_committed_and_the_leader_when_it_cannot() {
    simulation::run(1, async |simulation| {
        let (world, leader) = shelf(&simulation);
        let (_, replica) = shelf(&simulation);
        for shelf in [&leader, &replica] {
            for _ in 0..8 {
                shelf.add(1, Packing::Plain);
            }
        }
        replica.knows(Offset(5));
        let source = Source::Replica(Arc::new(replica.clone()));
        let config = ConsumerConfig { source, fetch: ByteSize(1), ..at(0) };
        let mut consumer = consumer(&world, &leader, config);
        assert_eq!(offsets(&mut consumer, 5).await, [0, 1, 2, 3, 4]);
        let clock = simulation.clock();
        let waited = clock.timeout(SECOND * 3, offsets(&mut consumer, 1)).await;
        assert!(waited.is_err(), "the replica holds more, but does not know that it is committed");
        assert_eq!(leader.reads_from(), [0; 0]);
        assert!(replica.isolations().iter().all(|isolation| *isolation == Isolation::Committed));
        // The replica is lost: the leader serves.
        replica.fails(vec![ReadError::Unreachable("gone".to_owned()); 200]);
        assert_eq!(offsets(&mut consumer, 3).await, [5, 6, 7]);
        assert!(leader.isolations().iter().all(|isolation| *isolation == Isolation::Committed));
        // It comes back behind the consumer, which does not go back with it.
        replica.fails([]);
        let waited = clock.timeout(SECOND * 20, offsets(&mut consumer, 1)).await;
        assert!(waited.is_err(), "there is nothing new");
        for shelf in [&leader, &replica] {
            shelf.add(1, Packing::Plain);
        }
        assert_eq!(offsets(&mut consumer, 1).await, [8]);
    });
}

fn trouble() -> impl Strategy<Value = Option<ReadError>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(ReadError::NotAvailable)),
        1 => Just(Some(ReadError::NotLeader { leader: None })),
        1 => Just(Some(ReadError::Unreachable("on purpose".to_owned()))),
        1 => Just(Some(ReadError::Damaged { at: Offset(0), what: "on purpose".to_owned() })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_record_comes_once_and_in_order_whatever_fails(
        counts in prop::collection::vec(0_u32..4, 1..30),
        troubles in prop::collection::vec(trouble(), 0..60),
        fetch in 1_u64..600,
        from in 0_u64..5,
        known in 0_u64..20,
    ) {
        simulation::run(1, async |simulation| {
            let (world, leader) = shelf(&simulation);
            let (_, replica) = shelf(&simulation);
            let mut expected = Vec::new();
            for shelf in [&leader, &replica] {
                for count in &counts {
                    match RecordCount(*count) {
                        RecordCount(0) => shelf.add_control(),
                        RecordCount(count) => shelf.add(count, Packing::Plain),
                    }
                }
                expected = shelf.offsets_from(Offset(from));
            }
            let end = leader.end();
            replica.knows(end.min(Offset(known)));
            replica.fails_at(troubles.clone());
            leader.fails_at(troubles);
            let source = Source::Replica(Arc::new(replica.clone()));
            let start = Start::At(Offset(from).min(end));
            let config = ConsumerConfig { source, fetch: ByteSize(fetch), start, ..Default::default() };
            let mut consumer = consumer(&world, &leader, config);
            let reading = offsets(&mut consumer, expected.len());
            let (seen, ()) = future::join(reading, async {
                simulation.clock().sleep(SECOND * 3).await;
                replica.knows(end);
            }).await;
            assert_eq!(seen, expected);
        });
    }
}
