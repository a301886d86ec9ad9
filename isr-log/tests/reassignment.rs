//! A partition that moves to other brokers under load, in virtual time: nothing is lost, nothing is there twice, and appends go on.

#[path = "reassignment/load.rs"]
mod load;

use std::time::Duration;

use isr_log::cluster::Shape;
use isr_log::controller::broker::AlterError;
use isr_log::controller::rejection::Rejection;
use isr_log::replica::CatchUpRate;
use load::{PATIENCE, Scene, under_load};
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);
const D: NodeId = NodeId(4);
const E: NodeId = NodeId(5);
const F: NodeId = NodeId(6);

/// An election by a fence takes a session of 600 ms and some; a move that fences nobody takes far less.
const HICCUP: Duration = Duration::from_millis(100);

/// Three replicas, and brokers that have none yet.
fn shape(spares: u32) -> Shape {
    Shape { spares, ..Shape::of(3) }
}

#[test]
fn a_replica_is_added_and_another_one_removed_while_appends_go_on() {
    for seed in 0..5 {
        under_load(seed, shape(1), async |scene| {
            scene.cluster.reassign(&[A, B, C, D]).await.expect("four brokers");
            scene.until_assigned(&[A, B, C, D]).await;
            scene.until_members(&[A, B, C, D]).await;
            scene.passes(Duration::from_millis(300)).await;
            scene.cluster.reassign(&[A, C, D]).await.expect("three of them");
            scene.until_assigned(&[A, C, D]).await;
            scene.until_gone(B).await;
            let gap = scene.longest_gap();
            println!("3 -> 4 -> 3, seed {seed}: no append for {gap:?}");
            assert!(gap < HICCUP, "seed {seed}: no append for {gap:?}");
        });
    }
}

#[test]
fn a_dead_replica_is_replaced() {
    under_load(1, shape(1), async |scene| {
        let dead = if scene.leader().await == C { B } else { C };
        scene.cluster.crash(dead).await;
        let left: Vec<NodeId> = [A, B, C, D].into_iter().filter(|node| *node != dead).collect();
        scene.until_members(&left[..2]).await;
        scene.forget_gaps();
        scene.cluster.reassign(&left).await.expect("a broker for a broker");
        scene.until_assigned(&left).await;
        scene.until_members(&left).await;
        let gap = scene.longest_gap();
        println!("a dead replica replaced: no append for {gap:?}");
        assert!(gap < HICCUP, "no append for {gap:?}");
        // It comes back, hears that it has no replica any more, and removes what it had: a stray, in Kafka's words.
        assert!(scene.cluster.files(dead).is_some());
        scene.cluster.restart(dead).await;
        scene.until_gone(dead).await;
    });
}

#[test]
fn a_leader_that_is_replaced_hands_over() {
    for seed in 0..5 {
        under_load(seed, shape(1), async |scene| {
            let leader = scene.leader().await;
            let others: Vec<NodeId> = [A, B, C, D].into_iter().filter(|node| *node != leader).collect();
            scene.cluster.reassign(&others).await.expect("without its leader");
            scene.until_assigned(&others).await;
            scene.until_gone(leader).await;
            assert_eq!(scene.leader().await, others[0], "the first of the target that is in sync");
            let gap = scene.longest_gap();
            println!("the leader replaced, seed {seed}: no append for {gap:?}");
            assert!(gap < HICCUP * 2, "seed {seed}: no append for {gap:?}");
        });
    }
}

#[test]
fn all_replicas_are_replaced_while_the_leader_dies() {
    for seed in 0..5 {
        // The newcomers copy for most of a second, so that there is a midway to die in.
        under_load(seed, throttled(3), async |scene| {
            scene.passes(Duration::from_secs(2)).await;
            scene.cluster.reassign(&[D, E, F]).await.expect("three for three");
            let leader = scene.leader().await;
            scene.passes(Duration::from_millis(seed * 100)).await;
            assert_eq!(scene.status().await.replicas, [D, E, F, A, B, C], "seed {seed}: it is over already");
            scene.cluster.crash(leader).await;
            scene.until_assigned(&[D, E, F]).await;
            scene.cluster.restart(leader).await;
            for node in [A, B, C] {
                scene.until_gone(node).await;
            }
            scene.until_members(&[D, E, F]).await;
            println!("all replaced, the leader dead, seed {seed}: no append for {:?}", scene.longest_gap());
        });
    }
}

