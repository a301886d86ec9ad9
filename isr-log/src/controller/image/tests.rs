//! Tables of what each record does, and what no sequence of records can do.

mod any_order;
mod comparisons;
mod elections;
mod polls;
mod reassignments;
mod snapshots;

use partition::ids::Epoch;

use super::*;
use crate::metadata::CommitRule;
use crate::rules::{LagRule, MinimumRule, SuccessorRule, TruncationRule, UncleanElection};

/// An image, and the next place in its log.
pub(super) struct Given {
    pub(super) image: Image,
    /// What it was before the last record, where a test keeps that.
    pub(super) earlier: Image,
    next: u64,
}

pub(super) const A: NodeId = NodeId(1);
pub(super) const B: NodeId = NodeId(2);
pub(super) const C: NodeId = NodeId(3);

/// The rule before eligible leader replicas.
const LAST_MEMBER: HistoricRules = HistoricRules {
    lag: LagRule::CaughtUp,
    minimum: MinimumRule::Strict,
    truncation: TruncationRule::ByEpoch,
    successor: SuccessorRule::LastMember,
    unclean: UncleanElection::Never,
};

pub(super) fn orders() -> PartitionId {
    PartitionId::new("orders", 0).unwrap()
}

impl Given {
    fn nothing() -> Self {
        Self { image: Image::default(), earlier: Image::default(), next: 0 }
    }

    /// A controller in office, these brokers alive, and a partition of theirs, created.
    pub(super) fn created(replicas: &[NodeId]) -> Self {
        Self::created_with(replicas, 1, HistoricRules::default())
    }

    /// The same, with so many that must be in sync, by these rules.
    pub(super) fn created_with(replicas: &[NodeId], min_isr: usize, rules: HistoricRules) -> Self {
        let mut given = Self::nothing();
        given.says(1, Command::Claim { node: NodeId(100) }).unwrap();
        given.says(1, Command::SetRules(rules)).unwrap();
        for node in replicas {
            given.joins(*node, Disk::Fresh);
        }
        let spec = PartitionSpec {
            id: orders(),
            replicas: replicas.to_vec(),
            min_isr,
            commit: CommitRule::AllInSync,
        };
        given.says(1, Command::CreatePartition(spec)).unwrap();
        given
    }

    pub(super) fn says(&mut self, epoch: u64, command: Command) -> Result<Applied, Rejection> {
        let at = Offset(self.next);
        self.next += 1;
        self.image.apply(at, &Record { epoch: ControllerEpoch(epoch), command })
    }

    fn registers(&mut self, node: NodeId, disk: Disk) -> Incarnation {
        let replaces = self.image.brokers().get(node).map(|broker| broker.incarnation);
        self.says(1, Command::Register(Registration { node, replaces, disk })).unwrap();
        self.life(node)
    }

    fn joins(&mut self, node: NodeId, disk: Disk) -> Incarnation {
        let incarnation = self.registers(node, disk);
        self.says(1, Command::Unfence { broker: node, incarnation }).unwrap();
        incarnation
    }

    fn fences(&mut self, broker: NodeId) {
        let incarnation = self.life(broker);
        self.says(1, Command::Fence { broker, incarnation }).unwrap();
    }

    fn unfences(&mut self, broker: NodeId) {
        let incarnation = self.life(broker);
        self.says(1, Command::Unfence { broker, incarnation }).unwrap();
    }

    pub(super) fn life(&self, node: NodeId) -> Incarnation {
        self.image.brokers().get(node).unwrap().incarnation
    }

    pub(super) fn state(&self) -> &PartitionState {
        self.image.partition(&orders()).unwrap()
    }

    /// The proposal of this set by the leader, as it should be.
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

    fn alters(&mut self, members: &[NodeId]) -> Result<Applied, Rejection> {
        let proposal = self.proposal(members);
        self.says(1, Command::AlterInSync(proposal))
    }

    /// Leader, epoch, in-sync nodes, and eligible ones if there are any: in one line.
    fn line(&self) -> String {
        let state = self.state();
        let leader = state.leader.map_or_else(|| "-".to_owned(), |node| node.to_string());
        let nodes = |members: &Members| members.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let eligible = nodes(&state.eligible);
        let eligible = if eligible.is_empty() { eligible } else { format!(" eligible [{eligible}]") };
        format!("{leader} e{} [{}]{eligible}", state.epoch, nodes(&state.in_sync))
    }
}

#[test]
fn a_new_partition_is_in_sync_on_the_living_and_led_by_the_first_of_them() {
    let mut given = Given::created(&[A, B, C]);
    assert_eq!(given.line(), "1 e1 [1 2 3]");
    given.fences(A);
    let id = PartitionId::new("more", 0).unwrap();
    let spec =
        PartitionSpec { id: id.clone(), replicas: vec![A, C, B], min_isr: 2, commit: CommitRule::AllInSync };
    given.says(1, Command::CreatePartition(spec.clone())).unwrap();
    let state = given.image.partition(&id).unwrap();
    assert_eq!((state.leader, state.in_sync.keys().copied().collect::<Vec<_>>()), (Some(C), vec![B, C]));
    let again = given.says(1, Command::CreatePartition(spec));
    assert_eq!(again, Err(Rejection::Exists(id)));
}

