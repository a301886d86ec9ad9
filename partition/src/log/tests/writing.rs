//! Group commit, the cache, poisoning, limits.

use super::producers::UNDO_BATCHES;
use super::*;
use crate::error::Refusal;
use crate::ids::{Ordinal, ProducerEpoch, ProducerId, RecordCount, Sequence};
use crate::partition::Placement;
use crate::record::ProducerStamp;

#[tokio::test(start_paused = true)]
async fn appends_that_wait_together_cost_one_sync() {
    let mut bench = Bench::new(LogConfig::default()).await;
    let before = bench.world.writers.totals().syncs;
    for value in ["a", "b", "c", "d"] {
        bench.append(1, &[value]);
    }
    bench.settle().await;
    assert_eq!(bench.world.writers.totals().syncs - before, 1);
    let bytes = 4 * batch(&["a"]).size().0;
    assert_eq!(bench.world.writers.totals().bytes, bytes);
}

#[tokio::test(start_paused = true)]
async fn a_lone_append_takes_one_write_and_one_sync() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["first of an epoch"]);
    bench.settle().await;
    let start = bench.world.clock.now();
    bench.append(1, &["a"]);
    bench.settle().await;
    let took = bench.world.clock.now().since(start);
    // The timers of the virtual clock have a grain of one millisecond.
    assert!(took <= Duration::from_millis(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cached_log_reports_after_the_write_and_never_syncs_an_append() {
    let config = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    bench.append(1, &["a"]);
    bench.settle().await;
    assert_eq!(bench.world.writers.totals().syncs, 0);
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(0), "written is not durable");
}

#[tokio::test(start_paused = true)]
async fn an_append_is_readable_at_once_and_stored_later() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a", "b"]);
    assert_eq!((bench.log.end(), bench.log.stored()), (Offset(2), Offset(0)));
    assert_eq!(bench.contents().await.len(), 2);
    let event = bench.event().await;
    assert_eq!(event, LogEvent::Stored { generation: bench.log.generation(), to: Offset(2) });
    assert_eq!(bench.log.stored(), Offset(2));
}

#[tokio::test(start_paused = true)]
async fn what_left_the_cache_is_read_from_the_file() {
    let mut bench = Bench::new(small()).await;
    for number in 0..40 {
        bench.append(1 + number / 10, &[&format!("value {number}")]);
        bench.settle().await;
    }
    let reader = bench.log.reader();
    let cached = reader.read_cached(Offset(3), Offset(40), ByteSize(100)).unwrap();
    assert!(matches!(cached, CacheRead::Miss), "{cached:?}");
    let contents = bench.contents().await;
    assert_eq!(contents.len(), 40);
    assert_eq!(contents[17], (Offset(17), Epoch(2), "value 17".to_owned()));
    for first in [0, 13, 39] {
        let batches = reader.read_ordinals(Ordinal(first)..Ordinal(40), ByteSize(300)).await.unwrap();
        assert_eq!(batches[0].base_offset(), Offset(first));
        assert!(batches.len() <= 4);
    }
    assert!(matches!(
        reader.read_cached(Offset(41), Offset(50), ByteSize(1)),
        Err(LogError::OutOfRange { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_where_it_was_told_to() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a", "b"]);
    bench.append(1, &["c"]);
    let reader = bench.log.reader();
    let ends = |until| {
        let reader = reader.clone();
        async move {
            let batches = reader.read(Offset(1), Offset(until), ByteSize::mib(1)).await.unwrap();
            batches.iter().last().map(|batch| batch.unwrap().next_offset())
        }
    };
    assert_eq!(ends(1).await, None);
    assert_eq!(ends(2).await, Some(Offset(2)));
    assert_eq!(ends(3).await, Some(Offset(3)));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_writer_is_bounded() {
    let config = LogConfig { pending_bytes_max: ByteSize(200), ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    bench.append(1, &["a"]);
    bench.append(1, &["b"]);
    assert_eq!(bench.log.append(&batch(&["c"]), Epoch(1)), Err(LogError::Overloaded));
    bench.settle().await;
    bench.append(1, &["c"]);
}

#[tokio::test(start_paused = true)]
async fn h08_placed_batches_must_follow_the_log_end() {
    let mut bench = Bench::new(LogConfig::default()).await;
    let placed = |base, epoch| batch(&["x"]).placed(Offset(base), Epoch(epoch));
    assert_eq!(bench.log.append_placed(&[placed(0, 2), placed(1, 3)]), Ok(Offset(2)));
    let gap = |expected, found| Err(LogError::Gap { expected: Offset(expected), found: Offset(found) });
    assert_eq!(bench.log.append_placed(&[placed(2, 3), placed(4, 3)]), gap(3, 4));
    assert_eq!(bench.log.append_placed(&[placed(2, 2)]), gap(2, 2));
    assert_eq!(bench.log.end(), Offset(2), "a refused run was appended in part");
}

/// A batch of one record.
fn stamped(sequence: u32) -> Batch {
    let (id, epoch) = (ProducerId(7), ProducerEpoch(0));
    let mut builder = BatchBuilder::new(0).stamped(ProducerStamp { id, epoch, sequence: Sequence(sequence) });
    builder.push_value(b"x");
    builder.build()
}

fn check(bench: &Bench, sequence: u32) -> SequenceCheck {
    bench.log.producers().check(stamped(sequence).producer().unwrap(), RecordCount(1))
}

#[tokio::test(start_paused = true)]
async fn h10_a_producer_is_known_after_a_cut_deeper_than_can_be_taken_back() {
    let config = LogConfig { segment_bytes: ByteSize::kib(256), ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    for sequence in 0..u32::try_from(UNDO_BATCHES).unwrap() + 50 {
        bench.log.append(&stamped(sequence), Epoch(1)).unwrap();
    }
    bench.log.truncate(Offset(30)).unwrap();
    assert_eq!(check(&bench, 30), SequenceCheck::Refused(Refusal::Overloaded), "not known yet");
    while !matches!(bench.event().await, LogEvent::Truncated { .. }) {}
    assert_eq!(check(&bench, 30), SequenceCheck::Next);
    let placement = Placement { base: Offset(29), epoch: Epoch(1) };
    assert_eq!(check(&bench, 29), SequenceCheck::Duplicate { placement, end: Offset(30) });
}
