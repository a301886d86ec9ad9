//! What readers see, and where followers cut: by epoch as today, and by high watermark as the documents have it (C16 to C22).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::cluster::{CONTROLLER, Shape};
use isr_log::mutant::{Mutant, Mutated};
use isr_log::rules::TruncationRule;
use partition::cluster::Cluster;
use partition::error::ReadError;
use partition::ids::{ByteSize, NodeId, Offset};
use partition::partition::{Acks, Isolation, Read, Role};

use crate::stage::{A, B, C, Stage, broken, staged};

const SOON: Duration = Duration::from_secs(1);

fn shape(truncation: TruncationRule) -> Shape {
    let historic = HistoricRules { truncation, ..HistoricRules::default() };
    Shape { historic, ..Shape::of(3) }
}

impl Stage {
    /// How many records this replica shows from this offset on.
    pub(crate) async fn shows(
        &self,
        node: NodeId,
        from: u64,
        isolation: Isolation,
    ) -> Result<usize, ReadError> {
        let read = Read { from: Offset(from), max_bytes: ByteSize::mib(1), isolation, wait: Duration::ZERO };
        let fetched = self.cluster.replica(node).read(read).await?;
        Ok(fetched.batches.values_from(Offset(from)).expect("sound batches").len())
    }

    /// Some load, each append as soon as the one before it is committed.
    async fn load(&mut self, appends: u32) {
        for _ in 0..appends {
            self.commits().await;
        }
    }
}

#[test]
fn c16_c18_readers_see_nothing_beyond_the_smallest_log_end_in_sync_and_replicas_do() {
    staged(16, Shape::of(3), |mut stage| async move {
        stage.load(2).await;
        stage.fault("slow-sync 3 500ms");
        let appended = stage.tries_at(A, "x", Acks::Committed, SOON);
        let looks = async {
            stage.passes(Duration::from_millis(100)).await;
            let [a, b, c] = [stage.status(A).await, stage.status(B).await, stage.status(C).await];
            let (a, b, c) = (a.expect("runs"), b.expect("runs"), c.expect("runs"));
            assert_eq!([a.log_end.0, b.log_end.0, c.log_end.0], [3, 3, 3], "C18: all have fetched it");
            assert_eq!([a.stored.0, b.stored.0, c.stored.0], [3, 3, 2], "and one has it not on disk");
            assert_eq!(a.high_watermark.0, 2, "C16: the smallest of them");
            for node in [A, B, C] {
                assert_eq!(stage.shows(node, 2, Isolation::Committed).await, Ok(0));
            }
            assert_eq!(stage.shows(A, 2, Isolation::Uncommitted).await, Ok(1));
        };
        let (outcome, ()) = futures_util::future::join(appended, looks).await;
        outcome.expect("acknowledged when the slowest has it");
        assert_eq!(stage.shows(A, 2, Isolation::Committed).await, Ok(1));
    });
}

#[test]
fn c17_each_replica_has_a_high_watermark_of_its_own_and_none_beyond_its_log() {
    staged(17, Shape::of(3), |mut stage| async move {
        let probes: Vec<_> = [A, B, C].into_iter().filter_map(|node| stage.cluster.probe(node)).collect();
        let behind = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&behind);
        stage.simulation.on_step(move |_| {
            let all: Vec<_> = probes.iter().filter_map(|probe| probe.snapshot()).collect();
            let Some(leader) = all.iter().find(|seen| seen.role == Role::Leader) else { return Ok(()) };
            for one in &all {
                let most = leader.high_watermark.min(one.log_end);
                if one.high_watermark > most {
                    return Err(format!("{} of {most}: {one:?}", one.high_watermark));
                }
                *seen.lock().expect("no holder panics") +=
                    usize::from(one.high_watermark < leader.high_watermark);
            }
            Ok(())
        });
        stage.load(50).await;
        assert!(*behind.lock().expect("no holder panics") > 0, "followers hear of it late");
        stage.passes(SOON).await;
        for node in [A, B, C] {
            assert_eq!(
                stage.status(node).await.expect("it runs").high_watermark.0,
                50,
                "and they do hear of it"
            );
        }
    });
}

