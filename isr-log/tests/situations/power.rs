//! The power goes everywhere at once (S-12).

use std::time::Duration;

use isr_log::cluster::{CONTROLLER, Shape};
use partition::cluster::Cluster;
use partition::log::{Durability, LogConfig};

use crate::stage::{A, B, C, Stage, staged};

/// How many records were acknowledged and are lost when all lose their power, and how many of them the next leader had not
/// flushed.
fn total_power_loss(seed: u64, log: LogConfig) -> (u64, u64) {
    staged(seed, Shape { log, ..Shape::of(3) }, |mut stage| async move {
        for _ in 0..60 {
            stage.commits().await;
            stage.passes(Duration::from_millis(5 + seed % 7)).await;
        }
        for node in [A, B, C] {
            stage.cluster.crash(node).await;
        }
        // Whoever is back last is not the same each time.
        let mut nodes = [A, B, C];
        nodes.rotate_left(usize::try_from(seed % 3).expect("small"));
        for node in nodes {
            stage.cluster.restart(node).await;
            stage.passes(Duration::from_millis(seed * 30)).await;
        }
        let leader = stage.leader().await;
        let kept = stage.status(leader).await.expect("it leads").log_end.0;
        stage.takes_another_producer();
        let before = stage.count();
        stage.commits().await;
        stage.all_in_sync().await;
        (stage.missing().await, before - kept)
    })
}

#[test]
fn s12_where_syncs_count_a_total_power_loss_loses_nothing() {
    for seed in 0..8 {
        assert_eq!(total_power_loss(seed, LogConfig::default()), (0, 0), "seed {seed}");
    }
}

#[test]
fn s12_where_the_page_cache_counts_it_loses_what_the_elected_one_had_not_flushed() {
    let flushed_now_and_then = Some(Duration::from_millis(50));
    let mut most = 0;
    for seed in 0..8 {
        let log = LogConfig {
            durability: Durability::Cached,
            flush_interval: flushed_now_and_then,
            ..LogConfig::default()
        };
        let (missing, unflushed) = total_power_loss(seed, log);
        assert_eq!(missing, unflushed, "seed {seed}");
        most = most.max(missing);
    }
    assert!(most > 0 && most < 60, "acknowledged by three replicas, and lost: {most}");
    let never_flushed = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    assert_eq!(total_power_loss(1, never_flushed), (60, 60));
}

/// How many records are missing after all were acknowledged under `Cached`, B has ended in order and A not, and both come back,
/// A first.
fn missing_after(ends: impl AsyncFnOnce(&mut Stage)) -> u64 {
    let log = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    staged(3, Shape { log, ..Shape::of(3) }, |mut stage| async move {
        for _ in 0..20 {
            stage.commits().await;
        }
        stage.cluster.crash(C).await;
        stage.until_members(&[A, B]).await;
        stage.cluster.stop(B).await;
        stage.until_members(&[A]).await;
        ends(&mut stage).await;
        stage.cluster.restart(A).await;
        stage.passes(Duration::from_secs(5)).await;
        stage.cluster.restart(B).await;
        stage.takes_another_producer();
        stage.commits().await;
        assert_eq!(stage.leader().await, B, "all of it is on B's disk");
        stage.missing().await
    })
}

/// A process that is started and stopped before it finds a controller has not closed the logs of the life before it.
#[test]
fn h03_a_crash_stays_one_when_a_process_is_stopped_before_it_is_registered() {
    let missing = missing_after(async |stage| {
        stage.cluster.crash(A).await;
        stage.cut(A, CONTROLLER);
        stage.cluster.restart(A).await;
        stage.cluster.stop(A).await;
        stage.heal();
    });
    assert_eq!(missing, 0);
}

/// What the disk did not take when the log was closed is lost, so that is no end in order.
#[test]
fn h03_a_life_whose_log_could_not_be_closed_has_not_ended_in_order() {
    let missing = missing_after(async |stage| {
        stage.fault("sync-error 1");
        stage.cluster.stop(A).await;
    });
    assert_eq!(missing, 0);
}
