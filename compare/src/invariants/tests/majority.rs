//! Voters, and what a majority of them has.

use super::*;

const LONG: &[(u32, u32)] = &[(1, 10), (1, 11)];

#[test]
fn committed_on_quorum() {
    let leader = |high| replica(1, LONG).elected(1).high(high);
    let seen = |two: Plant, three: Plant| {
        let mut scene = Scene::synced();
        scene.show([leader(0), two, three]);
        scene.try_show([leader(2)])
    };
    seen(replica(2, LONG), replica(3, &[])).unwrap();
    named(seen(replica(2, LONG).stored(1), replica(3, &[])), Invariant::CommittedOnQuorum);
    named(seen(replica(2, &[(1, 10)]), replica(3, &[(1, 10), (0, 9)])), Invariant::CommittedOnQuorum);
}

#[test]
fn who_is_down_has_what_is_on_its_disk() {
    let leader = |high| replica(1, LONG).elected(1).high(high);
    let mut scene = Scene::synced();
    scene.show([leader(0), replica(2, LONG)]);
    scene.end(2, Loss::Power);
    scene.show([leader(2)]);
}

#[test]
fn commit_only_own_term() {
    let leader = |log, high| replica(1, log).elected(3).high(high);
    let others = |log| [replica(2, log), replica(3, log)];
    let log = &[(1, 10), (3, 11)];
    let mut scene = Scene::synced();
    scene.show(others(log).into_iter().chain([leader(log, 0)]));
    scene.show([leader(log, 2)]);
    let mut scene = Scene::synced();
    scene.show(others(log).into_iter().chain([leader(log, 0)]));
    scene.breaks(Invariant::CommitOnlyOwnTerm, [leader(log, 1)]);
    // Whoever led before had committed it, and says so late.
    let mut scene = Scene::synced();
    scene.show(others(log).into_iter().chain([leader(log, 0)]));
    scene.show([replica(2, log).high(1)]);
    scene.show([leader(log, 1)]);
}

#[test]
fn state_machine_safety() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[(1, 10), (2, 11)]).entries(2, 2)]);
    scene.show([replica(2, &[(1, 10), (3, 12)]).entries(2, 1)]);
    scene.breaks(Invariant::StateMachineSafety, [replica(2, &[(1, 10), (3, 12)]).entries(2, 2)]);
}

#[test]
fn read_index_barrier() {
    let mut scene = Scene::synced();
    scene.show([replica(1, LONG).elected(1)]);
    let before = scene.watch.floor();
    scene.ack(0, 10).unwrap();
    scene.watch.read_reached(NOW, before, Offset(0)).unwrap();
    named(scene.watch.read_reached(NOW, scene.watch.floor(), Offset(0)), Invariant::ReadIndexBarrier);
    scene.watch.read_reached(NOW, scene.watch.floor(), Offset(1)).unwrap();
}

#[test]
fn ack_rule_of_a_majority() {
    let leader =
        |high, told| replica(1, LONG).elected(1).high(high).with(|seen| seen.acknowledged = Offset(told));
    let mut scene = Scene::synced();
    scene.show([leader(0, 0), replica(2, LONG)]);
    scene.show([leader(1, 1)]);
    scene.breaks(Invariant::AckRule, [leader(1, 2)]);
}

#[test]
fn candidate_not_behind() {
    let stands = |log, epoch| {
        replica(3, log).voted(epoch, Standing::Candidate, 3).with(|seen| seen.role = Role::Candidate)
    };
    let scene = || {
        let mut scene = Scene::synced();
        let short = &[(1, 10)];
        let third = replica(3, short).voted(1, Standing::Elected, 1);
        scene.show([replica(1, short), replica(2, short), third]);
        scene.show([replica(1, LONG), replica(2, LONG)]);
        scene
    };
    // What the others have just appended they may have lacked when they were asked.
    scene().show([stands(&[(1, 10)], 2)]);
    let mut late = scene();
    late.later();
    late.breaks(Invariant::CandidateNotBehind, [stands(&[(1, 10)], 2)]);
    let mut equal = scene();
    equal.show([replica(3, LONG).voted(1, Standing::Elected, 1)]);
    equal.later();
    equal.show([stands(LONG, 2)]);
}