#[test]
fn a_move_that_is_cancelled_leaves_no_trace() {
    under_load(4, shape(1), async |scene| {
        // The newcomer hangs, so that the move does not end by itself.
        scene.cluster.pause(D).await;
        scene.cluster.reassign(&[A, B, D]).await.expect("another broker");
        assert_eq!(scene.status().await.replicas, [A, B, D, C]);
        scene.cluster.cancel_reassignment().await.expect("it is under way");
        scene.until_assigned(&[A, B, C]).await;
        scene.cluster.resume(D).await;
        scene.until_gone(D).await;
        scene.until_members(&[A, B, C]).await;
        let again = scene.cluster.cancel_reassignment().await;
        assert!(matches!(again, Err(AlterError::Refused(Rejection::NotReassigning(_)))), "{again:?}");
    });
}

/// A replica goes and comes back in the same life, again and again: what it had is gone each time.
#[test]
fn s09_a_replica_that_is_removed_and_added_again_begins_anew() {
    for seed in 0..5 {
        under_load(seed, shape(0), async |scene| {
            for round in 0..4 {
                scene.cluster.reassign(&[A, B]).await.expect("without C");
                // At times the next comes before anybody has read this.
                scene.passes(Duration::from_millis(round * seed)).await;
                scene.cluster.reassign(&[A, B, C]).await.expect("with C");
                scene.passes(Duration::from_millis(20)).await;
            }
            scene.until_members(&[A, B, C]).await;
            // What it says it has, it has: alone it shows everything.
            scene.cluster.crash(A).await;
            scene.cluster.crash(B).await;
            scene.passes(PATIENCE / 20).await;
            scene.cluster.restart(A).await;
            scene.cluster.restart(B).await;
            scene.until_members(&[A, B, C]).await;
        });
    }
}

/// What a follower that catches up may fetch in a second.
const RATE: ByteSize = ByteSize::kib(512);

/// How long a follower may lag there.
const LAG: Duration = Duration::from_millis(300);

fn throttled(spares: u32) -> Shape {
    Shape { catch_up_rate: CatchUpRate::per_second(RATE), lag_max: LAG, ..shape(spares) }
}

/// Watches how the log of a follower grows until it is in sync: never faster than allowed.
async fn grows_at_its_rate(scene: &Scene, node: NodeId) -> (ByteSize, Duration) {
    let begun = scene.clock.now();
    let first = scene.bytes_of(node).await;
    loop {
        let (bytes, took) = (scene.bytes_of(node).await, scene.clock.now().since(begun));
        assert!(took < PATIENCE, "it never catches up");
        let copied = ByteSize(bytes.0.saturating_sub(first.0));
        // One fetch, of a tenth of a second, may have come at once, and at the end what the rate brings in the allowed lag.
        let allowed = RATE.0 as f64 * (took + LAG).as_secs_f64() + RATE.0 as f64 * 0.1 + 4096.0;
        assert!(copied.0 as f64 <= allowed, "{copied} bytes in {took:?}, {allowed} allowed");
        if scene.status().await.members.contains(&node) {
            return (copied, took);
        }
        scene.passes(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_newcomer_copies_no_faster_than_it_may() {
    under_load(6, throttled(1), async |scene| {
        scene.passes(Duration::from_secs(5)).await;
        scene.forget_gaps();
        scene.cluster.reassign(&[A, B, C, D]).await.expect("four brokers");
        let (copied, took) = grows_at_its_rate(scene, D).await;
        let rate = copied.0 as f64 / took.as_secs_f64();
        let gap = scene.longest_gap();
        println!("{copied} bytes in {took:?}, {rate:.0} a second of {}; no append for {gap:?}", RATE.0);
        assert!(rate > 0.8 * RATE.0 as f64, "it does not use what it may: {rate:.0} bytes a second");
        assert!(gap < HICCUP * 2, "no append for {gap:?}");
        // From then on nothing holds it back.
        scene.until_assigned(&[A, B, C, D]).await;
    });
}

#[test]
fn h02_a_wiped_replica_comes_back_under_load_at_its_rate() {
    under_load(7, throttled(0), async |scene| {
        scene.passes(Duration::from_secs(5)).await;
        let wiped = if scene.leader().await == C { B } else { C };
        scene.cluster.crash(wiped).await;
        scene.cluster.wipe(wiped).await;
        let others: Vec<NodeId> = [A, B, C].into_iter().filter(|node| *node != wiped).collect();
        scene.until_members(&others).await;
        scene.forget_gaps();
        scene.cluster.restart(wiped).await;
        scene.until_has(wiped).await;
        let (copied, took) = grows_at_its_rate(scene, wiped).await;
        let gap = scene.longest_gap();
        println!("a wiped replica: {copied} bytes in {took:?}; no append for {gap:?}");
        assert!(gap < HICCUP * 2, "no append for {gap:?}");
        assert!(took > Duration::from_secs(2), "{copied} bytes in {took:?}");
    });
}
