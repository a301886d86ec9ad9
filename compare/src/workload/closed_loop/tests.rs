//! The closed loop against a partition whose answers are scripted, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use partition::error::{AppendError, Doubt, Refusal};
use partition::ids::{ByteSize, Epoch, Offset, RecordCount};
use partition::partition::{Append, Appended, Placement};

use super::*;
use crate::workload::appends::Appends;
use crate::workload::payload::{BatchShape, Payload};

/// Loads a partition that answers the nth append after the nth delay, with the nth outcome; then always as the last one.
async fn run(
    in_flight: u32,
    records: u32,
    span_ms: u64,
    script: Vec<(u64, Result<(), AppendError>)>,
) -> (Block, usize) {
    let clock = Clock::simulated();
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = {
        let (clock, calls) = (clock.clone(), Arc::clone(&calls));
        move |append: Append| {
            assert_eq!(append.acks, Acks::Committed);
            let call = calls.fetch_add(1, Ordering::Relaxed);
            let (delay, outcome) = script[call.min(script.len() - 1)].clone();
            let placed = Placement { base: Offset(call as u64), epoch: Epoch(1) };
            let sleep = clock.sleep(Duration::from_millis(delay));
            async move {
                sleep.await;
                outcome.map(|()| Appended::Placed(placed))
            }
            .boxed()
        }
    };
    let load = ClosedLoop {
        outlets: vec![Outlet::Whole(Arc::new(Appends(answer)))],
        clock,
        acks: Acks::Committed,
        in_flight: InFlight(in_flight),
    };
    let shape = BatchShape::new(ByteSize(64), RecordCount(records)).unwrap();
    let mut source = Source::new(Payload::Numbered(shape), 1);
    let block = load.run(&mut source, Span(Duration::from_millis(span_ms))).await;
    (block, calls.load(Ordering::Relaxed))
}

fn ms(block: &Block, quantile: f64) -> u64 {
    block.latencies.value_at_quantile(quantile) / 1_000_000
}

#[tokio::test(start_paused = true)]
async fn one_in_flight_sends_the_next_when_the_last_is_answered() {
    let (block, calls) = run(1, 1, 100, vec![(10, Ok(()))]).await;
    assert_eq!((calls, block.acked, block.latencies.len()), (10, 10, 10));
    assert_eq!(block.elapsed, Duration::from_millis(100));
    assert_eq!(ms(&block, 1.0), 10);
}

#[tokio::test(start_paused = true)]
async fn pace_counts_the_pipe_filled_and_drained_once() {
    // Four at a time, 10 ms each: 400/s, whether the span ends between rounds or within one.
    for span in [100, 105] {
        let (block, _) = run(4, 1, span, vec![(10, Ok(()))]).await;
        assert!((block.acked as f64 / block.elapsed.as_secs_f64() - 400.0).abs() < 1.0, "{block:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_counted_and_batches_are_timed() {
    let (block, calls) = run(2, 5, 50, vec![(10, Ok(()))]).await;
    assert_eq!(block.acked, calls as u64 * 5);
    assert_eq!(block.latencies.len(), calls as u64);
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_measured_to_its_end() {
    let (block, _) = run(1, 1, 100, vec![(10, Ok(())), (3_000, Ok(()))]).await;
    assert_eq!(block.acked, 2);
    assert!((3_000..=3_003).contains(&ms(&block, 1.0)), "{}", ms(&block, 1.0));
    assert_eq!(block.elapsed, Duration::from_millis(3_010));
}

#[tokio::test(start_paused = true)]
async fn failed_and_unknown_are_counted_apart_and_have_no_latency() {
    let script = vec![
        (10, Ok(())),
        (10, Err(AppendError::NotAppended(Refusal::Overloaded))),
        (10, Err(AppendError::Unknown(Doubt::Timeout))),
        (10, Ok(())),
    ];
    let (block, calls) = run(1, 1, 60, script).await;
    assert_eq!((block.failed, block.unknown), (1, 1));
    assert_eq!(block.acked, calls as u64 - 2);
    assert_eq!(block.latencies.len(), block.acked);
}
