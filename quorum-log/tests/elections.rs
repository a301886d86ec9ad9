//! Who leads when nodes die, and when they are cut off in part: what openraft does, measured in virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::time::Duration;

use ask::load::Load;
use ask::{PATIENCE, append, leader};
use partition::cluster::Cluster;
use partition::fault::{Fault, NetworkFault};
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::{Acks, Append};
use partition::simulation::{self, Simulation, Tracing};
use quorum_log::Timing;
use quorum_log::cluster::{Plan, QuorumCluster};

fn nodes(count: u32) -> impl Iterator<Item = NodeId> {
    (1..=count).map(NodeId)
}

async fn epoch(cluster: &QuorumCluster) -> Epoch {
    let leads = leader(cluster).await;
    cluster.replica(leads).status().await.unwrap().epoch
}

/// Nothing arrives from the one at the other, in neither direction.
fn cut(simulation: &Simulation, one: u32, other: u32) {
    for (from, to) in [(one, other), (other, one)] {
        simulation.fault(&Fault::Network(NetworkFault::Cut { from: NodeId(from), to: NodeId(to) }));
    }
}

async fn led_by(simulation: &Simulation, voters: u32, leads: u32) -> QuorumCluster {
    let cluster = QuorumCluster::simulated(simulation, Plan::of(voters)).await;
    leader(&cluster).await;
    cluster.admin().hand_over(NodeId(leads), PATIENCE).await.unwrap();
    assert_eq!(leader(&cluster).await, NodeId(leads));
    cluster
}

#[test]
fn r01_a_follower_that_was_cut_off_comes_back_without_an_election() {
    simulation::run(1, async |simulation| {
        let cluster = led_by(&simulation, 3, 1).await;
        let (before, load) = (epoch(&cluster).await, Load::new(&simulation, &cluster, 3));
        let gap = load
            .during(async {
                load.goes_on(20).await;
                load.take_gap();
                for _ in 0..2 {
                    simulation.fault(&Fault::Network(NetworkFault::Split { side: vec![NodeId(3)] }));
                    // It would have stood for election again and again.
                    simulation.clock().sleep(Duration::from_secs(8)).await;
                    simulation.fault(&Fault::Network(NetworkFault::Join { side: vec![NodeId(3)] }));
                    simulation.clock().sleep(Duration::from_secs(3)).await;
                }
                load.take_gap()
            })
            .await;
        println!("R-01: appends stood still for {gap:?}");
        assert_eq!((leader(&cluster).await, epoch(&cluster).await), (NodeId(1), before));
        assert!(gap < Duration::from_millis(200), "{gap:?}");
        load.check(&*cluster.client()).await;
    });
}

#[test]
fn r02_a_cut_between_two_of_three_unseats_nobody_whoever_leads() {
    for leads in [1, 2, 3] {
        simulation::run(u64::from(leads), async |simulation| {
            let cluster = led_by(&simulation, 3, leads).await;
            let (before, load) = (epoch(&cluster).await, Load::new(&simulation, &cluster, 3));
            let gap = load
                .during(async {
                    load.goes_on(20).await;
                    cut(&simulation, 1, 3);
                    load.take_gap();
                    simulation.clock().sleep(Duration::from_secs(10)).await;
                    load.take_gap()
                })
                .await;
            println!("R-02, three, {leads} leads: appends stood still for {gap:?}");
            assert_eq!((leader(&cluster).await, epoch(&cluster).await), (NodeId(leads), before));
            assert!(gap < Duration::from_millis(200), "{gap:?}");
        });
    }
}

/// 1, 2 and 3 hear each other; 4 hears 2 alone, and 5 hears 3 alone.
fn split_five(simulation: &Simulation) {
    for (one, other) in [(4, 1), (4, 3), (4, 5), (5, 1), (5, 2)] {
        cut(simulation, one, other);
    }
}

