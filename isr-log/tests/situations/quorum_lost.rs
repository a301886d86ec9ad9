//! Brokers and controllers that do not hear each other, while the replicas do.

use std::time::Duration;

use isr_log::cluster::{CONTROLLER, Shape};
use partition::cluster::Cluster;
use partition::error::{AppendError, Doubt, Refusal};
use partition::partition::{Acks, Role};

use crate::stage::{A, B, C, staged};

#[test]
fn s05_a_leader_cut_off_from_the_controllers_alone_commits_nothing_any_more() {
    staged(5, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        stage.cut(A, CONTROLLER);
        stage.until_leads(B).await;
        let zombie = stage.status(A).await.expect("it runs");
        assert_eq!((zombie.role, zombie.leader), (Role::Leader, Some(A)), "it does not know");
        let (x, y) = (
            stage.tries_at(A, "x", Acks::Leader, Duration::from_secs(1)).await,
            stage.tries_at(A, "y", Acks::Committed, Duration::from_secs(20)).await,
        );
        assert_eq!(x, Ok(()), "its own disk has it, and that is all that was asked");
        assert!(matches!(y, Err(AppendError::Unknown(_))), "{y:?}");
        // It cannot go on without those who follow another leader now: its proposal is on an old version.
        let zombie = stage.status(A).await.expect("it runs");
        assert_eq!((zombie.role, zombie.members), (Role::Leader, vec![A, B, C]));
        assert_eq!(zombie.high_watermark.0, 1, "stale, but never wrong");
        stage.commits().await;
        stage.heal();
        stage.all_in_sync().await;
        assert_eq!(stage.values().await, ["v0", "v1"], "x was acknowledged by one disk, and lost with it");
        assert_eq!(stage.status(A).await.expect("it runs").log_end.0, 2);
        assert_eq!(stage.cluster.lost(A), 0, "nothing of it had been committed");
    });
}

#[test]
fn s24_without_controllers_one_dead_follower_stops_all_commits_until_they_are_back() {
    staged(24, Shape::of(3), |mut stage| async move {
        let leader = stage.leader().await;
        assert_eq!(leader, A);
        stage.cluster.crash_controller().await;
        stage.commits().await;
        stage.cluster.crash(C).await;
        // Two of three replicas are well, which is all that a majority needs. The set cannot shrink without controllers.
        let outcome = stage.tries(Acks::Committed, Duration::from_secs(30)).await;
        assert_eq!(outcome, Err(Doubt::Timeout.into()));
        stage.tries(Acks::Leader, Duration::from_secs(1)).await.expect("its own disk is enough");
        let status = stage.status(A).await.expect("it runs");
        assert_eq!((status.high_watermark.0, status.log_end.0), (1, 3));
        stage.cluster.restart_controller().await;
        stage.until_members(&[A, B]).await;
        stage.commits().await;
        assert_eq!(stage.missing().await, 0, "what waited is committed with the rest");
    });
}

#[test]
fn s25_a_follower_whose_heartbeats_alone_are_lost_costs_the_minimum_though_it_fetches() {
    staged(25, Shape { min_isr: 3, ..Shape::of(3) }, |mut stage| async move {
        stage.commits().await;
        stage.cut(C, CONTROLLER);
        stage.until_members(&[A, B]).await;
        let outcome = stage.tries(Acks::Committed, Duration::ZERO).await;
        let refused = Refusal::NotEnoughReplicas { in_sync: 2, min_isr: 3 };
        assert_eq!(outcome, Err(refused.into()));
        stage.tries(Acks::Leader, Duration::from_secs(1)).await.expect("its own disk is enough");
        stage.passes(Duration::from_secs(1)).await;
        let (leader, follower) = (stage.status(A).await, stage.status(C).await);
        let ends = (leader.expect("it runs").log_end, follower.expect("it runs").stored);
        assert_eq!(ends.0, ends.1, "the data path is healthy: the follower has all");
        stage.heal();
        stage.all_in_sync().await;
        stage.commits().await;
    });
}

#[test]
fn s25_with_one_to_spare_nobody_notices() {
    staged(26, Shape::of(3), |mut stage| async move {
        stage.cut(C, CONTROLLER);
        stage.until_members(&[A, B]).await;
        assert!(stage.commits().await < Duration::from_millis(50));
    });
}