#[test]
fn a_partition_is_not_created_below_its_minimum_nor_when_it_makes_no_sense() {
    let mut given = Given::created(&[A, B]);
    given.fences(B);
    let id = PartitionId::new("more", 0).unwrap();
    let mut create = |replicas: Vec<NodeId>, min_isr| {
        given.says(
            1,
            Command::CreatePartition(PartitionSpec {
                id: id.clone(),
                replicas,
                min_isr,
                commit: CommitRule::AllInSync,
            }),
        )
    };
    assert_eq!(create(vec![A, B], 2), Err(Rejection::TooFewAlive { alive: 1, needed: 2 }));
    for (replicas, min_isr) in [(vec![], 1), (vec![A], 0), (vec![A, B], 3), (vec![A, A], 1)] {
        let outcome = create(replicas, min_isr);
        assert!(matches!(outcome, Err(Rejection::Impossible(_))), "{outcome:?}");
    }
}

#[test]
fn a_fenced_leader_is_followed_by_the_next_in_assignment_order_in_a_new_epoch() {
    let mut given = Given::created(&[C, A, B]);
    assert_eq!(given.line(), "3 e1 [1 2 3]");
    given.fences(C);
    assert_eq!(given.line(), "1 e2 [1 2]");
    given.unfences(C);
    assert_eq!(given.line(), "1 e2 [1 2]", "it is not in sync, so it changes nothing");
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.line(), "1 e2 [1 2 3]", "a change of members alone is no new epoch");
}

#[test]
fn the_last_member_leads_again_when_it_is_back() {
    let mut given = Given::created(&[A, B]);
    given.fences(B);
    given.fences(A);
    assert_eq!(given.line(), "- e2 [] eligible [1]");
    given.unfences(B);
    assert_eq!(given.line(), "- e2 [] eligible [1]", "who is neither in sync nor eligible is not elected");
    given.unfences(A);
    assert_eq!(given.line(), "1 e3 [1]");
}

#[test]
fn h01_a_restarted_leader_leads_again_only_in_a_new_epoch() {
    let mut given = Given::created(&[A]);
    let first = given.life(A);
    assert_eq!(given.line(), "1 e1 [1]");
    given.registers(A, Disk::Crashed(first));
    assert_eq!(given.line(), "- e2 []", "the epoch ended with the process");
    given.unfences(A);
    given.reports(A, 1, 7);
    assert_eq!(given.line(), "1 e3 [1]");

    let mut given = Given::created(&[A, B]);
    let stale = given.proposal(&[A, B]);
    given.joins(A, Disk::Crashed(given.life(A)));
    assert_eq!(given.line(), "2 e2 [2]", "the other member leads, and the new life is not in sync");
    let refused = given.says(1, Command::AlterInSync(stale));
    assert_eq!(refused, Err(Rejection::NotLeader { leader: Some(B), epoch: Epoch(2) }));
}

#[test]
fn h02_a_wiped_broker_does_not_pass_for_the_old_one() {
    // The last member comes back empty: nobody is known to have the data, so nobody leads.
    for (rules, line) in [(HistoricRules::default(), "- e2 []"), (LAST_MEMBER, "- e2 [1]")] {
        let mut given = Given::created_with(&[A, B], 1, rules);
        given.fences(B);
        given.joins(A, Disk::Fresh);
        assert_eq!(given.line(), line);
        // Nor does it help that the empty disk crashes, or is closed in order, later on.
        given.joins(A, Disk::Crashed(given.life(A)));
        given.joins(A, Disk::Clean(given.life(A)));
        assert_eq!(given.line(), line);
    }

    // Among others, it is in sync again only in its new life.
    let mut given = Given::created(&[A, B]);
    let mut stale = given.proposal(&[A, B]);
    given.joins(B, Disk::Fresh);
    stale.version = given.state().version;
    assert_eq!(given.says(1, Command::AlterInSync(stale)), Err(Rejection::Ineligible(B)));
    given.alters(&[A, B]).unwrap();
    assert_eq!(given.line(), "1 e1 [1 2]");
}

#[test]
fn a_life_that_ended_before_its_name_was_synced_does_not_make_the_disk_look_wiped() {
    let mut given = Given::created(&[A]);
    let synced = given.life(A);
    given.registers(A, Disk::Crashed(synced));
    given.joins(A, Disk::Crashed(synced));
    given.reports(A, 1, 7);
    assert_eq!(given.line(), "1 e3 [1]");
}

