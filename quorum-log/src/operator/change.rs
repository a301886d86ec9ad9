//! Whether the members may become what an operator asks for, and what that takes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use partition::ids::NodeId;
use partition::transport::Address;

use crate::admin::{ChangeError, Members};

/// The most voters: a commit waits for a majority of them, and each takes a copy of everything.
const VOTERS_MAX: usize = 15;
/// The most numbers that ever voted: they are kept beside the log, and fit a slot of that file.
const EVER_VOTED_MAX: usize = 400;

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Nodes that have to get a copy first.
    pub(crate) learners: BTreeMap<NodeId, Address>,
    /// Who votes in the end.
    pub(crate) voters: BTreeSet<NodeId>,
}

/// The way from who votes now to these voters; none when they are the voters.
pub(crate) fn to_voters(
    now: &Members,
    ever_voted: &BTreeSet<NodeId>,
    wanted: &BTreeMap<NodeId, Address>,
) -> Result<Option<Change>, ChangeError> {
    let voters: BTreeSet<NodeId> = wanted.keys().copied().collect();
    let ever = ever_voted.union(&voters).count();
    if voters.is_empty() || voters.len() > VOTERS_MAX || ever > EVER_VOTED_MAX {
        return Err(ChangeError::Count { most: VOTERS_MAX, ever_most: EVER_VOTED_MAX });
    }
    let towards = now.voters.last().cloned().unwrap_or_default();
    if now.voters.len() > 1 && towards != voters {
        return Err(ChangeError::Unfinished { towards });
    }
    if now.voters.len() == 1 && towards == voters {
        return Ok(None);
    }
    let mut learners = BTreeMap::new();
    for (node, address) in wanted.iter().filter(|(node, _)| !towards.contains(node)) {
        to_learner(now, ever_voted, *node, *address)?;
        learners.insert(*node, *address);
    }
    Ok(Some(Change { learners, voters }))
}

/// Whether this node may get a copy.
pub(crate) fn to_learner(
    now: &Members,
    ever_voted: &BTreeSet<NodeId>,
    node: NodeId,
    address: Address,
) -> Result<(), ChangeError> {
    if now.voters.iter().any(|set| set.contains(&node)) {
        return Err(ChangeError::Votes(node));
    }
    if ever_voted.contains(&node) {
        return Err(ChangeError::HasVoted(node));
    }
    match now.addresses.get(&node) {
        Some(other) if *other != address => Err(ChangeError::Elsewhere { node, address: *other }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(nodes: &[u32]) -> BTreeMap<NodeId, Address> {
        nodes.iter().map(|node| (NodeId(*node), Address::simulated(NodeId(*node)))).collect()
    }

    fn set(nodes: &[u32]) -> BTreeSet<NodeId> {
        nodes.iter().copied().map(NodeId).collect()
    }

    fn members(voters: &[&[u32]], learners: &[u32]) -> Members {
        let all: Vec<u32> = voters.iter().copied().flatten().chain(learners).copied().collect();
        Members { voters: voters.iter().map(|voters| set(voters)).collect(), addresses: located(&all) }
    }

    #[test]
    fn who_is_new_gets_a_copy_first() {
        let change = to_voters(&members(&[&[1, 2, 3]], &[]), &set(&[1, 2, 3]), &located(&[1, 2, 4]));
        let expected = Change { learners: located(&[4]), voters: set(&[1, 2, 4]) };
        assert_eq!(change, Ok(Some(expected)));
        let same = to_voters(&members(&[&[1, 2, 3]], &[]), &set(&[1, 2, 3]), &located(&[1, 2, 3]));
        assert_eq!(same, Ok(None));
    }

    #[test]
    fn r08_a_number_that_has_voted_is_never_given_away_again() {
        let now = members(&[&[1, 2, 4]], &[]);
        let again = to_voters(&now, &set(&[1, 2, 3, 4]), &located(&[1, 2, 3]));
        assert_eq!(again, Err(ChangeError::HasVoted(NodeId(3))));
        let as_learner = to_learner(&now, &set(&[1, 2, 3, 4]), NodeId(3), Address::simulated(NodeId(3)));
        assert_eq!(as_learner, Err(ChangeError::HasVoted(NodeId(3))));
    }

    #[test]
    fn a_change_that_was_cut_short_is_finished_before_another_is_begun() {
        let joint = members(&[&[1, 2, 3], &[1, 2, 4]], &[]);
        let other = to_voters(&joint, &set(&[1, 2, 3, 4]), &located(&[1, 2, 5]));
        assert_eq!(other, Err(ChangeError::Unfinished { towards: set(&[1, 2, 4]) }));
        let same = to_voters(&joint, &set(&[1, 2, 3, 4]), &located(&[1, 2, 4]));
        assert_eq!(same, Ok(Some(Change { learners: BTreeMap::new(), voters: set(&[1, 2, 4]) })));
    }

    #[test]
    fn nobody_and_everybody_are_no_voters_and_a_learner_stays_where_it_is() {
        let now = members(&[&[1]], &[2]);
        assert!(matches!(to_voters(&now, &set(&[1]), &BTreeMap::new()), Err(ChangeError::Count { .. })));
        let many: Vec<u32> = (1..=16).collect();
        assert!(matches!(to_voters(&now, &set(&[1]), &located(&many)), Err(ChangeError::Count { .. })));
        let (node, moved) = (NodeId(2), Address::simulated(NodeId(9)));
        let elsewhere = ChangeError::Elsewhere { node, address: Address::simulated(node) };
        assert_eq!(to_learner(&now, &set(&[1]), node, moved), Err(elsewhere));
        assert_eq!(to_learner(&now, &set(&[1]), NodeId(1), moved), Err(ChangeError::Votes(NodeId(1))));
    }
}
