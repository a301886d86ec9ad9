//! Cases: giving up the start of the log.

use super::stage::{REQUEST, Stage, placement, read_range, values};
use crate::error::ReadError;
use crate::ids::RecordCount;
use crate::partition::{Acks, Isolation};

/// After a trim every replica begins there, and still does after all of them were restarted; what lies above is whole.
pub(super) async fn a_trim_moves_the_start_on_every_replica_for_good(stage: &mut Stage<'_>) {
    let placed = stage.append_all(&values("kept", 10)).await;
    let to = *placed.keys().nth(6).expect("ten were appended");
    assert_eq!(stage.client().trim(to, REQUEST).await.expect("a trim"), to);
    let nodes = stage.cluster.replicas();
    let begun = async |stage: &Stage<'_>| {
        stage
            .eventually("every replica begins where the log was trimmed", async || {
                for node in &nodes {
                    let status = stage.cluster.replica(*node).status().await.ok()?;
                    assert!(status.log_start <= to, "node {node} gave up more than was asked");
                    if status.log_start != to {
                        return None;
                    }
                }
                Some(())
            })
            .await;
    };
    begun(stage).await;
    for node in &nodes {
        stage.cluster.crash(*node).await;
    }
    for node in &nodes {
        stage.cluster.restart(*node).await;
    }
    stage.ready().await;
    begun(stage).await;
    assert_eq!(stage.read_all().await, placed.into_iter().filter(|(at, _)| *at >= to).collect::<Vec<_>>());
    // Asked again, it does nothing.
    assert_eq!(stage.client().trim(to, REQUEST).await.expect("a trim"), to);
}

/// A replica that ends below the new start cannot go on with what it has, also when the log begins inside a batch, of
/// which nothing is cut away.
pub(super) async fn a_replica_that_was_away_begins_where_the_log_does_now(stage: &mut Stage<'_>) {
    stage.append_all(&values("before", 3)).await;
    let away = stage.follower().await;
    stage.cluster.crash(away).await;
    stage.append_all(&values("missed", 3)).await;
    let whole = stage.append_of(&values("cut", 4), Acks::Committed);
    let base = placement(stage.client().append(whole).await).base;
    let to = base.plus(RecordCount(2));
    assert_eq!(stage.client().trim(to, REQUEST).await.expect("a trim"), to);
    stage.append_all(&values("after", 3)).await;
    stage.cluster.restart(away).await;
    stage.agreed(&stage.cluster.replicas()).await;
    let replica = stage.cluster.replica(away);
    let begun = async || (replica.status().await.ok()?.log_start == to).then_some(());
    stage.eventually("it begins where the log was trimmed", begun).await;
    let status = replica.status().await.expect("it serves");
    let records = read_range(&*replica, to, status.log_end, Isolation::Committed).await;
    assert_eq!(records, stage.read_all().await);
    assert_eq!(records.len(), 5, "two that are left of the batch, and three");
}

/// What is not committed cannot be given up.
pub(super) async fn a_trim_beyond_what_is_committed_is_refused(stage: &mut Stage<'_>) {
    let placed = stage.append_all(&values("kept", 3)).await;
    let end = stage.client().tail(REQUEST).await.expect("a tail").offset;
    let outcome = stage.client().trim(end.next(), REQUEST).await;
    assert!(matches!(outcome, Err(ReadError::OutOfRange { .. })), "{outcome:?}");
    assert_eq!(stage.read_all().await, placed.into_iter().collect::<Vec<_>>());
}
