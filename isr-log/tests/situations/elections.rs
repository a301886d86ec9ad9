//! Who leads next, and what that costs, under today's rules and under older ones.

use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::cluster::Shape;
use isr_log::mutant::{Mutant, Mutated};
use isr_log::rules::{SuccessorRule, UncleanElection};
use partition::cluster::Cluster;
use partition::error::{ReadError, Refusal};
use partition::ids::NodeId;
use partition::log::{Durability, LogConfig};
use partition::partition::{Acks, Isolation};
use partition::simulation::Keeps;

use crate::stage::{A, B, C, Stage, broken, staged};

const TODAY: HistoricRules = HistoricRules {
    lag: isr_log::rules::LagRule::CaughtUp,
    minimum: isr_log::rules::MinimumRule::Strict,
    truncation: isr_log::rules::TruncationRule::ByEpoch,
    successor: SuccessorRule::Eligible,
    unclean: UncleanElection::Never,
};
const LAST_MEMBER: HistoricRules = HistoricRules { successor: SuccessorRule::LastMember, ..TODAY };
const UNCLEAN: HistoricRules = HistoricRules { unclean: UncleanElection::Allowed, ..TODAY };

fn shape(min_isr: usize, historic: HistoricRules) -> Shape {
    Shape { min_isr, historic, ..Shape::of(3) }
}

impl Stage {
    /// The leader is cut off from its followers, and finds them slow: it is in sync alone.
    async fn alone(&self) {
        self.cut(A, B);
        self.cut(A, C);
        // Who has all there is does not lag, however long ago it was heard.
        self.tries_at(A, "more", Acks::Leader, Duration::from_secs(1)).await.expect("its own disk has it");
        self.until_members(&[A]).await;
    }

    /// Whether nobody leads for quite a while.
    async fn nobody_leads(&mut self) -> bool {
        self.tries(Acks::Committed, Duration::from_secs(10)).await.is_err()
    }
}

#[test]
fn c14_the_next_leader_is_in_sync_and_nothing_acknowledged_is_lost() {
    staged(14, shape(2, TODAY), |mut stage| async move {
        stage.cluster.crash(B).await;
        stage.until_members(&[A, C]).await;
        for _ in 0..20 {
            stage.commits().await;
        }
        // B is back, and lacks them all; the leader dies before B has caught up.
        stage.cut(A, B);
        stage.cluster.restart(B).await;
        stage.passes(Duration::from_millis(300)).await;
        stage.cluster.crash(A).await;
        stage.commits().await;
        assert_eq!((stage.leader().await, stage.missing().await), (C, 0));
    });
}

/// All three replicas leave one after the other; the last one standing loses its power, and what was not synced.
fn last_replica_standing(historic: HistoricRules) -> (NodeId, u64) {
    let log = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    staged(10, Shape { log, ..shape(2, historic) }, |mut stage| async move {
        for _ in 0..50 {
            stage.commits().await;
        }
        stage.cluster.pause(A).await;
        stage.until_leads(B).await;
        stage.commits().await;
        stage.cluster.pause(B).await;
        stage.until_leads(C).await;
        stage.cluster.crash(C).await;
        stage.passes(Duration::from_secs(2)).await;
        for node in [A, B] {
            stage.cluster.resume(node).await;
        }
        stage.passes(Duration::from_secs(2)).await;
        stage.cluster.restart(C).await;
        let leader = stage.leader().await;
        stage.all_in_sync().await;
        (leader, stage.missing().await)
    })
}

#[test]
fn s10_the_last_replica_standing_does_not_lead_after_a_power_cut_and_nothing_is_lost() {
    assert_eq!(last_replica_standing(TODAY), (B, 0));
}

#[test]
fn s10_by_the_older_rule_it_leads_and_all_the_others_cut_what_it_lost() {
    let (leader, missing) = last_replica_standing(LAST_MEMBER);
    assert_eq!(leader, C);
    assert!(missing > 0, "acknowledged, on three disks, and gone");
}

