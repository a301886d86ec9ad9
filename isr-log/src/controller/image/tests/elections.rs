//! Who is elected when the leader goes: scenarios in which one rule loses data and another does not.

use super::*;
use crate::metadata::{Election, Recovery};

const UNCLEAN: HistoricRules = HistoricRules { unclean: UncleanElection::Allowed, ..LAST_MEMBER };
pub(super) const TODAY: HistoricRules = HistoricRules { successor: SuccessorRule::Eligible, ..LAST_MEMBER };
pub(super) const LAST_LEADER: HistoricRules =
    HistoricRules { successor: SuccessorRule::LastLeader, ..LAST_MEMBER };

impl Given {
    /// Three replicas, of which two must be in sync.
    pub(super) fn three(rules: HistoricRules) -> Self {
        Self::created_with(&[A, B, C], 2, rules)
    }

    fn leaves(&mut self, broker: NodeId) {
        let incarnation = self.life(broker);
        self.says(1, Command::Leave { broker, incarnation }).unwrap();
    }

    /// Ends uncleanly, comes back on the disk it had, and is heard.
    pub(super) fn crashes(&mut self, node: NodeId) {
        self.joins(node, Disk::Crashed(self.life(node)));
    }

    pub(super) fn election(&self) -> Election {
        self.state().election
    }
}

#[test]
fn the_rules_under_test_are_the_default_and_the_older_one() {
    assert_eq!(TODAY, HistoricRules::default());
    assert!(TODAY.keeps_eligible() && !LAST_MEMBER.keeps_eligible());
    let loose = HistoricRules { minimum: MinimumRule::Loose, ..TODAY };
    assert!(!loose.keeps_eligible(), "what is committed below the minimum, an eligible replica lacks");
}

#[test]
fn c14_the_next_leader_comes_from_the_in_sync_set_in_assignment_order() {
    let mut given = Given::created_with(&[C, A, B], 2, TODAY);
    given.alters(&[C, B]).unwrap();
    given.fences(C);
    assert_eq!(given.line(), "2 e2 [2] eligible [3]", "the first of those assigned is not in sync");
}

#[test]
fn whoever_leaves_a_set_that_is_short_stays_eligible_until_it_is_large_enough() {
    let mut given = Given::three(TODAY);
    given.alters(&[A, B]).unwrap();
    assert_eq!(given.line(), "1 e1 [1 2]", "two are enough: what is committed now, the third lacks");
    given.fences(B);
    assert_eq!(given.line(), "1 e1 [1] eligible [2]");
    given.fences(A);
    assert_eq!(given.line(), "- e2 [] eligible [1 2]");
    given.joins(C, Disk::Clean(given.life(C)));
    assert_eq!(given.line(), "- e2 [] eligible [1 2]", "it may lack what is committed");
    given.unfences(B);
    assert_eq!((given.line().as_str(), given.election()), ("2 e3 [2] eligible [1]", Election::Eligible));
    given.unfences(A);
    given.alters(&[A, B]).unwrap();
    assert_eq!(given.line(), "2 e3 [1 2]");
}

#[test]
fn an_eligible_replica_stays_so_over_a_restart_in_order_and_not_over_a_crash() {
    for (clean, expected) in [(true, "1 e1 [1] eligible [2]"), (false, "1 e1 [1]")] {
        let mut given = Given::created_with(&[A, B], 2, TODAY);
        given.fences(B);
        if clean {
            given.joins(B, Disk::Clean(given.life(B)));
        } else {
            given.crashes(B);
        }
        assert_eq!(given.line(), expected);
        assert!(given.state().eligible.get(&B).is_none_or(|life| *life == given.life(B)), "in its new life");
    }
}

#[test]
fn h03_a_marker_of_another_life_than_the_eligible_one_does_not_count() {
    let mut given = Given::created_with(&[A, B], 2, TODAY);
    given.fences(B);
    // A disk that was wiped meanwhile, and then closed in order.
    given.registers(B, Disk::Fresh);
    given.joins(B, Disk::Clean(given.life(B)));
    assert_eq!(given.line(), "1 e1 [1]");
}

/// Runs S-10 up to the return of all three; the last replica standing has lost something that was committed.
fn last_replica_standing(rules: HistoricRules) -> Given {
    let mut given = Given::three(rules);
    given.fences(A);
    given.fences(B);
    assert_eq!(given.state().leader, Some(C));
    // It loses its power, and some of what was committed with it. The others are back before it.
    given.fences(C);
    given.unfences(A);
    given.unfences(B);
    given.crashes(C);
    given
}

#[test]
fn s10_the_last_replica_standing_does_not_lead_after_it_ended_uncleanly() {
    let given = last_replica_standing(TODAY);
    assert_eq!(
        given.line(),
        "2 e5 [2]",
        "B left when the set became short, so it has all that was committed"
    );
    assert_eq!(given.election(), Election::Eligible);
}

#[test]
fn s10_by_the_older_rule_it_leads_and_the_others_cut_what_it_lost() {
    let given = last_replica_standing(LAST_MEMBER);
    assert_eq!(given.line(), "3 e5 [3]");
}

#[test]
fn s10_by_the_rule_of_today_s_kafka_it_tolerates_one_unclean_end_less_than_the_minimum() {
    // Both B and C have ended uncleanly: one more than it tolerates. Whoever led last is the best guess.
    let mut given = Given::three(LAST_LEADER);
    given.fences(A);
    given.fences(B);
    given.crashes(B);
    given.fences(C);
    assert_eq!(given.line(), "- e4 [] eligible [3]");
    given.crashes(C);
    assert_eq!((given.line().as_str(), given.election()), ("3 e5 [3]", Election::LastLeader));
}

