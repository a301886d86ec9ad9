//! What an active controller does of its own accord.

use super::*;
use crate::rules::SuccessorRule;

impl Scene {
    /// In office, with A and B alive, and a snapshot due every so many records.
    fn with_snapshots(every: u64) -> Self {
        let mut scene = Self::active(&[A, B]);
        scene.office.config.snapshot_every = every;
        scene
    }

    /// The in-sync set on record is proposed again: a record that changes nothing but the version.
    fn alters(&mut self) {
        self.asks(ControllerRequest::AlterInSync(self.proposal(&[A, B])));
        self.settles();
    }

    fn trims(&mut self, result: Result<Offset, ReadError>) {
        self.trimming.take().expect("a trim is under way");
        self.happens(Event::Trimmed(result));
    }
}

#[test]
fn h15_a_snapshot_is_taken_now_and_then_and_all_below_it_is_given_up() {
    let mut scene = Scene::with_snapshots(20);
    let mut trimmed = Vec::new();
    for _ in 0..100 {
        scene.alters();
        if let Some(to) = scene.trimming {
            trimmed.push(to.0);
            scene.trims(Ok(to));
        }
    }
    assert_eq!(trimmed, [20, 40, 60, 80, 100]);
    let start = usize::try_from(trimmed[4]).unwrap();
    assert!(scene.log.len() - start <= 21, "the log keeps growing: {} records", scene.log.len());
    assert!(matches!(&scene.log[start].command, Command::Snapshot(_)), "the log begins with it");
}

#[test]
fn h15_a_snapshot_that_something_came_before_is_taken_anew() {
    let mut scene = Scene::with_snapshots(20);
    while scene.appending.is_none() {
        scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A, B])));
        while scene.appending.is_some() && !scene.is_snapshotting() {
            scene.commits();
            scene.reads();
        }
    }
    // A record of a deposed controller comes first. It does not count, and yet the snapshot does not either.
    scene
        .log
        .push(Record { epoch: ControllerEpoch(0), command: Command::SetRules(HistoricRules::default()) });
    scene.commits();
    scene.reads();
    assert_eq!((scene.office.image().snapshot_at(), scene.trimming), (None, None));
    scene.settles();
    assert_eq!(scene.office.image().snapshot_at(), Some(Offset(22)));
    assert_eq!(scene.trimming, Some(Offset(22)));
}

impl Scene {
    fn is_snapshotting(&self) -> bool {
        let records = self.appending.iter().flatten();
        records.into_iter().any(|record| matches!(record.command, Command::Snapshot(_)))
    }
}

#[test]
fn h15_a_trim_that_failed_is_repeated_and_a_new_controller_does_what_the_old_one_left_undone() {
    let mut scene = Scene::with_snapshots(20);
    while scene.trimming.is_none() {
        scene.alters();
    }
    let to = scene.trimming;
    scene.trims(Err(ReadError::Timeout));
    assert_eq!(scene.trimming, None, "nobody is in a hurry for it");
    scene.passes(at(1500), &[A, B]);
    assert_eq!(scene.trimming, to);
    scene.trims(Err(ReadError::NotLeader { leader: Some(OTHER) }));
    scene.happens(Event::Seat(Seat::Elsewhere(Some(OTHER))));
    scene.passes(at(9000), &[]);
    assert_eq!(scene.trimming, None, "only who is in office trims");
    scene.happens(Event::Seat(Seat::Leads));
    scene.settles();
    assert_eq!(scene.trimming, to);
}

#[test]
fn h15_a_controller_that_fell_behind_the_log_start_goes_on_from_the_snapshot() {
    let mut scene = Scene::with_snapshots(20);
    let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
    let base = Offset(scene.log.len() as u64);
    scene.log.extend(scene.appending.take().unwrap());
    // It stands still for so long that others take office, take a snapshot and give up what was before it.
    let mut other = Image::default();
    for (at, record) in (0_u64..).map(Offset).zip(&scene.log) {
        other.apply(at, record).unwrap();
    }
    let claim = Record { epoch: ControllerEpoch(2), command: Command::Claim { node: OTHER } };
    scene.log.push(claim.clone());
    other.apply(other.applied_to(), &claim).unwrap();
    let at = other.applied_to();
    let snapshot = Command::Snapshot(Box::new(Snapshot::of(&other).unwrap()));
    let record = Record { epoch: ControllerEpoch(2), command: snapshot };
    other.apply(at, &record).unwrap();
    scene.log.push(record.clone());
    scene.read_to = scene.log.len();
    scene.happens(Event::Read { records: vec![(at, record)], to: at.next() });
    assert_eq!((scene.office.image(), scene.office.active()), (&other, None));
    scene.happens(Event::Appended(Ok(base)));
    assert_eq!(scene.answers[&asker], ControllerReply::Unknown, "whether it counted was never read");
    assert_eq!(scene.state().in_sync.len(), 1, "it did");
}

#[test]
fn the_rules_are_put_on_record_before_a_partition_is_created_by_them() {
    let spec = PartitionSpec { id: orders(), replicas: vec![A], min_isr: 1, commit: CommitRule::AllInSync };
    let mut scene = Scene::standby(vec![spec]);
    scene.office.config.historic.successor = SuccessorRule::LastMember;
    scene.happens(Event::Seat(Seat::Leads));
    scene.settles();
    let asker = scene.registers(A);
    scene.settles();
    let ControllerReply::Registered(life) = scene.answers[&asker] else { panic!("it registers") };
    scene.beats(A, life);
    scene.settles();
    let place = |wanted: fn(&Command) -> bool| scene.log.iter().position(|record| wanted(&record.command));
    let rules = place(|command| matches!(command, Command::SetRules(_)));
    let created = place(|command| matches!(command, Command::CreatePartition(_)));
    assert!(rules.is_some() && rules < created, "{rules:?} {created:?}");
    assert_eq!(scene.office.image().rules().successor, SuccessorRule::LastMember);
}

#[test]
fn a_broker_that_asks_to_leave_is_told_when_it_may() {
    let mut scene = Scene::active(&[A, B]);
    let leave = ControllerRequest::Leave { node: A, incarnation: scene.life(A) };
    let asker = scene.asks(leave);
    assert!(!scene.answers.contains_key(&asker));
    scene.settles();
    assert_eq!(scene.answers[&asker], ControllerReply::Done);
    assert_eq!((scene.state().leader, scene.state().in_sync.len()), (Some(B), 1));
    let asker = scene.beats(A, scene.life(A));
    assert_eq!(scene.answers[&asker], ControllerReply::Heard(Heard::Leaving));
    scene.passes(at(30_000), &[B]);
    assert_eq!(scene.state().leader, Some(B), "nobody misses it");
}

#[test]
fn preferred_leaders_lead_again_by_themselves_only_where_that_was_asked_for() {
    for (preference, leader) in [(Preference::OnCommand, B), (Preference::Each(Duration::from_secs(60)), A)] {
        let mut scene = Scene::active(&[A, B]);
        scene.office.config.preference = preference;
        scene.passes(at(4000), &[B]);
        scene.beats(A, scene.life(A));
        scene.settles();
        let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A, B])));
        scene.settles();
        assert_eq!((&scene.answers[&asker], scene.state().leader), (&ControllerReply::Done, Some(B)));
        scene.passes(at(70_000), &[A, B]);
        assert_eq!(scene.state().leader, Some(leader), "{preference:?}");
    }
}
