//! Cases: what the replicas are to each other.

use std::time::Duration;

use futures_util::future;

use super::load::Load;
use super::stage::{Stage, read_range, values};
use crate::error::{AppendError, ReadError, Refusal};
use crate::ids::ByteSize;
use crate::partition::{Acks, Isolation, Read, Role, Status};

/// A replica that does not lead appends nothing, and says who does.
pub(super) async fn a_follower_refuses_appends_and_names_the_leader(stage: &mut Stage<'_>) {
    let (leader, follower) = (stage.leader().await, stage.follower().await);
    let replica = stage.cluster.replica(follower);
    stage
        .eventually("a follower that knows the leader", async || {
            (replica.status().await.ok()?.leader == Some(leader)).then_some(())
        })
        .await;
    let outcome = replica.append(stage.append_of(&values("misled", 1), Acks::Committed)).await;
    let refused = AppendError::NotAppended(Refusal::NotLeader { leader: Some(leader) });
    assert_eq!(outcome, Err(refused));
    assert_eq!(stage.read_all().await, []);
}

/// A follower cannot know how far its leader's log reaches: what it does not have may be there soon (as in KIP-392).
pub(super) async fn a_follower_calls_what_it_does_not_have_yet_unavailable_and_not_out_of_range(
    stage: &mut Stage<'_>,
) {
    stage.append_all(&values("there", 3)).await;
    let statuses = stage.agreed(&stage.cluster.replicas()).await;
    for Status { node, role, log_end, .. } in statuses {
        let (isolation, max_bytes, wait) = (Isolation::Committed, ByteSize::kib(1), Duration::ZERO);
        let beyond = Read { from: log_end.next(), max_bytes, isolation, wait };
        let outcome = stage.cluster.replica(node).read(beyond).await;
        match role {
            Role::Leader => {
                assert!(matches!(outcome, Err(ReadError::OutOfRange { .. })), "{node}: {outcome:?}")
            }
            _ => assert_eq!(outcome.err(), Some(ReadError::NotAvailable), "{node}"),
        }
    }
}

/// When nobody writes, all replicas come to report the same leader, epoch and offsets, one of them as leader, and hold
/// the same records.
pub(super) async fn all_replicas_come_to_agree(stage: &mut Stage<'_>) {
    let placed = stage.append_all(&values("copied", 30)).await;
    let nodes = stage.cluster.replicas();
    let statuses = stage.agreed(&nodes).await;
    let leaders: Vec<_> = statuses.iter().filter(|status| status.role == Role::Leader).collect();
    assert_eq!(leaders.len(), 1, "{statuses:?}");
    for status in &statuses {
        assert_eq!(status.epoch, leaders[0].epoch, "{statuses:?}");
        assert_eq!(status.replicas, nodes);
        let replica = stage.cluster.replica(status.node);
        let (start, end) = (status.log_start, status.log_end);
        let records = read_range(&*replica, start, end, Isolation::Uncommitted).await;
        assert_eq!(records, placed.clone().into_iter().collect::<Vec<_>>(), "node {}", status.node);
    }
}

/// A replica that was away fetches what it missed, and agrees.
pub(super) async fn a_restarted_replica_catches_up(stage: &mut Stage<'_>) {
    stage.append_all(&values("before", 10)).await;
    let follower = stage.follower().await;
    stage.cluster.crash(follower).await;
    stage.append_all(&values("meanwhile", 30)).await;
    stage.cluster.restart(follower).await;
    let statuses = stage.agreed(&stage.cluster.replicas()).await;
    let status = statuses.iter().find(|status| status.node == follower).expect("it is a replica");
    let replica = stage.cluster.replica(follower);
    let records = read_range(&*replica, status.log_start, status.log_end, Isolation::Committed).await;
    assert_eq!(records, stage.read_all().await);
    assert_eq!(records.len(), 40);
}

/// With one follower of three gone, appends are acknowledged by and by, and none that was is lost.
pub(super) async fn a_crashed_follower_is_not_missed(stage: &mut Stage<'_>) {
    let load = Load::new(stage);
    let trouble = async {
        load.goes_on(stage, 30).await;
        let follower = stage.follower().await;
        stage.cluster.crash(follower).await;
        load.goes_on(stage, 100).await;
        load.stop();
    };
    future::join(load.write(), trouble).await;
    load.check(stage).await;
}

/// A leader that stands still is replaced; when it goes on, it finds out, and nothing acknowledged is lost or repeated.
pub(super) async fn a_paused_leader_is_replaced_and_does_not_disturb_when_it_wakes(stage: &mut Stage<'_>) {
    let load = Load::new(stage);
    let trouble = async {
        load.goes_on(stage, 30).await;
        let paused = stage.leader().await;
        let others: Vec<_> = stage.cluster.replicas().into_iter().filter(|node| *node != paused).collect();
        stage.cluster.pause(paused).await;
        stage
            .eventually("another leader", async || {
                for node in &others {
                    if stage.cluster.replica(*node).status().await.ok()?.role == Role::Leader {
                        return Some(());
                    }
                }
                None
            })
            .await;
        load.goes_on(stage, 50).await;
        stage.cluster.resume(paused).await;
        load.goes_on(stage, 50).await;
        load.stop();
    };
    future::join(load.write(), trouble).await;
    load.check(stage).await;
    stage.agreed(&stage.cluster.replicas()).await;
}
