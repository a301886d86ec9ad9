//! Who votes is changed while clients write, each story by its number. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ask::load::Load;
use ask::{PATIENCE, append, follow, leader, values};
use partition::cluster::Cluster;
use partition::fault::{Fault, NetworkFault};
use partition::ids::{NodeId, Offset};
use partition::partition::{Acks, Isolation, Role};
use partition::simulation::{self, Simulation};
use partition::transport::Address;
use quorum_log::admin::ChangeError;
use quorum_log::cluster::{Plan, QuorumCluster};

fn located(nodes: &[u32]) -> BTreeMap<NodeId, Address> {
    nodes.iter().map(|node| (NodeId(*node), Address::simulated(NodeId(*node)))).collect()
}

fn set(nodes: &[u32]) -> BTreeSet<NodeId> {
    nodes.iter().copied().map(NodeId).collect()
}

async fn three(simulation: &Simulation) -> QuorumCluster {
    QuorumCluster::simulated(simulation, Plan::of(3)).await
}

/// A follower, and the other one.
async fn followers(cluster: &QuorumCluster) -> [NodeId; 2] {
    let leads = leader(cluster).await;
    let others: Vec<_> = (1..=3).map(NodeId).filter(|node| *node != leads).collect();
    [others[0], others[1]]
}

#[test]
fn r06_three_voters_become_five_and_three_others_again_under_load() {
    simulation::run(1, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 5);
        let admin = cluster.admin();
        load.during(async {
            load.goes_on(50).await;
            cluster.join(NodeId(4)).await;
            cluster.join(NodeId(5)).await;
            let five = admin.change_voters(located(&[1, 2, 3, 4, 5]), PATIENCE).await.unwrap();
            assert_eq!(five.voters, [set(&[1, 2, 3, 4, 5])]);
            load.goes_on(50).await;
            // Two of five may be gone.
            let [one, other] = followers(&cluster).await;
            cluster.crash(one).await;
            cluster.crash(other).await;
            load.goes_on(50).await;
            cluster.restart(one).await;
            cluster.restart(other).await;
            let three = admin.change_voters(located(&[3, 4, 5]), PATIENCE).await.unwrap();
            assert_eq!((three.voters, three.addresses), (vec![set(&[3, 4, 5])], located(&[3, 4, 5])));
            // Who was voted out may be switched off.
            cluster.crash(NodeId(1)).await;
            cluster.crash(NodeId(2)).await;
            load.goes_on(50).await;
        })
        .await;
        load.check(&*cluster.client()).await;
        let now = leader(&cluster).await;
        assert!(set(&[3, 4, 5]).contains(&now), "{now} leads");
        let status = cluster.replica(now).status().await.unwrap();
        assert_eq!(status.members, [3, 4, 5].map(NodeId));
    });
}

#[test]
fn r06_a_leader_that_is_voted_out_hands_over_and_follows_nobody() {
    simulation::run(2, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 4);
        let (admin, old) = (cluster.admin(), leader(&cluster).await);
        let gap = load
            .during(async {
                load.goes_on(50).await;
                let at = cluster.join(NodeId(4)).await;
                load.take_gap();
                admin.replace(old, NodeId(4), at, PATIENCE).await.unwrap();
                load.goes_on(200).await;
                load.take_gap()
            })
            .await;
        println!("voted out: appends stood still for {gap:?}");
        assert!(gap < Duration::from_secs(1), "nobody had to be missed: {gap:?}");
        load.check(&*cluster.client()).await;
        let now = leader(&cluster).await;
        assert_ne!(now, old);
        // It stays outside, and disturbs nobody.
        let epoch = cluster.replica(now).status().await.unwrap().epoch;
        simulation.clock().sleep(Duration::from_secs(30)).await;
        let (status, outside) =
            (cluster.replica(now).status().await.unwrap(), cluster.replica(old).status().await.unwrap());
        assert_eq!((status.role, status.epoch), (Role::Leader, epoch));
        assert_ne!(outside.role, Role::Leader, "{outside:?}");
    });
}