#[test]
fn s13_with_a_minimum_of_one_what_one_disk_alone_had_goes_with_it() {
    for historic in [TODAY, UNCLEAN] {
        staged(13, shape(1, historic), |mut stage| async move {
            stage.commits().await;
            stage.alone().await;
            stage.commits().await;
            stage.cluster.crash(A).await;
            stage.cluster.wipe(A).await;
            stage.heal();
            stage.cluster.restart(A).await;
            if historic == TODAY {
                assert!(stage.nobody_leads().await, "offline, for ever");
            } else {
                stage.takes_another_producer();
                stage.commits().await;
                assert_eq!(stage.missing().await, 1, "acknowledged, and lost");
            }
        });
    }
}

/// How the one that has all goes.
#[derive(Clone, Copy)]
enum Goes {
    Hung,
    Killed,
}

/// Redpanda's demonstration: of three, one is dead, and one goes after ten acknowledged records; the leader goes last, and its
/// disk has lost them. It is the first one back, with the one that never had them. Who leads then, and how many are missing.
fn leader_back_first_with_less(min_isr: usize, historic: HistoricRules, goes: Goes) -> (NodeId, u64) {
    let log = LogConfig { durability: Durability::Cached, ..LogConfig::default() };
    staged(10, Shape { log, ..shape(min_isr, historic) }, |mut stage| async move {
        stage.cluster.crash(C).await;
        stage.until_members(&[A, B]).await;
        for _ in 0..10 {
            stage.commits().await;
        }
        stage.simulation.keeps(B, Keeps::Written);
        match goes {
            Goes::Hung => stage.cluster.pause(B).await,
            Goes::Killed => stage.cluster.crash(B).await,
        }
        stage.until_members(&[A]).await;
        stage.cluster.crash(A).await;
        stage.cluster.restart(A).await;
        stage.cluster.restart(C).await;
        stage.passes(Duration::from_secs(5)).await;
        match goes {
            Goes::Hung => stage.cluster.resume(B).await,
            Goes::Killed => stage.cluster.restart(B).await,
        }
        let leader = stage.leader().await;
        stage.takes_another_producer();
        stage.all_in_sync().await;
        (leader, stage.missing().await)
    })
}

#[test]
fn s10b_a_leader_that_is_back_with_less_waits_for_the_one_that_has_all() {
    assert_eq!(leader_back_first_with_less(2, TODAY, Goes::Hung), (B, 0));
}

#[test]
fn s10b_by_the_older_rule_one_disk_that_lost_its_tail_loses_it_for_all() {
    for goes in [Goes::Hung, Goes::Killed] {
        assert_eq!(leader_back_first_with_less(1, LAST_MEMBER, goes), (A, 10));
    }
}

#[test]
fn s11_after_more_unclean_ends_than_the_last_leader_rule_tolerates_logs_are_compared() {
    // Nobody knows that the one that was killed has lost nothing; so both are asked, and it has more.
    assert_eq!(leader_back_first_with_less(2, TODAY, Goes::Killed), (B, 0));
}

#[test]
fn s11_by_the_rule_of_today_s_kafka_the_last_leader_leads_though_another_has_all() {
    let last_leader = HistoricRules { successor: SuccessorRule::LastLeader, ..TODAY };
    assert_eq!(leader_back_first_with_less(2, last_leader, Goes::Killed), (A, 10));
}

/// The only member of the set comes back with an empty disk. Whether it leads, and how much is missing then.
fn wiped(mutated: Mutated) -> Option<u64> {
    staged(2, Shape { mutated, ..shape(1, TODAY) }, |mut stage| async move {
        stage.alone().await;
        for _ in 0..10 {
            stage.commits().await;
        }
        stage.cluster.crash(A).await;
        stage.cluster.wipe(A).await;
        stage.heal();
        stage.cluster.restart(A).await;
        stage.takes_another_producer();
        if stage.nobody_leads().await {
            return None;
        }
        Some(stage.missing().await)
    })
}

#[test]
fn h02_a_wiped_member_does_not_pass_for_the_one_that_was_in_sync() {
    assert_eq!(wiped(Mutated::NOT), None, "better no leader than one that has nothing");
    assert_eq!(wiped(broken(Mutant::WipedDiskPasses)), Some(10), "it leads, and all is gone");
}