#[test]
fn r02_of_five_in_a_partial_split_the_three_that_hear_each_other_go_on() {
    for leads in [1, 2, 4, 5] {
        simulation::run(u64::from(leads), async |simulation| {
            let cluster = led_by(&simulation, 5, leads).await;
            let load = Load::new(&simulation, &cluster, 5);
            let (gap, later) = load
                .during(async {
                    load.goes_on(20).await;
                    load.take_gap();
                    split_five(&simulation);
                    load.goes_on(60).await;
                    let gap = load.take_gap();
                    simulation.clock().sleep(Duration::from_secs(10)).await;
                    (gap, load.take_gap())
                })
                .await;
            let now = leader(&cluster).await;
            println!("R-02, five, {leads} led: appends stood still for {gap:?}, and then {now} leads");
            assert!(now.0 <= 3, "{now} leads");
            assert!(gap < Duration::from_secs(12), "{gap:?}");
            assert!(later < Duration::from_secs(1), "it never comes to rest: {later:?}");
            load.check(&*cluster.client()).await;
        });
    }
}

#[derive(Clone, Copy, Debug)]
enum Busy {
    Idle,
    Writing,
}

/// A leader that is heard and hears nobody: how long until somebody else takes appends.
fn deaf_leader(seed: u64, busy: Busy) -> Duration {
    simulation::run(seed, async |simulation| {
        let cluster = led_by(&simulation, 3, 1).await;
        let load = Load::new(&simulation, &cluster, 3);
        let stalled = |writing: bool| {
            let (load, simulation, cluster) = (&load, &simulation, &cluster);
            async move {
                if writing {
                    load.goes_on(20).await;
                }
                let began = simulation.clock().now();
                for from in [2, 3] {
                    let deaf = NetworkFault::Cut { from: NodeId(from), to: NodeId(1) };
                    simulation.fault(&Fault::Network(deaf));
                }
                let others = [cluster.local(NodeId(2)).unwrap(), cluster.local(NodeId(3)).unwrap()];
                loop {
                    for other in &others {
                        let append = Append {
                            batch: ask::batch("elsewhere"),
                            acks: Acks::Committed,
                            timeout: PATIENCE,
                        };
                        if other.append(append).await.is_ok() {
                            return simulation.clock().now().since(began);
                        }
                    }
                    let waited = simulation.clock().now().since(began);
                    if waited > Duration::from_secs(60) {
                        return waited;
                    }
                    simulation.clock().sleep(Duration::from_millis(50)).await;
                }
            }
        };
        match busy {
            Busy::Idle => stalled(false).await,
            Busy::Writing => load.during(stalled(true)).await,
        }
    })
}

#[test]
fn r03_a_deaf_leader_falls_silent_by_itself_and_is_replaced() {
    for busy in [Busy::Idle, Busy::Writing] {
        let mut worst = Duration::ZERO;
        for seed in 0..4 {
            worst = worst.max(deaf_leader(seed, busy));
        }
        println!("R-03, {busy:?}: another took appends after at most {worst:?}");
        assert!(worst < Duration::from_secs(15), "{busy:?}: {worst:?}");
    }
}

/// A tenth of the default: what is waited for is not what is tested.
const SHORT: Timing = Timing {
    heartbeat: Duration::from_millis(20),
    election_min: Duration::from_millis(100),
    election_max: Duration::from_millis(200),
};