#[test]
fn c19_what_a_reader_has_seen_is_read_from_each_next_leader() {
    staged(19, Shape::of(3), |mut stage| async move {
        let mut seen = Vec::new();
        for leader in [A, B, A, B] {
            stage.load(10).await;
            let now = stage.values().await;
            assert!(now.starts_with(&seen), "{seen:?}, then {now:?}");
            seen = now;
            assert_eq!(stage.leader().await, leader);
            stage.cluster.crash(leader).await;
            stage.commits().await;
            stage.cluster.restart(leader).await;
            stage.all_in_sync().await;
        }
        assert_eq!(stage.missing().await, 0);
    });
}

/// A reader was told of two records, of which the next leader has heard of one commit.
async fn until_the_next_leads(stage: &mut Stage) {
    stage.commits().await;
    stage.passes(SOON).await;
    // The followers have the second record on disk, and have not heard that it is committed.
    stage.fault("delay 1>2 20ms");
    stage.fault("delay 1>3 20ms");
    stage.commits().await;
    assert_eq!(stage.shows(A, 0, Isolation::Committed).await, Ok(2));
    stage.cut(B, C);
    stage.cluster.crash(A).await;
    stage.until_leads(B).await;
}

#[test]
fn s15_a_new_leader_shows_nothing_before_it_knows_what_is_committed_and_never_less_than_before() {
    staged(15, Shape::of(3), |mut stage| async move {
        until_the_next_leads(&mut stage).await;
        let b = stage.status(B).await.expect("it leads");
        assert_eq!((b.high_watermark.0, b.log_end.0), (1, 2), "it cannot know");
        for isolation in [Isolation::Committed, Isolation::Linearizable] {
            let shown =
                stage.clock().timeout(SOON * 3, stage.shows(B, 0, isolation)).await.expect("an answer");
            assert!(
                matches!(shown, Err(ReadError::NotAvailable | ReadError::Timeout)),
                "{isolation:?}: {shown:?}"
            );
        }
        let tail = stage.cluster.replica(B).tail(SOON / 4).await;
        assert!(matches!(tail, Err(ReadError::NotAvailable | ReadError::Timeout)), "{tail:?}");
        assert_eq!(
            stage.shows(C, 0, Isolation::Committed).await,
            Ok(1),
            "a follower shows what it had heard of"
        );
        stage.heal();
        stage.until_members(&[B, C]).await;
        let tail = stage.cluster.replica(B).tail(SOON).await.expect("it knows by now");
        assert_eq!(tail.offset.0, 2, "not less than was told before");
    });
}

/// S-15: a reader was told of two records. What the next leader shows, which has heard of one commit.
fn shown_by_the_next_leader(mutated: Mutated) -> Result<usize, ReadError> {
    staged(15, Shape { mutated, ..Shape::of(3) }, |mut stage| async move {
        until_the_next_leads(&mut stage).await;
        stage.clock().timeout(SOON * 3, stage.shows(B, 0, Isolation::Committed)).await.expect("an answer")
    })
}

#[test]
fn s15_by_the_older_rule_the_next_leader_takes_back_what_readers_were_told() {
    assert_eq!(shown_by_the_next_leader(broken(Mutant::ShowOldMark)), Ok(1), "one of the two that were read");
    let today = shown_by_the_next_leader(Mutated::NOT);
    assert!(matches!(today, Err(ReadError::NotAvailable | ReadError::Timeout)), "{today:?}");
}

/// S-01 in a whole cluster. A follower ends and comes back at once, with what it had and with an old high watermark; before it
/// has fetched, its leader loses its power. How many acknowledged records are lost.
fn a_bounce_and_a_power_cut(truncation: TruncationRule) -> u64 {
    staged(1, shape(truncation), |mut stage| async move {
        stage.cluster.crash(C).await;
        stage.until_members(&[A, B]).await;
        stage.load(10).await;
        // What is on its way to the leader arrives late: the bounce and the cut come before it has fetched.
        stage.cluster.stop(B).await;
        stage.fault("delay 2>1 200ms");
        stage.cluster.restart(B).await;
        stage.passes(Duration::from_millis(150)).await;
        stage.cluster.crash(A).await;
        stage.until_leads(B).await;
        stage.heal();
        stage.cluster.restart(A).await;
        stage.cluster.restart(C).await;
        stage.takes_another_producer();
        stage.commits().await;
        stage.all_in_sync().await;
        stage.missing().await
    })
}

