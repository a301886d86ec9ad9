//! In-sync sets, as a leader and as the controllers see them.

use isr_log::metadata::{Incarnation, Version};

use super::*;
use crate::invariants::commit::Ledger;
use crate::invariants::sight::{Keeps, Place, Sight};

/// The replicas as they are seen, and what they have committed.
fn seen(plants: Vec<Plant>) -> (Vec<Sight>, Ledger) {
    let mut ledger = Ledger::default();
    let mut sights: Vec<Sight> = Vec::new();
    for Plant { snapshot, marks } in plants {
        let mut sight = Sight::of(snapshot.node);
        sight.opened(snapshot, marks);
        super::super::commit::confirm(&mut ledger, &mut sight, sights.iter()).unwrap();
        sights.push(sight);
    }
    sights.iter_mut().for_each(|sight| sight.log.agree(&ledger));
    (sights, ledger)
}

/// What the replicas are beside that decision. The decision is handed in: no controller would come to most of these.
fn beside(plants: Vec<Plant>, state: &PartitionState) -> Result<(), super::super::Breach> {
    let (sights, ledger) = seen(plants);
    super::super::in_sync::hold(&sights, Some(state), &ledger)
}

fn broken(plants: Vec<Plant>, state: &PartitionState) -> Invariant {
    beside(plants, state).expect_err("a broken invariant").name
}

const LONG: &[(u32, u32)] = &[(1, 10), (1, 11)];
const SHORT: &[(u32, u32)] = &[(1, 10)];
const OTHER: &[(u32, u32)] = &[(1, 10), (2, 99)];

/// It has proposed that this one joins.
fn proposes(leader: Plant, joiner: u32) -> Plant {
    leader.set(|set| {
        set.change = Change::Proposed;
        set.maximal.push((NodeId(joiner), Life(LIFE)));
    })
}

#[test]
fn weak_isr() {
    let mut scene = Scene::synced();
    scene.show([replica(1, LONG).leads(1, &[1, 2]).high(1), replica(2, SHORT), replica(3, &[])]);
    // One who lives another life than the recorded one is not a member.
    let reborn = replica(2, SHORT).with(|seen| seen.life = Some(Life(LIFE + 1)));
    let mut reborn_scene = Scene::synced();
    reborn_scene.show([replica(1, LONG).leads(1, &[1, 2]).high(2), reborn]);
    scene.breaks(Invariant::WeakIsr, [replica(1, LONG).leads(1, &[1, 2]).high(2)]);
}

#[test]
fn weak_isr_counts_on_a_log_until_it_is_let_go() {
    let leader = replica(1, LONG).leads(1, &[1, 2]).high(2);
    let Electorate::InSync(set) = &leader.snapshot.electorate else { panic!("it leads an in-sync set") };
    let known = Version(set.version);
    let let_go_with = |version| {
        let (mut sights, ledger) = seen(vec![leader.clone(), replica(2, SHORT)]);
        sights[1].assigned(Place::Counts(Version(0)), Version(0));
        sights[1].assigned(Place::None, version);
        super::super::in_sync::hold(&sights, None, &ledger)
    };
    let_go_with(known.next()).unwrap();
    let breach = let_go_with(known).expect_err("the leader knows that it is gone, and counts it");
    assert_eq!(breach.name, Invariant::WeakIsr);
}

#[test]
fn strong_isr() {
    let leader = || proposes(replica(1, LONG).leads(2, &[1]).high(2), 2);
    beside(vec![leader(), replica(2, LONG)], &decided(2, &[1, 2])).unwrap();
    let gone = replica(2, OTHER).with(|seen| seen.life = Some(Life(LIFE + 1)));
    beside(vec![leader(), gone], &decided(2, &[1, 2])).unwrap();
    assert_eq!(broken(vec![leader(), replica(2, OTHER)], &decided(2, &[1, 2])), Invariant::StrongIsr);
}

#[test]
fn valid_high_watermark() {
    let leader = || proposes(replica(1, LONG).leads(2, &[1]).high(2), 2);
    let short = || vec![leader(), replica(2, SHORT)];
    beside(short(), &decided(2, &[1])).unwrap();
    assert_eq!(broken(short(), &decided(2, &[1, 2])), Invariant::ValidHighWatermark);
}

#[test]
fn leader_candidate_completeness() {
    let follower = |node, log| replica(node, log).high(1);
    let committed = || follower(1, LONG).high(2);
    let alone = decided(2, &[1]);
    beside(vec![committed(), follower(2, SHORT)], &alone).unwrap();
    assert_eq!(
        broken(vec![committed(), follower(2, SHORT)], &decided(2, &[1, 2])),
        Invariant::LeaderCandidateCompleteness
    );
    let mut eligible = alone;
    eligible.eligible.insert(NodeId(2), Incarnation(Offset(LIFE)));
    assert_eq!(
        broken(vec![committed(), follower(2, SHORT)], &eligible),
        Invariant::LeaderCandidateCompleteness
    );
}

