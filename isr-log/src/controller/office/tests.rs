//! A controller's decisions, step by step.

mod leases;
mod upkeep;

use std::collections::BTreeMap;

use partition::error::Doubt;
use partition::ids::{Epoch, PartitionId};

use super::*;
use crate::controller::command::{Disk, Registration};
use crate::metadata::{CommitRule, Incarnation, PartitionState, Version};

const ME: NodeId = NodeId(100);
const OTHER: NodeId = NodeId(101);
const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const SESSION: Duration = Duration::from_secs(3);

fn at(millis: u64) -> Moment {
    Moment::default().after(Duration::from_millis(millis))
}

fn orders() -> PartitionId {
    PartitionId::new("orders", 0).unwrap()
}

/// An office and the log it writes to, with nothing in between that is not said.
struct Scene {
    office: Office,
    log: Vec<Record>,
    read_to: usize,
    now: Moment,
    answers: BTreeMap<Asker, ControllerReply>,
    appending: Option<Vec<Record>>,
    trimming: Option<Offset>,
    /// Whether a barrier is under way.
    barrier: Option<()>,
    asked: u64,
}

impl Scene {
    fn standby(partitions: Vec<PartitionSpec>) -> Self {
        let office = Office::new(OfficeConfig {
            node: ME,
            partitions,
            session: SESSION,
            historic: HistoricRules::default(),
            preference: Preference::OnCommand,
            snapshot_every: 1000,
            leases: Leases::Off,
        });
        let (log, answers) = (Vec::new(), BTreeMap::new());
        let (appending, trimming, barrier) = (None, None, None);
        Self { office, log, read_to: 0, now: at(0), answers, appending, trimming, barrier, asked: 0 }
    }

    /// In office, with these brokers alive and a partition of theirs.
    fn active(replicas: &[NodeId]) -> Self {
        let spec = PartitionSpec {
            id: orders(),
            replicas: replicas.to_vec(),
            min_isr: 1,
            commit: CommitRule::AllInSync,
        };
        let mut scene = Self::standby(vec![spec]);
        scene.happens(Event::Seat(Seat::Leads));
        scene.settles();
        for node in replicas {
            let asker = scene.registers(*node);
            scene.settles();
            let ControllerReply::Registered(life) = scene.answers[&asker] else {
                panic!("{:?}", scene.answers[&asker]);
            };
            scene.beats(*node, life);
            scene.settles();
        }
        scene
    }

    fn happens(&mut self, event: Event) {
        for effect in self.office.step(self.now, event) {
            match effect {
                Effect::Append(records) => {
                    assert!(self.appending.replace(records).is_none(), "one at a time")
                }
                Effect::Trim(to) => assert!(self.trimming.replace(to).is_none(), "one at a time"),
                Effect::Barrier => self.barrier = Some(()),
                Effect::Answer(asker, reply) => {
                    assert!(self.answers.insert(asker, reply).is_none(), "answered twice");
                }
            }
        }
    }

    /// The append under way reaches the log, and is answered.
    fn commits(&mut self) {
        let base = Offset(self.log.len() as u64);
        self.log.extend(self.appending.take().expect("something is being appended"));
        self.happens(Event::Appended(Ok(base)));
    }

    fn reads(&mut self) {
        let places = (0_u64..).map(Offset).zip(self.log.clone());
        let unread = places.skip(self.read_to).collect();
        self.read_to = self.log.len();
        let to = Offset(self.log.len() as u64);
        self.happens(Event::Read { records: unread, to });
    }

    /// All appends are committed and read, until nothing is under way.
    fn settles(&mut self) {
        while self.appending.is_some() {
            self.commits();
            self.reads();
        }
    }

    fn asks(&mut self, request: ControllerRequest) -> Asker {
        self.asked += 1;
        self.happens(Event::Asked(Asker(self.asked), request));
        Asker(self.asked)
    }

    fn registers(&mut self, node: NodeId) -> Asker {
        self.asks(ControllerRequest::Register(Registration { node, replaces: None, disk: Disk::Fresh }))
    }

    fn beats(&mut self, node: NodeId, incarnation: Incarnation) -> Asker {
        let applied_to = self.office.image().applied_to();
        let lease = LeaseWish::None;
        self.asks(ControllerRequest::Heartbeat { node, incarnation, applied_to, lease })
    }

    fn life(&self, node: NodeId) -> Incarnation {
        self.office.image().brokers().get(node).unwrap().incarnation
    }

    fn state(&self) -> &PartitionState {
        self.office.image().partition(&orders()).unwrap()
    }

    fn proposal(&self, members: &[NodeId]) -> AlterInSync {
        let state = self.state();
        AlterInSync {
            partition: orders(),
            leader: state.leader.unwrap(),
            epoch: state.epoch,
            version: state.version,
            in_sync: members.iter().map(|node| (*node, self.life(*node))).collect(),
        }
    }

