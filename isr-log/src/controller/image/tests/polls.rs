//! Elections where enough in sync suffice for a commit: all but k - 1 of the set are asked (H-17).

use super::*;
use crate::controller::command::LogReport;
use crate::metadata::{Election, LogEnd};

const D: NodeId = NodeId(4);
const E: NodeId = NodeId(5);

impl Given {
    /// As [`Given::created_with`], where any `k` of the set commit.
    fn enough(replicas: &[NodeId], k: usize) -> Self {
        let mut given = Self::nothing();
        given.says(1, Command::Claim { node: NodeId(100) }).unwrap();
        for node in replicas {
            given.joins(*node, Disk::Fresh);
        }
        let (replicas, commit) = (replicas.to_vec(), CommitRule::EnoughInSync);
        given
            .says(1, Command::CreatePartition(PartitionSpec { id: orders(), replicas, min_isr: k, commit }))
            .unwrap();
        given
    }

    pub(super) fn report(&self, broker: NodeId, last_epoch: u32, durable: u64) -> LogReport {
        let end = LogEnd { last_epoch: Some(Epoch(last_epoch)), durable: Offset(durable) };
        let (incarnation, epoch) = (self.life(broker), self.state().epoch);
        LogReport { partition: orders(), broker, incarnation, epoch, end }
    }

    pub(super) fn reports(&mut self, broker: NodeId, last_epoch: u32, durable: u64) {
        let report = self.report(broker, last_epoch, durable);
        self.says(1, Command::ReportLog(report)).unwrap();
    }
}

#[test]
fn h17_a_new_partition_has_nothing_to_ask_about() {
    assert_eq!(Given::enough(&[A, B, C], 2).line(), "1 e1 [1 2 3]");
}

#[test]
fn h17_when_the_leader_is_gone_all_but_k_less_one_are_asked_and_the_dead_are_counted() {
    let mut given = Given::enough(&[A, B, C], 2);
    given.fences(A);
    assert_eq!(given.line(), "- e2 [1 2 3]", "nobody leaves the set by being silent");
    given.reports(B, 1, 7);
    assert_eq!(given.line(), "- e2 [1 2 3]", "one of three may be the one that has less");
    given.reports(C, 1, 9);
    assert_eq!(given.line(), "3 e3 [1 2 3]");
    assert_eq!((given.state().election, &given.state().poll), (Election::Polled, &None));
}

#[test]
fn h17_the_newest_last_epoch_wins_then_the_longest_log_then_the_order_of_assignment() {
    for (of_b, of_c, elected) in [((1, 9), (2, 3), C), ((2, 5), (2, 4), B), ((2, 5), (2, 5), B)] {
        let mut given = Given::enough(&[A, B, C], 2);
        given.fences(A);
        given.reports(C, of_c.0, of_c.1);
        given.reports(B, of_b.0, of_b.1);
        assert_eq!(given.state().leader, Some(elected), "{of_b:?} {of_c:?}");
    }
    let mut given = Given::enough(&[A, C, B], 2);
    given.fences(A);
    given.reports(B, 2, 5);
    given.reports(C, 2, 5);
    assert_eq!(given.state().leader, Some(C), "assigned before 2");
}

#[test]
fn h17_a_report_counts_once_of_a_member_that_is_asked_in_that_epoch_and_that_life() {
    let mut given = Given::enough(&[A, B, C], 2);
    let early = given.report(B, 1, 7);
    assert_eq!(given.says(1, Command::ReportLog(early.clone())), Err(Rejection::NotAsked(B)), "A leads");
    given.fences(A);
    assert_eq!(given.says(1, Command::ReportLog(early)), Err(Rejection::NotAsked(B)), "of another epoch");
    let report = given.report(B, 1, 7);
    let former = LogReport { incarnation: Incarnation(Offset(0)), ..report.clone() };
    assert_eq!(given.says(1, Command::ReportLog(former)), Err(Rejection::NotAsked(B)), "of another life");
    let stranger = LogReport { broker: D, ..report.clone() };
    assert_eq!(given.says(1, Command::ReportLog(stranger)), Err(Rejection::NotAsked(D)));
    given.says(1, Command::ReportLog(report.clone())).unwrap();
    assert_eq!(given.says(1, Command::ReportLog(report)), Err(Rejection::NothingToDo(B)));
}

