//! Cases: a producer that stamps what it sends.

use bytes::Bytes;

use super::stage::{REQUEST, Stage, placement};
use crate::error::{AppendError, Refusal};
use crate::ids::{ProducerEpoch, ProducerId, Sequence};
use crate::partition::{Acks, Append};
use crate::record::{BatchBuilder, ProducerStamp};

fn stamped(stage: &Stage<'_>, epoch: u16, sequence: u32, value: &'static str) -> Append {
    let stamp =
        ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(epoch), sequence: Sequence(sequence) };
    let mut builder = BatchBuilder::new(stage.clock.wall_ms()).stamped(stamp);
    builder.push_value(value.as_bytes());
    Append { batch: builder.build(), acks: Acks::Committed, timeout: REQUEST }
}

async fn read_values(stage: &Stage<'_>) -> Vec<Bytes> {
    stage.read_all().await.into_iter().map(|(_, value)| value).collect()
}

/// A batch that is sent twice is appended once, and both times told the same place; also when others came between.
pub(super) async fn a_duplicate_is_answered_with_the_first_offset(stage: &mut Stage<'_>) {
    let client = stage.client();
    let first = placement(client.append(stamped(stage, 0, 0, "a")).await);
    assert_eq!(placement(client.append(stamped(stage, 0, 0, "a")).await), first);
    let second = placement(client.append(stamped(stage, 0, 1, "b")).await);
    let third = placement(client.append(stamped(stage, 0, 2, "c")).await);
    assert_eq!(placement(client.append(stamped(stage, 0, 1, "b")).await), second);
    assert_eq!(placement(client.append(stamped(stage, 0, 0, "a")).await), first);
    assert!(first.base < second.base && second.base < third.base);
    assert_eq!(read_values(stage).await, ["a", "b", "c"]);
}

/// The next leader (or the same replica, restarted) knows what was sent before.
pub(super) async fn a_duplicate_is_known_after_the_leader_crashed(stage: &mut Stage<'_>) {
    let client = stage.client();
    let first = placement(client.append(stamped(stage, 0, 0, "a")).await);
    let second = placement(client.append(stamped(stage, 0, 1, "b")).await);
    stage.crash_leader().await;
    stage.ready().await;
    assert_eq!(placement(client.append(stamped(stage, 0, 1, "b")).await).base, second.base);
    assert_eq!(placement(client.append(stamped(stage, 0, 0, "a")).await).base, first.base);
    let third = placement(client.append(stamped(stage, 0, 2, "c")).await);
    assert!(third.base > second.base);
    assert_eq!(read_values(stage).await, ["a", "b", "c"]);
}

/// A batch whose predecessor is missing is refused with what was expected; an older instance of a producer is stopped.
pub(super) async fn gaps_and_fenced_producers_are_refused(stage: &mut Stage<'_>) {
    let client = stage.client();
    placement(client.append(stamped(stage, 0, 0, "a")).await);
    let gap = client.append(stamped(stage, 0, 5, "f")).await;
    let Err(AppendError::NotAppended(Refusal::OutOfOrder { expected, found, .. })) = gap else {
        panic!("a gap: {gap:?}");
    };
    assert_eq!((expected, found), (Sequence(1), Sequence(5)));
    placement(client.append(stamped(stage, 1, 0, "b")).await);
    let fenced = client.append(stamped(stage, 0, 1, "c")).await;
    let Err(AppendError::NotAppended(Refusal::FencedProducer { current, .. })) = fenced else {
        panic!("an older instance: {fenced:?}");
    };
    assert_eq!(current, ProducerEpoch(1));
    assert_eq!(read_values(stage).await, ["a", "b"]);
}