    /// Looks at the clock whenever it is time, up to that moment; these brokers beat all the while.
    fn passes(&mut self, until: Moment, beating: &[NodeId]) {
        while let Some(look_at) = self.office.look_at().filter(|look_at| *look_at <= until) {
            self.now = self.now.max(look_at);
            for node in beating {
                self.beats(*node, self.life(*node));
            }
            self.happens(Event::Look);
            self.settles();
        }
        self.now = until;
    }

    /// Somebody else's record is committed and read.
    fn finds(&mut self, epoch: u64, command: Command) {
        self.log.push(Record { epoch: ControllerEpoch(epoch), command });
        self.reads();
    }
}

#[test]
fn a_controller_is_active_only_when_its_claim_was_read_back() {
    let mut scene = Scene::standby(Vec::new());
    let early = scene.registers(A);
    assert_eq!(scene.answers[&early], ControllerReply::NotActive { hint: None });
    scene.happens(Event::Seat(Seat::Leads));
    assert_eq!(scene.office.active(), None);
    scene.commits();
    assert_eq!(scene.office.active(), None, "committed, but what lies before it is not read yet");
    scene.reads();
    assert_eq!(scene.office.active(), Some(ControllerEpoch(1)));
}

#[test]
fn a_claim_that_was_overtaken_is_made_again() {
    let mut scene = Scene::standby(Vec::new());
    scene.happens(Event::Seat(Seat::Leads));
    scene.log.push(Record { epoch: ControllerEpoch(1), command: Command::Claim { node: OTHER } });
    scene.commits();
    scene.reads();
    assert_eq!(scene.office.active(), None, "the other's claim came first");
    scene.settles();
    assert_eq!(scene.office.active(), Some(ControllerEpoch(2)));
}

#[test]
fn a_broker_is_answered_when_its_record_is_committed_and_applied() {
    let mut scene = Scene::active(&[A, B]);
    let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
    assert!(!scene.answers.contains_key(&asker));
    scene.commits();
    assert!(!scene.answers.contains_key(&asker), "committed, not yet applied");
    scene.reads();
    assert_eq!(scene.answers[&asker], ControllerReply::Done);
    assert_eq!(scene.state().in_sync.len(), 1);
}

#[test]
fn reading_back_may_overtake_the_answer_of_the_append() {
    let mut scene = Scene::active(&[A, B]);
    let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
    let base = Offset(scene.log.len() as u64);
    scene.log.extend(scene.appending.take().unwrap());
    scene.reads();
    scene.happens(Event::Appended(Ok(base)));
    assert_eq!(scene.answers[&asker], ControllerReply::Done);
}

#[test]
fn what_is_asked_while_a_batch_is_under_way_goes_into_the_next_one() {
    let mut scene = Scene::active(&[A, B]);
    scene.registers(NodeId(7));
    scene.registers(NodeId(8));
    scene.registers(NodeId(9));
    assert_eq!(scene.appending.as_ref().unwrap().len(), 1);
    scene.commits();
    scene.reads();
    assert_eq!(scene.appending.as_ref().unwrap().len(), 2);
    scene.settles();
    assert!(scene.office.image().brokers().get(NodeId(9)).is_some());
}

#[test]
fn a_proposal_of_an_epoch_or_version_that_is_over_costs_no_record() {
    let mut scene = Scene::active(&[A, B]);
    let stale = AlterInSync { version: Version(0), ..scene.proposal(&[A]) };
    let asker = scene.asks(ControllerRequest::AlterInSync(stale));
    let current = scene.state().version;
    let expected = ControllerReply::Refused(Rejection::StaleVersion { current });
    assert_eq!((&scene.answers[&asker], scene.appending.is_none()), (&expected, true));
    let stale = AlterInSync { epoch: Epoch(0), ..scene.proposal(&[A]) };
    let asker = scene.asks(ControllerRequest::AlterInSync(stale));
    assert!(matches!(scene.answers[&asker], ControllerReply::Refused(Rejection::NotLeader { .. })));
}

#[test]
fn a_silent_broker_is_fenced_and_unfenced_when_it_has_read_that_it_was() {
    let mut scene = Scene::active(&[A, B]);
    scene.passes(at(2999), &[B]);
    assert_eq!(scene.state().leader, Some(A));
    scene.passes(at(3000), &[B]);
    assert_eq!((scene.state().leader, scene.state().epoch), (Some(B), Epoch(2)));

    let node = A;
    let (incarnation, lease) = (scene.life(A), LeaseWish::None);
    let heartbeat = ControllerRequest::Heartbeat { node, incarnation, applied_to: Offset(0), lease };
    let behind = scene.asks(heartbeat);
    assert!(matches!(scene.answers[&behind], ControllerReply::Heard(Heard::Fenced { .. })));
    let caught_up = scene.beats(A, scene.life(A));
    scene.settles();
    assert_eq!(scene.answers[&caught_up], ControllerReply::Heard(Heard::Alive));
    assert_eq!(scene.state().leader, Some(B), "nobody is deposed for it");
}