#[test]
fn r06_one_change_at_a_time_and_one_that_was_cut_short_is_finished_by_asking_again() {
    let mut cut_short = 0;
    for seed in 0..6 {
        cut_short += simulation::run(seed, async |simulation| {
            let mut cluster = three(&simulation).await;
            let load = Load::new(&simulation, &cluster, 5);
            let (admin, other) = (cluster.admin(), cluster.admin());
            let first = leader(&cluster).await;
            let cut_short = load
                .during(async {
                    load.goes_on(30).await;
                    cluster.join(NodeId(4)).await;
                    cluster.join(NodeId(5)).await;
                    let wanted = located(&[1, 2, 3, 4, 5]);
                    let (asked, refused, ()) = futures_util::future::join3(
                        admin.change_voters(wanted.clone(), Duration::from_secs(2)),
                        async {
                            simulation.clock().sleep(Duration::from_millis(15)).await;
                            other.change_voters(located(&[1, 2, 4]), Duration::from_secs(1)).await
                        },
                        async {
                            // Somewhere between the first copy and the last word.
                            simulation.clock().sleep(Duration::from_millis(10 + 5 * seed)).await;
                            cluster.crash(first).await;
                        },
                    )
                    .await;
                    assert_ne!(
                        refused.as_ref().ok().map(|members| members.voters.len()),
                        Some(1),
                        "{refused:?}"
                    );
                    let done = admin.change_voters(wanted, PATIENCE).await.unwrap();
                    assert_eq!(done.voters, [set(&[1, 2, 3, 4, 5])]);
                    cluster.restart(first).await;
                    load.goes_on(30).await;
                    usize::from(asked.is_err())
                })
                .await;
            load.check(&*cluster.client()).await;
            cut_short
        });
    }
    println!("{cut_short} of 6 changes were not answered in time");
}

#[test]
fn r08_a_wiped_voter_is_replaced_under_load_and_its_number_is_refused_for_good() {
    simulation::run(3, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 5);
        let (admin, [wiped, _]) = (cluster.admin(), followers(&cluster).await);
        load.during(async {
            load.goes_on(100).await;
            cluster.crash(wiped).await;
            cluster.wipe(wiped).await;
            let at = cluster.join(NodeId(4)).await;
            let members = admin.replace(wiped, NodeId(4), at, PATIENCE).await.unwrap();
            assert!(!members.addresses.contains_key(&wiped), "{members:?}");
            load.goes_on(50).await;
            // Its number has voted; with an empty disk it does not know what it has promised.
            let again = admin.replace(NodeId(4), wiped, Address::simulated(wiped), PATIENCE).await;
            assert_eq!(again, Err(ChangeError::HasVoted(wiped)));
            // That is so for leaders to come too.
            let leads = leader(&cluster).await;
            cluster.crash(leads).await;
            let again = admin.add_learner(wiped, Address::simulated(wiped), PATIENCE).await;
            assert_eq!(again, Err(ChangeError::HasVoted(wiped)));
            cluster.restart(leads).await;
            load.goes_on(50).await;
        })
        .await;
        load.check(&*cluster.client()).await;
    });
}

#[test]
fn r08_a_wiped_voter_that_comes_back_under_its_number_gets_nothing_from_the_leader_it_had_answered() {
    simulation::run(4, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 3);
        let [wiped, _] = followers(&cluster).await;
        load.during(async {
            load.goes_on(100).await;
            cluster.crash(wiped).await;
            cluster.wipe(wiped).await;
            cluster.restart(wiped).await;
            load.goes_on(100).await;
            simulation.clock().sleep(Duration::from_secs(10)).await;
            load.goes_on(100).await;
        })
        .await;
        let outside = cluster.replica(wiped).status().await.unwrap();
        assert!(outside.log_end < Offset(10), "it was brought up to date: {outside:?}");
        load.check(&*cluster.client()).await;
    });
}

#[test]
fn r08_numbers_that_voted_are_known_to_who_begins_from_a_snapshot() {
    simulation::run(5, async |simulation| {
        let mut cluster = three(&simulation).await;
        let (client, admin) = (cluster.client(), cluster.admin());
        for number in 0..40 {
            append(&*client, &format!("{number}"), Acks::Committed).await;
        }
        let leads = leader(&cluster).await;
        let gone = followers(&cluster).await[0];
        let at = cluster.join(NodeId(4)).await;
        admin.replace(gone, NodeId(4), at, PATIENCE).await.unwrap();
        cluster.crash(gone).await;
        append(&*client, "after the change", Acks::Committed).await;
        let tail = client.tail(PATIENCE).await.unwrap().offset;
        client.trim(tail, PATIENCE).await.unwrap();
        append(&*client, "after the trim", Acks::Committed).await;
        // The others restart, and so give up the entries in which it voted.
        for node in (1..=4).map(NodeId).filter(|node| *node != gone) {
            cluster.stop(node).await;
            cluster.restart(node).await;
        }
        let at = cluster.join(NodeId(5)).await;
        admin.replace(leads, NodeId(5), at, PATIENCE).await.unwrap();
        cluster.crash(leads).await;
        // A client knows the addresses that it was given: this one may find its leader among the new ones.
        let client = cluster.client();
        follow(&*cluster.replica(NodeId(5)), client.tail(PATIENCE).await.unwrap().offset).await;
        admin.hand_over(NodeId(5), PATIENCE).await.unwrap();
        assert_eq!(leader(&cluster).await, NodeId(5));
        let again = admin.replace(NodeId(4), gone, Address::simulated(gone), PATIENCE).await;
        assert_eq!(again, Err(ChangeError::HasVoted(gone)), "it never saw it vote");
    });
}

