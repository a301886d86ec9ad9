//! Appends of which the outcome is not known: what is sent again, and what is told of it (H-10, H-11, S-21, S-22).

use std::time::Duration;

use isr_log::cluster::{CLIENT, Shape};
use isr_log::mutant::{Mutant, Mutated};
use partition::cluster::Cluster;
use partition::error::{AppendError, Doubt, Refusal};
use partition::partition::{Acks, Append};
use partition::record::BatchBuilder;

use crate::stage::{A, B, C, Stage, broken, staged};

const SOON: Duration = Duration::from_secs(1);

fn shape(mutated: Mutated) -> Shape {
    Shape { mutated, ..Shape::of(3) }
}

impl Stage {
    /// The leader has no followers any more, and does not know it yet.
    fn alone_unawares(&self) {
        self.cut(A, B);
        self.cut(A, C);
    }
}

/// The leader commits an append, dies before it can say so, and the append is sent again. What is in the log then.
fn sent_again(append: impl FnOnce(&mut Stage) -> Append) -> Vec<String> {
    staged(22, Shape::of(3), |mut stage| async move {
        let append = append(&mut stage);
        // What is asked arrives, the answer does not.
        stage.simulation.network().cut(A, CLIENT);
        let leader = stage.cluster.replica(A);
        let first = stage.clock().timeout(SOON, leader.append(append.clone())).await;
        assert!(first.map_or(true, |outcome| outcome.is_err()), "nobody has heard of it");
        stage.heal();
        stage.cluster.crash(A).await;
        stage.until_members(&[B, C]).await;
        stage.cluster.client().append(append).await.expect("acknowledged");
        stage.values().await
    })
}

#[test]
fn s22_c09_a_retry_makes_a_duplicate_where_producers_do_not_stamp_and_none_where_they_do() {
    let plain = |_: &mut Stage| {
        let batch = BatchBuilder::of_values(0, &["v0".into()]);
        Append { batch, acks: Acks::Committed, timeout: SOON }
    };
    assert_eq!(sent_again(plain), ["v0", "v0"]);
    assert_eq!(sent_again(|stage| stage.append(Acks::Committed, SOON)), ["v0"]);
}

/// A batch that is in the leader's log alone is sent again; then the leader is gone. What the retry was told, and whether the
/// batch is there in the end.
fn retry_of_what_is_lost_later(mutated: Mutated) -> (Result<(), AppendError>, bool) {
    staged(10, shape(mutated), |mut stage| async move {
        stage.commits().await;
        stage.alone_unawares();
        let append = stage.append(Acks::Committed, Duration::from_millis(100));
        let leader = stage.cluster.replica(A);
        let first = leader.append(append.clone()).await;
        assert_eq!(first, Err(AppendError::Unknown(Doubt::Timeout)));
        let again = leader.append(append).await.map(|_| ());
        stage.cluster.crash(A).await;
        stage.until_members(&[B, C]).await;
        stage.heal();
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        (again, stage.missing().await == 0)
    })
}

#[test]
fn h10_a_retry_is_not_told_of_what_is_not_committed() {
    let doubt = Err(AppendError::Unknown(Doubt::Timeout));
    assert_eq!(retry_of_what_is_lost_later(Mutated::NOT), (doubt, false));
    let at_once = broken(Mutant::AnswerDuplicateAtOnce);
    assert_eq!(retry_of_what_is_lost_later(at_once), (Ok(()), false), "acknowledged, and lost");
}

/// An append is not committed in its time, and committed later: what its client was told, and whether it is there.
fn committed_late(mutated: Mutated) -> (Result<(), AppendError>, Vec<String>) {
    staged(11, shape(mutated), |stage| async move {
        stage.alone_unawares();
        let outcome = stage.tries_at(A, "late", Acks::Committed, Duration::from_millis(100)).await;
        stage.heal();
        stage.passes(SOON).await;
        (outcome, stage.values().await)
    })
}

#[test]
fn h11_what_was_not_committed_in_time_is_not_called_refused() {
    let there = vec!["late".to_owned()];
    assert_eq!(committed_late(Mutated::NOT), (Err(Doubt::Timeout.into()), there.clone()));
    let refused = Err(Refusal::Overloaded.into());
    assert_eq!(committed_late(broken(Mutant::CallUnknownRefused)), (refused, there), "refused, and there");
}

#[test]
fn h11_a_leader_that_dies_with_an_append_in_hand_leaves_it_in_doubt() {
    staged(12, Shape::of(3), |mut stage| async move {
        stage.alone_unawares();
        let append = stage.append(Acks::Committed, SOON);
        let asked = stage.cluster.replica(A).append(append);
        let dies = async {
            stage.passes(Duration::from_millis(50)).await;
            stage.cluster.crash(A).await;
        };
        let (outcome, ()) = futures_util::future::join(asked, dies).await;
        assert!(outcome.expect_err("it is dead").may_appear());
    });
}

/// How long an append takes whose leader has a slow disk.
fn with_a_slow_leader(mutated: Mutated) -> Duration {
    staged(13, shape(mutated), |mut stage| async move {
        stage.commits().await;
        stage.fault("slow-sync 1 300ms");
        stage.commits().await
    })
}

#[test]
fn h12_the_leaders_own_disk_counts() {
    assert!(with_a_slow_leader(Mutated::NOT) >= Duration::from_millis(300));
    let without = with_a_slow_leader(broken(Mutant::IgnoreOwnDisk));
    assert!(without < Duration::from_millis(50), "acknowledged, and not on the leader's disk: {without:?}");
}