/// Kills the leader again and again, and counts how long each took until the next append was acknowledged.
fn fail_overs(seed: u64, times: usize) -> Vec<Duration> {
    let gaps = simulation::attempt(seed, Tracing::Digest, async |simulation| {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan { timing: SHORT, ..Plan::of(3) }).await;
        let (client, mut gaps, mut tail) = (cluster.client(), Vec::new(), Offset::ZERO);
        for number in 0..times {
            let leads = leader(&cluster).await;
            let began = simulation.clock().now();
            cluster.crash(leads).await;
            // What was not stamped is not sent twice: the client learns by this that its connection is gone.
            client.tail(PATIENCE).await.unwrap();
            let placed = append(&*client, &format!("{number}"), Acks::Committed).await;
            assert!(placed.base >= tail, "{placed:?} lies below what was committed");
            tail = placed.base.next();
            gaps.push(simulation.clock().now().since(began));
            cluster.restart(leads).await;
        }
        assert_eq!(ask::values(&*client, partition::partition::Isolation::Linearizable).await.len(), times);
        gaps
    });
    gaps.unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn r10_leaders_die_again_and_again_and_each_time_another_is_elected() {
    let mut gaps: Vec<Duration> = (0..20).flat_map(|seed| fail_overs(seed, 50)).collect();
    gaps.sort_unstable();
    let (median, worst) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    println!("R-10: {} fail-overs, median {median:?}, worst {worst:?}", gaps.len());
    assert_eq!(gaps.len(), 1000);
    // A lease, and an election that is repeated once or twice.
    assert!(worst < 5 * SHORT.election_max, "{worst:?}");
}

#[test]
fn r12_after_a_restart_what_is_served_and_applied_never_goes_back() {
    for voters in [1, 3] {
        simulation::run(12, async |simulation| {
            let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(voters)).await;
            let (client, mut tail, mut last) = (cluster.client(), Offset::ZERO, Epoch::ZERO);
            for round in 0..6 {
                client.tail(PATIENCE).await.unwrap();
                let placed = append(&*client, &format!("{round}"), Acks::Committed).await;
                assert!(placed.epoch > last, "a leader goes on in its epoch after a restart");
                let now = client.tail(PATIENCE).await.unwrap().offset;
                assert!(now >= tail && now > placed.base, "round {round}: {now} after {tail}");
                (tail, last) = (now, placed.epoch);
                for node in nodes(voters) {
                    cluster.crash(node).await;
                }
                for node in nodes(voters) {
                    cluster.restart(node).await;
                    let seen = cluster.probe(node).unwrap().snapshot().unwrap();
                    let entries = seen.entries.unwrap();
                    assert!(seen.high_watermark <= seen.log_end, "beyond the log: {seen:?}");
                    assert!(entries.applied <= entries.committed, "{entries:?}");
                }
            }
            assert_eq!(ask::values(&*client, partition::partition::Isolation::Linearizable).await.len(), 6);
        });
    }
}

#[test]
fn r13_c02_c03_more_than_half_suffice_and_an_even_number_bears_no_more_than_the_odd_one_below() {
    for (voters, bears) in [(2, 0), (3, 1), (4, 1), (5, 2), (6, 2)] {
        simulation::run(13, async |simulation| {
            let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(voters)).await;
            append(&*cluster.client(), "all", Acks::Committed).await;
            for node in nodes(bears) {
                cluster.crash(node).await;
            }
            leader(&cluster).await;
            append(&*cluster.client(), "as many as it bears", Acks::Committed).await;
            cluster.crash(NodeId(bears + 1)).await;
            let timeout = Duration::from_secs(5);
            let one_more = Append { batch: ask::batch("one more"), acks: Acks::Committed, timeout };
            let outcome = cluster.client().append(one_more).await;
            assert!(outcome.is_err(), "{voters} voters without {}: {outcome:?}", bears + 1);
        });
    }
}

#[test]
fn a_leader_that_is_stopped_in_order_hands_over_without_a_stall() {
    let mut worst = Duration::ZERO;
    for seed in 0..5 {
        simulation::run(seed, async |simulation| {
            let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
            let load = Load::new(&simulation, &cluster, 3);
            let gap = load
                .during(async {
                    load.goes_on(20).await;
                    load.take_gap();
                    for _ in 0..4 {
                        let leads = leader(&cluster).await;
                        cluster.stop(leads).await;
                        load.goes_on(20).await;
                        cluster.restart(leads).await;
                        load.goes_on(20).await;
                    }
                    load.take_gap()
                })
                .await;
            worst = worst.max(gap);
            load.check(&*cluster.client()).await;
        });
    }
    println!("stopped in order: appends stood still for at most {worst:?}");
    assert!(worst < Duration::from_millis(500), "{worst:?}");
}
