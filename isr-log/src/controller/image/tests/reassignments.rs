//! Reassignments: who replicates, who leads and who is in sync while a partition moves, and when it has arrived.

use super::*;
use crate::controller::command::Reassign;
use crate::metadata::{Election, Version};

const D: NodeId = NodeId(4);
const E: NodeId = NodeId(5);
const F: NodeId = NodeId(6);

/// A partition of A, B and C, two of which must be in sync, and D, E and F, who are alive.
fn three_of_six() -> Given {
    let mut given = Given::created_with(&[A, B, C], 2, HistoricRules::default());
    for node in [D, E, F] {
        given.joins(node, Disk::Fresh);
    }
    given
}

impl Given {
    fn reassigns(&mut self, replicas: &[NodeId]) -> Result<Applied, Rejection> {
        let wish = Reassign { partition: orders(), replicas: replicas.to_vec() };
        self.says(1, Command::Reassign(wish))
    }

    fn cancels(&mut self) -> Result<Applied, Rejection> {
        self.says(1, Command::CancelReassignment(orders()))
    }

    fn replicas(&self) -> &[NodeId] {
        &self.state().spec.replicas
    }
}

#[test]
fn a_replica_is_added_when_it_is_in_sync() {
    let mut given = three_of_six();
    given.reassigns(&[A, B, C, D]).unwrap();
    assert_eq!(given.replicas(), [A, B, C, D]);
    assert!(given.state().reassignment.is_some());
    assert_eq!(given.state().replica_since(D), given.state().version);
    assert_eq!(given.state().replica_since(A), Version::default());
    given.alters(&[A, B, C, D]).unwrap();
    assert_eq!((given.line().as_str(), &given.state().reassignment), ("1 e1 [1 2 3 4]", &None));
}

#[test]
fn a_follower_that_is_removed_goes_at_once_when_the_others_are_in_sync() {
    let mut given = three_of_six();
    let version = given.state().version;
    given.reassigns(&[A, B]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([A, B].as_slice(), "1 e1 [1 2]"));
    assert_eq!(given.state().version, version.next(), "one change");
}

#[test]
fn a_leader_that_is_removed_is_followed_by_the_first_of_the_target() {
    let mut given = three_of_six();
    given.reassigns(&[C, B]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([C, B].as_slice(), "3 e2 [2 3]"));
    assert_eq!(given.state().election, Election::InSync);
}

#[test]
fn nothing_is_complete_before_all_of_the_target_are_in_sync() {
    let mut given = three_of_six();
    given.reassigns(&[D, E, F]).unwrap();
    assert_eq!(given.replicas(), [D, E, F, A, B, C]);
    assert_eq!(given.state().removing().collect::<Vec<_>>(), [A, B, C]);
    given.alters(&[A, B, C, D]).unwrap();
    given.alters(&[A, B, C, D, F]).unwrap();
    assert_eq!(given.line(), "1 e1 [1 2 3 4 6]");
    // Who was removed and comes back into the set changes nothing either.
    given.alters(&[A, B, D, F]).unwrap();
    assert!(given.state().reassignment.is_some());
    given.alters(&[A, B, D, E, F]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([D, E, F].as_slice(), "4 e2 [4 5 6]"));
}

#[test]
fn all_three_are_replaced_while_the_leader_dies() {
    let mut given = three_of_six();
    given.reassigns(&[D, E, F]).unwrap();
    given.alters(&[A, B, C, D]).unwrap();
    given.fences(A);
    assert_eq!(given.line(), "4 e2 [2 3 4]", "the target comes first");
    given.fences(D);
    assert_eq!(given.line(), "2 e3 [2 3]");
    given.alters(&[B, C, E, F]).unwrap();
    given.unfences(D);
    assert!(given.state().reassignment.is_some());
    given.alters(&[B, C, D, E, F]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([D, E, F].as_slice(), "4 e4 [4 5 6]"));
    let late = AlterInSync { leader: B, epoch: Epoch(3), ..given.proposal(&[D]) };
    assert!(matches!(given.says(1, Command::AlterInSync(late)), Err(Rejection::NotLeader { .. })));
}

