//! Logs beside each other, and what was committed and acknowledged.

use super::*;

#[test]
fn log_matching() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (2, 11)]), replica(2, &[(1, 10), (3, 12)])]);
    scene.show([replica(2, &[(1, 10), (2, 11), (2, 13)]).cut(1)]);
    scene.breaks(Invariant::LogMatching, [replica(3, &[(1, 10), (2, 99)])]);
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (1, 11), (2, 12)])]);
    scene.breaks(Invariant::LogMatching, [replica(2, &[(1, 10), (0, 11), (2, 12)])]);
}

#[test]
fn log_matching_remembers_what_was_cut() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (1, 11)])]);
    scene.show([replica(1, &[(1, 10)]).cut(1)]);
    scene.breaks(Invariant::LogMatching, [replica(1, &[(1, 10), (1, 99)]).cut(1)]);
}

#[test]
fn committed_prefix_consistent() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (2, 11)]).high(1), replica(2, &[(1, 10), (3, 12)]).high(1)]);
    scene.show([replica(1, &[(1, 10), (2, 11)]).high(2)]);
    let other = replica(2, &[(1, 10), (3, 12)]).high(2);
    scene.breaks(Invariant::CommittedPrefixConsistent, [other]);
}

#[test]
fn committed_immutable() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (2, 11)]).high(2)]);
    // An in-sync follower that was told so may be behind again, as long as nothing else takes that place.
    scene.show([replica(1, &[(1, 10)]).high(1).cut(1)]);
    scene.show([replica(1, &[(1, 10), (3, 12)]).high(1).cut(1)]);
    scene.breaks(Invariant::CommittedImmutable, [replica(1, &[(1, 10), (3, 12)]).high(2).cut(1)]);
}

#[test]
fn election_safety() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[]).leads(3, &[1]), replica(2, &[]).leads(4, &[2])]);
    scene.show([replica(2, &[]).with(|seen| seen.epoch = Epoch(4)), replica(1, &[]).leads(5, &[1])]);
    scene.breaks(Invariant::ElectionSafety, [replica(3, &[]).leads(5, &[3])]);
}

#[test]
fn h01_election_safety_counts_lives() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[]).leads(3, &[1])]);
    scene.end(1, Loss::Process);
    scene.breaks(Invariant::ElectionSafety, [replica(1, &[]).leads(3, &[1])]);
}

#[test]
fn acked_not_lost() {
    let log = &[(1, 10), (1, 11)];
    let mut scene = Scene::synced();
    scene.show([replica(1, log).leads(1, &[1]), replica(2, log)]);
    scene.ack(1, 11).unwrap();
    // A leader of an older epoch need not have it; who follows need not either.
    scene.show([replica(2, log).leads(4, &[2])]);
    scene.show([replica(3, &[]).leads(2, &[3])]);
    scene.breaks(Invariant::AckedNotLost, [replica(3, &[(1, 10)]).leads(5, &[3])]);
}

#[test]
fn acked_not_lost_is_seen_when_the_client_hears_of_it() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (1, 11)]).leads(1, &[1]), replica(2, &[(1, 10)])]);
    scene.show([replica(2, &[(1, 10)]).leads(2, &[2])]);
    scene.ack(0, 10).unwrap();
    named(scene.ack(1, 11), Invariant::AckedNotLost);
}

#[test]
fn acked_below_the_log_start_was_given_up() {
    let log = &[(1, 10), (1, 11)];
    let mut scene = Scene::synced();
    scene.watch.trimming(Offset(1));
    scene.show([replica(1, log).leads(1, &[1]).high(2)]);
    scene.ack(0, 10).unwrap();
    let trimmed = replica(2, log).high(2).leads(2, &[2]).with(|seen| {
        seen.log_start = Offset(1);
        seen.first = Ordinal(1);
    });
    scene.show([trimmed]);
}

#[test]
fn durability() {
    let log = &[(1, 10), (1, 11)];
    let mut scene = Scene::synced();
    scene.show([replica(1, log).leads(1, &[1]), replica(2, log)]);
    scene.ack(1, 11).unwrap();
    scene.end(1, Loss::Disk);
    scene.show([replica(1, &[])]);
    named(scene.watch.ended(NOW, NodeId(2), Loss::Disk), Invariant::Durability);
}

#[test]
fn durability_asks_for_disks() {
    let acked = |durability| {
        let mut scene = Scene::new(durability);
        scene.show([replica(1, &[(1, 10)]).stored(0).leads(1, &[1])]);
        scene.ack(0, 10)
    };
    named(acked(Durability::Synced), Invariant::Durability);
    acked(Durability::Cached).unwrap();
}

#[test]
fn what_a_cached_log_does_not_survive_is_no_finding() {
    let mut scene = Scene::new(Durability::Cached);
    scene.show([replica(1, &[(1, 10)]).leads(1, &[1]).high(1)]);
    scene.ack(0, 10).unwrap();
    scene.end(1, Loss::Power);
    scene.show([replica(1, &[]).leads(2, &[1])]);
    scene.show([replica(1, &[(2, 20)]).leads(2, &[1]).high(1)]);
}

#[test]
fn what_a_cached_log_does_survive_is_a_finding() {
    let lost = |powers| {
        let mut scene = Scene::new(Durability::Cached);
        scene.watch = Watch::new(Setting { durability: Durability::Cached, replicas: 3, powers });
        scene.show([replica(1, &[(1, 10)]).leads(1, &[1, 2]).high(1), replica(2, &[(1, 10)])]);
        scene.ack(0, 10).unwrap();
        scene.end(1, Loss::Power);
        assert_eq!(scene.watch.is_void(), powers == 0);
        scene.show([replica(1, &[])]);
        scene.try_show([replica(1, &[(2, 20)]).leads(2, &[1]).high(1)])
    };
    lost(0).unwrap();
    assert!(lost(1).is_err(), "one of two had lost its power");
}

#[test]
fn a_wiped_disk_beside_a_cached_one_without_power_is_one_too_many() {
    let mut scene = Scene::new(Durability::Cached);
    scene.watch = Watch::new(Setting { durability: Durability::Cached, replicas: 3, powers: 1 });
    scene.show([replica(1, &[(1, 10)]).leads(1, &[1, 2]).high(1), replica(2, &[(1, 10)])]);
    scene.ack(0, 10).unwrap();
    scene.end(2, Loss::Disk);
    assert!(!scene.watch.is_void());
    scene.end(1, Loss::Power);
    assert!(scene.watch.is_void());
}

#[test]
fn nothing_is_read_that_has_not_changed() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10)])]);
    // Another content under the same version: whoever looked would find it.
    scene.replicas[&NodeId(1)].0.lock().unwrap().1 = Some((replica(1, &[]).high(5).snapshot, Vec::new()));
    scene.watch.step(NOW).unwrap();
}