#[test]
fn s01_c22_by_high_watermark_a_bounce_and_a_power_cut_lose_what_was_acknowledged_and_by_epoch_they_do_not() {
    assert_eq!(a_bounce_and_a_power_cut(TruncationRule::ByEpoch), 0);
    assert!(a_bounce_and_a_power_cut(TruncationRule::ByHighWatermark) > 0);
}

/// C20: a follower fails, and comes back. What it has when it has begun to follow again, and when it is in sync again.
fn a_follower_fails(truncation: TruncationRule) -> (u64, u64) {
    staged(20, shape(truncation), |mut stage| async move {
        stage.load(10).await;
        // Its last high watermark is kept on disk with the next second; the records after it are on its disk too.
        stage.passes(SOON * 2).await;
        stage.load(5).await;
        stage.cluster.crash(C).await;
        stage.until_members(&[A, B]).await;
        stage.load(5).await;
        stage.fault("delay 3>1 100ms");
        stage.cluster.restart(C).await;
        stage.passes(Duration::from_millis(150)).await;
        let begins = stage.status(C).await.expect("it runs").log_end.0;
        stage.all_in_sync().await;
        assert_eq!(stage.missing().await, 0);
        (begins, stage.status(C).await.expect("it runs").log_end.0)
    })
}

#[test]
fn c20_a_follower_that_comes_back_cuts_to_the_mark_on_its_disk_fetches_from_there_and_joins_at_the_end() {
    assert_eq!(a_follower_fails(TruncationRule::ByHighWatermark), (10, 20));
    assert_eq!(a_follower_fails(TruncationRule::ByEpoch), (15, 20), "what it had was the leader's");
}

/// C21: the leader fails with a tail of its own. What the others have, what the old leader has, once all are in sync.
fn a_leader_fails(truncation: TruncationRule) -> (Vec<String>, Vec<u64>) {
    staged(21, shape(truncation), |mut stage| async move {
        stage.load(10).await;
        stage.passes(SOON * 2).await;
        stage.cut(A, B);
        stage.cut(A, C);
        stage.tries_at(A, "tail", Acks::Leader, SOON).await.expect("its own disk has it");
        stage.cluster.crash(A).await;
        stage.load(3).await;
        stage.heal();
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        let mut ends = Vec::new();
        for node in [A, B, C] {
            ends.push(stage.status(node).await.expect("it runs").log_end.0);
        }
        (stage.values().await, ends)
    })
}

#[test]
fn c21_after_a_leader_failed_all_cut_what_the_new_one_lacks_and_go_on_from_it() {
    for truncation in [TruncationRule::ByEpoch, TruncationRule::ByHighWatermark] {
        let (values, ends) = a_leader_fails(truncation);
        let committed: Vec<String> = (0..13).map(|count| format!("v{count}")).collect();
        assert_eq!((values, ends), (committed, vec![13; 3]), "{truncation:?}");
    }
}

/// A leader is cut off from everybody but its clients, and another one has gone on. What a linearizable read at it is told.
fn a_read_of_a_deposed_leader(mutated: Mutated) -> Result<usize, ReadError> {
    staged(23, Shape { mutated, ..Shape::of(3) }, |mut stage| async move {
        stage.commits().await;
        for other in [B, C, CONTROLLER] {
            stage.cut(A, other);
        }
        stage.until_leads(B).await;
        stage.commits().await;
        stage.shows(A, 0, Isolation::Linearizable).await
    })
}

#[test]
fn h16_a_leader_that_cannot_ask_the_members_answers_no_linearizable_read() {
    assert_eq!(a_read_of_a_deposed_leader(Mutated::NOT), Err(ReadError::Timeout));
    let without_proof = broken(Mutant::ReadWithoutProof);
    assert_eq!(a_read_of_a_deposed_leader(without_proof), Ok(1), "one of two that were acknowledged");
}
