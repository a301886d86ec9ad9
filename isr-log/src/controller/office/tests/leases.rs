//! Who gets a lease, and whom nobody deposes meanwhile (H-16).

use super::*;
use crate::controller::lease::{Drift, Grant, LeaseTerms};

const TERMS: LeaseTerms = LeaseTerms { length: Duration::from_millis(1000), drift: Drift(10) };

impl Scene {
    /// In office since zero on a log that is at least a lease old, with these brokers alive and a partition of theirs.
    fn leasing(replicas: &[NodeId]) -> Self {
        let mut scene = Self::active(replicas);
        scene.office.config.leases = Leases::On(TERMS);
        scene.happens(Event::Look);
        scene.settles();
        assert_eq!(scene.office.image().leases(), Leases::On(TERMS));
        scene
    }

    fn wishes(&mut self, node: NodeId) -> Asker {
        let (incarnation, applied_to) = (self.life(node), self.office.image().applied_to());
        let lease = LeaseWish::Wanted;
        self.asks(ControllerRequest::Heartbeat { node, incarnation, applied_to, lease })
    }

    /// The barrier under way ends: the log reaches to there.
    fn passes_barrier(&mut self, to: Offset) {
        self.barrier.take().expect("a barrier is under way");
        self.happens(Event::Barrier(Ok(to)));
    }

    fn is_granted(&self, asker: Asker) -> bool {
        match self.answers.get(&asker) {
            Some(ControllerReply::Heard(Heard::Leased(Grant { length, .. }))) => *length == TERMS.length,
            Some(ControllerReply::Heard(Heard::Alive)) => false,
            other => panic!("{other:?}"),
        }
    }

    /// This broker gets a lease now.
    fn leases(&mut self, node: NodeId) {
        let asker = self.wishes(node);
        self.passes_barrier(self.office.image().applied_to());
        assert!(self.is_granted(asker));
    }

    fn elects_preferred(&mut self) {
        self.asks(ControllerRequest::ElectPreferred(orders()));
        self.settles();
    }

    /// Looks at the clock until then; whoever leads beats, as do all others, but nobody gets a lease.
    fn waits(&mut self, until: Moment) {
        self.passes(until, &[A, B]);
    }

    /// B leads, and A, whom all prefer, is in sync.
    fn with_b_leading() -> Self {
        let mut scene = Self::leasing(&[A, B]);
        let former = scene.life(A);
        let disk = Disk::Crashed(former);
        scene.asks(ControllerRequest::Register(Registration { node: A, replaces: Some(former), disk }));
        scene.settles();
        scene.beats(A, scene.life(A));
        scene.settles();
        scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A, B])));
        scene.settles();
        assert_eq!((scene.state().leader, scene.state().in_sync.len()), (Some(B), 2));
        scene
    }
}

#[test]
fn h16_a_lease_is_granted_when_a_barrier_that_began_later_is_passed_and_applied() {
    let mut scene = Scene::leasing(&[A, B]);
    let first = scene.wishes(A);
    let second = scene.wishes(B);
    let applied_to = scene.office.image().applied_to();
    scene.passes_barrier(applied_to);
    assert!(scene.is_granted(first));
    assert!(!scene.answers.contains_key(&second), "that barrier began before it asked");
    // The log reaches further than it has read.
    scene.passes_barrier(applied_to.next());
    assert!(!scene.answers.contains_key(&second));
    scene.finds(0, Command::Claim { node: OTHER });
    assert!(scene.is_granted(second), "what it read does not count, and it is still in office");
}

#[test]
fn h16_an_old_controller_that_reads_of_a_new_one_behind_its_barrier_grants_nothing() {
    let mut scene = Scene::leasing(&[A, B]);
    let asker = scene.wishes(A);
    let end = Offset(scene.log.len() as u64);
    scene.passes_barrier(end.next());
    scene.finds(2, Command::Claim { node: OTHER });
    assert_eq!(scene.answers[&asker], ControllerReply::NotActive { hint: Some(ME) });
}

#[test]
fn h16_without_a_barrier_a_heartbeat_is_heard_and_nothing_granted() {
    let mut scene = Scene::leasing(&[A, B]);
    let asker = scene.wishes(A);
    scene.barrier = None;
    scene.happens(Event::Barrier(Err(ReadError::Timeout)));
    assert!(!scene.is_granted(asker));
    let plain = scene.beats(A, scene.life(A));
    assert_eq!(
        scene.answers[&plain],
        ControllerReply::Heard(Heard::Alive),
        "and who wants none does not wait"
    );
}