#[test]
fn h17_who_begins_another_life_is_asked_anew_and_who_is_fenced_does_not_count() {
    let mut given = Given::enough(&[A, B, C], 2);
    given.fences(A);
    given.reports(B, 1, 7);
    given.joins(B, Disk::Crashed(given.life(B)));
    assert_eq!(given.state().in_sync[&B], given.life(B), "it has the disk that it had");
    given.reports(C, 1, 5);
    assert_eq!(given.line(), "- e2 [1 2 3]", "what it said in its former life does not count");
    given.fences(C);
    given.reports(B, 1, 6);
    assert_eq!(given.line(), "- e2 [1 2 3]", "who is fenced could not lead");
    given.unfences(C);
    assert_eq!(given.line(), "2 e3 [1 2 3]", "it has said it in this life");
}

#[test]
fn h17_who_comes_with_another_disk_counts_as_dead_until_its_leader_takes_it_in() {
    let mut given = Given::enough(&[A, B, C], 2);
    let former = given.life(B);
    given.joins(B, Disk::Fresh);
    assert_eq!((given.line().as_str(), given.state().in_sync[&B]), ("1 e1 [1 2 3]", former));
    given.fences(A);
    let report = given.report(B, 0, 0);
    assert_eq!(given.says(1, Command::ReportLog(report)), Err(Rejection::NotAsked(B)));
    given.reports(C, 1, 5);
    assert_eq!(given.line(), "- e2 [1 2 3]", "A may have more");
    given.unfences(A);
    given.reports(A, 1, 7);
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.state().in_sync[&B], given.life(B));
}

#[test]
fn h17_who_may_have_lost_what_was_not_synced_is_heard_and_asks_for_one_more() {
    let mut given = Given::enough(&[A, B, C], 2);
    let former = given.life(B);
    // A and B have committed 9; B loses its power, and is back without the last of it.
    let reborn = given.joins(B, Disk::Unsynced(former));
    assert_eq!((given.state().in_sync[&B], given.state().witnesses[&B]), (former, reborn));
    given.fences(A);
    given.reports(B, 1, 7);
    given.reports(C, 1, 5);
    assert_eq!(given.line(), "- e2 [1 2 3]", "neither may have it");
    given.joins(A, Disk::Unsynced(given.life(A)));
    given.reports(A, 1, 9);
    assert_eq!(given.line(), "1 e3 [1 2 3]", "one of the two who had it has lost nothing");
    assert_eq!((given.state().in_sync[&A], given.state().in_sync[&B]), (given.life(A), former));
    // A clean end makes nothing good that was lost before.
    given.joins(B, Disk::Clean(reborn));
    assert_eq!((given.state().in_sync[&B], given.state().witnesses[&B]), (former, given.life(B)));
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.state().in_sync[&B], given.life(B), "A has seen that it has all again");
    assert!(given.state().witnesses.is_empty());
    given.fences(A);
    given.reports(B, 3, 9);
    given.reports(C, 1, 5);
    assert_eq!(given.line(), "2 e5 [1 2 3]");
}

#[test]
fn h17_a_leader_that_keeps_a_doubtful_member_on_record_does_not_vouch_for_it() {
    let mut given = Given::enough(&[A, B, C], 2);
    let former = given.life(B);
    let reborn = given.joins(B, Disk::Unsynced(former));
    let mut kept = given.proposal(&[A, B, C]);
    kept.in_sync.insert(B, former);
    given.says(1, Command::AlterInSync(kept)).unwrap();
    assert_eq!((given.state().in_sync[&B], given.state().witnesses[&B]), (former, reborn));
    given.alters(&[A, C]).unwrap();
    assert!(given.state().witnesses.is_empty(), "it is no member any more");
}

