//! Cases: what a read may return, and when.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future;

use super::stage::{REQUEST, Stage, placement, read_range, values};
use crate::error::ReadError;
use crate::ids::{ByteSize, Offset};
use crate::partition::{Acks, Isolation, Read};

fn read(from: Offset, isolation: Isolation, wait: Duration) -> Read {
    Read { from, max_bytes: ByteSize::kib(64), isolation, wait }
}

/// While appends go on, no committed read returns what lies at or above the high watermark it came with, and that one
/// never falls at the leader.
pub(super) async fn a_committed_read_stays_below_the_high_watermark(stage: &mut Stage<'_>) {
    let client = stage.client();
    let start = client.tail(REQUEST).await.expect("a tail").offset;
    let values = values("seen", 100);
    let writing = stage.append_all(&values);
    let reading = async {
        let (mut from, mut high, mut seen) = (start, Offset(0), Vec::new());
        while seen.len() < values.len() {
            let fetched = client.read(read(from, Isolation::Committed, REQUEST)).await.expect("a read");
            assert!(fetched.high_watermark >= high, "it fell from {high} to {}", fetched.high_watermark);
            high = fetched.high_watermark;
            for batch in fetched.batches.verified().expect("what is served is sound") {
                assert!(batch.next_offset() <= high, "{batch:?} with a high watermark of {high}");
                from = from.max(batch.next_offset());
            }
            let records = fetched.batches.values_from(start).expect("records can be decoded");
            seen.extend(records.into_iter().map(|(_, value)| value));
        }
        seen
    };
    let (_, seen) = future::join(writing, reading).await;
    assert_eq!(seen, values);
}

/// A linearizable read, and a tail, that begin after an acknowledgement see what was acknowledged.
pub(super) async fn linearizable_reads_and_tails_see_all_that_was_acknowledged(stage: &mut Stage<'_>) {
    let client = stage.client();
    for value in values("told", 20) {
        let placed =
            placement(client.append(stage.append_of(std::slice::from_ref(&value), Acks::Committed)).await);
        let tail = client.tail(REQUEST).await.expect("a tail");
        assert!(tail.offset > placed.base, "{tail:?} after {placed:?}");
        assert!(tail.epoch >= placed.epoch, "{tail:?} after {placed:?}");
        let seen = client.read(read(placed.base, Isolation::Linearizable, Duration::ZERO)).await;
        let seen = seen.expect("a read").batches.values_from(placed.base).expect("records");
        assert_eq!(seen, [(placed.base, value)]);
    }
}

/// A read at the end of the log waits, and returns as soon as there is something, not at its deadline.
pub(super) async fn a_read_waits_for_data_and_returns_soon_after_it_came(stage: &mut Stage<'_>) {
    const WAIT: Duration = Duration::from_secs(20);
    let client = stage.client();
    for (isolation, value) in
        [(Isolation::Uncommitted, "a"), (Isolation::Committed, "b"), (Isolation::Linearizable, "c")]
    {
        let started = stage.clock.now();
        let tail = client.tail(REQUEST).await.expect("a tail").offset;
        let waiting = client.read(read(tail, isolation, WAIT));
        let append = stage.append_of(&[Bytes::from_static(value.as_bytes())], Acks::Committed);
        let appending = async {
            // The read has been waiting for a while when the data comes.
            stage.clock.sleep(Duration::from_millis(100)).await;
            placement(client.append(append).await)
        };
        let (fetched, placed) = future::join(waiting, appending).await;
        let records = fetched.expect("a read").batches.values_from(tail).expect("records");
        assert_eq!(records, [(placed.base, Bytes::from(value))], "{isolation:?}");
        let took = stage.clock.now().since(started);
        assert!(took < WAIT / 2, "{isolation:?}: {took:?}, although the data came early");
    }
}

/// A read that finds nothing until its deadline returns nothing, then, and is no error.
pub(super) async fn a_read_without_data_returns_empty_at_its_deadline(stage: &mut Stage<'_>) {
    const WAIT: Duration = Duration::from_millis(200);
    let client = stage.client();
    stage.append_all(&values("there", 1)).await;
    let tail = client.tail(REQUEST).await.expect("a tail").offset;
    for (wait, least) in [(Duration::ZERO, Duration::ZERO), (WAIT, WAIT / 2)] {
        let started = stage.clock.now();
        let fetched = client.read(read(tail, Isolation::Committed, wait)).await.expect("a read");
        let took = stage.clock.now().since(started);
        assert!(fetched.batches.is_empty());
        assert_eq!(fetched.high_watermark, tail);
        assert!(took >= least && took < REQUEST, "a wait of {wait:?} took {took:?}");
    }
}

/// A read beyond the end, or below the start, is told what there is.
pub(super) async fn a_read_outside_the_log_is_out_of_range(stage: &mut Stage<'_>) {
    let client = stage.client();
    let placed = stage.append_all(&values("kept", 5)).await;
    let last = *placed.keys().last().expect("five were appended");
    let beyond = last.next().next();
    let outcome = client.read(read(beyond, Isolation::Committed, Duration::ZERO)).await;
    match outcome {
        Err(ReadError::OutOfRange { asked, end, .. }) => assert_eq!((asked, end), (beyond, last.next())),
        other => panic!("beyond the end: {other:?}"),
    }
    let start = client.trim(last, REQUEST).await.expect("a trim");
    assert_eq!(start, last);
    let below = Offset(last.0 - 1);
    let outcome = client.read(read(below, Isolation::Committed, Duration::ZERO)).await;
    match outcome {
        Err(ReadError::OutOfRange { asked, start, .. }) => assert_eq!((asked, start), (below, last)),
        other => panic!("below the start: {other:?}"),
    }
}

/// A batch larger than the bytes asked for is returned all the same: a reader never stands still. And a read in many
/// small steps sees what one large read sees.
pub(super) async fn a_read_returns_at_least_one_batch_however_little_is_asked(stage: &mut Stage<'_>) {
    let client = stage.client();
    let large = Bytes::from(vec![b'y'; 200_000]);
    let placed = stage.append_all(&[large.clone(), Bytes::from_static(b"small"), large]).await;
    let first = *placed.keys().next().expect("three were appended");
    let little = Read { max_bytes: ByteSize(1), ..read(first, Isolation::Committed, REQUEST) };
    let fetched = client.read(little).await.expect("a read");
    let batches = fetched.batches.verified().expect("sound");
    assert_eq!(batches.iter().map(|batch| batch.base_offset()).collect::<Vec<_>>(), [first]);
    let end = client.tail(REQUEST).await.expect("a tail").offset;
    let all = read_range(&*client, first, end, Isolation::Committed).await;
    assert_eq!(all, placed.into_iter().collect::<Vec<_>>());
}