#[test]
fn replication_quorum_superset() {
    let leader = || replica(1, SHORT).leads(2, &[1, 2]);
    let joined = decided(2, &[1, 2, 3]);
    beside(vec![proposes(leader(), 3)], &joined).unwrap();
    assert_eq!(broken(vec![leader()], &joined), Invariant::ReplicationQuorumSuperset);
    // A leader of another epoch waits for nobody who counts; one that is short commits nothing.
    beside(vec![leader()], &decided(3, &[1, 2, 3])).unwrap();
    beside(vec![replica(1, SHORT).leads(2, &[1])], &joined).unwrap();
    // One that was stopped in order, and has begun anew, has what its former life had; none had what a later one has.
    let lives = |life| {
        let mut stopped = decided(2, &[1]);
        stopped.eligible.insert(NodeId(2), Incarnation(Offset(life)));
        stopped
    };
    beside(vec![leader()], &lives(LIFE + 1)).unwrap();
    assert_eq!(broken(vec![leader()], &lives(LIFE - 1)), Invariant::ReplicationQuorumSuperset);
    let unasked = leader().set(|set| set.maximal.push((NodeId(3), Life(LIFE))));
    assert_eq!(broken(vec![unasked], &decided(2, &[1, 2])), Invariant::ReplicationQuorumSuperset);
}

#[test]
fn strict_min_isr() {
    let mut scene = Scene::synced();
    scene.show([replica(1, LONG).leads(1, &[1, 2]).high(1), replica(2, LONG)]);
    // It became short after it had moved, as far as one look can tell.
    let shrunk = |high| replica(1, LONG).leads(1, &[1]).high(high).set(|set| set.version = 2);
    scene.show([shrunk(1)]);
    scene.breaks(Invariant::StrictMinIsr, [shrunk(2)]);
    let mut scene = Scene::synced();
    scene.show([replica(1, LONG).leads(1, &[1, 2]).high(1), replica(2, LONG)]);
    scene.show([shrunk(2)]);
}

#[test]
fn ack_rule_waits_for_all_who_may_be_in_sync() {
    let told = |plant: Plant, to| plant.with(|seen| seen.acknowledged = Offset(to));
    let leader = || proposes(replica(1, LONG).leads(1, &[1, 2]), 3);
    let mut scene = Scene::synced();
    scene.show([leader(), replica(2, LONG), replica(3, LONG).stored(1)]);
    scene.show([told(leader(), 1)]);
    scene.breaks(Invariant::AckRule, [told(leader(), 2)]);
    let mut scene = Scene::synced();
    scene.show([leader(), replica(2, LONG), replica(3, LONG).stored(1)]);
    scene.show([told(leader(), 2), replica(3, LONG)]);
    // Who falls behind later was there when it counted.
    scene.show([replica(3, SHORT).cut(1)]);
}

#[test]
fn ack_rule_asks_for_enough_in_sync() {
    let mut scene = Scene::synced();
    let leader = |to| replica(1, LONG).leads(1, &[1]).with(|seen| seen.acknowledged = Offset(to));
    scene.show([leader(0)]);
    scene.breaks(Invariant::AckRule, [leader(1)]);
}

#[test]
fn a_log_that_was_let_go_while_its_node_was_down_goes_when_the_node_learns_of_it() {
    let keeps_after = |learns_of: Place| {
        let (mut sights, _) = seen(vec![replica(1, LONG)]);
        let sight = &mut sights[0];
        sight.assigned(Place::Counts(Version(0)), Version(0));
        sight.ended(Loss::Process, Durability::Synced);
        sight.assigned(learns_of, Version(1));
        let Plant { snapshot, marks } = replica(1, LONG);
        sight.opened(snapshot, marks);
        sight.closed();
        sight.keeps
    };
    assert_eq!(keeps_after(Place::None), Keeps::Nothing, "it opened a log that it was about to remove");
    assert_eq!(keeps_after(Place::Copies(Version(1))), Keeps::Nothing, "it begins anew");
    assert_eq!(keeps_after(Place::Counts(Version(0))), Keeps::All, "it is a replica as before");
}

#[test]
fn a_log_of_an_assignment_that_was_taken_back_goes_whenever_the_node_learns_of_it() {
    let keeps_after = |seen_before: &[Place], counts: Option<Place>| {
        let (mut sights, _) = seen(vec![replica(1, &[])]);
        let sight = &mut sights[0];
        sight.closed();
        for (place, version) in seen_before.iter().zip(1..) {
            sight.assigned(*place, Version(version));
        }
        // It hears of the first only now, and begins to copy.
        let Plant { snapshot, .. } = replica(1, &[]);
        sight.opened(snapshot, Vec::new());
        let Plant { snapshot, marks } = replica(1, LONG);
        sight.opened(snapshot, marks);
        if let Some(counts) = counts {
            sight.assigned(counts, Version(3));
        }
        sight.closed();
        sight.keeps
    };
    // Whoever decides twice at once may be seen to have decided once.
    let (both, one) = (&[Place::Copies(Version(1)), Place::None][..], &[Place::None][..]);
    for before in [both, one] {
        assert_eq!(keeps_after(before, None), Keeps::Nothing, "nobody relies on it");
        assert_eq!(keeps_after(before, Some(Place::Copies(Version(3)))), Keeps::Nothing, "nor yet");
        assert_eq!(keeps_after(before, Some(Place::Counts(Version(3)))), Keeps::All, "it has caught up");
    }
    assert_eq!(keeps_after(&[], None), Keeps::All, "where nobody decides, as by majority");
}