#[test]
fn s13_with_a_minimum_of_two_it_is_not_acknowledged_to_begin_with() {
    staged(13, shape(2, TODAY), |mut stage| async move {
        stage.commits().await;
        stage.alone().await;
        let outcome = stage.tries(Acks::Committed, Duration::ZERO).await;
        assert_eq!(outcome, Err(Refusal::NotEnoughReplicas { in_sync: 1, min_isr: 2 }.into()));
        stage.cluster.crash(A).await;
        stage.cluster.wipe(A).await;
        stage.heal();
        stage.cluster.restart(A).await;
        stage.commits().await;
        assert_eq!(stage.missing().await, 0);
    });
}

#[test]
fn s14_what_an_unclean_election_loses_is_counted_to_the_record() {
    staged(14, shape(1, UNCLEAN), |mut stage| async move {
        stage.commits().await;
        stage.alone().await;
        for _ in 0..100 {
            stage.commits().await;
        }
        // A consumer has read all of them, and one that went to the leader alone.
        let before = stage.status(A).await.expect("it leads").high_watermark;
        assert_eq!((before.0, stage.shows(A, 0, Isolation::Committed).await), (102, Ok(102)));
        stage.cluster.crash(A).await;
        stage.heal();
        stage.until_leads(B).await;
        stage.takes_another_producer();
        stage.commits().await;
        let after = stage.status(B).await.expect("it leads");
        assert_eq!(
            (after.high_watermark.0, after.log_end.0),
            (3, 3),
            "what is committed goes back by 100, and up by one"
        );
        let beyond = stage.shows(B, before.0, Isolation::Committed).await;
        assert!(
            matches!(beyond, Err(ReadError::OutOfRange { .. })),
            "its next offset does not exist: {beyond:?}"
        );
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        let real = stage.missing().await;
        let reported: u64 = [A, B, C].into_iter().map(|node| stage.cluster.lost(node)).sum();
        assert_eq!((reported, real), (100, 100));
    });
}

#[test]
fn s14_by_default_the_partition_waits_for_the_one_that_has_all() {
    staged(14, shape(1, TODAY), |mut stage| async move {
        stage.alone().await;
        for _ in 0..100 {
            stage.commits().await;
        }
        stage.cluster.crash(A).await;
        stage.heal();
        assert!(stage.nobody_leads().await);
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        let reported: u64 = [A, B, C].into_iter().map(|node| stage.cluster.lost(node)).sum();
        assert_eq!((reported, stage.missing().await), (0, 1), "but for the one that nobody took");
    });
}

#[test]
fn s20b_a_leader_that_removed_healthy_followers_and_lost_its_disk_is_followed_by_one_of_them() {
    for historic in [TODAY, LAST_MEMBER] {
        staged(20, shape(2, historic), |mut stage| async move {
            for _ in 0..10 {
                stage.commits().await;
            }
            stage.alone().await;
            stage.cluster.crash(A).await;
            stage.cluster.wipe(A).await;
            stage.heal();
            stage.cluster.restart(A).await;
            if historic == TODAY {
                stage.commits().await;
                assert_eq!(stage.missing().await, 0);
                stage.all_in_sync().await;
            } else {
                assert!(stage.nobody_leads().await, "two healthy followers, and none of use");
            }
        });
    }
}

#[test]
fn a_whole_cluster_that_stops_in_order_is_back_with_all_that_it_had() {
    staged(30, shape(2, TODAY), |mut stage| async move {
        for _ in 0..10 {
            stage.commits().await;
        }
        for node in [A, B, C] {
            stage.cluster.stop(node).await;
        }
        for node in [A, B, C] {
            stage.cluster.restart(node).await;
        }
        stage.commits().await;
        assert_eq!(stage.missing().await, 0);
        stage.all_in_sync().await;
    });
}

#[test]
fn a_whole_cluster_that_loses_its_power_is_back_with_all_that_it_had() {
    for seed in 0..10 {
        staged(seed, shape(2, TODAY), |mut stage| async move {
            for _ in 0..10 {
                stage.commits().await;
            }
            for node in [A, B, C] {
                stage.cluster.crash(node).await;
            }
            stage.passes(Duration::from_millis(seed * 150)).await;
            for node in [C, A, B] {
                stage.cluster.restart(node).await;
            }
            stage.commits().await;
            assert_eq!(stage.missing().await, 0);
            stage.all_in_sync().await;
        });
    }
}
