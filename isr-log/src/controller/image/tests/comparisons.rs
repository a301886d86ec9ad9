//! Elections by comparing logs, when nobody in sync or eligible can lead any more (S-11, KIP-966's second part).

use super::elections::{LAST_LEADER, TODAY};
use super::*;
use crate::controller::command::Reassign;
use crate::metadata::Election;

const D: NodeId = NodeId(4);

impl Given {
    fn witnesses(&self) -> Vec<NodeId> {
        self.state().witnesses.keys().copied().collect()
    }
}

/// A left first; B and C know what is committed, and have both ended uncleanly.
fn all_but_one_know(rules: HistoricRules) -> Given {
    let mut given = Given::three(rules);
    for node in [A, B, C] {
        given.fences(node);
    }
    assert_eq!(given.line(), "- e4 [] eligible [2 3]");
    for node in [A, B, C] {
        given.crashes(node);
    }
    given
}

#[test]
fn s11_after_all_have_ended_uncleanly_the_one_that_has_most_leads() {
    for (of_b, of_c, elected) in [(12, 10, B), (8, 10, C), (10, 10, B)] {
        let mut given = all_but_one_know(TODAY);
        assert_eq!((given.line().as_str(), given.witnesses()), ("- e4 []", vec![B, C]));
        given.reports(C, 1, of_c);
        assert_eq!(given.state().leader, None, "one of the two disks may have lost something");
        given.reports(B, 1, of_b);
        assert_eq!((given.state().leader, given.election()), (Some(elected), Election::Polled));
        assert_eq!(given.state().in_sync.len(), 1, "nothing is committed before another one has caught up");
        assert_eq!(given.witnesses(), [if elected == B { C } else { B }]);
        assert_eq!(given.state().poll, None);
    }
}

#[test]
fn s11_whoever_left_before_them_is_not_asked_however_much_it_has() {
    let mut given = all_but_one_know(TODAY);
    let report = given.report(A, 9, 99);
    assert_eq!(given.says(1, Command::ReportLog(report)), Err(Rejection::NotAsked(A)));
}

#[test]
fn s11_by_the_rule_of_today_s_kafka_the_last_leader_leads_and_logs_are_not_compared() {
    let given = all_but_one_know(LAST_LEADER);
    assert_eq!((given.state().leader, given.election()), (Some(C), Election::LastLeader));
}

#[test]
fn s11_a_leader_whose_disk_is_new_is_not_asked_and_the_other_witnesses_are() {
    for (rules, elected) in [(TODAY, Some(B)), (LAST_LEADER, None)] {
        let mut given = Given::created_with(&[A, B], 2, rules);
        given.crashes(B);
        given.joins(A, Disk::Fresh);
        assert_eq!(given.state().leader, None);
        let report = given.report(A, 0, 0);
        assert_eq!(given.says(1, Command::ReportLog(report)), Err(Rejection::NotAsked(A)));
        if elected.is_some() {
            // One disk is known to be lost, which is as many as may be: the other one is not.
            given.reports(B, 1, 7);
        }
        assert_eq!(given.state().leader, elected);
    }
}

/// The finding of a sweep: the leader is wiped, and the other two end uncleanly before anybody is in office.
#[test]
fn s11_a_wiped_leader_and_two_unclean_ends_in_any_order_of_return() {
    let orders = [[A, B, C], [A, C, B], [B, A, C], [B, C, A], [C, A, B], [C, B, A]];
    for order in orders {
        let mut given = Given::three(TODAY);
        for node in order {
            let disk = if node == A { Disk::Fresh } else { Disk::Crashed(given.life(node)) };
            given.registers(node, disk);
        }
        order.into_iter().for_each(|node| given.unfences(node));
        assert_eq!(given.state().leader, None, "{order:?}");
        let asked: Vec<NodeId> =
            [B, C].into_iter().filter(|node| given.state().asks(*node, given.life(*node))).collect();
        for node in &asked {
            assert_eq!(given.state().leader, None, "{order:?}");
            given.reports(*node, 1, 7);
        }
        assert!(given.state().leader.is_some_and(|leader| leader != A), "{order:?}");
    }
}