#[test]
fn h17_the_dead_stay_in_a_proposed_set_and_never_fewer_than_k_are_left() {
    let mut given = Given::enough(&[A, B, C], 2);
    given.fences(C);
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.alters(&[A]), Err(Rejection::TooSmall { found: 1, needed: 2 }));
    given.alters(&[A, B]).unwrap();
    assert_eq!(given.alters(&[A, B, C]), Err(Rejection::Ineligible(C)), "a joiner must be alive");
    given.fences(A);
    given.reports(B, 1, 7);
    assert_eq!(given.line(), "2 e3 [1 2]", "of two who both have all, one is enough");
}

#[test]
fn h17_nobody_is_preferred_and_a_leader_is_let_go_only_where_others_can_be_asked() {
    let mut given = Given::enough(&[A, B, C], 2);
    let leave = |given: &Given, broker| Command::Leave { broker, incarnation: given.life(broker) };
    let of_c = leave(&given, C);
    given.says(1, of_c).unwrap();
    assert_eq!(given.line(), "1 e1 [1 2 3]");
    let of_a = leave(&given, A);
    assert_eq!(
        given.says(1, of_a.clone()),
        Err(Rejection::NoSuccessor(orders())),
        "only B is alive beside it"
    );
    given.joins(C, Disk::Clean(given.life(C)));
    given.says(1, of_a).unwrap();
    given.reports(B, 1, 7);
    given.reports(C, 1, 7);
    assert_eq!(given.line(), "2 e3 [1 2 3]");
    given.joins(A, Disk::Clean(given.life(A)));
    assert_eq!(given.says(1, Command::ElectPreferred(orders())), Err(Rejection::MayNotLead(A)));
}

/// Whether a leader is found, and has enough who are alive to commit, when these are dead.
fn goes_on(replicas: &[NodeId], k: usize, dead: &[NodeId]) -> bool {
    let mut given = Given::enough(replicas, k);
    dead.iter().for_each(|node| given.fences(*node));
    let alive: Vec<NodeId> = replicas.iter().copied().filter(|node| !dead.contains(node)).collect();
    for node in &alive {
        if given.state().leader.is_none() {
            given.reports(*node, 1, 7);
        }
    }
    given.state().leader.is_some_and(|leader| alive.contains(&leader)) && alive.len() >= k
}

#[test]
fn h17_k_that_is_a_majority_tolerates_exactly_what_a_majority_tolerates() {
    for (replicas, k) in [(&[A, B, C][..], 2), (&[A, B, C, D, E][..], 3)] {
        for mask in 0..1_u32 << replicas.len() {
            let dead: Vec<NodeId> =
                (0..).zip(replicas).filter(|(at, _)| mask >> at & 1 == 1).map(|(_, node)| *node).collect();
            let majority_lives = (replicas.len() - dead.len()) * 2 > replicas.len();
            assert_eq!(goes_on(replicas, k, &dead), majority_lives, "{k} of {replicas:?} without {dead:?}");
        }
    }
    // With another k either more deaths stop the writes, or the leader's death alone stops the elections.
    assert!(goes_on(&[A, B, C], 1, &[B, C]) && !goes_on(&[A, B, C], 1, &[A]));
    assert!(!goes_on(&[A, B, C], 3, &[A]));
}

#[test]
fn a_partition_that_commits_by_enough_is_not_reassigned() {
    let mut given = Given::enough(&[A, B, C], 2);
    given.joins(D, Disk::Fresh);
    let wish = crate::controller::command::Reassign { partition: orders(), replicas: vec![A, B, D] };
    assert!(matches!(given.says(1, Command::Reassign(wish)), Err(Rejection::Impossible(_))));
    assert_eq!(given.line(), "1 e1 [1 2 3]");
}
