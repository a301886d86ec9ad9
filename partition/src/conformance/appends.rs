//! Cases: what an append does, and what it is told.

use bytes::Bytes;
use futures_util::future;

use super::stage::{REQUEST, Stage, placement, values};
use crate::error::{AppendError, Refusal};
use crate::ids::RecordCount;
use crate::partition::{Acks, Append, Appended};
use crate::record::{BatchBuilder, ControlKind};

/// Each batch lies where the one before it ends, and its records come back in their order, byte for byte.
pub(super) async fn appends_lie_one_after_another_and_are_read_back_whole(stage: &mut Stage<'_>) {
    let client = stage.client();
    let mut expected = Vec::new();
    let mut next = None;
    for round in 0..10 {
        let values = values(&format!("round {round}"), 1 + round % 4);
        let placed = placement(client.append(stage.append_of(&values, Acks::Committed)).await);
        assert_eq!(*next.get_or_insert(placed.base), placed.base, "a gap or an overlap");
        let mut offset = placed.base;
        for value in values {
            expected.push((offset, value));
            offset = offset.next();
        }
        next = Some(offset);
    }
    assert_eq!(stage.read_all().await, expected);
    assert_eq!(client.tail(REQUEST).await.expect("a tail").offset, next.expect("rounds were made"));
}

/// Appends that are submitted together, by one caller, lie in the order in which he submitted them.
pub(super) async fn the_order_of_calls_is_the_order_of_appends(stage: &mut Stage<'_>) {
    // One first, so that the leader is known: the order is promised for the steady state.
    stage.append_all(&values("first", 1)).await;
    let client = stage.client();
    let values = values("together", 64);
    let calls = values
        .iter()
        .map(|value| client.append(stage.append_of(std::slice::from_ref(value), Acks::Committed)));
    let calls: Vec<_> = calls.collect();
    let placed: Vec<_> = future::join_all(calls).await.into_iter().map(placement).collect();
    for pair in placed.windows(2) {
        assert_eq!(pair[1].base, pair[0].base.plus(RecordCount(1)), "not in the order of calls");
    }
    let records = stage.read_all().await;
    let read: Vec<_> = records.iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(read[1..], values);
}

/// `Nobody` is told nothing and `Leader` and `Committed` are told the place; all three are in the log by and by.
pub(super) async fn each_acknowledgement_is_given_as_asked(stage: &mut Stage<'_>) {
    let client = stage.client();
    let append = |value: &'static str, acks| {
        client.append(stage.append_of(&[Bytes::from_static(value.as_bytes())], acks))
    };
    let committed = placement(append("committed", Acks::Committed).await);
    let led = placement(append("led", Acks::Leader).await);
    assert!(led.base > committed.base);
    assert_eq!(append("unheard", Acks::Nobody).await, Ok(Appended::Unplaced));
    stage
        .eventually("all three are committed", async || {
            let read: Vec<_> = stage.read_all().await.into_iter().map(|(_, value)| value).collect();
            (read == ["committed", "led", "unheard"]).then_some(())
        })
        .await;
}

/// A batch beyond the limit is refused with the limit, and the log is as before.
pub(super) async fn what_is_too_large_is_refused_and_not_appended(stage: &mut Stage<'_>) {
    let client = stage.client();
    stage.append_all(&values("before", 1)).await;
    let large = Bytes::from(vec![b'x'; 2 * 1024 * 1024]);
    let outcome = client.append(stage.append_of(&[large], Acks::Committed)).await;
    match outcome {
        Err(AppendError::NotAppended(Refusal::TooLarge { size, limit })) => assert!(size > limit),
        other => panic!("2 MiB: {other:?}"),
    }
    stage.append_all(&values("after", 1)).await;
    let read: Vec<_> = stage.read_all().await.into_iter().map(|(_, value)| value).collect();
    assert_eq!(read, ["before-0", "after-0"]);
}

/// A batch that passes for the protocol's own is refused: it would be skipped by readers, and change the protocol's state.
pub(super) async fn clients_cannot_write_control_batches(stage: &mut Stage<'_>) {
    let client = stage.client();
    let batch = BatchBuilder::control(stage.clock.wall_ms(), ControlKind::Blank, b"");
    let outcome = client.append(Append { batch, acks: Acks::Committed, timeout: REQUEST }).await;
    assert!(matches!(outcome, Err(AppendError::NotAppended(Refusal::Corrupt(_)))), "{outcome:?}");
}