#[test]
fn a_late_copy_of_a_registration_does_not_end_a_newer_life() {
    let mut given = Given::created(&[A, B]);
    let first = Registration { node: A, replaces: Some(given.life(A)), disk: Disk::Fresh };
    let newer = given.joins(A, Disk::Crashed(given.life(A)));
    let late = given.says(1, Command::Register(first));
    assert_eq!(late, Err(Rejection::Superseded { current: Some(newer) }));
    assert_eq!(given.life(A), newer);
}

#[test]
fn h13_a_deposed_controller_fences_nobody() {
    let mut given = Given::created(&[A, B]);
    let fence = Command::Fence { broker: A, incarnation: given.life(A) };
    given.says(2, Command::Claim { node: NodeId(101) }).unwrap();
    let before = given.image.clone();
    let stale = Rejection::StaleController { current: ControllerEpoch(2), found: ControllerEpoch(1) };
    assert_eq!(given.says(1, fence.clone()), Err(stale));
    assert_eq!(given.image.brokers(), before.brokers());
    assert_eq!(given.line(), "1 e1 [1 2]");
    given.says(2, fence).unwrap();
    assert_eq!(given.line(), "2 e2 [2]", "fencing, in-sync set and election are one record");
}

#[test]
fn h13_a_claim_counts_only_for_the_epoch_after_the_one_in_office() {
    let mut given = Given::nothing();
    let table = [(2, false), (0, false), (1, true), (1, false), (3, false), (2, true)];
    for (node, (claimed, counts)) in (1..).map(NodeId).zip(table) {
        let outcome = given.says(claimed, Command::Claim { node });
        assert_eq!(outcome.is_ok(), counts, "claim of {claimed}: {outcome:?}");
    }
    assert_eq!((given.image.epoch(), given.image.controller()), (ControllerEpoch(2), Some(NodeId(6))));
}

#[test]
fn h13_a_fence_is_meant_for_one_life() {
    let mut given = Given::created(&[A, B]);
    let former = given.life(A);
    given.joins(A, Disk::Crashed(former));
    let outcome = given.says(1, Command::Fence { broker: A, incarnation: former });
    assert_eq!(outcome, Err(Rejection::NotThatLife { broker: A, incarnation: former }));
    assert!(given.image.brokers().alive(A).is_some());
}

#[test]
fn h14_of_two_copies_of_a_proposal_one_counts() {
    let mut given = Given::created(&[A, B, C]);
    let shrink = given.proposal(&[A, B]);
    let other = given.proposal(&[A, C]);
    given.says(1, Command::AlterInSync(shrink.clone())).unwrap();
    let stale = Err(Rejection::StaleVersion { current: given.state().version });
    assert_eq!(given.says(1, Command::AlterInSync(shrink)), stale);
    assert_eq!(given.says(1, Command::AlterInSync(other)), stale);
    assert_eq!(given.line(), "1 e1 [1 2]");
}

#[test]
fn h14_proposing_the_set_on_record_ends_every_lost_copy_of_a_proposal() {
    let mut given = Given::created(&[A, B, C]);
    let lost = given.proposal(&[A, B]);
    given.alters(&[A, B, C]).unwrap();
    let late = given.says(1, Command::AlterInSync(lost));
    assert_eq!(late, Err(Rejection::StaleVersion { current: given.state().version }));
}

#[test]
fn a_proposal_is_refused_for_each_thing_that_is_wrong_with_it() {
    let mut given = Given::created(&[A, B, C]);
    given.fences(C);
    given.joins(NodeId(9), Disk::Fresh);
    let leader = Rejection::NotLeader { leader: Some(A), epoch: Epoch(1) };
    let good = given.proposal(&[A, B]);
    let elsewhere = PartitionId::new("elsewhere", 0).unwrap();
    let version = given.state().version;
    let table = [
        (AlterInSync { partition: elsewhere.clone(), ..good.clone() }, Rejection::NoSuchPartition(elsewhere)),
        (AlterInSync { leader: B, ..good.clone() }, leader.clone()),
        (AlterInSync { epoch: Epoch(0), ..good.clone() }, leader),
        (
            AlterInSync { version: version.next(), ..good.clone() },
            Rejection::StaleVersion { current: version },
        ),
        (given.proposal(&[B]), Rejection::WithoutLeader),
        (given.proposal(&[A, C]), Rejection::Ineligible(C)),
        (given.proposal(&[A, NodeId(9)]), Rejection::Ineligible(NodeId(9))),
    ];
    for (proposal, expected) in table {
        assert_eq!(given.says(1, Command::AlterInSync(proposal)), Err(expected));
    }
    assert_eq!(given.line(), "1 e1 [1 2]");
}

#[test]
fn records_read_back_from_their_bytes() {
    let given = Given::created(&[A, B]);
    let command = Command::AlterInSync(given.proposal(&[A, B]));
    let record = Record { epoch: ControllerEpoch(7), command };
    assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    assert!(Record::decode(&record.encode()[1..]).is_err());
}