/// The first replica is dead. Then the other two are killed, and the leader's disk loses its last record; only it is back.
fn leader_back_with_less(rules: HistoricRules) -> Given {
    let mut given = Given::created_with(&[B, C, A], 2, rules);
    given.fences(A);
    given.fences(C);
    assert_eq!(given.state().leader, Some(B));
    given.crashes(B);
    given
}

#[test]
fn s10b_a_leader_whose_log_was_cut_while_it_was_down_may_not_lead() {
    let mut given = leader_back_with_less(TODAY);
    assert_eq!(
        given.line(),
        "- e2 [] eligible [3]",
        "better no leader than one that may lack what was committed"
    );
    given.unfences(A);
    assert_eq!(given.state().leader, None);
    given.unfences(C);
    assert_eq!(given.line(), "3 e3 [3]");
}

#[test]
fn s10b_by_the_older_rule_it_leads_and_what_it_lost_is_lost() {
    assert_eq!(leader_back_with_less(LAST_MEMBER).line(), "2 e3 [2]");
}

#[test]
fn s13_a_set_of_one_whose_disk_is_destroyed_leaves_the_partition_offline_or_loses_data() {
    for (rules, leader) in [(TODAY, None), (LAST_MEMBER, None), (UNCLEAN, Some(B))] {
        let mut given = Given::created_with(&[A, B, C], 1, rules);
        given.alters(&[A]).unwrap();
        given.registers(A, Disk::Fresh);
        assert_eq!(given.state().leader, leader);
    }
}

#[test]
fn s14_an_unclean_election_is_marked_and_nobody_joins_before_it_has_recovered() {
    for rules in [UNCLEAN, HistoricRules { unclean: UncleanElection::Allowed, ..TODAY }] {
        let mut given = Given::created_with(&[A, B, C], 1, rules);
        let member = given.life(A);
        given.alters(&[A]).unwrap();
        given.fences(A);
        assert_eq!((given.line().as_str(), given.election()), ("2 e2 [2]", Election::Unclean));
        assert_eq!(given.state().passed_over, Members::from([(A, member)]), "what it has to cut is lost");
        assert_eq!(given.alters(&[B, C]), Err(Rejection::Recovering));
        assert_eq!(given.says(1, Command::ElectPreferred(orders())), Err(Rejection::MayNotLead(A)));
        given.alters(&[B]).unwrap();
        assert_eq!(given.state().recovery, Recovery::Done);
        given.unfences(A);
        given.alters(&[A, B, C]).unwrap();
        assert!(given.state().passed_over.is_empty(), "it has what the leader has, and no more");
    }
}

#[test]
fn s14_by_default_nobody_is_elected_uncleanly() {
    let mut given = Given::created_with(&[A, B, C], 1, TODAY);
    given.alters(&[A]).unwrap();
    given.fences(A);
    assert_eq!(given.line(), "- e2 [] eligible [1]");
}

#[test]
fn s20b_a_set_that_shrank_to_a_leader_whose_disk_then_dies_is_led_by_an_eligible_follower() {
    for (rules, leader) in [(TODAY, Some(B)), (LAST_MEMBER, None)] {
        let mut given = Given::three(rules);
        given.alters(&[A]).unwrap();
        given.fences(A);
        assert_eq!(given.state().leader, leader);
        given.joins(A, Disk::Fresh);
        assert_eq!(
            given.state().leader,
            leader,
            "by the older rule healthy followers are of no use for ever"
        );
    }
}

#[test]
fn a_broker_that_leaves_hands_over_in_one_record_and_joins_nothing_meanwhile() {
    let mut given = Given::three(TODAY);
    given.leaves(A);
    assert_eq!(given.line(), "2 e2 [2 3]");
    let again = Command::Leave { broker: A, incarnation: given.life(A) };
    assert_eq!(given.says(1, again), Err(Rejection::NothingToDo(A)));
    let unfence = Command::Unfence { broker: A, incarnation: given.life(A) };
    assert_eq!(given.says(1, unfence), Err(Rejection::NothingToDo(A)), "it is not fenced, it leaves");
    assert_eq!(given.alters(&[A, B, C]), Err(Rejection::Ineligible(A)), "KIP-841");
    given.joins(A, Disk::Clean(given.life(A)));
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.line(), "2 e2 [1 2 3]");
}

#[test]
fn a_whole_cluster_that_is_restarted_in_order_is_led_without_a_guess() {
    let mut given = Given::three(TODAY);
    for node in [A, B, C] {
        given.leaves(node);
    }
    assert_eq!(given.line(), "- e4 [] eligible [2 3]");
    given.joins(A, Disk::Clean(given.life(A)));
    assert_eq!(given.state().leader, None, "what B and C committed without it, it lacks");
    given.joins(B, Disk::Clean(given.life(B)));
    assert_eq!((given.line().as_str(), given.election()), ("2 e5 [2] eligible [3]", Election::Eligible));
    given.joins(C, Disk::Clean(given.life(C)));
    given.alters(&[B, C]).unwrap();
    assert_eq!(given.line(), "2 e5 [2 3]");
}

#[test]
fn the_preferred_leader_leads_again_on_command_when_it_is_in_sync() {
    let mut given = Given::three(TODAY);
    let prefer = Command::ElectPreferred(orders());
    assert_eq!(given.says(1, prefer.clone()), Err(Rejection::NothingToDo(A)));
    given.fences(A);
    given.unfences(A);
    assert_eq!(given.says(1, prefer.clone()), Err(Rejection::MayNotLead(A)), "it has not caught up");
    given.alters(&[A, B, C]).unwrap();
    assert_eq!(given.line(), "2 e2 [1 2 3]", "it is not given back by itself");
    given.says(1, prefer).unwrap();
    assert_eq!(given.line(), "1 e3 [1 2 3]");
}
