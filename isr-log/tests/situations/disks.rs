//! Disks that are slow, full or broken (S-19, S-20).

use std::time::Duration;

use isr_log::cluster::Shape;
use partition::cluster::Cluster;
use partition::error::{AppendError, ReadError, Refusal};
use partition::ids::{ByteSize, NodeId, Offset};
use partition::log::LogConfig;
use partition::partition::{Acks, Append, Isolation, Read, Role};
use partition::record::BatchBuilder;

use crate::stage::{A, B, C, Stage, staged};

#[test]
fn s19_a_slow_leader_is_not_replaced_and_every_append_pays_for_it() {
    staged(19, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        let slow = Duration::from_millis(400);
        stage.fault("slow-sync 1 400ms");
        for _ in 0..10 {
            let took = stage.commits().await;
            assert!(took >= slow && took < slow * 2, "{took:?}");
        }
        let status = stage.status(A).await.expect("it runs");
        assert_eq!(
            (status.role, status.members),
            (Role::Leader, vec![A, B, C]),
            "its heartbeats are in time"
        );
        stage.fault("slow-sync 1 0s");
        stage.passes(slow).await;
        assert!(stage.commits().await < Duration::from_millis(50));
    });
}

#[test]
fn a_reader_below_a_trim_hears_of_the_new_start_only_when_it_is_on_disk() {
    staged(23, Shape::of(3), |mut stage| async move {
        for _ in 0..3 {
            stage.commits().await;
        }
        stage.fault("slow-sync 1 400ms");
        let leader = stage.cluster.replica(A);
        let patience = Duration::from_secs(10);
        let read = || {
            let (from, max_bytes) = (Offset::ZERO, ByteSize::kib(1));
            leader.read(Read { from, max_bytes, isolation: Isolation::Committed, wait: Duration::ZERO })
        };
        let mut trim = leader.trim(Offset(2), patience);
        let mut heard = Vec::new();
        let start = loop {
            match stage.clock().timeout(Duration::from_millis(50), &mut trim).await {
                Ok(start) => break start.expect("all replicas are there"),
                Err(_) => heard.push(read().await.map(|fetched| fetched.log_start)),
            }
        };
        assert_eq!(start, Offset(2));
        assert!(heard.contains(&Err(ReadError::NotAvailable)), "{heard:?}");
        let told = |answer: &Result<Offset, ReadError>| match answer {
            Ok(start) | Err(ReadError::OutOfRange { start, .. }) => Some(*start),
            Err(_) => None,
        };
        let unstored = heard.iter().take_while(|answer| **answer != Err(ReadError::NotAvailable));
        assert!(unstored.clone().all(|answer| *answer == Ok(Offset::ZERO)), "{heard:?}");
        let later = heard.iter().skip(unstored.count()).filter_map(told);
        assert!(later.clone().all(|start| start == Offset(2)), "{heard:?}");
        assert_eq!(told(&read().await.map(|fetched| fetched.log_start)), Some(Offset(2)));
    });
}

/// Segments so small that a full disk shows soon.
fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: ByteSize::mib(1), cache_bytes: ByteSize::kib(64), ..LogConfig::default() }
}

impl Stage {
    /// One append of 64 KiB at this replica.
    async fn fills(&self, node: NodeId, acks: Acks, timeout: Duration) -> Result<(), AppendError> {
        let batch = BatchBuilder::of_values(0, &[vec![b'x'; 64 * 1024].into()]);
        self.cluster.replica(node).append(Append { batch, acks, timeout }).await.map(|_| ())
    }
}

#[test]
fn s20_a_follower_whose_disk_is_full_leaves_the_set_and_writes_go_on() {
    staged(20, Shape { log: small_segments(), ..Shape::of(3) }, |stage| async move {
        stage.fault("full 3");
        let patience = Duration::from_secs(10);
        for _ in 0..40 {
            stage
                .fills(A, Acks::Committed, patience)
                .await
                .expect("acknowledged, some of them after a stall");
        }
        assert_eq!(stage.members().await, [A, B]);
        stage.fault("freed 3");
        stage.all_in_sync().await;
        let ends =
            [stage.status(A).await, stage.status(C).await].map(|status| status.expect("it runs").stored);
        assert_eq!(ends[0], ends[1]);
    });
}

#[test]
fn s20_a_leader_whose_disk_is_full_refuses_appends_and_keeps_its_followers() {
    staged(20, Shape { log: small_segments(), ..Shape::of(3) }, |stage| async move {
        stage.fault("full 1");
        let mut refused = None;
        for _ in 0..60 {
            if let Err(AppendError::NotAppended(refusal)) =
                stage.fills(A, Acks::Committed, Duration::from_millis(200)).await
            {
                refused = Some(refusal);
                break;
            }
        }
        assert_eq!(refused, Some(Refusal::NoSpace));
        stage.passes(Duration::from_secs(5)).await;
        let status = stage.status(A).await.expect("it runs, and can be read from");
        assert_eq!(
            (status.role, status.members),
            (Role::Leader, vec![A, B, C]),
            "KAFKA-7837: its own disk is no reason to call the others slow"
        );
        stage.fault("freed 1");
        stage.passes(Duration::from_secs(1)).await;
        stage.fills(A, Acks::Committed, Duration::from_secs(5)).await.expect("there is room again");
    });
}

/// KAFKA-7837: a leader that cannot read what a follower lacks must not find that one slow, and end as the only member.
#[test]
fn s20_a_leader_that_cannot_read_its_disk_steps_down_and_does_not_shrink_the_set() {
    staged(21, Shape { log: small_segments(), ..Shape::of(3) }, |mut stage| async move {
        for _ in 0..10 {
            stage.fills(A, Acks::Committed, Duration::from_secs(5)).await.expect("acknowledged");
        }
        // A follower that comes back empty wants the oldest records, which the leader has on its disk only. There it is damaged.
        stage.cluster.crash(C).await;
        stage.cluster.wipe(C).await;
        stage.until_members(&[A, B]).await;
        stage.fault("flip-bit 1 1000");
        stage.cluster.restart(C).await;
        stage.until_leads(B).await;
        assert!(stage.status(A).await.is_none(), "what it has cannot be trusted");
        stage.until_members(&[B, C]).await;
        stage.commits().await;
        let end = stage.status(B).await.expect("it leads").high_watermark;
        assert_eq!(end.0, 11, "nothing that was acknowledged is missing");
    });
}

/// The same for a disk that does not write: it is not a slow leader with even slower followers.
#[test]
fn s20_a_leader_that_cannot_sync_its_disk_steps_down_and_does_not_shrink_the_set() {
    staged(22, Shape::of(3), |mut stage| async move {
        stage.commits().await;
        stage.fault("sync-error 1");
        stage.commits().await;
        assert_eq!((stage.leader().await, stage.members().await), (B, vec![B, C]));
        assert_eq!(stage.missing().await, 0);
    });
}