#[test]
fn s11_what_was_said_in_a_life_that_is_over_does_not_count() {
    let mut given = all_but_one_know(TODAY);
    given.reports(B, 1, 12);
    given.crashes(B);
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, None, "B has said nothing in this life");
    given.fences(C);
    given.reports(B, 1, 9);
    assert_eq!(given.state().leader, None, "who is fenced could not lead");
    given.unfences(C);
    assert_eq!(given.state().leader, Some(C));
}

#[test]
fn s11_a_witness_that_has_said_what_it_has_and_is_wiped_is_not_elected() {
    let mut given = all_but_one_know(TODAY);
    given.reports(B, 1, 12);
    given.joins(B, Disk::Fresh);
    assert_eq!(given.state().leader, None);
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, Some(C));
}

#[test]
fn s11_who_is_eligible_and_alive_leads_without_a_comparison() {
    let mut given = Given::three(TODAY);
    for node in [A, B, C] {
        given.fences(node);
    }
    given.crashes(C);
    assert_eq!((given.line().as_str(), given.witnesses()), ("- e4 [] eligible [2]", vec![C]));
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, None, "B may have more");
    given.unfences(B);
    assert_eq!((given.line().as_str(), given.election()), ("2 e5 [2]", Election::Eligible));
    assert_eq!(given.witnesses(), [C], "until the set is large enough");
    given.alters(&[B, C]).unwrap();
    assert_eq!((given.line().as_str(), given.witnesses()), ("2 e5 [2 3]", vec![]));
}

/// B may still lead, as far as it knows, and it alone proves to itself that it does: whoever led beside it would leave it with
/// stale reads (H-16).
#[test]
fn s11_h16_nobody_is_elected_by_a_comparison_while_one_who_is_eligible_has_begun_no_other_life() {
    let mut given = Given::three(TODAY);
    given.alters(&[A]).unwrap();
    given.joins(A, Disk::Fresh);
    assert_eq!((given.line().as_str(), given.witnesses()), ("2 e2 [2] eligible [3]", vec![A]));
    given.crashes(C);
    given.fences(B);
    assert_eq!((given.line().as_str(), given.witnesses()), ("- e3 [] eligible [2]", vec![A, C]));
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, None, "one disk is lost, so C is enough, but for B");
    given.crashes(B);
    assert_eq!(given.state().leader, Some(C), "which is over now");
}

#[test]
fn s11_an_elected_one_that_is_wiped_leaves_the_others_to_be_asked() {
    let mut given = all_but_one_know(TODAY);
    given.reports(B, 1, 12);
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, Some(B));
    given.joins(B, Disk::Fresh);
    assert_eq!((given.state().leader, given.witnesses()), (None, vec![B, C]));
    given.reports(C, 1, 10);
    assert_eq!(given.state().leader, Some(C));
}

#[test]
fn s11_a_new_controller_and_a_reassignment_in_the_middle_lose_no_report() {
    let mut given = all_but_one_know(TODAY);
    given.reports(B, 1, 12);
    given.says(2, Command::Claim { node: NodeId(101) }).unwrap();
    let stale = Command::ReportLog(given.report(C, 1, 10));
    assert!(given.says(1, stale.clone()).is_err(), "its controller is deposed");
    let life = given.image.applied_to().0;
    let wish = crate::controller::command::Registration { node: D, replaces: None, disk: Disk::Fresh };
    given.says(2, Command::Register(wish)).unwrap();
    let (broker, incarnation) = (D, Incarnation(Offset(life)));
    given.says(2, Command::Unfence { broker, incarnation }).unwrap();
    let wish = Reassign { partition: orders(), replicas: vec![A, D] };
    given.says(2, Command::Reassign(wish)).unwrap();
    assert_eq!(given.state().spec.replicas, [A, D, B, C], "nobody is let go who knows what is committed");
    given.says(2, stale).unwrap();
    assert_eq!(given.state().leader, Some(B));
}
