//! The open loop against a partition that answers one batch at a time, in virtual time.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use partition::ids::{ByteSize, Epoch, Offset, RecordCount};
use partition::partition::{Append, Appended, Placement};
use rand::SeedableRng;

use super::*;
use crate::stats::Slipped;
use crate::workload::appends::Appends;
use crate::workload::load::{Arrivals, Rate};
use crate::workload::payload::{BatchShape, Payload};

/// When each batch was sent.
type Calls = Arc<Mutex<Vec<Moment>>>;

/// A partition that answers each batch after so long, but none before `until`.
fn stalling(clock: &Clock, takes: Duration, until: Moment, calls: &Calls) -> Outlet {
    let (clock, calls) = (clock.clone(), Arc::clone(calls));
    let answer = move |_: Append| {
        let now = clock.now();
        calls.lock().unwrap().push(now);
        let answered = clock.sleep_until(now.after(takes).max(until));
        let placed = Placement { base: Offset(0), epoch: Epoch(1) };
        async move {
            answered.await;
            Ok(Appended::Placed(placed))
        }
        .boxed()
    };
    Outlet::Whole(Arc::new(Appends(answer)))
}

/// A second of so many records a second, one a batch, on two producers that stall until then.
async fn run(rate: u32, takes_ms: u64, stall_ms: u64) -> (Block, Vec<Vec<Moment>>) {
    let clock = Clock::simulated();
    let takes = Duration::from_millis(takes_ms);
    let until = clock.now().after(Duration::from_millis(stall_ms));
    let calls = [Calls::default(), Calls::default()];
    let load = OpenLoop {
        outlets: calls.iter().map(|calls| stalling(&clock, takes, until, calls)).collect(),
        clock,
        acks: Acks::Committed,
        schedule: Schedule { rate: Rate::new(rate).unwrap(), arrivals: Arrivals::Constant, of_knee: None },
    };
    let shape = BatchShape::new(ByteSize(64), RecordCount(1)).unwrap();
    let mut source = Source::new(Payload::Numbered(shape), 1);
    let mut random = StdRng::seed_from_u64(1);
    let block = load.run(&mut source, Span(Duration::from_secs(1)), &mut random).await.unwrap();
    (block, calls.map(|calls| calls.lock().unwrap().clone()).to_vec())
}

fn ms(block: &Block, quantile: f64) -> u64 {
    block.latencies.value_at_quantile(quantile) / 1_000_000
}

#[tokio::test(start_paused = true)]
async fn batches_are_sent_by_the_schedule_whatever_the_answers_do() {
    let (block, calls) = run(100, 30, 0).await;
    // 10 ms apart, the last before the second is over; each answered 30 ms later, three or four at a time.
    assert_eq!((block.acked, calls[0].len(), calls[1].len()), (99, 50, 49));
    assert_eq!(calls[0][0].0 / 1_000_000, 10);
    assert_eq!((ms(&block, 0.5), ms(&block, 1.0)), (30, 30));
    assert_eq!(block.elapsed.as_millis(), 1000);
    let slipped = Slipped::of(&[block]).unwrap();
    assert_eq!((slipped.blocks, slipped.unsent), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stall_counts_for_each_batch_that_was_due_in_it() {
    let (block, _) = run(100, 1, 500).await;
    assert_eq!(block.acked, 99);
    // Those due in the first half second waited for its end: their latencies are even from 490 ms down.
    assert!((480..=492).contains(&ms(&block, 1.0)), "{}", ms(&block, 1.0));
    assert!((230..=260).contains(&ms(&block, 0.75)), "{}", ms(&block, 0.75));
    assert_eq!(ms(&block, 0.25), 1);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_sending_waits_and_what_is_never_sent_is_counted() {
    // 20,000 a second, none answered for two seconds: the bound is reached, and the second passes.
    let (block, calls) = run(20_000, 1, 2_000).await;
    let sent = calls.iter().map(Vec::len).sum::<usize>();
    assert_eq!(sent, OUTSTANDING_MAX);
    assert_eq!(block.acked, OUTSTANDING_MAX as u64);
    let slipped = Slipped::of(&[block]).unwrap();
    assert_eq!((slipped.blocks, slipped.unsent + sent as u64), (1, 19_999));
}

/// A client that sleeps through the end of the span sends late what was due, and drops nothing.
#[tokio::test(start_paused = true)]
async fn what_was_due_before_the_end_is_sent_even_if_that_is_late() {
    let clock = Clock::simulated();
    let calls = Calls::default();
    let load = OpenLoop {
        outlets: vec![stalling(&clock, Duration::from_millis(1), clock.now(), &calls)],
        clock: clock.clone(),
        acks: Acks::Committed,
        schedule: Schedule { rate: Rate::new(1000).unwrap(), arrivals: Arrivals::Constant, of_knee: None },
    };
    let shape = BatchShape::new(ByteSize(64), RecordCount(1)).unwrap();
    let mut source = Source::new(Payload::Numbered(shape), 1);
    let mut random = StdRng::seed_from_u64(1);
    let mut run = Box::pin(load.run(&mut source, Span(Duration::from_millis(100)), &mut random));
    assert!(futures_util::poll!(&mut run).is_pending());
    tokio::time::advance(Duration::from_millis(500)).await;
    let block = run.await.unwrap();
    let slipped = Slipped::of(std::slice::from_ref(&block)).unwrap();
    assert_eq!((block.acked, slipped.unsent, slipped.blocks), (99, 0, 1));
    assert!(ms(&block, 1.0) >= 499, "{}", ms(&block, 1.0));
}