#[test]
fn h16_a_preferred_election_waits_until_the_lease_of_who_leads_has_ended() {
    let mut scene = Scene::with_b_leading();
    scene.now = at(100);
    scene.leases(B);
    scene.elects_preferred();
    assert_eq!(scene.state().leader, Some(B));
    let refused = scene.wishes(B);
    scene.passes_barrier(scene.office.image().applied_to());
    assert!(!scene.is_granted(refused), "or it would never end");
    let other = scene.wishes(A);
    scene.passes_barrier(scene.office.image().applied_to());
    assert!(scene.is_granted(other), "nobody wants to depose that one");
    scene.waits(at(1109));
    assert_eq!(scene.state().leader, Some(B));
    scene.waits(at(1110));
    assert_eq!(scene.state().leader, Some(A), "1010 ms after it was heard");
}

#[test]
fn h16_while_one_command_waits_others_go_ahead() {
    let mut scene = Scene::with_b_leading();
    scene.leases(B);
    scene.elects_preferred();
    scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[B])));
    scene.settles();
    assert_eq!((scene.state().leader, scene.state().in_sync.len()), (Some(B), 1));
}

#[test]
fn h16_a_fence_is_never_late_for_a_lease() {
    let mut scene = Scene::leasing(&[A, B]);
    scene.now = at(500);
    scene.leases(A);
    scene.passes(at(3499), &[B]);
    assert_eq!(scene.state().leader, Some(A));
    scene.passes(at(3500), &[B]);
    assert_eq!(scene.state().leader, Some(B), "a session after it was heard, as without leases");
}

#[test]
fn h16_another_disk_does_not_take_the_place_of_a_leader_before_its_lease_has_ended() {
    let mut scene = Scene::leasing(&[A, B]);
    scene.leases(A);
    let former = scene.life(A);
    let registration = |disk| Registration { node: A, replaces: Some(former), disk };
    let fresh = scene.asks(ControllerRequest::Register(registration(Disk::Fresh)));
    scene.settles();
    assert_eq!(
        (scene.state().leader, scene.answers.get(&fresh)),
        (Some(A), None),
        "the old one may still run"
    );
    // Its own disk is locked as long as it runs.
    let own = scene.asks(ControllerRequest::Register(registration(Disk::Crashed(former))));
    scene.settles();
    assert!(matches!(scene.answers[&own], ControllerReply::Registered(_)));
    assert_eq!(scene.state().leader, Some(B));
}

#[test]
fn h16_who_leaves_has_given_up_its_lease_and_is_not_waited_for() {
    let mut scene = Scene::leasing(&[A, B]);
    scene.leases(A);
    scene.asks(ControllerRequest::Leave { node: A, incarnation: scene.life(A) });
    scene.settles();
    assert_eq!(scene.state().leader, Some(B));
}

#[test]
fn h16_a_new_controller_deposes_nobody_for_a_whole_lease() {
    for leases in [Leases::On(TERMS), Leases::Off] {
        let mut scene = Scene::with_b_leading();
        scene.now = at(100);
        scene.happens(Event::Seat(Seat::Elsewhere(Some(OTHER))));
        scene.now = at(2000);
        // It may be one that grants none itself: what counts is what was on record before.
        scene.office.config.leases = leases;
        scene.happens(Event::Seat(Seat::Leads));
        scene.settles();
        assert_eq!(scene.office.active(), Some(ControllerEpoch(2)));
        scene.elects_preferred();
        scene.waits(at(3009));
        assert_eq!((scene.state().leader, scene.office.image().leases()), (Some(B), Leases::On(TERMS)));
        scene.waits(at(3010));
        assert_eq!((scene.state().leader, scene.office.image().leases()), (Some(A), leases));
    }
}

#[test]
fn h16_where_an_unclean_election_is_allowed_nobody_gets_a_lease() {
    let config = OfficeConfig {
        leases: Leases::On(TERMS),
        historic: HistoricRules { unclean: UncleanElection::Allowed, ..HistoricRules::default() },
        ..Scene::active(&[A]).office.config
    };
    assert_eq!(Office::new(config).config.leases, Leases::Off);
}

#[test]
fn h16_a_controller_with_a_batch_under_way_does_not_look_at_what_is_due_again_and_again() {
    let mut scene = Scene::with_b_leading();
    scene.now = at(100);
    scene.leases(B);
    scene.elects_preferred();
    assert_eq!(scene.office.look_at(), Some(at(750)), "a quarter of a session");
    scene.registers(NodeId(9));
    scene.now = at(2000);
    scene.happens(Event::Look);
    assert!(scene.appending.is_some());
    assert!(
        scene.office.look_at() > Some(at(2000)),
        "the lease has ended, and its turn comes after this batch"
    );
    scene.settles();
    assert_eq!(scene.state().leader, Some(A));
    let mut scene = Scene::active(&[A, B]);
    scene.office.config.leases = Leases::On(TERMS);
    scene.happens(Event::Look);
    assert!(scene.appending.is_some());
    assert!(scene.office.look_at() > Some(scene.now), "the terms are on their way into the log");
}