#[test]
fn a_fence_that_leaves_all_of_the_target_completes_it() {
    // The last of the old ones is eligible still, and goes with the rest.
    let mut given = Given::created_with(&[A, B], 1, HistoricRules::default());
    given.joins(C, Disk::Fresh);
    given.reassigns(&[C]).unwrap();
    given.fences(B);
    given.alters(&[A, C]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([C].as_slice(), "3 e2 [3]"));
}

#[test]
fn who_goes_is_eligible_no_more() {
    let mut given = three_of_six();
    given.fences(C);
    given.fences(B);
    assert_eq!(given.line(), "1 e1 [1] eligible [2]");
    given.reassigns(&[A, D]).unwrap();
    assert_eq!(given.line(), "1 e1 [1] eligible [2]", "until then it may be needed");
    given.alters(&[A, D]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([A, D].as_slice(), "1 e1 [1 4]"));
}

#[test]
fn a_move_that_is_cancelled_ends_where_it_began() {
    let mut given = three_of_six();
    given.reassigns(&[A, D, E]).unwrap();
    given.alters(&[A, B, C, D]).unwrap();
    given.cancels().unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([A, B, C].as_slice(), "1 e1 [1 2 3]"));
    assert_eq!((given.cancels(), given.state().since.len()), (Err(Rejection::NotReassigning(orders())), 0));
}

#[test]
fn a_move_whose_newcomers_are_needed_is_not_cancelled_but_turned_round() {
    let mut given = three_of_six();
    given.reassigns(&[D, E, F]).unwrap();
    given.alters(&[A, B, C, D, E]).unwrap();
    for node in [A, B] {
        given.fences(node);
    }
    assert_eq!(given.line(), "4 e2 [3 4 5]");
    assert_eq!(given.cancels(), Err(Rejection::Needed { left: 1, needed: 2 }));
    given.reassigns(&[A, B, C]).unwrap();
    assert_eq!(given.replicas(), [A, B, C, D, E], "F had nothing, and goes");
    for node in [A, B] {
        given.unfences(node);
    }
    given.alters(&[A, B, C, D, E]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([A, B, C].as_slice(), "1 e3 [1 2 3]"));
}

#[test]
fn a_second_reassignment_takes_the_place_of_the_first() {
    let mut given = three_of_six();
    given.reassigns(&[A, B, D]).unwrap();
    given.reassigns(&[A, B, E]).unwrap();
    assert_eq!(given.replicas(), [A, B, E, C], "D had nothing yet");
    given.alters(&[A, B, C, E]).unwrap();
    assert_eq!((given.replicas(), given.line().as_str()), ([A, B, E].as_slice(), "1 e1 [1 2 5]"));
}

#[test]
fn s09_who_was_removed_and_added_again_is_a_replica_since_then() {
    let mut given = three_of_six();
    given.reassigns(&[A, B]).unwrap();
    let life = given.life(C);
    given.reassigns(&[A, B, C]).unwrap();
    assert_eq!(given.state().replica_since(C), given.state().version);
    assert_eq!((given.life(C), given.line().as_str()), (life, "1 e1 [1 2]"));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut given = three_of_six();
    for (what, replicas) in [
        ("nobody", vec![]),
        ("below the minimum", vec![A]),
        ("one twice", vec![A, B, A]),
        ("a stranger", vec![A, B, NodeId(9)]),
    ] {
        let refused = given.reassigns(&replicas);
        assert!(matches!(refused, Err(Rejection::Impossible(_))), "{what}: {refused:?}");
    }
    assert_eq!(given.reassigns(&[A, B, C]), Err(Rejection::AssignedAlready(orders())));
    given.reassigns(&[A, B, D]).unwrap();
    assert_eq!(given.reassigns(&[A, B, D]), Err(Rejection::AssignedAlready(orders())));
    let elsewhere = PartitionId::new("elsewhere", 0).unwrap();
    let wish = Reassign { partition: elsewhere.clone(), replicas: vec![A, B] };
    assert_eq!(given.says(1, Command::Reassign(wish)), Err(Rejection::NoSuchPartition(elsewhere)));
}
