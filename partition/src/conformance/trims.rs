//! Cases: giving up the start of the log.

use super::stage::{REQUEST, Stage, values};
use crate::error::ReadError;

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

/// What is not committed cannot be given up.
pub(super) async fn a_trim_beyond_what_is_committed_is_refused(stage: &mut Stage<'_>) {
    let placed = stage.append_all(&values("kept", 3)).await;
    let end = stage.client().tail(REQUEST).await.expect("a tail").offset;
    let outcome = stage.client().trim(end.next(), REQUEST).await;
    assert!(matches!(outcome, Err(ReadError::OutOfRange { .. })), "{outcome:?}");
    assert_eq!(stage.read_all().await, placed.into_iter().collect::<Vec<_>>());
}
