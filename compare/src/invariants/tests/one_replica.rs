//! One replica over time, and through a crash.

use partition::probe::WaitsFor;

use super::*;
use crate::invariants::order::ordered;

#[test]
fn monotonic_epoch() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[]).with(|seen| seen.epoch = Epoch(4))]);
    scene.end(1, Loss::Power);
    scene.show([replica(1, &[]).with(|seen| seen.epoch = Epoch(0))]);
    scene.show([replica(1, &[]).with(|seen| seen.epoch = Epoch(4))]);
    scene.breaks(Invariant::MonotonicEpoch, [replica(1, &[]).with(|seen| seen.epoch = Epoch(3))]);
}

#[test]
fn monotonic_vote() {
    let mut scene = Scene::synced();
    scene.show([replica(1, &[]).voted(3, Standing::Candidate, 1)]);
    scene.show([replica(1, &[]).voted(3, Standing::Elected, 2)]);
    scene.show([replica(1, &[]).voted(4, Standing::Candidate, 1)]);
    scene.breaks(Invariant::MonotonicVote, [replica(1, &[]).voted(4, Standing::Candidate, 3)]);
}

#[test]
fn vote_persisted_before_reply() {
    let vote = |epoch| replica(1, &[]).voted(epoch, Standing::Candidate, 1);
    let restarted = |loss, epoch| {
        let mut scene = Scene::synced();
        scene.show([vote(5)]);
        scene.end(1, loss);
        scene.try_show([vote(epoch)])
    };
    restarted(Loss::Power, 5).unwrap();
    restarted(Loss::Disk, 0).unwrap();
    named(restarted(Loss::Power, 4), Invariant::VotePersistedBeforeReply);
    let mut cached = Scene::new(Durability::Cached);
    cached.show([vote(5)]);
    cached.end(1, Loss::Power);
    cached.breaks(Invariant::VotePersistedBeforeReply, [vote(4)]);
}

#[test]
fn append_persisted_before_reply() {
    let restarted = |durability, loss, left: &[(u32, u32)]| {
        let mut scene = Scene::new(durability);
        scene.show([replica(1, &[(1, 10), (1, 11), (1, 12)]).stored(2)]);
        scene.end(1, loss);
        scene.try_show([replica(1, left)])
    };
    restarted(Durability::Synced, Loss::Power, &[(1, 10), (1, 11)]).unwrap();
    restarted(Durability::Cached, Loss::Power, &[]).unwrap();
    restarted(Durability::Synced, Loss::Disk, &[]).unwrap();
    let cases = [
        (Durability::Synced, Loss::Power, &[(1, 10)][..]),
        (Durability::Synced, Loss::Power, &[(1, 10), (2, 11)]),
        (Durability::Cached, Loss::Process, &[(1, 10)]),
    ];
    for (durability, loss, left) in cases {
        named(restarted(durability, loss, left), Invariant::AppendPersistedBeforeReply);
    }
    let mut cut = Scene::synced();
    cut.show([replica(1, &[(1, 10)])]);
    cut.end(1, Loss::Power);
    cut.show([replica(1, &[]).cut(1)]);
    let mut damaged = Scene::synced();
    damaged.show([replica(1, &[(1, 10)])]);
    damaged.watch.damaged(NodeId(1));
    damaged.end(1, Loss::Power);
    damaged.show([replica(1, &[])]);
}

#[test]
fn monotonic_commit() {
    let log = &[(1, 10), (1, 11)];
    let mut scene = Scene::synced();
    scene.show([replica(1, log).high(2)]);
    // An in-sync follower may go back, a leader and a voter may not.
    scene.show([replica(1, log).high(1)]);
    scene.show([replica(1, log).high(2).leads(2, &[1])]);
    scene.breaks(Invariant::MonotonicCommit, [replica(1, log).high(1).leads(2, &[1])]);
    let mut scene = Scene::synced();
    scene.show([replica(1, log).high(2).entries(2, 1)]);
    scene.breaks(Invariant::MonotonicCommit, [replica(1, log).high(1).entries(2, 1)]);
}

#[test]
fn monotonic_applied() {
    let log = &[(1, 10), (1, 11)];
    let mut scene = Scene::synced();
    scene.show([replica(1, log).high(2).entries(2, 2)]);
    scene.end(1, Loss::Power);
    scene.show([replica(1, log).high(1).entries(1, 1)]);
    scene.show([replica(1, log).high(2).entries(2, 2)]);
    scene.breaks(Invariant::MonotonicApplied, [replica(1, log).high(2).entries(2, 1)]);
}

#[test]
fn state_ordering() {
    let log = &[(1, 10), (1, 11)];
    let orderly = [
        replica(1, log).high(2).stored(1),
        replica(1, log).high(1).entries(1, 1),
        replica(1, log).high(1).stored(1).leads(2, &[1]),
    ];
    for plant in orderly {
        Scene::synced().show([plant]);
    }
    // Any two of three may be two others.
    let ahead = replica(1, log).high(2).stored(1).leads(2, &[1]).with(|seen| {
        if let Electorate::InSync(in_sync) = &mut seen.electorate {
            in_sync.waits = WaitsFor::Enough;
        }
    });
    assert_eq!(ordered(&ahead.snapshot), Ok(()));
    let disorderly = [
        replica(1, log).with(|seen| seen.log_start = Offset(1)),
        replica(1, log).high(3),
        replica(1, log).stored(3),
        replica(1, log).high(2).entries(1, 2),
        replica(1, log).high(2).stored(1).leads(2, &[1]),
    ];
    for plant in disorderly {
        Scene::synced().breaks(Invariant::StateOrdering, [plant]);
    }
}

#[test]
fn trimmed_on_request() {
    let trimmed = || {
        replica(1, &[(1, 10), (1, 11)]).high(2).with(|seen| {
            seen.log_start = Offset(1);
            seen.first = Ordinal(1);
        })
    };
    Scene::synced().show([trimmed()]);
    let mut scene = Scene::synced();
    scene.watch.trims_are_told();
    scene.watch.trimming(Offset(1));
    scene.show([trimmed()]);
    let mut scene = Scene::synced();
    scene.watch.trims_are_told();
    scene.breaks(Invariant::TrimmedOnRequest, [trimmed()]);
}
