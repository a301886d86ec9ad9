//! What each acknowledgement stands for, and what is lost all the same (C4 to C10).

use std::time::Duration;

use isr_log::cluster::Shape;
use partition::cluster::Cluster;
use partition::error::{AppendError, Doubt, Refusal};
use partition::ids::NodeId;
use partition::partition::{Acks, Append, Appended};
use partition::record::BatchBuilder;

use crate::stage::{A, B, C, Stage, staged};

const SOON: Duration = Duration::from_secs(1);
/// Round trips, syncs, and timers of a millisecond.
const SLACK: Duration = Duration::from_millis(50);

impl Stage {
    /// Appends at this replica; says how long it takes until it is acknowledged.
    async fn acknowledged_after(&self, node: NodeId, acks: Acks) -> Duration {
        let begun = self.clock().now();
        self.tries_at(node, "x", acks, SOON).await.expect("it leads, and is well");
        self.clock().now().since(begun)
    }

    /// The leader dies; what the next one has.
    async fn values_after_the_leader(&mut self, leader: NodeId) -> Vec<String> {
        self.cluster.crash(leader).await;
        self.until_members(&[B, C]).await;
        self.commits().await;
        self.values().await
    }
}

#[test]
fn c01_who_is_not_told_sends_again_until_he_is() {
    staged(1, Shape::of(3), |mut stage| async move {
        let append = stage.append(Acks::Committed, SOON);
        // What is asked arrives and is done, and the answer is lost, twice.
        stage.fault("lose-reply 1000>1");
        let client = stage.cluster.client();
        let told = client.append(append.clone());
        let again = async {
            stage.passes(Duration::from_millis(5)).await;
            stage.fault("lose-reply 1000>1");
        };
        let (told, ()) = futures_util::future::join(told, again).await;
        told.expect("acknowledged in the end");
        assert_eq!(stage.values().await, ["v0"]);
        // Who does not stamp his batches is left with the doubt: sent again, it might be there twice.
        stage.fault("lose-reply 1000>1");
        let batch = BatchBuilder::of_values(0, &["x".into()]);
        let outcome = client.append(Append { batch, acks: Acks::Committed, timeout: SOON }).await;
        assert!(outcome.expect_err("nobody has told him").may_appear());
        assert_eq!(stage.values().await, ["v0", "x"]);
    });
}

#[test]
fn c04_c06_three_copies_survive_two_failures_where_a_majority_takes_five() {
    staged(4, Shape { min_isr: 1, ..Shape::of(3) }, |mut stage| async move {
        for node in [A, B, C] {
            for _ in 0..10 {
                stage.commits().await;
            }
            if node != C {
                stage.cluster.crash(node).await;
            }
        }
        assert_eq!((stage.leader().await, stage.members().await), (C, vec![C]));
        assert_eq!(stage.missing().await, 0);
        // Each record is stored n + 1 times: 2n + 1 is what a majority takes.
        for node in [A, B] {
            stage.cluster.restart(node).await;
        }
        stage.all_in_sync().await;
        for node in [A, B, C] {
            assert_eq!(stage.status(node).await.expect("it runs").log_end.0, 30);
        }
    });
}

#[test]
fn c05_the_slowest_member_decides_how_long_an_append_takes() {
    staged(5, Shape::of(3), |stage| async move {
        assert!(stage.acknowledged_after(A, Acks::Committed).await < SLACK);
        for (slow, fault) in [(200, "slow-sync 2 200ms"), (300, "slow-sync 3 300ms")] {
            stage.fault(fault);
            let (took, slow) =
                (stage.acknowledged_after(A, Acks::Committed).await, Duration::from_millis(slow));
            assert!(took >= slow && took < slow + SLACK, "{fault}: {took:?}");
            assert!(stage.acknowledged_after(A, Acks::Leader).await < SLACK, "{fault}");
            stage.passes(SOON).await;
        }
        // The two syncs run side by side: it is the slowest, not the sum.
    });
}

#[test]
fn c07_without_acknowledgement_nothing_is_said_and_what_no_disk_had_is_lost() {
    staged(7, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        stage.cut(A, B);
        stage.cut(A, C);
        stage.fault("slow-sync 1 5s");
        let batch = BatchBuilder::of_values(0, &["x".into()]);
        let append = Append { batch, acks: Acks::Nobody, timeout: SOON };
        let begun = stage.clock().now();
        assert_eq!(stage.cluster.replica(A).append(append).await, Ok(Appended::Unplaced));
        assert!(stage.clock().now().since(begun) < SLACK, "it is not waited for");
        stage.fault("slow-sync 1 0s");
        assert_eq!(stage.values_after_the_leader(A).await, ["v0", "v1"]);
        stage.heal();
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        assert_eq!(stage.values().await, ["v0", "v1"], "it is nowhere");
    });
}

#[test]
fn c08_what_the_leaders_disk_alone_has_is_acknowledged_and_lost_with_it() {
    staged(8, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        stage.fault("slow-sync 1 200ms");
        let took = stage.acknowledged_after(A, Acks::Leader).await;
        assert!(took >= Duration::from_millis(200), "not before it is on disk: {took:?}");
        assert_eq!(stage.values().await, ["v0", "x"]);
        stage.cut(A, B);
        stage.cut(A, C);
        stage.tries_at(A, "y", Acks::Leader, SOON).await.expect("its own disk has it");
        assert_eq!(stage.values_after_the_leader(A).await, ["v0", "x", "v1"], "y was acknowledged");
    });
}

#[test]
fn c09_committed_is_told_when_all_in_sync_have_it_on_disk() {
    staged(9, Shape::of(3), |mut stage| async move {
        for slow in ["slow-sync 1 200ms", "slow-sync 2 200ms", "slow-sync 3 200ms"] {
            stage.fault(slow);
            let took = stage.acknowledged_after(A, Acks::Committed).await;
            assert!(took >= Duration::from_millis(200), "{slow}: {took:?}");
            let ends = [stage.status(A).await, stage.status(B).await, stage.status(C).await];
            let ends = ends.map(|status| status.expect("it runs").stored);
            assert!(ends.iter().all(|end| *end == ends[0]), "{slow}: {ends:?}");
            stage.fault(&slow.replace("200ms", "0s"));
        }
        stage.commits().await;
    });
}

#[test]
fn c10_with_too_few_in_sync_it_is_refused_at_the_door_and_of_unknown_outcome_after_it() {
    staged(10, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        // What waits when the set shrinks is in the log, and stays there.
        let waiting = stage.tries_at(A, "x", Acks::Committed, Duration::from_secs(30));
        let both_die = async {
            stage.cut(A, B);
            stage.cut(A, C);
            stage.passes(Duration::from_millis(1)).await;
        };
        let (after, ()) = futures_util::future::join(waiting, both_die).await;
        assert_eq!(after, Err(AppendError::Unknown(Doubt::NotEnoughReplicasAfterAppend)));
        let at_the_door = stage.tries(Acks::Committed, SOON).await;
        let too_few = Refusal::NotEnoughReplicas { in_sync: 1, min_isr: 2 };
        assert_eq!(at_the_door, Err(AppendError::NotAppended(too_few)));
        // S-21: the one was appended and is committed after all, the other was not.
        stage.heal();
        stage.commits().await;
        assert_eq!(stage.values().await, ["v0", "x", "v1"]);
    });
}
