//! Followers that are slow, stuck or gone: how long appends wait for them (C11, C12).

use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::cluster::Shape;
use isr_log::rules::LagRule;
use partition::cluster::Cluster;
use partition::partition::{Acks, Append};
use partition::record::BatchBuilder;
use partition::transport::memory::Latency;

use crate::stage::{A, B, C, PATIENCE, Stage, staged};

const LAG_MAX: Duration = Duration::from_secs(1);
const SESSION: Duration = Duration::from_millis(600);
/// Round trips, two syncs, and timers of a millisecond.
const SLACK: Duration = Duration::from_millis(50);

fn shape() -> Shape {
    Shape { lag_max: LAG_MAX, session: SESSION, ..Shape::of(3) }
}

/// Some load, so that a follower that is well was caught up a moment ago.
async fn warm(stage: &mut Stage, for_so_long: Duration) {
    let end = stage.clock().now().after(for_so_long);
    while stage.clock().now() < end {
        stage.commits().await;
        stage.passes(Duration::from_millis(10)).await;
    }
}

/// How long appends stall when a follower's fetches stop while its heartbeats go on.
fn stall_of_a_hung_follower(seed: u64) -> Duration {
    staged(seed, shape(), |mut stage| async move {
        // The leader looks every half lag: hit each part of that.
        warm(&mut stage, LAG_MAX + Duration::from_millis(seed * 37 % 500)).await;
        stage.cut(A, C);
        let stall = stage.commits().await;
        assert_eq!(stage.members().await, [A, B]);
        assert!(stage.commits().await < SLACK, "one stall, and no other");
        stage.heal();
        stage.all_in_sync().await;
        stall
    })
}

#[test]
fn s16_c11_a_hung_follower_stalls_appends_for_one_to_one_and_a_half_times_the_lag() {
    let stalls: Vec<Duration> = (0..24).map(stall_of_a_hung_follower).collect();
    let (least, most) = (stalls.iter().min().expect("24"), stalls.iter().max().expect("24"));
    assert!(*least >= LAG_MAX - SLACK && *most <= LAG_MAX * 3 / 2 + SLACK, "{stalls:?}");
    // A histogram, by tenths of the lag from one to one and a half: the leader looks at any moment of that.
    let mut histogram = [0; 5];
    for stall in &stalls {
        let tenth = stall.saturating_sub(LAG_MAX).as_millis() * 10 / LAG_MAX.as_millis();
        histogram[usize::try_from(tenth).expect("a few").min(4)] += 1;
    }
    println!("stalls from 1.0 to 1.5 times the lag, by tenths of it: {histogram:?}");
    assert!(histogram.iter().all(|count| *count >= 2), "as often at any of them: {histogram:?}");
}

#[test]
fn s17_a_crash_costs_a_session_an_orderly_stop_nothing_and_a_hang_the_lag() {
    let crash = staged(1, shape(), |mut stage| async move {
        warm(&mut stage, SESSION).await;
        stage.cluster.crash(C).await;
        stage.commits().await
    });
    assert!(crash > SESSION / 2 && crash < SESSION + SLACK, "a crash: {crash:?}");
    let stop = staged(2, shape(), |mut stage| async move {
        warm(&mut stage, SESSION).await;
        stage.cluster.stop(C).await;
        stage.commits().await
    });
    assert!(stop < SLACK, "an orderly stop: {stop:?}");
    let hang = stall_of_a_hung_follower(3);
    assert!(hang > LAG_MAX - SLACK, "a hang: {hang:?}");
}

#[test]
fn s17_a_leader_that_stops_in_order_hands_over_without_a_stall() {
    staged(4, shape(), |mut stage| async move {
        warm(&mut stage, SESSION).await;
        // Appends go on while it stops: the longest of them is the stall.
        let client = stage.cluster.client();
        let load: Vec<_> = (0..200).map(|_| stage.append(Acks::Committed, Duration::from_secs(30))).collect();
        let clock = stage.clock().clone();
        let appends = async {
            let mut longest = Duration::ZERO;
            for append in load {
                let begun = clock.now();
                client.append(append).await.expect("acknowledged");
                longest = longest.max(clock.now().since(begun));
                clock.sleep(Duration::from_millis(2)).await;
            }
            longest
        };
        let (longest, ()) = futures_util::future::join(appends, stage.cluster.stop(A)).await;
        assert!(longest < SESSION / 4, "{longest:?}");
        assert_eq!(stage.leader().await, B);
        assert_eq!(stage.members().await, [B, C]);
        assert_eq!(stage.missing().await, 0);
        stage.cluster.restart(A).await;
        stage.all_in_sync().await;
        assert_eq!(stage.leader().await, B, "it does not take the lead back by itself");
        stage.cluster.elect_preferred().await.expect("it is in sync");
        assert!(stage.commits().await < SESSION / 4);
        assert_eq!((stage.leader().await, stage.missing().await), (A, 0));
    });
}

#[test]
fn s18_a_follower_that_is_slow_but_just_in_time_stays_and_every_append_pays_for_it() {
    staged(18, shape(), |mut stage| async move {
        let way = LAG_MAX * 9 / 20;
        for (from, to) in [(A, C), (C, A)] {
            stage.simulation.network().set_latency_between(from, to, Latency::Constant(way));
        }
        stage.commits().await;
        for _ in 0..10 {
            let took = stage.commits().await;
            assert!(
                took >= way * 2 && took < way * 2 + SLACK,
                "it pays for the way there and back: {took:?}"
            );
            assert_eq!(stage.members().await, [A, B, C]);
        }
    });
}

/// How often the in-sync set changes in some seconds of bursts, and how many bursts are refused, on a cluster that is well but
/// a few milliseconds wide.
fn changes_under_bursts(lag: LagRule) -> (usize, usize) {
    let historic = HistoricRules { lag, ..HistoricRules::default() };
    staged(13, Shape { historic, ..shape() }, |stage| async move {
        let way = Duration::from_millis(4);
        for node in [B, C] {
            for (from, to) in [(A, node), (node, A)] {
                stage.simulation.network().set_latency_between(from, to, Latency::Constant(way));
            }
        }
        let values: Vec<bytes::Bytes> = vec!["x".into(); 200];
        let end = stage.clock().now().after(Duration::from_secs(20));
        let bursts = async {
            let mut refused = 0;
            while stage.clock().now() < end {
                let batch = BatchBuilder::of_values(0, &values);
                let append = Append { batch, acks: Acks::Committed, timeout: PATIENCE };
                refused += usize::from(stage.cluster.replica(A).append(append).await.is_err());
                stage.passes(Duration::from_millis(10)).await;
            }
            refused
        };
        let changes = async {
            let (mut changes, mut members) = (0, stage.members().await);
            while stage.clock().now() < end {
                let now = stage.status(A).await.expect("it leads").members;
                changes += usize::from(now != members);
                members = now;
                stage.passes(Duration::from_millis(2)).await;
            }
            changes
        };
        futures_util::future::join(changes, bursts).await
    })
}

#[test]
fn c13_by_the_number_of_messages_bursts_make_the_set_flap_and_by_time_they_do_not() {
    assert_eq!(changes_under_bursts(LagRule::CaughtUp), (0, 0));
    let (flaps, refused) = changes_under_bursts(LagRule::Messages(100));
    assert!(flaps >= 10 && refused >= 1, "{flaps} changes, {refused} bursts refused");
}