#[test]
fn a_learner_gets_all_delays_nobody_and_may_leave() {
    simulation::run(6, async |simulation| {
        let mut cluster = three(&simulation).await;
        let (client, admin) = (cluster.client(), cluster.admin());
        append(&*client, "before", Acks::Committed).await;
        let at = cluster.join(NodeId(4)).await;
        let members = admin.add_learner(NodeId(4), at, PATIENCE).await.unwrap();
        assert_eq!(members.learners().collect::<Vec<_>>(), [NodeId(4)]);
        append(&*client, "after", Acks::Committed).await;
        let copy = cluster.replica(NodeId(4));
        follow(&*copy, client.tail(PATIENCE).await.unwrap().offset).await;
        assert_eq!(values(&*copy, Isolation::Committed).await, ["before", "after"]);
        let status = copy.status().await.unwrap();
        assert_eq!((status.role, status.members), (Role::Idle, [1, 2, 3].map(NodeId).to_vec()));
        // It is no part of any majority.
        let [one, other] = followers(&cluster).await;
        cluster.crash(NodeId(4)).await;
        cluster.crash(one).await;
        append(&*client, "without it", Acks::Committed).await;
        cluster.restart(NodeId(4)).await;
        cluster.crash(other).await;
        let alone = admin.remove_learner(NodeId(4), Duration::from_secs(3)).await;
        assert!(alone.is_err(), "one voter and a learner have decided: {alone:?}");
        cluster.restart(one).await;
        let members = admin.remove_learner(NodeId(4), PATIENCE).await.unwrap();
        assert_eq!(members.addresses, located(&[1, 2, 3]));
        assert_eq!(admin.remove_learner(one, PATIENCE).await, Err(ChangeError::Votes(one)));
    });
}

/// A follower hangs, clients go on, a new node takes its place. How long appends stood still, and who hung.
async fn replaced_while_hung(
    simulation: &Simulation,
    cluster: &mut QuorumCluster,
    load: &Load,
    hangs: impl AsyncFnOnce(&mut QuorumCluster, NodeId),
) -> (Duration, NodeId) {
    let (admin, [hung, _]) = (cluster.admin(), followers(cluster).await);
    let gap = load
        .during(async {
            load.goes_on(50).await;
            hangs(cluster, hung).await;
            load.take_gap();
            load.goes_on(300).await;
            let at = cluster.join(NodeId(4)).await;
            admin.replace(hung, NodeId(4), at, PATIENCE).await.unwrap();
            load.goes_on(200).await;
            load.take_gap()
        })
        .await;
    simulation.note(&format!("{hung} hung, and appends stood still for {gap:?}"));
    (gap, hung)
}

#[test]
fn r11_a_hung_follower_is_removed_and_nobody_waits_for_it() {
    simulation::run(7, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 4);
        let paused = async |cluster: &mut QuorumCluster, hung| cluster.pause(hung).await;
        let (gap, hung) = replaced_while_hung(&simulation, &mut cluster, &load, paused).await;
        println!("a hung follower, and its removal: appends stood still for {gap:?}");
        assert!(gap < Duration::from_millis(100), "{gap:?}");
        cluster.resume(hung).await;
        load.check(&*cluster.client()).await;
    });
}

#[test]
fn r11_a_follower_that_hears_and_never_answers_is_removed_and_nobody_waits_for_it() {
    simulation::run(8, async |simulation| {
        let mut cluster = three(&simulation).await;
        let load = Load::new(&simulation, &cluster, 4);
        let leads = leader(&cluster).await;
        let cut = async |_: &mut QuorumCluster, hung| {
            simulation.fault(&Fault::Network(NetworkFault::Cut { from: hung, to: leads }));
        };
        let (gap, _) = replaced_while_hung(&simulation, &mut cluster, &load, cut).await;
        assert!(gap < Duration::from_millis(100), "{gap:?}");
        simulation.fault(&Fault::Network(NetworkFault::HealAll));
        load.check(&*cluster.client()).await;
    });
}