#[test]
fn a_former_life_is_told_to_stop() {
    let mut scene = Scene::active(&[A, B]);
    let former = scene.life(A);
    let registration = Registration { node: A, replaces: Some(former), disk: Disk::Fresh };
    scene.asks(ControllerRequest::Register(registration));
    scene.settles();
    let asker = scene.beats(A, former);
    assert_eq!(scene.answers[&asker], ControllerReply::Heard(Heard::Replaced));
}

#[test]
fn a_partition_waits_for_all_its_replicas_but_no_longer_than_a_session() {
    let spec = PartitionSpec {
        id: orders(),
        replicas: vec![A, B, NodeId(3)],
        min_isr: 2,
        commit: CommitRule::AllInSync,
    };
    let mut scene = Scene::active(&[A, B]);
    scene.office.config.partitions = vec![PartitionSpec { id: PartitionId::new("more", 0).unwrap(), ..spec }];
    let more = PartitionId::new("more", 0).unwrap();
    scene.passes(at(2900), &[A, B]);
    assert!(scene.office.image().partition(&more).is_none());
    scene.passes(at(4000), &[A, B]);
    assert_eq!(scene.office.image().partition(&more).unwrap().in_sync.len(), 2);
}

#[test]
fn h13_a_controller_that_wakes_up_deposed_fences_nobody() {
    let mut scene = Scene::active(&[A, B]);
    // It sleeps for a minute. Meanwhile another controller takes office. It wakes up, and finds nobody to fence.
    scene.log.push(Record { epoch: ControllerEpoch(2), command: Command::Claim { node: OTHER } });
    scene.now = at(60_000);
    scene.happens(Event::Look);
    assert_eq!(scene.appending, None, "it cannot tell who was silent while it slept");
    // Even a fence that it wrote before it slept, and that arrives now, does not count.
    let fence = Command::Fence { broker: A, incarnation: scene.life(A) };
    scene.finds(1, fence);
    assert_eq!((scene.office.active(), scene.state().leader), (None, Some(A)));
}

#[test]
fn h13_a_new_controller_grants_every_broker_a_full_session() {
    let mut scene = Scene::active(&[A, B]);
    scene.passes(at(2500), &[]);
    scene.happens(Event::Seat(Seat::Elsewhere(Some(OTHER))));
    assert_eq!(scene.office.active(), None);
    scene.happens(Event::Seat(Seat::Leads));
    scene.settles();
    assert_eq!(scene.office.active(), Some(ControllerEpoch(2)));
    scene.passes(at(5499), &[]);
    assert_eq!(scene.state().leader, Some(A));
    scene.passes(at(5500), &[]);
    assert_eq!(scene.state().leader, None);
}

#[test]
fn h14_an_append_in_doubt_is_settled_by_a_new_claim() {
    for appears in [true, false] {
        let mut scene = Scene::active(&[A, B]);
        let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
        let waiting = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
        let doubtful = scene.appending.take().unwrap();
        if appears {
            scene.log.extend(doubtful.clone());
        }
        scene.happens(Event::Appended(Err(Doubt::Timeout.into())));
        assert_eq!(scene.answers[&asker], ControllerReply::Unknown, "neither done nor not done");
        assert_eq!(scene.answers[&waiting], ControllerReply::NotActive { hint: Some(ME) }, "never sent");
        assert_eq!(scene.office.active(), None);
        let refused = scene.beats(A, scene.life(A));
        assert!(matches!(scene.answers[&refused], ControllerReply::NotActive { .. }));
        scene.settles();
        assert_eq!(scene.office.active(), Some(ControllerEpoch(2)));
        let members = if appears { 1 } else { 2 };
        assert_eq!(scene.state().in_sync.len(), members, "read before anything is decided");
        // Should it appear only now, it is another epoch's.
        scene.finds(1, doubtful[0].command.clone());
        assert_eq!(scene.state().in_sync.len(), members);
    }
}

#[test]
fn a_metadata_partition_that_is_led_elsewhere_ends_the_office_and_hints_at_its_leader() {
    let mut scene = Scene::active(&[A, B]);
    let asker = scene.asks(ControllerRequest::AlterInSync(scene.proposal(&[A])));
    scene.appending = None;
    let refusal = Refusal::NotLeader { leader: Some(OTHER) };
    scene.happens(Event::Appended(Err(refusal.into())));
    assert!(matches!(scene.answers[&asker], ControllerReply::NotActive { .. }), "it was not appended");
    scene.happens(Event::Seat(Seat::Elsewhere(Some(OTHER))));
    let asker = scene.registers(NodeId(9));
    assert_eq!(scene.answers[&asker], ControllerReply::NotActive { hint: Some(OTHER) });
}
